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
from reports.documents.readings import BENIGN
from reports.documents.repair import attempt
from reports.documents.source import Source
from reports.documents.stance import OPENED, Stance
from reports.documents.tree import Chain, Link, Node, Number, Symbol, literal, rebuilt
from reports.documents.values import Mask, Numbers
from reports.documents.writing import written


def definition_claims(
    chain: Chain,
    environment: Environment,
    source: Source,
    found: list[Pair],
    *,
    inline: bool,
    said: Stance,
) -> Iterator[Claim]:
    """A stated value is held against the definition of its name, or of its index.

    In a sentence, and where the name has a value already, it is wrong only if the words say that it
    was found; where they leave that open, change something or deny it, it is not checked. Figures
    that are put in anew are those of another point.
    """
    node, last = subject(chain), chain.links[-1]
    if not isinstance(node, Symbol) or any(pair.agreement == "no" for pair in found):
        return
    if is_update(chain) or any(side(link) == "symbolic" for link in chain.links[1:]):
        return
    known = environment.definitions_of(node)
    definitions = [d for d in known if not environment.is_of_another_item(d)]
    if not literal(last.node) or not definitions:
        return
    again = node.key in environment.entries and node.key in environment.definitions
    if again and _is_repeated(node, last, environment):
        return
    links = [guarded(definition, environment) for definition in definitions]
    results = [pair for link in links if (pair := compare(link, last, environment)) is not None]
    agreed = [pair for pair in results if pair.agreement != "no"]
    if results and not agreed:
        agreed = [*_by_corrected(definitions, results, last, environment)]
    if agreed:
        if not found:
            yield agreed_claim(agreed[0], chain, environment, source)
        return
    if not results or len(results) != len(definitions) or (again and found):
        return
    open_to_doubt = inline or again or said in OPENED
    if said == "given" or (open_to_doubt and not _is_close(definitions, environment)):
        return
    near = said == "found" if open_to_doubt else _is_settled(node, definitions[0], environment)
    slipped = [_slip(pair, environment) for pair in results]
    if said not in OPENED and all(slipped) and _is_close(definitions, environment):
        near, results = True, [pair for pair in slipped if pair is not None]
    certain = all(pair.certain and is_off(pair) for pair in results)
    right = [with_right_values(pair, environment) for pair in results]
    claim = _by_definition(right[-1], definitions[-1], chain, environment, source)
    if near and certain and not (open_to_doubt and _may_be_rounded(results)):
        yield claim
    elif open_to_doubt and is_off(results[-1]):
        words = OPENED.get(said, "nothing says whether it is found or given anew")
        words += "; its definition gives another value"
        yield replace(claim, verdict="not checked", explanation=words)


def _is_repeated(node: Symbol, last: Link, environment: Environment) -> bool:
    """Whether a name has been stated with this value before."""
    value = display.stated(last.node).value
    known = (entry.value for entry in environment.entries[node.key])
    return any(values.same_shape(q, value) and display.close(q, value) for q in known)


def _is_close(definitions: Sequence[Definition], environment: Environment) -> bool:
    """Whether the formulas may still hold: also in an example, which gives its inputs anew."""
    return all(environment.is_near(definition) for definition in definitions)


def _is_settled(node: Symbol, definition: Definition, environment: Environment) -> bool:
    """Whether a displayed value is one of its definition: of an index, or in the same section."""
    indexed = node.key not in environment.definitions
    return indexed or definition.section == environment.section


FEWEST_ENTRIES, FEWEST_DIGITS = 3, 2
"""So many entries, of so many digits, agree by no accident."""


def _slip(pair: Pair, environment: Environment) -> Pair | None:
    """Returns the pair under a reading that gives most entries of an array: the others are off."""
    shown = display.stated(pair.right.node)
    if shown.value.value.size <= FEWEST_ENTRIES:
        return None
    for reading in BENIGN:
        computed = attempt(pair.left.node, reading, environment)
        if computed is None or not values.same_shape(computed, shown.value):
            continue
        agreed = display.matches(computed, shown) & (values.flat(shown.value) != 0)
        telling = int(np.sum(agreed & (shown.digits.reshape(-1) >= FEWEST_DIGITS)))
        if telling >= FEWEST_ENTRIES and 3 * int(np.sum(agreed)) >= 2 * agreed.size:
            return replace(pair, computed=computed, reading=reading)
    return None


def _may_be_rounded(results: Sequence[Pair]) -> bool:
    """Whether a whole number may be a decision on what was computed: 1 for a probability of 0.7."""
    shown = display.stated(results[-1].right.node)
    entries = values.flat(shown.value)
    whole = not np.any(shown.unit)
    return whole and any(
        p.computed is not None and np.all(np.abs(values.flat(p.computed) - entries) < 1)
        for p in results
        if p.computed is not None and values.same_shape(p.computed, shown.value)
    )


def _by_corrected(
    definitions: Sequence[Definition], results: Sequence[Pair], last: Link, environment: Environment
) -> Iterator[Pair]:
    """Yields the agreement with right formulas, and right values, in place of those found wrong."""
    for definition in definitions:
        if definition.right is None:
            continue
        right = replace(definition, tree=definition.right)
        pair = compare(guarded(right, environment), last, environment)
        if pair is not None and pair.agreement == "no":
            pair = with_corrections(pair, environment)
        if pair is not None and pair.agreement != "no":
            yield replace(pair, corrected=definition.place.line)
    for pair in results:
        again = with_corrections(pair, environment)
        if again.agreement != "no":
            yield again


MOST_STEPS = 4
"""Through so many definitions a value is followed."""


def guarded(definition: Definition, environment: Environment) -> Link:
    """Returns a definition with those of names without a value put in.

    An ε without a value only keeps from dividing by 0: it is put to 0.
    """

    def change(node: Node, steps: int = MOST_STEPS) -> Node:
        if not isinstance(node, Symbol):
            return rebuilt(node, lambda part: change(part, steps))
        if environment.versions(node):
            return node
        known = environment.definitions.get(node.key, ())
        if len(known) == 1 and steps:
            return change(known[0].tree, steps - 1)
        return Number(node.span, "0", 0.0, 0.0, 1) if node.base == "epsilon" else node

    return Link(change(definition.tree), "=", "")


OPEN_UNITS = 1.5
OPEN_BARS = 3.0
"""A value is off its definition beyond this: rounded values were put in that are not shown."""


def is_off(pair: Pair) -> bool:
    """Whether a value differs by more than rounded values on the way explain."""
    shown_value, computed = display.stated(pair.right.node), pair.computed
    if computed is None or not values.same_shape(computed, shown_value.value):
        return False
    right = values.flat(computed)
    off = np.abs(right - values.flat(shown_value.value))
    unit, bar = shown_value.unit.reshape(-1), computed.bar.reshape(-1)
    units = np.where(_has_no_more_digits(right, unit) & (bar == 0), 0.5, OPEN_UNITS)
    return bool(np.any(off > units * unit + OPEN_BARS * bar + 1e-9 * np.abs(off)))


def _has_no_more_digits(value: Numbers, unit: Numbers) -> Mask:
    """Whether a value is whole in units of the last digit shown: nothing was rounded."""
    count = value / np.where(unit > 0, unit, 1.0)
    return (np.abs(count - np.round(count)) <= 1e-9 * np.maximum(1.0, np.abs(count))) & (unit > 0)


def _by_definition(
    pair: Pair, definition: Definition, chain: Chain, environment: Environment, source: Source
) -> Claim:
    claim = disagreed_claim(pair, chain, environment, source)
    words = f"line {definition.place.line} defines it as {written(definition.tree)}"
    return replace(
        claim,
        explanation="; ".join(filter(None, (words, claim.explanation))),
        correction=Correction(value=pair.computed),
    )
