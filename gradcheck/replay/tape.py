"""The tape of a run: the decisions its arithmetic took, in call order, and how they are met again.

A decision is whatever makes a function piecewise: which operand a maximum took, on which side of
zero an entry lay, the order that a sort found, every result that is a boolean or an integer. A
tape records them once; afterwards it hands them out in the same order.
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

Thunk = Callable[[], Any]


class Watcher(Protocol):
    """Sees each operation of a run, and may give another result than it has."""

    def __call__(
        self,
        op: str,
        compute: Callable[..., Any],
        operands: tuple[Any, ...],
        repeatable: bool,
        /,
    ) -> Any:
        """Returns what the operation is to give.

        Args:
            op: the operation's name.
            compute: operands -> result; called once, or again where it is repeatable.
            operands: plain arrays, lists of them, and whatever else it takes.
            repeatable: whether it takes no decisions and writes nothing.
        """
        ...


class ReplayMismatch(RuntimeError):
    """A replayed run took other operations than the recorded one, so that no decision fits."""


@dataclass(frozen=True)
class Decision:
    """What one operation decided.

    Attributes:
        op: the operation's name.
        shape: the shape of what was decided upon.
        value: which branch each entry took, indices, or a result that is constant on the branch.
        ties: how many entries lay exactly on a kink (x = 0 of an absolute value, equal operands).
    """

    op: str
    shape: tuple[int, ...]
    value: Any
    ties: int = 0


class Tape:
    """Records decisions, or hands out recorded ones.

    Attributes:
        decisions: those recorded so far, or those to be replayed.
        recording: whether this run records.
        escapes: where traced values left what can be seen, each with the object that carries them.
        flips: the decisions that would be taken otherwise at this point; counted in audits only.
        met_torch: whether torch was called.
        broken: the first mismatch, kept in case the function swallows what it raised.
        watcher: sees each operation, and may change what it gives.
    """

    def __init__(
        self,
        decisions: tuple[Decision, ...] | None = None,
        audit: bool = False,
        watcher: Watcher | None = None,
    ):
        self.recording = decisions is None
        self.decisions: list[Decision] = [] if decisions is None else list(decisions)
        self.audit = audit
        self.escapes: list[tuple[str, Any]] = []
        self.flips = 0
        self.met_torch = False
        self.broken: ReplayMismatch | None = None
        self.watcher = watcher
        self._next = 0

    def decide(
        self,
        op: str,
        shape: tuple[int, ...],
        value: Thunk,
        ties: Callable[[Any], Any] | None = None,
    ) -> Any:
        """Returns the decision of this operation: taken now and recorded, or the recorded one.

        Args:
            op: the operation's name.
            shape: the shape of what is decided upon.
            value: takes the decision; called where it is recorded or audited.
            ties: of the value, how many entries are on a kink; called where it is recorded.

        Raises:
            ReplayMismatch: the recorded run did something else here.
        """
        shape = tuple(shape)
        if self.recording:
            found = value()
            count = int(ties(found)) if ties is not None else 0
            self.decisions.append(Decision(op, shape, found, count))
            return found
        recorded = self._recorded(op, shape)
        if self.audit:
            self.flips += not equal(recorded.value, value())
        return recorded.value

    def _recorded(self, op: str, shape: tuple[int, ...]) -> Decision:
        if self._next >= len(self.decisions):
            self._break(f"{op} of shape {shape} comes after the last recorded decision")
        recorded = self.decisions[self._next]
        self._next += 1
        if (recorded.op, recorded.shape) != (op, shape):
            self._break(
                f"decision {self._next} is {op} of shape {shape}; "
                f"recorded was {recorded.op} of shape {recorded.shape}"
            )
        return recorded

    def escape(self, way: str, carrier: Any = None) -> None:
        """Notes that a value left what can be seen; the carrier is the object that it left in."""
        self.escapes.append((way, carrier))

    def finish(self) -> None:
        """Ends a replay.

        Raises:
            ReplayMismatch: a mismatch was swallowed, or recorded decisions were not met.
        """
        if self.broken is not None:
            raise self.broken
        if not self.recording and self._next < len(self.decisions):
            missing = self.decisions[self._next]
            self._break(f"recorded {missing.op} of shape {missing.shape} was not met")

    def _break(self, message: str) -> None:
        self.broken = self.broken or ReplayMismatch(message)
        raise self.broken

    def seen(
        self,
        op: str,
        compute: Callable[..., Any],
        operands: tuple[Any, ...],
        *,
        repeatable: bool = True,
    ) -> Any:
        """Returns what an operation gives, as the watcher has it."""
        if self.watcher is None:
            return compute(*operands)
        return self.watcher(op, compute, operands, repeatable)


_ACTIVE: ContextVar[Tape | None] = ContextVar("tape", default=None)


def active() -> Tape | None:
    """Returns the tape of the run that this context is in."""
    return _ACTIVE.get()


class running:
    """Makes a tape the active one; None hides what happens within from any.

    A class, since every operation of a run enters it: a generator takes twice as long.
    """

    __slots__ = ("_tape", "_token")

    def __init__(self, tape: Tape | None) -> None:
        self._tape = tape

    def __enter__(self) -> None:
        self._token = _ACTIVE.set(self._tape)

    def __exit__(self, *_: object) -> None:
        _ACTIVE.reset(self._token)


def equal(x: Any, y: Any) -> bool:
    """Returns whether two decisions are the same: trees of arrays, tensors and numbers."""
    if isinstance(x, (tuple, list)):
        return len(x) == len(y) and all(map(equal, x, y))
    if hasattr(x, "new_empty"):  # a tensor
        return x.shape == y.shape and bool(((x == y) | ((x != x) & (y != y))).all())
    return np.array_equal(x, y, equal_nan=np.asarray(x).dtype.kind in "fc")
