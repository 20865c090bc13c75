"""Stated derivatives against the document's own definitions, by `gradcheck`.

A formula is checked at random values, with numbers in place of its indices; figures are checked by
`figures`, at the document's own values.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from reports.documents import values
from reports.documents.choices import choices
from reports.documents.claims import Claim, Correction
from reports.documents.conforming import spoken_matrices
from reports.documents.derivative_repair import changed, holds_for
from reports.documents.environment import Definition, Environment, key_of
from reports.documents.figured import figured
from reports.documents.indices import Definitions, letters, whole
from reports.documents.links import is_update, side, subject
from reports.documents.places import quoted
from reports.documents.source import Source
from reports.documents.targets import target_of, telescoped, with_a_name, with_functions
from reports.documents.tree import (
    BigSum,
    Chain,
    Derivative,
    Divide,
    Link,
    Node,
    Number,
    Symbol,
    Times,
    Transposed,
    names,
    rebuilt,
    walk,
)
from reports.documents.trials import Outcome, Trial
from reports.documents.unsaid import as_spoken, with_statistics
from reports.documents.verdicts import confirmed_wrong, factor_between
from reports.documents.writing import shown, written

MOST_REPAIRS = 150
AFTER = 150
_CONDITION = re.compile(
    r"(?i)[<>]|\\[lg]e?q?\b|positive|negative|\bactive|\bif\b|\bwhen|\bcase|assum|suppos"
    r"|若|当|如果|[为是]正|[为是]负|被激活|激活的|大于|小于|假[设定]"
)
"""Words beside a formula that say where it holds."""

OF_NUMBERS = "it holds for numbers; for the matrices of which the text speaks it does not"
BY_FIGURES = "{} is stated by its figures alone"


def derivative_claims(
    chain: Chain, environment: Environment, source: Source, said: str
) -> Iterator[Claim]:
    """Yields the verdicts on what a chain says of derivatives.

    Args:
        chain: the statement.
        environment: what the document has said before it, this statement not included.
        source: where it stands.
        said: the words just before it: they tell which of several losses is meant.
    """
    if len(chain.links) < 2 or is_update(chain) or chain.enumerates:
        return
    target = target_of(subject(chain), chain, environment)
    if target is None:
        return
    target, environment = with_a_name(target, environment)
    for link in chain.links[1:]:
        if not _is_formula(link) or _is_chain_rule(link.node, target):
            continue
        claims: tuple[Claim, ...] = ()
        for known in with_functions(chain, environment):
            claims = tuple(_formula(target, link, chain, known, source, said))
            if not any(claim.flagged for claim in claims):
                break  # a function of which nothing is said may be this one
        yield from claims


def _is_chain_rule(node: Node, target: Derivative) -> bool:
    """Whether a side is the chain rule itself, or another loss's derivative: ∂L/∂a ∂a/∂z."""
    if isinstance(node, Derivative):
        return key_of(node.of) != key_of(target.of) or key_of(node) == key_of(target)
    return telescoped(node) is not None


def _is_formula(link: Link) -> bool:
    """Whether a side is a formula into which no figures are put yet."""
    figures = (n for n in walk(link.node) if isinstance(n, Number) and n.unit and n.digits > 1)
    return side(link) == "symbolic" and not any(figures)


# ---------------------------------------------------------------- formulas


def _formula(
    target: Derivative,
    link: Link,
    chain: Chain,
    environment: Environment,
    source: Source,
    said: str,
) -> Iterator[Claim]:
    wrong = _wrong_definitions(link.node, environment)
    inherits = f"it follows from line {wrong[-1].place.line}, which is wrong" if wrong else ""
    if any(d.right is None for d in wrong):
        yield _claim(chain, link, source, "inherited", explanation=inherits)
        return
    formula = _spelled_out(link.node, environment)
    outcomes = []
    for definitions, source_of in _readings(target, environment, said, formula):
        trial = Trial(target, formula, definitions, environment)
        outcome = trial.outcome(formula)
        if outcome is None:
            if not outcomes and source_of == "said":
                return
            if outcomes and source_of == "one of two":
                outcomes[-1] = (*outcomes[-1][:2], replace(outcomes[-1][2], is_open=True))
            continue  # an earlier definition of the same name
        if outcome.passes and _is_of_numbers(target, formula, definitions, environment):
            yield _claim(chain, link, source, "not checked", explanation=OF_NUMBERS)
            return
        if outcome.passes:
            yield _claim(chain, link, source, "ok", explanation="checked by finite differences")
            return
        if trial.holds_at_own_values(formula):
            return  # numbers of the document stand in it, as in e_t · 1 where w = 1
        if _CONDITION.search(said + source.text[chain.span[1] : chain.span[1] + AFTER]):
            positive = Trial(target, formula, definitions, environment, signed=False)
            if (found := positive.outcome(formula)) is not None and found.passes:
                return  # it is said where it holds
        outcome = replace(outcome, is_open=outcome.is_open or source_of == "spoken")
        outcomes.append((definitions, trial, outcome))
    closed = [each for each in outcomes if not each[2].is_open]
    if not outcomes:
        return
    definitions, trial, outcome = (closed or outcomes)[0]
    if wrong and _holds_with(wrong, target, formula, definitions, environment):
        yield _claim(chain, link, source, "inherited", explanation=inherits)
        return
    is_open = _mixes_notations(formula) or any(map(may_be_called, walk(formula)))
    message = "" if is_open else _said(target, outcome)
    if not message:
        return
    if _holds_if_symmetric(target, formula, definitions, environment):
        words = "it holds where its matrix is symmetric, of which nothing is said"
        yield _claim(chain, link, source, "not checked", explanation=words)
        return
    others, alone = figured((target.of, formula), target.wrt, definitions, environment)
    if alone:
        yield _claim(chain, link, source, "not checked", explanation=BY_FIGURES.format(alone))
        return
    trials = [(other, Trial(target, formula, other, environment)) for other in others]
    read = [(*each, found) for each in trials if (found := each[1].outcome(formula)) is not None]
    if any(found.passes for *_, found in read):
        yield _claim(chain, link, source, "ok", explanation="checked by finite differences")
        return
    if read:
        definitions, trial, _ = read[0]
    tree, words = _repaired(target, formula, definitions, environment, trial)
    if tree is None and not closed:
        return  # it may be right by what is not said
    yield _claim(
        chain,
        link,
        source,
        "derivative",
        right=tree,
        explanation="; ".join(filter(None, (words, message))),
    )


def _is_of_numbers(
    target: Derivative, formula: Node, definitions: Definitions, environment: Environment
) -> bool:
    """Whether a formula is right with a number for a matrix, and with none for it."""
    matrices = spoken_matrices(target, definitions, environment)
    if not matrices:
        return False
    trial = Trial(target, formula, definitions, environment, arrays=matrices)
    outcome = trial.outcome(formula)
    return outcome is not None and not outcome.passes


def _readings(
    target: Derivative, environment: Environment, said: str, formula: Node
) -> Iterator[tuple[Definitions, str]]:
    """Yields the definitions that may be meant: "said", "one of two" or, without any, "spoken"."""
    found = False
    for definitions in choices(target, environment, said, formula):
        found = True
        other = with_statistics(target, formula, definitions, environment)
        if other is not None:
            yield other, "one of two"
        yield definitions, "said" if other is None else "one of two"
    if not found:
        yield from ((spoken, "spoken") for spoken in as_spoken(target, environment))


def _mixes_notations(formula: Node) -> bool:
    """Whether a name stands whole and with an index under a sum: N ∂L/∂y − Σ_n ∂L/∂y_n."""
    sums = (n for n in walk(formula) if isinstance(n, BigSum))
    inside = {n.base for s in sums for n in walk(s.body) if isinstance(n, Symbol) and letters(n)}
    plain = (n for n in walk(formula) if isinstance(n, Symbol) and not n.sub and not letters(n))
    return any(name.base in inside for name in plain)


def may_be_called(node: Node) -> bool:
    """Whether a product may be a function of which nothing is said: Φ(x)."""
    match node:
        case Times(left=Symbol(), right=Symbol() as right, kind="juxtaposed"):
            return right.span[1] < node.span[1]
    return False


def _wrong_definitions(formula: Node, environment: Environment) -> list[Definition]:
    """Returns the definitions of the names of a formula that were found wrong."""
    known = (environment.definitions.get(key_of(name) or "", ()) for name in names(formula))
    return [d for found in known for d in found if d.wrong]


def _holds_with(
    wrong: Sequence[Definition],
    target: Derivative,
    formula: Node,
    definitions: Definitions,
    environment: Environment,
) -> bool:
    """Whether a formula is right once its names are."""
    right = {id(d.tree): d.right for d in wrong if d.right is not None}
    trees = {key: right.get(id(tree), tree) for key, tree in definitions.trees.items()}
    outcome = Trial(target, formula, Definitions(trees), environment).outcome(formula)
    return outcome is None or outcome.passes or outcome.is_open


def _holds_if_symmetric(
    target: Derivative, formula: Node, definitions: Definitions, environment: Environment
) -> bool:
    """Whether a formula is the gradient of ½ xᵀAx + …, for which A is meant to be symmetric."""
    own = definitions.trees.get(key_of(target.of) or "")
    parts = () if own is None else tuple(walk(own))
    halved = any(isinstance(n, Divide) for n in parts)
    form = any(isinstance(n, Transposed) and key_of(n.body) == key_of(target.wrt) for n in parts)
    if environment.symmetric or not (halved and form):
        return False
    known = replace(environment, symmetric=True)
    outcome = Trial(target, formula, definitions, known).outcome(formula)
    return outcome is not None and outcome.passes


def _spelled_out(formula: Node, environment: Environment) -> Node:
    """Returns a formula with the derivative in place of a name that is defined as one."""
    if isinstance(formula, Symbol):
        own = [d.tree for d in environment.definitions_of(formula)]
        if own and isinstance(own[-1], Derivative):
            return own[-1]
        array = [] if own or not letters(formula) else environment.definitions_of(whole(formula))
        match [d.tree for d in array[-1:]]:
            case [Derivative(wrt=Symbol(sub="") as wrt) as slope]:  # g_i where g is ∂L/∂x
                return replace(slope, wrt=replace(wrt, sub=formula.sub), span=formula.span)
    return rebuilt(formula, lambda part: _spelled_out(part, environment))


def _claim(
    chain: Chain,
    link: Link,
    source: Source,
    verdict: str,
    right: Node | None = None,
    explanation: str = "",
) -> Claim:
    return Claim(
        place=source.place(link.span[0]),
        formula=quoted(source, chain),
        verdict=verdict,  # type: ignore[arg-type]
        kind="derivative",
        stated=" ".join(link.text.split()),
        right="" if right is None else written(right),
        correction=Correction(right),
        explanation=explanation,
    )


def _said(target: Derivative, outcome: Outcome) -> str:
    """Returns how a wrong claim differs; "" where `gradcheck` does not confirm that it is wrong."""
    claimed, true, model, at = outcome.claimed, outcome.true, outcome.model, outcome.target
    if outcome.clash:
        return f"the shapes of its factors do not conform: {outcome.clash}"
    if claimed is None or true is None or model is None or at is None:
        return ""
    if not values.same_shape(claimed, true):
        if not outcome.known_shapes or not (claimed.shape or outcome.typed):
            return ""
        shapes_ = values.size(true.shape), values.size(claimed.shape)
        return f"{shown(target)} is {shapes_[0]}, the formula gives {shapes_[1]}"
    slope = claimed.value.reshape(true.shape)
    if not confirmed_wrong(model.along(at), model.at(at.wrt), slope):
        return ""
    factor = factor_between(claimed, true)
    if factor:
        return f"it is {factor} times {shown(target)} of the document's own definitions"
    return (
        f"finite differences of the document's own definitions give another {shown(target)} "
        "at random values"
    )


def _repaired(
    target: Derivative,
    formula: Node,
    definitions: Definitions,
    environment: Environment,
    trial: Trial,
) -> tuple[Node | None, str]:
    """Returns the smallest change of a formula that makes it right, and what the claim is else."""
    other = holds_for(target, formula, definitions, environment)
    for words, tree in islice(changed(formula, target, definitions), MOST_REPAIRS):
        outcome = trial.outcome(tree)
        if outcome is not None and outcome.passes:
            return tree, "; ".join(filter(None, (words, other)))
    return None, other
