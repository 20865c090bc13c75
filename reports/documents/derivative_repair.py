"""What a wrong derivative would be right for: after one change, or by another variable."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from reports.documents import values
from reports.documents.environment import Environment, key_of
from reports.documents.indices import Definitions, items, letters
from reports.documents.model import Model
from reports.documents.points import LENGTH, shapes
from reports.documents.tree import (
    BigSum,
    Call,
    Derivative,
    Divide,
    Negative,
    Node,
    Number,
    Power,
    Sum,
    Symbol,
    Times,
    Transposed,
    names,
    replaced,
    walk,
)
from reports.documents.values import NotEvaluable, Quantity, ShapeClash, Undefined
from reports.documents.writing import shown, written


def holds_for(
    target: Derivative,
    formula: Node,
    definitions: Definitions,
    environment: Environment,
) -> str:
    """Returns for which other variable or constant the claim would be right."""
    of = key_of(target.of)
    wrt = target.wrt
    if of is None or of not in definitions or not isinstance(wrt, Symbol):
        return ""
    logits = Symbol(wrt.span, "logits")
    for name, words in (("softmax", "the softmax"), ("sigmoid", "the sigmoid")):
        through = Definitions({**definitions, wrt.key: Call(wrt.span, name, (logits,))})
        probe = Derivative(target.span, target.of, logits)
        outcome = _through(probe, formula, through, environment, wrt.key)
        if outcome:
            return f"it is the derivative by what goes into {words}, not by {shown(wrt)} itself"
    return ""


def _through(
    probe: Derivative,
    formula: Node,
    definitions: Definitions,
    environment: Environment,
    key: str,
) -> bool:
    others = Definitions({k: tree for k, tree in definitions.items() if k != key})
    vectors = shapes(others, formula)
    rng = np.random.default_rng(7)
    one_hot = np.zeros(LENGTH)
    one_hot[1] = 1.0
    drawn: dict[str, Quantity] = {}

    def leaf(node: Node) -> Quantity | None:
        own = key_of(node)
        if own is None or not isinstance(node, Symbol) or own in {"e", "pi"}:
            return None
        if own not in drawn:
            if node.sub and replace(node, sub="").key in vectors:
                return None
            shape = (LENGTH,) if own in vectors or (own == "logits" and key in vectors) else ()
            target = own in {"y", "t"}
            value = one_hot if shape and target else rng.uniform(0.2, 0.9, shape)
            drawn[own] = values.quantity(value)
        return drawn[own]

    model = Model(definitions, leaf, environment)
    try:
        claimed, true = model.value(formula), model.slope(probe)
    except (NotEvaluable, ShapeClash, Undefined, RecursionError):
        return False
    if not values.same_shape(claimed, true):
        return False
    return bool(np.allclose(values.flat(claimed), values.flat(true), rtol=1e-5, atol=1e-8))


def changed(
    formula: Node, target: Derivative, definitions: Definitions
) -> Iterator[tuple[str, Node]]:
    """Yields formulas with one change, and what it is; the likeliest first.

    No term is added or left out: what a document does not say may add terms to a derivative.
    """
    span = formula.span
    two = Number(span, "2", 2.0, 0.0, 1)
    half = Number(span, "½", 0.5, 0.0, 1)
    yield "the sign is wrong", _negated(formula)
    for part in walk(formula):
        if isinstance(part, Times):
            for factor, rest in ((part.left, part.right), (part.right, part.left)):
                yield f"the factor {written(factor)} is too many", replaced(formula, part, rest)
    yield "a factor 2 is missing", Times(span, two, formula, "juxtaposed")
    yield "a factor 2 is too many", Times(span, half, formula, "juxtaposed")
    for part in walk(formula):
        if isinstance(part, Sum):
            yield "a sign is wrong", replaced(formula, part, replace(part, sign=-part.sign))
        elif isinstance(part, Transposed):
            yield "a transpose is too many", replaced(formula, part, part.body)
    yield from _other_indices(formula)
    yield from _other_slopes(formula)
    trees = Model(definitions, lambda node: None, Environment()).trees(target.of)
    yield from _scaled(formula, target, trees)
    yield from _other_names(formula, trees)


def _other_slopes(formula: Node) -> Iterator[tuple[str, Node]]:
    """Yields a formula with x and 1 − x, a function and its slope, or a fraction, swapped."""
    for part in walk(formula):
        match part:
            case Sum(left=Number(value=1.0), right=Symbol() | Call() as body, sign=-1):
                square = Power(body.span, body, Number(body.span, "2", 2.0, 0.0, 1))
                words = f"the square of {shown(body)} is meant"
                yield words, replaced(formula, part, replace(part, right=square))
                yield (
                    f"{shown(body)} is meant, not 1 − {shown(body)}",
                    replaced(formula, part, body),
                )
            case Symbol():
                complement = Sum(part.span, Number(part.span, "1", 1.0, 0.0, 1), part, -1)
                tree = replaced(formula, part, complement)
                yield f"1 − {shown(part)} is meant, not {shown(part)}", tree
            case Call(name="tanh", prime=0):
                square = Power(part.span, part, Number(part.span, "2", 2.0, 0.0, 1))
                slope = Sum(part.span, Number(part.span, "1", 1.0, 0.0, 1), square, -1)
                yield f"the slope of {shown(part)} is meant", replaced(formula, part, slope)
            case Divide():
                turned = Divide(part.span, part.right, part.left)
                yield "the fraction is upside down", replaced(formula, part, turned)
        if (body := _of_sigmoid(part)) is not None:
            square = Power(body.span, body, Number(body.span, "2", 2.0, 0.0, 1))
            slope = Sum(part.span, Number(part.span, "1", 1.0, 0.0, 1), square, -1)
            words = f"the slope of tanh is meant, 1 − {shown(body)}²"
            yield words, replaced(formula, part, slope)


def _of_sigmoid(node: Node) -> Symbol | None:
    """Returns the name s of a product s (1 − s)."""
    match node:
        case Times(
            left=Symbol() as name,
            right=Sum(left=Number(value=1.0), right=Symbol() as other, sign=-1),
        ) if name.key == other.key:
            return name
    return None


def _scaled(formula: Node, target: Derivative, trees: Sequence[Node]) -> Iterator[tuple[str, Node]]:
    """Yields a formula with one factor more, a name or its slope."""
    span, wrt = formula.span, target.wrt
    known = {key_of(n): n for tree in (formula, *trees) for n in names(tree)}
    for name in known.values():
        if isinstance(name, Symbol):
            yield f"the factor {shown(name)} is missing", Times(span, formula, name, "juxtaposed")
            yield f"a division by {shown(name)} is missing", Divide(span, formula, name)
            square = Times(span, name, name, "juxtaposed")
            if name in walk(formula):
                words = f"a division by {shown(name)} is meant, not the factor"
                yield words, Divide(span, formula, square)
            slope = _slope_tree(name)
            words = f"the slope {shown(name)}(1 − {shown(name)}) is missing"
            yield words, Times(span, formula, slope, "hadamard")
    if isinstance(wrt, Symbol):
        yield f"the factor {shown(wrt)} is missing", Times(span, formula, wrt, "juxtaposed")


def _other_names(formula: Node, trees: Sequence[Node]) -> Iterator[tuple[str, Node]]:
    """Yields a formula with a square, a function or another name in place of one of its names."""
    calls = [n for tree in trees for n in walk(tree) if isinstance(n, Call) and not n.prime]
    used = (n for tree in (formula, *trees) for n in names(tree))
    known = {n.key: n for n in used if isinstance(n, Symbol)}
    two = Number(formula.span, "2", 2.0, 0.0, 1)
    for part in walk(formula):
        if isinstance(part, Power) and part.exponent == replace(two, span=part.exponent.span):
            yield "a square is too many", replaced(formula, part, part.base)
        if not isinstance(part, Symbol):
            continue
        square = Power(part.span, part, two)
        yield f"the square of {shown(part)} is meant", replaced(formula, part, square)
        for call in calls:
            if call.arguments and key_of(call.arguments[0]) == part.key:
                words = f"{written(call)} is meant, not {shown(part)}"
                yield words, replaced(formula, part, call)
        for other in known.values():
            alike = letters(other) == letters(part) or (
                other.base == part.base and len(letters(other)) == len(letters(part))
            )
            tree = replaced(formula, part, other)
            if other.key != part.key and alike and not any(map(_is_nothing, walk(tree))):
                yield f"{shown(part)} should be {shown(other)}", tree


def _other_indices(formula: Node) -> Iterator[tuple[str, Node]]:
    """Yields a formula with the index of a sum in place of another letter under it, or reversed."""
    for part in walk(formula):
        if not isinstance(part, BigSum):
            continue
        running = set(items(part.index))
        used = [n for n in walk(part.body) if isinstance(n, Symbol) and letters(n)]
        others = {c for n in used for c in letters(n)} - running
        for name in used:
            for old, new in [*product(others, running), *product(running, others)]:
                if old in items(name.sub):
                    other = replace(name, sub=name.sub.replace(old, new))
                    words = f"{shown(name)} should be {shown(other)}"
                    yield words, replaced(formula, name, other)


def _is_nothing(node: Node) -> bool:
    """Whether a formula is a − a: a term is then left out."""
    if not isinstance(node, Sum) or node.sign > 0:
        return False
    return key_of(node.left) is not None and key_of(node.left) == key_of(node.right)


def _negated(node: Node) -> Node:
    return node.body if isinstance(node, Negative) else Negative(node.span, node)


def _slope_tree(name: Symbol) -> Node:
    one = Number(name.span, "1", 1.0, 0.0, 1)
    return Times(name.span, name, Sum(name.span, one, name, -1), "hadamard")
