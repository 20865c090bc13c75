"""Updates that write the gradient out: w ← w − η (wx − y) x, held against the loss of the document.

The step, divided by the rate, is the derivative of the loss. One that is no multiple of it may
belong to another loss: it is then not checked.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from reports.documents.calculus import substituted
from reports.documents.claims import Claim
from reports.documents.derivatives import derivative_claims
from reports.documents.environment import Environment
from reports.documents.links import is_update, side
from reports.documents.places import quoted
from reports.documents.source import Source
from reports.documents.tree import Chain, Derivative, Link, Node, Number, Sum, Symbol, Times, names
from reports.documents.update_rules import SETTINGS
from reports.documents.writing import shown

_ASCENT = re.compile(r"(?i)ascent|maximi[sz]|climb|reward|上升|最大化|极大")
_UP = re.compile(r"it is -1 times")


def descent_claims(
    chain: Chain, environment: Environment, source: Source, said: str
) -> Iterator[Claim]:
    """Yields the verdict on a step in which the gradient is written out.

    Args:
        chain: the statement.
        environment: what the document has said before it.
        source: where it stands.
        said: the words just before it.
    """
    yield from _upward(chain, source)
    step = _slope(chain)
    if step is None:
        return
    target, slope = step
    stated = Chain((Link(target, "=", ""), Link(slope, "=", chain.links[1].text)), whole=chain.span)
    for claim in derivative_claims(stated, environment, source, said):
        if claim.verdict == "ok":
            yield replace(claim, kind="update", explanation="it goes down the gradient")
        elif claim.flagged and _UP.search(claim.explanation) and not _ASCENT.search(source.text):
            words = f"the step goes up the gradient by {shown(target.wrt)}"
            yield replace(claim, kind="update", right="", correction=None, explanation=words)
        elif claim.flagged:
            words = f"it is no step along the derivative by {shown(target.wrt)} of a loss above"
            yield replace(claim, kind="update", verdict="not checked", explanation=words)


_DESCENT = re.compile(r"(?i)gradient descent|\bsgd\b|steepest descent|梯度下降|最速下降")


def _upward(chain: Chain, source: Source) -> Iterator[Claim]:
    """Yields the verdict on w ← w + η ∇L in a text on gradient descent."""
    if len(chain.links) != 2 or not _DESCENT.search(source.text) or _ASCENT.search(source.text):
        return
    name, new = chain.links[0].node, chain.links[1].node
    match name, new:
        case Symbol(base=base), Sum(
            left=Symbol(base=other),
            right=Times(left=Symbol() as rate, right=Derivative(of=Symbol() as loss)),
            sign=1,
        ) if base == other and rate.base in SETTINGS and loss.base in _LOSSES:
            yield Claim(
                place=source.place(new.span[0]),
                formula=quoted(source, chain),
                verdict="definition",
                kind="update",
                stated=" ".join(chain.links[1].text.split()),
                explanation="the step goes up the gradient: the text speaks of descent",
            )


_LOSSES = frozenset(("L", "E", "loss", "cost", "C", "f"))


def writes_gradient_out(chain: Chain) -> bool:
    """Whether a chain is a step whose gradient is written out, and no name for one."""
    return _slope(chain) is not None


def _slope(chain: Chain) -> tuple[Derivative, Node] | None:
    """Returns ∂L/∂w and the step at a rate of 1, for an update without other gradients."""
    if not is_update(chain) or len(chain.links) != 2 or side(chain.links[1]) != "symbolic":
        return None
    name, new = chain.links[0].node, chain.links[1].node
    used = [n for n in names(new) if isinstance(n, Symbol)]
    rates = [n for n in used if n.base in SETTINGS and n.base not in {"lambda", "beta", "mu"}]
    if not isinstance(name, Symbol) or len(rates) != 1 or len(used) < len(names(new)):
        return None
    one = Number(new.span, "1", 1.0, 0.0, 1)
    moved = Sum(new.span, name, substituted(new, {rates[0].key: one}), -1)
    return Derivative(new.span, Symbol(new.span, "L"), name), moved
