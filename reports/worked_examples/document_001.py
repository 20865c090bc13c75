"""A 2-layer sigmoid network with squared error, in formulas and as a NumPy function.

Its output delta is the one of binary cross-entropy: for squared error it lacks σ′.
"""

from typing import Any

import numpy as np

from reports.worked_examples.claim import (
    Array,
    Claim,
    Derivation,
    Evidence,
    Note,
    Setting,
    Statement,
    right,
    wrong,
)
from reports.worked_examples.mathematics import (
    binary_cross_entropy,
    column,
    half_square,
    point,
    sigmoid,
    sigmoid_slope,
)

DOCUMENT = "001_c0b9c4665ce0c58d.txt"

# A column-vector example of ours: the document gives no numbers.
_X = column([0.05, 0.10])
_Y = column([0.01])
_W1 = np.array([[0.15, 0.20], [0.25, 0.30]])
_W2 = np.array([[0.40, 0.45]])


def _loss(w1: Array, w2: Array, x: Array, y: Array) -> Array:
    return half_square(sigmoid(w2 @ sigmoid(w1 @ x)), y)


def _as_coded(l_bar: Any, w1: Array, w2: Array, x: Array, y: Array) -> dict[str, Array]:
    h = sigmoid(w1 @ x)
    output_delta = sigmoid(w2 @ h) - y
    hidden_delta = w2.T @ output_delta * h * (1 - h)
    return {"w1": l_bar * np.dot(hidden_delta, x.T), "w2": l_bar * np.dot(output_delta, h.T)}


def _corrected(l_bar: Any, w1: Array, w2: Array, x: Array, y: Array) -> dict[str, Array]:
    h = sigmoid(w1 @ x)
    output = sigmoid(w2 @ h)
    output_delta = (output - y) * output * (1 - output)
    hidden_delta = w2.T @ output_delta * h * (1 - h)
    return {"w1": l_bar * np.outer(hidden_delta, x), "w2": l_bar * np.outer(output_delta, h)}


def _output_slope() -> Array:
    return sigmoid_slope(_W2 @ sigmoid(_W1 @ _X))[0, 0]


def _deeper_layer_ignores_a_weight() -> bool:
    """Whether moving w leaves layer l as it is, as it must if w leads from layer l to l−1."""
    moved = _W1 + np.eye(2)
    return bool(np.allclose(moved @ _X, _W1 @ _X))


CLAIMS: tuple[Claim, ...] = (
    Statement(
        document=DOCUMENT,
        lines=(46,),
        name="direction of a weight",
        formula="w_ijˡ leads from neuron j of layer l to neuron i of layer l−1",
        holds=_deeper_layer_ignores_a_weight,
        truth=wrong(
            "statement",
            mistake="direction reversed",
            right="from neuron i of layer l−1 to neuron j of layer l",
            because="The signal and the indices of line 48 run the other way round.",
        ),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(40, 48),
        name="weight gradient",
        formula="δⱼˡ = ∂E/∂yⱼˡ and ∂E/∂w_ijˡ = δⱼˡ yᵢˡ⁻¹",
        function=lambda w, previous: sigmoid(previous @ w),
        primals=point(w=(3, 4), previous=(3,)),
        wrt=("w",),
        pullback=lambda y_bar, w, previous: {"w": np.outer(previous, y_bar)},
        repair=lambda y_bar, w, previous: {
            "w": np.outer(previous, y_bar * sigmoid_slope(previous @ w))
        },
        holds_for=(Setting("a layer without activation", lambda w, previous: previous @ w),),
        evidence=(
            Evidence(
                "in a 2-2-1 example the claim is too large by 1/σ′(z)",
                "4.19002",
                lambda: 1 / _output_slope(),
            ),
        ),
        truth=wrong(
            "gradient",
            mistake="σ′ missing",
            right="∂E/∂w_ijˡ = δⱼˡ σ′(zⱼˡ) yᵢˡ⁻¹",
            because=(
                "Line 40 defines δ at the output of the neuron, line 48 uses it as if it were"
                " taken before the activation: multiply by σ′, or define δ = ∂E/∂z."
            ),
        ),
    ),
    Note(
        document=DOCUMENT,
        lines=(52,),
        name="announced example",
        formula="2 inputs, 1 sigmoid output, squared error: use the formulas above",
        truth=right("No numbers are given; line 48 would make every gradient too large by 1/σ′."),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(63, 72),
        name="sigmoid",
        formula="h = 1/(1 + e⁻ˣ), hence ∂h/∂x = h (1 − h)",
        function=sigmoid,
        primals={"x": np.array([-3.0, -0.5, 0.0, 0.75, 4.0])},
        pullback=lambda h_bar, x: {"x": h_bar * sigmoid(x) * (1 - sigmoid(x))},
        truth=right("As coded, e⁻ˣ overflows with a warning for x below −709."),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(71,),
        name="output delta",
        formula="E = ½ Σ (ŷ − y)², ŷ = σ(z): δ₂ = ŷ − y",
        function=lambda z, y: half_square(sigmoid(z), y),
        primals={"z": np.array([0.25, -1.0, 1.5]), "y": np.array([1.0, 0.0, 0.25])},
        wrt=("z",),
        pullback=lambda l_bar, z, y: {"z": l_bar * (sigmoid(z) - y)},
        repair=lambda l_bar, z, y: {"z": l_bar * (sigmoid(z) - y) * sigmoid_slope(z)},
        holds_for=(
            Setting(
                "binary cross-entropy after a sigmoid",
                lambda z, y: binary_cross_entropy(sigmoid(z), y),
            ),
        ),
        truth=wrong(
            "gradient",
            mistake="σ′ missing",
            right="δ₂ = (ŷ − y) ŷ (1 − ŷ)",
            because=(
                "Line 52 names squared error, for which the sigmoid's slope is missing. Add it,"
                " or train with binary cross-entropy."
            ),
        ),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(72,),
        name="hidden delta",
        formula="δ₁ = W₂ᵀ δ₂ ⊙ h ⊙ (1 − h)",
        function=lambda z, w2: w2 @ sigmoid(z),
        primals=point(z=(3,), w2=(4, 3)),
        wrt=("z",),
        pullback=lambda delta, z, w2: {"z": w2.T @ delta * sigmoid(z) * (1 - sigmoid(z))},
        truth=right("The formula is right; its value inherits the δ₂ of line 71.", inherits=(71,)),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(75, 76),
        name="outer products",
        formula="∂E/∂W = δ hᵀ for columns δ and h",
        function=lambda w, h: w @ h,
        primals=point(w=(4, 3), h=(3, 1)),
        wrt=("w",),
        pullback=lambda delta, w, h: {"w": np.dot(delta, h.T)},
        truth=right("Right for column vectors; the values inherit line 71.", inherits=(71,)),
    ),
    Derivation(
        document=DOCUMENT,
        lines=tuple(range(65, 79)),
        name="the function, columns",
        formula="grad W₁, grad W₂ of ½ (ŷ − y)², x and y as columns",
        function=_loss,
        primals=point(w1=(3, 2), w2=(4, 3), x=(2, 1), y=(4, 1)),
        wrt=("w1", "w2"),
        pullback=_as_coded,
        repair=_corrected,
        holds_for=(
            Setting(
                "binary cross-entropy after a sigmoid",
                lambda w1, w2, x, y: binary_cross_entropy(sigmoid(w2 @ sigmoid(w1 @ x)), y),
            ),
        ),
        evidence=(
            Evidence(
                "2-2-1 example, grad W₂ as coded",
                "[[0.302339, 0.304575]]",
                lambda: _as_coded(1.0, _W1, _W2, _X, _Y)["w2"],
            ),
            Evidence(
                "2-2-1 example, grad W₂ right",
                "[[0.072157, 0.072691]]",
                lambda: _corrected(1.0, _W1, _W2, _X, _Y)["w2"],
            ),
            Evidence(
                "2-2-1 example, grad W₁ as coded",
                "[[0.002982, 0.005964], [0.003354, 0.006707]]",
                lambda: _as_coded(1.0, _W1, _W2, _X, _Y)["w1"],
            ),
            Evidence(
                "2-2-1 example, grad W₁ right",
                "[[0.000712, 0.001423], [0.000800, 0.001601]]",
                lambda: _corrected(1.0, _W1, _W2, _X, _Y)["w1"],
            ),
        ),
        truth=wrong(
            "gradient",
            mistake="σ′ missing",
            right="δ₂ = (ŷ − y) ŷ (1 − ŷ) in line 71; the other lines may stay",
            because="Both gradients inherit the missing slope of line 71.",
        ),
    ),
    Derivation(
        document=DOCUMENT,
        lines=tuple(range(65, 79)),
        name="the function, flat vectors, 1 output",
        formula="grad W₁, grad W₂ with x and y as flat vectors, 2-2-1",
        function=_loss,
        primals=point(w1=(2, 2), w2=(1, 2), x=(2,), y=(1,)),
        wrt=("w1", "w2"),
        pullback=_as_coded,
        repair=_corrected,
        truth=wrong(
            "shape",
            mistake="flat vectors",
            right="np.outer(δ, h), or inputs as columns",
            because="Shapes (1,) and (2,) do not conform: .T does nothing to a flat vector.",
        ),
    ),
    Derivation(
        document=DOCUMENT,
        lines=tuple(range(65, 79)),
        name="the function, flat vectors, 2 outputs",
        formula="grad W₁, grad W₂ with x and y as flat vectors, 2-2-2",
        function=_loss,
        primals=point(w1=(2, 2), w2=(2, 2), x=(2,), y=(2,)),
        wrt=("w1", "w2"),
        pullback=_as_coded,
        repair=_corrected,
        truth=wrong(
            "shape",
            mistake="flat vectors",
            right="np.outer(δ, h), or inputs as columns",
            because=(
                "Two scalars come back for two matrices, and nothing raises: the product of two"
                " flat vectors of equal length is their inner product."
            ),
        ),
    ),
)
