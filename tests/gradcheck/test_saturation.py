"""Where little moves: saturated tails, and sums that are constant but for rounding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck

SEEDS = st.integers(0, 2**32 - 1)
DTYPES = st.sampled_from((np.float64, np.float32))
FACTORS = st.sampled_from((-1.0, 0.0, 0.5, 2.0, 10.0))

TAILS = {
    "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2, (5, 15)),
    "tanh by its value": (np.tanh, lambda x: 1 - np.tanh(x) ** 2, (5, 13)),
    "logistic": (
        lambda x: 1 / (1 + np.exp(-x)),
        lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2,
        (12, 30),
    ),
    "one without an exponential": (lambda x: 1 - np.exp(-x), lambda x: np.exp(-x), (10, 30)),
    "softplus and one": (
        lambda x: 1 + np.log1p(np.exp(-x)),
        lambda x: -1 / (1 + np.exp(x)),
        (10, 28),
    ),
    "arc tangent": (np.arctan, lambda x: 1 / (1 + x * x), (1e3, 1e7)),
}


@pytest.mark.parametrize("name", TAILS)
@settings(max_examples=15)
@given(seed=SEEDS, dtype=DTYPES, factor=FACTORS, width=st.floats(0.05, 0.3))
def test_a_saturated_function_excludes_what_is_wrong(name, seed, dtype, factor, width):
    """The first move that is seen is an ulp: the rounding of the outputs, not of float32 inside."""
    f, slope, (low, high) = TAILS[name]
    rng = np.random.default_rng(seed)
    low = np.exp(rng.uniform(np.log(low), np.log(high / (1 + width))))
    x = rng.uniform(low, low * (1 + width), (3, 4)).astype(dtype)
    vjp = lambda u, x: (u * slope(x)).astype(x.dtype)  # noqa: E731
    wrong = lambda u, x: (vjp(u, x) * dtype(factor)).astype(x.dtype)  # noqa: E731
    assert gradcheck.check(f, x, vjp=vjp, seed=seed).status == "pass"
    verdict = gradcheck.check(f, x, vjp=wrong, seed=seed)
    assert verdict.status == "fail", str(verdict)


def softmax(x):
    shares = np.exp(x - x.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)


def normalised(x):
    return (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)


CONSTANT = {
    "softmax, summed": (lambda x: softmax(x).sum(-1), lambda u, x: u[..., None] * softmax(x)),
    "a normalised batch, summed": (
        lambda x: normalised(x).sum(0),
        lambda u, x: u / np.sqrt(x.var(0) + 1e-5) + 0 * x,
    ),
    "the norm of directions": (
        lambda x: np.sum((x / np.linalg.norm(x, axis=-1, keepdims=True)) ** 2, axis=-1),
        lambda u, x: 2 * u[..., None] * x / np.sum(x * x, axis=-1, keepdims=True),
    ),
    "sine and cosine": (
        lambda x: np.sin(x) ** 2 + np.cos(x) ** 2,
        lambda u, x: 2 * u * np.sin(x) * np.cos(x),
    ),
    "a difference with itself": (lambda x: (x - x.mean()).sum(), lambda u, x: u + 0 * x),
}


@pytest.mark.parametrize("name", CONSTANT)
@settings(max_examples=15)
@given(seed=SEEDS, dtype=DTYPES, rows=st.integers(2, 6))
def test_what_is_constant_has_no_gradient(name, seed, dtype, rows):
    f, claim = CONSTANT[name]
    x = np.random.default_rng(seed).normal(size=(rows, 4)).astype(dtype)
    nothing = gradcheck.check(f, x, vjp=lambda u, x: 0 * x, seed=seed)
    assert nothing.status == "pass", str(nothing)
    something = gradcheck.check(f, x, vjp=lambda u, x: claim(u, x).astype(x.dtype), seed=seed)
    assert something.status == "fail", str(something)
