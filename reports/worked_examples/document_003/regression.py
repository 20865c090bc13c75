"""The linear regression: the loss is right, the function `backward` is not."""

from collections.abc import Callable
from typing import Any

import numpy as np

from reports.worked_examples.claim import (
    Array,
    Claim,
    Derivation,
    Evidence,
    Note,
    Statement,
    right,
    wrong,
)
from reports.worked_examples.document_003.example import DOCUMENT
from reports.worked_examples.mathematics import point

_X = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
_Y = np.array([0.0, 1.0, 4.0, 9.0, 16.0])
_EPOCHS, _RATE = 1000, 0.1


def _loss(w: Any, b: Any, x: Array, y: Array) -> Any:
    return np.mean((y - (w * x + b)) ** 2)


def _prediction_bar(w: Any, b: Any, x: Array, y: Array) -> Any:
    return 2 / x.size * (w * x + b - y)


def _gradient(l_bar: Any, w: Any, b: Any, x: Array, y: Array) -> dict[str, Any]:
    bar = l_bar * _prediction_bar(w, b, x, y)
    return {"w": np.asarray(np.sum(bar * x)), "b": np.asarray(np.sum(bar))}


def _averaged(l_bar: Any, w: Any, b: Any, x: Array, y: Array) -> dict[str, Any]:
    gradients = _gradient(l_bar, w, b, x, y)
    mean = np.asarray(np.mean([gradients["w"], gradients["b"]]))
    return {"w": mean, "b": mean}


def _mean_of_prediction_bar(l_bar: Any, w: Any, b: Any, x: Array, y: Array) -> dict[str, Any]:
    mean = np.asarray(l_bar * np.mean(_prediction_bar(w, b, x, y)))
    return {"w": mean, "b": mean}


def _train(gradient: Callable[..., dict[str, Any]], epochs: int = _EPOCHS) -> Array:
    """Returns (W, b) after gradient descent from (0, 0)."""
    parameters = np.zeros(2)
    for _ in range(epochs):
        bar = gradient(np.float64(1.0), parameters[0], parameters[1], _X, _Y)
        parameters = parameters - _RATE * np.array([bar["w"], bar["b"]])
    return parameters


def _least_squares() -> Array:
    return np.polyfit(_X, _Y, 1)


def _loss_at(parameters: Array) -> float:
    w, b = parameters
    return float(_loss(w, b, _X, _Y))


_PRIMALS = {"w": np.array(0.0), "b": np.array(0.0), "x": _X, "y": _Y}

CLAIMS: tuple[Claim, ...] = (
    Note(
        document=DOCUMENT,
        lines=(359, 436),
        name="linear data",
        formula="a linear regression on (0, 0), (1, 1), (2, 4), (3, 9), (4, 16)",
        evidence=(
            Evidence("least-squares line (W, b)", "(4, -2)", _least_squares),
            Evidence("its mean squared error", "2.8", lambda: _loss_at(_least_squares())),
        ),
        truth=right("The data lie on y = x²: a line fits them only so far, which is legitimate."),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(391, 392),
        name="loss of the regression",
        formula="L = 1/n Σᵢ (yᵢ − ŷᵢ)², hence ∂L/∂ŷᵢ = 2/n (ŷᵢ − yᵢ)",
        function=lambda prediction, target: np.mean((target - prediction) ** 2),
        primals=point(prediction=(5,), target=(5,)),
        wrt=("prediction",),
        pullback=lambda l_bar, prediction, target: {
            "prediction": l_bar * 2 / prediction.size * (prediction - target)
        },
        truth=right("A mean without ½, unlike line 229."),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(395, 396, 397, 398, 407, 408, *range(468, 475), 485),
        name="averaged gradients",
        formula="dW = db = mean(∂L/∂W, ∂L/∂b)",
        function=_loss,
        primals=_PRIMALS,
        wrt=("w", "b"),
        pullback=_averaged,
        repair=_gradient,
        evidence=(
            Evidence("first step as coded", "(2.6, 2.6)", lambda: _train(_averaged, 1)),
            Evidence("first step with the gradient", "(4.0, 1.2)", lambda: _train(_gradient, 1)),
            Evidence("after 1000 steps as coded", "(2.3636, 2.3636)", lambda: _train(_averaged)),
            Evidence("after 1000 steps with the gradient", "(4, -2)", lambda: _train(_gradient)),
        ),
        truth=wrong(
            "gradient",
            mistake="gradients averaged",
            right="dW = ∂L/∂W, db = ∂L/∂b",
            because=(
                "The function gets the two finished gradients and gives both parameters their"
                " mean, so that W = b for ever: delete it and use the tape's gradients."
            ),
        ),
    ),
    Statement(
        document=DOCUMENT,
        lines=tuple(range(401, 422)),
        name="result of the training",
        formula="the training ends at the W and b that minimise the loss",
        holds=lambda: bool(np.allclose(_train(_averaged), _least_squares(), atol=1e-6)),
        evidence=(
            Evidence("as coded (W, b)", "(2.3636, 2.3636)", lambda: _train(_averaged)),
            Evidence("its loss", "9.345455", lambda: _loss_at(_train(_averaged))),
            Evidence("least squares (W, b)", "(4, -2)", _least_squares),
            Evidence("its loss", "2.8", lambda: _loss_at(_least_squares())),
        ),
        truth=wrong(
            "statement",
            mistake="gradients averaged",
            right="W = 4, b = −2 with the loss 2.8",
            because=(
                "With averaged gradients the training ends on the best line with W = b, which is"
                " W = b = 2.3636 with the loss 9.3455."
            ),
        ),
    ),
    Statement(
        document=DOCUMENT,
        lines=(428,),
        name="forward in words",
        formula="ŷ multiplies x by W and by b, and adds",
        holds=lambda: bool(np.allclose(_X * 3.0 + _X * 2.0, 3.0 * _X + 2.0)),
        truth=wrong(
            "statement",
            mistake="words against code",
            right="ŷ = W x + b",
            because="Only W multiplies x; lines 388 and 458 have it right.",
        ),
    ),
    Derivation(
        document=DOCUMENT,
        lines=(432, 474),
        name="mean of ∂L/∂ŷ",
        formula="dW = db = mean(∂L/∂ŷ)",
        function=_loss,
        primals=_PRIMALS,
        wrt=("w", "b"),
        pullback=_mean_of_prediction_bar,
        repair=_gradient,
        truth=wrong(
            "gradient",
            mistake="chain rule left out",
            right="∂L/∂W = Σᵢ (∂L/∂ŷᵢ) xᵢ, ∂L/∂b = Σᵢ ∂L/∂ŷᵢ",
            because=(
                "What the text describes is not what the code receives (∂L/∂W and ∂L/∂b), and the"
                " mean of ∂L/∂ŷ is neither gradient: the factor xᵢ and the sum are missing."
            ),
        ),
    ),
)
