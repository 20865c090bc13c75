"""The report as data: rows, counts and what is surprising. Nothing here is computed or rendered."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reports.worked_examples.judging import SURPRISES, Outcome


@dataclass(frozen=True, kw_only=True)
class ImplementationRow:
    """One primal of one reference model against one oracle.

    Attributes:
        subject: the model, with its floating-point type.
        primal: the name of the primal.
        oracle: which oracle answered.
        status: "pass", "fail" or "inconclusive".
        resolution: relative errors above it are excluded; None where nothing is.
        evaluations: how often the function was called.
        reason: what limits the answer, or what is wrong.
    """

    subject: str
    primal: str
    oracle: str
    status: str
    resolution: float | None
    evaluations: int
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class ClaimRow:
    """One claim of a worked example, judged.

    Attributes:
        document: the file name of the document.
        lines: its line numbers.
        name: the short name of the claim.
        type: "derivation", "figure", "statement" or "note".
        formula: the claim, restated.
        outcome: what was found, held against what is known.
        kinds: the flags, for example "shape" and "value"; empty where nothing is wrong.
        mistake: the name of the known mistake.
        stated: what the document prints, for a figure.
        right: the right formula or figure, for a flagged claim.
        explanation: what the author did and what to do.
        details: what the computation found, one sentence for each flag.
        evidence: what was computed besides, and confirms the explanation.
        surprises: what differs from the record; empty where the outcome is as known.
        resolution: for a derivation that passes, relative errors above it are excluded.
        evaluations: for a derivation, how often the function was called.
        inherits: lines whose wrong figures are used here correctly.
    """

    document: str
    lines: tuple[int, ...]
    name: str
    type: str
    formula: str
    outcome: Outcome
    kinds: tuple[str, ...] = ()
    mistake: str = ""
    stated: str = ""
    right: str = ""
    explanation: str = ""
    details: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    surprises: tuple[str, ...] = ()
    resolution: float | None = None
    evaluations: int = 0
    inherits: tuple[int, ...] = ()

    @property
    def is_surprise(self) -> bool:
        """Whether the outcome differs from the recorded truth."""
        return self.outcome in SURPRISES


@dataclass(frozen=True, kw_only=True)
class FigureLines:
    """The lines of a document that print computed figures.

    Attributes:
        document: the file name of the document.
        right: lines whose figures all follow from the figures that they print as inputs.
        wrong: the other lines.
    """

    document: str
    right: tuple[int, ...]
    wrong: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class DocumentRow:
    """The audit of one worked-example document of ours.

    Attributes:
        document: its file name.
        checked: how many of its statements were checked.
        unchecked: how many were not.
        flagged: the lines of which something is wrong.
        known: the lines of which something is known to be wrong.
    """

    document: str
    checked: int
    unchecked: int
    flagged: tuple[int, ...]
    known: tuple[int, ...]

    @property
    def is_surprise(self) -> bool:
        """Whether the audit finds something else than is known."""
        return self.flagged != self.known


@dataclass(frozen=True, kw_only=True)
class Report:
    """Implementations against oracles, and worked examples against what is known of them.

    Attributes:
        implementations: a row for each model, primal and oracle.
        claims: a row for each claim of a worked example, by document and line.
        seed: the seed that repeats the report.
        notes: sentences on what was not compared.
        documents_audited: the audits of the worked-example documents of ours.
    """

    implementations: tuple[ImplementationRow, ...]
    claims: tuple[ClaimRow, ...]
    seed: int
    notes: tuple[str, ...] = ()
    documents_audited: tuple[DocumentRow, ...] = ()

    @property
    def surprises(self) -> tuple[ClaimRow, ...]:
        """The claims whose outcome differs from the recorded truth."""
        return tuple(row for row in self.claims if row.is_surprise)

    @property
    def failures(self) -> tuple[ImplementationRow, ...]:
        """The reference models' rows with a wrong gradient."""
        return tuple(row for row in self.implementations if row.status == "fail")

    @property
    def ok(self) -> bool:
        """Whether no gradient of ours is wrong and no claim is a surprise."""
        surprised = any(row.is_surprise for row in self.documents_audited)
        return not (self.surprises or self.failures or surprised)

    @property
    def documents(self) -> tuple[str, ...]:
        """The documents of the claims, in the order of their rows."""
        return tuple(dict.fromkeys(row.document for row in self.claims))

    @property
    def statuses(self) -> Mapping[str, int]:
        """How many implementation rows have each status."""
        return Counter(row.status for row in self.implementations)

    @property
    def outcomes(self) -> Mapping[str, int]:
        """How many claims have each outcome."""
        return Counter(row.outcome for row in self.claims)

    @property
    def figure_lines(self) -> tuple[FigureLines, ...]:
        """For each document that prints computed figures, its right and its wrong lines."""
        rows = [row for row in self.claims if row.type == "figure"]
        return tuple(
            _figure_lines(document, (row for row in rows if row.document == document))
            for document in dict.fromkeys(row.document for row in rows)
        )


def _figure_lines(document: str, rows: Iterable[ClaimRow]) -> FigureLines:
    right, wrong = set(), set()
    for row in rows:
        (wrong if row.kinds else right).update(row.lines)
    return FigureLines(
        document=document, right=tuple(sorted(right - wrong)), wrong=tuple(sorted(wrong))
    )
