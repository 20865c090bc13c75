"""Inputs: one small function for each distribution, and `draw` that puts them together."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.power.corpus import Arrays, Draw

Spec = Callable[[np.random.Generator, np.dtype[Any]], Any]


def draw(**specs: Any) -> Draw:
    """Returns a draw of named inputs; a tuple is a normal array of that shape."""
    rules = {k: normal(*s) if isinstance(s, tuple) else s for k, s in specs.items()}

    def inputs(rng: np.random.Generator, dtype: np.dtype[Any]) -> Arrays:
        return {name: rule(rng, dtype) for name, rule in rules.items()}

    return inputs


def normal(*shape: int, scale: float = 1.0, shift: float = 0.0) -> Spec:
    """Normal numbers."""
    return lambda rng, dtype: np.asarray(shift + scale * rng.normal(size=shape)).astype(dtype)


def uniform(*shape: int, low: float = 0.0, high: float = 1.0) -> Spec:
    """Uniform numbers."""
    return lambda rng, dtype: np.asarray(rng.uniform(low, high, size=shape)).astype(dtype)


def decades(*shape: int, low: float = -8, high: float = 8, signed: bool = True) -> Spec:
    """Numbers spread evenly over powers of ten."""

    def spread(rng: np.random.Generator, dtype: np.dtype[Any]) -> Any:
        sign = rng.choice([-1.0, 1.0], size=shape) if signed else 1.0
        return (sign * 10.0 ** rng.uniform(low, high, size=shape)).astype(dtype)

    return spread


def away(
    *shape: int, kinks: tuple[float, ...] = (0.0,), gap: float = 0.1, scale: float = 1.5
) -> Spec:
    """Normal numbers that keep a distance from kinks."""

    def kept(rng: np.random.Generator, dtype: np.dtype[Any]) -> Any:
        x = scale * rng.normal(size=shape)
        for kink in kinks:
            d = x - kink
            x = np.where(np.abs(d) < gap, kink + np.where(d < 0, -1.5, 1.5) * gap, x)
        return np.asarray(x).astype(dtype)

    return kept


def quantised(*shape: int, step: float = 0.5, scale: float = 1.0) -> Spec:
    """Normal numbers rounded to a grid: many equal ones, many zeros."""
    return lambda rng, dtype: (np.round(scale * rng.normal(size=shape) / step) * step + 0.0).astype(
        dtype
    )


def padded(*shape: int, zeros: int) -> Spec:
    """Normal numbers whose last `zeros` rows are zero."""

    def kept(rng: np.random.Generator, dtype: np.dtype[Any]) -> Any:
        x = rng.normal(size=shape).astype(dtype)
        x[len(x) - zeros :] = 0
        return x

    return kept


def literal(*numbers: float) -> Spec:
    """Just these numbers."""
    return lambda rng, dtype: np.array(numbers).astype(dtype)


def joined(*specs: Spec) -> Spec:
    """One vector after another."""
    return lambda rng, dtype: np.concatenate([np.ravel(spec(rng, dtype)) for spec in specs])


def distinct(*shape: int, gap: float = 0.1) -> Spec:
    """Shuffled numbers that all differ by at least half of `gap`."""

    def spaced(rng: np.random.Generator, dtype: np.dtype[Any]) -> Any:
        n = int(np.prod(shape))
        x = gap * (rng.permutation(n) - n / 2 + rng.uniform(-0.25, 0.25, size=n))
        return x.reshape(shape).astype(dtype)

    return spaced


def integers(*shape: int, below: int) -> Spec:
    """Whole numbers."""
    return lambda rng, dtype: rng.integers(0, below, size=shape)


def fixed(value: Any) -> Spec:
    """A constant that is no data: an index, a setting."""
    return lambda rng, dtype: np.array(value)


def coins(*shape: int, probability: float = 0.5) -> Spec:
    """A mask of zeros and ones in the dtype of the data, at least one of each."""

    def mask(rng: np.random.Generator, dtype: np.dtype[Any]) -> Any:
        m = (rng.random(size=shape) < probability).astype(dtype)
        m.flat[0], m.flat[-1] = 1, 0
        return m

    return mask


def positive_definite(n: int, ridge: float = 1.0) -> Spec:
    """A symmetric positive definite matrix."""

    def matrix(rng: np.random.Generator, dtype: np.dtype[Any]) -> Any:
        a = rng.normal(size=(n, n))
        return (a @ a.T / n + ridge * np.eye(n)).astype(dtype)

    return matrix


def complex_normal(*shape: int, scale: float = 1.0) -> Spec:
    """Complex normal numbers of the precision of the data."""

    def numbers(rng: np.random.Generator, dtype: np.dtype[Any]) -> Any:
        z = scale * (rng.normal(size=shape) + 1j * rng.normal(size=shape))
        return np.asarray(z).astype(np.result_type(dtype, np.complex64))

    return numbers


def laid_out(spec: Spec, how: str) -> Spec:
    """The same numbers in another layout: "fortran", "strided", "reversed"."""

    def placed(rng: np.random.Generator, dtype: np.dtype[Any]) -> Any:
        x = spec(rng, dtype)
        if how == "fortran":
            return np.asfortranarray(x)
        if how == "reversed":
            return np.ascontiguousarray(x[::-1])[::-1]
        buffer = np.zeros([2 * n for n in x.shape], x.dtype)
        view = buffer[tuple(slice(None, None, 2) for _ in x.shape)]
        view[...] = x
        return view

    return placed
