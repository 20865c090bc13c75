"""From probes to rows and findings: what each primal's evidence is, and what is wrong with it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from gradcheck import backends
from gradcheck.comparison import FAIL_BARS, ON_KINK, UNRESOLVED
from gradcheck.edges import HELD, seen_from_inside
from gradcheck.evaluation import BudgetSpent
from gradcheck.exact import exactly_located
from gradcheck.findings import (
    edge_finding,
    joint_finding,
    located_finding,
    probe_finding,
    ties_finding,
)
from gradcheck.localisation import (
    MOST_KINKED,
    MOST_SCREENED,
    Located,
    located,
    screened,
)
from gradcheck.measurement import COARSE, Measurement, Probed
from gradcheck.mixtures import are_mixed, is_between, is_mixed
from gradcheck.probes import Probe, scale, tangent
from gradcheck.scales import length
from gradcheck.verdict import JOINT, Comparison, Finding

REPEATS = 2
REPEATS_IF_UNSURE, MISSES = 5, 3
"""Further directions that must fail where no entry does, and in a low precision: kinks close by,
which no step of float32 passes, let one direction in six of a wide network fail by chance. A gross
error leaves little along one in ten: of twice as many directions so few may not fail (by chance
seven of ten do once in 4000, five of five once in 8000)."""

NOT_REPEATED = (
    "one direction disagrees by little, others and the entries do not: kinks close by that no step "
    "can pass in this precision; let the function accept float64, or move the point"
)

ON_KINKS = "the point is on or next to kinks, and "
TOO_MANY_KINKS = (
    f"{ON_KINKS}there are more than {MOST_SCREENED} entries, too many to look at each: check fewer "
    "of them, or move the point off the kinks"
)
KINKS_TOO_CLOSE = (
    f"{ON_KINKS}in this precision an entry cannot be told from them: check in float64, or move the "
    "point off the kinks"
)
KINKS_AND_BUDGET = f"{ON_KINKS}the budget does not allow to look at each entry: budget=..."

MOST_SIGNED = 64
"""So many entries on kinks are looked at through two more cotangents."""

GROSS = 0.25
"""In a low precision a single entry is accused only beyond this share: kinks close by account for
errors of a few per cent."""

ENTRY_RESOLUTION = 2.0**-18
"""What looking at entries one by one excludes, where their ladders end at 2^-20."""

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
            nothing = backends.size(point[name]) == 0
            row = empty(name, m.oracle) if nothing else undecided(name, m.oracle, BUDGET)
            comparisons.append(row)
            continue
        chosen = _speaker(own)
        parts = [p for p in own if p.probe.part is not None and p.outcome.status == "fail"]
        finding: Finding | Literal[False] | str | None = None
        if chosen.outcome.status == "fail":
            finding = _finding(m, name, chosen)
            if finding is None:
                comparisons.append(undecided(name, m.oracle, NOT_REPEATED))
                continue
        elif parts and (finding := _finding(m, name, parts[0])):
            chosen = parts[0]
        elif any(p.on_kink for p in own):
            finding = _on_kink(m, name, next(p for p in own if p.on_kink))
        row = _decided(row_of(m, name, chosen), finding)
        if row.status == "pass" and m.edges.get(name) is not None:
            row, finding = _at_edges(m, name, row)
        comparisons.append(row)
        findings += [finding] if isinstance(finding, Finding) else []
    joint = [p for p in probed if len(p.probe.primals) > 1]
    if joint and not findings:
        chosen = max(joint, key=_telling)
        wrong = next((p for p in joint if _is_wrong_jointly(m, p)), None)
        if wrong is not None:
            chosen, probe = wrong, wrong.probe
            findings.append(joint_finding(probe.primals, wrong.outcome, on_kink=probe.alike))
        if wrong is not None or chosen.outcome.status == "pass":
            comparisons.append(row_of(m, JOINT, chosen))
    return comparisons, findings


def _at_edges(m: Measurement, name: str, row: Comparison) -> tuple[Comparison, Finding | None]:
    """Looks at entries at the edge of the domain from inside, the others being right."""
    mask = m.edges[name]
    assert mask is not None
    v = np.where(mask, np.abs(tangent(m.audited.evaluator.subject.point, (name,), m.rng)[name]), 0)
    line = m.line({name: v})
    seen = [seen_from_inside(line, k) for k in range(len(line.gradients))]
    if "wrong" in seen:
        return replace(row, status="fail", resolution=None), edge_finding(name, int(mask.sum()))
    if "open" in seen:
        return replace(row, status="inconclusive", resolution=None, reason=HELD), None
    return row, None


def _is_wrong_jointly(m: Measurement, probed: Probed) -> bool:
    fails = probed.outcome.status == "fail" and _repeats(m, probed.probe)
    return fails and not is_mixed(m, probed, _failing(probed))


def row_of(m: Measurement, name: str, probed: Probed) -> Comparison:
    """Returns the row of a primal, or of all of them together."""
    outcome = probed.outcome
    return Comparison(
        primal=name,
        oracle=f"{m.oracle} and {outcome.route}" if outcome.route else m.oracle,
        status="inconclusive" if outcome.status == "grey" else outcome.status,
        claimed=outcome.claimed,
        true=outcome.claimed + outcome.residual,
        bar=outcome.bar,
        resolution=outcome.resolution if outcome.status == "pass" else None,
        evaluations=probed.evaluations,
        reason=outcome.reason,
    )


def _on_kink(m: Measurement, name: str, probed: Probed) -> Finding | Literal[False] | str:
    """Looks at the entries of a primal that is on kinks: each has an interval of its own.

    Along one direction slopes at several kinks may hide one another, and a wrong slope elsewhere
    hides among them. Returns what is wrong, False where nothing is, or why it stays undecided.
    """
    try:
        for k in sorted(range(len(probed.outcomes)), key=lambda k: k != probed.worst):
            found = _on_kinks(m, probed, name, k)
            if found is None:
                return TOO_MANY_KINKS if m.evaluator.is_sure else KINKS_TOO_CLOSE
            if found.indices and are_mixed(m, found, k):
                return False
            if found.indices and (m.evaluator.is_sure or _is_gross(found)):
                return _located_finding(m, name, found, k)
            if not found.indices and _is_telling(found):
                return (
                    _ties(m, name, found.kinked)
                    or _along_claim(m, found, k)
                    or _through_one_sign(m, name, probed, found)
                    or False
                )
        return KINKS_TOO_CLOSE
    except BudgetSpent:
        return KINKS_AND_BUDGET


def _through_one_sign(
    m: Measurement, name: str, probed: Probed, found: Located
) -> Finding | Literal[False]:
    """Looks at entries on kinks of several outputs through cotangents of one sign.

    With weights of both signs the interval of such an entry (a bias above rows of zeros) is so wide
    that a mean for a sum is within it.
    """
    kinked = np.flatnonzero(found.kinked)
    if not kinked.size or m.base.size == 1 or not m.evaluator.is_sure:
        return False
    many = kinked.size > MOST_SIGNED
    few = m.rng.choice(kinked, MOST_SIGNED, replace=False) if many else kinked
    for k in m.of_one_sign:
        line = m.line_of(probed.probe)
        again = screened(line, name, k, m.rng, most=0) if many else None
        again = again or located(line, name, k, m.rng, MOST_SIGNED, among=few)
        if again.indices and not are_mixed(m, again, k):
            return _located_finding(m, name, again, k)
    return False


def _on_kinks(m: Measurement, probed: Probed, name: str, k: int) -> Located | None:
    """Looks at all entries of a primal on kinks, at those of a large one that are suspicious."""
    size = probed.line.gradients[k][name].size
    if size <= MOST_KINKED or not m.evaluator.is_sure:
        found = located(probed.line, name, k, m.rng, MOST_KINKED)
        return found if size <= MOST_KINKED or found.indices else None
    return screened(probed.line, name, k, m.rng)


def _is_telling(found: Located) -> bool:
    """Whether the bars of the entries are small against the gradient: they then exclude errors.

    Most of them must be, and all together: of a solution of an ill-conditioned system the bars of
    large entries are as large as these.
    """
    seen = np.isfinite(found.bar)
    size, bar = (length(a) for a in (found.claimed[seen], found.bar[seen]))
    most = np.median(found.bar) <= UNRESOLVED * size / max(1, seen.sum()) ** 0.5
    return bool(most and bar <= UNRESOLVED * size) or size == 0.0


def _is_gross(found: Located) -> bool:
    """Whether the worst entry is off by more than kinks close by account for."""
    worst = found.indices[0]
    claimed, true = float(found.claimed[worst]), float(found.true[worst])
    return abs(claimed - true) > GROSS * max(abs(claimed), abs(true))


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
    outcome = together.outcome
    return ties_finding(name, int(kinked.sum()), outcome, outcome.claimed + outcome.residual)


def _along_claim(m: Measurement, found: Located, k: int) -> Finding | None:
    """Moves the entries on kinks along the claim itself: it may be too long for its direction.

    At zero each entry of the gradient of a norm may be 1, and all of them may not.
    """
    if found.kinked.sum() < 2:
        return None
    longest = float(np.max(np.abs(found.claimed[found.kinked])))
    if not longest:
        return None
    size = scale(m.audited.evaluator.subject.point[found.primal]) / longest
    v = {found.primal: np.where(found.kinked, found.claimed * size, 0.0)}
    along = m.walked(Probe((found.primal,), v))
    outcome, seen = along.outcomes[k], along.estimate
    if seen is None or not np.isfinite(outcome.bar) or outcome.status == "pass":
        return None
    low, high = (seen.low[k], seen.high[k]) if seen.kinked[k] else (outcome.residual,) * 2
    slack = FAIL_BARS * outcome.bar
    if low - slack <= 0.0 <= high + slack or is_between(m, k, v, outcome.claimed + low):
        return None
    nearest = outcome.claimed + (high if high < 0.0 else low)
    return ties_finding(found.primal, int(found.kinked.sum()), outcome, nearest)


def _finding(m: Measurement, name: str, probed: Probed) -> Finding | Literal[False] | None:
    """Returns what is wrong with a primal, by its entries where they show it.

    Where no entry and no block shows it, other directions must, and in a low precision they must
    anyway: None where they do not, False where it was ties alone.
    """
    k = _failing(probed)
    if probed.outcomes[k].route:
        found = exactly_located(m, probed, k)
        return _located_finding(m, name, found, k) if found.indices else None
    unsure = not m.evaluator_of((name,)).is_sure
    if unsure and not _repeats(m, probed.probe):
        return None
    try:
        found = located(probed.line, name, k, m.rng, among=probed.probe.part)
    except BudgetSpent:
        return _probe_finding(m, name, probed)
    if found.indices and are_mixed(m, found, k):
        return False
    if found.indices:
        return _located_finding(m, name, found, k)
    if not unsure and not _repeats(m, probed.probe):
        return None
    return not is_mixed(m, probed, k) and _probe_finding(m, name, probed)


def _probe_finding(m: Measurement, name: str, probed: Probed) -> Finding:
    missing, part = name in m.audited.missing, probed.probe.part
    return probe_finding(name, probed.outcome, missing=missing, part=part)


def _repeats(m: Measurement, probe: Probe) -> bool:
    """Returns whether further directions fail as well.

    In a low precision one of them may be one along which even a gross error leaves little.
    """
    if m.evaluator_of(probe.primals).is_sure:
        return all(_fails_along(m, probe) for _ in range(REPEATS))
    misses = 0
    for count in range(1, 2 * REPEATS_IF_UNSURE + 1):
        misses += not _fails_along(m, probe)
        if misses > MISSES or (count == REPEATS_IF_UNSURE and not misses):
            break
    return misses <= MISSES


def _fails_along(m: Measurement, probe: Probe) -> bool:
    return m.walked(m.another(probe)).outcome.status == "fail"


def _failing(probed: Probed) -> int:
    """Returns the cotangent to look through: the plain one where it shows the failure."""
    return 0 if probed.outcomes[0].status == "fail" else probed.worst


def _located_finding(m: Measurement, name: str, found: Located, k: int) -> Finding:
    m.located[name] = (found, k)
    x = m.audited.evaluator.subject.point[name]
    return located_finding(found, x, missing=name in m.audited.missing)


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
    if m.evaluator.blind is not None:
        count = int(m.evaluator.blind.sum())
        notes.append(f"{count} of {m.base.size} outputs are infinite, and are not looked at")
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


def empty(name: str, oracle: str) -> Comparison:
    """Returns the row of a primal without entries."""
    row = undecided(name, oracle, "it has no entries")
    return replace(row, status="pass", claimed=0.0, true=0.0, bar=0.0)


def _decided(row: Comparison, finding: Finding | Literal[False] | str | None) -> Comparison:
    """Returns the row after its entries were looked at one by one (False: nothing wrong)."""
    if isinstance(finding, Finding):
        return replace(row, status="fail", resolution=None)
    if finding is False:
        resolution = max(row.resolution or 0.0, ENTRY_RESOLUTION)
        return replace(row, status="pass", resolution=resolution, reason=ON_KINK)
    if row.reason == ON_KINK:
        reason = finding or TOO_MANY_KINKS
        return replace(row, status="inconclusive", resolution=None, reason=reason)
    return row


def _speaker(own: list[Probed]) -> Probed:
    """Returns the probe that speaks for a primal: a failure first, then the sharpest pass.

    A pass that excludes little speaks only where most of the directions pass.
    """
    own = [p for p in own if p.probe.part is None]
    chosen = max(own, key=_telling)
    passes = sum(p.outcome.status == "pass" for p in own)
    coarse = (chosen.outcome.resolution or 0.0) > COARSE
    if chosen.outcome.status == "pass" and coarse and 2 * passes <= len(own):
        return next(p for p in own if p.outcome.status != "pass")
    return chosen


def _telling(probed: Probed) -> tuple[int, float]:
    outcome = probed.outcome
    rank = {"fail": 3, "pass": 2, "grey": 1, "inconclusive": 1}[outcome.status]
    if outcome.status == "pass" and outcome.resolution is None and outcome.weight > 0:
        rank = (
            0  # it claims next to nothing, and next to nothing is found: any other probe says more
        )
    return rank, outcome.excess if outcome.status == "fail" else -outcome.bar
