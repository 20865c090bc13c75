"""The verdict on one chain of numbers, and what it teaches about the names in it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from reports.documents import display, values
from reports.documents.claims import Claim, Verdict
from reports.documents.display import Stated
from reports.documents.environment import (
    Definition,
    Entry,
    Environment,
    Provenance,
    key_of,
    numbers,
)
from reports.documents.evaluate import NotEvaluable, evaluate
from reports.documents.links import (
    Pair,
    changed_constants,
    compare,
    is_update,
    learn_substitutions,
    pairs,
    side,
    subject,
    substitutions,
)
from reports.documents.readings import PLAIN, RANGES, Reading
from reports.documents.repair import attempt, explain
from reports.documents.source import Source
from reports.documents.tree import (
    Call,
    Chain,
    Derivative,
    Link,
    Node,
    Number,
    Symbol,
    Times,
    Transposed,
    literal,
    names,
    rebuilt,
    walk,
)
from reports.documents.values import Quantity, ShapeClash, Undefined
from reports.documents.writing import shown, written


@dataclass(frozen=True, eq=False)
class Judged:
    """What is said about a chain.

    Attributes:
        claims: the rows, empty where nothing was compared.
        reason: why nothing was compared; "" where something was.
        gives: whether it only gives a value or defines a name.
        bar: how far its last value is left open by the rounding of those before it.
    """

    claims: tuple[Claim, ...] = ()
    reason: str = ""
    gives: bool = False
    bar: float = 0.0


def judge(
    chain: Chain, environment: Environment, source: Source, *, inline: bool = False
) -> Judged:
    """Returns the verdict on a chain, and binds what it states.

    Args:
        chain: the statement.
        environment: what the document has said before it.
        source: where it stands.
        inline: whether it stands in a sentence, where a number alone is rather given than found.
    """
    links = chain.links
    if len(links) < 2 or chain.enumerates:
        return _undecided(chain)
    found = list(pairs(chain, environment))
    claims = [c for pair in found for c in _claims(pair, chain, environment, source)]
    claims += _constants(chain, environment, source, found)
    claims += _shape_of_gradient(chain, environment, source, claims)
    claims += _against_definition(chain, environment, source, found, inline=inline)
    wrong = any(claim.flagged for claim in claims)
    _bind(chain, environment, source, found, wrong)
    flagged = tuple(claim for claim in claims if claim.flagged)
    if flagged:
        return Judged(flagged)
    decided = [claim for claim in claims if claim.verdict != "not checked"]
    if decided:
        bars = [float(np.max(p.computed.bar, initial=0)) for p in found if p.computed is not None]
        worst = max(decided, key=lambda claim: claim.verdict != "ok")
        return Judged((worst,), bar=max(bars, default=0.0))
    if claims:
        return Judged(reason=claims[0].explanation)
    if _only_gives(chain) or _is_given_gradient(chain, environment):
        return Judged(gives=True)
    return Judged(reason=_missing(chain, environment))


def _undecided(chain: Chain) -> Judged:
    if chain.unread:
        return Judged(reason=f"not read: {chain.unread[0].reason}")
    return Judged(gives=True)


def _only_gives(chain: Chain) -> bool:
    node = subject(chain)
    if node is None:
        first = chain.links[0].node
        return isinstance(first, Call) and len(chain.links) == 2
    rest = chain.links[1:]
    return len(rest) == 1 and not isinstance(node, Derivative)


def _is_given_gradient(chain: Chain, environment: Environment) -> bool:
    """Whether a gradient is given from further up: nothing is said of what it is taken of."""
    node = subject(chain)
    if not isinstance(node, Derivative) or len(chain.links) != 2:
        return False
    return literal(chain.links[1].node) and key_of(node.of) not in environment.definitions


def _missing(chain: Chain, environment: Environment) -> str:
    if chain.unread:
        return f"not read: {chain.unread[0].reason}"
    for link in chain.links[1:]:
        for context in environment.contexts(link.node):
            try:
                evaluate(link.node, context)
            except (NotEvaluable, Undefined, ShapeClash) as reason:
                return str(reason)
            break
    return "it is compared with nothing"


# ---------------------------------------------------------------- one pair


def _claims(pair: Pair, chain: Chain, environment: Environment, source: Source) -> Iterator[Claim]:
    wrong = list(substitutions(pair.left, pair.right, chain, environment))
    if pair.agreement != "no" and not wrong:
        yield _agreed(pair, chain, environment, source)
        return
    if pair.agreement != "no":
        pair = replace(pair, certain=False)
    if _is_nudge(pair):
        pair = replace(pair, certain=False)
    if side(pair.left) == "symbolic" and not pair.certain and not wrong:
        yield _row(pair, chain, source, "not checked", explanation=_ambiguous(pair, environment))
        return
    if side(pair.left) == "symbolic" and not literal(pair.right.node):
        if wrong:
            yield _row(
                pair,
                chain,
                source,
                "substitution",
                stated=display.printed(wrong[0].used.value),
                right=display.printed(wrong[0].known.value),
                explanation="; ".join(w.sentence for w in wrong),
            )
        elif pair.computed is not None and pair.agreement == "no":
            yield _row(
                pair,
                chain,
                source,
                "not checked",
                explanation="the side with names and the side with numbers have different values",
            )
        return
    if not literal(pair.right.node):
        yield _unequal(pair, chain, environment, source)
        return
    yield _disagreed(pair, chain, environment, source)


NUDGE = 1e-3


def _is_nudge(pair: Pair) -> bool:
    """Whether a formula of names is off by little, and its own value is a round number.

    Then an input was rather moved a little, as in J = 3v = 33.003 after v = 11.
    """
    if side(pair.left) != "symbolic" or not literal(pair.right.node) or pair.computed is None:
        return False
    shown_value = display.stated(pair.right.node)
    if pair.computed.shape or shown_value.value.shape or np.any(pair.computed.bar):
        return False
    x, y = float(pair.computed.value), float(shown_value.value.value)
    return x != y and abs(x - y) <= NUDGE * abs(x) and x == round(x, 1)


def _agreed(pair: Pair, chain: Chain, environment: Environment, source: Source) -> Claim:
    verdict: Verdict = "ok" if pair.agreement == "exact" else "digits"
    explanation = ""
    right = ""
    if verdict == "digits" and pair.computed is not None:
        right = display.printed(pair.computed)
        explanation = "it agrees but for the last digits shown"
    elif literal(pair.right.node) and _uses_wrong(pair.left.node, environment):
        verdict, explanation = "inherited", "it follows from a value that is wrong above"
    return _row(
        pair,
        chain,
        source,
        verdict,
        right=right,
        reading=pair.reading.name,
        explanation=explanation,
    )


def _uses_wrong(node: Node, environment: Environment) -> bool:
    return any(v[0].wrong for n in names(node) if (v := environment.versions(n)))


def _ambiguous(pair: Pair, environment: Environment) -> str:
    several = [shown(n) for n in names(pair.left.node) if len(environment.versions(n)) > 1]
    return f"several values are known of {', '.join(several) or 'a name'}; none gives this one"


def _unequal(pair: Pair, chain: Chain, environment: Environment, source: Source) -> Claim:
    """Two expressions of numbers that differ."""
    other = attempt(pair.right.node, PLAIN, environment)
    return _row(
        pair,
        chain,
        source,
        "wrong" if pair.computed is not None else "shape",
        stated="" if other is None else display.printed(other),
        right=_right(pair, environment),
        explanation=pair.clash or "the two sides have different values",
    )


def _disagreed(pair: Pair, chain: Chain, environment: Environment, source: Source) -> Claim:
    stated = display.stated(pair.right.node)
    found = explain(pair.left.node, stated, environment) if environment.explains else None
    parts = [pair.clash] if pair.clash else []
    parts += [found.sentence] if found else []
    parts += _out_of_range(pair.left.node, stated, environment)
    parts += [] if found else [_magnitude(pair.computed, stated)]
    stale = _stale(chain, stated, environment, pair.right)
    parts += [stale] if stale else []
    verdict: Verdict = "shape" if pair.clash and not pair.undefined else "wrong"
    if pair.computed is not None and not values.same_shape(pair.computed, stated.value):
        verdict = "shape"
        shapes = values.size(pair.computed.shape), values.size(stated.value.shape)
        parts.insert(0, f"{shapes[0]} comes out, {shapes[1]} is stated")
    return _row(
        pair,
        chain,
        source,
        verdict,
        stated=display.printed(stated.value),
        right=_right(pair, environment),
        explanation="; ".join(filter(None, parts)),
    )


def _magnitude(computed: Quantity | None, stated: Stated) -> str:
    if computed is None or computed.shape or stated.value.shape:
        return ""
    a, b = float(computed.value), float(stated.value.value)
    if a == -b:
        return "the sign is wrong"
    return ""


def _out_of_range(node: Node, stated: Stated, environment: Environment) -> list[str]:
    if isinstance(node, Call) and not node.prime:
        name = environment.activation(node.name)
        if name in RANGES:
            low, high = RANGES[name]
            entries = values.flat(stated.value)
            if np.any((entries < low) | (entries > high)):
                return [f"a {name} lies between {low:g} and {high:g}"]
    slopes = [n for n in walk(node) if isinstance(n, Call) and n.prime]
    return [f"{shown(n)} is at most ¼" for n in slopes[:0]]


def _stale(chain: Chain, stated: Stated, environment: Environment, link: Link) -> str:
    """Returns where the same value stands already, under the same name."""
    node = subject(chain)
    if node is None:
        return ""
    for entry in reversed(environment.entries.get(key_of(node) or "", [])):
        if entry.provenance == "given":
            continue
        if entry.value.shape == stated.value.shape and np.array_equal(
            entry.value.value, stated.value.value
        ):
            if not entry.origin or entry.origin == _origin(chain):
                return f"line {entry.place.line} states the same"
            return f"copied from line {entry.place.line}, where the inputs are others"
    return ""


def _right(pair: Pair, environment: Environment) -> str:
    """Returns the right value; where readings differ, each with its name."""
    if pair.computed is not None:
        text = display.printed(pair.computed)
        bare = replace(PLAIN, sigma="skipped")
        activations = [n for n in walk(pair.left.node) if isinstance(n, Call) and not n.prime]
        if any(environment.activation(n.name) in RANGES for n in activations):
            without = attempt(pair.left.node, bare, environment)
            if without is not None:
                return f"{text} (σ applied); {display.printed(without)} (σ not applied)"
        return text
    parts = []
    for name, tree, reading in _conforming(pair.left.node):
        value = attempt(tree, reading, environment)
        if value is not None:
            text = f"{display.printed(value)} ({name})"
            if text not in parts:
                parts.append(text)
    return "; ".join(parts)


def _conforming(node: Node) -> Iterator[tuple[str, Node, Reading]]:
    """Yields ways to make the shapes of a formula conform."""
    factors = _factors(node)
    if len(factors) > 2:
        first, *others = factors
        yield "first factor as a row", _chained([Transposed(first.span, first), *others]), PLAIN
        yield "first factor last", _chained([*others, first]), PLAIN
        yield "factors in the other order", _chained(factors[::-1]), PLAIN
        turned: list[Node] = [Transposed(f.span, f) for f in others]
        yield "matrices transposed", _chained([*turned[::-1], first]), PLAIN
    yield "outer product", node, replace(PLAIN, product="reversed")
    yield "outer product the other way", node, replace(PLAIN, product="outer")
    yield "vector over the columns", node, replace(PLAIN, broadcast="columns")
    yield "vector over the rows", node, replace(PLAIN, broadcast="rows")
    yield "entry by entry", node, replace(PLAIN, product="elementwise")
    yield "inner product", node, replace(PLAIN, product="inner")


def _factors(node: Node) -> list[Node]:
    if isinstance(node, Times):
        return [*_factors(node.left), *_factors(node.right)]
    return [node]


def _chained(factors: list[Node]) -> Node:
    node = factors[0]
    for factor in factors[1:]:
        node = Times(node.span, node, factor, "dot")
    return node


def _row(
    pair: Pair,
    chain: Chain,
    source: Source,
    verdict: Verdict,
    *,
    stated: str = "",
    right: str = "",
    reading: str = "",
    explanation: str = "",
) -> Claim:
    return Claim(
        place=source.place(pair.right.span[0]),
        formula=quoted(source, chain),
        verdict=verdict,
        kind="update" if is_update(chain) else "arithmetic",
        stated=stated or (pair.right.text if literal(pair.right.node) else ""),
        right=right,
        reading=reading,
        explanation=explanation,
    )


def quoted(source: Source, chain: Chain) -> str:
    """Returns the statement as the document writes it, in one line."""
    start, end = chain.span
    return " ".join(source.text[start:end].split())


# ---------------------------------------------------------------- shapes and definitions


def _shape_of_gradient(
    chain: Chain, environment: Environment, source: Source, claims: list[Claim]
) -> list[Claim]:
    """A gradient has the shape of what it is taken by."""
    node = subject(chain)
    last = chain.links[-1]
    if not isinstance(node, Derivative) or not literal(last.node):
        return []
    loss = (key_of(node.of) or "").split("_")[0]
    known = environment.versions(node.wrt)
    if not known or loss[:1] not in {"L", "E", "J", "C", "l"}:
        return []
    if any(claim.verdict == "shape" for claim in claims):
        return []
    want, got = known[0].value, display.stated(last.node).value
    if want.value.size == got.value.size or not want.shape:
        return []
    before = chain.links[-2]
    right = ""
    if len(chain.links) > 2:
        pair = Pair(before, last, "no", PLAIN, None)
        right = _right(pair, environment)
    found = explain(before.node, display.stated(last.node), environment)
    parts = [
        f"{shown(node)} has the shape of {shown(node.wrt)}, {values.size(want.shape)}; "
        f"{values.size(got.shape)} is stated"
    ]
    parts += [found.sentence] if found else []
    claims.clear()
    return [
        Claim(
            place=source.place(last.span[0]),
            formula=quoted(source, chain),
            verdict="shape",
            kind="arithmetic",
            stated=display.printed(got),
            right=right,
            explanation="; ".join(parts),
        )
    ]


def _constants(
    chain: Chain, environment: Environment, source: Source, found: list[Pair]
) -> Iterator[Claim]:
    """A constant of a formula must stay what it is where numbers are put in."""
    compared = {id(pair.left) for pair in found if pair.agreement != "no"}
    for left, right in zip(chain.links, chain.links[1:], strict=False):
        if side(left) != "symbolic" or side(right) != "numeric" or id(left) in compared:
            continue
        for constant, by in changed_constants(left.node, right.node):
            yield Claim(
                place=source.place(by.span[0]),
                formula=quoted(source, chain),
                verdict="substitution",
                kind="arithmetic",
                stated=written(by),
                right=constant.text,
                explanation=f"the formula has {constant.text} where {written(by)} is put in",
            )


def _against_definition(
    chain: Chain, environment: Environment, source: Source, found: list[Pair], *, inline: bool
) -> Iterator[Claim]:
    """A stated value is held against the definition of its name, or of its index."""
    node, last = subject(chain), chain.links[-1]
    if not isinstance(node, Symbol) or any(pair.agreement == "no" for pair in found):
        return
    if is_update(chain) or any(side(link) == "symbolic" for link in chain.links[1:]):
        return
    definitions = environment.definitions_of(node)
    if not literal(last.node) or not definitions:
        return
    if node.key in environment.entries and node.key in environment.definitions:
        return
    results = [
        pair
        for definition in definitions
        if (pair := compare(_guarded(definition, environment), last, environment)) is not None
    ]
    agreed = [pair for pair in results if pair.agreement != "no"]
    if agreed and not found:
        yield _agreed(agreed[0], chain, environment, source)
    elif not agreed and results and len(results) == len(definitions):
        indexed = node.key not in environment.definitions
        near = indexed or (definitions[0].section == environment.section and not inline)
        if near and all(pair.certain and _is_off(pair) for pair in results):
            yield _by_definition(results[-1], definitions[-1], chain, environment, source)


def _guarded(definition: Definition, environment: Environment) -> Link:
    """Returns a definition with 0 for an ε without a value, which only keeps from dividing by 0."""

    def change(node: Node) -> Node:
        unknown = isinstance(node, Symbol) and node.base == "epsilon"
        if unknown and not environment.versions(node):
            return Number(node.span, "0", 0.0, 0.0, 1)
        return rebuilt(node, change)

    return Link(change(definition.tree), "=", "")


OPEN_UNITS = 1.5
OPEN_BARS = 3.0
"""A value is off its definition beyond this: rounded values were put in that are not shown."""


def _is_off(pair: Pair) -> bool:
    shown_value, computed = display.stated(pair.right.node), pair.computed
    if computed is None or not values.same_shape(computed, shown_value.value):
        return False
    off = np.abs(values.flat(computed) - values.flat(shown_value.value))
    unit, bar = shown_value.unit.reshape(-1), computed.bar.reshape(-1)
    return bool(np.any(off > OPEN_UNITS * unit + OPEN_BARS * bar + 1e-9 * np.abs(off)))


def _by_definition(
    pair: Pair, definition: Definition, chain: Chain, environment: Environment, source: Source
) -> Claim:
    claim = _disagreed(pair, chain, environment, source)
    words = f"line {definition.place.line} defines it as {written(pair.left.node)}"
    return replace(claim, explanation="; ".join(filter(None, (words, claim.explanation))))


# ---------------------------------------------------------------- what a chain teaches


def _bind(
    chain: Chain, environment: Environment, source: Source, found: list[Pair], wrong: bool
) -> None:
    node = subject(chain)
    for left, right in zip(chain.links, chain.links[1:], strict=False):
        if left is chain.links[0] and node is not None:
            continue
        _bind_substituted(left, right, environment, source)
    last = chain.links[-1]
    place = source.place(last.span[0])
    if literal(last.node):
        _learn(last, environment, found)
    if node is None:
        _define_function(chain, environment)
        return
    key = key_of(node)
    if key is None:
        return
    update = is_update(chain)
    if literal(last.node):
        computed = found[-1].computed if found and found[-1].right is last else None
        provenance: Provenance = "updated" if update else "stated" if found else "given"
        value = _with_bar(display.stated(last.node), computed, environment, found)
        entry = Entry(
            value, provenance, place, environment.section, computed, wrong, _origin(chain)
        )
        environment.bind(key, entry)
    elif side(last) == "numeric":
        value = attempt(last.node, PLAIN, environment)
        if value is not None:
            provenance = "updated" if update else "stated"
            environment.bind(
                key, Entry(value, provenance, place, environment.section, value, wrong)
            )
    if not update:
        _define(node, chain, environment, source)


def _origin(chain: Chain) -> str:
    """Returns the expression of numbers from which a chain's value comes, as written."""
    sides = [link for link in chain.links[1:-1] if side(link) == "numeric"]
    return "".join(sides[-1].text.split()) if sides else ""


def _with_bar(
    shown_value: Stated, computed: Quantity | None, environment: Environment, found: list[Pair]
) -> Quantity:
    """Returns a stated value with what its rounding leaves open."""
    q = shown_value.value
    unit = np.broadcast_to(shown_value.unit, q.shape)
    computed = _unrounded(shown_value, found) or computed
    if computed is not None and found[-1].agreement != "no" and values.same_shape(computed, q):
        off = np.abs(computed.value.reshape(q.shape) - q.value) + computed.bar.reshape(q.shape)
        return Quantity(q.value, np.minimum(off, unit))
    if found:
        return q
    digits = np.broadcast_to(shown_value.digits, q.shape)
    return Quantity(q.value, np.where(digits >= 4, 0.5 * unit, 0.0))


def _unrounded(shown_value: Stated, found: list[Pair]) -> Quantity | None:
    """Returns, of the values from which a literal comes, the one that differs most from it."""
    best, most = None, -1.0
    for pair in found:
        q = pair.computed
        if pair.agreement == "no" or q is None or not values.same_shape(q, shown_value.value):
            continue
        if display.agreement(q, shown_value) == "no":
            continue
        off = float(np.max(np.abs(values.flat(q) - values.flat(shown_value.value))))
        if off > most:
            best, most = q, off
    return best


def _learn(last: Link, environment: Environment, found: list[Pair]) -> None:
    """Remembers the literals of a stated value, with what their rounding leaves open."""
    literals = list(numbers(last.node))
    if not found:
        for number in literals:
            if number.digits < 4:
                environment.learn(number.text, 0.0, given=True)
        return
    pair = found[-1]
    if pair.right is not last or pair.computed is None:
        return
    computed = _unrounded(display.stated(last.node), found) or pair.computed
    if computed.value.size != len(literals):
        return
    entries, bars = values.flat(computed), computed.bar.reshape(-1)
    for number, x, bar in zip(literals, entries, bars, strict=True):
        off = abs(abs(x) - number.value) + bar
        within = pair.agreement != "no" or off <= 0.5 * number.unit
        environment.learn(number.text, min(off, number.unit) if within else 0.0, given=False)


def _bind_substituted(left: Link, right: Link, environment: Environment, source: Source) -> None:
    for name, by in learn_substitutions(left, right):
        key = key_of(name)
        if key is None or environment.versions(name):
            continue
        value = _with_bar(display.stated(by), None, environment, [])
        place = source.place(by.span[0])
        environment.bind(key, Entry(value, "stated", place, environment.section))


def _define(node: Node, chain: Chain, environment: Environment, source: Source) -> None:
    key = key_of(node)
    if key is None:
        return
    for link in chain.links[1:]:
        if side(link) == "symbolic":
            place = source.place(link.span[0])
            definition = Definition(link.node, place, environment.section, chain.words)
            environment.definitions.setdefault(key, []).append(definition)
            return


def _define_function(chain: Chain, environment: Environment) -> None:
    first = chain.links[0].node
    if len(chain.links) < 2 or not isinstance(first, Call) or len(first.arguments) != 1:
        return
    argument = first.arguments[0]
    tree = chain.links[1].node
    distribution = first.name in {"F", "P"}
    if isinstance(argument, Symbol) and any(True for _ in names(tree)) and not distribution:
        own = {n.key for n in walk(tree) if isinstance(n, Symbol)}
        if own <= {argument.key, "e"}:
            environment.functions[first.name + "'" * first.prime] = (argument.key, tree)
