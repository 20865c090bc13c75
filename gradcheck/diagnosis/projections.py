"""What a normalisation takes off a gradient: its mean, and its projection on the input.

What is invariant has a gradient that stands upright: that of a function of x - mean(x) adds up to
zero, that of x / |x| is orthogonal to x. Where the statistic is taken for a constant the claim is
not so, and taking the mean, or the projection, off it gives the truth.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from gradcheck.diagnosis.evidence import Array, Evidence
from gradcheck.diagnosis.expressions import derived, fitting
from gradcheck.diagnosis.factors import KNOWN_BY, NEAT_BITS, measured, slice_name
from gradcheck.diagnosis.scoring import CONTENT, VAGUE, Candidate, Row, Undo, fits, undone
from gradcheck.verdict import number

MOST_AXES = 3
"""A statistic is taken along so many axes at once."""

ROUNDING = 1e-12
"""What is known of ε at best."""

NEAT_TO = 1e-2
"""An ε this near to a neat number is that number."""

FORMS: Mapping[str, Callable[[Array, int], Array]] = {
    "the mean of its squares": lambda square, count: np.full_like(square, count),
    "the sum of its squares": lambda square, count: np.ones_like(square),
    "the root of the mean of its squares": lambda square, count: np.sqrt(count * square),
    "its norm": lambda square, count: np.sqrt(square),
}
"""Where an ε stands: (sum of the squares, their count) -> how much it adds to that sum."""

SAME = (("the mean of its squares", "the sum of its squares"), tuple(FORMS)[2:])
"""Forms that a count alone tells apart: the first that has a neat ε is told."""

SMALL = ", with a small ε in its norm, which is not measured well enough to be told"

Axes = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Direction:
    """What a gradient may be orthogonal to, along some axes: a quantity, or a constant."""

    name: str
    values: Array
    axes: Axes

    def off(self, c: Array, epsilon: float = 0.0, form: str = next(iter(FORMS))) -> Array:
        """Returns c without its projection, with an ε in its norm."""
        square = self._sum(self.values**2)
        along = self._sum(c * self.values)
        return c - self.values * along / (square + epsilon * FORMS[form](square, self.count))

    def epsilon(self, evidence: Evidence, c: Array, form: str) -> tuple[float, float]:
        """Returns the ε with which the projection makes c the truth, and its standard deviation."""
        q, t = self.values, np.where(evidence.seen, evidence.known, c)
        along, rest, square = self._sum(c * q), self._sum(t * q), self._sum(q * q)
        with np.errstate(all="ignore"):
            unit = square / FORMS[form](square, self.count)
            found = unit * rest / (along - rest)
            noise = np.sqrt(self._sum((np.where(evidence.seen, evidence.noise, 0) * q) ** 2))
            sigma = np.hypot(noise * unit * along / (along - rest) ** 2, ROUNDING * found)
            weight = sigma**-2.0
        usable = np.isfinite(found) & np.isfinite(weight)
        total = float(weight[usable].sum())
        if not total:
            return 0.0, np.inf
        return float(weight[usable] @ found[usable]) / total, total**-0.5

    @property
    def count(self) -> int:
        """How many entries a norm is made of."""
        return int(np.prod([self.values.shape[a] for a in self.axes]))

    @property
    def is_one(self) -> bool:
        """Whether there is one norm alone: then any ε in any form of it fits."""
        return self.count == self.values.size

    def _sum(self, x: Array) -> Array:
        return np.sum(x, axis=self.axes, keepdims=True)


def _axes(evidence: Evidence) -> list[Axes]:
    """Returns along what statistics are taken: axes of the primal."""
    own = [a for a in evidence.axes if a >= evidence.split and evidence.shape[a] > 1]
    most = min(MOST_AXES, len(own))
    return [axes for n in range(1, most + 1) for axes in combinations(own, n)]


def _quantities(evidence: Evidence) -> list[tuple[str, Array]]:
    return [
        (name, q)
        for name, q in fitting(evidence, evidence.shape)
        if q.shape == evidence.shape and name not in evidence.cotangents and q.any()
    ]


def _words(evidence: Evidence, axes: Axes) -> str:
    if len(axes) == len([a for a in evidence.axes if evidence.shape[a] > 1]):
        return "of all of it"
    return "along " + ", ".join(map(evidence.axis, axes))


def _mean(evidence: Evidence) -> Iterator[Candidate]:
    found = _axes(evidence)
    for axes in found:
        one = Direction("", np.ones(evidence.shape), axes)
        yield from _without(evidence, axes, one.off, bits=1 + float(np.log2(len(found))))


def _projection(evidence: Evidence) -> Iterator[Candidate]:
    found, quantities = _axes(evidence), _quantities(evidence)
    for name, q in quantities:
        bits = 1 + float(np.log2(len(found) * len(quantities)))
        for axes in found:
            yield from _stretched(
                evidence, Direction(name, q, axes), evidence.claimed, first=None, bits=bits
            )


def _both(evidence: Evidence) -> Iterator[Candidate]:
    found, quantities = _axes(evidence), _quantities(evidence)
    for name, q in quantities:
        bits = 2 + float(np.log2(len(found) * len(quantities)))
        for axes in found:
            one = Direction("", np.ones(evidence.shape), axes)
            centred = Direction(name, one.off(q), axes)
            yield from _stretched(evidence, centred, one.off(evidence.claimed), one, bits)


def _stretched(
    evidence: Evidence, q: Direction, c: Array, first: Direction | None, bits: float
) -> Iterator[Candidate]:
    """Yields the claim without a projection, with none or a neat ε in the norm."""

    def offered(epsilon: float, form: str, bits: float) -> Iterator[Candidate]:
        def undo(x: Array) -> Array:
            return q.off(x if first is None else first.off(x), epsilon, form)

        words = f", with ε = {number(epsilon, 2)} added to {form}" if epsilon else ""
        yield from _without(evidence, q.axes, undo, bits=bits, quantity=q.name, besides=words)

    yield from offered(0.0, next(iter(FORMS)), bits)
    neat = [_neat(evidence, q, c, forms) for forms in SAME]
    found = [x for e, form in neat if e for x in offered(e, form, bits + NEAT_BITS)]
    fit = [candidate for candidate in found if fits(evidence, candidate)]
    for x in fit:
        open_ = {**x.parameters, "besides": SMALL}
        yield replace(x, parameters=open_) if len(fit) > 1 or q.is_one else x


def _neat(evidence: Evidence, q: Direction, c: Array, forms: Sequence[str]) -> tuple[float, str]:
    """Returns the ε of a form as people write it; 0 where it is no such number, or not known."""
    for form in forms:
        epsilon, sigma = q.epsilon(evidence, c, form)
        neat = measured(epsilon, sigma) if 0 < epsilon < np.inf else 0.0
        if neat and abs(neat - epsilon) <= max(NEAT_TO * epsilon, KNOWN_BY * sigma):
            return neat, form
    return 0.0, ""


def _without(
    evidence: Evidence, axes: Axes, undo: Undo, *, bits: float, **more: Any
) -> Iterator[Candidate]:
    x = evidence.sampled(undo(evidence.claimed))
    if np.isfinite(x).all():
        yield undone(
            evidence, x, bits=bits, undo=undo, axes=axes, along=_words(evidence, axes), **more
        )


def _in_slices(evidence: Evidence) -> Iterator[Candidate]:
    """Where claim - true is one number, or a multiple of a quantity, for each slice."""
    if evidence.claimed.size < 4 or evidence.split:
        return
    hot = [(n, q) for n, q in derived(evidence) if n.startswith("one_hot")]
    of = [("", np.ones(evidence.shape)), *_quantities(evidence), *hot]
    for name, q in of:
        for axis in evidence.axes:
            found = _fits(evidence, axis, q)
            if found is not None:
                term, cost, free = found
                what = f"a multiple of {name}" if name else "one number"
                yield undone(
                    evidence, evidence.c - term, bits=cost + 2 + float(np.log2(len(of))), undo=None,
                    free=free, what=what, slice=_slice(evidence, axis), axis=axis,
                )  # fmt: skip


def _slice(evidence: Evidence, axis: int) -> str:
    is_matrix = len(evidence.axes) == 2
    return slice_name(evidence, 1 - axis) if is_matrix else f"slice along {evidence.axis(axis)}"


def _fits(evidence: Evidence, axis: int, q: Array) -> tuple[Array, float, int] | None:
    """Returns the term at the sample, its bits and fitted numbers.

    The slices run along `axis`: all other indices tell one from another.
    """
    shape = tuple(1 if a == axis else n for a, n in enumerate(evidence.shape))
    count = int(np.prod(shape))
    if count == 1 or evidence.shape[axis] == 1 or count * 2 > evidence.c.size:
        return None
    where = np.ravel_multi_index(
        tuple(np.zeros_like(i) if a == axis else i for a, i in enumerate(evidence.at)), shape
    )
    weight, f, d = evidence.s**-2.0, evidence.sampled(q), evidence.c - evidence.t
    ff, fd = np.bincount(where, weight * f * f, count), np.bincount(where, weight * f * d, count)
    with np.errstate(all="ignore"):
        level = fd / ff
    term = level[where] * f
    if not np.isfinite(term).all():
        return None
    seen = np.bincount(where, minlength=count) > 0
    bits = float(np.sum(np.log2(1 + np.abs(level * np.sqrt(ff))[seen]) + CONTENT))
    return term, bits, int(seen.sum())


STATISTIC = "is taken for a constant in the backward pass"
OR = ", or its term has a wrong factor"

ROWS = (
    Row(
        "mean term",
        "the claim has a mean {along} that the true gradient has not",
        f"a mean that the forward pass subtracts {STATISTIC}{OR}",
        "subtract its mean {along}",
        _mean,
        surest=VAGUE,
    ),
    Row(
        "projection term",
        "the claim has a projection on {quantity} {along} that the true gradient has not",
        f"a norm {STATISTIC}{OR}",
        "subtract its projection on {quantity} {along}{besides}",
        _projection,
        surest=VAGUE,
    ),
    Row(
        "mean and variance terms",
        "the claim has a mean, and a projection on the centred {quantity}, {along} that the true"
        " gradient has not",
        f"mean and variance of a normalisation: each {STATISTIC}{OR}",
        "subtract its mean, then its projection on {quantity} less the mean of that, {along}"
        "{besides}",
        _both,
        surest=VAGUE,
    ),
    Row(
        "term of each slice",
        "claimed - true is {what} for each {slice}",
        "a term that belongs to a whole {slice} (of a statistic, a normaliser) is missing, wrong,"
        " or one too many",
        "",
        _in_slices,
        surest=VAGUE,
    ),
)
