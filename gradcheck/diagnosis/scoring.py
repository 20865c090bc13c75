"""Hypotheses by the length of what remains to be said: bits + χ²/(2 ln 2), and the gate.

A hypothesis costs the bits that name it among the others, and those of its parameters. What it
leaves of the claim costs χ²/(2 ln 2). The shortest wins, but only if it fits: a table always has a
nearest row, and without the gate it is taken for the right one.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from gradcheck.diagnosis.evidence import FLOOR, Array, Evidence

Undo: TypeAlias = Callable[[Array], Array]

NAT = 1.0 / (2.0 * np.log(2.0))
"""Bits per unit of χ²."""

LARGEST_Z = 12.0
"""No entry may be more standard deviations off: of 1e3 right ones none is above 4, or 8 where the
noise, which is measured from few points, is taken for half of what it is."""

LARGEST_CHI2 = 6.0
"""The gate is χ² per entry of 6 + 6 √(2/N). It may be so wide: what keeps other mistakes out is the
price of telling a claim entry by entry. 1.5 in its place loses 6 of 10 mistakes where the noise is
taken for half of what it is, and gains nothing where it is right."""

CONTENT = 2.7
"""What an entry of arbitrary content costs besides its digits."""

SUREST = 0.99
"""Nothing is surer: the simulated mistakes are of the table, real ones need not be."""

VAGUE = 0.85

ENOUGH = 2
"""So many wrong entries must bear a hypothesis: one number has any ratio to another."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """One hypothesis with its parameters, at the sampled entries.

    Attributes:
        z: what it leaves, in standard deviations; NaN where it says nothing.
        bits: the cost of its parameters.
        tells: where a fit means something; None: everywhere.
        free: how many numbers were fitted.
        parameters: for the sentences, and for whoever reads the diagnosis as data.
        undo: claimed gradient -> the repaired one; None where the truth cannot be had from it.
        enough: so many wrong entries must bear it.
        surest: the most confidence that it can have, whatever its row's is.
    """

    z: Array
    bits: float
    tells: Array | None = None
    free: int = 0
    parameters: Mapping[str, Any] = field(default_factory=dict)
    undo: Undo | None = None
    enough: int = ENOUGH
    surest: float = SUREST


@dataclass(frozen=True)
class Row:
    """One known mistake.

    Attributes:
        name: the mistake.
        sentence: what the claim is; a template of the candidate's parameters.
        cause: the usual cause, a template.
        repair: what to do about it, a template.
        candidates: the hypotheses that it has about the evidence.
        bits: the cost of naming it; a common mistake has a short name.
        surest: the most confidence it can have: one that says what is seen, and leaves open what
            was done, is not as sure.
        of_zero: whether it means something where the true gradient is zero.
    """

    name: str
    sentence: str
    cause: str
    repair: str
    candidates: Callable[[Evidence], Iterator[Candidate]]
    bits: float = 6.0
    surest: float = SUREST
    of_zero: bool = False


def length(evidence: Evidence, candidate: Candidate) -> float:
    """Returns the bits of the hypothesis's parameters and of what it leaves.

    A fit that is closer than the noise is no better for it: some hypotheses are about the claim
    alone, which has none.
    """
    silent = ~np.isfinite(candidate.z)
    left = _left(candidate.z[~silent], candidate.free)
    return candidate.bits + left + float(contents(evidence)[silent].sum())


def _left(z: Array, free: int = 0) -> float:
    """Returns the bits of χ², all that noise may well leave counted alike."""
    freedom = max(0, z.size - free)
    return NAT * max(float(z @ z) - 3 * float(np.sqrt(2 * freedom)), freedom)


def untold_length(evidence: Evidence) -> float:
    """Returns the bits of the claim where nothing is known about it: entry by entry."""
    wrong = evidence.w
    right = ((evidence.c - evidence.t) / evidence.s)[~wrong]
    told = float(contents(evidence)[wrong].sum())
    return told + _left(right) + choice_bits(wrong.size, int(wrong.sum()))


def contents(evidence: Evidence) -> Array:
    """Returns the bits of each entry told by its digits: log2(1 + |d|/σ) + 2.7 where wrong."""
    z = np.abs(evidence.c - evidence.t) / evidence.s
    return np.where(evidence.w, np.log2(1 + z) + CONTENT, NAT * np.minimum(z, LARGEST_Z) ** 2)


def choice_bits(n: int, k: int) -> float:
    """Returns log2 of the number of ways to choose k of n (Stirling's bound, n H(k/n))."""
    if k in (0, n):
        return 0.0
    p = k / n
    return float(-n * (p * np.log2(p) + (1 - p) * np.log2(1 - p)))


def real_bits(value: float, sigma: float) -> float:
    """Returns the bits of a fitted number that is known to ±σ."""
    return float(np.log2(1 + abs(value) / max(sigma, FLOOR * abs(value), 1e-300))) + CONTENT


def fits(evidence: Evidence, candidate: Candidate) -> bool:
    """Whether a hypothesis explains every entry, those that are wrong above all."""
    told = np.isfinite(candidate.z)
    tells = told & evidence.w
    if candidate.tells is not None:
        tells = tells & candidate.tells
    wrong, enough = int(evidence.w.sum()), candidate.enough
    if enough <= ENOUGH:
        enough = min(enough, evidence.claimed.size)
    if tells.sum() < max(enough, wrong / 2):
        return False
    z = candidate.z[told]
    if np.max(np.abs(z), initial=0.0) > LARGEST_Z:
        return False
    return _reduced(z, candidate.free) and _reduced(candidate.z[tells], candidate.free)


def _reduced(z: Array, free: int) -> bool:
    freedom = z.size - free
    if freedom <= 0:
        return z.size > 0 and free < ENOUGH
    return float(np.sum(z * z)) / freedom <= LARGEST_CHI2 + 6 * np.sqrt(2.0 / freedom)


def undone(
    evidence: Evidence,
    x: Array,
    *,
    bits: float,
    undo: Undo | None,
    tells: Array | None = None,
    free: int = 0,
    enough: int = ENOUGH,
    surest: float = SUREST,
    **parameters: Any,
) -> Candidate:
    """Returns the hypothesis that the truth is x, the claim with a mistake undone."""
    x = np.asarray(x, dtype=float)
    s = np.hypot(evidence.s, FLOOR * np.abs(x))
    return Candidate((x - evidence.t) / s, bits, tells, free, parameters, undo, enough, surest)


def done(
    evidence: Evidence,
    h: Array,
    slope: Array | float,
    *,
    bits: float,
    tells: Array | None = None,
    free: int = 0,
    undo: Undo | None = None,
    enough: int = ENOUGH,
    surest: float = SUREST,
    **parameters: Any,
) -> Candidate:
    """Returns the hypothesis that the claim is h(true), where dh/dtrue is the slope."""
    h = np.asarray(h, dtype=float)
    floor = evidence.floor * (evidence.rounding / FLOOR)
    s = np.hypot(evidence.s * np.abs(slope), evidence.rounding * np.abs(h) + floor)
    z = (evidence.c - h) / s
    z = np.where(np.isnan(h), np.nan, z)
    return Candidate(z, bits, tells, free, parameters, undo, enough, surest)


def is_multiple(evidence: Evidence, x: Array) -> bool:
    """Whether x is a multiple of the true gradient: it then explains nothing but a factor."""
    u, v = x / evidence.s, evidence.t / evidence.s
    size = float(u @ u)
    if not np.isfinite(size) or size == 0:
        return False
    return bool(np.max(np.abs(v - float(u @ v) / size * u)) <= LARGEST_Z)
