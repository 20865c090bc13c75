"""Objects within an object, watched: every call of their methods is recorded, and may be displaced.

The methods of a copy's parts are wrapped in a subclass made for each of their types, so that a call
is seen however it is made; what a part does within itself is its own affair and is not recorded.
"""

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gradcheck import backends
from gradcheck.adapters import conventions
from gradcheck.adapters.calls import is_layer_class
from gradcheck.adapters.objects import walk
from gradcheck.structure import leaves, rebuild

WATCHED = "_gradcheck_watched"
"""The attribute of the subclasses that holds the class they were made of."""


@dataclass(eq=False, kw_only=True)
class Recorded:
    """One call of a part.

    Attributes:
        path: where the part stands in the network.
        part: the part, which goes on to be used.
        before: a copy of it as it was before the call; None where it cannot be copied.
        method: the name of the method that was called.
        args: copies of its arguments.
        kwargs: those by name.
        result: what it returned, copied.
        backward: the name of the method by which it was asked for the cotangents.
        given: copies of the arguments of that, None where it was not.
        returned: what that returned, copied.
    """

    path: str
    part: Any
    before: Any
    method: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any = None
    backward: str = ""
    given: tuple[Any, ...] | None = None
    returned: Any = None


Displace = Callable[[int, Any, Any], Any]
"""(number of the call, the part, what it returned) -> what its caller gets instead."""


@dataclass
class Watch:
    """Records the calls that the network itself makes of its parts.

    Attributes:
        displace: what a part's caller gets.
        keeps: whether the parts are copied as they were before each call.
        calls: in the order of the forward pass.
        inside: whether a part is running: what it calls itself is not recorded.
    """

    displace: Displace | None = None
    keeps: bool = True
    calls: list[Recorded] = field(default_factory=list)
    inside: bool = False

    def forward(
        self, part: Any, path: str, name: str, run: Callable, args: tuple, kwargs: dict
    ) -> Any:
        """Runs a forward method of a part, or a rule of its, and records it."""
        if self.inside:
            return run(*args, **kwargs)
        recorded = Recorded(
            path=path,
            part=part,
            before=_unwatched_copy(part) if self.keeps else None,
            method=name,
            args=copied(args),
            kwargs=copied(kwargs),
        )
        number = len(self.calls)
        self.calls.append(recorded)
        result = self._within(run, args, kwargs)
        recorded.result = copied(result)
        if isinstance(result, tuple) and len(result) == 2 and callable(result[1]):
            result = (result[0], self._pullback(number, result[1]))
        return result if self.displace is None else self.displace(number, part, result)

    def backward(
        self, part: Any, path: str, name: str, run: Callable, args: tuple, kwargs: dict
    ) -> Any:
        """Runs a backward method of a part: it answers the last call that is not answered yet."""
        if self.inside:
            return run(*args, **kwargs)
        own = [i for i, c in enumerate(self.calls) if c.part is part]
        number = next((i for i in reversed(own) if self.calls[i].given is None), None)
        if number is None:
            return self._within(run, args, kwargs)
        return self._answered(number, name, run, args, kwargs)

    def _pullback(self, number: int, pullback: Callable) -> Callable[..., Any]:
        return lambda *args, **kwargs: self._answered(number, "", pullback, args, kwargs)

    def _answered(self, number: int, name: str, run: Callable, args: tuple, kwargs: dict) -> Any:
        recorded = self.calls[number]
        recorded.backward, recorded.given = name, copied((*args, *kwargs.values()))
        returned = self._within(run, args, kwargs)
        recorded.returned = copied(returned)
        return returned

    def _within(self, run: Callable, args: tuple, kwargs: dict) -> Any:
        before, self.inside = self.inside, True
        try:
            return run(*args, **kwargs)
        finally:
            self.inside = before


def watch_layers(thing: Any, watch: Watch) -> None:
    """Watches the forward and backward methods of all layer objects below a thing."""
    names: dict[str, Callable] = dict.fromkeys(conventions.FORWARD, watch.forward)
    names |= dict.fromkeys(conventions.BACKWARD, watch.backward)
    for place, part in list(walk(thing)):
        if part is not thing and is_layer_class(part):
            _watch(part, str(place), names)


def watch_rules(thing: Any, method: str, watch: Watch) -> None:
    """Watches a method that returns (y, pullback), of all objects below a thing that have it."""
    for place, part in list(walk(thing)):
        if part is not thing and callable(getattr(type(part), method, None)):
            _watch(part, str(place), {method: watch.forward})


def copied(tree: Any) -> Any:
    """Returns a structure with copies of its arrays."""
    found = {n: x for n, x in leaves(tree, "").items() if backends.is_array(x)}
    return rebuild(tree, "", {n: backends.of(x).copy(x) for n, x in found.items()})


def _watch(part: Any, path: str, names: Mapping[str, Callable]) -> None:
    original = type(part)
    methods = {n: _method(original, n, path, record) for n, record in names.items()}
    space: dict[str, Any] = {n: method for n, method in methods.items() if method is not None}
    space |= {
        "__slots__": (),
        "__module__": original.__module__,
        "__qualname__": original.__qualname__,
        "__doc__": original.__doc__,
        WATCHED: original,
    }
    metaclass: Any = type(original)
    watched = metaclass(original.__name__, (original,), space)
    object.__setattr__(part, "__class__", watched)  # a frozen dataclass has no other way


def _method(original: type, name: str, path: str, record: Callable) -> Callable | None:
    static = inspect.getattr_static(original, name, None)
    if not inspect.isfunction(static):
        return None

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        run = static.__get__(self, original)
        return record(self, path, name, run, args, kwargs)

    method.__wrapped__ = static  # pyright: ignore  (its signature is the original's)
    method.__name__ = name
    return method


def _unwatched_copy(part: Any) -> Any:
    try:
        twin = copy.deepcopy(part)
    except Exception:  # whatever a user's __deepcopy__ raises: the part is then not looked at
        return None
    for _, thing in list(walk(twin)):
        original = getattr(type(thing), WATCHED, None)
        if original is not None:
            object.__setattr__(thing, "__class__", original)
    return twin
