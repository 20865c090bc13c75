"""Random networks whose widths all differ, and what the names of layers stand for in them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Literal

import numpy as np

from reports.documents import values
from reports.documents.evaluate import Context, evaluate
from reports.documents.notation import LOSSES
from reports.documents.readings import ELEMENTWISE, SLOPES, Reading
from reports.documents.tree import (
    BigSum,
    Chain,
    Derivative,
    Node,
    Number,
    Symbol,
    rebuilt,
    walk,
)
from reports.documents.values import Numbers, Quantity

WIDTHS = (2, 3, 4, 5, 3)
LAST = 4
AT = 2
"""The layer that "l" stands for; the output layer "L" is another one."""


Role = Literal["weight", "bias", "pre", "post", "delta", "target", "loss"]

ROLES: Mapping[str, Role] = {
    **dict.fromkeys(("W", "w", "theta", "Theta"), "weight"),
    **dict.fromkeys(("b", "B"), "bias"),
    **dict.fromkeys(("Z", "z", "net", "u", "s"), "pre"),
    **dict.fromkeys(("A", "a", "h", "H", "o", "y", "x", "out", "hat y"), "post"),
    "delta": "delta",
}
LAYER = re.compile(r"\(?(l(?:[-+]1)?|L(?:-[1-3])?)\)?")
OUTPUT = {"output", "out", "L", "输出"}
_COMPONENTS = re.compile(r"[ijkmnpq\d],?[ijkmnpq\d]?")
COMPONENT = {"i": 0, "j": 1, "k": 2, "m": 1, "n": 0, "p": 0, "q": 1}


@dataclass(frozen=True)
class Place:
    """What a name of a layer stands for."""

    role: Role
    layer: int
    components: str = ""


@dataclass(frozen=True)
class Convention:
    """One way to understand the names of a document.

    Attributes:
        delta: what δ_l is the derivative by.
        rows: whether vectors are rows, and weights stand the other way round.
        leads: whether W_l leads into layer l, or out of it.
        activations: whether Z_l is the activation itself, as in Z_l = σ(W_l Z_{l−1} + b_l).
        swapped: whether w_ij leads from i to j.
        loss: which loss y and the output make.
        activation: which activation all layers have.
    """

    delta: Literal["pre", "post"] = "pre"
    rows: bool = False
    leads: Literal["in", "out"] = "in"
    activations: bool = False
    swapped: bool = False
    loss: Literal["half", "sum", "bce"] = "half"
    activation: str = "sigmoid"


@dataclass(frozen=True, eq=False)
class Network:
    """A random network, every value and gradient of it."""

    pre: Mapping[int, Numbers]
    post: Mapping[int, Numbers]
    weight: Mapping[int, Numbers]
    bias: Mapping[int, Numbers]
    target: Numbers
    d_pre: Mapping[int, Numbers]
    d_post: Mapping[int, Numbers]

    def d_weight(self, m: int) -> Numbers:
        """Returns ∂L/∂W_m = δ_m a_{m−1}ᵀ."""
        return np.outer(self.d_pre[m], self.post[m - 1])


@cache
def network(activation: str, loss: str, *, narrow: bool = False) -> Network:
    """Returns a network with its gradients, the same for the same arguments."""
    widths = (*WIDTHS[:LAST], 1) if narrow else WIDTHS
    rng = np.random.default_rng(11)
    f, slope = ELEMENTWISE[activation], SLOPES[activation]
    weight = {m: rng.uniform(-1, 1, (widths[m], widths[m - 1])) for m in range(1, LAST + 1)}
    bias = {m: rng.uniform(-1, 1, widths[m]) for m in range(1, LAST + 1)}
    post, pre = {0: rng.uniform(0.2, 1, widths[0])}, {}
    for m in range(1, LAST + 1):
        pre[m] = weight[m] @ post[m - 1] + bias[m]
        post[m] = f(pre[m])
    target = rng.uniform(0.2, 0.8, widths[LAST])
    out = post[LAST]
    top = (out - target) * (2 if loss == "sum" else 1)
    if loss == "bce":
        top = (out - target) / (out * (1 - out))
    d_post, d_pre = {LAST: top}, {}
    for m in range(LAST, 0, -1):
        d_pre[m] = d_post[m] * slope(pre[m])
        d_post[m - 1] = weight[m].T @ d_pre[m]
    return Network(pre, post, weight, bias, target, d_pre, d_post)


def loss_of(activation: str, weight: Mapping[int, Numbers], bias: Mapping[int, Numbers]) -> float:
    """Returns the half squared error of the random network with other parameters."""
    known = network(activation, "half")
    a = known.post[0]
    for m in range(1, LAST + 1):
        a = ELEMENTWISE[activation](weight[m] @ a + bias[m])
    return float(0.5 * np.sum((a - known.target) ** 2))


# ---------------------------------------------------------------- names


@lru_cache(maxsize=1024)
def place_of(node: Symbol) -> Place | None:
    """Returns what a name stands for, None where it is no name of a layer."""
    role = ROLES.get(node.base)
    if role is None or (node.mark and node.mark != "'"):
        return None
    if node.base == "y" and not (node.sup or node.sub):
        return Place("target", LAST)
    if node.base in {"y", "t"} and node.sub and not node.sup and _COMPONENTS.fullmatch(node.sub):
        return Place("target", LAST, node.sub)
    if node.base == "hat y" and not node.sup:
        return Place("post", LAST, node.sub)
    for layer, rest in ((node.sup, node.sub), (node.sub, node.sup)):
        if layer in OUTPUT and role == "delta":
            return Place(role, LAST, rest) if _is_component(rest) else None
        if match := LAYER.fullmatch(layer):
            number = AT + {"l": 0, "l+1": 1, "l-1": -1}.get(match[1], 0)
            if match[1].startswith("L"):
                number = LAST - int(match[1][2:] or 0)
            return Place(role, number, rest) if _is_component(rest) else None
    return None


def _is_component(text: str) -> bool:
    return not text or bool(_COMPONENTS.fullmatch(text))


def is_layered(node: Node) -> bool:
    """Whether a tree is about a layer l."""
    return any(
        isinstance(n, Symbol) and any(LAYER.fullmatch(part) for part in (n.sub, n.sup))
        for n in walk(node)
    )


@dataclass
class Names:
    """Looks the names of a formula up in a random network, under a convention."""

    convention: Convention
    net: Network
    context: Context | None = None

    def __call__(self, node: Node) -> Quantity | None:
        if isinstance(node, Symbol):
            place = place_of(node)
            return None if place is None else self._component(self._array(place), place)
        if isinstance(node, Derivative) and isinstance(node.wrt, Symbol):
            return self._derivative(node, node.wrt)
        if isinstance(node, Derivative) and isinstance(node.of, Symbol):
            return None
        return None

    def _array(self, place: Place) -> Numbers | None:
        c, net, m = self.convention, self.net, place.layer
        if place.role in {"weight", "bias"} and c.leads == "out":
            m += 1
        if not 0 <= m <= LAST or (m == 0 and place.role != "post" and not c.activations):
            return None
        match place.role:
            case "weight":
                return net.weight[m].T if c.rows else net.weight[m]
            case "bias":
                return net.bias[m]
            case "pre":
                return net.post[m] if c.activations else net.pre[m]
            case "post":
                return net.post[m]
            case "delta":
                return net.d_pre[m] if c.delta == "pre" else net.d_post[m]
            case "target":
                return net.target
        return None

    def _component(self, array: Numbers | None, place: Place) -> Quantity | None:
        if array is None:
            return None
        if not place.components:
            return self._oriented(array)
        at = [self._index(letter) for letter in place.components.replace(",", "")]
        if None in at:
            return None
        if len(at) == 2 and array.ndim == 2:
            plain = array.T if self.convention.rows else array
            i, j = (int(a) for a in at if a is not None)
            i, j = (j, i) if self.convention.swapped else (i, j)
            inside = i < plain.shape[0] and j < plain.shape[1]
            return values.quantity(plain[i, j]) if inside else None
        if len(at) == 1 and array.ndim == 1 and at[0] is not None and at[0] < array.size:
            return values.quantity(array[at[0]])
        return None

    def _index(self, letter: str) -> int | None:
        if self.context is not None and letter in self.context.indices:
            return self.context.indices[letter] - 1
        if letter.isdecimal():
            return int(letter) - 1
        return COMPONENT.get(letter)

    def _oriented(self, array: Numbers) -> Quantity:
        if array.ndim == 1:
            array = array.reshape((1, -1) if self.convention.rows else (-1, 1))
        return values.quantity(array)

    def _derivative(self, node: Derivative, wrt: Symbol) -> Quantity | None:
        of = node.of
        below = place_of(wrt) or (Place("post", LAST) if wrt.key in {"a", "hat y"} else None)
        if below is None or not isinstance(of, Symbol):
            return None
        if of.base in LOSSES and not place_of(of):
            return self._component(self._gradient(below), below)
        above = place_of(of)
        if above is None or above.components or below.components:
            return None
        return self._jacobian(above, below)

    def _gradient(self, place: Place) -> Numbers | None:
        c, net, m = self.convention, self.net, place.layer
        if place.role in {"weight", "bias"} and c.leads == "out":
            m += 1
        if not 1 <= m <= LAST:
            return None
        match place.role:
            case "weight":
                return net.d_weight(m).T if c.rows else net.d_weight(m)
            case "bias":
                return net.d_pre[m]
            case "pre":
                return net.d_post[m] if c.activations else net.d_pre[m]
            case "post":
                return net.d_post[m]
        return None

    def _jacobian(self, above: Place, below: Place) -> Quantity | None:
        """Returns ∂Z_{l+1}/∂Z_l and the like: entries [of, wrt], as mathematics writes them."""
        c, net = self.convention, self.net
        slope = SLOPES[c.activation]
        roles = ["post" if p.role == "pre" and c.activations else p.role for p in (above, below)]
        m = above.layer
        if below.layer == m and roles == ["post", "pre"]:
            return self._oriented(slope(net.pre[m]))
        if below.role not in {"pre", "post"}:
            return None
        if below.layer != m - 1 or not 1 <= below.layer < m <= LAST:
            return None
        jacobian = net.weight[m]
        if roles[1] == "pre":
            jacobian = jacobian * slope(net.pre[m - 1])
        if roles[0] == "post":
            jacobian = slope(net.pre[m])[:, None] * jacobian
        return values.quantity(jacobian) if roles[0] in {"pre", "post"} else None


def value_of(node: Node, names: Names, reading: Reading) -> Quantity:
    """Returns the value of a tree in a random network."""
    context = Context(
        look=names,
        reading=reading,
        activation=lambda name: names.convention.activation if name in _ACTIVATIONS else name,
    )
    names.context = context
    return evaluate(node, context)


_ACTIVATIONS = {"sigma", "f", "g", "phi", "psi", "h", "sigma_l", "f_l", "g_l"}


# ---------------------------------------------------------------- numbered layers


_DIFFERENTIAL = re.compile(r"d[ZzAaWwBb]")


def deepest(chains: Sequence[Chain]) -> int:
    """Returns the number of the output layer where layers are numbered, 0 where they are not."""
    numbered = [
        n
        for chain in chains
        for link in chain.links
        for n in walk(link.node)
        if isinstance(n, Symbol) and n.sup.isdecimal() and _is_of_layer(n)
    ]
    if not any(ROLES.get(n.base) == "weight" for n in numbered):
        return 0  # numbers of samples, as in y^(1)
    found = [int(n.sup) for n in numbered]
    return max(found) if found and 1 < max(found) < LAST else 0


def _is_of_layer(node: Symbol) -> bool:
    return ROLES.get(node.base[1:] if _DIFFERENTIAL.fullmatch(node.base) else node.base) is not None


def spelled(chain: Chain, last: int) -> Chain:
    """Returns a chain with ∂L/∂Z for dZ, layers counted from the last one, and one sample.

    Args:
        chain: a statement.
        last: the number of the output layer; 0 where layers are not numbered.
    """
    parts = [n for link in chain.links for n in walk(link.node) if isinstance(n, Symbol)]
    if last and any(n.key in {"y", "Y"} for n in parts):
        last = max((int(n.sup) for n in parts if n.sup.isdecimal()), default=last)
    links = tuple(replace(link, node=_spelled(link.node, last)) for link in chain.links)
    return replace(chain, links=links)


def _spelled(node: Node, last: int) -> Node:
    match node:
        case Symbol(base=base) if _DIFFERENTIAL.fullmatch(base) and (node.sup or node.sub):
            wrt = _spelled(replace(node, base=base[1:]), last)
            return Derivative(node.span, Symbol(node.span, "L"), wrt)
        case Symbol(base="m", sub="", sup="", mark=""):
            return Number(node.span, "m", 1.0, 0.0, 1)
        case Symbol(base="Y", sub="", sup="", mark=""):
            return replace(node, base="y")
        case Symbol(base="X", sub="", sup="", mark="") if last:
            return replace(node, base="A", sup=f"L-{last}")
        case Symbol(sup=sup) if last and sup.isdecimal() and _is_of_layer(node):
            down = last - int(sup)
            return replace(node, sup=f"L-{down}" if down else "L")
        case BigSum(index="", body=body):
            return _spelled(body, last)  # the sum over the samples, of which there is one
    return rebuilt(node, lambda part: _spelled(part, last))


def renumbered(text: str, last: int) -> str:
    """Returns words with the layers by their numbers again, and dZ for ∂L/∂Z.

    >>> renumbered("W^Lᵀ ∂L/∂Z^L g′(Z^{L-1})", 2)
    'W^2ᵀ dZ^2 g′(Z^1)'
    """
    if not last:
        return text
    text = re.sub(r"\^(?:L|\{L-(\d)\})", lambda m: f"^{last - int(m[1] or 0)}", text)
    return re.sub(r"∂L/∂([ZzAaWwBb]\^)", r"d\1", text)
