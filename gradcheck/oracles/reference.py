"""A reference implementation as a third witness, next to the claim and the finite differences.

The reference is a subject like any other: its pullback is asked for the same cotangents, and where
one of the three differs from the other two, that one is named.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.comparison import FAIL_BARS, Outcome
from gradcheck.contract import Audit
from gradcheck.evaluation import dot, flat, weight
from gradcheck.probes import Probe
from gradcheck.subject import Subject, copied
from gradcheck.verdict import Comparison, Finding, number

VALUE_ULPS = 64.0
"""Two implementations of one function differ by the rounding of both: this many ulps of the
outputs' scale (they may sum in different orders)."""

ROUNDING_ULPS = 64.0


@dataclass(frozen=True)
class Witness:
    """What the reference says.

    Attributes:
        comparisons: one row for each primal.
        findings: where the reference itself is the odd one out.
        says: for a primal that is found wrong, what the third witness adds.
    """

    comparisons: tuple[Comparison, ...] = ()
    findings: tuple[Finding, ...] = ()
    says: dict[str | None, str] = field(default_factory=dict)


def witness(
    other: Subject,
    audited: Audit,
    probed: Sequence[tuple[Probe, Outcome]],
) -> Witness:
    """Returns the reference's view of each primal's probe."""
    subject = audited.evaluator.subject
    names = dict(zip(subject.point, other.point, strict=False))
    point = copied(other.point)
    outputs = dict(other.function(point))
    values = _values_differ(audited, outputs, other.name)
    if values is not None:
        return Witness(findings=(values,))
    u = dict(zip(outputs, audited.cotangents[0].values(), strict=True))
    y_bar = {n: backends.of(y).like(u[n], y) for n, y in outputs.items()}
    pulled = other.pullback(y_bar, copied(other.point)).cotangents
    reference = {
        ours: np.asarray(backends.of(pulled[theirs]).values(pulled[theirs]), dtype=float)
        for ours, theirs in names.items()
        if theirs in pulled and ours in audited.gradients[0]
    }
    rows, findings, says = [], [], {}
    for probe, outcome in probed:
        if len(probe.primals) != 1 or probe.primals[0] not in reference:
            continue
        name = probe.primals[0]
        if any(row.primal == name for row in rows):
            continue
        row, odd = _row(name, probe, outcome, audited, reference, other.name)
        rows.append(row)
        if outcome.status == "fail":
            says[name] = _third(row, outcome, other.name)
        elif odd:
            findings.append(odd)
    return Witness(tuple(rows), tuple(findings), says)


def _row(
    name: str,
    probe: Probe,
    outcome: Outcome,
    audited: Audit,
    reference: dict[str, np.ndarray],
    title: str,
) -> tuple[Comparison, Finding | None]:
    """Returns the row of a primal: the claim against the reference, entry by entry at its worst."""
    claimed, true = audited.gradients[0][name], reference[name]
    v = {name: probe.tangent[name]}
    c, r = dot({name: claimed}, v), dot({name: true}, v)
    size = max(weight({name: claimed}, v), weight({name: true}, v))
    bar = ROUNDING_ULPS * audited.evaluator.claim_eps * size
    agrees = abs(c - r) <= FAIL_BARS * bar
    finding = None
    if not agrees and outcome.status == "pass":
        message = (
            f"{name}: {title} is the odd one out: finite differences and the pullback agree on "
            f"{number(c, 4)} along the probe, {title} gives {number(r, 4)}"
        )
        finding = Finding(
            kind="reference_differs", primal=name, claimed=c, true=r, bar=bar, message=message
        )
    row = Comparison(
        primal=name,
        oracle=title,
        status="pass" if agrees else "fail",
        claimed=c,
        true=r,
        bar=bar,
        resolution=(abs(c - r) + bar) / size if agrees and size > 0 else None,
        evaluations=1,
    )
    return row, finding


def _third(row: Comparison, outcome: Outcome, title: str) -> str:
    if row.status == "pass":
        return (
            f"The function is the odd one out: the pullback and {title} agree, and finite "
            "differences of the function do not"
        )
    measured = row.claimed + outcome.residual
    # The probe may be seen through another cotangent than the reference was asked for: then the
    # two numbers cannot be compared, and only the claim is known to differ from both.
    same = np.isclose(row.claimed, outcome.claimed, rtol=1e-12, atol=0.0)
    if same and abs(row.true - measured) > FAIL_BARS * (row.bar + outcome.bar):
        return f"All three differ: {title} gives {number(row.true, 4)} along the probe"
    return f"The pullback is the odd one out: finite differences and {title} agree"


def _values_differ(audited: Audit, outputs: dict[str, Any], title: str) -> Finding | None:
    ours, theirs = flat(audited.outputs), flat(outputs)
    message = ""
    if ours.size != theirs.size:
        message = f"{title} returns {theirs.size} values where the function returns {ours.size}"
    else:
        scale = np.maximum(np.abs(ours), np.max(np.abs(ours), initial=0.0))
        bar = VALUE_ULPS * audited.evaluator.claim_eps * scale
        error = np.abs(ours - theirs)
        if np.any(error > bar):
            worst = int(np.argmax(error - bar))
            message = (
                f"{title} is not the same function: output {worst} is {number(theirs[worst], 6)}, "
                f"and {number(ours[worst], 6)} here"
            )
    return Finding(kind="reference_value", message=message) if message else None
