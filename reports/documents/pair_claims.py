"""The verdict on two sides of a chain: right, wrong, of shapes that clash, wrongly put in."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from reports.documents import display, values
from reports.documents.claims import Claim, Verdict
from reports.documents.display import Stated
from reports.documents.environment import Environment, key_of
from reports.documents.links import (
    Pair,
    certainly_known,
    compare,
    is_update,
    origin_of,
    side,
    subject,
)
from reports.documents.places import quoted
from reports.documents.readings import PLAIN, RANGES, Reading
from reports.documents.repair import attempt, explain
from reports.documents.source import Source
from reports.documents.substitution import substitutions
from reports.documents.tree import (
    Call,
    Chain,
    Link,
    Node,
    Number,
    Times,
    Transposed,
    literal,
    names,
    rebuilt,
    walk,
)
from reports.documents.values import Quantity
from reports.documents.writing import shown


def pair_claims(
    pair: Pair, chain: Chain, environment: Environment, source: Source
) -> Iterator[Claim]:
    """Yields the verdict on two sides that were compared."""
    wrong = list(substitutions(pair.left, pair.right, chain, environment))
    if pair.agreement == "exact" and certainly_known(pair.left.node, environment):
        wrong = []  # a fraction was reduced, or factors stand in another order
    if pair.agreement != "no" and not wrong:
        yield agreed_claim(pair, chain, environment, source)
        return
    if pair.agreement != "no":
        pair = replace(pair, certain=False)
    if _is_nudge(pair):
        pair = replace(pair, certain=False)
    if not pair.certain and not wrong:
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
            yield _put_in(pair, chain, environment, source)
        elif pair.clash and not pair.undefined and _minds_shapes(pair, environment):
            yield _row(
                pair,
                chain,
                source,
                "shape",
                right=right_value(pair, environment),
                explanation=pair.clash,
            )
        return
    if not literal(pair.right.node):
        yield _unequal(pair, chain, environment, source)
        return
    yield disagreed_claim(pair, chain, environment, source)


def _minds_shapes(pair: Pair, environment: Environment) -> bool:
    """Whether a formula whose shapes clash is wrong: numbers are put in, transposes are written."""
    return side(pair.right) == "numeric" and environment.minds_orientation


def _put_in(pair: Pair, chain: Chain, environment: Environment, source: Source) -> Claim:
    """Returns the verdict on a formula and what is put in for it, which differ in value."""
    if side(pair.right) != "numeric":
        words = "the two sides with names have different values at those of the document"
        return _row(pair, chain, source, "not checked", explanation=words)
    if not _differs(pair, environment):
        return _row(pair, chain, source, "digits", explanation="they agree but for what is rounded")
    right = _with_right_figures(pair.right.node, environment)
    again = (
        None if right is None else compare(pair.left, replace(pair.right, node=right), environment)
    )
    if again is not None and again.agreement != "no":
        words = "it follows from a value that is wrong above"
        return _row(pair, chain, source, "inherited", explanation=words)
    return _unequal(pair, chain, environment, source)


SMALL = 2e-3
"""By so much of itself a value may differ where something small, as an ε, is left out."""


def _differs(pair: Pair, environment: Environment) -> bool:
    """Whether two sides differ by more than what is rounded, or left out as small."""
    again = compare(pair.left, pair.right, environment.loose())
    if again is not None and again.agreement != "no":
        return False
    other = attempt(pair.right.node, PLAIN, environment)
    if pair.computed is None or other is None or not values.same_shape(pair.computed, other):
        return True
    off = np.abs(values.flat(pair.computed) - values.flat(other))
    return bool(np.any(off > SMALL * np.abs(values.flat(other))))


def _with_right_figures(node: Node, environment: Environment) -> Node | None:
    """Returns numbers with the right value where a wrong one is repeated; None where none is."""
    wrong = {
        round(float(x) if plain else 1 - float(x), 9): float(right) if plain else 1 - float(right)
        for plain in (False, True)
        for found in environment.entries.values()
        for e in found
        if e.wrong and e.right is not None and e.right.value.size == e.value.value.size
        for x, right in zip(values.flat(e.value), values.flat(e.right), strict=True)
    }

    def change(part: Node) -> Node:
        if isinstance(part, Number) and round(part.value, 9) in wrong:
            return replace(part, value=wrong[round(part.value, 9)])
        return rebuilt(part, change)

    changed = change(node) if wrong else node
    return None if changed is node else changed


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


def agreed_claim(pair: Pair, chain: Chain, environment: Environment, source: Source) -> Claim:
    """Returns the verdict on sides that agree: also but for digits, or after a wrong value."""
    verdict: Verdict = "ok" if pair.agreement == "exact" else "digits"
    explanation = ""
    right = ""
    if verdict == "digits" and pair.computed is not None:
        right = display.printed(pair.computed)
        explanation = "it agrees but for the last digits shown"
    elif pair.corrected:
        explanation = f"it follows from the right value of line {pair.corrected}"
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
    return bool(environment.wrong_in(node))


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
        right=right_value(pair, environment),
        explanation=pair.clash or "the two sides have different values",
    )


def disagreed_claim(pair: Pair, chain: Chain, environment: Environment, source: Source) -> Claim:
    """Returns the verdict on a stated value that does not come out, and what the author did."""
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
    if pair.inherits:
        verdict, parts = "inherited", ["it follows from a derivative that is wrong above"]
    return _row(
        pair,
        chain,
        source,
        verdict,
        stated=display.printed(stated.value),
        right=right_value(pair, environment),
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
            if not entry.origin or entry.origin == origin_of(chain):
                return f"line {entry.place.line} states the same"
            return f"copied from line {entry.place.line}, where the inputs are others"
    return ""


def right_value(pair: Pair, environment: Environment) -> str:
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
