"""The shortest of all hypotheses that fit, with its words, its repair and how sure we are."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradcheck.diagnosis import (
    chain,
    contractions,
    factors,
    indices,
    jacobians,
    layout,
    limits,
    losses,
    masks,
    neighbours,
    networks,
    outputs,
    pairs,
    projections,
    reductions,
    terms,
)
from gradcheck.diagnosis.evidence import Array, Evidence
from gradcheck.diagnosis.facts import facts
from gradcheck.diagnosis.patterns import described
from gradcheck.diagnosis.scoring import SUREST as SUREST
from gradcheck.diagnosis.scoring import Candidate, Row, Undo, fits, length, untold_length

ROWS: tuple[Row, ...] = (
    *factors.ROWS,
    *layout.ROWS,
    *neighbours.ROWS,
    *chain.ROWS,
    *jacobians.ROWS,
    *losses.ROWS,
    *indices.ROWS,
    *masks.ROWS,
    *limits.ROWS,
    *reductions.ROWS,
    *terms.ROWS,
    *projections.ROWS,
    *pairs.ROWS,
    *networks.ROWS,
    *contractions.ROWS,
)
"""The table of known mistakes."""

FACTORS = ("sign", "known factor", "constant factor", "factor of each slice")

THROUGH_OUTPUTS: tuple[Row, ...] = (
    *(row for row in factors.ROWS if row.name in FACTORS),
    *(row for row in layout.ROWS if row.name not in ("slices swapped", "symmetry", "transposed")),
    *layout.OF_JACOBIANS,
    *(row for row in chain.ROWS if row.name.startswith("chain factor")),
    *(row for row in pairs.ROWS if row.name == "chain factor missing"),
    *(row for row in masks.ROWS if row.name in ("scaled", "sign of a part")),
    *(row for row in reductions.ROWS if row.name in ("reduced and spread",)),
    *(row for row in projections.ROWS if row.name in ("mean term", "projection term")),
    *outputs.ROWS,
)
"""What is known of the terms of a gradient, one for each output."""

UNKNOWN = "unknown"

UNTOLD_BITS = 4.0
"""An unknown mistake is so rare: one in sixteen."""

SURE = 0.25
"""With less confidence nothing is named: several rows may say the same of the same claim."""

UNSURE = 0.1
"""Nor where it is as likely that none of the rows is right."""


@dataclass(frozen=True, eq=False)
class Repair:
    """What to do about a mistake.

    Attributes:
        text: "multiply by 2".
        apply: claimed gradient -> the repaired one, of the same shape; None where the true gradient
            cannot be had from the claimed one.
    """

    text: str
    apply: Undo | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Diagnosis:
    """What the mistake is.

    Attributes:
        kind: the name of the row, or "unknown".
        sentence: what the claim is, compared with the true gradient.
        usual_cause: how one comes to write that.
        parameters: the numbers and names in the sentence.
        repair: what to do about it; None where the mistake is unknown.
        where: the wrong entries in words.
        bits: the length of the description, bits + χ²/(2 ln 2).
        chi2: χ² per entry that is explained.
        confidence: how often such a diagnosis is right, from 0 to 1.
        alternatives: other kinds that explain the claim as well, with their confidence.
    """

    kind: str
    sentence: str
    usual_cause: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    repair: Repair | None = None
    where: str = ""
    bits: float = 0.0
    chi2: float = 0.0
    confidence: float = 0.0
    alternatives: tuple[tuple[str, float], ...] = ()

    @property
    def words(self) -> str:
        """The sentence and its usual cause."""
        return f"{self.sentence}: {self.usual_cause}" if self.usual_cause else self.sentence


def diagnosed(evidence: Evidence) -> Diagnosis:
    """Returns the mistake that tells the claim in the fewest bits, "unknown" where none fits."""
    flat = evidence.claimed.ndim == 0
    evidence = _upright(evidence) if flat else evidence
    with np.errstate(all="ignore"):
        found = sorted(_explanations(evidence), key=lambda f: f[2]) if evidence.w.any() else []
        share = _shares(evidence, found)
        if not found or share[found[0][0].name] < SURE or share[UNKNOWN] > UNSURE:
            told = _untold(evidence, share)
        else:
            told = _told(evidence, found[0], share)
    return told


def sentences(kind: str, evidence: Evidence) -> Iterator[str]:
    """Yields what the hypotheses of a kind say that explain every entry of the claim."""
    with np.errstate(all="ignore"):
        evidence = evidence if evidence.claimed.ndim else _upright(evidence)
        for row in (row for row in _rows(evidence) if row.name == kind):
            for candidate in _candidates(row, evidence):
                if fits(evidence, candidate):
                    yield _sentence(evidence, row, candidate)


def _rows(evidence: Evidence) -> tuple[Row, ...]:
    rows = THROUGH_OUTPUTS if evidence.split else ROWS
    return tuple(row for row in rows if row.of_zero) if evidence.is_zero else rows


def _explanations(evidence: Evidence) -> Iterator[tuple[Row, Candidate, float]]:
    for row in _rows(evidence):
        for candidate in _candidates(row, evidence):
            if fits(evidence, candidate):
                yield row, candidate, row.bits + length(evidence, candidate)


def _candidates(row: Row, evidence: Evidence) -> Iterator[Candidate]:
    """Yields the hypotheses of a row; none further where one does not fit the arrays' shapes.

    Nor where its numbers leave the range of float64.
    """
    try:
        yield from row.candidates(evidence)
    except (ValueError, IndexError, ArithmeticError):
        return


def _shares(evidence: Evidence, found: list[tuple[Row, Candidate, float]]) -> dict[str, float]:
    """Returns the share of each kind: its shortest description against those of all others."""
    shortest: dict[str, float] = {}
    for row, _, bits in found:
        shortest.setdefault(row.name, bits)
    shortest[UNKNOWN] = untold_length(evidence) + UNTOLD_BITS
    least = min(shortest.values())
    weights = {name: 2.0 ** (least - bits) for name, bits in shortest.items()}
    total = sum(weights.values())
    return {name: float(weight / total) for name, weight in weights.items()}


def _told(
    evidence: Evidence, best: tuple[Row, Candidate, float], share: Mapping[str, float]
) -> Diagnosis:
    row, candidate, bits = best
    words = _words(evidence, candidate)
    z = candidate.z[np.isfinite(candidate.z)]
    undo = candidate.undo
    others = {n: s for n, s in share.items() if n not in (row.name, UNKNOWN)}
    alone_too = f"in the gradient of each entry of {evidence.through}, " if evidence.split else ""
    return Diagnosis(
        kind=row.name,
        sentence=_sentence(evidence, row, candidate),
        usual_cause=row.cause.format(**words),
        parameters=dict(candidate.parameters),
        repair=Repair(f"{alone_too}{row.repair.format(**words)}", undo and _shaped(undo)),
        where=described(evidence),
        bits=float(bits),
        chi2=float(z @ z) / max(1, z.size - candidate.free),
        confidence=min(share[row.name], row.surest, candidate.surest),
        alternatives=tuple(sorted(others.items(), key=lambda kind: -kind[1])[:4]),
    )


def _words(evidence: Evidence, candidate: Candidate) -> dict[str, Any]:
    words = {"primal": evidence.primal, "through": evidence.through, **candidate.parameters}
    return words | ({"axis_name": evidence.axis(words["axis"])} if "axis" in words else {})


def _sentence(evidence: Evidence, row: Row, candidate: Candidate) -> str:
    alone = f"seen through each entry of {evidence.through} alone, " if evidence.split else ""
    return alone + row.sentence.format(**_words(evidence, candidate))


def _untold(evidence: Evidence, share: Mapping[str, float]) -> Diagnosis:
    where = described(evidence)
    others = {n: s for n, s in share.items() if n != UNKNOWN}
    return Diagnosis(
        kind=UNKNOWN,
        sentence="; ".join(facts(evidence, where)),
        where=where,
        bits=untold_length(evidence),
        alternatives=tuple(sorted(others.items(), key=lambda kind: -kind[1])[:4]),
    )


def _upright(evidence: Evidence) -> Evidence:
    """Returns the evidence of a number as that of an array of one."""
    arrays = {n: np.reshape(getattr(evidence, n), (1,)) for n in ("claimed", "true", "bar", "seen")}
    sigma = None if evidence.sigma is None else np.reshape(evidence.sigma, (1,))
    return replace(evidence, sigma=sigma, **arrays)


def _shaped(undo: Undo) -> Undo:
    """Returns the repair for a claim of any number of axes, also none."""

    def apply(c: Array) -> Array:
        with np.errstate(all="ignore"):
            repaired = undo(np.atleast_1d(np.asarray(c, dtype=float)))
        return np.asarray(repaired).reshape(np.shape(c))

    return apply
