"""Values that are not finite: in the primals' own dtype only, or in some outputs by intent."""

from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.errors import EvaluationError
from gradcheck.evaluation import FLOAT64_BITS, BudgetSpent, Evaluator, flat
from gradcheck.subject import Point
from gradcheck.verdict import Finding

WIDE = "float64"


def overflowing(evaluator: Evaluator, outputs: Point) -> tuple[Evaluator, Point, list[Finding]]:
    """Returns the evaluator that can be compared with, f at the point in it, and what is wrong."""
    if np.isfinite(flat(outputs)).all() or evaluator.bits >= FLOAT64_BITS:
        return evaluator, outputs, []
    wide = replace(evaluator, precision=WIDE)
    try:
        ordinary = wide.outputs(wide.point)
    except (EvaluationError, BudgetSpent):
        return evaluator, outputs, []
    if set(ordinary) != set(outputs):
        return evaluator, outputs, []
    if not all(_is_ordinary(ordinary[name], y) for name, y in outputs.items()):
        return evaluator, outputs, []
    names = [n for n, y in outputs.items() if not np.isfinite(backends.of(y).values(y)).all()]
    dtype = backends.of(outputs[names[0]]).dtype(outputs[names[0]])
    message = (
        f"{', '.join(names)}: the function gives values that are not finite in {dtype}, and finite "
        f"ones of ordinary size in {WIDE}: an intermediate value overflows. Rescale before "
        "exponentials, squares and products (subtract the maximum, divide by a norm)"
    )
    return wide, ordinary, [Finding(kind="overflow", message=message)]


def infinite(outputs: Point) -> np.ndarray | None:
    """Returns which outputs are infinite, as one flat mask; None where none is, or all are."""
    found = np.isinf(flat(outputs))
    return found if found.any() and not found.all() else None


def _is_ordinary(wide: Any, narrow: Any) -> bool:
    """Whether an output is finite in the wide precision, and a number of the narrow one as well."""
    if backends.coordinates(wide) != backends.coordinates(narrow):
        return False
    if backends.of(wide).precision(wide).name != WIDE:
        return False
    largest = backends.of(narrow).precision(narrow).largest
    return bool(np.all(np.abs(backends.of(wide).values(wide)) <= largest))
