"""The steps of a function: the operations of a run, and runs in which some of them are changed."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, TypeAlias

import numpy as np

from gradcheck.steps.places import Place

OURS = str(Path(__file__).parents[1])
WATCHING = (str(Path(__file__).parent), str(Path(OURS) / "replay"))

Compute: TypeAlias = Callable[..., Any]


@dataclass(frozen=True, eq=False)
class Step:
    """One operation of a run.

    Attributes:
        op: its name.
        operands: what it was given, copied.
        result: what it gave, copied.
        place: where it stands in the code.
        repeatable: whether it can be computed again, of other operands.
    """

    op: str
    operands: tuple[Any, ...]
    result: Any
    place: Place
    repeatable: bool


Change: TypeAlias = Callable[[Step, Compute, tuple[Any, ...]], Any]
"""(the step at the point, the operation, its operands now) -> what it gives now.

At the point it gives what the step gave: what is changed is the derivative alone.
"""


class Collected:
    """A watcher that keeps the steps of a run."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def __call__(self, op: str, compute: Compute, operands: tuple[Any, ...], again: bool, /) -> Any:
        """Computes an operation, and keeps what it was."""
        given = copied(operands)
        result = compute(*operands)
        self.steps.append(Step(op, given, copied(result), _place(), again))
        return result


class Compared:
    """A watcher that finds which operands are others than in a run before.

    Attributes:
        moved: for each step, which of its operands.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = steps
        self.moved: list[tuple[bool, ...]] = []

    def __call__(self, op: str, compute: Compute, operands: tuple[Any, ...], again: bool, /) -> Any:
        """Computes an operation, and compares its operands."""
        before = self.steps[len(self.moved)].operands
        pairs = zip(operands, before, strict=True)
        self.moved.append(tuple(not _same(now, then) for now, then in pairs))
        return compute(*operands)


class Changed:
    """A watcher that changes some steps."""

    def __init__(self, steps: Sequence[Step], changes: Mapping[int, Change]) -> None:
        self.steps, self.changes = steps, changes
        self._next = 0

    def __call__(self, op: str, compute: Compute, operands: tuple[Any, ...], again: bool, /) -> Any:
        """Computes an operation, changed where it is to be."""
        step, change = self.steps[self._next], self.changes.get(self._next)
        self._next += 1
        return compute(*operands) if change is None else change(step, compute, operands)


def copied(tree: Any) -> Any:
    """Returns a tree of tuples and lists with copies of its arrays."""
    if type(tree) in (list, tuple):
        return type(tree)(map(copied, tree))
    if isinstance(tree, np.ndarray):
        return tree.copy()
    return tree.clone() if hasattr(tree, "clone") else tree


def values(x: Any) -> np.ndarray | None:
    """Returns the numbers of an array, a tensor or a number; None of anything else."""
    if isinstance(x, (bool, int, float, complex, np.ndarray, np.generic)):
        found = np.asarray(x)
        return found if found.dtype.kind in "biufc" else None
    if hasattr(x, "detach") and hasattr(x, "numpy"):
        dense = x.detach().cpu().resolve_conj().resolve_neg()
        return dense.numpy() if str(dense.dtype) not in ("torch.bfloat16",) else None
    return None


def like(x: Any, numbers: np.ndarray) -> Any:
    """Returns numbers as an array of the kind of x."""
    if hasattr(x, "new_tensor"):
        return x.new_tensor(np.ascontiguousarray(numbers))
    return numbers


def _same(now: Any, then: Any) -> bool:
    """Whether two operands are the same; what is neither array nor number is."""
    if type(now) in (list, tuple) and type(now) is type(then):
        return len(now) == len(then) and all(map(_same, now, then))
    a, b = values(now), values(then)
    if a is None or b is None:
        return True
    return bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))


def _place() -> Place:
    """Returns the place in the function that is run, () where it is not the function that runs."""
    libraries = [str(Path(np.__file__).parent)]
    if "torch" in sys.modules:
        libraries.append(str(Path(str(sys.modules["torch"].__file__)).parent))
    within = (*WATCHING, *libraries)
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(within):
        frame = frame.f_back
    frames = []
    while frame is not None and not frame.f_code.co_filename.startswith(OURS):
        if not frame.f_code.co_filename.startswith(within):
            frames.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return Place(tuple(frames))
