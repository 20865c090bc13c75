"""Whether another way of asking gives the same gradient, but for rounding, which is measured."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.contract.audited import Audit
from gradcheck.errors import EvaluationError, PullbackError
from gradcheck.evaluation import Direction
from gradcheck.probes import tangent
from gradcheck.subject import Point
from gradcheck.verdict import Finding, Severity

JITTERS = 2
JITTER_ULPS = 2.0
BLURS = 8.0
"""Two jittered points see a spread of rounding to within a factor of a few. No more than that: of
bfloat16 it is an eighth of the gradient already."""


def moved(point: Point, share: float, rng: np.random.Generator) -> dict[str, Any]:
    """Returns a point of which each entry is moved by up to a share of itself."""
    return stepped(point, share, tangent(point, tuple(point), rng, relative=True))


def stepped(point: Point, t: float, v: Direction) -> dict[str, Any]:
    """Returns those arrays of a point that a direction moves, at x + t v."""
    return {name: backends.of(point[name]).step(point[name], t, d) for name, d in v.items()}


def blur(audited: Audit, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Returns by how much each entry of the gradient moves when point and cotangent do by few ulps.

    Arithmetic in another order moves an ill-conditioned gradient as much, and the gradient at a
    kink by all of a slope: that is not to be called a misread. (The cotangent has few digits: its
    sums and products may be exact where those of another one are rounded.)
    """
    y_bar = audited.y_bar(audited.cotangents[0])
    old = {name: audited.gradients[0][name] for name in audited.sound}
    return _spread(audited, old, lambda x: audited.pulled(_near(audited, y_bar, rng), x), rng)


def blur_of_outputs(audited: Audit, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Returns by how much each entry of the function's value moves in the same way."""
    old, evaluate = coordinates(audited.outputs), audited.evaluator.outputs
    return _spread(audited, old, lambda x: coordinates(evaluate(x)), rng)


def coordinates(arrays: Point) -> dict[str, np.ndarray]:
    """Returns the coordinates of arrays by name, as copies."""
    return {name: backends.of(x).values(x).copy() for name, x in arrays.items()}


def _spread(
    audited: Audit,
    old: Direction,
    ask: Callable[[Point], Direction],
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Returns the largest changes seen at jittered points, some times over."""
    spread = {name: np.zeros_like(values) for name, values in old.items()}
    for _ in range(JITTERS):
        try:
            new = ask(_near(audited, audited.point, rng))
        except EvaluationError:  # it left the domain
            continue
        for name, values in new.items():
            if name in old and values.shape == old[name].shape:
                spread[name] = np.fmax(spread[name], np.abs(values - old[name]))
    return {n: BLURS * (d + np.median(d)) if d.size else d for n, d in spread.items()}


def _near(audited: Audit, arrays: Point, rng: np.random.Generator) -> dict[str, Any]:
    return moved(arrays, JITTER_ULPS * audited.evaluator.claim_eps, rng)


def compared(
    audited: Audit,
    finding: Finding,
    old: Direction,
    y_bar: Point,
    rng: np.random.Generator,
    point: Point | None = None,
    raising: Severity = "error",
) -> Finding | None:
    """Returns the finding, about the primals where the pullback does not give the old gradient.

    None where it does, but for rounding.

    Args:
        audited: what the audit left.
        finding: what is then said.
        old: the gradient that is wanted.
        y_bar: the cotangent, in another form.
        rng: draws jitter.
        point: the point in another form; a copy of it if None.
        raising: how severe it is that the pullback raises instead; what it raised is then said.
    """
    try:
        new = audited.pulled(y_bar, point)
    except PullbackError as error:
        return replace(finding, message=f"{finding.message} ({error})", severity=raising)
    names = audited.differing(old, new, audited.gross)
    if names:
        names = audited.differing(old, new, audited.gross, blur(audited, rng))
    return about(finding, names) if names else None


def about(finding: Finding, names: Sequence[str]) -> Finding:
    """Returns a finding that says which primals it is about."""
    message = f"{', '.join(names)}: {finding.message}" if names else finding.message
    return replace(finding, message=message, primal=names[0] if len(names) == 1 else None)
