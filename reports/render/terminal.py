"""The report on a terminal: tables that fit its width."""

import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, zip_longest
from operator import itemgetter

from tabulate import tabulate

from gradcheck.verdict import JOINT
from reports.render.words import (
    CLAIM_HEADERS,
    claim_cells,
    conclusion,
    implementation_cells,
    implementation_remarks,
    provenance,
    summary,
)
from reports.report import Report

_LEAST_WIDTH = 80
_ROOMY_WIDTH = 110

_HEADERS = ("type", "primal", "oracle", "status", "resolution", "evals")
_PRIMAL = _HEADERS.index("primal")
_NUMBERS = 2  # the last columns, aligned to the right
_GAP = "  "


def render(report: Report, width: int | None = None) -> Iterator[str]:
    """Yields the report's lines, none longer than `width` (the terminal's, if not given).

    On a terminal narrower than 80 columns they are made for 80.
    """
    width = max(width or shutil.get_terminal_size().columns, _LEAST_WIDTH)
    yield from _heading("Summary", "═")
    for sentence in summary(report):
        yield from _wrap(sentence, width, "  ")
    yield ""
    yield from _heading("Implementations against oracles", "═")
    yield from _implementations(report, width)
    yield ""
    yield from _heading("Worked examples", "═")
    yield from _wrap(provenance(report), width)
    for document in report.documents:
        yield ""
        yield from _heading(document, "─")
        rows = (claim_cells(row) for row in report.claims if row.document == document)
        yield from _claims(rows, width)
    yield ""
    yield from _wrap(conclusion(report), width)


def _heading(words: str, line: str) -> Iterator[str]:
    yield words
    yield line * len(words)


def _implementations(report: Report, width: int) -> Iterator[str]:
    """Yields a line for each row, under its subject or, where there is room, beside it.

    A row for all primals together that passes says no more than the rows of its primals.
    """
    shown = [r for r in report.implementations if r.primal != JOINT or r.status != "pass"]
    rows = [_split(implementation_cells(row)) for row in shown]
    subject = max((len(name) for name, _ in rows), default=0)
    columns = zip(_HEADERS, *(cells for _, cells in rows), strict=True)
    widths = [max(map(len, column)) for column in columns]
    natural = sum(widths) + len(_GAP) * len(widths)
    beside = subject + natural <= width
    indent = subject if beside else 0
    widths[_PRIMAL] -= max(0, indent + natural - width)
    yield from _row("subject" if beside else "", _HEADERS, indent, widths)
    yield from _row("─" * indent, ["─" * w for w in widths], indent, widths)
    for name, group in groupby(rows, key=itemgetter(0)):
        if not beside:
            yield from _wrap(name, width)
        for i, (_, cells) in enumerate(group):
            yield from _row(name if beside and i == 0 else "", cells, indent, widths)
    if len(shown) < len(report.implementations):
        omitted = len(report.implementations) - len(shown)
        yield ""
        yield f"Not shown: rows for all primals together that pass ({omitted})."
    for remark in implementation_remarks(report):
        yield from _wrap(remark, width, "  ")


def _split(cells: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Returns the name of the model, and the cells with its type in the place of the subject."""
    name, _, real = cells[0].partition(", ")
    return name, (real, *cells[1:])


def _row(subject: str, cells: Sequence[str], indent: int, widths: Sequence[int]) -> Iterator[str]:
    """Yields the lines of a row: one, unless a cell is too long for its column."""
    wrapped = [_wrap(cell, w) or [""] for cell, w in zip(cells, widths, strict=True)]
    for parts in zip_longest(*wrapped, fillvalue=""):
        words = [p.ljust(w) for p, w in zip(parts, widths, strict=True)]
        words[-_NUMBERS:] = [
            p.rjust(w) for p, w in zip(parts[-_NUMBERS:], widths[-_NUMBERS:], strict=True)
        ]
        yield _GAP.join([subject.ljust(indent), *words]).rstrip()
        subject = ""


def _claims(rows: Iterable[Sequence[str]], width: int) -> Iterator[str]:
    """Yields a table of claims; where there is little room, the outcome heads the explanation."""
    headers, line = CLAIM_HEADERS, 8
    if width < _ROOMY_WIDTH:
        headers = (*headers[:2], f"{headers[2]}: {headers[3]}")
        rows = [(*cells[:2], f"{cells[2]}\n{cells[3]}".rstrip()) for cells in rows]
    outcome = [9] * (len(headers) - 3)
    free = width - line - sum(outcome) - 3 * len(headers) - 1
    claim = free // 3
    widths = line, claim, *outcome, free - claim
    wrapped = [[_cell(cell, w) for cell, w in zip(row, widths, strict=True)] for row in rows]
    yield from tabulate(wrapped, headers, "simple_grid", disable_numparse=True).splitlines()


def _cell(cell: str, width: int) -> str:
    """Returns a cell with lines of at most `width`; what continues a list item is indented."""
    return "\n".join(
        part
        for line in cell.split("\n")
        for part in _wrap(line, width, "  " if line.startswith("· ") else "")
    )


class _Wrapper(textwrap.TextWrapper):
    """Breaks after a blank, or after an underscore within a long name."""

    wordsep_simple_re = re.compile(r"(\s+)|(?<=\w{4}_)(?=\w{4})")


def _wrap(text: str, width: int, indent: str = "") -> list[str]:
    return _Wrapper(width, subsequent_indent=indent, break_on_hyphens=False).wrap(text)
