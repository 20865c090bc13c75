"""The same call twice: the function and the pullback must give the same again, each for itself."""

from collections.abc import Container
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.contract.audited import Audit, is_far
from gradcheck.contract.mutation import changed, forward
from gradcheck.contract.randomness import repeated
from gradcheck.contract.settling import settling
from gradcheck.evaluation import BudgetSpent, Evaluator
from gradcheck.subject import Point, Pulled, Subject, copied
from gradcheck.verdict import Finding

ACCUMULATES = "accumulates"

RANDOM = Finding(
    kind="random",
    message="the function draws random numbers: each evaluation was given the same ones, and the "
    "gradient is judged for these",
    severity="warning",
)


def forward_again(
    evaluator: Evaluator, outputs: dict[str, Any]
) -> tuple[Evaluator, dict[str, Any], list[Finding]]:
    """Evaluates once more; a function that draws from a global generator is given the same numbers.

    Returns the evaluator to go on with, f at the point, and what is wrong. One evaluation that the
    budget does not allow is left out.
    """
    try:
        names = _changed_again(evaluator, outputs)
        if names:
            pinned = replace(evaluator, subject=repeated(evaluator.subject))
            first, _, _ = forward(pinned)
            if not _changed_again(pinned, first):
                return pinned, first, [RANDOM]
            if (calm := settling(evaluator, outputs)) is not None:
                return calm[0], calm[1], [calm[2]]
    except BudgetSpent:
        return evaluator, outputs, []
    if not names:
        return evaluator, outputs, []
    message = (
        f"two evaluations at the same point give different values of {', '.join(names)}: no "
        "derivative can be measured. Seed its generator in the function, or pass the random draw "
        "as a primal that wrt leaves out"
    )
    return evaluator, outputs, [Finding(kind="forward_nondeterministic", message=message)]


def backward_again(audited: Audit) -> list[Finding]:
    """Calls the pullback once more, and a third time where it gives something else."""
    y_bar = audited.y_bar(audited.cotangents[0])
    first, second = audited.gradients[0], audited.pulled(copied(y_bar))
    names = audited.differing(first, second, audited.rounding)
    if not names:
        return []
    third = audited.pulled(copied(y_bar))
    if all(_adds_up(first[n], second[n], third.get(n), audited.rounding) for n in names):
        message = (
            f"{', '.join(names)}: each call of the pullback adds to the gradient of the call "
            "before: overwrite what it returns instead of adding to it, or start from zeros"
        )
        return [Finding(kind=ACCUMULATES, message=message, parameters={"primals": [*names]})]
    message = (
        "two calls of the pullback with the same cotangent at the same point give different "
        "gradients, by more than rounding"
    )
    return [Finding(kind="backward_nondeterministic", message=message)]


def _adds_up(first: np.ndarray, second: np.ndarray, third: np.ndarray | None, share: float) -> bool:
    """Whether three answers are in arithmetic progression."""
    if third is None or not first.shape == second.shape == third.shape:
        return False
    return not is_far(second - first, third - second, 4 * share)


def increments(subject: Subject, names: Container[str]) -> Subject:
    """Returns the subject for a pullback that accumulates: each answer is what one call adds.

    Args:
        subject: what is under test.
        names: the primals whose gradients are added up.
    """

    def pullback(cotangents: Point, point: Point) -> Pulled:
        first = copied(subject.pullback(copied(cotangents), copied(point)).cotangents)
        second = subject.pullback(copied(cotangents), copied(point))
        added = {
            n: _minus(x, first.get(n)) if n in names else x for n, x in second.cotangents.items()
        }
        return replace(second, cotangents=added)

    return replace(subject, pullback=pullback, interleaved=None, partial=None)


def _changed_again(evaluator: Evaluator, outputs: Point) -> list[str]:
    return changed(outputs, evaluator.outputs(copied(evaluator.subject.point)))


def _minus(x: Any, y: Any) -> Any:
    if not (backends.is_floating(x) and backends.is_floating(y)):
        return x
    backend = backends.of(x)
    return backend.step(x, -1.0, backend.values(y))
