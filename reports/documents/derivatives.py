"""Stated derivatives against the document's own definitions, by `gradcheck`.

A formula is checked at random values, with numbers in place of its indices; figures are checked by
`figures`, at the document's own values.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, permutations

import numpy as np

from reports.documents import values
from reports.documents.choices import choices, target_of
from reports.documents.claims import Claim
from reports.documents.derivative_repair import changed, holds_for
from reports.documents.environment import Environment, key_of
from reports.documents.figures import rests_on_wrong
from reports.documents.indices import Definitions, instance, letters, named, whole
from reports.documents.links import is_update, side, subject
from reports.documents.model import Model
from reports.documents.places import quoted
from reports.documents.points import Draw, is_by_entries, is_parameter
from reports.documents.readings import BENIGN, LOOSE, Reading
from reports.documents.source import Source
from reports.documents.tree import (
    Cases,
    Chain,
    Derivative,
    Link,
    Node,
    Number,
    Symbol,
    literal,
    names,
    rebuilt,
    replaced,
    walk,
)
from reports.documents.values import NotEvaluable, Quantity, ShapeClash, Undefined
from reports.documents.verdicts import confirmed_wrong, factor_between
from reports.documents.writing import shown, written

POINTS = 2
MOST_LETTERS = 3
MOST_REPAIRS = 100


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a check of one formula under one choice of definitions found."""

    passes: bool
    claimed: Quantity | None = None
    true: Quantity | None = None
    model: Model | None = None
    target: Derivative | None = None
    known_shapes: bool = True


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
    for link in chain.links[1:]:
        if _is_formula(link) and not isinstance(link.node, Derivative):
            yield from _formula(target, link, chain, environment, source, said)


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
    if literal(chain.links[-1].node) and rests_on_wrong(chain, environment):
        return
    formula = _spelled_out(link.node, environment)
    outcomes = []
    for definitions in choices(target, environment, said, formula):
        trial = _Trial(target, formula, definitions, environment)
        outcome = trial.outcome(formula)
        if outcome is None:
            return
        if outcome.passes:
            yield _claim(chain, link, source, "ok", explanation="checked by finite differences")
            return
        if trial.holds_at_own_values(formula):
            return  # numbers of the document stand in it, as in e_t · 1 where w = 1
        outcomes.append((definitions, trial, outcome))
    if not outcomes:
        return
    definitions, trial, outcome = outcomes[0]
    message = _said(target, outcome)
    if not message:
        return
    right, words = _repaired(target, formula, definitions, environment, trial)
    yield _claim(
        chain,
        link,
        source,
        "derivative",
        right=right,
        explanation="; ".join(filter(None, (words, message))),
    )


def _spelled_out(formula: Node, environment: Environment) -> Node:
    """Returns a formula with the derivative in place of a name that is defined as one."""
    if isinstance(formula, Symbol):
        own = [d.tree for d in environment.definitions_of(formula)]
        if own and isinstance(own[-1], Derivative):
            return own[-1]
    return rebuilt(formula, lambda part: _spelled_out(part, environment))


def _claim(
    chain: Chain, link: Link, source: Source, verdict: str, right: str = "", explanation: str = ""
) -> Claim:
    return Claim(
        place=source.place(link.span[0]),
        formula=quoted(source, chain),
        verdict=verdict,  # type: ignore[arg-type]
        kind="derivative",
        stated=" ".join(link.text.split()),
        right=right,
        explanation=explanation,
    )


# ---------------------------------------------------------------- one formula, one choice


class _Trial:
    """A derivative under one choice of definitions: claims are tried on the same random points."""

    def __init__(
        self,
        target: Derivative,
        formula: Node,
        definitions: Definitions,
        environment: Environment,
    ) -> None:
        self._target, self._formula = target, formula
        self._definitions, self._environment = definitions, environment
        self._bounds = _assignments(target, formula)
        self._points: dict[tuple[int, int], list[_Point]] = {}

    def outcome(self, formula: Node) -> Outcome | None:
        """Returns whether a formula is the derivative; None: it cannot be decided."""
        outcome: Outcome | None = None
        for number, bound in enumerate(self._bounds):
            at = _at_letters(formula, bound)
            for seed in range(POINTS):
                outcome = _best(at, self._at(number, seed))
                if outcome is None or not outcome.passes:
                    return outcome
        return outcome

    def holds_at_own_values(self, formula: Node) -> bool:
        """Whether a formula is right at the values that the document gives."""
        for bound in self._bounds:
            target = instance(self._target, bound)
            free = frozenset(bound)
            draw = Draw(self._definitions, self._formula, self._environment, 0, free, own=True)
            point = _point(target, draw, self._definitions, BENIGN[0], partly=False)
            outcome = None if point is None else _judged(_at_letters(formula, bound), point)
            if outcome is None or not outcome.passes:
                return False
        return bool(self._bounds)

    def _at(self, number: int, seed: int) -> Iterator["_Point"]:
        """Yields the ways to take the derivative at a point, those once taken kept."""
        known = self._points.setdefault((number, seed), [])
        yield from known
        if known:
            return
        bound = self._bounds[number]
        target = instance(self._target, bound)
        for partly in (False, True):
            for reading in (*BENIGN, LOOSE):
                free = frozenset(bound)
                draw = Draw(self._definitions, self._formula, self._environment, seed, free)
                point = _point(target, draw, self._definitions, reading, partly=partly)
                if point is not None:
                    known.append(point)
                    yield point
                if not draw.has_arrays or (point is not None and point.by_entries):
                    break


@dataclass(frozen=True, eq=False)
class _Point:
    """A derivative taken at random values, under one reading."""

    model: Model
    target: Derivative
    draw: Draw
    true: Quantity
    by_entries: bool


def _best(formula: Node, points: Iterator[_Point]) -> Outcome | None:
    found: Outcome | None = None
    for point in points:
        now = _judged(formula, point)
        if now is not None and (found is None or now.passes):
            found = now
        if found is not None and found.passes:
            break
    return found


def _assignments(target: Derivative, formula: Node) -> list[dict[str, int]]:
    """Returns what the running letters of a derivative stand for: different numbers each.

    Where the formula tells equal indices from others, equal ones are tried too.
    """
    free = [*dict.fromkeys(c for n in (target.of, target.wrt) for c in _running(n))]
    if not free:
        return [{}]
    if len(free) > MOST_LETTERS:
        return []
    choices_ = islice(permutations((2, 1, 3), len(free)), 2 if len(free) > 1 else 1)
    found: list[dict[str, int]] = [dict(zip(free, choice, strict=True)) for choice in choices_]
    if len(free) == 2 and (_deltas(formula, free) or any(_cases(formula))):
        found.append(dict.fromkeys(free, 2))
    return found


def _running(node: Node) -> tuple[str, ...]:
    return letters(node) if isinstance(node, Symbol) else ()


def _cases(node: Node) -> Iterator[Cases]:
    return (n for n in walk(node) if isinstance(n, Cases))


def _deltas(node: Node, free: list[str]) -> list[Symbol]:
    """Returns the Kronecker deltas of a formula: δ_ij in a derivative by the index j."""
    return [
        n
        for n in walk(node)
        if isinstance(n, Symbol)
        and n.base in {"delta", "ones", "I"}
        and not n.sup
        and sorted(letters(n)) == sorted(free)
    ]


def _at_letters(formula: Node, bound: dict[str, int]) -> Node:
    """Returns a formula with numbers in place of the letters that are bound."""
    for delta in _deltas(formula, [*bound]) if len(bound) == 2 else ():
        equal = float(len(set(bound.values())) == 1)
        one = Number(delta.span, str(int(equal)), equal, 0.0, 1)
        formula = replaced(formula, delta, one)
    return instance(formula, bound)


def _point(
    target: Node, draw: Draw, definitions: Definitions, reading: Reading, *, partly: bool
) -> _Point | None:
    """Returns a derivative at random values; None where it cannot be taken, or is nothing.

    Partly: what the definition of the numerator names is held, as partial derivatives are meant
    where several time steps share a weight.
    """
    if not isinstance(target, Derivative):
        return None
    model = Model(definitions, draw, draw.environment, {}, reading)
    key = key_of(target.wrt) or ""
    if not model.depends(target.of, key):
        return None
    try:
        at = model.at(target.wrt)
        if partly:
            model.fixed |= _held(model, target, key)
        true = model.derivative(model.along(target), at)
    except (NotEvaluable, ShapeClash, Undefined, RecursionError):
        return None
    if not np.any(true.value):
        return None
    by_entries = is_by_entries(model.trees(target.of), draw.arrays)
    return _Point(model, target, draw, true, by_entries)


def _judged(formula: Node, point: _Point) -> Outcome | None:
    """Returns whether a formula and the derivative agree at a point; None: it says nothing."""
    model, true, draw = point.model, point.true, point.draw
    key = key_of(point.target.wrt) or ""
    if key_of(formula) == key_of(point.target):
        return None
    known = set(draw.values)
    try:
        claimed = model.value(formula)
    except (NotEvaluable, ShapeClash, Undefined, RecursionError):
        return None
    if set(draw.values) - known:
        return None  # the formula uses what the function does not
    shaped = not draw.guessed or not (true.shape or claimed.shape or draw.has_arrays)
    shaped = shaped or (point.by_entries and is_by_entries((formula,), draw.arrays))
    own = {key, whole(named(key)).key}
    complete = shaped and all(is_parameter(k) or k in own | draw.counts for k in draw.values)
    agrees = _agrees(claimed, true)
    if not agrees and not complete:
        return None
    known_shapes = all(
        draw.environment.versions(named(k)) for k, q in draw.values.items() if q.shape
    )
    return Outcome(agrees, claimed, true, model, point.target, known_shapes)


def _held(model: Model, target: Derivative, key: str) -> dict[str, Quantity]:
    tree = model.definitions.of(target.of) if isinstance(target.of, Symbol) else None
    named = [] if tree is None else names(tree)
    return {k: model.value(n) for n in named if (k := key_of(n)) and k != key}


def _agrees(claimed: Quantity, true: Quantity) -> bool:
    if not values.same_shape(claimed, true):
        return claimed.shape == () and bool(np.allclose(true.value, claimed.value, rtol=1e-6))
    scale = max(1e-6, float(np.abs(true.value).max(initial=0)))
    return bool(np.allclose(values.flat(claimed), values.flat(true), rtol=1e-6, atol=1e-8 * scale))


def _said(target: Derivative, outcome: Outcome) -> str:
    """Returns how a wrong claim differs; "" where `gradcheck` does not confirm that it is wrong."""
    claimed, true, model, at = outcome.claimed, outcome.true, outcome.model, outcome.target
    if claimed is None or true is None or model is None or at is None:
        return ""
    if not values.same_shape(claimed, true):
        if not outcome.known_shapes or not claimed.shape:
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
    trial: _Trial,
) -> tuple[str, str]:
    """Returns the smallest change of a formula that makes it right, and what the claim is else."""
    other = holds_for(target, formula, definitions, environment)
    for words, tree in islice(changed(formula, target), MOST_REPAIRS):
        outcome = trial.outcome(tree)
        if outcome is not None and outcome.passes:
            return written(tree), "; ".join(filter(None, (words, other)))
    return "", other
