"""Gradient descent with steps scaled by past squared gradients."""

import numpy as np

from reference_models._checks import check_decay_rates, check_nonnegative
from reference_models.optimizers.base import Numbers, Optimizer, decayed, per_parameter


def adagrad(
    lr: float = 1e-2,
    *,
    eps: float = 1e-10,
    lr_decay: float = 0.0,
    weight_decay: float = 0.0,
    initial_accumulator_value: float = 0.0,
) -> Optimizer:
    """AdaGrad; PyTorch's `Adagrad`.

        g <- g + weight_decay p
        s <- s + g^2,  s starts at initial_accumulator_value
        p <- p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps),  t = 1, 2, ...

    `eps` stands outside of the square root.

    Source: Duchi, Hazan, Singer, Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization (2011).

    Args:
        lr: learning rate.
        eps: keeps the division finite.
        lr_decay: decay of the learning rate with the number of steps.
        weight_decay: coefficient of ½ |p|^2 in the loss.
        initial_accumulator_value: where the sum of squares starts.

    Returns:
        The optimizer, with the slot `sum`, s.

    Raises:
        ValueError: a hyperparameter is negative, infinite or NaN.

    Example:
        >>> params = {"W": np.array([1.0])}
        >>> init, update = adagrad(lr=0.5)
        >>> params, state = update({"W": np.array([4.0])}, init(params), params)
        >>> params["W"].round(6), state.slots["sum"]
        (array([0.5]), {'W': array([16.])})
    """
    check_nonnegative(lr=lr, eps=eps, lr_decay=lr_decay, weight_decay=weight_decay)
    check_nonnegative(initial_accumulator_value=initial_accumulator_value)

    def formula(g: Numbers, p: Numbers, step: int, s: Numbers) -> tuple[Numbers, Numbers]:
        g = decayed(g, p, weight_decay)
        s = s + g * g
        return p - lr / (1 + (step - 1) * lr_decay) * (g / (np.sqrt(s) + eps)), s

    return per_parameter(formula, sum=initial_accumulator_value)


def rmsprop(
    lr: float = 1e-2, *, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0.0
) -> Optimizer:
    """RMSprop; PyTorch's `RMSprop` with its defaults `momentum=0`, `centered=False`.

        g <- g + weight_decay p
        s <- alpha s + (1 - alpha) g^2,  s starts at 0, without bias correction
        p <- p - lr g / (sqrt(s) + eps)

    `eps` stands outside of the square root (in TensorFlow, inside).

    Source: Tieleman, Hinton, Neural Networks for Machine Learning, lecture 6e (2012).

    Args:
        lr: learning rate.
        alpha: the share of the mean square that is kept.
        eps: keeps the division finite.
        weight_decay: coefficient of ½ |p|^2 in the loss.

    Returns:
        The optimizer, with the slot `square_avg`, s.

    Raises:
        ValueError: `alpha` is not in [0, 1), or another one is negative, infinite or NaN.

    Example:
        >>> params = {"W": np.array([1.0])}
        >>> init, update = rmsprop(lr=0.5, alpha=0.75)
        >>> params, state = update({"W": np.array([4.0])}, init(params), params)
        >>> params["W"].round(6), state.slots["square_avg"]
        (array([0.]), {'W': array([4.])})
    """
    check_nonnegative(lr=lr, eps=eps, weight_decay=weight_decay)
    check_decay_rates(alpha=alpha)

    def formula(g: Numbers, p: Numbers, step: int, s: Numbers) -> tuple[Numbers, Numbers]:
        g = decayed(g, p, weight_decay)
        s = alpha * s + (1 - alpha) * (g * g)
        return p - lr * (g / (np.sqrt(s) + eps)), s

    return per_parameter(formula, square_avg=0.0)
