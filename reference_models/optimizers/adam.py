"""Adam, with coupled and with decoupled weight decay."""

import numpy as np

from reference_models._checks import check_decay_rates, check_nonnegative
from reference_models._types import Params
from reference_models.optimizers.base import (
    Numbers,
    Optimizer,
    OptimizerState,
    decayed,
    per_parameter,
)


def adam(
    lr: float = 1e-3,
    *,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> Optimizer:
    """Adam; PyTorch's `Adam(lr, betas=(b1, b2), eps, weight_decay)`.

        g <- g + weight_decay p                                   coupled decay
        m <- b1 m + (1 - b1) g,      m_hat = m / (1 - b1^t),  t = 1, 2, ...
        v <- b2 v + (1 - b2) g^2,    v_hat = v / (1 - b2^t)
        p <- p - lr m_hat / (sqrt(v_hat) + eps)

    `eps` stands outside of the square root, after the bias correction (the `epsilon hat` of the
    paper's section 2 stands before it). The slots hold m and v, not m_hat and v_hat.

    Source: Kingma, Ba, Adam: A Method for Stochastic Optimization (2015), Algorithm 1.

    Args:
        lr: learning rate.
        b1: the share of the mean that is kept.
        b2: the share of the mean square that is kept.
        eps: keeps the division finite.
        weight_decay: coefficient of ½ |p|^2 in the loss.

    Returns:
        The optimizer, with the slots `exp_avg`, m, and `exp_avg_sq`, v.

    Raises:
        ValueError: `b1` or `b2` is not in [0, 1), or another one is negative, infinite or NaN.

    Example:
        >>> params = {"W": np.array([1.0])}
        >>> init, update = adam(lr=0.5, b1=0.75, b2=0.75)
        >>> params, state = update({"W": np.array([4.0])}, init(params), params)
        >>> params["W"].round(6), state.slots
        (array([0.5]), {'exp_avg': {'W': array([1.])}, 'exp_avg_sq': {'W': array([4.])}})
    """
    check_nonnegative(lr=lr, eps=eps, weight_decay=weight_decay)
    check_decay_rates(b1=b1, b2=b2)

    def formula(
        g: Numbers, p: Numbers, step: int, m: Numbers, v: Numbers
    ) -> tuple[Numbers, Numbers, Numbers]:
        g = decayed(g, p, weight_decay)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * (g * g)
        m_hat_lr = lr / (1 - b1**step) * m
        return p - m_hat_lr / (np.sqrt(v) / (1 - b2**step) ** 0.5 + eps), m, v

    return per_parameter(formula, exp_avg=0.0, exp_avg_sq=0.0)


def adamw(
    lr: float = 1e-3,
    *,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
) -> Optimizer:
    """Adam with decoupled weight decay; PyTorch's `AdamW(lr, betas=(b1, b2), eps, weight_decay)`.

        p <- p - lr weight_decay p                                decoupled decay
        then Adam's step with weight_decay = 0

    The decay is multiplied by `lr` (in the paper only by the schedule), and it enters neither m nor
    v.

    Source: Loshchilov, Hutter, Decoupled Weight Decay Regularization (2019), Algorithm 2.

    Args:
        lr: learning rate.
        b1: the share of the mean that is kept.
        b2: the share of the mean square that is kept.
        eps: keeps the division finite.
        weight_decay: the share of `p` that is taken off at each step, divided by `lr`.

    Returns:
        The optimizer, with the slots `exp_avg`, m, and `exp_avg_sq`, v.

    Raises:
        ValueError: `b1` or `b2` is not in [0, 1), or another one is negative, infinite or NaN.

    Example:
        >>> params = {"W": np.array([1.0])}
        >>> init, update = adamw(lr=0.5, weight_decay=0.5)
        >>> update({"W": np.array([4.0])}, init(params), params)[0]["W"].round(6)
        array([0.25])
    """
    check_nonnegative(weight_decay=weight_decay)
    init, adam_update = adam(lr, b1=b1, b2=b2, eps=eps)

    def update(
        gradients: Params, state: OptimizerState, params: Params
    ) -> tuple[dict[str, np.ndarray], OptimizerState]:
        shrunk = {name: np.asarray((1 - lr * weight_decay) * p) for name, p in params.items()}
        return adam_update(gradients, state, shrunk)

    return Optimizer(init, update)
