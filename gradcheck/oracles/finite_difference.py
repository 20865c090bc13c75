"""Realised central differences on a ladder of steps, extrapolated, with a measured bar.

The oracle looks at the residual of the claim rather than at the derivative itself,

    R(t) = ⟨u, f(x₊) − f(x₋)⟩ − ⟨x̄, x₊ − x₋⟩,    x± = fl(x ± t v),

with the displacement that really happened, so that rounding of the step is no error. The claim is
right along v where R(t) / 2t tends to zero. Richardson extrapolation over several t removes the
truncation error, and what it still contributes is read off the tableau:

    E = 2·|change between neighbours in the tableau| + 8·noise + 2·(contradiction by finer steps).

Source: Ridders (1982) for the tableau and its error; the noise term is measured (see `noise`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from gradcheck.noise import Z, loudest, ulp_of_terms
from gradcheck.oracles.line import Line
from gradcheck.scales import seen_through

COLUMNS = 4
"""Richardson columns k = 0 … 3: the median bar in float64 is 1.4e-10, 2e-12, 5e-13 of the gradient
with k up to 1, 2, 3, and no smaller beyond."""

TRUNCATION = 2.0
CONTRADICTION = 2.0
"""With 1 in their place 6e-4 of right gradients were accused in float64; with 2 none in 2e5, and
bars grow by a fifth."""

FIRST_LEVELS = 3
MOST_LEVELS = 14
LEAST_GAIN = 0.9
PATIENCE = 3
"""So many further levels in a row may fail to shrink the bar by a tenth, then the ladder ends."""

SMOOTH_LEVELS = 6
"""A smooth function is settled by so many levels; below them the steps shrink by FINE_RATIO, to get
past kinks."""

SPAN = 64.0
"""A residual that persists over steps of this ratio is no kink's; over less the function must also
look smooth."""

WALK = 4.0
"""Where it does not, the residual walks at random as kinks are crossed: so many times its largest
step from level to level bounds where it may end."""

UNSURE = 2.0**-4
"""In a low precision no step passes below the kinks of a wide network: what does not look smooth is
then wrong only beyond twice this share of the gradient (the kinks' own errors are of 1e-2)."""

MOST_DOUBLINGS = 12
FAR, UNSEEN, SEEN = 0.4, 0.5, 2.0**-7
"""Of primals so small that the longest step is above 2^(FAR p) times their scale, the first step is
one at which the outputs move by more than 2^-(UNSEEN p) and less than SEEN of themselves."""

MURMUR_ULPS = 2.0**6
"""What moves by so many ulps of its terms at the longest step is constant."""

FINE_RATIO = 8.0
"""Ratio of the steps that look for kinks below the ladder."""


@dataclass(frozen=True)
class Estimate:
    """What the ladder says of one direction, one number for each cotangent.

    Attributes:
        residual: r, true minus claimed derivative.
        bar: E, the bound of the error of r.
        noise: the part of the bar that is rounding noise.
        weights: ‖x̄·v‖₂.
        step: the largest step that the estimate rests on, relative to the primals' scale.
        sensitivity: how fast the outputs move along the direction, cancellations apart: the unit
            in which "no derivative at all" is judged.
        slowest: the same at the level where it is least.
        size: the size of the outputs, root sum of squares.
        terms: the unit in the last place of what they may be the sum of.
        still: whether the outputs move no more than rounding even at the longest step, or no more
            than that of their terms at any.
        kinked: whether the function has a kink at the point along this direction.
        low: the smaller of the two one-sided residuals where it is kinked.
        high: the larger of them.
    """

    residual: np.ndarray
    bar: np.ndarray
    noise: np.ndarray
    weights: np.ndarray
    step: float
    sensitivity: np.ndarray
    slowest: np.ndarray
    size: np.ndarray
    terms: np.ndarray
    still: np.ndarray
    kinked: np.ndarray
    low: np.ndarray
    high: np.ndarray


def estimate(line: Line, target: Callable[[], np.ndarray]) -> Estimate | None:
    """Returns the estimate with the smallest bar that the ladder reaches; None: nowhere finite.

    Args:
        line: the line, with or without levels already.
        target: the bars that are good enough.
    """
    if not _start(line):
        return None
    best = _tableau(line)
    if line.evaluator.stepped and not any(level.moved.any() for level in line.levels.values()):
        # Between two steps of a piecewise constant function there is nothing, rounding included.
        nothing = np.zeros_like(best.bar)
        return replace(best, bar=nothing, noise=nothing, still=~nothing.astype(bool))
    coarser = stale = 0
    while len(line.levels) < MOST_LEVELS and stale < PATIENCE:
        open_ = (best.bar > target()) & (np.abs(best.residual) <= 4 * best.bar)
        if not open_.any():
            break
        if (best.noise > best.bar / 2)[open_].any() and not line.evaluator.stepped:
            # Noise falls like 1/t; how far it can is not known (a bias of 1e-12 among activations
            # of 1 allows t = 2^40), so the jumps double.
            t = line.steps[0] * 2.0 ** min(2**coarser, MOST_DOUBLINGS)
            if t > line.longest or not line.add(t):
                break
            coarser += 1
        elif not line.add(line.steps[-1] / _ratio(line)):
            break
        previous, best = best, _tableau(line)
        stale = stale + 1 if (best.bar > LEAST_GAIN * previous.bar)[open_].all() else 0
    return best


def settled(line: Line, best: Estimate, suspects: np.ndarray) -> Estimate:
    """Returns the estimate after looking below the ladder, for the cotangents that disagree.

    A wrong gradient leaves the same residual at every step; a kink or a narrow feature close to
    the point leaves one that is gone at smaller steps; a kink at the point itself leaves different
    residuals on its two sides. Steps shrink until two neighbours agree, or rounding hides all.
    """
    if not line.evaluator.is_sure:
        while len(line.levels) < SMOOTH_LEVELS and line.add(line.steps[-1] / 2):
            pass
    _wake(line)
    fine = [line.steps[-1]]
    finest = 2.0 ** (8 - line.evaluator.bits)
    while fine[-1] / FINE_RATIO >= finest:
        t = fine[-1] / FINE_RATIO
        hidden = line.rounding(t) > np.abs(best.residual) / 2
        if hidden[suspects].all() or not line.add(t):
            break
        fine.append(t)
        change = np.abs(line.central(t) - line.central(fine[-2]))
        if len(fine) > 2 and (change <= line.rounding(t))[suspects].all():
            break
    return _refined(line, best, suspects)


def _wake(line: Line) -> None:
    """Looks at longer steps where the outputs have not moved at all: they may be quantised."""
    while not any(line.levels[t].moved.any() for t in line.steps):
        t = line.steps[0] * FINE_RATIO
        if t > line.longest or not line.add(t):
            return


def _refined(line: Line, best: Estimate, suspects: np.ndarray) -> Estimate:
    residual, bar, noise = best.residual.copy(), best.bar.copy(), best.noise.copy()
    kinked, low, high = best.kinked.copy(), best.low.copy(), best.high.copy()
    for k in map(int, np.flatnonzero(suspects)):
        usable = [t for t in line.steps if line.rounding(t)[k] <= abs(residual[k]) / 2]
        moving = [t for t in usable if not _is_frozen(line, t, k)]
        usable = moving if len(moving) > 1 else usable
        if _is_rough(line, k, usable):
            bar[k] = max(bar[k], abs(residual[k]))
            continue
        if (len(usable) < 2 or usable[0] / usable[-1] < SPAN) and not _looks_smooth(line, k):
            share = 0.0 if line.evaluator.is_sure else UNSURE
            walk = max(WALK * _largest_change(line, k), share * best.weights[k])
            bar[k] = max(bar[k], walk)
        if len(usable) < 2:
            continue
        t, before = usable[-1], usable[-2]
        last, previous = line.central(t)[k], line.central(before)[k]
        if abs(last - residual[k]) > abs(residual[k]) / 2 or _is_frozen(line, t, k):
            residual[k], noise[k] = last, line.rounding(t)[k]
            bar[k] = noise[k] + 2 * abs(last - previous)
            if _is_frozen(line, t, k):
                bar[k] = max(bar[k], abs(last))
        kinked[k], low[k], high[k] = _one_sided(line, k, usable)
    return replace(best, residual=residual, bar=bar, noise=noise, kinked=kinked, low=low, high=high)


def with_kinks(line: Line, best: Estimate) -> Estimate:
    """Returns the estimate with the kinks that the levels show, also where the claim agrees.

    The mean of the two slopes of a kink leaves no residual.
    """
    told = [_one_sided(line, k, line.steps) for k in range(best.kinked.size)]
    kinked, low, high = (np.array(column) for column in zip(*told, strict=True))
    seen = best.kinked
    low, high = np.where(seen, best.low, low), np.where(seen, best.high, high)
    return replace(best, kinked=seen | kinked, low=low, high=high)


def _is_frozen(line: Line, t: float, k: int) -> bool:
    """Whether the function stands still at a small step though it moves at larger ones.

    Part of it is then computed in a lower precision than its primals, and small steps show nothing.
    """
    stands = line.levels[t].moved[k] == 0.0 and line.levels[line.steps[0]].moved[k] > 0.0
    return stands and line.evaluator.is_narrow


def _one_sided(line: Line, k: int, steps: list[float]) -> tuple[bool, float, float]:
    """Returns whether the one-sided slopes stay apart as the step shrinks, and their interval.

    The interval is that of the sum over the outputs of each output's own interval: with weights of
    both signs the two one-sided slopes of the sum do not bound what subgradients may give. The
    finest pair of steps that shows a gap above the noise decides.
    """
    for before, t in reversed(list(pairwise(steps))):
        gaps = [(line.levels[s].high[k] - line.levels[s].low[k]) / s for s in (before, t)]
        noise = 4 * line.rounding(t)[k] + line.grain[k] / t
        if gaps[1] > noise:
            # A bend's gap shrinks with the step, a kink's stays: halfway between them, in logs.
            kinked = gaps[1] > gaps[0] * np.sqrt(t / before)
            level = line.levels[t]
            return bool(kinked), level.low[k] / t - noise, level.high[k] / t + noise
    return False, 0.0, 0.0


def _is_rough(line: Line, k: int, usable: list[float]) -> bool:
    """Whether the outputs move as far at small steps as at large ones.

    The function then has features (a fast oscillation, jumps, noise) below the smallest step that
    rounding leaves, and its differences say nothing of its derivative.
    """
    if len(usable) < 2 or not line.levels[usable[0]].moved[k]:
        return False
    t, before = usable[-1], usable[0]
    if line.levels[before].moved[k] <= MURMUR_ULPS * ulp_of_terms(line.evaluator, line.weights)[k]:
        return False  # it does not move, and rounding is as loud at each step
    ratio = line.levels[t].moved[k] / line.levels[before].moved[k]
    return bool(before / t >= FINE_RATIO / 2 and ratio > (t / before) ** 0.25)


def _looks_smooth(line: Line, k: int) -> bool:
    """Returns whether R(t)/2t settles from level to level as truncation makes it: like t².

    Each change is at most 0.4 times the one before (a quarter, where the step is halved) and of the
    same sign, or lost in rounding. Kinks that are crossed one by one make a random walk instead.
    """
    changes = _changes(line, k)
    quiet = [line.rounding(t)[k] / 2 for t in line.steps[1:]]
    for (before, after), rounding in zip(pairwise(changes), quiet[1:], strict=True):
        settles = before * after >= 0 and abs(after) <= 0.4 * abs(before)
        if abs(after) > rounding and not settles:
            return False
    return len(changes) >= (2 if line.evaluator.is_sure else 4)


def _changes(line: Line, k: int) -> list[float]:
    values = [float(line.central(t)[k]) for t in line.steps]
    return [b - a for a, b in pairwise(values)]


def _largest_change(line: Line, k: int) -> float:
    return max(map(abs, _changes(line, k)), default=np.inf)


def _start(line: Line) -> bool:
    """Evaluates the first levels, further down where the function is not finite there."""
    t = _waking(line)
    smallest = 2.0 ** -(line.evaluator.bits - 4)
    while not line.add(t):
        t /= 16
        if t < smallest:
            return False
    for _ in range(FIRST_LEVELS - 1):
        line.add(line.steps[-1] / 2)
    return True


def _waking(line: Line) -> float:
    """Returns the step to start with: a far one where the usual one is not seen.

    So it is with tiny primals (an exponential at 1e-50). Far steps are tried in jumps that double,
    then halved in between until outputs move, by little.
    """
    first, bits = line.evaluator.first_step, line.evaluator.bits
    unseen = 2.0 ** -(UNSEEN * bits)
    if line.longest < 2.0 ** (FAR * bits) or not line.add(first) or _moves(line, first) > unseen:
        return first
    below, jump = np.log2(first), 1.0
    above = np.log2(line.longest)
    while (exponent := min(below + jump, (below + above) / 2)) < above - 1:
        t = 2.0 ** float(np.round(exponent))
        share = _moves(line, t) if line.add(t) else np.inf
        if unseen < share < SEEN:
            break
        below, above = (below, exponent) if share >= SEEN else (exponent, above)
        jump *= 2
    line.levels.clear()
    line.heard_at(t := 2.0 ** float(np.round(exponent)))
    return t


def _moves(line: Line, t: float) -> float:
    """Returns by which share of themselves the outputs move at a step, where that is the most."""
    size = seen_through(line.weights, line.base)
    shares = line.levels[t].moved / np.where(size > 0, size, np.finfo(np.float64).tiny)
    return float(np.max(shares))


def _ratio(line: Line) -> float:
    return 2.0 if len(line.levels) < SMOOTH_LEVELS else FINE_RATIO


def _tableau(line: Line) -> Estimate:
    """Returns the entry of the Richardson tableau with the smallest bar, for each cotangent."""
    steps = np.array(line.steps)
    values, weights = _columns(steps, np.array([line.central(t) for t in steps]))
    count = line.sigma.size
    best_r, best_e = np.zeros(count), np.full(count, np.inf)
    best_n = np.zeros(count)
    for j in range(len(steps)):
        for k in range(1, min(j, COLUMNS)):
            noise = _noise(line, weights[j][k], steps)
            change = np.maximum(
                np.abs(values[j][k] - values[j][k - 1]), np.abs(values[j][k] - values[j - 1][k])
            )
            contradiction = np.zeros(count)
            for i in range(j + 1, len(steps)):
                excess = np.abs(values[i][k] - values[j][k]) - _noise(line, weights[i][k], steps)
                contradiction = np.maximum(contradiction, excess)
            bar = TRUNCATION * change + noise + CONTRADICTION * contradiction
            better = bar < best_e
            best_r = np.where(better, values[j][k], best_r)
            best_n = np.where(better, noise, best_n)
            best_e = np.where(better, bar, best_e)
    nothing = np.zeros(count)
    most = np.max([level.moved for level in line.levels.values()], axis=0)
    terms = ulp_of_terms(line.evaluator, line.weights)
    murmur = MURMUR_ULPS * terms
    quiet = np.minimum(line.sigma, loudest(line.evaluator, line.base, line.weights))
    return Estimate(
        residual=best_r,
        bar=best_e,
        noise=best_n,
        weights=np.array(line.sizes),
        step=float(steps[0]),
        sensitivity=line.sensitivity(),
        slowest=np.min([line.levels[t].moved / t for t in steps], axis=0),
        size=seen_through(line.weights, line.base),
        terms=terms,
        still=(line.levels[line.steps[0]].moved <= Z * np.sqrt(2.0) * quiet) | (most <= murmur),
        kinked=nothing.astype(bool),
        low=nothing,
        high=nothing,
    )


def _columns(steps: np.ndarray, first: np.ndarray) -> tuple[list[list], list[list]]:
    """Returns T[j][k] and, for each, its weights on the first column."""
    values: list[list[np.ndarray]] = []
    weights: list[list[np.ndarray]] = []
    for j in range(len(steps)):
        values.append([first[j]])
        weights.append([np.eye(len(steps))[j]])
        for k in range(1, min(j + 1, COLUMNS)):
            factor = 1.0 / ((steps[j - k] / steps[j]) ** 2 - 1.0)
            for table in (values, weights):
                table[j].append(table[j][k - 1] + factor * (table[j][k - 1] - table[j - 1][k - 1]))
    return values, weights


def _noise(line: Line, weights: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Returns the noise bar of a tableau entry: linear propagation of the noise of each R(t)."""
    return Z * np.sqrt(2.0) * line.sigma * float(np.linalg.norm(weights / (2 * steps)))
