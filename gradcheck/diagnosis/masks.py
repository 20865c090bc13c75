"""The claim is right but for a set of entries: zeroed, scaled, of the wrong sign, not masked."""

from collections.abc import Iterator

import numpy as np

from gradcheck.diagnosis.evidence import Array, Evidence
from gradcheck.diagnosis.expressions import expressions
from gradcheck.diagnosis.factors import NEAT_BITS, fitted, recognised, scaling
from gradcheck.diagnosis.patterns import Pattern, patterns
from gradcheck.diagnosis.scoring import VAGUE, Candidate, Row, Undo, choice_bits, done, undone

NEARLY_ALL = 0.9
"""Where a mask is missing, hardly an entry that it hides is zero."""


def subsets(evidence: Evidence) -> Iterator[Pattern]:
    """Yields the patterns, and the wrong entries as they are: no pattern at all."""
    yield from patterns(evidence)
    n, k = evidence.w.size, int(evidence.w.sum())
    if k < n:
        words = f"{int(evidence.wrong.sum())} scattered entries of {int(evidence.seen.sum())}"
        bits = 4 + choice_bits(n, k) + float(np.log2(n))
        yield Pattern(words, bits, evidence.w, lambda: evidence.wrong, VAGUE)


def _zeroed(evidence: Evidence) -> Iterator[Candidate]:
    if np.any(evidence.c[evidence.w]):
        return
    for pattern in subsets(evidence):
        h = np.where(pattern.at, 0.0, evidence.t)
        yield done(
            evidence,
            h,
            ~pattern.at,
            bits=pattern.bits,
            where=pattern.words,
            enough=1,
            surest=pattern.surest,
        )


def _unmasked(evidence: Evidence) -> Iterator[Candidate]:
    """The truth is zero on the set, and the claim is not."""
    if np.any(np.abs(evidence.t[evidence.w]) > 6 * evidence.s[evidence.w]):
        return
    for pattern in subsets(evidence):
        if np.mean(evidence.c[pattern.at] != 0) < NEARLY_ALL:
            continue
        yield undone(
            evidence, np.where(pattern.at, 0.0, evidence.c), bits=pattern.bits,
            undo=_within(pattern, lambda c: 0.0 * c), where=pattern.words, enough=1,
            surest=pattern.surest,
        )  # fmt: skip


def _scaled(evidence: Evidence) -> Iterator[Candidate]:
    g, sigma = fitted(evidence, np.where(evidence.w, evidence.c, np.nan))
    if not np.isfinite(g) or g == 0 or abs(g + 1) <= 4 * sigma:
        return
    known, bits = recognised(evidence, g, sigma)
    factor = float(np.copysign(known.value, g))
    text, undo = scaling(factor)
    for pattern in subsets(evidence):
        yield undone(
            evidence, np.where(pattern.at, evidence.c / factor, evidence.c),
            bits=pattern.bits + bits, free=1, tells=_solid(evidence),
            undo=_within(pattern, undo), factor=factor, inverse=1 / factor,
            where=pattern.words, repair=text, surest=pattern.surest,
            words=known.words, enough=1 if bits <= NEAT_BITS else 2,
        )  # fmt: skip


def _negated(evidence: Evidence) -> Iterator[Candidate]:
    for pattern in subsets(evidence):
        yield undone(
            evidence, np.where(pattern.at, -evidence.c, evidence.c), bits=pattern.bits,
            tells=_solid(evidence), undo=_within(pattern, np.negative), where=pattern.words,
            enough=1, surest=pattern.surest,
        )  # fmt: skip


def _constant(evidence: Evidence) -> Iterator[Candidate]:
    """One value on a set where the truth varies, or one times the cotangent."""
    cotangents = [e for e in expressions(evidence) if e.of in evidence.cotangents]
    for u in [None, *(e for e in cotangents if e.form == "{q}")]:
        by = np.ones_like(evidence.c) if u is None else u.at
        with np.errstate(all="ignore"):
            values = evidence.c[evidence.w] / by[evidence.w]
        if len(values) < 3 or values[0] == 0 or not np.allclose(values, values[0], rtol=1e-13):
            continue
        value = float(values[0])
        for pattern in subsets(evidence):
            yield done(
                evidence, np.where(pattern.at, value * by, evidence.t), ~pattern.at,
                bits=pattern.bits + 8, where=pattern.words, value=value, free=1,
                surest=pattern.surest,
                times="" if u is None else f" * {u.text}",
            )  # fmt: skip


def _passed(evidence: Evidence) -> Iterator[Candidate]:
    """A quantity as it is on a set: a branch whose derivative is taken for one."""
    if evidence.w.all():
        return
    for e in expressions(evidence):
        if (
            e.form != "{q}"
            or e.of.endswith(")")
            or not np.allclose(e.at[evidence.w], evidence.c[evidence.w], rtol=1e-6)
        ):
            continue
        for pattern in subsets(evidence):
            h = np.where(pattern.at, e.at, evidence.t)
            yield done(
                evidence, h, ~pattern.at, bits=pattern.bits + 4, where=pattern.words, which=e.text
            )


def _inverted(evidence: Evidence) -> Iterator[Candidate]:
    """The claim is zero where the truth is not, and the other way round."""
    none = evidence.c == 0
    zero = np.abs(evidence.t) <= 4 * evidence.s
    if none.all() or not none.any() or not np.any(~zero):
        return
    if np.all(none != zero):
        yield Candidate(
            np.where(zero, evidence.t / evidence.s, 0.0), 2.0,
            parameters={"where": "elsewhere"},
        )  # fmt: skip


def _solid(evidence: Evidence) -> Array:
    return np.abs(evidence.t) > 4 * evidence.s


def _within(pattern: Pattern, change: Undo) -> Undo:
    return lambda c: np.where(pattern.mask(), change(c), c)


ROWS = (
    Row(
        "zeroed",
        "the claim is zero in {where}",
        "these entries are never written, or a mask takes them away",
        "compute them",
        _zeroed,
        bits=4,
    ),
    Row(
        "mask missing",
        "the claim is not zero in {where}, where the true gradient is",
        "a mask of the forward pass is missing in the backward pass",
        "set them to zero",
        _unmasked,
    ),
    Row(
        "scaled",
        "the claim is {factor:.4g} times the true gradient in {where}",
        "{words}",
        "{repair} there",
        _scaled,
    ),
    Row(
        "sign of a part",
        "the claim is -1 times the true gradient in {where}",
        "a sign depends on the entry, and the backward pass forgets it",
        "change the sign there",
        _negated,
    ),
    Row(
        "constant part",
        "the claim is {value:.4g}{times} in {where}, where the true gradient varies",
        "a branch returns a constant: its derivative, or the cotangent, is left out",
        "compute the gradient of that branch",
        _constant,
    ),
    Row(
        "passed on in part",
        "the claim is {which}, as it is, in {where}",
        "the derivative of a branch is missing, or of what is added up there one alone counts",
        "derive that branch",
        _passed,
        surest=VAGUE,
    ),
    Row(
        "mask inverted",
        "the claim is zero where the true gradient is not, and not zero where it is",
        "the mask is inverted",
        "negate the mask",
        _inverted,
        bits=4,
    ),
)
