"""The road, readable top to bottom: subject, audit, probes, oracle, comparison, localisation."""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.adapters import reference_of, subject_of
from gradcheck.adapters.functions import name_of
from gradcheck.constants import excused
from gradcheck.contract import Audit, audit, further, random_kept
from gradcheck.contract.determinism import backward_again
from gradcheck.cost import LEAN, planned
from gradcheck.errors import EvaluationError, InvalidInput, PullbackError
from gradcheck.escalation import (
    computes_wide,
    escalated,
    is_borne_out,
    lengthened,
    lost_digits,
    widened,
)
from gradcheck.evaluation import BudgetSpent, Evaluator, Meter
from gradcheck.exact import sharpened
from gradcheck.explanations import explained
from gradcheck.isolated import found_alone, is_seen, isolated, undecided_alone
from gradcheck.kinks import calmed
from gradcheck.lean import compared_at_once
from gradcheck.low_precision import compared_coarsely
from gradcheck.measurement import Measurement, Probed, more_probes
from gradcheck.network import Part, is_network, network_of
from gradcheck.network.judged import Judge, Judged, judged_by
from gradcheck.network.report import rooted
from gradcheck.noise import LOW_BITS
from gradcheck.oracles.reference import Witness, witness
from gradcheck.probes import cotangents, part_probe, parts, passing, probes
from gradcheck.snippets import with_snippets
from gradcheck.subject import Point, Pulled, Subject, copied
from gradcheck.summary import BUDGET, not_measurable, notes, summed, undecided
from gradcheck.verdict import JOINT, Comparison, Finding, Status, Verdict, status_of

LEAN_NOTE = "the budget allows one direction only, and no audits: a larger one sees more"
IN_LONG = "right in long double; float64 loses its digits here (a difference of large terms)"
LOST = (
    "function or claim lose their digits in float64 here (a difference of large terms), and long "
    "double does not tell: check at a point that is less saturated"
)
UNSTABLE = "two calls of the pullback give different gradients"
TOO_COARSE = "in so few bits one direction tells nothing: allow more evaluations, budget=..."

ROOTS, ROOTS_EACH = 2**14, 2**11
"""Evaluations of parts that the search for roots in a network takes at most, and of one of them."""


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
            It takes the same primals in the same order; of a layer the inputs, then the parameters.
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
    with random_kept(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        drawn = [_drawn(args[0], rng) for _ in range(points)] if _is_draw(args) else [args]
        options = {"vjp": vjp, "wrt": wrt, "name": name}
        meter, results = Meter(budget), list[Result]()
        subject = raised = None
        try:
            for point in drawn:
                subject = None
                subject = subject_of(thing, point, **options)
                other = None if reference is None else reference_of(reference, subject, point, wrt)
                results.append(_checked(subject, other, meter, allow, rng))
        except PullbackError as error:
            raised = error
            results.append(Result((Finding(kind="raises", message=str(error)),), (), ()))
        title = name or (subject.name if subject else name_of(type(thing)))
        verdict = _verdict(title, results, meter, seed)
        failed = [(r, at) for r, at in zip(results, drawn, strict=False) if r.status == "fail"]
        for _, at in failed[:1] if is_network(thing, args, vjp) else ():
            network = _network(thing, at, options, rng)
            verdict = rooted(verdict, network, judge_of(meter, allow, rng))
    if raised is not None and not any(root.kind == "part" for root in verdict.roots):
        raise raised
    if verdict.status != "fail":
        return verdict
    given = {**options, "reference": reference, "budget": budget, "allow": allow or None}
    given |= {"points": points if _is_draw(args) else None, "seed": seed}
    return with_snippets(verdict, thing, args, given)


def _network(thing: Any, args: tuple, options: Mapping[str, Any], rng: np.random.Generator) -> Part:
    """Returns the thing as a network, with cotangents that are drawn for its outputs."""
    try:
        subject = subject_of(thing, args, **options)
    except PullbackError:  # a layer object whose backward is broken: it tells no more of itself
        return network_of(
            thing, args, None, Subject(name_of(type(thing)), {}, {}, dict, _nothing), {}
        )
    outputs = subject.function(copied(subject.point))
    drawn = cotangents(outputs, rng)[0]
    y_bar = {name: backends.of(y).like(drawn[name], y) for name, y in outputs.items()}
    return network_of(thing, args, options["vjp"], subject, y_bar)


def _nothing(cotangents: Point, point: Point) -> Pulled:
    return Pulled({})


def judge_of(meter: Meter, allow: float, rng: np.random.Generator) -> Judge:
    """Returns how a part of a network is checked by itself, within what is left of the budget."""
    left = Meter(ROOTS if meter.budget is None else max(0, int(meter.left)))

    def judge(subject: Subject, y_bar: Point, thorough: bool, audits: bool) -> Judged:
        if not subject.point:
            return Judged("right")
        if left.left < LEAN:
            raise BudgetSpent
        own = Meter(int(min(left.left, ROOTS_EACH)))
        try:
            quick = {"lean": not thorough, "audits": audits}
            result = _walked(subject, None, own, allow, rng, y_bar=y_bar, **quick)
        finally:
            left.evaluations += own.evaluations
        return judged_by(result.findings, result.comparisons, subject, thorough)

    return judge


@dataclass(frozen=True)
class Result:
    """What the road found at one point; `heard` is how many bits the function was found to have."""

    findings: tuple[Finding, ...]
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...]
    probed: tuple[Probed, ...] = ()
    heard: int = 64

    @property
    def status(self) -> Status:
        """What the point's verdict would be."""
        return status_of(self.findings, self.comparisons)


def _checked(
    subject: Subject, other: Subject | None, meter: Meter, allow: float, rng: np.random.Generator
) -> Result:
    """Walks the road at one point; what a lean road costs is kept for where the budget ends."""
    whole, kept = meter.budget, LEAN if meter.left >= planned(subject) else 0
    if whole is not None:
        meter.budget = whole - kept
    try:
        result = _walked(subject, other, meter, allow, rng)
    except BudgetSpent:
        result = None
    finally:
        meter.budget = whole
    if result is not None and not (kept and _is_cut_short(result)):
        return result
    try:
        lean = _walked(subject, other, meter, allow, rng, lean=True)
    except BudgetSpent:
        rows = tuple(undecided(name, "finite differences", BUDGET) for name in subject.point)
        lean = Result((), rows, (*subject.notes, LEAN_NOTE))
    return lean if result is None or lean.status == "fail" else result


def _is_cut_short(result: Result) -> bool:
    """Whether the budget left open what a smaller one would have decided."""
    return result.status == "inconclusive" and any(c.reason == BUDGET for c in result.comparisons)


def _walked(
    subject: Subject,
    other: Subject | None,
    meter: Meter,
    allow: float,
    rng: np.random.Generator,
    *,
    y_bar: Point | None = None,
    lean: bool = False,
    audits: bool = True,
) -> Result:
    """Walks the road: audit, numbers, further audits; the lean one where the budget is small.

    A part of a network is also looked at through the cotangents `y_bar` that reach it.
    """
    lean = lean or meter.left < planned(subject)

    def drawn(outputs: Point) -> list[dict[str, np.ndarray]]:
        if y_bar is None:
            return cotangents(outputs, rng)[: 1 if lean else None]
        return passing(outputs, y_bar, rng)[: 2 if lean else None]

    audited = audit(Evaluator(subject, meter), drawn, lean=lean)
    if lean:
        result, left_out = _at_once(audited, allow, rng), (LEAN_NOTE,)
        more: list[Finding] = []
    else:
        result = _judged(audited, allow, rng)
        result = _alone(audited, result, drawn, allow, rng) if audits else result
        wrong = {finding.primal for finding in result.findings}
        heard = replace(audited, evaluator=replace(audited.evaluator, heard=result.heard))
        more, left_out = further(heard, rng, {n for n in wrong if n}) if audits else ([], ())
    if other is not None and not lean:
        told = [(p.probe, p.outcome) for p in result.probed]
        result = _with_witness(result, witness(other, audited, told))
    findings = (*audited.findings, *result.findings, *more)
    notes = (*audited.evaluator.subject.notes, *result.notes, *left_out)
    return Result(findings, result.comparisons, notes)


def _alone(
    audited: Audit,
    result: Result,
    cotangents_of: Callable[[Point], list[dict[str, np.ndarray]]],
    allow: float,
    rng: np.random.Generator,
) -> Result:
    """Adds what is seen of entries that drown in others at points where they do not."""
    right = {c.primal for c in result.comparisons if c.status == "pass"}
    for name, count, point in isolated(audited, rng):
        subject, meter = audited.evaluator.subject.at(point), audited.evaluator.meter
        try:
            there = audit(Evaluator(subject, meter), cotangents_of)
            seen = _judged(there, allow, rng)
        except (BudgetSpent, EvaluationError):  # it need not be in the function's domain
            continue
        found = [f for f in seen.findings if f.primal == name and is_seen(f, there)]
        if found and name in right:
            rows = tuple(
                replace(c, status="fail", resolution=None) if c.primal == name else c
                for c in result.comparisons
            )
            told = tuple(found_alone(f, count) for f in found)
            result = replace(result, findings=(*result.findings, *told), comparisons=rows)
        elif not any(c.primal == name and c.status == "pass" for c in seen.comparisons):
            result = replace(result, notes=(*result.notes, undecided_alone(name, count)))
    return result


def _judged(audited: Audit, allow: float, rng: np.random.Generator) -> Result:
    """Returns the comparison in a wider precision where that can be had, else in the primals'."""
    wider = escalated(audited)
    result = None
    if wider is not None:
        result = _in_wide(audited, wider, allow, rng)
        if result is not None:
            return result
        result = _compared(audited, wider, allow, rng)
    if result is None:
        result = _compared(audited, audited.evaluator, allow, rng)
    assert result is not None
    if wider is None and result.status != "pass":
        result = _vouched(audited, result, allow, rng)
    if result.status == "fail":
        result = _in_long(audited, result, allow, rng)
    return result


def _at_once(audited: Audit, allow: float, rng: np.random.Generator) -> Result:
    """Returns the comparison of all sound primals along one direction."""
    m = Measurement(audited, audited.evaluator, allow, rng)
    point = {n: x for n, x in audited.point.items() if n in audited.sound and backends.size(x)}
    reason = not_measurable(m) or (TOO_COARSE if m.evaluator.bits <= LOW_BITS else "")
    if reason or not point:
        return Result((), tuple(undecided(name, m.oracle, reason) for name in point), ())
    rows, findings, probed = compared_at_once(m, point)
    return Result(tuple(findings), tuple(rows), notes(m, findings), (probed,))


def _compared(
    audited: Audit,
    evaluator: Evaluator,
    allow: float,
    rng: np.random.Generator,
    narrow: Evaluator | None = None,
) -> Result | None:
    """Returns the comparison of all sound primals; None: a wider precision is not borne out.

    Args:
        audited: what the audit left.
        evaluator: evaluates the function.
        allow: the relative error that is intended.
        rng: draws the probes.
        narrow: evaluates the function in the primals' own dtypes, where `evaluator` does not.
    """
    narrow = audited.evaluator if evaluator.precision is not None else narrow
    m = Measurement(audited, evaluator, allow, rng)
    point = {n: x for n, x in audited.point.items() if n in audited.sound}
    reason = not_measurable(m)
    if reason:
        return Result((), tuple(undecided(name, m.oracle, reason) for name in point), ())
    probed: list[Probed] = []
    try:
        m.listen(point)
        fine = {n: x for n, x in point.items() if m.evaluator_of((n,)).bits > LOW_BITS}
        for one in walked(m, fine):
            probed.append(one)
            if one.outcome.status == "fail" and narrow and not is_borne_out(one.line, narrow):
                return None
        m, probed = looked_closer(m, probed)
    except BudgetSpent:
        pass
    coarse = [n for n in point if m.evaluator_of((n,)).bits <= LOW_BITS]
    probed = [p for p in probed if not set(coarse) & set(p.probe.primals)]
    comparisons, findings = summed(m, {n: x for n, x in point.items() if n not in coarse}, probed)
    findings = explained(m, findings, m.located)
    rows, found = compared_coarsely(m, {name: point[name] for name in coarse})
    comparisons, findings = [*comparisons, *rows], [*findings, *found]
    heard = min((bits for bits in m.fine.values() if bits), default=evaluator.heard)
    said = notes(m, findings)
    return Result(tuple(findings), tuple(comparisons), said, tuple(probed), heard)


def walked(m: Measurement, point: Mapping[str, Any]) -> Iterator[Probed]:
    """Yields all probes of the primals: each for itself, together, coarse ones again, parts."""
    probed = []
    for probe in probes(point, m.rng):
        probed.append(m.walked(probe))
        yield probed[-1]
    for probe in more_probes(point, probed, m.rng):
        yield m.walked(probe)
    failing = {n for p in probed if p.outcome.status == "fail" for n in p.probe.primals}
    for name, part in parts(point, m.audited.gradients):
        if name not in failing:
            yield m.walked(part_probe(point, name, part, m.rng))


def looked_closer(m: Measurement, probed: list[Probed]) -> tuple[Measurement, list[Probed]]:
    """Returns the probes after noise, kinks, exact routes, inner rounding, and constants."""
    # A claim of fewer digits than the evaluations have is not decided by hearing these better.
    unsure = {"fail"} if m.evaluator.rounded else {"fail", "inconclusive"}
    if any(p.outcome.status in unsure for p in probed):
        m.listen_again()
        probed = [m.walked_again(p) for p in probed]
    calm = calmed(m) if any(p.is_doubtful for p in probed) else None
    if calm is not None:
        probed = [calm.walked_again(p) if p.is_doubtful else p for p in probed]
        m = m if calm.ties or not calm.decisive else calm.measurement
    probed = sharpened(m, probed)
    if m.behind_rounding(probed):
        probed = [m.walked(p.probe) if p.outcome.status == "fail" else p for p in probed]
    return m, excused(m, probed)


def _in_wide(
    audited: Audit, wider: Evaluator, allow: float, rng: np.random.Generator
) -> Result | None:
    """Returns the comparison of the claim made in a wider precision by the same pullback.

    The formula is then judged without the rounding of the narrow claim, and the narrow claim by the
    wide one. None: the pullback does not work there, or it gives something else than it does in the
    primals' own precision, so that the narrow claim must be judged for itself.
    """
    wide = widened(audited, wider)
    if wide is None:
        return None
    # The rounding of the narrow dtype hides noise that two calls in the wide one show.
    unstable = tuple(backward_again(wide))
    if unstable:
        rows = tuple(undecided(name, "finite differences", UNSTABLE) for name in wide.sound)
        return Result(unstable, rows, ())
    lost = tuple(lost_digits(audited, wide, rng))
    result = _compared(wide, wide.evaluator, allow, rng, narrow=audited.evaluator)
    if result is None or (result.status != "pass" and any(f.severity == "error" for f in lost)):
        return None
    if result.status != "pass" and not computes_wide(wide, rng):
        return None
    if result.status == "fail":
        result = _in_long(wide, result, allow, rng)
    note = f"function and pullback were evaluated in {wider.precision}; the claim in the primals' "
    note += "own precision differs by rounding only" if not lost else "own precision differs"
    return replace(result, findings=(*result.findings, *lost), notes=(*result.notes, note))


def _vouched(audited: Audit, result: Result, allow: float, rng: np.random.Generator) -> Result:
    """Returns the result without what the same function in float64 says to be right.

    Where the two precisions do not agree at the point, the narrower one cancels (1 + tanh of a
    large -x, the layer norm of inputs far from zero): there its differences accuse a right formula.
    """
    wide = escalated(audited, np.inf)
    seen = None if wide is None else _compared(audited, wide, allow, rng)
    if seen is None:
        return result
    right = {c.primal for c in seen.comparisons if c.status == "pass"}
    rows = [c for c in result.comparisons if c.primal not in right]
    rows += [c for c in seen.comparisons if c.primal in right]
    findings = [f for f in result.findings if f.primal not in right]
    return replace(result, findings=tuple(findings), comparisons=tuple(rows))


def _in_long(audited: Audit, result: Result, allow: float, rng: np.random.Generator) -> Result:
    """Returns the result without what long double does not say to be wrong as well.

    Asked only where float64 is seen to lose digits: a primal that passes there is right, one that
    is undecided there is undecided.
    """
    wide = lengthened(audited)
    seen = None if wide is None else _compared(wide, wide.evaluator, allow, rng)
    if seen is None:
        return result
    rows = {c.primal: c for c in seen.comparisons}
    told: dict[str | None, Comparison] = {}
    for f in result.findings:
        row = rows.get(f.primal or "")
        if row is not None and row.status != "fail":
            passes = row.status == "pass" and _is_told(f, row)
            told[f.primal] = (
                replace(row, reason=IN_LONG) if passes else undecided(row.primal, row.oracle, LOST)
            )
    kept = tuple(c for c in result.comparisons if c.primal not in told)
    findings = tuple(f for f in result.findings if f.primal not in told)
    return replace(result, findings=findings, comparisons=(*kept, *told.values()))


def _is_told(finding: Finding, row: Comparison) -> bool:
    """Whether a pass excludes what a finding says to be wrong."""
    if finding.claimed is None or finding.true is None or row.resolution is None:
        return False
    size = max(abs(finding.claimed), abs(finding.true))
    return abs(finding.claimed - finding.true) > 4 * row.resolution * size


def _with_witness(result: Result, report: Witness) -> Result:
    """Adds the third witness's rows, and says who is the odd one out."""
    named = [
        replace(f, message=f"{f.message}. {report.says[f.primal]}")
        if f.primal in report.says
        else f
        for f in result.findings
    ]
    return replace(
        result,
        findings=(*named, *report.findings),
        comparisons=(*result.comparisons, *report.comparisons),
    )


def _verdict(name: str, results: Sequence[Result], meter: Meter, seed: int) -> Verdict:
    findings = _unique([f for result in results for f in result.findings])
    findings.sort(key=lambda f: (f.severity != "error", -abs(np.log(abs(f.ratio or 1.0) + 1e-300))))
    comparisons = tuple(c for result in results for c in result.comparisons)
    resolutions = [
        c.resolution for c in comparisons if c.resolution is not None and c.primal != JOINT
    ]
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


def _is_draw(args: Sequence[Any]) -> bool:
    return len(args) == 1 and callable(args[0]) and not backends.is_array(args[0])


def _drawn(draw: Callable[..., Any], rng: np.random.Generator) -> tuple[Any, ...]:
    point = draw(rng)
    if isinstance(point, (tuple, list)):
        return tuple(point)
    return (point,)


def _check_options(budget: int | None, allow: float, points: int, seed: int | None) -> None:
    for name, value, least in (("budget", budget, 1), ("points", points, 1), ("seed", seed, 0)):
        if value is None and name != "points":
            continue
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
            wanted = f"a whole number from {least} on{'' if name == 'points' else ', or None'}"
            raise InvalidInput(f"{name} is {value!r}: wanted {wanted}")
    if not isinstance(allow, (int, float, np.number)) or not 0 <= allow < 1:
        raise InvalidInput(f"allow is {allow!r}: wanted a relative error from 0 to below 1")
