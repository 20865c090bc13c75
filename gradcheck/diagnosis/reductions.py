"""A sum too few, too many, or over the wrong axis; a constant where the gradient varies."""

from collections.abc import Callable, Iterator
from itertools import combinations

import numpy as np

from gradcheck.diagnosis.evidence import Array, Evidence
from gradcheck.diagnosis.factors import recognised, up_to_factor
from gradcheck.diagnosis.scoring import Candidate, Row, done, real_bits

REDUCTIONS: tuple[tuple[str, Callable[..., Array], Callable[[int], float]], ...] = (
    ("sum", np.sum, lambda n: 2 * n**0.5),
    ("mean", np.mean, lambda n: 2 * n**-0.5),
    ("largest entry", np.max, lambda n: 2.0),
    ("first entry", lambda x, axis, keepdims: _take(x, axis, 0), lambda n: 2.0),
    ("last entry", lambda x, axis, keepdims: _take(x, axis, -1), lambda n: 2.0),
)
"""Reductions, and how the noise of one of n entries grows with them, twice: entries share it."""


UNKNOWN_BEYOND = 1e-2
"""A factor that is known no better is near to some known one by chance."""


def _take(x: Array, axis: tuple[int, ...], at: int) -> Array:
    for a in axis:
        x = np.take(x, [at], a)
    return x


def _spread(evidence: Evidence) -> Iterator[Candidate]:
    """The claim is one number along some axes: a reduction of the truth, spread out again."""
    axes = [a for a in evidence.axes if evidence.shape[a] > 1]
    chosen = [c for k in range(1, len(axes) + 1) for c in combinations(axes, k)]
    for axis in chosen:
        if _varies(evidence.claimed, axis) or not np.any(evidence.claimed):
            continue
        n = int(np.prod([evidence.shape[a] for a in axis]))
        for words, reduction, growth in REDUCTIONS:
            h = evidence.sampled(reduction(evidence.known, axis=axis, keepdims=True))
            yield done(
                evidence, h, growth(n), bits=float(np.log2(5 * len(chosen))), reduction=words,
                along=_along(evidence, axis, axes),
            )  # fmt: skip


def _flat(evidence: Evidence) -> Iterator[Candidate]:
    """The claim is one and the same number in every entry, whatever it is."""
    value = float(evidence.claimed.flat[0])
    if evidence.claimed.size > 2 and value and np.all(evidence.claimed == value):
        bits = 8.0 + real_bits(value, 1e-3 * abs(value))
        z = np.zeros_like(evidence.t)
        true = "is zero" if evidence.is_zero else "varies"
        yield Candidate(z, bits, free=1, parameters={"value": value, "true": true})


def _centred(evidence: Evidence) -> Iterator[Candidate]:
    """The mean along an axis is taken off the gradient."""
    for axis, n in enumerate(evidence.shape):
        if n > 1:
            h = evidence.known - evidence.known.mean(axis, keepdims=True)
            yield done(evidence, evidence.sampled(h), 1.0, bits=2.0, axis=axis)


def _cumulated(evidence: Evidence) -> Iterator[Candidate]:
    """Sums up to each entry, or from it on; or the differences of neighbours."""
    for axis, n in enumerate(evidence.shape):
        if n < 3:
            continue

        def differences(c: Array, axis: int = axis) -> Array:
            return np.diff(c, axis=axis, prepend=0.0)

        def from_the_end(c: Array, axis: int = axis) -> Array:
            return np.flip(np.diff(np.flip(c, axis), axis=axis, prepend=0.0), axis)

        for words, undo, text in (
            ("summed up from the start", differences, "take the differences"),
            ("summed up from the end", from_the_end, "take the differences, from the end,"),
            ("differenced", lambda c, axis=axis: np.cumsum(c, axis), "sum it up"),
        ):
            x = evidence.sampled(undo(evidence.claimed))
            yield from up_to_factor(
                evidence, x, bits=3.0, undo=undo, words=words, axis=axis, repair=text
            )


def _varies(x: Array, axis: tuple[int, ...]) -> bool:
    spread = np.ptp(x, axis=axis)
    return bool(np.any(spread > 1e-12 * np.max(np.abs(x))))


def _along(evidence: Evidence, axis: tuple[int, ...], axes: list[int]) -> str:
    if len(axis) == len(axes):
        return "over all entries"
    return "along " + ", ".join(map(evidence.axis, axis))


def _multiple_of_sum(evidence: Evidence) -> Iterator[Candidate]:
    """As `_spread`, up to a factor."""
    axes = [a for a in evidence.axes if evidence.shape[a] > 1]
    for axis in (c for k in range(1, len(axes) + 1) for c in combinations(axes, k)):
        if _varies(evidence.claimed, axis) or not np.any(evidence.claimed):
            continue
        h = evidence.sampled(np.sum(evidence.known, axis=axis, keepdims=True))
        if not np.all(np.isfinite(h)) or not np.any(h):
            continue
        n = int(np.prod([evidence.shape[a] for a in axis]))
        noise = float(np.linalg.norm(evidence.s) * n**0.5 / np.linalg.norm(h))
        f = float(evidence.c @ h / (h @ h))
        known, bits = (
            recognised(evidence, 1 / f, noise / abs(f))
            if f and noise < UNKNOWN_BEYOND
            else (None, 0.0)
        )
        if known is None or not known.words:
            continue
        factor = float(np.copysign(known.value, f))
        yield done(
            evidence, factor * h, 2 * factor * n**0.5, bits=bits + 3, free=1, factor=factor,
            reduction=f"{factor:.4g} times the sum", along=_along(evidence, axis, axes),
        )  # fmt: skip


ROWS = (
    Row(
        "reduced and spread",
        "the claim is the {reduction} of the true gradient {along}, the same in each entry",
        "a reduction too many, broadcast back to the shape",
        "do not reduce it",
        _spread,
    ),
    Row(
        "reduced and scaled",
        "the claim is {reduction} of the true gradient {along}, the same in each entry",
        "a reduction too many, broadcast back to the shape",
        "do not reduce it",
        _multiple_of_sum,
    ),
    Row(
        "constant",
        "the claim is {value:.4g} in every entry, where the true gradient {true}",
        "a derivative that depends on the input is taken for a constant",
        "compute it entry by entry",
        _flat,
        of_zero=True,
    ),
    Row(
        "mean removed",
        "the claim is the true gradient less its mean along {axis_name}",
        "the mean term of a normalisation that the function does not have",
        "do not subtract the mean",
        _centred,
    ),
    Row(
        "cumulated",
        "the claim is the true gradient {words} along {axis_name}{besides}",
        "a cumulated sum, or its derivative, is forgotten or applied twice",
        "{repair} along {axis_name}{also}",
        _cumulated,
    ),
)
