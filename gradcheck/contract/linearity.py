"""Linearity in the cotangent: a pullback is a linear map, and maps zero to zero."""

from collections.abc import Iterator

import numpy as np

from gradcheck import backends
from gradcheck.contract.agreement import about, blur
from gradcheck.contract.audited import Audit
from gradcheck.contract.digits import is_short
from gradcheck.errors import PullbackError
from gradcheck.evaluation import Direction
from gradcheck.fineness import HALF_BITS
from gradcheck.noise import LOW_BITS
from gradcheck.verdict import Finding

FAR, NEAR = 2.0**10, 2.0**3
FAINT = 2.0**-30
"""Cotangents are scaled so much up and down (a threshold of 1e-6 flushes what is faint); by less in
float16, which has a narrow range."""

NARROW = 1e30

SPLIT = 2.0**-4
"""Scaling by powers of two is exact; what remains is the rounding of a sum that is split in two."""
ZERO = Finding(
    kind="zero_cotangent",
    message="the pullback of a cotangent of zeros is not zero: it adds something that does not "
    "depend on the cotangent (a decay, a NaN out of 0/0)",
)
NONLINEAR = Finding(
    kind="nonlinear",
    message="the pullback is not linear in the cotangent: it must be proportional to it, and of a "
    "sum the sum (no clipping, normalising, thresholds or constants in a pullback)",
)

UPDATED_FIRST = Finding(
    kind="updated_first",
    message="its gradient is computed with parameters that backward has updated already, and so is "
    "not proportional to the cotangent: compute every gradient before the update",
)


def linear(audited: Audit, rng: np.random.Generator) -> Iterator[Finding]:
    """Pulls back zero, then two parts of the cotangent, one scaled up and negated, one down."""
    u = audited.cotangents[0]
    accused: list[str] = []
    try:
        zero = audited.pulled(
            audited.y_bar({name: np.zeros_like(part) for name, part in u.items()})
        )
        accused = [name for name, value in zero.items() if np.any(value != 0)]
        if accused:
            yield about(ZERO, accused)
    except PullbackError as error:
        yield Finding(kind=ZERO.kind, message=f"{ZERO.message} ({error})")
        return
    try:
        names = [n for n in _nonlinear(audited, u, rng) if n not in accused]
    except PullbackError as error:
        yield Finding(kind=NONLINEAR.kind, message=f"{NONLINEAR.message} ({error})")
        return
    if names:
        updates = any(f.kind == "parameters_updated" for f in audited.findings)
        yield about(UPDATED_FIRST if updates else NONLINEAR, names)


def _is_of_half(audited: Audit) -> bool:
    """Whether a half precision is at work inside: it flushes what is faint, and rounds sums.

    The function was heard to have few bits, or a gradient has no more than they hold, though the
    cotangent has all.
    """
    if audited.evaluator.bits <= LOW_BITS:
        return True
    return any(is_short(values, HALF_BITS) for values in audited.of_long.values())


def _nonlinear(audited: Audit, u: Direction, rng: np.random.Generator) -> list[str]:
    """Returns the primals for which x̄(u) is not x̄(-c a) / -c + c x̄(b / c), where u = a + b."""
    arrays = [*audited.point.values(), *audited.outputs.values()]
    precisions = [backends.of(x).precision(x) for x in arrays]
    is_narrow = min(p.largest for p in precisions) < NARROW or _is_of_half(audited)
    up, down = (-NEAR, NEAR) if is_narrow else (-FAR, FAINT)
    part = {name: rng.integers(0, 2, values.shape) for name, values in u.items()}
    first = audited.pulled(audited.y_bar({n: up * part[n] * v for n, v in u.items()}))
    second = audited.pulled(audited.y_bar({n: down * (1 - part[n]) * v for n, v in u.items()}))
    old = audited.gradients[0]
    new = {
        n: first[n] / up + second[n] / down
        for n in first
        if n in second and first[n].shape == second[n].shape == old[n].shape
    }
    in_range = {n: v for n, v in new.items() if np.isfinite(v).all()}
    # Below that digits are lost by scaling down.
    floor = abs(up) * max(p.tiny for p in precisions)
    slack = {n: np.full_like(v, floor) for n, v in old.items()}
    share = min(audited.gross, SPLIT)
    if not audited.differing(old, in_range, share, slack):
        return []
    spread = blur(audited, rng)
    return audited.differing(old, in_range, share, {n: spread[n] + floor for n in spread})
