"""The two calls of a layer object: how its forward and its backward are to be called."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.adapters import conventions
from gradcheck.adapters.functions import call
from gradcheck.adapters.objects import attributes
from gradcheck.adapters.primals import Primals
from gradcheck.errors import InvalidInput

LEARNING_RATE = 2.0**10
"""Given to a backward that updates: a power of two loses no digit when the gradient is recovered
from the update, and a large one keeps it from drowning in the parameter."""


@dataclass(frozen=True)
class Layer:
    """A layer object that follows no convention, with explicit accessors.

    Args:
        thing: the object.
        forward: the name of its forward method, or a function (thing, *inputs) -> y.
        backward: the name of its backward method, or a function (thing, y_bar) -> the cotangents of
            the inputs.
        parameters: parameter name -> where it stands ("kernel", "store.kernel"), or a function
            thing -> {name: array}; the arrays are written in place.
        gradients: parameter name -> where its gradient stands after backward, or a function
            thing -> {name: array}.

    >>> import numpy as np
    >>> import gradcheck
    >>> class Scale:
    ...     factor = np.array([2.0, 3.0])
    ...     def run(self, x):
    ...         self.seen = x
    ...         return self.factor * x
    ...     def run_back(self, slope):
    ...         self.answer = slope * self.seen
    ...         return slope * self.factor
    >>> layer = gradcheck.Layer(Scale(), forward="run", backward="run_back",
    ...                         parameters={"factor": "factor"}, gradients={"factor": "answer"})
    >>> gradcheck.check(layer, np.array([0.5, 1.5])).status
    'pass'
    """

    thing: Any
    forward: str | Callable[..., Any] | None = None
    backward: str | Callable[..., Any] | None = None
    parameters: Mapping[str, str] | Callable[[Any], Mapping[str, Any]] | None = None
    gradients: Mapping[str, str] | Callable[[Any], Mapping[str, Any]] | None = None


@dataclass(frozen=True)
class Methods:
    """The two calls of a layer, their conventions known.

    Attributes:
        forward: (thing, inputs) -> (y, cache); the cache is None where the object keeps its own.
        backward: (thing, y_bar, inputs, cache) -> whatever it returns.
        takes_rate: whether backward takes a learning rate.
    """

    forward: Callable[[Any, Sequence[Any]], tuple[Any, Any]]
    backward: Callable[[Any, Any, Sequence[Any], Any], Any]
    takes_rate: bool


def is_layer(thing: Any) -> bool:
    """Returns whether a thing is a layer: described by `Layer`, or with the usual methods."""
    if isinstance(thing, Layer):
        return True
    if inspect.isroutine(thing) or inspect.isclass(thing) or inspect.ismodule(thing):
        return False
    return bool(_method(thing, conventions.FORWARD) and _method(thing, conventions.BACKWARD))


def methods_of(layer: Layer, signature: Callable, primals: Primals, title: str) -> Methods:
    """Returns the two calls of a layer, by its accessors or by convention."""
    forward = _forward(layer, signature, title)
    backward, takes_rate, wants_cache = _backward(layer, primals, title)

    def split(thing: Any, inputs: Sequence[Any]) -> tuple[Any, Any]:
        result = call(forward, (thing, *inputs), {}, title)
        if result is None:
            names = attributes(thing)
            stored = conventions.find(names, map(conventions.plain, conventions.OUTPUT))
            return (names[stored] if stored else None), None
        is_pair = isinstance(result, tuple) and len(result) == 2
        if is_pair and (wants_cache or not backends.is_array(result[1])):
            return result
        return result, None

    return Methods(split, backward, takes_rate)


def _forward(layer: Layer, signature: Callable, title: str) -> Callable[..., Any]:
    """Returns a callable with the parameters of the layer's forward, for their names.

    Raises:
        InvalidInput: there is no such method.
    """
    if callable(layer.forward):
        return layer.forward
    name = layer.forward or _method(layer.thing, conventions.FORWARD)
    extra = {
        p.name: True
        for p in inspect.signature(signature).parameters.values()
        if p.default is p.empty and p.name in conventions.TRAINING
    }
    return lambda thing, *inputs: getattr(thing, str(name))(*inputs, **extra)


def _backward(layer: Layer, primals: Primals, title: str) -> tuple[Callable, bool, bool]:
    """Returns (thing, y_bar, inputs, cache) -> returned, whether it takes a rate, or a cache."""
    if callable(layer.backward):
        function = layer.backward
        return (lambda thing, y_bar, inputs, cache: function(thing, y_bar)), False, False
    name = str(layer.backward or _method(layer.thing, conventions.BACKWARD))
    method = getattr(layer.thing, name, None)
    if not callable(method):
        raise InvalidInput(f"{title} has no method {name!r}: name its backward, backward='...'")
    roles = _roles(method, tuple(primals.trees), f"{title}.{name}")

    def backward(thing: Any, y_bar: Any, inputs: Sequence[Any], cache: Any) -> Any:
        parts = list(y_bar) if roles.count("y_bar") > 1 else [y_bar]
        given = dict(zip(primals.trees, inputs, strict=False))
        values = {"rate": LEARNING_RATE, "cache": cache, "training": True}
        args = [
            parts.pop(0) if r == "y_bar" else given[r[6:]] if r.startswith("input:") else values[r]
            for r in roles
        ]
        returned = getattr(thing, name)(*args)
        return returned if "y_bar" in roles else _scaled(returned, y_bar)

    return backward, "rate" in roles, "cache" in roles


def _roles(method: Callable, inputs: Sequence[str], title: str) -> list[str]:
    """Returns what each required parameter of a backward is for."""
    try:
        parameters = inspect.signature(method).parameters.values()
    except (TypeError, ValueError):
        return ["y_bar"]
    plain_inputs = {conventions.plain(name): name for name in inputs}
    roles: list[str] = []
    for p in parameters:
        name = conventions.plain(p.name)
        positional = p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        if name in map(conventions.plain, conventions.LEARNING_RATE) and positional:
            roles.append("rate")
        elif (p.kind is p.VAR_POSITIONAL and not roles) or (positional and not roles):
            roles.append("y_bar")
        elif not positional or p.default is not p.empty:
            break
        elif name in conventions.CACHE:
            roles.append("cache")
        elif name in map(conventions.plain, conventions.TRAINING):
            roles.append("training")
        elif name in plain_inputs:
            roles.append(f"input:{plain_inputs[name]}")
        elif p.name.startswith(("d", "grad", "g")) and set(roles) <= {"y_bar"}:
            roles.append("y_bar")
        else:
            raise InvalidInput(
                f"{title} takes {p.name!r}, and it is not known what to pass for it: wrap the "
                "layer, gradcheck.Layer(layer, backward=lambda layer, y_bar: ...)"
            )
    return roles


def forward_signature(layer: Layer, title: str) -> Callable[..., Any]:
    """Returns a callable with the parameters of the layer's forward, for their names.

    Raises:
        InvalidInput: there is no such method.
    """
    if callable(layer.forward):
        parameters = list(inspect.signature(layer.forward).parameters)[1:]
        return _named(parameters)
    name = layer.forward or _method(layer.thing, conventions.FORWARD)
    method = getattr(layer.thing, name, None) if name else None
    if not callable(method):
        raise InvalidInput(f"{title} has no forward method: name it, gradcheck.Layer(…, forward=…)")
    return method


def _named(names: Sequence[str]) -> Callable[..., Any]:
    """Returns a callable whose signature has these parameters (for their names alone)."""

    def anonymous(*args: Any) -> None: ...

    parameters = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names]
    anonymous.__signature__ = inspect.Signature(parameters)  # pyright: ignore
    return anonymous


def _method(thing: Any, names: Sequence[str]) -> str | None:
    return next((n for n in names if callable(getattr(thing, n, None))), None)


def _scaled(returned: Any, y_bar: Any) -> Any:
    """Returns what a loss's backward without an argument gave, times the cotangent of the loss."""
    scale = np.asarray(y_bar)
    if returned is None or scale.size != 1:
        return returned
    if isinstance(returned, (tuple, list)):
        return type(returned)(_scaled(item, y_bar) for item in returned)
    if isinstance(returned, Mapping):
        return {key: _scaled(value, y_bar) for key, value in returned.items()}
    return returned * scale.reshape(())[()]
