"""What a derivative is taken of: the losses that a document may mean, or what is known upstream.

Where no loss is defined, a claim may rest on gradients further up: ∂L/∂x from a given ∂L/∂y. Then
any function of y will do as L, and with figures the one whose gradient they are.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from reports.documents.dimensions import name_of
from reports.documents.environment import Definition, Environment, key_of
from reports.documents.indices import Definitions, items, letters, named, unbound, whole
from reports.documents.model import Model, is_loss, loss_form
from reports.documents.notation import LOSSES, of_loss
from reports.documents.targets import PARAMETERS
from reports.documents.tree import (
    BigSum,
    Call,
    Derivative,
    Node,
    Sum,
    Symbol,
    Times,
    walk,
)
from reports.documents.values import Quantity

MOST_DEFINITIONS = 6


def choices(
    target: Derivative, environment: Environment, said: str, formula: Node | None = None
) -> Iterator[Definitions]:
    """Yields the definitions in force, with each loss that may be meant.

    Args:
        target: the derivative that is claimed.
        environment: what the document has said so far.
        said: the words before the claim: they tell which loss is meant.
        formula: the claim; where no loss is defined, the gradients in it stand for one.
    """
    of, wrt = key_of(target.of), key_of(target.wrt)
    if of is None or wrt is None:
        return
    trees = {**_any_functions(target, formula, environment), **in_force(environment)}
    found = environment.definitions.get(of, [])
    if found and any(not environment.is_of_another_item(d) for d in found):
        found = [d for d in found if not environment.is_of_another_item(d)]
    if not found and of in LOSSES:
        found = [d for key, all_ in environment.definitions.items() if is_loss(key) for d in all_]
    if not found and isinstance(target.of, Symbol):
        definitions = Definitions(trees)
        if any(
            _leads(trees, tree, environment, wrt) for _, tree in definitions.patterns(target.of)
        ):
            yield definitions
            return
        array = trees.get(whole(target.of).key) if letters(target.of) else None
        if array is not None and _leads(trees, array, environment, wrt):  # p_i where p = softmax(z)
            yield definitions
            return
    found = [d for d in found if _leads({**trees, of: d.tree}, d.tree, environment, wrt)]
    meant = _meant([d for d in found if not isinstance(d.tree, Derivative)], said)
    for definition in meant[::-1][:MOST_DEFINITIONS]:
        yield Definitions({**trees, of: definition.tree})
        own = in_force(environment, definition.section)
        if len(own) < len(trees):  # letters of another example may have been used anew
            yield Definitions({**own, of: definition.tree})
    if meant or formula is None:
        return
    known = (n.wrt for n in walk(formula) if isinstance(n, Derivative) and key_of(n.of) == of)
    cut = _downstream((n for n in known if isinstance(n, Symbol)), trees, wrt, environment)
    by, open_ = target.wrt, frozenset[str]()
    if isinstance(by, Symbol) and by.base[:1] not in PARAMETERS:  # those all steps share
        open_ = frozenset(unbound(formula)) - {*letters(by)}
        if open_ and not letters(by) and any(_is_recursive(u, trees) for u in cut):
            return  # a gate z beside h_t is that of step t alone
    terms = [_summed(u, Call(u.span, "sin", (u,)), open_) for u in cut]
    if terms:
        yield Definitions({**trees, of: _added(terms)})


def _is_recursive(name: Symbol, trees: Mapping[str, Node]) -> bool:
    """Whether a name is computed from itself at another index, as h_t from h_{t-1}."""
    own = (tree for _, tree in Definitions(trees).patterns(name))
    return any(isinstance(n, Symbol) and n.base == name.base for tree in own for n in walk(tree))


def _any_functions(
    target: Derivative, formula: Node | None, environment: Environment
) -> dict[str, Node]:
    """Returns any function of w for an E that nothing defines, beside ∂E/∂w in a formula.

    What the formula is of must be made of that E, where anything defines it: else E says nothing.
    """
    wrt, found = target.wrt, dict[str, Node]()
    trees = in_force(environment)
    for node in walk(formula) if formula is not None else ():
        if not isinstance(node, Derivative) or key_of(node.wrt) != key_of(wrt):
            continue
        own, of = node.of, key_of(target.of)
        if isinstance(own, Symbol) and isinstance(wrt, Symbol) and own.key != of:
            apart = of in trees and not _leads(trees, trees[of], environment, own.key)
            if apart or environment.definitions_of(own) or environment.versions(own):
                continue
            running = _running(wrt)
            found[own.key] = _summed(running, Call(own.span, "sin", (running,)))
    return found


def known_upstream(
    target: Derivative, environment: Environment
) -> tuple[Definitions, dict[str, Quantity]] | None:
    """Returns a loss with the gradients that the document states, and their values by key."""
    of, wrt = key_of(target.of), key_of(target.wrt)
    if of is None or wrt is None:
        return None
    trees, prefix = in_force(environment), _prefix(of)
    values = {
        key.removeprefix(prefix): found[-1]
        for key, found in environment.entries.items()
        if key.startswith(prefix)
    }
    names = (named(key) for key, entry in values.items() if not entry.wrong)
    terms: list[Node] = []
    fixed = {}
    for u in _downstream(names, trees, wrt, environment):
        slope = Derivative(u.span, target.of, u)
        terms.append(Call(u.span, "sum", (Times(u.span, slope, u, "hadamard"),)))
        fixed[prefix + u.key] = values[u.key].value
    return (Definitions({**trees, of: _added(terms)}), fixed) if terms else None


def _prefix(of: str) -> str:
    return f"∂{of_loss(of)}/∂"


def in_force(environment: Environment, section: int = 0) -> dict[str, Node]:
    """Returns the latest definition of each name, derivatives left out, from a section on."""
    trees = {}
    for key, found in environment.definitions.items():
        own = [d for d in found if not isinstance(d.tree, Derivative) and d.section >= section]
        if own and not key.startswith("∂"):
            trees[key] = own[-1].tree
    for key in [key for key in trees if key.partition("_")[0].endswith("²")]:
        root = key.replace("²", "")
        if root not in trees:  # σ where σ² is defined
            square = named(key)
            trees[root] = Call(square.span, "sqrt", (square,))
    return trees


def _downstream(
    names: Iterator[Symbol], trees: Mapping[str, Node], wrt: str, environment: Environment
) -> list[Symbol]:
    """Returns, of the names that are computed from `wrt`, those from which no other is computed."""
    definitions = Definitions(trees)
    model = Model(definitions, lambda node: None, environment)
    found: dict[str, Symbol] = {}
    for name in names:
        computed = [*definitions.leading(name)]
        if name.key != wrt and any(model.depends(tree, wrt) for tree in computed):
            plain = _running(name)
            found.setdefault(name_of(plain), plain)
    return [
        u
        for u in found.values()
        if not any(
            model.depends(tree, u.key)
            for other in found.values()
            if other is not u
            for tree in definitions.leading(other)
        )
    ]


def _running(name: Symbol) -> Symbol:
    """Returns h_t for h_{t+1}: all of them are meant."""
    if not letters(name):
        return name
    return replace(name, sub="".join(item[0] for item in items(name.sub)))


def _summed(name: Symbol, body: Node, but: frozenset[str] = frozenset()) -> Node:
    """Returns the sum over all entries of a name, but not over letters that run on their own."""
    running, total = letters(name), Call(name.span, "sum", (body,))
    running = () if but.issuperset(running) else running
    return BigSum(name.span, ",".join(running), None, None, total) if running else total


def _added(terms: list[Node]) -> Node:
    total = terms[0]
    for term in terms[1:]:
        total = Sum(total.span, total, term, 1)
    return total


def _leads(trees: Mapping[str, Node], tree: Node, environment: Environment, key: str) -> bool:
    return Model(Definitions(trees), lambda node: None, environment).depends(tree, key)


def _meant(found: list[Definition], said: str) -> list[Definition]:
    """Returns the losses of the form that the words before the claim name, of its paragraph."""
    own = said.rpartition("\n\n")[2]
    said = own if own.strip() else said
    forms = {form for form, words in LOSS_WORDS.items() if any(w in said for w in words)}
    chosen = [d for d in found if loss_form(d.tree) in forms]
    return chosen if len(forms) == 1 and chosen else found


LOSS_WORDS: Mapping[str, tuple[str, ...]] = {
    "mse": ("mse", "均方误差", "squared error", "平方误差", "square error", "二次代价"),
    "ce": ("cross-entropy", "cross entropy", "交叉熵", "log loss", "log-loss", "对数损失"),
}
