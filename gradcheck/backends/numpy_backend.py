"""NumPy arrays (the dtypes of ml_dtypes among them), NumPy scalars and Python numbers."""

import sys
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from gradcheck.backends.base import Precision


class NumpyBackend:
    """See `Backend`. A Python float is a float64 array of no dimensions."""

    def owns(self, kind: type) -> bool:
        return issubclass(kind, (np.ndarray, np.generic, float, complex, int, bool))

    def is_floating(self, x: Any) -> bool:
        return _is_floating(_dtype(x))

    def is_complex(self, x: Any) -> bool:
        return _dtype(x).kind == "c"

    def precision(self, x: Any) -> Precision:
        return _precision(_dtype(x))

    def dtype(self, x: Any) -> str:
        return str(_dtype(x))

    def shape(self, x: Any) -> tuple[int, ...]:
        return np.shape(x)

    def copy(self, x: Any) -> Any:
        return x.copy(order="K") if isinstance(x, np.ndarray) else x

    def cast(self, x: Any, precision: str) -> Any:
        dtype = np.dtype(precision)
        wide = np.result_type(dtype, np.complex64) if self.is_complex(x) else dtype
        return _kind(np.asarray(x).astype(wide, copy=True), x)

    def like(self, values: np.ndarray, x: Any) -> Any:
        values = values[..., 0] + 1j * values[..., 1] if self.is_complex(x) else values
        array = np.empty_like(np.asarray(x), shape=np.shape(values))
        with np.errstate(over="ignore"):
            array[...] = values
        return _kind(array, x)

    def step(self, x: Any, t: float, v: np.ndarray) -> Any:
        array = np.asarray(x)
        direction = v[..., 0] + 1j * v[..., 1] if self.is_complex(x) else v
        # Two roundings for float64, one for what is narrower: the displacement that counts is
        # measured afterwards from what the step really was.
        moved = np.asarray(float(t) * direction)
        moved = np.add(array, moved, out=moved if moved.dtype == array.dtype else None)
        return _kind(np.asarray(moved).astype(array.dtype, copy=False), x)

    def values(self, x: Any) -> np.ndarray:
        array = np.asarray(x)
        if self.is_complex(x):
            parts = np.stack([np.real(array), np.imag(array)], axis=-1)
            return parts.astype(np.float64, copy=False)
        return array.astype(np.float64, copy=False)

    def flat(self, x: Any) -> Any:
        array = np.asarray(x).reshape(-1)
        return array.view(np.real(array).dtype) if self.is_complex(x) else array

    def same(self, x: Any, y: Any) -> bool:
        a, b = np.asarray(x), np.asarray(y)
        if a.shape != b.shape or a.dtype != b.dtype:
            return False
        return np.array_equal(a, b) or np.array_equal(a, b, equal_nan=self.is_floating(a))

    def restore(self, x: Any, y: Any) -> None:
        if isinstance(x, np.ndarray) and x.flags.writeable:
            x[...] = y

    def shares(self, x: Any, y: Any) -> bool:
        both = isinstance(x, np.ndarray) and isinstance(y, np.ndarray)
        return both and x.size > 0 and np.may_share_memory(x, y) and overlap(x, y)

    def broadcast(self, x: Any) -> Any:
        if not isinstance(x, np.ndarray) or x.size < 2:
            return x
        # Not broadcast_to: what it returns cannot be written to, which some libraries warn of.
        one = np.ones((), x.dtype)
        return np.lib.stride_tricks.as_strided(one, x.shape, (0,) * x.ndim)

    def layouts(self, x: Any) -> Iterator[tuple[str, Any]]:
        if not isinstance(x, np.ndarray) or x.ndim == 0 or x.size < 2:
            return
        if x.ndim > 1 and not (x.flags.c_contiguous and x.flags.f_contiguous):
            order = "C" if x.flags.f_contiguous else "F"
            yield f"in {'C' if order == 'C' else 'Fortran'} order", np.array(x, order=order)
        wide = np.full((*x.shape[:-1], 2 * x.shape[-1]), np.nan, dtype=x.dtype)
        wide[..., ::2] = x
        yield "every second element of a wider array", wide[..., ::2]
        yield "with negative strides", x[..., ::-1].copy(order="C")[..., ::-1]


def _dtype(x: Any) -> np.dtype:
    return x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype


@lru_cache
def _is_floating(dtype: np.dtype) -> bool:
    return np.issubdtype(dtype, np.inexact) or _extended(dtype) is not None


@lru_cache
def _precision(dtype: np.dtype) -> Precision:
    info: Any = _extended(dtype) or np.finfo(dtype)
    return Precision(
        name=str(info.dtype),
        bits=int(info.nmant) + 1,
        eps=float(info.eps),
        tiny=float(info.tiny),
        largest=float(info.max),
    )


def _extended(dtype: np.dtype) -> Any:
    """Returns what ml_dtypes says of one of its own dtypes, None of any other."""
    library = sys.modules.get("ml_dtypes")
    if library is None or np.issubdtype(dtype, np.number) or dtype.kind in "bOSUmM":
        return None
    try:
        return library.finfo(dtype)
    except (TypeError, ValueError, KeyError):
        return None


def overlap(x: np.ndarray, y: np.ndarray) -> bool:
    """Returns whether two arrays are known to have an address in common."""
    try:
        return np.shares_memory(x, y, max_work=1000)  # pyright: ignore
    except RuntimeError:  # too hard to tell apart: two interleaved views
        return False


def _kind(array: np.ndarray, like: Any) -> Any:
    """Returns the array as the kind of thing that `like` is: array, NumPy scalar, Python number."""
    if isinstance(like, np.ndarray):
        return array
    if isinstance(like, np.generic):
        return array[()]
    return array.item() if array.dtype in (np.float64, np.complex128) else array[()]
