"""A claim is computed, and what comes out is compared with its recorded truth."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import singledispatch
from typing import Literal, TypeAlias

import numpy as np

import gradcheck
from gradcheck.verdict import Finding, Verdict
from reports.worked_examples.claim import (
    Claim,
    Derivation,
    Evidence,
    Figure,
    Flag,
    Function,
    Pullback,
    Statement,
)
from reports.worked_examples.printed import parse

Outcome: TypeAlias = Literal[
    "right", "flagged, as known", "flagged, a surprise", "passed, a surprise", "noted"
]
SURPRISES: tuple[Outcome, ...] = ("flagged, a surprise", "passed, a surprise")


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What the computation says of a claim, apart from what is recorded.

    Attributes:
        flags: what is wrong with the claim; empty where it is right.
        details: one sentence for each flag, from the computation.
        confirmed: what was computed besides and came out as recorded, one phrase each.
        unconfirmed: what was computed besides and did not: the record itself is wrong.
        verdict: the verdict of `gradcheck.check`, for a derivation whose pullback did not raise.
    """

    flags: frozenset[Flag] = frozenset()
    details: tuple[str, ...] = ()
    confirmed: tuple[str, ...] = ()
    unconfirmed: tuple[str, ...] = ()
    verdict: Verdict | None = None


def outcome(claim: Claim, judgement: Judgement) -> Outcome:
    """Returns whether a judgement is what the claim's record says, or a surprise."""
    if judgement.flags == claim.truth.flags and not judgement.unconfirmed:
        if judgement.flags:
            return "flagged, as known"
        return "right" if isinstance(claim, (Derivation, Figure, Statement)) else "noted"
    passed = claim.truth.flags and not judgement.flags
    return "passed, a surprise" if passed else "flagged, a surprise"


@singledispatch
def judge(claim: Claim, seed: int = 0) -> Judgement:
    """Returns what the computation says of a claim; a note has its evidence computed only."""
    confirmed, unconfirmed = _weigh(claim.evidence)
    return Judgement(confirmed=confirmed, unconfirmed=unconfirmed)


@judge.register
def _(claim: Statement, seed: int = 0) -> Judgement:
    confirmed, unconfirmed = _weigh(claim.evidence)
    flags: frozenset[Flag] = frozenset() if claim.holds() else frozenset({claim.flag})
    return Judgement(flags=flags, confirmed=confirmed, unconfirmed=unconfirmed)


@judge.register
def _(claim: Figure, seed: int = 0) -> Judgement:
    found = tuple(_figure_flags(claim))
    confirmed, unconfirmed = _weigh(claim.evidence, of=claim.stated)
    if claim.truth.right and not parse(claim.truth.right).agrees(claim.compute()).all():
        unconfirmed = (*unconfirmed, f"the right value is not {claim.truth.right}")
    return Judgement(
        flags=frozenset(flag for flag, _ in found),
        details=tuple(words for _, words in found),
        confirmed=confirmed,
        unconfirmed=unconfirmed,
    )


@judge.register
def _(claim: Derivation, seed: int = 0) -> Judgement:
    flags, details, verdict = _checked(claim, claim.function, claim.pullback, seed)
    confirmed, unconfirmed = _weigh(claim.evidence)
    for words, function, pullback in _expected_to_pass(claim):
        passes = not _checked(claim, function, pullback, seed)[0]
        confirmed, unconfirmed = (
            ((*confirmed, words), unconfirmed) if passes else (confirmed, (*unconfirmed, words))
        )
    return Judgement(
        flags=flags,
        details=details,
        confirmed=confirmed,
        unconfirmed=unconfirmed,
        verdict=verdict,
    )


def _expected_to_pass(claim: Derivation) -> Iterator[tuple[str, Function, Pullback]]:
    if claim.repair is not None:
        yield "the right formula passes the same check", claim.function, claim.repair
    for setting in claim.holds_for:
        pullback = setting.pullback or claim.pullback
        yield f"the claim is the gradient of {setting.words}", setting.function, pullback


def _checked(
    claim: Derivation, function: Function, pullback: Pullback, seed: int
) -> tuple[frozenset[Flag], tuple[str, ...], Verdict | None]:
    """Returns the flags that `gradcheck.check` justifies, its sentences, and its verdict."""
    try:
        verdict = gradcheck.check(
            function,
            dict(claim.primals),
            vjp=pullback,
            wrt=claim.wrt or None,
            seed=seed,
            name=claim.name,
        )
    except gradcheck.PullbackError as error:
        if not isinstance(error.__cause__, ValueError):  # NumPy's error for shapes
            raise
        return frozenset({"shape"}), (f"the pullback raises: {error.__cause__}",), None
    if verdict.status == "inconclusive":
        return frozenset({"undecided"}), _reasons(verdict), verdict
    wrong = [finding for finding in verdict.findings if finding.severity == "error"]
    flags: frozenset[Flag] = frozenset(_flag(finding) for finding in wrong)
    return flags, tuple(finding.message for finding in wrong), verdict


def _flag(finding: Finding) -> Flag:
    return "shape" if finding.kind == "shape" else "gradient"


def _reasons(verdict: Verdict) -> tuple[str, ...]:
    return tuple(c.reason for c in verdict.comparisons if c.status == "inconclusive")


def _figure_flags(claim: Figure) -> Iterator[tuple[Flag, str]]:
    """Yields each thing that is wrong with a printed figure, and a sentence for it."""
    stated, computed = parse(claim.stated), np.asarray(claim.compute())
    if stated.value.shape != computed.shape:
        yield "shape", f"shape {stated.value.shape} is stated, {computed.shape} is right"
        if not _explained(claim):
            yield "value", "no reading reproduces all stated entries"
    elif not stated.agrees(computed).all():
        yield "value", f"{int(np.sum(~stated.agrees(computed)))} of {computed.size} entries differ"
    if claim.as_printed is not None:
        try:
            claim.as_printed()
        except ValueError as error:
            yield "shape", f"as printed, {error}"
    if claim.bounds and not _inside(stated.value, *claim.bounds):
        yield "range", "stated entries lie outside ({:g}, {:g})".format(*claim.bounds)


def _explained(claim: Figure) -> bool:
    stated = parse(claim.stated)
    return any(stated.agrees(evidence.compute()).all() for evidence in claim.evidence)


def _inside(value: np.ndarray, low: float, high: float) -> bool:
    return bool(np.all((low < value) & (value < high)))


def _weigh(evidence: tuple[Evidence, ...], of: str = "") -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the phrases of what comes out as recorded, and of what does not."""
    confirmed, unconfirmed = [], []
    for item in evidence:
        computed = item.compute()
        entries = int(parse(of).agrees(computed).sum()) if of else 0
        as_recorded = parse(item.gives).agrees(computed).all() and entries == item.entries
        (confirmed if as_recorded else unconfirmed).append(_phrase(item, of))
    return tuple(confirmed), tuple(unconfirmed)


def _phrase(item: Evidence, of: str) -> str:
    phrase = f"{item.words}: {item.gives}"
    if not item.entries:
        return phrase
    size = parse(of).value.size
    return f"{phrase}, which is " + (
        "what is stated" if item.entries == size else f"{item.entries} of {size} stated entries"
    )
