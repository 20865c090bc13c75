"""The PyTorch twin of every reference model, and how far rounding may part them.

The twins of activations, losses and layers are those of `reports.torch_twins`; here stands how
values are drawn. A new activation or loss needs a row here only where the defaults do not fit:
`_LOSS_DRAWS` for another domain, `_SCALES` where terms cancel. A new optimizer is one row here.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from strategies_nn import (
    PROBABILITIES,
    REALS,
    SAFE_PROBABILITIES,
    SHAPES,
    WEIGHTS,
    Draw,
    DType,
    Primals,
    Shape,
    each,
    filled,
    log_probabilities_and_labels,
    off_zero,
    scores_and_signs,
    scores_inside_the_margin,
    signed,
    with_parameters,
)

import reference_models as rm
from reports.models import LAYERS, NETWORK, SIZE, Domain, domain_of
from reports.torch_twins import TWINS as TORCH
from reports.torch_twins import with_loss

Rule: TypeAlias = Callable[..., tuple[Any, Callable[..., tuple[np.ndarray | None, ...]]]]
"""`(*primals) -> (y, pullback)` with `pullback(y_bar) -> one cotangent for each primal`."""

Scale: TypeAlias = Callable[..., Sequence[Any]]
"""`(y, y_bar, *primals) -> (scale of y, scale of each cotangent)`: sums of absolute terms."""


@dataclass(frozen=True)
class Twin:
    """One function, twice.

    `scale` is None where nothing cancels: the scale of a result is then its own magnitude.
    `draw_smooth` is for functions with a kink or a steep end, and stays clear of it.
    """

    name: str
    rule: Rule
    torch: Callable[..., torch.Tensor]
    draw: Draw
    scale: Scale | None = None
    draw_smooth: Draw | None = None
    shapes: SearchStrategy[Shape] = SHAPES

    def scales(self, y_bar: Any, primals: Primals) -> list[np.ndarray]:
        y, pullback = self.rule(*primals)
        bars = [np.zeros(()) if bar is None else bar for bar in pullback(y_bar)]
        scales = self.scale(y, np.abs(y_bar), *primals) if self.scale else (y, *bars)
        return [np.abs(np.asarray(s, dtype=np.float64)) for s in scales]


def ulps(actual: Any, expected: Any, scale: Any) -> float:
    """The largest distance, in units of the rounding of a number as large as `scale`.

    The unit is eps(dtype of `actual`) times `scale`, and not below the smallest normal number.
    Equal infinities, and two nan, are at distance 0; no elements are too.
    """
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert (actual.shape, actual.dtype) == (expected.shape, expected.dtype)
    finfo = np.finfo(actual.dtype)
    unit = np.maximum(float(finfo.eps) * np.asarray(scale, np.float64), float(finfo.tiny))
    with np.errstate(invalid="ignore"):
        distance = np.abs(actual.astype(np.float64) - expected) / unit
    same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    return float(np.max(np.where(same, 0.0, distance), initial=0.0))


def torch_vjp(f: Callable[..., torch.Tensor], primals: Primals, y_bar: Any) -> list[Any]:
    """`[y, cotangent of each primal]` by torch autograd; None for integers."""
    tensors = [torch.tensor(p, requires_grad=np.issubdtype(p.dtype, np.floating)) for p in primals]
    y = f(*tensors)
    y.backward(torch.tensor(np.asarray(y_bar)))
    bars = [None if t.grad is None else t.grad.numpy() for t in tensors]
    return [y.detach().numpy(), *bars]


def _activation(rule: Callable[..., Any]) -> Rule:
    def unary(x: np.ndarray) -> Any:
        y, pullback = rule(x)
        return y, lambda y_bar: (pullback(y_bar),)

    return unary


def _layer(layer: rm.AbstractLayer) -> Rule:
    def of_arrays(x: np.ndarray, *params: np.ndarray) -> Any:
        y, pullback = layer.vjp(dict(zip(layer.shapes, params, strict=True)), x)

        def flat_pullback(y_bar: np.ndarray) -> Primals:
            params_bar, x_bar = pullback(y_bar)
            return x_bar, *(params_bar[name] for name in layer.shapes)

        return y, flat_pullback

    return of_arrays


def _with_loss(network: rm.AbstractLayer, loss: rm.Loss, target: np.ndarray) -> Rule:
    def of_arrays(x: np.ndarray, *params: np.ndarray) -> Any:
        rule = rm.loss_rule(network, loss)
        named = dict(zip(network.shapes, params, strict=True))
        value, pullback = rule(named, x, np.resize(target, (len(x), len(target))).astype(x.dtype))

        def flat_pullback(l_bar: Any) -> Primals:
            params_bar, x_bar, _ = pullback(l_bar)
            return x_bar, *(params_bar[name] for name in network.shapes)

        return value, flat_pullback

    return of_arrays


def _softmax_scale(p: Any, u: Any, x: Any) -> Sequence[Any]:
    return p, p * (u + (p * u).sum(axis=-1, keepdims=True))


def _binary_scale(y: Any, u: Any, p: Any, t: Any) -> Sequence[Any]:
    logs = np.abs(np.log(p)) + np.abs(np.log1p(-p))
    return y, u / p.size * (t / p + (1 - t) / (1 - p)), u / p.size * logs


def _binary_logits_scale(y: Any, u: Any, z: Any, t: Any) -> Sequence[Any]:
    return np.mean(np.abs(z) + 1), u / z.size, u / z.size * np.abs(z)


def _categorical_logits_scale(y: Any, u: Any, z: Any, t: Any) -> Sequence[Any]:
    """The rounding of z - max z + log sum exp z is that of its terms, and exp passes it on."""
    terms = np.abs(z) + np.abs(z).max(axis=1, keepdims=True) + np.log(z.shape[1])
    slopes = t.sum(axis=1, keepdims=True) * terms + t
    return (t * terms).sum() / len(z), u / len(z) * slopes, u / len(z) * terms


def _dense_scale(y: Any, u: Any, x: Any, W: Any, b: Any) -> Sequence[Any]:
    """A matrix product rounds in proportion to the same product of absolute values."""
    x, W = np.abs(x), np.abs(W)
    return x @ W + np.abs(b), u @ W.T, x.T @ u, u.sum(axis=0)


def _network_scale(y: Any, u: Any, x: Any, *params: Any) -> Sequence[Any]:
    """With all inputs in [-1, 1]: the largest sums of absolute products that the sizes allow."""
    n_in, n_hidden, n_out = x.shape[1], params[1].size, params[3].size
    largest_bar = 4 * max(len(x), 1) * n_hidden * n_out * np.max(u, initial=0)
    return (n_hidden * (n_in + 1) + 1) ** 2, *[largest_bar] * 5


_SCALES: Mapping[str, Scale] = {
    # torch computes 1 - y, whose rounding is that of 1
    "sigmoid": lambda y, u, x: (1, u),
    "tanh": lambda y, u, x: (1, u),
    "softmax": _softmax_scale,
    "mean_binary_cross_entropy": _binary_scale,
    "mean_binary_cross_entropy_with_logits": _binary_logits_scale,
    "mean_categorical_cross_entropy_with_logits": _categorical_logits_scale,
    "Dense": _dense_scale,
    "ActivationLayer": lambda y, u, x: (1, u),
    "MLP": _network_scale,
    "loss_rule": _network_scale,
}
"""Where terms cancel, or PyTorch rounds more than the result needs."""


def _apart(dtype: DType, shape: Shape) -> SearchStrategy[Primals]:
    """A prediction and a target that differ in every entry: off the kink of their distance."""
    targets = filled(dtype, shape, (-4, 4))
    distances = signed(dtype, shape, (1 / 8, 4))
    return st.builds(lambda t, d: (t + d, t), targets, distances)


@dataclass(frozen=True)
class _Draws:
    """How the primals are drawn, and how where the function must be smooth."""

    any: Draw
    smooth: Draw | None = None


_ACTIVATION_DRAWS = _Draws(each(REALS), off_zero)

_LOSS_DRAWS: Mapping[Domain, _Draws] = {
    "real numbers": _Draws(each(REALS, REALS), _apart),
    "probabilities and weights": _Draws(
        each(PROBABILITIES, WEIGHTS), each(SAFE_PROBABILITIES, WEIGHTS)
    ),
    "logits and weights": _Draws(each(REALS, WEIGHTS)),
    "log-probabilities and labels": _Draws(log_probabilities_and_labels),
    "scores and signs": _Draws(scores_and_signs, scores_inside_the_margin),
}


def _twin(name: str, rule: Rule, twin: Callable[..., Any], draws: _Draws) -> Twin:
    twin = functools.partial(twin, torch)
    return Twin(name, rule, twin, draws.any, _SCALES.get(name), draws.smooth)


def _layer_twin(name: str, layer: rm.AbstractLayer, twin: Callable[..., Any], rule: Rule) -> Twin:
    """The twin of a rule of `x` and the layer's parameters, in the order of `layer.shapes`."""

    def of_arrays(torch: Any, x: Any, *params: Any) -> Any:
        return twin(torch, dict(zip(layer.shapes, params, strict=True)), x)

    if not layer.shapes:
        return _twin(name, rule, of_arrays, _Draws(each(REALS)))
    draws = _Draws(with_parameters(*layer.shapes.values()))
    return dataclasses.replace(_twin(name, rule, of_arrays, draws), shapes=_BATCHES)


def _network_loss_twin() -> Twin:
    loss, target = "mean_squared_error", np.array([0.5, -0.25])
    twin = with_loss("MLP", loss)
    assert twin is not None
    return _layer_twin(
        "loss_rule",
        NETWORK,
        lambda t, params, x: twin(t, params, x, x.new_tensor(target).expand(len(x), -1)),
        _with_loss(NETWORK, rm.LOSSES[loss], target),
    )


_BATCHES = st.sampled_from([(1, SIZE), (2, SIZE), (5, SIZE)])

# A model without a twin has no row: a test says which.
ACTIVATION_TWINS = tuple(
    _twin(name, _activation(rule), TORCH[name], _ACTIVATION_DRAWS)
    for name, rule in rm.ACTIVATIONS.items()
    if name in TORCH
)

LOSS_TWINS = tuple(
    _twin(name, rule, TORCH[name], _LOSS_DRAWS[domain_of(name)])
    for name, rule in rm.LOSSES.items()
    if name in TORCH
)

_ALL_LAYERS = {**LAYERS, "MLP": NETWORK}
LAYER_TWINS = (
    *(
        _layer_twin(name, layer, TORCH[name], _layer(layer))
        for name, layer in _ALL_LAYERS.items()
        if name in TORCH
    ),
    _network_loss_twin(),
)

TWINS = ACTIVATION_TWINS + LOSS_TWINS + LAYER_TWINS


@dataclass(frozen=True)
class OptimizerTwin:
    """One optimizer, twice.

    `torch_settings` translates our hyperparameters. `reach(s, g, step, old, new)` is the sum of the
    absolute terms of the step, where `g` bounds the gradient with its decay and `old` and `new`
    hold the magnitudes of the slots before and after.
    """

    name: str
    torch: Callable[..., torch.optim.Optimizer]
    settings: Mapping[str, SearchStrategy[float]]
    reach: Callable[..., Any]
    torch_settings: Callable[..., dict[str, Any]] = dict


_RATE = st.floats(1e-4, 1.0)
_DECAY = st.just(0.0) | st.floats(1e-4, 0.5)
_EPS = st.floats(1e-10, 1e-3)
_KEPT = st.floats(0.0, 0.999)
_MU = st.floats(0.125, 0.96875)  # at 0 PyTorch keeps no momentum buffer


def _first_order(s: Any, g: Any, step: int, old: Any, new: Any) -> Any:
    mu = s.get("mu", 0)
    return s["lr"] * (1 + mu) * (g + mu * old.get("momentum_buffer", 0))


def _scaled(slot: str) -> Callable[..., Any]:
    return lambda s, g, step, old, new: s["lr"] * g / (np.sqrt(new[slot]) + s["eps"])


def _adam(s: Any, g: Any, step: int, old: Any, new: Any) -> Any:
    m_hat = (old["exp_avg"] + g) / (1 - s["b1"] ** step)
    return s["lr"] * m_hat / (np.sqrt(new["exp_avg_sq"] / (1 - s["b2"] ** step)) + s["eps"])


def _with_betas(b1: float = 0.9, b2: float = 0.999, **others: float) -> dict[str, Any]:
    return {"betas": (b1, b2), **others}


def _with_momentum(mu: float, **others: float) -> dict[str, Any]:
    return {"momentum": mu, **others}


def _with_nesterov(mu: float, **others: float) -> dict[str, Any]:
    return {"momentum": mu, "nesterov": True, **others}


_SGD = {"lr": _RATE, "weight_decay": _DECAY}
_ADAM = {**_SGD, "b1": _KEPT, "b2": _KEPT, "eps": _EPS}
_ADAGRAD = {
    **_SGD,
    "eps": _EPS,
    "lr_decay": st.floats(0, 0.1),
    "initial_accumulator_value": st.floats(0, 1),
}

OPTIMIZER_TWINS = (
    OptimizerTwin("gradient_descent", torch.optim.SGD, {"lr": _RATE}, _first_order),
    OptimizerTwin("sgd", torch.optim.SGD, _SGD, _first_order),
    OptimizerTwin(
        "momentum",
        torch.optim.SGD,
        {**_SGD, "mu": _MU, "dampening": st.floats(0, 1)},
        _first_order,
        _with_momentum,
    ),
    OptimizerTwin("nesterov", torch.optim.SGD, {**_SGD, "mu": _MU}, _first_order, _with_nesterov),
    OptimizerTwin("adagrad", torch.optim.Adagrad, _ADAGRAD, _scaled("sum")),
    OptimizerTwin(
        "rmsprop",
        torch.optim.RMSprop,
        {**_SGD, "alpha": _KEPT, "eps": _EPS},
        _scaled("square_avg"),
    ),
    OptimizerTwin("adam", torch.optim.Adam, _ADAM, _adam, _with_betas),
    OptimizerTwin("adamw", torch.optim.AdamW, _ADAM, _adam, _with_betas),
)
