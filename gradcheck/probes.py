"""Directions and cotangents: what turns a claim about a Jacobian into single numbers.

A tangent moves every entry of its primals by ± a random share between ½ and 1 of the primal's
scale: signs, so that no entry is lost by the draw (a Gaussian gives one in twelve a weight below
0.1); random magnitudes, so that two equal errors do not cancel in every probe.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.evaluation import Direction
from gradcheck.scales import WIDE, lengths, scale, sizes, spread

STEPS_OF_ONE_HALF = 64
"""Magnitudes are multiples of 1/128: exact in every floating dtype, bfloat16 included, so that a
cotangent means the same to the claim and to the oracle."""

STRATUM_BITS, STRATA = 12, 12
"""Entries whose claims are within 2^12 of one another are moved together; what is below 2^-144 of
the largest is one part with what is zero."""


@dataclass(frozen=True)
class Probe:
    """A direction with a name.

    Attributes:
        primals: the primals it moves.
        tangent: v, by primal.
        part: the flat indices of the coordinates that it moves, None for all.
        alike: whether it moves primals by the same, so that their ties stay.
    """

    primals: tuple[str, ...]
    tangent: Direction
    part: np.ndarray | None = None
    alike: bool = False


def probes(point: Mapping[str, Any], rng: np.random.Generator) -> Iterator[Probe]:
    """Yields one probe for each primal at its own scale, then joint ones that move all of them."""
    names = tuple(name for name, x in point.items() if backends.size(x))
    for name in names:
        yield Probe((name,), tangent(point, (name,), rng))
        if spread(point[name]) > WIDE:
            yield Probe((name,), tangent(point, (name,), rng, relative=True))
    for _ in range(min(len(names), 2)):
        yield Probe(names, tangent(point, names, rng))
    yield from (tied(point, group, rng) for group in _tied_groups(point, names))


def tied(point: Mapping[str, Any], names: tuple[str, ...], rng: np.random.Generator) -> Probe:
    """Returns the probe that moves primals of one shape alike.

    max(x, y) at x = y has a kink along every direction but these: what its two cotangents share
    out must add up.
    """
    (v,) = tangent(point, names[:1], rng).values()
    return Probe(names, dict.fromkeys(names, v), alike=True)


def _tied_groups(point: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yields the pairs of primals with equal entries, then all of a shape where more are equal."""
    values = {name: backends.of(point[name]).values(point[name]) for name in names}
    pairs = [pair for pair in combinations(names, 2) if _are_tied(*(values[n] for n in pair))]
    yield from pairs
    for shape in dict.fromkeys(values[first].shape for first, _ in pairs):
        group = tuple(n for pair in pairs for n in pair if values[n].shape == shape)
        if len(group := tuple(dict.fromkeys(group))) > 2:
            yield group


def _are_tied(x: np.ndarray, y: np.ndarray) -> bool:
    return x.shape == y.shape and bool(np.any(x == y))


def parts(
    point: Mapping[str, Any], gradients: Sequence[Direction]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yields the parts of each primal whose claimed gradients are of one size, where sizes differ.

    Moved together the small ones drown in the large: a gradient of 1e-9 next to one of 1 is below
    what is excluded of the whole. What is claimed to be nothing is a part of its own.
    """
    for name, x in point.items():
        claims = np.max([np.abs(g[name]).ravel() for g in gradients], axis=0, initial=0.0)
        claims = claims * lengths(x).ravel()
        largest = float(np.max(claims, initial=0.0))
        if claims.size < 2 or not 0.0 < largest < np.inf:
            continue
        with np.errstate(divide="ignore"):
            decades = np.minimum(np.floor(-np.log2(claims / largest) / STRATUM_BITS), STRATA)
        if len(found := np.unique(decades)) > 1:
            yield from ((name, np.flatnonzero(decades == d)) for d in found if d > 0)


def part_probe(
    point: Mapping[str, Any], name: str, part: np.ndarray, rng: np.random.Generator
) -> Probe:
    """Returns the probe that moves a part of a primal."""
    v = np.zeros(backends.coordinates(point[name]))
    v.flat[part] = _directed(rng, v.shape, lengths(point[name])).flat[part]
    return Probe((name,), {name: v}, part)


def tangent(
    point: Mapping[str, Any],
    names: tuple[str, ...],
    rng: np.random.Generator,
    *,
    relative: bool = False,
) -> dict[str, np.ndarray]:
    """Returns a random tangent that moves the named primals, each at its own scale.

    Args:
        point: the primals.
        names: those that are moved.
        rng: draws it.
        relative: whether each entry is moved by a share of itself instead, so that all of an array
            whose entries differ by orders of magnitude stays within the function's domain.
    """
    size = {n: sizes(point[n]) if relative else scale(point[n]) for n in names}
    return {n: _directed(rng, backends.coordinates(point[n]), size[n]) for n in names}


def _directed(
    rng: np.random.Generator, shape: tuple[int, ...], size: float | np.ndarray
) -> np.ndarray:
    """Returns random shares ±(½ … 1) of a size: no two alike, so that swapped entries never cancel.

    In place: of large arrays new memory costs more than the arithmetic.
    """
    shares = np.asarray(rng.random(shape))
    shares -= 0.5
    shares += np.copysign(0.5, shares)
    return np.multiply(shares, size, out=shares)


def cotangents(outputs: Mapping[str, Any], rng: np.random.Generator) -> list[dict[str, np.ndarray]]:
    """Returns the cotangents through which the outputs are looked at.

    A scalar output is looked at with weight 1 (so that the gradients are those that the user
    knows) and with another weight; else one cotangent weighs all entries alike, and one weighs
    each by its own size, so that small outputs are not drowned by large ones (a zero has no size).
    What is infinite (a mask of -inf) is not looked at.
    """
    shapes = {name: backends.coordinates(y) for name, y in outputs.items()}
    first = {name: signed(rng, shape) for name, shape in shapes.items()}
    if sum(int(np.prod(shape)) for shape in shapes.values()) == 1:
        one = {name: np.ones(shape) for name, shape in shapes.items()}
        return [one, {name: -u if np.all(u == 1.0) else u for name, u in first.items()}]
    second = {n: signed(rng, shape) * _level(outputs[n]) for n, shape in shapes.items()}
    return [_finite(u, outputs) for u in (first, second)]


def _finite(u: Direction, outputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {n: np.where(np.isinf(backends.of(y).values(y)), 0.0, u[n]) for n, y in outputs.items()}


def passing(
    outputs: Mapping[str, Any], y_bar: Mapping[str, Any], rng: np.random.Generator
) -> list[dict[str, np.ndarray]]:
    """Returns the cotangents of a part of a network: those that reach it, then some that are drawn.

    Where none reaches it that could be looked through (of another shape, not finite, zero), the
    drawn ones must do.
    """
    reached = {name: np.zeros(backends.coordinates(y)) for name, y in outputs.items()}
    for name in outputs.keys() & y_bar.keys():
        reached[name] = backends.of(y_bar[name]).values(y_bar[name])
    fits = all(u.shape == backends.coordinates(outputs[n]) for n, u in reached.items())
    finite = all(np.isfinite(u).all() for u in reached.values())
    some = any(u.any() for u in reached.values())
    drawn = cotangents(outputs, rng)
    return [reached, *drawn] if fits and finite and some else drawn


def signed(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Returns random values ±(½ … 1), multiples of 1/128; no two alike where there are few."""
    size, most = int(np.prod(shape)), STEPS_OF_ONE_HALF + 1
    drawn = rng.permutation(most)[:size] if size <= most else rng.integers(0, most, size)
    magnitudes = STEPS_OF_ONE_HALF + drawn.reshape(shape)
    signs = rng.integers(0, 2, shape) * 2.0 - 1.0
    return np.asarray(signs * magnitudes / (2.0 * STEPS_OF_ONE_HALF))


def _level(y: Any) -> np.ndarray:
    """Returns 1/|y| as powers of two, at most 2^20 times the weight of an entry of usual size.

    At most 2^7 times in float16, which has no numbers for more.
    """
    values = np.abs(backends.of(y).values(y))
    usual = scale(y)
    most = min(2.0**20, 2.0 ** np.floor(np.log2(backends.of(y).precision(y).largest) / 2))
    levels = np.clip(np.where(values > 0, values / usual, 1.0), 1 / most, most)
    return 2.0 ** -np.round(np.log2(levels))
