"""What code prints, as words and numbers, and what a text says that it prints."""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.documents.code.interpreter import Interpreter
from reports.documents.code.limits import NotReadable
from reports.documents.code.program import Scope

MOST_NUMBERS = 40
NOISE = 1e-5
"""What is smaller may be rounding alone, such as a difference of two gradients."""

DIGITS = 7
"""Beyond so many digits a value may have been computed in single precision."""


@dataclass(frozen=True)
class Piece:
    """A word or a number that is printed; `fixed` where it stands in the text itself."""

    text: str
    value: float | None = None
    fixed: bool = False


_PIECE = re.compile(
    r"(?P<number>(?<![\w.])[-+−]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?![\w]))|(?P<word>[^\W_]+)"
)
_DRESS = re.compile(r"\b(?:np\.)?(?:float|int)\d+(?=\()|\b(?:np\.)?array(?=\()|dtype=[\w.]+")


def pieces(text: str, *, fixed: bool = False) -> list[Piece]:
    """Returns the words and numbers of a text, without what NumPy writes around them.

    >>> [p.text for p in pieces("loss: array([0.5, -2.])")]
    ['loss', '0.5', '-2.']
    """
    found = []
    for match in _PIECE.finditer(_DRESS.sub(" ", text)):
        number = match["number"]
        value = float(number.replace("−", "-")) if number else None
        found.append(Piece(match[0].lower(), value, fixed))
    return found


def printed(nodes: Sequence[ast.expr], interpreter: Interpreter, scope: Scope) -> list[Piece]:
    """Returns what a call of print shows.

    Raises:
        NotReadable: something in it is not known.
    """
    return [piece for node in nodes for piece in _of_node(node, interpreter, scope)]


def _of_node(node: ast.expr, interpreter: Interpreter, scope: Scope) -> list[Piece]:
    match node:
        case ast.Constant(value=str() as text):
            return pieces(text, fixed=True)
        case ast.JoinedStr(values=parts):
            return [piece for part in parts for piece in _of_node(part, interpreter, scope)]
        case ast.FormattedValue(value=inner, conversion=-1, format_spec=spec):
            return _formatted(interpreter.value(inner, scope), spec)
        case ast.FormattedValue():
            raise NotReadable("a format")
    return of_value(interpreter.value(node, scope))


def _formatted(value: Any, spec: ast.expr | None) -> list[Piece]:
    if spec is None:
        return of_value(value)
    match spec:
        case ast.JoinedStr(values=[ast.Constant(value=str() as form)]) if len(form) < 12:
            if isinstance(value, int | float | np.number) and re.fullmatch(r"[\w.,+<>^ %]*", form):
                return pieces(format(value, form))
    raise NotReadable("a format")


def of_value(value: Any) -> list[Piece]:
    """Returns a value as it is printed, its numbers exactly.

    Raises:
        NotReadable: it is neither numbers nor a truth.
    """
    match value:
        case None | bool() | np.bool_():
            return [Piece(str(value).lower())]
        case int() | float() | np.number():
            return [Piece(repr(value), float(value))]
        case list() | tuple() if len(value) <= MOST_NUMBERS:
            return [piece for entry in value for piece in of_value(entry)]
        case np.ndarray() if value.size <= MOST_NUMBERS and value.dtype.kind in "fiu":
            return [Piece(repr(float(entry)), float(entry)) for entry in value.reshape(-1)]
    raise NotReadable("a value that is not shown as numbers")


def agrees(stated: Sequence[Piece], computed: Sequence[Piece]) -> bool | None:
    """Returns whether a text shows what is printed; None where it may be about something else."""
    if all(p.value is not None for p in stated):
        computed = [p for p in computed if p.value is not None and not p.fixed]
    if not stated or len(stated) != len(computed):
        return None
    truths = {"true", "false"}
    if len(stated) == 1 and {stated[0].text, computed[0].text} <= truths:
        return stated[0].text == computed[0].text
    for one, other in zip(stated, computed, strict=True):
        if (one.value is None) != (other.value is None):
            return None
        if one.value is None and one.text != other.text:
            return None
    return all(_close(one, other) for one, other in zip(stated, computed, strict=True))


def _close(stated: Piece, computed: Piece) -> bool:
    """Whether a number is another, rounded or cut off to the digits that are shown."""
    if stated.value is None or computed.value is None:
        return True
    said, true = stated.value, computed.value
    if not np.isfinite(true) or max(abs(said), abs(true)) < NOISE:
        return True
    mantissa, _, exponent = stated.text.replace("−", "-").partition("e")
    decimals = len(mantissa.partition(".")[2])
    unit = 10.0 ** (int(exponent or 0) - decimals)
    slack = 1e-9 * max(abs(true), unit)
    if abs(said - true) <= 0.5 * unit + slack:
        return True
    if len(re.sub(r"\D", "", mantissa).lstrip("0")) >= DIGITS:
        return abs(said - true) <= 1e-5 * abs(true)
    return 0 <= (abs(true) - abs(said)) + slack < unit and said * true >= 0
