"""Kinks taken out: the measurement of the smooth function that the branch at the point is.

Close to kinks no step is small enough in float32, and few are in a wide network. Where the
function's operations can be seen, its decisions (which side of zero, which maximum, which order)
are recorded at the point and kept while it is measured. See `replay`.
"""

from dataclasses import dataclass, replace

from gradcheck.errors import EvaluationError
from gradcheck.measurement import Measurement, Probed
from gradcheck.replay import Recorded, ReplayMismatch, record
from gradcheck.subject import Point

EQUALITIES = {"equal", "not_equal", "eq", "ne"}
"""A branch that is taken at equality only is taken nowhere else: its slope is no slope of f."""

ON_BRANCH = "measured with the decisions frozen that the function takes at the point"
ON_TIES = f"{ON_BRANCH}; at its ties the claim takes the same side"


@dataclass(frozen=True)
class Calm:
    """A measurement without kinks.

    Attributes:
        measurement: measures the frozen function.
        ties: how many decisions were exactly on a kink: claims of other branches may be valid.
        decisive: whether all decisions are known to be seen, so that a disagreement is a mistake.
    """

    measurement: Measurement
    ties: int
    decisive: bool

    def walked_again(self, probed: Probed) -> Probed:
        """Returns what is known of a probe after it was walked without kinks."""
        again = self.measurement.walked(probed.probe)
        passes = again.outcome.status == "pass"
        if not passes and (self.ties or not self.decisive):
            return probed
        if self.ties and _is_plain(probed):
            return probed
        reason = (ON_TIES if self.ties else ON_BRANCH) if passes else ""
        outcomes = tuple(replace(o, reason=o.reason or reason) for o in again.outcomes)
        return replace(again, outcomes=outcomes)


def _is_plain(probed: Probed) -> bool:
    """Whether a claim fails where the function itself has no kink along the probe.

    Two branches then make up for one another: max(x, 0) - max(-x, 0) has the slope 1 at 0, and none
    in any branch that is taken there.
    """
    fails = probed.outcome.status == "fail"
    return fails and not probed.on_kink and probed.line.evaluator.is_sure


def calmed(m: Measurement) -> Calm | None:
    """Returns the measurement with the function's decisions frozen; None where that cannot be had.

    It cannot where no decision is seen, where the recording is not faithful, or where a branch is
    taken at equality only.
    """
    recorded = record(m.evaluator.outputs, m.evaluator.point)
    if not isinstance(recorded, Recorded) or not recorded.decisions:
        return None
    if any(d.ties for d in recorded.taken if d.op in EQUALITIES):
        return None

    def function(point: Point) -> Point:
        try:
            return recorded.frozen(point)
        except ReplayMismatch as mismatch:
            raise EvaluationError(str(mismatch)) from mismatch

    decisive = not recorded.escaped
    subject = replace(m.evaluator.subject, function=function)
    evaluator = replace(m.evaluator, subject=subject, smooth=decisive)
    calm = m.through(evaluator)
    if m.is_loud:
        calm.listen(evaluator.point)
    return Calm(calm, sum(recorded.ties.values()), decisive)


def has_no_decisions(m: Measurement) -> bool:
    """Returns whether all that the function does is seen, and it takes no decision."""
    recorded = record(m.evaluator.outputs, m.evaluator.point)
    return isinstance(recorded, Recorded) and not recorded.decisions and not recorded.escaped
