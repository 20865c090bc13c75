"""What may be wrong in the derivative of a step, in words, and a hypothesis that it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gradcheck.steps.observed import Change


@dataclass(frozen=True)
class Row:
    """One known mistake.

    Attributes:
        kind: its name.
        sentence: what is wrong; a template of the hypothesis's words.
        cause: the usual cause.
    """

    kind: str
    sentence: str
    cause: str


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """A changed derivative.

    Attributes:
        row: the mistake.
        words: for the sentence.
        changes: the changes, by step.
        rest: the changes that leave out what goes through the changed part; None: that is nothing
            by itself.
        is_path: whether nothing is changed but how much goes through that part.
        is_single: whether the part may have any factor: of steps that a loop repeats, what goes
            through one goes through another.
        of: the operation, to choose among paths that are the same.
    """

    row: Row
    words: Mapping[str, Any]
    changes: Mapping[int, Change]
    rest: Mapping[int, Change] | None = None
    is_path: bool = False
    is_single: bool = False
    of: str = ""


PATH = Row(
    "path left out",
    "the gradient through {what} is left out",
    "a term or a branch is forgotten, or detached, or taken for a constant",
)
PATHS = Row(
    "paths left out",
    "the gradient through {what} and through {other} is left out",
    "terms or branches are forgotten, or detached, or taken for constants",
)
MISCOUNTED = Row(
    "factors on paths",
    "what goes through {what} is {factor} times what it should be, through {other} {second} times",
    "",
)
FACTOR = Row("factor on a path", "what goes through {what} is {factor} times what it should be", "")
SIGN = Row("sign of a path", "what goes through {what} has the wrong sign", "")
SLOPE = Row(
    "slope replaced",
    "the slope of {what} is taken for {slope}{of}",
    "the derivative of another function, or of the right one at the wrong place",
)
FLAT = Row(
    "slope left out",
    "the slope of {what} is left out{of}",
    "a step of the chain rule is forgotten",
)
OPERAND = Row(
    "operand replaced",
    "in the derivative of {what} by {by}, {used} stands where {wanted} belongs",
    "",
)
SLICES = Row(
    "slices exchanged",
    "{what} and {other} are given each other's gradient",
    "parts that are stored side by side are taken for one another",
)
SHIFTED = Row("slice shifted", "the gradient of {what} is put {by} further along axis {axis}",
              "an index is off")  # fmt: skip
NOT_SUMMED = Row(
    "not summed",
    "the gradient of {what} is not summed up: each entry gets what comes in at its own place alone",
    "the derivative of a function of each entry stands for one that has a sum",
)
TURNED = Row(
    "cotangent transposed",
    "in the derivative of {what} by {by}, the cotangent is taken transposed",
    "a transpose is missing, or too many",
)
REPEATED = Row(
    "repeats misplaced",
    "what {what} repeats is added up in another order",
    "a tile is taken for a repeat, or the reverse",
)

KNOWN = (
    *(PATH, PATHS, MISCOUNTED, FACTOR, SIGN, SLOPE, FLAT),
    *(OPERAND, SLICES, SHIFTED, NOT_SUMMED, TURNED, REPEATED),
)
