"""The Jacobian behind a wrong gradient: claim and truth seen through each output by itself.

A gradient is a sum over the outputs, and a sum hides what is wrong with its terms: a factor of the
chain rule that is missing before it, a time step or a window that is left out of it.
"""

from collections.abc import Container, Iterator
from dataclasses import replace

import numpy as np

from gradcheck import backends
from gradcheck.diagnosis import Evidence
from gradcheck.errors import EvaluationError
from gradcheck.evaluation import BudgetSpent
from gradcheck.localisation import Located
from gradcheck.measurement import Measurement
from gradcheck.noise import rounding_floor
from gradcheck.oracles.finite_difference import estimate
from gradcheck.oracles.line import Line
from gradcheck.scales import lengths

MOST_OUTPUTS = 160
"""So many calls of the pullback at most: one for each output."""

MOST_MOVED = 64
"""So many entries of the primal are moved; of more, a sample."""

SHARP = 2.0**-30
"""Bars are as small as this share of the fastest output, or what the ladder allows."""

LINEAR = 2.0**-26
"""The outputs' own gradients add up to the claim within this share of it, or nothing is told."""


def through_outputs(m: Measurement, found: Located, k: int, given: Evidence) -> list[Evidence]:
    """Returns what is known of each output's own gradient, for the outputs where it is wrong.

    The evidence of an output has the axes of the output, then those of the primal. Empty where
    there is one output only, where there are too many, or where the budget is spent.

    Args:
        m: the measurement.
        found: the primal, looked at entry by entry.
        k: the cotangent that this was seen through.
        given: the evidence of the primal, for what the subject offers.
    """
    shapes = {n: backends.of(y).values(y).shape for n, y in m.audited.outputs.items()}
    count = sum(int(np.prod(s)) for s in shapes.values())
    if not 1 < count <= MOST_OUTPUTS or not found.seen.any():
        return []
    try:
        claimed = _claimed(m, found.primal, shapes)
        if claimed is None or not _adds_up(m, claimed, found, k):
            return []
        true, bar = _true(m, found, claimed)
    except (BudgetSpent, EvaluationError):
        return []
    complex_ = {n for n, y in m.audited.outputs.items() if backends.of(y).is_complex(y)}
    return list(_by_output(given, shapes, complex_, claimed, true, bar))


def _claimed(m: Measurement, primal: str, shapes: dict[str, tuple[int, ...]]) -> np.ndarray | None:
    """Returns the claimed Jacobian, one row for each output."""
    rows = []
    for name, shape in shapes.items():
        for i in range(int(np.prod(shape))):
            unit = {n: np.zeros(s) for n, s in shapes.items()}
            unit[name].flat[i] = 1.0
            gradient = m.audited.pulled(m.audited.y_bar(unit)).get(primal)
            if gradient is None:
                return None
            rows.append(np.asarray(gradient, dtype=float).ravel())
    return np.array(rows)


def _adds_up(m: Measurement, claimed: np.ndarray, found: Located, k: int) -> bool:
    """Whether the pullback is linear: the rows, weighted by the cotangent, give the claim."""
    total, size = m.weights[k] @ claimed, np.abs(m.weights[k]) @ np.abs(claimed)
    return bool(np.all(np.abs(total - found.claimed.ravel()) <= LINEAR * np.max(size, initial=0.0)))


def _true(m: Measurement, found: Located, claimed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the true Jacobian and its bars by differences; NaN where it was not looked at."""
    outputs, primal = len(claimed), found.primal
    evaluator = m.evaluator_of((primal,))
    floor = rounding_floor(m.base, np.eye(outputs), evaluator.bits)
    whole = rounding_floor(m.base, m.weights[:1], evaluator.bits)[0]
    louder = max(1.0, float(m.sigma[0]) / whole) if whole > 0 else 1.0
    sigma = louder * np.maximum(floor, np.sqrt(np.mean(np.square(floor))))
    gradients = [{primal: row.reshape(found.claimed.shape)} for row in claimed]
    true, bar = np.full(claimed.shape, np.nan), np.full(claimed.shape, np.inf)
    sizes = lengths(m.audited.evaluator.subject.point[primal]).ravel()
    for i in _moved(found):
        v = np.zeros(found.claimed.size)
        v[i] = sizes[i]
        tangent = {primal: v.reshape(found.claimed.shape)}
        line = Line(evaluator, m.base, np.eye(outputs), gradients, tangent, sigma)
        best = estimate(line, lambda line=line: np.full(outputs, SHARP * line.sensitivity().max()))
        if best is not None:
            clear = ~best.kinked & np.isfinite(best.bar)
            true[clear, i] = claimed[clear, i] + best.residual[clear] / sizes[i]
            bar[clear, i] = best.bar[clear] / sizes[i]
    return true, bar


def _moved(found: Located) -> np.ndarray:
    """Returns the entries to move: all of few; of many the wrong ones first, then right ones."""
    size = found.claimed.size
    if size <= MOST_MOVED:
        return np.arange(size)
    chosen = np.random.default_rng(0)
    wrong = chosen.permutation(np.flatnonzero(found.wrong & found.seen))
    right = chosen.permutation(np.flatnonzero(~found.wrong & found.seen))
    few = min(len(right), MOST_MOVED // 4)
    return np.concatenate([wrong[: MOST_MOVED - few], right])[:MOST_MOVED]


def _by_output(
    given: Evidence,
    shapes: dict[str, tuple[int, ...]],
    complex_: Container[str],
    claimed: np.ndarray,
    true: np.ndarray,
    bar: np.ndarray,
) -> Iterator[Evidence]:
    """Yields the evidence of each output through which the claim is wrong."""
    start = 0
    for name, (own, shape) in zip(given.outputs, shapes.items(), strict=True):
        rows = slice(start, start := start + int(np.prod(shape)))
        whole = shape + given.shape
        c, t, e = (x[rows].reshape(whole) for x in (claimed, true, bar))
        seen = np.isfinite(e) & np.isfinite(c)
        evidence = replace(
            given,
            claimed=c,
            true=np.where(seen, t, 0.0),
            bar=np.where(seen, e, np.inf),
            seen=seen,
            sigma=None,
            cotangents=(),
            quantities=_upright(given, shape),
            neighbours={},
            through=name,
            output=own,
            split=len(shape),
            parts=(
                *((len(shape) - 1,) if name in complex_ else ()),
                *(len(shape) + a for a in given.parts),
            ),
        )
        if evidence.wrong.any():
            yield evidence


def _upright(given: Evidence, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Returns the quantities, those of the output's shape stood before the primal's axes."""
    ones = (1,) * len(given.shape)
    return {
        name: q.reshape(q.shape + ones) if q.shape == shape and q.size > 1 else q
        for name, q in given.quantities.items()
        if name not in given.cotangents
    }
