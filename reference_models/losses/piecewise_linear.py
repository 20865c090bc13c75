"""Losses with a kink: the hinge and the absolute error."""

import numpy as np
from jaxtyping import Float

from reference_models._checks import check_pair, cotangent_of
from reference_models._stable import share
from reference_models._types import LossPullback, ScalarLike


def mean_hinge(
    prediction: Float[np.ndarray, "*shape"], target: Float[np.ndarray, "*target_shape"]
) -> tuple[np.floating, LossPullback]:
    """The hinge loss of scores `s`, as a mean over every element.

        l = (1/n) sum max(0, 1 - t s),  n = number of elements
        prediction_bar = -(l_bar/n) t where t s < 1, else 0
        target_bar = -(l_bar/n) s where t s < 1, else 0

    At the kink, t s = 1, the derivative is taken to be 0.
    PyTorch: `torch.relu(1 - target * prediction).mean()`; it has no function of its own for it
    (`hinge_embedding_loss` is a different loss). scikit-learn: `hinge_loss`.
    Source: Cortes, Vapnik, Support-Vector Networks (1995).

    Args:
        prediction: scores `s`, any shape.
        target: `t`, -1 or +1 (not 0 or 1), the shape of the prediction.

    Returns:
        The value, nan for an empty batch, and the pullback.

    Raises:
        ValueError: the shapes differ.
        TypeError: the target is not of a floating dtype.

    Example:
        >>> l, pullback = mean_hinge(np.array([0.5, 2.0]), np.array([-1.0, 1.0]))
        >>> float(l), pullback(2.0)[0]
        (0.75, array([1., 0.]))
    """
    check_pair(prediction, target)
    margin = 1 - target * prediction
    value = share(np.maximum(margin, 0).sum(), margin.size)

    def pullback(
        l_bar: ScalarLike,
    ) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
        weight = share(cotangent_of(value, l_bar), margin.size)
        slope = np.where(margin > 0, -weight, np.zeros_like(weight))
        return np.asarray(slope * target), np.asarray(slope * prediction)

    return value, pullback


def mean_absolute_error(
    prediction: Float[np.ndarray, "*shape"], target: Float[np.ndarray, "*target_shape"]
) -> tuple[np.floating, LossPullback]:
    """The absolute error, as a mean over every element.

        l = (1/n) sum |prediction - target|,  n = number of elements
        prediction_bar = (l_bar/n) sign(prediction - target),  target_bar = -prediction_bar

    At the kink, prediction = target, the derivative is taken to be 0, which is PyTorch's
    convention.
    PyTorch: `l1_loss(prediction, target)`.

    Args:
        prediction: any shape.
        target: the shape of the prediction.

    Returns:
        The value, nan for an empty batch, and the pullback.

    Raises:
        ValueError: the shapes differ.
        TypeError: the target is not of a floating dtype.

    Example:
        >>> l, pullback = mean_absolute_error(np.array([3.0, 1.0]), np.array([0.0, 1.0]))
        >>> float(l), pullback(2.0)[0]
        (1.5, array([1., 0.]))
    """
    check_pair(prediction, target)
    difference = prediction - target
    value = share(np.abs(difference).sum(), difference.size)

    def pullback(
        l_bar: ScalarLike,
    ) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
        weight = share(cotangent_of(value, l_bar), difference.size)
        prediction_bar = np.asarray(weight * np.sign(difference))
        return prediction_bar, np.asarray(-prediction_bar)

    return value, pullback
