"""What people make of the Jacobian of a softmax, and of complex numbers."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from gradcheck.diagnosis.evidence import Array, Evidence
from gradcheck.diagnosis.expressions import softmax
from gradcheck.diagnosis.factors import recognised, up_to_factor
from gradcheck.diagnosis.scoring import Candidate, Row, done, is_multiple

SOFTMAX: Mapping[str, Callable[[Array, Array], Array]] = {
    "the diagonal of softmax's Jacobian only": lambda y, u: u * y * (1 - y),
    "softmax's Jacobian without the term of its sum": lambda y, u: u * y,
    "softmax's Jacobian with the sum over the other axis": lambda y, u: (
        y * (u - (u * y).sum(0, keepdims=True))
    ),
    "softmax's Jacobian with a sum that is not weighted": lambda y, u: (
        y * (u - u.sum(-1, keepdims=True))
    ),
    "softmax's Jacobian with the sum spread along the other axis": lambda y, u: (
        y * (u - (u * y).sum(-1)) if y.shape == y.shape[::-1] and y.ndim == 2 else y * np.nan
    ),
    "softmax's Jacobian with + for -": lambda y, u: y * (u + (u * y).sum(-1, keepdims=True)),
    "the off-diagonal of softmax's Jacobian only": lambda y, u: (
        y * (u * y - (u * y).sum(-1, keepdims=True))
    ),
    "softmax's Jacobian, of a log-softmax": lambda y, u: y * (u - (u * y).sum(-1, keepdims=True)),
    "log-softmax's Jacobian": lambda y, u: u - y * u.sum(-1, keepdims=True),
    "log-softmax's Jacobian without the term of its sum": lambda y, u: u - y * u,
}
"""Wrong pullbacks of y = softmax(x) for a cotangent u."""


def _softmaxes(evidence: Evidence) -> Iterator[tuple[str, Array]]:
    for name, q in evidence.quantities.items():
        y = np.asarray(q, dtype=float) if np.asarray(q).dtype.kind == "f" else np.zeros(0)
        if y.shape != evidence.shape or name in evidence.cotangents:
            continue
        if np.all(y >= 0) and np.allclose(y.sum(-1), 1, atol=1e-5):
            yield name, y
        elif name == evidence.primal:
            yield f"softmax({name})", softmax(y)


def _softmax(evidence: Evidence) -> Iterator[Candidate]:
    if evidence.claimed.ndim < 2:
        return
    ys = list(_softmaxes(evidence))
    us = [(n, np.asarray(evidence.quantities[n], dtype=float)) for n in evidence.cotangents]
    us = [(n, u) for n, u in us if u.shape == evidence.shape]
    bits = float(np.log2(max(1, len(ys) * len(us) * len(SOFTMAX))))
    for name, y in ys:
        for _, u in us:
            for words, pullback in SOFTMAX.items():
                h = evidence.sampled(pullback(y, u))
                if np.isfinite(h).all() and np.any(h):
                    yield from _multiples(evidence, h, bits, words=words, of=name)


def _multiples(evidence: Evidence, h: Array, bits: float, **more: Any) -> Iterator[Candidate]:
    if is_multiple(evidence, h):
        return
    k = float(evidence.c @ h / (h @ h))
    if abs(k - 1) < 1e-6:
        yield done(evidence, h, 0.0, bits=bits, times="", **more)
    elif k:
        _, cost = recognised(evidence, 1 / k, 1e-9 / abs(k))
        times = f"{k:.4g} times "
        yield done(evidence, k * h, 0.0, bits=bits + cost, free=1, times=times, **more)


def _conjugated(evidence: Evidence) -> Iterator[Candidate]:
    """Complex numbers come as real ones with a last axis of two."""
    if evidence.parts:
        conjugate = np.array([1.0, -1.0])
        for sign, words in ((1.0, ""), (-1.0, "minus ")):
            yield from up_to_factor(
                evidence, evidence.c * sign * conjugate[evidence.at[-1]], bits=1.0,
                undo=lambda c, s=sign: c * s * conjugate, words=words,
                and_sign=" and change the sign" if words else "",
            )  # fmt: skip


def _rotated(evidence: Evidence) -> Iterator[Candidate]:
    if evidence.parts:
        for words, signs in (("i", np.array([1.0, -1.0])), ("-i", np.array([-1.0, 1.0]))):
            undo = lambda c, s=signs: c[..., ::-1] * s  # noqa: E731
            yield from up_to_factor(
                evidence, evidence.sampled(undo(evidence.claimed)), bits=2.0, undo=undo,
                words=words, back="-i" if words == "i" else "i",
            )  # fmt: skip


ROWS = (
    Row(
        "softmax's Jacobian",
        "the claim is {times}{words} ({of})",
        "softmax's Jacobian is diag(y) - y yᵀ: x̄ = y * (ȳ - sum(ȳ * y))",
        "use y * (ȳ - sum(ȳ * y)), the sum along the axis of the softmax",
        _softmax,
    ),
    Row(
        "conjugated",
        "the claim is {words}the complex conjugate of the true gradient{besides}",
        "a conjugate is missing or too many",
        "conjugate it{and_sign}{also}",
        _conjugated,
        bits=3,
    ),
    Row(
        "rotated",
        "the claim is {words} times the true gradient (real and imaginary part exchanged){besides}",
        "real and imaginary part are taken for one another",
        "multiply by {back}{also}",
        _rotated,
    ),
)
