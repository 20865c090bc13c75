"""NumPy arrays, NumPy scalars and Python floats."""

from typing import Any

import numpy as np

from gradcheck.backends.base import Precision


class NumpyBackend:
    """See `Backend`. A Python float is a float64 array of no dimensions."""

    def owns(self, value: Any) -> bool:
        return isinstance(value, (np.ndarray, np.generic, float, complex, int, bool))

    def is_floating(self, x: Any) -> bool:
        return np.issubdtype(np.asarray(x).dtype, np.floating)

    def precision(self, x: Any) -> Precision:
        info = np.finfo(np.asarray(x).dtype)
        return Precision(
            name=str(info.dtype),
            bits=info.nmant + 1,
            eps=float(info.eps),
            tiny=float(info.tiny),
            largest=float(info.max),
        )

    def copy(self, x: Any) -> Any:
        return x.copy(order="K") if isinstance(x, np.ndarray) else x

    def cast(self, x: Any, precision: str) -> Any:
        return _kind(np.asarray(x).astype(precision, copy=True), x)

    def like(self, values: np.ndarray, x: Any) -> Any:
        array = np.empty_like(np.asarray(x))
        with np.errstate(over="ignore"):
            array[...] = values
        return _kind(array, x)

    def step(self, x: Any, t: float, v: np.ndarray) -> Any:
        array = np.asarray(x)
        # Two roundings for float64, one for what is narrower: the displacement that counts is
        # measured afterwards from what the step really was.
        return _kind((array + t * v).astype(array.dtype, copy=False), x)

    def values(self, x: Any) -> np.ndarray:
        return np.asarray(x).astype(np.float64, copy=False)

    def same(self, x: Any, y: Any) -> bool:
        a, b = np.asarray(x), np.asarray(y)
        return (
            a.shape == b.shape
            and a.dtype == b.dtype
            and np.array_equal(a, b, equal_nan=np.issubdtype(a.dtype, np.inexact))
        )

    def shape(self, x: Any) -> tuple[int, ...]:
        return np.shape(x)


def _kind(array: np.ndarray, like: Any) -> Any:
    """Returns the array as the kind of thing that `like` is: array, NumPy scalar, Python float."""
    if isinstance(like, np.ndarray):
        return array
    if isinstance(like, np.generic):
        return array[()]
    return array.item() if array.dtype == np.float64 else array[()]
