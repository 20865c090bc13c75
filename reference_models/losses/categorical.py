"""The cross-entropy over classes, of probabilities, of logits and of log-probabilities."""

import numpy as np
from jaxtyping import Float, Int

from reference_models._checks import check_labels, check_pair, check_rows, cotangent_of
from reference_models._stable import log_softmax, ratio, share, times_log
from reference_models._types import LossPullback, ScalarLike


@np.errstate(divide="ignore", invalid="ignore")
def mean_categorical_cross_entropy(
    prediction: Float[np.ndarray, "*shape"], target: Float[np.ndarray, "*target_shape"]
) -> tuple[np.floating, LossPullback]:
    """The cross-entropy of class probabilities `p`, as a mean over the samples.

        l = -(1/batch) sum_i sum_j t_ij log p_ij,  0 log 0 = 0
        prediction_bar = -(l_bar/batch) t / p,  0/0 = 0
        target_bar = -(l_bar/batch) log p

    The rows of `p` are not normalised again: each entry counts as a free variable. Infinite where a
    class with t > 0 has p = 0, without a warning; nan for p < 0.
    PyTorch: `-torch.xlogy(target, prediction).sum() / batch` (its `cross_entropy` wants logits).
    Source: Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.108.

    Args:
        prediction: probabilities `p`, shape (batch, n_classes).
        target: `t`, one-hot or soft, the shape of the prediction.

    Returns:
        The value, nan for an empty batch, and the pullback.

    Raises:
        ValueError: the shapes differ, or are not two-dimensional.
        TypeError: the target is not of a floating dtype.

    Example:
        >>> p, t = np.array([[0.5, 0.5, 0.0]]), np.array([[1.0, 0.0, 0.0]])
        >>> l, pullback = mean_categorical_cross_entropy(p, t)
        >>> print(f"{l:.4f}", pullback(1.0)[0] + 0.0)
        0.6931 [[-2.  0.  0.]]
    """
    check_pair(prediction, target)
    check_rows(prediction, "mean_categorical_cross_entropy")
    p, t = prediction, target
    log_p = np.log(p)
    value = share(-times_log(t, log_p).sum(), len(p))

    @np.errstate(invalid="ignore")
    def pullback(
        l_bar: ScalarLike,
    ) -> tuple[Float[np.ndarray, "batch n_classes"], Float[np.ndarray, "batch n_classes"]]:
        weight = share(cotangent_of(value, l_bar), len(p))
        return -weight * ratio(t, p), -weight * log_p

    return value, pullback


def mean_categorical_cross_entropy_with_logits(
    prediction: Float[np.ndarray, "*shape"], target: Float[np.ndarray, "*target_shape"]
) -> tuple[np.floating, LossPullback]:
    """The cross-entropy of logits `z`, p = softmax(z), as a mean over the samples.

        l = -(1/batch) sum_i sum_j t_ij log_softmax(z)_ij
        prediction_bar = (l_bar/batch) (softmax(z) sum_j t_ij - t)
        target_bar = -(l_bar/batch) log_softmax(z)

    The well-known form softmax(z) - t holds only where the targets of a row sum to 1.
    PyTorch: `cross_entropy(prediction, target)` with class probabilities as target.
    Source: Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.108 and 4.109.

    Args:
        prediction: logits `z`, shape (batch, n_classes).
        target: `t`, one-hot or soft, the shape of the prediction.

    Returns:
        The value, nan for an empty batch, and the pullback.

    Raises:
        ValueError: the shapes differ, or are not two-dimensional.
        TypeError: the target is not of a floating dtype.

    Example:
        >>> z, t = np.array([[1000.0, 1000.0]]), np.array([[1.0, 0.0]])
        >>> l, pullback = mean_categorical_cross_entropy_with_logits(z, t)
        >>> print(f"{l:.4f}", pullback(1.0)[0])
        0.6931 [[-0.5  0.5]]
    """
    check_pair(prediction, target)
    check_rows(prediction, "mean_categorical_cross_entropy_with_logits")
    log_p, t = log_softmax(prediction), target
    value = share(-(t * log_p).sum(), len(t))

    def pullback(
        l_bar: ScalarLike,
    ) -> tuple[Float[np.ndarray, "batch n_classes"], Float[np.ndarray, "batch n_classes"]]:
        weight = share(cotangent_of(value, l_bar), len(t))
        slope = np.exp(log_p) * t.sum(axis=1, keepdims=True) - t
        return weight * slope, -weight * log_p

    return value, pullback


def mean_negative_log_likelihood(
    prediction: Float[np.ndarray, "*shape"], target: Int[np.ndarray, "*target_shape"]
) -> tuple[np.floating, LossPullback]:
    """Minus the log-probability of the true class, as a mean over the samples.

        l = -(1/batch) sum_i prediction[i, target_i]
        prediction_bar = -(l_bar/batch) one_hot(target),  target_bar = None

    PyTorch: `nll_loss(prediction, target)`.

    Args:
        prediction: log-probabilities, shape (batch, n_classes).
        target: class numbers, integers of shape (batch,).

    Returns:
        The value, nan for an empty batch, and the pullback.

    Raises:
        ValueError: the prediction is not two-dimensional, there is not one label a row, or a label
            is no class.
        TypeError: the labels are not integers.

    Example:
        >>> l, pullback = mean_negative_log_likelihood(np.log([[0.5, 0.5]]), np.array([1]))
        >>> print(f"{l:.4f}", pullback(1.0)[0] + 0.0, pullback(1.0)[1])
        0.6931 [[ 0. -1.]] None
    """
    check_rows(prediction, "mean_negative_log_likelihood")
    check_labels(prediction, target)
    rows = np.arange(len(target))
    value = share(-prediction[rows, target].sum(), len(target))

    def pullback(l_bar: ScalarLike) -> tuple[Float[np.ndarray, "batch n_classes"], None]:
        prediction_bar = np.zeros(prediction.shape, prediction.dtype)
        prediction_bar[rows, target] = -share(cotangent_of(value, l_bar), len(target))
        return prediction_bar, None

    return value, pullback
