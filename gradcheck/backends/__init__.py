"""The few array primitives that the core needs, one short file for each array library.

A backend is asked for by the array it owns; a library is never imported here, only used where the
user has imported it already.
"""

from typing import Any

from gradcheck.backends import numpy_backend
from gradcheck.backends.base import Backend, Precision

BACKENDS: tuple[Backend, ...] = (numpy_backend.NumpyBackend(),)

__all__ = ["BACKENDS", "Backend", "Precision", "is_array", "of"]


def of(array: Any) -> Backend:
    """Returns the backend that owns the array.

    Raises:
        TypeError: no backend does.
    """
    for backend in BACKENDS:
        if backend.owns(array):
            return backend
    raise TypeError(f"expected an array, got {type(array).__name__}")


def is_array(value: Any) -> bool:
    """Returns whether some backend owns the value."""
    return any(backend.owns(value) for backend in BACKENDS)
