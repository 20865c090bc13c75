"""The road, readable top to bottom: subject, audit, probes, oracle, comparison, localisation."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.adapters import reference_of, subject_of
from gradcheck.adapters.functions import name_of
from gradcheck.contract import Audit, audit, further, random_kept
from gradcheck.cost import LEAN, planned
from gradcheck.errors import EvaluationError, InvalidInput, PullbackError
from gradcheck.evaluation import BudgetSpent, Evaluator, Meter
from gradcheck.isolated import found_alone, is_seen, isolated, undecided_alone
from gradcheck.judgement import Result, judged, judged_at_once
from gradcheck.network import Part, is_network, network_of
from gradcheck.network.judged import Judge, Judged, judged_by
from gradcheck.network.report import rooted
from gradcheck.oracles.reference import Witness, witness
from gradcheck.probes import cotangents, passing
from gradcheck.snippets import with_snippets
from gradcheck.subject import Point, Pulled, Subject, copied
from gradcheck.summary import BUDGET, undecided
from gradcheck.verdict import JOINT, Finding, Verdict, status_of

LEAN_NOTE = "the budget allows one direction only, and no audits: a larger one sees more"

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
        result, left_out = judged_at_once(audited, allow, rng), (LEAN_NOTE,)
        more: list[Finding] = []
    else:
        result = judged(audited, allow, rng)
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
            seen = judged(there, allow, rng)
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
