"""The parameters of a layer object, and where the gradient of each is found after backward."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from gradcheck.adapters import conventions
from gradcheck.adapters.objects import Place, attributes, is_object, walk
from gradcheck.errors import InvalidInput
from gradcheck.structure import describe


@dataclass(frozen=True)
class Gradient:
    """Where a gradient is found: stored in the object, returned by backward, or in its update."""

    how: Literal["stored", "returned", "update", "missing", "function"]
    where: Any = None

    @classmethod
    def stored(cls, place: Place) -> "Gradient":
        """Returns the gradient that stands at a place of the object."""
        return cls("stored", place)

    @classmethod
    def returned(cls, key: Any) -> "Gradient":
        """Returns the gradient under this key of what backward returns (None: all of it)."""
        return cls("returned", key)

    @classmethod
    def update(cls, rate: float) -> "Gradient":
        """Returns the gradient that (before - after) / rate is."""
        return cls("update", rate)

    @classmethod
    def missing(cls) -> "Gradient":
        """Returns the gradient that is nowhere."""
        return cls("missing")

    def read(self, thing: Any, returned: Any, change: tuple[Any, Any] | None) -> Any:
        """Returns the gradient after a backward, None where there is none."""
        if self.how == "stored":
            return self.where.get(thing)
        if self.how == "function":
            function, name = self.where
            return function(thing).get(name)
        if self.how == "returned":
            for key in self.where if isinstance(self.where, tuple) else (self.where,):
                returned = returned if key is None else _item(returned, key)
            return returned
        if self.how == "update" and change is not None:
            before, after = change
            return (np.asarray(before) - np.asarray(after)) / self.where
        return None

    def clear(self, thing: Any) -> None:
        """Sets a stored gradient to zero: a layer that accumulates starts from nothing."""
        value = self.where.get(thing) if self.how == "stored" else None
        if isinstance(value, np.ndarray) and value.flags.writeable:
            value[...] = 0


Found = dict[str, tuple[Place, Gradient | None]]


def explicit(
    parameters: Mapping[str, str] | Callable[[Any], Mapping[str, Any]],
    gradients: Mapping[str, str] | Callable[[Any], Mapping[str, Any]] | None,
    after: Any,
) -> Found:
    """Returns the parameters and gradients that the user named.

    Raises:
        InvalidInput: nothing stands where one is said to be.
    """
    names = parameters(after) if callable(parameters) else parameters
    found: Found = {}
    for name in names:
        place = FunctionPlace(parameters, name) if callable(parameters) else _path(parameters[name])
        if not _is_number(place.get(after)):
            raise InvalidInput(
                f"parameter {name!r}: wanted a floating array at {place}, "
                f"got {describe(place.get(after))}"
            )
        found[name] = (place, _explicit_gradient(name, gradients))
    return found


def named(
    found: Found,
    gradients: Mapping[str, str] | Callable[[Any], Mapping[str, Any]] | None,
    after: Any,
) -> Found:
    """Returns those discovered parameters whose gradients the user named, with these.

    Raises:
        InvalidInput: a gradient is named for what is no parameter.
    """
    if gradients is None:
        return {}
    names = gradients(after) if callable(gradients) else gradients
    unknown = [name for name in names if name not in found]
    if unknown:
        known = ", ".join(map(repr, found)) or "none"
        raise InvalidInput(
            f"gradients names {unknown[0]!r}, and there is no such parameter: found were {known}; "
            f"say where it stands, parameters={{{unknown[0]!r}: ...}}"
        )
    return {name: (found[name][0], _explicit_gradient(name, gradients)) for name in names}


@dataclass(frozen=True)
class FunctionPlace(Place):
    """A parameter that only a function of the user's can reach; written in place."""

    def __init__(self, function: Callable[[Any], Mapping[str, Any]], name: str) -> None:
        object.__setattr__(self, "steps", ())
        object.__setattr__(self, "function", function)
        object.__setattr__(self, "name", name)

    def get(self, thing: Any) -> Any:
        """Returns what the function says stands there."""
        return self.function(thing).get(self.name)  # pyright: ignore

    def set(self, thing: Any, value: Any) -> None:
        """Writes into the array that the function returns."""
        self.get(thing)[...] = value

    def __str__(self) -> str:
        return self.name  # pyright: ignore


def discovered(before: Any, after: Any, rewritten: set[str], *, every_array: bool = False) -> Found:
    """Returns the parameters that an object holds, by the conventions of `conventions`.

    Args:
        before: the object before anything was called.
        after: a copy after a forward and a backward: gradients may exist only then.
        rewritten: places that a forward writes; they hold caches, not parameters.
        every_array: whether to return every floating array instead, parameter or not.
    """
    found: Found = {}
    seen: set[int] = set()
    for place, thing in walk(before):
        other = place.get(after)
        source = _every_array(thing, place) if every_array else _own(thing, other, place)
        for where, gradient in source:
            value = where.get(before)
            name = str(where)
            known = name in found or id(value) in seen
            if known or not _is_number(value) or name in rewritten:
                continue
            if isinstance(value, np.ndarray):
                seen.add(id(value))
            found[name] = (where, gradient)
    return found


def _own(thing: Any, after: Any, place: Place) -> Iterator[tuple[Place, Gradient | None]]:
    """Yields the parameters of one object: attributes first (their names are the best)."""
    yield from _attribute_pairs(thing, after, place)
    yield from _parameter_objects(thing, place)
    yield from _stores(thing, after, place)
    for name, value in attributes(thing).items():
        if _is_number(value) and conventions.is_parameter_name(name):
            if np.ndim(value) or conventions.is_scalar_parameter(name):
                yield place.attribute(name), None


def _attribute_pairs(thing: Any, after: Any, place: Place) -> Iterator[tuple[Place, Gradient]]:
    names = attributes(after)
    stores = [(n, v) for n, v in names.items() if _is_gradient_store(n) and isinstance(v, Mapping)]
    for name, value in attributes(thing).items():
        if not _is_number(value) or _looks_like_gradient(name, names):
            continue
        stored = conventions.find_gradient((n for n in names if n != name), name)
        if stored is not None and _may_be_gradient(names[stored]):
            yield place.attribute(name), Gradient.stored(place.attribute(stored))
            continue
        for store, gradients in stores:
            key = name if name in gradients else conventions.find_gradient(gradients, name)
            if key is not None:
                yield place.attribute(name), Gradient.stored(place.attribute(store).item(key))
                break


def _parameter_objects(thing: Any, place: Place) -> Iterator[tuple[Place, Gradient]]:
    """Yields attributes that hold a value and its gradient: layer.W.data and layer.W.grad."""
    for name, value in attributes(thing).items():
        if is_object(value):
            pair = _value_and_gradient(value)
            if pair:
                here = place.attribute(name)
                yield here.attribute(pair[0]), Gradient.stored(here.attribute(pair[1]))


def _stores(thing: Any, after: Any, place: Place) -> Iterator[tuple[Place, Gradient | None]]:
    """Yields the items of a dictionary or list of all parameters, and of the one of gradients."""
    for where, values in _read_stores(thing, place, conventions.PARAMETER_STORES):
        own = conventions.find_gradient(attributes(after), str(where.steps[-1][1]))
        names = ((own,) if own else ()) + conventions.GRADIENT_STORES
        gradients = next(_read_stores(after, place, names), (None, None))
        items = values.items() if isinstance(values, Mapping) else enumerate(values)
        for key, item in items:
            if is_object(item) and _value_and_gradient(item):
                value, gradient = _value_and_gradient(item) or ("", "")
                here = where.item(key)
                yield here.attribute(value), Gradient.stored(here.attribute(gradient))
            elif _is_number(item):
                yield where.item(key), _in_store(gradients, key)


def _in_store(store: tuple[Place | None, Any], key: Any) -> Gradient | None:
    where, values = store
    if where is None:
        return None
    if isinstance(values, Mapping):
        key = key if key in values else conventions.find_gradient(values, str(key))
        return Gradient.stored(where.item(key)) if key is not None else None
    return Gradient.stored(where.item(key)) if isinstance(key, int) else None


def _read_stores(
    thing: Any, place: Place, names: tuple[str, ...]
) -> Iterator[tuple[Place, Mapping | list | tuple]]:
    for name in names:
        value = getattr(thing, name, None)
        where = place.attribute(name)
        if callable(value) and not is_object(value):
            try:
                value, where = value(), place.call(name)
            except Exception:  # a method of this name that wants arguments is not a store
                continue
        if isinstance(value, (Mapping, list, tuple)) and len(value):
            yield where, value


def _every_array(thing: Any, place: Place) -> Iterator[tuple[Place, None]]:
    for name, value in attributes(thing).items():
        here = place.attribute(name)
        if _is_number(value):
            yield here, None
        elif isinstance(value, Mapping):
            yield from ((here.item(key), None) for key in value)
        elif isinstance(value, (list, tuple)):
            yield from ((here.item(i), None) for i in range(len(value)))


def _value_and_gradient(thing: Any) -> tuple[str, str] | None:
    names = attributes(thing)
    value = conventions.find(names, conventions.PARAMETER_VALUE)
    gradient = conventions.find(names, conventions.PARAMETER_GRADIENT)
    if value is None or gradient is None or not _is_number(names[value]):
        return None
    return value, gradient


def _looks_like_gradient(name: str, names: Mapping[str, Any]) -> bool:
    """Whether an attribute is itself the gradient of another one that is there."""
    return any(conventions.find_gradient((name,), other) for other in names if other != name)


def _is_gradient_store(name: str) -> bool:
    return conventions.plain(name) in map(conventions.plain, conventions.GRADIENT_STORES)


def _explicit_gradient(
    name: str, gradients: Mapping[str, str] | Callable[[Any], Mapping[str, Any]] | None
) -> Gradient | None:
    if gradients is None:
        return None
    if callable(gradients):
        return Gradient("function", (gradients, name))
    return Gradient.stored(_path(gradients[name])) if name in gradients else Gradient.missing()


def _path(text: str) -> Place:
    """Returns the place that a dotted path names: attributes first, items of mappings else."""
    place = Place()
    for name in text.split("."):
        place = PathPlace((*place.steps, ("attribute", name)))
    return place


class PathPlace(Place):
    """A place whose steps are attributes or, in a mapping or list, items."""

    def get(self, thing: Any) -> Any:
        """Returns what stands there, None where nothing does."""
        for _, name in self.steps:
            thing = (
                _item(thing, name)
                if isinstance(thing, (Mapping, list, tuple))
                else getattr(thing, name, None)
            )
        return thing


def _item(container: Any, key: Any) -> Any:
    if isinstance(container, (list, tuple)) and isinstance(key, str) and key.isdigit():
        key = int(key)
    try:
        return container[key]  # pyright: ignore
    except (KeyError, IndexError, TypeError):
        return None


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (
        isinstance(value, (np.ndarray, np.generic)) and np.issubdtype(value.dtype, np.floating)
    )


def _may_be_gradient(value: Any) -> bool:
    return value is None or _is_number(value) or isinstance(value, (int, np.ndarray))
