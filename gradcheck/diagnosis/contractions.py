"""Gradients that are sums of products: xᵀ(u·E), (u·E)Wᵀ, Σ(u·E), rebuilt from what is at hand.

A factor of the chain rule that is missing under a sum leaves no trace entry by entry. So truth and
claim are both looked up among the products that the quantities allow; what tells the two apart is
the mistake.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias
from weakref import WeakKeyDictionary

import numpy as np

from gradcheck.diagnosis.evidence import Array, Evidence
from gradcheck.diagnosis.expressions import UNARY, fitting
from gradcheck.diagnosis.factors import fitted, recognised
from gradcheck.diagnosis.scoring import VAGUE, Candidate, Row, done, is_multiple
from gradcheck.verdict import number

MOST_WORK = 2e7
"""So many multiplications are spent at most on one gradient."""

SCREENED = 128
"""Products are compared at so many entries; the nearest one then at all of the sample."""

MOST_BASES = 6
"""So many quantities are tried as what the factor is a function of."""


@dataclass(frozen=True, eq=False)
class Product:
    """A product of quantities that has the primal's shape.

    Attributes:
        text: as one would write it.
        at: its values at a few entries of the sample.
        terms: indices -> what it is the sum of there, one row for each term.
    """

    text: str
    at: Array
    terms: Callable[[tuple[Array, ...]], Array]


def _cotangents(evidence: Evidence) -> Iterator[tuple[str, Array]]:
    for name in evidence.cotangents:
        u = np.asarray(evidence.quantities[name])
        if u.dtype.kind == "f" and u.ndim >= 1 and u.size > 1:
            yield name, u.astype(float)
    for name, (_, true) in evidence.neighbours.items():
        if np.ndim(true) >= 2 and np.isfinite(true).all():
            yield f"{name}_bar", np.asarray(true, dtype=float)


def _matrices(evidence: Evidence) -> dict[str, Array]:
    return {
        n: np.asarray(q, dtype=float)
        for n, q in evidence.quantities.items()
        if np.asarray(q).dtype.kind in "iuf"
        and np.ndim(q) >= 2
        and n not in evidence.cotangents + evidence.outputs
    }


def _incoming(evidence: Evidence, name: str, u: Array) -> Iterator[tuple[str, Array]]:
    """Yields u, and u times each factor of each quantity of its shape, pre-activations too."""
    yield name, u
    bases = list(fitting(evidence, u.shape))
    bases += list(_linear(evidence, u.shape))
    for base, q in islice((b for b in bases if b[0] != name), MOST_BASES):
        for form, function in UNARY.items():
            with np.errstate(all="ignore"):
                factor = np.asarray(function(q), dtype=float)
            if np.isfinite(factor).all() and np.ptp(factor) > 0:
                yield f"{name} * {form.format(q=base)}", u * factor


def _linear(evidence: Evidence, shape: tuple[int, ...]) -> Iterator[tuple[str, Array]]:
    """Yields x @ W, with a bias where there is one: the pre-activation of a dense layer."""
    arrays = _matrices(evidence)
    biases = {
        n: np.asarray(b, dtype=float)
        for n, b in evidence.quantities.items()
        if np.shape(b) == shape[-1:] and np.asarray(b).dtype.kind == "f"
    }
    for x_name, x in arrays.items():
        for w_name, w in arrays.items():
            if w.ndim != 2 or x_name == w_name or x.shape[:-1] != shape[:-1]:
                continue
            for how, v in (("", w), (".T", w.T)):
                if v.shape == (x.shape[-1], shape[-1]):
                    yield f"({x_name} @ {w_name}{how})", x @ v
                    for b_name, b in biases.items():
                        yield f"({x_name} @ {w_name}{how} + {b_name})", x @ v + b


def _products(evidence: Evidence) -> Iterator[Product]:
    """Yields the products of every incoming gradient, as far as the work allows."""
    work, few = 0, _few(evidence)
    for name, u in _cotangents(evidence):
        for g_name, g in _incoming(evidence, name, u):
            for text, terms in _forms(evidence, g):
                at = terms(few)
                work += at.size
                g_text = f"({g_name})" if " " in g_name else g_name
                yield Product(text.format(g=g_text), at.sum(0), terms)
            if work > MOST_WORK:
                return


At: TypeAlias = tuple[Array, ...]
Form: TypeAlias = tuple[str, Callable[[At], Array]]


def _step(evidence: Evidence) -> int:
    return max(1, evidence.c.size // SCREENED)


def _few(evidence: Evidence) -> At:
    return tuple(i[:: _step(evidence)] for i in evidence.at)


def _forms(evidence: Evidence, g: Array) -> Iterator[Form]:
    """Yields what a gradient of the primal's shape may be made of g, as terms at the sample."""
    shape = evidence.shape
    if g.ndim < 2:
        return
    flat = g.reshape(-1, g.shape[-1])
    if len(shape) == 1:
        if flat.shape[1:] == shape:
            yield "{g}.sum(0)", lambda at: flat[:, at[0]]
        if flat.shape[:1] == shape:
            yield "{g}.sum(1)", lambda at: flat[at[0]].T
        return
    for name, a in _matrices(evidence).items():
        if name == evidence.primal:
            continue
        if a.shape[:-1] == g.shape[:-1] and len(shape) == 2:
            yield from _outer(shape, name, a.reshape(-1, a.shape[-1]), flat)
        if a.ndim == 2 and g.shape[:-1] == shape[:-1]:
            for how, w in (("", a), (".T", a.T)):
                if w.shape == (g.shape[-1], shape[-1]):
                    yield f"{{g}} @ {name}{how}", lambda at, w=w: g[at[:-1]].T * w[:, at[-1]]


def _outer(shape: tuple[int, ...], name: str, a: Array, g: Array) -> Iterator[Form]:
    if (a.shape[1], g.shape[1]) == shape:
        yield f"{name}.T @ {{g}}", lambda at: a[:, at[0]] * g[:, at[1]]
    if (g.shape[1], a.shape[1]) == shape:
        yield f"{{g}}.T @ {name}", lambda at: g[:, at[0]] * a[:, at[1]]


def _partial(evidence: Evidence, true: Product) -> Iterator[Candidate]:
    """The claim is a part of the sum that the truth is: it ends early, begins late, leaves one."""
    terms = true.terms(evidence.at)
    terms = _times(evidence, terms.sum(0)) * terms
    n = len(terms)
    if n < 2:
        return
    total, heads = terms.sum(0), np.cumsum(terms, 0)
    for words, parts in (
        ("only the first {0} of {n} terms", heads[:-1]),
        ("all of the {n} terms but the first {0}", (total - heads)[:-1]),
        ("all of the {n} terms but number {k}", total - terms),
        ("number {k} of the {n} terms alone", terms),
        ("all of the {n} terms, number {k} twice", total + terms),
    ):
        k = int(np.argmin(np.max(np.abs(evidence.c - parts), 1)))
        yield done(
            evidence, parts[k], 0.0, bits=4.0 + np.log2(n), product=true.text,
            words=words.format(k + 1, n=n, k=k),
        )  # fmt: skip


def _times(evidence: Evidence, x: Array) -> float:
    """Returns how many times x the truth is, as exactly as it is known."""
    g, sigma = fitted(evidence, x)
    if abs(g - 1) <= max(1e-9, 3 * sigma):
        return 1.0
    return float(np.copysign(1 / recognised(evidence, g, sigma)[0].value, g))


def _samples(evidence: Evidence) -> Iterator[Candidate]:
    """Terms of a sum left out: known ones, or those in the span of some samples."""
    found = _found(evidence)
    truth = _truth(evidence, found)
    if truth is not None:
        yield from _partial(evidence, truth[0])


def _rebuilt(evidence: Evidence, *, known: bool) -> Iterator[Candidate]:
    """The claim is a product of which the truth, a known product or not, is not a multiple."""
    found = _found(evidence)
    if len(found) < 2:
        return
    true = _truth(evidence, found)
    if (true is not None) is not known:
        return
    truth = "" if true is None else true[1]
    nearest = _nearest(found, evidence.c[:: _step(evidence)], np.ones(1))
    h = nearest.terms(evidence.at).sum(0)
    k = float(evidence.c @ h / (h @ h))
    cost, times = 0.0, ""
    if not np.isfinite(k) or k == 0 or is_multiple(evidence, h):
        return
    if abs(k - 1) > 1e-6:
        _, cost = recognised(evidence, 1 / k, 1e-9 / abs(k))
        times = f"{number(k, 4)} * "
    yield done(
        evidence, k * h if times else h, 0.0, bits=float(np.log2(len(found))) + cost,
        free=int(bool(times)), claimed=times + nearest.text, wanted=truth or "the derivative",
        truth=f", and the truth is {truth}" if truth else "",
    )  # fmt: skip


def _nearest(found: tuple[Product, ...], to: Array, s: Array) -> Product:
    """Returns the product of which `to` is nearest to a multiple."""
    u, v = np.array([p.at for p in found]) / s, to / s
    k = (u @ v) / np.sum(u * u, 1)
    left = np.max(np.abs(v - k[:, None] * u), 1)
    return found[int(np.argmin(np.where(np.isfinite(left), left, np.inf)))]


def _found(evidence: Evidence) -> tuple[Product, ...]:
    """Returns the products, found once for all rows."""
    if evidence not in _KNOWN:
        _KNOWN[evidence] = tuple(_products(evidence))
    return _KNOWN[evidence]


_KNOWN: WeakKeyDictionary[Evidence, tuple[Product, ...]] = WeakKeyDictionary()


def _truth(evidence: Evidence, found: tuple[Product, ...]) -> tuple[Product, str] | None:
    """Returns the product of which the true gradient is a multiple, in words; None: none is."""
    if not found:
        return None
    step = _step(evidence)
    nearest = _nearest(found, evidence.t[::step], evidence.s[::step])
    h = nearest.terms(evidence.at).sum(0)
    if not is_multiple(evidence, h):
        return None
    k = fitted(evidence, h)[0]
    return nearest, nearest.text if abs(k - 1) < 1e-3 else f"{number(k, 4)} * {nearest.text}"


def _spanned(evidence: Evidence) -> Iterator[Candidate]:
    """Where claim - true lies in the span of some samples of x: those that the sum leaves out."""
    if evidence.claimed.ndim != 2 or not evidence.seen.all():
        return
    d = evidence.claimed - evidence.true
    for name, q in _matrices(evidence).items():
        if name == evidence.primal:
            continue
        for side, n_in in ((0, evidence.shape[0]), (1, evidence.shape[1])):
            if q.shape[-1] != n_in or len(q) < 2:
                continue
            rest = d if side == 0 else d.T
            sigma = evidence.noise if side == 0 else evidence.noise.T
            yield from _spans(evidence, name, q, rest, sigma, side)


def _spans(
    evidence: Evidence, name: str, x: Array, d: Array, sigma: Array, side: int
) -> Iterator[Candidate]:
    n, work = len(x), 0
    choices = [(f"sample {k}", slice(k, k + 1)) for k in {0, n - 1}]
    choices += [(f"the samples from {k} on", slice(k, None)) for k in _counts(n)]
    for words, part in choices:
        rows = x[part].reshape(-1, x.shape[-1])
        work += rows.size * d.shape[1]
        if len(rows) >= min(d.shape) or work > MOST_WORK / 4:
            continue
        basis = np.linalg.qr(rows.T)[0]
        h = basis @ (basis.T @ d)
        z = (d - h) / np.hypot(sigma, 2.0**-44 * np.max(np.abs(d)))
        z = z if side == 0 else z.T
        weight = np.abs(basis.T @ d) / np.mean(np.maximum(sigma, 2.0**-44 * np.max(np.abs(d))))
        bits = float(np.sum(np.log2(1 + weight) + 2.7)) * min(1.0, evidence.c.size / d.size)
        yield Candidate(
            evidence.sampled(z), bits + 3 + np.log2(n),
            free=int(len(rows) * d.shape[1] * min(1.0, evidence.c.size / d.size)),
            parameters={"which": words, "of": name},
        )  # fmt: skip


def _counts(n: int) -> list[int]:
    """Returns how many samples somebody may have counted: powers of two, all but a few."""
    counts = {1 << k for k in range(1, 12)} | {n // 2, n - 2, n - 3}
    return sorted(k for k in counts if 0 < k < n - 1)


ROWS = (
    Row(
        "another product",
        "the claim is {claimed}{truth}",
        "a factor of the chain rule is missing under the sum, or the sum is another",
        "compute {wanted}",
        lambda e: _rebuilt(e, known=True),
    ),
    Row(
        "part of the derivative",
        "the claim is {claimed}",
        "the derivative of a part of the function, or of another one",
        "derive all of the function",
        lambda e: _rebuilt(e, known=False),
        surest=VAGUE,
    ),
    Row(
        "part of the sum",
        "the claim is {words} of {product}",
        "the loop over the batch, or over time, ends early or counts a term twice",
        "sum all of {product}",
        _samples,
        bits=4,
    ),
    Row(
        "samples left out",
        "claim - true comes from {which} of {of} alone",
        "the sum over the batch, or over time, leaves some out or counts them twice",
        "sum over all of {of}",
        _spanned,
    ),
)
