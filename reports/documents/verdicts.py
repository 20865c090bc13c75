"""What `gradcheck` says of a slope that a document claims."""

from collections.abc import Callable

import numpy as np

import gradcheck
from reports.documents import values
from reports.documents.values import Numbers, Quantity


def confirmed_wrong(function: Callable[[Numbers], Numbers], at: Numbers, slope: Numbers) -> bool:
    """Whether `gradcheck` fails a claimed gradient, or slope entry by entry."""
    found = verdict(function, at, slope)
    return found is not None and found.status == "fail"


def verdict(
    function: Callable[[Numbers], Numbers], at: Numbers, slope: Numbers
) -> gradcheck.Verdict | None:
    """Returns the verdict of `gradcheck`; None where the function cannot be evaluated around it."""
    point = np.atleast_1d(np.asarray(at, dtype=np.float64))
    shape = np.shape(at)

    def plain(x: Numbers) -> Numbers:
        # Through a list, so that nothing is watched: the steps of this interpreter are not the
        # author's, and to name one among them takes a third of the time.
        return np.asarray(function(np.array(x.tolist()).reshape(shape)), dtype=np.float64)

    try:
        return gradcheck.check(
            plain,
            {"x": point},
            vjp=lambda y_bar, x: {"x": _pulled(y_bar, slope, x.shape)},
            seed=0,
        )
    except (gradcheck.InvalidInput, gradcheck.EvaluationError):
        return None


def _pulled(y_bar: Numbers, slope: Numbers, shape: tuple[int, ...]) -> Numbers:
    if np.ndim(y_bar) == 0:
        return np.asarray(y_bar * slope, dtype=np.float64).reshape(shape)
    if np.size(slope) == np.size(y_bar) ** 1 and np.ndim(slope) < 2:
        return np.asarray(np.ravel(y_bar) * np.ravel(slope)).reshape(shape)
    if np.ndim(slope) == 2 and 1 in np.shape(slope):
        return np.asarray(np.ravel(y_bar) * np.ravel(slope)).reshape(shape)
    return np.asarray(np.ravel(y_bar) @ slope).reshape(shape)


def factor_between(claimed: Quantity, true: Quantity, tolerance: float = 1e-6) -> str:
    """Returns by which factor a claim is off, "" where that differs from entry to entry."""
    a, b = values.flat(claimed), values.flat(true)
    if a.size != b.size or np.any(b == 0) or not a.size:
        return ""
    ratios = a / b
    same = np.allclose(ratios, ratios[0], rtol=tolerance)
    plain = a.size > 1 or any(abs(ratios[0] / r - 1) < tolerance for r in ROUND)
    return f"{ratios[0]:.4g}" if same and plain else ""


ROUND = (2, 0.5, -1, -2, -0.5, 4, 0.25, 3, 1 / 3)
"""Factors that are no accident."""
