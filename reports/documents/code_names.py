"""What the names of arrays in code tell: data, weights, gradients, and their shapes in a layout."""

import ast
import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reports.documents.numpy_calls import NotReadable

BATCH, N_IN, N_OUT = 5, 3, 4
RATE = 0.125


def plain(name: str) -> str:
    """Returns a name in small letters without underscores."""
    return name.replace("_", "").lower()


def gradient_of(name: str, parameter: str) -> bool:
    """Whether a name is that of the gradient of a parameter: dW, grad_W, W_grad.

    >>> gradient_of("dL_dW", "W"), gradient_of("weights_gradient", "weights")
    (True, True)
    """
    p, g = plain(parameter), plain(name)
    fronts = ("d", "grad", "gradient", "delta", "nabla", "dld", "g", "dlossd", "gradof")
    return g in {front + p for front in fronts} | {p + back for back in ("grad", "gradient", "g")}


@dataclass(frozen=True)
class Layout:
    """How data lie: rows of samples, columns of samples, or one vector; and the widths."""

    data: tuple[int, ...]
    hidden: tuple[int, ...]
    weight: tuple[int, ...]
    bias: tuple[int, ...]
    scale: tuple[int, ...]
    sizes: tuple[int, int] = (N_IN, N_OUT)


MANY = (
    Layout((BATCH, N_IN), (BATCH, N_OUT), (N_IN, N_OUT), (N_OUT,), (N_IN,)),
    Layout((BATCH, N_IN), (BATCH, N_OUT), (N_IN, N_OUT), (1, N_OUT), (1, N_IN)),
    Layout((N_IN, BATCH), (N_OUT, BATCH), (N_OUT, N_IN), (N_OUT, 1), (N_IN, 1)),
)
"""Layouts of several samples."""

ONE = (
    Layout((N_IN,), (N_OUT,), (N_OUT, N_IN), (N_OUT,), (N_IN,)),
    Layout((N_IN, 1), (N_OUT, 1), (N_OUT, N_IN), (N_OUT, 1), (N_IN, 1)),
    Layout((1, N_IN), (1, N_OUT), (N_IN, N_OUT), (1, N_OUT), (1, N_IN)),
)
"""Layouts of one sample, for what does not take several: a mean is no sum there."""

SQUARE = tuple(
    replace(layout, hidden=layout.data, weight=(N_IN, N_IN), sizes=(N_IN, N_IN), bias=bias)
    for layout in MANY
    for bias in [tuple(N_IN if n == N_OUT else n for n in layout.bias)]
)
"""Layouts in which a transpose that is missing does not show."""


class Clash(Exception):
    """A backward pass that fails on what its forward pass gives: the message says when."""


DATA = frozenset("x a aprev input inputs z data s xt inputdata inp inputs".split())
HIDDEN = frozenset("prevh hprev h hidden hiddenstate aprevious state".split())
TARGETS = frozenset("y t ytrue target targets label labels ytarget truth".split())
SCALES = frozenset("gamma beta".split())
_WEIGHT = re.compile(r"w(?!h$|hh$|aa$)\w*|weights?|theta|kernel")
_RECURRENT = re.compile(r"wh|whh|waa|u|uh")
_BIAS = re.compile(r"b|b\d|bias(es)?|b[hzoy]")
_RATES = frozenset("lr learningrate eta alpha stepsize rate".split())
_GUARDS = frozenset("eps epsilon".split())


def role(name: str) -> str:
    """Returns what an argument is by its name: data, weight, …; "" where that is not known."""
    p = plain(name)
    for known, kind in ((DATA, "data"), (HIDDEN, "hidden"), (SCALES, "scale"), (TARGETS, "target")):
        if p in known:
            return kind
    if p in _RATES:
        return "rate"
    if p in _GUARDS:
        return "guard"
    if _RECURRENT.fullmatch(p):
        return "recurrent"
    if _BIAS.fullmatch(p):
        return "bias"
    return "weight" if _WEIGHT.fullmatch(p) else ""


def argument(name: str, layout: Layout, rng: np.random.Generator) -> Any:
    """Returns a random argument of the shape that its name has in a layout.

    Raises:
        NotReadable: the name tells nothing.
    """
    kind = role(name)
    if kind == "target":
        return one_hot(layout.data)
    if kind == "rate":
        return RATE
    if kind == "guard":
        return 1e-5
    if kind == "recurrent":
        return rng.uniform(-1, 1, (layout.sizes[1], layout.sizes[1]))
    if not kind:
        raise NotReadable(f"what the argument {name[:30]} is")
    low = 0.2 if kind == "scale" else -1.0
    return rng.uniform(low, 1.0, getattr(layout, kind))


def one_hot(shape: tuple[int, ...]) -> Any:
    """Returns targets with a one for each sample, along the axis that has the width of the data."""
    axis = shape.index(N_IN)
    classes = np.arange(N_IN).reshape([-1 if a == axis else 1 for a in range(len(shape))])
    samples = np.arange(np.prod(shape) // N_IN) % N_IN
    others = [n if a != axis else 1 for a, n in enumerate(shape)]
    return (classes == samples.reshape(others)).astype(float)


def required(node: ast.FunctionDef) -> list[str]:
    """Returns the parameters without a default."""
    parameters = [a.arg for a in node.args.args]
    return parameters[: len(parameters) - len(node.args.defaults)]
