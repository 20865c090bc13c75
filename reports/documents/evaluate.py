"""A tree becomes a value, under a reading and with the values that the document has given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from reports.documents import values
from reports.documents.readings import ELEMENTWISE, PLAIN, SLOPES, Reading
from reports.documents.tree import (
    Array,
    BigSum,
    Call,
    Cases,
    Derivative,
    Divide,
    Negative,
    Node,
    Norm,
    Number,
    Power,
    Sum,
    Symbol,
    Times,
    Transposed,
    Words,
    walk,
)
from reports.documents.values import Quantity, ShapeClash, quantity

MOST_TERMS = 1000
MOST_STEPS = 20_000


class NotEvaluable(Exception):
    """A tree without a value: the message says what is not known."""


@dataclass
class Context:
    """What an evaluation knows.

    Attributes:
        look: the value of a symbol or derivative, or None.
        reading: how products, additions and σ are read.
        bar: the bar of a literal.
        activation: what a function's name stands for in this document.
        steps: how many nodes may still be evaluated.
        clashes: the sums that conform only as the reading broadcasts.
        products: how many products of two arrays depend on the reading.
        indices: the running indices and where they stand, from 0.
        defined: the value of a function that the document defines itself.
    """

    look: Callable[[Node], Quantity | None] = lambda node: None
    reading: Reading = PLAIN
    bar: Callable[[Number], float] = lambda number: 0.0
    activation: Callable[[str], str] = lambda name: name
    defined: Callable[[Call, "Context"], Quantity | None] = lambda call, context: None
    steps: int = MOST_STEPS
    clashes: list[str] = field(default_factory=list)
    products: int = 0
    indices: dict[str, int] = field(default_factory=dict)


def evaluate(node: Node, context: Context) -> Quantity:
    """Returns the value of a tree.

    Raises:
        NotEvaluable: something in it has no known value.
        ShapeClash: shapes do not conform under the reading.
        Undefined: the value does not exist.
    """
    context.steps -= 1
    if context.steps < 0:
        raise NotEvaluable("it takes too many steps")
    match node:
        case Number():
            return quantity(node.value, context.bar(node))
        case Negative(body=body):
            q = evaluate(body, context)
            return Quantity(-q.value, q.bar)
        case Sum(left=left, right=right, sign=sign):
            return _sum(node, left, right, sign, context)
        case Times():
            return _times(node, context)
        case Divide(left=left, right=right):
            return values.divide(evaluate(left, context), evaluate(right, context))
        case Power(base=base, exponent=exponent):
            return _power(base, exponent, context)
        case Transposed(body=body):
            return values.transposed(evaluate(body, context))
        case Array(rows=rows, flat=flat):
            if all(isinstance(n, (Number, Negative)) for row in rows for n in row):
                return _literal(rows, flat, context)
            return values.stack([[evaluate(n, context) for n in row] for row in rows], flat=flat)
        case Call():
            return _call(node, context)
        case BigSum():
            return _big_sum(node, context)
        case Norm(body=body, order=order):
            return _norm(evaluate(body, context), order)
        case Symbol():
            return _symbol(node, context)
        case Derivative():
            found = context.look(node)
            if found is None:
                raise NotEvaluable(f"{shown(node)} has no known value")
            return found
        case Cases():
            raise NotEvaluable("a case distinction is not evaluated")
        case Words(text=text):
            raise NotEvaluable(f"“{text}” has no value")
    raise NotEvaluable(f"{type(node).__name__} has no value")


def _literal(rows: tuple[tuple[Node, ...], ...], flat: bool, context: Context) -> Quantity:
    """Returns an array of numbers, the quick way."""
    entries = [[_plain(node, context) for node in row] for row in rows]
    value = np.array([[v for v, _ in row] for row in entries])
    bar = np.array([[b for _, b in row] for row in entries])
    return Quantity(value[0], bar[0]) if flat else quantity(value, bar)


def _plain(node: Node, context: Context) -> tuple[float, float]:
    sign = 1.0
    while isinstance(node, Negative):
        sign, node = -sign, node.body
    if isinstance(node, Number):
        return sign * node.value, context.bar(node)
    q = evaluate(node, context)
    if q.shape:
        raise ShapeClash("an array within an array")
    return sign * float(q.value), float(q.bar)


def _symbol(node: Symbol, context: Context) -> Quantity:
    if node.sub in context.indices or node.sup in context.indices:
        found = _component(node, context)
        if found is not None:
            return found
    found = context.look(node)
    if found is not None:
        return found
    if node.key in context.indices:
        return quantity(context.indices[node.key] + 1)
    if node.key == "pi":
        return quantity(np.pi)
    raise NotEvaluable(f"{shown(node)} has no known value")


def _component(node: Symbol, context: Context) -> Quantity | None:
    """Returns the entry of a vector whose index is running."""
    index = node.sub if node.sub in context.indices else node.sup
    at = context.indices[index]
    by_sub = index == node.sub
    plain = "" if by_sub else node.sub, node.sup if by_sub else ""
    base = Symbol(node.span, node.base, plain[0], plain[1], node.mark)
    vector = context.look(base)
    if vector is not None and vector.shape:
        entries, bars = values.flat(vector), vector.bar.reshape(-1)
        if not vector.is_vector:
            return None
        return quantity(entries[at], bars[at]) if at < len(entries) else None
    number = str(at + 1)
    sub, sup = (number, node.sup) if by_sub else (node.sub, number)
    return context.look(Symbol(node.span, node.base, sub, sup, node.mark))


def _sum(node: Node, left: Node, right: Node, sign: int, context: Context) -> Quantity:
    a, b = evaluate(left, context), evaluate(right, context)
    try:
        return values.add(a, b, sign)
    except ShapeClash as clash:
        if not context.reading.broadcast:
            raise
        context.clashes.append(str(clash))
        return values.add(a, b, sign, broadcast=context.reading.broadcast)


def _times(node: Times, context: Context) -> Quantity:
    a, b = evaluate(node.left, context), evaluate(node.right, context)
    if not a.shape or not b.shape:
        return values.hadamard(a, b)
    if node.kind == "hadamard":
        if context.reading.product == "loose" and _vectors(a, b):
            a, b = values.listed(a), values.listed(b)
        return values.hadamard(a, b, broadcast=context.reading.broadcast)
    if node.kind == "outer":
        return values.outer(a, b)
    if node.kind == "star":
        if values.same_shape(a, b):
            return values.hadamard(a, b)
        if not _vectors(a, b) and a.value.ndim == b.value.ndim == 2 and a.shape[1] != b.shape[0]:
            context.products += 1
            return values.correlate(a, b, flipped=context.reading.product == "reversed")
    context.products += 1
    product = context.reading.product
    if product == "loose":
        return _loose(node, a, b)
    if product == "matrix" or (product in {"outer", "inner"} and not _vectors(a, b)):
        return values.matmul(a, b)
    if product == "elementwise":
        if values.same_shape(a, b):
            return values.hadamard(a, b)
        if context.reading.broadcast:
            return values.hadamard(a, b, broadcast=context.reading.broadcast)
        return values.matmul(a, b)
    if product == "outer":
        return values.outer(a, b)
    if product == "inner":
        return values.inner(a, b)
    return values.outer(b, a) if _vectors(a, b) else values.matmul(b, a)


def _loose(node: Times, a: Quantity, b: Quantity) -> Quantity:
    """Returns a product that does not mind how vectors stand; a written transpose does count."""
    if _vectors(a, b):
        if isinstance(node.right, Transposed):
            return values.outer(a, b)
        if isinstance(node.left, Transposed) and a.value.size == b.value.size:
            return values.inner(a, b)
        if a.value.size == b.value.size:
            return values.hadamard(values.listed(a), values.listed(b))
        return values.outer(a, b)
    a, b = (values.listed(q) if q.is_vector else q for q in (a, b))
    try:
        return values.matmul(a, b)
    except ShapeClash:
        turned = (values.transposed(a), b) if b.is_vector else (a, values.transposed(b))
        return values.matmul(*turned)


def _vectors(a: Quantity, b: Quantity) -> bool:
    return a.is_vector and b.is_vector


def _power(base: Node, exponent: Node, context: Context) -> Quantity:
    b = evaluate(exponent, context)
    if isinstance(base, Symbol) and base.key == "e" and context.look(base) is None:
        return values.mapped(np.exp, b)
    a = evaluate(base, context)
    two = not b.shape and float(b.value) == 2
    if a.shape and not a.is_vector and not two:
        raise NotEvaluable("a power of a matrix")
    return values.power(a, b)


def _norm(a: Quantity, order: float) -> Quantity:
    if order == 0:
        if a.shape:
            raise NotEvaluable("bars around an array")
        return values.mapped(np.abs, a)
    entries, bars = np.abs(values.flat(a)), a.bar.reshape(-1)
    if order == 1:
        return quantity(entries.sum(), bars.sum())
    norm = float(np.sqrt(np.sum(entries**2)))
    return quantity(norm, float(np.sqrt(np.sum((entries + bars) ** 2))) - norm)


def _call(node: Call, context: Context) -> Quantity:
    if context.reading.sigma == "skipped" and _is_activation(node, context):
        return evaluate(node.arguments[0], context)
    own = context.defined(node, context)
    if own is not None:
        return own
    name = context.activation(node.name)
    if context.reading.sigma and _is_activation(node, context):
        name = context.reading.sigma
    if name in {"max", "min"}:
        return _extreme(node, name, context)
    if len(node.arguments) != 1:
        raise NotEvaluable(f"{node.name} of {len(node.arguments)} arguments")
    a = evaluate(node.arguments[0], context)
    if node.prime:
        if node.prime > 1 or name not in SLOPES:
            raise NotEvaluable(f"the derivative of {node.name} is not known")
        return values.mapped(SLOPES[name], a)
    if name == "softmax":
        return _softmax(a)
    if name in {"sum", "mean"}:
        total = quantity(np.sum(a.value), np.sum(a.bar))
        return total if name == "sum" else values.divide(total, quantity(max(a.value.size, 1)))
    if name == "diag":
        if a.value.ndim == 0 or not a.is_vector:
            raise NotEvaluable("diag of something other than a vector")
        return quantity(np.diag(values.flat(a)), np.diag(a.bar.reshape(-1)))
    if name in ELEMENTWISE:
        return values.mapped(ELEMENTWISE[name], a)
    raise NotEvaluable(f"the function {shown(node)} is not known")


def _is_activation(node: Call, context: Context) -> bool:
    return context.activation(node.name) in {"sigmoid", "tanh", "relu", "identity", "softplus"}


def _softmax(a: Quantity) -> Quantity:
    if not a.shape:
        raise NotEvaluable("softmax of one number")
    axis = None if a.is_vector else 1
    shifted = np.exp(a.value - np.max(a.value, axis=axis, keepdims=True))
    p = shifted / np.sum(shifted, axis=axis, keepdims=True)
    bar = p * (a.bar + np.sum(p * a.bar, axis=axis, keepdims=True)) * (1 + 2 * np.max(a.bar))
    return quantity(p, bar)


def _extreme(node: Call, name: str, context: Context) -> Quantity:
    arguments = [evaluate(argument, context) for argument in node.arguments]
    reduce = np.max if name == "max" else np.min
    if len(arguments) == 1:
        return quantity(reduce(arguments[0].value), np.max(arguments[0].bar))
    pick = np.maximum if name == "max" else np.minimum
    found = arguments[0]
    for other in arguments[1:]:
        a, b = values.aligned(found, other, "beside")
        found = quantity(pick(a.value, b.value), np.maximum(a.bar, b.bar))
    return found


def _big_sum(node: BigSum, context: Context) -> Quantity:
    if not node.index:
        a = evaluate(node.body, context)
        return quantity(np.sum(a.value), np.sum(a.bar)) if a.shape else a
    if len(node.index.replace(",", "")) > 1:
        return _double_sum(node, context)
    low, high = _bounds(node, context)
    total: Quantity | None = None
    outside = context.indices.get(node.index)
    try:
        for at in range(low, high):
            context.indices[node.index] = at
            try:
                term = evaluate(node.body, context)
            except NotEvaluable:
                if node.high is None and total is not None:
                    break  # the components that are known end here
                raise
            total = term if total is None else values.add(total, term)
    finally:
        context.indices.pop(node.index, None)
        if outside is not None:
            context.indices[node.index] = outside
    if total is None:
        raise NotEvaluable("an empty sum")
    return total


def _double_sum(node: BigSum, context: Context) -> Quantity:
    """Returns Σ over both indices of matrices: the body entry by entry, then all of it."""
    pair, outer = node.index.replace(",", ""), context.look
    if not any(isinstance(part, Symbol) and part.sub == pair for part in walk(node.body)):
        raise NotEvaluable("a sum over several indices")

    def look(name: Node) -> Quantity | None:
        whole = isinstance(name, Symbol) and name.sub == pair
        return outer(replace(name, sub="") if whole else name)  # type: ignore[arg-type]

    inner = replace(context, look=look, reading=replace(context.reading, product="elementwise"))
    total = evaluate(node.body, inner)
    context.steps = inner.steps
    if not total.shape:
        raise NotEvaluable("a sum over several indices of a number")
    return quantity(np.sum(total.value), np.sum(total.bar))


def _bounds(node: BigSum, context: Context) -> tuple[int, int]:
    low = 0
    if node.low is not None:
        low = _whole(evaluate(node.low, context)) - 1
    length = _length(node, context)
    high = length
    if node.high is not None:
        try:
            high = _whole(evaluate(node.high, context))
        except NotEvaluable:
            high = length
    if high is None:
        high = 64 if node.high is None else None
    if high is None:
        raise NotEvaluable("how far the sum runs is not known")
    if low < 0 or high - low > MOST_TERMS:
        raise NotEvaluable("the bounds of the sum are out of range")
    if length is not None and high != length:
        raise NotEvaluable("the bounds of the sum are not the length of what is added up")
    return low, high


def _length(node: BigSum, context: Context) -> int | None:
    """Returns how long the vectors are whose index runs."""
    lengths = set()
    for part in walk(node.body):
        if isinstance(part, Symbol) and node.index in {part.sub, part.sup}:
            by_sub = part.sub == node.index
            bare = Symbol(
                part.span,
                part.base,
                "" if by_sub else part.sub,
                part.sup if by_sub else "",
                part.mark,
            )
            found = context.look(bare)
            if found is not None and found.shape and found.is_vector:
                lengths.add(found.value.size)
    if len(lengths) > 1:
        raise NotEvaluable("vectors of different length under one sum")
    return lengths.pop() if lengths else None


def _whole(q: Quantity) -> int:
    if q.shape or float(q.value) != int(q.value):
        raise NotEvaluable("the bound of a sum is no whole number")
    return int(q.value)


def shown(node: Node) -> str:
    """Returns a short name of a node, for messages."""
    match node:
        case Symbol():
            return _pretty(node.key)
        case Derivative(of=of, wrt=wrt):
            return f"∂{shown(of)}/∂{shown(wrt)}"
        case Call(name=name, prime=prime):
            return _pretty(name) + "′" * prime
        case Number(text=text):
            return text
    return type(node).__name__.lower()


_LETTERS: Mapping[str, str] = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "epsilon": "ε",
    "eta": "η",
    "theta": "θ",
    "lambda": "λ",
    "mu": "μ",
    "rho": "ρ",
    "sigma": "σ",
    "phi": "φ",
    "psi": "ψ",
    "hat y": "ŷ",
    "Delta": "Δ",
    "tau": "τ",
    "nu": "ν",
    "xi": "ξ",
    "omega": "ω",
    "pi": "π",
}


def _pretty(key: str) -> str:
    for name, letter in _LETTERS.items():
        if key == name or key.startswith((f"{name}_", f"{name}^", f"{name}'")):
            return letter + key[len(name) :]
    return key
