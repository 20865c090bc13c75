"""The claim against an estimate: pass, fail or inconclusive, in units of the bar."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gradcheck.oracles.finite_difference import Estimate
from gradcheck.verdict import number

FAIL_BARS = 2.0
"""A residual above so many bars is wrong; between one and two another probe decides. In float64
none of 2e5 right gradients exceeded one bar."""

UNRESOLVED = 0.125
"""A bar above this share of ‖x̄·v‖₂ decides nothing: a pass would exclude hardly an error."""

UNRESOLVED_BARS = 10.0
"""... and a residual is then wrong only above so many bars."""

ROUNDING_ULPS = 4.0
"""The claim is itself rounded: so many ulps of ‖x̄·v‖₂ are added to every bar."""


VISIBLE_ZERO = 2.0**-3
"""A bar above such a share of the outputs (or of what they are the sum of) shows no zero: the
outputs could double over a few times the primal's scale."""

NOTHING_ULPS = 2.0**12
"""A derivative is called zero where it is below so many ulps of the outputs at a step of the
primal's whole scale; the verdict then says below what."""

ON_KINK = "the point is on a kink: any slope between the one-sided ones is accepted"


@dataclass(frozen=True)
class Outcome:
    """One probe seen through one cotangent.

    Attributes:
        status: "grey" is between one and two bars: another probe decides.
        claimed: ⟨x̄, v⟩.
        residual: true minus claimed.
        bar: the bound of its error.
        weight: ‖x̄·v‖₂.
        floor: the relative error that counts as rounding of the claim, whatever the bar.
        reason: why it is inconclusive, or what a pass rests on.
        route: the exact route that says so, next to the differences.
    """

    status: Literal["pass", "fail", "grey", "inconclusive"]
    claimed: float
    residual: float
    bar: float
    weight: float
    floor: float = 0.0
    reason: str = ""
    route: str = ""

    @property
    def resolution(self) -> float | None:
        """The relative error that is excluded; None where none is (a claim of nearly zero)."""
        error = abs(self.residual) + FAIL_BARS * self.bar
        return max(error / self.weight, self.floor) if self.weight > error else None

    @property
    def excess(self) -> float:
        """The residual in units of the bar."""
        if self.bar > 0:
            return abs(self.residual) / self.bar
        return np.inf if self.residual else 0.0


def judged(
    estimate: Estimate,
    k: int,
    *,
    claimed: float,
    weight: float,
    rounding: float,
    eps: float,
    floor: float,
    allow: float = 0.0,
) -> Outcome:
    """Returns the outcome of one probe for cotangent k.

    Args:
        estimate: what the oracle says.
        k: which cotangent.
        claimed: ⟨x̄, v⟩.
        weight: ‖x̄·v‖₂.
        rounding: the bar of the claim's own rounding.
        eps: the spacing of the claim's own dtype.
        floor: the relative error that counts as rounding of the claim, whatever the bar.
        allow: relative error that the user allows on purpose.
    """
    residual = float(estimate.residual[k])
    bar = float(estimate.bar[k]) + rounding
    # Entries that are all off alike add up; others hardly to more than twice their length.
    allowed = allow * max(FAIL_BARS * weight, abs(claimed))
    beyond = max(0.0, abs(residual) - allowed)
    status, reason = "pass", ""
    if not np.isfinite(bar):
        status, reason = "inconclusive", "no step gives a finite difference quotient"
    elif estimate.kinked[k]:
        slack = bar + allowed
        inside = estimate.low[k] - slack <= 0.0 <= estimate.high[k] + slack
        status = "pass" if inside else "inconclusive"
        reason = ON_KINK
        residual = 0.0 if inside else residual
    elif bar > UNRESOLVED * weight and not _is_decided_zero(estimate, k, bar, weight, eps):
        failed = beyond > UNRESOLVED_BARS * bar
        status = "fail" if failed else "inconclusive"
        reason = "" if failed else _too_small(weight, bar)
    elif weight <= bar and abs(residual) <= bar:
        reason = f"claimed and found to be zero within ±{number(bar, 2)}" if bar > 0 else ""
    elif beyond <= floor * weight:
        status = "pass"
    elif beyond > FAIL_BARS * bar:
        status = "fail"
    elif beyond > bar:
        status = "grey"
    return Outcome(status, claimed, residual, bar, weight, floor, reason)


def _is_decided_zero(estimate: Estimate, k: int, bar: float, weight: float, eps: float) -> bool:
    """Whether a claim of nothing is told from noise: nothing is claimed, and nothing is found.

    Nothing is claimed where the claim is below a few ulps of the outputs. Nothing is found where
    the outputs do not move beyond rounding even at a step of half the primal's scale (a saturated
    sigmoid, an unused primal), or where the bar is small against those ulps or against how much the
    outputs move anyway (a softmax moves, its sum does not).
    """
    nothing = NOTHING_ULPS * eps * float(estimate.size[k])
    if weight == 0.0:  # outputs may cancel to less than what they are the sum of
        nothing = max(nothing, NOTHING_ULPS * float(estimate.terms[k]))
    if weight > min(nothing, bar):
        return False
    if bar > VISIBLE_ZERO * max(float(estimate.size[k]), float(estimate.terms[k]) / eps):
        return False
    return bool(estimate.still[k]) or bar <= max(nothing, eps**0.4 * float(estimate.slowest[k]))


def _too_small(weight: float, bar: float) -> str:
    return (
        f"the claimed gradient ({number(weight)} along the probe) is below what rounding lets "
        f"differences see here ({number(bar)}): check at a point where the function is less "
        "saturated, or in a higher precision"
    )
