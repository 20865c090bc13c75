"""Entries whose gradients drown in those of others, looked at where they do not.

In a sum of squares of numbers from 1e-8 to 1e8 the smallest moves the sum by 1e-32 of itself: no
difference sees that, in no precision. There is another point at which they are seen: one at which
the other entries are as small as they are, or so small that they add no more to the function. A
gradient is a claim about that point, too.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.contract import Audit
from gradcheck.scales import WIDE, lengths, spread
from gradcheck.subject import Point
from gradcheck.verdict import Finding

DROWNED, DEEPEST = 36, 4
"""Claims that are 2^36 times smaller than the largest of their primal are not told from rounding
(see `localisation`); those that are so again are looked at apart, what is below 2^-144 with what is
claimed to be nothing."""


ULPS = 16.0
"""A gradient may be the difference of terms that are rounded by so many ulps."""


def isolated(audited: Audit, rng: np.random.Generator) -> Iterator[tuple[str, int, Point]]:
    """Yields primals some of whose claims drown in the others, and where to see them.

    Args:
        audited: what the audit left.
        rng: draws the values that stand in for the other entries.

    Yields:
        The primal, how many of its entries drown, and the point.
    """
    for name in audited.sound:
        x = audited.point[name]
        claims = np.max([np.abs(g[name]) for g in audited.gradients], axis=0) * lengths(x)
        largest = float(np.max(claims, initial=0.0))
        if not 0.0 < largest < np.inf:
            continue
        with np.errstate(divide="ignore"):
            depths = np.minimum(np.floor(-np.log2(claims / largest) / DROWNED), DEEPEST)
        for depth in np.unique(depths[depths > 0]):
            drowned = depths == depth
            small = _like(x, drowned, rng) if spread(x) > WIDE else _faded(x, claims, drowned)
            if small is not None:
                array = backends.of(x).like(small, x)
                yield name, int(drowned.sum()), {**audited.point, name: array}


def _like(x: Any, drowned: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    """Returns an array of which all entries have sizes of drowned ones, and their own signs."""
    values = backends.of(x).values(x)
    sizes = np.abs(values[drowned & (values != 0)])
    if not sizes.size:
        return None
    drawn = rng.choice(sizes, values.shape) * rng.uniform(0.5, 1.0, values.shape)
    return np.where(drowned, values, np.copysign(drawn, values))


def _faded(x: Any, claims: np.ndarray, drowned: np.ndarray) -> np.ndarray | None:
    """Returns an array whose entries are shrunk to where they add as much as a drowned one does.

    None where all that drowns is claimed to be nothing: units that are dead, and usually rightly.
    """
    least = claims[drowned & (claims > 0)]
    if not least.size:
        return None
    values = backends.of(x).values(x)
    return values * np.minimum(1.0, np.median(least) / np.where(claims > 0, claims, 1.0))


def is_seen(finding: Finding, audited: Audit) -> bool:
    """Returns whether a finding is more than the rounding of the terms |ȳ y| / |x| of a gradient.

    1 - y² of y close to 1 has no digits left, in no precision.
    """
    if finding.severity != "error" or finding.claimed is None or finding.true is None:
        return False
    rounding = ULPS * audited.evaluator.claim_eps * audited.natural[finding.primal or ""]
    return abs(finding.claimed - finding.true) > rounding


def found_alone(finding: Finding, count: int) -> Finding:
    """Returns a finding at such a point, said so."""
    where = f"where the other entries of {finding.primal} are so small that {_entries(count)}"
    return replace(finding, message=f"{finding.message}. Seen {where} do not drown in them")


def undecided_alone(name: str, count: int) -> str:
    """Returns the note where even there nothing is told."""
    return f"{name}: too small to be seen beside the others: {_entries(count)}"


def _entries(count: int) -> str:
    return "one entry" if count == 1 else f"{count} entries"
