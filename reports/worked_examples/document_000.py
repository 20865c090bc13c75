"""A short introduction: a 1-1-1 sigmoid network with half the squared error. All of it is right."""

import numpy as np

from reports.worked_examples.claim import Array, Claim, Derivation, Note, right
from reports.worked_examples.mathematics import (
    gradient_of_step,
    half_square,
    half_square_pullback,
    point,
    quadratic,
    quadratic_gradient,
    sigmoid,
)

DOCUMENT = "000_c46d2d76328394ae.txt"


def _network(w1: Array, b1: Array, w2: Array, b2: Array, x: Array, y: Array) -> Array:
    return half_square(sigmoid(w2 * sigmoid(w1 * x + b1) + b2), y)


def _chain_rule(
    l_bar: Array, w1: Array, b1: Array, w2: Array, b2: Array, x: Array, y: Array
) -> dict[str, Array]:
    h = sigmoid(w1 * x + b1)
    output = sigmoid(w2 * h + b2)
    error = l_bar * (output - y) * output * (1 - output)
    hidden = error * w2 * h * (1 - h)
    return {"w1": hidden * x, "b1": hidden, "w2": error * h, "b2": error}


CLAIMS: tuple[Claim, ...] = (
    Derivation(
        document=DOCUMENT,
        lines=(30, 62),
        name="gradient descent",
        formula="θ_new = θ_old − α ∇J(θ_old)",
        function=quadratic,
        primals={"theta": np.array([0.25, -1.5, 2.0])},
        pullback=gradient_of_step(lambda theta, rate: theta - rate * quadratic_gradient(theta)),
        truth=right("The gradient is the one at θ_old, as the subscript says."),
    ),
    Note(
        document=DOCUMENT,
        lines=(40,),
        name="two meanings of y",
        formula="y is called the output of the network",
        truth=right("Line 45 uses y for the target and ŷ for the output: read it so."),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(45,),
        name="squared error",
        formula="L = ½ (y − ŷ)², hence ∂L/∂ŷ = ŷ − y",
        function=half_square,
        primals=point(prediction=(1,), target=(1,)),
        wrt=("prediction",),
        pullback=half_square_pullback,
        truth=right("The name MSE stands for half the squared error of one sample."),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(51, 52, 53, 54),
        name="chain rule",
        formula="∂L/∂θ = ∂L/∂ŷ · ∂ŷ/∂θ for θ = w₁, w₂, b₁, b₂",
        function=_network,
        primals=point(w1=(), b1=(), w2=(), b2=(), x=(), y=()),
        wrt=("w1", "b1", "w2", "b2"),
        pullback=_chain_rule,
        truth=right("Expanded here: ∂L/∂w₂ = (ŷ − y) ŷ (1 − ŷ) h, ∂L/∂w₁ = … w₂ h (1 − h) x."),
    ),
    Note(
        document=DOCUMENT,
        lines=tuple(range(71, 89)),
        name="Keras listing",
        formula="relu, softmax, sparse_categorical_crossentropy",
        truth=right(
            "Loss and output fit for integer labels; the data are not defined, so it cannot run."
        ),
    ),
)
