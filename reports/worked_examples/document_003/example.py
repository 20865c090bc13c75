"""The figures that the numeric example prints, and backpropagation from them.

A figure is judged from the figures that its own line prints as inputs; what an example would give
from its beginning to its end is `forward`, and what backpropagation gives from the printed forward
pass is `STANDARD`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.worked_examples.claim import Array
from reports.worked_examples.mathematics import sigmoid, sigmoid_slope

DOCUMENT = "003_334e9296ce603145.txt"

X = np.array([1.0, 2.0])
Y = np.array([3.0, 4.0])
W1 = np.array([[0.1, 0.2], [0.3, 0.4]])
W2 = np.array([[0.5, 0.6], [0.7, 0.8]])
W3 = np.array([[0.9, 1.0], [1.1, 1.2]])
B1, B2, B3 = np.array([0.1, 0.2]), np.array([0.5, 0.6]), np.array([0.9, 1.0])
RATE = 0.1

Z1 = np.array([0.7, 1.3])
Z2 = np.array([1.0, 1.8])
Z3 = np.array([2.7, 4.4])
OUTPUT = np.array([0.9, 0.99])
DELTA1 = np.array([-0.012, -0.004])
DELTA2 = np.array([-0.036, -0.014])
DELTA_OUTPUT = np.array([-0.1, -0.01])
DELTA_OUTPUT_AGAIN = np.array([-4.2, -5.98])
SLOPES_Z3 = np.array([[0.1, 0.9], [0.1, 0.9]])
SLOPES_Z2 = np.array([[0.7, 0.3], [0.3, 0.1]])

SIGMOID_RANGE = (0.0, 1.0)
SLOPE_RANGE = (0.0, 0.25)
LOSS_RANGE = (6.5, 12.5)


@dataclass(frozen=True, eq=False)
class Forward:
    """All layers of one forward pass."""

    z1: Array
    z2: Array
    z3: Array
    output: Array

    @property
    def loss(self) -> float:
        """Half the squared error against the printed target."""
        return loss(self.output)


def forward(hidden: Callable[[Any], Any], output: Callable[[Any], Any]) -> Forward:
    """Returns the pass with Z_l = hidden(W_l Z_{l−1} + b_l) and ŷ = output(Z₃)."""
    z1 = hidden(W1 @ X + B1)
    z2 = hidden(W2 @ z1 + B2)
    z3 = hidden(W3 @ z2 + B3)
    return Forward(z1, z2, z3, output(z3))


def linear(z: Any) -> Any:
    """Returns z itself: no activation."""
    return z


AS_DEFINED = forward(sigmoid, sigmoid)  # σ in every layer, and once more for ŷ
SINGLE_SIGMOID = forward(sigmoid, linear)  # σ in every layer, ŷ = Z₃
LINEAR_LAYERS = forward(linear, sigmoid)  # no σ in Z_l, ŷ = σ(Z₃)


def loss(output: Array) -> float:
    """Returns ½ Σ (y − ŷ)² against the printed target."""
    return float(0.5 * np.sum((Y - output) ** 2))


@dataclass(frozen=True, eq=False)
class Backward:
    """Backpropagation from the printed ŷ, with the printed Z as activations and as pre-activations.

    The document uses each printed Z both ways.
    """

    delta3: Array
    delta2: Array
    delta1: Array
    grad_w3: Array
    grad_w2: Array
    grad_w1: Array


def backward() -> Backward:
    """Returns δ_l = W_{l+1}ᵀ δ_{l+1} ⊙ σ′(Z_l) and ∂L/∂W_l = δ_l Z_{l−1}ᵀ."""
    delta3 = (OUTPUT - Y) * OUTPUT * (1 - OUTPUT)
    delta2 = W3.T @ delta3 * sigmoid_slope(Z2)
    delta1 = W2.T @ delta2 * sigmoid_slope(Z1)
    grads = np.outer(delta3, Z2), np.outer(delta2, Z1), np.outer(delta1, X)
    return Backward(delta3, delta2, delta1, *grads)


STANDARD = backward()
