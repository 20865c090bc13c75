"""The few array primitives that the core needs, one short file for each array library.

A backend is asked for by the array it owns; a library is never imported here, only used where the
user has imported it already.
"""

import math
from functools import lru_cache
from typing import Any

from gradcheck.backends import numpy_backend, torch_backend
from gradcheck.backends.base import Backend, Precision

BACKENDS: tuple[Backend, ...] = (
    numpy_backend.NumpyBackend(),
    torch_backend.TorchBackend(),
)

__all__ = [
    "BACKENDS",
    "Backend",
    "Precision",
    "coordinates",
    "is_array",
    "is_floating",
    "of",
    "size",
]


def of(array: Any) -> Backend:
    """Returns the backend that owns the array.

    Raises:
        TypeError: no backend does.
    """
    backend = _owner(array.__class__)
    if backend is None:
        raise TypeError(f"expected an array, got {type(array).__name__}")
    return backend


def is_array(value: Any) -> bool:
    """Returns whether some backend owns the value."""
    return _owner(value.__class__) is not None


def is_floating(value: Any) -> bool:
    """Returns whether a value is a floating array, real or complex."""
    backend = _owner(value.__class__)
    return backend is not None and backend.is_floating(value)


def coordinates(x: Any) -> tuple[int, ...]:
    """Returns the shape of the coordinates: that of x, with a last axis of two where it is complex.

    >>> import numpy as np
    >>> coordinates(np.zeros(3)), coordinates(np.zeros(3, complex))
    ((3,), (3, 2))
    """
    backend = of(x)
    return (*backend.shape(x), 2) if backend.is_complex(x) else backend.shape(x)


def size(x: Any) -> int:
    """Returns the number of entries of an array."""
    return math.prod(of(x).shape(x))


@lru_cache
def _owner(kind: type) -> Backend | None:
    """Returns the backend of a type of arrays, None for any other type.

    Asked with `__class__`, not `type`: arrays that record what is done to them pass for arrays.
    """
    return next((backend for backend in BACKENDS if backend.owns(kind)), None)
