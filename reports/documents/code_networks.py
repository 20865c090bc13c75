"""A backward pass through a whole network as one function, against the losses it may belong to."""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import gradcheck
from reports.documents.claims import Claim
from reports.documents.code_place import code_claim
from reports.documents.code_subjects import FAILS
from reports.documents.extract import Code
from reports.documents.interpreter import Interpreter
from reports.documents.numpy_calls import NotReadable
from reports.documents.program import Program
from reports.documents.source import Source

WIDTHS = (2, 3, 4, 5)


@dataclass(frozen=True, eq=False)
class _Setting:
    """A random point: each parameter's array, in one layout of the data."""

    arguments: Mapping[str, Any]
    weights: tuple[str, ...]
    target: str


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
    known_losses = losses(text)
    for name, loss in known_losses.items():
        if _matches(node, known, setting, weights, output, loss, result):
            asked = next(iter(known_losses))
            if name == asked:
                yield code_claim(
                    source,
                    block,
                    node,
                    node.name,
                    verdict="ok",
                    explanation=f"its gradients are those of {LOSS_NAMES[name]}",
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
                        f"its gradients are those of {LOSS_NAMES[name]}, while the document names "
                        f"{LOSS_NAMES[asked]}{factor}"
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
            + ", ".join(LOSS_NAMES[name] for name in known_losses),
        )
    yield from _flat_vectors(node, known, setting, weights, source, block)


_TARGETS = {"y", "t", "y_true", "target", "targets", "label", "labels", "y_target"}
_DATA = {"x", "inputs", "input", "data"}
LOSS_NAMES = {
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


def losses(text: str) -> Mapping[str, Callable[[Any, Any], Any]]:
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
        output = next((n for n, _ in interpreter.order if n.lower() in OUTPUTS), "")
        if output:
            return _Setting(arguments, weights, target), result, output
    return None


OUTPUTS = {"y_pred", "y_hat", "yhat", "output", "out", "a2", "o", "prediction", "pred", "p"}


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
