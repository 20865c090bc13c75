"""Python blocks that compute a backward pass, read and never run.

The syntax tree of a block is interpreted by a whitelist: assignments, functions, arithmetic, and a
few functions of NumPy on small arrays of ours. Loops, imports of anything else, attributes and
calls beyond the list are "not read". What a function returns is then held against finite
differences of the losses that its own forward pass may belong to.
"""

import ast
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import gradcheck
from reports.documents.claims import Claim
from reports.documents.extract import Code
from reports.documents.source import Source

MOST_NODES = 4000
MOST_STEPS = 3000
WIDTHS = (2, 3, 4, 5)


class NotReadable(Exception):
    """Code beyond the whitelist: the message says what."""


@dataclass
class _Block:
    """The functions and constants of the document's code so far."""

    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    places: dict[str, tuple[Source, int]] = field(default_factory=dict)


def code_claims(
    blocks: Sequence[tuple[Source, Code]], text: str
) -> tuple[list[Claim], list[tuple[Source, Code, str]]]:
    """Returns the verdicts on a document's code, and the blocks that could not be read.

    Args:
        blocks: the blocks in order.
        text: the whole document: which loss it names.
    """
    known = _Block()
    claims: list[Claim] = []
    unread = []
    for source, block in blocks:
        if block.language not in {"python", "py", "python3", "ipython", "numpy"}:
            continue
        try:
            tree = _parsed(block.text)
        except NotReadable as reason:
            unread.append((source, block, str(reason)))
            continue
        found = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        for node in found:
            known.functions[node.name] = node
            known.places[node.name] = source, block.start
        checked = False
        for node in found:
            new = [*_averages(node, source, block), *_backward(node, known, source, block, text)]
            checked = checked or bool(new)
            claims += new
        if not checked:
            unread.append((source, block, "no backward pass that can be read"))
    return claims, unread


def _parsed(text: str) -> ast.Module:
    import textwrap
    import warnings

    if len(text) > 50_000:
        raise NotReadable("the block is too long")
    if max((len(line) - len(line.lstrip()) for line in text.splitlines()), default=0) > 200:
        raise NotReadable("the block is nested too deep")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(textwrap.dedent(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NotReadable("it is no Python") from error
    if sum(1 for _ in ast.walk(tree)) > MOST_NODES:
        raise NotReadable("the block is too long")
    return tree


# ---------------------------------------------------------------- the interpreter


_NUMPY: Mapping[str, Callable[..., Any]] = {
    "exp": np.exp,
    "log": np.log,
    "tanh": np.tanh,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "dot": np.dot,
    "matmul": np.matmul,
    "outer": np.outer,
    "multiply": np.multiply,
    "add": np.add,
    "subtract": np.subtract,
    "divide": np.divide,
    "square": np.square,
    "sum": np.sum,
    "mean": np.mean,
    "max": np.max,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "transpose": np.transpose,
    "where": np.where,
    "ones_like": np.ones_like,
    "zeros_like": np.zeros_like,
    "power": lambda a, b: np.power(a, b) if np.size(b) == 1 and abs(float(b)) < 20 else None,
    "clip": np.clip,
}
_METHODS = {"dot", "sum", "mean", "max", "transpose", "copy"}
_OPERATORS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.MatMult: operator.matmul,
}
_COMPARISONS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
}


class _Interpreter:
    """Evaluates whitelisted syntax on arrays; `trace` keeps every name that was assigned."""

    def __init__(self, functions: Mapping[str, ast.FunctionDef]) -> None:
        self._functions = functions
        self._steps = 0
        self._depth = 0
        self.trace: dict[str, Any] = {}
        self.order: list[tuple[str, ast.AST]] = []

    def call(self, name: str, arguments: Mapping[str, Any], *, traced: bool = False) -> Any:
        node = self._functions[name]
        scope: dict[str, Any] = dict(arguments)
        self._depth += 1
        if self._depth > 8:
            raise NotReadable("functions that call each other too deep")
        try:
            result = self._body(node.body, scope, traced)
        finally:
            self._depth -= 1
        if traced:
            self.trace = scope
        return result

    def _body(self, statements: Sequence[ast.stmt], scope: dict[str, Any], traced: bool) -> Any:
        for statement in statements:
            match statement:
                case ast.Expr(value=ast.Constant()) | ast.Pass():
                    continue
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    scope[name] = self._value(value, scope)
                    if traced:
                        self.order.append((name, statement))
                case ast.Assign(targets=[ast.Tuple(elts=targets)], value=value):
                    values = self._value(value, scope)
                    names = [t.id for t in targets if isinstance(t, ast.Name)]
                    if not isinstance(values, tuple) or len(names) != len(values):
                        raise NotReadable("an assignment to several targets")
                    scope.update(zip(names, values, strict=True))
                case ast.AugAssign(target=ast.Name(id=name), op=op, value=value):
                    left, right = scope.get(name), self._value(value, scope)
                    if left is None or type(op) not in _OPERATORS:
                        raise NotReadable("an augmented assignment")
                    scope[name] = _OPERATORS[type(op)](left, right)
                case ast.Return(value=value):
                    return None if value is None else self._value(value, scope)
                case _:
                    raise NotReadable(f"a statement of the kind {type(statement).__name__}")
        return None

    def _value(self, node: ast.expr, scope: Mapping[str, Any]) -> Any:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise NotReadable("it takes too many steps")
        match node:
            case ast.Constant(value=int() | float() as value) if abs(value) < 1e9:
                return value
            case ast.Name(id=name) if name in scope:
                return scope[name]
            case ast.Tuple(elts=items) | ast.List(elts=items):
                return tuple(self._value(item, scope) for item in items)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self._value(operand, scope)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return self._power(self._value(left, scope), self._value(right, scope))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                return _OPERATORS[type(op)](self._value(left, scope), self._value(right, scope))
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
                a, b = self._value(left, scope), self._value(right, scope)
                return np.asarray(_COMPARISONS[type(op)](a, b), dtype=float)
            case ast.Attribute(value=value, attr="T"):
                return np.asarray(self._value(value, scope)).T
            case ast.Attribute(value=value, attr="shape"):
                return np.shape(self._value(value, scope))
            case ast.Subscript(value=value, slice=ast.Constant(value=int() as at)):
                whole = self._value(value, scope)
                if isinstance(whole, tuple) and -len(whole) <= at < len(whole):
                    return whole[at]
            case ast.Call():
                return self._called(node, scope)
        raise NotReadable(f"an expression of the kind {type(node).__name__}")

    def _power(self, a: Any, b: Any) -> Any:
        if np.size(b) != 1 or abs(float(np.asarray(b))) > 20:
            raise NotReadable("a large power")
        return np.asarray(a, dtype=float) ** b

    def _called(self, node: ast.Call, scope: Mapping[str, Any]) -> Any:
        options = {
            k.arg: self._option(k.value) for k in node.keywords if k.arg in {"axis", "keepdims"}
        }
        if len(options) != len(node.keywords) or any(isinstance(a, ast.Starred) for a in node.args):
            raise NotReadable("a call with options")
        match node.func:
            case ast.Attribute(value=ast.Name(id="np" | "numpy"), attr=name) if name in _NUMPY:
                arguments = [self._value(a, scope) for a in node.args]
                return _NUMPY[name](*arguments, **options)
            case ast.Attribute(value=value, attr=name) if name in _METHODS:
                owner = np.asarray(self._value(value, scope))
                return getattr(np, name)(
                    owner, *(self._value(a, scope) for a in node.args), **options
                )
            case ast.Name(id=name) if name in self._functions and not options:
                parameters = [a.arg for a in self._functions[name].args.args]
                arguments = [self._value(a, scope) for a in node.args]
                if len(parameters) != len(arguments):
                    raise NotReadable("a call with default arguments")
                return self.call(name, dict(zip(parameters, arguments, strict=True)))
        raise NotReadable("a call of something unknown")

    def _option(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, bool)):
            return node.value
        raise NotReadable("an option that is no constant")


# ---------------------------------------------------------------- one average for two gradients


def _averages(node: ast.FunctionDef, source: Source, block: Code) -> Iterator[Claim]:
    """Finds a backward that returns the same reduction of one argument for several gradients."""
    if "back" not in node.name.lower() and "grad" not in node.name.lower():
        return
    reductions: dict[str, list[ast.Assign]] = {}
    for statement in node.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
            call = statement.value
            name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            plain = len(call.args) == 1 and isinstance(call.args[0], ast.Name)
            if name in {"reduce_mean", "mean", "reduce_sum", "sum"} and plain:
                reductions.setdefault(ast.dump(call), []).append(statement)
    for same in reductions.values():
        if len(same) < 2:
            continue
        names = [t.id for s in same for t in s.targets if isinstance(t, ast.Name)]
        yield _claim(
            source,
            block,
            same[0],
            ast.unparse(same[0]),
            right="each parameter has a gradient of its own: dW = Σ (∂L/∂ŷ) x, db = Σ ∂L/∂ŷ",
            explanation=(
                f"{node.name} averages different gradients: {' and '.join(names)} are the same "
                f"{ast.unparse(same[0].value)}, so the parameters can only move together"
            ),
        )


# ---------------------------------------------------------------- backward passes


@dataclass(frozen=True, eq=False)
class _Setting:
    """A random point: each parameter's array, in one layout of the data."""

    arguments: Mapping[str, Any]
    weights: tuple[str, ...]
    target: str
    flat: bool


def _backward(
    node: ast.FunctionDef, known: _Block, source: Source, block: Code, text: str
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
                yield _claim(
                    source,
                    block,
                    node,
                    node.name,
                    verdict="ok",
                    explanation=f"its gradients are those of {_LOSS_NAMES[name]}",
                )
            else:
                factor = _example(node, known, weights, target, data, parameters, output)
                yield _claim(
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
        yield _claim(
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
    known: _Block,
) -> tuple[_Setting, tuple[Any, ...], str] | None:
    """Returns a point in columns (or rows) at which the function runs, its result and output."""
    for rows in (False, True):
        arguments = _point(parameters, weights, target, data, rows=rows, samples=1)
        if arguments is None:
            return None
        interpreter = _Interpreter(known.functions)
        try:
            with np.errstate(all="ignore"):
                result = interpreter.call(node.name, arguments, traced=True)
        except NotReadable:
            return None
        except (ValueError, TypeError, ArithmeticError):
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
    known: _Block,
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
        interpreter = _Interpreter(known.functions)
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
    known: _Block,
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
    interpreter = _Interpreter(known.functions)
    try:
        interpreter.call(node.name, arguments, traced=True)
        p = float(np.asarray(interpreter.trace[output]).reshape(-1)[0])
    except (NotReadable, ValueError, TypeError, ArithmeticError):
        return ""
    return (
        f": {1 / (p * (1 - p)):.2f} times too large for x = (0.05, 0.1), y = 0.01, "
        f"w1 = [[0.15, 0.2], [0.25, 0.3]], w2 = [[0.4, 0.45]]"
    )


def _flat_vectors(
    node: ast.FunctionDef,
    known: _Block,
    setting: _Setting,
    weights: tuple[str, ...],
    source: Source,
    block: Code,
) -> Iterator[Claim]:
    """Tries one-dimensional data, as a reader would call the function."""
    flat = {n: np.ravel(a) if n not in weights else a for n, a in setting.arguments.items()}
    at = next((s for s in node.body if isinstance(s, ast.Assign) and ".T" in ast.unparse(s)), node)
    try:
        result = _Interpreter(known.functions).call(node.name, flat)
    except (NotReadable, TypeError, ArithmeticError):
        return
    except ValueError as error:
        yield _claim(
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
            yield _claim(
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


def _claim(
    source: Source,
    block: Code,
    node: ast.AST,
    formula: str,
    *,
    verdict: str = "derivative",
    right: str = "",
    explanation: str = "",
) -> Claim:
    line = getattr(node, "lineno", 1)
    start = block.text.split("\n")
    offset = block.start + sum(len(s) + 1 for s in start[: line - 1])
    indent = len(start[line - 1]) - len(start[line - 1].lstrip()) if line <= len(start) else 0
    return Claim(
        place=source.place(min(offset + indent, len(source.text))),
        formula=formula,
        verdict=verdict,  # type: ignore[arg-type]
        kind="code",
        stated=formula,
        right=right,
        explanation=explanation,
    )
