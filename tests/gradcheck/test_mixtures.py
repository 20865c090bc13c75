"""At ties where no branch of the point is linear: mixtures of what is close by pass, alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gradcheck
from gradcheck.adapters.objects import Place

SEEDS = st.integers(0, 2**32 - 1)
DTYPES = st.sampled_from(("float64", "float32"))

SHARES_OF_A_MEDIAN = (
    ((0, 1, 0, 0, 0), True),
    ((1, 0, 0, 0, 0), True),
    ((1 / 3, 1 / 3, 1 / 3, 0, 0), True),
    ((0.5, 0.5, 0, 0, 0), True),
    ((0.2, 0.3, 0.5, 0, 0), True),
    ((0, 2, 0, 0, 0), False),
    ((1, 1, 0, 0, 0), False),
    ((1, 0, 0, 0.1, 0), False),
    ((1, -0.5, 0.5, 0, 0), False),
    ((0, 0, 0, 0, 0), False),
    ((0, 0.9, 0, 0, 0), False),
)


@pytest.mark.parametrize("shares, is_right", SHARES_OF_A_MEDIAN)
@given(seed=SEEDS, dtype=DTYPES)
def test_what_a_median_of_three_equal_values_may_share_out(shares, is_right, seed, dtype):
    x = np.array([1, 1, 1, 0, 2], dtype)
    vjp = lambda u, x: (u * np.array(shares)).astype(x.dtype)  # noqa: E731
    verdict = gradcheck.check(np.median, x, vjp=vjp, seed=seed)
    assert verdict.status == ("pass" if is_right else "fail"), str(verdict)


def middle(a, b, c):
    return np.median(np.stack([a, b, c]), axis=0)


SHARES_OF_THREE = (
    ((0, 1, 0), True),
    ((0.25, 0.25, 0.5), True),
    ((0, 1, 1), False),
    ((0, 0.5, 0), False),
    ((0, 0, 0), False),
)


@pytest.mark.parametrize("shares, is_right", SHARES_OF_THREE)
@given(seed=SEEDS, dtype=DTYPES)
def test_primals_that_are_tied_with_one_another(shares, is_right, seed, dtype):
    primals = {name: np.ones(4, dtype) for name in "abc"}

    def vjp(u, a, b, c):
        return dict(zip("abc", (u * u.dtype.type(share) for share in shares), strict=True))

    verdict = gradcheck.check(middle, primals, vjp=vjp, seed=seed)
    assert verdict.status == ("pass" if is_right else "fail"), str(verdict)


@given(seed=SEEDS, rows=st.integers(2, 8))
def test_medians_of_rows_of_few_values(seed, rows):
    x = np.round(np.random.default_rng(seed).normal(size=(rows, 5)))

    def vjp(u, x):
        x_bar = np.zeros_like(x)
        x_bar[np.arange(len(x)), np.argsort(x, axis=1, kind="stable")[:, 2]] = u
        return x_bar

    medians = lambda x: np.median(x, axis=1)  # noqa: E731
    assert gradcheck.check(medians, x, vjp=vjp, seed=seed).status != "fail"
    more = gradcheck.check(medians, x, vjp=lambda u, x: 1.5 * vjp(u, x), seed=seed)
    assert more.status == "fail", str(more)


@given(seed=SEEDS)
def test_the_other_side_of_a_jump_is_no_mixture(seed):
    """At x = 0 the function takes y; a backward that takes x ≥ 0 gives all to z."""
    rng = np.random.default_rng(seed)
    x, y, z = np.zeros(3), rng.normal(size=3), rng.normal(size=3)
    chosen = lambda x, y, z: np.where(x > 0, z, y)  # noqa: E731
    vjp = lambda u, x, y, z: (0 * u, u * (x < 0), u * (x >= 0))  # noqa: E731
    assert gradcheck.check(chosen, x, y, z, vjp=vjp, seed=seed).status == "fail"


def test_what_is_set_into_an_object_is_a_copy():
    """Else the next value, written in place, would change the point that was set before."""

    class Thing:
        W = np.zeros(2, complex)

    thing, W = Thing(), np.ones(2)
    place = Place().attribute("W")
    place.set(thing, W)
    place.set(thing, 2 * W)
    assert np.array_equal(W, np.ones(2)) and np.array_equal(thing.W, 2 * np.ones(2))


def norms(x):
    """The Euclidean norm of each row."""
    return np.sqrt(np.sum(x * x, axis=-1))


def unit_rows(u, x, at_zero):
    y = norms(x)
    some = y > 0
    x_bar = np.zeros_like(x)
    x_bar[some] = (u[some] / y[some])[:, None] * x[some]
    x_bar[~some] = u[~some][:, None] * np.asarray(at_zero, x.dtype)
    return x_bar


SUBGRADIENTS_OF_A_NORM_AT_ZERO = (
    ((0.0, 0.0, 0.0), True),
    ((1.0, 0.0, 0.0), True),
    ((0.6, 0.0, -0.8), True),
    ((0.5, 0.5, 0.5), True),
    ((1.0, 1.0, 1.0), False),
    ((0.9, -0.9, 0.0), False),
    ((1.5, 0.0, 0.0), False),
)


@pytest.mark.parametrize("at_zero, is_right", SUBGRADIENTS_OF_A_NORM_AT_ZERO)
@given(seed=SEEDS)
def test_gradients_of_a_norm_at_zero_are_no_longer_than_one(at_zero, is_right, seed):
    x = np.random.default_rng(seed).normal(size=(5, 3))
    x[[1, 3]] = 0.0
    verdict = gradcheck.check(norms, x, vjp=lambda u, x: unit_rows(u, x, at_zero), seed=seed)
    assert verdict.status == ("pass" if is_right else "fail"), str(verdict)


SHARES_OF_A_MAXIMUM = (
    ((1.0, 0.0, 0.0), True),
    ((0.2, 0.3, 0.5), True),
    ((0.5, 0.5, 0.5), False),
    ((1.0, 1.0, 1.0), False),
    ((0.3, 0.3, 0.3), False),
)


@pytest.mark.parametrize("shares, is_right", SHARES_OF_A_MAXIMUM)
@given(seed=SEEDS)
def test_shares_of_a_maximum_of_three_add_up_to_one(shares, is_right, seed):
    x = np.array([2.0, 1.0, 2.0, 2.0, 0.5])
    tied = np.array([0, 2, 3])

    def vjp(u, x):
        x_bar = np.zeros_like(x)
        x_bar[tied] = u * np.array(shares)
        return x_bar

    verdict = gradcheck.check(np.max, x, vjp=vjp, seed=seed)
    assert verdict.status == ("pass" if is_right else "fail"), str(verdict)
