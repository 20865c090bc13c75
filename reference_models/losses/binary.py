"""The binary cross-entropy, of probabilities and of logits."""

import numpy as np
from jaxtyping import Float

from reference_models._checks import check_pair, cotangent_of
from reference_models._stable import logistic, ratio, share, softplus, times_log
from reference_models._types import LossPullback, ScalarLike


@np.errstate(divide="ignore", invalid="ignore")
def mean_binary_cross_entropy(
    prediction: Float[np.ndarray, "*shape"], target: Float[np.ndarray, "*target_shape"]
) -> tuple[np.floating, LossPullback]:
    """The binary cross-entropy of probabilities `p`, as a mean over every element.

        l = -(1/n) sum (t log p + (1 - t) log(1 - p)),  0 log 0 = 0,  n = number of elements
        prediction_bar = (l_bar/n) ((1 - t)/(1 - p) - t/p),  0/0 = 0
        target_bar = (l_bar/n) (log(1 - p) - log p)

    PyTorch: `binary_cross_entropy(prediction, target)`, except next to p = 0 and p = 1: PyTorch
    clamps log p at -100 and p (1 - p) at 1e-12; here a confident mistake costs inf, and its
    derivative is infinite, without a warning. A p outside of [0, 1] gives nan.
    Source: Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.90.

    Args:
        prediction: probabilities `p`, any shape.
        target: `t` in [0, 1], the shape of the prediction.

    Returns:
        The value, nan for an empty batch, and the pullback.

    Raises:
        ValueError: the shapes differ.
        TypeError: the target is not of a floating dtype.

    Example:
        >>> l, pullback = mean_binary_cross_entropy(np.array([0.5, 0.0]), np.array([1.0, 0.0]))
        >>> print(f"{l:.4f}", pullback(2.0)[0])
        0.3466 [-2.  1.]
    """
    check_pair(prediction, target)
    p, t = prediction, target
    log_p, log_q = np.log(p), np.log1p(-p)
    value = share(-(times_log(t, log_p) + times_log(1 - t, log_q)).sum(), p.size)

    @np.errstate(divide="ignore", invalid="ignore")
    def pullback(
        l_bar: ScalarLike,
    ) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
        weight = share(cotangent_of(value, l_bar), p.size)
        slope = ratio(1 - t, 1 - p) - ratio(t, p)
        return np.asarray(weight * slope), np.asarray(weight * (log_q - log_p))

    return value, pullback


def mean_binary_cross_entropy_with_logits(
    prediction: Float[np.ndarray, "*shape"], target: Float[np.ndarray, "*target_shape"]
) -> tuple[np.floating, LossPullback]:
    """The binary cross-entropy of logits `z`, p = sigmoid(z), as a mean over every element.

        l = (1/n) sum (t softplus(-z) + (1 - t) softplus(z)),  softplus(z) = log(1 + exp(z))
        prediction_bar = (l_bar/n) (sigmoid(z) - t),  target_bar = -(l_bar/n) z

    The derivative is computed as (1 - t) sigmoid(z) - t sigmoid(-z), which does not cancel.
    PyTorch: `binary_cross_entropy_with_logits(prediction, target)`.
    Source: Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.90 and 4.91.

    Args:
        prediction: logits `z`, any shape.
        target: `t` in [0, 1], the shape of the prediction.

    Returns:
        The value, nan for an empty batch, and the pullback.

    Raises:
        ValueError: the shapes differ.
        TypeError: the target is not of a floating dtype.

    Example:
        >>> z, t = np.array([0.0, -1000.0]), np.array([1.0, 0.0])
        >>> l, pullback = mean_binary_cross_entropy_with_logits(z, t)
        >>> print(f"{l:.4f}", pullback(2.0)[0])
        0.3466 [-0.5  0. ]
    """
    check_pair(prediction, target)
    z, t = prediction, target
    value = share((t * softplus(-z) + (1 - t) * softplus(z)).sum(), z.size)

    def pullback(
        l_bar: ScalarLike,
    ) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
        weight = share(cotangent_of(value, l_bar), z.size)
        slope = (1 - t) * logistic(z) - t * logistic(-z)
        return np.asarray(weight * slope), np.asarray(-weight * z)

    return value, pullback
