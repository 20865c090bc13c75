"""The table of known mistakes: what a wrong gradient looks like when somebody has made one.

A row looks at a primal entry by entry and either says in a sentence what the mistake is, or None.
The first row that explains every entry within its bar is printed; a wrong gradient that no row
explains is reported without a guess. A new diagnosis is one more row.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from gradcheck.localisation import Located
from gradcheck.verdict import number

ENOUGH = 2
"""Entries that must carry a pattern before it is named: one number has any ratio to another."""


@dataclass(frozen=True)
class Rule:
    """One known mistake.

    Attributes:
        name: the mistake.
        says: (the located primal, the lengths of the axes of the subject's arrays) -> the sentence,
            or None.
    """

    name: str
    says: Callable[[Located, Mapping[int, str]], str | None]


def diagnosed(located: Located, lengths: Mapping[int, str]) -> str:
    """Returns the sentence of the first rule that explains every entry, "" where none does."""
    for rule in RULES:
        sentence = rule.says(located, lengths)
        if sentence:
            return sentence
    return ""


def _factor(located: Located) -> float | None:
    """Returns c where the claim is c times the true gradient in every entry."""
    solid = np.abs(located.true) > 8 * located.bar
    if solid.sum() < min(ENOUGH, located.true.size):
        return None
    factor = float(np.median(located.claimed[solid] / located.true[solid]))
    candidate = factor * located.true
    slack = 4 * (1 + abs(factor)) * located.bar + 1e-6 * np.abs(candidate)
    return factor if np.all(np.abs(located.claimed - candidate) <= slack) else None


def _zero(located: Located, lengths: Mapping[int, str]) -> str | None:
    if np.any(located.claimed):
        return None
    return "the claim is zero everywhere: this gradient is never computed"


def _sign(located: Located, lengths: Mapping[int, str]) -> str | None:
    factor = _factor(located)
    if factor is None or abs(factor + 1) > 1e-6:
        return None
    return "the claim is -1 times the true gradient: its sign is wrong"


def _constant(located: Located, lengths: Mapping[int, str]) -> str | None:
    factor = _factor(located)
    if factor is None:
        return None
    if abs(factor - 1) < 1e-3:
        return (
            f"the claim is off by {number(abs(factor - 1), 2)} of the true gradient"
            f"{_everywhere(located)}: a constant that differs between forward and backward (an "
            "epsilon, say)? If it is intended, allow it, allow=..."
        )
    name = _named(factor, lengths)
    return f"the claim is {number(factor, 4)} times the true gradient{_everywhere(located)}{name}"


def _everywhere(located: Located) -> str:
    return " in every entry" if located.claimed.size > 1 else ""


def _named(factor: float, lengths: Mapping[int, str]) -> str:
    """Returns where a factor comes from, if it is a factor that people forget."""
    named = {2.0: "a factor 2 too many", 0.5: "a factor 2 is missing, of a square perhaps"}
    for length, axis in lengths.items():
        if length > 1:
            named.setdefault(float(length), f"{length} is the length of {axis}: a sum for a mean?")
            named.setdefault(1.0 / length, f"{length} is the length of {axis}: a mean for a sum?")
            root = f"its square is the length of {axis}: a scale is"
            named.setdefault(length**0.5, f"{root} missing, or used twice?")
            named.setdefault(length**-0.5, f"{root} used twice, or missing?")
    for value, words in named.items():
        if abs(abs(factor) - value) <= 1e-5 * value:
            return f": {words}{' and the sign is wrong' if factor < 0 else ''}"
    return ""


def _transposed(located: Located, lengths: Mapping[int, str]) -> str | None:
    shape = located.claimed.shape
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] < 2:
        return None
    slack = 4 * (located.bar + located.bar.T) + 1e-6 * np.abs(located.claimed)
    if np.all(np.abs(located.claimed - located.true.T) <= slack):
        return "the claim is the true gradient transposed"
    return None


def _zeroed_part(located: Located, lengths: Mapping[int, str]) -> str | None:
    wrong = located.wrong
    if wrong.all() or np.any(located.claimed[wrong]):
        return None
    return f"the claim is zero in {_where(wrong)}"


def _part(located: Located, lengths: Mapping[int, str]) -> str | None:
    wrong = located.wrong
    where = _where(wrong)
    return None if wrong.all() or where.startswith("scattered") else f"only {where} is wrong"


def _where(wrong: np.ndarray) -> str:
    """Returns a part of an array as people say it: an entry, a row, a column, or scattered."""
    indices = np.argwhere(wrong)
    if len(indices) == 1:
        return f"the entry {list(map(int, indices[0]))}"
    for axis, word in ((0, "row"), (1, "column")):
        if wrong.ndim == 2 and len({int(i[axis]) for i in indices}) == 1:
            if len(indices) == wrong.shape[1 - axis]:
                return f"{word} {int(indices[0][axis])}"
    return f"scattered entries ({len(indices)} of {wrong.size})"


RULES: tuple[Rule, ...] = (
    Rule("zero", _zero),
    Rule("sign", _sign),
    Rule("constant factor", _constant),
    Rule("transpose", _transposed),
    Rule("zeroed part", _zeroed_part),
    Rule("part", _part),
)
