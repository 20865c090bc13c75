"""Sentences of the document that can be computed: definitions, ranges, its diagram, its advice."""

import numpy as np

from reports.worked_examples.claim import Claim, Evidence, Note, Statement, right, wrong
from reports.worked_examples.document_003.example import (
    B1,
    DELTA_OUTPUT,
    DELTA_OUTPUT_AGAIN,
    DOCUMENT,
    LOSS_RANGE,
    W1,
    W2,
    W3,
    X,
    Y,
)
from reports.worked_examples.mathematics import half_square, sigmoid

_DIAGRAM = {"E1": "output", "E2": "hidden 2", "E3": "hidden 1"}  # lines 98-100
_TEXT = {"E1": "hidden 1", "E2": "hidden 2", "E3": "output"}  # line 107

_INPUTS_OF_DELTA2 = DELTA_OUTPUT, DELTA_OUTPUT_AGAIN  # lines 192 and 333
_PRINTED_DELTA2 = np.array([-0.036, -0.014]), np.array([-0.036, -0.014])


def _half_square_is_the_mean() -> bool:
    error = np.array([1.0, 2.0, 3.0])
    return bool(np.isclose(half_square(error, 0.0), np.mean(error**2)))


def _nearest_output() -> np.ndarray:
    """The output in [0, 1] that is nearest to the target."""
    return np.clip(Y, 0.0, 1.0)


def _descends_to_a_minimum_of_a_concave_function() -> bool:
    theta = 0.1
    for _ in range(10):
        theta += 0.5 * theta  # f(θ) = −θ²/2, α = 0.5
    return bool(abs(theta) < 0.1)


def _input_gradient(depth: int) -> float:
    """∂aₙ/∂a₀ of a chain of n sigmoids, each with weight 1 and no bias."""
    activation, gradient = 0.5, 1.0
    for _ in range(depth):
        activation = float(sigmoid(activation))
        gradient *= activation * (1 - activation)
    return gradient


CLAIMS: tuple[Claim, ...] = (
    Statement(
        document=DOCUMENT,
        lines=(28, 31, 122),
        name="meaning of Z",
        formula="Z_l = σ(W_l A_{l−1} + b_l) is the input of layer l",
        holds=lambda: bool(np.allclose(sigmoid(W1 @ X + B1), W1 @ X + B1)),
        truth=wrong(
            "statement",
            mistake="definitions clash",
            right="Z_l = W_l A_{l−1} + b_l and A_l = σ(Z_l)",
            because=(
                "Line 28 prints the layer's output, line 31 calls it the input. A_l is never"
                " defined, and later lines feed Z_{l−1} as the activation."
            ),
        ),
    ),
    Statement(
        document=DOCUMENT,
        lines=(226,),
        name="name of the squared error",
        formula="½ Σᵢ (yᵢ − ŷᵢ)² is the mean of the squares",
        holds=_half_square_is_the_mean,
        truth=wrong(
            "statement",
            mistake="name against formula",
            right="half the sum of the squares; the mean is 1/n Σᵢ (yᵢ − ŷᵢ)²",
            because="A harmless convention in line 229, but the words describe another loss.",
        ),
    ),
    Statement(
        document=DOCUMENT,
        lines=(75, 154),
        name="curvature",
        formula="gradient descent finds a minimum on a concave loss",
        holds=_descends_to_a_minimum_of_a_concave_function,
        truth=wrong(
            "statement",
            mistake="concave for convex",
            right="on a convex region of the loss",
            because="On a concave function each step leads further away from the stationary point.",
        ),
    ),
    Statement(
        document=DOCUMENT,
        lines=(107,),
        name="diagram in words",
        formula="E1, E2, E3 (and F1 to F3) update hidden 1, hidden 2, output",
        holds=lambda: _TEXT == _DIAGRAM,
        truth=wrong(
            "statement",
            mistake="words against diagram",
            right="E1 output, E2 hidden 2, E3 hidden 1; F likewise",
            because="The diagram of lines 89–104 has them the other way round.",
        ),
    ),
    Statement(
        document=DOCUMENT,
        lines=(167, 312),
        name="architecture",
        formula="the network has one hidden layer",
        holds=lambda: len((W1, W2, W3)) - 1 == 1,
        truth=wrong(
            "statement",
            mistake="number of layers",
            right="two hidden layers",
            because="Three weight matrices make two hidden layers; line 190 names the second.",
        ),
    ),
    Statement(
        document=DOCUMENT,
        lines=(167, 312),
        name="reachable targets",
        formula="a sigmoid output is trained towards the targets (3, 4)",
        holds=lambda: bool(np.allclose(_nearest_output(), Y)),
        flag="range",
        evidence=(
            Evidence("least loss in reach", "6.5", lambda: half_square(_nearest_output(), Y)),
            Evidence("greatest loss in reach", "12.5", lambda: half_square(0.0, Y)),
            Evidence("these bounds as used for lines 184, 325", "(6.5, 12.5)", lambda: LOSS_RANGE),
        ),
        truth=wrong(
            "range",
            mistake="target out of range",
            right="targets in (0, 1), or a linear output",
            because="ŷ lies in (0, 1), so 6.5 < L < 12.5 whatever the weights are.",
        ),
    ),
    Note(
        document=DOCUMENT,
        lines=(284,),
        name="previous layer",
        formula="δ_{l+1} is the error of the previous layer",
        truth=right("Layer l+1 is the next one; it is the previous one only in backward order."),
    ),
    Statement(
        document=DOCUMENT,
        lines=(333, 335, *range(341, 345), *range(350, 354)),
        name="second pass",
        formula="δ₂, δ₁ and all that follows stay the same with another δ_output",
        holds=lambda: bool(np.allclose(*_INPUTS_OF_DELTA2) == np.allclose(*_PRINTED_DELTA2)),
        evidence=(
            Evidence("δ_output grows by", "(42, 598)", lambda: DELTA_OUTPUT_AGAIN / DELTA_OUTPUT),
            Evidence("δ₂ grows by", "(1, 1)", lambda: _PRINTED_DELTA2[1] / _PRINTED_DELTA2[0]),
        ),
        truth=wrong(
            "statement",
            mistake="stale copy of lines 192–214",
            right="every δ, gradient and step is linear in δ_output and must change with it",
            because="The figures of the first pass were copied: compute them again.",
        ),
    ),
    Note(
        document=DOCUMENT,
        lines=(355,),
        name="both losses",
        formula="squared error and cross-entropy have both been worked",
        truth=right("Only squared error is worked in this example."),
    ),
    Statement(
        document=DOCUMENT,
        lines=(627,),
        name="range of the sigmoid",
        formula="σ(x) covers [−1, 1]",
        holds=lambda: bool(np.min(sigmoid(np.linspace(-30.0, 30.0, 61))) < 0.0),
        flag="range",
        evidence=(
            Evidence("σ(±30)", "(0.000, 1.000)", lambda: sigmoid(np.array([-30.0, 30.0]))),
            Evidence("tanh(±30)", "(-1.000, 1.000)", lambda: np.tanh(np.array([-30.0, 30.0]))),
        ),
        truth=wrong(
            "range",
            mistake="range of another function",
            right="σ(x) lies in (0, 1)",
            because="(−1, 1) is the range of tanh; both intervals are open.",
        ),
    ),
    Statement(
        document=DOCUMENT,
        lines=(637,),
        name="depth against vanishing",
        formula="more layers keep gradients from vanishing",
        holds=lambda: _input_gradient(8) > _input_gradient(2),
        evidence=(
            Evidence("∂output/∂input of 2 sigmoids", "0.053", lambda: _input_gradient(2)),
            Evidence("of 8 sigmoids", "0.0000069", lambda: _input_gradient(8)),
        ),
        truth=wrong(
            "statement",
            mistake="advice reversed",
            right="fewer layers, residual connections, normalisation",
            because="Each sigmoid multiplies the gradient by at most 0.25: depth makes it vanish.",
        ),
    ),
    Note(
        document=DOCUMENT,
        lines=(640,),
        name="regularisation against explosion",
        formula="L2 or dropout as a cure for exploding gradients",
        truth=right("Doubtful: clipping the gradient is the usual cure."),
    ),
)
