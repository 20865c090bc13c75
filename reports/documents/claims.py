"""What an audit says: a row for every claim, and how much of the document was checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from reports.documents.source import Place
from reports.documents.tree import Node
from reports.documents.values import Quantity

Verdict = Literal[
    "ok",
    "digits",
    "wrong",
    "shape",
    "substitution",
    "derivative",
    "inherited",
    "stale",
    "range",
    "unterminated",
    "definition",
    "not checked",
]

FLAGGED: frozenset[Verdict] = frozenset(
    ("wrong", "shape", "substitution", "derivative", "stale", "range", "unterminated", "definition")
)
"""Verdicts that say that something is wrong."""


@dataclass(frozen=True, eq=False)
class Correction:
    """What is right in the place of a statement that is wrong."""

    tree: Node | None = None
    value: Quantity | None = None


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One statement of a document, judged.

    Attributes:
        place: where it stands.
        formula: what the document says, quoted.
        verdict: what was found.
        kind: what sort of claim it is: "arithmetic", "derivative", "update", "code", …
        stated: the value or formula stated.
        right: the right one; several where readings differ, each with its name.
        reading: the reading under which the verdict holds; "" for the ordinary one.
        explanation: what is wrong, and what the author did where that can be found.
        correction: the right formula and value for what follows from it, where they are known.
    """

    place: Place
    formula: str
    verdict: Verdict
    kind: str
    stated: str = ""
    right: str = ""
    reading: str = ""
    explanation: str = ""
    correction: "Correction | None" = field(default=None, compare=False, repr=False)

    @property
    def flagged(self) -> bool:
        """Whether something is wrong."""
        return self.verdict in FLAGGED


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How much of a document was checked.

    Attributes:
        formulas: how many formulas stand in it.
        statements: how many statements they make.
        checked: how many of these were compared with something.
        stated: how many only give a value or define a name: nothing to compare them with.
        reasons: why the others were not checked, and how many for each reason.
        places: where they are, with their reason.
    """

    formulas: int = 0
    statements: int = 0
    checked: int = 0
    stated: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    places: tuple[tuple[Place, str, str], ...] = ()

    @property
    def unchecked(self) -> int:
        """How many statements were not checked."""
        return sum(self.reasons.values())


@dataclass(frozen=True, kw_only=True)
class Audited:
    """A document, judged."""

    path: str
    claims: tuple[Claim, ...]
    coverage: Coverage
    notes: tuple[str, ...] = ()

    @property
    def flagged(self) -> tuple[Claim, ...]:
        """The claims that are wrong."""
        return tuple(claim for claim in self.claims if claim.flagged)

    @property
    def lacks(self) -> str:
        """Why a strict audit does not pass: what was not checked, in words; "" where all was."""
        if not self.coverage.checked:
            return "nothing was checked"
        count = self.coverage.unchecked
        return f"{count} of its statements could not be checked" if count else ""
