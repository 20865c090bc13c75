"""Value and every cotangent agree with torch autograd, to a few units of rounding."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies_nn import DTYPES, filled
from twins import (
    ACTIVATION_TWINS,
    LAYER_TWINS,
    LOSS_TWINS,
    OPTIMIZER_TWINS,
    TWINS,
    Twin,
    torch_vjp,
    ulps,
)

import reference_models as rm
from reference_models import layers
from reports.models import LAYERS

# One exp or log is good to 1 ulp in NumPy and to 2 in torch's vectorised float32; three or four
# such factors and the order of a short sum follow. All else is in the scale.
BOUND = 12

by_name = pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.name)
by_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@pytest.mark.parametrize(
    ("table", "twins"),
    [
        (rm.ACTIVATIONS, ACTIVATION_TWINS),
        (rm.LOSSES, LOSS_TWINS),
        ((*LAYERS, "MLP", "loss_rule"), LAYER_TWINS),
        (rm.OPTIMIZERS, OPTIMIZER_TWINS),
    ],
    ids=["activations", "losses", "layers", "optimizers"],
)
def test_every_entry_of_a_table_has_a_twin(table, twins):
    assert [twin.name for twin in twins] == list(table)


def test_every_layer_is_in_the_table_of_layers():
    assert {n for n in vars(layers) if n[0].isupper()} == {"AbstractLayer", *LAYERS}


def assert_twins_agree(twin: Twin, primals, y_bar, bound=BOUND):
    y, pullback = twin.rule(*primals)
    ours = [y, *pullback(y_bar)]
    theirs = torch_vjp(twin.torch, primals, y_bar)
    for a, b, scale in zip(ours, theirs, twin.scales(y_bar, primals), strict=True):
        assert (a is None) == (b is None)
        assert a is None or ulps(a, b, scale) <= bound


@by_name
@given(data=st.data(), dtype=DTYPES)
def test_value_and_cotangents_agree_with_torch(twin, data, dtype):
    primals = data.draw(twin.draw(dtype, data.draw(twin.shapes)))
    y, _ = twin.rule(*primals)
    assert_twins_agree(twin, primals, data.draw(filled(dtype, np.shape(y))))


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "leaky_relu", "softmax"])
@by_dtype
def test_activations_agree_with_torch_where_saturated(name, dtype):
    twin = next(twin for twin in ACTIVATION_TWINS if twin.name == name)
    x = np.array([[-1000, -80, 0, 3], [1000, 80, -3, -0.0], [1000, 1000, -1000, 2]], dtype)
    assert_twins_agree(twin, (x,), np.ones_like(x))


@pytest.mark.parametrize(
    "name",
    ["mean_binary_cross_entropy_with_logits", "mean_categorical_cross_entropy_with_logits"],
)
@by_dtype
def test_logit_losses_agree_with_torch_at_a_thousand(name, dtype):
    twin = next(twin for twin in LOSS_TWINS if twin.name == name)
    z = np.array([[-1000, 1000, 3], [1000, 1000, -1000]], dtype)
    t = np.array([[1, 0, 0], [0, 0.25, 0.75]], dtype)
    assert_twins_agree(twin, (z, t), dtype(1))


@pytest.mark.parametrize(
    ("name", "prediction", "target"),
    [("mean_hinge", 1.0, 1.0), ("mean_hinge", -1.0, -1.0), ("mean_absolute_error", 2.0, 2.0)],
)
@by_dtype
def test_at_the_kink_the_derivative_is_that_of_torch_and_zero(name, prediction, target, dtype):
    twin = next(twin for twin in LOSS_TWINS if twin.name == name)
    primals = np.array([[prediction]], dtype), np.array([[target]], dtype)
    assert_twins_agree(twin, primals, dtype(1))
    assert twin.rule(*primals)[1](1.0)[0] == 0


# PyTorch clamps log p at -100 and p (1 - p) at 1e-12: here the exact values stand instead.
@pytest.mark.parametrize(
    ("p", "t", "value", "p_bar"),
    [
        (0.0, 0.0, 0.0, 1.0),
        (1.0, 1.0, 0.0, -1.0),
        (0.0, 1.0, np.inf, -np.inf),
        (1.0, 0.0, np.inf, np.inf),
        (1e-20, 1.0, -np.log(1e-20), -1e20),
    ],
)
@by_dtype
def test_binary_cross_entropy_is_exact_at_the_ends(p, t, value, p_bar, dtype):
    y, pullback = rm.mean_binary_cross_entropy(np.array([p], dtype), np.array([t], dtype))
    assert ulps(y, dtype(value), abs(value)) <= 2
    assert ulps(pullback(1.0)[0], np.array([p_bar], dtype), abs(p_bar)) <= 2


@by_dtype
def test_categorical_cross_entropy_is_exact_at_the_ends(dtype):
    p, t = np.array([[0, 1], [0, 1]], dtype), np.array([[0, 1], [1, 0]], dtype)
    value, pullback = rm.mean_categorical_cross_entropy(p, t)
    assert value == np.inf
    np.testing.assert_array_equal(pullback(2.0)[0], [[0, -1], [-np.inf, 0]])


# PyTorch's 1 - y is 0 here, or a multiple of 2^-53: the exact values stand instead.
@pytest.mark.parametrize(("name", "rate", "factor"), [("sigmoid", 1, 1), ("tanh", 2, 4)])
@pytest.mark.parametrize("x", [-40.0, 20.0, 40.0, 300.0])
def test_saturated_slopes_keep_their_relative_accuracy(name, rate, factor, x):
    _, pullback = rm.ACTIVATIONS[name](np.array([x]))
    exact = factor * np.exp([-rate * abs(x)])
    assert ulps(pullback(np.ones(1)), exact / (1 + exact / factor) ** 2, exact) <= 4


def test_ulps_counts_units_and_refuses_other_dtypes():
    assert ulps(np.float32(1), np.float32(1) + np.finfo(np.float32).eps * np.float32(3), 1) == 3
    assert ulps(np.array([np.inf, np.nan]), np.array([np.inf, np.nan]), 1) == 0
    with pytest.raises(AssertionError):
        ulps(np.float32(1), np.float64(1), 1)


@pytest.mark.parametrize("x", [np.zeros((2, 3)), np.array([[1.0, 2.0, 3.0]])])
def test_a_wrong_rule_is_caught(x):
    wrong = Twin("wrong", lambda x: (x, lambda u: (2 * u,)), torch.clone, TWINS[0].draw)
    with pytest.raises(AssertionError):
        assert_twins_agree(wrong, (x,), np.ones_like(x))
