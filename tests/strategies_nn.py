"""How inputs of the reference models are drawn."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from hypothesis.strategies import SearchStrategy

DType: TypeAlias = type[np.floating]
Shape: TypeAlias = tuple[int, ...]
Primals: TypeAlias = tuple[np.ndarray, ...]
Draw: TypeAlias = Callable[[DType, Shape], SearchStrategy[Primals]]
"""`(dtype, (batch, n)) -> strategy of the primals`."""

Interval: TypeAlias = tuple[float, float]
REALS: Interval = (-8, 8)
UNIT: Interval = (-1, 1)
WEIGHTS: Interval = (0, 1)
PROBABILITIES: Interval = (1 / 64, 63 / 64)
SAFE_PROBABILITIES: Interval = (1 / 4, 3 / 4)  # where log has small higher derivatives

SHAPES = st.sampled_from([(1, 3), (2, 3), (3, 2), (2, 5), (5, 4), (4, 6)])
"""(batch, n) with batch and n different, so that a transpose shows."""

DTYPES = st.sampled_from([np.float32, np.float64])


def filled(dtype: DType, shape: Shape, interval: Interval = REALS) -> SearchStrategy[np.ndarray]:
    width = 8 * np.dtype(dtype).itemsize
    elements = st.floats(*interval, width=width, allow_subnormal=False)  # pyright: ignore
    return arrays(dtype, shape, elements=elements)


def signed(dtype: DType, shape: Shape, interval: Interval) -> SearchStrategy[np.ndarray]:
    """Numbers whose magnitude is in the interval: off the kink at zero."""
    signs = arrays(dtype, shape, elements=st.sampled_from([-1.0, 1.0]))
    return st.builds(np.multiply, signs, filled(dtype, shape, interval))


def each(*intervals: Interval) -> Draw:
    """One array of the given shape for each interval."""
    return lambda dtype, shape: st.tuples(*(filled(dtype, shape, i) for i in intervals))


def off_zero(dtype: DType, shape: Shape) -> SearchStrategy[Primals]:
    return st.tuples(signed(dtype, shape, (1 / 8, 4)))


def scores_and_signs(dtype: DType, shape: Shape) -> SearchStrategy[Primals]:
    return st.tuples(filled(dtype, shape), signed(dtype, shape, (1, 1)))


def scores_inside_the_margin(dtype: DType, shape: Shape) -> SearchStrategy[Primals]:
    return st.tuples(signed(dtype, shape, (1 / 8, 3 / 4)), signed(dtype, shape, (1, 1)))


def log_probabilities_and_labels(dtype: DType, shape: Shape) -> SearchStrategy[Primals]:
    labels = arrays(np.int64, shape[0], elements=st.integers(0, shape[1] - 1))
    return st.tuples(filled(dtype, shape, (-8, 0)), labels)


def with_parameters(*shapes: Shape) -> Draw:
    """`x` of the given shape, then one array of each of the shapes; all in [-1, 1]."""
    return lambda dtype, shape: st.tuples(*(filled(dtype, s, UNIT) for s in (shape, *shapes)))
