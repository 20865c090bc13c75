"""What the core asks of an array library, and nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Precision:
    """The floating-point numbers of a dtype; of a complex one, those of its two parts.

    Attributes:
        name: the name of the real dtype.
        bits: significand bits p, the hidden one counted (53 for float64).
        eps: the spacing of the numbers in [1, 2), 2^(1-p).
        tiny: the smallest normal number.
        largest: the largest finite number.
    """

    name: str
    bits: int
    eps: float
    tiny: float
    largest: float


class Backend(Protocol):
    """The primitives.

    The core sees an array as its *coordinates*: real float64 values in the array's shape; a complex
    array has a last axis of two more, its real and its imaginary part. A gradient ∂L/∂Re + i ∂L/∂Im
    (PyTorch's convention) is then the gradient with respect to the coordinates, and nothing else in
    the core knows of complex numbers. Results of arithmetic stay in the array's own library, dtype
    and device; dot products accumulate in float64.
    """

    def owns(self, kind: type) -> bool:
        """Returns whether a type is one of this library's arrays (or array scalars)."""
        ...

    def is_floating(self, x: Any) -> bool:
        """Returns whether the dtype is a floating one, real or complex."""
        ...

    def is_complex(self, x: Any) -> bool:
        """Returns whether the dtype is a complex one."""
        ...

    def precision(self, x: Any) -> Precision:
        """Returns the precision of a floating array."""
        ...

    def dtype(self, x: Any) -> str:
        """Returns the name of the dtype, as the library's users say it."""
        ...

    def shape(self, x: Any) -> tuple[int, ...]:
        """Returns the shape."""
        ...

    def copy(self, x: Any) -> Any:
        """Returns a copy with the same dtype and, where possible, memory order."""
        ...

    def cast(self, x: Any, precision: str) -> Any:
        """Returns a copy in the named precision."""
        ...

    def like(self, values: np.ndarray, x: Any) -> Any:
        """Returns coordinates as an array of the kind (type, dtype, shape, device) of x."""
        ...

    def step(self, x: Any, t: float, v: np.ndarray) -> Any:
        """Returns x + t v, rounded once to the dtype of x."""
        ...

    def values(self, x: Any) -> np.ndarray:
        """Returns the coordinates as a float64 NumPy array (not a copy where it is one)."""
        ...

    def flat(self, x: Any) -> Any:
        """Returns the coordinates along one axis, in the precision of x; a view where possible."""
        ...

    def same(self, x: Any, y: Any) -> bool:
        """Returns whether two arrays are equal bit for bit (NaN equals NaN)."""
        ...

    def restore(self, x: Any, y: Any) -> None:
        """Writes the values of y into x, where x can be written to."""
        ...

    def shares(self, x: Any, y: Any) -> bool:
        """Returns whether two arrays share memory."""
        ...

    def broadcast(self, x: Any) -> Any:
        """Returns ones in the kind of x that all stand in one place; x itself where it has one."""
        ...

    def layouts(self, x: Any) -> Iterator[tuple[str, Any]]:
        """Yields the same values in other memory layouts, each with its name."""
        ...
