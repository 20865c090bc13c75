"""From "this primal disagrees" to its entries: what is claimed, what is true, and the worst one.

A small primal is looked at entry by entry. In a large one the wrong entries are found by bisection:
every block that disagrees is halved, breadth first, which takes O(s log n) evaluations for s wrong
entries; where more blocks disagree than can be followed, a random sample of them is looked at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from gradcheck.comparison import FAIL_BARS, ROUNDING_ULPS
from gradcheck.disjoint import STEP as SCREEN_STEP
from gradcheck.disjoint import Slopes, groups_of, slopes_of
from gradcheck.oracles.finite_difference import Estimate, estimate, settled, with_kinks
from gradcheck.oracles.line import Line
from gradcheck.probes import signed
from gradcheck.scales import lengths

MOST_ENTRIES = 256
"""A primal with at most so many entries is looked at entry by entry (6 to 28 evaluations each)."""

MOST_KINKED = 1024
"""The same for one that is on kinks, where no direction tells as much."""

MOST_WORK = 2.0**27
"""Entries looked at times entries moved: a row of 1e3 among 1e6 would take half a minute."""

MOST_SCREENED = 2**15
"""A larger one on kinks is screened, with two evaluations for each entry; beyond so many only where
entries share no output."""

SCREEN_SLACK = 2.0**-12
"""Curvature changes the slope of a smooth function by a millionth over such a step; what is off by
less than this share is found by the ladder, not here."""

CENTRAL_SLACK = 2.0**-24
"""The mean of the two slopes is off by a third derivative times 2^-40, and by rounding."""

NATURAL_ULPS = 2.0**16
"""What differences see of a quantised sum between its steps: 2^9 ulps at the ladder's first step,
more at smaller ones (gelu of -6.4 to -6.9 was accused in 17 of 500 problems at 2^10)."""

MOST_BLOCKS = 64
"""So many disagreeing blocks are followed; of more, so many entries are drawn."""


@dataclass(frozen=True)
class Located:
    """A primal looked at entry by entry, through one cotangent.

    Attributes:
        primal: its name.
        claimed: the claimed gradient.
        true: the estimated one; the claimed one where an entry was not looked at; on a kink the
            right value that is nearest to the claim.
        bar: the bound of its error, entry by entry.
        seen: which entries were looked at, or found right in a block.
        kinked: which of them are on a kink.
        central: the estimates as they are: on a kink the mean of the two slopes, which a claim
            between them need not be.
        low: the least value that is right: on a kink the smaller slope.
        high: the largest one.
        drawn: whether those that were looked at are a random sample of more.
    """

    primal: str
    claimed: np.ndarray
    true: np.ndarray
    bar: np.ndarray
    seen: np.ndarray
    kinked: np.ndarray
    central: np.ndarray
    low: np.ndarray
    high: np.ndarray
    drawn: bool = False

    @property
    def wrong(self) -> np.ndarray:
        """Which entries are wrong."""
        return np.abs(self.claimed - self.true) > FAIL_BARS * self.bar

    @property
    def indices(self) -> tuple[tuple[int, ...], ...]:
        """The wrong entries, the worst first, those on kinks (where more is right) last."""
        wrong = np.flatnonzero(self.wrong)
        error, kinked = np.abs(self.claimed - self.true).flat[wrong], self.kinked.flat[wrong]
        order = wrong[np.lexsort((-error, kinked))]
        return tuple(tuple(int(i) for i in np.unravel_index(o, self.claimed.shape)) for o in order)


def located(
    line: Line,
    primal: str,
    k: int,
    rng: np.random.Generator,
    most: int = MOST_ENTRIES,
    among: np.ndarray | None = None,
) -> Located:
    """Returns where the claim for a primal is wrong, seen through cotangent k.

    Args:
        line: any line of the measurement.
        primal: the name of the primal.
        k: which cotangent.
        rng: draws blocks, and the sample where too many are wrong.
        most: with more entries, blocks are bisected.
        among: the flat indices to look at, None for all.
    """
    claimed = np.asarray(line.gradients[k][primal], dtype=float)
    flat = np.arange(claimed.size) if among is None else among
    if flat.size <= most:
        return _entries(line, primal, k, flat, seen=flat)
    blocks, seen = _bisected(line, primal, k, rng, flat)
    drawn = seen.size < flat.size
    return replace(_entries(line, primal, k, blocks, seen=seen), drawn=drawn)


def completed(
    line: Line, found: Located, k: int, rng: np.random.Generator, inside: np.ndarray
) -> Located | None:
    """Returns a primal of which a sample was drawn, looked at wherever it may be wrong.

    Args:
        line: any line of the measurement.
        found: the sample.
        k: which cotangent.
        rng: draws the direction.
        inside: the entries that may be wrong; None is returned where others are, too, or where
            these are too many to look at each.
    """
    entries, rest = np.flatnonzero(inside), np.flatnonzero(~inside)
    if entries.size > min(MOST_KINKED, MOST_WORK / inside.size):
        return None
    weights = signed(rng, (inside.size,)) * _lengths(line, found.primal)
    if rest.size and _disagrees(line, found.primal, k, rest, weights[rest]):
        return None
    return _entries(line, found.primal, k, entries, seen=np.arange(inside.size))


def _entries(line: Line, primal: str, k: int, looked_at: np.ndarray, seen: np.ndarray) -> Located:
    """Looks at entries one by one."""
    claimed = np.asarray(line.gradients[k][primal], dtype=float)
    true, bar = claimed.ravel().copy(), np.zeros(claimed.size)
    kinked, central = np.zeros(claimed.size, dtype=bool), claimed.ravel().copy()
    low, high = np.full(claimed.size, np.nan), np.full(claimed.size, np.nan)
    sizes = _lengths(line, primal)
    rounding = _rounding(line, primal, k).ravel()
    for i in looked_at:
        size = sizes[i]
        found = _along(line, primal, k, np.array([i]), np.array([size]))
        if found is None:
            bar[i] = np.inf
            continue
        true[i] = central[i] = claimed.flat[i] + found.residual[k] / size
        bar[i] = found.bar[k] / size + rounding[i]
        kinked[i] = found.kinked[k]
        if kinked[i]:
            low[i] = claimed.flat[i] + found.low[k] / size
            high[i] = claimed.flat[i] + found.high[k] / size
            true[i] = np.clip(claimed.flat[i], low[i] - bar[i], high[i] + bar[i])
    mask = np.zeros(claimed.size, dtype=bool)
    mask[seen] = True
    low, high = np.where(kinked, low, true), np.where(kinked, high, true)
    arrays = (a.reshape(claimed.shape) for a in (true, bar, mask, kinked, central, low, high))
    true, bar, mask, kinked, central, low, high = arrays
    return Located(primal, claimed, true, bar, mask, kinked, central, low, high)


def screened(
    line: Line, primal: str, k: int, rng: np.random.Generator, most: int = MOST_SCREENED
) -> Located | None:
    """Returns where the claim for a primal on kinks is wrong, by a look at each entry.

    An entry is moved up and down by one small step; a claim between the two slopes, or close to
    them, is right. What is not is looked at properly, a sample where that is too much.

    Args:
        line: any line of the measurement.
        primal: the name of the primal.
        k: which cotangent.
        rng: draws the sample.
        most: so many entries may be moved one by one, None is returned where there are more; those
            that share no output are moved at once.
    """
    claimed = np.asarray(line.gradients[k][primal], dtype=float)
    groups = groups_of(line, primal)
    if groups is None and claimed.size > most:
        return None
    slopes = _one_by_one(line, primal, k) if groups is None else slopes_of(line, primal, k, groups)
    noise = slopes.noise + _rounding(line, primal, k).ravel()
    seen = Screened(slopes, noise, np.abs(claimed.ravel()) + slopes.moved)
    entries = np.flatnonzero(seen.off)
    looked_at = entries
    most = MOST_KINKED if groups is None else MOST_BLOCKS
    if entries.size > most:
        worst, rest = np.split(entries[np.argsort(-seen.error[entries])], [most // 2])
        looked_at = np.concatenate([worst, rng.choice(rest, most - most // 2, replace=False)])
    rest = np.setdiff1d(entries, looked_at)
    told = np.setdiff1d(np.arange(claimed.size), rest)
    found = _entries(line, primal, k, looked_at, seen=told)
    if groups is None or not found.wrong.flat[looked_at].all():
        return replace(seen.told(found, rest[:0], looked_at), drawn=rest.size > 0)
    return seen.told(replace(found, seen=np.ones(claimed.shape, dtype=bool)), rest, looked_at)


@dataclass(frozen=True)
class Screened:
    """What one small step says of each entry.

    Attributes:
        slopes: the slopes, the claim subtracted.
        noise: the bar of rounding on them.
        sizes: how large the slopes and the claims are.
    """

    slopes: Slopes
    noise: np.ndarray
    sizes: np.ndarray

    @cached_property
    def slack(self) -> np.ndarray:
        """The bar of the one-sided slopes."""
        return self.noise + SCREEN_SLACK * self.sizes

    @cached_property
    def fine(self) -> np.ndarray:
        """The bar of their mean: of a smooth function it has no error of the first order."""
        return self.noise + CENTRAL_SLACK * self.sizes

    @cached_property
    def kinked(self) -> np.ndarray:
        """Which entries are on kinks."""
        return self.slopes.high - self.slopes.low > 2 * self.slack

    @property
    def error(self) -> np.ndarray:
        """How far claims are from what is right; first those that are not on kinks."""
        error = np.nan_to_num(np.maximum(self.slopes.low, -self.slopes.high), nan=0.0)
        return np.where(self.kinked, error - np.max(error, initial=0.0), error)

    @property
    def off(self) -> np.ndarray:
        """Which claims are not between the slopes, or not their mean; and what is not seen."""
        low, high = self.slopes.low - self.slack, self.slopes.high + self.slack
        mean = np.abs(self.slopes.low + self.slopes.high) / 2
        return ~((low <= 0.0) & (high >= 0.0) & (self.kinked | (mean <= FAIL_BARS * self.fine)))

    def told(self, found: Located, wrong: np.ndarray, looked_at: np.ndarray) -> Located:
        """Returns what is found of entries that were looked at, with what is seen of the others.

        Args:
            found: with the entries that were looked at.
            wrong: those that are taken to be wrong as well.
            looked_at: the entries that were.
        """
        shape, claimed = found.claimed.shape, found.claimed.ravel()
        low, high = claimed + self.slopes.low, claimed + self.slopes.high
        central = claimed + np.nan_to_num(self.slopes.low + self.slopes.high) / 2
        nearest = np.clip(claimed, low - self.slack, high + self.slack)
        bar = np.where(self.kinked, self.slack, self.fine)
        arrays = [a.ravel().copy() for a in (found.true, found.bar, found.low, found.high)]
        true = np.where(self.kinked, nearest, central)
        low, high = (np.where(self.kinked, side, central) for side in (low, high))
        for array, values in zip(arrays, (true, bar, low, high), strict=True):
            array[wrong] = values[wrong]
        passed = np.ones(claimed.size, dtype=bool)
        passed[looked_at] = passed[wrong] = False
        arrays[1][passed] = self.slack[passed]
        kinked = self.kinked.copy()
        central[looked_at] = found.central.flat[looked_at]
        kinked[looked_at] = found.kinked.flat[looked_at]
        true, bar, low, high, kinked, central = (
            a.reshape(shape) for a in (*arrays, kinked, central)
        )
        return replace(
            found, true=true, bar=bar, low=low, high=high, kinked=kinked, central=central
        )


def _one_by_one(line: Line, primal: str, k: int) -> Slopes:
    """Returns the slopes along each entry, two evaluations for each."""
    shape, sizes = line.gradients[k][primal].shape, _lengths(line, primal)
    low, high, noise, moved = np.full((4, sizes.size), np.nan)
    for i, size in enumerate(sizes):
        direction = np.zeros(sizes.size)
        direction[i] = size
        part = replace(line, tangent={primal: direction.reshape(shape)}, levels={})
        if part.add(SCREEN_STEP):
            level, step = part.levels[SCREEN_STEP], SCREEN_STEP * size
            low[i], high[i] = level.low[k] / step, level.high[k] / step
            noise[i] = part.rounding(SCREEN_STEP)[k] / size
            moved[i] = level.moved[k] / step
    return Slopes(low, high, noise, moved)


def _bisected(
    line: Line, primal: str, k: int, rng: np.random.Generator, among: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the entries to look at, and all whose verdict is then known.

    Where too many blocks disagree, a sample of them is looked at; what agrees is known to be right.
    """
    claimed = line.gradients[k][primal]
    weights = signed(rng, (claimed.size,)) * _lengths(line, primal)
    blocks = [among]
    while any(block.size > 1 for block in blocks):
        halves = [half for block in blocks for half in np.array_split(block, 2) if half.size]
        blocks = [h for h in halves if _disagrees(line, primal, k, h, weights[h])]
        if len(blocks) > MOST_BLOCKS:
            drawn = [rng.choice(block) for block in blocks]
            chosen = rng.permutation(np.array(drawn))[:MOST_BLOCKS]
            right = np.setdiff1d(among, np.concatenate(blocks), assume_unique=True)
            return chosen, np.concatenate([chosen, right])
    found = np.concatenate(blocks) if blocks else np.array([], dtype=int)
    return found, among


def _disagrees(line: Line, primal: str, k: int, block: np.ndarray, v: np.ndarray) -> bool:
    found = _along(line, primal, k, block, v)
    if found is None or found.kinked[k]:
        return found is not None and bool(found.low[k] > 0 or found.high[k] < 0)
    slack = float(np.linalg.norm(_rounding(line, primal, k).ravel()[block] * v))
    return bool(abs(found.residual[k]) > FAIL_BARS * (found.bar[k] + slack))


def _along(line: Line, primal: str, k: int, block: np.ndarray, v: np.ndarray) -> Estimate | None:
    """Returns the estimate of a block of entries moved by v, its other entries held."""
    claimed = line.gradients[k][primal]
    direction = np.zeros(claimed.size)
    direction[block] = v
    part = replace(line, tangent={primal: direction.reshape(claimed.shape)}, levels={})
    only = np.arange(len(line.gradients)) == k
    size = float(np.linalg.norm(claimed.ravel()[block] * v))
    wanted = np.where(only, 2.0**-20 * size, np.inf)
    found = estimate(part, lambda: wanted)
    if found is None:
        return None
    suspect = only & (np.abs(found.residual) > found.bar)
    return settled(part, found, suspect) if suspect.any() else with_kinks(part, found)


def _lengths(line: Line, primal: str) -> np.ndarray:
    """Returns how far each entry is moved: by the primal's scale, or by its own in a wide range."""
    x = line.evaluator.subject.point[primal]
    return lengths(x).ravel()


def natural_rounding(
    weights: np.ndarray,
    gradients: Sequence[Mapping[str, np.ndarray]],
    k: int,
    primal: str,
    reach: float | np.ndarray,
    *,
    is_part: bool,
) -> float:
    """Returns how far a right claim may be off, in ulps of 1, for the weights of cotangent k.

    Times the reach of an entry: in the unit in which all of them add to the function.

    A cotangent that weighs small outputs by more weighs the rounding of the terms they are the
    difference of by as much: 1 + tanh(x) of a large -x is a staircase that no jitter shows. A part
    of a primal, small gradients next to large ones, may be such a difference too.
    """
    terms = NATURAL_ULPS * differing_terms(weights, k, is_part=is_part)
    if terms == 0.0:
        return 0.0
    return terms * float(np.max(np.abs(gradients[0][primal]) * reach, initial=0.0))


def differing_terms(weights: np.ndarray, k: int, *, is_part: bool) -> float:
    """Returns how much larger than the plain gradient the terms may be of which it is the sum."""
    heaviest = [float(np.max(np.abs(u), initial=0.0)) for u in (weights[0], weights[k])]
    heavier = heaviest[1] / heaviest[0] - 1.0 if heaviest[0] else 0.0
    return max(heavier, float(is_part))


def _rounding(line: Line, primal: str, k: int) -> np.ndarray:
    """Returns the rounding of each claimed entry that is no mistake."""
    eps, claimed = line.evaluator.claim_eps, np.abs(line.gradients[k][primal])
    is_part, reach = not line.vouched, lengths(line.evaluator.subject.point[primal])
    largest = natural_rounding(line.weights, line.gradients, k, primal, reach, is_part=is_part)
    if is_part:
        largest += ROUNDING_ULPS * float(np.max(claimed * reach, initial=0.0))
    floor = line.evaluator.floor_of(line.evaluator.subject.point)
    own = 0.0 if is_part else ROUNDING_ULPS * claimed
    return eps * (largest / reach + own) + floor * claimed / FAIL_BARS
