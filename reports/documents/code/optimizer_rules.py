"""Reference update rules, each in the forms in which authors write it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np


@dataclass(frozen=True)
class Constants:
    """The constants of a rule: rate, shares of the two moments or of one, ε, weight decay."""

    rate: float
    first: float
    second: float
    share: float
    guard: float
    decay: float


Rule: TypeAlias = Callable[[Any, Sequence[Any], Constants], list[Any]]
"""(parameters, gradients step by step, constants) -> the parameters after each step."""


def _plain(w: Any, gradients: Sequence[Any], c: Constants) -> list[Any]:
    path = []
    for g in gradients:
        w = w - c.rate * (g + c.decay * w)
        path.append(w)
    return path


def _momentum(
    w: Any, gradients: Sequence[Any], c: Constants, *, form: str, share: str = "share"
) -> list[Any]:
    """Returns heavy-ball momentum; `form`: where the rate stands, whether the shares add up to 1.

    Sutskever et al. 2013: v = μ v − η g; PyTorch: v = μ v + g; Ng: v = β v + (1 − β) g.
    """
    mu = getattr(c, share)
    v = np.zeros_like(w)
    path = []
    for at, g in enumerate(gradients):
        g = g + c.decay * w
        match form:
            case "rate inside":
                v = mu * v - c.rate * g
                w = w + v
            case "rate outside":
                v = mu * v + g
                w = w - c.rate * v
            case "first step whole":
                v = g if at == 0 else mu * v + (1 - mu) * g
                w = w - c.rate * v
            case "corrected":
                v = mu * v + (1 - mu) * g
                w = w - c.rate * v / (1 - mu ** (at + 1))
            case _:
                v = mu * v + (1 - mu) * g
                w = w - c.rate * v
        path.append(w)
    return path


def _nesterov(w: Any, gradients: Sequence[Any], c: Constants, *, form: str) -> list[Any]:
    """Returns Nesterov's momentum with the gradient given at the point itself.

    Bengio et al. 2012 (w + −μ v_old + (1 + μ) v_new); PyTorch (g + μ v); Keras (μ v − η g).
    """
    mu = c.share
    v = np.zeros_like(w)
    path = []
    for g in gradients:
        match form:
            case "two velocities":
                old, v = v, mu * v - c.rate * g
                w = w - mu * old + (1 + mu) * v
            case "rate outside":
                v = mu * v + g
                w = w - c.rate * (g + mu * v)
            case "share of one":
                v = mu * v + (1 - mu) * g
                w = w - c.rate * (mu * v + (1 - mu) * g)
            case _:
                v = mu * v - c.rate * g
                w = w + mu * v - c.rate * g
        path.append(w)
    return path


def _scaled(
    w: Any, gradients: Sequence[Any], c: Constants, *, form: str, share: str, inside: bool
) -> list[Any]:
    """Returns AdaGrad (Duchi et al. 2011) and RMSprop (Tieleman and Hinton 2012).

    Args:
        w: the parameters.
        gradients: step by step.
        c: the constants.
        form: "sum" of squares or their "mean".
        share: which constant weighs the mean.
        inside: whether ε stands under the root.
    """
    rho = getattr(c, share)
    s = np.zeros_like(w)
    path = []
    for g in gradients:
        g = g + c.decay * w
        s = s + g**2 if form == "sum" else rho * s + (1 - rho) * g**2
        w = w - c.rate * g / (np.sqrt(s + c.guard) if inside else np.sqrt(s) + c.guard)
        path.append(w)
    return path


def _adadelta(w: Any, gradients: Sequence[Any], c: Constants, *, rate: bool) -> list[Any]:
    """Returns AdaDelta (Zeiler 2012)."""
    s, d = np.zeros_like(w), np.zeros_like(w)
    path = []
    for g in gradients:
        s = c.share * s + (1 - c.share) * g**2
        step = np.sqrt(d + c.guard) / np.sqrt(s + c.guard) * g
        d = c.share * d + (1 - c.share) * step**2
        w = w - (c.rate if rate else 1.0) * step
        path.append(w)
    return path


def _adam(
    w: Any,
    gradients: Sequence[Any],
    c: Constants,
    *,
    kind: str = "adam",
    guard: str = "outside",
    late: bool = False,
) -> list[Any]:
    """Returns Adam and its kin (Kingma and Ba 2015; Loshchilov and Hutter 2019; Dozat 2016).

    Args:
        w: the parameters.
        gradients: step by step.
        c: the constants.
        kind: "adam", "adamw", "adamax", "nadam", "amsgrad".
        guard: where ε stands: outside of the root, inside, or outside of the uncorrected one.
        late: whether the steps count from 0, so that the correction is that of the next step.
    """
    m, v, top = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    path = []
    for at, raw in enumerate(gradients, start=2 if late else 1):
        g = raw + (c.decay * w if kind != "adamw" else 0.0)
        m = c.first * m + (1 - c.first) * g
        mh = m / (1 - c.first**at)
        if kind == "adamax":
            v = np.maximum(c.second * v, np.abs(g))
            w = w - c.rate * mh / (v + c.guard)
            path.append(w)
            continue
        v = c.second * v + (1 - c.second) * g**2
        vh = v / (1 - c.second**at)
        if kind == "amsgrad":
            top = np.maximum(top, v)
            vh = top
            mh = m
        if kind == "nadam":
            mh = c.first * mh + (1 - c.first) * g / (1 - c.first**at)
        match guard:
            case "inside":
                root = np.sqrt(vh + c.guard)
            case "uncorrected":  # the efficient form of the paper
                root = (np.sqrt(v) + c.guard) / np.sqrt(1 - c.second**at)
            case _:
                root = np.sqrt(vh) + c.guard
        w = w - c.rate * mh / root - (c.rate * c.decay * w if kind == "adamw" else 0.0)
        path.append(w)
    return path


def _uncorrected(w: Any, gradients: Sequence[Any], c: Constants, *, inside: bool) -> list[Any]:
    """Returns Adam without its correction, a form that lecture notes simplify to."""
    m, v = np.zeros_like(w), np.zeros_like(w)
    path = []
    for g in gradients:
        m = c.first * m + (1 - c.first) * g
        v = c.second * v + (1 - c.second) * g**2
        w = w - c.rate * m / (np.sqrt(v + c.guard) if inside else np.sqrt(v) + c.guard)
        path.append(w)
    return path


_MOMENTA = tuple(
    partial(_momentum, form=form, share=share)
    for form in ("rate inside", "rate outside", "whole", "first step whole", "corrected")
    for share in ("share", "first")
)
_NESTEROVS = tuple(
    partial(_nesterov, form=form)
    for form in ("two velocities", "rate outside", "share of one", "plain")
)
_ADAMS = (
    *(
        partial(_adam, kind=kind, guard=guard, late=late)
        for kind in ("adam", "adamw")
        for guard in ("outside", "inside", "uncorrected")
        for late in (False, True)
    ),
    partial(_uncorrected, inside=False),
    partial(_uncorrected, inside=True),
)

RULES: Mapping[str, Sequence[Rule]] = {
    "sgd": (_plain, *_MOMENTA, *_NESTEROVS),
    "gradientdescent": (_plain, *_MOMENTA),
    "momentum": (*_MOMENTA, *_NESTEROVS),
    "nesterov": _NESTEROVS,
    "nag": _NESTEROVS,
    "adagrad": tuple(partial(_scaled, form="sum", share="share", inside=i) for i in (False, True)),
    "rmsprop": tuple(
        partial(_scaled, form="mean", share=share, inside=i)
        for i in (False, True)
        for share in ("share", "first", "second")
    ),
    "adadelta": (partial(_adadelta, rate=False), partial(_adadelta, rate=True)),
    "adam": _ADAMS,
    "adamw": tuple(
        partial(_adam, kind="adamw", guard=g) for g in ("outside", "inside", "uncorrected")
    ),
    "adamax": (partial(_adam, kind="adamax"),),
    "nadam": tuple(partial(_adam, kind="nadam", guard=g) for g in ("outside", "inside")),
    "amsgrad": tuple(partial(_adam, kind="amsgrad", guard=g) for g in ("outside", "inside")),
}
"""By the names that optimizers have in small letters, their forms."""
