"""Forward mode: the framework's own pushforward, ∂f/∂x · v, exact to rounding.

With the claimed pullback it must satisfy ⟨u, ∂f/∂x · v⟩ = ⟨x̄, v⟩. Both may rest on one wrong
formula, so that it is only believed where finite differences have confirmed it.
"""

import numpy as np

from gradcheck.errors import EvaluationError
from gradcheck.evaluation import Direction, Evaluator, flat


def forward_mode(evaluator: Evaluator, base: np.ndarray, tangent: Direction) -> np.ndarray | None:
    """Returns ∂f/∂x · v as one vector; None where there is no pushforward.

    Args:
        evaluator: the subject.
        base: f at the point, as one vector.
        tangent: v.
    """
    pushforward = evaluator.subject.pushforward
    if pushforward is None:
        return None
    evaluator.meter.evaluated()
    try:
        values = evaluator.seen(flat(pushforward(evaluator.point, tangent)))
    except EvaluationError:
        return None
    return values if values.size == base.size and np.isfinite(values).all() else None
