"""What a check of a part by itself says of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from gradcheck.subject import Point, Subject
from gradcheck.verdict import Comparison, Finding


@dataclass(frozen=True)
class Judged:
    """What a check of a part by itself says.

    Attributes:
        status: "right", "wrong" or "undecided".
        findings: what is wrong in what it gives.
        conduct: what is wrong in how it behaves: alone that accuses no part.
        right: the primals that are right.
        parameters: those of its primals that are parameters.
        reason: why it is undecided.
        thorough: whether each primal was looked at for itself.
    """

    status: Literal["right", "wrong", "undecided"]
    findings: tuple[Finding, ...] = ()
    conduct: tuple[Finding, ...] = ()
    right: frozenset[str] = frozenset()
    parameters: tuple[str, ...] = ()
    reason: str = ""
    thorough: bool = True


Judge = Callable[[Subject, Point, bool, bool], Judged]
"""(a part by itself, the cotangents that reach it, whether to be thorough, whether to audit it
further) -> what is wrong."""


CONDUCT = {
    "accumulates",
    "aliased_input",
    "backward_nondeterministic",
    "cotangent_mutated",
    "input_mutated",
    "parameter_mutated",
}
"""Findings about how a pullback behaves, not about what it gives."""

AUDITED = {
    "batch_of_one",
    "empty_batch",
    "input_layout",
    "layout",
    "nonlinear",
    "stale",
    "zero_cotangent",
}
"""Findings of the further audits: parts are audited so only where nothing else is wrong."""

UNDECIDED = {"forward_nondeterministic", "overflow"}
"""Findings that leave open whether what is given is right."""


def judged_by(
    findings: Sequence[Finding],
    comparisons: Sequence[Comparison],
    subject: Subject,
    thorough: bool,
) -> Judged:
    """Returns what the findings and the comparisons of a check say of a part."""
    errors = [f for f in findings if f.severity == "error"]
    open_ = [f.message for f in errors if f.kind in UNDECIDED]
    open_ += [f"{c.primal}: {c.reason}" for c in comparisons if c.status == "inconclusive"]
    wrong = tuple(f for f in errors if f.kind not in CONDUCT | UNDECIDED)
    return Judged(
        "wrong" if wrong else "undecided" if open_ else "right",
        wrong,
        tuple(f for f in errors if f.kind in CONDUCT),
        frozenset(c.primal for c in comparisons if c.status == "pass"),
        subject.parameters,
        "" if wrong or not open_ else open_[0],
        thorough,
    )
