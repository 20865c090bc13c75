"""The report on a terminal: tables that fit its width."""

import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from tabulate import tabulate

from reports.render.words import (
    CLAIM_HEADERS,
    IMPLEMENTATION_HEADERS,
    claim_cells,
    implementation_cells,
    implementation_remarks,
    summary,
)
from reports.report import Report

_LEAST_WIDTH = 80
_ROOMY_WIDTH = 110


def render(report: Report, width: int | None = None) -> Iterator[str]:
    """Yields the report's lines, none longer than `width` (the terminal's, if not given).

    On a terminal narrower than 80 columns they are made for 80.
    """
    width = max(width or shutil.get_terminal_size().columns, _LEAST_WIDTH)
    yield from _heading("Implementations against oracles")
    yield from _implementations(report, width)
    for document in dict.fromkeys(row.document for row in report.claims):
        yield ""
        yield from _heading(document)
        rows = (claim_cells(row) for row in report.claims if row.document == document)
        yield from _table(rows, CLAIM_HEADERS, _claim_widths(width), "simple_grid")
    yield ""
    yield from _heading("Summary")
    for sentence in summary(report):
        yield from textwrap.wrap(sentence, width, break_on_hyphens=False)


def _heading(words: str) -> Iterator[str]:
    yield words
    yield "═" * len(words)


def _implementations(report: Report, width: int) -> Iterator[str]:
    primal, oracle = (12, 28) if width >= _ROOMY_WIDTH else (10, 18)
    status = max((len(row.status) for row in report.implementations), default=0)
    status, resolution, evaluations = max(status, 8), 12, 7  # a header takes two more than it has
    gaps = 2 * (len(IMPLEMENTATION_HEADERS) - 1)
    subject = width - primal - oracle - status - resolution - evaluations - gaps
    widths = subject, primal, oracle, status, resolution, evaluations
    rows = _subjects_once(map(implementation_cells, report.implementations), subject)
    yield from _table(rows, (*IMPLEMENTATION_HEADERS[:-1], "evals"), widths, "simple")
    for remark in implementation_remarks(report):
        yield from textwrap.wrap(remark, width, subsequent_indent="  ")


def _subjects_once(rows: Iterable[Sequence[str]], width: int) -> Iterator[Sequence[str]]:
    """Yields the rows with each subject in the first of its rows only."""
    last = None
    for subject, *others in rows:
        yield ["" if subject == last else _wrapped_name(subject, width), *others]
        last = subject


def _wrapped_name(name: str, width: int) -> str:
    """Returns a name in lines of at most `width`, broken after a blank or an underscore."""
    lines = [""]
    for piece in re.split(r"(?<=[_ ])", name):
        if len(lines[-1] + piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(lines)


def _claim_widths(width: int) -> tuple[int, ...]:
    line, result = 8, 9
    borders = 3 * len(CLAIM_HEADERS) + 1
    free = width - line - result - borders
    claim = free * 2 // 5
    return line, claim, result, free - claim


def _table(
    rows: Iterable[Sequence[str]], headers: Sequence[str], widths: Sequence[int], form: str
) -> Iterator[str]:
    wrapped = [[_wrapped(cell, w) for cell, w in zip(row, widths, strict=True)] for row in rows]
    yield from tabulate(wrapped, headers, form, disable_numparse=True).splitlines()


def _wrapped(cell: str, width: int) -> str:
    """Returns a cell with lines of at most `width`; what continues a list item is indented."""
    return "\n".join(
        part
        for line in cell.split("\n")
        for part in textwrap.wrap(
            line,
            width,
            subsequent_indent="  " if line.startswith("· ") else "",
            break_on_hyphens=False,
        )
    )
