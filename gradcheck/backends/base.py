"""What the core asks of an array library, and nothing else."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Precision:
    """The floating-point numbers of a dtype.

    Attributes:
        name: the dtype's name.
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
    """The primitives. Directions are float64 NumPy arrays; results of arithmetic stay in the
    array's own library and dtype; dot products accumulate in float64.
    """  # noqa: D205

    def owns(self, value: Any) -> bool:
        """Returns whether the value is an array (or array scalar) of this library."""
        ...

    def is_floating(self, x: Any) -> bool:
        """Returns whether the dtype is a real floating one."""
        ...

    def precision(self, x: Any) -> Precision:
        """Returns the precision of a floating array."""
        ...

    def copy(self, x: Any) -> Any:
        """Returns a copy with the same dtype and, where possible, memory order."""
        ...

    def cast(self, x: Any, precision: str) -> Any:
        """Returns a copy in the named precision."""
        ...

    def like(self, values: np.ndarray, x: Any) -> Any:
        """Returns float64 values as an array of the kind (type, dtype, shape) of x."""
        ...

    def step(self, x: Any, t: float, v: np.ndarray) -> Any:
        """Returns x + t v, rounded once to the dtype of x."""
        ...

    def values(self, x: Any) -> np.ndarray:
        """Returns the values as a float64 NumPy array (not a copy where it is one)."""
        ...

    def same(self, x: Any, y: Any) -> bool:
        """Returns whether two arrays are equal bit for bit (NaN equals NaN)."""
        ...

    def shape(self, x: Any) -> tuple[int, ...]:
        """Returns the shape."""
        ...
