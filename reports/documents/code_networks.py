"""A backward pass through a whole network as one function, against the losses it may belong to."""

import ast
import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import gradcheck
from reports.documents.claims import Claim
from reports.documents.code_place import code_claim
from reports.documents.code_subjects import (
    FAILS,
    Subject,
    assignments,
    gradient_of,
    pair_names,
    role,
)
from reports.documents.extract import Code
from reports.documents.interpreter import Interpreter, Program
from reports.documents.numpy_calls import NotReadable
from reports.documents.source import Source

WIDTHS = (2, 3, 4, 5)


@dataclass(frozen=True, eq=False)
class _Setting:
    """A random point: each parameter's array, in one layout of the data."""

    arguments: Mapping[str, Any]
    weights: tuple[str, ...]
    target: str
    flat: bool


def network_claims(
    node: ast.FunctionDef, known: Program, source: Source, block: Code, text: str
) -> Iterator[Claim]:
    """Holds a function's returned gradients against the losses of its own forward pass."""
    returned = _returned(node)
    parameters = [a.arg for a in node.args.args]
    weights = tuple(w for g in returned if (w := _weight_of(g, parameters)))
    if not weights or len(weights) != len(returned) or node.args.defaults:
        return
    target = next((p for p in parameters if p.lower() in _TARGETS), "")
    data = next((p for p in parameters if p.lower() in _DATA), "")
    if not target or not data:
        return
    column = _columns(node, parameters, weights, target, data, known)
    if column is None:
        return
    setting, result, output = column
    losses = _losses(text)
    for name, loss in losses.items():
        if _matches(node, known, setting, weights, output, loss, result):
            asked = next(iter(losses))
            if name == asked:
                yield code_claim(
                    source,
                    block,
                    node,
                    node.name,
                    verdict="ok",
                    explanation=f"its gradients are those of {_LOSS_NAMES[name]}",
                )
            else:
                factor = _example(node, known, weights, target, data, parameters, output)
                yield code_claim(
                    source,
                    block,
                    _delta(node) or node,
                    ast.unparse(_delta(node) or node).split("\n")[0],
                    right="(ŷ − y) ŷ (1 − ŷ) for the half squared error",
                    explanation=(
                        f"its gradients are those of {_LOSS_NAMES[name]}, while the document names "
                        f"{_LOSS_NAMES[asked]}{factor}"
                    ),
                )
            break
    else:
        yield code_claim(
            source,
            block,
            node,
            node.name,
            explanation="its gradients are those of no loss that was tried: "
            + ", ".join(_LOSS_NAMES[name] for name in losses),
        )
    yield from _flat_vectors(node, known, setting, weights, source, block)


_TARGETS = {"y", "t", "y_true", "target", "targets", "label", "labels", "y_target"}
_DATA = {"x", "inputs", "input", "data"}
_LOSS_NAMES = {
    "half": "the half squared error",
    "sum": "the squared error",
    "mean": "the mean squared error",
    "bce": "binary cross-entropy",
}
_LOSSES: Mapping[str, Callable[[Any, Any], Any]] = {
    "half": lambda p, y: 0.5 * np.sum((p - y) ** 2),
    "sum": lambda p, y: np.sum((p - y) ** 2),
    "mean": lambda p, y: np.mean((p - y) ** 2),
    "bce": lambda p, y: -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)),
}


def _losses(text: str) -> Mapping[str, Callable[[Any, Any], Any]]:
    """Returns the losses, that which the document names first."""
    lower = text.lower()
    entropy = "cross-entropy" in lower or "cross entropy" in lower or "交叉熵" in text
    squared = any(w in lower for w in ("squared error", "mse", "均方误差", "平方误差"))
    first = "bce" if entropy and not squared else "half"
    return {first: _LOSSES[first], **_LOSSES}


def _returned(node: ast.FunctionDef) -> list[str]:
    last = node.body[-1] if node.body else None
    if not isinstance(last, ast.Return) or last.value is None:
        return []
    items = last.value.elts if isinstance(last.value, ast.Tuple) else [last.value]
    return [item.id for item in items if isinstance(item, ast.Name)]


def _weight_of(gradient: str, parameters: Sequence[str]) -> str:
    """Returns the parameter whose gradient a name is: grad_w1, dW1, w1_grad."""
    plain = gradient.lower().replace("_", "")
    for prefix in ("grad", "d", "delta", "g", "dl", "dloss"):
        for parameter in parameters:
            name = parameter.lower().replace("_", "")
            if plain in {prefix + name, name + prefix, f"{prefix}d{name}"}:
                return parameter
    return ""


def _columns(
    node: ast.FunctionDef,
    parameters: Sequence[str],
    weights: tuple[str, ...],
    target: str,
    data: str,
    known: Program,
) -> tuple[_Setting, tuple[Any, ...], str] | None:
    """Returns a point in columns (or rows) at which the function runs, its result and output."""
    for rows in (False, True):
        arguments = _point(parameters, weights, target, data, rows=rows, samples=1)
        if arguments is None:
            return None
        interpreter = Interpreter(known)
        try:
            with np.errstate(all="ignore"):
                result = interpreter.call(node.name, arguments, traced=True)
        except NotReadable:
            return None
        except FAILS:
            continue
        result = result if isinstance(result, tuple) else (result,)
        output = next((n for n, _ in interpreter.order if n.lower() in _OUTPUTS), "")
        if output:
            return _Setting(arguments, weights, target, False), result, output
    return None


_OUTPUTS = {"y_pred", "y_hat", "yhat", "output", "out", "a2", "o", "prediction", "pred", "p"}


def _point(
    parameters: Sequence[str],
    weights: tuple[str, ...],
    target: str,
    data: str,
    *,
    rows: bool,
    samples: int,
) -> dict[str, Any] | None:
    """Returns random arguments; the weights lead from one layer to the next, all widths differ."""
    rng = np.random.default_rng(5)
    matrices = sorted(p for p in parameters if p.lower().startswith("w"))
    widths = WIDTHS[: len(matrices) + 1]
    if not matrices or len(widths) != len(matrices) + 1:
        return None
    arguments: dict[str, Any] = {}
    for index, name in enumerate(matrices):
        shape = (widths[index], widths[index + 1])
        arguments[name] = rng.uniform(-1, 1, shape if rows else shape[::-1])
    for index, name in enumerate(sorted(p for p in parameters if p.lower().startswith("b"))):
        width = widths[min(index + 1, len(widths) - 1)]
        arguments[name] = rng.uniform(-1, 1, (1, width) if rows else (width, 1))
    for name, width in ((data, widths[0]), (target, widths[-1])):
        shape = (samples, width) if rows else (width, samples)
        arguments[name] = rng.uniform(0.2, 0.8, shape)
    return arguments if set(arguments) == set(parameters) else None


def _matches(
    node: ast.FunctionDef,
    known: Program,
    setting: _Setting,
    weights: tuple[str, ...],
    output: str,
    loss: Callable[[Any, Any], Any],
    result: tuple[Any, ...],
) -> bool:
    """Whether `gradcheck` confirms the returned gradients for a loss."""
    point = {name: np.asarray(setting.arguments[name]) for name in weights}
    claimed = {name: np.asarray(g) for name, g in zip(weights, result, strict=True)}
    if any(claimed[name].shape != point[name].shape for name in weights):
        return False

    def function(**moved: Any) -> Any:
        interpreter = Interpreter(known)
        interpreter.call(node.name, {**setting.arguments, **moved}, traced=True)
        return np.asarray(loss(interpreter.trace[output], setting.arguments[setting.target]))

    verdict = gradcheck.check(
        function,
        point,
        vjp=lambda y_bar, **_: {n: y_bar * g for n, g in claimed.items()},
        seed=0,
        name=node.name,
    )
    return verdict.status == "pass"


def _delta(node: ast.FunctionDef) -> ast.Assign | None:
    """Returns the assignment of the output's error: a difference of output and target."""
    for statement in node.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.BinOp):
            if isinstance(statement.value.op, ast.Sub):
                return statement
    return None


def _example(
    node: ast.FunctionDef,
    known: Program,
    weights: tuple[str, ...],
    target: str,
    data: str,
    parameters: Sequence[str],
    output: str,
) -> str:
    """Returns how large the error is in an example of ours, 2-2-1."""
    if sorted(weights) != ["w1", "w2"] or set(parameters) != {data, target, "w1", "w2"}:
        return ""
    arguments = {
        data: np.array([[0.05], [0.10]]),
        target: np.array([[0.01]]),
        "w1": np.array([[0.15, 0.20], [0.25, 0.30]]),
        "w2": np.array([[0.40, 0.45]]),
    }
    interpreter = Interpreter(known)
    try:
        interpreter.call(node.name, arguments, traced=True)
        p = float(np.asarray(interpreter.trace[output]).reshape(-1)[0])
    except (NotReadable, *FAILS):
        return ""
    return (
        f": {1 / (p * (1 - p)):.2f} times too large for x = (0.05, 0.1), y = 0.01, "
        f"w1 = [[0.15, 0.2], [0.25, 0.3]], w2 = [[0.4, 0.45]]"
    )


def _flat_vectors(
    node: ast.FunctionDef,
    known: Program,
    setting: _Setting,
    weights: tuple[str, ...],
    source: Source,
    block: Code,
) -> Iterator[Claim]:
    """Tries one-dimensional data, as a reader would call the function."""
    flat = {n: np.ravel(a) if n not in weights else a for n, a in setting.arguments.items()}
    at = next((s for s in node.body if isinstance(s, ast.Assign) and ".T" in ast.unparse(s)), node)
    try:
        result = Interpreter(known).call(node.name, flat)
    except (NotReadable, TypeError, ArithmeticError, LookupError, AttributeError):
        return
    except ValueError as error:
        yield code_claim(
            source,
            block,
            at,
            ast.unparse(at).split("\n")[0],
            verdict="shape",
            right="np.outer(δ, h), or columns for x and y",
            explanation=f"it fails for one-dimensional x and y: {error}; .T does nothing to them",
        )
        return
    result = result if isinstance(result, tuple) else (result,)
    for name, gradient in zip(weights, result, strict=False):
        if np.shape(gradient) != np.shape(setting.arguments[name]):
            yield code_claim(
                source,
                block,
                at,
                ast.unparse(at).split("\n")[0],
                verdict="shape",
                right="np.outer(δ, h), or columns for x and y",
                explanation=(
                    f"for one-dimensional x and y the gradient of {name} comes out in the shape "
                    f"{np.shape(gradient)}, and nothing raises: .T does nothing to them"
                ),
            )
            return


# ---------------------------------------------------------------- parameters in a dictionary


def dictionary_networks(
    backward: str, program: Program, text: str
) -> Iterator[tuple[str, Subject]]:
    """Yields a network whose parameters are entries of a dictionary, with each loss it may have.

    The loss is the document's own function where it has one; the name of the loss comes first.

    Raises:
        NotReadable: it is beyond the whitelist.
    """
    g = program.functions[backward]
    f = _forward_of(backward, program)
    if f is None:
        return
    store = next((a.arg for a in f.args.args if _keys(f, a.arg)), "")
    keys = _keys(f, store) if store else ()
    data = next((a.arg for a in f.args.args if role(a.arg) == "data"), "")
    target = next((a.arg for a in g.args.args if role(a.arg) == "target"), "")
    if not keys or not data or not target or {a.arg for a in f.args.args} - {store, data}:
        return
    for rows in (False, True):
        point = _entries(keys, rows=rows)
        x = np.random.default_rng(6).uniform(-1, 1, (SAMPLES, 3) if rows else (3, SAMPLES))
        network = _Dictionary(program, f, g, store, data, target, x, rows)
        try:
            y = network.target(point)
            claimed = network.gradients(point, y)
        except FAILS:
            continue
        if set(claimed) == set(point) and all(claimed[k].shape == point[k].shape for k in point):
            for name, loss in _losses_for(program, text, y, rows=rows):
                yield name, network.subject(backward, point, y, loss, claimed)
            return


SAMPLES = 7


def _forward_of(backward: str, program: Program) -> ast.FunctionDef | None:
    """Returns the forward function: that of the same name, else the only one called so."""
    own = program.functions.get(pair_names(backward))
    if own is not None:
        return own
    others = [n for name, n in program.functions.items() if "forward" in name.lower()]
    named_back = "back" in backward.lower()
    return others[0] if len(others) == 1 and named_back else None


def _keys(node: ast.FunctionDef, store: str) -> tuple[str, ...]:
    """Returns the entries of a dictionary that a function reads: W1, b1, W2, …."""
    found = [
        n.slice.value
        for n in ast.walk(node)
        if isinstance(n, ast.Subscript)
        and isinstance(n.value, ast.Name)
        and n.value.id == store
        and isinstance(n.slice, ast.Constant)
        and isinstance(n.slice.value, str)
    ]
    keys = tuple(dict.fromkeys(sorted(found)))
    return keys if all(re.fullmatch(r"[Wwb]\d", key) for key in keys) else ()


def _entries(keys: Sequence[str], *, rows: bool) -> dict[str, Any]:
    """Returns random weights and biases; all widths differ."""
    rng = np.random.default_rng(4)
    widths = (3, 5, 4, 2, 6)
    last = max(int(key[1:]) for key in keys)
    point = {}
    for key in keys:
        at = int(key[1:])
        n_in, n_out = widths[at - 1], 2 if at == last else widths[at]
        shape = (n_in, n_out) if key[0] in "Ww" else (1, n_out)
        point[key] = rng.uniform(-1, 1, shape if rows else shape[::-1])
    return point


@dataclass(frozen=True, eq=False)
class _Dictionary:
    """A network of two functions, its data, and where the parameters are put."""

    program: Program
    forward: ast.FunctionDef
    backward: ast.FunctionDef
    store: str
    data: str
    goal: str
    x: Any
    rows: bool

    def output(self, point: Mapping[str, Any]) -> tuple[Any, Any]:
        """Returns what the forward function returns: the output and the cache."""
        given = {self.store: copy.deepcopy(dict(point)), self.data: self.x.copy()}
        found = Interpreter(self.program).call(self.forward.name, given)
        if isinstance(found, tuple) and len(found) == 2:
            return found
        if isinstance(found, dict):
            last = [v for k, v in found.items() if k.lower().startswith("a")]
            return (last[-1] if last else None), found
        return found, found

    def target(self, point: Mapping[str, Any]) -> Any:
        """Returns targets that are probabilities, as softmax and sigmoid both take."""
        shape = np.shape(self.output(point)[0])
        weights = np.random.default_rng(8).uniform(0.2, 0.8, shape)
        return weights / weights.sum(axis=1 if self.rows else 0, keepdims=True)

    def gradients(self, point: Mapping[str, Any], y: Any) -> dict[str, Any]:
        """Returns the gradients that the backward function returns, by parameter."""
        output, cache = self.output(point)
        given: dict[str, Any] = {}
        for a in self.backward.args.args:
            if a.arg == self.store or role(a.arg) == "weight":
                given[a.arg] = copy.deepcopy(dict(point))
            elif a.arg == self.data:
                given[a.arg] = self.x.copy()
            elif a.arg == self.goal:
                given[a.arg] = y.copy()
            elif "cache" in a.arg.lower():
                given[a.arg] = copy.deepcopy(cache)
            elif a.arg.lower() in _OUTPUTS | {"al", "a2", "a3", "yhat"}:
                given[a.arg] = output
            else:
                raise NotReadable(f"what the argument {a.arg[:30]} is")
        found = Interpreter(self.program).call(self.backward.name, given)
        if not isinstance(found, dict):
            raise NotReadable("gradients that are not returned in a dictionary")
        return {
            key: np.asarray(value, dtype=float)
            for name, value in found.items()
            for key in point
            if isinstance(name, str) and gradient_of(name, key)
        }

    def subject(
        self,
        name: str,
        point: Mapping[str, Any],
        y: Any,
        loss: Callable[[Any, Any], Any],
        claimed: Mapping[str, Any],
    ) -> Subject:
        """Returns the network with a loss as what `gradcheck` checks."""
        stored = {gradient: key for key in point for gradient in _stored_names(self.backward, key)}
        return Subject(
            name,
            dict(point),
            lambda **moved: np.asarray(loss(self.output({**point, **moved})[0], y), dtype=float),
            lambda y_bar, moved: {
                k: np.asarray(y_bar) * g for k, g in self.gradients(moved, y).items()
            },
            assignments(self.backward, stored),
            frozenset(),
        )


def _stored_names(node: ast.FunctionDef, key: str) -> list[str]:
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return [name for name in names if gradient_of(name, key)]


def _losses_for(
    program: Program, text: str, y: Any, *, rows: bool
) -> Iterator[tuple[str, Callable[[Any, Any], Any]]]:
    """Yields the document's own loss, else those that are known, also divided by the samples."""
    own = [n for name, n in program.functions.items() if re.search(r"(?i)cost|loss", name)]
    for node in own:
        parameters = [a.arg for a in node.args.args]
        goals = [p for p in parameters if role(p) == "target"]
        if len(parameters) == 2 and len(goals) == 1:
            first = parameters.index(goals[0]) == 0

            def loss(p: Any, t: Any, node: ast.FunctionDef = node, first: bool = first) -> Any:
                names = [a.arg for a in node.args.args]
                given = dict(zip(names, (t, p) if first else (p, t), strict=True))
                return Interpreter(program).call(node.name, given)

            yield node.name, loss
            return
    samples = SAMPLES if y.ndim > 1 else 1
    known = dict(_losses(text)) | {"ce": lambda p, t: -np.sum(t * np.log(p))}
    for name, function in known.items():
        yield _LOSS_NAMES.get(name, "cross-entropy"), function
        yield (
            f"{_LOSS_NAMES.get(name, 'cross-entropy')}, the mean over the samples",
            lambda p, t, f=function: f(p, t) / samples,
        )
