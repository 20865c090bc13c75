"""State between calls: a pullback must not read what a later forward, or its first call, left."""

from collections.abc import Iterator

import numpy as np

from gradcheck.contract.agreement import about, moved
from gradcheck.contract.audited import Audit, read
from gradcheck.errors import EvaluationError, PullbackError
from gradcheck.subject import copied
from gradcheck.verdict import Finding

MOVES = (3.0, 0.75, 2.0**-6)
"""How far off the other point is, in shares of each entry: half of the signs change (a cached mask
shows), and nearer where the function raises."""

STALE = Finding(
    kind="stale",
    message="the pullback gives another gradient when the function was evaluated at another point "
    "in between, or when it was called before: it reads what some other call left (in the object, "
    "a global, a buffer), or changes what it needs. Keep that apart for each call, or compute it "
    "from the primals",
)


def stale(audited: Audit, rng: np.random.Generator) -> Iterator[Finding]:
    """Evaluates at the point and at another one before it pulls back at the first."""
    subject, meter = audited.evaluator.subject, audited.evaluator.meter
    if subject.interleaved is None:
        return
    y_bar = audited.y_bar(audited.cotangents[0])
    for share in MOVES:
        other = moved(audited.point, share, rng)
        meter.evaluated()
        meter.evaluated()
        meter.pullbacks += 1
        try:
            pulled = subject.interleaved(copied(y_bar), copied(audited.point), other)
        except PullbackError as error:
            yield Finding(kind=STALE.kind, message=f"{STALE.message} ({error})")
            return
        except EvaluationError:
            continue
        new = read(audited, pulled.cotangents)
        names = audited.differing(audited.gradients[0], new, audited.rounding)
        if names:
            yield about(STALE, names)
        return
