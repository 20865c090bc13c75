"""A formula as statements: rows and parts, each a chain of sides joined by relations."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from reports.documents.grammar import Parser
from reports.documents.notation import MATRICES, PRODUCTS, RELATIONS, ROWS, STOPS, TEXTS
from reports.documents.tokens import NotRead, Token, tokenize
from reports.documents.tree import (
    Chain,
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
)

MOST_EXPANSIONS = 200
DEEPEST = 80
_OPEN = {"(", "[", "lbrace", "langle"}
_CLOSE = {")", "]", "rbrace", "rangle"}


@dataclass(frozen=True)
class Conventions:
    r"""What a document settles for all of its formulas.

    Attributes:
        indexed: the names whose numeric superscript is a layer.
        macros: \newcommand: the number of arguments and the body.
    """

    indexed: frozenset[str] = frozenset()
    macros: Mapping[str, tuple[int, str]] = field(default_factory=dict)


def statements(text: str, offset: int = 0, conventions: Conventions | None = None) -> list[Chain]:
    """Returns the statements of a formula; what cannot be read stands in them as such.

    >>> [len(chain.links) for chain in statements("a = 2b = 3, c = 4")]
    [3, 2]
    """
    conventions = conventions or Conventions()
    try:
        tokens = _expanded(tokenize(text, offset), conventions.macros)
        breaks = _line_breaks(tokens, text, offset)
        parts = list(_joined(_split(tokens, breaks)))
    except NotRead as problem:
        span = problem.span or (offset, offset + len(text))
        return [Chain((), (Unread(span, str(problem)),))]
    chains = []
    for part in parts:
        chain = _chain(part, text, offset, conventions.indexed)
        if chain.links or chain.unread:
            chains.append(chain)
    return chains


SQUARES = frozenset(("sigma", "s", "hat sigma", "std"))
"""Names whose square is a name of its own: a variance."""


def with_variances(chains: Sequence[Chain]) -> list[Chain]:
    """Returns the chains of a document with σ² as one name, where a statement is about σ²."""
    squared = {
        first.base.key
        for chain in chains
        if len(chain.links) > 1 and isinstance(first := chain.links[0].node, Power)
        if isinstance(first.base, Symbol) and first.base.base in SQUARES and _is_two(first.exponent)
    }
    if not squared:
        return [*chains]
    return [
        replace(c, links=tuple(replace(k, node=_variances(k.node, squared)) for k in c.links))
        for c in chains
    ]


def _variances(node: Node, squared: set[str]) -> Node:
    if isinstance(node, Power) and isinstance(node.base, Symbol) and _is_two(node.exponent):
        if node.base.key in squared:
            return replace(node.base, base=f"{node.base.base}²", span=node.span)
    return rebuilt(node, lambda part: _variances(part, squared))


def _is_two(node: Node) -> bool:
    return isinstance(node, Number) and node.value == 2


@dataclass
class _Part:
    """The tokens of one statement, and how it was set off from the one before."""

    tokens: list[Token]
    words: str = ""
    after_row: bool = False
    after_comma: bool = False
    enumerates: bool = False


def _expanded(tokens: list[Token], macros: Mapping[str, tuple[int, str]]) -> list[Token]:
    """Returns the tokens with the document's own commands replaced by what they stand for."""
    if not macros:
        return tokens
    for _ in range(4):
        out: list[Token] = []
        at = changed = 0
        while at < len(tokens):
            token = tokens[at]
            at += 1
            if token.type != "command" or token.text not in macros or changed > MOST_EXPANSIONS:
                out.append(token)
                continue
            changed += 1
            count, body = macros[token.text]
            arguments: list[list[Token]] = []
            for _ in range(count):
                argument, at = _argument(tokens, at)
                arguments.append(argument)
            out += _filled(body, arguments, token.span)
        if not changed:
            break
        tokens = out
        if len(tokens) > 4000:
            raise NotRead("the document's own commands make it too long")
    return tokens


def _argument(tokens: list[Token], at: int) -> tuple[list[Token], int]:
    if at >= len(tokens) or tokens[at].type != "open":
        return tokens[at : at + 1], at + 1
    depth, end = 0, at
    while end < len(tokens):
        depth += (tokens[end].type == "open") - (tokens[end].type == "close")
        end += 1
        if depth == 0:
            break
    return tokens[at + 1 : end - 1], end


def _filled(body: str, arguments: list[list[Token]], span: Span) -> list[Token]:
    out: list[Token] = []
    inner = tokenize(body)
    at = 0
    while at < len(inner):
        token = inner[at]
        if token.text == "#" and at + 1 < len(inner) and inner[at + 1].text.isdigit():
            number = int(inner[at + 1].text) - 1
            out += arguments[number] if number < len(arguments) else []
            at += 2
            continue
        out.append(Token(token.type, token.text, span))
        at += 1
    return out


def _line_breaks(tokens: Sequence[Token], text: str, offset: int) -> frozenset[int]:
    """Returns the tokens at which a line begins."""
    starts = [token.span[0] - offset for token in tokens]
    return frozenset(
        at
        for at in range(1, len(tokens))
        if starts[at - 1] < starts[at] and "\n" in text[starts[at - 1] : starts[at]]
    )


def _begins_equation(tokens: Sequence[Token], at: int, breaks: frozenset[int]) -> bool:
    """Whether a line is an equation of its own: it has a relation, and does not begin with one."""
    first = tokens[at]
    if first.text in {"+", "-", "&", *PRODUCTS} or first.type in {"close", "number"}:
        return False
    if _relation(tokens, at)[0] is not None:
        return False
    nested = 0
    for i in range(at, len(tokens)):
        token = tokens[i]
        if (i in breaks and i > at) or token.text == "\\":
            return False
        nested += token.type == "open" or token.text in _OPEN or token.text == "begin"
        nested -= token.type == "close" or token.text in _CLOSE or token.text == "end"
        if nested < 0:
            return False
        if nested == 0 and token.text == "&":
            return False
        if nested == 0 and _relation(tokens, i)[0] is not None:
            return True
    return False


def _is_whole(tokens: Sequence[Token]) -> bool:
    """Whether tokens are an equation that is complete: with a relation, and no sign at its end."""
    if not tokens or not _has_relation(tokens):
        return False
    last = len(tokens) - 1
    ends = tokens[last].text in {"+", "-", *PRODUCTS} or _relation(tokens, last)[0] is not None
    return not ends


def _split(tokens: Sequence[Token], breaks: frozenset[int]) -> Iterator[_Part]:
    """Yields the parts between rows, commas, arrows and words, outside of brackets.

    A line with an equation of its own is a row too where the line before ends with one.
    """
    part = _Part([])
    depth, matrices, at = 0, 0, 0
    while at < len(tokens):
        token = tokens[at]
        if at in breaks and depth == matrices == 0 and _is_whole(part.tokens):
            if _begins_equation(tokens, at, breaks):
                yield part
                part = _Part([])
        if token.type == "command" and token.text in {"begin", "end"}:
            name, after = _environment(tokens, at)
            if name in ROWS:
                at = after
                continue
            matrices += 1 if token.text == "begin" else -1
        if matrices == 0 and token.type != "end":
            if token.type == "open" or token.text in _OPEN:
                depth += 1
            elif token.type == "close" or token.text in _CLOSE:
                depth = max(0, depth - 1)
            elif token.text == "&" and token.type == "symbol":
                at += 1
                continue
            elif token.type == "command" and token.text in {"\\", "cr", "newline"}:
                at = _after_row(tokens, at)
                if depth == 0:
                    yield part
                    part = _Part([], after_row=True)
                continue
            elif token.type == "command" and token.text in {"tag", "label", "color", "tag*"}:
                at = _after_argument(tokens, at + 1)
                continue
            elif token.type == "command" and token.text in {"boxed", "fbox", "underline"}:
                if part.tokens and part.tokens[-1].text == "^":
                    part.tokens.append(token)
                at += 1
                continue
            elif depth == 0 and _separates(token):
                yield part
                part = _Part([], after_comma=token.text == ",")
                at += 1
                continue
            elif depth == 0 and token.type == "command" and token.text in TEXTS:
                words, after = _words(tokens, at)
                if words is not None:
                    yield part
                    part = _Part([], words=words)
                    at = after
                    continue
        part.tokens.append(token)
        at += 1
    yield part


def _separates(token: Token) -> bool:
    if token.type == "symbol":
        return token.text in {",", ";"}
    return token.type == "command" and token.text in STOPS


def _environment(tokens: Sequence[Token], at: int) -> tuple[str, int]:
    r"""Returns the name after \begin or \end, and where it ends; arguments of rows are skipped."""
    name, i = "", at + 1
    if i < len(tokens) and tokens[i].type == "open":
        i += 1
        while i < len(tokens) and tokens[i].type != "close":
            name += tokens[i].text
            i += 1
        i += 1
    if name.startswith(("alignat", "alignedat")):
        if tokens[at].text == "begin" and i < len(tokens) and tokens[i].type == "open":
            i = _after_argument(tokens, i)
    if name in MATRICES:
        return name, at
    return name, i


def _after_argument(tokens: Sequence[Token], at: int) -> int:
    return _argument(list(tokens[at:]), 0)[1] + at if at < len(tokens) else at


def _after_row(tokens: Sequence[Token], at: int) -> int:
    r"""Returns where the row begins that follows \\, or \\[4pt]."""
    at += 1
    if at < len(tokens) and tokens[at].text == "[":
        texts = [t.text for t in tokens[at : at + 6]]
        if "]" in texts and "".join(texts[1 : texts.index("]")])[-2:] in {"pt", "em", "ex", "mm"}:
            return at + texts.index("]") + 1
    return at


def _words(tokens: Sequence[Token], at: int) -> tuple[str | None, int]:
    r"""Returns the text of \text{…} where it is a remark, and where it ends."""
    if at + 1 >= len(tokens) or tokens[at + 1].type != "open":
        return None, at
    end = _after_argument(tokens, at + 1)
    inside = tokens[at + 2 : end - 1]
    words = "".join(t.text for t in inside)
    follows = tokens[end] if end < len(tokens) else None
    name = re.fullmatch(r"[^\W\d_][\w]*", words)
    spaced = any(a.span[1] < b.span[0] for a, b in pairwise(inside))
    if name and not spaced and words.lower() not in _REMARKS:
        if follows is not None or not (at and tokens[at - 1].text in {"quad", ","}):
            return None, at
    return words, end


_REMARKS = {"and", "or", "for", "if", "where", "with", "so", "since", "thus", "hence", "else"}
_REMARKS |= {
    "otherwise",
    "then",
    "when",
    "as",
    "其中",
    "因此",
    "所以",
    "且",
    "和",
    "则",
    "或",
    "of",
}


def _joined(parts: Iterator[_Part]) -> Iterator[_Part]:
    """Yields the parts with those that continue the one before joined to it."""
    before: _Part | None = None
    row = False
    for part in parts:
        part.after_row = part.after_row or row
        row = part.after_row and not part.tokens
        if part.tokens and all(t.text in _DOTS for t in part.tokens):
            if before is not None:
                before.enumerates = True
            continue
        if before is not None and part.after_comma and [t.type for t in part.tokens] == ["number"]:
            before.enumerates = True
            continue
        if before is not None and part.tokens and _continues(before, part):
            before.tokens += part.tokens
            continue
        if not part.tokens:
            if part.words and before is not None:
                before.words += f" {part.words}"
            continue
        if before is not None:
            yield before
        before = part
    if before is not None:
        yield before


_DOTS = {"ldots", "cdots", "dots", "vdots", "dotsc"}


def _continues(before: _Part, part: _Part) -> bool:
    first, last = part.tokens[0], before.tokens[-1]
    if _relation(part.tokens, 0)[0] is not None:
        return True
    if not part.after_row:
        return False
    return (
        first.text in {"+", *PRODUCTS}
        or (first.text == "-" and not _has_relation(part.tokens))
        or last.text in {"+", "-", "=", *PRODUCTS}
    )


def _has_relation(tokens: Sequence[Token]) -> bool:
    return any(_relation(tokens, i)[0] is not None for i in range(len(tokens)))


def _relation(tokens: Sequence[Token], at: int) -> tuple[Relation | None, int]:
    """Returns the relation that stands here, if one does, and how many tokens it takes."""
    text = tokens[at].text
    if tokens[at].type not in {"symbol", "command"}:
        return None, 0
    follows = tokens[at + 1].text if at + 1 < len(tokens) else ""
    if text == ":" and follows == "=":
        return ":=", 2
    if text == "<" and follows == "-" and tokens[at].span[1] == tokens[at + 1].span[0]:
        return ":=", 2
    if text in RELATIONS:
        return RELATIONS[text], 1  # type: ignore[return-value]
    return None, 0


def _chain(part: _Part, text: str, offset: int, indexed: frozenset[str]) -> Chain:
    sides: list[tuple[Relation, list[Token]]] = [("=", [])]
    nested, at, tokens = 0, 0, part.tokens
    while tokens and tokens[-1].text in {".", ":", "?"}:
        tokens = tokens[:-1]
    while at < len(tokens):
        token = tokens[at]
        nested += token.type == "open" or token.text in _OPEN or token.text == "begin"
        nested -= token.type == "close" or token.text in _CLOSE or token.text == "end"
        relation, length = _relation(tokens, at) if nested == 0 else (None, 0)
        if relation is None:
            sides[-1][1].append(token)
            at += 1
        else:
            sides.append((relation, []))
            at += length
    links, unread = [], []
    for relation, side in sides:
        if not side:
            continue
        span = side[0].span[0], side[-1].span[1]
        if relation == "other":
            unread.append(Unread(span, "it is no equation"))
            break
        try:
            node = Parser(side, indexed).parse()
            if depth(node, DEEPEST) > DEEPEST:
                raise NotRead(f"it has more than {DEEPEST} terms or levels", span)
        except NotRead as problem:
            unread.append(Unread(problem.span or span, str(problem)))
            continue
        except RecursionError:
            unread.append(Unread(span, "it is nested too deep"))
            continue
        links.append(Link(node, relation, text[span[0] - offset : span[1] - offset]))
    return Chain(tuple(links), tuple(unread), part.words, part.enumerates)
