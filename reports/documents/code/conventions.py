"""Factors that authors leave out on purpose: what is a convention, and what a mistake."""

from collections.abc import Iterable, Mapping

import numpy as np

from reports.documents.code.arguments import BATCH
from reports.documents.code.leaves import Path
from reports.documents.code.pairing import is_data
from reports.documents.code.runs import GUARDED, Run

Ratios = Mapping[Path, float | None]


def settled_by(run: Run, ratios: Ratios) -> str | None:
    """Returns under which convention gradients are right, "" for none; None where they are wrong.

    Args:
        run: a run.
        ratios: for each primal, how many times the true gradient its claim is.
    """
    if all(is_one(r) for r in ratios.values()):
        return ""
    if run.loss is None:
        return _mean_over_samples(run, ratios)
    inputs = [r for p, r in ratios.items() if is_data(p)]
    if inputs and len(inputs) < len(ratios):  # ∂L/∂x without the mean that the others have
        rest = {p: r for p, r in ratios.items() if not is_data(p)}
        each = uniform(inputs)
        if each is not None and any(is_one(each / s) for s in _samples(run)):
            return settled_by(run, rest)
    common = uniform(ratios.values())
    if common is None or common <= 0 or run.loss.exact:
        return None
    if run.scheduled or not run.rated:
        return f"but for the factor {common:.4g} of the learning rate"
    if not _by_convention(run, common):
        return None
    words = f"but for the factor {common:.4g}: a mean over the samples, or none"
    return words if run.loss.own else ""


SQUARED = (1.0, 2.0)
"""Factors of the squared error against its half."""


def is_one(ratio: float | None) -> bool:
    """Whether a ratio is 1."""
    return ratio is not None and abs(ratio - 1) < GUARDED


def uniform(ratios: Iterable[float | None]) -> float | None:
    """Returns the factor that all claims have in common; None where they differ."""
    found = list(ratios)
    known = [r for r in found if r is not None]
    if len(known) < len(found) or not known:
        return None
    return known[0] if max(abs(r - known[0]) for r in known) < GUARDED * abs(known[0]) else None


def _mean_over_samples(run: Run, ratios: Ratios) -> str | None:
    """A layer may give the mean over the samples for all of its parameters."""
    inputs = {p: r for p, r in ratios.items() if is_data(p)}
    others = [r for p, r in ratios.items() if p not in inputs]
    common = uniform(others)
    if common is None or not all(is_one(r) for r in inputs.values()):
        return None
    extents = {n for p in run.primals if is_data(p) for n in np.shape(run.primals[p])}
    if any(is_one(common * n) for n in extents | {BATCH}):
        return "as means over the samples"
    return None


def _samples(run: Run) -> list[float]:
    """Returns the factors by which a sum and a mean may differ."""
    return [f for n in run.counts() for f in (float(n), 1.0 / n)]


def factors_open(run: Run, ratios: Ratios) -> list[float]:
    """Returns by what the loss may have to be multiplied: factors that the most claims share.

    Those that a convention explains; where none does, the most usual one. A loss of the code's own
    has no factor 2.
    """
    counted = _counted(ratios)
    most = max(counted.values(), default=0)
    found = [r for r, count in counted.items() if count == most]
    open_to = [r for r in found if is_one(r) or not run.rated or _by_convention(run, r)]
    if open_to or (run.loss.own and any(_doubled(r) for r in found)):
        return open_to or [1.0]
    return [usual(ratios)]


def usual(ratios: Ratios) -> float:
    """Returns the factor that most of the claims have; 1 where there is none."""
    counted = _counted(ratios)
    return max(counted, key=lambda r: (counted[r], is_one(r)), default=1.0)


def _counted(ratios: Ratios) -> dict[float, int]:
    """Returns how many claims have each factor; factors that differ by rounding are one."""
    known = [r for r in ratios.values() if r is not None and r > 0]
    counted: dict[float, int] = {}
    for r in known:
        if not any(is_one(r / other) for other in counted):
            counted[r] = sum(is_one(r / other) for other in known)
    return counted


def _by_convention(run: Run, factor: float) -> bool:
    """Whether a convention explains a factor: the half of a square, a mean over the samples."""
    if run.loss.own:
        return not _doubled(factor) and any(is_one(factor / s) for s in _samples(run))
    natural = SQUARED if "squared" in run.loss.label else (1.0,)
    return any(is_one(factor / n / s) for n in natural for s in _samples(run))


def _doubled(factor: float) -> bool:
    return any(is_one(factor / f) for f in (2.0, 0.5))
