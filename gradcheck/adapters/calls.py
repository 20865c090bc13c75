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
        learning_rate: the rate by which a backward updates the parameters, where it is neither an
            argument of backward nor an attribute.

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
    learning_rate: float | None = None


@dataclass(frozen=True)
class Methods:
    """The two calls of a layer, their conventions known.

    Attributes:
        forward: (thing, inputs) -> (y, cache); the cache is None where the object keeps its own.
        backward: (thing, y_bar, inputs, cache) -> whatever it returns.
        takes_rate: whether backward takes a learning rate.
        of_loss: whether backward takes no cotangent: it is the gradient of a loss, and of the mean
            where forward returns the loss of each sample.
        roles: what each argument of backward is for.
        read: (thing, what its forward method returned) -> (y, cache).
    """

    forward: Callable[[Any, Sequence[Any]], tuple[Any, Any]]
    backward: Callable[[Any, Any, Sequence[Any], Any], Any]
    takes_rate: bool
    of_loss: bool
    roles: tuple[str, ...]
    read: Callable[[Any, Any], tuple[Any, Any]]


def is_layer(thing: Any) -> bool:
    """Returns whether a thing is a layer: described by `Layer`, or with the usual methods."""
    if isinstance(thing, Layer):
        return True
    if inspect.isroutine(thing) or inspect.isclass(thing) or inspect.ismodule(thing):
        return False
    return is_layer_class(thing)


def is_layer_class(thing: Any) -> bool:
    """Returns whether a class, or an object, has a forward and a backward of the usual names."""
    return bool(_method(thing, conventions.FORWARD) and _method(thing, conventions.BACKWARD))


def methods_of(layer: Layer, signature: Callable, primals: Primals, title: str) -> Methods:
    """Returns the two calls of a layer, by its accessors or by convention."""
    forward = _forward(layer, signature, primals, title)
    backward, roles = _backward(layer, primals, title)
    of_loss = not callable(layer.backward) and "y_bar" not in roles

    def split(thing: Any, inputs: Sequence[Any]) -> tuple[Any, Any]:
        return read(thing, call(forward, (thing, *inputs), {}, title))

    def read(thing: Any, result: Any) -> tuple[Any, Any]:
        if result is None:
            stored = stored_output(thing)
            return (getattr(thing, stored) if stored else None), None
        is_pair = isinstance(result, tuple) and len(result) == 2
        if is_pair and ("cache" in roles or not backends.is_array(result[1])):
            return result
        if of_loss and np.size(result) > 1:
            return np.mean(result), None
        return result, None

    return Methods(split, backward, "rate" in roles, of_loss, tuple(roles), read)


def stored_output(thing: Any) -> str | None:
    """Returns the attribute in which a forward that returns nothing leaves its output."""
    return conventions.find(attributes(thing), map(conventions.plain, conventions.OUTPUT))


def _forward(layer: Layer, signature: Callable, primals: Primals, title: str) -> Callable[..., Any]:
    """Returns (thing, *inputs) -> whatever the layer's forward returns."""
    if callable(layer.forward):
        return layer.forward
    name = layer.forward or _method(layer.thing, conventions.FORWARD)
    extra = {
        p.name: True
        for p in inspect.signature(signature).parameters.values()
        if p.default is p.empty and p.name in conventions.TRAINING and p.name not in primals.trees
    }
    return lambda thing, *inputs: getattr(thing, str(name))(*inputs, **extra)


def _backward(layer: Layer, primals: Primals, title: str) -> tuple[Callable, list[str]]:
    """Returns (thing, y_bar, inputs, cache) -> returned, and the roles of its arguments."""
    if callable(layer.backward):
        function = layer.backward
        return (lambda thing, y_bar, inputs, cache: function(thing, y_bar)), ["y_bar"]
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
        return getattr(thing, name)(*args)

    return backward, roles


_TARGETS_TAKEN = (
    "{0} takes {1!r}, which by its name are targets: the loss is within it. Give the loss as the "
    "forward, gradcheck.check(gradcheck.Layer(layer, forward=lambda layer, X, {1}: ...), X, {1}), "
    "or its method's name, forward='loss'; a cotangent of that name is given by "
    "backward=lambda layer, y_bar: ..."
)


def _roles(method: Callable, inputs: Sequence[str], title: str) -> list[str]:
    """Returns what each required parameter of a backward is for."""
    try:
        parameters = list(inspect.signature(method).parameters.values())
    except (TypeError, ValueError):
        return ["y_bar"]
    plain_inputs = {conventions.plain(name): name for name in inputs}
    required = [p for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    later = [conventions.plain(p.name) for p in required[1:]]
    if later and later == list(plain_inputs)[1:] and set(later) <= _plain(conventions.TARGETS):
        # A loss whose backward takes what its forward took, and no cotangent.
        return [f"input:{name}" for name in inputs]
    roles: list[str] = []
    for p in parameters:
        name = conventions.plain(p.name)
        positional = p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        if name in _plain(conventions.LEARNING_RATE) and positional:
            roles.append("rate")
        elif not roles and positional and name in _plain(conventions.TARGETS):
            if name not in plain_inputs:
                raise InvalidInput(_TARGETS_TAKEN.format(title, p.name))
            roles.append(f"input:{plain_inputs[name]}")
        elif (p.kind is p.VAR_POSITIONAL and not roles) or (positional and not roles):
            roles.append("y_bar")
        elif not positional or p.default is not p.empty:
            break
        elif name in conventions.CACHE:
            roles.append("cache")
        elif name in _plain(conventions.TRAINING):
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
    if inspect.isclass(layer.thing):
        raise InvalidInput(f"Layer got the class {layer.thing.__name__}: pass an instance of it")
    if callable(layer.forward):
        parameters = list(inspect.signature(layer.forward).parameters)[1:]
        return _named(parameters)
    name = layer.forward or _method(layer.thing, conventions.FORWARD)
    method = getattr(layer.thing, name, None) if name else None
    if not callable(method):
        missing = f"method {layer.forward!r}" if layer.forward else "forward method"
        raise InvalidInput(f"{title} has no {missing}: name it, gradcheck.Layer(…, forward=…)")
    return method


def _plain(names: Sequence[str]) -> set[str]:
    return set(map(conventions.plain, names))


def _named(names: Sequence[str]) -> Callable[..., Any]:
    """Returns a callable whose signature has these parameters (for their names alone)."""

    def anonymous(*args: Any) -> None: ...

    parameters = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names]
    anonymous.__signature__ = inspect.Signature(parameters)  # pyright: ignore
    return anonymous


def _method(thing: Any, names: Sequence[str]) -> str | None:
    return next((n for n in names if callable(getattr(thing, n, None))), None)
