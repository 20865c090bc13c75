"""Values in words: "the loss $L$ is therefore 0.62", "which evaluates to 0.34", "损失为 0.35".

Formulas are masked, so that one regular expression reads words and formulas alike, and every place
stays a place of the text.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reports.documents.extract import Code, Formula, Heading, Part, Prose, Unterminated
from reports.documents.nouns import phrase, place
from reports.documents.units import behind

FORMULA, WALL = "\ue000", "\ue001"
"""A character of a formula in a sentence; of what no sentence runs across."""

MOST_BEFORE = 160
"""So many characters before a value its name is looked for."""

LONGEST = 200
"""Longer formulas are no single value."""


@dataclass(frozen=True)
class Saying(Part):
    """A value that words give a name; `text` is the value as written, from `start` to `end`.

    Attributes:
        begin: where its name begins.
        name: the formula that names it; None where words do.
        by: what it is a derivative by, where words say that it is one.
        noun: the words that name it, "" where a formula does.
        verb: the words that join both.
        after: where the sentence goes on.
        words: all words before the verb, up to a formula.
    """

    begin: int
    name: Formula | None
    by: Formula | None
    noun: str
    verb: str
    after: int
    words: str = ""


_ADVERB = (
    r"(?:therefore|then|thus|hence|now|consequently|simply|just|exactly|about|approximately|also"
    r"|roughly|again|finally|indeed|numerically|accordingly|actually|still|together)"
)
_VERB = (
    r"(?:(?:is|are|was) equal to|(?:is|are) to be"
    r"|(?:is|are|was) (?:found|computed|calculated|seen) (?:to be|as|at)"
    r"|equals?|evaluates? to|comes? (?:out )?(?:to be|to|at|as)|works? out (?:to be|to|as|at)"
    r"|turns? out (?:to be|as)|amounts? to|adds? up to|becomes?|takes? the value|has the value"
    r"|gives|is|are|was|be|of|to be|to|as)"
)
_GAP, _BLANK = r"\s{0,3}", r"\s{1,3}"
_SPOKEN = (
    rf"(?:\b(?:{_ADVERB}[, ]{_GAP})*{_VERB}{_BLANK}(?:{_ADVERB},?{_BLANK})*"
    rf"(?:(?:a value of|the value){_BLANK})?)"
)
_CHINESE = (
    r"(?:(?:因此|于是|现在|就|正好|恰好|大约|近似)*"
    rf"(?:约等于|约为|等于|变为|变成|算得|即为|得到|得|为|是)[:：]?{_GAP}(?:约|大约)?{_GAP})"
)
_THAT_IS = rf"(?:[(（,]{_GAP}(?:that is|i\.\s?e\.|namely),?{_GAP}|[,，(（]{_GAP}即{_GAP})"
_SIGN = rf"(?:{_GAP}[=＝≈]{_GAP})"
_COLON = rf"(?:{_GAP}[:：]{_GAP})"
_PLAIN = r"[-+−]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?"
_NUMBER = rf"{_PLAIN}(?:\s?[%％])?"
_LIST = rf"[\[(]{_GAP}{_PLAIN}(?:{_GAP}[,，]{_GAP}{_PLAIN})+{_GAP}[\])]"
_VALUE = re.compile(
    rf"(?P<verb>{_THAT_IS}|{_SPOKEN}|{_CHINESE}|{_SIGN}|{_COLON})"
    rf"(?P<bold>\*\*)?(?P<value>{FORMULA}+|(?<![\w.]){_NUMBER}(?![\w/^×·*]|\.\d)|{_LIST})"
)
_LITERAL = re.compile(
    rf"\s*(?:\\approx|\\simeq|≈|=)?\s*(?:{_PLAIN}|\\frac\{{\d+\}}\{{\d+\}})"
    r"[\d\\ .%,;~a-z{}^×·*+-]*"
    r"|\s*(?:\\approx|=)?\s*(?:\\left)?[(\[]\s*[-+\d.].*[)\]](?:\^(?:\\top|T|\{\\top\}))?\s*"
)
_TAIL = re.compile(
    rf"(?:\*\*|__)?\s*(?:\Z|[.;!?)）。，；！？:：{WALL}]|,(?=\s|{FORMULA})|,(?=[^\d])"
    r"|(?:and|but|while|which|with|for|at|in|on|here|again|as|because|since|when|if|so|instead|after"
    r"|before|whereas|where|unless|only|rather|by|too|not|exactly|approximately|now|then)\b"
    r"|[而与和且并]|✓|✔|\()"
)
_MORE = re.compile(
    rf"(?:\*\*)?\s*(?:,|、|，)?\s*(?:and|or|或|和)?\s*(?:{FORMULA}+\s*(?:[.,;。，；]|\Z|and\b)|{_NUMBER}"
    r"(?![\w]))"
)
_JOINED = re.compile(r"\s*(?:\*\*)?\s*(?:,|、|，|and\b|or\b|或|和|to\b|到)")
_GRADIENT = re.compile(
    r"(?:gradient|derivative|slope)s?"
    rf"(?: of (?:the )?(?:(?P<of>{FORMULA}+)|loss|cost|error|[a-z]+ {FORMULA}+))?"
    r" (?:with respect to|w\.?\s?r\.?\s?t\.?|by)"
    rf" (?:(?:the|this|its) )?(?:[a-z]+ )?(?P<by>{FORMULA}+)\**\s*,?\s*\Z"
    rf"|(?:(?P<zof>{FORMULA}+)|损失(?:函数)?)?\s*(?:对|关于)\s*(?:权重|偏置|参数|输入)?\s*(?P<zby>{FORMULA}+)"
    r"\s*的?\s*(?:梯度|偏?导数)的?值?\s*\Z",
)
_NAMED = re.compile(
    rf"(?P<name>{FORMULA}+)(?:\*\*|__)?(?:'s value|\s+itself)?\s*(?:的?(?:取值|数值|值|结果))?"
    r"(?P<rel>\s*[,，]?\s*(?:which|that|and (?:it|this)|it|它|这|这就)\s*)?,?\s*\Z"
)
_NOUN = re.compile(r"(?P<noun>[A-Za-z][A-Za-z -]{1,60}[A-Za-z])(?:\*\*|__)?\s*\Z")
_NOUN_CHINESE = re.compile(r"(?P<noun>[\u4e00-\u9fff]{2,24})\s*(?:\*\*)?\Z")
_SKIPPED = re.compile(r"\s*(?:[|#]|\\(?:sub)*section)")


def sayings(text: str, parts: Sequence[Part]) -> Iterator[Saying]:
    """Yields the values in words of a text, in their order.

    Args:
        text: the text.
        parts: its parts.
    """
    hidden, formulas = masked(text, parts)
    prose = [(p.start, p.end) for p in parts if isinstance(p, Prose)]
    starts = [start for start, _ in prose]
    for match in _VALUE.finditer(hidden):
        line = bisect_left(starts, match.start("value") + 1) - 1
        if line < 0 or _SKIPPED.match(text, prose[line][0], prose[line][1]):
            continue
        found = _saying(match, text, hidden, formulas)
        if found is not None:
            yield found


def _saying(
    match: re.Match[str], text: str, hidden: str, formulas: Mapping[int, Formula]
) -> Saying | None:
    start, after = match.span("value")
    value = formulas.get(start)
    if match["value"].startswith(FORMULA):
        if (
            value is None
            or value.display
            or len(value.text) > LONGEST
            or not _LITERAL.fullmatch(value.text)
        ):
            return None
    _, end = behind(text, after)
    rest = after if end == after or not _TAIL.match(hidden, end) else end
    if not _TAIL.match(hidden, rest):
        return None
    joins = _JOINED.match(hidden, rest)
    if joins and _MORE.match(hidden, rest) and _is_listed(hidden, rest, formulas):
        return None
    before = hidden[max(0, match.start() - MOST_BEFORE) : match.start()]
    offset = match.start() - len(before)
    verb = " ".join(match["verb"].split())
    inside = (after - 1, after - 1) if value is None else (value.start, value.end)
    where = (start, after) if value is None else inside
    said = text[where[0] : where[1]]
    if gradient := _GRADIENT.search(before):
        by = formulas.get(offset + gradient.start("by" if gradient["by"] else "zby"))
        of = "of" if gradient["of"] else "zof"
        name = formulas.get(offset + gradient.start(of)) if gradient[of] else None
        begin = offset + gradient.start()
        return None if by is None else Saying(*where, said, begin, name, by, "", verb, rest)
    if named := _NAMED.search(before):
        name = formulas.get(offset + named.start("name"))
        if name is None or name.display or verb == "of":
            return None
        begin = offset + named.start()
        return Saying(*where, said, begin, name, None, "", f"{named['rel'] or ''}{verb}", rest)
    if verb in {"=", "＝", "≈", "to be", "to", "as"} or re.fullmatch(_THAT_IS, match["verb"]):
        return None
    noun = _NOUN.search(before) or _NOUN_CHINESE.search(before)
    if noun is None:
        return None
    begin = offset + noun.start("noun") + place(noun["noun"])
    begin += len(hidden[begin:]) - len(hidden[begin:].lstrip())
    return Saying(*where, said, begin, None, None, phrase(noun["noun"]), verb, rest, noun["noun"])


def _is_listed(hidden: str, at: int, formulas: Mapping[int, Formula]) -> bool:
    """Whether another value follows, as in "0.2, 0.3 and 0.5"."""
    match = _MORE.match(hidden, at)
    if match is None:
        return False
    place = match[0].find(FORMULA)
    if place < 0:
        return True
    formula = formulas.get(at + place)
    return formula is not None and _is_literal(formula)


def _is_literal(formula: Formula) -> bool:
    """Whether a formula of a sentence is a value alone."""
    short = not formula.display and len(formula.text) <= LONGEST
    return short and bool(_LITERAL.fullmatch(formula.text))


def masked(text: str, parts: Sequence[Part]) -> tuple[str, Mapping[int, Formula]]:
    """Returns the text with its formulas and code masked, and the formulas by their place."""
    out = list(re.sub(r"\n(?=[ \t>]*(?:\n|[-*+][ \t]|\d+[.)][ \t]|\\item))", WALL, text))
    formulas: dict[int, Formula] = {}
    for part in parts:
        if isinstance(part, Formula) and not part.display:
            width = 1 if text[part.start - 1 : part.start] == "$" else 2
            begin, end = max(0, part.start - width), min(len(text), part.end + width)
            out[begin:end] = FORMULA * (end - begin)
            formulas[begin] = part
        elif isinstance(part, (Formula, Code, Heading, Unterminated)):
            out[part.start : part.end] = WALL * (part.end - part.start)
    return "".join(out), formulas
