"""Initializers: `(rng, n_in, n_out, dtype) -> W`, with `W` of shape (n_in, n_out).

Numbers are always drawn in float64 and then rounded to `dtype`: float32 weights are the rounded
float64 weights of the same seed, and the generator is left in the same state.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from reference_models._types import Initializer


def glorot_uniform(
    rng: np.random.Generator, n_in: int, n_out: int, dtype: type[np.floating] = np.float64
) -> Float[np.ndarray, "{n_in} {n_out}"]:
    """Uniform with the variance 2 / (n_in + n_out); PyTorch's `xavier_uniform_`.

        W ~ U(-bound, bound),  bound = sqrt(6 / (n_in + n_out)),  std = bound / sqrt(3)

    Source: Glorot, Bengio, Understanding the Difficulty of Training Deep Feedforward Neural
    Networks (2010), eq. 16.

    Args:
        rng: source of randomness.
        n_in: rows of `W`.
        n_out: columns of `W`.
        dtype: a floating type.

    Returns:
        `W`.

    Example:
        >>> W = glorot_uniform(np.random.default_rng(0), 2, 4)
        >>> W.shape, bool(np.abs(W).max() <= 1.0)
        ((2, 4), True)
    """
    bound = np.sqrt(6 / (n_in + n_out))
    return rng.uniform(-bound, bound, (n_in, n_out)).astype(dtype)


def glorot_normal(
    rng: np.random.Generator, n_in: int, n_out: int, dtype: type[np.floating] = np.float64
) -> Float[np.ndarray, "{n_in} {n_out}"]:
    """Normal with the variance 2 / (n_in + n_out); PyTorch's `xavier_normal_`.

        W ~ N(0, std^2),  std = sqrt(2 / (n_in + n_out))

    Source: Glorot, Bengio (2010), eq. 12, with a normal distribution.

    Args:
        rng: source of randomness.
        n_in: rows of `W`.
        n_out: columns of `W`.
        dtype: a floating type.

    Returns:
        `W`.

    Example:
        >>> glorot_normal(np.random.default_rng(0), 2, 4, np.float32).dtype
        dtype('float32')
    """
    return rng.normal(0, np.sqrt(2 / (n_in + n_out)), (n_in, n_out)).astype(dtype)


def he_uniform(
    rng: np.random.Generator, n_in: int, n_out: int, dtype: type[np.floating] = np.float64
) -> Float[np.ndarray, "{n_in} {n_out}"]:
    """Uniform with the variance 2 / n_in, for rectifiers; PyTorch's `kaiming_uniform_`, fan-in.

        W ~ U(-bound, bound),  bound = sqrt(6 / n_in),  std = bound / sqrt(3)

    Source: He, Zhang, Ren, Sun, Delving Deep into Rectifiers (2015), eq. 10, with a uniform
    distribution.

    Args:
        rng: source of randomness.
        n_in: rows of `W`.
        n_out: columns of `W`.
        dtype: a floating type.

    Returns:
        `W`.

    Example:
        >>> W = he_uniform(np.random.default_rng(0), 6, 4)
        >>> W.shape, bool(np.abs(W).max() <= 1.0)
        ((6, 4), True)
    """
    bound = np.sqrt(6 / n_in)
    return rng.uniform(-bound, bound, (n_in, n_out)).astype(dtype)


def he_normal(
    rng: np.random.Generator, n_in: int, n_out: int, dtype: type[np.floating] = np.float64
) -> Float[np.ndarray, "{n_in} {n_out}"]:
    """Normal with the variance 2 / n_in, for rectifiers; PyTorch's `kaiming_normal_`, fan-in.

        W ~ N(0, std^2),  std = sqrt(2 / n_in)

    Source: He, Zhang, Ren, Sun (2015), eq. 10.

    Args:
        rng: source of randomness.
        n_in: rows of `W`.
        n_out: columns of `W`.
        dtype: a floating type.

    Returns:
        `W`.

    Example:
        >>> he_normal(np.random.default_rng(0), 6, 4).shape
        (6, 4)
    """
    return rng.normal(0, np.sqrt(2 / n_in), (n_in, n_out)).astype(dtype)


INITIALIZERS: Mapping[str, Initializer] = {
    "glorot_uniform": glorot_uniform,
    "glorot_normal": glorot_normal,
    "he_uniform": he_uniform,
    "he_normal": he_normal,
    "xavier_uniform": glorot_uniform,
    "xavier_normal": glorot_normal,
}
"""Every initializer by its name; xavier is another name of glorot (the author is Xavier Glorot)."""
