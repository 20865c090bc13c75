"""What code may ask for (steps, sizes), and how it is said that it asks for more, or for others."""

from collections.abc import Sequence
from typing import Any

import numpy as np

MOST_ENTRIES = 20_000
MOST_ITEMS = 4000
MOST_CHARACTERS = 4000
LARGEST = 1e15  # of whole numbers, which could grow without end

FAILS = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError)
"""What code raises on arguments that do not fit it."""


class NotReadable(Exception):
    """Code beyond the whitelist: the message says what."""


class UnknownName(NotReadable):
    """A name that nothing in the document defines."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the name {name[:30]}, which is not known")
        self.name = name


class Missing(Exception):
    """An argument that no earlier step gives: its name, and what it is."""

    def __init__(self, name: str, spec: Any) -> None:
        super().__init__(name)
        self.name, self.spec = name, spec


class Exhausted(NotReadable):
    """The steps that a document may take are used up."""


class Raised(ValueError):
    """The code itself raises an error on these arguments."""


class Wants(ValueError):
    """A value of the wrong kind where another is wanted: what it is, and what would fit.

    Attributes:
        value: the value that does not fit.
        kind: what is wanted: "rank", "entry", "items", "function", "indices", "array".
        detail: the rank, or the key of the entry.
    """

    def __init__(self, value: Any, kind: str, detail: Any = None) -> None:
        super().__init__(f"{kind} {detail}" if detail is not None else kind)
        self.value, self.kind, self.detail = value, kind, detail


class Budget:
    """The steps that are left: each statement, call and item of a loop takes one."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def spend(self, steps: int = 1) -> None:
        """Takes steps.

        Raises:
            Exhausted: none are left.
        """
        self.left -= steps
        if self.left < 0:
            raise Exhausted("it takes too many steps")


def small(value: Any) -> Any:
    """Returns a value as it is.

    Raises:
        NotReadable: it is too large, or an array of something else than real numbers.
    """
    if isinstance(value, np.ndarray | np.generic):
        if value.size > MOST_ENTRIES:
            raise NotReadable("an array that is too large")
        if value.dtype.kind not in "fiub":
            raise NotReadable("an array of something other than real numbers")
        return value
    match value:
        case bool() | float() | None:
            pass
        case int():
            if abs(value) > LARGEST:
                raise NotReadable("a number that is too large")
        case str():
            if len(value) > MOST_CHARACTERS:
                raise NotReadable("a text that is too long")
        case list() | tuple() | dict() | set():
            if len(value) > MOST_ITEMS:
                raise NotReadable("a list that is too long")
        case complex():
            raise NotReadable("complex numbers")
        case _:
            pass
    return value


def room(shape: Sequence[Any]) -> tuple[int, ...]:
    """Returns a shape as whole numbers.

    Raises:
        NotReadable: it is none, or an array of it would be too large.
    """
    extents = []
    for n in shape:
        if not isinstance(n, int | np.integer) or n < 0:
            raise Wants(n, "size") if isinstance(n, np.ndarray) else TypeError("no shape")
        extents.append(int(n))
    if np.prod(np.array(extents, dtype=float)) > MOST_ENTRIES:
        raise NotReadable("an array that is too large")
    return tuple(extents)
