"""The complex step: Im f(x + i h v) / h is the derivative along v, without cancellation.

One evaluation, exact to rounding, for functions that are analytic and written in operations that
take complex numbers. Where an operation is not (abs, maximum, a comparison, conj) it is silently
wrong, so that it is only believed where finite differences have confirmed it.

Source: Squire and Trapp (1998).
"""

import warnings

import numpy as np

from gradcheck import backends
from gradcheck.evaluation import BudgetSpent, Direction, Evaluator
from gradcheck.subject import Point

STEP = 2.0**-100
"""Its square is below the rounding of everything: there is no truncation error."""

SAME = 2.0**-40
"""The real part must be what the function gives for real numbers."""


def complex_step(
    evaluator: Evaluator, point: Point, base: np.ndarray, tangent: Direction
) -> np.ndarray | None:
    """Returns ∂f/∂x · v as one vector; None where the function does not take complex numbers.

    Args:
        evaluator: the subject; its primals are real float64 arrays of NumPy's.
        point: where.
        base: f there, as one vector.
        tangent: v.
    """
    kinds = (isinstance(x, (np.ndarray, np.generic, float)) for x in point.values())
    if not all(kinds) or any(backends.of(x).is_complex(x) for x in point.values()):
        return None
    stepped = {n: np.asarray(point[n]) + 1j * STEP * v for n, v in tangent.items()}
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            outputs = evaluator.outputs({**point, **stepped})
    except BudgetSpent:
        raise
    except Exception:  # whatever a function of real numbers does with complex ones
        return None
    parts = [np.ravel(np.asarray(y)) for y in outputs.values()]
    if not any(np.iscomplexobj(part) for part in parts):
        return None
    values = np.concatenate(parts).astype(np.complex128)
    size = float(np.max(np.abs(base), initial=0.0))
    if values.size != base.size or np.any(np.abs(np.real(values) - base) > SAME * size):
        return None
    return np.imag(values) / STEP
