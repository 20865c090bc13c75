"""Bugs of kinds that the table of known mistakes does not have: none may be named with confidence.

Each is a linear map of a right gradient that nobody has a word for, applied to one primal of a
family. The maps are drawn once for each bug, so that the wrong pullback is a pullback.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from benchmarks.power.cases import FAMILIES
from benchmarks.power.corpus import Arrays, Bug, Case

Array = np.ndarray
Map = Callable[[np.random.Generator, Array, Array], Array]
"""(rng, gradient, primal) -> the wrong gradient, linear in the gradient."""

IN = (
    "linear", "gated_linear_unit", "sigmoid", "gelu", "log_sum_exp", "layer_norm", "conv1d",
    "gru_cell", "cumulative_sum", "pairwise_distances", "causal_attention", "cross_entropy",
)  # fmt: skip
"""The families whose first differentiable primal is spoilt."""

LEAST = 8
"""A primal has at least so many entries: of fewer everything is a coincidence."""


def _turned(rng: np.random.Generator, g: Array, x: Array) -> Array:
    q, _ = np.linalg.qr(rng.normal(size=(g.size, g.size)))
    return (q @ g.ravel()).reshape(g.shape)


def _mixed(rng: np.random.Generator, g: Array, x: Array) -> Array:
    m = np.eye(g.size) + 0.3 * rng.normal(size=(g.size, g.size)) / g.size**0.5
    return (m @ g.ravel()).reshape(g.shape)


def _sparsely_mixed(rng: np.random.Generator, g: Array, x: Array) -> Array:
    m = rng.normal(size=(g.size, g.size)) * (rng.random((g.size, g.size)) < 2 / g.size)
    return g + 0.5 * (m @ g.ravel()).reshape(g.shape)


def _differently_scaled(rng: np.random.Generator, g: Array, x: Array) -> Array:
    return g * rng.uniform(0.5, 2.0, g.shape)


def _half_scaled(rng: np.random.Generator, g: Array, x: Array) -> Array:
    return g * np.where(rng.random(g.shape) < 0.5, rng.uniform(0.5, 2.0, g.shape), 1.0)


def _filtered(rng: np.random.Generator, g: Array, x: Array) -> Array:
    spectrum = np.fft.rfft(g.ravel())
    return np.fft.irfft(spectrum / (1 + np.arange(spectrum.size) / 3), g.size).reshape(g.shape)


def _rippled(rng: np.random.Generator, g: Array, x: Array) -> Array:
    return g * (1.5 + np.sin(3.7 * x + rng.uniform(0, 6)))


def _bumped(rng: np.random.Generator, g: Array, x: Array) -> Array:
    return g * (1.0 + 0.7 / (0.4 + (x - rng.normal()) ** 2))


def _fifth_power(rng: np.random.Generator, g: Array, x: Array) -> Array:
    return g * (1.3 + rng.uniform(0.5, 1.5) * x**5)


def _echoed(rng: np.random.Generator, g: Array, x: Array) -> Array:
    flat = g.ravel()
    return (flat + 0.37 * np.roll(flat, 2) - 0.21 * np.roll(flat, 5)).reshape(g.shape)


def _ramped(rng: np.random.Generator, g: Array, x: Array) -> Array:
    flat = g.ravel()
    return (flat + 0.1 * np.sqrt(np.arange(g.size)) * np.roll(flat, 1)).reshape(g.shape)


def _noisy_rows(rng: np.random.Generator, g: Array, x: Array) -> Array:
    m = rng.normal(size=(g.shape[0], g.shape[0])) / g.shape[0] ** 0.5
    return g + np.tensordot(m, g, 1)


MAPS: Mapping[str, Map] = {
    "turned": _turned,
    "mixed": _mixed,
    "sparsely_mixed": _sparsely_mixed,
    "differently_scaled": _differently_scaled,
    "half_of_it_scaled": _half_scaled,
    "filtered": _filtered,
    "rippled": _rippled,
    "bumped": _bumped,
    "fifth_power": _fifth_power,
    "echoed": _echoed,
    "ramped": _ramped,
    "rows_mixed": _noisy_rows,
}


def outside() -> Iterator[Case]:
    """Yields the bugs."""
    for family in FAMILIES:
        if family.name not in IN:
            continue
        name = family.diff.split()[0]
        right = family.right()
        if np.size(right.inputs(0)[name]) < LEAST:
            continue
        for how, change in MAPS.items():
            bug = Bug(f"{how}_outside", "outside", _wrong(right, name, how, change))
            yield family.case(bug)


def _wrong(right: Case, name: str, how: str, change: Map) -> Callable[..., Arrays]:
    seed = zlib.crc32(f"{right.name}/{how}".encode())

    def wrong(g: Array, **inputs: Array) -> Arrays:
        true = np.asarray(right.backward(g, **inputs)[name])
        x = np.asarray(inputs[name])
        return {name: change(np.random.default_rng(seed), true, x).astype(true.dtype)}

    return wrong


OUTSIDE = tuple(outside())
