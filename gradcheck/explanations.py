"""From "these entries are wrong" to what the mistake is: the diagnosis in words, and its repair."""

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.comparison import FAIL_BARS
from gradcheck.diagnosis import (
    SUREST,
    UNKNOWN,
    VAGUE,
    Diagnosis,
    Evidence,
    described,
    diagnosed,
    patterns,
)
from gradcheck.evaluation import BudgetSpent
from gradcheck.findings import located_finding
from gradcheck.jacobian import through_outputs
from gradcheck.localisation import Located, completed
from gradcheck.measurement import Measurement
from gradcheck.steps import by_steps
from gradcheck.verdict import Finding

WHOLE = ("sign", "known factor", "constant factor", "nearly right", "zero")
"""Kinds that say the same of the whole gradient: no step says more."""

FREE = ("constant factor", VAGUE)
"""But for a number that nobody writes: what has it may be a step."""

PATTERNS_TRIED = 3
"""Where a sample was drawn, so many patterns are tried for all that is wrong."""

OUTSIDE = "outside the subgradient"
"""The kind of a claim that no kink allows."""

ON_KINK = "the claim is outside of what the kink allows"
USUAL_ON_KINK = "two branches are both counted there, or neither is"

STRAIGHT_THROUGH = (
    "the function is piecewise constant in it: its derivative is zero, and the claim is not. A "
    "straight-through gradient is no derivative, and nothing can confirm it"
)


@dataclass(frozen=True, eq=False)
class Told:
    """A finding with what is known of it so far."""

    finding: Finding
    found: Located
    k: int
    evidence: Evidence
    diagnosis: Diagnosis


def explained(
    m: Measurement, findings: Sequence[Finding], located: Mapping[str, tuple[Located, int]]
) -> list[Finding]:
    """Returns the findings with what the mistake is, where their primals were located.

    What the values of the gradient do not explain is looked for in the steps of the function, then
    in the gradient of each output by itself.

    Args:
        m: the measurement, for what the subject offers to compare with.
        findings: what is wrong.
        located: where, and through which cotangent, by primal.
    """
    wrong = {finding.primal for finding in findings} | set(located)
    told = [
        _told(m, finding, located, wrong)
        if finding.primal in located and finding.kind == "value"
        else finding
        for finding in findings
    ]
    open_ = {t.found.primal: t.k for t in told if isinstance(t, Told) and _is_open(t.diagnosis)}
    known = by_steps(m, open_)
    return [_worded(_closed(m, one, known)) if isinstance(one, Told) else one for one in told]


def _is_open(diagnosis: Diagnosis) -> bool:
    """Whether a diagnosis leaves open what was done."""
    if diagnosis.kind in WHOLE and (diagnosis.kind, diagnosis.confidence) != FREE:
        return False
    return diagnosis.kind == UNKNOWN or diagnosis.confidence <= VAGUE


def _closed(m: Measurement, told: Told, known: Mapping[str, Diagnosis]) -> Told:
    """Returns the best diagnosis that can be had."""
    before, primal = told.diagnosis, told.found.primal
    if primal in known and known[primal].confidence > before.confidence:
        others = ((before.kind, before.confidence),) if before.kind != UNKNOWN else ()
        found = replace(
            known[primal],
            where=before.where,
            repair=before.repair,
            alternatives=(*others, *before.alternatives),
        )
        return replace(told, diagnosis=found)
    if before.kind != UNKNOWN:
        return told
    found = _through_outputs(m, told.found, told.k, told.evidence)
    return told if found is None else replace(told, diagnosis=found)


def _told(
    m: Measurement,
    finding: Finding,
    located: Mapping[str, tuple[Located, int]],
    wrong: Container[str | None],
) -> Told | Finding:
    assert finding.primal is not None
    found, k = located[finding.primal]
    if m.evaluator_of((finding.primal,)).stepped and not np.any(found.true[found.wrong]):
        message = f"{finding.message}: {STRAIGHT_THROUGH}"
        return replace(finding, kind="straight_through", message=message)
    evidence = evidence_of(m, found, k, located, wrong)
    whole = _completed(m, found, k, evidence) if found.drawn else None
    if whole is not None:
        found, x = whole, m.audited.evaluator.subject.point[found.primal]
        finding = located_finding(found, x, missing=finding.kind == "missing")
        evidence = evidence_of(m, found, k, located, wrong)
    on_kinks = bool(found.kinked[found.wrong].all())
    diagnosis = _outside(evidence) if on_kinks else diagnosed(_off_kinks(evidence, found))
    return Told(finding, found, k, evidence, diagnosis)


def _worded(told: Told) -> Finding:
    """Returns a finding that says what the mistake is, and what to do about it."""
    finding, diagnosis = told.finding, told.diagnosis
    words = diagnosis.words if diagnosis.kind != OUTSIDE else f"{diagnosis.where}; {USUAL_ON_KINK}"
    repair = _verified(diagnosis, told.found)
    if repair:
        words += f"{'' if words.endswith('?') else '.'} Repair: {repair} (then it passes)"
    return replace(
        finding,
        message=f"{finding.message}: {words}" if words else finding.message,
        diagnosis=diagnosis.kind,
        parameters=_plain(diagnosis.parameters),
        where=diagnosis.where,
        repair=repair,
        confidence=diagnosis.confidence if diagnosis.kind != UNKNOWN else None,
        alternatives=diagnosis.alternatives,
    )


def evidence_of(
    m: Measurement,
    found: Located,
    k: int,
    located: Mapping[str, tuple[Located, int]],
    wrong: Container[str | None],
) -> Evidence:
    """Returns what is known of a primal, and what the subject offers besides."""
    subject = m.audited.evaluator.subject
    primal = subject.point[found.primal]
    is_complex = backends.of(primal).is_complex(primal)
    inputs = {**subject.constants, **subject.point}
    called = output_names(m.audited.outputs, inputs)
    outputs = {called[n]: y for n, y in m.audited.outputs.items()}
    arrays = {**inputs, **outputs}
    quantities = {n: _quantity(x) for n, x in arrays.items() if backends.is_array(x)}
    cotangents = {f"{called[n]}_bar": u for n, u in m.audited.cotangents[k].items()}
    return Evidence(
        primal=found.primal,
        claimed=found.claimed,
        true=found.true,
        bar=found.bar,
        seen=found.seen & np.isfinite(found.bar) & np.isfinite(found.claimed),
        parts=(found.claimed.ndim - 1,) if is_complex else (),
        quantities={**quantities, **cotangents},
        outputs=tuple(outputs),
        cotangents=tuple(cotangents),
        neighbours={
            name: (other.claimed, np.where(other.seen, other.true, np.nan))
            for name, (other, its) in located.items()
            if name != found.primal and its == k
        }
        | {
            name: (gradient, gradient)
            for name, gradient in m.audited.gradients[k].items()
            if name not in wrong
        },
    )


def _completed(m: Measurement, found: Located, k: int, evidence: Evidence) -> Located | None:
    """Returns all entries of the simplest pattern that the sample has, where no other is wrong."""
    simplest = sorted(patterns(evidence), key=lambda p: p.bits)[:PATTERNS_TRIED]
    line = m.line({found.primal: np.zeros(found.claimed.shape)})
    for pattern in simplest:
        inside = np.broadcast_to(pattern.mask(), found.claimed.shape)
        try:
            whole = completed(line, found, k, m.rng, inside)
        except BudgetSpent:
            return None
        if whole is not None:
            return whole
    return None


def _quantity(x: Any) -> np.ndarray:
    """Returns an array's values; labels, indices and masks stay whole numbers."""
    values = backends.of(x).values(x)
    return values if backends.is_floating(x) else values.astype(np.int64)


def output_names(outputs: Iterable[str], taken: Container[str]) -> dict[str, str]:
    """Returns what outputs are called where an input has their name (the targets y of a loss)."""
    return {name: f"{name}_out" if name in taken else name for name in outputs}


def _outside(evidence: Evidence) -> Diagnosis:
    """Returns the diagnosis of a claim that is wrong on kinks only."""
    where = described(evidence)
    sentence = f"{ON_KINK}, in {where}"
    return Diagnosis(
        kind=OUTSIDE, sentence=sentence, usual_cause=USUAL_ON_KINK, where=where, confidence=SUREST
    )


def _off_kinks(evidence: Evidence, found: Located) -> Evidence:
    """Returns the evidence of the entries that have one derivative."""
    return replace(evidence, seen=evidence.seen & ~found.kinked)


def _through_outputs(
    m: Measurement, found: Located, k: int, evidence: Evidence
) -> Diagnosis | None:
    """Returns the one mistake that every output shows in its own gradient; None: there is none."""
    told = [(e, diagnosed(e)) for e in through_outputs(m, found, k, evidence)]
    named = [d for _, d in told if d.kind != UNKNOWN]
    if not named:
        return None
    likely = max(named, key=lambda d: d.confidence).kind
    weakest = min((d for d in named if d.kind == likely), key=lambda d: d.confidence)
    undone = [(e, d.repair.apply) for e, d in told if d.repair and d.repair.apply]

    def apply(c: np.ndarray) -> np.ndarray:
        repaired = c.copy()
        for e, undo in undone:
            u = m.audited.cotangents[k][e.output]
            repaired += np.tensordot(u, undo(e.claimed) - e.claimed, e.split)
        return repaired

    repair = weakest.repair and replace(
        weakest.repair, apply=apply if len(undone) == len(told) else None
    )
    return replace(weakest, repair=repair, where=described(evidence))


def _verified(diagnosis: Diagnosis, found: Located) -> str:
    """Returns the repair's words where the repaired claim is right, "" where it is not known to."""
    if diagnosis.kind == UNKNOWN or diagnosis.repair is None or diagnosis.repair.apply is None:
        return ""
    repaired = np.asarray(diagnosis.repair.apply(found.claimed))
    seen = found.seen & np.isfinite(found.bar)
    error = np.abs(repaired - found.true)[seen]
    return _plainly(diagnosis.repair.text) if np.all(error <= FAIL_BARS * found.bar[seen]) else ""


def _plainly(text: str) -> str:
    """Returns the words of a repair without a sign or a factor that says nothing.

    >>> _plainly("subtract -1 * y"), _plainly("subtract -0.5 * y"), _plainly("subtract 1 * y")
    ('add y', 'add 0.5 * y', 'subtract y')
    """
    text = re.sub(r"^subtract -", "add ", text)
    return re.sub(r"^(add|subtract) 1 \* ", r"\1 ", text)


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Returns parameters as JSON has them: numbers, strings and lists."""
    plain = {}
    for name, value in parameters.items():
        if isinstance(value, np.generic | np.ndarray):
            value = value.tolist()
        plain[name] = list(value) if isinstance(value, tuple) else value
    return plain
