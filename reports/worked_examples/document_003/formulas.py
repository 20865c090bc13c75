"""The formulas of the document, on a 2-3-4-5 network: no two widths are equal, so shapes show."""

from typing import Any

import numpy as np

from reports.worked_examples.claim import (
    Array,
    Claim,
    Derivation,
    Evidence,
    Setting,
    right,
    wrong,
)
from reports.worked_examples.document_003.example import DOCUMENT
from reports.worked_examples.mathematics import (
    binary_cross_entropy,
    cross_entropy,
    cross_entropy_pullback,
    gradient_of_step,
    half_square,
    half_square_pullback,
    multiply,
    point,
    quadratic,
    quadratic_gradient,
    sigmoid,
    sigmoid_slope,
    softmax,
)


def _next_z(z: Array, w: Array, b: Array) -> Array:
    """Z_{l+1} as a function of the pre-activation Z_l."""
    return w @ sigmoid(z) + b


def _jacobian(z: Array, w: Array) -> Array:
    """∂Z_{l+1}/∂Z_l, which contains σ′(Z_l)."""
    return w * sigmoid_slope(z)


def _next_z_of_layer(w: Array, b: Array, a: Array, next_w: Array) -> Array:
    """Z_{l+1} as a function of W_l and b_l; a is A_{l−1}."""
    return next_w @ sigmoid(w @ a + b)


def _layer_gradient(next_delta: Any, w: Any, b: Any, a: Any, next_w: Any) -> dict[str, Any]:
    delta = next_w.T @ next_delta * sigmoid_slope(w @ a + b)
    return {"w": np.outer(delta, a), "b": delta}


def _output_loss(b: Array, w: Array, a: Array, target: Array) -> Array:
    return half_square(sigmoid(w @ a + b), target)


_LAYER = point(w=(4, 3), b=(4,), a=(3,), next_w=(5, 4))
_SQUARE_LAYER = point(w=(3, 3), b=(3,), a=(3,), next_w=(3, 3))
_PREDICTION = {"prediction": np.array([0.8, 0.2]), "target": np.array([1.0, 0.0])}  # line 246

CLAIMS: tuple[Claim, ...] = (
    Derivation(
        document=DOCUMENT,
        lines=(40, 229),
        name="squared error",
        formula="L = ½ Σᵢ (yᵢ − ŷᵢ)², hence ∂L/∂ŷ = ŷ − y",
        function=half_square,
        primals=point(prediction=(5,), target=(5,)),
        wrt=("prediction",),
        pullback=half_square_pullback,
        truth=right("Half the sum of the squares; called MSE."),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(44, 239),
        name="cross-entropy",
        formula="L = −Σᵢ yᵢ log ŷᵢ, hence ∂L/∂ŷᵢ = −yᵢ / ŷᵢ",
        function=cross_entropy,
        primals=_PREDICTION,
        wrt=("prediction",),
        pullback=cross_entropy_pullback,
        truth=right(),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(55, 134, 261),
        name="output error, as used",
        formula="δ_output = ∂L/∂ŷ is the error from which ∂L/∂b₃ follows",
        function=_output_loss,
        primals=point(b=(5,), w=(5, 4), a=(4,), target=(5,)),
        wrt=("b",),
        pullback=lambda l_bar, b, w, a, target: {"b": l_bar * (sigmoid(w @ a + b) - target)},
        repair=lambda l_bar, b, w, a, target: {
            "b": l_bar * (sigmoid(w @ a + b) - target) * sigmoid_slope(w @ a + b)
        },
        holds_for=(
            Setting(
                "a linear output, ŷ = Z",
                lambda b, w, a, target: half_square(w @ a + b, target),
                lambda l_bar, b, w, a, target: {"b": l_bar * (w @ a + b - target)},
            ),
        ),
        truth=wrong(
            "gradient",
            mistake="σ′ missing",
            right="δ_output = ∂L/∂Z_output = ∂L/∂ŷ ⊙ σ′(Z_output)",
            because=(
                "A definition may be chosen, but lines 201 and 340 use this δ as ∂L/∂b₃, which"
                " needs the slope of the output's sigmoid."
            ),
        ),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(59, 138, 281),
        name="hidden error",
        formula="δ_l = δ_{l+1} · ∂Z_{l+1}/∂Z_l · σ′(Z_l)",
        function=_next_z,
        primals=point(z=(4,), w=(5, 4), b=(5,)),
        wrt=("z",),
        pullback=lambda delta, z, w, b: {
            "z": multiply(delta, _jacobian(z, w), sigmoid_slope(z))[:, 0]
        },
        repair=lambda delta, z, w, b: {"z": w.T @ delta * sigmoid_slope(z)},
        truth=wrong(
            "shape",
            mistake="order and transpose",
            right="δ_l = (∂Z_{l+1}/∂Z_l)ᵀ δ_{l+1} = W_{l+1}ᵀ δ_{l+1} ⊙ σ′(Z_l)",
            because=(
                "The product does not conform, (5,1)·(5,4) here: the Jacobian must be transposed"
                " and stand on the left."
            ),
        ),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(59, 138, 281),
        name="hidden error, as a row",
        formula="δ_lᵀ = δ_{l+1}ᵀ · ∂Z_{l+1}/∂Z_l ⊙ σ′(Z_l)ᵀ",
        function=_next_z,
        primals=point(z=(4,), w=(5, 4), b=(5,)),
        wrt=("z",),
        pullback=lambda delta, z, w, b: {"z": delta @ _jacobian(z, w) * sigmoid_slope(z)},
        repair=lambda delta, z, w, b: {"z": delta @ _jacobian(z, w)},
        truth=wrong(
            "gradient",
            mistake="σ′ counted twice",
            right="δ_lᵀ = δ_{l+1}ᵀ · ∂Z_{l+1}/∂Z_l",
            because=(
                "Even where it is read with rows and ⊙, so that it conforms, σ′(Z_l) stands in the"
                " Jacobian already."
            ),
        ),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(63, 142, 291),
        name="weight gradient",
        formula="∂L/∂W_l = A_{l−1} · δ_{l+1}",
        function=_next_z_of_layer,
        primals=_LAYER,
        wrt=("w",),
        pullback=lambda delta, w, b, a, next_w: {"w": multiply(a, delta)},
        repair=lambda delta, w, b, a, next_w: {"w": _layer_gradient(delta, w, b, a, next_w)["w"]},
        truth=wrong(
            "shape",
            mistake="wrong index",
            right="∂L/∂W_l = δ_l A_{l−1}ᵀ",
            because=(
                "The product does not conform, (3,1)·(5,1) here: the error is that of layer l, it"
                " stands on the left, and the activation is transposed."
            ),
        ),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(63, 142, 291),
        name="weight gradient, as an outer product",
        formula="∂L/∂W_l = A_{l−1} δ_{l+1}ᵀ",
        function=_next_z_of_layer,
        primals=_LAYER,
        wrt=("w",),
        pullback=lambda delta, w, b, a, next_w: {"w": np.outer(a, delta)},
        repair=lambda delta, w, b, a, next_w: {"w": _layer_gradient(delta, w, b, a, next_w)["w"]},
        truth=wrong(
            "shape",
            mistake="wrong index",
            right="∂L/∂W_l = δ_l A_{l−1}ᵀ",
            because="Even where it is read as an outer product it is (3,5) for a weight of (4,3).",
        ),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(64, 143, 295),
        name="bias gradient",
        formula="∂L/∂b_l = δ_{l+1}",
        function=_next_z_of_layer,
        primals=_LAYER,
        wrt=("b",),
        pullback=lambda delta, w, b, a, next_w: {"b": delta},
        repair=lambda delta, w, b, a, next_w: {"b": _layer_gradient(delta, w, b, a, next_w)["b"]},
        truth=wrong(
            "shape",
            mistake="wrong index",
            right="∂L/∂b_l = δ_l",
            because="The error is that of layer l: here it has 5 entries for a bias of 4.",
        ),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(64, 143, 295),
        name="bias gradient, equal widths",
        formula="∂L/∂b_l = δ_{l+1}, all widths 3",
        function=_next_z_of_layer,
        primals=_SQUARE_LAYER,
        wrt=("b",),
        pullback=lambda delta, w, b, a, next_w: {"b": delta},
        repair=lambda delta, w, b, a, next_w: {"b": _layer_gradient(delta, w, b, a, next_w)["b"]},
        truth=wrong(
            "gradient",
            mistake="wrong index",
            right="∂L/∂b_l = δ_l",
            because="With equal widths no shape gives the wrong index away, but the values do.",
        ),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(68, 69, 147, 148, 303, 307),
        name="gradient descent",
        formula="W_l ← W_l − α ∂L/∂W_l, b_l ← b_l − α ∂L/∂b_l",
        function=quadratic,
        primals={"theta": np.array([0.75, -0.5, 1.25])},
        pullback=gradient_of_step(lambda theta, rate: theta - rate * quadratic_gradient(theta)),
        truth=right(),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(267,),
        name="output error of squared error",
        formula="L = ½ Σᵢ (yᵢ − ŷᵢ)²: ∂L/∂ŷ = 2 (ŷ − y)",
        function=half_square,
        primals=point(prediction=(5,), target=(5,)),
        wrt=("prediction",),
        pullback=lambda l_bar, prediction, target: {
            "prediction": l_bar * 2 * (prediction - target)
        },
        repair=half_square_pullback,
        holds_for=(
            Setting(
                "Σᵢ (yᵢ − ŷᵢ)², without ½",
                lambda prediction, target: np.sum((target - prediction) ** 2),
            ),
        ),
        truth=wrong(
            "gradient",
            mistake="factor 2",
            right="∂L/∂ŷ = ŷ − y",
            because="The ½ of lines 40 and 229 cancels the 2: drop the 2 here, or the ½ there.",
        ),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(261, 273),
        name="output error of cross-entropy",
        formula="L = −Σᵢ yᵢ log ŷᵢ: ∂L/∂ŷ = ŷ − y",
        function=cross_entropy,
        primals=_PREDICTION,
        wrt=("prediction",),
        pullback=half_square_pullback,
        repair=cross_entropy_pullback,
        holds_for=(
            Setting(
                "cross-entropy after softmax, by its input z",
                lambda prediction, target: cross_entropy(softmax(prediction), target),
                lambda l_bar, prediction, target: {
                    "prediction": l_bar * (softmax(prediction) - target)
                },
            ),
            Setting(
                "binary cross-entropy after a sigmoid, by its input z",
                lambda prediction, target: binary_cross_entropy(sigmoid(prediction), target),
                lambda l_bar, prediction, target: {
                    "prediction": l_bar * (sigmoid(prediction) - target)
                },
            ),
        ),
        evidence=(
            Evidence(
                "claimed for the numbers of line 246",
                "(-0.2, 0.2)",
                lambda: half_square_pullback(1.0, **_PREDICTION)["prediction"],
            ),
            Evidence(
                "right for the numbers of line 246",
                "(-1.25, 0)",
                lambda: cross_entropy_pullback(1.0, **_PREDICTION)["prediction"],
            ),
        ),
        truth=wrong(
            "gradient",
            mistake="wrong variable",
            right="∂L/∂ŷᵢ = −yᵢ / ŷᵢ",
            because=(
                "ŷ − y is the derivative by the input of the softmax, not by ŷ as line 261"
                " defines δ: call it ∂L/∂Z."
            ),
        ),
    ),
)
