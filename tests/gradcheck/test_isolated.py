"""Entries whose gradients drown in those of others are judged where they do not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck

SEEDS = st.integers(0, 2**32 - 1)
SIZE = 24


def over_decades(rng, most=8.0):
    return 10.0 ** rng.uniform(-most, most, SIZE) * rng.choice([-1.0, 1.0], SIZE)


FUNCTIONS = {
    "sum of squares": lambda rng: (over_decades(rng), lambda x: x @ x, lambda x: 2 * x),
    "sum of cubes": lambda rng: (over_decades(rng), lambda x: np.sum(x**3), lambda x: 3 * x**2),
    "sum of inverses": lambda rng: (
        np.abs(over_decades(rng)),
        lambda x: np.sum(1 / x),
        lambda x: -1 / x**2,
    ),
    "weighted sum": lambda rng: _weighted(rng.normal(size=SIZE), over_decades(rng, 9.0)),
}


def _weighted(x, w):
    return x, lambda x: x @ w, lambda x: w + 0 * x


def at(i, change):
    """Spoils one entry of a gradient."""
    return lambda g: np.where(np.arange(g.size) == i, change(g), g)


CHANGES = {"dead": lambda g: 0 * g, "negated": lambda g: -g, "doubled": lambda g: 2 * g}


@pytest.mark.parametrize("name", FUNCTIONS)
@settings(max_examples=12)
@given(seed=SEEDS, change=st.sampled_from(sorted(CHANGES)), which=st.integers(0, SIZE - 1))
def test_each_wrong_entry_over_many_decades_is_found(name, seed, change, which):
    rng = np.random.default_rng(seed)
    x, f, slope = FUNCTIONS[name](rng)
    i = np.argsort(np.abs(slope(x)))[which]
    spoil = at(i, CHANGES[change])
    assert gradcheck.check(f, x, vjp=lambda u, x: u * slope(x), seed=seed).status == "pass"
    wrong = gradcheck.check(f, x, vjp=lambda u, x: spoil(u * slope(x)), seed=seed)
    assert wrong.status == "fail", str(wrong)


@settings(max_examples=12)
@given(seed=SEEDS)
def test_what_is_flushed_below_a_threshold_is_found(seed):
    x = over_decades(np.random.default_rng(seed))
    flushed = lambda u, x: 2 * u * np.where(np.abs(x) < 1e-3, 0.0, x)  # noqa: E731
    verdict = gradcheck.check(lambda x: x @ x, x, vjp=flushed, seed=seed)
    assert verdict.status == "fail" and "do not drown" in verdict.findings[0].message


@settings(max_examples=12)
@given(seed=SEEDS)
def test_pytorch_has_no_long_double_and_needs_none(seed):
    torch = pytest.importorskip("torch")
    w = torch.tensor(over_decades(np.random.default_rng(seed), 9.0))
    x = torch.tensor(np.random.default_rng(seed + 1).normal(size=SIZE))

    class Weighted(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x @ w

        @staticmethod
        def backward(ctx, u):
            return u * torch.where(w.abs() < 1e-4, 3 * w, w)

    assert gradcheck.check(lambda x: x @ w, x, seed=seed).status == "pass"
    if bool((w.abs() < 1e-4).any()):
        assert gradcheck.check(Weighted.apply, x, seed=seed).status == "fail"


TAILS = {
    "gelu": (
        lambda x: 0.5 * x * (1 + np.tanh(0.8 * (x + 0.04 * x**3))),
        lambda x: (
            0.5 * (1 + np.tanh(0.8 * (x + 0.04 * x**3)))
            + 0.4 * x * (1 + 0.12 * x**2) / np.cosh(0.8 * (x + 0.04 * x**3)) ** 2
        ),
    ),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "exp": (np.exp, np.exp),
    "logistic": (lambda x: 1 / (1 + np.exp(-x)), lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2),
}


@pytest.mark.parametrize("name", TAILS)
@given(seed=SEEDS)
def test_tails_that_have_lost_their_digits_are_not_accused(name, seed):
    f, slope = TAILS[name]
    rng = np.random.default_rng(seed)
    x = np.concatenate([3 * rng.normal(size=10), -(10.0 ** rng.uniform(-8, 1.3, 20))])
    verdict = gradcheck.check(f, x, vjp=lambda u, x: u * slope(x), seed=seed)
    assert verdict.status != "fail", str(verdict)
