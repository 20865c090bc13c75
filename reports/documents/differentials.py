r"""Gradients with names of their own: dX or δx for ∂L/∂X, where a document says so."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from reports.documents.notation import LOSSES
from reports.documents.tree import Chain, Derivative, Divide, Node, Number, Symbol, rebuilt, walk

_NAME = r"\\?[A-Za-z]+"
_LETTER = rf"(?:{_NAME}|\\math(?:bf|rm)\{{\w\}})"
_HEAD = rf"(?P<prefix>\\delta|\\Delta|d)\s*(?P<of>{_LETTER})(?:[_^]\{{?[\w,+-]+\}}?)*"
_SLOPE = (
    rf"(?:\\[dt]?frac\s*\{{\s*)?\\partial\s*(?:\\mathcal\s*)?\{{?(?P<loss>{_NAME})\}}?"
    rf"(?:_\{{?\w+\}}?)?\s*\}}?\s*/?\s*\{{?\s*\\partial\s*(?P<by>{_LETTER})(?![A-Za-z])"
)
_WORDS = (
    r"for|stands? for|denotes?|means?|is short for|to denote|as shorthand for"
    r"|表示|代表|记作|记|即|是|为|:=?|=|："
)
_SIGN = r":?=|\\equiv|\\triangleq|\\coloneqq"
_SAID = re.compile(rf"{_HEAD}\s*(?:{_SIGN}|\$\s*(?:{_WORDS})\s*(?:the gradient\s*)?\$)\s*{_SLOPE}")


def declared(text: str) -> Mapping[str, str]:
    r"""Returns which of d and δ make a gradient of a name, and of which loss.

    >>> declared(r"write $dX$ for $\partial L/\partial X$"), declared(r"let $dX = 3$")
    ({'d': 'L'}, {})
    """
    found: dict[str, set[str]] = {}
    for match in _SAID.finditer(text):
        loss = match["loss"].lstrip("\\")
        if match["of"] == match["by"] and loss in LOSSES:
            found.setdefault(match["prefix"].lstrip("\\"), set()).add(loss)
    return {prefix: losses.pop() for prefix, losses in found.items() if len(losses) == 1}


def with_differentials(chains: Sequence[Chain], text: str) -> list[Chain]:
    """Returns the chains of a document with ∂L/∂X for dX, where it says that this is meant.

    Where one of these is an average, 1/m dZ Xᵀ, they are gradients of different losses.
    """
    losses = declared(text)
    own = [c for c in chains if losses and _names_one(c, losses)]
    if not own or any(map(_averages, own)):
        return [*chains]
    return [
        replace(c, links=tuple(replace(k, node=_spelled(k.node, losses)) for k in c.links))
        for c in chains
    ]


def _names_one(chain: Chain, losses: Mapping[str, str]) -> bool:
    return bool(chain.links) and _split(chain.links[0].node, losses) is not None


def _averages(chain: Chain) -> bool:
    return any(
        isinstance(n, Divide) and isinstance(n.left, Number)
        and isinstance(n.right, Symbol) and n.right.base in {"m", "n", "N", "M", "B"}
        for link in chain.links for n in walk(link.node)
    )  # fmt: skip


def _split(node: Node, losses: Mapping[str, str]) -> tuple[str, str] | None:
    """Returns the loss and the name of a gradient with a name of its own."""
    if not isinstance(node, Symbol) or node.mark:
        return None
    for prefix, loss in losses.items():
        begin = prefix if prefix == "d" else f"{prefix} "
        name = node.base.removeprefix(begin)
        if node.base.startswith(begin) and name and (prefix != "d" or len(name) == 1):
            return loss, name
    return None


def _spelled(node: Node, losses: Mapping[str, str]) -> Node:
    found = _split(node, losses)
    if found is None or not isinstance(node, Symbol):
        return rebuilt(node, lambda part: _spelled(part, losses))
    loss, name = found
    return Derivative(node.span, Symbol(node.span, loss), replace(node, base=name))
