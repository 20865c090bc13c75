"""Functions name_forward and name_backward as subjects of a check."""

import ast
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from reports.documents.code_names import (
    MANY,
    ONE,
    SQUARE,
    Clash,
    Layout,
    argument,
    gradient_of,
    plain,
    required,
    role,
)
from reports.documents.code_subjects import FAILS, Arrays, Subject
from reports.documents.interpreter import Interpreter
from reports.documents.numpy_calls import NotReadable
from reports.documents.program import Program


def pair_names(name: str) -> str:
    """Returns the name of the forward function of a backward one; "" where it is none.

    >>> pair_names("affine_backward"), pair_names("backward_pass"), pair_names("sgd")
    ('affine_forward', 'forward_pass', '')
    """
    if "backward" not in name:
        return ""
    return name.replace("backward", "forward")


def function_pairs(backward: str, program: Program) -> Iterator[Subject]:
    """Yields a pair of functions in every layout in which it runs.

    Raises:
        NotReadable: it is beyond the whitelist.
    """
    forward = pair_names(backward)
    if forward not in program.functions:
        return
    f, g = program.functions[forward], program.functions[backward]
    returned = returned_names(g)
    yield from first_that_run(
        lambda layout: _pair_in(layout, forward, backward, program, f, g, returned)
    )


def first_that_run(subjects: Callable[[Layout], Iterator[Subject]]) -> Iterator[Subject]:
    """Yields the subjects of layouts with several samples, and only without any those with one.

    Raises:
        Clash: it runs where input and output have the same width, and only there.
    """
    ran = False
    for layouts in (MANY, ONE):
        for layout in layouts:
            for subject in subjects(layout):
                ran = True
                yield subject
        if ran:
            return
    if any(True for layout in SQUARE for _ in subjects(layout)):
        raise Clash("it runs only where input and output have the same width: a transpose is wrong")


def _pair_in(
    layout: Layout,
    forward: str,
    backward: str,
    program: Program,
    f: ast.FunctionDef,
    g: ast.FunctionDef,
    returned: Sequence[str],
) -> Iterator[Subject]:
    rng = np.random.default_rng(5)
    arguments = {name: argument(name, layout, rng) for name in required(f)}
    primals = {
        k: v for k, v in arguments.items() if isinstance(v, np.ndarray) and role(k) != "target"
    }
    subject = _pair(forward, backward, program, arguments, primals, returned)
    try:
        y = np.asarray(subject.function(**primals), dtype=float)
        claimed = subject.pullback(np.ones_like(y), primals)
    except FAILS:
        return
    if y.size and claimed and all(claimed[k].shape == primals[k].shape for k in claimed):
        yield Subject(
            backward,
            {k: v for k, v in primals.items() if k in claimed},
            subject.function,
            subject.pullback,
            assignments(g, {n: k for k in claimed for n in returned if gradient_of(n, k)}),
            frozenset(k for k in claimed if role(k) in {"data", "hidden"}),
        )


def _pair(
    forward: str,
    backward: str,
    program: Program,
    arguments: Arrays,
    primals: Arrays,
    returned: Sequence[str],
) -> Subject:
    g = program.functions[backward]
    own = [a.arg for a in g.args.args]

    def run(moved: Arrays) -> tuple[Any, Any]:
        found = Interpreter(program).call(forward, copy.deepcopy({**arguments, **moved}))
        if isinstance(found, tuple) and len(found) == 2:
            return found
        return found, None

    def function(**moved: Any) -> Any:
        return np.asarray(run(moved)[0], dtype=float)

    def pullback(y_bar: Any, moved: Arrays) -> Arrays:
        y, cache = run(moved)
        named = {**arguments, **moved}
        given: Arrays = {}
        for position, name in enumerate(own):
            if position == 0:
                given[name] = np.array(y_bar)
            elif "cache" in name or "ctx" in name:
                given[name] = cache
            elif name in named:
                given[name] = named[name]
            elif plain(name) in {"out", "y", "output"}:
                given[name] = y
            elif name in required(g):
                raise NotReadable(f"what the argument {name[:30]} is")
        found = Interpreter(program).call(backward, copy.deepcopy(given))
        items = found if isinstance(found, tuple | list) else (found,)
        keys = returned if len(returned) == len(items) else ()
        if isinstance(found, dict):
            keys, items = list(found), list(found.values())
        return {
            p: np.asarray(item, dtype=float)
            for key, item in zip(keys, items, strict=False)
            for p in primals
            if gradient_of(key, p)
        }

    return Subject(backward, primals, function, pullback, {}, frozenset())


def returned_names(node: ast.FunctionDef) -> list[str]:
    """Returns the names that a function returns at its end, attributes by their last part."""
    last = node.body[-1] if node.body else None
    if not isinstance(last, ast.Return) or last.value is None:
        return []
    items = last.value.elts if isinstance(last.value, ast.Tuple) else [last.value]
    return [
        item.id
        if isinstance(item, ast.Name)
        else item.attr
        if isinstance(item, ast.Attribute)
        else ""
        for item in items
    ]


def assignments(node: ast.FunctionDef, names: Mapping[str, str]) -> dict[str, ast.AST]:
    """Returns the last statement that sets each of the names, by what they are the gradient of."""
    found: dict[str, ast.AST] = {}
    for statement in ast.walk(node):
        if isinstance(statement, ast.Assign | ast.AugAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                name = last_name(target)
                if name in names:
                    found[names[name]] = statement
    return found


def last_name(target: ast.expr) -> str:
    """Returns the last part of a target: W of self.W, W1 of grads["W1"], W# of grads[f"W{l}"]."""
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str() as name)):
            return name
        case ast.Subscript(slice=ast.JoinedStr(values=[ast.Constant(value=front), *_])):
            return f"{front}#"
        case ast.Subscript(value=value):
            return last_name(value)
    return ""
