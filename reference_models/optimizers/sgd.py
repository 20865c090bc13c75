"""Gradient descent, without memory."""

from reference_models._checks import check_nonnegative
from reference_models.optimizers.base import Numbers, Optimizer, decayed, per_parameter


def gradient_descent(lr: float = 1e-3) -> Optimizer:
    """Plain gradient descent; PyTorch's `SGD(lr=lr)`.

        p <- p - lr g

    Source: Cauchy, Méthode générale pour la résolution des systèmes d'équations simultanées (1847).

    Args:
        lr: learning rate.

    Returns:
        The optimizer; it has no slots.

    Raises:
        ValueError: `lr` is negative, infinite or NaN.

    Example:
        >>> import numpy as np
        >>> params = {"W": np.array([1.0])}
        >>> init, update = gradient_descent(lr=0.5)
        >>> update({"W": np.array([4.0])}, init(params), params)[0]
        {'W': array([-1.])}
    """
    return sgd(lr)


def sgd(lr: float = 1e-3, *, weight_decay: float = 0.0) -> Optimizer:
    """Gradient descent with weight decay; PyTorch's `SGD(lr=lr, weight_decay=weight_decay)`.

        g <- g + weight_decay p
        p <- p - lr g

    Source: Robbins, Monro, A Stochastic Approximation Method (1951).

    Args:
        lr: learning rate.
        weight_decay: coefficient of ½ |p|^2 in the loss.

    Returns:
        The optimizer; it has no slots.

    Raises:
        ValueError: a hyperparameter is negative, infinite or NaN.

    Example:
        >>> import numpy as np
        >>> params = {"W": np.array([1.0])}
        >>> init, update = sgd(lr=0.5, weight_decay=2.0)
        >>> update({"W": np.array([4.0])}, init(params), params)[0]
        {'W': array([-2.])}
    """
    check_nonnegative(lr=lr, weight_decay=weight_decay)

    def formula(g: Numbers, p: Numbers, step: int) -> tuple[Numbers]:
        return (p - lr * decayed(g, p, weight_decay),)

    return per_parameter(formula)
