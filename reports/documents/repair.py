"""What the author did: the smallest change of a formula that gives the stated value.

Every candidate changes one thing that people forget or confuse; it is evaluated, and what it gives
is compared with what is stated at the digits shown. Nothing is guessed: a candidate is named only
where it reproduces the stated entries.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from reports.documents import display, values
from reports.documents.display import Stated
from reports.documents.environment import Environment
from reports.documents.evaluate import evaluate
from reports.documents.readings import PLAIN, Reading
from reports.documents.tree import (
    Array,
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
    replaced,
    walk,
)
from reports.documents.values import NotEvaluable, Quantity, ShapeClash, Undefined
from reports.documents.writing import shown

MOST_CANDIDATES = 600
ENOUGH_DIGITS = 3
"""So many digits must come out for each further change: two digits agree by chance."""

PRODUCTS: tuple[Reading, ...] = tuple(
    replace(PLAIN, product=product, broadcast=broadcast)
    for product in ("matrix", "elementwise", "outer", "inner", "reversed")
    for broadcast in ("", "rows", "columns")
)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A changed formula, and in words what was changed.

    A weak one changes the result as a whole: it counts only where it gives every entry.
    """

    tree: Node
    words: str
    reading: Reading = PLAIN
    weak: bool = False


@dataclass(frozen=True, eq=False)
class Explanation:
    """A candidate that reproduces stated entries.

    Attributes:
        words: what the author did.
        matched: how many entries come out as stated.
        size: how many there are.
    """

    words: str
    matched: int
    size: int

    @property
    def sentence(self) -> str:
        """The explanation as a sentence."""
        if self.matched == self.size:
            return f"the stated value comes out if {self.words}"
        return f"{self.matched} of {self.size} stated entries come out if {self.words}"


def explain(node: Node, shown: Stated, environment: Environment) -> Explanation | None:
    """Returns what reproduces the stated value, wholly or in part; None where nothing does."""
    best: Explanation | None = None
    size = shown.value.value.size
    plain = attempt(node, PLAIN, environment)
    for count, candidate in enumerate(candidates(node, environment)):
        if count > MOST_CANDIDATES:
            break
        result = _considered(candidate, environment)
        if result is None or result.value.size != size:
            continue
        words = candidate.words
        good = display.matches(result, shown)
        if not values.same_shape(result, shown.value):
            words += ", the rows written below each other" if shown.value.is_vector else ""
            if not shown.value.is_vector and result.shape != shown.value.shape[::-1]:
                continue
        matched = int(good.sum())
        if _digits(shown, good) < ENOUGH_DIGITS * words.count(" and ") + 1:
            continue
        if matched == size:
            return Explanation(words, size, size)
        if plain is not None and plain.value.size == size:
            good &= ~display.matches(plain, shown)
        worthwhile = size > 1 and matched * 2 >= size and _telling(shown, good)
        worthwhile = worthwhile and not candidate.weak
        if worthwhile and (best is None or matched > best.matched):
            best = Explanation(words, matched, size)
    return best


def _considered(candidate: Candidate, environment: Environment) -> Quantity | None:
    """Returns what a candidate gives; None also where its reading makes no difference."""
    reading = candidate.reading
    for context in environment.contexts(candidate.tree, reading):
        try:
            result = evaluate(candidate.tree, context)
        except (NotEvaluable, ShapeClash, Undefined):
            continue
        if reading.product != "matrix" and not context.products:
            return None
        return None if reading.broadcast and not context.clashes else result
    return None


def _digits(shown: Stated, good: values.Mask) -> float:
    return float(np.sum(shown.digits.reshape(-1)[good]))


def _telling(shown: Stated, good: values.Mask) -> bool:
    """Whether entries that match are more than zeros and ones."""
    entries = np.abs(values.flat(shown.value))[good]
    return bool(np.any((entries != 0) & (entries != 1)))


def attempt(node: Node, reading: Reading, environment: Environment) -> Quantity | None:
    """Returns the value of a tree under a reading, None where it has none."""
    for context in environment.contexts(node, reading):
        try:
            return evaluate(node, context)
        except (NotEvaluable, ShapeClash, Undefined):
            continue
    return None


def candidates(node: Node, environment: Environment) -> Iterator[Candidate]:
    """Yields changed formulas, the likeliest first."""
    readings = (
        PRODUCTS
        if any(isinstance(n, (Array, Symbol, Derivative)) for n in walk(node))
        else (PLAIN,)
    )
    for candidate in (Candidate(node, ""), *_changes(node, environment)):
        for reading in readings:
            if candidate.reading.sigma:
                reading = replace(reading, sigma=candidate.reading.sigma)
            words = ", and ".join(filter(None, (candidate.words, _reading_words(reading))))
            if words:
                yield Candidate(candidate.tree, words, reading, candidate.weak)


def _reading_words(reading: Reading) -> str:
    words = []
    if reading.product == "elementwise":
        words.append("· is read as the elementwise product")
    elif reading.product == "outer":
        words.append("· is read as the outer product")
    elif reading.product == "inner":
        words.append("· is read as the inner product")
    elif reading.product == "reversed":
        words.append("the factors are taken in the other order")
    if reading.broadcast:
        how = "row" if reading.broadcast == "rows" else "column"
        words.append(f"the vector is added to each {how} of the matrix")
    return " and ".join(words)


def _changes(node: Node, environment: Environment) -> Iterator[Candidate]:
    yield from _rate(node)
    yield from _activations(node, environment)
    yield from _signs(node)
    yield from _terms(node)
    yield from _factors(node)
    yield from _transposes(node)
    yield from _powers(node)
    for rate in _rate(node):
        for other in _signs(rate.tree):
            yield Candidate(other.tree, f"{rate.words} and {other.words}")
    for activation in _activations(node, environment):
        for other in _terms(node):
            words = f"{activation.words} and {other.words}"
            yield Candidate(other.tree, words, activation.reading)
    yield from _logarithms(node)


def _rate(node: Node) -> Iterator[Candidate]:
    """The learning rate dropped from A − α G."""
    if isinstance(node, Sum) and isinstance(node.right, Times):
        yield Candidate(
            replace(node, right=node.right.right), "the learning rate is not applied (α = 1)"
        )


def _activations(node: Node, environment: Environment) -> Iterator[Candidate]:
    calls = [n for n in walk(node) if isinstance(n, Call) and not n.prime]
    kinds = {environment.activation(n.name) for n in calls}
    for kind in ("sigmoid", "tanh", "relu"):
        if kind in kinds:
            name = {"sigmoid": "σ", "tanh": "tanh", "relu": "ReLU"}[kind]
            yield Candidate(node, f"{name} is not applied", replace(PLAIN, sigma="skipped"))
            for other in ("sigmoid", "tanh", "relu"):
                if other != kind:
                    words = f"{other} is applied in place of {kind}"
                    yield Candidate(node, words, replace(PLAIN, sigma=other))
    for call in (n for n in walk(node) if isinstance(n, Call) and n.prime):
        without = replace(call, prime=call.prime - 1)
        words = f"{shown(without)} is taken for {shown(call)}"
        yield Candidate(replaced(node, call, without), words)
        yield Candidate(replaced(node, call, call.arguments[0]), f"{shown(call)} is not applied")


def _signs(node: Node) -> Iterator[Candidate]:
    for part in walk(node):
        if isinstance(part, Sum):
            changed = replaced(node, part, replace(part, sign=-part.sign))
            was = "subtracted" if part.sign > 0 else "added"
            yield Candidate(changed, f"the term {_source(part.right)} is {was}")
        elif isinstance(part, Negative):
            yield Candidate(replaced(node, part, part.body), "a minus sign is dropped")
    yield Candidate(Negative(node.span, node), "the sign of the whole is changed", weak=True)


def _terms(node: Node) -> Iterator[Candidate]:
    for part in walk(node):
        if isinstance(part, Sum):
            left = replaced(node, part, part.left)
            yield Candidate(left, f"the term {_source(part.right)} is left out")
            if not isinstance(part.left, Sum):
                right = part.right if part.sign > 0 else Negative(part.span, part.right)
                words = f"the term {_source(part.left)} is left out"
                yield Candidate(replaced(node, part, right), words)


def _factors(node: Node) -> Iterator[Candidate]:
    for part in walk(node):
        if isinstance(part, Times):
            words = f"the factor {_source(part.right)} is left out"
            yield Candidate(replaced(node, part, part.left), words)
            words = f"the factor {_source(part.left)} is left out"
            yield Candidate(replaced(node, part, part.right), words)
        elif isinstance(part, Divide):
            words = f"the division by {_source(part.right)} is left out"
            yield Candidate(replaced(node, part, part.left), words)
    for factor, words in ((2.0, "doubled"), (0.5, "halved")):
        number = Number(node.span, str(factor), factor, 0.0, 1)
        yield Candidate(Times(node.span, number, node, "dot"), f"the result is {words}", weak=True)
    for power in (10.0, 0.1, 100.0, 0.01):
        number = Number(node.span, str(power), power, 0.0, 1)
        yield Candidate(
            Times(node.span, number, node, "dot"), "the decimal point is shifted", weak=True
        )


def _transposes(node: Node) -> Iterator[Candidate]:
    for part in walk(node):
        if isinstance(part, Transposed):
            yield Candidate(replaced(node, part, part.body), "a transpose is left out")
        elif isinstance(part, Times):
            left = replace(part, left=Transposed(part.left.span, part.left))
            yield Candidate(replaced(node, part, left), "the first factor is transposed")
            right = replace(part, right=Transposed(part.right.span, part.right))
            yield Candidate(replaced(node, part, right), "the second factor is transposed")


def _powers(node: Node) -> Iterator[Candidate]:
    for part in walk(node):
        if isinstance(part, Power) and not isinstance(part.base, Symbol):
            exponent = part.exponent
            if isinstance(exponent, Number) and exponent.value == 2:
                yield Candidate(replaced(node, part, part.base), "the square is left out")


def _logarithms(node: Node) -> Iterator[Candidate]:
    if any(isinstance(n, Call) and n.name == "log" for n in walk(node)):
        for base in ("log10", "log2"):
            tree = _renamed(node, "log", base)
            yield Candidate(tree, f"the logarithm is taken to the base {base[3:]}")


def _renamed(node: Node, old: str, new: str) -> Node:
    for call in [n for n in walk(node) if isinstance(n, Call) and n.name == old][:8]:
        node = replaced(node, call, replace(call, name=new))
    return node


def _source(node: Node) -> str:
    """Returns a part of a formula in a short form, for words."""
    from reports.documents.writing import written

    text = written(node)
    return text if len(text) <= 40 else f"{text[:37]}…"
