"""What is said about bad input: what was got, what was wanted, what to do."""

import difflib
import math
from collections.abc import Mapping
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def lookup(table: Mapping[str, T], name: str, kind: str) -> T:
    """Return `table[name]`.

    Raises:
        ValueError: the name is unknown; the message lists the known names and the nearest one.
    """
    if name in table:
        return table[name]
    nearest = difflib.get_close_matches(name, table, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    raise ValueError(f"unknown {kind} {name!r}: the known names are {', '.join(table)}{hint}")


def cotangent_of(y: np.ndarray | np.floating, y_bar: object) -> np.ndarray:
    """Return `y_bar` as an array with the dtype of the output `y`.

    The cast keeps float32 in float32 when the cotangent is a float64 scalar. The result may be
    `y_bar` itself: a pullback must compute with it, never return it.

    Raises:
        ValueError: `y_bar` has not the shape of `y`.
    """
    y_bar = np.asarray(y_bar, dtype=y.dtype)
    if y_bar.shape != y.shape:
        raise ValueError(
            f"the pullback got a cotangent of shape {y_bar.shape}; "
            f"give it one with the shape of the output, {y.shape}"
        )
    return y_bar


def check_pair(prediction: np.ndarray, target: np.ndarray) -> None:
    """Refuse targets that would broadcast against the prediction, or promote its dtype.

    Raises:
        ValueError: the shapes differ.
        TypeError: the target is not of a floating dtype.
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"prediction has shape {prediction.shape}, target has shape {target.shape}: "
            "they must be equal (losses do not broadcast); reshape or one-hot encode the target"
        )
    if not np.issubdtype(target.dtype, np.floating):
        raise TypeError(
            f"target has dtype {target.dtype}, wanted a floating dtype: "
            f"pass target.astype({prediction.dtype}) "
            "(integer labels belong to mean_negative_log_likelihood)"
        )


def check_rows(prediction: np.ndarray, loss: str) -> None:
    """Refuse a prediction that is not a matrix with one sample a row.

    Raises:
        ValueError: the prediction is not two-dimensional.
    """
    if prediction.ndim != 2:
        raise ValueError(
            f"{loss} got a prediction of shape {prediction.shape}, wanted (batch, n): "
            "pass one sample as x[np.newaxis, :]"
        )


def check_labels(prediction: np.ndarray, labels: np.ndarray) -> None:
    """Refuse labels that do not pick one column in each row of the prediction.

    Raises:
        TypeError: the labels are not integers.
        ValueError: there is not one label a row, or a label is no column of the prediction.
    """
    batch, n_classes = prediction.shape
    if not np.issubdtype(labels.dtype, np.integer):
        raise TypeError(f"labels have dtype {labels.dtype}, wanted integers: pass argmax(axis=1)")
    if labels.shape != (batch,):
        raise ValueError(
            f"labels have shape {labels.shape}, wanted ({batch},): one for each row of the "
            f"prediction, whose shape is {prediction.shape}"
        )
    outside = (labels < 0) | (labels >= n_classes)
    if outside.any():
        row = int(np.argmax(outside))
        raise ValueError(
            f"label {labels[row]} in row {row} is no class: wanted 0 to {n_classes - 1}"
        )


def check_names_and_shapes(
    got: Mapping[str, np.ndarray], wanted: Mapping[str, tuple[int, ...]], what: str
) -> None:
    """Refuse arrays whose names or shapes are not those wanted; all mismatches in one message.

    Raises:
        ValueError: a name is missing or unknown, or a shape is wrong.
    """
    faults = [f"{name!r} is missing" for name in wanted if name not in got]
    faults += [f"{name!r} is unknown" for name in got if name not in wanted]
    faults += [
        f"{name!r} has shape {got[name].shape}, wanted {shape}"
        for name, shape in wanted.items()
        if name in got and got[name].shape != shape
    ]
    if faults:
        raise ValueError(f"{what}: {'; '.join(faults)}; wanted the names {', '.join(wanted)}")


def check_sizes(**sizes: int) -> None:
    """Refuse sizes below one.

    Raises:
        ValueError: a size is not a positive integer.
    """
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name}={size} is no size: wanted a whole number >= 1")


def check_nonnegative(**settings: float) -> None:
    """Refuse hyperparameters that are negative, infinite or NaN.

    Raises:
        ValueError: naming the hyperparameter, its value and what is wanted.
    """
    for name, value in settings.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"{name}={value} is out of range: wanted a finite number >= 0")


def check_decay_rates(**settings: float) -> None:
    """Refuse decay rates outside [0, 1).

    Raises:
        ValueError: naming the hyperparameter, its value and what is wanted.
    """
    for name, value in settings.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name}={value} is out of range: wanted 0 <= {name} < 1")
