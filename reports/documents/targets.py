"""What a chain differentiates: ∂L/∂w as written, ∇J(w), d/dx of an expression, whole arrays."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from reports.documents.environment import Definition, Environment, key_of
from reports.documents.hessians import hessian, spoken_array
from reports.documents.higher import (
    at_point,
    at_said_point,
    conditions,
    numbered,
    parameters,
    partial_at,
    subscripted,
    twice,
)
from reports.documents.notation import FUNCTIONS, NAMED
from reports.documents.strokes import with_arguments
from reports.documents.tree import (
    Array,
    At,
    Call,
    Chain,
    Derivative,
    Link,
    Node,
    Sum,
    Symbol,
    Times,
    Words,
    names,
    rebuilt,
    walk,
)

EXPRESSION = "expression"
"""The name that an expression gets which is differentiated as it stands."""

PARAMETERS = frozenset(("W", "w", "b", "theta", "Theta", "beta", "U", "V"))


def target_of(node: Node | None, chain: Chain, environment: Environment) -> Derivative | None:
    """Returns the derivative that a chain is about, also by way of a name defined as one."""
    if isinstance(node, Derivative):
        return node
    for link in chain.links[1:-1]:
        found = telescoped(link.node)
        if found is link.node or (found and key_of(found.of) in environment.definitions):
            return found
    if isinstance(node, Symbol):
        for definition in reversed(environment.definitions.get(node.key, [])):
            if isinstance(definition.tree, Derivative):
                return definition.tree
    return None


def telescoped(node: Node) -> Derivative | None:
    """Returns ∂E/∂z for ∂E/∂a ∂a/∂z; None for what is no derivative."""
    if isinstance(node, Derivative):
        return node
    if not isinstance(node, Times):
        return None
    left, right = telescoped(node.left), telescoped(node.right)
    if left is None or right is None or key_of(left.wrt) != key_of(right.of):
        return None
    return None if key_of(right.of) is None else Derivative(node.span, left.of, right.wrt)


def with_a_name(target: Derivative, environment: Environment) -> tuple[Derivative, Environment]:
    """Returns a derivative of a name, where that of an expression is asked for, and what it is."""
    if key_of(target.of) is not None:
        return target, environment
    name = Symbol(target.of.span, EXPRESSION)
    own = Definition(target.of, environment.at, environment.section)
    definitions = {**environment.definitions, EXPRESSION: [own]}
    return replace(target, of=name), replace(environment, definitions=definitions)


SMOOTH = ("softplus", "tanh", "sigmoid", "identity", "relu")
"""What a function may be of which nothing is said."""


def with_functions(chain: Chain, environment: Environment) -> Iterator[Environment]:
    """Yields what is known, with each function that an activation g may be that nothing defines."""
    known = environment.functions_named | environment.functions.keys() | {"sigma"}
    trees = [d.tree for found in environment.definitions.values() for d in found]
    trees += [link.node for link in chain.links]
    called = {n.name for tree in trees for n in walk(tree) if isinstance(n, Call)}
    open_ = frozenset(called & _LETTERS - known)
    if not open_ or "sigma" in called:
        yield environment
        return
    for activation in SMOOTH:
        named = environment.functions_named | open_
        yield replace(environment, functions_named=named, activations=(activation,))


_LETTERS = frozenset(("f", "g", "phi", "psi", "F", "G"))


def of_several_names(chains: Sequence[Chain]) -> frozenset[str]:
    """Returns the names of which a document takes derivatives by several others."""
    found: dict[str, set[str]] = {}
    for node in (n for chain in chains for link in chain.links for n in walk(link.node)):
        if isinstance(node, Derivative) and isinstance(node.of, Symbol):
            found.setdefault(node.of.key, set()).add(key_of(node.wrt) or "")
    return frozenset(key for key, by in found.items() if len(by) > 1)


# ---------------------------------------------------------------- gradients without an index


def spelled_out(chain: Chain, environment: Environment, said: str = "") -> list[Chain]:
    """Returns a chain with ∂f/∂x for ∇f(x); one for each entry where it states several.

    Args:
        chain: the statement.
        environment: what the document has said before it.
        said: the words before it, which say what H and J stand for.
    """
    chain = with_arguments(chain, environment)
    array = spoken_array(chain, environment, said)
    if array is not None:
        chain = replace(chain, links=(replace(chain.links[0], node=array), chain.links[-1]))
    to_array = len(chain.links) > 1 and isinstance(chain.links[1].node, Array)
    links = tuple(
        replace(k, node=_spelled(k.node, environment, to_array=to_array)) for k in chain.links
    )
    return [
        each
        for entry in _by_entries(replace(chain, links=links))
        for each in at_said_point(entry, environment)
    ]


def _spelled(node: Node, environment: Environment, *, to_array: bool = False) -> Node:
    def of(part: Node) -> Node:
        return _spelled(part, environment, to_array=to_array)

    match node:
        case Derivative(of=Derivative(wrt=Words()), wrt=Words()):
            return _second_gradient(node, environment, to_array=to_array)
        case Derivative(wrt=Words()):
            return _gradient(node, environment)
        case Derivative(of=Derivative()):
            return twice(replace(node, of=of(node.of)), environment)
        case Derivative():
            return _stroke(node, environment)
        case At(body=body):
            return at_point(replace(node, body=of(body)), environment)
        case Times() if (at := partial_at(node, environment)) is not None:
            return of(at)
        case Symbol() | Call() if (found := subscripted(node, environment)) is not None:
            return of(found)
        case Call():
            node = numbered(node, environment)
    return rebuilt(node, of)


def _stroke(node: Derivative, environment: Environment) -> Node:
    """Returns f′(x) for df/dx and d/dx f(x) where f is a function of x alone."""
    of, wrt = node.of, node.wrt
    if isinstance(of, Symbol) and _is_function(of, environment):
        of = Call(of.span, FUNCTIONS.get(of.base, of.base), (wrt,))
    if not isinstance(of, Call) or len(of.arguments) != 1:
        return node
    own = environment.functions.get(of.name)
    others = own and any(
        n.key not in own.parameters for n in names(own.tree) if isinstance(n, Symbol)
    )
    if others or key_of(of.arguments[0]) != key_of(wrt) or key_of(wrt) is None:
        return node
    return replace(of, prime=of.prime + 1, span=node.span)


def _is_function(name: Symbol, environment: Environment) -> bool:
    """Whether a letter is a function of one name: not after f = q z, f = 3, or f(x, y) = ...."""
    if name.base not in _FUNCTIONS or name.sub or name.sup:
        return False
    arguments = environment.arguments.get(name.key)
    if arguments is not None:
        return len(arguments) == 1
    if name.key in environment.of_several:
        return False
    return name.key not in environment.definitions and name.key not in environment.entries


_FUNCTIONS = NAMED | FUNCTIONS.keys()


def _gradient(node: Derivative, environment: Environment) -> Node:
    """Returns ∂f/∂x for ∇f(x), the array of all partial derivatives for ∇f(x, y)."""
    of = node.of
    if isinstance(of, Symbol) and of.base in PARAMETERS:
        return Derivative(node.span, Symbol(of.span, "L"), of)  # ∇W is the gradient by W
    by: tuple[Node, ...] = ()
    if isinstance(of, Symbol):
        by = of.listed or environment.arguments.get(of.key, ())
    elif isinstance(of, Call):
        by = of.arguments
        own = environment.arguments.get(of.name, ())
        if own and tuple(map(key_of, by)) == tuple(map(key_of, own)):
            of = Symbol(of.span, of.name)
        elif len(own) == len(by) > 1:
            there = conditions(own, by)
            partials = tuple(Derivative(node.span, Symbol(of.span, of.name), n) for n in own)
            whole = At(node.span, Array(node.span, (partials,), flat=True), there)
            return at_point(whole, environment)
    if not by or not all(isinstance(name, Symbol) for name in by):
        return node
    partial = [_stroke(Derivative(node.span, of, name), environment) for name in by]
    if len(partial) == 1:
        return partial[0]
    return Array(node.span, (tuple(partial),), flat=True)


def _second_gradient(node: Derivative, environment: Environment, *, to_array: bool) -> Node:
    """Returns all second derivatives for ∇²f, or their sum where no array is stated."""
    of = node.of.of if isinstance(node.of, Derivative) else node.of
    own = parameters(of, environment)
    values = of.arguments if isinstance(of, Call) else own
    if not own or len(values) != len(own):
        return node
    name = Symbol(of.span, of.name) if isinstance(of, Call) else of
    if len(own) == 1:
        one = Derivative(node.span, Derivative(node.span, name, own[0]), own[0])
        found: Node = _spelled(one, environment)
    elif to_array:
        found = hessian(name, own)
    else:
        seconds = [Derivative(of.span, Derivative(of.span, name, n), n) for n in own]
        found = seconds[0]
        for each in seconds[1:]:
            found = Sum(of.span, found, each, 1)
    if tuple(map(key_of, values)) != tuple(map(key_of, own)):
        found = at_point(At(node.span, found, conditions(own, values)), environment)
    return found if isinstance(found, At) else rebuilt(found, lambda p: _spelled(p, environment))


def _by_entries(chain: Chain) -> Iterator[Chain]:
    """Yields a chain of arrays that begins with one of names, entry by entry."""
    entries = [_entries(link.node) for link in chain.links]
    count = len(entries[0]) if entries else 0
    named = count > 1 and all(isinstance(n, (Symbol, Derivative)) for n in entries[0])
    if len(chain.links) < 2 or not named or any(len(e) != count for e in entries):
        yield chain
        return
    for at in range(count):
        links = (
            Link(own[at], link.relation, link.text)
            for link, own in zip(chain.links, entries, strict=True)
        )
        yield replace(chain, links=tuple(links))


def _entries(node: Node) -> tuple[Node, ...]:
    if not isinstance(node, Array):
        return ()
    return tuple(entry for row in node.rows for entry in row)
