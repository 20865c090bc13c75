"""A formula as statements: rows and parts, each a chain of sides joined by relations."""

import re
from collections.abc import Sequence
from dataclasses import replace

from reports.documents.conditions import braces
from reports.documents.conventions import Conventions
from reports.documents.grammar import Parser
from reports.documents.macros import expanded
from reports.documents.notation import COMPARISONS
from reports.documents.rows import CLOSING, OPENING, Part, joined, line_breaks, relation_at, split
from reports.documents.tokens import NotRead, Token, tokenize
from reports.documents.tree import (
    Chain,
    Comparison,
    Derivative,
    Link,
    Node,
    Number,
    Power,
    Relation,
    Span,
    Symbol,
    Unread,
    depth,
    rebuilt,
    walk,
)
from reports.documents.units import without_units

DEEPEST = 80


def statements(text: str, offset: int = 0, conventions: Conventions | None = None) -> list[Chain]:
    """Returns the statements of a formula; what cannot be read stands in them as such.

    >>> [len(chain.links) for chain in statements("a = 2b = 3, c = 4")]
    [3, 2]
    """
    conventions = conventions or Conventions()
    if comma := _DECIMAL_COMMA.search(_outside(text)):
        span = offset + comma.start(), offset + comma.end()
        return [Chain((), (Unread(span, "a comma that may be a decimal point"),))]
    try:
        tokens = braces(expanded(tokenize(text, offset), conventions.macros))
        tokens = without_units(tokens, conventions.named)
        breaks = line_breaks(tokens, text, offset)
        parts = list(joined(split(tokens, breaks)))
    except NotRead as problem:
        span = problem.span or (offset, offset + len(text))
        return [Chain((), (Unread(span, str(problem)),))]
    chains = []
    for part in parts:
        chain = _chain(part, text, offset, conventions)
        if chain.links or chain.unread:
            chains.append(chain)
    return chains


_DECIMAL_COMMA = re.compile(r"(?<![\d.,])\d+,\d+\s*[-+*/·×](?!,)|[-+*/·×]\s*\d+,\d+(?![\d.,])")
_INNER = re.compile(r"[({\[][^(){}\[\]]*[)}\]]")


def _outside(text: str) -> str:
    """Returns a formula with what stands in brackets blank."""
    for _ in range(4):
        text = _INNER.sub(lambda m: " " * len(m[0]), text)
    return text


SQUARES = frozenset(("sigma", "s", "hat sigma", "std"))
"""Names whose square is a name of its own: a variance."""


def with_variances(chains: Sequence[Chain]) -> list[Chain]:
    """Returns the chains of a document with σ² as one name, where a statement is about σ²."""
    about = [chain.links[0].node for chain in chains if len(chain.links) > 1]
    squared = {
        node.base.key
        for node in about
        if isinstance(node, Power) and isinstance(node.base, Symbol)
        if node.base.base in SQUARES and _is_two(node.exponent)
    }
    squared |= _differentiated_by(chains)
    if not squared:
        return [*chains]
    return [
        replace(c, links=tuple(replace(k, node=_variances(k.node, squared)) for k in c.links))
        for c in chains
    ]


def _differentiated_by(chains: Sequence[Chain]) -> set[str]:
    """Returns the σ by whose squares derivatives are taken, and that stand nowhere without one."""
    nodes = [n for chain in chains for link in chain.links for n in walk(link.node)]
    by = {n.wrt.base.key for n in nodes if isinstance(n, Derivative) and _is_square(n.wrt)}  # type: ignore[attr-defined]
    if not by:
        return by
    inside = [id(n.base) for n in nodes if _is_square(n)]  # type: ignore[attr-defined]
    alone = {n.key for n in nodes if isinstance(n, Symbol) and id(n) not in inside}
    return by - alone


def _is_square(node: Node) -> bool:
    match node:
        case Power(base=Symbol(base=base), exponent=exponent):
            return base in SQUARES and _is_two(exponent)
    return False


def _variances(node: Node, squared: set[str]) -> Node:
    if isinstance(node, Power) and isinstance(node.base, Symbol) and _is_two(node.exponent):
        if node.base.key in squared:
            return replace(node.base, base=f"{node.base.base}²", span=node.span)
    return rebuilt(node, lambda part: _variances(part, squared))


def _is_two(node: Node) -> bool:
    return isinstance(node, Number) and node.value == 2


def _chain(part: Part, text: str, offset: int, conventions: Conventions) -> Chain:
    sides: list[tuple[Relation, list[Token]]] = [("=", [])]
    signs = [""]
    nested, at, tokens = 0, 0, part.tokens
    while tokens and tokens[-1].text in {".", ":", "?"}:
        tokens = tokens[:-1]
    while at < len(tokens):
        token = tokens[at]
        nested += token.type == "open" or token.text in OPENING or token.text == "begin"
        nested -= token.type == "close" or token.text in CLOSING or token.text == "end"
        relation, length = relation_at(tokens, at) if nested == 0 else (None, 0)
        if relation == "remark" and _assigns(tokens, at):
            relation = ":="
        if relation is None:
            sides[-1][1].append(token)
            at += 1
        else:
            sides.append((relation, []))
            signs.append(token.text)
            at += length
    links, unread = [], []
    comparison = None
    for (relation, side), sign in zip(sides, signs, strict=True):
        if not side:
            continue
        span = side[0].span[0], side[-1].span[1]
        if relation == "remark":
            break
        if relation == "other":
            comparison = _compared(links, sign, side, conventions)
            if comparison is None:
                unread.append(Unread(span, "it is no equation"))
            break
        try:
            node = Parser(side, conventions).parse()
            if depth(node, DEEPEST) > DEEPEST:
                raise NotRead(f"it has more than {DEEPEST} terms or levels", span)
        except NotRead as problem:
            unread.append(Unread(problem.span or span, str(problem)))
            continue
        except RecursionError:
            unread.append(Unread(span, "it is nested too deep"))
            continue
        links.append(Link(node, relation, text[span[0] - offset : span[1] - offset]))
    whole = _whole(tokens, text, offset) if tokens else None
    measures = frozenset(atom for token in tokens for atom in token.measure.split())
    return Chain(
        tuple(links), tuple(unread), part.words, part.enumerates, whole, measures, comparison
    )


def _compared(
    links: Sequence[Link], sign: str, side: Sequence[Token], conventions: Conventions
) -> Comparison | None:
    """Returns what the last side of an equation is compared with; None where it is none."""
    if len(links) < 2 or sign not in COMPARISONS:
        return None
    try:
        node = Parser(side, conventions).parse()
    except (NotRead, RecursionError):
        return None
    return Comparison(links[-1], COMPARISONS[sign], Link(node, "other", ""))


_SIZES = re.compile(r"\\(?:left|[bB]igg?l?|middle)\s*$")


def _whole(tokens: Sequence[Token], text: str, offset: int) -> Span:
    r"""Returns where a statement stands, with the \left before its first bracket."""
    start, end = tokens[0].span[0] - offset, tokens[-1].span[1]
    before = _SIZES.search(text, 0, start)
    return offset + (start if before is None else before.start()), end


_ARROWS = frozenset(("to", "rightarrow", "longrightarrow", "mapsto"))


def _assigns(tokens: Sequence[Token], at: int) -> bool:
    """Whether an arrow assigns: W → W − η G, the name itself with something added."""
    name = [t.text for t in tokens[:at]]
    after = [t.text for t in tokens[at + 1 :]]
    changed = after[: len(name)] == name and after[len(name) : len(name) + 1] in (["-"], ["+"])
    return tokens[at].text in _ARROWS and bool(name) and changed
