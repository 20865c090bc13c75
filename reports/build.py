"""Makes the report: runs every comparison and judges every claim."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from reports.comparison import COMPARED, Compared, missing_oracles, rows_of
from reports.documents import audit
from reports.report import ClaimRow, DocumentRow, Report
from reports.worked_examples import CLAIMS
from reports.worked_examples.claim import Claim, Figure
from reports.worked_examples.documents import FOLDER, KNOWN
from reports.worked_examples.judging import SURPRISES, Judgement, judge, outcome

Progress: TypeAlias = Callable[[int, int, str], None]


def build(
    *,
    seed: int = 0,
    claims: Sequence[Claim] = CLAIMS,
    compared: Sequence[Compared] = COMPARED,
    documents: Sequence[str] = tuple(KNOWN),
    progress: Progress | None = None,
) -> Report:
    """Returns the report.

    Args:
        seed: the seed of every check.
        claims: the worked examples' claims.
        compared: the reference models.
        documents: the worked-example documents of ours, by file name.
        progress: called before each step with the number of steps done, of all steps, and the name
            of the next.
    """
    tell = progress or _silent
    steps = len(compared) + len(claims)
    implementations, rows = [], []
    for done, model in enumerate(compared):
        tell(done, steps, model.name)
        implementations.extend(rows_of(model, seed))
    for done, claim in enumerate(claims, start=len(compared)):
        tell(done, steps, claim.id)
        rows.append(claim_row(claim, judge(claim, seed)))
    rows.sort(key=lambda row: (row.document, row.lines[0]))
    return Report(
        implementations=tuple(implementations),
        claims=tuple(rows),
        seed=seed,
        notes=tuple(missing_oracles(compared)),
        documents_audited=tuple(map(document_row, sorted(documents))),
    )


def document_row(name: str) -> DocumentRow:
    """Returns the report's row of a worked-example document of ours."""
    audited = audit(FOLDER / name)
    return DocumentRow(
        document=name,
        checked=audited.coverage.checked,
        unchecked=audited.coverage.unchecked,
        flagged=tuple(sorted({claim.place.line for claim in audited.flagged})),
        known=KNOWN[name],
    )


def claim_row(claim: Claim, judgement: Judgement) -> ClaimRow:
    """Returns the report's row of a claim and what was found."""
    result, verdict = outcome(claim, judgement), judgement.verdict
    return ClaimRow(
        document=claim.document,
        lines=claim.lines,
        name=claim.name,
        type=type(claim).__name__.lower(),
        formula=claim.formula,
        outcome=result,
        kinds=tuple(sorted(judgement.flags)),
        mistake=claim.truth.mistake,
        stated=claim.stated if isinstance(claim, Figure) else "",
        right=claim.truth.right,
        explanation=claim.truth.because,
        details=judgement.details,
        evidence=judgement.confirmed,
        surprises=_surprises(claim, judgement) if result in SURPRISES else (),
        resolution=verdict.resolution if verdict else None,
        evaluations=verdict.evaluations if verdict else 0,
        inherits=claim.truth.inherits,
    )


def _surprises(claim: Claim, judgement: Judgement) -> tuple[str, ...]:
    unconfirmed = tuple(f"not confirmed: {words}" for words in judgement.unconfirmed)
    if judgement.flags == claim.truth.flags:
        return unconfirmed
    found, known = (", ".join(sorted(f)) or "right" for f in (judgement.flags, claim.truth.flags))
    return (f"found: {found}; recorded: {known}", *unconfirmed)


def _silent(done: int, steps: int, name: str) -> None: ...
