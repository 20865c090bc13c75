"""Each primal, and each part of one, at its own scale; ties between primals; domain edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from gradcheck.probes import lengths, parts, tied

SEEDS = st.integers(0, 2**32 - 1)
SIZES = 10.0 ** np.linspace(0, -14, 12)
DEAD = 9
"""From here on, 1e-11 of the largest, a dead entry is not told from a lost difference."""


@given(seed=SEEDS, decades=st.lists(st.integers(-40, 10), min_size=1, max_size=12))
def test_parts_are_apart_and_hold_all_that_is_not_largest(seed, decades):
    rng = np.random.default_rng(seed)
    gradient = rng.uniform(1, 2, len(decades)) * 10.0 ** np.array(decades)
    point = {"x": rng.uniform(0.6, 1.0, len(decades))}  # of scale ½, none far from it
    found = [part for name, part in parts(point, [{"x": gradient}]) if name == "x"]
    together = np.concatenate([*found, np.array([], dtype=int)])
    assert len(set(together)) == len(together) < len(decades)
    largest = gradient.max()
    assert set(np.flatnonzero(gradient < 2.0**-13 * largest)) <= set(together)
    assert int(np.argmax(gradient)) not in together
    for part in found[:-1]:
        assert gradient[part].max() <= 2.0**12 * gradient[part].min()


def test_entries_are_moved_by_their_own_size_where_sizes_spread():
    spread = np.array([3e-9, 5.0, -0.3, 1e7])
    assert np.all((lengths(spread) <= abs(spread)) & (abs(spread) < 2 * lengths(spread)))
    near = np.array([0.3, 5.0, -0.01, 0.0])
    assert len(set(lengths(near))) == 1 and 1 < lengths(near)[0] < 3


def test_a_claim_of_nothing_is_a_part_of_its_own():
    (found,) = parts({"x": np.ones(4)}, [{"x": np.array([1.0, 0.0, 1.0, 0.0])}])
    assert found[0] == "x" and list(found[1]) == [1, 3]
    assert not list(parts({"x": np.ones(4)}, [{"x": np.zeros(4)}]))
    assert not list(parts({"x": np.ones(4)}, [{"x": np.ones(4)}]))


def entrywise(x):
    return SIZES * np.sin(x)


def pull(u, x):
    return SIZES * u * np.cos(x)


@settings(max_examples=15)
@given(seed=SEEDS)
def test_right_gradients_over_fourteen_decades_pass(seed):
    x = np.random.default_rng(seed).normal(size=12)
    for f in (entrywise, lambda x: np.sum(entrywise(x))):
        assert gradcheck.check(f, x, vjp=pull, seed=seed).status == "pass"


@pytest.mark.parametrize(
    ("i", "factor"),
    [(i, factor) for i in range(12) for factor in (2.0, -1.0, 0.0) if factor or i < DEAD],
)
def test_one_wrong_entry_is_found_whatever_its_size(i, factor):
    x = np.random.default_rng(i).normal(size=12)
    spoiled = lambda u, x: pull(u, x) * np.where(np.arange(12) == i, factor, 1.0)  # noqa: E731
    verdict = gradcheck.check(entrywise, x, vjp=spoiled, seed=0)
    assert verdict.status == "fail" and verdict.findings[0].indices == ((i,),), str(verdict)


@pytest.mark.parametrize("size", [1e-150, 1e-30, 1e-12, 1e-7, 1e7, 1e30, 1e150])
@pytest.mark.parametrize(("factor", "status"), [(1.0, "pass"), (1.0001, "fail"), (0.0, "fail")])
def test_a_gradient_of_any_size_is_as_well_tested(size, factor, status):
    x = np.random.default_rng(0).normal(size=7)
    verdict = gradcheck.check(
        lambda x: size * np.sum(x**3), x, vjp=lambda u, x: factor * size * 3 * u * x**2, seed=0
    )
    assert verdict.status == status, str(verdict)


@pytest.mark.parametrize("sizes", [(1e-9, 1e9), (1e-30, 1.0), (1e8, 1e-8)])
@pytest.mark.parametrize("wrong", [None, "a", "b"])
def test_primals_of_different_scales_are_judged_apart(sizes, wrong):
    rng = np.random.default_rng(0)
    a, b = (s * rng.normal(size=5) for s in sizes)

    def vjp(u, a, b):
        bars = {"a": u * np.cos(a / sizes[0]) / sizes[0], "b": -u * np.sin(b / sizes[1]) / sizes[1]}
        return tuple(g * (1.001 if n == wrong else 1) for n, g in bars.items())

    verdict = gradcheck.check(
        lambda a, b: np.sin(a / sizes[0]) + np.cos(b / sizes[1]), a, b, vjp=vjp, seed=0
    )
    assert {f.primal for f in verdict.findings} == ({wrong} if wrong else set()), str(verdict)
    assert verdict.status == ("fail" if wrong else "pass")


EDGES = {
    "log over sixteen decades": (np.log, lambda x: 1 / x, 10.0 ** np.linspace(-8, 8, 17)),
    "root": (np.sqrt, lambda x: 0.5 / np.sqrt(x), 10.0 ** np.linspace(-12, 0, 9)),
    "x log x": (lambda x: x * np.log(x), lambda x: np.log(x) + 1, 10.0 ** np.linspace(-12, -1, 8)),
    "arccos": (
        np.arccos,
        lambda x: -1 / np.sqrt((1 - x) * (1 + x)),
        np.array([-1 + 1e-9, -0.5, 0.1, 1 - 1e-6, 1 - 1e-11]),
    ),
    "log beside one": (np.log1p, lambda x: 1 / (1 + x), np.array([-1 + 1e-9, -0.9, 1e-9, 3.0])),
}


@pytest.mark.parametrize("name", EDGES)
def test_steps_stay_within_the_domain(name):
    f, slope, x = EDGES[name]
    right = gradcheck.check(f, x, vjp=lambda u, x: u * slope(x), seed=0)
    assert right.status == "pass", str(right)


@pytest.mark.parametrize("name", [name for name in EDGES if name != "log beside one"])
def test_each_entry_by_the_edge_of_a_domain_is_seen(name):
    f, slope, x = EDGES[name]
    for i in range(x.size):
        flip = np.where(np.arange(x.size) == i, -1.0, 1.0)

        def spoiled(u, x, flip=flip):
            return u * slope(x) * flip

        verdict = gradcheck.check(f, x, vjp=spoiled, seed=i)
        assert verdict.status == "fail", str(verdict)
        assert verdict.findings[0].indices in (((i,),), ()), str(verdict)


@given(seed=SEEDS)
def test_tied_primals_are_moved_alike(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=5)
    probe = tied({"a": x, "b": x.copy()}, ("a", "b"), rng)
    assert probe.alike and np.array_equal(probe.tangent["a"], probe.tangent["b"])
    assert np.all(probe.tangent["a"] != 0)


def sharing(first, second):
    """Returns a pullback of max(a, b) that gives tied entries these shares."""

    def vjp(u, a, b):
        even = a == b
        return u * np.where(even, first, a > b), u * np.where(even, second, b > a)

    return vjp


@settings(max_examples=10)
@given(seed=SEEDS, share=st.floats(0, 1))
def test_tied_primals_may_share_their_slope_as_they_like(seed, share):
    verdict = gradcheck.check(
        np.maximum, *partly_equal(seed), vjp=sharing(share, 1 - share), seed=seed
    )
    assert verdict.status == "pass", str(verdict)


@pytest.mark.parametrize("shares", [(1, 1), (0, 0), (0.5, 0.2), (1.5, -0.5), (0.7, 0.7)])
def test_the_shares_of_tied_primals_must_add_up(shares):
    for seed in range(3):
        verdict = gradcheck.check(np.maximum, *partly_equal(seed), vjp=sharing(*shares), seed=seed)
        assert verdict.status == "fail", str(verdict)


def partly_equal(seed):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=10)
    return a, a + 0.4 * (np.arange(10) >= 5) * rng.choice([-1, 1], 10)


def test_equal_primals_of_a_smooth_function_are_no_ties():
    a = np.random.default_rng(0).normal(size=6)
    halves = lambda u, a, b: (u * b / 2, 1.5 * u * a)  # noqa: E731
    verdict = gradcheck.check(lambda a, b: a * b, a, a.copy(), vjp=halves, seed=0)
    assert {f.primal for f in verdict.findings} == {"a", "b"}, str(verdict)


HUGE = st.lists(st.integers(-500, 70000), min_size=1, max_size=4).map(lambda n: np.array(n) / 100)


@given(HUGE, SEEDS)
@settings(max_examples=40, deadline=None)
def test_outputs_whose_squares_overflow_are_compared_as_any_others(x, seed):
    right = gradcheck.check(np.exp, x, vjp=lambda u, x: u * np.exp(x), seed=seed)
    wrong = gradcheck.check(np.exp, x, vjp=lambda u, x: 1.5 * u * np.exp(x), seed=seed)
    assert (right.status, wrong.status) == ("pass", "fail")


@given(st.integers(1, 11), SEEDS)
@settings(max_examples=40, deadline=None)
def test_a_mask_of_minus_infinity_leaves_the_other_outputs_to_compare(count, seed):
    rng = np.random.default_rng(seed)
    mask = np.where(rng.permutation(12).reshape(4, 3) < count, -np.inf, 0.0)
    x = rng.normal(size=(4, 3))
    slope = np.where(mask == 0.0, 1.0, 0.0)
    right = gradcheck.check(lambda x: x + mask, x, vjp=lambda u, x: u * slope, seed=seed)
    wrong = gradcheck.check(lambda x: x + mask, x, vjp=lambda u, x: 1.5 * u * slope, seed=seed)
    assert (right.status, wrong.status) == ("pass", "fail")
    assert any("outputs are infinite" in note for note in right.notes)


NEXT_TO_ONE = {
    "exp": (np.exp, lambda u, x: u * np.exp(x)),
    "tanh": (lambda x: np.tanh(1 + x), lambda u, x: u * (1 - np.tanh(1 + x) ** 2)),
    "relu": (lambda x: np.maximum(x, 0) + 1, lambda u, x: u * (x > 0)),
    "sum": (lambda x: 1 + x.sum(), lambda u, x: u * np.ones_like(x)),
}


@pytest.mark.parametrize("name", NEXT_TO_ONE)
@given(decades=st.floats(-200, -1), seed=SEEDS, factor=st.sampled_from([1.5, -1.0, 0.5]))
@settings(max_examples=25, deadline=None)
def test_primals_far_below_an_ulp_of_the_outputs_are_judged(name, decades, seed, factor):
    f, vjp = NEXT_TO_ONE[name]
    x = np.random.default_rng(seed).normal(size=(3, 4)) * 10.0**decades
    x[0, 0] = abs(x[0, 0])  # one unit at least is alive
    assert gradcheck.check(f, x, vjp=vjp, seed=seed).status == "pass"
    wrong = gradcheck.check(f, x, vjp=lambda u, x: factor * vjp(u, x), seed=seed)
    assert wrong.status == "fail"


OVER_SIXTEEN_DECADES = {
    "squares": lambda x: x * x,
    "their sum": lambda x: np.sum(x * x),
}


@pytest.mark.parametrize("name", OVER_SIXTEEN_DECADES)
@given(seed=SEEDS, factor=st.sampled_from([2.0, -1.0, 1.001]))
@settings(max_examples=25, deadline=None)
def test_the_smallest_gradients_of_an_array_are_judged_at_their_own_scale(name, seed, factor):
    f = OVER_SIXTEEN_DECADES[name]
    x = np.random.default_rng(seed).normal(size=33) * 10.0 ** np.linspace(-8, 8, 33)
    assert gradcheck.check(f, x, vjp=lambda u, x: 2 * u * x, seed=seed).status == "pass"
    spoilt = np.where(np.abs(x) < 1e-6, factor, 1.0)
    wrong = gradcheck.check(f, x, vjp=lambda u, x: 2 * u * x * spoilt, seed=seed)
    assert wrong.status == "fail"
    assert set(np.flatnonzero(spoilt != 1)) >= {i for (i,) in wrong.findings[0].indices}


AT_ZERO = {
    "right": (lambda slope, x: slope, "pass"),
    "another slope at zero": (lambda slope, x: slope + 0.5 * (x == 0), "fail"),
    "another slope at one zero": (
        lambda slope, x: slope + (np.cumsum(x == 0) == 1) * (x == 0),
        "fail",
    ),
    "twice as much": (lambda slope, x: 2 * slope, "fail"),
    "a dead entry": (lambda slope, x: slope * (np.cumsum(x > 0) != 2), "fail"),
}


@pytest.mark.parametrize("side", [1.0, -1.0])
@pytest.mark.parametrize("name", AT_ZERO)
@given(seed=SEEDS)
def test_entries_at_the_edge_of_the_domain_are_seen_from_inside(name, side, seed):
    spoil, status = AT_ZERO[name]
    rng = np.random.default_rng(seed)
    x, w = rng.uniform(0.2, 2.0, (2, 9)) * [np.arange(9) % 3 > 0, np.ones(9)]

    def powers(x, w):  # it has a slope at zero, and one side only
        return np.sqrt(side * x) ** 3 * w

    def vjp(u, x, w):
        slope = side * 1.5 * np.sqrt(side * x)
        return u * w * spoil(slope, side * x), u * np.sqrt(side * x) ** 3

    verdict = gradcheck.check(powers, side * x, w, vjp=vjp, seed=seed)
    assert verdict.status == status, str(verdict)


def test_what_leaves_the_edge_too_slowly_is_undecided():
    x = np.array([0.0, 1.0, 2.0])
    slope = lambda u, x: u * 1.05 * np.abs(x) ** 0.05  # noqa: E731
    verdict = gradcheck.check(lambda x: x**1.05, x, vjp=slope, seed=1)
    assert verdict.status == "inconclusive"
    assert "edge of the function's domain" in str(verdict.comparisons[0].reason)
