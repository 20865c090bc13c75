"""Activations: pure rules `x -> (y, pullback)` with `pullback(y_bar) -> x_bar`.

`y` and `x_bar` have the shape and the dtype of `x`. The derivatives are computed from `x` in a form
without cancellation, so `x_bar` keeps its relative accuracy where `y` is saturated
(`1 - tanh(x)^2` does not: it is 0 from |x| = 19 on in float64).
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from reference_models._checks import cotangent_of
from reference_models._types import Activation, ArrayPullback


def _elementwise(
    y: np.ndarray, dy_dx: np.ndarray
) -> tuple[Float[np.ndarray, "*shape"], ArrayPullback]:
    """The rule of a function of one number: `x_bar = y_bar dy/dx`."""
    y, dy_dx = np.asarray(y), np.asarray(dy_dx)  # a ufunc turns 0-d arrays into scalars

    def pullback(y_bar: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        return np.asarray(cotangent_of(y, y_bar) * dy_dx)

    return y, pullback


def identity(x: Float[np.ndarray, "*shape"]) -> tuple[Float[np.ndarray, "*shape"], ArrayPullback]:
    """The identity, for a linear output.

        y = x
        x_bar = y_bar

    Args:
        x: any shape.

    Returns:
        `y`, a copy of `x`, and the pullback, which returns a copy of `y_bar`.

    Example:
        >>> y, pullback = identity(np.array([-1.0, 2.0]))
        >>> y, pullback(np.array([3.0, 4.0]))
        (array([-1.,  2.]), array([3., 4.]))
    """
    return _elementwise(x.copy(), np.ones_like(x))


def sigmoid(x: Float[np.ndarray, "*shape"]) -> tuple[Float[np.ndarray, "*shape"], ArrayPullback]:
    """The logistic function; PyTorch's `torch.sigmoid`.

        y = 1 / (1 + exp(-x))
        x_bar = y_bar y (1 - y) = y_bar e / (1 + e)^2,  e = exp(-|x|)

    Source: Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.59 and 4.88.

    Args:
        x: any shape.

    Returns:
        `y` in [0, 1], and the pullback.

    Example:
        >>> y, pullback = sigmoid(np.array([0.0, -1000.0]))
        >>> y, pullback(np.array([4.0, 4.0]))
        (array([0.5, 0. ]), array([1., 0.]))
    """
    e = np.exp(-np.abs(x))
    return _elementwise(np.exp(np.minimum(x, 0)) / (1 + e), e / (1 + e) ** 2)


def tanh(x: Float[np.ndarray, "*shape"]) -> tuple[Float[np.ndarray, "*shape"], ArrayPullback]:
    """The hyperbolic tangent; PyTorch's `torch.tanh`.

        y = tanh(x)
        x_bar = y_bar (1 - y^2) = y_bar 4 e / (1 + e)^2,  e = exp(-2 |x|)

    Source: Goodfellow, Bengio, Courville, Deep Learning (2016), section 6.3.2.

    Args:
        x: any shape.

    Returns:
        `y` in [-1, 1], and the pullback.

    Example:
        >>> y, pullback = tanh(np.array([0.0, 1000.0]))
        >>> y, pullback(np.array([3.0, 3.0]))
        (array([0., 1.]), array([3., 0.]))
    """
    e = np.exp(-2 * np.abs(x))
    return _elementwise(np.tanh(x), 4 * e / (1 + e) ** 2)


def relu(x: Float[np.ndarray, "*shape"]) -> tuple[Float[np.ndarray, "*shape"], ArrayPullback]:
    """The rectifier; PyTorch's `torch.relu`.

        y = max(x, 0)
        x_bar = y_bar if x > 0 else 0

    At the kink, x = 0, the derivative is taken to be 0, which is PyTorch's convention.

    Source: Glorot, Bordes, Bengio, Deep Sparse Rectifier Neural Networks (2011).

    Args:
        x: any shape.

    Returns:
        `y`, and the pullback.

    Example:
        >>> y, pullback = relu(np.array([-2.0, 0.0, 2.0]))
        >>> y, pullback(np.array([5.0, 5.0, 5.0]))
        (array([0., 0., 2.]), array([0., 0., 5.]))
    """
    return _elementwise(np.maximum(x, 0), (x > 0).astype(x.dtype))


def leaky_relu(
    x: Float[np.ndarray, "*shape"], slope: float = 0.01
) -> tuple[Float[np.ndarray, "*shape"], ArrayPullback]:
    """The leaky rectifier; PyTorch's `torch.nn.functional.leaky_relu`.

        y = x if x > 0 else slope x
        x_bar = y_bar if x > 0 else slope y_bar

    At the kink, x = 0, the derivative is taken to be `slope`, which is PyTorch's convention.

    Source: Maas, Hannun, Ng, Rectifier Nonlinearities Improve Neural Network Acoustic Models
    (2013).

    Args:
        x: any shape.
        slope: the derivative left of the kink.

    Returns:
        `y`, and the pullback.

    Example:
        >>> y, pullback = leaky_relu(np.array([-2.0, 2.0]), slope=0.5)
        >>> y, pullback(np.array([5.0, 5.0]))
        (array([-1.,  2.]), array([2.5, 5. ]))
    """
    dy_dx = np.where(x > 0, x.dtype.type(1), x.dtype.type(slope))
    return _elementwise(dy_dx * x, dy_dx)


def softmax(
    x: Float[np.ndarray, "*batch n_classes"],
) -> tuple[Float[np.ndarray, "*batch n_classes"], ArrayPullback]:
    """The softmax over the last axis; PyTorch's `torch.softmax(x, dim=-1)`.

        p_i = exp(x_i) / sum_j exp(x_j)
        x_bar = p (p_bar - sum_j p_j p_bar_j),  from the Jacobian dp_i/dx_j = p_i (δ_ij - p_j)

    Source: Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.104 and 4.106.

    Args:
        x: logits, shape (..., n_classes).

    Returns:
        `p`, whose last axis sums to 1, and the pullback.

    Example:
        >>> p, pullback = softmax(np.array([[1000.0, 1000.0]]))
        >>> p, pullback(np.array([[1.0, 0.0]]))
        (array([[0.5, 0.5]]), array([[ 0.25, -0.25]]))
    """
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)

    def pullback(
        p_bar: Float[np.ndarray, "*batch n_classes"],
    ) -> Float[np.ndarray, "*batch n_classes"]:
        p_bar = cotangent_of(p, p_bar)
        return p * (p_bar - (p * p_bar).sum(axis=-1, keepdims=True))

    return p, pullback


ACTIVATIONS: Mapping[str, Activation] = {
    "identity": identity,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "softmax": softmax,
}
"""Every activation by its name."""
