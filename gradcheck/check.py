"""The road, readable top to bottom: subject, audit, probes, oracle, comparison, localisation."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from gradcheck import backends
from gradcheck.adapters import subject_of
from gradcheck.comparison import ON_KINK, ROUNDING_ULPS, Outcome, judged
from gradcheck.contract import Audit, audit
from gradcheck.errors import InvalidInput
from gradcheck.escalation import escalated, is_borne_out, lost_digits, widened
from gradcheck.evaluation import BudgetSpent, Evaluator, Meter, dot, flat, weight
from gradcheck.findings import joint_finding, located_finding, probe_finding
from gradcheck.localisation import MOST_ENTRIES, located
from gradcheck.noise import Z, function_noise, gradient_noise, symmetric_noise
from gradcheck.oracles.finite_difference import Estimate, Line, estimate, settled
from gradcheck.oracles.reference import Witness, witness
from gradcheck.probes import Probe, cotangents, probes, tangent
from gradcheck.subject import Subject
from gradcheck.verdict import JOINT, Comparison, Finding, Verdict, number, status_of

TARGET = {53: 2.0**-30, 24: 2.0**-14}
"""Bars, relative to ‖x̄·v‖₂, below which the ladder stops: well under any mistake, and reached in
six evaluations by a smooth function."""


def check(
    thing: Any,
    *args: Any,
    vjp: Callable[..., Any] | None = None,
    wrt: Sequence[str | int] | str | None = None,
    reference: Any = None,
    seed: int | None = None,
    budget: int | None = None,
    allow: float = 0.0,
    points: int = 3,
    name: str | None = None,
) -> Verdict:
    """Returns whether a claimed gradient is right; if not, what is wrong and where.

    The claim is right where ⟨x̄, v⟩ = ⟨ȳ, ∂f/∂x · v⟩ for every tangent v and cotangent ȳ. It is
    compared with realised central differences whose error is measured; there is no tolerance to
    choose.

    Args:
        thing: a function, a rule that returns (y, pullback), or a layer object with forward and
            backward (see `Layer` for one that follows no convention).
        *args: the point: the primals in order, or one mapping of named primals (passed as
            keywords), or one function `draw(rng)` that returns either.
        vjp: the claimed pullback of a function: `vjp(y_bar, *primals)` (or `**primals`), one
            cotangent for each primal of `wrt`, in the structure in which the primals came; None
            stands for no gradient. `y_bar` has the structure of the output.
        wrt: the primals that are differentiated, by name or position; the others are constants.
        reference: another implementation of the same function: a rule, or `from_torch(function)`.
        seed: repeats an earlier check; a fresh one is drawn and recorded where it is None.
        budget: the most evaluations of the function; what it leaves undecided is inconclusive.
        allow: a relative error of ⟨x̄, v⟩ that is intended (an approximation), in units of ‖x̄·v‖₂.
        points: how many points are drawn from `draw`.
        name: how the verdict calls the subject.

    Returns:
        The verdict. A wrong gradient never raises; see `Verdict.raise_for_failure`.

    Raises:
        InvalidInput: the call is malformed; raised before anything is compared.
        EvaluationError: the function, or its pullback (`PullbackError`), raised at the point.

    >>> import numpy as np
    >>> x = np.array([0.3, -1.2, 2.0])
    >>> check(np.sin, x, vjp=lambda y_bar, x: y_bar * np.cos(x), seed=1).status
    'pass'
    >>> verdict = check(lambda x: x**2, x, vjp=lambda y_bar, x: y_bar * x, seed=1)
    >>> verdict.status, round(verdict.findings[0].ratio, 6)
    ('fail', 0.5)
    """
    _check_options(budget, allow, points, seed)
    seed = secrets.randbits(32) if seed is None else int(seed)
    rng = np.random.default_rng(seed)
    drawn = [_drawn(args[0], rng) for _ in range(points)] if _is_draw(args) else [args]
    options = {"vjp": vjp, "wrt": wrt, "name": name}
    subjects = [subject_of(thing, point, **options) for point in drawn]
    meter = Meter(budget)
    results = []
    for subject, point in zip(subjects, drawn, strict=True):
        other = None if reference is None else subject_of(reference, point, vjp=None, wrt=wrt, name=None)
        results.append(_checked(subject, other, meter, allow, rng))
    return _verdict(subjects[0].name, results, meter, seed)


BUDGET = "the budget is spent: allow more evaluations, budget=..."


@dataclass(frozen=True)
class Result:
    """What the road found at one point."""

    findings: tuple[Finding, ...]
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Probed:
    """A probe, its line, and its outcome through each cotangent."""

    probe: Probe
    line: Line
    estimate: Estimate | None
    outcomes: tuple[Outcome, ...]
    evaluations: int

    @property
    def worst(self) -> int:
        """The cotangent that tells most: a failure before a pass before what is undecided."""
        rank = {"fail": 3, "grey": 2, "pass": 1, "inconclusive": 0}
        keys = [(rank[o.status], o.excess if o.status != "pass" else -o.bar) for o in self.outcomes]
        return max(range(len(keys)), key=lambda k: keys[k])

    @property
    def on_kink(self) -> bool:
        """Whether the function has a kink at the point along this probe."""
        return self.estimate is not None and bool(self.estimate.kinked.any())

    @property
    def outcome(self) -> Outcome:
        """The outcome through that cotangent."""
        return self.outcomes[self.worst]


def _checked(
    subject: Subject, other: Subject | None, meter: Meter, allow: float, rng: np.random.Generator
) -> Result:
    """Walks the road at one point; a wider precision than the primals' own is tried first."""
    try:
        return _walked(subject, other, meter, allow, rng)
    except BudgetSpent:
        rows = tuple(_undecided(name, "finite differences", BUDGET) for name in subject.point)
        return Result((), rows, subject.notes)


def _walked(
    subject: Subject, other: Subject | None, meter: Meter, allow: float, rng: np.random.Generator
) -> Result:
    audited = audit(Evaluator(subject, meter), lambda outputs: cotangents(outputs, rng))
    wider = escalated(audited)
    result = _compared(audited, wider or audited.evaluator, other, allow, rng)
    if result is None:
        result = _compared(audited, audited.evaluator, other, allow, rng)
    assert result is not None
    notes = (*subject.notes, *result.notes)
    return Result((*audited.findings, *result.findings), result.comparisons, notes)


def _compared(
    audited: Audit,
    evaluator: Evaluator,
    other: Subject | None,
    allow: float,
    rng: np.random.Generator,
) -> Result | None:
    """Returns the comparison of all sound primals; None where a wider precision is not borne out."""
    road = _Road(audited, evaluator, allow, rng)
    point = {n: x for n, x in audited.evaluator.subject.point.items() if n in audited.sound}
    reason = _not_measurable(audited, road)
    if reason:
        return Result((), tuple(_undecided(name, road.oracle, reason) for name in point), ())
    probed: list[Probed] = []
    try:
        road.listen(point)
        for probe in probes(point, rng):
            probed.append(road.walked(probe))
            if probed[-1].outcome.status == "fail" and evaluator.precision is not None:
                if not is_borne_out(probed[-1].line, audited.evaluator):
                    return None
    except BudgetSpent:
        pass
    if evaluator.precision is not None and any(p.outcome.status == "fail" for p in probed):
        result = _in_wide(audited, evaluator, other, allow, rng)
        if result is not None:
            return result
    comparisons, findings = road.summed(point, probed)
    if other is not None:
        report = witness(other, audited, [(p.probe, p.outcome) for p in probed], road.slack)
        comparisons, findings = _with_witness(comparisons, findings, report)
    notes = road.notes(probed)
    return Result(tuple(findings), tuple(comparisons), notes)


def _in_wide(
    audited: Audit, evaluator: Evaluator, other: Subject | None, allow: float, rng: Any
) -> Result | None:
    """Returns the comparison of the claim made in the wider precision, where that one is right.

    What then is left of the disagreement is the rounding of the narrow claim, judged on its own.
    """
    wide = widened(audited, evaluator)
    result = None if wide is None else _compared(wide, wide.evaluator, other, allow, rng)
    if wide is None or result is None or status_of(result.findings, result.comparisons) != "pass":
        return None
    note = (
        f"the pullback is right in {evaluator.precision}; in the primals' own precision it differs "
        "by rounding"
    )
    lost = tuple(lost_digits(audited, wide))
    return replace(result, findings=(*result.findings, *lost), notes=(*result.notes, note))


class _Road:
    """The stages between the audit and the verdict, for one point and one precision."""

    def __init__(
        self, audited: Audit, evaluator: Evaluator, allow: float, rng: np.random.Generator
    ) -> None:
        self.audited, self.evaluator, self.allow, self.rng = audited, evaluator, allow, rng
        self.weights = np.array([flat(u) for u in audited.cotangents])
        native = evaluator.precision is None
        self.base = flat(audited.outputs) if native else evaluator.values(evaluator.point)
        self.sigma = np.zeros(len(self.weights))

    def listen(self, point: Any) -> None:
        """Measures the noise of the function, if there is anything to compare."""
        if point:
            self.sigma = function_noise(
                self.evaluator, self.base, self.weights, self.usable_gradients(), self.rng
            )

    def usable_gradients(self) -> list[dict[str, np.ndarray]]:
        """Returns the claimed gradients with zero for what is not finite."""
        return [
            {n: np.where(np.isfinite(g), g, 0.0) for n, g in gradient.items()}
            for gradient in self.audited.gradients
        ]

    @property
    def oracle(self) -> str:
        """How the comparison rows call the oracle."""
        x = next(iter(self.evaluator.point.values()))
        return f"finite differences ({backends.of(x).precision(x).name})"

    def slack(self, gradient: dict[str, np.ndarray], v: Any) -> float:
        """Returns the bar of the claim's own rounding along a direction."""
        return ROUNDING_ULPS * self.evaluator.claim_eps * weight(gradient, v)

    def walked(self, probe: Probe) -> Probed:
        """Runs the ladder along a probe, and looks closer where the claim disagrees."""
        before = self.evaluator.meter.evaluations
        line = self.line(probe.tangent)
        if not line.add(2.0 ** -round(self.evaluator.bits / 6)):
            # Part of the step leaves the domain: move each entry by a share of itself.
            point = self.audited.evaluator.subject.point
            probe = replace(probe, tangent=tangent(point, probe.primals, self.rng, relative=True))
            line = self.line(probe.tangent)
        weights = [weight(g, probe.tangent) for g in line.gradients]
        target = TARGET.get(self.evaluator.bits, 2.0 ** (-0.57 * self.evaluator.bits))
        sizes = np.array(weights)
        best = estimate(line, lambda: target * np.maximum(sizes, line.sensitivity() * 2.0**-10))
        outcomes = self.judge(probe, line, best)
        suspects = np.array([o.status in ("fail", "grey") for o in outcomes])
        if best is not None and suspects.any():
            best = settled(line, best, suspects)
            outcomes = self.judge(probe, line, best, careful=True)
        if any(o.status == "grey" for o in outcomes):
            outcomes = self.again(probe, outcomes)
        return Probed(probe, line, best, outcomes, self.evaluator.meter.evaluations - before)

    def again(self, probe: Probe, outcomes: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
        """Decides what lies between one and two bars by another direction."""
        v = tangent(self.audited.evaluator.subject.point, probe.primals, self.rng)
        line = self.line(v)
        best = estimate(line, lambda: np.zeros(len(line.gradients)))
        repeated = self.judge(Probe(probe.primals, v), line, best, careful=True)
        return tuple(
            second if first.status == "grey" and second.status != "grey" else _ungreyed(first)
            for first, second in zip(outcomes, repeated, strict=True)
        )

    def line(self, v: Any) -> Line:
        """Returns the line along a tangent."""
        return Line(
            self.evaluator, self.base, self.weights, self.usable_gradients(), v, self.sigma
        )

    def judge(
        self, probe: Probe, line: Line, best: Estimate | None, *, careful: bool = False
    ) -> tuple[Outcome, ...]:
        """Returns the outcome through each cotangent; careful: the claim's noise is measured."""
        outcomes = []
        for k, gradient in enumerate(line.gradients):
            claimed, size = dot(gradient, probe.tangent), weight(gradient, probe.tangent)
            if best is None:
                outcomes.append(
                    Outcome("inconclusive", claimed, np.nan, np.inf, size, "no step is finite")
                )
                continue
            rounding = self.slack(gradient, probe.tangent)
            rounding += ROUNDING_ULPS * self.evaluator.claim_eps * float(best.sensitivity[k])
            if careful and abs(best.residual[k]) > best.bar[k]:
                rounding += Z * self.claim_noise(k, probe)
            outcomes.append(
                judged(
                    best,
                    k,
                    claimed=claimed,
                    weight=size,
                    rounding=rounding,
                    eps=self.evaluator.claim_eps,
                    allow=self.allow,
                )
            )
        return tuple(outcomes)

    def claim_noise(self, k: int, probe: Probe) -> float:
        """Returns the noise of the claimed derivative along a probe."""
        return gradient_noise(
            self.audited.evaluator,
            self.audited.cotangents[k],
            self.audited.outputs,
            self.usable_gradients()[k],
            probe.tangent,
            self.rng,
        )

    def summed(self, point: Any, probed: list[Probed]) -> tuple[list[Comparison], list[Finding]]:
        """Returns a comparison for each primal and for the joint probes, and the findings."""
        undecided = self.audited.evaluator.subject.undecided
        comparisons = [_undecided(name, self.oracle, reason) for name, reason in undecided.items()]
        findings = []
        for name in point:
            own = [p for p in probed if p.probe.primals == (name,)]
            if not own:
                empty = np.size(backends.of(point[name]).values(point[name])) == 0
                row = _undecided(name, self.oracle, BUDGET)
                comparisons.append(_empty(row) if empty else row)
                continue
            chosen = max(own, key=_telling)
            finding = None
            if chosen.outcome.status == "fail":
                finding = self.finding(name, chosen)
            elif any(p.on_kink for p in own):
                finding = self.on_kink(name, next(p for p in own if p.on_kink))
            comparisons.append(_decided(self.comparison(name, chosen), finding))
            findings += [finding] if finding else []
        joint = [p for p in probed if len(p.probe.primals) > 1]
        if joint and not findings:
            chosen = max(joint, key=_telling)
            if chosen.outcome.status == "fail":
                findings.append(joint_finding(chosen.probe.primals, chosen.outcome))
            if chosen.outcome.status in ("pass", "fail"):
                comparisons.append(self.comparison(JOINT, chosen))
        return comparisons, findings

    def comparison(self, name: str, probed: Probed) -> Comparison:
        """Returns the row of a primal."""
        outcome = probed.outcome
        return Comparison(
            primal=name,
            oracle=self.oracle,
            status="inconclusive" if outcome.status == "grey" else outcome.status,
            claimed=outcome.claimed,
            true=outcome.claimed + outcome.residual,
            bar=outcome.bar,
            resolution=outcome.resolution if outcome.status == "pass" else None,
            evaluations=probed.evaluations,
            reason=outcome.reason,
        )

    def on_kink(self, name: str, probed: Probed) -> Finding | Literal[False] | None:
        """Looks at each entry of a primal that is on kinks: each has an interval of its own.

        Along one direction slopes at several kinks may hide one another, and a wrong slope
        elsewhere hides among them. Returns what is wrong, False where nothing is, None (undecided)
        where the primal is too large.
        """
        if np.size(probed.line.gradients[0][name]) > MOST_ENTRIES:
            return None
        return self.entries(name, probed) or False

    def finding(self, name: str, probed: Probed) -> Finding:
        """Returns what is wrong with a primal: entry by entry where it is small enough."""
        missing = name in self.audited.missing
        return self.entries(name, probed) or probe_finding(name, probed.outcome, missing=missing)

    def entries(self, name: str, probed: Probed) -> Finding | None:
        """Looks at each entry of a primal; returns what is wrong, None where nothing is seen."""
        missing = name in self.audited.missing
        k = 0 if probed.outcomes[0].status == "fail" else probed.worst
        try:
            sigma = symmetric_noise(self.evaluator, self.base, self.weights, self.rng)
            found = located(replace(probed.line, sigma=sigma), name, k)
        except BudgetSpent:
            found = None
        if found is None or not found.indices:
            return None
        arrays = self.audited.evaluator.subject.point | self.audited.outputs
        is_loss = self.base.size == 1 and k == 0
        return located_finding(found, arrays, missing=missing, is_loss=is_loss)

    def notes(self, probed: list[Probed]) -> tuple[str, ...]:
        """Returns what the reader should know about how the comparison was made."""
        notes = []
        if self.evaluator.precision is not None:
            native = backends.of(next(iter(self.audited.evaluator.point.values())))
            x = next(iter(self.audited.evaluator.point.values()))
            notes.append(
                f"the function was evaluated in {self.evaluator.precision}, the claim is "
                f"{native.precision(x).name}"
            )
        return tuple(notes)


def _with_witness(
    comparisons: list[Comparison], findings: list[Finding], report: Witness
) -> tuple[list[Comparison], list[Finding]]:
    """Adds the third witness's rows, and says who is the odd one out."""
    named = [
        replace(f, message=f"{f.message}. {report.says[f.primal]}") if f.primal in report.says else f
        for f in findings
    ]
    return [*comparisons, *report.comparisons], [*named, *report.findings]


def _verdict(name: str, results: Sequence[Result], meter: Meter, seed: int) -> Verdict:
    findings = _unique([f for result in results for f in result.findings])
    findings.sort(key=lambda f: (f.severity != "error", -abs(np.log(abs(f.ratio or 1.0) + 1e-300))))
    comparisons = tuple(c for result in results for c in result.comparisons)
    resolutions = [c.resolution for c in comparisons if c.resolution is not None and c.primal != JOINT]
    return Verdict(
        subject=name,
        status=status_of(findings, comparisons),
        findings=tuple(findings),
        comparisons=comparisons,
        resolution=max(resolutions, default=None),
        evaluations=meter.evaluations,
        pullbacks=meter.pullbacks,
        seed=seed,
        notes=tuple(dict.fromkeys(note for result in results for note in result.notes)),
    )


def _unique(findings: list[Finding]) -> list[Finding]:
    """Returns the first finding of each kind and primal: several points repeat themselves."""
    return list({(f.kind, f.primal, f.severity): f for f in reversed(findings)}.values())[::-1]


def _telling(probed: Probed) -> tuple[int, float]:
    outcome = probed.outcome
    rank = {"fail": 3, "pass": 2, "grey": 1, "inconclusive": 0}[outcome.status]
    return rank, outcome.excess if outcome.status == "fail" else -outcome.bar


def _ungreyed(outcome: Outcome) -> Outcome:
    if outcome.status != "grey":
        return outcome
    reason = f"the residual is {number(outcome.excess, 2)} bars, twice: neither right nor wrong"
    return replace(outcome, status="inconclusive", reason=reason)


def _not_measurable(audited: Audit, road: _Road) -> str:
    """Returns why no difference of the function means anything, "" where it does."""
    if not np.isfinite(road.base).all():
        return "the output is not finite at the point: choose another one"
    if any(f.kind == "forward_nondeterministic" for f in audited.findings):
        return "the function gives another value each time"
    return ""


def _undecided(name: str, oracle: str, reason: str) -> Comparison:
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


def _is_draw(args: Sequence[Any]) -> bool:
    return len(args) == 1 and callable(args[0]) and not backends.is_array(args[0])


def _drawn(draw: Callable[..., Any], rng: np.random.Generator) -> tuple[Any, ...]:
    point = draw(rng)
    if isinstance(point, (tuple, list)):
        return tuple(point)
    return (point,)


def _check_options(budget: int | None, allow: float, points: int, seed: int | None) -> None:
    if budget is not None and budget < 1:
        raise InvalidInput(f"budget is {budget}: wanted at least one evaluation, or None")
    if not 0 <= allow < 1:
        raise InvalidInput(f"allow is {allow}: wanted a relative error from 0 to below 1")
    if points < 1:
        raise InvalidInput(f"points is {points}: wanted at least one point to draw")
    if seed is not None and seed < 0:
        raise InvalidInput(f"seed is {seed}: wanted a number from 0 on, or None for a fresh one")
