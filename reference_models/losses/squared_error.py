"""The squared error in its four conventions; they differ by a factor, and so do the gradients."""

import numpy as np
from jaxtyping import Float

from reference_models._checks import check_pair, check_rows, cotangent_of
from reference_models._stable import share
from reference_models._types import LossPullback, ScalarLike


def half_squared_error_per_sample(
    prediction: Float[np.ndarray, "*batch n_out"], target: Float[np.ndarray, "*target_shape"]
) -> tuple[Float[np.ndarray, "*batch"] | np.floating, LossPullback]:
    """Half the squared error of each sample; no reduction over the batch.

        l_i = ½ sum_j (prediction_ij - target_ij)^2
        prediction_bar_ij = l_bar_i (prediction_ij - target_ij),  target_bar = -prediction_bar

    PyTorch: `0.5 * mse_loss(prediction, target, reduction="none").sum(-1)`.
    Source: Bishop, Neural Networks for Pattern Recognition (1995), eq. 4.13.

    Args:
        prediction: shape (batch, n_out); shape (n_out,) is one sample.
        target: the shape of the prediction.

    Returns:
        One value a sample, shape (batch,) (a scalar for one sample), and the pullback, whose
        `l_bar` has that shape.

    Raises:
        ValueError: the shapes differ.
        TypeError: the target is not of a floating dtype.

    Example:
        >>> l, pullback = half_squared_error_per_sample(np.array([[3.0, 0.0]]), np.zeros((1, 2)))
        >>> l, pullback(np.array([2.0]))[0]
        (array([4.5]), array([[6., 0.]]))
    """
    check_pair(prediction, target)
    difference = prediction - target
    values = np.square(difference).sum(axis=-1) / 2

    def pullback(
        l_bar: ScalarLike | Float[np.ndarray, "*batch"],
    ) -> tuple[Float[np.ndarray, "*batch n_out"], Float[np.ndarray, "*batch n_out"]]:
        prediction_bar = cotangent_of(values, l_bar)[..., np.newaxis] * difference
        return prediction_bar, -prediction_bar

    return values, pullback


def half_sum_squared_error(
    prediction: Float[np.ndarray, "*shape"], target: Float[np.ndarray, "*target_shape"]
) -> tuple[np.floating, LossPullback]:
    """Half the squared error, summed over every element.

        l = ½ sum (prediction - target)^2
        prediction_bar = l_bar (prediction - target),  target_bar = -prediction_bar

    PyTorch: `0.5 * mse_loss(prediction, target, reduction="sum")`.
    Source: Bishop, Pattern Recognition and Machine Learning (2006), eq. 5.11.

    Args:
        prediction: any shape.
        target: the shape of the prediction.

    Returns:
        The value, 0 for an empty batch, and the pullback.

    Raises:
        ValueError: the shapes differ.
        TypeError: the target is not of a floating dtype.

    Example:
        >>> l, pullback = half_sum_squared_error(np.array([3.0, 1.0]), np.array([0.0, 1.0]))
        >>> float(l), pullback(1.0)[0]
        (4.5, array([3., 0.]))
    """
    check_pair(prediction, target)
    difference = prediction - target
    value = np.square(difference).sum() / 2

    def pullback(
        l_bar: ScalarLike,
    ) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
        prediction_bar = np.asarray(cotangent_of(value, l_bar) * difference)
        return prediction_bar, np.asarray(-prediction_bar)

    return value, pullback


def mean_squared_error(
    prediction: Float[np.ndarray, "*shape"], target: Float[np.ndarray, "*target_shape"]
) -> tuple[np.floating, LossPullback]:
    """The squared error, without ½, as a mean over every element.

        l = (1/n) sum (prediction - target)^2,  n = number of elements (not of samples)
        prediction_bar = l_bar (2/n) (prediction - target),  target_bar = -prediction_bar

    PyTorch: `mse_loss(prediction, target)`, which is its default.

    Args:
        prediction: any shape.
        target: the shape of the prediction.

    Returns:
        The value, nan for an empty batch, and the pullback.

    Raises:
        ValueError: the shapes differ.
        TypeError: the target is not of a floating dtype.

    Example:
        >>> l, pullback = mean_squared_error(np.array([3.0, 1.0]), np.array([0.0, 1.0]))
        >>> float(l), pullback(1.0)[0]
        (4.5, array([3., 0.]))
    """
    check_pair(prediction, target)
    difference = prediction - target
    value = share(np.square(difference).sum(), difference.size)

    def pullback(
        l_bar: ScalarLike,
    ) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
        weight = share(2 * cotangent_of(value, l_bar), difference.size)
        prediction_bar = np.asarray(weight * difference)
        return prediction_bar, np.asarray(-prediction_bar)

    return value, pullback


def half_mean_squared_error_over_samples(
    prediction: Float[np.ndarray, "*shape"], target: Float[np.ndarray, "*target_shape"]
) -> tuple[np.floating, LossPullback]:
    """Half the squared error, summed over the outputs, as a mean over the samples.

        l = 1/(2 batch) sum_i sum_j (prediction_ij - target_ij)^2
        prediction_bar = l_bar (1/batch) (prediction - target),  target_bar = -prediction_bar

    PyTorch: `0.5 * mse_loss(prediction, target, reduction="sum") / batch`.
    Source: Nielsen, Neural Networks and Deep Learning (2015), eq. 6.

    Args:
        prediction: shape (batch, n_out).
        target: the shape of the prediction.

    Returns:
        The value, nan for an empty batch, and the pullback.

    Raises:
        ValueError: the shapes differ, or are not two-dimensional.
        TypeError: the target is not of a floating dtype.

    Example:
        >>> p, t = np.array([[3.0], [1.0]]), np.array([[0.0], [1.0]])
        >>> l, pullback = half_mean_squared_error_over_samples(p, t)
        >>> float(l), pullback(1.0)[0].ravel()
        (2.25, array([1.5, 0. ]))
    """
    check_pair(prediction, target)
    check_rows(prediction, "half_mean_squared_error_over_samples")
    difference = prediction - target
    value = share(np.square(difference).sum() / 2, len(difference))

    def pullback(
        l_bar: ScalarLike,
    ) -> tuple[Float[np.ndarray, "batch n_out"], Float[np.ndarray, "batch n_out"]]:
        prediction_bar = share(cotangent_of(value, l_bar), len(difference)) * difference
        return prediction_bar, -prediction_bar

    return value, pullback
