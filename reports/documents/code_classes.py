"""Classes with forward and backward as subjects of a check."""

import ast
import copy
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from reports.documents.code_names import RATE, Layout, argument, gradient_of, plain, required, role
from reports.documents.code_pairs import assignments, first_that_run, last_name, returned_names
from reports.documents.code_subjects import FAILS, Arrays, Subject
from reports.documents.interpreter import Interpreter
from reports.documents.numpy_calls import NotReadable
from reports.documents.program import Instance, Program


def class_layers(name: str, program: Program) -> Iterator[Subject]:
    """Yields a class with forward and backward in every layout in which it runs.

    Raises:
        NotReadable: it is beyond the whitelist.
    """
    forward, backward = program.method(name, "forward"), program.method(name, "backward")
    if forward is None or backward is None:
        return

    def subjects(layout: Layout) -> Iterator[Subject]:
        n_in, n_out = layout.sizes
        for sizes in ((n_in, n_out), (n_out, n_in)):
            try:
                yield from _layer(name, forward, backward, program, layout, sizes)
            except FAILS:
                continue

    yield from first_that_run(subjects)


def _layer(
    name: str,
    forward: ast.FunctionDef,
    backward: ast.FunctionDef,
    program: Program,
    layout: Layout,
    sizes: tuple[int, int],
) -> Iterator[Subject]:
    rng = np.random.default_rng(5)
    start = Interpreter(program).create(name, _settings(name, program, layout, sizes, rng))
    data = required(forward)[1:]
    arguments = {key: _data(key, at, layout, rng) for at, key in enumerate(data)}
    parameters = {p: v for p, v in _arrays(start) if not _is_gradient(p, start)}

    def run(moved: Arrays) -> tuple[Instance, Any]:
        layer = copy.deepcopy(start)
        for path, value in moved.items():
            if path in parameters:
                _put(layer, path, value)
        values = [copy.deepcopy(moved.get(key, arguments[key])) for key in data]
        return layer, Interpreter(program).invoke(layer, "forward", values)

    def function(**moved: Any) -> Any:
        return np.asarray(run(moved)[1], dtype=float)

    def pullback(y_bar: Any, moved: Arrays) -> Arrays:
        layer, _ = run(moved)
        before = dict(_arrays(copy.deepcopy(layer)))
        scalar = np.ndim(y_bar) == 0  # a loss: its backward often takes no cotangent but 1
        values: list[Any] = [1.0 if scalar else np.array(y_bar)][: len(backward.args.args) - 1]
        for extra in required(backward)[2:]:
            if role(extra) != "rate":
                raise NotReadable(f"what the argument {extra[:30]} is")
            values.append(RATE)
        result = Interpreter(program).invoke(layer, "backward", values)
        found = _claims(layer, result, before, parameters, data, backward)
        return {k: v * float(y_bar) for k, v in found.items()} if scalar else found

    primals: Arrays = {k: v for k, v in arguments.items() if role(k) != "target"} | parameters
    y = function(**primals)
    claimed = pullback(np.ones_like(y), primals)
    if not y.size or not claimed or any(claimed[k].shape != primals[k].shape for k in claimed):
        return
    kept = {k: primals[k] for k in claimed}
    called = _unpacked(forward) | _unpacked(backward)
    last = {k: called.get(k, k.split(".")[-1]) for k in claimed}
    names = {n: k for k in claimed for n in _stored(backward) if gradient_of(n, last[k])}
    names |= {re.sub(r"\d+$", "#", last[k]): k for k in claimed if last[k][-1:].isdecimal()}
    first = returned_names(backward)
    places: dict[str, ast.AST] = {}
    if first and data[:1] and data[0] in claimed:
        names[first[0]] = data[0]
        places[data[0]] = backward.body[-1]
    places |= assignments(backward, names)
    yield Subject(name, kept, function, pullback, places, frozenset(data), called)


def _unpacked(node: ast.FunctionDef) -> dict[str, str]:
    """Returns the names that entries of lists are given: W, b = self.params."""
    found = {}
    for statement in ast.walk(node):
        match statement:
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Attribute(attr=name)):
                for at, target in enumerate(targets):
                    if isinstance(target, ast.Name):
                        found[f"{name}.{at}"] = target.id
    return found


def _settings(
    name: str, program: Program, layout: Layout, sizes: tuple[int, int], rng: np.random.Generator
) -> Arrays:
    """Returns arguments for a class: arrays where the names are those of arrays, else sizes."""
    init = program.method(name, "__init__")
    if init is None:
        return {}
    found: Arrays = {}
    waiting = list(sizes)
    for parameter in required(init)[1:]:
        kind = role(parameter)
        if kind in {"weight", "bias", "recurrent", "scale"}:
            found[parameter] = argument(parameter, layout, rng)
        elif kind == "rate":
            found[parameter] = RATE
        elif waiting:
            found[parameter] = waiting.pop(0)
        else:
            raise NotReadable(f"what the argument {parameter[:30]} is")
    return found


def _data(name: str, position: int, layout: Layout, rng: np.random.Generator) -> Any:
    if position == 0:
        return rng.uniform(-1, 1, layout.data)
    return argument(name, layout, rng)


def _arrays(instance: Instance) -> Iterator[tuple[str, Any]]:
    """Yields the arrays of an object by their path: "W", "params.W", "params.0"."""
    for name, value in instance.attributes.items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            yield name, value
        elif isinstance(value, dict | list):
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for key, item in items:
                if isinstance(item, np.ndarray) and item.dtype.kind == "f":
                    yield f"{name}.{key}", item


def _put(instance: Instance, path: str, value: Any) -> None:
    name, _, key = path.partition(".")
    owner = instance.attributes[name]
    if not key:
        instance.attributes[name] = np.array(value)
    elif isinstance(owner, list):
        owner[int(key)] = np.array(value)
    else:
        owner[key] = np.array(value)


_CONTAINERS = frozenset("grads gradients grad".split())


def _is_gradient(path: str, instance: Instance) -> bool:
    name = path.partition(".")[0]
    others = {p.split(".")[-1] for p, _ in _arrays(instance) if p != path}
    return plain(name) in _CONTAINERS or any(gradient_of(name, other) for other in others)


def _stored(node: ast.FunctionDef) -> set[str]:
    """Returns the last names of what a function assigns."""
    targets = [
        t
        for s in ast.walk(node)
        if isinstance(s, ast.Assign | ast.AugAssign)
        for t in (s.targets if isinstance(s, ast.Assign) else [s.target])
    ]
    return {last_name(t) for t in targets}


def _claims(
    layer: Instance,
    result: Any,
    before: Arrays,
    parameters: Arrays,
    data: Sequence[str],
    backward: ast.FunctionDef,
) -> Arrays:
    """Returns the gradients that a backward pass returns, keeps, or has updated with."""
    found: Arrays = {}
    after = dict(_arrays(layer))
    items = result if isinstance(result, tuple) else (result,)
    if items and isinstance(items[0], np.ndarray | float) and data:
        found[data[0]] = np.asarray(items[0], dtype=float)
    names = returned_names(backward)
    for path in parameters:
        last = path.split(".")[-1]
        for name, item in zip(names, items, strict=False):
            if gradient_of(name, last) and isinstance(item, np.ndarray):
                found[path] = item
        for other, value in after.items():
            container, _, key = other.partition(".")
            same = plain(container) in _CONTAINERS and key == path.partition(".")[2] != ""
            same = same or (plain(container) in _CONTAINERS and key == path)
            if same or gradient_of(other.split(".")[-1], last):
                found[path] = value
        moved = path in before and before[path].shape == after[path].shape
        if path not in found and moved and not np.array_equal(before[path], after[path]):
            found[path] = (before[path] - after[path]) / _rate(layer)
    return found


def _rate(layer: Instance) -> float:
    """Returns the learning rate that an object keeps, else the one that is passed."""
    own = [v for k, v in layer.attributes.items() if role(k) == "rate" and isinstance(v, float)]
    return own[0] if own else RATE
