"""Entries at the very edge of the function's domain: x^1.5 at zero has one side only.

A direction that moves them leaves the domain at any step, and nothing is seen of the others either.
They are held where the others are probed, and looked at by themselves from inside: the residual of
a right claim tends to zero with the step, that of a wrong one stays what it is.
"""

from typing import Literal

import numpy as np

from gradcheck import backends
from gradcheck.evaluation import Evaluator
from gradcheck.noise import Z
from gradcheck.oracles.line import Line

MOST = 256
"""So many zeros are tried one by one; of more nothing is said."""

STEP = 2.0**-12
STEPS = (2.0**-10, 2.0**-20, 2.0**-32)
SHRUNK, STAYED, NOTHING = 2.0**-4, 2.0**-3, 2.0**-10
"""From the first step to the last the residual of x^1.5 shrinks by 2^-11; what shrinks by less than
the first is no sign. What changes between the last two by less than the second has settled. What is
below the third of the claim is nothing."""

HELD = (
    "it has entries at the edge of the function's domain, where it has one side only, and how it "
    "leaves them does not tell their slopes: move them inside"
)


def edges(evaluator: Evaluator, name: str, size: int) -> np.ndarray | None:
    """Returns which zeros of a primal are at an edge; None where there are none, or too many.

    Args:
        evaluator: the subject.
        name: the primal.
        size: how many outputs there are.
    """
    x = evaluator.point[name]
    backend, values = backends.of(x), backends.of(x).values(x)
    zeros, mask = np.flatnonzero(values == 0), np.zeros(values.shape, dtype=bool)
    if not 0 < zeros.size <= MOST:
        return None
    reach = np.broadcast_to(evaluator.reaches[name], values.shape)
    for i in zeros:
        direction = np.zeros(values.shape)
        direction.flat[i] = reach.flat[i]
        sides = [
            evaluator.values({**evaluator.point, name: backend.step(x, t, direction)})
            for t in (STEP, -STEP)
        ]
        mask.flat[i] = any(y.size != size or not np.isfinite(y).all() for y in sides)
    return mask if mask.any() else None


def seen_from_inside(line: Line, k: int) -> Literal["right", "wrong", "open"]:
    """Returns what the inner side of a line says of the claim, through cotangent k.

    Args:
        line: along entries at edges, all moved the same way.
        k: which cotangent.
    """
    for sign in (1.0, -1.0):
        sides = [line.side(sign * t) for t in STEPS]
        if not all(y.size == line.base.size and np.isfinite(y).all() for y, _ in sides):
            continue
        said = [
            float(np.sum(line.gradients[k][name] * d)) for _, d in sides for name in line.tangent
        ]
        left = [
            (float(line.weights[k] @ y) - s) / t
            for (y, _), s, t in zip(sides, said, STEPS, strict=True)
        ]
        first, middle, last = map(abs, left)
        noise = Z * float(line.sigma[k]) / STEPS[-1] + NOTHING * line.sizes[k]
        if last <= max(SHRUNK * first, noise):
            return "right"
        if abs(left[2] - left[1]) <= STAYED * min(middle, last) and last > 2 * noise:
            return "wrong"
        return "open"
    return "open"
