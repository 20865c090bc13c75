"""What PyTorch differentiates: a function of tensors, an `autograd.Function`, an `nn.Module`.

The claim is what autograd returns, so a hand-written backward within it is what is checked. A
module is only ever run as a copy, its buffers as copies of copies; its parameters are primals by
name. Everything stays in PyTorch, in the tensors' dtypes and on their device.
"""

import copy
import inspect
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.adapters.functions import call, function_subject, name_of, nothing_to_differentiate
from gradcheck.adapters.primals import Primals, outputs, part_of, primals_of, wider
from gradcheck.errors import EvaluationError, InvalidInput, PullbackError
from gradcheck.structure import describe, leaves
from gradcheck.subject import Point, Pulled, Subject
from gradcheck.verdict import Finding

MISFITS = (
    (
        re.compile(
            r"returned an invalid gradient at index (\d+) - got (\[.*?\]) but expected (.*)"
        ),
        "shape",
        "the gradient of its input {0} has shape {1}, wanted {2}",
    ),
    (
        re.compile(r"returned an incorrect number of gradients \(expected (\d+), got (\d+)\)"),
        "count",
        "it returns {1} gradients: wanted {0}, one for each argument of forward "
        "(None where there is no gradient)",
    ),
)
"""What autograd refuses about the form of what a backward returns: pattern, kind, words."""

NEEDS_A_GRAPH = "does not require grad"
"""What a function says that calls `torch.autograd.grad` itself, of primals that do not."""


@dataclass(frozen=True)
class Call:
    """A function of primals and parameters, over tensors.

    Attributes:
        primals: its arguments.
        run: (args, kwargs, parameters by name, the wider precision or None) -> whatever it returns.
        parameters: the tensors that it holds and that are differentiated.
        notes: what the reader of the verdict should know.
    """

    primals: Primals
    run: Callable[[tuple, dict, Point, str | None], Any]
    parameters: Mapping[str, Any]
    notes: tuple[str, ...] = ()


def is_torch_call(thing: Any, args: Sequence[Any], vjp: Any) -> bool:
    """Returns whether PyTorch differentiates the thing: a module, or a function given tensors."""
    if sys.modules.get("torch") is None or vjp is not None:
        return False
    if is_module(thing):
        return True
    tensors = sys.modules["torch"].Tensor
    found = leaves(tuple(args), "").values()
    return callable(thing) and any(isinstance(leaf, tensors) for leaf in found)


def is_module(thing: Any) -> bool:
    """Returns whether a thing is a PyTorch module."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(thing, torch.nn.Module)


def torch_subject(
    thing: Any,
    args: Sequence[Any],
    *,
    vjp: None = None,
    wrt: Sequence[str | int] | str | None,
    name: str | None,
) -> Subject:
    """Returns the subject of a module or of a function of tensors.

    A module's floating inputs and its parameters that require a gradient are the primals. Of a
    function, those tensors are that require a gradient, all floating ones where none does.

    Raises:
        InvalidInput: the module cannot be copied, or the primals are malformed.
    """
    title = name or _title(thing)
    if is_module(thing):
        return of_call(_module_call(thing, args, wrt, title), wrt, title)
    signature = signature_of(thing)
    chosen, notes = _requiring(signature, args, wrt)
    primals = primals_of(signature, args, chosen)
    if _is_rule(thing, primals, title):
        return function_subject(thing, args, vjp=None, wrt=wrt, name=name)
    if not primals.wrt:
        raise InvalidInput(nothing_to_differentiate(primals))

    def run(args: tuple, kwargs: dict, parameters: Point, precision: str | None) -> Any:
        return call(thing, args, kwargs, title)

    return of_call(Call(primals, run, {}, notes), None, title)


def of_call(made: Call, wrt: Sequence[str | int] | str | None, title: str) -> Subject:
    """Returns the subject of a function of primals and parameters over tensors."""
    torch = sys.modules["torch"]
    native = part_of({**made.primals.point, **made.parameters}, wrt, tuple(made.primals.trees))
    left_out = {n: x for n, x in made.primals.point.items() if n not in native}
    constants = {**made.primals.constants, **left_out}
    # A sparse tensor is handed on as it is: it has no memory layout, and no rows to take.
    constants = {n: x for n, x in constants.items() if _is_strided(x)}

    def evaluated(point: Point) -> dict[str, Any]:
        precision = wider(point, native)
        held = {n: point.get(n, p) for n, p in made.parameters.items()}
        args, kwargs = made.primals.arguments({**cast(constants, precision), **point})
        returned = made.run(args, kwargs, cast(held, precision), precision)
        found = {n: y for n, y in outputs(returned, title).items() if torch.is_tensor(y)}
        if not found:
            message = f"{title} returned {describe(returned)}: wanted a tensor (item() cuts it off)"
            raise EvaluationError(message)
        return found

    def required(
        point: Point, names: Iterable[str] = native
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Returns leaves that require gradients, and the point made of them."""
        inputs = {n: point[n].detach().clone().requires_grad_() for n in names}
        # What is not a leaf may be written to: a rectifier in place is differentiated as well.
        given = {n: x.clone() if n in made.primals.point else x for n, x in inputs.items()}
        return inputs, {**point, **given}

    def function(point: Point) -> dict[str, Any]:
        try:
            found = evaluated(point)
        except EvaluationError as error:
            if NEEDS_A_GRAPH not in str(error):
                raise
            with torch.enable_grad():  # it differentiates inside
                found = evaluated(required(point)[1])
        return {n: y.detach() for n, y in found.items()}

    def pullback(
        cotangents: Point,
        point: Point,
        other: Point | None = None,
        names: Iterable[str] = native,
    ) -> Pulled:
        with torch.enable_grad():
            inputs, given = required(point, names)
            found = evaluated(given)
            if other is not None:
                function(other)
            wanted = {n: y for n, y in found.items() if y.requires_grad and n in cotangents}
            if not wanted:
                return Pulled({})
            bars = [cotangents[n] for n in wanted]
            ends, starts = list(wanted.values()), list(inputs.values())
            try:
                if other is not None:  # the same graph twice: it must not change what it keeps
                    again = [bar.clone() for bar in bars]
                    torch.autograd.grad(ends, starts, again, allow_unused=True, retain_graph=True)
                answer = torch.autograd.grad(ends, starts, bars, allow_unused=True)
            except Exception as cause:
                misfit = _misfit(str(cause), title)
                if misfit is None:
                    how = ", ".join(map(describe, bars))
                    raised = f"the pullback of {title} raised {type(cause).__name__}: {cause}"
                    raised += f" (called with {how})"
                    raise PullbackError(raised) from cause
                return Pulled({}, (misfit,))
        named = zip(inputs, answer, strict=True)
        # A sparse gradient (of an embedding) stands for the dense one.
        return Pulled({n: g.detach().to_dense() for n, g in named if g is not None})

    def pushforward(point: Point, tangent: Mapping[str, Any]) -> dict[str, Any]:
        forward = torch.autograd.forward_ad
        try:
            with forward.dual_level():
                with warnings.catch_warnings():
                    # The first dual makes PyTorch compile its derivatives in a way it deprecates.
                    warnings.simplefilter("ignore", DeprecationWarning)
                    duals = {
                        n: forward.make_dual(x.detach(), backends.of(x).like(tangent[n], x))
                        if n in tangent
                        else x
                        for n, x in point.items()
                    }
                pairs = {n: forward.unpack_dual(y) for n, y in evaluated(duals).items()}
        except Exception as cause:
            raise EvaluationError(f"{title} has no forward mode: {cause}") from cause
        return {
            n: torch.zeros_like(y) if dy is None else dy.detach() for n, (y, dy) in pairs.items()
        }

    return Subject(
        title,
        native,
        constants,
        function,
        pullback,
        interleaved=pullback,
        partial=lambda cotangents, point, names: pullback(cotangents, point, names=names),
        pushforward=pushforward,
        parameters=tuple(n for n in native if n in made.parameters),
        notes=made.notes,
    )


def cast(arrays: Point, precision: str | None) -> dict[str, Any]:
    """Returns the arrays in a precision; what is not floating, or wide enough, as it is."""
    if precision is None:
        return dict(arrays)
    return {
        n: backends.of(x).cast(x, precision)
        if backends.is_floating(x) and backends.of(x).precision(x).name != precision
        else x
        for n, x in arrays.items()
    }


def _module_call(
    module: Any, args: Sequence[Any], wrt: Sequence[str | int] | str | None, title: str
) -> Call:
    torch = sys.modules["torch"]
    try:
        twin = copy.deepcopy(module)
    except Exception as cause:
        raise InvalidInput(
            f"{title} cannot be copied ({type(cause).__name__}: {cause}), and a module is only "
            "ever checked on a copy: pass a function of tensors instead"
        ) from cause
    if isinstance(module, torch.jit.ScriptModule):
        raise InvalidInput(
            f"{title} is compiled by torch.jit, which does not let its parameters be replaced: "
            "pass the module as it was before that, or a function of its input, lambda x: module(x)"
        )
    arrays = [n for n, leaf in leaves(tuple(args), "input").items() if isinstance(leaf, np.ndarray)]
    if arrays:
        raise InvalidInput(
            f"{arrays[0]} of {title} is a NumPy array, and a module takes tensors: pass "
            "torch.from_numpy(x), in the dtype of the parameters"
        )
    if not args:
        raise InvalidInput(f"no input given: pass those of {title}.forward, gradcheck.check(…, x)")
    floating = _floating(twin.forward, args)
    primals = primals_of(twin.forward, args, floating)
    named = dict(twin.named_parameters())
    if any(torch.nn.parameter.is_lazy(p) for p in named.values()):
        arguments, kwargs = primals.arguments({})
        with torch.no_grad():
            call(twin, arguments, kwargs, title)
        named = dict(twin.named_parameters())
    taken = set(primals.trees)
    names = {n if n not in taken else f"parameters.{n}": n for n in named}
    parameters = {ours: named[n].detach() for ours, n in names.items() if named[n].requires_grad}
    frozen = {n: p.detach() for n, p in named.items() if not p.requires_grad}
    buffers = dict(twin.named_buffers())

    def run(args: tuple, kwargs: dict, held: Point, precision: str | None) -> Any:
        # A forward writes to its buffers (running statistics): each gets its own.
        state = {n: b.detach().clone() for n, b in cast({**frozen, **buffers}, precision).items()}
        state |= {names[ours]: p for ours, p in held.items()}
        if torch.is_grad_enabled() and any(
            map(_requires, leaves((args, kwargs, held), "").values())
        ):
            # What is computed anew in the backward pass (torch.utils.checkpoint) meets the twin's
            # own parameters: they must be these.
            for n, p in named.items():
                p.data = state[n].detach()
                p.requires_grad_(_requires(state[n]))
        invoke = torch.func.functional_call
        return call(lambda *a, **k: invoke(twin, state, a, k), args, kwargs, title)

    said = (f"{', '.join(frozen)}: no gradient is required, so taken as data",)
    return Call(primals, run, parameters, said if frozen else ())


def _requiring(
    signature: Callable, args: Sequence[Any], wrt: Sequence[str | int] | str | None
) -> tuple[Sequence[str | int] | str | None, tuple[str, ...]]:
    """Returns which arguments of a function are differentiated, and what to say of the others."""
    floating = _floating(signature, args)
    if wrt is not None:
        return wrt, ()
    trees = args[0] if len(args) == 1 and isinstance(args[0], Mapping) else args
    marked = [key for key in floating if any(map(_requires, leaves(trees[key], "").values()))]
    if not marked or marked == floating:
        return floating, ()
    names = tuple(primals_of(signature, args, floating).trees)
    data = [key if isinstance(key, str) else names[key] for key in floating if key not in marked]
    said = f"{', '.join(data)}: no gradient is required, so taken as data; wrt=... differentiates"
    return marked, (said,)


def _is_strided(x: Any) -> bool:
    torch = sys.modules["torch"]
    return getattr(x, "layout", torch.strided) is torch.strided


def _requires(leaf: Any) -> bool:
    return bool(getattr(leaf, "requires_grad", False))


def _floating(signature: Callable, args: Sequence[Any]) -> list[Any]:
    """Returns the keys of the arguments that hold floating tensors."""
    by_name = len(args) == 1 and isinstance(args[0], Mapping)
    pairs = args[0].items() if by_name else enumerate(args)
    return [
        key
        for key, tree in pairs
        if any(
            backends.is_floating(leaf) and hasattr(leaf, "requires_grad")
            for leaf in leaves(tree, "").values()
        )
    ]


def _is_rule(thing: Callable, primals: Primals, title: str) -> bool:
    """Whether a function returns (y, pullback): then its own claim is what is checked."""
    arrays = {n: backends.of(x).copy(x) for n, x in primals.point.items()}
    args, kwargs = primals.arguments(arrays)
    try:
        result = call(thing, args, kwargs, title)
    except EvaluationError as error:
        if NEEDS_A_GRAPH in str(error):
            return False
        raise
    return isinstance(result, tuple) and len(result) == 2 and callable(result[1])


def _misfit(error: str, title: str) -> Finding | None:
    """Returns the finding of what autograd refused, None where it is another error."""
    for pattern, kind, words in MISFITS:
        match = pattern.search(error)
        if match:
            message = f"the backward of {title}: {words.format(*match.groups())}"
            return Finding(kind=kind, message=message)
    return None


def _title(thing: Any) -> str:
    owner = getattr(thing, "__self__", None)
    if inspect.isclass(owner) and getattr(thing, "__name__", "") == "apply":
        return owner.__name__
    return name_of(thing)


def signature_of(thing: Any) -> Callable[..., Any]:
    """Returns a callable whose parameters are those of the thing: of a Function, its forward's."""
    owner = getattr(thing, "__self__", None)
    if not (inspect.isclass(owner) and getattr(thing, "__name__", "") == "apply"):
        return thing
    function: Any = owner
    parameters = list(inspect.signature(function.forward).parameters.values())
    with_context = "setup_context" not in vars(function)

    def anonymous(*args: Any) -> None: ...

    kept = parameters[1:] if with_context else parameters
    anonymous.__signature__ = inspect.Signature(kept)  # pyright: ignore
    return anonymous
