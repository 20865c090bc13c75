"""A term too few or too many: weight decay, an L1 penalty, one of a product rule."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gradcheck.diagnosis.evidence import Array, Evidence
from gradcheck.diagnosis.expressions import Expression, expressions
from gradcheck.diagnosis.factors import NEAT_WITHIN, Known, exactly, recognised, scaling
from gradcheck.diagnosis.scoring import VAGUE, Candidate, Row, is_multiple, real_bits, undone
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
    exactly: str


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
            text = f"{number(sign * neat)}{name}"
            return Multiple(sign * neat * unit, 10.0, 0, text, text)
    text = exactly(value)
    return Multiple(float(text), 6 + real_bits(value, sigma), 1, number(value), text)


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
        text, scaled = scaling(factor)
        rest = float(exactly(rest))
        yield undone(
            evidence, x + rest * e.at, bits=bits + cost + np.log2(len(found)), free=2,
            undo=lambda c, e=e, scaled=scaled, r=rest: scaled(c) + r * e.values(),
            expression=e.text, factor=factor, inverse=1 / factor, words=known.words, rest=rest,
            repair=f"{text}, then add {exactly(rest)} * {e.text}",
        )  # fmt: skip


PENALTIES = ("{q}", "sign({q})")


def term(evidence: Evidence, e: Expression, bits: float, *, neat: bool) -> Iterator[Candidate]:
    """Yields the hypothesis that claim - true is a multiple, neat or not, of an expression."""
    found = _multiple(evidence, e.at)
    if found is None or (not found.free) is not neat:
        return
    yield undone(
        evidence, evidence.c - found.value * e.at, bits=bits + found.bits, free=found.free,
        undo=lambda c: c - found.value * e.values(), expression=e.text, multiple=found.value,
        text=found.text, exactly=found.exactly,
    )  # fmt: skip


def _penalty(evidence: Evidence, *, form: str, neat: bool) -> Iterator[Candidate]:
    for e in expressions(evidence):
        if e.of == evidence.primal and e.form == form:
            yield from term(evidence, e, 0.0, neat=neat)


def _any_term(evidence: Evidence, *, neat: bool) -> Iterator[Candidate]:
    """Where claim - true = λ E, or λ u E with a cotangent u."""
    found = list(expressions(evidence))
    for u in [e for e in found if e.form == "{q}" and e.of in evidence.cotangents]:
        found += [_times(u, e) for e in found if e.of not in evidence.cotangents]
    one = np.ones_like(evidence.c)
    found.append(Expression("1", "", "1", one, lambda: np.ones(evidence.shape)))
    for i in _nearest(evidence, np.array([e.at for e in found])):
        if not is_multiple(evidence, found[i].at):
            yield from term(evidence, found[i], float(np.log2(len(found))), neat=neat)


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


PENALTY = "that only one of forward and backward has, or with another weight"
MULTIPLE = "claimed - true is {text} * {expression}"
SUBTRACT = "subtract {exactly} * {expression}"

ROWS = (
    Row(
        "weight decay",
        MULTIPLE,
        f"a penalty (weight decay) {PENALTY}",
        SUBTRACT,
        lambda e: _penalty(e, form="{q}", neat=True),
        bits=4,
        of_zero=True,
    ),
    Row(
        "weight decay",
        MULTIPLE,
        f"a penalty (weight decay) {PENALTY}; or a norm that is taken for a constant",
        SUBTRACT,
        lambda e: _penalty(e, form="{q}", neat=False),
        bits=4,
        surest=VAGUE,
    ),
    Row(
        "L1 penalty",
        MULTIPLE,
        f"an L1 penalty {PENALTY}",
        SUBTRACT,
        lambda e: _penalty(e, form="sign({q})", neat=True),
        of_zero=True,
    ),
    Row(
        "L1 penalty",
        MULTIPLE,
        f"an L1 penalty {PENALTY}",
        SUBTRACT,
        lambda e: _penalty(e, form="sign({q})", neat=False),
        surest=VAGUE,
    ),
    Row(
        "term",
        MULTIPLE,
        "a term of the derivative is left out, or one too many",
        SUBTRACT,
        lambda e: _any_term(e, neat=True),
    ),
    Row(
        "term",
        MULTIPLE,
        "a term of the derivative is left out, or one too many",
        SUBTRACT,
        lambda e: _any_term(e, neat=False),
        surest=VAGUE,
    ),
    Row(
        "factor beside a term",
        "all but a multiple of {expression} in the claim is {factor:.4g} times what it should be",
        "{words}",
        "{repair}",
        _beside,
    ),
)
