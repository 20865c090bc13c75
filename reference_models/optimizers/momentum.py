"""Gradient descent with a velocity."""

from reference_models._checks import check_nonnegative
from reference_models.optimizers.base import Numbers, Optimizer, decayed, per_parameter


def momentum(
    lr: float = 1e-3, *, mu: float = 0.9, dampening: float = 0.0, weight_decay: float = 0.0
) -> Optimizer:
    """Gradient descent with momentum; PyTorch's `SGD(lr, momentum=mu, dampening, weight_decay)`.

        g <- g + weight_decay p
        v <- g                           at the first step, without dampening
        v <- mu v + (1 - dampening) g    at later steps
        p <- p - lr v

    `lr` is outside of the velocity: where textbooks write v <- mu v - lr g, p <- p + v, a change of
    `lr` acts later.

    Source: Polyak, Some Methods of Speeding up the Convergence of Iteration Methods (1964);
    Sutskever, Martens, Dahl, Hinton, On the Importance of Initialization and Momentum (2013).

    Args:
        lr: learning rate.
        mu: the share of the velocity that is kept.
        dampening: the share of the gradient that is left out.
        weight_decay: coefficient of ½ |p|^2 in the loss.

    Returns:
        The optimizer, with the slot `momentum_buffer`, v.

    Raises:
        ValueError: a hyperparameter is negative, infinite or NaN.

    Example:
        >>> import numpy as np
        >>> params, g = {"W": np.array([1.0])}, {"W": np.array([4.0])}
        >>> init, update = momentum(lr=0.5, mu=0.5)
        >>> params, state = update(g, init(params), params)
        >>> params, state = update(g, state, params)
        >>> params, state.slots["momentum_buffer"]
        ({'W': array([-4.])}, {'W': array([6.])})
    """
    check_nonnegative(lr=lr, mu=mu, dampening=dampening, weight_decay=weight_decay)

    def formula(g: Numbers, p: Numbers, step: int, v: Numbers) -> tuple[Numbers, Numbers]:
        g = decayed(g, p, weight_decay)
        v = mu * v + (1 if step == 1 else 1 - dampening) * g
        return p - lr * v, v

    return per_parameter(formula, momentum_buffer=0.0)


def nesterov(lr: float = 1e-3, *, mu: float = 0.9, weight_decay: float = 0.0) -> Optimizer:
    """Nesterov's accelerated gradient; PyTorch's `SGD(lr, momentum=mu, nesterov=True)`.

        g <- g + weight_decay p
        v <- mu v + g
        p <- p - lr (g + mu v)

    This is PyTorch's form: the gradient is taken at `p`, and the look-ahead is folded into the
    step; no dampening, and the first step is lr (1 + mu) g.

    Source: Nesterov, A Method of Solving a Convex Programming Problem with Convergence Rate
    O(1/k^2) (1983); in this form Sutskever, Martens, Dahl, Hinton (2013), and Bengio,
    Boulanger-Lewandowski, Pascanu, Advances in Optimizing Recurrent Networks (2013).

    Args:
        lr: learning rate.
        mu: the share of the velocity that is kept.
        weight_decay: coefficient of ½ |p|^2 in the loss.

    Returns:
        The optimizer, with the slot `momentum_buffer`, v.

    Raises:
        ValueError: a hyperparameter is negative, infinite or NaN.

    Example:
        >>> import numpy as np
        >>> params = {"W": np.array([1.0])}
        >>> init, update = nesterov(lr=0.5, mu=0.5)
        >>> update({"W": np.array([4.0])}, init(params), params)[0]
        {'W': array([-2.])}
    """
    check_nonnegative(lr=lr, mu=mu, weight_decay=weight_decay)

    def formula(g: Numbers, p: Numbers, step: int, v: Numbers) -> tuple[Numbers, Numbers]:
        g = decayed(g, p, weight_decay)
        v = mu * v + g
        return p - lr * (g + mu * v), v

    return per_parameter(formula, momentum_buffer=0.0)
