"""Which entries: a set of places described as people do.

By place: an entry, a row, a column, a block, a stripe, the border, the diagonal, a triangle. By
what is there: every entry with x < 0, above a threshold, with a label, with an index that occurs
twice.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import product

import numpy as np

from gradcheck.diagnosis.evidence import Array, Evidence
from gradcheck.diagnosis.expressions import fitting, one_hot
from gradcheck.diagnosis.scoring import SUREST, VAGUE, choice_bits
from gradcheck.verdict import number

MOSTLY = 0.5
"""Of a described set at least so many entries must be wrong: a true zero hides a mistake."""

LISTED = 6
"""So many indices are listed one by one."""


@dataclass(frozen=True, eq=False)
class Pattern:
    """A set of entries.

    Attributes:
        words: "row 3", "every entry where x < 0".
        bits: what it costs to name it.
        at: which of the sampled entries are in it.
        mask: all of them, computed when they are asked for; it broadcasts to the primal's shape.
        surest: how surely they are a set of the code's: any entries can be listed.
    """

    words: str
    bits: float
    at: Array
    mask: Callable[[], Array]
    surest: float = SUREST


def patterns(evidence: Evidence) -> Iterator[Pattern]:
    """Yields the sets that hold every wrong entry and hardly a right one, by place and by value."""
    wrong = evidence.w
    if not wrong.any() or evidence.wrong.sum() == evidence.seen.sum():
        return
    for pattern in (*_by_place(evidence), *_by_shape(evidence), *_by_value(evidence)):
        size = int((pattern.at & evidence.telling).sum())
        if size < evidence.telling.sum() and not np.any(wrong & ~pattern.at):
            if wrong.sum() >= MOSTLY * size and _is_borne_out(evidence, pattern):
                yield pattern


def _is_borne_out(evidence: Evidence, pattern: Pattern) -> bool:
    """Whether most of the set is wrong, also where the sample is only a part of what was seen."""
    if evidence.w.size == evidence.seen.sum() or evidence.split:
        return True
    return bool(evidence.wrong.sum() >= MOSTLY * (pattern.mask() & evidence.seen).sum())


def described(evidence: Evidence) -> str:
    """Returns the wrong entries in words: the cheapest pattern that is exactly they."""
    if evidence.wrong.sum() == evidence.seen.sum():
        return "every entry"
    alike = [p for p in patterns(evidence) if np.array_equal(p.at, evidence.w)]
    for pattern in sorted(alike, key=lambda p: p.bits):
        if np.array_equal(pattern.mask() & evidence.seen, evidence.wrong):
            return pattern.words
    return f"{int(evidence.wrong.sum())} scattered entries of {int(evidence.seen.sum())}"


def _by_place(evidence: Evidence) -> Iterator[Pattern]:
    """Products of index sets, one an axis: entries, rows, columns, blocks, stripes."""
    shape, ndim = evidence.shape, evidence.claimed.ndim
    used = [
        np.asarray(evidence.wrong.any(tuple(b for b in range(ndim) if b != a))) for a in range(ndim)
    ]
    for bound in product((True, False), repeat=ndim):
        if not any(bound) or any(b and u.all() for b, u in zip(bound, used, strict=True)):
            continue
        sets = [u if b else np.ones(n, bool) for b, u, n in zip(bound, used, shape, strict=True)]
        told = [_index_set(s) for s in sets]
        at = np.logical_and.reduce([s[i] for s, i in zip(sets, evidence.at, strict=True)])
        yield Pattern(
            _place(evidence, bound, [t[0] for t in told], [t[2] for t in told]),
            1 + ndim + sum(t[1] for b, t in zip(bound, told, strict=True) if b),
            at,
            lambda sets=sets: _product(sets),
            VAGUE
            if any(b and t[0].startswith("[") for b, t in zip(bound, told, strict=True))
            else SUREST,
        )


def _product(sets: list[Array]) -> Array:
    shapes = [[-1 if a == b else 1 for b in range(len(sets))] for a in range(len(sets))]
    upright = [s.reshape(shape) for s, shape in zip(sets, shapes, strict=True)]
    return reduce(np.logical_and, upright)


def _index_set(used: Array) -> tuple[str, float, str]:
    """Returns an index set as a slice, its bits, and as words ("3", "2 to 5")."""
    indices, n = np.flatnonzero(used), used.size
    if len(indices) == n:
        return ":", 0.0, "all"
    first, last = int(indices[0]), int(indices[-1])
    if len(indices) == 1:
        end = ", the last" if first == n - 1 > 0 else ""
        return str(first), float(np.log2(n)), f"{first}{end}"
    steps = np.diff(indices)
    if np.all(steps == 1):
        start, stop = ("" if first == 0 else str(first)), ("" if last == n - 1 else str(last + 1))
        return f"{start}:{stop}", 1 + 2 * float(np.log2(n)), f"{first} to {last}"
    if np.all(steps == steps[0]) and first < steps[0] and last + steps[0] >= n and len(indices) > 2:
        k = int(steps[0])
        return f"{first or ''}::{k}", 3 + 2 * float(np.log2(k)), f"{first}, {first + k}, …"
    shown = ", ".join(map(str, indices)) if len(indices) <= LISTED else f"({len(indices)} of {n})"
    return f"[{shown}]", 2 + choice_bits(n, len(indices)) + float(np.log2(n)), shown


PARTS = {"0": "the real part", "1": "the imaginary part"}


def _place(evidence: Evidence, bound: tuple[bool, ...], slices: list[str], words: list[str]) -> str:
    part = next((PARTS[slices[a]] for a in evidence.parts if bound[a]), "")
    rest = [a for a in evidence.axes if bound[a]]
    place = _own_place(evidence, rest, slices, words) if rest else "every entry"
    return f"{part} of {place}" if part else place


def _own_place(evidence: Evidence, bound: list[int], slices: list[str], words: list[str]) -> str:
    axes = evidence.axes
    single, ndim = {a: slices[a].isdigit() for a in axes}, len(axes)
    if evidence.split:
        return " and ".join(
            f"{'index' if single[a] else 'indices'} {words[a]} of {evidence.axis(a)}" for a in bound
        )
    told = ", ".join(slices[a] for a in axes)
    if all(single.values()):
        return f"the entry [{told}]"
    if len(bound) > 1:
        return f"the block [{told}]"
    axis = bound[0]
    if ndim == 1:
        return f"the entries {words[axis]}"
    noun = ("row", "column")[axis] if ndim == 2 else f"index of axis {axis}"
    plural = {"row": "rows", "column": "columns"}.get(noun, f"indices of axis {axis}")
    if single[axis]:
        return f"{noun} {words[axis]}" if ndim == 2 else f"index {words[axis]} of axis {axis}"
    return f"{plural} {words[axis]}"


def _by_shape(evidence: Evidence) -> Iterator[Pattern]:
    """Sets that relate two axes: border, diagonal, triangles, checkerboard."""
    if evidence.split:
        yield from _by_pair(evidence)
        return
    if evidence.claimed.ndim < 2 or evidence.parts:
        return
    n, m = evidence.shape[-2:]
    grid = np.arange(n)[:, None], np.arange(m)[None, :]
    sampled = evidence.at[-2], evidence.at[-1]
    for words, holds in (
        ("the border", lambda i, j: (i == 0) | (i == n - 1) | (j == 0) | (j == m - 1)),
        ("the interior", lambda i, j: (i > 0) & (i < n - 1) & (j > 0) & (j < m - 1)),
        ("the diagonal", lambda i, j: i == j),
        ("every entry off the diagonal", lambda i, j: i != j),
        ("the upper triangle", lambda i, j: i < j),
        ("the upper triangle with the diagonal", lambda i, j: i <= j),
        ("the lower triangle", lambda i, j: i > j),
        ("the lower triangle with the diagonal", lambda i, j: i >= j),
        ("every other entry, as on a checkerboard", lambda i, j: (i + j) % 2 == 1),
        ("every other entry, as on a checkerboard", lambda i, j: (i + j) % 2 == 0),
    ):
        yield Pattern(words, 5.0, holds(*sampled), lambda holds=holds: holds(*grid))


PAIRS = (
    ("is not that", lambda i, j: i != j),
    ("is that", lambda i, j: i == j),
    ("is above that", lambda i, j: i > j),
    ("is below that", lambda i, j: i < j),
    ("is above that, or the same,", lambda i, j: i >= j),
    ("is below that, or the same,", lambda i, j: i <= j),
    ("is above the next of that", lambda i, j: i > j + 1),
    ("is below the one before that", lambda i, j: i < j - 1),
)
"""Relations of an index of an output to one of a primal: times, positions, samples."""


def _by_pair(evidence: Evidence) -> Iterator[Pattern]:
    """Sets that relate an axis of the output to one of the primal."""
    ndim, split = len(evidence.shape), evidence.split
    pairs = [
        (a, b)
        for a, b in product(range(split), range(split, ndim))
        if evidence.shape[a] == evidence.shape[b] > 1
    ]
    bits = 3.0 + float(np.log2(1 + len(pairs) * len(PAIRS)))
    for a, b in pairs:
        i, j = (np.arange(evidence.shape[x]).reshape(_along(x, ndim)) for x in (a, b))
        for relation, holds in PAIRS:
            yield Pattern(
                f"every entry where the index of {evidence.axis(a)} {relation} of "
                f"{evidence.axis(b)}",
                bits,
                holds(evidence.at[a], evidence.at[b]),
                lambda holds=holds, i=i, j=j: holds(i, j),
            )


def _along(axis: int, ndim: int) -> tuple[int, ...]:
    return tuple(-1 if a == axis else 1 for a in range(ndim))


SIGNS = (
    ("{q} < 0", lambda q: q < 0),
    ("{q} > 0", lambda q: q > 0),
    ("{q} == 0", lambda q: q == 0),
    ("{q} != 0", lambda q: q != 0),
    ("{q} <= 0", lambda q: q <= 0),
    ("{q} >= 0", lambda q: q >= 0),
)


def _by_value(evidence: Evidence) -> Iterator[Pattern]:
    """Sets of what the quantities, or the true gradient, hold at an entry."""
    quantities = list(fitting(evidence, evidence.shape))
    for name, labels in evidence.quantities.items():
        hot = one_hot(np.asarray(labels), evidence.shape)
        if hot is not None:
            yield _where(evidence, f"at the label {name}", hot, lambda q: q > 0, 5.0)
            yield _where(evidence, f"not at the label {name}", hot, lambda q: q == 0, 5.0)
    bits = 5.0 + float(np.log2(1 + len(quantities)))
    for name, q in [*quantities, ("the true gradient", evidence.known)]:
        for words, holds in SIGNS:
            yield _where(evidence, "where " + words.format(q=name), q, holds, bits)
        yield from _thresholds(evidence, name, q, bits)
        if q.ndim and q.shape == evidence.shape and q.shape[-1] > 1 and np.isfinite(q).all():
            top = q == q.max(-1, keepdims=True)
            yield _where(evidence, f"that is the largest {name} of its row", top, np.copy, bits)
            yield _where(
                evidence, f"that is not the largest {name} of its row", ~top, np.copy, bits
            )
            if q.size <= 2**16:
                tied = _tied(q)
                if tied.any():
                    yield _where(evidence, f"where {name} is tied", tied, np.copy, bits)
    yield from (pattern for _, _, pattern in by_index(evidence))


def _where(
    evidence: Evidence, words: str, q: Array, holds: Callable[[Array], Array], bits: float
) -> Pattern:
    at = holds(evidence.sampled(q)).astype(bool)
    return Pattern(f"every entry {words}", bits, at, lambda: holds(q).astype(bool))


def _thresholds(evidence: Evidence, name: str, q: Array, bits: float) -> Iterator[Pattern]:
    """Sets above or below a value that the wrong entries themselves set."""
    at = evidence.sampled(q)
    wrong = at[evidence.w]
    if wrong.size < 2 or not np.isfinite(wrong).all():
        return
    more = bits + float(np.log2(1 + evidence.seen.sum()))
    value, least, most = wrong[0], float(wrong.min()), float(wrong.max())
    if np.all(wrong == value):
        yield _where(
            evidence, f"where {name} == {number(float(value))}", q, lambda q: q == value, more
        )
    low, high = float(np.abs(wrong).min()), float(np.abs(wrong).max())
    for words, holds in (
        (f"where {name} is above {number(least)}", lambda q: q >= least),
        (f"where {name} is below {number(most)}", lambda q: q <= most),
        (f"where |{name}| is above {number(low)}", lambda q: np.abs(q) >= low),
        (f"where |{name}| is below {number(high)}", lambda q: np.abs(q) <= high),
    ):
        yield _where(evidence, words, q, holds, more)


def _tied(q: Array) -> Array:
    _, place, count = np.unique(q, return_inverse=True, return_counts=True)
    return (count > 1)[place].reshape(q.shape)


def by_index(evidence: Evidence) -> Iterator[tuple[str, int, Pattern]]:
    """Yields what an array of indices selects along an axis more than once, at all, or never."""
    for name, q in evidence.quantities.items():
        index = np.asarray(q)
        if index.dtype.kind not in "iu" or index.size < 2:
            continue
        for axis, n in enumerate(evidence.shape):
            if index.min() < -n or index.max() >= n:
                continue
            count = np.bincount(index.ravel() % n, minlength=n)
            along = tuple(-1 if a == axis else 1 for a in range(len(evidence.shape)))
            for words, chosen in (
                (f"whose index occurs more than once in {name}", count > 1),
                (f"whose index is in {name}", count > 0),
                (f"whose index is not in {name}", count == 0),
            ):
                if chosen.any() and not chosen.all():
                    pattern = _where(evidence, words, chosen.reshape(along), np.copy, 6.0)
                    yield name, axis, pattern
