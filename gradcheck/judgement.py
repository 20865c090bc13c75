"""What is said of the gradients at one point: in which precision, and how closely one looks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.constants import excused
from gradcheck.contract import Audit
from gradcheck.contract.determinism import backward_again
from gradcheck.escalation import (
    computes_wide,
    escalated,
    is_borne_out,
    lengthened,
    lost_digits,
    widened,
)
from gradcheck.evaluation import BudgetSpent, Evaluator
from gradcheck.exact import sharpened
from gradcheck.explanations import explained
from gradcheck.kinks import calmed
from gradcheck.lean import compared_at_once
from gradcheck.low_precision import compared_coarsely
from gradcheck.measurement import Measurement, Probed, more_probes
from gradcheck.noise import LOW_BITS
from gradcheck.probes import part_probe, parts, probes
from gradcheck.summary import not_measurable, notes, summed, undecided
from gradcheck.verdict import Comparison, Finding, Status, status_of

IN_LONG = "right in long double; float64 loses its digits here (a difference of large terms)"
LOST = (
    "function or claim lose their digits in float64 here (a difference of large terms), and long "
    "double does not tell: check at a point that is less saturated"
)
UNSTABLE = "two calls of the pullback give different gradients"
TOO_COARSE = "in so few bits one direction tells nothing: allow more evaluations, budget=..."


@dataclass(frozen=True)
class Result:
    """What the road found at one point; `heard` is how many bits the function was found to have."""

    findings: tuple[Finding, ...]
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...]
    probed: tuple[Probed, ...] = ()
    heard: int = 64

    @property
    def status(self) -> Status:
        """What the point's verdict would be."""
        return status_of(self.findings, self.comparisons)


def judged(audited: Audit, allow: float, rng: np.random.Generator) -> Result:
    """Returns the comparison in a wider precision where that can be had, else in the primals'."""
    wider = escalated(audited)
    result = None
    if wider is not None:
        result = _in_wide(audited, wider, allow, rng)
        if result is not None:
            return result
        result = _compared(audited, wider, allow, rng)
    if result is None:
        result = _compared(audited, audited.evaluator, allow, rng)
    assert result is not None
    if wider is None and result.status != "pass":
        result = _vouched(audited, result, allow, rng)
    if result.status == "fail":
        result = _in_long(audited, result, allow, rng)
    return result


def judged_at_once(audited: Audit, allow: float, rng: np.random.Generator) -> Result:
    """Returns the comparison of all sound primals along one direction."""
    m = Measurement(audited, audited.evaluator, allow, rng)
    point = {n: x for n, x in audited.point.items() if n in audited.sound and backends.size(x)}
    reason = not_measurable(m) or (TOO_COARSE if m.evaluator.bits <= LOW_BITS else "")
    if reason or not point:
        return Result((), tuple(undecided(name, m.oracle, reason) for name in point), ())
    rows, findings, probed = compared_at_once(m, point)
    return Result(tuple(findings), tuple(rows), notes(m, findings), (probed,))


def _compared(
    audited: Audit,
    evaluator: Evaluator,
    allow: float,
    rng: np.random.Generator,
    narrow: Evaluator | None = None,
) -> Result | None:
    """Returns the comparison of all sound primals; None: a wider precision is not borne out.

    Args:
        audited: what the audit left.
        evaluator: evaluates the function.
        allow: the relative error that is intended.
        rng: draws the probes.
        narrow: evaluates the function in the primals' own dtypes, where `evaluator` does not.
    """
    narrow = audited.evaluator if evaluator.precision is not None else narrow
    m = Measurement(audited, evaluator, allow, rng)
    point = {n: x for n, x in audited.point.items() if n in audited.sound}
    reason = not_measurable(m)
    if reason:
        return Result((), tuple(undecided(name, m.oracle, reason) for name in point), ())
    probed: list[Probed] = []
    try:
        m.listen(point)
        fine = {n: x for n, x in point.items() if m.evaluator_of((n,)).bits > LOW_BITS}
        for one in walked(m, fine):
            probed.append(one)
            if one.outcome.status == "fail" and narrow and not is_borne_out(one.line, narrow):
                return None
        m, probed = looked_closer(m, probed)
    except BudgetSpent:
        pass
    coarse = [n for n in point if m.evaluator_of((n,)).bits <= LOW_BITS]
    probed = [p for p in probed if not set(coarse) & set(p.probe.primals)]
    comparisons, findings = summed(m, {n: x for n, x in point.items() if n not in coarse}, probed)
    findings = explained(m, findings, m.located)
    rows, found = compared_coarsely(m, {name: point[name] for name in coarse})
    comparisons, findings = [*comparisons, *rows], [*findings, *found]
    heard = min((bits for bits in m.fine.values() if bits), default=evaluator.heard)
    said = notes(m, findings)
    return Result(tuple(findings), tuple(comparisons), said, tuple(probed), heard)


def walked(m: Measurement, point: Mapping[str, Any]) -> Iterator[Probed]:
    """Yields all probes of the primals: each for itself, together, coarse ones again, parts."""
    probed = []
    for probe in probes(point, m.rng):
        probed.append(m.walked(probe))
        yield probed[-1]
    for probe in more_probes(point, probed, m.rng):
        yield m.walked(probe)
    failing = {n for p in probed if p.outcome.status == "fail" for n in p.probe.primals}
    for name, part in parts(point, m.audited.gradients):
        if name not in failing:
            yield m.walked(part_probe(point, name, part, m.rng))


def looked_closer(m: Measurement, probed: list[Probed]) -> tuple[Measurement, list[Probed]]:
    """Returns the probes after noise, kinks, exact routes, inner rounding, and constants."""
    if any(p.outcome.status == "fail" for p in probed):
        m.listen_again()
        probed = [m.walked_again(p) for p in probed]
    calm = calmed(m) if any(p.is_doubtful for p in probed) else None
    if calm is not None:
        probed = [calm.walked_again(p) if p.is_doubtful else p for p in probed]
        m = m if calm.ties or not calm.decisive else calm.measurement
    probed = sharpened(m, probed)
    if m.behind_rounding(probed):
        probed = [m.walked(p.probe) if p.outcome.status == "fail" else p for p in probed]
    return m, excused(m, probed)


def _in_wide(
    audited: Audit, wider: Evaluator, allow: float, rng: np.random.Generator
) -> Result | None:
    """Returns the comparison of the claim made in a wider precision by the same pullback.

    The formula is then judged without the rounding of the narrow claim, and the narrow claim by the
    wide one. None: the pullback does not work there, or it gives something else than it does in the
    primals' own precision, so that the narrow claim must be judged for itself.
    """
    wide = widened(audited, wider)
    if wide is None:
        return None
    # The rounding of the narrow dtype hides noise that two calls in the wide one show.
    unstable = tuple(backward_again(wide))
    if unstable:
        rows = tuple(undecided(name, "finite differences", UNSTABLE) for name in wide.sound)
        return Result(unstable, rows, ())
    lost = tuple(lost_digits(audited, wide, rng))
    result = _compared(wide, wide.evaluator, allow, rng, narrow=audited.evaluator)
    if result is None or (result.status != "pass" and any(f.severity == "error" for f in lost)):
        return None
    if result.status != "pass" and not computes_wide(wide, rng):
        return None
    if result.status == "fail":
        result = _in_long(wide, result, allow, rng)
    note = f"function and pullback were evaluated in {wider.precision}; the claim in the primals' "
    note += "own precision differs by rounding only" if not lost else "own precision differs"
    return replace(result, findings=(*result.findings, *lost), notes=(*result.notes, note))


def _vouched(audited: Audit, result: Result, allow: float, rng: np.random.Generator) -> Result:
    """Returns the result without what the same function in float64 says to be right.

    Where the two precisions do not agree at the point, the narrower one cancels (1 + tanh of a
    large -x, the layer norm of inputs far from zero): there its differences accuse a right formula.
    """
    wide = escalated(audited, np.inf)
    seen = None if wide is None else _compared(audited, wide, allow, rng)
    if seen is None:
        return result
    right = {c.primal for c in seen.comparisons if c.status == "pass"}
    rows = [c for c in result.comparisons if c.primal not in right]
    rows += [c for c in seen.comparisons if c.primal in right]
    findings = [f for f in result.findings if f.primal not in right]
    return replace(result, findings=tuple(findings), comparisons=tuple(rows))


def _in_long(audited: Audit, result: Result, allow: float, rng: np.random.Generator) -> Result:
    """Returns the result without what long double does not say to be wrong as well.

    Asked only where float64 is seen to lose digits: a primal that passes there is right, one that
    is undecided there is undecided.
    """
    wide = lengthened(audited)
    seen = None if wide is None else _compared(wide, wide.evaluator, allow, rng)
    if seen is None:
        return result
    rows = {c.primal: c for c in seen.comparisons}
    told: dict[str | None, Comparison] = {}
    for f in result.findings:
        row = rows.get(f.primal or "")
        if row is not None and row.status != "fail":
            passes = row.status == "pass" and _is_told(f, row)
            told[f.primal] = (
                replace(row, reason=IN_LONG) if passes else undecided(row.primal, row.oracle, LOST)
            )
    kept = tuple(c for c in result.comparisons if c.primal not in told)
    findings = tuple(f for f in result.findings if f.primal not in told)
    return replace(result, findings=findings, comparisons=(*kept, *told.values()))


def _is_told(finding: Finding, row: Comparison) -> bool:
    """Whether a pass excludes what a finding says to be wrong."""
    if finding.claimed is None or finding.true is None or row.resolution is None:
        return False
    size = max(abs(finding.claimed), abs(finding.true))
    return abs(finding.claimed - finding.true) > 4 * row.resolution * size
