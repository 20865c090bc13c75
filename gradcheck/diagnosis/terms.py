"""A term too few or too many: weight decay, an L1 penalty, what a normalisation subtracts."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gradcheck.diagnosis.evidence import Array, Evidence
from gradcheck.diagnosis.expressions import Expression, derived, expressions, fitting
from gradcheck.diagnosis.factors import NEAT_WITHIN, Known, recognised, slice_name
from gradcheck.diagnosis.scoring import (
    CONTENT,
    Candidate,
    Row,
    Undo,
    is_multiple,
    real_bits,
    undone,
)
from gradcheck.verdict import number

KEPT = 3
NEAT = 2
"""Constants such as a decay are chosen with so many digits."""


@dataclass(frozen=True)
class Multiple:
    """λ where claim - true = λ E, neat where a neat one fits, or a neat one times a cotangent."""

    value: float
    bits: float
    free: int
    text: str


def _multiple(evidence: Evidence, feature: Array) -> Multiple | None:
    d = evidence.c - evidence.t
    u, v = feature / evidence.s, d / evidence.s
    size = float(u @ u)
    if not np.isfinite(size) or size == 0 or not u @ v:
        return None
    value, sigma = float(u @ v) / size, size**-0.5
    for name, unit in _units(evidence):
        neat = float(f"{abs(value / unit):.{NEAT - 1}e}")
        if neat and abs(neat - abs(value / unit)) <= max(4 * sigma / abs(unit), NEAT_WITHIN * neat):
            sign = float(np.sign(value / unit))
            return Multiple(sign * neat * unit, 10.0, 0, f"{number(sign * neat)}{name}")
    return Multiple(value, 6 + real_bits(value, sigma), 1, number(value))


def _units(evidence: Evidence) -> Iterator[tuple[str, float]]:
    """Yields what a constant may be neat in terms of: itself, or a cotangent of one number."""
    yield "", 1.0
    for name in evidence.cotangents:
        u = np.asarray(evidence.quantities[name], dtype=float)
        if u.size == 1 and u.item() not in (0.0, 1.0):
            yield f" * {name}", float(u.item())


def _beside(evidence: Evidence) -> Iterator[Candidate]:
    """Where claim = f true + λ q: all but a term is a multiple of what it should be."""
    found = [e for e in expressions(evidence) if e.of == evidence.primal and e.form in PENALTIES]
    for e in found:
        u = np.stack([evidence.c, e.at]) / evidence.s
        v = evidence.t / evidence.s
        gram = u @ u.T
        if np.linalg.cond(gram) > 1e12:
            continue
        (g, rest), sigma = np.linalg.solve(gram, u @ v), np.sqrt(np.linalg.inv(gram)[0, 0])
        known, bits = (Known(1.0, "its sign is wrong"), 2.0)
        if abs(g + 1) > max(1e-6, 4 * sigma):
            known, bits = recognised(evidence, float(g), float(sigma))
        if not known.words or abs(g - 1) <= max(1e-6, 4 * sigma):
            continue
        factor = float(np.copysign(known.value, g))
        x = evidence.c / factor
        rest = float((e.at / evidence.s) @ (v - x / evidence.s) / gram[1, 1])
        cost = real_bits(rest, float(gram[1, 1]) ** -0.5)
        yield undone(
            evidence, x + rest * e.at, bits=bits + cost + np.log2(len(found)), free=2,
            undo=lambda c, e=e, f=factor, r=rest: c / f + r * e.values(), expression=e.text,
            factor=factor, inverse=1 / factor, words=known.words, rest=rest,
        )  # fmt: skip


PENALTIES = ("{q}", "sign({q})")


def term(evidence: Evidence, e: Expression, bits: float) -> Iterator[Candidate]:
    """Yields the hypothesis that claim - true is a multiple of an expression."""
    found = _multiple(evidence, e.at)
    if found is None:
        return
    yield undone(
        evidence, evidence.c - found.value * e.at, bits=bits + found.bits, free=found.free,
        undo=lambda c: c - found.value * e.values(), expression=e.text, multiple=found.value,
        text=found.text,
    )  # fmt: skip


def _penalty(evidence: Evidence, *, form: str) -> Iterator[Candidate]:
    for e in expressions(evidence):
        if e.of == evidence.primal and e.form == form:
            yield from term(evidence, e, 0.0)


def _any_term(evidence: Evidence) -> Iterator[Candidate]:
    """Where claim - true = λ E, or λ u E with a cotangent u."""
    found = list(expressions(evidence))
    for u in [e for e in found if e.form == "{q}" and e.of in evidence.cotangents]:
        found += [_times(u, e) for e in found if e.of not in evidence.cotangents]
    one = np.ones_like(evidence.c)
    found.append(Expression("1", "", "1", one, lambda: np.ones(evidence.shape)))
    for i in _nearest(evidence, np.array([e.at for e in found])):
        if not is_multiple(evidence, found[i].at):
            yield from term(evidence, found[i], float(np.log2(len(found))))


def _times(u: Expression, e: Expression) -> Expression:
    text = f"{u.text} * {e.text}"
    return Expression(text, e.of, e.form, u.at * e.at, lambda: u.values() * e.values())


def _nearest(evidence: Evidence, features: Array) -> Array:
    """Returns the features to a multiple of which claim - true is nearest."""
    u = features / evidence.s
    v = (evidence.c - evidence.t) / evidence.s
    with np.errstate(all="ignore"):
        explained = (u @ v) ** 2 / np.sum(u * u, 1)
    return np.argsort(-np.nan_to_num(explained, nan=-1.0), kind="stable")[:KEPT]


def _in_slices(evidence: Evidence, *, level: bool, multiple: bool) -> Iterator[Candidate]:
    """Where claim - true = α + β q with an α and a β for each slice, as projections subtract."""
    if evidence.claimed.ndim < 1 or evidence.claimed.size < 4:
        return
    own = [(n, q) for n, q in fitting(evidence, evidence.shape) if q.shape == evidence.shape]
    own += [(n, q) for n, q in derived(evidence) if n.startswith("one_hot")]
    quantities = (
        [(n, q) for n, q in own if n not in evidence.cotangents] if multiple else [("", None)]
    )
    for name, q in quantities:
        for axis in range(evidence.claimed.ndim):
            found = _fits(evidence, axis, q, level)
            if found is None:
                continue
            term, cost, free, undo = found
            yield undone(
                evidence, evidence.c - term, bits=cost + 2 + np.log2(len(quantities)), free=free,
                undo=undo, quantity=name, slice=_slice(evidence, axis), axis=axis,
            )  # fmt: skip


def _slice(evidence: Evidence, axis: int) -> str:
    ndim = evidence.claimed.ndim
    return slice_name(evidence, 1 - axis) if ndim == 2 else f"slice along {evidence.axis(axis)}"


def _fits(
    evidence: Evidence, axis: int, q: Array | None, level: bool
) -> tuple[Array, float, int, Undo] | None:
    """Returns the term at the sample, its bits and fitted numbers, and how to take it off.

    The slices run along `axis`: all other indices tell one from another.
    """
    shape = tuple(1 if a == axis else n for a, n in enumerate(evidence.shape))
    number_of = int(np.prod(shape))
    per = 2 if level and q is not None else 1
    if number_of == 1 or evidence.shape[axis] <= per or number_of * (per + 1) > evidence.c.size:
        return None
    where = np.ravel_multi_index(
        tuple(np.zeros_like(i) if a == axis else i for a, i in enumerate(evidence.at)), shape
    )
    weight = evidence.s**-2.0

    def total(x: Array) -> Array:
        return np.bincount(where, weight * x, number_of)

    one, d = np.ones_like(evidence.c), evidence.c - evidence.t
    f = one if q is None else evidence.sampled(q)
    zero = np.zeros(number_of)
    ff, fd, f1 = total(f * f), total(f * d), total(f)
    n, d1 = total(one), total(d)
    with np.errstate(all="ignore"):
        if per == 2:
            determinant = ff * n - f1 * f1
            beta, alpha = (fd * n - f1 * d1) / determinant, (ff * d1 - f1 * fd) / determinant
            sizes = np.sqrt(determinant / n), np.sqrt(n)
        else:
            beta, alpha = fd / ff, zero
            sizes = np.sqrt(ff), np.sqrt(n)
    term = alpha[where] + beta[where] * f
    if not np.isfinite(term).all():
        return None
    seen = np.bincount(where, minlength=number_of) > 0
    bits = float(np.sum(np.log2(1 + np.abs(beta * sizes[0])[seen]) + CONTENT))
    if per == 2:
        bits += float(np.sum(np.log2(1 + np.abs(alpha * sizes[1])[seen]) + CONTENT))
    a, b = np.nan_to_num(alpha).reshape(shape), np.nan_to_num(beta).reshape(shape)
    return term, bits, per * int(seen.sum()), lambda c: c - a - b * (1.0 if q is None else q)


ROWS = (
    Row(
        "weight decay",
        "claimed - true is {text} * {expression}",
        "a penalty (weight decay) that only forward or only backward has, or with another weight;"
        " or a norm that is taken for a constant",
        "subtract {text} * {expression}",
        lambda e: _penalty(e, form="{q}"),
        bits=4,
    ),
    Row(
        "L1 penalty",
        "claimed - true is {text} * {expression}",
        "an L1 penalty that only one of forward and backward has, or with another weight",
        "subtract {text} * {expression}",
        lambda e: _penalty(e, form="sign({q})"),
    ),
    Row(
        "term",
        "claimed - true is {text} * {expression}",
        "a term of the derivative is left out, or one too many",
        "subtract {text} * {expression}",
        _any_term,
    ),
    Row(
        "factor beside a term",
        "all but a multiple of {expression} in the claim is {factor:.4g} times what it should be",
        "{words}",
        "multiply the rest by {inverse:.4g}",
        _beside,
    ),
    Row(
        "mean term",
        "the claim differs from the true gradient by one number for each {slice}",
        "the mean that is subtracted in the forward pass is taken for a constant, or a sum is"
        " missing",
        "subtract the mean along {axis_name}",
        lambda e: _in_slices(e, level=True, multiple=False),
    ),
    Row(
        "projection term",
        "the claim differs from the true gradient by a multiple of {quantity} for each {slice}",
        "the term of a normaliser (the variance of a layer norm, the sum of a softmax) is missing"
        " or wrong",
        "subtract the projection on {quantity} along {axis_name}",
        lambda e: _in_slices(e, level=False, multiple=True),
    ),
    Row(
        "mean and variance terms",
        "the claim differs from the true gradient by a constant and a multiple of {quantity} for"
        " each {slice}",
        "mean and variance of a normalisation are taken for constants, or for those of other axes",
        "subtract the mean, and the projection on {quantity}, along {axis_name}",
        lambda e: _in_slices(e, level=True, multiple=True),
    ),
)
