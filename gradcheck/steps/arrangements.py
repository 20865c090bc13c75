"""Where the gradient of a step goes: to another slice, another entry, in another order."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from gradcheck.steps import changes
from gradcheck.steps.mistakes import NOT_SUMMED, REPEATED, SHIFTED, SLICES, TURNED, Hypothesis
from gradcheck.steps.observed import values
from gradcheck.steps.sites import PRODUCTS, Site


def slices(site: Site, code: Sequence[Site]) -> Iterator[Hypothesis]:
    """Parts of an array, given each other's gradient, or put in another place."""
    if site.op != "getitem" or len(site.first.operands) != 2 or site.moved != (True, False):
        return
    for other in code[code.index(site) + 1 :] if not site.is_shared else ():
        if other.op != "getitem" or not _are_beside(site, other):
            continue
        keys = [[step.operands[1] for step in s.steps] for s in (site, other)]
        changed = {n: changes.keyed(key) for n, key in zip(site.at, keys[1], strict=True)}
        changed |= {n: changes.keyed(key) for n, key in zip(other.at, keys[0], strict=True)}
        yield Hypothesis(SLICES, {"what": str(site), "other": str(other)}, changed)
    for axis in range(_axes(site)):
        for by in (1, -1):
            keys = [_moved(step.operands[1], axis, by) for step in site.steps]
            if None not in keys:
                changed = {n: changes.keyed(key) for n, key in zip(site.at, keys, strict=True)}
                words = {"what": str(site), "by": f"{by:+d}", "axis": axis}
                yield Hypothesis(SHIFTED, words, changed)


def splits(site: Site, code: Sequence[Site]) -> Iterator[Hypothesis]:
    """Two of the parts that an array is split into, given each other's gradient."""
    parts = site.first.result
    if not isinstance(parts, (list, tuple)) or not site.live:
        return
    shapes = [np.shape(part) for part in parts]
    for a, b in combinations(range(len(parts)), 2):
        if shapes[a] == shapes[b]:
            words = {"what": f"part {a + 1} of {site}", "other": f"part {b + 1}"}
            yield Hypothesis(SLICES, words, dict.fromkeys(site.at, changes.exchanged(a, b)))


def _axes(site: Site) -> int:
    key = site.first.operands[1]
    return len(key) if isinstance(key, tuple) else 1


def _moved(key: Any, axis: int, by: int) -> Any:
    """Returns an index moved along an axis; None where that is no index of the array."""
    parts = list(key) if isinstance(key, tuple) else [key]
    part = parts[axis]
    match part:
        case bool() | None:
            return None
        case int() | np.integer():
            moved: Any = part + by
            if moved < 0 <= part:
                return None
        case slice(start=None, stop=None):
            return None
        case slice(start=start, stop=stop, step=step):
            first = (start or 0) + by
            if first < 0 <= (start or 0):
                return None
            moved = slice(first, None if stop is None else stop + by, step)
        case _:
            return None
    parts[axis] = moved
    return tuple(parts) if isinstance(key, tuple) else parts[0]


def _are_beside(site: Site, other: Site) -> bool:
    """Whether two sites take parts of one shape out of the same arrays."""
    if len(site.at) != len(other.at) or len(other.first.operands) != 2:
        return False
    if site.results is None or other.results is None:
        return False
    if site.results[0].shape != other.results[0].shape:
        return False
    pairs = zip(site.steps, other.steps, strict=True)
    arrays = [(values(a.operands[0]), values(b.operands[0])) for a, b in pairs]
    return all(x is not None and y is not None and np.array_equal(x, y) for x, y in arrays)


def rolls(site: Site, code: Sequence[Site]) -> Iterator[Hypothesis]:
    """What was padded is cropped elsewhere."""
    given = site.operand(0)
    if site.op not in ("pad", "constant_pad_nd") or site.results is None or given is None:
        return
    more = np.subtract(site.results[0].shape, given[0].shape)
    padded = np.flatnonzero(more)
    for by in (1, -1):
        for axes in [(a,) for a in padded] + [tuple(padded)]:
            yield _rolled(site, {int(a): by for a in axes})
    for by in (1, -1):
        yield _rolled(site, {int(a): by * int(more[a] // 2) for a in padded})


def _rolled(site: Site, by: Mapping[int, int]) -> Hypothesis:
    changed = dict.fromkeys(site.at, changes.rolled(tuple(by.values()), tuple(by)))
    shifts = ", ".join(f"{-n:+d}" for n in by.values())
    words = {"what": str(site), "by": shifts, "axis": ", ".join(map(str, by))}
    return Hypothesis(SHIFTED, words, changed)


def turns(site: Site, code: Sequence[Site]) -> Iterator[Hypothesis]:
    """The cotangent of a product is taken transposed."""
    results = site.results
    if site.op not in PRODUCTS or results is None or results[0].ndim < 2:
        return
    if results[0].shape[-1] == results[0].shape[-2] > 1:
        for j in site.live:
            words = {"what": str(site), "by": site.written(j)}
            changed = dict.fromkeys(site.at, changes.turned(j))
            yield Hypothesis(TURNED, words, changed)


def repeats(site: Site, code: Sequence[Site]) -> Iterator[Hypothesis]:
    """What was repeated entry by entry is added up as if it was tiled, or the other way round."""
    given, results = site.operand(0), site.results
    if site.op not in ("repeat", "tile") or given is None or results is None:
        return
    if given[0].ndim != results[0].ndim:
        return
    for axis, (n, m) in enumerate(zip(given[0].shape, results[0].shape, strict=True)):
        if m > n > 1 and m % n == 0:
            words = {"what": str(site)}
            changed = dict.fromkeys(site.at, changes.reordered(axis, n))
            yield Hypothesis(REPEATED, words, changed)


def sums(site: Site, code: Sequence[Site]) -> Iterator[Hypothesis]:
    """Each entry of a sum counts for its own place alone."""
    given, results = site.operand(0), site.results
    if site.op not in ("sum", "add.reduce", "mean") or given is None or results is None:
        return
    if given[0].ndim == results[0].ndim and given[0].shape != results[0].shape:
        changed = dict.fromkeys(site.at, changes.unsummed)
        yield Hypothesis(NOT_SUMMED, {"what": str(site)}, changed)
