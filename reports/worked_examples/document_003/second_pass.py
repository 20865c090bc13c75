"""What is new when the numeric example is worked again with δ_output = 2(ŷ − y), and line 249.

The lines that repeat the first pass with the same inputs stand in `first_pass`.
"""

import numpy as np

from reports.worked_examples.claim import Claim, Evidence, Figure, right, wrong
from reports.worked_examples.document_003.example import (
    B3,
    DELTA_OUTPUT,
    DELTA_OUTPUT_AGAIN,
    DOCUMENT,
    OUTPUT,
    RATE,
    SLOPES_Z3,
    STANDARD,
    W3,
    Z2,
    Y,
)
from reports.worked_examples.mathematics import (
    column,
    cross_entropy,
    multiply,
    sigmoid_slope,
    subtract,
)

_GRAD_W3 = np.array([-4.2, -8.76])  # line 339; line 348 updates with δ_output instead

CLAIMS: tuple[Claim, ...] = (
    Figure(
        document=DOCUMENT,
        lines=(249,),
        name="cross-entropy",
        formula="−[1 · log 0.8 + 0 · log 0.2]",
        stated="0.223",
        compute=lambda: cross_entropy(np.array([0.8, 0.2]), np.array([1.0, 0.0])),
        evidence=(
            Evidence("to more digits", "0.2231436", lambda: -np.log(0.8), entries=1),
            Evidence("with log₁₀", "0.0969", lambda: -np.log10(0.8)),
            Evidence("with log₂", "0.3219", lambda: -np.log2(0.8)),
        ),
        truth=right("The natural logarithm."),
    ),
    Figure(
        document=DOCUMENT,
        lines=(329,),
        name="δ_output",
        formula="δ_output = 2 (ŷ − y)",
        stated="(-4.2, -5.98)",
        compute=lambda: 2 * (OUTPUT - Y),
        evidence=(
            Evidence("∂L/∂ŷ of half the squared error", "(-2.1, -3.01)", lambda: OUTPUT - Y),
        ),
        truth=wrong(
            "value",
            mistake="arithmetic, factor 2",
            right="(-4.2, -6.02)",
            because=(
                "2 (0.99 − 4) is −6.02; and the loss of line 325 has ½, so that ∂L/∂ŷ has no"
                " factor 2."
            ),
        ),
    ),
    Figure(
        document=DOCUMENT,
        lines=(333,),
        name="∂Z₃/∂Z₂",
        formula="∂Z₃/∂Z₂, substituted by the printed slopes",
        stated="[[0.1, 0.9], [0.1, 0.9]]",
        compute=lambda: W3,
        evidence=(
            Evidence(
                "the matrix of line 192's slopes",
                "[[0.1, 0.9], [0.1, 0.9]]",
                lambda: SLOPES_Z3,
                entries=4,
            ),
        ),
        truth=wrong(
            "value",
            mistake="wrong substitution",
            right="[[0.9, 1.0], [1.1, 1.2]]",
            because="Line 192 substitutes W₃ for the same derivative; here the slopes stand twice.",
        ),
    ),
    Figure(
        document=DOCUMENT,
        lines=(333,),
        name="δ₂",
        formula="δ₂ = (−4.2, −5.98) · ∂Z₃/∂Z₂ · σ′(Z₃)",
        stated="(-0.036, -0.014)",
        compute=lambda: W3.T @ DELTA_OUTPUT_AGAIN * sigmoid_slope(Z2),
        as_printed=lambda: multiply(DELTA_OUTPUT_AGAIN, SLOPES_Z3, SLOPES_Z3),
        evidence=(
            Evidence(
                "δᵀ M M, M the printed slopes",
                "(-1.018, -9.162)",
                lambda: DELTA_OUTPUT_AGAIN @ SLOPES_Z3 @ SLOPES_Z3,
            ),
            Evidence(
                "M M δ",
                "(-5.802, -5.802)",
                lambda: SLOPES_Z3 @ SLOPES_Z3 @ DELTA_OUTPUT_AGAIN,
            ),
            Evidence("W₃ᵀ δ", "(-10.358, -11.376)", lambda: W3.T @ DELTA_OUTPUT_AGAIN),
            Evidence(
                "W₃ᵀ δ with line 329 corrected",
                "(-10.402, -11.424)",
                lambda: W3.T @ (2 * (OUTPUT - Y)),
            ),
            Evidence("W₃ᵀ (ŷ − y)", "(-5.201, -5.712)", lambda: W3.T @ (OUTPUT - Y)),
        ),
        truth=wrong(
            "shape",
            "value",
            mistake="stale copy of line 192",
            right="(-2.036506, -1.384793)",
            because=(
                "δ_output has changed and the result of line 192 has not; nor does the printed"
                " product conform. W₃ᵀ δ_output ⊙ σ′(Z₂) does."
            ),
        ),
    ),
    Figure(
        document=DOCUMENT,
        lines=(339,),
        name="∂L/∂W₃",
        formula="∂L/∂W₃ = Z₂ · (−4.2, −5.98)",
        stated="(-4.2, -8.76)",
        compute=lambda: np.outer(DELTA_OUTPUT_AGAIN, Z2),
        as_printed=lambda: multiply(Z2, DELTA_OUTPUT_AGAIN),
        evidence=(
            Evidence(
                "entry by entry, Z₂ ⊙ δ",
                "(-4.2, -10.764)",
                lambda: Z2 * DELTA_OUTPUT_AGAIN,
                entries=1,
            ),
            Evidence("inner product", "-14.964", lambda: Z2 @ DELTA_OUTPUT_AGAIN),
        ),
        truth=wrong(
            "shape",
            "value",
            mistake="⊙ instead of an outer product, arithmetic",
            right="[[-4.2, -7.56], [-5.98, -10.764]]",
            because=(
                "The gradient of a 2×2 weight is 2×2: δ_output Z₂ᵀ. Even entry by entry,"
                " 1.8 · (−5.98) is −10.764."
            ),
        ),
    ),
    Figure(
        document=DOCUMENT,
        lines=(340,),
        name="∂L/∂b₃",
        formula="∂L/∂b₃ = δ_output",
        stated="(-4.2, -5.98)",
        compute=lambda: DELTA_OUTPUT_AGAIN,
        evidence=(
            Evidence(
                "with line 329 corrected", "(-4.2, -6.02)", lambda: 2 * (OUTPUT - Y), entries=1
            ),
            Evidence("∂L/∂ŷ", "(-2.1, -3.01)", lambda: OUTPUT - Y),
            Evidence("∂L/∂Z₃", "(-0.189, -0.029799)", lambda: STANDARD.delta3),
        ),
        truth=right("A true copy of line 329, which is wrong.", inherits=(329,)),
    ),
    Figure(
        document=DOCUMENT,
        lines=(348,),
        name="W₃ updated",
        formula="W₃ − 0.1 · (−4.2, −5.98)",
        stated="[[1.0, 1.02], [1.2, 1.218]]",
        compute=lambda: W3 - RATE * np.outer(DELTA_OUTPUT_AGAIN, Z2),
        as_printed=lambda: subtract(W3, RATE * DELTA_OUTPUT_AGAIN),
        evidence=(
            Evidence(
                "the computation of line 209",
                "[[1.0, 1.018], [1.2, 1.218]]",
                lambda: W3 - Z2 * DELTA_OUTPUT,
                entries=4,
            ),
            Evidence(
                "α = 0.1, the vector as a row",
                "[[1.32, 1.598], [1.52, 1.798]]",
                lambda: W3 - RATE * DELTA_OUTPUT_AGAIN,
            ),
            Evidence(
                "α = 0.1, the vector as a column",
                "[[1.32, 1.42], [1.698, 1.798]]",
                lambda: W3 - RATE * column(DELTA_OUTPUT_AGAIN),
            ),
            Evidence(
                "α = 0.1, the vector of line 339 as a column",
                "[[1.32, 1.42], [1.976, 2.076]]",
                lambda: W3 - RATE * column(_GRAD_W3),
            ),
        ),
        truth=wrong(
            "shape",
            "value",
            mistake="stale copy of line 209",
            right="[[1.32, 1.756], [1.698, 2.2764]]",
            because=(
                "δ_output stands where line 339's gradient belongs, 2×2 minus 2×1 is not defined,"
                " and the result is line 209's: subtract 0.1 times the outer product δ_output Z₂ᵀ."
            ),
        ),
    ),
    Figure(
        document=DOCUMENT,
        lines=(349,),
        name="b₃ updated",
        formula="b₃ − 0.1 · (−4.2, −5.98)",
        stated="(1.0, 1.01)",
        compute=lambda: B3 - RATE * DELTA_OUTPUT_AGAIN,
        evidence=(
            Evidence(
                "the computation of line 210", "(1.0, 1.01)", lambda: B3 - DELTA_OUTPUT, entries=2
            ),
        ),
        truth=wrong(
            "value",
            mistake="stale copy of line 210",
            right="(1.32, 1.598)",
            because="δ_output has changed and the result of line 210 has not.",
        ),
    ),
)
