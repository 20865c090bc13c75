"""Entries that share no output, moved at once: what is elementwise, or goes row by row.

A hundred thousand entries on kinks cannot be moved one by one, and moved together each hides what
is wrong with another: every one has an interval of its own. Where no two of them reach the same
output, the change of each output is that of one entry, and all are seen at once.

That no output is shared is certified, not assumed: entries are numbered by the group they should
belong to, those whose number has a certain binary digit are moved, and the outputs of all groups
without it must stand still, bit for bit. That takes 4 log₂ n evaluations for n groups.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gradcheck.noise import Z, rounding_floor, ulps_of
from gradcheck.oracles.line import Line
from gradcheck.scales import lengths

STEP = 2.0**-20
MOST_SLOTS = 2**12
"""So many entries of a group are moved one after another."""


@dataclass(frozen=True)
class Groups:
    """Entries of a primal by the outputs that they may reach.

    Attributes:
        of_entries: the group of each entry, in order: each has equally many, in a row.
        of_outputs: the group of each output, the same.
        count: how many there are.
    """

    of_entries: np.ndarray
    of_outputs: np.ndarray
    count: int

    @property
    def slots(self) -> Iterator[np.ndarray]:
        """Yields one entry of every group, until each has been yielded."""
        by_group = np.arange(self.of_entries.size).reshape(self.count, -1)
        yield from by_group.T


@dataclass(frozen=True)
class Slopes:
    """The one-sided slopes of ⟨u, f⟩ along each entry, the claim subtracted.

    Attributes:
        low: the smaller one; NaN where the function is not finite.
        high: the larger one.
        noise: the bar of rounding on them.
        moved: how fast the outputs move, root sum of squares.
    """

    low: np.ndarray
    high: np.ndarray
    noise: np.ndarray
    moved: np.ndarray


def groups_of(line: Line, primal: str) -> Groups | None:
    """Returns the groups of entries that share no output, None where none is certified.

    Args:
        line: any line of the measurement.
        primal: its name.
    """
    shape = line.gradients[0][primal].shape
    entries, outputs = int(np.prod(shape)), line.base.size
    counts = {entries, shape[0]} if shape else set()
    for count in sorted(counts, reverse=True):
        if 1 < count and outputs % count == 0 and entries // count <= MOST_SLOTS:
            groups = Groups(_numbered(entries, count), _numbered(outputs, count), count)
            if _is_certified(line, primal, groups):
                return groups
    return None


def _numbered(size: int, count: int) -> np.ndarray:
    return np.repeat(np.arange(count), size // count)


def _is_certified(line: Line, primal: str, groups: Groups) -> bool:
    for digit in range(int(groups.count - 1).bit_length()):
        of_entries = groups.of_entries >> digit & 1
        of_outputs = groups.of_outputs >> digit & 1
        for value in (0, 1):
            moving = _along(line, primal, np.flatnonzero(of_entries == value))
            for side in (STEP, -STEP):
                changes, _ = moving.side(side)
                if changes.size != line.base.size or changes[of_outputs != value].any():
                    return False
    return True


def slopes_of(line: Line, primal: str, k: int, groups: Groups) -> Slopes:
    """Returns the slopes along each entry, two evaluations for each slot.

    Args:
        line: any line of the measurement.
        primal: its name.
        k: which cotangent.
        groups: certified ones.
    """
    claimed = np.asarray(line.gradients[k][primal], dtype=float).ravel()
    sizes = lengths(line.evaluator.subject.point[primal]).ravel()
    low, high, moved = (np.full(claimed.size, np.nan) for _ in range(3))
    weights, of_outputs, count = line.weights[k], groups.of_outputs, groups.count

    def seen(changes: np.ndarray) -> np.ndarray:
        return np.bincount(of_outputs, changes, minlength=count)

    for entries in groups.slots:
        moving = _along(line, primal, entries)
        (ahead, forward), (behind, backward) = moving.side(STEP), moving.side(-STEP)
        said = claimed[entries] * (forward.flat[entries] - backward.flat[entries]) / 2
        step = STEP * sizes[entries]
        both = seen(weights * (ahead - behind) / 2)
        apart = seen(np.abs(weights) * np.abs(ahead + behind) / 2)
        farther = np.maximum(np.abs(ahead - behind) / 2, np.abs(ahead))
        low[entries] = (both - apart - said) / step
        high[entries] = (both + apart - said) / step
        moved[entries] = np.sqrt(seen(np.square(weights * farther))) / step
    floor = rounding_floor(line.base, line.weights, line.evaluator.bits)[k]
    louder = max(1.0, line.sigma[k] / floor) if floor else 1.0
    ulps = np.square(weights * ulps_of(line.base, line.evaluator.bits)) / 12.0
    noise = Z * louder * np.sqrt(seen(ulps))[groups.of_entries] / (STEP * sizes)
    return Slopes(low, high, noise, moved)


def _along(line: Line, primal: str, entries: np.ndarray) -> Line:
    """Returns the line along which some entries are moved."""
    direction = np.zeros(line.gradients[0][primal].shape)
    lengths_of_all = lengths(line.evaluator.subject.point[primal])
    direction.flat[entries] = lengths_of_all.flat[entries]
    return replace(line, tangent={primal: direction}, levels={})
