"""The right numbers in the wrong places: transposed, permuted, reversed, rolled, reshaped."""

from collections.abc import Iterator, Mapping
from itertools import permutations
from typing import Any

import numpy as np

from gradcheck.diagnosis.evidence import Array, Evidence
from gradcheck.diagnosis.factors import slice_name, up_to_factor
from gradcheck.diagnosis.scoring import Candidate, Row, Undo, done, undone


def _moved(evidence: Evidence, undo: Undo, bits: float, **parameters: Any) -> Iterator[Candidate]:
    x = evidence.sampled(undo(evidence.claimed))
    yield from up_to_factor(evidence, x, bits=bits, undo=undo, **parameters)


def _transposed(evidence: Evidence) -> Iterator[Candidate]:
    shape = evidence.shape
    if len(shape) == 2 and len(set(shape)) == 1 and evidence.claimed.size > 1:
        yield from _moved(evidence, np.transpose, 0.0)


FOLDED: Mapping[str, Undo] = {
    "not symmetrised: (c + c.T) / 2 is right": lambda c: (c + c.T) / 2,
    "not symmetrised: c + c.T is right": lambda c: c + c.T,
    "that of a symmetric matrix, and only the lower triangle counts": lambda c: (
        np.tril(c) + np.triu(c, 1).T
    ),
    "that of a symmetric matrix, and only the upper triangle counts": lambda c: (
        np.triu(c) + np.tril(c, -1).T
    ),
    "not restricted to the lower triangle": np.tril,
    "not restricted to the upper triangle": np.triu,
    "that of one triangle, and both count": lambda c: (c + c.T) / (1 + np.eye(len(c))),
}
"""What makes a claim for a square matrix right: c is the claim."""


def _folded(evidence: Evidence) -> Iterator[Candidate]:
    shape = evidence.shape
    if len(shape) == 2 and shape[0] == shape[1] > 1:
        for words, undo in FOLDED.items():
            x = evidence.sampled(undo(evidence.claimed))
            yield undone(evidence, x, bits=float(np.log2(len(FOLDED))), undo=undo, words=words)


def _permuted(evidence: Evidence) -> Iterator[Candidate]:
    shape, ndim = evidence.shape, len(evidence.shape)
    if not 3 <= ndim <= 5:
        return
    orders = [o for o in permutations(range(ndim)) if o != tuple(range(ndim))]
    for order in orders:
        if tuple(shape[a] for a in order) == shape:
            back = tuple(int(a) for a in np.argsort(order))
            yield from _moved(
                evidence, lambda c, back=back: c.transpose(back), float(np.log2(len(orders))),
                order=order,
            )  # fmt: skip


def _reversed(evidence: Evidence) -> Iterator[Candidate]:
    axes = [a for a, n in enumerate(evidence.shape) if n > 1]
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
    for axis, n in enumerate(evidence.shape):
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
    if len(shape) < 2 or min(shape) < 2:
        return

    def undo(c: Array) -> Array:
        return c.ravel().reshape(shape, order="F")

    yield from _moved(evidence, undo, 1.0, order="the last axis first")

    def undo_other(c: Array) -> Array:
        return c.ravel(order="F").reshape(shape)

    yield from _moved(evidence, undo_other, 1.0, order="the first axis first")


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
        "transpose it",
        _transposed,
        bits=4,
    ),
    Row(
        "symmetry",
        "the claim is {words}",
        "a symmetric matrix, or a triangle, has fewer entries than are written down: what a pair of"
        " entries gets must be put together",
        "symmetrise it, or take the triangle, as the function does",
        _folded,
    ),
    Row(
        "axes permuted",
        "the claim is the true gradient with its axes in the order {order}{besides}",
        "a transpose or an einsum with the axes in another order",
        "put the axes back in order",
        _permuted,
    ),
    Row(
        "reversed",
        "the claim is the true gradient reversed {words}{besides}",
        "a flip too many or too few (a kernel, a sequence from its end)",
        "reverse it {words}",
        _reversed,
    ),
    Row(
        "rolled",
        "the claim is the true gradient rolled by {shift} along {axis_name}{besides}",
        "an index is off",
        "roll it back by {shift} along {axis_name}",
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
        "transpose before the reshape",
        _reshaped,
    ),
    Row(
        "slices swapped",
        "{slices} {first} and {second} of the claim are exchanged{besides}",
        "two indices are exchanged",
        "exchange them",
        _swapped,
    ),
    Row(
        "blocks exchanged",
        "{axis_name} of the claim has its {parts} parts in the order {order}{besides}",
        "parts that are stored side by side (gates, halves) are taken for one another",
        "put the parts back in order",
        _blocks,
    ),
)
