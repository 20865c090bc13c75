"""Inputs far from zero: timestamps, and variances that cancel. Right passes, wrong is found."""

import numpy as np
import pytest

import gradcheck

EPOCH = 1.7e9


def variance(x):
    return (x * x).mean(-1) - x.mean(-1) ** 2


def of_variance(u, x):
    return 2 * u[..., None] * (x - x.mean(-1, keepdims=True)) / x.shape[-1]


def around(offset, size):
    return lambda rng: offset + size * rng.normal(size=(2, 5))


CASES = {
    "tanh of hours": (
        lambda t: np.tanh((t - EPOCH) / 3600),
        lambda u, t: u * (1 - np.tanh((t - EPOCH) / 3600) ** 2) / 3600,
        around(EPOCH, 3600),
    ),
    "decay over seconds": (
        lambda t: np.exp(-(t - EPOCH) / 10),
        lambda u, t: -u * np.exp(-(t - EPOCH) / 10) / 10,
        around(EPOCH, 10),
    ),
    "time of day": (
        lambda t: np.sin(2 * np.pi * t / 86400),
        lambda u, t: u * np.cos(2 * np.pi * t / 86400) * 2 * np.pi / 86400,
        around(EPOCH, 86400),
    ),
    "tanh, a million off": (
        lambda t: np.tanh(t - 1e6),
        lambda u, t: u * (1 - np.tanh(t - 1e6) ** 2),
        around(1e6, 1),
    ),
    "variance at 1e5": (variance, of_variance, around(1e5, 1)),
    "variance at 1e6": (variance, of_variance, around(1e6, 1)),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("factor", "status"), [(1.0, "pass"), (0.5, "fail"), (-1.0, "fail")])
def test_gradients_far_from_zero_are_decided(name, factor, status):
    function, pullback, draw = CASES[name]
    for seed in range(4):
        x = draw(np.random.default_rng(seed))
        verdict = gradcheck.check(function, x, vjp=lambda u, x: factor * pullback(u, x), seed=seed)
        assert verdict.status == status, str(verdict)
