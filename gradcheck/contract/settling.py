"""A function that answers a little otherwise each time, and ever less so: a warm-started solver.

It starts from its last solution and stops within a tolerance, so that the same point, asked again,
is answered better. Repeated until nothing changes it is a function, whose derivative can be
measured; by what its first answer was off the claim may be off, too.
"""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.contract.mutation import changed
from gradcheck.errors import EvaluationError
from gradcheck.evaluation import Evaluator, flat
from gradcheck.subject import Point, Pulled, Subject, copied
from gradcheck.verdict import Finding, number

TRIES, CALMER = 8, 0.5
"""Of so many answers each must be nearer to the one before than that was to its own, the last two
by so much: noise does so in one of 8! cases."""

LEAST_ULPS = 16.0
"""Nearer than that is rounding."""

MOST = 2.0**-10
"""Answers that differ by more of themselves are not those of a tolerance."""

REPEATS = 256
AMPLIFIED = 2.0**6
"""A solution's error may be so many times larger, relative to itself, in its derivative."""


def settling(
    evaluator: Evaluator, outputs: Point
) -> tuple[Evaluator, dict[str, Any], Finding] | None:
    """Returns the evaluator of the settled function, f at the point, and a warning.

    None where the answers do not settle.

    Raises:
        BudgetSpent: the evaluations by which this is told are not allowed.
    """
    point = evaluator.subject.point
    answers = [outputs, *(evaluator.outputs(copied(point)) for _ in range(TRIES))]
    values = [flat(y) for y in answers]
    if any(y.size != values[0].size for y in values):
        return None
    gaps = [_apart(before, after) for before, after in pairwise(values)]
    apart = _apart(values[0], values[-1])
    least = LEAST_ULPS * evaluator.claim_eps
    shrinks = all(after <= max(before, least) for before, after in pairwise(gaps))
    calms = gaps[0] > least and gaps[-1] <= CALMER * gaps[0]
    if not (shrinks and calms and apart <= MOST):
        return None
    rounded = max(evaluator.rounded, AMPLIFIED * apart)
    steady = replace(evaluator, subject=settled(evaluator.subject), rounded=rounded)
    message = (
        f"the same point is answered otherwise when it is asked again, by {number(apart, 2)} of "
        "the answer, and ever less: a solver that starts from its last solution? It was repeated "
        "at each point until it settled, and the claim is judged to that tolerance"
    )
    finding = Finding(kind="settles", message=message, severity="warning")
    return steady, dict(steady.subject.function(point)), finding


def settled(subject: Subject) -> Subject:
    """Returns the subject whose function is repeated at each point until nothing changes.

    What it remembers stays of the primals' own kind: it is shown no other dtype, and no stand-in.
    """
    kinds = {name: _kind(x) for name, x in subject.point.items()}

    def function(point: Point) -> Point:
        if any(_kind(point[name]) != kind for name, kind in kinds.items()):
            raise EvaluationError(f"{subject.name} remembers its last answer")
        answer = copied(subject.function(copied(point)))
        for _ in range(REPEATS):
            before, answer = answer, copied(subject.function(copied(point)))
            if not changed(before, answer):
                break
        return answer

    def pullback(cotangents: Point, point: Point) -> Pulled:
        function(point)
        return subject.pullback(cotangents, point)

    others = {"interleaved": None, "again": None, "partial": None}
    return replace(subject, function=function, pullback=pullback, **others)


def _kind(x: Any) -> tuple[type, str]:
    return type(x), backends.of(x).dtype(x)


def _apart(x: np.ndarray, y: np.ndarray) -> float:
    """Returns the largest difference, as a share of the largest value."""
    return float(np.max(np.abs(x - y), initial=0.0) / (np.max(np.abs(y), initial=0.0) or 1.0))
