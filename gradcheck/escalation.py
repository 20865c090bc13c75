"""Evaluating in a wider precision than the primals have, where the function accepts it.

A float32 gradient is a claim about a function that float64 shows far better: the bar falls from
1e-4 to the rounding of the claim itself, and kinks are stepped around. The claim stays as it was
made. That the function really works in the wider precision is verified, never assumed.
"""

from dataclasses import replace

import numpy as np

from gradcheck import backends
from gradcheck.contract import Audit
from gradcheck.errors import EvaluationError
from gradcheck.evaluation import BudgetSpent, Evaluator, flat
from gradcheck.oracles.finite_difference import Line

WIDE = "float64"

AGREEMENT = 2.0**-6
"""How well the two precisions must agree at the point, relative to the output's scale: enough to see
that it is the same function, loose enough for an ill-conditioned one."""

TRIAL_STEP = 2.0**-6


def escalated(audited: Audit) -> Evaluator | None:
    """Returns the evaluator in float64 for narrower primals; None where that cannot be had."""
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
    ours, theirs = flat(outputs), flat(audited.outputs)
    if ours.size != theirs.size or not np.isfinite(ours).all():
        return None
    size = float(np.max(np.abs(theirs), initial=0.0))
    return wide if np.all(np.abs(ours - theirs) <= AGREEMENT * size) else None


def is_borne_out(line: Line, native: Evaluator) -> bool:
    """Returns whether the primals' own precision shows the residual that the wider one does.

    A function may keep part of its arithmetic, or a parameter, in the narrower precision: then the
    wider evaluations would accuse a right gradient.
    """
    narrow = replace(line, evaluator=native, levels={}, sigma=np.zeros_like(line.sigma))
    narrow.base = native.values(native.point)
    if not (narrow.add(TRIAL_STEP) and line.add(TRIAL_STEP)):
        return True
    wide, seen = line.central(TRIAL_STEP), narrow.central(TRIAL_STEP)
    eps = 2.0 ** (1 - native.bits)
    noise = 8 * eps * np.sqrt(np.square(line.weights) @ np.square(line.base)) / TRIAL_STEP
    return bool(np.all(np.abs(wide - seen) <= noise + 0.25 * np.abs(wide)))
