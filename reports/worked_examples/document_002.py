"""An overview of backpropagation and optimisers: four formulas, all of them right."""

import numpy as np

from reports.worked_examples.claim import Claim, Derivation, Note, right
from reports.worked_examples.mathematics import (
    cross_entropy,
    cross_entropy_pullback,
    gradient_of_step,
    neuron,
    neuron_pullback,
    point,
    quadratic,
    quadratic_gradient,
)

DOCUMENT = "002_887cc1f858c87c03.txt"


CLAIMS: tuple[Claim, ...] = (
    Derivation(
        document=DOCUMENT,
        lines=(43,),
        name="neuron",
        formula="y = f(Σᵢ wᵢ xᵢ + b), hence ∂y/∂wᵢ = f′ xᵢ, ∂y/∂b = f′",
        function=neuron,
        primals=point(w=(4,), x=(4,), b=()),
        pullback=neuron_pullback,
        truth=right("Checked with f = σ."),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(51,),
        name="mean squared error",
        formula="L = 1/n Σᵢ (yᵢ − ŷᵢ)², hence ∂L/∂ŷᵢ = 2/n (ŷᵢ − yᵢ)",
        function=lambda prediction, target: np.mean((target - prediction) ** 2),
        primals=point(prediction=(5,), target=(5,)),
        wrt=("prediction",),
        pullback=lambda l_bar, prediction, target: {
            "prediction": l_bar * 2 / prediction.size * (prediction - target)
        },
        truth=right("A mean without ½: the gradient has the factor 2/n."),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(52,),
        name="cross-entropy",
        formula="L = −Σᵢ yᵢ log ŷᵢ, hence ∂L/∂ŷᵢ = −yᵢ / ŷᵢ",
        function=cross_entropy,
        primals={
            "prediction": np.array([0.2, 0.5, 0.3]),
            "target": np.array([0.1, 0.7, 0.2]),
        },
        wrt=("prediction",),
        pullback=cross_entropy_pullback,
        truth=right("The logarithm is the natural one; n counts classes here, samples in line 51."),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(58,),
        name="gradient descent",
        formula="wᵢ ← wᵢ − η ∂L/∂wᵢ",
        function=quadratic,
        primals={"theta": np.array([1.25, 0.75, -1.0])},
        pullback=gradient_of_step(lambda theta, rate: theta - rate * quadratic_gradient(theta)),
        truth=right("Printed with “=”: it is an assignment, not an equation."),
    ),
    Note(
        document=DOCUMENT,
        lines=tuple(range(67, 86)),
        name="Keras listing",
        formula="softmax, CategoricalCrossentropy, Adam(0.001)",
        truth=right(
            "The loss expects probabilities and one-hot labels, which fits; no data given."
        ),
    ),
)
