"""The right numbers in the wrong places: transposed, permuted, reversed, rolled, reshaped."""

from collections.abc import Iterator, Mapping
from itertools import pairwise, permutations
from typing import Any

import numpy as np

from gradcheck.diagnosis.evidence import Array, Evidence
from gradcheck.diagnosis.factors import slice_name, up_to_factor
from gradcheck.diagnosis.scoring import Candidate, Row, Undo, done, undone


def _moved(evidence: Evidence, undo: Undo, bits: float, **parameters: Any) -> Iterator[Candidate]:
    """Yields the claim with its entries moved, if that makes a difference."""
    x = evidence.sampled(undo(evidence.claimed))
    if np.all(np.abs(x - evidence.c) <= evidence.s):
        return
    yield from up_to_factor(evidence, x, bits=bits, undo=undo, **parameters)


def _transposed(evidence: Evidence) -> Iterator[Candidate]:
    shape = evidence.shape
    if len(shape) == 2 and len(set(shape)) == 1 and evidence.claimed.size > 1:
        yield from _moved(evidence, np.transpose, 0.0)


FOLDED: Mapping[str, tuple[str, Undo]] = {
    "not symmetrised": ("(c + c.T) / 2", lambda c: (c + c.T) / 2),
    "not symmetrised, and both entries of a pair count": ("c + c.T", lambda c: c + c.T),
    "that of a symmetric matrix, and only the lower triangle counts": (
        "np.tril(c) + np.triu(c, 1).T",
        lambda c: np.tril(c) + np.triu(c, 1).T,
    ),
    "that of a symmetric matrix, and only the upper triangle counts": (
        "np.triu(c) + np.tril(c, -1).T",
        lambda c: np.triu(c) + np.tril(c, -1).T,
    ),
    "not restricted to the lower triangle": ("np.tril(c)", np.tril),
    "not restricted to the upper triangle": ("np.triu(c)", np.triu),
    "that of one triangle, and both count": (
        "(c + c.T) / (1 + np.eye(len(c)))",
        lambda c: (c + c.T) / (1 + np.eye(len(c))),
    ),
}
"""What makes a claim for a square matrix right: c is the claim."""


def _folded(evidence: Evidence) -> Iterator[Candidate]:
    shape = evidence.shape
    if len(shape) == 2 and shape[0] == shape[1] > 1:
        for words, (text, undo) in FOLDED.items():
            x = evidence.sampled(undo(evidence.claimed))
            bits = float(np.log2(len(FOLDED)))
            yield undone(evidence, x, bits=bits, undo=undo, words=words, repair=text)


def _permuted(evidence: Evidence) -> Iterator[Candidate]:
    shape, ndim = evidence.shape, len(evidence.shape)
    if not 3 <= ndim <= 5:
        return
    orders = [o for o in permutations(range(ndim)) if o != tuple(range(ndim))]
    orders = [o for o in orders if all(o[a] == a for a in evidence.parts)]
    for order in orders:
        if tuple(shape[a] for a in order) == shape:
            back = tuple(int(a) for a in np.argsort(order))
            yield from _moved(
                evidence, lambda c, back=back: c.transpose(back), float(np.log2(len(orders))),
                order=_order(evidence, order),
            )  # fmt: skip


def _adjoint(evidence: Evidence) -> Iterator[Candidate]:
    """Of a Jacobian: its transpose, output and primal exchanged."""
    split, shape = evidence.split, evidence.shape
    if not split or shape[:split] != shape[split:]:
        return
    order = (*range(split, len(shape)), *range(split))
    own = [*range(len(shape))]
    for a, b in pairwise(evidence.parts):
        own[a], own[b] = b, a
    if np.array_equal(evidence.claimed.transpose(order), evidence.claimed.transpose(own)):
        return  # entry by entry, that is no more than a conjugate
    for conjugated in (False, True) if len(evidence.parts) == 2 else (False,):
        signs = _of_parts(evidence) if conjugated else np.ones(1)
        words = "inverse" if conjugated else "transpose"
        yield from _moved(
            evidence,
            lambda c, signs=signs: c.transpose(order) * signs,
            float(conjugated),
            map=words,
        )


def _of_parts(evidence: Evidence) -> Array:
    """Returns the signs of a conjugate, of output and primal."""
    return np.array([[1.0, -1.0], [-1.0, 1.0]]).reshape(
        [2 if a in evidence.parts else 1 for a in range(len(evidence.shape))]
    )


def _order(evidence: Evidence, order: tuple[int, ...]) -> str:
    if not evidence.split:
        return f"in the order {order}"
    moved = [(a, b) for a, b in enumerate(order) if a != b]
    return ", ".join(f"{evidence.axis(b)} for {evidence.axis(a)}" for a, b in moved)


def _reversed(evidence: Evidence) -> Iterator[Candidate]:
    axes = [a for a in evidence.axes if evidence.shape[a] > 1]
    every = [("along every axis", tuple(axes))] if len(axes) > 1 else []
    for words, chosen in [(f"along {evidence.axis(a)}", (a,)) for a in axes] + every:
        yield from _moved(
            evidence, lambda c, chosen=chosen: np.flip(c, chosen), 1.0 + np.log2(len(axes)),
            words=words, axes=chosen,
        )  # fmt: skip


def _shifts(n: int) -> list[int]:
    """Nobody is off by more, except by half."""
    return [k for k in dict.fromkeys((1, -1, 2, -2, 3, -3, n // 2)) if 0 < abs(k) < n]


def _along(
    evidence: Evidence, axis: int, index: Undo, bits: float, /, **parameters: Any
) -> Iterator[Candidate]:
    """Yields the claim with the indices of an axis in another order, looked up at the sample."""
    at = tuple(index(i) if a == axis else i for a, i in enumerate(evidence.at))
    yield from up_to_factor(
        evidence, evidence.claimed[at], bits=bits, axis=axis,
        undo=lambda c: np.take(c, index(np.arange(c.shape[axis])), axis), **parameters,
    )  # fmt: skip


def _rolled(evidence: Evidence) -> Iterator[Candidate]:
    bits = 3.0 + np.log2(len(evidence.shape))
    for axis in evidence.axes:
        n = evidence.shape[axis]
        for k in _shifts(n):
            yield from _along(evidence, axis, lambda i, k=k, n=n: (i + k) % n, bits, shift=k)


def _off_by_one(evidence: Evidence) -> Iterator[Candidate]:
    """Shifted along an axis without wrapping; what comes in at the end is a zero or anything."""
    for axis, n in enumerate(evidence.shape):
        for k in (1, -1) if n > 2 else ():
            h = np.roll(evidence.known, k, axis)
            noise = np.roll(evidence.noise, k, axis)
            np.moveaxis(h, axis, 0)[0 if k > 0 else -1] = np.nan
            slope = evidence.sampled(noise) / np.maximum(evidence.sampled(evidence.noise), 1e-300)
            yield done(
                evidence, evidence.sampled(h), slope, bits=3.0 + np.log2(len(evidence.shape)),
                axis=axis, shift=k,
            )  # fmt: skip


def _reshaped(evidence: Evidence) -> Iterator[Candidate]:
    shape = evidence.shape
    if len(shape) < 2 or min(shape) < 2 or evidence.parts or shape == shape[::-1]:
        return  # where the axes may be permuted that is no other order of the entries

    def undo(c: Array) -> Array:
        return c.ravel().reshape(shape, order="F")

    text = 'c.ravel().reshape(c.shape, order="F")'
    yield from _moved(evidence, undo, 1.0, order="the last axis first", repair=text)

    def undo_other(c: Array) -> Array:
        return c.ravel(order="F").reshape(shape)

    text = 'c.ravel(order="F").reshape(c.shape)'
    yield from _moved(evidence, undo_other, 1.0, order="the first axis first", repair=text)


def _swapped(evidence: Evidence) -> Iterator[Candidate]:
    """Two slices of an axis exchanged, everything else right."""
    for axis, n in enumerate(evidence.shape):
        others = tuple(a for a in range(len(evidence.shape)) if a != axis)
        used = (
            np.flatnonzero(evidence.wrong.any(others)) if others else np.flatnonzero(evidence.wrong)
        )
        if len(used) != 2 or n < 3:
            continue
        first, second = (int(i) for i in used)

        def exchanged(i: Array, a: int = first, b: int = second) -> Array:
            return np.where(i == a, b, np.where(i == b, a, i))

        yield from _along(
            evidence, axis, exchanged, 2 * float(np.log2(n)), first=first, second=second,
            slices=_plural(slice_name(evidence, axis)),
        )  # fmt: skip


def _blocks(evidence: Evidence) -> Iterator[Candidate]:
    """The two, three or four equal parts of an axis (gates, heads, halves) in another order."""
    for axis, n in enumerate(evidence.shape):
        for parts in (2, 3, 4):
            if n % parts or n == parts:
                continue
            orders = list(permutations(range(parts)))[1:]
            for order in orders:
                size, inverse = n // parts, np.argsort(order)

                def back(i: Array, size: int = size, inverse: Array = inverse) -> Array:
                    return inverse[i // size] * size + i % size

                bits = 2.0 + np.log2(len(orders))
                yield from _along(evidence, axis, back, bits, parts=parts, order=order)


def _plural(slice_: str) -> str:
    return "indices" + slice_[5:] if slice_.startswith("index") else slice_ + "s"


ROWS = (
    Row(
        "transposed",
        "the claim is the true gradient transposed{besides}",
        "the operands of the product stand in the wrong order",
        "transpose it{also}",
        _transposed,
        bits=4,
    ),
    Row(
        "symmetry",
        "the claim is {words}",
        "a symmetric matrix, or a triangle, has fewer entries than are written down: what a pair of"
        " entries gets must be put together",
        "take {repair} of the claim c",
        _folded,
    ),
    Row(
        "axes permuted",
        "the claim is the true gradient with its axes {order}{besides}",
        "a transpose or an einsum with the axes in another order",
        "put the axes back in order{also}",
        _permuted,
    ),
    Row(
        "reversed",
        "the claim is the true gradient reversed {words}{besides}",
        "a flip too many or too few (a kernel, a sequence from its end)",
        "reverse it {words}{also}",
        _reversed,
    ),
    Row(
        "rolled",
        "the claim is the true gradient rolled by {shift} along {axis_name}{besides}",
        "an index is off",
        "roll it back by {shift} along {axis_name}{also}",
        _rolled,
    ),
    Row(
        "off by one",
        "the claim is the true gradient shifted by {shift} along {axis_name}",
        "an index is off by one",
        "shift it back",
        _off_by_one,
    ),
    Row(
        "reshaped in the wrong order",
        "the claim is the true gradient written in another order of its axes ({order}){besides}",
        "a reshape where a transpose is meant, or the other memory order",
        "transpose before the reshape: take {repair} of the claim c{also}",
        _reshaped,
    ),
    Row(
        "slices swapped",
        "{slices} {first} and {second} of the claim are exchanged{besides}",
        "two indices are exchanged",
        "exchange them{also}",
        _swapped,
    ),
    Row(
        "blocks exchanged",
        "{axis_name} of the claim has its {parts} parts in the order {order}{besides}",
        "parts that are stored side by side (gates, halves) are taken for one another",
        "put the parts back in order{also}",
        _blocks,
    ),
)

OF_JACOBIANS = (
    Row(
        "adjoint",
        "the claim is the function's own linear map of the cotangent, where its transpose belongs"
        "{besides}",
        "a transpose, an adjoint solve, a shift back, the inverse of an order is forgotten",
        "apply the transpose{also}",
        _adjoint,
        bits=3,
    ),
)
"""What is known of a Jacobian alone."""
