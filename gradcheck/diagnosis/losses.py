"""The gradient of another loss than the one that was computed."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import numpy as np

from gradcheck.diagnosis.evidence import Array, Evidence
from gradcheck.diagnosis.expressions import fitting, one_hot, sigmoid, softmax
from gradcheck.diagnosis.factors import recognised
from gradcheck.diagnosis.scoring import Candidate, Row, done, is_multiple
from gradcheck.verdict import number

Gradient: TypeAlias = Callable[[Array, Array], Array]

LOSSES: Mapping[str, Gradient] = {
    "half the squared error": lambda p, y: p - y,
    "the absolute error": lambda p, y: np.sign(p - y),
    "binary cross-entropy of probabilities": lambda p, y: (p - y) / (p * (1 - p)),
    "binary cross-entropy of logits": lambda p, y: sigmoid(p) - y,
    "half the squared error of a sigmoid": lambda p, y: (sigmoid(p) - y) * sigmoid(p) * sigmoid(-p),
    "half the squared error of a tanh": lambda p, y: (np.tanh(p) - y) * (1 - np.tanh(p) ** 2),
    "cross-entropy of probabilities": lambda p, y: -y / p,
    "log-cosh": lambda p, y: np.tanh(p - y),
    "the Huber loss (δ = 1)": lambda p, y: np.clip(p - y, -1, 1),
    "Poisson's likelihood": lambda p, y: 1 - y / p,
    "Poisson's likelihood of log-rates": lambda p, y: np.exp(p) - y,
    "the hinge loss": lambda p, y: -y * (1 - y * p > 0),
    "the squared hinge loss": lambda p, y: -2 * y * np.maximum(1 - y * p, 0),
    "the logistic loss of ±1": lambda p, y: -y * sigmoid(-y * p),
    "the exponential loss": lambda p, y: -y * np.exp(-y * p),
    "the squared logarithmic error": lambda p, y: (np.log1p(p) - np.log1p(y)) / (1 + p),
    "the relative squared error": lambda p, y: (p - y) / (y * y),
    "the quartic error": lambda p, y: (p - y) ** 3,
    "the negative correlation": lambda p, y: -y,
}
"""∂ loss / ∂ p up to a constant, of predictions p and targets y, entry by entry."""

OF_ROWS: Mapping[str, Gradient] = {
    "cross-entropy of logits": lambda p, y: softmax(p) * y.sum(-1, keepdims=True) - y,
    "cross-entropy with the softmax along the other axis": lambda p, y: (
        softmax(p, 0) * y.sum(-1, keepdims=True) - y
    ),
    "cross-entropy with a log-softmax for the softmax": lambda p, y: np.log(softmax(p)) - y,
}
"""The same, row by row."""


def _gradients(evidence: Evidence) -> Iterator[tuple[str, str, Array]]:
    """Yields loss, the two quantities it is of, and its gradient at the sample."""
    fits = dict(fitting(evidence, evidence.shape))
    p = fits.pop(evidence.primal, None)
    if p is None or p.shape != evidence.shape:
        return
    targets = {n: q for n, q in fits.items() if n not in evidence.cotangents + evidence.outputs}
    for name, labels in evidence.quantities.items():
        hot = one_hot(np.asarray(labels), evidence.shape)
        if hot is not None:
            targets[f"one_hot({name})"] = hot
    for name, y in targets.items():
        at = evidence.sampled(p), evidence.sampled(y)
        for loss, gradient in LOSSES.items():
            yield loss, name, np.asarray(gradient(*at), dtype=float)
        for loss, gradient in OF_ROWS.items():
            yield loss, name, evidence.sampled(gradient(p, np.broadcast_to(y, p.shape)))


def _true_loss(evidence: Evidence, found: list[tuple[str, str, Array]]) -> str:
    """Returns the loss of which the true gradient is a multiple, "" where none is known."""
    return next((loss for loss, _, h in found if np.any(h) and is_multiple(evidence, h)), "")


def _another(evidence: Evidence) -> Iterator[Candidate]:
    found = list(_gradients(evidence))
    if not found:
        return
    truth = _true_loss(evidence, found)
    bits = float(np.log2(len(found)))
    for loss, target, h in found:
        if loss == truth or not np.isfinite(h).all() or not np.any(h):
            continue
        k = float(evidence.c @ h / (h @ h))
        cost = constant_bits(evidence, k) if k > 0 else None
        if cost is None:
            continue
        yield done(
            evidence, k * h, 0.0, bits=bits + cost, free=1, loss=loss, target=target, factor=k,
            times="" if abs(k - 1) < 1e-6 else f"{number(k, 4)} times ",
            truth=f", not of {truth}" if truth else "",
        )  # fmt: skip


def constant_bits(evidence: Evidence, k: float) -> float | None:
    """Returns the bits of a loss's constant (it is a mean, mostly); None: it is no known one.

    Without that the cube of a gradient were the gradient of a quartic loss.
    """
    scalars = [np.asarray(evidence.quantities[n], dtype=float) for n in evidence.cotangents]
    for unit in (1.0, *(float(u.item()) for u in scalars if u.size == 1 and u.item())):
        if not np.isfinite(k) or k == 0:
            continue
        if abs(abs(k / unit) - 1) < 1e-6:
            return 0.0
        known, bits = recognised(evidence, unit / k, 1e-9 * unit / k)
        if known.words:
            return bits
    return None


ROWS = (
    Row(
        "another loss",
        "the claim is {times}the gradient of {loss} of {primal} and {target}{truth}",
        "the backward pass belongs to another loss",
        "derive the loss that is computed",
        _another,
        bits=8,
    ),
)
