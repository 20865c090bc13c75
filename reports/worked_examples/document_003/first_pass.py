"""The numeric example, worked for the first time: every figure of lines 177 to 214.

Lines that the second pass repeats with the same inputs stand here with both line numbers.
"""

import numpy as np

from reports.worked_examples.claim import Claim, Evidence, Figure, right, wrong
from reports.worked_examples.document_003.example import (
    AS_DEFINED,
    B1,
    B2,
    B3,
    DELTA1,
    DELTA2,
    DELTA_OUTPUT,
    DOCUMENT,
    LINEAR_LAYERS,
    LOSS_RANGE,
    OUTPUT,
    RATE,
    SIGMOID_RANGE,
    SINGLE_SIGMOID,
    SLOPE_RANGE,
    SLOPES_Z2,
    SLOPES_Z3,
    STANDARD,
    W1,
    W2,
    W3,
    Z1,
    Z2,
    Z3,
    X,
    Y,
    loss,
)
from reports.worked_examples.mathematics import column, multiply, sigmoid, sigmoid_slope, subtract

_GRAD_W3 = np.array([-0.1, -0.018])
_GRAD_W2 = np.array([-0.0252, -0.0182])
_GRAD_W1 = np.array([-0.012, -0.008])

_FORWARD: tuple[Claim, ...] = (
    Figure(
        document=DOCUMENT,
        lines=(177, 318),
        name="Z₁",
        formula="Z₁ = σ(W₁ A₀ + b₁)",
        stated="(0.7, 1.3)",
        compute=lambda: sigmoid(W1 @ X + B1),
        bounds=SIGMOID_RANGE,
        evidence=(Evidence("without σ", "(0.6, 1.3)", lambda: W1 @ X + B1, entries=1),),
        truth=wrong(
            "value",
            "range",
            mistake="σ not applied, slip in a sum",
            right="(0.645656, 0.785835)",
            because=(
                "The second entry is the sum before σ, the first is not even that:"
                " 0.1 + 0.4 + 0.1 is 0.6. A sigmoid cannot give 1.3."
            ),
        ),
    ),
    Figure(
        document=DOCUMENT,
        lines=(178, 319),
        name="Z₂",
        formula="Z₂ = σ(W₂ Z₁ + b₂)",
        stated="(1.0, 1.8)",
        compute=lambda: sigmoid(W2 @ Z1 + B2),
        bounds=SIGMOID_RANGE,
        evidence=(
            Evidence("without σ", "(1.63, 2.13)", lambda: W2 @ Z1 + B2),
            Evidence("without σ and b₂", "(1.13, 1.53)", lambda: W2 @ Z1),
            Evidence("from the beginning, with σ", "(0.784879, 0.842988)", lambda: AS_DEFINED.z2),
            Evidence("from the beginning, without σ", "(1.58, 2.06)", lambda: LINEAR_LAYERS.z2),
        ),
        truth=wrong(
            "value",
            "range",
            mistake="σ not applied, wrong sums",
            right="(0.836170, 0.893785)",
            because="A sigmoid lies below 1; no reading that was tried gives these numbers.",
        ),
    ),
    Figure(
        document=DOCUMENT,
        lines=(179, 320),
        name="Z₃",
        formula="Z₃ = σ(W₃ Z₂ + b₃)",
        stated="(2.7, 4.4)",
        compute=lambda: sigmoid(W3 @ Z2 + B3),
        bounds=SIGMOID_RANGE,
        evidence=(
            Evidence("without σ", "(3.6, 4.26)", lambda: W3 @ Z2 + B3),
            Evidence("without σ and b₃", "(2.7, 3.26)", lambda: W3 @ Z2, entries=1),
            Evidence("from the beginning, with σ", "(0.920516, 0.946594)", lambda: AS_DEFINED.z3),
            Evidence("from the beginning, without σ", "(4.382, 5.21)", lambda: LINEAR_LAYERS.z3),
        ),
        truth=wrong(
            "value",
            "range",
            mistake="σ not applied, bias forgotten",
            right="(0.973403, 0.986074)",
            because=(
                "The first entry is W₃ Z₂ without bias and without σ; the second fits no reading"
                " that was tried. A sigmoid lies below 1."
            ),
        ),
    ),
    Figure(
        document=DOCUMENT,
        lines=(180, 321),
        name="ŷ",
        formula="ŷ = σ(Z₃)",
        stated="(0.9, 0.99)",
        compute=lambda: sigmoid(Z3),
        bounds=SIGMOID_RANGE,
        evidence=(
            Evidence("to more digits", "(0.937027, 0.987872)", lambda: sigmoid(Z3), entries=2),
            Evidence(
                "from the beginning, as defined (σ twice)",
                "(0.715147, 0.720430)",
                lambda: AS_DEFINED.output,
            ),
            Evidence(
                "from the beginning, ŷ = Z₃",
                "(0.920516, 0.946594)",
                lambda: SINGLE_SIGMOID.output,
                entries=1,
            ),
            Evidence(
                "from the beginning, Z without σ",
                "(0.987654, 0.994568)",
                lambda: LINEAR_LAYERS.output,
                entries=1,
            ),
        ),
        truth=right(
            "Right from the printed Z₃ at the printed digits; but line 179 has applied σ already,"
            " so that this is a second sigmoid.",
            inherits=(179, 320),
        ),
    ),
    Figure(
        document=DOCUMENT,
        lines=(184, 325),
        name="loss",
        formula="L = ½ ((3 − 0.9)² + (4 − 0.99)²)",
        stated="2.485",
        compute=lambda: loss(OUTPUT),
        bounds=LOSS_RANGE,
        evidence=(
            Evidence("from the beginning, as defined", "7.988067", lambda: AS_DEFINED.loss),
            Evidence("from the beginning, ŷ = Z₃", "6.823770", lambda: SINGLE_SIGMOID.loss),
            Evidence("from the beginning, Z without σ", "6.541079", lambda: LINEAR_LAYERS.loss),
        ),
        truth=wrong(
            "value",
            "range",
            mistake="arithmetic",
            right="6.73505",
            because=(
                "½ (4.41 + 9.0601) is 6.73505. With ŷ between 0 and 1 the loss lies between 6.5"
                " and 12.5; no reading that was tried gives 2.485."
            ),
        ),
    ),
)

_BACKWARD: tuple[Claim, ...] = (
    Figure(
        document=DOCUMENT,
        lines=(188,),
        name="δ_output",
        formula="δ_output = ∂L/∂ŷ",
        stated="(-0.1, -0.01)",
        compute=lambda: OUTPUT - Y,
        evidence=(
            Evidence("ŷ − 1", "(-0.1, -0.01)", lambda: OUTPUT - 1, entries=2),
            Evidence("∂L/∂Z₃", "(-0.189, -0.029799)", lambda: STANDARD.delta3),
        ),
        truth=wrong(
            "value",
            mistake="target 1 used",
            right="(-2.1, -3.01)",
            because="ŷ − y with the targets 3 and 4; the printed numbers are ŷ − 1.",
        ),
    ),
    Figure(
        document=DOCUMENT,
        lines=(192, 333),
        name="σ′(Z₃)",
        formula="σ′(Z₃), substituted as a matrix",
        stated="[[0.1, 0.9], [0.1, 0.9]]",
        compute=lambda: sigmoid_slope(Z3),
        bounds=SLOPE_RANGE,
        evidence=(Evidence("from the printed ŷ", "(0.09, 0.0099)", lambda: OUTPUT * (1 - OUTPUT)),),
        truth=wrong(
            "shape",
            "value",
            "range",
            mistake="slope as a matrix",
            right="(0.059008, 0.011981)",
            because=(
                "One slope for each unit, at most 0.25 each; the formula of line 59 has σ′(Z₂)"
                " here."
            ),
        ),
    ),
    Figure(
        document=DOCUMENT,
        lines=(192,),
        name="δ₂",
        formula="δ₂ = δ_output · W₃ · σ′(Z₃)",
        stated="(-0.036, -0.014)",
        compute=lambda: W3.T @ DELTA_OUTPUT * sigmoid_slope(Z2),
        as_printed=lambda: multiply(DELTA_OUTPUT, W3, SLOPES_Z3),
        evidence=(
            Evidence(
                "δᵀ W₃ M, M the printed slopes",
                "(-0.0213, -0.1917)",
                lambda: DELTA_OUTPUT @ W3 @ SLOPES_Z3,
            ),
            Evidence(
                "W₃ M δ", "(-0.0361, -0.0437)", lambda: W3 @ SLOPES_Z3 @ DELTA_OUTPUT, entries=1
            ),
            Evidence("M W₃ δ", "(-0.1198, -0.1198)", lambda: SLOPES_Z3 @ W3 @ DELTA_OUTPUT),
            Evidence("M W₃ᵀ δ", "(-0.1109, -0.1109)", lambda: SLOPES_Z3 @ W3.T @ DELTA_OUTPUT),
            Evidence("W₃ᵀ M δ", "(-0.0380, -0.0418)", lambda: W3.T @ SLOPES_Z3 @ DELTA_OUTPUT),
            Evidence("W₃ᵀ δ", "(-0.101, -0.112)", lambda: W3.T @ DELTA_OUTPUT),
            Evidence("with the right δ_output", "(-0.039888, -0.027360)", lambda: STANDARD.delta2),
        ),
        truth=wrong(
            "shape",
            "value",
            mistake="product does not conform, arithmetic",
            right="(-0.019858, -0.013634)",
            because=(
                "(2,1)·(2,2)·(2,2) does not conform; W₃ᵀ δ_output ⊙ σ′(Z₂) does. No reading of"
                " the printed product gives both printed numbers."
            ),
        ),
    ),
    Figure(
        document=DOCUMENT,
        lines=(196, 335),
        name="σ′(Z₂)",
        formula="σ′(Z₂), substituted as a matrix",
        stated="[[0.7, 0.3], [0.3, 0.1]]",
        compute=lambda: sigmoid_slope(Z2),
        bounds=SLOPE_RANGE,
        truth=wrong(
            "shape",
            "value",
            "range",
            mistake="slope as a matrix",
            right="(0.196612, 0.121729)",
            because=(
                "One slope for each unit, at most 0.25 each; the formula of line 59 has σ′(Z₁)"
                " here."
            ),
        ),
    ),
    Figure(
        document=DOCUMENT,
        lines=(196, 335),
        name="δ₁",
        formula="δ₁ = δ₂ · W₂ · σ′(Z₂)",
        stated="(-0.012, -0.004)",
        compute=lambda: W2.T @ DELTA2 * sigmoid_slope(Z1),
        as_printed=lambda: multiply(DELTA2, W2, SLOPES_Z2),
        evidence=(
            Evidence(
                "δᵀ W₂ M, M the printed slopes",
                "(-0.0293, -0.01162)",
                lambda: DELTA2 @ W2 @ SLOPES_Z2,
            ),
            Evidence("W₂ M δ", "(-0.02202, -0.03034)", lambda: W2 @ SLOPES_Z2 @ DELTA2),
            Evidence("M W₂ δ", "(-0.0294, -0.01156)", lambda: SLOPES_Z2 @ W2 @ DELTA2),
            Evidence("W₂ᵀ δ₂", "(-0.0278, -0.0328)", lambda: W2.T @ DELTA2),
            Evidence("with the right δ₂", "(-0.008668, -0.007712)", lambda: STANDARD.delta1),
        ),
        truth=wrong(
            "shape",
            "value",
            mistake="product does not conform, arithmetic",
            right="(-0.006164, -0.005520)",
            because=(
                "(2,1)·(2,2)·(2,2) does not conform; W₂ᵀ δ₂ ⊙ σ′(Z₁) does. No reading that was"
                " tried gives the printed numbers."
            ),
        ),
    ),
)

_GRADIENTS: tuple[Claim, ...] = (
    Figure(
        document=DOCUMENT,
        lines=(200,),
        name="∂L/∂W₃",
        formula="∂L/∂W₃ = Z₂ · δ_output",
        stated="(-0.1, -0.018)",
        compute=lambda: np.outer(DELTA_OUTPUT, Z2),
        as_printed=lambda: multiply(Z2, DELTA_OUTPUT),
        evidence=(
            Evidence(
                "entry by entry, Z₂ ⊙ δ", "(-0.1, -0.018)", lambda: Z2 * DELTA_OUTPUT, entries=2
            ),
            Evidence("inner product", "-0.118", lambda: Z2 @ DELTA_OUTPUT),
            Evidence(
                "with the right δ_output",
                "[[-0.189, -0.3402], [-0.029799, -0.053638]]",
                lambda: STANDARD.grad_w3,
            ),
        ),
        truth=wrong(
            "shape",
            mistake="⊙ instead of an outer product",
            right="[[-0.1, -0.18], [-0.01, -0.018]]",
            because="The gradient of a 2×2 weight is 2×2: δ_output Z₂ᵀ.",
        ),
    ),
    Figure(
        document=DOCUMENT,
        lines=(201,),
        name="∂L/∂b₃",
        formula="∂L/∂b₃ = δ_output",
        stated="(-0.1, -0.01)",
        compute=lambda: DELTA_OUTPUT,
        evidence=(
            Evidence("with the right δ_output", "(-0.189, -0.029799)", lambda: STANDARD.delta3),
        ),
        truth=right("A true copy of line 188, which is wrong.", inherits=(188,)),
    ),
    Figure(
        document=DOCUMENT,
        lines=(202, 341),
        name="∂L/∂W₂",
        formula="∂L/∂W₂ = Z₁ · δ₂",
        stated="(-0.0252, -0.0182)",
        compute=lambda: np.outer(DELTA2, Z1),
        as_printed=lambda: multiply(Z1, DELTA2),
        evidence=(
            Evidence(
                "entry by entry, Z₁ ⊙ δ₂", "(-0.0252, -0.0182)", lambda: Z1 * DELTA2, entries=2
            ),
            Evidence("inner product", "-0.0434", lambda: Z1 @ DELTA2),
            Evidence(
                "with the right δ₂",
                "[[-0.027922, -0.051855], [-0.019152, -0.035568]]",
                lambda: STANDARD.grad_w2,
            ),
        ),
        truth=wrong(
            "shape",
            mistake="⊙ instead of an outer product",
            right="[[-0.0252, -0.0468], [-0.0098, -0.0182]]",
            because="The gradient of a 2×2 weight is 2×2: δ₂ Z₁ᵀ.",
        ),
    ),
    Figure(
        document=DOCUMENT,
        lines=(203, 342),
        name="∂L/∂b₂",
        formula="∂L/∂b₂ = δ₂",
        stated="(-0.036, -0.014)",
        compute=lambda: DELTA2,
        evidence=(
            Evidence("with the right δ_output", "(-0.039888, -0.027360)", lambda: STANDARD.delta2),
        ),
        truth=right("A true copy of lines 192 and 333, which are wrong.", inherits=(192, 333)),
    ),
    Figure(
        document=DOCUMENT,
        lines=(204, 343),
        name="∂L/∂W₁",
        formula="∂L/∂W₁ = A₀ · δ₁",
        stated="(-0.012, -0.008)",
        compute=lambda: np.outer(DELTA1, X),
        as_printed=lambda: multiply(X, DELTA1),
        evidence=(
            Evidence("entry by entry, A₀ ⊙ δ₁", "(-0.012, -0.008)", lambda: X * DELTA1, entries=2),
            Evidence("inner product", "-0.02", lambda: X @ DELTA1),
            Evidence(
                "with the right δ₁",
                "[[-0.008668, -0.017336], [-0.007712, -0.015423]]",
                lambda: STANDARD.grad_w1,
            ),
        ),
        truth=wrong(
            "shape",
            mistake="⊙ instead of an outer product",
            right="[[-0.012, -0.024], [-0.004, -0.008]]",
            because="The gradient of a 2×2 weight is 2×2: δ₁ A₀ᵀ.",
        ),
    ),
    Figure(
        document=DOCUMENT,
        lines=(205, 344),
        name="∂L/∂b₁",
        formula="∂L/∂b₁ = δ₁",
        stated="(-0.012, -0.004)",
        compute=lambda: DELTA1,
        evidence=(
            Evidence("with the right δ_output", "(-0.008668, -0.007712)", lambda: STANDARD.delta1),
        ),
        truth=right("A true copy of lines 196 and 335, which are wrong.", inherits=(196, 335)),
    ),
)

_UPDATES: tuple[Claim, ...] = (
    Figure(
        document=DOCUMENT,
        lines=(209,),
        name="W₃ updated",
        formula="W₃ − 0.1 · (−0.1, −0.018)",
        stated="[[1.0, 1.02], [1.2, 1.218]]",
        compute=lambda: W3 - RATE * np.outer(DELTA_OUTPUT, Z2),
        as_printed=lambda: subtract(W3, RATE * _GRAD_W3),
        evidence=(
            Evidence(
                "α = 1, the vector as a row",
                "[[1.0, 1.018], [1.2, 1.218]]",
                lambda: W3 - _GRAD_W3,
                entries=4,
            ),
            Evidence(
                "α = 0.1, the vector as a row",
                "[[0.91, 1.0018], [1.11, 1.2018]]",
                lambda: W3 - RATE * _GRAD_W3,
            ),
            Evidence(
                "α = 0.1, the vector as a column",
                "[[0.91, 1.01], [1.1018, 1.2018]]",
                lambda: W3 - RATE * column(_GRAD_W3),
            ),
        ),
        truth=wrong(
            "shape",
            "value",
            mistake="α ignored, vector for a matrix",
            right="[[0.91, 1.018], [1.101, 1.2018]]",
            because=(
                "2×2 minus 2×1 is not defined: subtract 0.1 times the outer product δ_output Z₂ᵀ."
                " The author left out α and spread the vector over the rows."
            ),
        ),
    ),
    Figure(
        document=DOCUMENT,
        lines=(210,),
        name="b₃ updated",
        formula="b₃ − 0.1 · (−0.1, −0.01)",
        stated="(1.0, 1.01)",
        compute=lambda: B3 - RATE * DELTA_OUTPUT,
        evidence=(Evidence("α = 1", "(1.0, 1.01)", lambda: B3 - DELTA_OUTPUT, entries=2),),
        truth=wrong(
            "value",
            mistake="α ignored",
            right="(0.91, 1.001)",
            because="The author left out α = 0.1.",
        ),
    ),
    Figure(
        document=DOCUMENT,
        lines=(211, 350),
        name="W₂ updated",
        formula="W₂ − 0.1 · (−0.0252, −0.0182)",
        stated="[[0.5252, 0.6122], [0.7252, 0.8182]]",
        compute=lambda: W2 - RATE * np.outer(DELTA2, Z1),
        as_printed=lambda: subtract(W2, RATE * _GRAD_W2),
        evidence=(
            Evidence(
                "α = 1, the vector as a row",
                "[[0.5252, 0.6182], [0.7252, 0.8182]]",
                lambda: W2 - _GRAD_W2,
                entries=3,
            ),
            Evidence(
                "α = 0.1, the vector as a row",
                "[[0.50252, 0.60182], [0.70252, 0.80182]]",
                lambda: W2 - RATE * _GRAD_W2,
            ),
            Evidence(
                "α = 0.1, the vector as a column",
                "[[0.50252, 0.60252], [0.70182, 0.80182]]",
                lambda: W2 - RATE * column(_GRAD_W2),
            ),
        ),
        truth=wrong(
            "shape",
            "value",
            mistake="α ignored, vector for a matrix, slip",
            right="[[0.50252, 0.60468], [0.70098, 0.80182]]",
            because=(
                "2×2 minus 2×1 is not defined: subtract 0.1 times the outer product δ₂ Z₁ᵀ. The"
                " author left out α, spread the vector over the rows, and wrote 0.6122 for 0.6182."
            ),
        ),
    ),
    Figure(
        document=DOCUMENT,
        lines=(212, 351),
        name="b₂ updated",
        formula="b₂ − 0.1 · (−0.036, −0.014)",
        stated="(0.536, 0.614)",
        compute=lambda: B2 - RATE * DELTA2,
        evidence=(Evidence("α = 1", "(0.536, 0.614)", lambda: B2 - DELTA2, entries=2),),
        truth=wrong(
            "value",
            mistake="α ignored",
            right="(0.5036, 0.6014)",
            because="The author left out α = 0.1.",
        ),
    ),
    Figure(
        document=DOCUMENT,
        lines=(213, 352),
        name="W₁ updated",
        formula="W₁ − 0.1 · (−0.012, −0.008)",
        stated="(0.112, 0.208, 0.312, 0.412)",
        compute=lambda: W1 - RATE * np.outer(DELTA1, X),
        as_printed=lambda: subtract(W1, RATE * _GRAD_W1),
        evidence=(
            Evidence(
                "α = 1, the vector as a row, flattened",
                "(0.112, 0.208, 0.312, 0.408)",
                lambda: (W1 - _GRAD_W1).ravel(),
                entries=3,
            ),
            Evidence(
                "α = 0.1, the vector as a row",
                "[[0.1012, 0.2008], [0.3012, 0.4008]]",
                lambda: W1 - RATE * _GRAD_W1,
            ),
            Evidence(
                "α = 0.1, the vector as a column",
                "[[0.1012, 0.2012], [0.3008, 0.4008]]",
                lambda: W1 - RATE * column(_GRAD_W1),
            ),
        ),
        truth=wrong(
            "shape",
            "value",
            mistake="4×1 for 2×2, α ignored, slip",
            right="[[0.1012, 0.2024], [0.3004, 0.4008]]",
            because=(
                "A 2×2 weight stays 2×2: subtract 0.1 times the outer product δ₁ A₀ᵀ. The author"
                " left out α, spread the vector over the rows, and wrote 0.412 for 0.408."
            ),
        ),
    ),
    Figure(
        document=DOCUMENT,
        lines=(214, 353),
        name="b₁ updated",
        formula="b₁ − 0.1 · (−0.012, −0.004)",
        stated="(0.112, 0.204)",
        compute=lambda: B1 - RATE * DELTA1,
        evidence=(Evidence("α = 1", "(0.112, 0.204)", lambda: B1 - DELTA1, entries=2),),
        truth=wrong(
            "value",
            mistake="α ignored",
            right="(0.1012, 0.2004)",
            because="The author left out α = 0.1.",
        ),
    ),
)

CLAIMS: tuple[Claim, ...] = (*_FORWARD, *_BACKWARD, *_GRADIENTS, *_UPDATES)
