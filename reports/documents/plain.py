"""Formulas in plain text: "z = 0.5*2 + 0.2 = 1.2", as people write them in mails and forums.

Only what is surely a formula is read: single letters with digits, known functions and numbers.
"""

import re
from collections.abc import Iterator, Sequence

from reports.documents.extract import Formula, Part, Prose
from reports.documents.notation import FUNCTIONS, WORDS
from reports.documents.source import Source

LONGEST = 200
"""So many characters a formula in plain text may have."""

_TOKEN = re.compile(
    r"(?P<space>[ \t]+)|(?P<number>\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w]))"
    r"|(?P<name>[A-Za-z][A-Za-z]*\d*'?(?!\w))|(?P<power>\^\d(?![\d.\w])|[²³])"
    r"|(?P<sign>\\?\*|[-+/=≈·×−(),]|√)"
)
_START = re.compile(r"(?<![\w$\\.'/=^)}\]])d?[A-Za-z]\d{0,2}(?:/d[A-Za-z]\d{0,2})?[ \t]*=(?!=)")
_BEFORE = re.compile(r"(?:^[ \t>]*(?:[-*+]|\d+[.)])?[ \t]*|[^-+*/=·×−^<>|~\d\s(][ \t]*|\s\()\**\Z")
"""What may stand in the line before a formula: words, the mark of an item, no sign of maths."""

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_AFTER = re.compile(r"\**(?:$|[\s.,;:!?，。；：、！？)）\u4e00-\u9fff])")
"""What may stand behind a formula: no sign that is not understood."""

_COMPUTED = re.compile(
    r"\d[ \t]*(?:\\?\*|[-+/·×−^])|[)\w][ \t]*(?:\\?\*|[/·×])[ \t]*[(\w]|\w\(|=[^=]+="
)


def plain_formulas(source: Source, parts: Sequence[Part]) -> Iterator[Formula]:
    """Yields the formulas that stand in the prose of a text without delimiters.

    The text of each is as long as what stands there: digits behind a letter are subscripts.

    Args:
        source: the text.
        parts: its parts.
    """
    formulas = [p for p in parts if not isinstance(p, Prose)]
    taken = bytearray(len(source.text) + 2)
    for part in formulas:
        taken[max(0, part.start - 2) : part.end + 2] = b"\1" * (
            part.end + 2 - max(0, part.start - 2)
        )
    for line in parts:
        if not isinstance(line, Prose) or line.text.lstrip(" >\t").startswith(("|", "#")):
            continue
        words, at = line.text, 0  # in it, code is blank
        while match := _START.search(words, at):
            start, at = match.start(), match.end()
            if not _BEFORE.search(words[:start]):
                continue
            end = _end(words, start)
            found = words[start:end]
            at = max(at, end)
            if not _AFTER.match(words, end):
                continue
            if any(taken[line.start + start : line.start + end]) or not _is_formula(found):
                continue
            span = line.start + start, line.start + end
            yield Formula(*span, _with_subscripts(found), display=False)


def _end(text: str, start: int) -> int:
    """Returns where a formula ends: before the first thing that is no part of one."""
    at, end, depth = start, start, 0
    stop = min(len(text), start + LONGEST)
    while at < stop and (match := _TOKEN.match(text, at, stop)):
        name = match["name"]
        if name and not _is_name(name):
            break
        sign = match["sign"]
        if sign == "," and depth == 0:
            break
        depth += (sign == "(") - (sign == ")")
        if depth < 0:
            break
        at = match.end()
        if depth == 0 and (match["number"] or name or match["power"] or sign == ")"):
            end = at
    return end


def _is_name(name: str) -> bool:
    letters = name.rstrip("0123456789'")
    single = len(letters) == 1 or (len(letters) == 2 and letters[0] == "d")
    return single or letters in FUNCTIONS or letters in WORDS


def _is_formula(text: str) -> bool:
    """Whether a text is an equation of which something is computed, or gives a number."""
    sides = text.split("=")
    if len(sides) < 2 or not all(side.strip() for side in sides):
        return False
    return bool(_COMPUTED.search(text)) or bool(re.fullmatch(r"[-−]?[\d.]+", sides[-1].strip()))


def _with_subscripts(text: str) -> str:
    return re.sub(
        r"(?<![A-Za-z\d.])(d?[A-Za-z])(\d+)(?!\w)",
        lambda m: m[1] + m[2].translate(_SUBSCRIPTS),
        text,
    )
