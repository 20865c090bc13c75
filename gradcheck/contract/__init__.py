"""What can be wrong besides the values: form, mutation, aliasing, state, layout, linearity, batch.

`audit` runs first: it evaluates the function and the pullback at the point, on copies, and looks at
what came back and at what happened to what was handed in. `further` runs after the numbers, with
what is left of the budget: each of its audits is a row of `AUDITS`, and asks for the same gradient
in another way.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcheck.contract import aliasing, form, mutation
from gradcheck.contract.audited import Audit
from gradcheck.contract.batch import batches
from gradcheck.contract.determinism import ACCUMULATES, backward_again, forward_again, increments
from gradcheck.contract.digits import digits
from gradcheck.contract.layout import layouts
from gradcheck.contract.linearity import linear
from gradcheck.contract.mutation import guarded
from gradcheck.contract.overflow import infinite, overflowing
from gradcheck.contract.partial import in_part
from gradcheck.contract.randomness import random_kept, random_states, repeated
from gradcheck.contract.state import added_up, counted, filled_once, stale
from gradcheck.errors import EvaluationError
from gradcheck.evaluation import BudgetSpent, Evaluator
from gradcheck.subject import Pulled, copied
from gradcheck.verdict import Finding

__all__ = [
    "AUDITS",
    "Audit",
    "audit",
    "further",
    "guarded",
    "random_kept",
    "random_states",
    "repeated",
]


@dataclass(frozen=True)
class Row:
    """One further audit.

    Attributes:
        name: how a note calls it that says it was left out.
        audit: (what the audit left, a generator, the primals with wrong values) -> findings.
        evaluations: how often it evaluates the function; another two or so to confirm a suspicion.
    """

    name: str
    audit: Callable[[Audit, np.random.Generator, Collection[str]], Iterator[Finding]]
    evaluations: int


AUDITS: tuple[Row, ...] = (
    Row("state between calls", lambda audited, rng, wrong: stale(audited, rng), 2),
    Row("a cache filled once", filled_once, 1),
    Row("gradients that add up", lambda audited, rng, wrong: added_up(audited), 0),
    Row("digits", lambda audited, rng, wrong: digits(audited), 0),
    Row("linearity", lambda audited, rng, wrong: linear(audited, rng), 0),
    Row("memory layout", lambda audited, rng, wrong: layouts(audited, rng), 3),
    Row("batches of one and of none", batches, 2),
    Row("some outputs and primals alone", in_part, 0),
    Row("many calls", lambda audited, rng, wrong: counted(audited), 0),
)

UNSTABLE = {"forward_nondeterministic", "backward_nondeterministic", ACCUMULATES}
"""Where the same call gives another result, another call says nothing."""

WRITES = {"input_mutated", "cotangent_mutated"}
"""Who writes to what it is given gets copies from then on."""


def audit(
    evaluator: Evaluator,
    cotangents_of: Callable[[Mapping[str, Any]], list[dict[str, np.ndarray]]],
    *,
    lean: bool = False,
) -> Audit:
    """Audits the function at the point, and the pullback for each cotangent.

    Args:
        evaluator: the subject.
        cotangents_of: draws the cotangents for the outputs.
        lean: whether one evaluation and one pullback must do.

    Raises:
        EvaluationError: the function, or its pullback (`PullbackError`), raised.
        BudgetSpent: not even one evaluation is allowed.
    """
    findings = list(evaluator.subject.findings)
    outputs, given, mutated = mutation.forward(evaluator)
    evaluator = _guarded(evaluator) if mutated else evaluator
    drawn: list[Finding] = []
    if not lean:
        evaluator, outputs, drawn = forward_again(evaluator, outputs)
    evaluator, ordinary, overflown = overflowing(evaluator, outputs)
    evaluator = replace(evaluator, blind=infinite(ordinary))
    findings += [*mutated, *drawn, *overflown]

    names = tuple(evaluator.subject.point)
    cotangents = cotangents_of(ordinary)
    audited = Audit(evaluator, outputs, cotangents, [], names, (), (), {} if drawn else given)
    pulled, raw, found = _backward(audited, lean)
    gradient, bad = form.read(evaluator.subject, outputs, pulled)
    findings += [*found, *pulled.findings]
    if any(finding.kind in WRITES for finding in found):
        audited = replace(audited, evaluator=_guarded(evaluator))

    audited = replace(audited, gradients=[gradient], sound=_sound(names, pulled, bad))
    again = [] if lean or _is_unstable(drawn) else backward_again(audited)
    adding = [finding for finding in again if finding.kind == ACCUMULATES]
    for finding in adding:
        subject = increments(audited.evaluator.subject, finding.parameters["primals"])
        audited = replace(audited, evaluator=replace(audited.evaluator, subject=subject))
    first = 0 if again else 1
    gradients = audited.gradients[:first]
    for cotangent in cotangents[first:]:
        answer = audited.evaluator.pullback(cotangent, outputs, copied(audited.point))
        gradient, worse = form.read(evaluator.subject, outputs, answer)
        gradients.append(gradient)
        bad += worse
    bad = list({finding.primal: finding for finding in reversed(bad)}.values())[::-1]
    if not again and not lean:
        findings += aliasing.reused(pulled.cotangents, raw)
    sound = _sound(names, pulled, bad)
    missing = tuple(name for name in sound if name not in pulled.cotangents)
    if evaluator.blind is not None and any(finding.kind == "not_finite" for finding in bad):
        # Where outputs are infinite the slopes may be so by right: nothing can be said.
        audited = replace(audited, evaluator=replace(audited.evaluator, blind=None))
        bad = [replace(f, severity="warning") if f.kind == "not_finite" else f for f in bad]
    everything = (*findings, *bad, *again)
    return replace(audited, gradients=gradients, sound=sound, missing=missing, findings=everything)


def further(
    audited: Audit, rng: np.random.Generator, wrong: Collection[str] = ()
) -> tuple[list[Finding], tuple[str, ...]]:
    """Runs the audits of `AUDITS` that the budget allows; returns the findings, and what to note.

    Args:
        audited: what `audit` left.
        rng: draws other points.
        wrong: the primals whose values are wrong.
    """
    if not audited.sound or _is_unstable(list(audited.findings)):
        return [], ()
    findings = list(aliasing.overwritten(audited.outputs, audited.given))
    left_out = []
    for row in AUDITS:
        try:
            if audited.evaluator.meter.left < row.evaluations:
                raise BudgetSpent
            findings += row.audit(audited, rng, wrong)
        except BudgetSpent:
            left_out.append(f"{row.name} (the budget is spent)")
        except EvaluationError as error:
            left_out.append(f"{row.name} ({error})")
    return findings, (f"not audited: {', '.join(left_out)}",) if left_out else ()


def _is_unstable(findings: list[Finding]) -> bool:
    return any(finding.kind in UNSTABLE for finding in findings)


def _guarded(evaluator: Evaluator) -> Evaluator:
    return replace(evaluator, subject=guarded(evaluator.subject))


def _backward(audited: Audit, lean: bool) -> tuple[Pulled, Mapping[str, Any], list[Finding]]:
    """Returns copies of what the pullback gave, the very arrays that it gave, and what it did.

    On the lean road no call follows that could overwrite them: no copies then.
    """
    y_bar = audited.y_bar(audited.cotangents[0])
    given, point = copied(y_bar), copied(audited.point)
    raw, findings = mutation.backward(audited.evaluator, y_bar, given, point)
    constants = audited.evaluator.subject.constants
    findings += aliasing.shared(raw.cotangents, {**constants, **point}, given)
    pulled = raw if lean else replace(raw, cotangents=copied(raw.cotangents))
    return pulled, raw.cotangents, findings


def _sound(names: tuple[str, ...], pulled: Pulled, bad: list[Finding]) -> tuple[str, ...]:
    """Returns the primals whose cotangents have the right form, or were not returned at all."""
    if pulled.findings and not pulled.cotangents:
        return ()
    unsound = {finding.primal for finding in bad if finding.severity == "error"}
    return tuple(name for name in names if name not in unsound)
