"""A function with a hand-written pullback, or one that returns it, or its gradient, with its value.

vjp(y_bar, *primals)     next to f(*primals) -> y
vjp(y_bar, cache)        next to f(*primals) -> (y, cache)
no vjp                   f(*primals) -> (y, pullback), or (loss, its gradient)
"""

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.adapters import conventions
from gradcheck.adapters.primals import Primals, like_output, outputs, primals_of
from gradcheck.errors import EvaluationError, InvalidInput, PullbackError
from gradcheck.structure import describe
from gradcheck.subject import Point, Pulled, Subject, copied


def function_subject(
    f: Callable[..., Any],
    args: Sequence[Any],
    *,
    vjp: Callable[..., Any] | None,
    wrt: Sequence[str | int] | str | None,
    name: str | None,
) -> Subject:
    """Returns the subject of `f(*primals) -> y` and `vjp(y_bar, *primals) -> x_bar`.

    Without a `vjp`, `f` itself must be a rule: `f(*primals) -> (y, pullback)`.

    Raises:
        InvalidInput: neither is the case, or the primals are malformed.
    """
    title = name or name_of(f)
    primals = primals_of(f, args, wrt)
    if not primals.wrt:
        raise InvalidInput(nothing_to_differentiate(primals))
    keeps = vjp is not None and _takes_cache(f, vjp, primals)
    if vjp is None or keeps:
        calls = _of_rule(f if vjp is None else _as_rule(f, vjp), primals, title)
    else:
        calls = _of_pair(f, vjp, primals, title)
    function, pullback, interleaved = calls
    return Subject(
        title,
        primals.point,
        primals.constants,
        function,
        pullback,
        interleaved=interleaved,
        apart=vjp is not None and not keeps,
    )


def name_of(f: Any) -> str:
    """Returns the name a user would call it by."""
    return getattr(f, "__name__", None) or type(f).__name__


def scaled(gradient: Any, y_bar: Any) -> Any:
    """Returns a gradient (a structure of arrays) of a scalar, times the cotangent of the scalar."""
    if gradient is None or not backends.is_array(y_bar) or backends.size(y_bar) != 1:
        return gradient
    if isinstance(gradient, (tuple, list)):
        return type(gradient)(scaled(item, y_bar) for item in gradient)
    if isinstance(gradient, Mapping):
        return {key: scaled(value, y_bar) for key, value in gradient.items()}
    return gradient * (y_bar.reshape(()) if hasattr(y_bar, "reshape") else y_bar)


def call(
    f: Callable[..., Any],
    args: Sequence[Any],
    kwargs: dict[str, Any],
    title: str,
    error: type[EvaluationError] = EvaluationError,
) -> Any:
    """Calls what the user wrote; what it raises comes back with its name, the cause attached."""
    try:
        return f(*args, **kwargs)
    except Exception as cause:
        which = "the pullback of " if issubclass(error, PullbackError) else ""
        how = f" (called with {called_with(args, kwargs)})" if which else ""
        raise error(f"{which}{title} raised {type(cause).__name__}: {cause}{how}") from cause


def called_with(args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Returns the arguments of a call as their shapes and dtypes.

    >>> import numpy as np
    >>> called_with((np.zeros((2, 3)),), {"n": 4})
    'an array of shape (2, 3) and dtype float64, n=an int'
    """
    named = [f"{name}={describe(value)}" for name, value in kwargs.items()]
    return ", ".join([*map(describe, args), *named])


def nothing_to_differentiate(primals: Primals) -> str:
    """Returns what to say where no primal is differentiated."""
    given = ", ".join(f"{name!r} is {describe(tree)}" for name, tree in primals.trees.items())
    return f"nothing to differentiate: {given}; wanted a floating array that wrt does not leave out"


Calls = tuple[
    Callable[[Point], Point],
    Callable[[Point, Point], Pulled],
    Callable[[Point, Point, Point], Pulled],
]
"""The function, the pullback, and the pullback with another evaluation in between."""


def _of_pair(f: Callable, vjp: Callable, primals: Primals, title: str) -> Calls:
    """Returns the calls of a function with a separate pullback: neither calls the other."""
    structure: list[Any] = []  # of the output; known from the first evaluation on

    def function(point: Point) -> dict[str, Any]:
        args, kwargs = primals.arguments(point)
        y = call(f, args, kwargs, title)
        found = outputs(y, title)
        structure[:] = [y]
        return found

    def pullback(cotangents: Point, point: Point) -> Pulled:
        if not structure:
            function(point)
        args, kwargs = primals.arguments(point)
        y_bar = like_output(structure[0], cotangents)
        return primals.pulled(call(vjp, (y_bar, *args), kwargs, title, PullbackError))

    def interleaved(cotangents: Point, point: Point, other: Point) -> Pulled:
        function(point)
        function(other)
        return pullback(cotangents, point)

    return function, pullback, interleaved


def _takes_cache(f: Callable, vjp: Callable, primals: Primals) -> bool:
    """Whether a pullback takes (y_bar, cache), the function returning (y, cache)."""
    try:
        parameters = inspect.signature(vjp).parameters.values()
    except (TypeError, ValueError):
        return False
    required = [p for p in parameters if p.default is p.empty and p.kind <= p.POSITIONAL_OR_KEYWORD]
    if len(required) != 2 or any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return False
    second = required[1].name
    if conventions.plain(second) in conventions.CACHE:
        return True
    if len(primals.trees) != 1:
        return not primals.by_name
    return second not in primals.trees and _fits_a_cache(f, vjp, primals)


def _fits_a_cache(f: Callable, vjp: Callable, primals: Primals) -> bool:
    """Whether a pullback (y_bar, something) of one primal works with what is returned beside y.

    And does not with the primal: its second argument is the output, say, or a mask.
    """
    args, kwargs = copy.deepcopy(primals.arguments(primals.point))
    try:
        result = f(*args, **kwargs)
    except Exception:  # whatever it is: the evaluation says it
        return False
    if not (isinstance(result, tuple) and len(result) == 2 and backends.is_floating(result[0])):
        return False

    def fits(y: Any, second: Any) -> bool:
        found = outputs(y, "")
        y_bar = {p: backends.of(y).like(np.ones(np.shape(y)), y) for p, y in found.items()}
        try:
            pulled = primals.pulled(vjp(like_output(y, y_bar), copy.deepcopy(second)))
        except Exception:  # whatever a pullback does with what it does not expect
            return False
        return not pulled.findings and all(
            np.shape(pulled.cotangents.get(n, ())) == np.shape(x) for n, x in primals.point.items()
        )

    y, cache = result
    (x,) = primals.trees.values()
    return fits(y, cache) and not fits(result, x)


def _as_rule(f: Callable, vjp: Callable) -> Callable[..., Any]:
    """Returns the rule of a function that returns (y, cache) and a pullback (y_bar, cache)."""

    def rule(*args: Any, **kwargs: Any) -> Any:
        result = f(*args, **kwargs)
        if not (isinstance(result, tuple) and len(result) == 2):
            return result
        y, cache = result
        return y, lambda y_bar: vjp(y_bar, cache)

    return rule


def _of_rule(rule: Callable, primals: Primals, title: str) -> Calls:
    """Returns the calls of a rule that returns (y, pullback)."""

    def function(point: Point) -> dict[str, Any]:
        y, _ = _apply(rule, primals, point, title)
        return outputs(y, title)

    def pullback(cotangents: Point, point: Point) -> Pulled:
        y, pull = _apply(rule, primals, point, title)
        return primals.pulled(call(pull, (like_output(y, cotangents),), {}, title, PullbackError))

    def interleaved(cotangents: Point, point: Point, other: Point) -> Pulled:
        y, pull = _apply(rule, primals, point, title)
        y_bar = like_output(y, cotangents)
        _apply(rule, primals, other, title)
        call(pull, (like_output(y, copied(cotangents)),), {}, title, PullbackError)
        return primals.pulled(call(pull, (y_bar,), {}, title, PullbackError))

    return function, pullback, interleaved


def _apply(rule: Callable, primals: Primals, point: Point, title: str) -> tuple[Any, Callable]:
    args, kwargs = primals.arguments(point)
    result = call(rule, args, kwargs, title)
    if isinstance(result, tuple) and len(result) == 2:
        y, second = result
        if callable(second):
            return y, second
        if backends.is_array(y) and backends.size(y) == 1:
            return y, lambda y_bar: scaled(second, y_bar)
    raise InvalidInput(
        f"nothing claims a derivative of {title}: pass its pullback, gradcheck.check({title}, ..., "
        "vjp=backward) with backward(y_bar, *primals) -> cotangents, or backward(y_bar, cache) "
        "where the function returns (y, cache), or let it return (y, pullback)"
    )
