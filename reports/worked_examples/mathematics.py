"""The few formulas that the documents share, in their own conventions."""

from collections.abc import Callable
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np

from reports.worked_examples.claim import Array


def sigmoid(x: Any) -> Any:
    """Returns σ(x) = 1 / (1 + e⁻ˣ)."""
    return 1 / (1 + np.exp(-np.asarray(x)))


def sigmoid_slope(x: Any) -> Any:
    """Returns σ′(x) = σ(x) (1 − σ(x))."""
    y = sigmoid(x)
    return y * (1 - y)


def softmax(x: Any) -> Any:
    """Returns the softmax of a vector."""
    exponentials = np.exp(x - np.max(x))
    return exponentials / np.sum(exponentials)


def half_square(prediction: Any, target: Any) -> Any:
    """Returns ½ Σ (ŷ − y)²."""
    return 0.5 * np.sum((prediction - target) ** 2)


def cross_entropy(prediction: Any, target: Any) -> Any:
    """Returns −Σ y log ŷ, over the entries with y ≠ 0."""
    return -np.sum(target * np.log(prediction))


def binary_cross_entropy(prediction: Any, target: Any) -> Any:
    """Returns −Σ [y log ŷ + (1 − y) log(1 − ŷ)]."""
    return -np.sum(target * np.log(prediction) + (1 - target) * np.log(1 - prediction))


def half_square_pullback(l_bar: Any, prediction: Any, target: Any) -> dict[str, Any]:
    """Returns ∂L/∂ŷ = ŷ − y of ½ Σ (ŷ − y)²."""
    return {"prediction": l_bar * (prediction - target)}


def cross_entropy_pullback(l_bar: Any, prediction: Any, target: Any) -> dict[str, Any]:
    """Returns ∂L/∂ŷ = −y / ŷ of −Σ y log ŷ."""
    return {"prediction": -l_bar * target / prediction}


def neuron(w: Array, x: Array, b: Array) -> Any:
    """Returns y = σ(Σᵢ wᵢ xᵢ + b)."""
    return sigmoid(np.sum(w * x) + b)


def neuron_pullback(y_bar: Any, w: Array, x: Array, b: Array) -> dict[str, Array]:
    """Returns the gradients of `neuron`: σ′ xᵢ, σ′ wᵢ and σ′."""
    z_bar = y_bar * sigmoid_slope(np.sum(w * x) + b)
    return {"w": z_bar * x, "x": z_bar * w, "b": z_bar}


def column(vector: Any) -> Array:
    """Returns a vector as a matrix of one column, as documents write it."""
    return np.asarray(vector, dtype=np.float64)[:, None]


def multiply(*factors: Any) -> Array:
    """Returns the product of printed factors, read as matrices; a vector is one column.

    Raises:
        ValueError: the shapes of two neighbours do not conform.
    """
    matrices = [factor if np.ndim(factor) == 2 else column(factor) for factor in factors]
    for a, b in pairwise(matrices):
        if a.shape[1] != b.shape[0]:
            raise ValueError(f"{_size(a)} times {_size(b)} does not conform")
    return reduce(np.matmul, matrices)


def subtract(a: Any, b: Any) -> Array:
    """Returns a − b as linear algebra has it, without broadcasting; a vector is one column.

    Raises:
        ValueError: the shapes differ.
    """
    a, b = (x if np.ndim(x) == 2 else column(x) for x in (a, b))
    if a.shape != b.shape:
        raise ValueError(f"{_size(a)} minus {_size(b)} is not defined")
    return a - b


def _size(matrix: Array) -> str:
    return "×".join(map(str, matrix.shape))


def point(seed: int = 0, **shapes: tuple[int, ...]) -> dict[str, Array]:
    """Returns primals of the given shapes, drawn between −1 and 1, the same for the same seed."""
    rng = np.random.default_rng(seed)
    return {name: np.asarray(rng.uniform(-1.0, 1.0, shape)) for name, shape in shapes.items()}


def quadratic(theta: Array) -> Any:
    """A loss J(θ) with a gradient that nobody doubts; see `quadratic_gradient`."""
    return 0.5 * np.sum(_CURVATURE * (theta - 0.5) ** 2)


def quadratic_gradient(theta: Array) -> Array:
    """Returns ∇J(θ) of `quadratic`."""
    return _CURVATURE * (theta - 0.5)


_CURVATURE = np.array([1.0, 2.0, 0.5])


def gradient_of_step(step: Callable[[Array, float], Array], rate: float = 0.125) -> Any:
    """Returns the gradient that an update uses, (θ − step(θ, α)) / α, as a pullback of J."""
    return lambda y_bar, theta: {"theta": y_bar * (theta - step(theta, rate)) / rate}
