"""How the report is said, in words that all human-readable formats share."""

from collections import Counter
from collections.abc import Iterator

from reports.report import ClaimRow, DocumentRow, FigureLines, ImplementationRow, Report
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
    oracle = row.oracle.removeprefix("finite ").removesuffix(" autograd")
    resolution = "none" if row.resolution is None else f"{row.resolution:.1e}"
    return row.subject, row.primal, oracle, row.status, resolution, str(row.evaluations)


def implementation_remarks(report: Report) -> Iterator[str]:
    """Yields a sentence for each row that does not pass, and for what limits those that do."""
    for row in report.implementations:
        if row.status != "pass":
            yield f"{row.status}: {row.subject}, {row.primal}: {row.reason}"
    limits = Counter(row.reason for row in report.implementations if row.status == "pass")
    yield from (f"pass ({n}×): {reason}" for reason, n in limits.items() if reason)


def provenance(report: Report) -> str:
    """Returns what the documents of the worked examples are."""
    return (
        f"{len(report.documents)} public lecture-note documents on backpropagation, restated here"
        " in our own words; line numbers are those of the originals, which are not part of the"
        " project."
    )


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
    """Yields the report in a few sentences, the verdict first."""
    statuses, outcomes = report.statuses, report.outcomes
    yield conclusion(report)
    yield (
        f"Implementations: {len(report.implementations)} comparisons with oracles: "
        + ", ".join(f"{statuses.get(s, 0)} {s}" for s in ("pass", "fail", "inconclusive"))
        + "."
    )
    counts = "; ".join(f"{outcomes[o]} {o}" for o in MARKS if o in outcomes)
    yield f"Worked examples: {len(report.claims)} claims{counts and f': {counts}'}."
    if report.claims:
        yield '"As known" means that the recorded truth about these documents says so.'
    yield from map(figure_lines, report.figure_lines)
    yield from map(document_words, report.documents_audited)
    yield from report.notes
    yield f"The same report again: gradcheck report --seed {report.seed}"


def figure_lines(lines: FigureLines) -> str:
    """Returns the count of a document's lines with figures."""
    return (
        f"{lines.document}: {len(lines.right) + len(lines.wrong)} lines print a computed figure;"
        f" {len(lines.right)} follow from their inputs ({line_ranges(lines.right)}),"
        f" {len(lines.wrong)} do not and are flagged."
    )


def document_words(row: DocumentRow) -> str:
    """Returns what the audit of a document of ours finds, and whether it is known."""
    found = f"lines {line_ranges(row.flagged)} are flagged" if row.flagged else "nothing is flagged"
    known = "as known" if not row.is_surprise else f"a SURPRISE: known {line_ranges(row.known)}"
    return (
        f"Audit of {row.document}: {found}, {known}; {row.checked} statements checked, "
        f"{row.unchecked} not."
    )


def conclusion(report: Report) -> str:
    """Returns the verdict: whether something is wrong that should not be, and what."""
    if report.ok:
        return f"OK: no model fails; {_known(report)}; no surprises."
    parts = []
    if report.failures:
        subjects = ", ".join(dict.fromkeys(row.subject for row in report.failures))
        parts.append(f"wrong gradients in reference models: {subjects}")
    if report.surprises:
        names = ", ".join(f"{row.document}:{row.lines[0]}" for row in report.surprises)
        parts.append(f"claims whose recorded truth does not hold: {names}")
    surprising = [row.document for row in report.documents_audited if row.is_surprise]
    if surprising:
        parts.append(f"documents whose audit is not as known: {', '.join(surprising)}")
    return f"Something is wrong: {'; '.join(parts)}."


def _known(report: Report) -> str:
    match report.outcomes.get("flagged, as known", 0):
        case 0:
            return "no claim is wrong"
        case 1:
            return "1 claim is wrong, and known to be"
        case n:
            return f"{n} claims are wrong, all of them known to be"
