"""Inputs far from zero: timestamps, and variances that cancel."""

import numpy as np
import pytest

import gradcheck

EPOCH = 1.7e9


def variance(x):
    return (x * x).mean(-1) - x.mean(-1) ** 2


def of_variance(u, x):
    return 2 * u[..., None] * (x - x.mean(-1, keepdims=True)) / x.shape[-1]


def deviation(x):
    return np.sqrt(variance(x))


def of_deviation(u, x):
    around_mean = x - x.mean(-1, keepdims=True)
    return (
        u[..., None] * around_mean / np.sqrt((around_mean**2).mean(-1, keepdims=True)) / x.shape[-1]
    )


def narrow(f):
    return lambda x: f(x.astype(np.float32))


def around(offset, size):
    return lambda rng: offset + size * rng.normal(size=(2, 5))


CASES = {
    "tanh of hours": (
        lambda t: np.tanh((t - EPOCH) / 3600),
        lambda u, t: u * (1 - np.tanh((t - EPOCH) / 3600) ** 2) / 3600,
        around(EPOCH, 3600),
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
}
OPEN = {
    "decay over seconds": (
        lambda t: np.exp(-(t - EPOCH) / 10),
        lambda u, t: -u * np.exp(-(t - EPOCH) / 10) / 10,
        around(EPOCH, 10),
    ),
    "variance at 1e5": (variance, of_variance, around(1e5, 1)),
    "variance at 1e6": (variance, of_variance, around(1e6, 1)),
    "deviation at 1e6": (deviation, of_deviation, around(1e6, 1)),
    "deviation at 1e4, of float32": (narrow(deviation), of_deviation, around(1e4, 1)),
    "variance at 30, of float32": (narrow(variance), of_variance, around(30, 1)),
    "variance at 30, in float32": (
        variance,
        of_variance,
        lambda rng: around(30, 1)(rng).astype(np.float32),
    ),
    "variance at 30, in float32 alone": (
        narrow(variance),
        of_variance,
        lambda rng: around(30, 1)(rng).astype(np.float32),
    ),
}
"""Where most digits cancel it need not be decided."""


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("factor", "status"), [(1.0, "pass"), (0.5, "fail"), (-1.0, "fail")])
def test_gradients_far_from_zero_are_decided(name, factor, status):
    function, pullback, draw = CASES[name]
    for seed in range(4):
        x = draw(np.random.default_rng(seed))
        verdict = gradcheck.check(function, x, vjp=lambda u, x: factor * pullback(u, x), seed=seed)
        assert verdict.status == status, str(verdict)


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("name", OPEN)
def test_what_cancels_is_neither_accused_nor_accepted_when_it_is_wrong(name):
    function, pullback, draw = OPEN[name]
    for seed in range(6):
        x = draw(np.random.default_rng(seed))
        if not np.isfinite(function(x)).all():
            continue
        for factor, never in ((1.0, "fail"), (0.5, "pass"), (-1.0, "pass"), (0.0, "pass")):
            claim = lambda u, x: factor * pullback(u, x)  # noqa: B023, E731
            verdict = gradcheck.check(function, x, vjp=claim, seed=seed)
            assert verdict.status != never, str(verdict)
