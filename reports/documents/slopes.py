"""Stated derivatives of activations: σ′(z) = σ(z)(1 − σ(z)) and the like."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from reports.documents import values
from reports.documents.claims import Claim, Verdict
from reports.documents.environment import Environment, key_of
from reports.documents.evaluate import evaluate
from reports.documents.links import side
from reports.documents.places import quoted
from reports.documents.source import Source
from reports.documents.tree import Call, Chain, Link, Node, Symbol, walk
from reports.documents.values import NotEvaluable, Numbers, ShapeClash, Undefined
from reports.documents.verdicts import verdict
from reports.documents.writing import shown


def slope_claims(chain: Chain, environment: Environment, source: Source) -> Iterator[Claim]:
    """Checks σ′(z) = σ(z)(1 − σ(z)) and the like."""
    first = chain.links[0].node if chain.links else None
    if not isinstance(first, Call) or first.prime != 1 or len(first.arguments) != 1:
        return
    argument = first.arguments[0]
    if not isinstance(argument, Symbol):
        return
    plain = replace(first, prime=0)
    at = np.array([-0.7, 0.4, 1.3])

    for link in chain.links[1:]:
        if side(link) != "symbolic" or any(
            isinstance(n, Call) and n.prime for n in walk(link.node)
        ):
            continue
        own = {n.key for n in walk(link.node) if isinstance(n, Symbol)}
        if not own <= {argument.key, "e"}:
            continue
        outcomes = []
        for activation in _candidates(first.name, environment):
            trial = replace(
                environment,
                activations=(activation,),
                functions={} if outcomes else _plain_functions(environment),
            )

            function = _of_one_name(plain, argument.key, trial)
            try:
                slope = _of_one_name(link.node, argument.key, trial)(at)
                outcomes.append(verdict(function, at, slope))
            except (NotEvaluable, ShapeClash, Undefined):
                continue
        found = [v for v in outcomes if v is not None]
        if any(v.status == "pass" for v in found):
            yield _claim(chain, link, source, "ok", "checked by finite differences")
        elif found and all(v.status == "fail" for v in found):
            words = f"finite differences of {shown(plain)} give another slope"
            yield _claim(chain, link, source, "derivative", words)


def _claim(chain: Chain, link: Link, source: Source, verdict: Verdict, explanation: str) -> Claim:
    return Claim(
        place=source.place(link.span[0]),
        formula=quoted(source, chain),
        verdict=verdict,
        kind="derivative",
        stated=" ".join(link.text.split()),
        explanation=explanation,
    )


def _plain_functions(environment: Environment) -> dict[str, tuple[str, Node]]:
    return {k: v for k, v in environment.functions.items() if not k.endswith("'")}


def _of_one_name(node: Node, key: str, environment: Environment) -> Callable[[Numbers], Numbers]:
    """Returns a formula of one name as a function, entry by entry."""

    def at(x: float) -> float:
        held = values.quantity(x)
        context = environment.context(more=lambda n: held if key_of(n) == key else None)
        context.bar = lambda number: 0.0
        return float(evaluate(node, context).value)

    return lambda x: np.array([at(float(entry)) for entry in np.ravel(x)]).reshape(np.shape(x))


def _candidates(name: str, environment: Environment) -> tuple[str, ...]:
    own = environment.activations[:1]
    if name not in environment.functions and environment.activation(name) == name:
        return own
    return (*own, *(a for a in ("sigmoid", "tanh", "softplus", "relu") if a not in own))
