"""Derivatives of derivatives, and derivatives at a point, as plain formulas.

What a document writes as ∂²f/∂x∂y becomes the derivative by x of the formula ∂f/∂y, and ∇f(1, 2)
the formulas of the partial derivatives with numbers in place of the names. What is no formula of
numbers stays as it is written.
"""

from collections.abc import Iterator
from dataclasses import replace

from reports.documents.calculus import (
    NotDifferentiable,
    derivative,
    is_of_numbers,
    substituted,
)
from reports.documents.environment import Environment, key_of
from reports.documents.tokens_read import entries_of
from reports.documents.tree import (
    At,
    Call,
    Chain,
    Condition,
    Derivative,
    Node,
    Symbol,
    Times,
    literal,
    rebuilt,
    walk,
)

MOST_STEPS = 6
"""Through so many definitions a name is followed."""


def formula_of(node: Node, key: str, environment: Environment) -> Node | None:
    """Returns what a name, or a function of names, is of another one; None: no formula of numbers.

    Names that are computed from the other one are replaced by their definitions.
    """
    tree: Node | None = node
    free = {name.key for name in parameters(node, environment)} | {key}
    if isinstance(node, Symbol):
        tree = _defined(node, environment)
    elif isinstance(node, Call) and len(node.arguments) > 1:
        own = environment.functions.get(node.name)
        same = own is not None and tuple(map(key_of, node.arguments)) == own.parameters
        tree = own.tree if own is not None and same else None
    for _ in range(MOST_STEPS):
        if tree is None or not is_of_numbers(tree):
            return None
        known = {n.key: n for n in walk(tree) if isinstance(n, Symbol) and n.key not in free}
        if any(name.endswith("²") and name[:-1] == key for name in known):
            return None  # a variance that is one name depends on it
        if any(environment.kind(name) not in {None, "number"} for name in known.values()):
            return None
        by = {k: d for k, n in known.items() if (d := _defined(n, environment)) is not None}
        if not by:
            return tree
        tree = substituted(tree, by)
    return None


def _defined(name: Symbol, environment: Environment) -> Node | None:
    """Returns the one formula that defines a name."""
    found = environment.definitions.get(name.key, [])
    known = (d for d in found if not environment.is_of_another_item(d))
    own = [d.tree for d in known if not d.wrong and environment.is_near(d)]
    if not own or isinstance(own[-1], Derivative):
        return None
    return (
        None if any(n.key == name.key for n in walk(own[-1]) if isinstance(n, Symbol)) else own[-1]
    )


def taken(of: Node, wrt: Node, environment: Environment) -> Node | None:
    """Returns the derivative of a name or formula of numbers, as a formula; None if it is none."""
    key = key_of(wrt)
    tree = None if key is None else formula_of(of, key, environment)
    if tree is None or key is None:
        return None
    depends = any(key_of(part) == key for part in walk(tree))
    named = {name.key for name in parameters(of, environment)}
    if not depends and isinstance(of, Symbol) and key not in named:
        return None
    try:
        return derivative(tree, key, environment.formulas)
    except NotDifferentiable:
        return None


def slope_of(stroke: Call, environment: Environment) -> Node | None:
    """Returns f′(x), or a higher derivative, as a formula of its argument; None: it is none."""
    inner = Symbol((0, 0), "u")
    name = stroke.name if stroke.name in environment.functions else None
    name = name or environment.activation(stroke.name)
    before = Call(stroke.span, name, (inner,), stroke.prime - 1)
    try:
        tree = derivative(before, inner.key, environment.formulas)
    except NotDifferentiable:
        return None
    return substituted(tree, {inner.key: stroke.arguments[0]})


def twice(node: Derivative, environment: Environment) -> Node:
    """Returns a derivative of a derivative as that of a formula; as written where it is none."""
    of = twice(node.of, environment) if isinstance(node.of, Derivative) else node.of
    if isinstance(of, Call) and of.prime and key_of(of.arguments[0]) == key_of(node.wrt):
        return replace(of, prime=of.prime + 1)
    if not isinstance(of, Derivative):
        return replace(node, of=of)
    formula = taken(of.of, of.wrt, environment)
    return node if formula is None else replace(node, of=formula)


# ---------------------------------------------------------------- at a point


def at_point(node: At, environment: Environment) -> Node:
    """Returns a formula at a point with formulas in place of its derivatives."""
    keys = node.keys

    def change(part: Node) -> Node:
        if isinstance(part, Derivative):
            formula = taken(part.of, part.wrt, environment)
            return part if formula is None else formula
        return rebuilt(part, change)

    body = change(node.body)
    for key in keys:
        formula = formula_of(body, key, environment) if is_of_numbers(body) else None
        body = body if formula is None else formula
    return replace(node, body=body)


def at_said_point(chain: Chain, environment: Environment) -> Iterator[Chain]:
    """Yields a chain, and what it says at a point that the words before it name.

    "At (1, 2) we have ∂f/∂x = 2xy = 4" says ∂f/∂x = 2xy, and that this is 4 there.
    """
    point = environment.point
    if len(chain.links) < 2 or not point or not isinstance(chain.links[0].node, Derivative):
        yield chain
        return
    first, last = chain.links[0].node, chain.links[-1]
    of: Node = first
    while isinstance(of, Derivative):
        of = of.of
    own = parameters(of, environment)
    if len(own) != len(point) or not literal(last.node):
        yield chain
        return
    if len(chain.links) > 2:
        yield replace(chain, links=chain.links[:-1])
    there = at_point(At(first.span, first, conditions(own, point)), environment)
    yield replace(chain, links=(replace(chain.links[0], node=there), last))


def partial_at(node: Times, environment: Environment) -> At | None:
    """Returns ∂f/∂x at (1, 2) for a derivative with a parenthesis behind it."""
    left = node.left
    if not isinstance(left, Derivative) or node.kind != "juxtaposed":
        return None
    of = left.of
    while isinstance(of, Derivative):
        of = of.of
    own = parameters(of, environment)
    values = entries_of(node.right)
    if not own or len(own) != len(values) or not all(map(is_value, values)):
        return None
    return At(node.span, left, conditions(own, values))


def parameters(of: Node, environment: Environment) -> tuple[Symbol, ...]:
    """Returns the names on which a function depends."""
    if isinstance(of, Symbol):
        return of.listed or environment.arguments.get(of.key, ())
    if isinstance(of, Call):
        return environment.arguments.get(of.name, ())
    return ()


def conditions(names: tuple[Symbol, ...], values: tuple[Node, ...]) -> tuple[Condition, ...]:
    """Returns what each name is."""
    return tuple(Condition(v.span, n, v, "=") for n, v in zip(names, values, strict=True))


def is_value(node: Node) -> bool:
    """Whether a node is a number, or the value of a name at one point: x_0, θ*."""
    if isinstance(node, Symbol):
        return node.sub.isdecimal() or bool(node.mark)
    return literal(node) or not any(isinstance(part, Symbol) for part in walk(node))


def subscripted(node: Symbol | Call, environment: Environment) -> Node | None:
    """Returns ∂f/∂x for f_x, ∂²f/∂x∂y for f_xy, and those at a point for f_x(1, 2)."""
    name, _, sub = (node.name if isinstance(node, Call) else node.key).partition("_")
    own = environment.arguments.get(name, ())
    keys = {n.key: n for n in own}
    if len(own) < 2 or not sub or not set(sub) <= keys.keys() or len(sub) > 2:
        return None
    whole = f"{name}_{sub}"
    if whole in environment.functions or whole in environment.entries:
        return None
    found: Node = Symbol(node.span, name)
    for letter in sub:
        found = Derivative(node.span, found, keys[letter])
    if isinstance(node, Call) and tuple(map(key_of, node.arguments)) != tuple(n.key for n in own):
        if len(node.arguments) != len(own) or not all(map(is_value, node.arguments)):
            return None
        return At(node.span, found, conditions(own, node.arguments))
    return found


def numbered(node: Call, environment: Environment) -> Call:
    """Returns f‴(x) for f⁽³⁾(x), where f is a function and f⁽³⁾ is not another one."""
    name, _, order = node.name.partition("^")
    if not order.isdecimal() or node.name in environment.functions:
        return node
    return replace(node, name=name, prime=int(order)) if name in environment.functions else node
