"""A tree becomes a value, under a reading and with the values that the document has given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from reports.documents import calculus, values
from reports.documents.indices import at_index, items, scripts, without_index
from reports.documents.readings import ELEMENTWISE, PLAIN, SLOPES, Reading
from reports.documents.tree import (
    Array,
    At,
    BigSum,
    Call,
    Cases,
    Condition,
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
    replaced,
    walk,
)
from reports.documents.values import Mask, NotEvaluable, Numbers, Quantity, ShapeClash, quantity
from reports.documents.writing import shown

MOST_TERMS = 1000
MOST_STEPS = 20_000


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
        indices: the running indices and where they stand.
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
            return _rounded(
                values.divide(evaluate(left, context), evaluate(right, context)), context
            )
        case Power(base=base, exponent=exponent):
            return _power(base, exponent, context)
        case Transposed(body=body):
            return values.transposed(evaluate(body, context))
        case Array(rows=rows, flat=flat):
            if all(isinstance(n, (Number, Negative)) for row in rows for n in row):
                return _literal(rows, flat, context)
            return values.stack([[evaluate(n, context) for n in row] for row in rows], flat=flat)
        case Call():
            return _rounded(_call(node, context), context)
        case BigSum():
            return _big_sum(node, context)
        case Norm(body=body, order=order, named=named):
            return values.norm(evaluate(body, context), order, named)
        case Symbol():
            return _symbol(node, context)
        case Derivative():
            name = at_index(node, context.indices)
            found = _known(name, context)
            if found is None:
                raise NotEvaluable(f"{shown(name)} has no known value")
            return found
        case Cases(rows=rows):
            return _chosen(rows, context)
        case At():
            return _at(node, context)
        case Words(text=text):
            raise NotEvaluable(f"“{text}” has no value")
    raise NotEvaluable(f"{type(node).__name__} has no value")


def _at(node: At, context: Context) -> Quantity:
    """Returns the value of a formula where names have values of their own."""
    if any(isinstance(part, Derivative) for part in walk(node.body)):
        raise NotEvaluable("a derivative of what is no formula of numbers, at a point")
    there = {
        c.left.key: evaluate(c.right, context) for c in node.arguments if isinstance(c.left, Symbol)
    }
    outer = context.look

    def look(name: Node) -> Quantity | None:
        own = there.get(name.key) if isinstance(name, Symbol) else None
        return outer(name) if own is None else own

    return evaluate(node.body, replace(context, look=look))


def _rounded(q: Quantity, context: Context) -> Quantity:
    decimals = context.reading.decimals
    return q if decimals is None else Quantity(np.round(q.value, decimals), q.bar)


_HOLDS: Mapping[str, Callable[[Numbers, Numbers], Mask]] = {
    "=": np.equal,
    "≠": np.not_equal,
    "<": np.less,
    "≤": np.less_equal,
    ">": np.greater,
    "≥": np.greater_equal,
}


def _chosen(rows: tuple[tuple[Node, ...], ...], context: Context) -> Quantity:
    """Returns, entry by entry, the value of the first case whose condition holds."""
    if not rows:
        raise NotEvaluable("a case distinction that is not understood")
    open_entries: Mask | None = None
    total: Quantity | None = None
    for value, *conditions in rows:
        holds: Mask = np.asarray(True)
        for c in conditions:
            if not isinstance(c, Condition):
                raise NotEvaluable("a case distinction that is not understood")
            a, b = values.aligned(evaluate(c.left, context), evaluate(c.right, context), "and")
            if np.any((np.abs(a.value - b.value) <= a.bar + b.bar) & (a.bar + b.bar > 0)):
                raise NotEvaluable("a case that rounding leaves open")
            holds = _HOLDS[c.sign](a.value, b.value)
        open_entries = np.ones_like(holds) if open_entries is None else open_entries
        now = holds & open_entries
        open_entries = open_entries & ~holds
        if not now.any():
            continue
        weight = values.quantity(now.astype(float))
        term = values.hadamard(weight, evaluate(value, context))
        total = term if total is None else values.add(total, term)
    if total is None or open_entries is None or open_entries.any():
        raise NotEvaluable("no case of the distinction holds")
    return total


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
    name = at_index(node, context.indices)
    if isinstance(name, Number):
        return quantity(name.value)
    found = _known(name, context)
    if found is not None:
        return found
    if node.key == "pi":
        return quantity(np.pi)
    raise NotEvaluable(f"{shown(name)} has no known value")


def _known(name: Node, context: Context) -> Quantity | None:
    """Returns the value of a name; of x_2 also from that of x."""
    found = context.look(name)
    if found is not None:
        return found
    for script in ("sub", "sup"):
        array = without_index(name, script)
        if array is None:
            continue
        known = context.look(array)
        if known is not None:
            return values.entry(known, scripts(name)[script])
    return None


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
    regrouped = None if values.same_shape(a, b) else _regrouped(node)
    if regrouped is not None:
        return evaluate(regrouped, context)
    if node.kind == "hadamard":
        if context.reading.product == "loose" and _vectors(a, b):
            a, b = values.listed(a), values.listed(b)
        return values.hadamard(a, b, broadcast=context.reading.broadcast)
    if node.kind == "outer":
        return values.outer(a, b)
    if node.kind == "cross" and _vectors(a, b) and a.value.size == b.value.size == 3:
        raise NotEvaluable("a product × that may be the vector product")
    if node.kind == "star":
        if values.same_shape(a, b):
            return values.hadamard(a, b)
        if not _vectors(a, b) and a.value.ndim == b.value.ndim == 2 and a.shape[1] != b.shape[0]:
            context.products += 1
            return values.correlate(a, b, flipped=context.reading.product == "reversed")
    context.products += 1
    product = context.reading.product
    turned = isinstance(node.left, Transposed) or isinstance(node.right, Transposed)
    if turned and (a.value.ndim == b.value.ndim == 2 or product == "reversed"):
        return values.matmul(a, b)  # who writes a transpose minds how vectors stand
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
    if _vectors(a, b):
        return values.outer(b, a)
    return values.matmul(a, b) if a.shape[-1] == b.shape[0] else values.matmul(b, a)


def _regrouped(node: Times) -> Times | None:
    """Returns (a ⊙ b) c for a ⊙ b c, which is meant where a and b c differ in shape."""
    right = node.right
    if node.kind not in {"hadamard", "star"} or not isinstance(right, Times):
        return None
    first = right
    while isinstance(first.left, Times):
        first = first.left
    start = replace(node, right=first.left)
    return replaced(right, first, replace(first, left=start))  # type: ignore[return-value]


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
        if float(b.value) == -1:
            return values.inverse(a)
        raise NotEvaluable("a power of a matrix")
    return values.power(a, b)


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
        if node.prime == 1 and name in SLOPES:
            return values.mapped(SLOPES[name], a)
        slope = calculus.slope(name, node.prime)
        if slope is None:
            raise NotEvaluable(f"the derivative of {node.name} is not known")
        held = replace(context, look=lambda n: a if n == Symbol((0, 0), "u") else None)
        return evaluate(slope, held)
    if name == "softmax":
        return values.softmax(a)
    if name in {"sum", "mean"}:
        total = quantity(np.sum(a.value), np.sum(a.bar))
        return total if name == "sum" else values.divide(total, quantity(max(a.value.size, 1)))
    if name in {"floor", "ceil"}:
        return values.stepped(a, np.floor if name == "floor" else np.ceil)
    if name in {"trace", "det"}:
        return values.trace(a) if name == "trace" else values.determinant(a)
    if name == "diag":
        if not a.shape:
            raise NotEvaluable("diag of a number")
        if not a.is_vector:
            return quantity(np.diag(a.value), np.diag(a.bar))
        return quantity(np.diag(values.flat(a)), np.diag(a.bar.reshape(-1)))
    if name in ELEMENTWISE:
        return values.mapped(ELEMENTWISE[name], a)
    raise NotEvaluable(f"the function {shown(node)} is not known")


def _is_activation(node: Call, context: Context) -> bool:
    return context.activation(node.name) in {"sigmoid", "tanh", "relu", "identity", "softplus"}


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
        if not a.shape:
            raise NotEvaluable("a sum without bounds")
        return quantity(np.sum(a.value), np.sum(a.bar))
    running = items(node.index)
    if not running or any(len(letter) > 1 for letter in running):
        raise NotEvaluable(f"a sum over {node.index}")
    if len(running) > 1:
        first, *others = running
        inner = replace(node, index=",".join(others), low=None, high=None)
        node = replace(node, index=first, low=None, high=None, body=inner)
    low, high = _bounds(node, context)
    total: Quantity | None = None
    outside = context.indices.get(node.index)
    try:
        for at in range(low, high + 1):
            context.indices[node.index] = at
            try:
                term = evaluate(node.body, context)
            except NotEvaluable:
                ends = node.high is None and total is not None
                if ends and _length(node, context) is None:
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


def _bounds(node: BigSum, context: Context) -> tuple[int, int]:
    """Returns the first and the last value of a running index."""
    low = 1 if node.low is None else _whole(evaluate(node.low, context))
    length = None if isinstance(node.high, Number) else _length(node, context)
    high = length
    if node.high is not None:
        try:
            high = _whole(evaluate(node.high, context))
        except NotEvaluable:
            high = length
    if high is None and node.high is not None:
        raise NotEvaluable("how far the sum runs is not known")
    if high is None:
        high = 64
    if low < 1 or high - low > MOST_TERMS:
        raise NotEvaluable("the bounds of the sum are out of range")
    if length is not None and high != length:
        raise NotEvaluable("the bounds of the sum are not the length of what is added up")
    return low, high


def _length(node: BigSum, context: Context) -> int | None:
    """Returns how long the arrays are whose index runs; the shortest where others are windows."""
    lengths = set()
    windows = False
    for part in walk(node.body):
        for script, text in scripts(part).items():
            windows = windows or any(len(item) > 1 for item in items(text))
            if node.index not in items(text):
                continue
            array = without_index(part, script)
            found = None if array is None else context.look(array)
            if found is None or not found.shape:
                continue
            axis = items(text).index(node.index)
            if found.is_vector and len(items(text)) == 1:
                lengths.add(found.value.size)
            elif len(items(text)) == found.value.ndim:
                lengths.add(found.shape[axis])
    if len(lengths) > 1 and windows and node.high is None:
        return min(lengths)
    if len(lengths) > 1:
        raise NotEvaluable("vectors of different length under one sum")
    return lengths.pop() if lengths else None


def _whole(q: Quantity) -> int:
    if q.shape or float(q.value) != int(q.value):
        raise NotEvaluable("the bound of a sum is no whole number")
    return int(q.value)
