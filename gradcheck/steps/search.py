"""Which change of which step makes the derivative the claim: tried one by one, along directions.

A change is tried along one direction by one evaluation; what then may be the claim is held against
it along all of them. What is found so explains the claim exactly.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from gradcheck.steps.claim import Claim
from gradcheck.steps.mistakes import MISCOUNTED, PATHS, Hypothesis
from gradcheck.steps.paths import paths
from gradcheck.steps.sites import Site, shared, sites
from gradcheck.steps.table import ROWS

FACTORS = (0.0, 1.0, -1.0, 2.0, 0.5, -2.0, -0.5, 3.0, 1 / 3, 4.0, 0.25)
"""What a part has for a factor, mostly."""

COUNTED = 1e-6
"""A factor so close to a whole number, the inverse of one, or one of two digits, is that."""

MOST_COUNTED = 64
"""Counts up to this one are told from their neighbours by their ratio."""

MOST_PAIRS = 24
"""Of so many paths two are wrong together."""

FEW = 4
"""With fewer entries some path has some factor that makes it the claim."""

SHIFTS = ("maximum.reduce", "minimum.reduce", "max", "min", "amax", "amin", "mean", "sum")
"""Operations whose results are taken off for the sake of rounding."""


@dataclass(frozen=True, eq=False)
class Found:
    """A mistake that makes the derivative the claim.

    Attributes:
        hypothesis: the mistake.
        factor: how much goes through the changed part, besides.
        odd: how odd it is, next to others that are the same.
    """

    hypothesis: Hypothesis
    factor: float
    odd: float = 0.0

    @property
    def is_neat(self) -> bool:
        """Whether the factor is one that people write, a count among them."""
        return self.factor in FACTORS or self.factor in _written(self.factor)


@dataclass(frozen=True, eq=False)
class Path:
    """A path that may be left out, and what goes through it along the first two directions."""

    hypothesis: Hypothesis
    through: np.ndarray

    def explaining(self, claim: Claim) -> Found | None:
        """Returns the path with the factor that makes the claim; None where none does."""
        return _along(claim, self)


def explanations(claim: Claim) -> list[Found]:
    """Returns the mistakes of the first kind that has any.

    Raises:
        BudgetSpent: the budget, or what a claim is worth, is spent.
    """
    code = sites(claim.slopes.steps, claim.slopes.moved(claim.directions[0]))
    live = [site for site in [*code, *shared(code)] if site.live]
    scaled = [f for f in _by_paths(claim, live, code) if f is not None]
    found = _neat(scaled)
    for row in ROWS if not found else ():
        all_ = (tried(claim, h) for site in live for h in row(site, code))
        found = _neat([f for f in all_ if f is not None])
        if found:
            break
    is_one = len({round(f.factor, 6) for f in scaled}) == 1
    return found or (scaled if is_one and claim.entries >= FEW else [])


def _neat(found: list[Found]) -> list[Found]:
    """Returns what people write: most of all, that something is left out."""
    exact = [f for f in found if f.factor in (0.0, 1.0)]
    return exact or [f for f in found if f.is_neat]


def _by_paths(claim: Claim, live: Sequence[Site], code: Sequence[Site]) -> Iterator[Found | None]:
    """Yields paths that are left out or have another factor, by themselves or two of them."""
    all_paths = alongside(claim, live, code)
    found = [path.explaining(claim) for path in all_paths]
    yield from found
    if not any(found):
        yield from pairs(claim, all_paths)


def alongside(claim: Claim, live: Sequence[Site], code: Sequence[Site]) -> list[Path]:
    """Returns all paths, the shift of a softmax held where nothing goes through it."""
    found = [_path(claim, h) for site in live for h in paths(site, code)]
    for path in found:
        h = path.hypothesis
        if h.of in SHIFTS and h.rest and np.all(np.abs(path.through) < claim.near[:2]):
            # Nothing goes through the shift of a softmax; without its sum something would.
            claim.quiet |= h.rest
    return [_path(claim, path.hypothesis) for path in found] if claim.quiet else found


def _path(claim: Claim, h: Hypothesis) -> Path:
    """Returns what goes through a path, or (of one that is not linear) makes the claim differ."""
    told = [claim.quick(h.rest if h.is_path and h.rest else h.changes, i) for i in (0, 1)]
    return Path(h, claim.true[:2] - told)


def _along(claim: Claim, path: Path) -> Found | None:
    h, through = path.hypothesis, path.through
    off, near = (claim.claimed - claim.true)[:2], claim.near[:2]
    if not np.isfinite(through).all() or np.all(np.abs(through) < near):
        return None
    if np.all(np.abs(off + through) <= near):
        return _confirmed(claim, Found(h, 0.0 if h.is_path else 1.0))
    if not h.is_single:
        return None
    i = int(np.argmax(np.abs(through)))
    factor = float(1 + off[i] / through[i])
    if np.any(np.abs(off - (factor - 1) * through) > near * max(1.0, abs(factor))):
        return None
    neat = min(FACTORS, key=lambda n: abs(factor - n))
    if abs(factor - neat) * abs(through[i]) > near[i]:
        exact = claim.true[i] - claim.central(h.rest or {}, i)
        neat = _counted(float(1 + off[i] / exact))
    return _confirmed(claim, Found(h, neat))


def tried(claim: Claim, h: Hypothesis) -> Found | None:
    """Returns a hypothesis if the claim is what it says, but for a factor that people write."""
    claimed, near = claim.claimed[0], claim.near[0]
    changed = claim.true[0] if h.is_path else claim.quick(h.changes, 0)
    if abs(changed - claimed) <= near and not h.is_path:
        return _confirmed(claim, Found(h, 1.0))
    if h.rest is None or not h.is_single or not np.isfinite(changed):
        return None
    rest = claim.quick(h.rest, 0)
    if not abs(changed - rest) > near:
        return None
    factor = (claimed - rest) / (changed - rest)
    neat = min(FACTORS if h.is_path else FACTORS[1:], key=lambda n: abs(factor - n))
    is_near = abs(factor - neat) * abs(changed - rest) <= near
    return _confirmed(claim, Found(h, neat)) if is_near else None


def _counted(factor: float) -> float:
    """Returns the number that people write which a factor is; else the factor."""
    near = (n for n in _written(factor) if abs(factor - n) <= COUNTED * abs(factor))
    return next(near, factor)


def _written(factor: float) -> Iterator[float]:
    """Yields the numbers that people write, or count, and that are close to a factor.

    A whole number, the inverse of one, one of two digits, n / (n - 1) and (n - 1) / n.

    >>> list(_written(7.83)), list(_written(8 / 7))[-1] == 8 / 7
    ([8.0, 7.8], True)
    """
    if not factor or not np.isfinite(factor):
        return
    for power in (1, -1):
        if whole := round(factor**power):
            yield float(whole) ** power
    yield float(f"{factor:.1e}")
    for power in (1, -1):
        n = round(1 / (factor**power - 1)) if 1 < factor**power <= 2 else 0
        if 0 < n <= MOST_COUNTED:
            yield (1 + 1 / n) ** power


def _confirmed(claim: Claim, found: Found) -> Found | None:
    holds = (_holds(claim, found, i) for i in range(len(claim.directions)))
    return found if all(holds) else None


def _holds(claim: Claim, found: Found, i: int) -> bool:
    h, factor = found.hypothesis, found.factor
    changed = rest = 0.0
    if factor:
        changed = claim.true[i] if h.is_path else claim.central(h.changes, i)
    if factor != 1:
        rest = claim.central(h.rest or {}, i)
    told = rest + factor * (changed - rest) if factor != 1 else changed
    return claim.is_told(told, i, factor=factor)


def pairs(claim: Claim, single: Sequence[Path]) -> Iterator[Found | None]:
    """Yields two paths that are left out together, or have a factor each."""
    kept: list[Path] = []
    near, off = claim.near[:2], (claim.claimed - claim.true)[:2]
    for path in single:
        through = path.through
        if path.hypothesis.is_path and np.isfinite(through).all() and np.any(abs(through) > near):
            if all(np.any(abs(through - other.through) > near) for other in kept):
                kept.append(path)
    for one, other in combinations(kept[:MOST_PAIRS], 2):
        h, g = one.hypothesis, other.hypothesis
        words = {"what": h.words["what"], "other": g.words["what"]}
        rest = {**(h.rest or {}), **(g.rest or {})}
        both = replace(h, row=PATHS, words=words, rest=rest, is_single=False, of="")
        if abs(claim.quick(rest, 0) - claim.claimed[0]) <= near[0]:
            yield _confirmed(claim, Found(both, 0.0))
        if h.is_single and g.is_single:
            yield _weighed(claim, one, other, off)


def _weighed(claim: Claim, one: Path, other: Path, off: np.ndarray) -> Found | None:
    """Returns two paths with the factors that make them the claim, where people write these."""
    matrix = np.stack([one.through, other.through], 1)
    if np.linalg.cond(matrix) > 1e6:
        return None
    factors = 1 + np.linalg.solve(matrix, off)
    neat = [min(FACTORS, key=lambda n, f=f: abs(f - n)) for f in factors]
    if np.any(np.abs(matrix @ (np.array(neat) - 1) - off) > claim.near[:2]):
        return None
    h, g = one.hypothesis, other.hypothesis
    for i in range(len(claim.directions)):
        parts = [claim.true[i] - claim.central(p.rest or {}, i) for p in (h, g)]
        told = claim.true[i] + sum((f - 1) * part for f, part in zip(neat, parts, strict=True))
        if not claim.is_told(told, i):
            return None
    words = {"what": h.words["what"], "other": g.words["what"], "factor": f"{neat[0]:.4g}",
             "second": f"{neat[1]:.4g}"}  # fmt: skip
    odd = float(np.abs(np.array(neat) - 1).sum())
    return Found(replace(h, row=MISCOUNTED, words=words, is_path=False, of=""), 1.0, odd)
