"""Two dense layers and a loss, rebuilt from the arrays at hand: the chain rule within them.

The slope of the hidden layer stands under two sums, and the loss is one number: nothing of it shows
in the gradients entry by entry. Where the true gradient is that of such a network, with or without
weight decay, the claim is looked up among what people write in the slope's place.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from gradcheck.diagnosis.evidence import Array, Evidence
from gradcheck.diagnosis.expressions import UNARY, Function, one_hot, sigmoid
from gradcheck.diagnosis.losses import LOSSES, OF_ROWS
from gradcheck.diagnosis.scoring import Candidate, Row, done

MOST_WORK = 2e5
"""Networks of so many multiplications are rebuilt."""

EXACT = 12.0
"""In standard deviations: so close is the rebuilt gradient to the true one."""


@dataclass(frozen=True)
class Activation:
    """An activation with its slope as one writes it: of z before it, and h after it."""

    of: Function
    slope: Callable[[Array, Array], Array]
    words: str


ACTIVATIONS: Mapping[str, Activation] = {
    "tanh": Activation(np.tanh, lambda z, h: 1 - h * h, "1 - h**2"),
    "sigmoid": Activation(sigmoid, lambda z, h: h * (1 - h), "h * (1 - h)"),
    "relu": Activation(lambda z: np.maximum(z, 0), lambda z, h: z > 0, "z > 0"),
    "softplus": Activation(lambda z: np.logaddexp(0, z), lambda z, h: sigmoid(z), "sigmoid(z)"),
    "sin": Activation(np.sin, lambda z, h: np.cos(z), "cos(z)"),
    "identity": Activation(lambda z: z, lambda z, h: np.ones_like(z), "1"),
}


@dataclass(frozen=True, eq=False)
class Network:
    """x → z = x W1 + b1 → h → out = h W2 + b2, by the names of its arrays."""

    x: str
    w1: str
    b1: str
    w2: str
    b2: str
    arrays: Mapping[str, Array]

    def before(self) -> Array:
        """Returns z."""
        return self.arrays[self.x] @ self.arrays[self.w1] + self.arrays.get(self.b1, 0.0)

    def out(self, h: Array) -> Array:
        """Returns the output of the second layer."""
        return h @ self.arrays[self.w2] + self.arrays.get(self.b2, 0.0)

    def gradient(self, primal: str, delta: Array, slope: Array, hidden: Array) -> Array | None:
        """Returns the gradient of a primal, for the loss's gradient of the output."""
        inner = (delta @ self.arrays[self.w2].T) * slope
        found = {
            self.w2: lambda: hidden.T @ delta,
            self.b2: lambda: delta.sum(0),
            self.w1: lambda: self.arrays[self.x].T @ inner,
            self.b1: lambda: inner.sum(0),
            self.x: lambda: inner @ self.arrays[self.w1].T,
        }
        return found[primal]() if primal in found else None


@dataclass(frozen=True)
class Words:
    """What the rebuilt network is called: its activation, its loss, what belongs in the place."""

    activation: str
    loss: str
    wanted: str


def _networks(evidence: Evidence) -> Iterator[Network]:
    inputs = {
        n: np.asarray(q, dtype=float)
        for n, q in evidence.quantities.items()
        if n not in evidence.cotangents + evidence.outputs and np.asarray(q).dtype.kind == "f"
    }
    matrices = [n for n, q in inputs.items() if q.ndim == 2]
    for x, w1, w2 in permutations(matrices, 3):
        (n, a), (b, h), (c, k) = (inputs[m].shape for m in (x, w1, w2))
        if a != b or h != c or n * a * h + n * h * k > MOST_WORK:
            continue
        rows = [m for m, q in inputs.items() if q.ndim == 1]
        b1 = next((m for m in rows if inputs[m].shape == (h,)), "")
        b2 = next((m for m in rows if inputs[m].shape == (k,) and m != b1), "")
        yield Network(x, w1, b1, w2, b2, inputs)


def _deltas(evidence: Evidence, net: Network, out: Array) -> Iterator[tuple[str, Array]]:
    """Yields the gradients of losses of the output and a target, up to a constant."""
    targets = [
        np.asarray(q, dtype=float)
        for n, q in evidence.quantities.items()
        if np.shape(q) == out.shape and n not in (net.x, net.w1, net.w2)
    ]
    hot = [one_hot(np.asarray(q), out.shape) for q in evidence.quantities.values()]
    for y in targets + [h for h in hot if h is not None]:
        for loss, gradient in {**LOSSES, **OF_ROWS}.items():
            yield loss, gradient(out, y)


def _truth(evidence: Evidence, feature: Array, decayed: Array) -> tuple[float, float] | None:
    """Returns k and λ where the true gradient is k feature + λ decayed; None: it is not."""
    f, p = evidence.sampled(feature), evidence.sampled(decayed)
    a, t = np.stack([f, p], 1) / evidence.s[:, None], evidence.t / evidence.s
    if not np.isfinite(a).all() or len(t) < 4 or not f.any():
        return None
    (k, rest), *_ = np.linalg.lstsq(a, t, rcond=None)
    return (k, rest) if np.max(np.abs(a @ (k, rest) - t)) <= EXACT and k else None


def _slopes(z: Array, h: Array) -> Iterator[tuple[str, Array]]:
    yield "nothing", np.ones_like(z)
    for name, q in (("z", z), ("h", h)):
        for form, function in UNARY.items():
            yield form.format(q=name), np.asarray(function(q), dtype=float)


def _in_network(evidence: Evidence) -> Iterator[Candidate]:
    if any(np.size(evidence.quantities[name]) > 1 for name in evidence.cotangents):
        return
    decayed = np.asarray(evidence.quantities.get(evidence.primal, 0.0), dtype=float)
    if decayed.shape != evidence.shape or not evidence.cotangents:
        return
    for net in _networks(evidence):
        z = net.before()
        for name, activation in ACTIVATIONS.items():
            h = activation.of(z)
            slope = activation.slope(z, h).astype(float)
            for loss, delta in _deltas(evidence, net, net.out(h)):
                feature = net.gradient(evidence.primal, delta, slope, h)
                if feature is None or feature.shape != evidence.shape:
                    break
                truth = _truth(evidence, feature, decayed)
                if truth is not None:
                    wanted = activation.words if evidence.primal != net.w2 else "h"
                    words = Words(name, loss, wanted)
                    yield from _claims(evidence, net, delta, (z, slope, h), truth, decayed, words)
                    return


def _claims(
    evidence: Evidence,
    net: Network,
    delta: Array,
    layer: tuple[Array, Array, Array],
    truth: tuple[float, float],
    decayed: Array,
    words: Words,
) -> Iterator[Candidate]:
    """Yields what the claim may be: something else in the place of the slope, or of h."""
    (z, slope, h), (k, rest) = layer, truth
    found = list(_slopes(z, h))
    for text, other in found:
        if not np.isfinite(other).all():
            continue
        of_second = evidence.primal == net.w2
        slopes, hidden = (slope, other) if of_second else (other, h)
        feature = net.gradient(evidence.primal, delta, slopes, hidden)
        assert feature is not None
        predicted = evidence.sampled(k * feature + rest * decayed)
        slack = float(np.max(evidence.s)) / (evidence.scale or 1.0)
        yield done(
            evidence, predicted, 1 + slack, bits=4.0 + float(np.log2(len(found))), used=text,
            layer=f"z = {net.x} @ {net.w1}{f' + {net.b1}' if net.b1 else ''}",
            enough=4, activation=words.activation, loss=words.loss, wanted=words.wanted,
        )  # fmt: skip


ROWS = (
    Row(
        "chain factor in a network",
        "the claim has {used} where {wanted} belongs, of the hidden layer {layer}, h ="
        " {activation}(z)",
        "the slope of the hidden layer is left out, or taken at the wrong place",
        "use {wanted}",
        _in_network,
    ),
)
