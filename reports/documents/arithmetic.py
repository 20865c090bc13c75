"""The verdict on one chain of numbers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from reports.documents import display, values
from reports.documents.by_definition import definition_claims
from reports.documents.claims import Claim
from reports.documents.comparisons import comparison_claims
from reports.documents.environment import Environment, key_of
from reports.documents.evaluate import evaluate
from reports.documents.learning import bind, forget
from reports.documents.links import Pair, pairs, side, subject
from reports.documents.pair_claims import pair_claims, right_value
from reports.documents.places import quoted
from reports.documents.readings import ELEMENTWISE, PLAIN
from reports.documents.repair import explain
from reports.documents.source import Source
from reports.documents.stance import OPENED, WHOLLY, Stance, defines, is_asked, opened
from reports.documents.substitution import changed_constants
from reports.documents.tree import (
    Call,
    Chain,
    Derivative,
    Link,
    Power,
    Symbol,
    literal,
    names,
    walk,
)
from reports.documents.values import NotEvaluable, ShapeClash, Undefined
from reports.documents.writing import shown, written


@dataclass(frozen=True, eq=False)
class Judged:
    """What is said about a chain.

    Attributes:
        claims: the rows, empty where nothing was compared.
        reason: why nothing was compared; "" where something was.
        gives: whether it only gives a value or defines a name.
        bar: how far its last value is left open by the rounding of those before it.
    """

    claims: tuple[Claim, ...] = ()
    reason: str = ""
    gives: bool = False
    bar: float = 0.0


def judge(
    chain: Chain,
    environment: Environment,
    source: Source,
    *,
    inline: bool = False,
    said: Stance = "open",
) -> Judged:
    """Returns the verdict on a chain, and binds what it states.

    Args:
        chain: the statement.
        environment: what the document has said before it.
        source: where it stands.
        inline: whether it stands in a sentence, where a number alone may be given or found.
        said: which of both the words before it say.
    """
    links = chain.links
    if len(links) < 2 or chain.enumerates:
        forget(chain, environment)
        return _undecided(chain)
    how = said if said in OPENED or not _is_asked(chain, source) else "given"
    found = list(pairs(chain, environment, said=how))
    if how == "given" and not found:
        _forget_argument(chain, environment)
    claims = [
        each
        for pair in found
        for each in opened(
            pair_claims(pair, chain, environment, source),
            said if said in WHOLLY or side(pair.left) == "symbolic" else "open",
        )
    ]
    if said not in OPENED:
        claims += comparison_claims(chain, environment, source)
    claims += _constants(chain, environment, source, found)
    claims += _shape_of_gradient(chain, environment, source, claims)
    claims += definition_claims(chain, environment, source, found, inline=inline, said=said)
    wrong = any(claim.flagged for claim in claims)
    bind(chain, environment, source, found, wrong)
    flagged = tuple(claim for claim in claims if claim.flagged)
    if flagged:
        return Judged(flagged)
    decided = [claim for claim in claims if claim.verdict != "not checked"]
    if decided:
        bars = [float(np.max(p.computed.bar, initial=0)) for p in found if p.computed is not None]
        worst = max(decided, key=lambda claim: claim.verdict != "ok")
        return Judged((worst,), bar=max(bars, default=0.0))
    if claims:
        return Judged(reason=claims[0].explanation)
    if _only_gives(chain, environment, source, said) or _is_given_gradient(chain, environment):
        return Judged(gives=True)
    return Judged(reason=_missing(chain, environment))


def _forget_argument(chain: Chain, environment: Environment) -> None:
    """Forgets σ where log σ² = −0.2 is given: it is no longer what it was."""
    first, last = chain.links[0].node, chain.links[-1].node
    inside = names(first)
    if isinstance(first, (Call, Power)) and literal(last) and len(inside) == 1:
        environment.entries.pop(key_of(inside[0]) or "", None)


def _is_asked(chain: Chain, source: Source) -> bool:
    return is_asked(source.text, *chain.span)


def _undecided(chain: Chain) -> Judged:
    if chain.unread:
        return Judged(reason=f"not read: {chain.unread[0].reason}")
    return Judged(gives=True)


def _only_gives(chain: Chain, environment: Environment, source: Source, said: Stance) -> bool:
    """Whether a chain gives a value, or says what a name or function is, and claims nothing."""
    node, first = subject(chain), chain.links[0].node
    if len(chain.links) != 2 or isinstance(node, Derivative):
        return False
    if isinstance(node, Symbol) and _is_gradient(node) and not defines(source.text, chain.span[0]):
        link = chain.links[1]
        return literal(link.node) or isinstance(link.node, Derivative)
    if isinstance(node, Symbol):
        near = any(environment.is_near(d) for d in environment.definitions.get(node.key, ()))
        return said == "given" or not near or not literal(chain.links[1].node)
    if not isinstance(first, Call) or first.prime:
        return False
    known = first.name in environment.functions or environment.activation(first.name) in ELEMENTWISE
    return all(isinstance(a, Symbol) for a in first.arguments) and not (
        known and literal(chain.links[1].node)
    )


_GRADIENT = re.compile(r"delta(?: .*)?|d[A-Z]|grad.*")


def _is_gradient(node: Symbol) -> bool:
    """Whether a name says that it is a gradient, as δ, dW and δh do."""
    return bool(_GRADIENT.fullmatch(node.base))


def _is_given_gradient(chain: Chain, environment: Environment) -> bool:
    """Whether a gradient is given from further up: nothing is said of what it is taken of."""
    node = subject(chain)
    if not isinstance(node, Derivative) or len(chain.links) != 2:
        return False
    return literal(chain.links[1].node) and key_of(node.of) not in environment.definitions


def _missing(chain: Chain, environment: Environment) -> str:
    if chain.unread:
        return f"not read: {chain.unread[0].reason}"
    node = subject(chain)
    if isinstance(node, Symbol) and _is_gradient(node) and side(chain.links[1]) == "symbolic":
        return f"{shown(node)} is a gradient by its name, and nothing says of what"
    for link in chain.links[1:]:
        for context in environment.contexts(link.node):
            try:
                evaluate(link.node, context)
            except (NotEvaluable, Undefined, ShapeClash) as reason:
                return str(reason)
            break
    for definition in environment.definitions.get(node.key, ()) if isinstance(node, Symbol) else ():
        try:
            evaluate(definition.tree, environment.context())
        except (NotEvaluable, Undefined, ShapeClash) as reason:
            return f"line {definition.place.line} defines it, and {reason}"
    return "nothing says whether it is claimed or asked for (an equation to be solved)"


# ---------------------------------------------------------------- shapes and constants


def _shape_of_gradient(
    chain: Chain, environment: Environment, source: Source, claims: list[Claim]
) -> list[Claim]:
    """A gradient has the shape of what it is taken by."""
    node = subject(chain)
    last = chain.links[-1]
    if not isinstance(node, Derivative) or not literal(last.node):
        return []
    loss = (key_of(node.of) or "").split("_")[0]
    known = environment.versions(node.wrt)
    if not known or loss[:1] not in {"L", "E", "J", "C", "l"}:
        return []
    if any(claim.verdict == "shape" for claim in claims):
        return []
    want, got = known[0].value, display.stated(last.node).value
    if want.value.size == got.value.size or not want.shape:
        return []
    before = chain.links[-2]
    right = ""
    if len(chain.links) > 2:
        pair = Pair(before, last, "no", PLAIN, None)
        right = right_value(pair, environment)
    found = explain(before.node, display.stated(last.node), environment)
    parts = [
        f"{shown(node)} has the shape of {shown(node.wrt)}, {values.size(want.shape)}; "
        f"{values.size(got.shape)} is stated"
    ]
    parts += [found.sentence] if found else []
    claims.clear()
    return [
        Claim(
            place=source.place(last.span[0]),
            formula=quoted(source, chain),
            verdict="shape",
            kind="arithmetic",
            stated=display.printed(got),
            right=right,
            explanation="; ".join(parts),
        )
    ]


def _constants(
    chain: Chain, environment: Environment, source: Source, found: list[Pair]
) -> Iterator[Claim]:
    """A constant of a formula must stay what it is where numbers are put in."""
    compared = {id(pair.left) for pair in found if pair.agreement != "no"}
    for left, right in zip(chain.links, chain.links[1:], strict=False):
        names_something = side(left) == "symbolic" or _has_calls(left)
        if not names_something or side(right) != "numeric" or id(left) in compared:
            continue
        for constant, by in changed_constants(left.node, right.node):
            yield Claim(
                place=source.place(by.span[0]),
                formula=quoted(source, chain),
                verdict="substitution",
                kind="arithmetic",
                stated=written(by),
                right=constant.text,
                explanation=f"the formula has {constant.text} where {written(by)} is put in",
            )


def _has_calls(link: Link) -> bool:
    """Whether values of functions stand in a side without names, as L(0.1, 2) does."""
    return any(isinstance(part, Call) for part in walk(link.node))
