"""Laws that every rule obeys: they need no second implementation."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies_nn import DTYPES, filled
from twins import ACTIVATION_TWINS, LOSS_TWINS, TWINS, Twin, ulps

BOUND = 12  # as in test_twins: two evaluations, each a few factors long

by_name = pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.name)


def is_array(a):
    return isinstance(a, np.ndarray)


def point(data, twin: Twin, dtypes=DTYPES, smooth=False):
    """Draw the primals and a cotangent of the output."""
    draw_primals = twin.draw_smooth if smooth and twin.draw_smooth else twin.draw
    dtype = data.draw(dtypes)
    primals = data.draw(draw_primals(dtype, data.draw(twin.shapes)))
    y, _ = twin.rule(*primals)
    return primals, data.draw(filled(dtype, np.shape(y)))


@by_name
@given(data=st.data())
def test_a_pullback_is_linear(twin, data):
    primals, u = point(data, twin)
    v = data.draw(filled(u.dtype.type, u.shape))
    _, pullback = twin.rule(*primals)
    of_sum = pullback(np.asarray(2 * u - 3 * v))
    scales = twin.scales(2 * np.abs(u) + 3 * np.abs(v), primals)[1:]
    for both, a, b, scale in zip(of_sum, pullback(u), pullback(v), scales, strict=True):
        assert both is None or ulps(both, (2 * a - 3 * b).astype(both.dtype), scale) <= BOUND


@by_name
@given(data=st.data())
def test_nothing_is_mutated_and_calls_repeat(twin, data):
    primals, u = point(data, twin)
    before = copy.deepcopy((primals, u))
    y, pullback = twin.rule(*primals)
    y_before = copy.copy(y)
    first, _, second = pullback(u), pullback(-u), pullback(u)
    np.testing.assert_equal(first, second)
    np.testing.assert_equal((primals, u, y), (*before, y_before))
    np.testing.assert_equal(twin.rule(*primals)[0], y)


@by_name
@given(data=st.data())
def test_results_alias_nothing(twin, data):
    primals, u = point(data, twin)
    y, pullback = twin.rule(*primals)
    results = [a for a in (y, *pullback(u), *pullback(u)) if is_array(a)]
    others = [*primals, u]
    for i, result in enumerate(results):
        assert not any(np.shares_memory(result, other) for other in others + results[:i])
        assert result.flags.writeable


@by_name
@given(data=st.data(), cotangent_dtype=DTYPES)
def test_the_dtype_is_kept(twin, data, cotangent_dtype):
    primals, u = point(data, twin)
    y, pullback = twin.rule(*primals)
    results = [y, *pullback(u.astype(cotangent_dtype))]
    assert {a.dtype for a in results if a is not None} == {primals[0].dtype}


@by_name
@given(data=st.data())
def test_a_cotangent_has_the_shape_of_its_primal(twin, data):
    primals, u = point(data, twin)
    bars = twin.rule(*primals)[1](u)
    assert [bar.shape for bar in bars if bar is not None] == [
        p.shape for p in primals if p.dtype == u.dtype
    ]


@by_name
@given(data=st.data())
def test_the_memory_layout_does_not_matter(twin, data):
    primals, u = point(data, twin)
    strided = [np.repeat(a, 2, axis=-1)[..., ::2] for a in primals]
    reversed_ = [np.asfortranarray(a[::-1])[::-1] for a in primals]
    scales = twin.scales(u, primals)
    expected = [twin.rule(*primals)[0], *twin.rule(*primals)[1](u)]
    for other in (strided, reversed_):
        y, pullback = twin.rule(*other)
        for a, b, scale in zip([y, *pullback(u)], expected, scales, strict=True):
            assert b is None or ulps(a, b, scale) <= BOUND


@pytest.mark.parametrize("twin", ACTIVATION_TWINS, ids=lambda twin: twin.name)
@given(data=st.data())
def test_an_activation_treats_each_row_by_itself(twin, data):
    (x,), u = point(data, twin)
    y, pullback = twin.rule(x)
    for i, row in enumerate(x):
        y_row, row_pullback = twin.rule(row)
        scale, bar_scale = twin.scales(u[i], (row,))
        assert ulps(y_row, y[i], scale) <= BOUND
        assert ulps(row_pullback(u[i])[0], pullback(u)[0][i], bar_scale) <= BOUND


def reduction_of(name):
    """What a loss's name says of the batch."""
    if name.endswith("per_sample"):
        return np.concatenate
    return np.mean if "mean" in name else np.sum


@pytest.mark.parametrize("twin", LOSS_TWINS, ids=lambda twin: twin.name)
@given(data=st.data())
def test_a_loss_reduces_the_batch_as_its_name_says(twin, data):
    primals, u = point(data, twin, st.just(np.float64))
    value, _ = twin.rule(*primals)
    rows = range(len(primals[0]))
    singles = [twin.rule(*(p[i : i + 1] for p in primals))[0] for i in rows]
    expected = reduction_of(twin.name)(singles)
    assert ulps(value, expected, twin.scales(u, primals)[0]) <= BOUND


@pytest.mark.parametrize("name", ["Dense", "MLP"])
@given(data=st.data())
def test_parameter_cotangents_are_sums_over_the_samples(name, data):
    twin = next(twin for twin in TWINS if twin.name == name)
    (x, *params), u = point(data, twin)
    _, *of_batch = twin.rule(x, *params)[1](u)
    of_rows = [twin.rule(x[[i]], *params)[1](u[[i]])[1:] for i in range(len(x))]
    scales = twin.scales(u, (x, *params))[2:]
    for bar, *bars, scale in zip(of_batch, *of_rows, scales, strict=True):
        assert ulps(bar, np.sum(bars, axis=0), scale) <= BOUND


@by_name
@given(data=st.data())
def test_an_empty_batch_is_no_special_case(twin, data):
    primals = data.draw(twin.draw(np.float32, (0, data.draw(twin.shapes)[1])))
    y, pullback = twin.rule(*primals)
    bars = pullback(np.ones(np.shape(y)))
    assert [b.shape for b in bars if b is not None] == [
        p.shape for p in primals if p.dtype == np.float32
    ]
    assert {a.dtype for a in (y, *bars) if a is not None} == {np.dtype(np.float32)}


@pytest.mark.parametrize("twin", LOSS_TWINS, ids=lambda twin: twin.name)
@given(data=st.data())
def test_a_mean_over_nothing_is_nan_and_a_sum_is_zero(twin, data):
    primals = data.draw(twin.draw(np.float64, (0, 3)))
    value, _ = twin.rule(*primals)
    expected = {np.mean: np.nan, np.sum: 0.0, np.concatenate: np.zeros(0)}[reduction_of(twin.name)]
    np.testing.assert_equal(value, expected)


def richardson(f, h=2.0**-9):
    """The derivative of f at 0 by central differences, with an error of the order h^4."""

    def central(step):
        return (f(step) - f(-step)) / (2 * step)

    return (4 * central(h / 2) - central(h)) / 3


@by_name
@given(data=st.data())
def test_the_pullback_is_the_adjoint_of_the_derivative(twin, data):
    primals, u = point(data, twin, st.just(np.float64), smooth=True)
    real = [p.dtype == np.float64 for p in primals]
    v = [
        data.draw(filled(np.float64, p.shape, (-1, 1))) * r
        for p, r in zip(primals, real, strict=True)
    ]

    def along(h):
        moved = (p + h * d if r else p for p, d, r in zip(primals, v, real, strict=True))
        return np.sum(u * twin.rule(*moved)[0])

    bars = [np.zeros(()) if bar is None else bar for bar in twin.rule(*primals)[1](u)]
    claimed = sum(np.sum(bar * d) for bar, d in zip(bars, v, strict=True))
    sizes = sum(np.sum(np.abs(bar * d)) for bar, d in zip(bars, v, strict=True))
    # h^4 times fifth derivatives below about 1e4, and rounding eps / h of values below about 1e3
    assert abs(claimed - richardson(along)) <= 1e-7 * (1 + sizes + np.sum(np.abs(u)))
