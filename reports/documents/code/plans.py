"""Which functions of a document belong together: what goes forward, and what goes back."""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

from reports.documents.code.experiment import Plan, last_name
from reports.documents.code.limits import Budget
from reports.documents.code.names import COTANGENTS, is_cache, is_gradient, plain, role
from reports.documents.code.program import Class, Function

_BACK = re.compile(
    r"(?i)back_?(ward|word|prop|pass)|bprop|bwd|grad|deriv|_prime$|(^|_)back$|^back_(?!to|up|end)"
)
_OTHERS = ("feedback", "check", "numeric", "descent", "ascent", "plot", "boost", "clip", "test_")
_FORWARD = (
    *(
        "forward",
        "__call__",
        "feedforward",
        "feed_forward",
        "fprop",
        "forward_pass",
        "forward_prop",
    ),
    *("forward_propagation", "forwardprop", "predict", "run", "apply", "call", "propagate", "fwd"),
    *(
        "forwardPropagation",
        "forwardPass",
        "feedForward",
        "_forward",
        "activate",
        "compute",
        "think",
    ),
    *("predict_proba", "hypothesis", "output", "evaluate", "forward_step", "query"),
)
_SWAPS = (
    ("backward", "forward"),
    ("Backward", "Forward"),
    ("back_propagation", "forward_propagation"),
    ("backpropagation", "forwardpropagation"),
    ("back_prop", "forward_prop"),
    ("backprop", "forwardprop"),
    ("backprop", "feedforward"),
    ("backprop", "forward"),
    ("bprop", "fprop"),
    ("bwd", "fwd"),
    ("back", "forward"),
    ("back", "fwd"),
    ("backward_", ""),
    ("_backward", ""),
    ("_back", ""),
    ("back_", ""),
    ("backward", ""),
    ("_gradients", ""),
    ("_gradient", ""),
    ("_grad", ""),
    ("grad_", ""),
    ("_prime", ""),
    ("_derivative", ""),
    ("_deriv", ""),
)


def is_backward(name: str) -> bool:
    """Whether a function is a backward pass by its name.

    >>> [is_backward(n) for n in ("run_back", "conv_backward", "backprop", "feedback_loop", "fit")]
    [True, True, True, False, False]
    """
    if name.startswith("__") or any(word in name.lower() for word in _OTHERS):
        return False
    return _BACK.search(name) is not None


def forward_names(backward: str) -> list[str]:
    """Returns the names that the forward function of a backward one may have."""
    found = [backward.replace(a, b) for a, b in _SWAPS if a in backward]
    return [name for name in dict.fromkeys(found) if name and name != backward]


def class_plans(kind: Class, names: Mapping[str, Any], budget: Budget) -> Iterator[Plan]:
    """Yields the plans for a class: each backward method with the forward one it may belong to."""
    methods: dict[str, Function] = {}
    for each in reversed(list(kind.lineage())):
        methods |= each.methods
    for name, backward in methods.items():
        if backward.kind == "property" or is_abstract(backward) or name.startswith("__"):
            continue
        if not is_backward(name) and not gives_gradients(backward):
            continue
        partners = [*forward_names(name), *_FORWARD]
        forward = next(
            (methods[n] for n in partners if n in methods and not is_abstract(methods[n])), None
        )
        if not is_backward(name):
            forward = None
        yield from _plans(names, kind, forward, backward, budget)


def function_plans(function: Function, names: Mapping[str, Any], budget: Budget) -> Iterator[Plan]:
    """Yields the plans for a function that goes back."""
    if not is_backward(function.name):
        yield from _plans(names, None, None, function, budget)
        return
    partners = [names[n] for n in forward_names(function.name) if n in names]
    forwards = [f for f in partners if isinstance(f, Function)]
    if not forwards and "back" in function.name.lower():
        known = [n for n in names if "forward" in n.lower() and isinstance(names[n], Function)]
        forwards = [names[n] for n in known] if len(known) == 1 else []
    yield from _plans(names, None, forwards[0] if forwards else None, function, budget)


def _plans(
    names: Mapping[str, Any],
    kind: Class | None,
    forward: Function | None,
    backward: Function,
    budget: Budget,
) -> Iterator[Plan]:
    parameters = [p for p in backward.parameters if p not in {"self", "cls"}]
    targets = [p for p in parameters if role(p) == "target"]
    pulled = [p for p in parameters if _is_cotangent(p)]
    takes_targets = forward is not None and any(role(p) == "target" for p in forward.required)
    by_target = bool(targets) and not pulled
    data = [p for p in backward.required if role(p) == "data"]
    if forward is not None and by_target and data:
        if not set(data) & set(forward.parameters):
            forward = None  # it takes the data anew and goes forward itself
    if forward is not None:
        if not by_target and (not parameters or takes_targets):
            by_target = True
        yield Plan(names, kind, forward, backward, budget, by_target)
        if not by_target and not pulled and parameters:
            yield Plan(names, kind, forward, backward, budget, True)
    if forward is None or (targets and not any(map(is_cache, parameters))):
        yield Plan(names, kind, None, backward, budget, True)


def _is_cotangent(name: str) -> bool:
    return (plain(name) in COTANGENTS or is_gradient(name)) and not is_cache(name)


def gives_gradients(function: Function) -> bool:
    """Whether a function that is no backward pass by its name returns or keeps gradients."""
    if not isinstance(function.node, ast.FunctionDef):
        return False
    for node in ast.walk(function.node):
        match node:
            case ast.Return(value=ast.Tuple(elts=items)):
                if any(is_gradient(name) for item in items if (name := last_name(item))):
                    return True
            case ast.Return(value=ast.Name(id=name)) if is_gradient(name):
                return True
            case _:
                pass
    return False


def is_abstract(function: Function) -> bool:
    """Whether a method only says that others must have it."""
    body = function.node.body if isinstance(function.node, ast.FunctionDef) else []
    return all(
        isinstance(s, ast.Raise | ast.Pass)
        or (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
        for s in body
    ) or (len(body) == 1 and isinstance(body[0], ast.Return) and body[0].value is None)
