"""Sites: the steps of one place in the code, and what stands for what there."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gradcheck.steps.observed import Step, values
from gradcheck.steps.places import Place

REARRANGED = frozenset(
    ("reshape", "ravel", "transpose", "copy", "astype", "squeeze", "asarray", "array", "flatten")
) | {
    "swapaxes", "expand_dims", "moveaxis", "view", "ascontiguousarray", "broadcast_to", "clone",
    "asanyarray", "t", "permute", "unsqueeze", "expand", "detach", "_to_copy", "alias",
    "lift_fresh", "zeros_like", "ones_like", "empty_like", "_unsafe_view", "_reshape_alias",
    "contiguous",
}  # fmt: skip
"""Steps that compute nothing: what goes through them goes through another."""

PLACED = ("setitem", "copy_")

PRODUCTS = ("mul", "multiply", "matmul", "einsum", "dot", "mm", "bmm", "tensordot", "convolve",
            "correlate", "convolution", "vdot", "inner", "outer", "kron")  # fmt: skip
"""Products of what they are given."""


@dataclass(frozen=True, eq=False)
class Site:
    """The steps of one place, in the order of the run.

    Attributes:
        at: their numbers.
        steps: themselves.
        moved: which operands move with the point, in any of the steps.
        alone: whether no other operation stands at the same place.
        is_shared: whether it is all that a function does at all places where it is called.
    """

    at: tuple[int, ...]
    steps: tuple[Step, ...]
    moved: tuple[bool, ...]
    alone: bool
    is_shared: bool = False

    @property
    def first(self) -> Step:
        """The first of its steps, which stands for all of them."""
        return self.steps[0]

    @property
    def op(self) -> str:
        """The name of the operation."""
        return self.first.op

    @property
    def live(self) -> list[int]:
        """The operands that move with the point."""
        return [j for j, moves in enumerate(self.moved) if moves]

    @cached_property
    def results(self) -> list[np.ndarray] | None:
        """What the steps gave; None where that is no array, or of several shapes."""
        found = [values(step.result) for step in self.steps]
        return _alike(found)

    def operand(self, j: int) -> list[np.ndarray] | None:
        """Returns the values of an operand; None where they are no arrays of one shape."""
        return _alike([values(step.operands[j]) for step in self.steps])

    def written(self, j: int) -> str:
        """Returns an operand as it is written in the code, or its number."""
        told = self.first.place.operands
        if self.alone and len(told) >= len(self.first.operands):
            return f"`{told[j]}`"
        return f"its operand {j + 1}"

    def __str__(self) -> str:
        """The expression in the code; the operation, too, where several stand there."""
        place = self.first.place
        place = Place(place.frames[:1]) if self.is_shared else place
        if not place.line:
            return f"the operation {self.op}"
        return str(place) if self.alone else f"{self.op} in {place}"


def _alike(found: Sequence[np.ndarray | None]) -> list[np.ndarray] | None:
    arrays = [x for x in found if x is not None and x.dtype.kind != "c"]
    if len(arrays) < len(found) or len({x.shape for x in arrays}) != 1:
        return None
    return arrays


def sites(steps: Sequence[Step], moved: Sequence[tuple[bool, ...]]) -> list[Site]:
    """Returns the sites of a run, in its order."""
    groups: dict[Any, list[int]] = {}
    for n, step in enumerate(steps):
        groups.setdefault((step.op, len(step.operands), step.place.frames), []).append(n)
    alone = Counter(frames for _, _, frames in groups)
    return [_site(at, steps, moved, alone[frames] == 1) for (_, _, frames), at in groups.items()]


def shared(found: Sequence[Site]) -> list[Site]:
    """Returns what a function that is called at several places does at all of them."""
    groups: dict[Any, list[Site]] = {}
    for site in found:
        groups.setdefault((site.op, len(site.moved), site.first.place.frames[:1]), []).append(site)
    return [
        Site(
            tuple(n for site in group for n in site.at),
            tuple(step for site in group for step in site.steps),
            tuple(any(site.moved[j] for site in group) for j in range(len(group[0].moved))),
            group[0].alone,
            is_shared=True,
        )
        for group in groups.values()
        if len(group) > 1
    ]


def _site(
    at: Sequence[int], steps: Sequence[Step], moved: Sequence[tuple[bool, ...]], alone: bool
) -> Site:
    any_moved = tuple(np.any([moved[n] for n in at], axis=0).tolist())
    return Site(tuple(at), tuple(steps[n] for n in at), any_moved, alone)


def named(found: Sequence[Site], near: int) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Yields what the code has a name for, the nearest to a step first: operands and results."""
    for site in sorted(found, key=lambda s: abs(s.at[0] - near)):
        told = [(site.written(j), site.operand(j)) for j in range(len(site.first.operands))]
        for words, arrays in [*told, (str(site), site.results)]:
            if arrays is not None and arrays[0].dtype.kind == "f":
                yield (f"{words} of {site}" if words.startswith("its") else words), arrays
