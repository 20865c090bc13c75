"""Layers in code as what `gradcheck` checks: a function, its primals, and the pullback claimed.

A class with `forward` and `backward`, or functions `name_forward` and `name_backward`. Which array
is which is told by the names that people give them; arguments are random, and of shapes that fit.
"""

import ast
import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from reports.documents.interpreter import Instance, Interpreter, Program
from reports.documents.numpy_calls import NotReadable

FAILS = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError)
"""What code raises on arguments that do not fit it."""

BATCH, N_IN, N_OUT = 5, 3, 4
RATE = 0.125
Arrays = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Subject:
    """A function of the document with its claimed pullback.

    Attributes:
        name: the class or function.
        primals: the point.
        function: the function of the primals.
        pullback: (cotangent, primals) -> the claimed cotangents by name.
        places: the statement at which the gradient of a primal is computed.
        inputs: the primals that are no parameters.
        called: what the document calls a primal, where that is not its name.
    """

    name: str
    primals: Arrays
    function: Callable[..., Any]
    pullback: Callable[[Any, Arrays], Arrays]
    places: Mapping[str, ast.AST]
    inputs: frozenset[str]
    called: Mapping[str, str] = field(default_factory=dict)


# ---------------------------------------------------------------- names and shapes


def plain(name: str) -> str:
    """Returns a name in small letters without underscores."""
    return name.replace("_", "").lower()


def gradient_of(name: str, parameter: str) -> bool:
    """Whether a name is that of the gradient of a parameter: dW, grad_W, W_grad.

    >>> gradient_of("dL_dW", "W"), gradient_of("weights_gradient", "weights")
    (True, True)
    """
    p, g = plain(parameter), plain(name)
    fronts = ("d", "grad", "gradient", "delta", "nabla", "dld", "g", "dlossd", "gradof")
    return g in {front + p for front in fronts} | {p + back for back in ("grad", "gradient", "g")}


@dataclass(frozen=True)
class Layout:
    """How data lie: rows of samples, columns of samples, or one vector; and the widths."""

    data: tuple[int, ...]
    hidden: tuple[int, ...]
    weight: tuple[int, ...]
    bias: tuple[int, ...]
    scale: tuple[int, ...]
    sizes: tuple[int, int] = (N_IN, N_OUT)


MANY = (
    Layout((BATCH, N_IN), (BATCH, N_OUT), (N_IN, N_OUT), (N_OUT,), (N_IN,)),
    Layout((BATCH, N_IN), (BATCH, N_OUT), (N_IN, N_OUT), (1, N_OUT), (1, N_IN)),
    Layout((N_IN, BATCH), (N_OUT, BATCH), (N_OUT, N_IN), (N_OUT, 1), (N_IN, 1)),
)
"""Layouts of several samples."""

ONE = (
    Layout((N_IN,), (N_OUT,), (N_OUT, N_IN), (N_OUT,), (N_IN,)),
    Layout((N_IN, 1), (N_OUT, 1), (N_OUT, N_IN), (N_OUT, 1), (N_IN, 1)),
    Layout((1, N_IN), (1, N_OUT), (N_IN, N_OUT), (1, N_OUT), (1, N_IN)),
)
"""Layouts of one sample, for what does not take several: a mean is no sum there."""

SQUARE = tuple(
    replace(layout, hidden=layout.data, weight=(N_IN, N_IN), sizes=(N_IN, N_IN), bias=bias)
    for layout in MANY
    for bias in [tuple(N_IN if n == N_OUT else n for n in layout.bias)]
)
"""Layouts in which a transpose that is missing does not show."""


class Clash(Exception):
    """A backward pass that fails on what its forward pass gives: the message says when."""


DATA = frozenset("x a aprev input inputs z data s xt inputdata inp inputs".split())
HIDDEN = frozenset("prevh hprev h hidden hiddenstate aprevious state".split())
TARGETS = frozenset("y t ytrue target targets label labels ytarget truth".split())
SCALES = frozenset("gamma beta".split())
_WEIGHT = re.compile(r"w(?!h$|hh$|aa$)\w*|weights?|theta|kernel")
_RECURRENT = re.compile(r"wh|whh|waa|u|uh")
_BIAS = re.compile(r"b|b\d|bias(es)?|b[hzoy]")
_RATES = frozenset("lr learningrate eta alpha stepsize rate".split())
_GUARDS = frozenset("eps epsilon".split())


def role(name: str) -> str:
    """Returns what an argument is by its name: data, weight, …; "" where that is not known."""
    p = plain(name)
    for known, kind in ((DATA, "data"), (HIDDEN, "hidden"), (SCALES, "scale"), (TARGETS, "target")):
        if p in known:
            return kind
    if p in _RATES:
        return "rate"
    if p in _GUARDS:
        return "guard"
    if _RECURRENT.fullmatch(p):
        return "recurrent"
    if _BIAS.fullmatch(p):
        return "bias"
    return "weight" if _WEIGHT.fullmatch(p) else ""


def argument(name: str, layout: Layout, rng: np.random.Generator) -> Any:
    """Returns a random argument of the shape that its name has in a layout.

    Raises:
        NotReadable: the name tells nothing.
    """
    kind = role(name)
    if kind == "target":
        return one_hot(layout.data)
    if kind == "rate":
        return RATE
    if kind == "guard":
        return 1e-5
    if kind == "recurrent":
        return rng.uniform(-1, 1, (layout.sizes[1], layout.sizes[1]))
    if not kind:
        raise NotReadable(f"what the argument {name[:30]} is")
    low = 0.2 if kind == "scale" else -1.0
    return rng.uniform(low, 1.0, getattr(layout, kind))


def one_hot(shape: tuple[int, ...]) -> Any:
    """Returns targets with a one for each sample, along the axis that has the width of the data."""
    axis = shape.index(N_IN)
    classes = np.arange(N_IN).reshape([-1 if a == axis else 1 for a in range(len(shape))])
    samples = np.arange(np.prod(shape) // N_IN) % N_IN
    others = [n if a != axis else 1 for a, n in enumerate(shape)]
    return (classes == samples.reshape(others)).astype(float)


def _required(node: ast.FunctionDef) -> list[str]:
    """Returns the parameters without a default."""
    parameters = [a.arg for a in node.args.args]
    return parameters[: len(parameters) - len(node.args.defaults)]


# ---------------------------------------------------------------- pairs of functions


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
    yield from _first_that_run(
        lambda layout: _pair_in(layout, forward, backward, program, f, g, returned)
    )


def _first_that_run(subjects: Callable[[Layout], Iterator[Subject]]) -> Iterator[Subject]:
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
    arguments = {name: argument(name, layout, rng) for name in _required(f)}
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
            elif name in _required(g):
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
                name = _last_name(target)
                if name in names:
                    found[names[name]] = statement
    return found


def _last_name(target: ast.expr) -> str:
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str() as name)):
            return name
        case ast.Subscript(slice=ast.JoinedStr(values=[ast.Constant(value=front), *_])):
            return f"{front}#"
        case ast.Subscript(value=value):
            return _last_name(value)
    return ""


# ---------------------------------------------------------------- classes


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

    yield from _first_that_run(subjects)


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
    data = _required(forward)[1:]
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
        for extra in _required(backward)[2:]:
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
    for parameter in _required(init)[1:]:
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
    return {_last_name(t) for t in targets}


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
