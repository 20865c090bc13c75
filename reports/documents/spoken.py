"""Derivatives that are stated in words between two formulas: "the derivative of $x^2$ is $2x$"."""

import re
from collections.abc import Sequence
from dataclasses import replace

from reports.documents.extract import Formula
from reports.documents.source import Source
from reports.documents.tree import Chain, Derivative, Link, Node, Symbol, walk

BETWEEN = 80
"""So many characters at most stand between the formulas."""

_GIVES = r"gives|yields|to (?:get|obtain)|we (?:obtain|get|have|find)"
_KIND = r"(?:partial |first |ordinary )?(?:derivative|gradient|slope)"
_IS = r"(?:is|equals|becomes|reads|comes out as|=|:)(?: simply| just| then| exactly| therefore)?"
_BY = r"(?:with respect to|w\.?r\.?t\.?|by|in)"
_BEFORE = re.compile(
    rf"(?i)\b(?:{_KIND} of|differentiat(?:ing|e)|take the {_KIND} of) (?:the )?(?:\w+ ){{0,2}}\Z"
    r"|对\s*\Z"
)
_AFTER = re.compile(
    rf"(?i)\A,? ?(?:(?P<of>{_IS}|{_GIVES})|(?P<has>has (?:the |a |as )?{_KIND}|'s {_KIND} {_IS}"
    rf"|differentiates to)|(?P<zh_of>求导(?:数)?(?:得到?|为|是|等于|[:：]))"
    r"|(?P<zh_has>的(?:一阶)?(?:导数|偏导数?|梯度)(?:就?[为是]|等于|[:：]))) ?\Z"
)
_NAMED = re.compile(rf"(?i)\A ?(?:{_BY}|对|关于) ?\Z")
_NAMED_THEN = re.compile(
    rf"(?i)\A,? ?(?:{_IS}|{_GIVES}|(?:的|求)(?:偏?导数?|梯度)(?:就?[为是]|等于|得到?|[:：])) ?\Z"
)


def spoken_derivative(
    source: Source,
    parts: Sequence[tuple[Formula, list[Chain]]],
) -> Chain | None:
    """Returns the statement that the last of several formulas is the derivative of one before.

    Args:
        source: where they stand.
        parts: up to three formulas in their order, each with what it says.
    """
    if len(parts) < 2:
        return None
    stated = _side(parts[-1][1])
    of = parts[-2]
    wrt: Node | None = None
    if _between(source, *parts[-2:]) is None or stated is None:
        return None
    words = _between(source, *parts[-2:]) or ""
    found = _AFTER.match(words)
    if len(parts) > 2 and _NAMED_THEN.match(words) and _is_by(source, parts[-3], parts[-2]):
        of, wrt = parts[-3], _side(parts[-2][1])
        spoken = _is_of(source, of[0]) or "的" in words or "求" in words
    else:
        spoken = found is not None and (
            found["has"] or found["zh_has"] or _is_of(source, of[0], zh=bool(found["zh_of"]))
        )
    tree = _side(of[1], last=True) if spoken else None
    if tree is None:
        return None
    wrt = wrt or _variable(tree)
    if not isinstance(wrt, Symbol):
        return None
    node = Derivative((of[0].start, of[0].end), tree, replace(wrt, listed=()))
    link = Link(stated, "=", source.text[slice(*stated.span)])
    whole = of[0].start, parts[-1][0].end
    return Chain((Link(node, "=", ""), link), whole=whole)


def _between(
    source: Source, first: tuple[Formula, list[Chain]], second: tuple[Formula, list[Chain]]
) -> str | None:
    """Returns the words between two formulas of one sentence, without the dollars."""
    words = source.text[first[0].end : second[0].start]
    if first[0].display or len(words) > BETWEEN or "\n\n" in words:
        return None
    return " ".join(words.strip("$").split(" ")).replace("\n", " ")


def _is_by(
    source: Source, first: tuple[Formula, list[Chain]], second: tuple[Formula, list[Chain]]
) -> bool:
    return bool(_NAMED.match(_between(source, first, second) or "-"))


def _is_of(source: Source, part: Formula, *, zh: bool = False) -> bool:
    before = source.text[max(0, part.start - BETWEEN) : part.start].rstrip("$")
    found = _BEFORE.search(before.replace("\n", " "))
    return found is not None and (found[0].strip() == "对") == zh


def _side(chains: Sequence[Chain], *, last: bool = False) -> Node | None:
    """Returns the one side of a formula; of f(x) = x² the last one."""
    if len(chains) != 1 or chains[0].unread or not chains[0].links:
        return None
    links = chains[0].links
    return links[-1].node if len(links) == 1 or last else None


def _variable(tree: Node) -> Symbol | None:
    """Returns the name by which a formula is differentiated where none is said."""
    found = {n.key: n for n in walk(tree) if isinstance(n, Symbol) and n.key not in {"e", "pi"}}
    if len(found) == 1:
        return next(iter(found.values()))
    return next((found[key] for key in ("x", "w", "theta", "z") if key in found), None)
