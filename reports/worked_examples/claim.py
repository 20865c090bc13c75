"""What a document claims, and what is known about it: data only.

    Claim <- Derivation   a pullback of a stated function; `gradcheck.check` decides
          <- Figure       a printed number or array; a recomputation from the printed inputs decides
          <- Statement    a sentence that can be computed true or false
          <- Note         what no computation decides: it is listed, not judged

Each claim carries its recorded truth, so that a report can tell a known mistake from a surprise.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Compute: TypeAlias = Callable[[], Any]
Function: TypeAlias = Callable[..., Any]
Pullback: TypeAlias = Callable[..., Mapping[str, Any]]
Flag: TypeAlias = Literal["gradient", "value", "shape", "range", "statement", "undecided"]


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What is known about a claim.

    Attributes:
        flags: what a judge must find wrong; empty where the claim is right.
        mistake: the name of the mistake, for tables; empty where the claim is right.
        right: the right formula, or the right figure as it would be printed.
        because: one or two sentences that a person can act on.
        inherits: the lines whose wrong figures this one uses correctly.
    """

    flags: frozenset[Flag] = frozenset()
    mistake: str = ""
    right: str = ""
    because: str = ""
    inherits: tuple[int, ...] = ()


def right(because: str = "", *, inherits: tuple[int, ...] = ()) -> Truth:
    """Returns the truth of a claim that is right."""
    return Truth(because=because, inherits=inherits)


def wrong(*flags: Flag, mistake: str, right: str, because: str) -> Truth:
    """Returns the truth of a claim that must be flagged."""
    return Truth(flags=frozenset(flags), mistake=mistake, right=right, because=because)


@dataclass(frozen=True)
class Evidence:
    """A figure of ours that explains a claim, recomputed with every report.

    Attributes:
        words: what is computed, in the form "α = 1".
        gives: the result, as printed: it must come out at the displayed digits.
        compute: computes it.
        entries: of a `Figure`, how many printed entries this very figure reproduces.
    """

    words: str
    gives: str
    compute: Compute
    entries: int = field(default=0, kw_only=True)


@dataclass(frozen=True)
class Setting:
    """Another function, of the same primals, whose gradient a claimed pullback really is.

    Attributes:
        words: names the function, in the form "cross-entropy after softmax".
        function: the function.
        pullback: the claimed formula written for this function; None takes the claimed pullback.
    """

    words: str
    function: Function
    pullback: Pullback | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Claim:
    """What all claims have.

    Attributes:
        document: the file name of the document.
        lines: the lines that make the claim; copies of it included.
        name: a short name, unique among the claims of the same lines.
        formula: the claim, restated in plain Unicode.
        truth: what is known about it.
        evidence: figures that explain it.
    """

    document: str
    lines: tuple[int, ...]
    name: str
    formula: str
    truth: Truth = field(default_factory=Truth)
    evidence: tuple[Evidence, ...] = ()

    @property
    def source(self) -> str:
        """The document and its lines, in the form "notes.txt:3, 7–9"."""
        return f"{self.document}:{line_ranges(self.lines)}"

    @property
    def id(self) -> str:
        """A short name, unique among all claims."""
        return f"{self.document[:3]}:{self.lines[0]} {self.name}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Derivation(Claim):
    """A claimed pullback of a stated function.

    Attributes:
        function: `function(**primals)`, as the document states it.
        primals: the point at which the claim is checked.
        pullback: `pullback(y_bar, **primals)`, as the document states it.
        wrt: the primals with a claimed gradient; all of them if empty.
        repair: the right pullback, where the claimed one is wrong.
        holds_for: functions whose gradient the claimed formula is.
    """

    function: Function
    primals: Mapping[str, Array]
    pullback: Pullback
    wrt: tuple[str, ...] = ()
    repair: Pullback | None = None
    holds_for: tuple[Setting, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Figure(Claim):
    """A printed number or array.

    Attributes:
        stated: the figure exactly as the document shows it, to the last digit.
        compute: its right value, from the figures that the document prints as inputs.
        as_printed: the printed expression with strict shapes (vectors are columns), where it is
            not the same as `compute`; it raises where the shapes do not conform.
        bounds: the open interval in which every entry must lie, whatever the inputs.
    """

    stated: str
    compute: Compute
    as_printed: Compute | None = None
    bounds: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Statement(Claim):
    """A sentence that can be computed true or false.

    Attributes:
        holds: computes whether it is true.
        flag: what is wrong where it is not.
    """

    holds: Callable[[], bool]
    flag: Flag = "statement"


@dataclass(frozen=True, kw_only=True, eq=False)
class Note(Claim):
    """A remark on the document that no computation decides."""


def line_ranges(lines: tuple[int, ...]) -> str:
    """Returns line numbers as people write them.

    >>> line_ranges((59, 63, 64, 65, 138))
    '59, 63–65, 138'
    """
    if not lines:
        return "none"
    starts = [lines[0], *(b for a, b in pairwise(lines) if b != a + 1)]
    ends = [*(a for a, b in pairwise(lines) if b != a + 1), lines[-1]]
    spans = zip(starts, ends, strict=True)
    return ", ".join(f"{a}" if a == b else f"{a}–{b}" for a, b in spans)
