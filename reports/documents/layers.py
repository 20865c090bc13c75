"""Formulas for "layer l", checked on random networks whose widths all differ.

What Z_l, A_l, W_l and δ_l are, which way round W_l stands and from which layer it leads: documents
differ in all of it. Every way that the document's own forward formulas allow is tried; a formula is
right if it holds in one of them, and wrong if it holds in none.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from itertools import product
from typing import Literal

import numpy as np

import gradcheck
from reports.documents import values
from reports.documents.arithmetic import quoted
from reports.documents.claims import Claim
from reports.documents.environment import Environment
from reports.documents.evaluate import Context, NotEvaluable, evaluate
from reports.documents.notation import LOSSES
from reports.documents.readings import BENIGN, ELEMENTWISE, SLOPES, Reading
from reports.documents.source import Source
from reports.documents.tree import (
    Call,
    Chain,
    Derivative,
    Link,
    Node,
    Symbol,
    Times,
    Transposed,
    replaced,
    walk,
    without_places,
)
from reports.documents.values import Numbers, Quantity, ShapeClash, Undefined
from reports.documents.writing import shown, written

WIDTHS = (2, 3, 4, 5, 3)
LAST = 4
AT = 2
"""The layer that "l" stands for; the output layer "L" is another one."""

MOST_CHANGES = 600

Role = Literal["weight", "bias", "pre", "post", "delta", "target", "loss"]

ROLES: Mapping[str, Role] = {
    **dict.fromkeys(("W", "w", "theta", "Theta"), "weight"),
    **dict.fromkeys(("b", "B"), "bias"),
    **dict.fromkeys(("Z", "z", "net", "u", "s"), "pre"),
    **dict.fromkeys(("A", "a", "h", "H", "o", "y", "x", "out", "hat y"), "post"),
    "delta": "delta",
}
_LAYER = re.compile(r"\(?(l(?:[-+]1)?|L(?:-1)?)\)?")
_OUTPUT = {"output", "out", "L", "输出"}
_COMPONENTS = re.compile(r"[ijkmnpq],?[ijkmnpq]?")
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
def network(activation: str, loss: str) -> Network:
    """Returns a network with its gradients, the same for the same arguments."""
    rng = np.random.default_rng(11)
    f, slope = ELEMENTWISE[activation], SLOPES[activation]
    weight = {m: rng.uniform(-1, 1, (WIDTHS[m], WIDTHS[m - 1])) for m in range(1, LAST + 1)}
    bias = {m: rng.uniform(-1, 1, WIDTHS[m]) for m in range(1, LAST + 1)}
    post, pre = {0: rng.uniform(0.2, 1, WIDTHS[0])}, {}
    for m in range(1, LAST + 1):
        pre[m] = weight[m] @ post[m - 1] + bias[m]
        post[m] = f(pre[m])
    target = rng.uniform(0.2, 0.8, WIDTHS[LAST])
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
        if layer in _OUTPUT and role == "delta":
            return Place(role, LAST, rest) if _is_component(rest) else None
        if match := _LAYER.fullmatch(layer):
            number = AT + {"l": 0, "l+1": 1, "l-1": -1}.get(match[1], 0)
            number = {"L": LAST, "L-1": LAST - 1}.get(match[1], number)
            return Place(role, number, rest) if _is_component(rest) else None
    return None


def _is_component(text: str) -> bool:
    return not text or bool(_COMPONENTS.fullmatch(text))


def is_layered(node: Node) -> bool:
    """Whether a tree is about a layer l."""
    return any(
        isinstance(n, Symbol) and any(_LAYER.fullmatch(part) for part in (n.sub, n.sup))
        for n in walk(node)
    )


@dataclass
class _Names:
    """Looks the names of a formula up in a random network, under a convention."""

    convention: Convention
    net: Network
    context: Context | None = None
    unknown: list[str] = field(default_factory=list)

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


def _value(node: Node, names: _Names, reading: Reading) -> Quantity:
    context = Context(
        look=names,
        reading=reading,
        activation=lambda name: names.convention.activation if name in _ACTIVATIONS else name,
    )
    names.context = context
    return evaluate(node, context)


_ACTIVATIONS = {"sigma", "f", "g", "phi", "psi", "h", "sigma_l", "f_l", "g_l"}


# ---------------------------------------------------------------- conventions of a document


@dataclass(frozen=True)
class Conventions:
    """The conventions that a document's own formulas allow.

    Attributes:
        allowed: they; all there are where it has no forward formula.
        forward: whether it has one.
        is_delta_at_output: whether δ of the output is defined as ∂L/∂ŷ.
    """

    allowed: tuple[Convention, ...]
    forward: bool = False
    output_delta: bool = False
    bias_delta: bool = False


def smooth(named: Sequence[str]) -> tuple[str, ...]:
    """Returns the activations to try; no ReLU, whose slope may be taken twice unnoticed."""
    return tuple(name for name in ("sigmoid", "tanh") if name == "sigmoid" or name in named)


def conventions(chains: Sequence[Chain], activations: Sequence[str]) -> Conventions:
    """Returns the conventions under which all forward formulas and definitions of δ hold."""
    every = tuple(
        Convention(*choice, activation)
        for activation in activations
        for choice in product(
            ("pre", "post"),
            (False, True),
            ("in", "out"),
            (False, True),
            (False, True),
            ("half", "sum", "bce") if activation == "sigmoid" else ("half", "sum"),
        )
    )
    forward = [c for c in chains if _is_forward(c)]
    deltas = [c for c in chains if _defines_delta(c)]
    allowed = every
    for chain in (*forward, *deltas):
        kept = tuple(c for c in allowed if _holds(chain, chain.links[1], c))
        allowed = kept or allowed
    output = any(_defines_output_delta(c) for c in chains)
    bias = any(_is_bias_rule(c) for c in chains)
    return Conventions(allowed, bool(forward), output, bias)


def _is_forward(chain: Chain) -> bool:
    if len(chain.links) < 2:
        return False
    node = chain.links[0].node
    if not isinstance(node, Symbol) or not is_layered(node):
        return False
    place = place_of(node)
    if place is None or place.role not in {"pre", "post"}:
        return False
    return any(
        isinstance(n, Symbol) and (p := place_of(n)) is not None and p.role == "weight"
        for n in walk(chain.links[1].node)
    )


def _defines_delta(chain: Chain) -> bool:
    if len(chain.links) < 2 or not isinstance(chain.links[1].node, Derivative):
        return False
    node, right = chain.links[0].node, chain.links[1].node
    return (
        isinstance(node, Symbol)
        and node.base == "delta"
        and is_layered(node)
        and isinstance(right.wrt, Symbol)
        and place_of(right.wrt) is not None
    )


def _defines_output_delta(chain: Chain) -> bool:
    if len(chain.links) < 2:
        return False
    node, right = chain.links[0].node, chain.links[1].node
    return (
        isinstance(node, Symbol)
        and node.base == "delta"
        and (node.sub in _OUTPUT or node.sup in _OUTPUT)
        and isinstance(right, Derivative)
        and isinstance(right.wrt, Symbol)
        and right.wrt.base == "hat y"
    )


def _is_bias_rule(chain: Chain) -> bool:
    if len(chain.links) < 2:
        return False
    node, right = chain.links[0].node, chain.links[1].node
    return (
        isinstance(node, Derivative)
        and isinstance(node.wrt, Symbol)
        and node.wrt.base == "b"
        and isinstance(right, Symbol)
        and right.base == "delta"
    )


# ---------------------------------------------------------------- claims


def layer_claims(
    chain: Chain, allowed: Conventions, environment: Environment, source: Source
) -> Iterator[Claim]:
    """Yields the verdict on a rule for layer l."""
    if len(chain.links) < 2:
        return
    if _defines_output_delta(chain):
        if (
            len(chain.links) == 2
            and allowed.output_delta
            and allowed.bias_delta
            and allowed.forward
        ):
            yield _lacks_slope(chain, source)
        return
    layered = any(is_layered(link.node) for link in chain.links)
    if not layered or not _is_rule(chain) or _defines_delta(chain):
        return
    if any(_runs_on(link.node) for link in chain.links[1:]):
        return
    for link in chain.links[1:]:
        if not any(isinstance(n, Symbol) and place_of(n) is not None for n in walk(link.node)):
            continue
        results = {c: _held(chain, link, c) for c in allowed.allowed}
        known = {c: held for c, held in results.items() if held is not None}
        if not known:
            return
        right = [c for c, held in known.items() if held]
        if right:
            yield _row(chain, link, source, "ok", explanation=_said(right[0]))
        else:
            yield _wrong(chain, link, tuple(known), source)


def _runs_on(node: Node) -> bool:
    """Whether another gradient stands within a product: two rules in one line, not set apart."""
    return isinstance(node, Times) and any(
        isinstance(n, Derivative)
        and isinstance(n.of, Symbol)
        and n.of.base in LOSSES
        and isinstance(n.wrt, Symbol)
        and ROLES.get(n.wrt.base) in {"weight", "bias"}
        for n in walk(node)
    )


def _is_rule(chain: Chain) -> bool:
    """Whether a chain states a derivative by a parameter of layer l, or δ of a layer."""
    node = chain.links[0].node
    if isinstance(node, Derivative):
        loss = isinstance(node.of, Symbol) and node.of.base in LOSSES
        place = place_of(node.wrt) if isinstance(node.wrt, Symbol) else None
        return loss and place is not None and place.role in {"weight", "bias", "pre", "post"}
    if not isinstance(node, Symbol) or node.base != "delta":
        return False
    return "l" in (node.sub + node.sup).lower() and place_of(node) is not None


def _held(chain: Chain, link: Link, convention: Convention) -> bool | None:
    """Returns whether a side equals the first one; None where a name in them is not known."""
    return _equal(chain.links[0].node, link.node, convention)


def _holds(chain: Chain, link: Link, convention: Convention) -> bool:
    return bool(_equal(chain.links[0].node, link.node, convention))


def _equal(left: Node, right: Node, convention: Convention) -> bool | None:
    names = _Names(convention, network(convention.activation, convention.loss))
    try:
        want = _value(left, names, BENIGN[0])
    except (NotEvaluable, ShapeClash, Undefined):
        return None
    known = False
    for reading in BENIGN:
        if reading.broadcast:
            continue
        try:
            got = _value(right, names, reading)
        except ShapeClash:
            known = True
            continue
        except (NotEvaluable, Undefined):
            return None
        known = True
        if want.shape == got.shape and np.allclose(want.value, got.value, rtol=1e-8, atol=1e-12):
            return True
    return False if known else None


def _said(convention: Convention) -> str:
    by = {"pre": "∂L/∂z", "post": "∂L/∂a"}[convention.delta]
    return f"holds on a random network of widths {'-'.join(map(str, WIDTHS))} with δ = {by}"


def _row(
    chain: Chain, link: Link, source: Source, verdict: str, right: str = "", explanation: str = ""
) -> Claim:
    return Claim(
        place=source.place(chain.links[0].span[0]),
        formula=quoted(source, chain),
        verdict=verdict,  # type: ignore[arg-type]
        kind="derivative",
        stated=" ".join(link.text.split()),
        right=right,
        explanation=explanation,
    )


def _lacks_slope(chain: Chain, source: Source) -> Claim:
    return _row(
        chain,
        chain.links[1],
        source,
        "derivative",
        right="∂L/∂ŷ ⊙ σ′(z) at the output",
        explanation=(
            "δ of the output is defined as ∂L/∂ŷ and used as ∂L/∂b, which needs ∂L/∂z: the factor "
            "σ′(z) is missing"
        ),
    )


def _wrong(chain: Chain, link: Link, conventions: tuple[Convention, ...], source: Source) -> Claim:
    places = (without_places(chain.links[0].node), without_places(link.node))
    right, words = _repaired(*places, conventions)
    parts = [words] if words else []
    parts.append(_shapes(link, conventions[0]) or _confirmed(chain, link, conventions[0]))
    parts.append(f"it holds on no random network of widths {'-'.join(map(str, WIDTHS))}")
    return _row(
        chain, link, source, "derivative", right=right, explanation="; ".join(filter(None, parts))
    )


def _shapes(link: Link, convention: Convention) -> str:
    names = _Names(convention, network(convention.activation, convention.loss))
    try:
        _value(link.node, names, BENIGN[0])
    except ShapeClash as clash:
        return str(clash)
    except (NotEvaluable, Undefined):
        return ""
    return ""


def _confirmed(chain: Chain, link: Link, convention: Convention) -> str:
    """Returns what `gradcheck` says of the claim as a gradient of the random network's loss."""
    node = chain.links[0].node
    if not isinstance(node, Derivative) or not isinstance(node.wrt, Symbol):
        return ""
    place = place_of(node.wrt)
    if place is None or place.components or place.role not in {"weight", "bias"}:
        return ""
    net = network(convention.activation, "half")
    m = place.layer + (convention.leads == "out")
    try:
        claimed = _value(link.node, _Names(convention, net), BENIGN[0]).value
    except (NotEvaluable, ShapeClash, Undefined):
        return ""
    if place.role == "weight":
        claimed = claimed.T if convention.rows else claimed
        point, shape = net.weight[m], net.weight[m].shape
    else:
        claimed, point, shape = claimed.reshape(-1), net.bias[m], net.bias[m].shape
    if claimed.shape != shape:
        return f"{values.size(shape)} is right, {values.size(claimed.shape)} comes out"

    def function(p: Numbers) -> float:
        weight, bias = dict(net.weight), dict(net.bias)
        (weight if place.role == "weight" else bias)[m] = p
        return loss_of(convention.activation, weight, bias)

    verdict = gradcheck.check(function, {"p": point}, vjp=lambda y, p: {"p": y * claimed}, seed=0)
    return verdict.findings[0].message if verdict.status == "fail" else ""


# ---------------------------------------------------------------- repair


@lru_cache(maxsize=64)
def _repaired(left: Node, right: Node, conventions: tuple[Convention, ...]) -> tuple[str, str]:
    """Returns the smallest change that makes a rule right, and its words; columns come first."""
    entries = _component_wise(left)
    for rows in (False, True):
        same = [c for c in conventions if c.rows == rows]
        distinct = dict.fromkeys(c if entries else replace(c, swapped=False) for c in same)
        for words, tree in _changes(right):
            if without_places(tree) != left and any(
                _strictly(left, tree, convention) for convention in distinct
            ):
                return written(tree), f"{words} (vectors as rows)" if rows else words
    return "", ""


def _component_wise(node: Node) -> bool:
    """Whether a rule is about single entries."""
    return any(
        isinstance(n, Symbol) and (p := place_of(n)) is not None and bool(p.components)
        for n in walk(node)
    )


def _strictly(left: Node, right: Node, convention: Convention) -> bool:
    names = _Names(convention, network(convention.activation, convention.loss))
    try:
        want, got = _value(left, names, BENIGN[0]), _value(right, names, BENIGN[0])
    except (NotEvaluable, ShapeClash, Undefined):
        return False
    return want.shape == got.shape and bool(np.allclose(want.value, got.value, rtol=1e-8))


def _changes(node: Node) -> Iterator[tuple[str, Node]]:
    """Yields formulas with one change, then with two and three, none of them twice."""
    seen = {written(node)}
    level = [("", node)]
    for _ in range(3):
        following = []
        for words, tree in level:
            for more, other in _single(tree):
                text = written(other)
                if text in seen or len(seen) > MOST_CHANGES:
                    continue
                seen.add(text)
                following.append((f"{words}, {more}" if words else more, other))
                yield following[-1]
        level = following


def _single(node: Node) -> Iterator[tuple[str, Node]]:
    yield from _shifted(node)
    for part in walk(node):
        if isinstance(part, Times):
            swapped = replace(part, left=part.right, right=part.left)
            yield "the factors are swapped", replaced(node, part, swapped)
            for side, other in (("left", part.right), ("right", part.left)):
                kept = written(getattr(part, side))
                yield f"{kept} is too many", replaced(node, part, other)
            for side in ("left", "right"):
                inner = getattr(part, side)
                turned = replace(part, **{side: Transposed(inner.span, inner)})
                yield f"the transpose of {written(inner)} is missing", replaced(node, part, turned)
            if part.kind != "hadamard":
                yield (
                    "the product is meant entry by entry",
                    replaced(node, part, replace(part, kind="hadamard")),
                )
    for name in _deltas(node):
        place = place_of(name)
        if place is not None:
            pre = Symbol(name.span, "z", name.sub, name.sup)
            slope = Call(name.span, "sigma", (pre,), 1)
            factor = Times(name.span, name, slope, "hadamard")
            yield f"σ′ of {shown(pre)} is missing", replaced(node, name, factor)


def _deltas(node: Node) -> Iterator[Symbol]:
    return (n for n in walk(node) if isinstance(n, Symbol) and n.base == "delta")


def _shifted(node: Node) -> Iterator[tuple[str, Node]]:
    for name in [n for n in walk(node) if isinstance(n, Symbol) and place_of(n) is not None]:
        for attribute in ("sub", "sup"):
            layer = getattr(name, attribute)
            if layer in {"l", "l+1", "l-1"}:
                for other in ("l", "l+1", "l-1"):
                    if other != layer:
                        moved = replace(name, **{attribute: other})
                        words = f"{shown(name)} must be {shown(moved)}"
                        yield words, replaced(node, name, moved)


# ---------------------------------------------------------------- definitions and prose


_INPUT = r"[^，,。.;；\n]{0,24}?(输入|净输入|加权和|input|pre-activation|weighted sum)"


def definition_clash(chain: Chain, source: Source) -> Iterator[Claim]:
    """Yields a finding where Z = σ(…) is said, in the text beside it, to be an input."""
    if len(chain.links) < 2 or not isinstance(chain.links[0].node, Symbol):
        return
    right = chain.links[1].node
    name = chain.links[0]
    if (
        not isinstance(right, Call)
        or right.prime
        or len(right.arguments) != 1
        or not _is_forward(chain)
    ):
        return
    after = source.text[chain.span[1] : chain.span[1] + 400].split("\n#")[0]
    pattern = re.escape(name.text.strip()) + r"\s*\$" + _INPUT
    match = re.search(pattern, after)
    if match:
        line = source.place(chain.span[1] + match.start()).line
        yield Claim(
            place=source.place(name.span[0]),
            formula=quoted(source, chain),
            verdict="definition",
            kind="definition",
            stated=" ".join(name.text.split()),
            right=f"{written(name.node)} = {written(right.arguments[0])}, then the activation",
            explanation=(
                f"{written(name.node)} is defined as the activation and called an input in line "
                f"{line}"
            ),
        )
