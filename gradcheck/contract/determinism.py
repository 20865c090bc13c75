"""The same call twice: the function and the pullback must give the same again, each for itself."""

import math
from collections.abc import Container
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.contract.audited import NOISY, Audit, is_far
from gradcheck.contract.mutation import changed, forward
from gradcheck.contract.randomness import repeated
from gradcheck.evaluation import BudgetSpent, Evaluator
from gradcheck.scales import scale
from gradcheck.subject import Point, Pulled, Subject, copied
from gradcheck.verdict import Finding

ACCUMULATES = "accumulates"

RANDOM = Finding(
    kind="random",
    message="the function draws random numbers: each evaluation was given the same ones, and the "
    "gradient is judged for these",
    severity="warning",
)

WORDS = (
    "two evaluations at the same point differ by {0:.0e} of {1}, as sums in no fixed order do "
    "(atomic additions of a GPU, threads): taken for rounding"
)
ORDER = 0.5, 0.25
"""Two orders of a sum of n terms x differ, in units of the spacing, by about √n / 3 of the sum, and
by n / 4 of a term where the terms cancel: the latter for the n that fall on one output."""

SURE = 7
"""So many more evaluations must be as near: noise of eight ulps is seldom so near by chance."""


def forward_again(
    evaluator: Evaluator, outputs: dict[str, Any]
) -> tuple[Evaluator, dict[str, Any], list[Finding]]:
    """Evaluates once more; a function that draws from a global generator is given the same numbers.

    Returns the evaluator to go on with, f at the point, and what is wrong. One evaluation that the
    budget does not allow is left out.
    """
    try:
        again = _again(evaluator)
        names = changed(outputs, again)
        if not names:
            return evaluator, outputs, []
        size, apart = _size(outputs), _apart(outputs, again)
        most = reordered(evaluator, outputs, size)
        for _ in range(SURE if apart <= most else 0):
            apart = max(apart, _apart(outputs, _again(evaluator)))
        if apart <= most:
            message = WORDS.format(apart / size, ", ".join(names))
            return evaluator, outputs, [Finding(kind=NOISY, message=message, severity="warning")]
        pinned = replace(evaluator, subject=repeated(evaluator.subject))
        first, _, _ = forward(pinned)
        if not changed(first, _again(pinned)):
            return pinned, first, [RANDOM]
    except BudgetSpent:
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


def reordered(evaluator: Evaluator, outputs: Point, size: float) -> float:
    """Returns by how much sums over all entries of the primals may differ, in no fixed order.

    Args:
        evaluator: the subject.
        outputs: f at the point.
        size: the largest entry of the outputs.
    """
    primals, eps = evaluator.point.values(), 2.0 ** (1 - evaluator.bits)
    count, term = sum(math.prod(backends.coordinates(x)) for x in primals), max(map(scale, primals))
    each = count / max(1, sum(math.prod(backends.of(y).shape(y)) for y in outputs.values()))
    of_sum, of_terms = ORDER
    most = eps * (of_sum * count**0.5 * size + of_terms * each * term)
    return min(most, eps**0.5 * size)


def _again(evaluator: Evaluator) -> dict[str, Any]:
    return evaluator.outputs(copied(evaluator.subject.point))


def _size(outputs: Point) -> float:
    """Returns the largest finite entry, 1 at least."""
    values = [backends.of(y).values(y) for y in outputs.values() if backends.is_floating(y)]
    return max(1.0, *(np.max(np.abs(v), initial=0.0, where=np.isfinite(v)) for v in values))


def _apart(old: Point, new: Point) -> float:
    """Returns by how much outputs differ; infinite where they are of another kind."""
    gaps = [0.0]
    for name, y in old.items():
        again = new.get(name)
        if not (backends.is_floating(y) and backends.is_floating(again)):
            return np.inf
        x, z = backends.of(y).values(y), backends.of(again).values(again)
        finite = np.isfinite(x)
        if x.shape != z.shape or not (finite == np.isfinite(z)).all():
            return np.inf
        gaps.append(float(np.max(np.abs(x - z), initial=0.0, where=finite)))
    return max(gaps)


def _minus(x: Any, y: Any) -> Any:
    if not (backends.is_floating(x) and backends.is_floating(y)):
        return x
    backend = backends.of(x)
    return backend.step(x, -1.0, backend.values(y))
