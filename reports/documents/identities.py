"""Two formulas of one chain, one after the other: equal at random values, or not.

The names are drawn freely at first; where the sides differ so, they are computed by the document's
definitions. Labels may be 0 and 1, or ±1, and shares add up to 1: what holds then is right.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from reports.documents import values
from reports.documents.choices import in_force
from reports.documents.claims import Claim, Verdict
from reports.documents.dimensions import Dimensions, solutions
from reports.documents.environment import ROLES, Environment, key_of
from reports.documents.indices import Definitions, items, letters
from reports.documents.links import is_update, side, subject
from reports.documents.model import Model, relevant
from reports.documents.places import quoted
from reports.documents.points import Draw
from reports.documents.readings import PLAIN
from reports.documents.source import Source
from reports.documents.stance import Stance, is_asked
from reports.documents.tree import (
    Array,
    BigSum,
    Call,
    Chain,
    Derivative,
    Divide,
    Link,
    Node,
    Norm,
    Power,
    Sum,
    Symbol,
    Times,
    Transposed,
    children,
    names,
    rebuilt,
    walk,
)
from reports.documents.trials import STRICT, at_letters
from reports.documents.values import NotEvaluable, Quantity, ShapeClash, Undefined
from reports.documents.writing import written

SEEDS = (0, 1)
LABELS: tuple[tuple[float, ...], ...] = ((), (0.0, 1.0), (1.0, -1.0))
"""What labels are drawn from: shares, 0 and 1, ±1."""

SMALL = 1e-5
"""A number whose square is 0."""


def identity_claims(
    chain: Chain, environment: Environment, source: Source, judged: frozenset[Link]
) -> Iterator[Claim]:
    """Yields the verdicts on formulas that follow each other in a chain.

    Args:
        chain: the statement.
        environment: what the document has said before it.
        source: where it stands.
        judged: the sides that have a verdict already.
    """
    if is_update(chain) or chain.enumerates:
        return
    first = chain.links[0].node if chain.links else None
    defines = subject(chain) is not None or isinstance(first, Call)
    links = chain.links[1:] if defines else chain.links
    for left, right in pairwise(links):
        if right in judged or right.relation != "=" or not _are_formulas(left, right):
            continue
        spelled = _with_stated(left.node, environment)
        found = compared(spelled, right.node, environment)
        if found == "equal":
            words = "both sides agree at random values"
            yield _claim(chain, right, source, "ok", words)
        elif found == "different" and (defines or _is_worked(left.node)):
            if not defines and is_asked(source.text, *chain.span):
                continue  # an equation to be solved
            if _are_of_numbers(spelled, environment) and _are_of_numbers(right.node, environment):
                words = "the sides differ at random values of their names"
                yield _claim(chain, right, source, "wrong", words)


def again_claims(
    chain: Chain, environment: Environment, source: Source, said: Stance
) -> Iterator[Claim]:
    """Yields the verdict on a formula for what the same section has defined by another one.

    It is wrong only where the words say that it was found: else it may be defined anew.

    Args:
        chain: the statement.
        environment: what the document has said before it.
        source: where it stands.
        said: what the words beside it say of it.
    """
    if len(chain.links) < 2 or is_update(chain) or chain.enumerates or said == "given":
        return
    node, link = chain.links[0].node, chain.links[1]
    name = node.name if isinstance(node, Call) and not node.prime else key_of(node)
    if not isinstance(node, (Symbol, Call)) or side(link) != "symbolic" or link.relation != "=":
        return
    known = environment.definitions.get(name or "", [])
    own = [d for d in known if d.section == environment.section and not d.wrong]
    if not own or isinstance(own[-1].tree, Derivative) or _is_name(link.node):
        return
    before, now = own[-1].tree, link.node
    if isinstance(node, Call):
        function = environment.functions.get(node.name)
        if function is None or function.parameters != tuple(map(key_of, node.arguments)):
            return
    numbers = _are_of_numbers(before, environment) and _are_of_numbers(now, environment)
    if not numbers or not _keys(now) <= _keys(before) or _is_nested(before) or _is_nested(now):
        return
    found = compared(before, now, environment)
    line = own[-1].place.line
    if found == "equal":
        yield _claim(chain, link, source, "ok", f"it agrees with line {line} at random values")
    elif found == "different":
        words = f"line {line} defines it as {written(before)}; the two differ at random values"
        yield _claim(chain, link, source, "wrong" if said == "found" else "not checked", words)


def _with_stated(node: Node, environment: Environment) -> Node:
    """Returns a product of derivatives with what the same section says that they are."""
    if isinstance(node, Derivative):
        known = environment.definitions.get(key_of(node) or "", ())
        own = [d.tree for d in known if d.section == environment.section and not d.wrong]
        return own[-1] if own else node
    return rebuilt(node, lambda part: _with_stated(part, environment))


def _are_formulas(left: Link, right: Link) -> bool:
    if side(left) != "symbolic" or side(right) != "symbolic":
        return False
    if any(map(_is_nested, (left.node, right.node))):
        return False
    return not (_is_name(left.node) or _is_name(right.node))


def _is_nested(node: Node) -> bool:
    """Whether a sum runs over several indices, or within another: too many terms to try."""
    sums = [n for n in walk(node) if isinstance(n, BigSum)]
    inner = (n for s in sums for n in walk(s.body))
    return any(len(items(s.index)) > 1 for s in sums) or any(isinstance(n, BigSum) for n in inner)


def _is_name(node: Node) -> bool:
    """Whether a side only names something: a symbol, a derivative, a function of symbols."""
    called = isinstance(node, Call) and all(isinstance(a, Symbol) for a in node.arguments)
    return isinstance(node, (Symbol, Derivative)) or called


def _are_of_numbers(node: Node, environment: Environment) -> bool:
    """Whether a formula is of plain numbers: of arrays, authors use more than they say there.

    Unit vectors, orthogonal columns, a bias that stands for each row: none is in the formula.
    """
    for part in walk(node):
        match part:
            case Transposed() | Norm() | BigSum() | Array() | Derivative():
                return False
            case Symbol() as name if environment.kind(name) not in {None, "number"}:
                return False
            case Symbol(base=base) if base[:1].isupper():
                return False
            case Times(left=Symbol(), right=right, kind="juxtaposed"):
                bracketed = right.span[1] < part.span[1]
                if bracketed and not isinstance(right, (Sum, Times, Divide)):
                    return False  # it may be a function that is not known
    return True


def _is_worked(node: Node) -> bool:
    """Whether an equation without a subject works a formula out, and is none to be solved."""
    parts = (n for n in walk(node) if isinstance(n, (Times, Power, Divide)))
    return any(isinstance(child, Sum) for part in parts for child in children(part))


def _claim(chain: Chain, link: Link, source: Source, verdict: Verdict, words: str) -> Claim:
    return Claim(
        place=source.place(link.span[0]),
        formula=quoted(source, chain),
        verdict=verdict,
        kind="identity",
        stated=" ".join(link.text.split()),
        explanation=words,
    )


# ---------------------------------------------------------------- values


def compared(left: Node, right: Node, environment: Environment) -> str:
    """Returns "equal", "different", or "" where that cannot be said."""
    outcomes = set()
    known = relevant(Definitions(in_force(environment)), (left, right), environment)
    for definitions in (Definitions({}), known):
        for one, other in _readings(left, right):
            for trial in _trials(one, other, definitions, environment):
                outcome = trial.outcome()
                if outcome is True:
                    return "equal"
                outcomes.add(outcome)
    return "different" if outcomes == {False} else ""


def _readings(left: Node, right: Node) -> Iterator[tuple[Node, Node]]:
    """Yields both sides, then with log a b as the logarithm of the product."""
    yield left, right
    wide = _widened(left), _widened(right)
    if wide != (left, right):
        yield wide


def _widened(node: Node) -> Node:
    match node:
        case Times(
            left=Call(arguments=(argument,), prime=0) as call, right=right, kind="juxtaposed"
        ):
            if argument.span[1] == call.span[1]:  # no parentheses stand around it
                inner = Times(node.span, argument, right, "juxtaposed")
                return replace(call, arguments=(_widened(inner),), span=node.span)
    return rebuilt(node, _widened)


@dataclass(frozen=True, eq=False)
class _Trial:
    """Both sides at random values, under one choice of shapes and labels."""

    left: Node
    right: Node
    definitions: Definitions
    environment: Environment
    dimensions: Dimensions | None
    labels: tuple[float, ...]

    def outcome(self) -> bool | None:
        """Returns whether the sides are equal; None: it cannot be said."""
        results = [self._at(bound, seed) for bound in _bounds(self) for seed in SEEDS]
        return None if None in results or not results else all(results)

    def _at(self, bound: dict[str, int], seed: int) -> bool | None:
        left, right = (at_letters(node, bound) for node in (self.left, self.right))
        found = None
        for reading in STRICT if self.dimensions else (PLAIN,):
            both = _both(self.left, self.right)
            draw = _Labelled(
                self.definitions,
                both,
                self.environment,
                seed,
                frozenset(bound),
                dimensions=self.dimensions,
            )
            draw.targets = _targets(both)
            draw.labels = (*self.labels[seed:], *self.labels[:seed])
            model = Model(self.definitions, draw, self.environment, {}, reading)
            model.free = True
            try:
                a = model.value(left)
                known = set(draw.values)
                b = model.value(right)
            except (NotEvaluable, ShapeClash, Undefined, RecursionError):
                continue
            if draw.guessed and (draw.has_arrays or a.shape or b.shape):
                continue
            small = not self.environment.nilpotent.isdisjoint(draw.values)
            if _agree(a, b, first_order=small):
                return True
            if set(draw.values) == known and _keys(left) == _keys(right):
                found = False
        return found


class _Labelled(Draw):
    """Random values whose labels are drawn from a few: a number is each of them once."""

    labels: tuple[float, ...] = ()
    targets: frozenset[str] = frozenset()

    def _value(self, node: Symbol) -> Quantity:
        if node.key in self.environment.nilpotent:
            return values.quantity(SMALL)
        drawn = super()._value(node)
        if not self.labels or node.key not in self.targets:
            return drawn
        picked = np.resize(np.array(self.labels), drawn.value.size).reshape(drawn.shape)
        return values.quantity(picked)


def _keys(node: Node) -> set[str | None]:
    return {key_of(name) for name in names(node)}


def _trials(
    left: Node, right: Node, definitions: Definitions, environment: Environment
) -> Iterator[_Trial]:
    typed = solutions([(left, right)], environment.kind)
    if not typed:
        return
    has_labels = bool(_targets(_both(left, right)))
    for dimensions in typed:
        for labels in LABELS if has_labels else LABELS[:1]:
            given = dimensions if dimensions.has_arrays else None
            yield _Trial(left, right, definitions, environment, given, labels)


def _targets(node: Node) -> frozenset[str]:
    """Returns the names that may be labels; beside another one y is what is predicted."""
    used = {n.key: n.base for n in walk(node) if isinstance(n, Symbol)}
    found = {key for key in used if key in ROLES["target"]}
    others = {key for key in found if used[key] not in {"y", "Y"}}
    return frozenset(found if "hat y" in used.values() or not others else others)


def _both(left: Node, right: Node) -> Node:
    return Array(left.span, ((left, right),), flat=True)


def _bounds(trial: _Trial) -> list[dict[str, int]]:
    """Returns numbers for the letters that run freely."""
    free = [*dict.fromkeys((*_free(trial.left), *_free(trial.right)))]
    if len(free) > 3:
        return []
    found: list[dict[str, int]] = [dict(zip(free, (2, 1, 3), strict=False))]
    return [*found, dict.fromkeys(free, 2)] if len(free) == 2 else found


def _free(node: Node) -> Iterator[str]:
    """Yields the letters that run in a formula and that no sum binds."""
    bound = {c for n in walk(node) if isinstance(n, BigSum) for c in n.index}
    for part in walk(node):
        if isinstance(part, Symbol):
            yield from (c for c in letters(part) if c not in bound)


def _agree(a: Quantity, b: Quantity, *, first_order: bool) -> bool:
    if not values.same_shape(a, b):
        return False
    scale = max(1e-6, float(np.abs(a.value).max(initial=0)))
    least = 1e2 * SMALL**2 if first_order else 1e-9 * scale
    return bool(np.allclose(values.flat(a), values.flat(b), rtol=1e-8, atol=least))
