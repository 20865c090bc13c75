"""Stated values: what their last digit leaves open, and whether a computed value agrees."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from reports.documents import values
from reports.documents.tree import Array, Negative, Node, Number, Transposed
from reports.documents.values import Mask, Numbers, Quantity

Agreement = Literal["exact", "digits", "no"]

SLACK = 1e-9  # of half a unit: 0.45 shown as 0.4 or as 0.5 is right either way
FEWEST_DIGITS = 3
"""With fewer digits shown, a last digit that is off is an error and no rounding."""

CUT = 1e-6
"""A value that is cut off stays below the next one by at least this share of a unit."""

SOFT_UNITS = 1.0
"""So many units of the last digit beyond the rounding are called a matter of digits."""


@dataclass(frozen=True, eq=False)
class Stated:
    """A literal as written, entry by entry.

    Attributes:
        value: its value.
        unit: one unit of the last digit of each entry; 0 for whole numbers.
        digits: how many significant digits are shown.
    """

    value: Quantity
    unit: Numbers
    digits: Numbers


def stated(node: Node) -> Stated:
    """Returns a literal as a stated value."""
    match node:
        case Number():
            one = values.quantity(node.value)
            return Stated(one, np.asarray(node.unit), np.asarray(float(node.digits)))
        case Negative(body=body):
            s = stated(body)
            return Stated(Quantity(-s.value.value, s.value.bar), s.unit, s.digits)
        case Transposed(body=body):
            s = stated(body)
            return Stated(values.transposed(s.value), s.unit.T, s.digits.T)
        case Array(rows=rows, flat=flat):
            parts = [[stated(entry) for entry in row] for row in rows]
            value = values.stack([[p.value for p in row] for row in parts], flat=flat)
            unit = _entries([[p.unit for p in row] for row in parts], value)
            return Stated(value, unit, _entries([[p.digits for p in row] for row in parts], value))
    raise TypeError(f"{type(node).__name__} is no literal")


def _entries(rows: list[list[Numbers]], like: Quantity) -> Numbers:
    flat = np.concatenate([np.atleast_1d(x).reshape(-1) for row in rows for x in row])
    return flat.reshape(like.shape) if flat.size == like.value.size else np.zeros(like.shape)


def matches(computed: Quantity, shown: Stated, *, approximate: bool = False) -> Mask:
    """Returns, entry by entry, whether a computed value would be shown like this."""
    value, unit = values.flat(shown.value), shown.unit.reshape(-1)
    if approximate:
        unit = np.where(unit == 0, _whole_units(value), unit)
    error = np.abs(values.flat(computed) - value)
    return error <= computed.bar.reshape(-1) + 0.5 * unit * (1 + SLACK) + _tiny(computed)


def _whole_units(value: Numbers) -> Numbers:
    """Returns one unit of the last digit of whole numbers that is not zero: 100 of 19600."""
    tens = 10.0 ** np.arange(16)
    divides = (np.mod(value[:, None], tens) == 0) & (value[:, None] != 0)
    return np.where(value == 0, 1.0, tens[np.maximum(divides.sum(axis=1) - 1, 0)])


FEWEST_WHOLE = 10
"""From here on a number without decimals may be a rounded one."""


def agreement(computed: Quantity, shown: Stated, *, approximate: bool = False) -> Agreement:
    """Returns whether a value agrees with what is stated, at the digits that are shown."""
    if not values.same_shape(computed, shown.value):
        return "no"
    good = matches(computed, shown, approximate=approximate)
    if good.all():
        return "exact"
    entries, value = values.flat(computed), values.flat(shown.value)
    unit, bar = shown.unit.reshape(-1), computed.bar.reshape(-1)
    cut = np.abs(value) <= np.abs(entries) + bar + _tiny(computed)
    cut &= np.abs(entries) < np.abs(value) + unit * (1 - CUT) + bar
    cut &= (np.sign(entries) == np.sign(value)) | (value == 0)
    several = shown.digits.reshape(-1) > 1
    if (good | (cut & (unit > 0) & several)).all():
        return "digits"
    enough = shown.digits.reshape(-1) >= FEWEST_DIGITS
    off = np.abs(entries - value)
    soft = (off <= bar + (0.5 + SOFT_UNITS) * unit) & enough
    whole = (unit == 0) & (value == np.round(value)) & (np.abs(value) >= FEWEST_WHOLE)
    soft |= whole & (off < 0.5)
    if approximate:
        soft |= several & (off <= bar + unit)
    return "digits" if (good | soft).all() else "no"


def close(a: Quantity, b: Quantity) -> bool:
    """Whether two computed values agree within their bars."""
    if not values.same_shape(a, b):
        return False
    x, y = values.flat(a), values.flat(b)
    bar = a.bar.reshape(-1) + b.bar.reshape(-1)
    return bool(np.all(np.abs(x - y) <= bar + _tiny(a) + _tiny(b)))


def _tiny(q: Quantity) -> float:
    return values.TINY * float(np.max(np.abs(q.value), initial=1.0))


def printed(q: Quantity, shown: Stated | None = None) -> str:
    """Returns a value as text: (0.6, 1.3), [[0.9, 1], [1.1, 1.2]], with six decimals at most.

    >>> printed(values.quantity([[0.5, 1.25]]))
    '(0.5, 1.25)'
    """
    if not q.shape:
        return number(float(q.value))
    if q.is_vector:
        return f"({', '.join(number(float(x)) for x in values.flat(q))})"
    rows = (f"[{', '.join(number(float(x)) for x in row)}]" for row in q.value)
    return f"[{', '.join(rows)}]"


def number(x: float) -> str:
    """Returns a number with six decimals, or six digits where it is small, and no closing zeros."""
    if abs(x) < 1e-12:
        return "0"
    if abs(x) < 1e-3 or abs(x) >= 1e7:
        return f"{x:.6g}"
    text = f"{x:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
