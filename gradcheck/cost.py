"""What a check will cost, known before it runs: calls, time and memory."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gradcheck import backends
from gradcheck.adapters import subject_of
from gradcheck.contract import random_kept
from gradcheck.evaluation import Evaluator
from gradcheck.noise import FLOAT32_BITS
from gradcheck.subject import Subject, copied

FIXED, EACH = 34, 13
"""Evaluations of a check of a smooth right gradient: a part that does not depend on the number of
primals (audit, noise, two joint probes), and one for each primal (fineness, a probe, a part)."""

PULLBACKS = 16
LEAN = 28
"""Evaluations of the lean road: one, two that are listened to, a ladder, and where it disagrees
the smaller steps that tell a mistake from a kink; of a right one nine are enough."""

COPIES = 6
"""Arrays of the size of the primals that are held at once: the point, a moved one, the direction,
the displacement, and the claims of two cotangents (see benchmarks/speed.py)."""


@dataclass(frozen=True)
class Cost:
    """What a check of a right and smooth gradient costs; a wrong one is looked at more closely.

    Attributes:
        evaluations: calls of the function.
        pullbacks: calls of the pullback.
        lean: the smallest budget with which anything is decided.
        seconds: predicted time, by one timed call of each.
        bytes: predicted memory of the check's own, besides what the function takes.
    """

    evaluations: int
    pullbacks: int
    lean: int
    seconds: float
    bytes: int

    def __str__(self) -> str:
        return (
            f"about {self.evaluations} evaluations and {self.pullbacks} pullbacks, "
            f"{self.seconds:.2g} s, {self.bytes / 2**20:.3g} MiB; at least budget={self.lean}"
        )


def planned(subject: Subject) -> int:
    """Returns how many evaluations the whole road needs for a smooth right gradient."""
    return FIXED + EACH * len(subject.point)


def cost(
    thing: Any,
    *args: Any,
    vjp: Callable[..., Any] | None = None,
    wrt: Sequence[str | int] | str | None = None,
) -> Cost:
    """Returns what `check` of the same thing will cost, by one call of the function and pullback.

    Nothing is compared, and no Jacobian is ever formed: memory is a small multiple of the primals.

    Args:
        thing: as in `check`.
        *args: as in `check`.
        vjp: as in `check`.
        wrt: as in `check`.

    Raises:
        InvalidInput: the call is malformed.
        EvaluationError: the function, or its pullback, raised at the point.

    >>> import numpy as np
    >>> cost(np.sin, np.zeros(1000), vjp=lambda y_bar, x: y_bar * np.cos(x)).lean
    28
    """
    with random_kept():
        subject = subject_of(thing, args, vjp=vjp, wrt=wrt, name=None)
        evaluator = Evaluator(subject)
        start = time.perf_counter()
        outputs = evaluator.outputs(copied(subject.point))
        forward = time.perf_counter() - start
        start = time.perf_counter()
        subject.pullback(copied(outputs), copied(subject.point))
        backward = time.perf_counter() - start
    entries = sum(backends.size(x) for x in subject.point.values())
    evaluations = planned(subject) + (2 if evaluator.bits <= FLOAT32_BITS else 0)
    return Cost(
        evaluations=evaluations,
        pullbacks=PULLBACKS,
        lean=LEAN,
        seconds=evaluations * forward + PULLBACKS * backward,
        bytes=COPIES * 8 * entries,
    )
