"""From "this primal disagrees" to its entries: what is claimed, what is true, and the worst one."""

from dataclasses import dataclass, replace

import numpy as np

from gradcheck.comparison import FAIL_BARS, ROUNDING_ULPS, precision_floor
from gradcheck.oracles.finite_difference import Line, estimate, settled
from gradcheck.probes import scale

MOST_ENTRIES = 1024
"""A primal with at most so many entries is looked at entry by entry (6 to 28 evaluations each)."""


@dataclass(frozen=True)
class Located:
    """A primal looked at entry by entry, through one cotangent.

    Attributes:
        primal: its name.
        claimed: the claimed gradient.
        true: the estimated one.
        bar: the bound of its error, entry by entry.
    """

    primal: str
    claimed: np.ndarray
    true: np.ndarray
    bar: np.ndarray

    @property
    def wrong(self) -> np.ndarray:
        """Which entries are wrong."""
        return np.abs(self.claimed - self.true) > FAIL_BARS * self.bar

    @property
    def indices(self) -> tuple[tuple[int, ...], ...]:
        """The wrong entries, the worst first."""
        error = np.where(self.wrong, np.abs(self.claimed - self.true), 0.0)
        order = np.argsort(-error, axis=None, kind="stable")[: int(self.wrong.sum())]
        return tuple(tuple(int(i) for i in np.unravel_index(o, error.shape)) for o in order)


def located(line: Line, primal: str, k: int) -> Located | None:
    """Returns the primal entry by entry, or None where it has too many entries."""
    claimed = line.gradients[k][primal]
    if claimed.size > MOST_ENTRIES:
        return None
    true, bar = np.array(claimed, dtype=float), np.zeros(claimed.shape)
    eps = line.evaluator.claim_eps
    rounding = ROUNDING_ULPS * eps * np.max(np.abs(claimed), initial=0.0)
    rounding = rounding + precision_floor(eps) * np.abs(claimed) / FAIL_BARS
    x = line.evaluator.subject.point[primal]
    size = scale(x)
    only = np.arange(len(line.gradients)) == k
    for index in np.ndindex(*claimed.shape):
        v = np.zeros(claimed.shape)
        v[index] = size
        entry = replace(line, tangent={primal: v}, levels={})
        wanted = np.where(only, 2.0**-20 * np.abs(claimed[index]) * size, np.inf)
        found = estimate(entry, lambda wanted=wanted: wanted)
        if found is None:
            bar[index] = np.inf
            continue
        suspect = only & (np.abs(found.residual) > found.bar)
        found = settled(entry, found, suspect) if suspect.any() else found
        true[index] = claimed[index] + found.residual[k] / size
        bar[index] = found.bar[k] / size + rounding[index]
        if found.kinked[k] and found.low[k] - found.bar[k] <= 0 <= found.high[k] + found.bar[k]:
            true[index] = claimed[index]
    return Located(primal, np.asarray(claimed, dtype=float), true, bar)
