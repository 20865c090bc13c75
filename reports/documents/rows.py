"""The tokens of a formula as parts: rows, cells and what commas and words set off."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from reports.documents.macros import argument
from reports.documents.notation import MATRICES, PRODUCTS, RELATIONS, ROWS, STOPS, TEXTS
from reports.documents.tokens import Token
from reports.documents.tree import Relation

OPENING = frozenset(("(", "[", "lbrace", "langle"))
CLOSING = frozenset((")", "]", "rbrace", "rangle"))


@dataclass
class Part:
    """The tokens of one statement, and how it was set off from the one before."""

    tokens: list[Token]
    words: str = ""
    after_row: bool = False
    after_comma: bool = False
    enumerates: bool = False


def line_breaks(tokens: Sequence[Token], text: str, offset: int) -> frozenset[int]:
    """Returns the tokens at which a line begins."""
    starts = [token.span[0] - offset for token in tokens]
    return frozenset(
        at
        for at in range(1, len(tokens))
        if starts[at - 1] < starts[at] and "\n" in text[starts[at - 1] : starts[at]]
    )


def _begins_equation(tokens: Sequence[Token], at: int, breaks: frozenset[int]) -> bool:
    """Whether a line is an equation of its own: it has a relation, neither first nor last."""
    first = tokens[at]
    if first.text in {"+", "-", "&", *PRODUCTS} or first.type in {"close", "number"}:
        return False
    if relation_at(tokens, at)[0] is not None:
        return False
    nested = 0
    for i in range(at, len(tokens)):
        token = tokens[i]
        if (i in breaks and i > at) or token.text == "\\":
            return False
        nested += token.type == "open" or token.text in OPENING or token.text == "begin"
        nested -= token.type == "close" or token.text in CLOSING or token.text == "end"
        if nested < 0:
            return False
        if nested == 0 and token.text == "&":
            return False
        relation, width = relation_at(tokens, i)
        if nested == 0 and relation is not None:
            return i + width < len(tokens) and i + width not in breaks
    return False


def _is_whole(tokens: Sequence[Token]) -> bool:
    """Whether tokens are an equation that is complete: with a relation, and no sign at its end."""
    if not tokens or not _has_relation(tokens):
        return False
    last = len(tokens) - 1
    ends = tokens[last].text in {"+", "-", *PRODUCTS} or relation_at(tokens, last)[0] is not None
    return not ends


def split(tokens: Sequence[Token], breaks: frozenset[int]) -> Iterator[Part]:
    """Yields the parts between rows, commas, arrows and words, outside of brackets.

    A line with an equation of its own is a row too where the line before ends with one.
    """
    part = Part([])
    depth, matrices, systems, at = 0, 0, 0, 0
    while at < len(tokens):
        token = tokens[at]
        if at in breaks and depth == matrices == 0 and _is_whole(part.tokens):
            if _begins_equation(tokens, at, breaks):
                yield part
                part = Part([])
        if token.type == "command" and token.text in {"begin", "end"}:
            name, after = _environment(tokens, at)
            begins_system = name in _SYSTEMS and _is_system(part.tokens, tokens, at, after)
            ends_system = token.text == "end" and systems and not matrices
            if name in ROWS or (not matrices and begins_system) or ends_system:
                systems += begins_system - (ends_system and name not in ROWS)
                part.tokens = [] if _is_brace(part.tokens) else part.tokens
                at = after
                continue
            matrices += 1 if token.text == "begin" else -1
        if matrices == 0 and token.type != "end":
            if token.type == "open" or token.text in OPENING:
                depth += 1
            elif token.type == "close" or token.text in CLOSING:
                depth = max(0, depth - 1)
            elif token.text == "&" and token.type == "symbol":
                at += 1
                if depth == 0 and _is_whole(part.tokens) and _is_cell(tokens, at):
                    yield part
                    part = Part([], after_comma=True)
                continue
            elif token.type == "command" and token.text in {"\\", "cr", "newline"}:
                at = _after_row(tokens, at)
                if depth == 0:
                    yield part
                    part = Part([], after_row=True)
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
                part = Part([], after_comma=token.text == ",")
                at += 1
                continue
            elif depth == 0 and token.type == "command" and token.text in TEXTS:
                words, after = _words(tokens, at)
                if words is not None:
                    yield part
                    part = Part([], words=words)
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
    if name == "array" and tokens[at].text == "begin":
        i = _after_argument(tokens, i)
    return name, i


_SYSTEMS = MATRICES | {"cases", "dcases", "rcases"}


def _is_system(before: Sequence[Token], tokens: Sequence[Token], at: int, inside: int) -> bool:
    """Whether an array, or a brace, lists equations: it stands alone, its first row has one."""
    return (
        tokens[at].text == "begin"
        and (not before or _is_brace(before))
        and any(relation_at(tokens, i)[0] is not None for i in _own_row(tokens, inside))
    )


def _is_brace(tokens: Sequence[Token]) -> bool:
    return [(t.type, t.text) for t in tokens] == [("command", "{")]


def _is_cell(tokens: Sequence[Token], at: int) -> bool:
    """Whether an equation of its own begins in a cell."""
    own = list(_own_row(tokens, at))
    if not own or tokens[at].text in {"+", "-", *PRODUCTS} or relation_at(tokens, at)[0]:
        return False
    return any(relation_at(tokens, i)[0] is not None for i in own)


def _own_row(tokens: Sequence[Token], at: int) -> Iterator[int]:
    """Yields the tokens from here to the end of the row, those within brackets left out."""
    nested = 0
    for i in range(at, len(tokens)):
        token = tokens[i]
        nested += token.type == "open" or token.text in OPENING or token.text == "begin"
        nested -= token.type == "close" or token.text in CLOSING or token.text == "end"
        if nested < 0 or (nested == 0 and token.type == "command" and token.text == "\\"):
            return
        if nested == 0:
            yield i


def _after_argument(tokens: Sequence[Token], at: int) -> int:
    return argument(list(tokens[at:]), 0)[1] + at if at < len(tokens) else at


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


def joined(parts: Iterator[Part]) -> Iterator[Part]:
    """Yields the parts with those that continue the one before joined to it."""
    before: Part | None = None
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


def _continues(before: Part, part: Part) -> bool:
    first, last = part.tokens[0], before.tokens[-1]
    if relation_at(part.tokens, 0)[0] is not None:
        return True
    if not part.after_row:
        return False
    return (
        first.text in {"+", *PRODUCTS}
        or (first.text == "-" and not _has_relation(part.tokens))
        or last.text in {"+", "-", "=", *PRODUCTS}
    )


def _has_relation(tokens: Sequence[Token]) -> bool:
    return any(relation_at(tokens, i)[0] is not None for i in range(len(tokens)))


def relation_at(tokens: Sequence[Token], at: int) -> tuple[Relation | None, int]:
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
