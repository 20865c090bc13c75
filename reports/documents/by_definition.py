"""A stated value against the definition of its name, or of its index."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from reports.documents import display, values
from reports.documents.claims import Claim, Correction
from reports.documents.environment import Definition, Environment
from reports.documents.links import (
    Pair,
    compare,
    is_update,
    side,
    subject,
    with_corrections,
    with_right_values,
)
from reports.documents.pair_claims import agreed_claim, disagreed_claim
from reports.documents.source import Source
from reports.documents.tree import Chain, Link, Node, Number, Symbol, literal, rebuilt
from reports.documents.writing import written


def definition_claims(
    chain: Chain, environment: Environment, source: Source, found: list[Pair], *, inline: bool
) -> Iterator[Claim]:
    """A stated value is held against the definition of its name, or of its index."""
    node, last = subject(chain), chain.links[-1]
    if not isinstance(node, Symbol) or any(pair.agreement == "no" for pair in found):
        return
    if is_update(chain) or any(side(link) == "symbolic" for link in chain.links[1:]):
        return
    definitions = environment.definitions_of(node)
    if not literal(last.node) or not definitions:
        return
    if node.key in environment.entries and node.key in environment.definitions:
        return
    results = [
        pair
        for definition in definitions
        if (pair := compare(_guarded(definition, environment), last, environment)) is not None
    ]
    agreed = [pair for pair in results if pair.agreement != "no"]
    if results and not agreed:
        agreed = [*_by_corrected(definitions, results, last, environment)]
    if agreed and not found:
        yield agreed_claim(agreed[0], chain, environment, source)
    elif not agreed and results and len(results) == len(definitions):
        indexed = node.key not in environment.definitions
        near = indexed or (definitions[0].section == environment.section and not inline)
        if near and all(pair.certain and _is_off(pair) for pair in results):
            right = [with_right_values(pair, environment) for pair in results]
            yield _by_definition(right[-1], definitions[-1], chain, environment, source)


def _by_corrected(
    definitions: Sequence[Definition], results: Sequence[Pair], last: Link, environment: Environment
) -> Iterator[Pair]:
    """Yields the agreement with right formulas, and right values, in place of those found wrong."""
    for definition in definitions:
        if definition.right is None:
            continue
        right = replace(definition, tree=definition.right)
        pair = compare(_guarded(right, environment), last, environment)
        if pair is not None and pair.agreement == "no":
            pair = with_corrections(pair, environment)
        if pair is not None and pair.agreement != "no":
            yield replace(pair, corrected=definition.place.line)
    for pair in results:
        again = with_corrections(pair, environment)
        if again.agreement != "no":
            yield again


def _guarded(definition: Definition, environment: Environment) -> Link:
    """Returns a definition with 0 for an ε without a value, which only keeps from dividing by 0."""

    def change(node: Node) -> Node:
        unknown = isinstance(node, Symbol) and node.base == "epsilon"
        if unknown and not environment.versions(node):
            return Number(node.span, "0", 0.0, 0.0, 1)
        return rebuilt(node, change)

    return Link(change(definition.tree), "=", "")


OPEN_UNITS = 1.5
OPEN_BARS = 3.0
"""A value is off its definition beyond this: rounded values were put in that are not shown."""


def _is_off(pair: Pair) -> bool:
    shown_value, computed = display.stated(pair.right.node), pair.computed
    if computed is None or not values.same_shape(computed, shown_value.value):
        return False
    off = np.abs(values.flat(computed) - values.flat(shown_value.value))
    unit, bar = shown_value.unit.reshape(-1), computed.bar.reshape(-1)
    return bool(np.any(off > OPEN_UNITS * unit + OPEN_BARS * bar + 1e-9 * np.abs(off)))


def _by_definition(
    pair: Pair, definition: Definition, chain: Chain, environment: Environment, source: Source
) -> Claim:
    claim = disagreed_claim(pair, chain, environment, source)
    words = f"line {definition.place.line} defines it as {written(pair.left.node)}"
    return replace(
        claim,
        explanation="; ".join(filter(None, (words, claim.explanation))),
        correction=Correction(value=pair.computed),
    )
