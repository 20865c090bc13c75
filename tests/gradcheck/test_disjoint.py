"""Entries that share no output: certified so, and looked at all at once on their kinks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from gradcheck.adapters import subject_of
from gradcheck.disjoint import groups_of, slopes_of
from gradcheck.evaluation import Evaluator, flat
from gradcheck.oracles.line import Line

SEEDS = st.integers(0, 2**32 - 1)


def line_of(f, x, x_bar):
    subject = subject_of(f, (x,), vjp=lambda u, x: x_bar, wrt=None, name=None)
    evaluator = Evaluator(subject)
    base = flat(evaluator.outputs(evaluator.point))
    (name,) = subject.point
    v = {name: np.ones(x.shape)}
    return Line(evaluator, base, np.ones((1, base.size)), [{name: x_bar}], v, np.zeros(1)), name


GROUPED = {
    "elementwise": (np.tanh, 24),
    "by rows": (lambda x: x / x.sum(1, keepdims=True), 6),
    "by rows, to fewer": (lambda x: np.max(x, axis=1), 6),
    "a step further": (lambda x: x + np.roll(x, 1, axis=1), 6),
    "its neighbour in the next row": (lambda x: x + np.roll(x.ravel(), 1).reshape(x.shape), None),
    "along the columns": (lambda x: np.cumsum(x, axis=0), None),
    "turned": (lambda x: (x.T * 2).copy(), None),
    "all of them": (lambda x: x - np.max(x), None),
    "a scalar": (lambda x: np.sum(x * x), None),
}


@pytest.mark.parametrize("name", GROUPED)
@given(seed=SEEDS)
def test_what_shares_no_output_is_certified_and_nothing_else(name, seed):
    f, count = GROUPED[name]
    x = np.random.default_rng(seed).normal(size=(6, 4))
    groups = groups_of(*line_of(f, x, np.zeros_like(x)))
    assert (groups.count if groups else None) == count


@pytest.mark.parametrize("to", [1, 4])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_way_from_one_row_to_another_that_is_open_on_one_side_is_seen(to, sign):
    def f(x):
        y = x.copy()
        y[to] += np.maximum(sign * x[3], 0)
        return y

    x = np.zeros((6, 4))
    assert groups_of(*line_of(np.copy, x, x)) is not None
    assert groups_of(*line_of(f, x, x)) is None


@given(seed=SEEDS)
def test_slopes_are_those_of_each_entry(seed):
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=(5, 3)))
    x_bar = rng.normal(size=x.shape)
    line, name = line_of(lambda x: np.abs(x).sum(1), x, x_bar)
    groups = groups_of(line, name)
    assert groups is not None
    slopes = slopes_of(line, name, 0, groups)
    low, high = np.where(x == 0, -1.0, np.sign(x)), np.where(x == 0, 1.0, np.sign(x))
    assert slopes.low == pytest.approx((low - x_bar).ravel(), abs=1e-8)
    assert slopes.high == pytest.approx((high - x_bar).ravel(), abs=1e-8)


def rectified(x):
    return np.maximum(x, 0)


CLAIMS = {
    "zero at the kinks": (lambda u, x: u * (x > 0), True),
    "one at the kinks": (lambda u, x: u * (x >= 0), True),
    "half at the kinks": (lambda u, x: u * ((x > 0) + 0.5 * (x == 0)), True),
    "three at the kinks": (lambda u, x: u * ((x > 0) + 3.0 * (x == 0)), False),
    "minus one at one kink": (
        lambda u, x: u * ((x > 0) - 1.0 * (np.cumsum(x == 0) == 7) * (x == 0)),
        False,
    ),
    "dead where it is one": (
        lambda u, x: u * (x > 0) * ~((np.cumsum(x > 0) == 9) & (x > 0)),
        False,
    ),
}


SIZES = ((2000, "float32"), (2000, "float64"), (40_000, "float64"))


@pytest.mark.parametrize("size, dtype", SIZES)
@pytest.mark.parametrize("name", CLAIMS)
@settings(max_examples=2)
@given(seed=SEEDS)
def test_thousands_of_entries_on_kinks_are_each_looked_at(name, size, dtype, seed):
    claim, is_right = CLAIMS[name]
    vjp = lambda u, x: claim(u, x).astype(u.dtype)  # noqa: E731
    x = np.maximum(np.random.default_rng(seed).normal(size=size), 0).astype(dtype)
    verdict = gradcheck.check(rectified, x, vjp=vjp, seed=seed)
    assert verdict.status == ("pass" if is_right else "fail"), str(verdict)
    if not is_right:
        off = claim(np.ones(size), x) - (x > 0)
        wrong = np.flatnonzero((np.abs(off - 0.5) > 0.5) | ((x > 0) & (off != 0)))
        assert sorted(i for (i,) in verdict.findings[0].indices) == wrong.tolist()


SPOILT = {
    "a share of entries": lambda slope, x: np.where(x < -1.0, slope / 2, slope),
    "another slope": lambda slope, x: 1 - np.tanh(x),
    "a hundred thousandth": lambda slope, x: slope * (1 + 1e-5),
    "two exchanged": lambda slope, x: slope[np.r_[1, 0, 2 : x.size]],
}


@pytest.mark.parametrize("name", SPOILT)
@settings(max_examples=3)
@given(seed=SEEDS)
def test_all_wrong_entries_of_a_large_elementwise_function_are_named(name, seed):
    x = np.random.default_rng(seed).uniform(0.3, 2.0, 5000) * np.resize([1.0, -1.0], 5000)
    claimed = SPOILT[name](1 - np.tanh(x) ** 2, x)
    verdict = gradcheck.check(np.tanh, x, vjp=lambda u, x: u * claimed, seed=seed)
    wrong = np.flatnonzero(claimed != 1 - np.tanh(x) ** 2)
    assert sorted(i for (i,) in verdict.findings[0].indices) == wrong.tolist(), str(verdict)
