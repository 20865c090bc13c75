"""Exponentials and logarithms that neither overflow nor cancel."""

import numpy as np


def logistic(x: np.ndarray) -> np.ndarray:
    """`1 / (1 + exp(-x))`, with full relative accuracy in both tails."""
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


def softplus(x: np.ndarray) -> np.ndarray:
    """`log(1 + exp(x))`."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def log_softmax(z: np.ndarray) -> np.ndarray:
    """`z - log sum exp(z)` over the last axis."""
    shifted = z - z.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


@np.errstate(divide="ignore", invalid="ignore")
def times_log(a: np.ndarray, log_b: np.ndarray) -> np.ndarray:
    """`a log b`, given `log b`, with `0 log 0 = 0`."""
    return np.where(a == 0, np.zeros_like(log_b), a * log_b)


@np.errstate(divide="ignore", invalid="ignore")
def ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """`a / b`, silently infinite at `b = 0`, with `0 / 0 = 0`."""
    return np.where(a == 0, np.zeros_like(b), a / b)


@np.errstate(divide="ignore", invalid="ignore")
def share(total: np.ndarray | np.floating, count: int) -> np.floating:
    """`total / count`, the mean; a mean over nothing is silently 0/0 = nan, as in PyTorch."""
    return total.dtype.type(total) / count
