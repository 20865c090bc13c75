"""On kinks any valid subgradient passes and nothing else does, entry by entry, however many."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck

SEEDS = st.integers(0, 2**32 - 1)
MANY = 1500  # more than are looked at one by one: they are screened


def quantised(rng, *shape):
    """Returns values of which a fifth lie on the kink at zero."""
    return np.round(2 * rng.normal(size=shape)) / 2


def relu(x):
    return np.maximum(x, 0)


def clip(x):
    return np.clip(x, -1, 1)


def hinge(x):
    return np.maximum(0, 1 - x)


KINKED = {
    "relu": (relu, lambda x: x == 0, lambda x: x > 0, 0.0, 1.0),
    "abs": (np.abs, lambda x: x == 0, np.sign, -1.0, 1.0),
    "clip": (clip, lambda x: abs(x) == 1, lambda x: abs(x) < 1, 0.0, 1.0),
    "hinge": (hinge, lambda x: x == 1, lambda x: -1.0 * (x < 1), -1.0, 0.0),
}
"""A function, where its kinks are, its slope elsewhere, and the slopes between which all are valid
on a kink."""

every_kink = pytest.mark.parametrize("name", KINKED)


def with_slopes(name, x, slopes):
    """Returns the verdict on a claim that has these slopes on the kinks."""
    f, on_kink, slope, _, _ = KINKED[name]
    given_slopes = np.where(on_kink(x), slopes, slope(x))

    def claim(u, y):
        # Where the audits move the point, the slopes on its own kinks are what is claimed.
        return u * np.where(on_kink(y), given_slopes, slope(y))

    return gradcheck.check(f, x, vjp=lambda u, x: claim(u, x), seed=1)


@every_kink
@settings(max_examples=8)
@given(seed=SEEDS)
def test_any_slopes_between_the_one_sided_ones_pass(name, seed):
    rng = np.random.default_rng(seed)
    *_, low, high = KINKED[name]
    verdict = with_slopes(name, quantised(rng, 40), rng.uniform(low, high, size=40))
    assert verdict.status == "pass", str(verdict)


@every_kink
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_one_convention_for_thousands_of_entries_passes(name, share):
    *_, low, high = KINKED[name]
    x = quantised(np.random.default_rng(0), MANY)
    verdict = with_slopes(name, x, np.full(MANY, low + share * (high - low)))
    assert verdict.status == "pass", str(verdict)


@every_kink
@settings(max_examples=8)
@given(seed=SEEDS, beyond=st.sampled_from([-2.0, -0.3, 0.3, 2.0]))
def test_one_slope_outside_is_found_among_valid_ones(name, seed, beyond):
    one_is_found(name, 40, seed, beyond)


@every_kink
def test_one_slope_outside_is_found_among_thousands(name):
    one_is_found(name, MANY, 0, 0.3)


def one_is_found(name, size, seed, beyond):
    rng = np.random.default_rng(seed)
    _, on_kink, _, low, high = KINKED[name]
    x = quantised(rng, size)
    x[rng.integers(size)] = 0.0 if name in ("relu", "abs") else 1.0
    slopes = rng.uniform(low, high, size)
    i = int(rng.choice(np.flatnonzero(on_kink(x))))
    slopes[i] = low + beyond if beyond < 0 else high + beyond
    verdict = with_slopes(name, x, slopes)
    assert verdict.status == "fail", str(verdict)
    assert verdict.findings[0].indices == ((i,),), str(verdict)


@every_kink
@pytest.mark.parametrize("size", [40, MANY])
@pytest.mark.parametrize("factor", [0.0, 1.1, -1.0])
def test_one_wrong_entry_beside_the_kinks_is_found(name, size, factor):
    f, on_kink, slope, _, _ = KINKED[name]
    x = quantised(np.random.default_rng(3), size)
    i = int(np.flatnonzero(~on_kink(x) & (slope(x) != 0))[2])

    def claim(u, y):
        x_bar = 1.0 * u * slope(y)
        x_bar[i] *= factor
        return x_bar

    # The row-wise audits take single entries, which have no entry i.
    claim_of_rows = lambda u, x: claim(u, x) if x.shape == (size,) else u * slope(x)  # noqa: E731
    verdict = gradcheck.check(f, x, vjp=claim_of_rows, seed=1)
    assert verdict.status == "fail" and verdict.findings[0].indices == ((i,),), str(verdict)


def tied(x):
    return x == x.max(1, keepdims=True)


def first(x):
    return np.arange(x.shape[1]) == x.argmax(1)[:, None]


def last(x):
    return np.arange(x.shape[1]) == x.shape[1] - 1 - x[:, ::-1].argmax(1)[:, None]


def shared(x):
    return tied(x) / tied(x).sum(1, keepdims=True)


def unevenly(x):
    return (
        tied(x)
        * (1 + np.arange(x.shape[1]))
        / (tied(x) * (1 + np.arange(x.shape[1]))).sum(1, keepdims=True)
    )


def none(x):
    return tied(x) * (tied(x).sum(1, keepdims=True) == 1)


def half_each(x):
    return np.where(tied(x).sum(1, keepdims=True) > 1, 0.4, 1.0) * tied(x)


VALID_SHARES = {f.__name__: f for f in (first, last, shared, unevenly)}
WRONG_SHARES = {f.__name__: f for f in (tied, none, half_each)}


def pairs_of_maxima(rows):
    """Returns rows in each of which exactly two entries are tied for the maximum."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=(rows, 8))
    at = np.stack([rng.permutation(8)[:2] for _ in range(rows)])
    np.put_along_axis(x, at, 1.0 + rng.uniform(size=(rows, 1)), axis=1)
    return x


@pytest.mark.parametrize("rows", [6, 200])
@pytest.mark.parametrize("shares", VALID_SHARES.values(), ids=VALID_SHARES)
def test_tied_maxima_may_share_their_slope_as_they_like(rows, shares):
    vjp = lambda u, x: u[:, None] * shares(x)  # noqa: E731
    verdict = gradcheck.check(lambda x: x.max(1), pairs_of_maxima(rows), vjp=vjp, seed=0)
    assert verdict.status == "pass", str(verdict)


@pytest.mark.parametrize("rows", [6, 200])
@pytest.mark.parametrize("shares", WRONG_SHARES.values(), ids=WRONG_SHARES)
def test_the_shares_of_tied_maxima_must_add_up(rows, shares):
    vjp = lambda u, x: u[:, None] * shares(x)  # noqa: E731
    verdict = gradcheck.check(lambda x: x.max(1), pairs_of_maxima(rows), vjp=vjp, seed=0)
    assert verdict.status == "fail" and "add up" in str(verdict), str(verdict)


SORTED = {
    "by the inverse order": (lambda u, o: np.take_along_axis(u, np.argsort(o, 1), 1), "pass"),
    "by the order itself": (lambda u, o: np.take_along_axis(u, o, 1), "fail"),
    "not at all": (lambda u, o: u, "fail"),
}


@pytest.mark.parametrize("rows", [4, 100])
@pytest.mark.parametrize(("pull", "status"), SORTED.values(), ids=SORTED)
def test_sorting_quantised_data(rows, pull, status):
    x = quantised(np.random.default_rng(0), rows, 12)
    vjp = lambda u, x: pull(u, np.argsort(x, 1, kind="stable"))  # noqa: E731
    verdict = gradcheck.check(lambda x: np.sort(x, 1), x, vjp=vjp, seed=0)
    assert verdict.status == status, str(verdict)


def network(*sizes, seed, batch=8, dtype=np.float32):
    """Returns the weights of a wide rectifier network, with its input."""
    rng = np.random.default_rng(seed)
    weights = {
        f"W{i}": (rng.normal(size=s) * np.sqrt(2 / s[0])).astype(dtype)
        for i, s in enumerate(pairwise(sizes))
    }
    return {"x": rng.normal(size=(batch, sizes[0])).astype(dtype), **weights}


def forward(x, **weights):
    """Returns the activations before each rectifier; only in the precision of the weights."""
    if x.dtype != np.float32:
        raise TypeError("float32 only")
    found = []
    for i in range(len(weights)):
        found.append((np.maximum(found[-1], 0) if found else x) @ weights[f"W{i}"])
    return found


def backward(u, x, **weights):
    z = forward(x, **weights)
    bars = {}
    for i in reversed(range(len(weights))):
        a = np.maximum(z[i - 1], 0) if i else x
        bars[f"W{i}"] = a.T @ u
        u = u @ weights[f"W{i}"].T
        u = u * (z[i - 1] > 0) if i else u
    return {"x": u, **bars}


def output(x, **weights):
    return forward(x, **weights)[-1]


@settings(max_examples=4)
@given(seed=SEEDS)
def test_frozen_decisions_let_wide_rectifier_networks_pass_in_float32_alone(seed):
    verdict = gradcheck.check(output, network(12, 64, 64, 5, seed=seed), vjp=backward, seed=seed)
    assert verdict.status == "pass", str(verdict)
    assert all((c.resolution or 1.0) < 2.0**-8 for c in verdict.comparisons)


WIDE_BUGS = {
    "a weight 2 % off": lambda bars: {**bars, "W1": bars["W1"] * np.float32(1.02)},
    "a mask forgotten": None,
    "a column dead": lambda bars: {**bars, "W0": bars["W0"] * (np.arange(64) != 5)},
    "the other sign": lambda bars: {**bars, "W2": -bars["W2"]},
}


def unmasked(u, x, **weights):
    bars = backward(u, x, **weights)
    return {**bars, "W0": x.T @ (u @ weights["W2"].T @ weights["W1"].T)}


@pytest.mark.parametrize("name", WIDE_BUGS)
def test_what_is_wrong_in_a_wide_rectifier_network_is_found_in_float32_alone(name):
    spoil = WIDE_BUGS[name]
    wrong = lambda u, **p: (  # noqa: E731
        {n: np.asarray(g, np.float32) for n, g in spoil(backward(u, **p)).items()}
        if spoil
        else unmasked(u, **p)
    )
    verdict = gradcheck.check(output, network(12, 64, 64, 5, seed=0), vjp=wrong, seed=0)
    assert verdict.status == "fail", str(verdict)


JUMPS = {
    "a jump": lambda x: np.where(x > 0, x + 1, x),
    "a step in a slope": lambda x: x + np.floor(x),
}


@pytest.mark.parametrize("f", JUMPS.values(), ids=JUMPS)
def test_a_jump_beside_the_point_is_no_slope(f):
    x = np.random.default_rng(0).normal(size=20)
    assert gradcheck.check(f, x, vjp=lambda u, x: 1.0 * u, seed=0).status == "pass"
    assert gradcheck.check(f, x, vjp=lambda u, x: 2.0 * u, seed=0).status == "fail"


def test_a_branch_that_is_taken_at_equality_only_has_no_slope_of_its_own():
    """At zero the branch is constant; the function's slope there is 3."""
    x = np.array([0.0, 1.0, -2.0, 0.0])
    f = lambda x: np.where(x == 0, 0.0, 3 * x)  # noqa: E731
    assert gradcheck.check(f, x, vjp=lambda u, x: 3 * u, seed=0).status == "pass"
    verdict = gradcheck.check(f, x, vjp=lambda u, x: 3 * u * (x != 0), seed=0)
    assert verdict.status == "fail" and set(verdict.findings[0].indices) == {(0,), (3,)}


def test_branches_that_make_up_for_one_another_are_no_kink():
    """max(x, 0) - max(-x, 0) is x: a gradient that is 0 at 0 is wrong, whoever computes it."""
    x = np.array([0.0, 1.2, -0.7])
    identity = lambda x: np.maximum(x, 0) - np.maximum(-x, 0)  # noqa: E731
    for vjp, status in ((lambda u, x: u, "pass"), (lambda u, x: u * (x != 0), "fail")):
        for seed in range(4):
            assert gradcheck.check(identity, x, vjp=vjp, seed=seed).status == status


@pytest.mark.parametrize("seed", range(20, 30))
def test_an_ill_conditioned_system_has_no_kinks(seed):
    """The noise of a solution looks like kinks, which must not excuse a wrong sign."""
    hilbert = 1 / (np.arange(8.0)[:, None] + np.arange(8.0) + 1)
    b = np.random.default_rng(seed).normal(size=8)

    def solve_back(u, a, b, sign):
        b_bar = np.linalg.solve(a.T, u)
        return -sign * np.outer(b_bar, np.linalg.solve(a, b)), b_bar

    def checked(sign):
        vjp = lambda u, a, b: solve_back(u, a, b, sign)  # noqa: E731
        return gradcheck.check(lambda a, b: np.linalg.solve(a, b), hilbert, b, vjp=vjp, seed=seed)

    assert checked(1.0).status != "fail"
    assert checked(-1.0).status != "pass"
