"""Evaluating in a wider precision than the primals have, where the function accepts it.

A float32 gradient is a claim about a function that float64 shows far better: the bar falls from
1e-4 to the rounding of the claim itself, and kinks are stepped around. The claim stays as it was
made. That the function really works in the wider precision is verified, never assumed.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.contract import Audit
from gradcheck.contract.agreement import blur
from gradcheck.contract.audited import is_far
from gradcheck.errors import EvaluationError
from gradcheck.evaluation import BudgetSpent, Evaluator, flat
from gradcheck.noise import FLOAT32_BITS, LOW_BITS, scaled, ulp_of_primals
from gradcheck.oracles.line import Line
from gradcheck.scales import scale, seen_through
from gradcheck.structure import entry
from gradcheck.subject import Point
from gradcheck.verdict import Finding, number

WIDE = "float64"
LONG = np.finfo(np.longdouble).dtype.name
"""Long double: eleven more bits than float64 on x86, none where the platform has none."""

MOST = 2**17
"""Long double has no fast products: of 1e7 parameters it takes minutes."""

LOST, ALL = 2.0**-30, 0.5
"""Digits are lost beyond this share of a number (in float32 too: its claims are judged in float64);
in few bits, where rounding leaves little, beyond the second."""

AGREEMENT = 2.0**-6
"""How well the two precisions must agree at the point, relative to the output's scale: enough to
see that it is the same function, loose enough for an ill-conditioned one."""

TERM_ULPS = 2.0**6
"""The same, in ulps of the primals, where outputs cancel."""

TRIALS = {LOW_BITS: (2.0**-3, 2.0**-2), FLOAT32_BITS: (2.0**-6, 2.0**-6)}
"""A step, and the share of it by which four steps lie apart, at which the narrower precision must
show what the wider one says: close together, so that what differs between them is rounding."""

ROUNDING_ULPS = 256.0
LOW_ULPS = 32.0
"""The rounding of a backward pass of usual depth, in ulps of its largest terms; in float16 and
bfloat16 fewer, or nothing would be seen (a quarter of the largest term in bfloat16)."""

NUDGE, NUDGE_ULPS, FINER, CANCELLED = 2.0**-22, 2**30, 2.0**-11, 2.0**-17
"""Point and cotangent are nudged by so much of themselves: curvature is then 2^-44. A pullback must
be so many times finer than the primals' own precision (2^-34 of float32) to judge a claim in it; of
the terms that a gradient is the difference of (1 - y² of a y close to 1), the last counts."""

LOW_EPS = 2.0**-12
GAIN = 2.0**-4
"""In these the claim as a whole, projected on the right one, may be off by so much at most: over
many entries rounding averages out, a missing factor does not."""

GROSS = 2.0**-5
"""Digits lost beyond this share of the gradient's scale are an error, not a warning."""


def escalated(audited: Audit, agreement: float = AGREEMENT) -> Evaluator | None:
    """Returns the evaluator in float64 for narrower primals; None where that cannot be had.

    Args:
        audited: what the audit left.
        agreement: how well the two precisions must agree at the point.
    """
    evaluator = audited.evaluator
    if evaluator.bits >= 53:
        return None
    wide = replace(evaluator, precision=WIDE)
    try:
        outputs = wide.outputs(wide.point)
    except (EvaluationError, BudgetSpent):
        return None
    if any(backends.of(y).precision(y).name != WIDE for y in outputs.values()):
        return None
    ours, theirs = evaluator.seen(flat(outputs)), flat(audited.outputs)
    if ours.size != theirs.size or not np.isfinite(ours).all():
        return None
    told = np.isfinite(theirs)  # what overflows in the narrower precision tells nothing
    size = float(np.max(np.abs(theirs[told]), initial=0.0))
    if np.isinf(agreement):
        return wide
    # Outputs that cancel to nearly nothing agree as well as what they are the sum of.
    slack = agreement * size + TERM_ULPS * ulp_of_primals(evaluator)
    return wide if np.all(np.abs(ours - theirs)[told] <= slack) else None


def has_longer(point: Point) -> bool:
    """Returns whether arrays can be had in long double, gain digits by it, and are not large."""
    values = point.values()
    if LONG == WIDE or not all(isinstance(x, (np.ndarray, np.generic, float)) for x in values):
        return False
    return np.sum([np.size(x) for x in values]) <= MOST and any(
        np.asarray(x).dtype != LONG for x in values
    )


def in_long(audited: Audit) -> Audit | None:
    """Returns the audit with function and claim in long double; None where that cannot be had."""
    if not has_longer(audited.point):
        return None
    wide = replace(audited.evaluator, precision=LONG)
    try:
        outputs = wide.outputs(wide.point)
    except (EvaluationError, BudgetSpent):
        return None
    if any(backends.of(y).precision(y).name != LONG for y in outputs.values()):
        return None
    return widened(audited, wide)


def lengthened(audited: Audit) -> Audit | None:
    """Returns the audit in long double where some number loses its digits in float64, else None.

    A float64 gradient that is the small difference of large terms, in both the function and the
    claim (the tail of a gelu), disagrees by rounding that no step and no jitter shows; eleven more
    bits do.
    """
    longer = in_long(audited)
    if longer is None:
        return None
    outputs = longer.outputs
    seen = longer.evaluator.seen
    values = [(seen(flat(audited.outputs)), seen(flat(outputs)))]
    for ours, theirs in zip(audited.gradients, longer.gradients, strict=True):
        values += [(ours[name], theirs[name]) for name in audited.sound]
    share = LOST if audited.evaluator.claim_eps < LOW_EPS else ALL
    return longer if any(_is_lost(ours, theirs, share) for ours, theirs in values) else None


def _is_lost(ours: np.ndarray, theirs: np.ndarray, share: float) -> bool:
    """Whether some number has fewer digits than a sum of usual length leaves it."""
    return bool(np.any(np.abs(ours - theirs) > share * np.abs(theirs)))


def widened(audited: Audit, wide: Evaluator) -> Audit | None:
    """Returns the audit with the claim made in the wider precision; None where it cannot be."""
    point = wide.point
    gradients = []
    try:
        outputs = wide.outputs(point)
        for cotangent in audited.cotangents:
            pulled = wide.pullback(cotangent, outputs, point).cotangents
            returned = [name for name in audited.sound if name not in audited.missing]
            if not all(_is_wide(pulled.get(n), point[n], wide.precision) for n in returned):
                return None
            given = {n: pulled[n] for n in audited.sound if n in pulled}
            gradients.append({n: backends.of(g).values(g) for n, g in given.items()})
    except (EvaluationError, BudgetSpent):
        return None
    zeros = {name: np.zeros(backends.coordinates(x)) for name, x in point.items()}
    return replace(
        audited,
        evaluator=Evaluator(
            audited.evaluator.subject.at(point),
            audited.evaluator.meter,
            rounded=max(audited.evaluator.claim_eps, audited.evaluator.rounded),
            blind=audited.evaluator.blind,
        ),
        outputs=outputs,
        gradients=[zeros | gradient for gradient in gradients],
        findings=(),
    )


def computes_wide(wide: Audit, rng: np.random.Generator) -> bool:
    """Returns whether the pullback computes in a wider precision, and not only returns it.

    x̄(x + δ, u + d) + x̄(x - δ, u - d) - 2 x̄(x, u) is of second order, and so is nothing but
    rounding: that of float32 where it computes so inside.
    """
    u, point = wide.cotangents[0], wide.point
    d = {n: NUDGE * w * rng.uniform(-1.0, 1.0, w.shape) for n, w in u.items()}
    # Zeros stay: a claim that is special there jumps, and that is no rounding.
    there = scaled(wide.evaluator, NUDGE_ULPS * wide.evaluator.claim_eps, rng)
    here = {
        n: backends.of(x).step(x, -1.0, backends.of(x).values(there[n]) - backends.of(x).values(x))
        for n, x in point.items()
    }
    try:
        ahead, behind = (
            wide.pulled(wide.y_bar({n: w + sign * d[n] for n, w in u.items()}), at)
            for sign, at in ((1.0, there), (-1.0, here))
        )
    except EvaluationError:
        return True
    return all(
        not is_far(
            2 * x_bar,
            ahead[n] + behind[n],
            FINER * wide.evaluator.rounded,
            CANCELLED * wide.evaluator.rounded * wide.natural[n],
        )
        for n, x_bar in wide.gradients[0].items()
        if n in ahead and n in behind
    )


def lost_digits(audited: Audit, wide: Audit, rng: np.random.Generator) -> Iterator[Finding]:
    """Yields the primals whose narrow claim differs from the wide one by more than rounding does.

    Rounding is a few ulps of the largest entry, or of the natural scale |ȳ y| / |x| where that is
    larger: a gradient that is the small difference of large terms has that many digits and no more.
    """
    eps = audited.evaluator.claim_eps
    u, y = audited.cotangents[0], audited.outputs
    output = max(
        (float(np.max(np.abs(u[n] * backends.of(y[n]).values(y[n])), initial=0.0)) for n in y),
        default=0.0,
    )
    for name in audited.sound:
        narrow, full = audited.gradients[0][name], wide.gradients[0][name]
        size = max(
            float(np.max(np.abs(full), initial=0.0)), output / scale(audited.evaluator.point[name])
        )
        error = np.abs(narrow - full)
        ulps = ROUNDING_ULPS if eps < LOW_EPS else LOW_ULPS
        gain = abs(np.vdot(narrow - full, full)) > GAIN * max(np.vdot(full, full), eps * size**2)
        if not np.any(error > ulps * eps * size) and not (eps > LOW_EPS and gain):
            continue
        # Close to a kink rounding takes the other side, and a whole slope with it.
        spread = blur(audited, rng)[name]
        if not np.any(error > ulps * eps * size + spread) and np.any(spread > ulps * eps * size):
            continue
        worst = np.unravel_index(int(np.argmax(error)), error.shape)
        index = tuple(int(i) for i in worst)
        # In few bits a kink close by turns single entries; the claim as a whole tells a mistake.
        # A unit next to zero may take the other side in few bits; it takes none to be zero there.
        dead = narrow[index] == 0.0 and abs(float(full[index])) > size / 4
        gross = float(error[index]) > GROSS * size and (eps <= LOW_EPS or bool(gain) or dead)
        gross &= not _loses_itself(audited, wide)
        where, indices = entry(name, index, audited.evaluator.point[name])
        yield Finding(
            kind="precision",
            primal=name,
            indices=(indices,),
            claimed=float(narrow[index]),
            true=float(full[index]),
            severity="error" if gross else "warning",
            message=(
                f"{where}: claimed {number(float(narrow[index]), 4)}, "
                f"and {number(float(full[index]), 4)} by the same code in {WIDE}: digits are lost "
                "in the narrower precision (a difference of large numbers, an overflow)"
            ),
        )


def _loses_itself(audited: Audit, wide: Audit) -> bool:
    """Whether the function has no digits left either (1 + tanh of -6 is zero in float32)."""
    u, apart, whole = audited.cotangents[0], 0.0, 0.0
    for name, y in audited.outputs.items():
        own, other = (backends.of(a).values(a) for a in (y, wide.outputs[name]))
        apart = max(apart, float(np.max(np.abs(u[name] * (own - other)), initial=0.0)))
        whole = max(whole, float(np.max(np.abs(u[name] * other), initial=0.0)))
    return not apart <= GROSS * whole


def _is_wide(gradient: Any, x: Any, precision: str | None) -> bool:
    if not backends.is_array(gradient) or not backends.of(gradient).is_floating(gradient):
        return False
    backend = backends.of(gradient)
    return (
        backend.precision(gradient).name == precision
        and backend.shape(gradient) == backends.of(x).shape(x)
        and bool(np.isfinite(backend.values(gradient)).all())
    )


def is_borne_out(line: Line, native: Evaluator) -> bool:
    """Returns whether the primals' own precision shows the residual that the wider one does.

    A function may keep part of its arithmetic, or a parameter, in the narrower precision: then the
    wider evaluations would accuse a right gradient.
    """
    narrow = replace(line, evaluator=native, levels={}, sigma=np.zeros_like(line.sigma))
    narrow.base = native.values(native.point)
    line = replace(line, levels={})
    step, apart = TRIALS[LOW_BITS if native.bits <= LOW_BITS else FLOAT32_BITS]
    steps = (step * (1 + k * apart) for k in (0, -1, 1, 2))
    trials = [t for t in steps if narrow.add(t) and line.add(t)]
    if not trials:
        return True
    wide = np.mean([line.central(t) for t in trials], axis=0)
    missed = np.array([line.central(t) - narrow.central(t) for t in trials])
    eps = 2.0 ** (1 - native.bits)
    noise = 8 * eps * seen_through(line.weights, line.base) / trials[0]
    # Long sums round by more than an ulp of what comes out; what is kept narrow is off alike.
    noise = np.maximum(noise, 4 * np.std(missed, axis=0))
    return bool(np.all(np.abs(np.mean(missed, axis=0)) <= noise + 0.25 * np.abs(wide)))
