"""The claim is a multiple of the truth: the sign, a factor that people forget, a free constant."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, permutations
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from gradcheck.diagnosis.evidence import Array, Evidence
from gradcheck.diagnosis.scoring import (
    SUREST,
    VAGUE,
    Candidate,
    Row,
    Undo,
    done,
    real_bits,
    undone,
)
from gradcheck.verdict import number


@dataclass(frozen=True)
class Known:
    """A factor with a reason; a far-fetched one gives way to a number of two digits."""

    value: float
    words: str
    far_fetched: bool = False


SMALL = (
    Known(2.0, "a factor 2 too many"),
    Known(0.5, "a factor 2 is missing, of a square perhaps"),
    Known(4.0, "a factor 2 twice too many"),
    Known(0.25, "a factor 2 is missing twice"),
    Known(3.0, "a factor 3 too many"),
    Known(1 / 3, "a factor 3 is missing, of a cube perhaps"),
)
"""Factors of powers and of complex conventions."""

MOST_RATIOS = 6
"""Ratios are made of so many lengths."""

NAMED_WITHIN = 1e-6
"""A factor is named where it is as near as that (constants are rounded, too), or within noise."""

NEAT_WITHIN = 1e-9
NEAT_BITS = 14.0
"""A number of two digits is one that people write: 1.5, 0.044, 1e-4."""

KNOWN_TO = ((1, 0.05), (0, 0.5))
"""Digits after the first, and the half of a digit that they leave open at most."""

KNOWN_BY = 4.0
"""A number is known by so many standard deviations."""

DIGITS = 12
"""A repair's numbers have so many digits: fewer would not pass."""

NEARLY_ONE = 3e-2
"""A factor so near to one is no forgotten one, but a constant that differs."""

MOST_TOLD = 6
"""Of the factors of slices so many are told."""

USUAL = 1e100
"""No constant of a formula is above it, or below its inverse."""


_KNOWN: WeakKeyDictionary[Evidence, tuple[Known, ...]] = WeakKeyDictionary()


def exactly(value: float) -> str:
    """Returns a number with the digits that a repair needs."""
    return f"{value:.{DIGITS}g}"


def measured(value: float, sigma: float) -> float:
    """Returns a number with the digits that are known of it, at most two; 0 where none is.

    >>> measured(1.04e-5, 1e-9), measured(1.04e-5, 6e-7), measured(1.04e-5, 5e-6)
    (1e-05, 1e-05, 0.0)
    """
    for digits, share in KNOWN_TO:
        if KNOWN_BY * sigma <= share * abs(value):
            return float(f"{value:.{digits}e}")
    return 0.0


def scaling(factor: float) -> tuple[str, Undo]:
    """Returns how a factor is taken back, in words and done with the very number they have."""
    times, by = exactly(1 / factor), exactly(factor)
    if len(times) <= len(by):
        return f"multiply by {times}", lambda c: c * float(times)
    return f"divide by {by}", lambda c: c / float(by)


def known_factors(evidence: Evidence) -> tuple[Known, ...]:
    """Returns the factors that this subject makes likely: small ones, lengths, sizes, constants."""
    if evidence not in _KNOWN:
        _KNOWN[evidence] = tuple(_factors(evidence))
    return _KNOWN[evidence]


def _factors(evidence: Evidence) -> Iterable[Known]:
    lengths = _lengths(evidence)
    found = {k.value: _with_length(k, lengths) for k in SMALL}
    for n, what in lengths.items():
        root = f"its square is {what}: a scale is"
        for value, words in (
            (float(n), f"{n} is {what}: a sum for a mean?"),
            (1.0 / n, f"{n} is {what}: a mean for a sum?"),
            (n**0.5, f"{root} missing, or used twice?"),
            (n**-0.5, f"{root} used twice, or missing?"),
            (n / (n - 1), f"{n} is {what}: N - 1 for N?"),
            ((n - 1) / n, f"{n} is {what}: N for N - 1?"),
        ):
            found.setdefault(value, Known(value, words))
    for n, m in permutations(islice(lengths.items(), MOST_RATIOS), 2):
        words = f"{n[0]} is {n[1]}, {m[0]} is {m[1]}: one is taken for the other?"
        found.setdefault(n[0] / m[0], Known(n[0] / m[0], words, far_fetched=True))
    for name, value in _constants(evidence):
        for factor, text in (
            (value, name),
            (1 / value, f"1 / {name}"),
            (value**2, f"{name}**2"),
            (value**-2, f"1 / {name}**2"),
            (1 - value, f"1 - {name}"),
            (1 / (1 - value) if value != 1 else 0.0, f"1 / (1 - {name})"),
        ):
            if factor and factor != 1:
                found.setdefault(abs(factor), Known(abs(factor), f"it is {text}"))
    return found.values()


def _with_length(known: Known, lengths: Mapping[int, str]) -> Known:
    """Returns a small factor with the other reason that it may have: it is a length, too."""
    for value, words in ((known.value, "a sum for a mean"), (1 / known.value, "a mean for a sum")):
        n = round(value)
        if n in lengths and abs(value - n) < NEAT_WITHIN:
            return replace(known, words=f"{n} is {lengths[n]}: {words}? Or {known.words}")
    return known


def _lengths(evidence: Evidence) -> dict[int, str]:
    """Returns lengths of axes, sizes and counts, with their names."""
    arrays = {n: np.asarray(q) for n, q in evidence.quantities.items()}
    arrays.setdefault(evidence.primal, evidence.claimed)
    lengths: dict[int, str] = {}
    for name, q in arrays.items():
        for axis, n in enumerate(q.shape):
            lengths.setdefault(n, f"the length of axis {axis} of {name}")
    for name, q in arrays.items():
        lengths.setdefault(q.size, f"the length of all of {name}")
        if q.ndim > 2:
            lengths.setdefault(q[0].size, f"the size of one sample of {name}")
            lengths.setdefault(q[0, 0].size, f"the size of one channel of {name}")
        if q.dtype.kind in "biu" and q.size:
            lengths.setdefault(int((q > 0).sum()), f"the number of entries of {name} above zero")
            lengths.setdefault(int((q >= 0).sum()), f"the number of valid entries of {name}")
    return {n: what for n, what in lengths.items() if n > 1}


def _constants(evidence: Evidence) -> Iterator[tuple[str, float]]:
    for name, q in evidence.quantities.items():
        x = np.asarray(q)
        if x.size == 1 and x.dtype.kind in "iuf" and _is_usual(x.item()):
            yield name, float(x.item())


def _is_usual(value: float) -> bool:
    """Whether a constant says something, and its square is a number."""
    return 1 / USUAL < abs(value) < USUAL and value != 1


def fitted(evidence: Evidence, x: Array) -> tuple[float, float]:
    """Returns g and its standard deviation where g x is nearest to the true gradient."""
    keep = np.isfinite(x)
    weight = np.where(keep, 1 / evidence.s, 0.0)
    u, v = np.where(keep, x, 0.0) * weight, np.where(keep, evidence.t, 0.0) * weight
    size = float(u @ u)
    return (float(u @ v) / size, size**-0.5) if size > 0 else (0.0, np.inf)


def recognised(evidence: Evidence, g: float, sigma: float) -> tuple[Known, float]:
    """Returns the factor 1/g of a claim with its name, and its bits; a free number has no words."""
    if not 1e-290 < abs(g) < 1e290:
        return Known(1.0, ""), np.inf
    factors = known_factors(evidence)
    near = min(factors, key=lambda k: abs(abs(g) * k.value - 1))
    neat = float(f"{1 / abs(g):.1e}")
    is_neat = abs(abs(g) * neat - 1) <= max(NEAT_WITHIN, 4 * sigma / abs(g))
    if abs(abs(g) * near.value - 1) <= max(NAMED_WITHIN, 4 * sigma / abs(g)):
        if not (near.far_fetched and is_neat):
            return near, 4 + float(np.log2(2 * len(factors)))
    if is_neat:
        return Known(neat, ""), NEAT_BITS
    return Known(1 / abs(g), ""), 6 + real_bits(g, sigma)


def up_to_factor(
    evidence: Evidence, x: Array, *, bits: float, undo: Undo | None, **more: Any
) -> Iterator[Candidate]:
    """Yields "the truth is x", and "the truth is a multiple of x" with a sign or a known factor.

    x is the claim with a mistake undone, at the sample; the sentence has a place {besides}, the
    repair a place {also}.
    """
    yield undone(evidence, x, bits=bits, undo=undo, besides="", also="", **more)
    g, sigma = fitted(evidence, x)
    if not np.isfinite(g) or g == 0 or abs(g - 1) < max(1e-9, 3 * sigma):
        return
    if abs(g + 1) <= max(1e-9, 3 * sigma):
        factor, words, cost = -1.0, ", and its sign is wrong", 2.0
        text, scaled = "change the sign", np.negative
    else:
        known, cost = recognised(evidence, g, sigma)
        factor = float(np.copysign(known.value, g))
        words = f", and besides it is {number(factor, 4)} times too large"
        words += f" ({known.words})" if known.words else ""
        text, scaled = scaling(factor)
    yield undone(
        evidence, x / factor, bits=bits + cost, free=1, besides=words, besides_factor=factor,
        also=f", and {text}", undo=None if undo is None else lambda c: scaled(undo(c)), **more,
    )  # fmt: skip


def _zero(evidence: Evidence) -> Iterator[Candidate]:
    if not np.any(evidence.claimed):
        yield done(evidence, np.zeros_like(evidence.t), 0.0, bits=0.0)


def _sign(evidence: Evidence) -> Iterator[Candidate]:
    yield undone(evidence, -evidence.c, bits=0.0, undo=np.negative, factor=-1.0)


def _factor(evidence: Evidence, *, named: bool) -> Iterator[Candidate]:
    g, sigma = fitted(evidence, evidence.c)
    if not np.isfinite(g) or g == 0 or abs(g + 1) <= 3 * sigma:
        return
    known, bits = recognised(evidence, g, sigma)
    if bool(known.words) is not named or (not named and abs(abs(1 / g) - 1) < NEARLY_ONE):
        return
    factor = float(np.copysign(known.value, g))
    text, undo = scaling(factor)
    # A number that nobody writes may be another one at another point.
    surest = VAGUE if bits > NEAT_BITS and not known.words else SUREST
    yield undone(
        evidence, evidence.c / factor, bits=bits, free=1, undo=undo, factor=factor,
        inverse=1 / factor, repair=text, everywhere=_everywhere(evidence), surest=surest,
        words=known.words + (" and the sign is wrong" if factor < 0 else ""),
    )  # fmt: skip


def _nearly_one(evidence: Evidence) -> Iterator[Candidate]:
    g, sigma = fitted(evidence, evidence.c)
    if not 0 < abs(g - 1) < NEARLY_ONE:
        return
    bits, neat = 6 + real_bits(g - 1, sigma), float(f"{1 / g - 1:.1e}")
    if abs(g * (1 + neat) - 1) <= max(NEAT_WITHIN, 4 * sigma):
        g, bits = 1 / (1 + neat), NEAT_BITS
    text, undo = scaling(1 / g)
    yield undone(
        evidence, g * evidence.c, bits=bits, free=1, factor=1 / g, undo=undo, inverse=g,
        repair=text, off=number(abs(1 / g - 1), 2), everywhere=_everywhere(evidence),
    )  # fmt: skip


def _slices(evidence: Evidence) -> Iterator[Candidate]:
    """One factor for each index of an axis."""
    for axis in evidence.axes:
        n = evidence.shape[axis]
        if n < 2 or evidence.claimed.size < 3 * n:
            continue
        factors = per_slice(evidence, axis, evidence.c)
        if not _are_borne_out(evidence, axis):
            continue
        g = factors[evidence.at[axis]]
        size = np.sqrt(np.bincount(evidence.at[axis], (evidence.c / evidence.s) ** 2, n))
        bits = sum(
            real_bits(*pair) for pair in zip(factors, 1 / np.maximum(size, 1e-9), strict=True)
        )
        told = [float(1 / f) if f else 0.0 for f in factors[:MOST_TOLD]]
        yield undone(
            evidence, g * evidence.c, bits=bits + 2, free=n, axis=axis, factors=told,
            slice=slice_name(evidence, axis), told=_listed(told, n), undo=None,
        )  # fmt: skip


def _are_borne_out(evidence: Evidence, axis: int) -> bool:
    """Whether several entries of a slice with a factor bear it, and hardly any slice has none."""
    n, where = evidence.shape[axis], evidence.at[axis]
    clear = np.abs(evidence.t) > 4 * evidence.s
    wrong, borne = (
        np.bincount(where[evidence.w], minlength=n),
        np.bincount(where[clear], minlength=n),
    )
    return bool(np.all(borne[wrong > 0] > 0) and np.median(borne[wrong > 0]) > 1)


def _listed(factors: Sequence[float], n: int) -> str:
    told = ", ".join(number(f, 4) for f in factors)
    return f"{told}, …" if n > len(factors) else told


def per_slice(evidence: Evidence, axis: int, x: Array) -> Array:
    """Returns for each index along an axis the g where g x is nearest to the true gradient."""
    n, where = evidence.shape[axis], evidence.at[axis]
    size = np.bincount(where, (x / evidence.s) ** 2, n)
    return np.bincount(where, x * evidence.t / evidence.s**2, n) / np.maximum(size, 1e-300)


def slice_name(evidence: Evidence, axis: int) -> str:
    """Returns what an index along an axis selects, as people say it."""
    if len(evidence.axes) == 2 and not evidence.split:
        return ("row", "column")[axis]
    return f"index of {evidence.axis(axis)}"


def _everywhere(evidence: Evidence) -> str:
    return " in every entry" if evidence.claimed.size > 1 else ""


ROWS = (
    Row(
        "zero",
        "the claim is zero everywhere",
        "this gradient is never computed",
        "compute it",
        _zero,
        bits=3,
    ),
    Row(
        "sign",
        "the claim is -1 times the true gradient",
        "its sign is wrong",
        "change the sign",
        _sign,
        bits=3,
    ),
    Row(
        "known factor",
        "the claim is {factor:.4g} times the true gradient{everywhere}",
        "{words}",
        "{repair}",
        lambda e: _factor(e, named=True),
        bits=3,
    ),
    Row(
        "nearly right",
        "the claim is off by {off} of the true gradient{everywhere}",
        "a constant that differs between forward and backward (an epsilon, say)? If it is intended,"
        " allow it, allow=...",
        "{repair}",
        _nearly_one,
    ),
    Row(
        "constant factor",
        "the claim is {factor:.4g} times the true gradient{everywhere}",
        "",
        "{repair}",
        lambda e: _factor(e, named=False),
    ),
    Row(
        "factor of each slice",
        "the claim is the true gradient times one factor for each {slice} ({told})",
        "what is computed once for each {slice} (a scale, a norm, a weight) is wrong or missing",
        "divide each {slice} by its factor",
        _slices,
        surest=VAGUE,
    ),
)
