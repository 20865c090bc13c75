"""Strokes without an argument: f′ = 3x², y′ = y(1 − y), σ′ = σ(1 − σ)."""

from dataclasses import replace

from reports.documents.environment import Environment
from reports.documents.tree import (
    Call,
    Chain,
    Derivative,
    Node,
    Symbol,
    Times,
    literal,
    names,
    rebuilt,
    walk,
)

_CONSTANTS = frozenset(("e", "pi"))


def with_arguments(chain: Chain, environment: Environment) -> Chain:
    """Returns a statement about f′ as one about f′(x), or dy/dx, where it is plain what is meant.

    A letter with a stroke may as well be another name: it is a derivative only where the letter is
    a function, or a formula of one name in which the other side is written.
    """
    if len(chain.links) < 2:
        return chain
    first = chain.links[0].node
    if not isinstance(first, Symbol) or not first.mark or first.mark.strip("'"):
        return chain
    if first.key in environment.entries or first.key in environment.definitions:
        return chain
    order = len(first.mark)
    function = environment.functions.get(first.base)
    if function is not None and len(function.parameters) == 1 and not first.sub:
        return _called(chain, first, Symbol((0, 0), function.parameters[0]))
    if first.base == "sigma" and not first.sub:
        return _called(chain, first, Symbol((0, 0), "u"))
    plain = replace(first, mark="")
    by = _variable(plain, environment)
    right = chain.links[1].node
    used = {n.key for n in names(right) if isinstance(n, Symbol)} - _CONSTANTS
    if by is None or literal(right) or used not in ({by.key}, {plain.key}):
        return chain  # y′ = 2xy is an equation for y
    node: Node = plain
    for _ in range(order):
        node = Derivative(first.span, node, by)
    return replace(chain, links=(replace(chain.links[0], node=node), *chain.links[1:]))


def _called(chain: Chain, first: Symbol, argument: Symbol) -> Chain:
    """Returns a chain with f(x) and f′(x) for f and f′."""

    def change(node: Node) -> Node:
        if isinstance(node, Call) and node.name == first.base and not node.prime:
            inside = any(isinstance(n, Symbol) and n.base == first.base for n in walk(node))
            if inside and len(node.arguments) == 1:  # σ(1 − σ) is a product
                name = replace(first, mark="", span=node.span)
                product = Times(node.span, name, node.arguments[0], "juxtaposed")
                return change(product)
        if isinstance(node, Symbol) and node.base == first.base and not node.mark.strip("'"):
            return Call(node.span, first.base, (replace(argument, span=node.span),), len(node.mark))
        return rebuilt(node, change)

    links = tuple(replace(link, node=change(link.node)) for link in chain.links)
    return replace(chain, links=links)


def _variable(name: Symbol, environment: Environment) -> Symbol | None:
    """Returns the one name of which a name is a formula."""
    known = environment.definitions.get(name.key, [])
    found = [d for d in known if d.section == environment.section]
    if not found or isinstance(found[-1].tree, Derivative):
        return None
    inside = {
        n.key: n for n in walk(found[-1].tree) if isinstance(n, Symbol) and n.key not in _CONSTANTS
    }
    return next(iter(inside.values())) if len(inside) == 1 else None
