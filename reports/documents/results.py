"""Audits in four formats: terminal, Markdown, JSON, and a copy of the document with remarks.

The copies are made in `annotated`. Nothing is computed here; every character of a document is
escaped where the format asks for it.
"""

import json
import shutil
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from reports.documents.annotated import annotated_copy
from reports.documents.claims import Audited, Claim, Coverage
from reports.documents.source import Place
from reports.render.markdown import escape

Audits: TypeAlias = Sequence[Audited]
MARKS = {"ok": "✓", "digits": "≈", "inherited": "↳", "not checked": "?"}
LONGEST = 160
REASONS_SHOWN = 8


def conclusion(audits: Audits) -> str:
    """Returns the result in a sentence.

    >>> conclusion(())
    'There is nothing to check: no statement in a formula, and no code.'
    """
    wrong = sum(len(audited.flagged) for audited in audits)
    coverages = [audited.coverage for audited in audits]
    checked = sum(c.checked for c in coverages)
    left = _left(sum(c.stated for c in coverages), sum(c.unchecked for c in coverages))
    if wrong:
        return f"{_count(wrong, 'finding')} in {_count(checked, 'checked statement')}{left}."
    if checked:
        return f"Nothing wrong in {_count(checked, 'checked statement')}{left}."
    if left:
        return f"Nothing was checked, so this says nothing about the document{left}."
    return "There is nothing to check: no statement in a formula, and no code."


def _left(stated: int, unchecked: int) -> str:
    """Returns what was not checked, to follow a clause."""
    if unchecked:
        return f"; {_count(unchecked, 'statement')} not checked"
    return f"; {_count(stated, 'statement')} only to take as given" if stated else ""


def unchecked_lines(audited: Audited) -> Iterator[tuple[str, str, str]]:
    """Yields place, statement and reason of what was not checked."""
    for place, formula, reason in sorted(audited.coverage.places, key=_in_order):
        yield str(place), _short(formula, 100), reason


def _in_order(row: tuple[Place, str, str]) -> tuple[int, int, int]:
    return row[0].cell or 0, row[0].line, row[0].column


def coverage_words(coverage: Coverage) -> Iterator[str]:
    """Yields what was checked and what was not, and why."""
    yield (
        f"{_count(coverage.formulas, 'formula')}, {_count(coverage.statements, 'statement')}: "
        f"{coverage.checked} checked, {coverage.stated} only state a value or a definition, "
        f"{coverage.unchecked} not checked"
    )
    for reason, count in list(coverage.reasons.items())[:REASONS_SHOWN]:
        yield f"not checked ({count}×): {reason}"
    rest = list(coverage.reasons.values())[REASONS_SHOWN:]
    if rest:
        yield f"not checked ({sum(rest)}×): for other reasons; --unchecked lists all"


def terminal(audits: Audits, *, listed: bool = False, width: int | None = None) -> Iterator[str]:
    """Yields the lines for a terminal: the findings, then the coverage, for each document.

    Args:
        audits: the documents.
        listed: whether each statement that was not checked is listed.
        width: how many columns there are.
    """
    width = max(width or shutil.get_terminal_size().columns, 60)
    for audited in audits:
        yield _plain(audited.path)
        yield "─" * min(len(audited.path), width)
        for claim in audited.claims:
            if claim.verdict != "ok":
                yield from _shown(claim, width)
        for place, formula, reason in unchecked_lines(audited) if listed else ():
            yield from _wrapped(f"{place} ? not checked: {formula}", width, "    ")
            yield from _wrapped(f"    reason: {reason}", width, "      ")
        for sentence in (*coverage_words(audited.coverage), *audited.notes):
            yield from _wrapped(f"· {sentence}", width, "  ")
        yield ""
    yield from _wrapped(conclusion(audits), width)


def _shown(claim: Claim, width: int) -> Iterator[str]:
    head = f"{claim.place} {MARKS.get(claim.verdict, '✗')} {claim.verdict}"
    yield from _wrapped(f"{head}: {_short(claim.formula)}", width, "    ")
    for word, text in _details(claim):
        yield from _wrapped(f"    {word}: {text}", width, "      ")


def _details(claim: Claim) -> Iterator[tuple[str, str]]:
    for word in ("stated", "right", "reading", "explanation"):
        text = getattr(claim, word)
        if text:
            yield {"explanation": "why"}.get(word, word), _short(text, 400)


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    return textwrap.wrap(_plain(text), width, subsequent_indent=indent, break_on_hyphens=False) or [
        ""
    ]


def _plain(text: str) -> str:
    """Returns text without characters that would steer the terminal."""
    return "".join(c if c.isprintable() else " " for c in text)


def _short(text: str, most: int = LONGEST) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def markdown(audits: Audits, *, listed: bool = False) -> Iterator[str]:
    """Yields the lines of a Markdown report: one table a document.

    Args:
        audits: the documents.
        listed: whether each statement that was not checked is listed.
    """
    yield "# Audit"
    yield ""
    yield escape(conclusion(audits))
    for audited in audits:
        yield ""
        yield f"## {escape(audited.path)}"
        yield ""
        rows = [claim for claim in audited.claims if claim.verdict != "ok"]
        if rows:
            yield "| line | verdict | statement | right | why |"
            yield "| --- | --- | --- | --- | --- |"
            for c in rows:
                cells = (str(c.place), c.verdict, _short(c.formula), c.right, c.explanation)
                yield f"| {' | '.join(escape(cell) for cell in cells)} |"
            yield ""
        for sentence in (*coverage_words(audited.coverage), *audited.notes):
            yield f"- {escape(sentence)}"
        unread = [*unchecked_lines(audited)] if listed else []
        if unread:
            yield ""
            yield "| line | not checked | reason |"
            yield "| --- | --- | --- |"
            for row in unread:
                yield f"| {' | '.join(escape(cell) for cell in row)} |"


def as_json(audits: Audits, *, listed: bool = True) -> Iterator[str]:
    """Yields the lines of one JSON object: all claims, and all that was not checked."""
    data = {"documents": [_document(audited) for audited in audits]}
    yield from json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False).splitlines()


def _document(audited: Audited) -> dict[str, object]:
    coverage = audited.coverage
    return {
        "path": audited.path,
        "claims": [_row(claim) for claim in audited.claims],
        "coverage": {
            "formulas": coverage.formulas,
            "statements": coverage.statements,
            "checked": coverage.checked,
            "stated": coverage.stated,
            "not_checked": coverage.unchecked,
            "reasons": dict(coverage.reasons),
            "places": [
                {**_place(place), "formula": formula, "reason": reason}
                for place, formula, reason in coverage.places
            ],
        },
        "notes": list(audited.notes),
    }


def _row(claim: Claim) -> dict[str, object]:
    words = ("formula", "verdict", "kind", "stated", "right", "reading", "explanation")
    return {**_place(claim.place), **{word: getattr(claim, word) for word in words}}


def _place(place: Place) -> dict[str, object]:
    cell = {} if place.cell is None else {"cell": place.cell}
    return {"line": place.line, "column": place.column, **cell}


def annotated(audits: Audits, *, listed: bool = False) -> Iterator[str]:
    """Yields the lines of each document, with a remark at every finding."""
    for audited in audits:
        yield from annotated_copy(audited)


FORMATS: Mapping[str, Callable[..., Iterator[str]]] = {
    "terminal": terminal,
    "markdown": markdown,
    "json": as_json,
    "annotated": annotated,
}
"""Every format by its name."""
