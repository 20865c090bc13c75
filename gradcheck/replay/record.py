"""Recording a function's decisions at a point, and the function with these decisions frozen.

Nothing is believed: a recording is handed out only if it changed nothing, at the point and beside
it, where no decision is another.
"""

import sys
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.replay.conversions import replaced
from gradcheck.replay.tape import Decision, ReplayMismatch, Tape, Watcher, running
from gradcheck.replay.traced import KINDS, bare, is_floating, wrapped

Point = Mapping[str, Any]
Function = Callable[[Point], Point]

UNREMARKABLE = {"equal", "not_equal", "eq", "ne"}
"""Comparisons for equality are no ties: the mask of a maximum, x == max(x), has equal operands."""

BESIDE = (2.0**-8, 2.0**-40)
"""How far the points beside are, relative to each entry: a distance at which whatever is different
shows, and one (of a few ulps in what is narrower) at which few decisions flip."""

ROUNDING = 64
"""Ulps of the largest output by which a recording may differ: torch takes other kernels for some
operations (the singular values) where it is watched."""


@dataclass(frozen=True)
class Recorded:
    """A function recorded at a point.

    Attributes:
        outputs: what it gave, bit for bit what it gives without recording.
        taken: the decisions, in call order.
        escaped: where values left what can be seen: decisions behind that are not frozen.
        function: the function itself.
        uses_torch: whether it called torch.
    """

    outputs: Point
    taken: tuple[Decision, ...]
    escaped: tuple[str, ...]
    function: Function
    uses_torch: bool

    @property
    def decisions(self) -> int:
        """The number of decisions; 0 where nothing was intercepted, or nothing decides."""
        return len(self.taken)

    @property
    def ties(self) -> Mapping[str, int]:
        """The number of entries that were exactly on a kink, by the operation's name."""
        counts: Counter[str] = Counter()
        for decision in self.taken:
            if decision.ties and decision.op not in UNREMARKABLE:
                counts[decision.op] += decision.ties
        return dict(counts)

    def frozen(self, point: Point) -> dict[str, Any]:
        """Returns the outputs at another point of the smooth function that the branch is.

        Raises:
            ReplayMismatch: the function took other operations than when it was recorded.
        """
        return _run(self.function, point, Tape(self.taken), self.uses_torch)

    def watched(self, point: Point, watcher: Watcher) -> dict[str, Any]:
        """Returns the frozen outputs at a point as a watcher of the operations has them.

        Raises:
            ReplayMismatch: the function took other operations than when it was recorded.
        """
        tape = Tape(self.taken, watcher=watcher)
        return _run(self.function, point, tape, self.uses_torch)

    def flips(self, point: Point) -> int:
        """Returns how many of the decisions would be others at a point; costs one evaluation.

        Raises:
            ReplayMismatch: the function took other operations than when it was recorded.
        """
        tape = Tape(self.taken, audit=True)
        _run(self.function, point, tape, self.uses_torch)
        return tape.flips


@dataclass(frozen=True)
class Refused:
    """No recording, which is false where a `Recorded` is true.

    Attributes:
        reason: what went wrong.
    """

    reason: str

    def __bool__(self) -> bool:
        return False


def record(f: Function, point: Point, *, verify: bool = True) -> Recorded | Refused:
    """Runs a function once and records the decisions of its arithmetic.

    Costs one traced evaluation, and where it is verified two plain and two replayed ones.

    Args:
        f: maps arrays by name to arrays by name, of NumPy or of torch. It gets copies.
        point: where the decisions are taken.
        verify: whether the recording is compared with plain evaluations.

    Returns:
        The recording; or, as a `Refused`, why it is not faithful.

    >>> import numpy as np
    >>> def relu(point):
    ...     return {"y": np.maximum(point["x"], 0.0)}
    >>> recorded = record(relu, {"x": np.array([-1.0, 2.0])})
    >>> recorded.decisions, recorded.frozen({"x": np.array([3.0, -4.0])})
    (1, {'y': array([ 0., -4.])})
    """
    tape = Tape()
    try:
        outputs = _run(f, point, tape, "torch" in sys.modules)
        recorded = Recorded(outputs, tuple(tape.decisions), _ways(tape, outputs), f, tape.met_torch)
        reason = unfaithful(recorded, point) if verify else None
    except Exception as error:
        return Refused(f"{type(error).__name__} while it was recorded: {error}")
    return recorded if reason is None else Refused(reason)


def unfaithful(recorded: Recorded, point: Point) -> str | None:
    """Returns why a recording is not to be used; None if it changed nothing.

    The recorded outputs are compared with plain ones bit for bit, and so is the frozen function at
    the point, and at a point beside it where no decision is another.
    """
    plainly = recorded.function
    with np.errstate(all="ignore"):
        if not _same(recorded.outputs, plainly(copied(point)), ROUNDING):
            return "recorded, the function gives other outputs than without"
        if not _same(recorded.outputs, recorded.frozen(point)):
            return "replayed at its own point, the function gives other outputs"
        for distance in BESIDE:
            near = {name: _beside(x, distance) for name, x in point.items()}
            tape = Tape(recorded.taken, audit=True)
            try:
                frozen = _run(recorded.function, near, tape, recorded.uses_torch)
            except ReplayMismatch as mismatch:
                return f"beside the point {mismatch}"
            if not tape.flips:
                same = _same(frozen, plainly(copied(near)), ROUNDING)
                return None if same else "beside the point, it gives other outputs"
    return None


def copied(point: Point) -> dict[str, Any]:
    """Returns a copy of each array."""
    return {name: _copy(x) for name, x in point.items()}


def _run(f: Function, point: Point, tape: Tape, with_torch: bool) -> dict[str, Any]:
    given = {name: _traced(_copy(x)) for name, x in point.items()}
    with ExitStack() as stack:
        stack.enter_context(replaced())
        if with_torch:
            from gradcheck.replay import torch_ops

            stack.enter_context(torch_ops.followed(tape))
        stack.enter_context(running(tape))
        try:
            outputs = f(given)
        except Exception as error:
            # Whatever else it raised after a mismatch is the mismatch's consequence.
            raise (tape.broken or error) from error
        tape.finish()
    return {name: bare(y) for name, y in outputs.items()}


def _traced(x: Any) -> Any:
    if isinstance(x, (float, complex)) and not isinstance(x, np.generic):
        x = np.asarray(x)[()]
    return wrapped(x)


def _ways(tape: Tape, outputs: Point) -> tuple[str, ...]:
    """Returns where values left, but for those that left as what the function returned."""
    returned = [y for y in outputs.values() if type(y) not in KINDS]

    def is_returned(carrier: Any) -> bool:
        if isinstance(carrier, (float, complex)):
            return any(isinstance(y, type(carrier)) and y == carrier for y in returned)
        return carrier is not None and any(y is carrier for y in returned)

    return tuple(dict.fromkeys(way for way, c in tape.escapes if not is_returned(c)))


def _copy(x: Any) -> Any:
    if hasattr(x, "detach"):
        return x.detach().clone()
    return x.copy(order="K") if isinstance(x, np.ndarray) else x


def _beside(x: Any, distance: float) -> Any:
    """Returns an array moved by a share of each entry, in alternating directions."""
    if hasattr(x, "detach"):
        from gradcheck.replay import torch_ops

        return torch_ops.beside(x, distance)
    values = np.asarray(x)
    if not is_floating(values.dtype):
        return x
    share = max(distance, 8 * _eps(values.dtype))
    moved = values.astype(values.dtype, order="C", copy=True).reshape(-1)
    moved[::2] *= values.dtype.type(1 - share)
    moved[1::2] *= values.dtype.type(1 + share)
    return moved.reshape(values.shape)[()]


def _eps(dtype: np.dtype) -> float:
    if dtype.kind in "fc":
        return float(np.finfo(dtype).eps)
    # The dtypes of ml_dtypes are unknown to finfo: the spacing above one, found by halving.
    eps = 1.0
    while np.asarray(1 + eps / 2).astype(dtype) > np.asarray(1).astype(dtype):
        eps /= 2
    return eps


def _same(x: Any, y: Any, ulps: int = 0) -> bool:
    """Returns whether outputs are the same; zeros of either sign and all NaN are alike."""
    if isinstance(x, Mapping):
        return x.keys() == y.keys() and all(_same(x[n], y[n], ulps) for n in x)
    if hasattr(x, "detach"):
        from gradcheck.replay import torch_ops

        return torch_ops.same(x, y, ulps)
    a, b = np.asarray(x), np.asarray(y)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if np.all((a == b) | (a != a) & (b != b)):
        return True
    return bool(np.max(np.abs(a - b)) <= ulps * _eps(a.dtype) * np.max(np.abs(a)))


__all__ = ["Recorded", "Refused", "record", "unfaithful"]
