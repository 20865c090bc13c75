"""The report in Markdown: pipe tables, with every special character escaped."""

import re
from collections.abc import Iterable, Iterator, Sequence

from reports.render.words import (
    CLAIM_HEADERS,
    IMPLEMENTATION_HEADERS,
    claim_cells,
    conclusion,
    implementation_cells,
    implementation_remarks,
    provenance,
    summary,
)
from reports.report import Report

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&])")


def render(report: Report) -> Iterator[str]:
    """Yields the report's lines."""
    yield "# Comparison report"
    yield ""
    yield "## Summary"
    yield ""
    yield from (f"- {escape(sentence)}" for sentence in summary(report))
    yield ""
    yield "## Implementations against oracles"
    yield ""
    yield from _table(IMPLEMENTATION_HEADERS, map(implementation_cells, report.implementations))
    remarks = [f"- {escape(remark)}" for remark in implementation_remarks(report)]
    yield from ("", *remarks) if remarks else ()
    yield ""
    yield "## Worked examples"
    yield ""
    yield escape(provenance(report))
    for document in report.documents:
        yield ""
        yield f"### {escape(document)}"
        yield ""
        rows = (claim_cells(row) for row in report.claims if row.document == document)
        yield from _table(CLAIM_HEADERS, rows)
    yield ""
    yield f"**{escape(conclusion(report))}**"


def escape(text: str) -> str:
    r"""Returns text that Markdown, in a table too, shows as it is.

    >>> print(escape("|a_1| <b>\n2"))
    \|a\_1\| \<b\><br>2
    """
    return "<br>".join(_SPECIAL.sub(r"\\\1", line) for line in text.splitlines())


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield _line(headers)
    yield _line(["---"] * len(headers))
    yield from (_line([escape(cell) for cell in row]) for row in rows)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
