"""What stands beside an operand in its derivative: something else in another operand's place."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from gradcheck.steps import changes
from gradcheck.steps.mistakes import OPERAND, Hypothesis
from gradcheck.steps.sites import PRODUCTS, REARRANGED, Site, named

ENTRYWISE = ("mul", "multiply", "truediv", "divide", "div", "where")

MOST_NAMED = 40
"""So many arrays are tried in the place of an operand."""


def operands(site: Site, code: Sequence[Site]) -> Iterator[Hypothesis]:
    """The derivative by one operand, with something else in the place of another one."""
    if not site.first.repeatable or site.op in REARRANGED or site.results is None:
        return
    if site.op in ("add", "sub", "subtract", "getitem", "setitem", "rsub"):
        return
    for j in site.live:
        for i in range(len(site.first.operands)):
            given = site.operand(i) if i != j else None
            if given is None or isinstance(site.first.operands[i], int):
                continue
            rest = dict.fromkeys(site.at, changes.held(j))
            for used, others in _instead(site, i, given, code):
                changed = {
                    n: changes.beside(j, i, other)
                    for n, other in zip(site.at, others, strict=True)
                    if other is not None
                }
                words = {"what": str(site), "by": site.written(j), "used": used,
                         "wanted": site.written(i)}  # fmt: skip
                yield Hypothesis(OPERAND, words, changed, rest, is_single=len(site.at) == 1)


def _instead(
    site: Site, i: int, given: list[np.ndarray], code: Sequence[Site]
) -> Iterator[tuple[str, Sequence[np.ndarray | None]]]:
    """Yields what may stand in the place of an operand, for each step; None: it is as it is."""
    first = given[0]
    if site.op in ENTRYWISE and first.dtype.kind == "f":
        yield "1", [np.ones_like(x) for x in given]
    if np.isin(first, (0, 1)).all():
        yield "its opposite", [~x if x.dtype == bool else 1 - x for x in given]
    if first.ndim >= 2 and first.shape[-1] == first.shape[-2] > 1:
        yield "its transpose", [np.swapaxes(x, -1, -2) for x in given]
    if site.op in PRODUCTS:
        axes = [a for a, n in enumerate(first.shape) if n > 1]
        for flipped in [(a,) for a in axes] + ([tuple(axes[-2:])] if len(axes) > 1 else []):
            words = ", ".join(map(str, flipped))
            yield f"it reversed along axis {words}", [np.flip(x, flipped) for x in given]
    if len(given) > 1:
        yield "its value one step later", [*given[1:], None]
        yield "its value one step before", [None, *given[:-1]]
        yield "its value of the step as far from the end", given[::-1]
    yield from _indexed(site, i, code)
    seen = [x.tobytes() for x in given[:1]]
    for words, arrays in named(code, site.at[0]):
        others = arrays if len(arrays) == len(given) else arrays * len(given)
        if len(arrays) not in (1, len(given)) or arrays[0].shape != first.shape:
            continue
        if others[0].tobytes() not in seen and len(seen) <= MOST_NAMED:
            seen.append(others[0].tobytes())
            yield words, others


def _indexed(
    site: Site, i: int, code: Sequence[Site]
) -> Iterator[tuple[str, Sequence[np.ndarray | None]]]:
    """Yields other parts of the array that an operand is a part of."""
    taken = [s for s in code if s.op == "getitem" and len(s.first.operands) == 2]
    for other in taken:
        if not _is_given(other, site, i):
            continue
        whole = other.operand(0)
        keys = [step.operands[1] for step in other.steps]
        if whole is None:
            continue
        for words, changed in _other_keys(keys, whole[0].shape):
            parts = [_taken(x, key) for x, key in zip(whole, changed, strict=True)]
            yield f"`{other.first.place.source}` with {words}", parts


def _is_given(taken: Site, site: Site, i: int) -> bool:
    """Whether what is taken out of an array is the operand, step by step."""
    if len(taken.at) != len(site.at) or taken.results is None:
        return False
    given = site.operand(i)
    return given is not None and all(
        np.array_equal(a, b) for a, b in zip(taken.results, given, strict=True)
    )


def _taken(x: np.ndarray, key: Any) -> np.ndarray | None:
    try:
        return x[key]
    except IndexError:
        return None


def _other_keys(keys: Sequence[Any], shape: tuple[int, ...]) -> Iterator[tuple[str, list[Any]]]:
    """Yields indices as people mistake them: mirrored, exchanged."""
    parts = [key if isinstance(key, tuple) else (key,) for key in keys]
    if Ellipsis in parts[0] or None in parts[0]:
        return
    whole = [a for a, part in enumerate(parts[0]) if isinstance(part, (int, np.integer))]
    for mirrored in [c for n in (1, 2) for c in combinations(whole, n)]:
        told = " and ".join(f"index {a + 1}" for a in mirrored)
        yield (
            f"{told} from the end",
            [
                tuple(shape[a] - 1 - p if a in mirrored else p for a, p in enumerate(part))
                for part in parts
            ],
        )
    blocks = [a for a, part in enumerate(parts[0]) if _is_block(part, shape[a])]
    for a in blocks:
        yield f"index {a + 1} from the end", [
            tuple(slice(shape[a] - p.stop, shape[a] - p.start) if c == a else p
                  for c, p in enumerate(part))
            for part in parts
        ]  # fmt: skip
    for a, b in combinations(whole, 2):
        yield (
            f"indices {a + 1} and {b + 1} exchanged",
            [
                tuple(part[b] if c == a else part[a] if c == b else p for c, p in enumerate(part))
                for part in parts
            ],
        )


def _is_block(part: Any, n: int) -> bool:
    """Whether a part of an index is one of the equal blocks of an axis."""
    if not isinstance(part, slice) or part.start is None or part.stop is None or part.step:
        return False
    return 0 < part.stop - part.start < n and n % (part.stop - part.start) == 0
