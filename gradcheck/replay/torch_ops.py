"""What torch computes: its operations are followed, and those that decide are frozen.

They are met below modules, functionals and the bodies of autograd functions, on the tensors' own
device. As with NumPy, only the entries that would decide otherwise are computed anew, and results
that are booleans or integers are decisions.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from gradcheck.replay.tape import Tape, active, running
from gradcheck.replay.torch_branches import (
    ALONG,
    CONSTANT,
    DISTANCES,
    LOSSES,
    OF_ALL,
    OPAQUE,
    ORDERS,
    PIECEWISE,
    POOLING,
    QUOTIENT,
    Piecewise,
)
from gradcheck.replay.traced import bare, has_traced, wrapped

Tensor = torch.Tensor
aten = torch.ops.aten


class _Functions(TorchFunctionMode):
    """Leads traced NumPy arrays into torch, and back."""

    def __init__(self, tape: Tape):
        super().__init__()
        self.tape = tape

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        self.tape.met_torch = True
        if active() is None:
            return func(*args, **kwargs)
        if has_traced((args, kwargs)):
            args, kwargs = bare(tuple(args)), bare(dict(kwargs))
        result = func(*args, **kwargs)
        if func is Tensor.tolist:
            self.tape.escape("left through .tolist()", result)
        return wrapped(result) if func is Tensor.numpy else result


class _Operations(TorchDispatchMode):
    """Sees every operation below autograd."""

    def __init__(self, tape: Tape):
        super().__init__()
        self.tape = tape

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        with running(None):
            return _operation(self.tape, func, args, kwargs)


@contextmanager
def followed(tape: Tape) -> Iterator[None]:
    """Makes torch's operations known to a tape, and computes no gradients meanwhile."""
    with torch.no_grad(), _Functions(tape), _Operations(tape):
        yield


def _operation(tape: Tape, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    if not _has_floating((*args, *kwargs.values())):
        return func(*args, **kwargs)
    name = func._schema.name.removeprefix("aten::")
    in_place = name.endswith("_") and func._schema.is_mutable
    op = name.removesuffix("_") if in_place else name
    plain = {key: value for key, value in kwargs.items() if key != "out"}
    call = Call(
        tape, op, getattr(aten, op) if plain is not kwargs or in_place else func, args, plain
    )
    follow = _follower(call, _bound(func, args, plain))
    if follow is None:
        return _other(tape, func, args, kwargs, op)

    def compute(*given: Any) -> Any:
        other = _follower(replace(call, args=given), _bound(func, given, plain))
        assert other is not None
        return other()

    watched = tape.watcher is not None
    result = tape.seen(op, compute, tuple(args), repeatable=False) if watched else follow()
    if in_place:
        return args[0].copy_(result)
    return _filled(kwargs["out"], result) if "out" in kwargs else result


def _other(tape: Tape, func: Any, args: Sequence[Any], kwargs: dict[str, Any], op: str) -> Any:
    """Returns what an operation gives that is not followed."""
    if tape.watcher is None or (func._schema.is_mutable and not hasattr(aten, op)):
        result = func(*args, **kwargs)
    elif func._schema.is_mutable and "out" not in kwargs:
        out_of_place = getattr(aten, op)
        given = (args[0].clone(), *args[1:])
        result = tape.seen(op, lambda *a: out_of_place(*a, **kwargs), given, repeatable=False)
        result = args[0].copy_(result)
    else:
        result = tape.seen(op, lambda *a: func(*a, **kwargs), tuple(args))
    if func.namespace not in ("aten", "prims", "prim"):
        tape.escape(f"the operation {func.namespace}::{op}")
    elif op in OPAQUE or (op in DISTANCES and _bound(func, args, kwargs)["p"] in ORDERS):
        tape.escape(f"torch's {op}")
    elif op == "_local_scalar_dense":
        tape.escape("became a Python number", result)
    elif not func._schema.is_mutable and _is_discrete(result):
        ties = TIES.get(op)
        shape = next((a.shape for a in args if isinstance(a, Tensor)), ())
        decided = tape.decide(
            op,
            shape,
            lambda: _cloned(result),
            None if ties is None else lambda _: ties(*args, **kwargs),
        )
        return _cloned(decided)
    return result


@dataclass(frozen=True)
class Call:
    """One operation, out of place."""

    tape: Tape
    op: str
    func: Any
    args: Sequence[Any]
    kwargs: dict[str, Any]

    def __call__(self) -> Any:
        """Returns what the operation gives by itself."""
        return self.func(*self.args, **self.kwargs)


def _bound(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Returns all arguments of an operation by name, defaults among them."""
    schema = func._schema.arguments
    values = {a.name: a.default_value for a in schema if a.has_default_value()}
    return values | dict(zip((a.name for a in schema), args, strict=False)) | kwargs


def _follower(call: Call, bound: dict[str, Any]) -> Callable[[], Any] | None:
    """Returns what computes an operation on a frozen branch; None if it decides nothing known."""
    op, x = call.op, call.args[0]
    if isinstance(x, Tensor) and x.is_complex():
        return None
    if op in PIECEWISE:
        return lambda: _fixed(call.tape, op, PIECEWISE[op], call(), call.args, call.kwargs)
    if op in CONSTANT or bound.get("rounding_mode") is not None:
        return lambda: _constant(call)
    if op in QUOTIENT:
        return lambda: _remains(call)
    if op in ALONG and isinstance(bound.get("dim"), int):
        return lambda: _along(call, bound["dim"], bound.get("keepdim", True))
    if op in OF_ALL and "dim" not in bound:
        return lambda: _of_all(call)
    if op == "aminmax":
        return lambda: _extremes(call, **bound)
    if op in ("amax", "amin"):
        return lambda: _extreme(call, x, bound["dim"], bound["keepdim"])
    if op in POOLING:
        return lambda: _pooled(call)
    if op in LOSSES:
        return lambda: _loss(call, **bound)
    if op in ("linalg_vector_norm", "norm") and bound.get("ord", bound.get("p")) in ORDERS:
        return lambda: _norm(call, bound)
    return None


def _fixed(
    tape: Tape, op: str, rule: Piecewise, value: Tensor, args: Sequence[Any], kwargs: dict[str, Any]
) -> Tensor:
    recorded = tape.decide(
        op,
        value.shape,
        lambda: rule.choose(*args, **kwargs),
        lambda _: rule.on_kink(*args, **kwargs),
    )
    if tape.recording:
        return value
    flipped = rule.choose(*args, **kwargs) != recorded
    if not bool(flipped.any()):
        return value
    for number, branch in enumerate(rule.branches):
        chosen = flipped & (recorded == number)
        value = torch.where(chosen, branch(*args, **kwargs), value).to(value.dtype)
    return value


def _constant(call: Call) -> Tensor:
    on_kink = CONSTANT.get(call.op)
    first = next(a for a in call.args if isinstance(a, Tensor))
    value = call.tape.decide(
        call.op,
        first.shape,
        call,
        None if on_kink is None else lambda _: int(on_kink(*call.args, **call.kwargs).sum()),
    )
    return value.clone()


def _remains(call: Call) -> Tensor:
    value = call()
    a, b = call.args if len(call.args) > 1 else (call.args[0], 1.0)
    quotient = torch.round((a - value) / b)
    recorded = call.tape.decide(
        call.op, value.shape, lambda: quotient, lambda _: int(((value == 0) & (a != 0)).sum())
    )
    change = quotient - recorded
    return value + change * b if bool(change.any()) else value


def _along(call: Call, dim: int, keepdim: bool) -> Any:
    x, result = call.args[0], call()
    index = call.tape.decide(call.op, x.shape, result[1].clone, lambda _: _equal_pairs(x, dim))
    if call.tape.recording:
        return result
    places = index if keepdim or not x.dim() else index.unsqueeze(dim)
    values = x.gather(dim, places).reshape(index.shape)
    return type(result)((values, index.clone()))


def _of_all(call: Call) -> Tensor:
    flat, value = call.args[0].reshape(-1), call()
    at = call.tape.decide(
        call.op,
        call.args[0].shape,
        lambda: (flat == value).to(torch.int8).argmax(),
        lambda _: int((flat == value).sum() > 1),
    )
    return value if call.tape.recording else flat[at].clone()


def _extreme(call: Call, x: Tensor, dim: Any, keepdim: bool) -> Tensor:
    given = [dim] if isinstance(dim, int) else list(dim or ())
    dims = sorted(d % max(x.dim(), 1) for d in given if x.dim()) or list(range(x.dim()))
    kept = [d for d in range(x.dim()) if d not in dims]
    lines = x.permute(*kept, *dims).reshape(*(x.shape[d] for d in kept), -1)
    select = torch.argmin if call.op == "amin" else torch.argmax

    def ties(best: Tensor) -> int:
        return int(((lines == lines.gather(-1, best[..., None])).sum(-1) > 1).sum())

    index = call.tape.decide(call.op, x.shape, lambda: select(lines, -1), ties)
    values = lines.gather(-1, index[..., None])[..., 0]
    return (
        values.reshape([1 if d in dims else n for d, n in enumerate(x.shape)])
        if keepdim
        else values
    )


def _extremes(call: Call, self: Tensor, dim: int | None, keepdim: bool) -> Any:
    each = (Call(call.tape, op, getattr(aten, op), (self,), {}) for op in ("amin", "amax"))
    return tuple(_extreme(one, self, dim, keepdim) for one in each)


def _pooled(call: Call) -> Any:
    x, result, space = call.args[0], call(), POOLING[call.op]

    def ties(index: Tensor) -> int:
        # Windows that hold their maximum twice: with the entries found taken out, it comes again.
        rest = x.flatten(-space).scatter(-1, index.flatten(-space), -torch.inf).view_as(x)
        again = call.func(rest, *call.args[1:], **call.kwargs)[0]
        return int(((again == result[0]) & torch.isfinite(again)).sum())

    index = call.tape.decide(call.op, x.shape, result[1].clone, ties)
    if call.tape.recording:
        return result
    values = x.flatten(-space).gather(-1, index.flatten(-space)).view_as(index)
    return type(result)((values, index.clone()))


def _loss(call: Call, self: Tensor, target: Tensor, reduction: int, **parameter: float) -> Tensor:
    (bend,) = parameter.values()
    rule, difference = LOSSES[call.op], self - target
    each = call.func(self, target, 0, bend)
    fixed = _fixed(call.tape, call.op, rule, each, (difference, bend), {})
    if fixed is each:
        return call()
    return (fixed, fixed.mean(), fixed.sum())[reduction]


def _norm(call: Call, bound: dict[str, Any]) -> Tensor:
    x, order = call.args[0], bound.get("ord", bound.get("p", 1))
    plain = x.abs()
    sizes = _fixed(call.tape, "abs", PIECEWISE["abs"], plain, (x,), {})
    dims, keepdim = bound.get("dim"), bool(bound.get("keepdim", False))
    if order == 1:
        return call() if sizes is plain else sizes.sum(dims or None, keepdim)
    op = "amax" if order > 0 else "amin"
    return _extreme(Call(call.tape, op, getattr(aten, op), (sizes,), {}), sizes, dims, keepdim)


def _equal_pairs(x: Tensor, dim: int) -> int:
    return int((x.sort(dim).values.diff(dim=dim) == 0).sum()) if x.dim() and x.numel() else 0


TIES: dict[str, Callable[..., int]] = {
    "argsort": lambda x, *args, **kwargs: _equal_pairs(x, -1),
    "nonzero": lambda x: int((x == 0).sum()),
    "argmax": lambda x, *args, **kwargs: int((x == x.max()).sum() > 1),
    "argmin": lambda x, *args, **kwargs: int((x == x.min()).sum() > 1),
}
"""Operations of integer results: the number of entries that are on a kink."""


def _has_floating(arguments: Sequence[Any]) -> bool:
    for a in arguments:
        if isinstance(a, Tensor) and (a.is_floating_point() or a.is_complex()):
            return True
        if isinstance(a, (list, tuple)) and _has_floating(a):
            return True
    return False


def _is_discrete(result: Any) -> bool:
    """Returns whether a result, or all of a tuple of results, are booleans or integers."""
    if isinstance(result, (tuple, list)):
        return bool(result) and all(map(_is_discrete, result))
    if isinstance(result, Tensor):
        return not (result.is_floating_point() or result.is_complex())
    return isinstance(result, bool)


def _cloned(tree: Any) -> Any:
    if isinstance(tree, (tuple, list)):
        return type(tree)(map(_cloned, tree))
    return tree.clone() if isinstance(tree, Tensor) else tree


def _filled(out: Any, result: Any) -> Any:
    if isinstance(out, Tensor):
        return out.resize_(result.shape).copy_(result)
    for target, values in zip(out, result, strict=True):
        target.resize_(values.shape).copy_(values)
    return out


def beside(x: Tensor, distance: float) -> Tensor:
    """Returns a tensor moved by a share of each entry, in alternating directions."""
    if not (x.is_floating_point() or x.is_complex()):
        return x
    share = max(distance, 8 * torch.finfo(x.dtype).eps)
    moved = x.detach().clone(memory_format=torch.contiguous_format).reshape(-1)
    moved[::2] *= 1 - share
    moved[1::2] *= 1 + share
    return moved.reshape(x.shape)


def same(x: Tensor, y: Tensor, ulps: int) -> bool:
    """Returns whether tensors are the same, but for so many ulps of the largest entry."""
    if x.shape != y.shape or x.dtype != y.dtype:
        return False
    if bool(((x == y) | ((x != x) & (y != y))).all()):
        return True
    floating = x.is_floating_point() or x.is_complex()
    eps = torch.finfo(x.dtype).eps if floating else 0.0
    return bool((x - y).abs().max() <= ulps * eps * x.abs().max())
