"""A two-layer network with its indices, the usual losses and gradient descent: all right.

The document breaks off in the middle of its last formula.
"""

import numpy as np

from reports.worked_examples.claim import Array, Claim, Derivation, Note, right
from reports.worked_examples.mathematics import (
    binary_cross_entropy,
    cross_entropy,
    cross_entropy_pullback,
    gradient_of_step,
    half_square,
    half_square_pullback,
    neuron,
    neuron_pullback,
    point,
    quadratic,
    quadratic_gradient,
    sigmoid,
    sigmoid_slope,
)

DOCUMENT = "004_ee66946d9d9b9179.txt"


def _layer(w: Array, x: Array, b: Array) -> Array:
    return sigmoid(np.einsum("ij,i->j", w, x) + b)


def _layer_pullback(h_bar: Array, w: Array, x: Array, b: Array) -> dict[str, Array]:
    z_bar = h_bar * sigmoid_slope(np.einsum("ij,i->j", w, x) + b)
    return {
        "w": np.einsum("i,j->ij", x, z_bar),
        "x": np.einsum("ij,j->i", w, z_bar),
        "b": z_bar,
    }


CLAIMS: tuple[Claim, ...] = (
    Derivation(
        document=DOCUMENT,
        lines=(117,),
        name="neuron",
        formula="y = f(Σᵢ wᵢ xᵢ + b), hence ∂y/∂wᵢ = f′ xᵢ, ∂y/∂b = f′",
        function=neuron,
        primals=point(w=(4,), x=(4,), b=()),
        pullback=neuron_pullback,
        truth=right("Checked with f = σ."),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(140,),
        name="hidden layer",
        formula="hⱼ = f(Σᵢ w⁽¹⁾ᵢⱼ xᵢ + b⁽¹⁾ⱼ), hence ∂E/∂w⁽¹⁾ᵢⱼ = xᵢ f′(zⱼ) ∂E/∂hⱼ",
        function=_layer,
        primals=point(w=(2, 3), x=(2,), b=(3,)),
        pullback=_layer_pullback,
        truth=right("The indices agree with line 148: w⁽¹⁾ᵢⱼ leads from i to j."),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(145,),
        name="output layer",
        formula="y_l = f(Σⱼ w⁽²⁾ⱼ_l hⱼ + b⁽²⁾_l), hence ∂E/∂w⁽²⁾ⱼ_l = hⱼ f′(z_l) ∂E/∂y_l",
        function=_layer,
        primals=point(w=(3, 4), x=(3,), b=(4,)),
        pullback=_layer_pullback,
        truth=right(),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(159,),
        name="squared error",
        formula="L = ½ (y − ŷ)², hence ∂L/∂ŷ = ŷ − y",
        function=half_square,
        primals=point(prediction=(1,), target=(1,)),
        wrt=("prediction",),
        pullback=half_square_pullback,
        truth=right(),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(165,),
        name="mean of squared errors",
        formula="J = 1/(2m) Σᵢ (y⁽ⁱ⁾ − ŷ⁽ⁱ⁾)², hence ∂J/∂ŷ⁽ⁱ⁾ = (ŷ⁽ⁱ⁾ − y⁽ⁱ⁾)/m",
        function=lambda prediction, target: np.mean((target - prediction) ** 2) / 2,
        primals=point(prediction=(6,), target=(6,)),
        wrt=("prediction",),
        pullback=lambda l_bar, prediction, target: {
            "prediction": l_bar * (prediction - target) / prediction.size
        },
        truth=right("m counts the samples here, and the hidden units in line 136."),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(175,),
        name="binary cross-entropy",
        formula="L = −[y log ŷ + (1 − y) log(1 − ŷ)], hence ∂L/∂ŷ = (ŷ − y)/(ŷ (1 − ŷ))",
        function=binary_cross_entropy,
        primals={"prediction": np.array([0.3, 0.8]), "target": np.array([1.0, 0.0])},
        wrt=("prediction",),
        pullback=lambda l_bar, prediction, target: {
            "prediction": l_bar * (prediction - target) / (prediction * (1 - prediction))
        },
        truth=right(),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(181,),
        name="cross-entropy",
        formula="L = −Σᵢ yᵢ log ŷᵢ, hence ∂L/∂ŷᵢ = −yᵢ / ŷᵢ",
        function=cross_entropy,
        primals={"prediction": np.array([0.2, 0.5, 0.3]), "target": np.array([0.0, 1.0, 0.0])},
        wrt=("prediction",),
        pullback=cross_entropy_pullback,
        truth=right(),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(201,),
        name="gradient descent",
        formula="θ ← θ − α ∇J(θ)",
        function=quadratic,
        primals={"theta": np.array([-0.25, 1.0, 1.5])},
        pullback=gradient_of_step(lambda theta, rate: theta - rate * quadratic_gradient(theta)),
        truth=right(),
    ),
    Note(
        document=DOCUMENT,
        lines=(210, 211),
        name="truncated formula",
        formula="θ ← θ − α ∇L(y⁽ⁱ⁾, …",
        truth=right("The document ends inside this display formula: nothing can be checked."),
    ),
)
