"""What reaches NumPy with a traced array among its operands: ufuncs, functions, attributes.

What decides nothing is passed on; what comes out as booleans or integers is a decision, recorded as
a constant. Ufuncs that decide, and still give floating values, stand in `elementwise`; functions
that do in `selections`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradcheck.replay import elementwise, selections
from gradcheck.replay.tape import Tape, active, running
from gradcheck.replay.traced import KINDS, Traced, bare, wrapped

WRITING = {"copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask"}
"""Functions that write to their first argument."""

LEAVING = {"item", "tolist", "tobytes", "tofile", "dump", "dumps"}
"""Methods that give out values as what cannot be traced."""

RAW = {"data", "ctypes"}
"""Attributes that give out the memory."""


def ufunc(u: np.ufunc, method: str, inputs: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Calls a ufunc, or one of its methods, some of its operands traced."""
    tape = active()
    operands, named = bare(tuple(inputs)), bare(dict(kwargs))
    if tape is not None and (u.__name__, method) in elementwise.COMPOSED:
        return elementwise.COMPOSED[u.__name__, method](*inputs)
    out = named.pop("out", None)
    with running(None):
        if tape is None or not elementwise.follows(u, method, operands):
            result = _called(tape, u, method, operands, named, out)
            if tape is not None and elementwise.is_unseen(u, result, operands):
                tape.escape(f"np.{u.__name__}.{method}")
            if tape is not None and elementwise.is_discrete(result):
                result = _constant(tape, f"{u.__name__}.{method}", result, operands, None)
                out = None if out is None else _filled(out, result)
        else:
            result = _followed(tape, u, method, operands, named)
            out = None if out is None else _filled(out, result, named.get("where", True))
    if tape is not None and method == "at" and type(inputs[0]) not in KINDS:
        tape.escape(f"np.{u.__name__}.at wrote into an array that is not traced")
    return wrapped(result) if out is None else _written(tape, u, kwargs["out"], out)


def _followed(tape: Tape, u: np.ufunc, method: str, operands: Any, named: dict[str, Any]) -> Any:
    """Returns what a ufunc that decides gives on the branch."""

    def compute(*given: Any) -> Any:
        return elementwise.follow(tape, u, method, given, named)

    return tape.seen(_name(u, method), compute, tuple(operands), repeatable=False)


def _called(
    tape: Tape | None, u: np.ufunc, method: str, operands: Any, named: dict[str, Any], out: Any
) -> Any:
    """Returns what a ufunc that decides nothing gives."""
    call = getattr(u, method)
    if tape is None or tape.watcher is None or method == "at":
        return call(*operands, **named, **({} if out is None else {"out": out}))
    result = tape.seen(_name(u, method), lambda *given: call(*given, **named), tuple(operands))
    return result if out is None else _filled(out, result, named.get("where", True))


def _name(u: np.ufunc, method: str) -> str:
    return u.__name__ if method == "__call__" else f"{u.__name__}.{method}"


def function(f: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Calls one of NumPy's functions, some of its arguments traced."""
    tape = active()
    name = getattr(f, "__name__", str(f))
    if tape is None:
        return passed(None, name, f, args, kwargs)
    if f in selections.FUNCTIONS:
        return selections.FUNCTIONS[f](*args, **kwargs)
    if f in selections.OPAQUE:
        tape.escape(f"np.{name}")
    if name in WRITING and type(args[0]) not in KINDS:
        tape.escape(f"np.{name} wrote into an array that is not traced")
    return passed(tape, name, f, args, kwargs)


def attribute(x: Traced, name: str) -> Any:
    """Returns an attribute of a traced array: a value, or a method that is followed."""
    tape = active()
    if name == "flat" and np.shares_memory(flat := x.data_.reshape(-1), x.data_):
        return Traced(flat)
    value = getattr(x.data_, name)
    if not callable(value):
        if tape is not None and name in RAW:
            tape.escape(f"left through .{name}")
        return wrapped(value)

    def method(*args: Any, **kwargs: Any) -> Any:
        tape = active()
        if tape is not None and name in selections.METHODS:
            return selections.METHODS[name](x, *args, **kwargs)
        result = passed(
            tape, name, lambda a, *b, **c: getattr(a, name)(*b, **c), (x, *args), kwargs
        )
        if tape is not None and name in LEAVING:
            tape.escape(f"left through .{name}()", result)
        return result

    return method


def passed(tape: Tape | None, name: str, f: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Returns what a function gives; booleans and integers that it gives are a decision."""
    plain, named = bare(tuple(args)), bare(dict(kwargs))
    with running(None):
        if tape is None:
            return wrapped(f(*plain, **named))
        result = tape.seen(name, lambda *given: f(*given, **named), plain)
        if not elementwise.is_discrete(result):
            return wrapped(result)
        ties = elementwise.TIES.get(name)
        return _constant(
            tape, name, result, plain, None if ties is None else lambda _: ties(*plain, **named)
        )


def _constant(tape: Tape, op: str, result: Any, operands: Sequence[Any], ties: Any) -> Any:
    shape = next((np.shape(a) for a in operands if isinstance(a, np.ndarray)), ())
    return elementwise.copied(tape.decide(op, shape, lambda: elementwise.copied(result), ties))


def _filled(out: tuple[Any, ...], result: Any, where: Any = True) -> tuple[Any, ...]:
    """Writes results to the arrays given for them."""
    results = result if isinstance(result, tuple) else (result,)
    for target, values in zip(out, results, strict=True):
        if target is not None:
            np.copyto(target, values, casting="same_kind", where=where)
    return out


def _written(tape: Tape | None, u: np.ufunc, given: tuple[Any, ...], out: tuple[Any, ...]) -> Any:
    """Returns the arrays that were written to: those that were given, traced from now on."""
    for target in given:
        if tape is not None and target is not None and type(target) not in KINDS:
            # The caller may go on with its own, plain array.
            tape.escape(f"np.{u.__name__} wrote into an array that is not traced")
    seen = tuple(g if type(g) in KINDS else wrapped(o) for g, o in zip(given, out, strict=True))
    return seen[0] if len(seen) == 1 else seen
