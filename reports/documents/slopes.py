"""Stated derivatives of functions of one name: σ′(z) = σ(z)(1 − σ(z)) and the like."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from reports.documents import display, values
from reports.documents.claims import Claim, Correction, Verdict
from reports.documents.environment import Environment, Function, key_of
from reports.documents.evaluate import Context, evaluate
from reports.documents.higher import slope_of, taken
from reports.documents.links import side
from reports.documents.places import quoted
from reports.documents.source import Source
from reports.documents.stance import Stance
from reports.documents.tree import (
    Call,
    Chain,
    Condition,
    Derivative,
    Link,
    Node,
    Number,
    Symbol,
    literal,
    names,
    walk,
)
from reports.documents.values import NotEvaluable, Numbers, Quantity, ShapeClash, Undefined
from reports.documents.verdicts import verdict
from reports.documents.writing import shown, written

AT, AT_ABOVE = (-0.7, 0.4, 1.3), (0.3, 0.8, 1.7)
CONSTANTS = frozenset(("e", "pi"))

BESIDE = 0.3
"""How far beside a bound of a case a slope is taken too."""


def constant_claims(
    chain: Chain, environment: Environment, source: Source, said: Stance
) -> Iterator[Claim]:
    """Checks a number that is stated for a derivative, for all values of its name.

    A derivative that is not the same everywhere is wrong as a number where the words say that it
    was found; else it may be an equation to be solved.

    Args:
        chain: the statement.
        environment: what the document has said before it.
        source: where it stands.
        said: what the words beside it say of it.
    """
    if len(chain.links) != 2 or not literal(chain.links[1].node):
        return
    node, link = chain.links[0].node, chain.links[1]
    tree = _true_slope(node, environment)
    stated = display.stated(link.node).value
    if tree is None or link.relation == ":=" or stated.shape:
        return
    if any(True for _ in names(tree)):
        if isinstance(node, Call) and said == "found" and np.any(stated.value):
            words = f"{shown(node)} of the document's own definitions is no number"
            yield _with_right(_claim(chain, link, source, "derivative", words), tree)
        return
    true = evaluate(tree, Context())
    agrees = display.agreement(true, display.stated(link.node), approximate=link.relation == "≈")
    words = f"{shown(node)} of the document's own definitions is {written(tree)} everywhere"
    claim = _claim(chain, link, source, "derivative" if agrees == "no" else "ok", words)
    yield replace(claim, right=written(tree), correction=Correction(tree, true))


def _true_slope(node: Node, environment: Environment) -> Node | None:
    """Returns a derivative as a formula, that of a function in terms of its argument."""
    if isinstance(node, Derivative):
        return taken(node.of, node.wrt, environment)
    if not _is_slope(node) or not isinstance(node, Call):
        return None
    argument = node.arguments[0]
    if not isinstance(argument, Symbol) or argument.key in CONSTANTS:
        return None
    if argument.sub or environment.versions(argument):
        return None
    return slope_of(node, environment)


def slope_claims(chain: Chain, environment: Environment, source: Source) -> Iterator[Claim]:
    """Checks σ′(z) = σ(z)(1 − σ(z)) and the like."""
    at = next((i for i, link in enumerate(chain.links) if _is_slope(link.node)), None)
    stroke = None if at is None else chain.links[at].node
    if at is None or not isinstance(stroke, Call):
        return
    argument = stroke.arguments[0]
    if not isinstance(argument, Symbol) or argument.key in CONSTANTS:
        return
    plain = replace(stroke, prime=stroke.prime - 1)
    own = environment.functions.get(stroke.name)
    if own is not None and environment.is_of_another_item(own):
        return
    constants = set() if own is None else _names(own.tree) - set(own.parameters)
    for link in chain.links[at + 1 :]:
        strokes = any(isinstance(n, Call) and n.prime for n in walk(link.node))
        names_other = isinstance(link.node, Symbol) and link.node.key != argument.key
        if side(link) == "numeric" or strokes or names_other:
            continue
        if not _names(link.node) <= {argument.key, "e", *constants}:
            continue
        if side(link) == "literal":
            continue
        outcomes = [*_outcomes(plain, link.node, argument.key, environment)]
        if "pass" in outcomes:
            yield _claim(chain, link, source, "ok", "checked by finite differences")
        elif outcomes and set(outcomes) == {"fail"}:
            words = f"finite differences of {shown(plain)} give another slope"
            claim = _claim(chain, link, source, "derivative", words)
            yield _with_right(claim, slope_of(stroke, environment))


LONGEST_RIGHT = 60
"""A right formula is printed up to this length: the derivative is not simplified."""


def _with_right(claim: Claim, tree: Node | None) -> Claim:
    right = "" if tree is None else written(tree)
    return replace(claim, right=right) if len(right) <= LONGEST_RIGHT else claim


def _is_slope(node: Node) -> bool:
    return isinstance(node, Call) and node.prime > 0 and len(node.arguments) == 1


def _names(node: Node) -> set[str]:
    return {n.key for n in walk(node) if isinstance(n, Symbol)}


def _outcomes(plain: Call, slope: Node, key: str, environment: Environment) -> Iterator[str]:
    """Yields what `gradcheck` says of a slope, for each function that the name may stand for."""
    either = AT, AT_ABOVE
    own = environment.functions.get(plain.name)
    here = own is not None and own.section == environment.section
    for trial in _trials(plain.name, environment):
        for points in either:
            at = _points(plain, slope, environment, points)
            try:
                _of_one_name(plain, key, trial)(at)
                claimed = _of_one_name(slope, key, trial)(at)
                found = verdict(_of_one_name(plain, key, trial), at, claimed)
            except (NotEvaluable, ShapeClash, Undefined):
                continue
            if found is not None:
                yield found.status
                break
        if here:
            return  # a letter that is a function here may be another one elsewhere


def _trials(name: str, environment: Environment) -> Iterator[Environment]:
    """Yields what is known with the document's own functions, then with those it may stand for."""
    first, *others = _candidates(name, environment)
    yield replace(environment, activations=(first,), functions=_plain_functions(environment))
    letters = environment.functions_named | {name}
    for activation in (first, *others) if name in environment.functions else others:
        yield replace(environment, activations=(activation,), functions={}, functions_named=letters)


def _points(
    plain: Call, slope: Node, environment: Environment, points: tuple[float, ...]
) -> Numbers:
    """Returns where slopes are taken: at points, and on both sides of every bound of a case."""
    own = environment.functions.get(plain.name)
    trees = [slope] if own is None else [slope, own.tree]
    bounds = {
        n.value
        for tree in trees
        for condition in walk(tree)
        if isinstance(condition, Condition)
        for n in walk(condition)
        if isinstance(n, Number) and abs(n.value) < 10
    }
    beside = (b + s for b in bounds for s in (-BESIDE, BESIDE))
    return np.array(sorted({*points, *(x for x in beside if points is AT or x > 0)}))


def _claim(chain: Chain, link: Link, source: Source, verdict: Verdict, explanation: str) -> Claim:
    return Claim(
        place=source.place(link.span[0]),
        formula=quoted(source, chain),
        verdict=verdict,
        kind="derivative",
        stated=" ".join(link.text.split()),
        explanation=explanation,
    )


def _plain_functions(environment: Environment) -> dict[str, Function]:
    return {k: v for k, v in environment.functions.items() if not k.endswith("'")}


def _of_one_name(node: Node, key: str, environment: Environment) -> Callable[[Numbers], Numbers]:
    """Returns a formula of one name as a function, entry by entry; other names are constants."""
    constants = _names(node) | {n for f in environment.functions.values() for n in _names(f.tree)}
    drawn = {
        name: values.quantity(0.37 + 0.11 * number)
        for number, name in enumerate(sorted(constants - {"e", "pi"}))
    }

    def at(x: float) -> float:
        held = values.quantity(x)

        def look(name: Node) -> Quantity | None:
            own = key_of(name)
            return held if own == key else drawn.get(own or "")

        context = environment.context(more=look)
        context.bar = lambda number: 0.0
        return float(evaluate(node, context).value)

    return lambda x: np.array([at(float(entry)) for entry in np.ravel(x)]).reshape(np.shape(x))


def _candidates(name: str, environment: Environment) -> tuple[str, ...]:
    own = environment.activations[:1]
    if name not in environment.functions and environment.activation(name) == name:
        return own
    return (*own, *(a for a in ("sigmoid", "tanh", "softplus", "relu") if a not in own))
