"""Metrics: numbers to report, without a derivative."""

import math

import numpy as np
from jaxtyping import Float, Int

from reference_models._checks import check_labels


def accuracy(
    scores: Float[np.ndarray, "batch n_classes"], labels: Int[np.ndarray, " rows"]
) -> float:
    """The share of the rows whose largest score is that of their label.

    Logits and probabilities give the same answer. The first of equal scores wins.

    Args:
        scores: shape (batch, n_classes).
        labels: class numbers, shape (batch,).

    Returns:
        A number from 0 to 1; nan for an empty batch.

    Raises:
        TypeError: the labels are not integers.
        ValueError: there is not one label a row, or a label is no class.

    Example:
        >>> accuracy(np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([0, 0]))
        0.5
    """
    check_labels(scores, labels)
    return float(np.mean(scores.argmax(axis=1) == labels)) if len(labels) else math.nan
