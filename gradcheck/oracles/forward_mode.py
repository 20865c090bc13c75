"""Forward mode: the framework's own pushforward, ∂f/∂x · v, exact to rounding.

With the claimed pullback it must satisfy ⟨u, ∂f/∂x · v⟩ = ⟨x̄, v⟩. Both may rest on one wrong
formula, so that it is only believed where finite differences have confirmed it.
"""

import numpy as np

from gradcheck.errors import EvaluationError
from gradcheck.evaluation import Direction, Evaluator, flat
from gradcheck.subject import Point


def forward_mode(
    evaluator: Evaluator, point: Point, base: np.ndarray, tangent: Direction
) -> np.ndarray | None:
    """Returns ∂f/∂x · v as one vector; None where there is no pushforward.

    Args:
        evaluator: the subject.
        point: where.
        base: f there, as one vector.
        tangent: v.
    """
    pushforward = evaluator.subject.pushforward
    if pushforward is None:
        return None
    evaluator.meter.evaluated()
    try:
        values = evaluator.seen(flat(pushforward(point, tangent)))
    except EvaluationError:
        return None
    return values if values.size == base.size and np.isfinite(values).all() else None
