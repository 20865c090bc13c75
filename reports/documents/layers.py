"""Formulas for "layer l", checked on random networks whose widths all differ.

What Z_l, A_l, W_l and δ_l are, which way round W_l stands and from which layer it leads: documents
differ in all of it. Every way that the document's own forward formulas allow is tried; a formula is
right if it holds in one of them, and wrong if it holds in none.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

import gradcheck
from reports.documents.claims import Claim
from reports.documents.layer_networks import (
    LAYER,
    OUTPUT,
    ROLES,
    Convention,
    Names,
    Place,
    deepest,
    is_layered,
    loss_of,
    network,
    place_of,
    renumbered,
    spelled,
    value_of,
)
from reports.documents.layer_repair import repaired
from reports.documents.notation import LOSSES
from reports.documents.places import quoted
from reports.documents.readings import BENIGN, LOOSE
from reports.documents.source import Source
from reports.documents.tree import (
    Call,
    Chain,
    Condition,
    Derivative,
    Link,
    Node,
    Symbol,
    Times,
    walk,
    without_places,
)
from reports.documents.values import NotEvaluable, Numbers, ShapeClash, Undefined, flat
from reports.documents.verdicts import factor_between
from reports.documents.writing import shown, written


@dataclass(frozen=True)
class Conventions:
    """The conventions that a document's own formulas allow.

    Attributes:
        allowed: they; all there are where it has no forward formula.
        forward: whether it has one.
        output_delta: whether δ of the output is defined as ∂L/∂ŷ.
        bias_delta: whether δ is the gradient by a bias.
        last: the number of the output layer; 0 where layers are not numbered.
        plain: the letters that also stand without a layer, as h for the hidden values.
    """

    allowed: tuple[Convention, ...]
    forward: bool = False
    output_delta: bool = False
    bias_delta: bool = False
    last: int = 0
    plain: frozenset[str] = frozenset()


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
    last = deepest(chains)
    chains = [spelled(chain, last) for chain in chains]
    forward = [c for c in chains if _is_forward(c)]
    deltas = [c for c in chains if _defines_delta(c)]
    allowed = every
    for chain in (*forward, *deltas):
        kept = tuple(c for c in allowed if _holds(chain, chain.links[1], c))
        allowed = kept or allowed
    output = any(_defines_output_delta(c) for c in chains)
    bias = any(_is_bias_rule(c) for c in chains)
    subjects = (c.links[0].node for c in chains if len(c.links) > 1)
    plain = frozenset(
        n.base for n in subjects if isinstance(n, Symbol) and n.base == "h" and not (n.sub or n.sup)
    )
    return Conventions(allowed, bool(forward), output, bias, last, plain)


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
        and (node.sub in OUTPUT or node.sup in OUTPUT)
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


def layer_claims(chain: Chain, allowed: Conventions, source: Source) -> Iterator[Claim]:
    """Yields the verdict on a rule for layer l."""
    if len(chain.links) < 2:
        return
    written_so, chain = chain, spelled(chain, allowed.last)
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
    if any(_is_beyond(n, allowed) for link in chain.links for n in walk(link.node)):
        return
    for link in chain.links[1:]:
        if not any(isinstance(n, Symbol) and place_of(n) is not None for n in walk(link.node)):
            continue
        results = {c: _held(chain, link, c) for c in allowed.allowed}
        known = {c: held for c, held in results.items() if held is not None}
        if not known:
            return
        right = [c for c, held in known.items() if held]
        if not right and allowed.last and _holds_loosely(chain, link, tuple(known)):
            return
        if not right and (_is_of_output(chain) or (chain != written_so and not allowed.forward)):
            return
        if right:
            yield _row(chain, link, source, "ok", explanation=_said(right[0]))
        else:
            yield _wrong(chain, link, tuple(known), source, allowed.last)


_SLOPES = frozenset(("sigma", "f", "g", "phi", "h", "sigmoid", "tanh", "theta", "S"))


def _is_beyond(node: Node, allowed: Conventions) -> bool:
    """Whether a part of a rule is of no network here: the mask of a rectifier, or a plain h."""
    match node:
        case Condition():
            return True
        case Call(name=name):
            return name not in _SLOPES
        case Symbol(base=base):
            return base in allowed.plain or (place_of(node) is None and base in _MASKS)
    return False


_MASKS = frozenset(("ones", "I", "H", "m", "M", "D", "mask", "h"))


def _holds_loosely(chain: Chain, link: Link, conventions: tuple[Convention, ...]) -> bool:
    """Whether a rule of a network with numbered layers holds if it has one output.

    Such a network is often a small example whose vectors are multiplied as they come.
    """
    for convention in conventions:
        net = network(convention.activation, convention.loss, narrow=True)
        names = Names(convention, net)
        try:
            want = value_of(chain.links[0].node, names, BENIGN[0])
        except (NotEvaluable, ShapeClash, Undefined):
            continue
        for reading in (*BENIGN, LOOSE):
            try:
                got = value_of(link.node, names, reading)
            except (NotEvaluable, ShapeClash, Undefined):
                continue
            if got.value.size == want.value.size and np.allclose(flat(want), flat(got), rtol=1e-8):
                return True
    return False


def _is_of_output(chain: Chain) -> bool:
    """Whether a rule for layer l speaks of the target: l is then the last layer, or any sample."""
    parts = [n for link in chain.links for n in walk(link.node) if isinstance(n, Symbol)]
    targets = [p for n in parts if (p := place_of(n)) is not None and p.role == "target"]
    named_last = any(LAYER.fullmatch(n.sup or n.sub) and "L" in n.sup + n.sub for n in parts)
    return bool(targets) and not named_last


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
    names = Names(convention, network(convention.activation, convention.loss))
    try:
        want = value_of(left, names, BENIGN[0])
    except (NotEvaluable, ShapeClash, Undefined):
        return None
    known = False
    for reading in BENIGN:
        if reading.broadcast:
            continue
        try:
            got = value_of(right, names, reading)
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
    return f"it holds on a random network whose layers differ in width, with δ = {by}"


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


def _wrong(
    chain: Chain,
    link: Link,
    conventions: tuple[Convention, ...],
    source: Source,
    last: int,
) -> Claim:
    places = (without_places(chain.links[0].node), without_places(link.node))
    right, words = repaired(*places, conventions)
    parts = [words, _why(chain, link, conventions[0])]
    parts.append("it holds on no random network")
    return _row(
        chain,
        link,
        source,
        "derivative",
        right=renumbered(right, last),
        explanation=renumbered("; ".join(filter(None, parts)), last),
    )


def _why(chain: Chain, link: Link, convention: Convention) -> str:
    """Returns what is wrong with a rule: its shapes, or the factor that `gradcheck` confirms."""
    names = Names(convention, network(convention.activation, "half"))
    try:
        claimed = value_of(link.node, names, BENIGN[0])
    except ShapeClash:
        return "the shapes of its factors do not conform"
    except (NotEvaluable, Undefined):
        return ""
    node = chain.links[0].node
    if not isinstance(node, Derivative) or not isinstance(node.wrt, Symbol):
        return ""
    true = names(node)
    place = place_of(node.wrt)
    if true is None or place is None or place.components or place.role not in {"weight", "bias"}:
        return ""
    if claimed.shape != true.shape:
        return f"it does not have the shape of {shown(node.wrt)}"
    factor = factor_between(claimed, true)
    confirmed = factor and _is_confirmed(claimed.value, place, convention)
    return f"it is {factor} times the gradient" if confirmed else ""


def _is_confirmed(claimed: Numbers, place: Place, convention: Convention) -> bool:
    """Whether `gradcheck` fails a claim as the gradient of the random network's loss."""
    net = network(convention.activation, "half")
    m = place.layer + (convention.leads == "out")
    if place.role == "weight":
        claimed = claimed.T if convention.rows else claimed
        point = net.weight[m]
    else:
        claimed, point = claimed.reshape(-1), net.bias[m]

    def function(p: Numbers) -> float:
        weight, bias = dict(net.weight), dict(net.bias)
        (weight if place.role == "weight" else bias)[m] = p
        return loss_of(convention.activation, weight, bias)

    verdict = gradcheck.check(function, {"p": point}, vjp=lambda y, p: {"p": y * claimed}, seed=0)
    return verdict.status == "fail"


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
