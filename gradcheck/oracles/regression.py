"""Many probes at one step, for functions too coarse for a ladder: float16, bfloat16, or inside.

Rounding hides a single difference quotient there, but not the regression of many residuals on what
the claim says of each,

    R_k(t) = ε ⟨x̄, d_k⟩ + rest,    d_k the displacement that really happened,

whose slope ε is the relative error of the claim as a whole, with its standard error from the
residuals themselves. What of the true gradient is no multiple of the claim (a claim of nothing, an
extra term) is in the rest: it shows as rest that two steps have in common, which rounding has not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gradcheck.evaluation import weight
from gradcheck.oracles.line import Line

PROBES = 40
"""In bfloat16 they see a missing factor of 5 % of a usual network's gradient (8 standard errors of
0.6 %), which is the most that its outputs tell."""

ERRORS = 8.0
"""So many standard errors are a disagreement: truncation alone reaches 6."""

AGREEMENT = 3.0
"""... where the two steps agree within so many."""

LEAST_ULPS = 3.5
"""Below so many bits above the last one (4.4 % in bfloat16, 0.6 % in float16) nothing is accused:
the few entries of a small problem are rounded alike in many probes."""

REST_ULPS = 4.5
"""The same of a rest: two close steps round alike where outputs saturate (0.75 % in float16)."""

BENT = 0.125
"""Where the function's own slopes differ by so much of themselves, squared, from one step to the
next, it is not straight over either: the claim is compared with nothing (sin 100x, the layer norm
of inputs far from zero). What stands still differs by 0.25, what has nothing in common by 2."""

STRAIGHT = 3.0
"""Two steps agree on a gain where they differ by no more than a third of it, besides noise."""

SHRINKS = 2.0
"""What shrinks more, squared, from one step to the next is truncation (5, of cubic terms; 3 where
rounding is in it)."""


@dataclass(frozen=True)
class Gain:
    """What the probes of one primal say through one cotangent.

    Attributes:
        gain: ε at the finer step; the claim is 1/(1 + ε) of the truth as far as it is parallel.
        error: its standard error.
        rest: the root mean square of the rest that the steps share, in the derivative's unit.
        claimed: the root mean square of ⟨x̄, v⟩.
        excluded: the relative error of ε that is excluded.
        unseen: how large an error other than a factor may be unseen, relative to ‖x̄·v‖₂.
        wrong: whether the claim is told to be wrong.
        left: whether there is a rest beyond rounding, kinks among its causes.
        kinked: whether one-sided slopes differ so much that kinks may explain the gain.
        bent: whether the function is straight over neither step.
    """

    gain: float
    error: float
    rest: float
    claimed: float
    excluded: float
    unseen: float
    wrong: bool
    left: bool
    kinked: bool
    bent: bool


def regressed(lines: Sequence[Line], k: int, t: float) -> Gain | None:
    """Returns what the probes say through cotangent k; None where too few are finite.

    Args:
        lines: one for each probe.
        k: which cotangent.
        t: the larger step; two of about half of it are used too.
    """
    steps = (t, t / 2, t * 7 / 16)
    usable = [line for line in lines if all(map(line.add, steps))]
    if len(usable) < len(lines) / 2 or len(usable) < 8:
        return None
    least = 2.0 ** (LEAST_ULPS - usable[0].evaluator.bits)
    levels = [[line.levels[s] for line in usable] for s in steps]
    residual = np.array([[lv.up[k] + lv.down[k] for lv in row] for row in levels])
    claimed = np.array([[lv.claimed[k] for lv in row] for row in levels])
    lengths = 2 * np.array(steps)[:, None]
    size = float(np.sqrt(np.mean([weight(x.gradients[k], x.tangent) ** 2 for x in usable])))
    gains = [_slope(r, p) for r, p in zip(residual, claimed, strict=True)]
    rest = residual / lengths - np.array([[g] for g, _ in gains]) * claimed / lengths
    coarse, fine = _shared(rest[0], rest[1]), _shared(rest[1], rest[2])
    rounding = 2.0 ** (REST_ULPS - usable[0].evaluator.bits) * size
    left = fine[0] > max(ERRORS * fine[1], rounding**2) and fine[0] * SHRINKS > coarse[0]
    (first, e1), (second, e2) = gains[0], gains[1]
    is_bent = _is_bent((residual + claimed) / lengths)
    told = abs(first) > max(ERRORS * e1, least) and abs(second) > max(ERRORS * e2, least)
    same = abs(first - second) <= AGREEMENT * np.hypot(e1, e2) + abs(second) / STRAIGHT
    gaps = np.array([[lv.high[k] - lv.low[k] for lv in row] for row in levels]).mean(1) / steps
    deviation = np.sqrt(np.mean(np.square(residual[1] / steps[1])))
    kinked = bool(gaps[2] > gaps[0] / 2 and gaps[2] > deviation)
    unseen = float(np.sqrt(max(ERRORS * fine[1], fine[0]))) / size if size > 0 else np.inf
    return Gain(
        gain=second,
        error=e2,
        rest=float(np.sqrt(max(fine[0], 0.0))),
        claimed=float(np.sqrt(np.mean(np.square(claimed[1] / lengths[1])))),
        excluded=abs(second) + ERRORS * e2 if size > 0 else np.inf,
        unseen=unseen,
        wrong=bool(((told and same) or left) and not kinked and not is_bent),
        left=bool(left),
        kinked=kinked,
        bent=is_bent,
    )


def _is_bent(slopes: np.ndarray) -> bool:
    """Whether slopes along the same probes differ from the first step to the second.

    Rounding is in both, and shown by the third step, which is hardly another one than the second.
    """
    change = np.square(slopes[0] - slopes[1]).mean() - np.square(slopes[1] - slopes[2]).mean()
    return bool(change > BENT * np.square(slopes[1]).mean())


def _slope(residual: np.ndarray, claimed: np.ndarray) -> tuple[float, float]:
    """Returns the slope of a regression through the origin, and its standard error."""
    square = float(np.vdot(claimed, claimed))
    if square == 0.0:
        return 0.0, 0.0
    slope = float(np.vdot(residual, claimed)) / square
    left = residual - slope * claimed
    return slope, float(np.sqrt(np.vdot(left, left) / (len(residual) - 1) / square))


def _shared(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Returns the mean of products, which noise of its own in each does not raise, and its error.

    The error is that of noise alone, of which the difference of the two holds both parts.
    """
    noise = 0.5 * float(np.var(first - second))
    return float(np.mean(first * second)), noise / float(np.sqrt(len(first)))
