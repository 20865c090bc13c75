"""State between calls: a pullback must not read what another forward, or its first call, left."""

from collections.abc import Collection, Iterator
from dataclasses import replace

import numpy as np

from gradcheck.contract.agreement import about, moved, stepped
from gradcheck.contract.audited import Audit, is_far, read
from gradcheck.contract.determinism import ACCUMULATES
from gradcheck.errors import EvaluationError, PullbackError
from gradcheck.evaluation import Direction, dot, flat, weight
from gradcheck.probes import tangent
from gradcheck.subject import Point, copied
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

FILLED_ONCE = Finding(
    kind="stale",
    severity="warning",
    message="right at this point alone: at another one the pullback gives the very same gradient, "
    "and the function has another slope there. Numbers that were worked out beforehand do so, and "
    "a cache that is filled once: fill it anew in each call",
)

NOT_RENEWED = replace(
    FILLED_ONCE,
    severity="error",
    message="right at this point alone: at another one, where other gradients change, the pullback "
    "gives the very same one, and the function has another slope there. It reads what was kept of "
    "the first call: fill the cache anew in each call",
)

COUNTS = Finding(
    kind="stale",
    message="the pullback gives another gradient after many calls than at first, with the same "
    "cotangent at the same point: it counts its calls, or keeps something of them. Compute it from "
    "the primals, or what this call's forward kept",
)

ADDS_UP = Finding(
    kind=ACCUMULATES,
    severity="warning",
    message="a second forward and backward of the same object add to the gradient of the first, "
    "and no method of it sets gradients to zero: overwrite them, or reset them between two steps",
)

OFF, AGREED, DIRECTIONS = 2.0**-3, 2.0**-3, 2
"""A slope is another one where two steps put it so far from the claim, and agree among themselves
to an eighth of that, along one of so many directions."""


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


def filled_once(
    audited: Audit, rng: np.random.Generator, wrong: Collection[str] = ()
) -> Iterator[Finding]:
    """Pulls back at another point, where an unchanged gradient must fit an unchanged slope.

    Args:
        audited: what the audit left.
        rng: draws the point.
        wrong: primals that are wrong anyhow, and say nothing here.
    """
    if audited.evaluator.subject.is_object:  # each backward runs on a copy of its own
        return
    for share in MOVES:
        names, others = _unchanged(audited, share, rng, wrong)
        if names is None:
            continue
        if names and others:
            # Not where signs change alone: of x > 0 the gradient of |x| may be written as one.
            sure = _unchanged(audited, MOVES[1], rng, wrong)[0]
            names = [n for n in names if n in sure] if sure else names
            yield about(NOT_RENEWED if sure else FILLED_ONCE, names)
        elif names:
            yield about(FILLED_ONCE, names)
        return


def _unchanged(
    audited: Audit, share: float, rng: np.random.Generator, wrong: Collection[str]
) -> tuple[list[str] | None, bool]:
    """Returns the primals with the same gradient at another point, and another slope there.

    And whether other gradients change. None where it raises there.
    """
    evaluator, other = audited.evaluator, moved(audited.point, share, rng)
    try:
        outputs = evaluator.outputs(other)
        pulled = evaluator.pullback(audited.cotangents[0], outputs, copied(other))
    except EvaluationError:
        return None, False
    old, new = audited.gradients[0], read(audited, pulled.cotangents)
    told = [n for n in new if n not in wrong and np.any(old[n])]
    same = [n for n in told if _is_same(old[n], new[n])]
    off = [n for n in same if _is_off(audited, other, outputs, {n: new[n]}, rng)]
    here = audited.point, audited.outputs
    names = [n for n in off if not _is_off(audited, *here, {n: old[n]}, rng)]
    return names, len(same) < len(told)


def counted(audited: Audit) -> Iterator[Finding]:
    """Pulls back at the point once more, after all that was asked meanwhile."""
    new = audited.pulled(audited.y_bar(audited.cotangents[0]))
    names = audited.differing(audited.gradients[0], new, audited.rounding)
    if names:
        yield about(COUNTS, names)


def added_up(audited: Audit) -> Iterator[Finding]:
    """Uses an object twice, as training does, where no method of it resets gradients."""
    subject = audited.evaluator.subject
    if subject.again is None:
        return
    audited.evaluator.meter.pullbacks += 2
    y_bar = audited.y_bar(audited.cotangents[0])
    try:
        new = read(audited, subject.again(copied(y_bar), copied(audited.point)).cotangents)
    except EvaluationError:
        return
    first, share = audited.gradients[0], audited.rounding
    names = [
        n
        for n in subject.parameters
        if n in new and np.any(first[n]) and not is_far(2 * first[n], new[n], share)
    ]
    if names:
        yield about(ADDS_UP, names)


def _is_same(old: np.ndarray, new: np.ndarray) -> bool:
    return old.shape == new.shape and bool(np.array_equal(old, new))


def _is_off(
    audited: Audit, point: Point, outputs: Point, claim: Direction, rng: np.random.Generator
) -> bool:
    """Whether differences at a point deny a claim along one of some directions."""
    return any(_denies(audited, point, outputs, claim, rng) for _ in range(DIRECTIONS))


def _denies(
    audited: Audit, point: Point, outputs: Point, claim: Direction, rng: np.random.Generator
) -> bool:
    evaluator, u = audited.evaluator, flat(audited.cotangents[0])
    v = tangent(point, tuple(claim), rng, relative=True)
    step = 2.0 ** -round(evaluator.bits / 4)
    noise = 2.0 ** (4 - evaluator.bits) * float(np.abs(u) @ np.abs(flat(outputs))) / step
    errors: list[float] = []
    for t in (step, step / 2):
        ahead, behind = (
            evaluator.values({**point, **stepped(point, sign * t, v)}) for sign in (1.0, -1.0)
        )
        if not ahead.size == behind.size == u.size:
            return False
        errors.append(float(u @ (ahead - behind)) / (2 * t) - dot(claim, v))
        if not abs(errors[-1]) > OFF * weight(claim, v) + noise:
            return False
    return abs(errors[0] - errors[1]) <= AGREED * abs(errors[1])
