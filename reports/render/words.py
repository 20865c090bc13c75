"""How the report is said, in words that all human-readable formats share."""

from collections.abc import Iterator

from reports.report import ClaimRow, FigureLines, ImplementationRow, Report
from reports.worked_examples.claim import line_ranges

IMPLEMENTATION_HEADERS = (
    "subject",
    "primal",
    "oracle",
    "status",
    "resolution",
    "evaluations",
)
CLAIM_HEADERS = ("line", "claim", "outcome", "what is right, and why")

MARKS = {
    "right": "✓ right",
    "flagged, as known": "✗ flagged, as known",
    "flagged, a surprise": "‼ flagged, a SURPRISE",
    "passed, a surprise": "‼ passed, a SURPRISE",
    "noted": "· noted",
}


def implementation_cells(row: ImplementationRow) -> tuple[str, ...]:
    """Returns the cells of a row, in the order of `IMPLEMENTATION_HEADERS`."""
    resolution = "none" if row.resolution is None else f"{row.resolution:.1e}"
    return row.subject, row.primal, row.oracle, row.status, resolution, str(row.evaluations)


def implementation_remarks(report: Report) -> Iterator[str]:
    """Yields a sentence for each row that does not pass."""
    for row in report.implementations:
        if row.status != "pass":
            yield f"{row.status}: {row.subject}, {row.primal}: {row.reason}"


def claim_cells(row: ClaimRow) -> tuple[str, ...]:
    """Returns the cells of a row, in the order of `CLAIM_HEADERS`; a cell may have many lines."""
    claim = "\n".join(filter(None, (row.formula, row.stated and f"= {row.stated}")))
    return line_ranges(row.lines), claim, MARKS[row.outcome], "\n".join(_explanation(row))


def _explanation(row: ClaimRow) -> Iterator[str]:
    yield from (f"SURPRISE: {surprise}" for surprise in row.surprises)
    if row.right:
        yield f"Right: {row.right}"
    if row.kinds:
        yield f"Wrong: {', '.join(row.kinds)}{row.mistake and f' ({row.mistake})'}"
    if row.explanation:
        yield row.explanation
    yield from (f"· found: {detail}" for detail in row.details)
    yield from (f"· {words}" for words in row.evidence)
    if row.resolution is not None and not row.kinds:
        yield f"· checked: errors above {row.resolution:.1e} are excluded"


def summary(report: Report) -> Iterator[str]:
    """Yields the closing sentences: counts, and what to do."""
    statuses, outcomes = report.statuses, report.outcomes
    yield (
        f"Implementations: {len(report.implementations)} comparisons: "
        + ", ".join(f"{statuses.get(s, 0)} {s}" for s in ("pass", "fail", "inconclusive"))
        + "."
    )
    yield (
        f"Worked examples: {len(report.claims)} claims: "
        + "; ".join(f"{outcomes.get(o, 0)} {o}" for o in MARKS)
        + "."
    )
    yield from map(figure_lines, report.figure_lines)
    yield f"Seed {report.seed}. {conclusion(report)}"


def figure_lines(lines: FigureLines) -> str:
    """Returns the count of a document's lines with figures."""
    return (
        f"{lines.document}: {len(lines.right) + len(lines.wrong)} lines print a computed figure;"
        f" {len(lines.right)} follow from their inputs ({line_ranges(lines.right)}),"
        f" {len(lines.wrong)} do not."
    )


def conclusion(report: Report) -> str:
    """Returns the last sentence: whether something is wrong, and what."""
    if report.ok:
        return "Nothing is wrong here: no reference model fails, and no claim is a surprise."
    parts = []
    if report.failures:
        subjects = ", ".join(dict.fromkeys(row.subject for row in report.failures))
        parts.append(f"wrong gradients in reference models: {subjects}")
    if report.surprises:
        names = ", ".join(f"{row.document}:{row.lines[0]}" for row in report.surprises)
        parts.append(f"claims whose recorded truth does not hold: {names}")
    return f"Something is wrong: {'; '.join(parts)}."
