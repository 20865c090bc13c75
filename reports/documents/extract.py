"""From a text to its parts: headings, prose, formulas, code, tables, each with its offset.

The scanner is line-aware and never loses its place: what is not prose (code, comments, the markers
of quotes) is blanked by spaces, so that every offset stays an offset into the text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from reports.documents.source import Source


@dataclass(frozen=True)
class Part:
    """A part of a document; `start` and `end` are offsets into its text."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Heading(Part):
    """A heading; `level` 7 is a paragraph in bold that stands for one."""

    level: int


@dataclass(frozen=True)
class Prose(Part):
    """Text between other parts."""


@dataclass(frozen=True)
class Formula(Part):
    """A formula without its delimiters; `start` is the offset of its first character."""

    display: bool


@dataclass(frozen=True)
class Unterminated(Part):
    """A formula that is opened and not closed."""


@dataclass(frozen=True)
class Code(Part):
    """A block of program code."""

    language: str


_MATH_ENVIRONMENTS = (
    "|".join(
        rf"{name}\*?"
        for name in ("equation", "align", "aligned", "alignat", "gather", "multline", "eqnarray")
    )
    + "|displaymath|math|flalign|split"
)
_MATH_FENCES = {"math", "latex", "tex", "katex"}
_FENCE = re.compile(r"^([ \t>]*)(?:(?:[-*+]|\d+[.)])[ \t]+)?(`{3,}|~{3,})([^\n`]*)$")
_LIST = re.compile(r"^[ \t>]*(?:[-*+•]|\d{1,4}[.)、])(?:[ \t]|$)")
_HEADING = re.compile(r"^[ \t>]{0,6}(#{1,6})[ \t]*(.+?)[ \t#]*$")
_BOLD = re.compile(r"^[ \t>]*(?:\*\*|__)([^*\n]+?)(?:\*\*|__)[ \t]*[:：]?[ \t]*$")
_TEX_HEADING = re.compile(
    r"\\(chapter|section|subsection|subsubsection|paragraph)\*?\{([^{}\n]*)\}"
)
_TEX_LEVELS = ("chapter", "section", "subsection", "subsubsection", "paragraph")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_TEX_COMMENT = re.compile(r"(?<!\\)%[^\n]*")
_TEX_CODE = re.compile(
    r"\\begin\{(verbatim|lstlisting|minted|Verbatim|comment)\*?\}(.*?)(?:\\end\{\1\*?\}|\Z)",
    re.DOTALL,
)
_TEX_CODE_SPAN = re.compile(
    r"\\(?:verb\*?|lstinline(?:\[[^\]\n]*\])?|mintinline\{\w+\})([^\w\s*{])[^\n]*?\1"
)
_CODE_SPAN = re.compile(r"(?<![`\\])(`{1,2})(?!`)((?:(?!\n[ \t]*\n)[^`]|(?!\1)`){1,400}?)\1(?!`)")
_GITHUB_MATH = re.compile(r"\$`([^`\n]+)`\$")
_WORDS = re.compile(r"[A-Za-z]{2,}")
_MATHS = re.compile(r"[\\=^_]")
_BREAK = re.compile(r"\n[ \t>]*\n")
_OPENING = re.compile(
    rf"(?P<esc>\\[\\$]?\$)|(?P<dd>\$\$)|(?P<d>\$)|(?P<sq>\\\\?\[)|(?P<rd>\\\\?\()"
    rf"|\\begin\{{(?P<env>{_MATH_ENVIRONMENTS})\}}"
)


def extract(source: Source) -> list[Part]:
    """Returns the parts of a text, in their order."""
    if source.code:
        return [Code(0, len(source.text), source.text, "python")]
    if source.kind == "latex":
        text, parts = _without_tex_code(source.text)
    else:
        text, parts = _without_code(source.text)
    formulas = list(_formulas(text, source.kind))
    parts += formulas
    blank = _blanked(text, [(p.start, p.end) for p in formulas])
    parts += _headings(text, source.kind)
    parts += _prose(blank, text)
    return sorted(parts, key=lambda part: (part.start, isinstance(part, Prose)))


def _blanked(text: str, spans: list[tuple[int, int]]) -> str:
    """Returns the text with the spans made blank; its line feeds and its length stay."""
    out, at = [], 0
    for start, end in sorted(spans):
        if start < at:
            continue
        out += [text[at:start], re.sub(r"[^\n]", " ", text[start:end])]
        at = end
    return "".join((*out, text[at:]))


def _without_code(text: str) -> tuple[str, list[Part]]:
    """Returns the text without code and comments, and the code (and math fences) found."""
    parts: list[Part] = []
    spans: list[tuple[int, int]] = []
    offset, fence, language, begin = 0, "", "", 0
    body: list[str] = []
    in_list = False
    before_blank = True
    for line in text.splitlines(keepends=True):
        bare = line.rstrip("\n")
        match = _FENCE.match(bare)
        if fence:
            spans.append((offset, offset + len(bare)))
            closing = bare.strip(" \t>")
            if closing.startswith(fence) and not closing.strip(fence[0]):
                parts.append(_fenced(begin, offset, "".join(body), language))
                fence = ""
            else:
                body.append(line)
        elif match:
            fence = match[2]
            language = (match[3].strip().strip("{}").split() or [""])[0].lower()
            begin, body = offset + len(line), []
            spans.append((offset, offset + len(bare)))
            in_list = in_list or bool(_LIST.match(bare))
        elif re.match(r"^(?: {4}|\t)", line) and bare.strip() and not in_list and before_blank:
            spans.append((offset, offset + len(bare)))
            parts.append(Code(offset, offset + len(bare), line, ""))
        else:
            if _LIST.match(bare):
                in_list = True
            elif bare.strip() and not re.match(r"^[ \t]", line):
                in_list = False
            before_blank = not bare.strip()
        offset += len(line)
    if fence:
        parts.append(_fenced(begin, offset, "".join(body), language))
    text = _blanked(text, spans)
    text = _blanked(text, [m.span() for m in _COMMENT.finditer(text)])
    text = re.sub(r"(?m)^[ \t]*>[ \t>]*", lambda m: " " * len(m[0]), text)
    kept = [m.span() for m in _GITHUB_MATH.finditer(text)]
    code = [m.span() for m in _CODE_SPAN.finditer(text)]
    code = [(a, b) for a, b in code if not any(s < b and a < e for s, e in kept)]
    return _blanked(text, code), parts


def _fenced(start: int, end: int, body: str, language: str) -> Part:
    if language in _MATH_FENCES:
        return Formula(start, end, body, display=True)
    return Code(start, end, body, language)


def _without_tex_code(text: str) -> tuple[str, list[Part]]:
    parts: list[Part] = []
    spans = []
    for match in _TEX_CODE.finditer(text):
        spans.append(match.span())
        body = re.sub(r"^\[[^\]\n]*\]", "", match[2])
        parts.append(Code(match.start(2), match.end(2), body, "python"))
    text = _blanked(text, spans)
    text = _blanked(text, [m.span() for m in _TEX_CODE_SPAN.finditer(text)])
    text = _blanked(text, [m.span() for m in _TEX_COMMENT.finditer(text)])
    begin = text.find(r"\begin{document}")
    return (_blanked(text, [(0, begin)]) if begin > 0 else text), parts


def _headings(text: str, kind: str) -> Iterator[Heading]:
    if kind == "latex":
        for match in _TEX_HEADING.finditer(text):
            level = _TEX_LEVELS.index(match[1]) + 1
            yield Heading(match.start(), match.end(), match[2], level)
        return
    offset = 0
    for line in text.split("\n"):
        if match := _HEADING.match(line):
            yield Heading(offset, offset + len(line), match[2], len(match[1]))
        elif match := _BOLD.match(line):
            yield Heading(offset, offset + len(line), match[1], 7)
        offset += len(line) + 1


def _formulas(text: str, kind: str) -> Iterator[Part]:
    at = 0
    closers = _Closers(text)
    while match := _OPENING.search(text, at):
        at = match.end()
        if match["esc"]:
            continue
        if match["dd"] or match["sq"] or match["env"]:
            part, at = _display(text, match, closers)
        elif match["rd"]:
            end = closers.find(match[0].replace("(", ")"), at)
            if end < 0 or _BREAK.search(text, at, end):
                continue
            part, at = Formula(at, end, text[at:end], display=False), end + len(match[0])
        else:
            part, at = _dollar(text, match.end(), kind)
        if part is not None:
            yield part


class _Closers:
    """Finds the next delimiter; remembers which do not occur any more, so that time is linear."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._last: dict[str, int] = {}

    def find(self, closer: str, at: int) -> int:
        if closer not in self._last:
            self._last[closer] = self._text.rfind(closer)
        return -1 if at > self._last[closer] else self._text.find(closer, at)


def _display(text: str, match: re.Match[str], closers: _Closers) -> tuple[Part | None, int]:
    start = match.end()
    if match["dd"]:
        closer = "$$"
    elif match["env"]:
        closer = rf"\end{{{match['env']}}}"
    else:
        closer = match[0].replace("[", "]")
    end = closers.find(closer, start)
    stop = _structure(text, start, len(text) if end < 0 else end)
    if end < 0 or stop is not None:
        if match["sq"] and not _opens_a_line(text, match):
            return None, start
        stop = len(text) if stop is None else stop
        limit = min(stop, start + 2000)
        return Unterminated(match.start(), limit, text[match.start() : limit].rstrip()), limit
    if match["env"]:  # the environment itself is part of the formula: the grammar reads its rows
        return (
            Formula(
                match.start(), end + len(closer), text[match.start() : end + len(closer)], True
            ),
            end + len(closer),
        )
    return Formula(start, end, text[start:end], display=True), end + len(closer)


def _opens_a_line(text: str, match: re.Match[str]) -> bool:
    r"""Whether \[ stands where display maths begins; elsewhere it is an escaped bracket."""
    line = text.rfind("\n", 0, match.start()) + 1
    end = text.find("\n", match.end()) % (len(text) + 1)
    rest = text[match.end() : end]
    return not text[line : match.start()].strip() and (
        not rest.strip() or bool(_MATHS.search(rest))
    )


_STRUCTURE = re.compile(r"\n[ \t>]*\n[ \t>]*(?:#{1,6}[ \t]|[-*+][ \t]+\S|\d+\.[ \t]|```|\*\*)")


def _structure(text: str, start: int, end: int) -> int | None:
    """Returns where a heading, list or fence follows a blank line: no formula runs across it."""
    found = _STRUCTURE.search(text, start, end)
    return None if found is None else found.start()


def _dollar(text: str, start: int, kind: str) -> tuple[Part | None, int]:
    end = _closing_dollar(text, start)
    if end is None:
        return None, start
    body = text[start:end]
    if body.startswith("`") and body.endswith("`") and len(body) > 2:
        return Formula(start + 1, end - 1, body[1:-1], display=False), end + 1
    if not body.strip():
        return None, start
    if kind == "markdown":
        loose = (not body[0].strip(), not body[-1].strip())
        lopsided = any(loose) != all(loose) and "\\" not in body
        price = text[end + 1 : end + 2].isdigit() or lopsided
        if price or (all(loose) and not _MATHS.search(body) and _WORDS.search(body)):
            return None, start
    return Formula(start, end, body, display=False), end + 1


def _closing_dollar(text: str, start: int) -> int | None:
    at = start
    limit = start + 2000
    while at < min(len(text), limit):
        c = text[at]
        if c == "\\":
            at += 2
            continue
        if c == "$":
            return at
        if c == "\n" and not text[at + 1 : text.find("\n", at + 1) % (len(text) + 1)].strip():
            return None
        at += 1
    return None


def _prose(blank: str, text: str) -> Iterator[Prose]:
    """Yields the lines that are not empty; their formulas stand in `text`."""
    offset = 0
    for b, t in zip(blank.split("\n"), text.split("\n"), strict=True):
        if t.strip():
            yield Prose(offset, offset + len(b), t)
        offset += len(b) + 1
