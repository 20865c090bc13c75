"""The scalar whose gradient a backward pass computes: the document's own loss, or a known one."""

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.documents.code.arguments import Names
from reports.documents.code.experiment import Plan, State, bound, settled
from reports.documents.code.flow import read
from reports.documents.code.limits import FAILS, Missing, NotReadable
from reports.documents.code.names import OUTPUTS, is_gradient, plain, role
from reports.documents.code.pairing import RETURNED
from reports.documents.code.program import Function, Scope


@dataclass(frozen=True, eq=False)
class Loss:
    """A scalar of a run.

    Attributes:
        label: what it is called.
        value: its value, from the run and what the backward pass returned.
        own: whether the document's code computes it.
        exact: whether its factor counts: it is no mere monitor.
        first: whether it must be computed before the backward pass, which may use what it keeps.
        names: the names in the backward pass that it is made of.
    """

    label: str
    value: Callable[[State, Mapping[Any, Any]], Any]
    names: tuple[str, ...] = ()
    own: bool = True
    exact: bool = False
    first: bool = False


def is_loss_name(name: str) -> bool:
    """Whether a function or a value is a loss by its name."""
    p = plain(name)
    if any(word in p for word in ("deriv", "prime", "grad", "delta", "back", "history", "list")):
        return False
    if p.startswith("d") and p[1:] in {"loss", "cost"}:
        return False
    words = (
        "loss",
        "cost",
        "crossentropy",
        "objective",
        "criterion",
        "mse",
        "bce",
        "nll",
        "energy",
    )
    return any(word in p for word in words) or p in {"j", "l", "totalerror", "ce"}


def own_losses(plan: Plan, state: State, result: Mapping[Any, Any], names: Names) -> Iterator[Loss]:
    """Yields the losses of the document's code that may be meant, the surest first.

    Args:
        plan: what is run.
        state: a run after its backward pass.
        result: what that left behind.
        names: makes specs for arguments.
    """
    numbers = [
        p
        for p, v in result.items()
        if p[0] == RETURNED
        and np.size(v) == 1
        and len(p) == 2
        and not is_gradient(state.titles[p[1]])
    ]
    for path in sorted(numbers, key=lambda p: not is_loss_name(state.titles[p[1]])):
        title = state.titles[path[1]]
        yield Loss(title, lambda _, found, path=path: found[path], (title,), exact=True)
    scalar = plan.forward is not None and np.ndim(state.output) == 0 and bool(state.outputs)
    if scalar:
        yield output_of(plan)
    for function in (plan.backward, plan.forward) if not numbers and not scalar else ():
        if function is None or not isinstance(function.node, ast.FunctionDef):
            continue
        scope = state.interpreter.scopes.get(function.node, Scope())
        for name, value in scope.items():
            if is_loss_name(name) and np.size(value) == 1 and isinstance(value, float | np.generic):
                yield Loss(name, _local(function, name), (name,))
    for function in _functions(plan):
        loss = _called(plan, function, names)
        try:
            value = loss.value(state, result)
        except (NotReadable, Missing, *FAILS):
            continue
        if np.size(value) == 1:
            yield loss


def output_of(plan: Plan) -> Loss:
    """Returns the output of the forward pass, which is the loss itself."""
    name = plan.forward.name if plan.forward is not None else plan.backward.name
    label = "its value" if name.startswith("__") else name
    return Loss(label, lambda s, _: s.output, exact=True)


def _local(function: Function, name: str) -> Callable[[State, Any], Any]:
    return lambda s, _: s.interpreter.scopes[function.node][name]


def _functions(plan: Plan) -> Iterator[Function]:
    """Yields the functions of the document that compute a loss by their name."""
    if plan.kind is not None:
        for each in plan.kind.lineage():
            for name, method in each.methods.items():
                if is_loss_name(name) and method.node is not plan.backward.node:
                    yield method
    known = [n for n, v in plan.names.items() if isinstance(v, Function) and is_loss_name(n)]
    meant = [n for n in known if n in plan.backward.name]
    taken = [f.node for f in (plan.forward, plan.backward) if f is not None]
    yield from (plan.names[n] for n in meant or known if plan.names[n].node not in taken)


def _called(plan: Plan, function: Function, names: Names) -> Loss:
    """Returns the loss that a function computes of a run: its output and the targets."""

    def value(state: State, _: Any) -> Any:
        found = state.interpreter.call(
            bound(function, state), [], arguments(function, state, names)
        )
        if isinstance(found, tuple) and found:
            found = next((part for part in found if np.size(part) == 1), found[0])
        return np.mean(found) if np.ndim(found) == 1 else found

    return Loss(
        function.name, value, compared_names(plan), exact=True, first=function.owner is not None
    )


def arguments(function: Function, state: State, names: Names) -> dict[str, Any]:
    """Returns the arguments of a loss: targets by name, the output, else what the run has."""
    found: dict[str, Any] = {}
    target = target_of(state)
    taken = False
    for name in function.required:
        kind = role(name)
        if kind == "target" and target is not None:
            found[name] = state.env.get(name, target)
        elif name in state.env:
            found[name] = state.env[name]
        elif not taken and state.outputs and (plain(name) in OUTPUTS or kind in {"data", ""}):
            found[name] = state.output
            taken = True
        else:
            found |= {name: settled(function, state, names)[name]}
    return found


def target_of(state: State) -> Any:
    """Returns the targets of a run."""
    return next((v for n, v in state.env.items() if role(n) == "target"), None)


# ---------------------------------------------------------------- losses that are known


def _entropy(p: Any, y: Any) -> Any:
    return -np.sum(y * np.log(p))


def _binary(p: Any, y: Any) -> Any:
    return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))


KNOWN: Mapping[str, Callable[[Any, Any], Any]] = {
    "the half squared error": lambda p, y: 0.5 * np.sum((p - y) ** 2),
    "binary cross-entropy": _binary,
    "cross-entropy": _entropy,
    "the absolute error": lambda p, y: np.sum(np.abs(p - y)),
}
"""Losses by their names; a factor is a convention where the code states none."""


def known_losses(plan: Plan) -> Iterator[Loss]:
    """Yields the known losses of the output and the targets."""
    for label, function in KNOWN.items():
        yield Loss(label, _of_output(plan, function), compared_names(plan), own=False)


def compared_names(plan: Plan) -> tuple[str, ...]:
    """Returns the names of what a backward pass compares with targets."""
    for node in ast.walk(plan.backward.node):
        for output, target in _compared(node):
            if role(target) == "target":
                return tuple(read(output) - set(plan.names))
    return ()


def _of_output(plan: Plan, function: Callable[[Any, Any], Any]) -> Callable[[State, Any], Any]:
    def value(state: State, _: Any) -> Any:
        output, target = output_and_target(plan, state)
        return function(np.asarray(output, dtype=float), target)

    return value


def output_and_target(plan: Plan, state: State) -> tuple[Any, Any]:
    """Returns what the backward pass compares with the targets, and the targets.

    Raises:
        ValueError: it compares nothing.
    """
    scope = state.interpreter.scopes.get(plan.backward.node)
    if scope is not None:
        for node in ast.walk(plan.backward.node):
            for output, target in _compared(node):
                if role(target) != "target" or target not in scope:
                    continue
                try:
                    value = state.interpreter.value(output, scope)
                except (NotReadable, *FAILS):
                    continue
                goal = scope[target]
                if np.shape(value) == np.shape(goal):
                    return value, goal
    target = target_of(state)
    if target is None or not state.outputs:
        raise ValueError("there is nothing that is compared with targets")
    return state.output, target


def _compared(node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """Yields what a difference or a call of two has beside a name, and the name."""
    match node:
        case ast.BinOp(left=a, op=ast.Sub(), right=b) | ast.Call(args=[a, b]):
            pairs = ((a, b), (b, a))
        case _:
            return
    for output, target in pairs:
        if isinstance(target, ast.Name):
            yield output, target.id
