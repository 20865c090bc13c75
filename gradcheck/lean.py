"""The lean road: one direction through all primals at once, where the budget allows no more.

Each primal is then judged by the joint residual in units of its own gradient: an error in one of
them cannot hide in the others', whose signs are drawn at random.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gradcheck.comparison import FAIL_BARS, UNRESOLVED, Outcome
from gradcheck.evaluation import weight
from gradcheck.findings import joint_finding
from gradcheck.measurement import Measurement, Probed
from gradcheck.probes import Probe, tangent
from gradcheck.summary import row_of, undecided
from gradcheck.verdict import JOINT, Comparison, Finding, number

ON_KINKS = (
    "the point is on kinks, where one direction tells little: allow more evaluations, budget=..., "
    "or move the point off them"
)

NEARLY = (
    "off along one direction by {0} of the gradient, as kinks close by may put it in so few "
    "digits: allow more evaluations, budget=..."
)

GROSS = 2.0**-3
"""Right rectifiers and hinges of 1000 to 100 000 entries in float32 were off by up to 0.064 along
one direction, above two bars in 27 of 1400: kinks within the step, which no smaller one shows."""

ENOUGH = 2.0**-8
"""Where the budget is small, three levels of the ladder do that reach such bars (float32's do)."""

TOGETHER = "seen together with the other primals only, as the budget allows"


def compared_at_once(
    m: Measurement, point: Mapping[str, Any]
) -> tuple[list[Comparison], list[Finding], Probed]:
    """Returns a comparison for each primal by one joint probe, and what is wrong."""
    first, *others = point
    names = (first, *others)
    probe = Probe(names, tangent(point, names, m.rng))
    m.listen_along(probe.tangent)
    m.target = ENOUGH
    probed = m.walked(probe)
    if probed.on_kink:
        return [undecided(name, m.oracle, ON_KINKS) for name in names], [], probed
    if not m.evaluator.is_sure:
        probed = replace(probed, outcomes=tuple(map(_if_gross, probed.outcomes)))
    rows = [row_of(m, JOINT if others else first, probed)]
    findings = []
    if probed.outcome.status == "fail":
        found = joint_finding(names, probed.outcome)
        findings.append(found if others else replace(found, primal=first))
    if others:
        rows += [_row(m, name, probed) for name in names]
    return rows, findings, probed


def _if_gross(outcome: Outcome) -> Outcome:
    """Returns a fail of few digits as open where it is small against the gradient."""
    share = abs(outcome.residual) / outcome.weight if outcome.weight else 1.0
    if outcome.status != "fail" or share > GROSS:
        return outcome
    return replace(outcome, status="inconclusive", reason=NEARLY.format(number(share, 2)))


def _row(m: Measurement, name: str, probed: Probed) -> Comparison:
    """Returns what a joint probe says of one primal."""
    outcome = probed.outcome
    share = _share(m, name, probed)
    if outcome.status != "pass":
        reason = outcome.reason or "the primals disagree together; a larger budget tells which"
        return undecided(name, m.oracle, reason)
    if share is None or share > UNRESOLVED:
        seen = "nothing" if share is None else f"errors above {number(share, 2)} of it"
        return undecided(name, m.oracle, f"{TOGETHER}, and so {seen} is excluded: budget=...")
    row = row_of(m, name, probed)
    return replace(row, resolution=share, evaluations=0, reason=TOGETHER)


def _share(m: Measurement, name: str, probed: Probed) -> float | None:
    """Returns the error excluded, relative to a primal's own gradient; None: it claims nothing."""
    outcome: Outcome = probed.outcome
    v = {name: probed.probe.tangent[name]}
    size = weight(m.audited.gradients[probed.worst], v)
    error = abs(outcome.residual) + FAIL_BARS * outcome.bar
    return max(error / size, outcome.floor) if size > 0 else None
