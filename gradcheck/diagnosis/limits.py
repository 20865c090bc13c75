"""The claim is a function of the truth that loses something: absolute, clipped, rounded."""

from collections.abc import Callable, Iterator, Mapping
from itertools import product

import numpy as np

from gradcheck.diagnosis.evidence import FLOOR, Array, Evidence
from gradcheck.diagnosis.factors import KNOWN_BY, NEAT_BITS, exactly, measured
from gradcheck.diagnosis.scoring import Candidate, Row, done, real_bits, undone
from gradcheck.verdict import number

SIGNS = 6
"""So many entries must have lost their sizes, or their norm: a few may have any."""

UNLIKE = 1e-2
"""And these must differ."""

SMALL = "a small constant (none of its digits can be measured here)"


def _absolute(evidence: Evidence) -> Iterator[Candidate]:
    """|t|, or -|t|; a small entry's sign is not known, and need not be."""
    for sign in (1.0, -1.0):
        if np.all(sign * evidence.c >= 0):
            h = np.abs(evidence.t)
            z = (np.abs(evidence.c) - h) / np.hypot(evidence.s, 2.0**-46 * h)
            yield Candidate(z, 1.0, parameters={"which": "" if sign > 0 else "minus "})


def _rectified(evidence: Evidence) -> Iterator[Candidate]:
    """max(t, 0) or min(t, 0)."""
    for words, clip in (
        ("negative", lambda t: np.maximum(t, 0)),
        ("positive", lambda t: np.minimum(t, 0)),
    ):
        if np.array_equal(clip(evidence.c), evidence.c):
            near = clip(evidence.t)
            yield done(evidence, near, 1.0, bits=2.0, words=words)


def _stabilised(evidence: Evidence) -> Iterator[Candidate]:
    """An epsilon too many or too few: (u / claim)^p - (u / true)^p is one number."""
    for name, power in product(evidence.cotangents, (1, 2)):
        q = np.asarray(evidence.quantities[name], dtype=float)
        if q.shape != evidence.shape or np.ptp(np.abs(q)) == 0:
            continue  # then it would be any function t / (1 + ε t) of the true gradient
        u = evidence.sampled(q)
        inverse = np.abs(u / evidence.t)
        noise = np.hypot(evidence.s / np.abs(evidence.t), FLOOR) * power * inverse**power
        d = np.abs(u / evidence.c) ** power - inverse**power
        if np.any(np.sign(evidence.c) != np.sign(evidence.t)):
            continue
        if not np.isfinite(d).all() or not np.isfinite(noise).all():
            continue
        epsilon = float(np.sum(d / noise**2) / np.sum(noise**-2.0))
        sigma = float(np.sum(noise**-2.0)) ** -0.5
        neat = measured(epsilon, sigma)
        is_neat = neat != 0 and abs(neat - epsilon) <= max(KNOWN_BY * sigma, 1e-9 * abs(neat))
        epsilon = neat if is_neat else float(exactly(epsilon))
        by, exact = (number(abs(epsilon), 4), exactly(abs(epsilon))) if neat else (SMALL, "it")
        yield undone(
            evidence, _without(evidence.c, u, epsilon, power), free=int(not is_neat),
            epsilon=epsilon, by=by, size="large" if epsilon > 0 else "small",
            repair=f"take {exact} off" if epsilon > 0 else f"add {exact} to",
            what="" if power == 1 else ", squared,",
            bits=NEAT_BITS if is_neat else 6 + real_bits(epsilon, sigma),
            undo=lambda c, q=q, e=epsilon, p=power: _without(c, q, e, p),
        )  # fmt: skip


def _without(c: Array, u: Array, epsilon: float, power: int) -> Array:
    """Returns u / d for c = u / (d^p + ε)^(1/p)."""
    size = np.abs(u / c) ** power - epsilon
    return np.sign(c) * np.abs(u) / np.where(size > 0, size, np.nan) ** (1 / power)


def _clipped(evidence: Evidence) -> Iterator[Candidate]:
    """clip(t, low, high): the extreme values occur again and again."""
    low, high = float(evidence.c.min()), float(evidence.c.max())
    repeated = [v for v in (low, high) if np.sum(evidence.c == v) >= 2]
    if not repeated or low == high:
        return
    bounds = low if low in repeated else -np.inf, high if high in repeated else np.inf
    inside = (evidence.c > bounds[0]) & (evidence.c < bounds[1])
    bits = sum(8 + real_bits(v, 1e-2 * abs(v)) for v in repeated)
    words = f"[{number(bounds[0])}, {number(bounds[1])}]"
    h = np.clip(evidence.t, *bounds)
    slope = np.where(inside | (np.abs(evidence.t - h) < 6 * evidence.s), 1.0, 0.0)
    yield done(evidence, h, slope, bits=bits, free=len(repeated), range=words, bounds=bounds)


def _signs(evidence: Evidence) -> Iterator[Candidate]:
    """A constant times sign(t): of entries of one size any multiple is that."""
    size, true = np.abs(evidence.c), np.abs(evidence.t[evidence.w])
    if true.size < SIGNS or np.median(true) > (1 - UNLIKE) * np.max(true):
        return
    if not size.any() or np.ptp(size[size > 0]) > 1e-12 * size.max():
        return
    value = float(size.max())
    unsure = np.abs(evidence.t) < 6 * evidence.s
    h = np.where(unsure, np.nan, value * np.sign(evidence.t))
    yield done(evidence, h, 0.0, bits=16.0, free=1, enough=SIGNS, value=value)


def _normalised(evidence: Evidence) -> Iterator[Candidate]:
    """The truth over its norm: of all of it, or of each slice along the last axis."""
    if not evidence.seen.all() or evidence.claimed.size < SIGNS:
        return
    for words, axis in (("of all of it", None), ("along its last axis", -1)):
        if axis is not None and (evidence.claimed.ndim < 2 or evidence.shape[-1] < 2):
            continue
        for what, size in (
            ("norm", _norm),
            ("sum of absolute values", _sum),
            ("maximum", _maximum),
        ):
            n = size(evidence.true, axis)
            unit = size(evidence.claimed, axis)
            if np.any(n == 0) or not _round(unit):
                continue
            h = evidence.sampled(evidence.true / n) * float(np.mean(unit))
            noise = 2 * np.mean(unit) / evidence.sampled(np.broadcast_to(n, evidence.shape))
            yield done(
                evidence, h, noise, bits=4.0, what=what, words=words, unit=float(unit.flat[0])
            )


def _norm(x: Array, axis: int | None) -> Array:
    return np.sqrt(np.sum(x * x, axis=axis, keepdims=True))


def _sum(x: Array, axis: int | None) -> Array:
    return np.sum(np.abs(x), axis=axis, keepdims=True)


def _maximum(x: Array, axis: int | None) -> Array:
    return np.max(np.abs(x), axis=axis, keepdims=True)


CHOSEN = (1.0, 0.1, 0.25, 0.5, 2.0, 5.0, 10.0, 100.0)
"""Norms that people choose."""


def _round(values: Array) -> bool:
    """Whether a norm is one that people choose."""
    off = [np.max(np.abs(values / n - 1)) for n in CHOSEN]
    return bool(np.min(off) < 1e-6)


def to_bfloat16(x: Array) -> Array:
    """Returns float64 numbers rounded to bfloat16: eight significant bits."""
    mantissa, exponent = np.frexp(x)
    return np.ldexp(np.round(mantissa * 2.0**8) / 2.0**8, exponent)


def to_float(dtype: type) -> Callable[[Array], Array]:
    """Returns the rounding to a dtype of NumPy."""
    return lambda x: x.astype(dtype).astype(float)


def to_decimals(n: int) -> Callable[[Array], Array]:
    """Returns the rounding to n decimals."""
    return lambda x: np.round(x, n)


PRECISIONS: Mapping[str, tuple[Callable[[Array], Array], float, float]] = {
    "integers": (to_decimals(0), 0.0, 0.5),
    "one decimal": (to_decimals(1), 0.0, 0.05),
    "two decimals": (to_decimals(2), 0.0, 0.005),
    "three decimals": (to_decimals(3), 0.0, 0.0005),
    "four decimals": (to_decimals(4), 0.0, 0.00005),
    "bfloat16": (to_bfloat16, 2.0**-8, 0.0),
    "float16": (to_float(np.float16), 2.0**-11, 2.0**-25),
    "float32": (to_float(np.float32), 2.0**-24, 0.0),
}
"""Formats: the rounding, the half spacing of its numbers relative to them, and absolutely."""


def _rounded(evidence: Evidence) -> Iterator[Candidate]:
    """The claim is in the coarser format bit for bit, and within half a spacing of the truth."""
    if len(set(evidence.c.tolist())) < 3:
        return
    for words, (to, relative, absolute) in PRECISIONS.items():
        with np.errstate(over="ignore"):
            if not np.allclose(to(evidence.c), evidence.c, rtol=1e-13, atol=0):
                continue
        half = relative * np.abs(evidence.c) + absolute
        error = np.maximum(np.abs(evidence.c - evidence.t) - half, 0.0)
        yield Candidate(error / evidence.s, 3.0, parameters={"precision": words})
        return


ROWS = (
    Row(
        "absolute",
        "the claim is {which}the absolute value of the true gradient",
        "a sign is lost: an abs, a square and its root, a norm",
        "restore the sign",
        _absolute,
        bits=4,
    ),
    Row(
        "rectified",
        "the claim is the true gradient with its {words} entries set to zero",
        "a rectifier's mask is taken of the gradient instead of the input",
        "take the mask of the input",
        _rectified,
    ),
    Row(
        "epsilon",
        "the claim's denominator{what} is {by} too {size}",
        "an epsilon in the denominator that only one of forward and backward has",
        "{repair} its denominator{what} (use the same epsilon in both)",
        _stabilised,
    ),
    Row(
        "clipped",
        "the claim is the true gradient clipped to {range}",
        "gradient clipping within the backward pass",
        "do not clip it",
        _clipped,
    ),
    Row(
        "signs only",
        "the claim is {value:.4g} times the sign of the true gradient",
        "the size of the gradient is lost, as in a signed update",
        "do not take the sign",
        _signs,
    ),
    Row(
        "normalised",
        "the claim is the true gradient scaled to a {what} of {unit:.4g} {words}",
        "gradient normalisation or clipping by norm within the backward pass",
        "do not normalise it",
        _normalised,
    ),
    Row(
        "rounded",
        "the claim is the true gradient rounded to {precision}",
        "a cast to a lower precision on the way",
        "compute in the precision of the primal",
        _rounded,
    ),
)
