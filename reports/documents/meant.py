"""What an expression may mean beside what it says: degrees, quotients cut off, sums in brackets."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import reduce
from math import pi

from reports.documents.tree import Array, Call, Divide, Node, Number, Sum, rebuilt

LEAST_DEGREES = 10
"""An angle of as much is hardly meant in radians where no π stands in it."""


def meanings(node: Node, value: Callable[[Node], float | None]) -> Iterator[Node]:
    """Yields an expression as it may be meant too.

    Args:
        node: the expression.
        value: the value of a part of it, where that is a number.
    """
    for change in (_in_degrees, lambda part: _cut_off(part, value)):
        changed = _changed(node, change)
        if changed is not node:
            yield changed


def _changed(node: Node, change: Callable[[Node], Node | None]) -> Node:
    found = change(node)
    return rebuilt(node, lambda part: _changed(part, change)) if found is None else found


def _in_degrees(node: Node) -> Node | None:
    """Returns cos(45) with the angle in radians."""
    match node:
        case Call(name="sin" | "cos" | "tan", arguments=(Number(value=angle) as number,)):
            if angle >= LEAST_DEGREES:
                return replace(node, arguments=(replace(number, value=angle * pi / 180),))
    return None


def _cut_off(node: Node, value: Callable[[Node], float | None]) -> Node | None:
    """Returns ⌊n / s⌋ + 1 for n / s + 1 in whole numbers: so many steps fit."""
    match node:
        case Sum(
            left=Divide(left=top, right=Number(value=step)) as quotient,
            right=Number(value=1.0),
            sign=1,
        ):
            length = value(top)
            if length is not None and step and not length % 1 and not step % 1:
                whole = float(length // step)
                return replace(node, left=Number(quotient.span, str(whole), whole, 0.0, 1))
    return None


def summed(node: Node) -> Node:
    """Returns an expression with the sum in place of a list whose entries only signs part.

    [−1.2 −0.5] is either; (−1.2 −0.5) is a sum anyhow.
    """
    if isinstance(node, Array) and node.signed:
        first, *others = node.rows[0]
        return reduce(lambda total, term: Sum(node.span, total, term, 1), others, first)
    return rebuilt(node, summed)


def unscaled(node: Node) -> Node:
    """Returns a stated value in percent as the number that is written before the sign."""
    if isinstance(node, Number) and node.text.endswith("%"):
        text = node.text.removesuffix("%")
        unit = node.unit * 100 if "." in text else 0.0
        return replace(node, text=text, value=node.value * 100, unit=unit)
    return rebuilt(node, unscaled)
