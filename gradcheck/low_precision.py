"""From regressions to rows and findings: what can be told of a function of few bits.

In float16 and bfloat16 (or behind a rounding to them) no single entry can be seen and no ladder
converges; a claim can be judged as a whole, and the row says how coarsely.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.evaluation import BudgetSpent
from gradcheck.findings import coarse_finding
from gradcheck.kinks import calmed
from gradcheck.measurement import Measurement
from gradcheck.oracles.regression import ERRORS, PROBES, Gain, regressed
from gradcheck.probes import tangent
from gradcheck.summary import BUDGET, empty, undecided
from gradcheck.verdict import Comparison, Finding, number

STEPS = ((11, 2.0**-3), (53, 2.0**-6))
"""The larger step by bits: at a sixteenth of the primals the median network's gain is seen to 0.6 %
in bfloat16, at 2^-7 that of a rectifier network in float32 to 0.7 %."""

UNRESOLVED = 0.5
"""A pass must exclude errors of half the gradient."""


def compared_coarsely(m: Measurement, point: Any) -> tuple[list[Comparison], list[Finding]]:
    """Returns a comparison for each primal by regression over many probes, and the findings."""
    rows: list[Comparison] = []
    findings: list[Finding] = []
    for name, x in point.items():
        before = m.evaluator.meter.evaluations
        if backends.size(x) == 0:
            rows.append(empty(name, m.oracle))
            continue
        try:
            gains = list(_gains(m, point, name))
            if any(gain is not None and gain.wrong for gain in gains):
                gains = _without_kinks(m, point, name, gains)
        except BudgetSpent:
            rows.append(undecided(name, m.oracle, BUDGET))
            continue
        row = _row(m, name, gains, m.evaluator.meter.evaluations - before)
        rows.append(row)
        if row.status == "fail":
            findings.append(coarse_finding(row, PROBES, missing=name in m.audited.missing))
    return rows, findings


def _gains(m: Measurement, point: Any, name: str) -> Iterator[Gain | None]:
    t = next(step for bits, step in STEPS if m.evaluator_of((name,)).bits <= bits)
    lines = [m.line(tangent(point, (name,), m.rng)) for _ in range(PROBES)]
    for k in range(len(m.weights)):
        yield regressed(lines, k, t)


def _without_kinks(
    m: Measurement, point: Any, name: str, gains: list[Gain | None]
) -> list[Gain | None]:
    """Returns what the probes say with the function's decisions frozen, where that can be had.

    Steps of so few bits cross the kinks of whatever is close to them, alike in every probe.
    """
    calm = calmed(m)
    if calm is None:
        return gains
    # A rounding that is frozen stands still: what was left without that is still unexplained.
    again = [
        replace(g, left=g.left or (old is not None and old.left)) if g is not None else None
        for g, old in zip(_gains(calm.measurement, point, name), gains, strict=True)
    ]
    if calm.ties or not calm.decisive:
        hidden = {"wrong": False, "kinked": True, "excluded": np.inf}
        return [replace(g, **hidden) if g is not None and g.wrong else g for g in again]
    return again


def _row(m: Measurement, name: str, gains: Sequence[Gain | None], evaluations: int) -> Comparison:
    told = [gain for gain in gains if gain is not None]
    if not told:
        return undecided(name, m.oracle, "the function is finite along too few directions")
    wrong = [gain for gain in told if gain.wrong]
    chosen = wrong[0] if wrong else min(told, key=lambda gain: gain.excluded)
    nothing = chosen.claimed == 0.0
    seen = f"in {m.evaluator_of((name,)).bits} bits, by regression over {PROBES} probes"
    if wrong:
        status, reason = "fail", seen
    elif nothing and not any(gain.left for gain in told):
        status, reason = "pass", f"nothing is claimed and nothing is found, {seen}"
    elif chosen.excluded <= UNRESOLVED and not chosen.bent:
        status = "pass"
        reason = (
            f"{seen}: a wrong factor above {number(chosen.excluded, 2)} is excluded, and other "
            f"errors above {number(chosen.unseen, 2)} of the gradient; let the function accept "
            "float64 to see more"
        )
    else:
        status = "inconclusive"
        why = "kinks or ties hide the slope" if chosen.kinked else "rounding hides the slope"
        why = "the function is bent over the steps that these bits allow" if chosen.bent else why
        reason = f"{seen}, {why}: let the function accept float64, or check a smaller part"
    true = chosen.rest if nothing else chosen.claimed * (1 + chosen.gain)
    return Comparison(
        primal=name,
        oracle=m.oracle.replace("finite differences", "regression of differences"),
        status=status,
        claimed=chosen.claimed,
        true=true,
        bar=ERRORS * chosen.error * chosen.claimed,
        resolution=chosen.excluded if status == "pass" and np.isfinite(chosen.excluded) else None,
        evaluations=evaluations,
        reason=reason,
    )
