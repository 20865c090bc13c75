"""Gather and scatter: what an array of indices selects more than once must be added up."""

from collections.abc import Iterator

import numpy as np

from gradcheck.diagnosis.evidence import Array, Evidence
from gradcheck.diagnosis.patterns import by_index
from gradcheck.diagnosis.scoring import Candidate, Row, contents, done

MOSTLY = 0.8
"""Of the entries with a repeated index at least so many must be wrong, and no other."""


def _indices(evidence: Evidence) -> Iterator[tuple[str, Array]]:
    for name, q in evidence.quantities.items():
        index = np.asarray(q)
        if index.dtype.kind in "iu" and index.size > 1 and index.min() >= 0:
            if index.max() < evidence.shape[0]:
                yield name, index


def _written(evidence: Evidence) -> Iterator[Candidate]:
    """The cotangent's last slice for each index, or its first."""
    for name, index in _indices(evidence):
        for u_name in evidence.cotangents:
            u = np.asarray(evidence.quantities[u_name], dtype=float)
            if u.shape != index.shape + evidence.shape[1:]:
                continue
            flat, slices = index.ravel(), u.reshape(-1, *evidence.shape[1:])
            for words, order in (("last", slice(None)), ("first", slice(None, None, -1))):
                h = np.zeros(evidence.shape)
                h[flat[order]] = slices[order]
                yield done(evidence, evidence.sampled(h), 0.0, bits=2.0, which=name,
                           words=f" (only the {words} one counts)")  # fmt: skip


def _repeated(evidence: Evidence) -> Iterator[Candidate]:
    """The wrong entries are those with a repeated index, whatever the claim has there."""
    for name, _, pattern in by_index(evidence):
        wrong, size = evidence.w.sum(), pattern.at.sum()
        if "more than once" not in pattern.words or wrong < MOSTLY * size:
            continue
        if np.any(evidence.w & ~pattern.at):
            continue
        z = np.where(pattern.at, 0.0, (evidence.c - evidence.t) / evidence.s)
        bits = pattern.bits + float(contents(evidence)[pattern.at].sum())
        yield Candidate(z, bits, parameters={"which": name, "words": ""})


def _duplicates(evidence: Evidence) -> Iterator[Candidate]:
    yield from _written(evidence)
    yield from _repeated(evidence)


ROWS = (
    Row(
        "duplicates not accumulated",
        "what has an index of {which} that occurs more than once is wrong{words}",
        "duplicates overwrite one another: x_bar[index] += u adds only one of them",
        "accumulate them, as numpy.add.at does",
        _duplicates,
    ),
)
