"""A chain's sides held against each other: every adjacent pair that has values."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from reports.documents import display, values
from reports.documents.environment import Environment
from reports.documents.evaluate import Context, evaluate
from reports.documents.meant import meanings, summed, unscaled
from reports.documents.readings import BENIGN, PLAIN, ROUNDED, Reading
from reports.documents.stance import Stance
from reports.documents.tree import (
    Array,
    Call,
    Chain,
    Derivative,
    Divide,
    Link,
    Node,
    Norm,
    Number,
    Power,
    Symbol,
    literal,
    names,
    symbols,
    walk,
)
from reports.documents.values import NoNumber, NotEvaluable, Quantity, ShapeClash, Undefined

Side = Literal["literal", "numeric", "symbolic"]


@dataclass(frozen=True, eq=False)
class Pair:
    """Two sides that were compared.

    Attributes:
        left: the side that was computed.
        right: the side that it should equal.
        agreement: "exact", "digits" or "no".
        reading: the reading under which they agree; the ordinary one where they do not.
        computed: the left side's value under the reading, None where shapes do not conform.
        clash: what does not conform, in words.
        certain: whether a disagreement is an error of the document, and not of what was read.
        undefined: whether the left side has no value at all, as the logarithm of −1.
        corrected: the line of a wrong value; the sides agree with the right one in its place.
        inherits: whether the sides agree with a derivative that is stated wrong above.
    """

    left: Link
    right: Link
    agreement: display.Agreement
    reading: Reading
    computed: Quantity | None
    clash: str = ""
    certain: bool = True
    undefined: bool = False
    corrected: int = 0
    inherits: bool = False


def side(link: Link) -> Side:
    """Returns whether a side is a stated value, an expression of numbers, or names something."""
    if literal(link.node):
        return "literal"
    return "symbolic" if any(True for _ in names(link.node)) else "numeric"


def subject(chain: Chain) -> Node | None:
    """Returns the name that a chain is about: its first side, if that is a name."""
    node = chain.links[0].node if len(chain.links) > 1 else None
    return node if isinstance(node, (Symbol, Derivative)) else None


def is_update(chain: Chain) -> bool:
    """Whether a chain assigns a new value to a name, as w := w − η g and w = w − η g do."""
    node = subject(chain)
    if node is None:
        return False
    if chain.links[1].relation == ":=":
        return True
    return isinstance(node, Symbol) and node.key in symbols(chain.links[1].node)


def origin_of(chain: Chain) -> str:
    """Returns the expression of numbers from which a chain's value comes, as written."""
    sides = [link for link in chain.links[1:-1] if side(link) == "numeric"]
    return "".join(sides[-1].text.split()) if sides else ""


def pairs(chain: Chain, environment: Environment, *, said: Stance = "given") -> Iterator[Pair]:
    """Yields the comparisons of a chain: each side with the next one that has a value.

    Args:
        chain: the statement.
        environment: what the document has said before it.
        said: what the words say of it: an equation may be found, or asked for.
    """
    links = [link for link in chain.links if link.node is not None]
    if subject(chain) is not None or _defines_function(chain):
        links = links[1:]
    before: Link | None = None
    earlier: Link | None = None
    hidden: Link | None = None
    loose = False
    for link in links:
        loose = loose or link.relation == "≈"
        if before is not None:
            pair = compare(before, link, environment)
            if pair is not None and pair.agreement == "no" and _is_condition(before, link, chain):
                pair = pair if _is_claimed(pair, chain, said) else None
            if pair is not None and pair.agreement == "no" and _is_given(pair, chain, said):
                pair = None
            if (
                pair is not None
                and pair.agreement == "no"
                and loose
                and _approximates(pair, environment)
            ):
                pair = None
            if pair is not None and pair.agreement == "no" and earlier is not None:
                pair = _carried(earlier, pair, environment)
            if pair is not None and pair.agreement == "no" and _has_figures(hidden):
                pair = pair if _is_far(pair, environment) else replace(pair, agreement="digits")
            if pair is not None and pair.agreement == "no":
                pair = with_corrections(pair, environment)
            if pair is not None and pair.agreement == "no" and environment.mistaken:
                again = compare(before, link, environment.with_mistaken())
                inherits = again is not None and again.agreement != "no"
                pair = replace(pair, inherits=inherits)
            if pair is not None:
                yield pair
                earlier = before
            elif not _has_value(link, environment):
                continue
        hidden = before if before is not None and not _has_value(before, environment) else None
        before, loose = link, False


def with_corrections(pair: Pair, environment: Environment) -> Pair:
    """Returns the agreement with right values in place of those found wrong, where there is one.

    Where a right value is not known, other figures that are put in may rest on it.
    """
    again = with_right_values(pair, environment)
    if again.agreement != "no":
        return again
    if literal(pair.right.node):
        return pair
    known = all(entry.right is not None for entry in environment.wrong_in(pair.left.node))
    return pair if known else replace(pair, certain=False)


def with_right_values(pair: Pair, environment: Environment) -> Pair:
    """Returns the pair as it compares with right values in place of those found wrong above."""
    wrong = environment.wrong_in(pair.left.node)
    corrected = environment.corrected() if wrong else None
    again = None if corrected is None else compare(pair.left, pair.right, corrected)
    return pair if again is None else replace(again, corrected=wrong[0].place.line)


FIRST_ORDER = 0.1
"""An expression that only approximates a value is off by no more than this share of it."""


def _is_given(pair: Pair, chain: Chain, said: Stance) -> bool:
    """Whether words give the value of a function: if f(2) = 5, then …."""
    whole = len(chain.links) == 2 and pair.left is chain.links[0]
    return said == "given" and whole and isinstance(pair.left.node, Call)


def _approximates(pair: Pair, environment: Environment) -> bool:
    """Whether a side behind ≈ is another number on purpose: f(2.1) ≈ 1 + 0.1·8 = 1.8.

    A number that is only rounded says so by its digits: it is held to them.
    """
    if pair.computed is None or pair.computed.shape:
        return False
    left, right = pair.left.node, pair.right.node
    if literal(right) and pair.right.relation == "≈":
        digits = (int(np.max(display.stated(n).digits)) for n in (left, right) if literal(n))
        first, *others = digits
        if not others or others[0] < first:
            return False
    try:
        other = evaluate(right, environment.context())
    except (NotEvaluable, NoNumber, Undefined, ShapeClash):
        return False
    if other.shape:
        return False
    x, y = float(pair.computed.value), float(other.value)
    return abs(x - y) <= FIRST_ORDER * abs(x)


def _is_condition(left: Link, right: Link, chain: Chain) -> bool:
    """Whether an equation may be asked for, and not claimed: w·v = 1, f(x) = 0, p = q = 1."""
    if side(left) != "symbolic" or side(right) != "literal":
        return False
    node = subject(chain)
    if _is_applied(left.node):
        return False
    slope = isinstance(node, Derivative) or isinstance(chain.links[0].node, Call)
    if slope and not np.any(display.stated(right.node).value.value):
        return True  # where is the derivative 0?
    if node is None or left is chain.links[0]:
        return True
    return isinstance(node, Symbol) and isinstance(left.node, Symbol)


def _defines_function(chain: Chain) -> bool:
    """Whether a chain says what a function is, as f(x) = … does."""
    first = chain.links[0].node
    return (
        isinstance(first, Call)
        and all(isinstance(a, Symbol) for a in first.arguments)
        and not _is_applied(first)
        and not literal(chain.links[-1].node)
    )


FEWEST_DIGITS = 3
"""A number of so many digits was computed, and is not asked for."""


def _is_claimed(pair: Pair, chain: Chain, said: Stance) -> bool:
    """Whether an equation that may be a condition is one that was worked out: ‖v‖ = 5, √y = 3."""
    left, right = pair.left.node, pair.right.node
    whole = left is chain.links[0].node and len(chain.links) == 2
    if not whole or not pair.certain or isinstance(left, (Symbol, Derivative)):
        return False
    if said == "found":
        return True
    shown = display.stated(right)
    computed = bool(np.all(shown.unit > 0)) and int(np.min(shown.digits)) >= FEWEST_DIGITS
    telling = isinstance(left, Norm) or (isinstance(left, Call) and left.name in _MEASURES)
    telling = telling or (isinstance(right, Array) and not isinstance(left, Array))
    plain = set(values.flat(shown.value).tolist()) <= {0.0, 1.0}
    return said == "open" and (computed or (telling and not plain))


_MEASURES = frozenset(("det", "trace"))
"""Functions of arrays whose value is stated to be known, and rarely asked for."""


def _is_applied(node: Node) -> bool:
    """Whether a function is taken at one point of several, as f(x_0) and f′(θ_2) are."""
    if not isinstance(node, Call):
        return False
    return all(isinstance(a, Symbol) and a.sub.isdecimal() for a in node.arguments)


def _has_figures(link: Link | None) -> bool:
    """Whether a side without a value has figures, of which the next one may show fewer digits."""
    return link is not None and any(isinstance(n, Number) and n.value > 9 for n in walk(link.node))


def _is_far(pair: Pair, environment: Environment) -> bool:
    """Whether a value is wrong also if all figures before it are rounded."""
    again = compare(pair.left, pair.right, environment.loose())
    return again is None or again.agreement == "no"


def _has_value(link: Link, environment: Environment) -> bool:
    for context in environment.contexts(link.node):
        try:
            evaluate(link.node, context)
            return True
        except ShapeClash:
            return True
        except NotEvaluable:
            return False
        except NoNumber:
            return side(link) == "numeric"
        except Undefined:
            return False
    return False


def compare(left: Link, right: Link, environment: Environment) -> Pair | None:
    """Returns how two sides compare; None where one of them has no value.

    What may be a list or a sum is right as either; wrong, it is taken as what is stated.
    """
    found = _compared(left, right, environment)
    if found is None or found.agreement != "no":
        return found
    plain = unscaled(right.node)
    if plain is not right.node:
        hundredfold = _compared(left, replace(right, node=plain), environment)
        if hundredfold is not None and hundredfold.agreement != "no":
            return replace(hundredfold, right=right)
    total, other = (replace(link, node=summed(link.node)) for link in (left, right))
    if total.node is left.node and other.node is right.node:
        return found
    for a, b in ((total, right), (left, other), (total, other)):
        again = _compared(a, b, environment)
        if again is not None and (again.agreement != "no" or _in_one_shape(again, found)):
            return again
    return found


def _in_one_shape(pair: Pair, other: Pair) -> bool:
    """Whether two sides are values of one shape, where read otherwise they are not."""
    stated = display.stated(pair.right.node).value if literal(pair.right.node) else None
    if stated is None or pair.computed is None or other.computed is None:
        return False
    fits = values.same_shape(pair.computed, stated)
    return fits and not values.same_shape(other.computed, stated)


def _compared(left: Link, right: Link, environment: Environment) -> Pair | None:
    found: Pair | None = None
    clash = ""
    first: Quantity | None = None
    seen = Context()
    for reading in BENIGN:
        if reading is not PLAIN and not clash and not seen.products:
            break
        for computed in _values(left.node, reading, environment, seen):
            if isinstance(computed, str):
                clash = clash or computed
                continue
            first = computed if first is None and reading is PLAIN else first
            agreement = _agreement(computed, left, right, reading, environment)
            if agreement is None:
                return None
            if agreement == "exact":
                return Pair(left, right, "exact", reading, computed, clash)
            if agreement == "digits" and found is None:
                found = Pair(left, right, "digits", reading, computed, clash)
        if first is None and not clash:
            reason = _undefined(left, environment)
            return Pair(left, right, "no", PLAIN, None, reason, undefined=True) if reason else None
    if found is None and side(left) == "numeric" and literal(right.node):
        found = _rounded_on_the_way(left, right, environment)
    if found is None and side(left) == "numeric":
        found = _meant(left, right, environment)
    if found is not None:
        return found
    certain = certainly_known(left.node, environment)
    if not literal(right.node):
        certain = certain and certainly_known(right.node, environment)
    return Pair(left, right, "no", PLAIN, first, "" if first is not None else clash, certain)


def _rounded_on_the_way(left: Link, right: Link, environment: Environment) -> Pair | None:
    """Returns the agreement that comes from rounding a function or fraction before going on."""
    inner = (n for n in walk(left.node) if n is not left.node and isinstance(n, (Call, Divide)))
    if not any(True for _ in inner) or display.stated(right.node).digits.max(initial=0) < 3:
        return None
    for reading in ROUNDED:
        for computed in _values(left.node, reading, environment, Context()):
            if isinstance(computed, str):
                continue
            if _agreement(computed, left, right, reading, environment) == "exact":
                return Pair(left, right, "digits", PLAIN, computed)
    return None


def _meant(left: Link, right: Link, environment: Environment) -> Pair | None:
    """Returns the agreement of what an expression of numbers may mean beside what it says."""

    def value(node: Node) -> float | None:
        known = [*_values(node, PLAIN, environment, Context())]
        number = known[0] if known else None
        return float(number.value) if isinstance(number, Quantity) and not number.shape else None

    for tree in meanings(left.node, value):
        for computed in _values(tree, PLAIN, environment, Context()):
            if isinstance(computed, str):
                continue
            agreement = _agreement(computed, left, right, PLAIN, environment)
            if agreement == "exact":
                return Pair(left, right, agreement, PLAIN, computed)
    return None


def _undefined(link: Link, environment: Environment) -> str:
    """Returns why an expression of numbers has no value, "" where it has or names something."""
    if side(link) != "numeric":
        return ""
    try:
        evaluate(link.node, environment.context())
    except NoNumber as reason:
        return str(reason)
    except (NotEvaluable, ShapeClash, Undefined):
        pass
    return ""


def _values(
    node: Node, reading: Reading, environment: Environment, seen: Context
) -> Iterator[Quantity | str]:
    """Yields the values of a tree for all versions of its names; a clash of shapes as words."""
    for context in environment.contexts(node, reading):
        try:
            yield evaluate(node, context)
        except ShapeClash as clash:
            yield str(clash)
        except (NotEvaluable, Undefined):
            return
        finally:
            seen.products += context.products


def _agreement(
    computed: Quantity, left: Link, right: Link, reading: Reading, environment: Environment
) -> display.Agreement | None:
    if literal(right.node):
        shown_value = display.stated(right.node)
        if not computed.shape and _is_interval(right.node):
            return None
        return display.agreement(computed, shown_value, approximate=right.relation == "≈")
    agreement: display.Agreement | None = None
    for other in _values(right.node, reading, environment, Context()):
        if isinstance(other, str):
            agreement = agreement or "no"
            continue
        if display.close(computed, other):
            return "exact"
        agreement = "no"
        if _is_magnitude(right.node) and computed.shape == other.shape == ():
            ratio = float(computed.value) / float(other.value)
            return "digits" if 1 / MAGNITUDE < ratio < MAGNITUDE else "no"
    rounded = agreement and _rounded(computed, left, right, reading, environment)
    return "digits" if rounded else agreement


def _is_interval(node: Node) -> bool:
    """Whether a literal may be an interval, as (0.52, 0.86) is."""
    return isinstance(node, Array) and node.flat and len(node.rows[0]) == 2


MAGNITUDE = 10**0.5
"""A power of ten alone stands for an order of magnitude."""


def _is_magnitude(node: Node) -> bool:
    return isinstance(node, Power) and isinstance(node.base, Number) and node.base.text == "10"


def _rounded(
    computed: Quantity, left: Link, right: Link, reading: Reading, environment: Environment
) -> bool:
    """Whether a side of numbers agrees if those that stand there for the first time are rounded."""
    if side(right) != "numeric":
        return False
    left_bar = 0.0
    if literal(left.node):
        left_bar = 0.5 * float(np.max(display.stated(left.node).unit, initial=0.0))
    share = CARRIED * (3 if right.relation == "≈" else 1)
    for other in _values(right.node, reading, environment.loose(), Context()):
        if isinstance(other, str):
            continue
        scale = share * float(np.max(np.abs(other.value), initial=0.0))
        narrow = float(np.max(other.bar, initial=0.0)) <= scale
        wider = Quantity(other.value, other.bar + left_bar)
        if narrow and display.close(computed, wider):
            return True
    return False


def certainly_known(node: Node, environment: Environment) -> bool:
    """Whether every name of a tree has one value only, so that nothing can be mixed up."""
    called = {part.name for part in walk(node) if isinstance(part, Call)}
    known = (environment.functions[name] for name in called if name in environment.functions)
    if any(environment.is_of_another_item(function) for function in known):
        return False
    for name in names(node):
        versions = environment.versions(name)
        if isinstance(name, Symbol) and environment.is_defined_anew(name):
            return False
        if not all(environment.same_run(v) and environment.is_near(v) for v in versions):
            return False
        if len({repr(v.value.value.tolist()) for v in versions}) > 1:
            return False
    return True


CARRIED = 0.05
"""Digits that are not shown change a value by no more than this share of it."""


def _carried(earlier: Link, pair: Pair, environment: Environment) -> Pair:
    """Accepts a value that agrees with the side before, whose digits were carried on unshown.

    In 0.1234 + 0.4564 = 0.12 + 0.46 = 0.58 the last sum is right from the digits that the author
    had; the middle side shows fewer of them.
    """
    whole = compare(earlier, pair.right, environment)
    if whole is None or whole.agreement != "exact" or whole.computed is None:
        return pair
    again = compare(pair.left, pair.right, environment.loose())
    if again is None or again.computed is None:
        return pair
    scale = CARRIED * float(np.max(np.abs(again.computed.value), initial=0.0))
    if again.agreement != "no" and float(np.max(again.computed.bar, initial=0.0)) <= scale:
        return replace(pair, agreement="digits", certain=True, computed=whole.computed)
    return pair
