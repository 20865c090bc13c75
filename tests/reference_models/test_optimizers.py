"""Parameters and state agree with torch.optim, step by step."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies_nn import DTYPES
from twins import OPTIMIZER_TWINS, ulps

import reference_models as rm

STEPS = 20
SHAPES = {"W": (3, 2), "b": (2,), "scalar": ()}

# Per step: some eight roundings of at most one unit each, one more for each fused multiply-add of
# torch and for hyperparameters that it rounds to float32 in another order.
BOUND = 12

by_twin = pytest.mark.parametrize("twin", OPTIMIZER_TWINS, ids=lambda twin: twin.name)
by_name = pytest.mark.parametrize("name", rm.OPTIMIZERS)
magnitudes = st.lists(
    st.sampled_from([0.0, 1e-30, 1e-8, 1.0, 1e8, 1e15]), min_size=STEPS, max_size=STEPS
)


def normal_arrays(rng, dtype, magnitude=1.0):
    return {
        name: np.asarray(magnitude * rng.normal(size=shape), dtype)
        for name, shape in SHAPES.items()
    }


class TorchOptimizer:
    """torch.optim with arrays at its face."""

    def __init__(self, twin, settings, params):
        self.tensors = {name: torch.tensor(p, requires_grad=True) for name, p in params.items()}
        self.optimizer = twin.torch(self.tensors.values(), **twin.torch_settings(**settings))

    def step(self, gradients):
        for name, tensor in self.tensors.items():
            tensor.grad = torch.tensor(gradients[name])
        self.optimizer.step()

    def params(self):
        return {name: t.detach().numpy().copy() for name, t in self.tensors.items()}

    def slot(self, slot):
        return {n: self.optimizer.state[t][slot].numpy().copy() for n, t in self.tensors.items()}


def magnitudes_of(slots, name):
    return {slot: np.abs(arrays[name].astype(np.float64)) for slot, arrays in slots.items()}


def assert_step_agrees(twin, settings, before, g, after, torch_params, torch_slots):
    """Compare one step, taken by both from the same parameters and slots."""
    (params, state), (new_params, new_state) = before, after
    for name, p in params.items():
        p_scale = np.abs(p.astype(np.float64))
        g_scale = np.abs(g[name].astype(np.float64)) + settings.get("weight_decay", 0) * p_scale
        old, new = magnitudes_of(state.slots, name), magnitudes_of(torch_slots, name)
        reach = twin.reach(settings, g_scale, new_state.step, old, new)
        assert ulps(new_params[name], torch_params[name], p_scale + reach) <= BOUND
        for slot, arrays in new_state.slots.items():
            added = g_scale if slot in ("momentum_buffer", "exp_avg") else g_scale**2
            assert ulps(arrays[name], torch_slots[slot][name], old[slot] + added) <= BOUND


@by_twin
@given(data=st.data(), dtype=DTYPES, seed=st.integers(0, 2**32), magnitudes=magnitudes)
def test_every_step_agrees_with_torch(twin, data, dtype, seed, magnitudes):
    settings = data.draw(st.fixed_dictionaries(dict(twin.settings)))
    rng = np.random.default_rng(seed)
    params = normal_arrays(rng, dtype)
    init, update = rm.optimizer(twin.name, **settings)
    state, theirs = init(params), TorchOptimizer(twin, settings, params)
    for magnitude in magnitudes:
        g = normal_arrays(rng, dtype, magnitude)
        ours = update(g, state, params)
        theirs.step(g)
        slots = {slot: theirs.slot(slot) for slot in state.slots}
        assert_step_agrees(twin, settings, (params, state), g, ours, theirs.params(), slots)
        # Both go on from torch's numbers, so that the bound of one step is that of every step.
        params, state = theirs.params(), ours[1]._replace(slots=slots)


@by_name
@given(dtype=DTYPES, seed=st.integers(0, 2**32))
def test_an_update_is_pure_and_keeps_dtype_and_shape(name, dtype, seed):
    rng = np.random.default_rng(seed)
    params, g = normal_arrays(rng, dtype), normal_arrays(rng, dtype)
    init, update = rm.optimizer(name)
    state = init(params)
    before = [a.copy() for a in arrays_of(params, g, state)]
    first, second = update(g, state, params), update(g, state, params)
    np.testing.assert_equal(first, second)
    np.testing.assert_equal(arrays_of(params, g, state), before)
    for a in arrays_of(first[0], first[1]):
        assert a.dtype == dtype
        assert not any(np.shares_memory(a, b) for b in arrays_of(params, g, state, second[0]))


def arrays_of(*trees):
    """The arrays of mappings and optimizer states."""
    flat = []
    for tree in trees:
        parts = tree.slots.values() if isinstance(tree, rm.OptimizerState) else [tree]
        flat += [a for part in parts for a in part.values()]
    return flat


@by_name
def test_a_gradient_that_overflows_when_squared_is_silent(name):
    params, g = {"W": np.ones(2, np.float32)}, {"W": np.full(2, 1e30, np.float32)}
    init, update = rm.optimizer(name)
    new_params, _ = update(g, init(params), params)
    assert np.isfinite(new_params["W"]).all()


@pytest.mark.parametrize("settings", [{"lr": -0.1}, {"lr": float("nan")}, {"lr": float("inf")}])
@by_name
def test_a_learning_rate_out_of_range_is_refused(name, settings):
    with pytest.raises(ValueError, match=rf"lr={settings['lr']} is out of range: wanted a finite"):
        rm.optimizer(name, **settings)


@pytest.mark.parametrize(
    ("name", "setting"),
    [("adam", "b1"), ("adam", "b2"), ("adamw", "b1"), ("adamw", "b2"), ("rmsprop", "alpha")],
)
@pytest.mark.parametrize("value", [1.0, -0.1, float("nan")])
def test_a_decay_rate_out_of_range_is_refused(name, setting, value):
    with pytest.raises(ValueError, match=rf"{setting}={value} is out of range: wanted 0 <= "):
        rm.optimizer(name, **{setting: value})


@pytest.mark.parametrize("twin", OPTIMIZER_TWINS, ids=lambda twin: twin.name)
def test_every_setting_refuses_nan(twin):
    for setting in twin.settings:
        with pytest.raises(ValueError, match=f"{setting}=nan is out of range"):
            rm.optimizer(twin.name, **{setting: float("nan")})


@pytest.mark.parametrize(
    ("name", "settings", "text"),
    [
        ("adm", {}, "unknown optimizer 'adm': .*sgd.*; did you mean 'adam'"),
        ("zzz", {}, "unknown optimizer 'zzz': the known names are .*adamw$"),
        ("adam", {"epz": 1.0}, "unknown setting of adam 'epz': .*; did you mean 'eps'"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(name, settings, text):
    with pytest.raises(ValueError, match=text):
        rm.optimizer(name, **settings)


def test_gradients_of_other_names_or_shapes_are_refused():
    params = {"W": np.ones((2, 3)), "b": np.ones(3)}
    init, update = rm.adam()
    text = "gradients: 'b' is missing; 'c' is unknown; 'W' has shape .3, 2., wanted .2, 3."
    with pytest.raises(ValueError, match=text):
        update({"W": np.ones((3, 2)), "c": np.ones(3)}, init(params), params)
