"""How a formula may be read where documents differ, and what each reading is called."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from reports.documents.values import Numbers

ProductReading = Literal["matrix", "elementwise", "outer", "inner", "reversed", "loose"]


@dataclass(frozen=True)
class Reading:
    """One way to read a formula.

    Attributes:
        product: what · means between two arrays.
        broadcast: whether a vector beside a matrix stands for each row or column; "" is strict.
        sigma: the activation that σ and f stand for; "" is what the document says.
        rate: whether the learning rate is applied.
        decimals: to how many a value of a function or a fraction is rounded on the way.
    """

    product: ProductReading = "matrix"
    broadcast: Literal["", "rows", "columns"] = ""
    sigma: str = ""
    rate: bool = True
    decimals: int | None = None

    @property
    def name(self) -> str:
        """The reading in words; "" for the ordinary one."""
        parts = []
        if self.product != "matrix":
            parts.append(_PRODUCTS[self.product])
        if self.broadcast:
            word = "row" if self.broadcast == "rows" else "column"
            parts.append(f"the vector taken as each {word}")
        if self.sigma:
            parts.append(f"σ as {self.sigma}")
        return ", ".join(parts)


_PRODUCTS: Mapping[str, str] = {
    "elementwise": "· read entry by entry",
    "outer": "· read as outer product",
    "inner": "· read as inner product",
    "reversed": "factors in the other order",
    "loose": "vectors multiplied entry by entry, whichever way they stand",
}

PLAIN = Reading()

ROUNDED: tuple[Reading, ...] = tuple(replace(PLAIN, decimals=n) for n in (4, 3))
"""Readings with values rounded on the way that are not shown."""

BENIGN: tuple[Reading, ...] = (
    PLAIN,
    *(replace(PLAIN, broadcast=how) for how in ("rows", "columns")),
    *(replace(PLAIN, product=how) for how in ("elementwise", "outer", "inner", "reversed")),
    *(replace(PLAIN, product="elementwise", broadcast=how) for how in ("rows", "columns")),
    *(replace(PLAIN, product="outer", broadcast=how) for how in ("rows", "columns")),
)
"""Readings under which an author may be right, the ordinary one first."""


LOOSE = replace(PLAIN, product="loose")
"""Vectors without orientation: a formula is not called wrong where it holds even so."""


def sigmoid(x: Numbers) -> Numbers:
    """Returns 1 / (1 + e⁻ˣ) without overflow."""
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), 1 - 1 / (1 + np.exp(-np.abs(x))))


def _sigmoid_slope(x: Numbers) -> Numbers:
    return sigmoid(x) * (1 - sigmoid(x))


def _tanh_slope(x: Numbers) -> Numbers:
    return 1 - np.tanh(x) ** 2


def _softplus(x: Numbers) -> Numbers:
    return np.logaddexp(0.0, x)


def _normal(x: Numbers) -> Numbers:
    """Returns how much of the standard normal distribution lies below each number."""
    flat = [0.5 * (1 + math.erf(entry / math.sqrt(2))) for entry in np.ravel(x)]
    return np.array(flat).reshape(np.shape(x))


def _density(x: Numbers) -> Numbers:
    return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


ELEMENTWISE: Mapping[str, Callable[[Numbers], Numbers]] = {
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0.0),
    "identity": lambda x: np.asarray(x, dtype=np.float64),
    "exp": np.exp,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "sin": np.sin,
    "cos": np.cos,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "sech": lambda x: 1 / np.cosh(x),
    "sign": np.sign,
    "softplus": _softplus,
    "tan": np.tan,
    "arctan": np.arctan,
    "arcsin": np.arcsin,
    "arccos": np.arccos,
    "Φ": _normal,
    "φ": _density,
}
"""Functions of every entry."""

LETTERS_OF_FUNCTIONS = frozenset(("sigma", "identity", "S", "f", "g", "phi", "psi", "h"))
"""Names of functions that stand for one or the other by document."""

SLOPES: Mapping[str, Callable[[Numbers], Numbers]] = {
    "sigmoid": _sigmoid_slope,
    "tanh": _tanh_slope,
    "relu": lambda x: np.where(x > 0, 1.0, 0.0),
    "identity": np.ones_like,
    "softplus": sigmoid,
    "Φ": _density,
    "φ": lambda x: -x * _density(x),
}
"""Their derivatives, where a stroke may ask for them."""

RANGES: Mapping[str, tuple[float, float]] = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
"""Where their values lie."""
