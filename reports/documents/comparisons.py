"""Comparisons behind an equation: 0.1 · 25 = 2.5 < 2 does not hold."""

import re
from collections.abc import Iterator

import numpy as np

from reports.documents import display
from reports.documents.claims import Claim
from reports.documents.environment import Environment
from reports.documents.evaluate import evaluate
from reports.documents.links import certainly_known
from reports.documents.places import quoted
from reports.documents.source import Source
from reports.documents.tree import Chain, Link, literal
from reports.documents.values import NotEvaluable, Quantity, ShapeClash, Undefined

_ASKED = re.compile(
    r"(?i)\b(?:if|when|whenever|unless|until|requires?|needs?|want|suppose|let|assume)\b[^.]*\Z"
    r"|(?:若|如果|当|需|设|假)[^。]*\Z"
)
BESIDE = 80
"""So many characters before a comparison words may ask for it."""

_DIRECTION = {"<": -1, "≤": -1, ">": 1, "≥": 1}


def comparison_claims(chain: Chain, environment: Environment, source: Source) -> Iterator[Claim]:
    """Yields the verdict on what the last side of an equation is compared with, if it fails."""
    comparison = chain.comparison
    if comparison is None or comparison.sign not in _DIRECTION:
        return
    at = chain.span[0]
    if _ASKED.search(source.text[max(0, at - BESIDE) : at]):
        return
    left, right = (_value(link, environment) for link in (comparison.left, comparison.right))
    if left is None or right is None:
        return
    ahead = _DIRECTION[comparison.sign] * (float(left.value) - float(right.value))
    bar = float(left.bar) + float(right.bar) + 1e-9 * max(1.0, abs(float(left.value)))
    strict = comparison.sign in "<>" and bar < 1e-6
    if ahead < -bar or (strict and ahead <= 0):
        sides = display.printed(left), display.printed(right)
        yield Claim(
            place=source.place(comparison.right.span[0]),
            formula=quoted(source, chain),
            verdict="wrong",
            kind="arithmetic",
            stated=f"{sides[0]} {comparison.sign} {sides[1]}",
            explanation=f"{sides[0]} is not {comparison.sign} {sides[1]}",
        )


def _value(link: Link, environment: Environment) -> Quantity | None:
    """Returns the number that a side is; None where it has none that is certain."""
    if not certainly_known(link.node, environment):
        return None
    try:
        found = evaluate(link.node, environment.context())
    except (NotEvaluable, ShapeClash, Undefined):
        return None
    if found.shape:
        return None
    rounding = float(np.max(display.stated(link.node).unit)) / 2 if literal(link.node) else 0.0
    return Quantity(found.value, found.bar + rounding)
