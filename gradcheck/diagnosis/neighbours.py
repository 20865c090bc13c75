"""The gradient of another primal, returned for this one."""

from collections.abc import Iterator

import numpy as np

from gradcheck.diagnosis.evidence import Array, Evidence
from gradcheck.diagnosis.scoring import Candidate, Row, done


def _views(x: Array, shape: tuple[int, ...]) -> Iterator[tuple[str, Array]]:
    if x.shape == shape:
        yield "", x
    if x.ndim == 2 and x.T.shape == shape:
        yield ", transposed", x.T
    if x.size == np.prod(shape) and x.shape != shape:
        yield ", reshaped", x.reshape(shape)


def _of_another(evidence: Evidence, *, swapped: bool) -> Iterator[Candidate]:
    bits = 2 + float(np.log2(1 + len(evidence.neighbours)))
    for name, (claimed, true) in evidence.neighbours.items():
        mutual = _is_mine(evidence, claimed)
        if mutual is not swapped:
            continue
        for how, x in _views(np.asarray(true, dtype=float), evidence.shape):
            for sign, minus in ((1.0, ""), (-1.0, "minus ")):
                undo = (lambda c, o=claimed: np.asarray(o, dtype=float)) if swapped else None
                yield done(
                    evidence, sign * evidence.sampled(x), 1.0, undo=undo, other=name, how=how,
                    bits=bits + (0.0 if sign > 0 and not how else 2.0), minus=minus,
                )  # fmt: skip


def _is_mine(evidence: Evidence, claimed: Array) -> bool:
    """Whether the other primal was given what belongs to this one."""
    claimed = np.asarray(claimed, dtype=float)
    if claimed.shape != evidence.shape:
        return False
    return bool(np.all(np.abs(evidence.sampled(claimed) - evidence.t) <= 6 * evidence.s))


ROWS = (
    Row(
        "swapped",
        "the claim is {minus}the gradient of {other}{how}, and {other} is given that of this one",
        "two cotangents are returned in the wrong order",
        "exchange the two",
        lambda e: _of_another(e, swapped=True),
        bits=3,
    ),
    Row(
        "of another primal",
        "the claim is {minus}the gradient of {other}{how}",
        "the cotangent of another primal is returned for this one",
        "return its own",
        lambda e: _of_another(e, swapped=False),
        bits=4,
    ),
)
