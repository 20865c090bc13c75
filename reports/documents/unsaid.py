"""Names that no formula defines and that words may: statistics, and what softmax or σ gives.

In x̂ = (x − μ)/σ both are constants, or the mean and deviation of the x: each is tried.
In L = −Σ y_i log p_i, differentiated by z_i, p is the softmax of z where the text speaks of one.
"""

from collections.abc import Iterator
from dataclasses import replace

from reports.documents.choices import in_force
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
    walk,
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


def as_spoken(target: Derivative, environment: Environment) -> Iterator[Definitions]:
    """Yields definitions with a probability in a logarithm as softmax or σ of what it is taken by.

    Args:
        target: the derivative that is claimed.
        environment: what the document has said; its text speaks of the functions.
    """
    of, wrt = key_of(target.of), target.wrt
    if of is None or not isinstance(wrt, Symbol):
        return
    trees = in_force(environment)
    for loss in environment.definitions.get(of, [])[::-1][:1]:
        shares = {n.base: n for n in _in_logarithms(loss.tree) if n.key not in trees}
        if len(shares) != 1 or wrt.base in {*shares, *PARAMETERS}:
            continue
        share, logits = next(iter(shares.values())), replace(wrt, sub="")
        one_of_two = any(isinstance(n, Sum) for n in walk(loss.tree))
        name = "sigmoid" if one_of_two else "softmax"
        if name not in environment.spoken or (not one_of_two and not wrt.sub):
            continue
        argument = wrt if one_of_two else logits
        key = share.key if one_of_two else replace(share, sub="").key
        through = Call(wrt.span, name, (argument,))
        yield Definitions({**trees, of: loss.tree, key: through})


def _in_logarithms(tree: Node) -> Iterator[Symbol]:
    logarithms = (n for n in walk(tree) if isinstance(n, Call) and n.name == "log")
    return (n for call in logarithms for n in walk(call) if isinstance(n, Symbol))


def _average(body: Node, count: Node | None) -> Node:
    """Returns the mean of an array, by the name of how many there are, where one is used."""
    if count is None or key_of(count) is None:
        return Call(body.span, "mean", (body,))
    return Divide(body.span, Call(body.span, "sum", (body,)), count)
