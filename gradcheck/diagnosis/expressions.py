"""What a factor or a term may be: expressions of the quantities that the subject offers."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, islice
from typing import TypeAlias
from weakref import WeakKeyDictionary

import numpy as np

from gradcheck.diagnosis.evidence import Array, Evidence

Function: TypeAlias = Callable[[Array], Array]


def sigmoid(x: Array) -> Array:
    """Returns 1 / (1 + exp(-x))."""
    return 0.5 * (1 + np.tanh(0.5 * x))


UNARY: Mapping[str, Function] = {
    "{q}": lambda q: q,
    "{q} * (1 - {q})": lambda q: q * (1 - q),
    "(1 - {q}**2)": lambda q: 1 - q * q,
    "({q} > 0)": lambda q: q > 0,
    "({q} < 0)": lambda q: q < 0,
    "({q} != 0)": lambda q: q != 0,
    "(1 - {q})": lambda q: 1 - q,
    "{q}**2": lambda q: q * q,
    "sign({q})": np.sign,
    "abs({q})": np.abs,
    "exp({q})": np.exp,
    "exp({q} / 2)": lambda q: np.exp(q / 2),
    "log({q})": np.log,
    "sqrt({q})": np.sqrt,
    "sigmoid({q})": sigmoid,
    "sigmoid({q}) * (1 - sigmoid({q}))": lambda q: sigmoid(q) * (1 - sigmoid(q)),
    "tanh({q})": np.tanh,
    "(1 - tanh({q})**2)": lambda q: 1 - np.tanh(q) ** 2,
    "(1 - tanh({q}))": lambda q: 1 - np.tanh(q),
    "cos({q})": np.cos,
    "sin({q})": np.sin,
    "(1 + {q})": lambda q: 1 + q,
    "(1 + {q})**2": lambda q: (1 + q) ** 2,
    "(1 + abs({q}))**2": lambda q: (1 + np.abs(q)) ** 2,
    "(1 + {q}**2)": lambda q: 1 + q * q,
    "{q} * (1 + {q})": lambda q: q * (1 + q),
    "{q}**3": lambda q: q**3,
    "maximum({q}, 0)": lambda q: np.maximum(q, 0),
}
"""Functions of one quantity that stand in derivatives."""

OF_DERIVED = ("{q}", "{q} * (1 - {q})", "(1 - {q})", "{q}**2", "sign({q})")
"""Of what is itself a function of quantities, only these."""

MOST_DIFFERENCES = 3

MOST_QUANTITIES = 14
"""So many quantities are combined; a subject with more offers its nearest ones first."""


_KNOWN: WeakKeyDictionary[Evidence, tuple["Expression", ...]] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Expression:
    """A function of a quantity that broadcasts to the primal's shape.

    Attributes:
        text: as one would write it.
        of: the name of the quantity.
        form: the template.
        at: its values at the sampled entries.
        values: all of them, computed when they are asked for.
    """

    text: str
    of: str
    form: str
    at: Array
    values: Callable[[], Array]


def fitting(evidence: Evidence, shape: tuple[int, ...]) -> Iterator[tuple[str, Array]]:
    """Yields quantities of more than one entry that broadcast to a shape, outputs first.

    One number for each row (labels, weights of samples) is stood upright.
    """
    first = [*evidence.outputs, *evidence.cotangents, evidence.primal]
    names = dict.fromkeys(
        [n for n in first if n in evidence.quantities] + list(evidence.quantities)
    )
    for name in names:
        q = np.asarray(evidence.quantities[name])
        if q.size < 2 or np.iscomplexobj(q) or q.dtype.kind not in "biuf":
            continue
        q = q.astype(float)
        if _broadcasts(q.shape, shape):
            yield name, q
        upright = q.shape + (1,) * (len(shape) - q.ndim)
        if q.ndim < len(shape) and q.shape == shape[: q.ndim] and _broadcasts(upright, shape):
            yield f"{name}[{':, ' * q.ndim}None]", q.reshape(upright)


def expressions(evidence: Evidence) -> tuple[Expression, ...]:
    """Returns every function of every fitting quantity that varies and is finite somewhere."""
    if evidence not in _KNOWN:
        found = islice(derived(evidence), MOST_QUANTITIES)
        _KNOWN[evidence] = tuple(e for name, q in found for e in _functions(evidence, name, q))
    return _KNOWN[evidence]


def derived(evidence: Evidence) -> Iterator[tuple[str, Array]]:
    """Yields the fitting quantities and what is commonly made of them."""
    found = list(fitting(evidence, evidence.shape))
    yield from found
    for name, q in found:
        if q.shape == evidence.shape and q.ndim > 1 and name not in evidence.cotangents:
            yield f"softmax({name})", softmax(q)
    own = dict(found).get(evidence.primal)
    for name, q in found:
        if own is not None and name in evidence.outputs and q.shape == own.shape and own.all():
            yield f"({name} / {evidence.primal})", q / own
    yield from _differences(evidence, found)
    for name, q in evidence.quantities.items():
        hot = one_hot(np.asarray(q), evidence.shape)
        if hot is not None:
            yield f"one_hot({name})", hot
            for by in (1, -1):
                off = np.roll(hot, by, -1)
                yield f"(one_hot({name}) - one_hot({name} {'+-'[by < 0]} 1))", hot - off


def _differences(evidence: Evidence, found: list[tuple[str, Array]]) -> Iterator[tuple[str, Array]]:
    """Yields the residuals: differences of two quantities of the primal's shape."""
    own = [
        (name, q)
        for name, q in found
        if q.shape == evidence.shape and name not in evidence.cotangents + evidence.outputs
    ]
    for (a, x), (b, y) in islice(combinations(own, 2), MOST_DIFFERENCES):
        yield f"({a} - {b})", x - y


def one_hot(labels: Array, shape: tuple[int, ...]) -> Array | None:
    """Returns labels as ones among zeros, if they choose along the last axis of the shape."""
    if labels.dtype.kind not in "iu" or labels.shape != shape[:-1] or not labels.size:
        return None
    if labels.max() >= shape[-1]:
        return None
    return (labels[..., None] == np.arange(shape[-1])).astype(float)


def softmax(x: Array, axis: int = -1) -> Array:
    """Returns exp(x) over its sum along an axis."""
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def _functions(evidence: Evidence, name: str, q: Array) -> Iterator[Expression]:
    at = evidence.sampled(q)
    for form, function in UNARY.items():
        if name.endswith(")") and form not in OF_DERIVED:
            continue
        with np.errstate(all="ignore"):
            values = np.asarray(function(at), dtype=float)
        spread = np.ptp(values) if np.isfinite(values).all() else 0.0
        if spread > 1e-12 * np.max(np.abs(values), initial=0.0):
            if form == "{q}" or not np.array_equal(values, at):
                yield Expression(
                    form.format(q=name), name, form, values,
                    lambda function=function, q=q: np.asarray(function(q), dtype=float),
                )  # fmt: skip


def _broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    ends = zip(shape[::-1], to[::-1], strict=False)
    return len(shape) <= len(to) and all(n in (1, m) for n, m in ends)
