"""μ and σ that nothing defines: in x̂ = (x − μ)/σ constants, or the mean and deviation of the x.

Both readings are tried.
"""

from dataclasses import replace

from reports.documents.environment import Environment, key_of
from reports.documents.indices import Definitions
from reports.documents.model import Model
from reports.documents.points import COUNTS
from reports.documents.targets import PARAMETERS
from reports.documents.tree import (
    Call,
    Derivative,
    Divide,
    Node,
    Number,
    Power,
    Sum,
    Symbol,
    names,
)

_MEANS = frozenset(("mu", "bar x", "hat mu"))
_DEVIATIONS = frozenset(("sigma", "hat sigma"))
_OTHERS = PARAMETERS | {"gamma", *_MEANS, *_DEVIATIONS}


def with_statistics(
    target: Derivative, formula: Node, definitions: Definitions, environment: Environment
) -> Definitions | None:
    """Returns the definitions with those of μ and σ as statistics; None where they are no such.

    Args:
        target: the derivative that is claimed.
        formula: the claim: it may say how many there are.
        definitions: the definitions in force, in which neither has one.
        environment: for the meaning of functions.
    """
    wrt = target.wrt
    if not isinstance(wrt, Symbol) or wrt.base in _OTHERS:
        return None
    model = Model(definitions, lambda node: None, environment)
    used = [n for tree in model.trees(target.of) for n in names(tree) if isinstance(n, Symbol)]
    open_ = {n.key: n for n in used if definitions.of(n) is None and not environment.versions(n)}
    means = [n for n in open_.values() if n.base in _MEANS]
    deviations = [n for n in open_.values() if n.base in _DEVIATIONS]
    if len(means) != 1 or not deviations:
        return None
    counts = [n for n in names(formula) if isinstance(n, Symbol) and n.key in COUNTS]
    x, mean = replace(wrt, sub="", sup=""), means[0]
    two = Number(wrt.span, "2", 2.0, 0.0, 1)
    spread = Power(wrt.span, Sum(wrt.span, x, mean, -1), two)
    own: dict[str, Node] = {mean.key: _average(x, counts[0] if counts else None)}
    variance = _average(spread, counts[0] if counts else None)
    own |= {d.key: Call(wrt.span, "sqrt", (variance,)) for d in deviations}
    return Definitions({**definitions.trees, **own})


def _average(body: Node, count: Node | None) -> Node:
    """Returns the mean of an array, by the name of how many there are, where one is used."""
    if count is None or key_of(count) is None:
        return Call(body.span, "mean", (body,))
    return Divide(body.span, Call(body.span, "sum", (body,)), count)
