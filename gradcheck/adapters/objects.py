"""Python objects as trees of arrays: reaching, setting and copying what a layer holds."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck import replay
from gradcheck.adapters import conventions

MAX_DEPTH = 6


@dataclass(frozen=True)
class Place:
    """Where something stands below an object: attributes, items of containers, method calls.

    Attributes:
        steps: (how, key) pairs; how is "attribute", "item" or "call".
    """

    steps: tuple[tuple[str, Any], ...] = ()

    def attribute(self, name: str) -> "Place":
        """Returns the place of an attribute of what stands here."""
        return Place((*self.steps, ("attribute", name)))

    def item(self, key: Any) -> "Place":
        """Returns the place of an item of what stands here."""
        return Place((*self.steps, ("item", key)))

    def call(self, name: str) -> "Place":
        """Returns the place of what a method of what stands here returns."""
        return Place((*self.steps, ("call", name)))

    def get(self, thing: Any) -> Any:
        """Returns what stands at this place of the thing, None where nothing does."""
        for step in self.steps:
            thing = _step(thing, step)
            if thing is None:
                return None
        return thing

    def set(self, thing: Any, value: Any) -> None:
        """Writes a value here, into the array that stands here where that is possible.

        Writing in place keeps every other name of the same array (a list of all parameters, say)
        in agreement.
        """
        current = self.get(thing)
        if isinstance(current, np.ndarray) and _fits(current, value):
            current[...] = value
            return
        if type(value) is np.ndarray:
            value = value.copy()  # the next value may be written into what stands here
        owner, (how, key) = Place(self.steps[:-1]).get(thing), self.steps[-1]
        if how == "attribute":
            setattr(owner, key, value)
        elif how == "item":
            owner[key] = value
        else:
            raise TypeError(f"{self}: cannot write {np.asarray(value).dtype} values there")

    def __str__(self) -> str:
        text = ""
        for how, key in self.steps:
            if how == "attribute":
                text += f".{key}"
            elif how == "call":
                text += f".{key}()"
            else:
                text += f"[{key!r}]" if not isinstance(key, str) else f".{key}"
        return text.lstrip(".")


def attributes(thing: Any) -> dict[str, Any]:
    """Returns the instance attributes of an object by name (its `__slots__` too)."""
    found = {}
    for cls in type(thing).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if not name.startswith("__"):
                value = getattr(thing, name, None)
                if value is not None:
                    found[name] = value
    return found | dict(getattr(thing, "__dict__", {}))


def children(thing: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    """Yields the user's own objects that a thing holds, directly or in lists, tuples, dicts."""
    for name, value in attributes(thing).items():
        yield from _held(value, place.attribute(name), MAX_DEPTH)


def _held(value: Any, here: Place, depth: int) -> Iterator[tuple[Place, Any]]:
    if isinstance(value, (Mapping, list, tuple)):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, item in items if depth else ():
            yield from _held(item, here.item(key), depth - 1)
    elif is_object(value):
        yield here, value


def is_object(value: Any) -> bool:
    """Returns whether a value is an instance of a user's class, not of Python's or NumPy's."""
    module = type(value).__module__.split(".")[0]
    return (
        module not in ("builtins", "numpy", "collections", "functools", "random", "_thread")
        and not isinstance(value, type)
        and (hasattr(value, "__dict__") or hasattr(type(value), "__slots__"))
    )


def walk(thing: Any, place: Place | None = None, depth: int = 0) -> Iterator[tuple[Place, Any]]:
    """Yields a thing and all of the user's objects below it, each once, with their places."""
    yield from _walk(thing, place or Place(), depth, set())


def resets(thing: Any) -> bool:
    """Returns whether a thing, or a part of it, has a method that sets gradients to zero."""
    return any(conventions.is_reset(name) for _, part in walk(thing) for name in dir(type(part)))


def cloned(thing: Any, precision: str | None = None) -> Any:
    """Returns a deep copy; with a precision, one whose narrower floating arrays are cast to it.

    Within a run that is recorded or replayed, its floating arrays are traced.
    """
    memo: dict[int, Any] = {}
    result = copy.deepcopy(thing, memo)
    if precision is None and not replay.is_running():
        return result
    originals = [a for a in memo.get(id(memo), []) if isinstance(a, np.ndarray)]
    if precision is not None:
        wide = np.dtype(precision)
        cast = {id(a): a.astype(wide) for a in originals if _is_narrower(a.dtype, wide)}
    else:
        cast = {}
    copies = {id(a): replay.traced(cast.get(id(a), a)) for a in originals}
    return copy.deepcopy(thing, copies if replay.is_running() else cast)


def _step(thing: Any, step: tuple[str, Any]) -> Any:
    how, key = step
    if how == "attribute":
        return getattr(thing, key, None)
    if how == "call":
        return getattr(thing, key)()
    try:
        return thing[key]
    except (KeyError, IndexError, TypeError):
        return None


def _walk(thing: Any, place: Place, depth: int, seen: set[int]) -> Iterator[tuple[Place, Any]]:
    if id(thing) in seen or depth > MAX_DEPTH:
        return
    seen.add(id(thing))
    yield place, thing
    for where, child in children(thing, place):
        yield from _walk(child, where, depth + 1, seen)


def _fits(current: np.ndarray, value: Any) -> bool:
    value = np.asarray(value)
    same = current.dtype == value.dtype and current.shape == value.shape
    return same and current.flags.writeable


def _is_narrower(dtype: np.dtype, wide: np.dtype) -> bool:
    return np.issubdtype(dtype, np.floating) and dtype.itemsize < wide.itemsize
