"""From probes to rows and findings: what each primal's evidence is, and what is wrong with it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from gradcheck import backends
from gradcheck.comparison import ON_KINK
from gradcheck.evaluation import BudgetSpent
from gradcheck.findings import joint_finding, located_finding, probe_finding, ties_finding
from gradcheck.localisation import Located, located
from gradcheck.measurement import Measurement, Probed
from gradcheck.probes import Probe, scale
from gradcheck.verdict import JOINT, Comparison, Finding

BUDGET = "the budget is spent: allow more evaluations, budget=..."


def summed(
    m: Measurement, point: Any, probed: list[Probed]
) -> tuple[list[Comparison], list[Finding]]:
    """Returns a comparison for each primal and for the joint probes, and the findings."""
    reasons = m.audited.evaluator.subject.undecided
    comparisons = [undecided(name, m.oracle, reason) for name, reason in reasons.items()]
    findings = []
    for name in point:
        own = [p for p in probed if p.probe.primals == (name,)]
        if not own:
            empty = np.size(backends.of(point[name]).values(point[name])) == 0
            row = undecided(name, m.oracle, BUDGET)
            comparisons.append(_empty(row) if empty else row)
            continue
        chosen = max(own, key=_telling)
        finding = None
        if chosen.outcome.status == "fail":
            finding = _finding(m, name, chosen)
        elif any(p.on_kink for p in own):
            finding = _on_kink(m, name, next(p for p in own if p.on_kink))
        comparisons.append(_decided(_comparison(m, name, chosen), finding))
        findings += [finding] if finding else []
    joint = [p for p in probed if len(p.probe.primals) > 1]
    if joint and not findings:
        chosen = max(joint, key=_telling)
        if chosen.outcome.status == "fail":
            findings.append(joint_finding(chosen.probe.primals, chosen.outcome))
        if chosen.outcome.status in ("pass", "fail"):
            comparisons.append(_comparison(m, JOINT, chosen))
    return comparisons, findings


def _comparison(m: Measurement, name: str, probed: Probed) -> Comparison:
    """Returns the row of a primal."""
    outcome = probed.outcome
    return Comparison(
        primal=name,
        oracle=m.oracle,
        status="inconclusive" if outcome.status == "grey" else outcome.status,
        claimed=outcome.claimed,
        true=outcome.claimed + outcome.residual,
        bar=outcome.bar,
        resolution=outcome.resolution if outcome.status == "pass" else None,
        evaluations=probed.evaluations,
        reason=outcome.reason,
    )


def _on_kink(m: Measurement, name: str, probed: Probed) -> Finding | Literal[False]:
    """Looks at the entries of a primal that is on kinks: each has an interval of its own.

    Along one direction slopes at several kinks may hide one another, and a wrong slope elsewhere
    hides among them. Returns what is wrong, False where nothing is.
    """
    k = probed.worst
    try:
        found = located(probed.line, name, k, m.rng)
        if found.indices:
            return _located_finding(m, name, found)
        return _ties(m, name, found.kinked) or False
    except BudgetSpent:
        return False


def _ties(m: Measurement, name: str, kinked: np.ndarray) -> Finding | None:
    """Moves all entries that are on a kink together: what a tie shares out must add up.

    Each entry of a tied maximum may have any share of the slope, but along all of them the slope is
    one: a gradient that gives each the whole of it passes entry by entry, and fails here.
    """
    if kinked.sum() < 2:
        return None
    x = m.audited.evaluator.subject.point[name]
    together = m.walked(Probe((name,), {name: np.where(kinked, scale(x), 0.0)}))
    if together.outcome.status != "fail":
        return None
    return ties_finding(name, int(kinked.sum()), together.outcome)


def _finding(m: Measurement, name: str, probed: Probed) -> Finding:
    """Returns what is wrong with a primal: entry by entry where it is small enough."""
    missing = name in m.audited.missing
    return _entries(m, name, probed) or probe_finding(name, probed.outcome, missing=missing)


def _entries(m: Measurement, name: str, probed: Probed) -> Finding | None:
    """Looks at each entry of a primal; returns what is wrong, None where nothing is seen."""
    k = 0 if probed.outcomes[0].status == "fail" else probed.worst
    try:
        found = located(probed.line, name, k, m.rng)
    except BudgetSpent:
        found = None
    if found is None or not found.indices:
        return None
    return _located_finding(m, name, found)


def _located_finding(m: Measurement, name: str, found: Located) -> Finding:
    arrays = {**m.audited.evaluator.subject.point, **m.audited.outputs}
    return located_finding(found, arrays, missing=name in m.audited.missing)


def notes(m: Measurement, findings: Sequence[Finding]) -> tuple[str, ...]:
    """Returns what the reader should know about how the comparison was made."""
    notes = []
    if m.evaluator.precision is not None:
        native = backends.of(next(iter(m.audited.evaluator.point.values())))
        x = next(iter(m.audited.evaluator.point.values()))
        notes.append(
            f"the function was evaluated in {m.evaluator.precision}, the claim is "
            f"{native.precision(x).name}"
        )
    if m.base.size > 1 and any(f.claimed is not None for f in findings):
        notes.append("gradients are those of ⟨ȳ, f⟩ for the cotangent ȳ that the seed draws")
    return tuple(notes)


def not_measurable(m: Measurement) -> str:
    """Returns why no difference of the function means anything, "" where it does."""
    if not np.isfinite(m.base).all():
        return "the output is not finite at the point: choose another one"
    if any(f.kind == "forward_nondeterministic" for f in m.audited.findings):
        return "the function gives another value each time"
    return ""


def undecided(name: str, oracle: str, reason: str) -> Comparison:
    """Returns the row of a primal about which nothing can be said."""
    return Comparison(
        primal=name,
        oracle=oracle,
        status="inconclusive",
        claimed=float("nan"),
        true=float("nan"),
        bar=float("inf"),
        resolution=None,
        evaluations=0,
        reason=reason,
    )


def _decided(row: Comparison, finding: Finding | Literal[False] | None) -> Comparison:
    """Returns the row after its entries were looked at one by one (False: nothing wrong)."""
    if finding:
        return replace(row, status="fail", resolution=None)
    return replace(row, status="pass", reason=ON_KINK) if finding is False else row


def _empty(row: Comparison) -> Comparison:
    return replace(row, status="pass", claimed=0.0, true=0.0, bar=0.0, reason="it has no entries")


def _telling(probed: Probed) -> tuple[int, float]:
    outcome = probed.outcome
    rank = {"fail": 3, "pass": 2, "grey": 1, "inconclusive": 0}[outcome.status]
    return rank, outcome.excess if outcome.status == "fail" else -outcome.bar
