"""What a normalisation takes off a gradient: its mean, and its projection on the input.

What is invariant has a gradient that stands upright: that of a function of x - mean(x) adds up to
zero, that of x / |x| is orthogonal to x. Where the statistic is taken for a constant the claim is
not so, and taking the mean, or the projection, off it gives the truth.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from gradcheck.diagnosis.evidence import Array, Evidence
from gradcheck.diagnosis.expressions import derived, fitting
from gradcheck.diagnosis.factors import NEAT_BITS, slice_name
from gradcheck.diagnosis.scoring import CONTENT, VAGUE, Candidate, Row, Undo, undone
from gradcheck.verdict import number

MOST_AXES = 3
"""A statistic is taken along so many axes at once."""

ROUNDING = 1e-12
"""What is known of ε at best."""

UNSURE, NEAT_TO = 0.1, 1e-2
"""An ε that is known no better is not looked at; one this near to a neat number is that number."""

Axes = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Direction:
    """What a gradient may be orthogonal to, along some axes: a quantity, or a constant."""

    name: str
    values: Array
    axes: Axes

    def off(self, c: Array, epsilon: float = 0.0) -> Array:
        """Returns c without its projection; epsilon is in the square of the norm."""
        return c - self.values * self._share(c, epsilon)

    def epsilon(self, evidence: Evidence, c: Array) -> tuple[float, float]:
        """Returns the ε with which the projection makes c the truth, and its standard deviation."""
        q, t = self.values, np.where(evidence.seen, evidence.known, c)
        along, rest, square = self._sum(c * q), self._sum(t * q), self._sum(q * q)
        with np.errstate(all="ignore"):
            found = square * rest / (along - rest)
            noise = np.sqrt(self._sum((np.where(evidence.seen, evidence.noise, 0) * q) ** 2))
            sigma = np.hypot(noise * square * along / (along - rest) ** 2, ROUNDING * found)
            weight = sigma**-2.0
        usable = np.isfinite(found) & np.isfinite(weight)
        total = float(weight[usable].sum())
        if not total:
            return 0.0, np.inf
        return float(weight[usable] @ found[usable]) / total, total**-0.5

    def _share(self, c: Array, epsilon: float) -> Array:
        q = self.values
        return self._sum(c * q) / (self._sum(q * q) + epsilon)

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
    count = int(np.prod([evidence.shape[a] for a in q.axes]))
    neat = [0.0, *_neat(*q.epsilon(evidence, c), count)]
    for e in dict.fromkeys(neat):

        def undo(x: Array, e: float = e) -> Array:
            return q.off(x if first is None else first.off(x), e)

        words = f", with ε = {number(e / count, 2)} added to the mean of its squares" if e else ""
        yield from _without(
            evidence,
            q.axes,
            undo,
            bits=bits + (NEAT_BITS if e else 0.0),
            quantity=q.name,
            besides=words,
        )


def _neat(epsilon: float, sigma: float, count: int) -> Iterator[float]:
    """Yields numbers of one or two digits that ε may be, added to the sum or to the mean."""
    if not 0 < epsilon < np.inf or sigma > UNSURE * epsilon:
        return
    for unit in (1, count):
        for digits in (0, 1):
            near = unit * float(f"{epsilon / unit:.{digits}e}")
            if abs(near - epsilon) <= max(NEAT_TO * epsilon, 4 * sigma):
                yield near


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
