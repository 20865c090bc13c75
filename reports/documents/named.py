"""What a document says that a named function is: tanh x = 2σ(2x) − 1, the sigmoid 1/(1 + e⁻ᶻ)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from reports.documents import values
from reports.documents.claims import Claim
from reports.documents.environment import Environment, key_of
from reports.documents.evaluate import evaluate
from reports.documents.links import side
from reports.documents.places import quoted
from reports.documents.readings import ELEMENTWISE, LETTERS_OF_FUNCTIONS
from reports.documents.source import Source
from reports.documents.tree import Call, Chain, Link, Node, Symbol, literal, walk
from reports.documents.values import NotEvaluable, Numbers, Quantity, ShapeClash, Undefined

AT = (-2.3, -0.7, -0.1, 0.2, 0.4, 1.3, 3.1)
AT_ABOVE = (0.2, 0.4, 0.7, 1.3, 1.9, 2.3, 3.1)
"""Values for functions of positive numbers."""

TOLERANCE = 1e-9

_SIGMOID = re.compile(r"(?i)\b(?:sigmoid|logistic)\b|S ?(?:型|形)")
_OTHER = re.compile(
    r"(?i)tanh|relu|hard|approx|derivative|bipolar|scaled|shifted|symmetric|slope|general"
    r"|导数|近似|双曲|硬|缩放"
)
"""What else σ may be in a sentence that names the sigmoid."""


def named_claims(
    chain: Chain, environment: Environment, source: Source, said: str
) -> Iterator[Claim]:
    """Yields the verdict on a formula for a function that has a name of its own.

    σ is held to be the sigmoid only where the words just before it call it so.

    Args:
        chain: the statement.
        environment: what the document has said before it.
        source: where it stands.
        said: the words just before it.
    """
    call = chain.links[0].node if len(chain.links) > 1 else None
    if not isinstance(call, Call) or call.prime or len(call.arguments) != 1:
        return
    argument, name = call.arguments[0], _name(call, said)
    if name is None or not isinstance(argument, Symbol) or argument.sub:
        return
    for link in chain.links[1:]:
        if side(link) != "symbolic" or literal(link.node) or link.relation != "=":
            continue
        used = {n.key for n in walk(link.node) if isinstance(n, Symbol)} - {"e"}
        if used != {argument.key} or call.name in _called(link.node):
            continue
        plain = replace(environment, functions={}, activations=("sigmoid",))
        own = _along((replace(call, name=name), link.node), argument.key, plain)
        if own is None:
            continue
        agrees = np.allclose(*own, rtol=TOLERANCE, atol=TOLERANCE)
        yield _claim(chain, link, source, name, agrees=agrees)


def _name(call: Call, said: str) -> str | None:
    if call.name == "sigma":
        sentence = re.split(r"[.。;；!?！？]\s|\n\s*\n", said[-120:])[-1]
        return "sigmoid" if _SIGMOID.search(sentence) and not _OTHER.search(sentence) else None
    return call.name if call.name in ELEMENTWISE.keys() - LETTERS_OF_FUNCTIONS else None


def _called(node: Node) -> set[str]:
    return {n.name for n in walk(node) if isinstance(n, Call)}


def _along(nodes: Sequence[Node], key: str, environment: Environment) -> Numbers | None:
    """Returns formulas of one name at values of it where all exist; None: at no values they do."""

    def at(node: Node, x: float) -> float:
        held = values.quantity(x)

        def look(name: Node) -> Quantity | None:
            return held if key_of(name) == key else None

        context = environment.context(more=look)
        context.bar = lambda number: 0.0
        return float(evaluate(node, context).value)

    for points in (AT, AT_ABOVE):
        try:
            return np.array([[at(node, x) for x in points] for node in nodes])
        except (NotEvaluable, ShapeClash, Undefined):
            continue
    return None


def _claim(chain: Chain, link: Link, source: Source, name: str, *, agrees: bool) -> Claim:
    words = f"it agrees with {name} at several values"
    return Claim(
        place=source.place(link.span[0]),
        formula=quoted(source, chain),
        verdict="ok" if agrees else "wrong",
        kind="identity",
        stated=" ".join(link.text.split()),
        explanation=words if agrees else f"it is not {name}: the two differ at several values",
    )
