"""What each deciding operation of torch is while its branch is frozen: the tables.

The names are those of the aten operations, without what writes in place or to an output.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

Tensor = torch.Tensor


@dataclass(frozen=True)
class Piecewise:
    """An elementwise operation that takes one of several branches in each entry.

    Attributes:
        breaks: operands -> the points, ascending, between which its branches lie, of the first
            operand; -inf or inf where there is none.
        branches: operands -> the values of a branch, one more than there are breaks.
    """

    breaks: Callable[..., Sequence[Any]]
    branches: tuple[Callable[..., Any], ...]

    def choose(self, x: Any, *rest: Any, **named: Any) -> Tensor:
        """Returns the number of the branch of each entry."""
        region: Any = 0
        for point in self.breaks(x, *rest, **named):
            region = region + (x > point).to(torch.int8)
        return region

    def on_kink(self, x: Any, *rest: Any, **named: Any) -> int:
        """Returns how many entries are at a break."""
        points = self.breaks(x, *rest, **named)
        return sum(int(((x == point) & torch.isfinite(x)).sum()) for point in points)


def _first(x: Any, *_: Any, **__: Any) -> Any:
    return x


def _zero(x: Any, *_: Any, **__: Any) -> Any:
    return torch.zeros_like(x)


def _elu(x: Any, alpha: Any = 1.0, scale: Any = 1.0, input_scale: Any = 1.0) -> Any:
    return torch.expm1(x * input_scale) * (alpha * scale)


def _bounds(x: Any, low: Any = None, high: Any = None, **named: Any) -> list[Any]:
    low, high = named.get("min", low), named.get("max", high)
    low = -torch.inf if low is None else low
    # Where the bounds cross, the upper one holds everywhere.
    return [low if high is None else _lesser(low, high), torch.inf if high is None else high]


def _lesser(a: Any, b: Any) -> Any:
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        tensors = [t for t in (a, b) if isinstance(t, Tensor)]
        a, b = (
            torch.as_tensor(v, dtype=tensors[0].dtype, device=tensors[0].device) for v in (a, b)
        )
        return torch.minimum(a, b)
    return min(a, b)


def _low(x: Any, *args: Any, **named: Any) -> Any:
    return _bounds(x, *args, **named)[0]


def _high(x: Any, *args: Any, **named: Any) -> Any:
    return _bounds(x, *args, **named)[1]


PIECEWISE: dict[str, Piecewise] = {
    "abs": Piecewise(lambda x: (0,), (torch.neg, _first)),
    "relu": Piecewise(lambda x: (0,), (_zero, _first)),
    "leaky_relu": Piecewise(lambda x, *_: (0,), (lambda x, slope=0.01: slope * x, _first)),
    "_prelu_kernel": Piecewise(lambda x, w: (0,), (lambda x, w: w * x, _first)),
    "threshold": Piecewise(
        lambda x, at, value: (at,), (lambda x, at, value: torch.full_like(x, value), _first)
    ),
    "clamp": Piecewise(_bounds, (_low, _first, _high)),
    "clamp_min": Piecewise(lambda x, low: (low,), (lambda x, low: low, _first)),
    "clamp_max": Piecewise(lambda x, high: (high,), (_first, lambda x, high: high)),
    "hardtanh": Piecewise(
        lambda x, low=-1.0, high=1.0: (low, high),
        (
            lambda x, low=-1.0, high=1.0: torch.full_like(x, low),
            _first,
            lambda x, low=-1.0, high=1.0: torch.full_like(x, high),
        ),
    ),
    "hardswish": Piecewise(lambda x: (-3, 3), (_zero, lambda x: x * (x + 3) / 6, _first)),
    "hardsigmoid": Piecewise(lambda x: (-3, 3), (_zero, lambda x: x / 6 + 0.5, torch.ones_like)),
    "elu": Piecewise(
        lambda x, *_: (0,),
        (_elu, lambda x, alpha=1.0, scale=1.0, *_: x * scale),
    ),
    "celu": Piecewise(lambda x, *_: (0,), (lambda x, a=1.0: a * torch.expm1(x / a), _first)),
    "softshrink": Piecewise(
        lambda x, by=0.5: (-by, by),
        (lambda x, by=0.5: x + by, _zero, lambda x, by=0.5: x - by),
    ),
    "hardshrink": Piecewise(lambda x, by=0.5: (-by, by), (_first, _zero, _first)),
    "maximum": Piecewise(lambda a, b: (b,), (lambda a, b: b, _first)),
    "minimum": Piecewise(lambda a, b: (b,), (_first, lambda a, b: b)),
    "fmax": Piecewise(lambda a, b: (b,), (lambda a, b: b, _first)),
    "fmin": Piecewise(lambda a, b: (b,), (_first, lambda a, b: b)),
}

CONSTANT: dict[str, Callable[..., Any]] = {
    "sign": lambda x: x == 0,
    "sgn": lambda x: x == 0,
    "floor": lambda x: x == x.floor(),
    "ceil": lambda x: x == x.ceil(),
    "trunc": lambda x: (x == x.trunc()) & (x != 0),
    "round": lambda x, **_: (x - x.trunc()).abs() == 0.5,
    "floor_divide": lambda a, b: a == b * torch.floor_divide(a, b),
    "heaviside": lambda x, _: x == 0,
    "gt": lambda a, b: a == b,
    "ge": lambda a, b: a == b,
    "lt": lambda a, b: a == b,
    "le": lambda a, b: a == b,
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a == b,
}
"""Operations whose result is constant on a branch; next to each, the entries on a kink."""

QUOTIENT = {"remainder", "fmod", "frac"}
"""Operations a − q b, with q constant on a branch; of frac, b is 1."""

ALONG = {
    "cummax",
    "cummin",
    "kthvalue",
    "max",
    "median",
    "min",
    "mode",
    "nanmedian",
    "sort",
    "topk",
}
"""Operations that give values and their indices along a dimension."""

OF_ALL = {"max", "median", "min", "nanmedian"}
"""Operations that select one entry of all."""

POOLING = {
    "max_pool2d_with_indices": 2,
    "max_pool3d_with_indices": 3,
    "adaptive_max_pool2d": 2,
    "adaptive_max_pool3d": 3,
    "fractional_max_pool2d": 2,
    "fractional_max_pool3d": 3,
}
"""Operations that give maxima and their flat indices; next to each, the number of dimensions."""

LOSSES: dict[str, Piecewise] = {
    "huber_loss": Piecewise(
        lambda d, delta: (-delta, delta),
        (
            lambda d, delta: delta * (-d - 0.5 * delta),
            lambda d, delta: 0.5 * d * d,
            lambda d, delta: delta * (d - 0.5 * delta),
        ),
    ),
    "smooth_l1_loss": Piecewise(
        lambda d, beta: (-beta, beta) if beta else (0,),
        (
            lambda d, beta: -d - 0.5 * beta,
            lambda d, beta: 0.5 * d * d / beta if beta else d,
            lambda d, beta: d - 0.5 * beta,
        ),
    ),
}
"""Losses of a difference and one parameter."""

OPAQUE = {
    "_transformer_encoder_layer_fwd",
    "_unique2",
    "copysign",
    "_embedding_bag",
    "_fake_quantize_per_tensor_affine_cachemask",
    "fake_quantize_per_tensor_affine",
    "grid_sampler_2d",
    "grid_sampler_3d",
    "histc",
    "index_reduce",
    "logit",
    "multi_margin_loss",
    "multilabel_margin_loss_forward",
    "renorm",
    "rrelu_with_noise",
    "scatter_reduce",
    "segment_reduce",
    "unique_consecutive",
    "unique_dim",
}
"""Operations that decide, in ways that are not followed."""

DISTANCES = {"_cdist_forward", "_pdist_forward"}
"""Operations that decide, and are not followed, where their norm is of one of these orders."""

ORDERS = (1, torch.inf, -torch.inf)
"""The orders of norms that have kinks besides the one at zero."""
