"""The chain rule: a factor is missing, too many, or another's, among what the subject offers."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcheck.diagnosis.evidence import Array, Evidence
from gradcheck.diagnosis.expressions import Expression, expressions
from gradcheck.diagnosis.factors import up_to_factor
from gradcheck.diagnosis.scoring import VAGUE, Candidate, Row, done, undone

KEPT = 3
"""So many of the nearest expressions become hypotheses."""

WITNESSES = 8
"""A pair of factors is looked for at so many of the clearest entries before it is tested."""


def _matrix(found: tuple[Expression, ...]) -> Array:
    return np.array([e.at for e in found])


def _nearest(evidence: Evidence, x: Array) -> Array:
    """Returns the rows of x that are nearest to a multiple of the truth."""
    with np.errstate(all="ignore"):
        weight = 1 / np.hypot(evidence.s, 2.0**-46 * np.abs(x))
        u, v = x * weight, evidence.t * weight
        bad = ~np.isfinite(u)
        u, v = np.where(bad, 0.0, u), np.where(bad, 0.0, v)
        g = np.sum(u * v, 1) / np.maximum(np.sum(u * u, 1), 1e-300)
        left = np.sum((v - g[:, None] * u) ** 2, 1) / np.maximum(np.sum(~bad, 1), 1)
    left[np.sum(~bad, 1) < np.maximum(2, 0.5 * x.shape[1])] = np.inf
    return np.argsort(left, kind="stable")[:KEPT]


def _solid(evidence: Evidence) -> Array:
    return np.abs(evidence.t) > 4 * evidence.s


def _missing(evidence: Evidence) -> Iterator[Candidate]:
    """Where true = claim · E."""
    found = expressions(evidence)
    if not found:
        return
    x = evidence.c * _matrix(found)
    for i in _nearest(evidence, x):
        e = found[i]
        yield from up_to_factor(
            evidence, x[i], bits=float(np.log2(len(found))), tells=_solid(evidence),
            undo=lambda c, e=e: c * e.values(), expression=e.text, quantity=e.of,
        )  # fmt: skip


def _extra(evidence: Evidence) -> Iterator[Candidate]:
    """Where claim = true · E."""
    found = expressions(evidence)
    if not found:
        return
    with np.errstate(all="ignore"):
        matrix = _matrix(found)
        x = np.where(matrix == 0, np.nan, evidence.c / matrix)
    x[np.any((matrix == 0) & (evidence.c != 0), 1)] = np.nan
    for i in _nearest(evidence, x):
        e = found[i]
        yield from up_to_factor(
            evidence, x[i], bits=1 + float(np.log2(len(found))), tells=_solid(evidence),
            undo=lambda c, e=e: _quotient(c, e.values()), expression=e.text, quantity=e.of,
        )  # fmt: skip


def _quotient(c: Array, by: Array) -> Array:
    by = np.broadcast_to(by, c.shape)
    return np.divide(c, by, out=np.zeros_like(c), where=by != 0)


def _replaced(evidence: Evidence) -> Iterator[Candidate]:
    """Where claim / E = true / F: one factor stands where another belongs."""
    found = expressions(evidence)
    clear = np.flatnonzero(evidence.w & _solid(evidence) & (evidence.c != 0))
    if len(found) < 2 or len(clear) < 3:
        return
    clear = clear[np.argsort(-np.abs(evidence.t[clear] / evidence.s[clear]))][:WITNESSES]
    matrix = _matrix(found)
    with np.errstate(all="ignore"):
        logs = np.log(np.abs(matrix[:, clear]))
        logs[~np.isfinite(logs).all(1)] = np.nan
        ratio = np.log(np.abs(evidence.c[clear] / evidence.t[clear]))
        off = logs[:, None, :] - logs[None, :, :] - ratio
        noise = np.abs(evidence.s[clear] / evidence.t[clear]) + 1e-12
        off = np.max(np.abs(off) / noise, 2)
    np.fill_diagonal(off, np.inf)
    off[np.isnan(off)] = np.inf
    bits = 2 * float(np.log2(len(found)))
    for flat in np.argsort(off, axis=None, kind="stable")[:KEPT]:
        i, j = np.unravel_index(flat, off.shape)
        if off[i, j] > 20:
            return
        e, f = found[i], found[j]
        if not np.all(e.at):
            continue  # nobody divides by a mask
        with np.errstate(all="ignore"):
            x = np.where(e.at == 0, np.nan, evidence.c * f.at / e.at)
        yield from up_to_factor(
            evidence, x, bits=bits, tells=_solid(evidence), used=e.text, wanted=f.text,
            undo=lambda c, e=e, f=f: _quotient(c * f.values(), e.values()),
        )  # fmt: skip


def _passed(evidence: Evidence) -> Iterator[Candidate]:
    """The claim is a cotangent, or another quantity, as it is."""
    found = [e for e in expressions(evidence) if e.form == "{q}" and not e.of.endswith(")")]
    for e in found:
        for sign, words in ((1.0, ""), (-1.0, "minus ")):
            role = ", the cotangent" if e.of in evidence.cotangents else ""
            bits = 1 + float(np.log2(2 * len(found)))
            yield _claimed(evidence, sign * e.at, bits, which=f"{words}{e.text}", role=role)


def _scalar_cotangent(evidence: Evidence) -> Iterator[Candidate]:
    """Where true = claim · u, where u is one number: the cotangent of a loss is left out."""
    for name in evidence.cotangents:
        u = np.asarray(evidence.quantities[name], dtype=float)
        if u.size == 1 and u.item() not in (0, 1):
            value = float(u.item())
            yield undone(
                evidence, evidence.c * value, bits=1.0, undo=lambda c, v=value: c * v, which=name
            )


def _other(evidence: Evidence) -> Iterator[Candidate]:
    """The claim is cotangent · E for an E that the truth does not have."""
    found = expressions(evidence)
    cotangents = [e for e in found if e.form == "{q}" and e.of in evidence.cotangents]
    factors = [e for e in found if e.of not in evidence.cotangents]
    for u in cotangents:
        for e in factors:
            bits = 2 + float(np.log2(len(factors) * len(cotangents)))
            yield _claimed(evidence, u.at * e.at, bits, expression=f"{u.text} * {e.text}")


def _claimed(evidence: Evidence, h: Array, bits: float, **parameters: Any) -> Candidate:
    """The claim is h, whatever the truth is."""
    return done(evidence, h, 0.0, bits=bits, **parameters)


ROWS = (
    Row(
        "cotangent left out",
        "the claim takes {which}, the cotangent of the output, for 1",
        "the gradient that comes in from above is not multiplied in",
        "multiply by {which}",
        _scalar_cotangent,
        bits=4,
    ),
    Row(
        "passed on",
        "the claim is {which}{role}, as it is",
        "the derivative of the function itself is missing",
        "multiply by the derivative",
        _passed,
        bits=8,
        of_zero=True,
    ),
    Row(
        "chain factor missing",
        "the factor {expression} is missing{besides}",
        "a step of the chain rule is left out",
        "multiply by {expression}{also}",
        _missing,
        bits=4,
    ),
    Row(
        "chain factor extra",
        "the claim has a factor {expression} too many{besides}",
        "a step of the chain rule is taken twice, or belongs to another function",
        "divide by {expression}{also}",
        _extra,
        bits=4,
    ),
    Row(
        "chain factor replaced",
        "the claim has the factor {used} where {wanted} belongs{besides}",
        "the derivative of another function, or of the right one at the wrong place",
        "divide by {used} and multiply by {wanted}{also}",
        _replaced,
    ),
    Row(
        "another derivative",
        "the claim is {expression}",
        "that is the derivative of another function, or of a part of this one",
        "derive all of the function",
        _other,
        surest=VAGUE,
    ),
)
