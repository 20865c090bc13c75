"""Claims that are a mixture of what branches give close by, though no branch at the point says so.

Where values are tied a function may have no linear derivative at all: of three equal values the
middle one moves no median by moving alone, though it may rightly have the whole slope, and two that
rise move it. A claim is right where it is a mean of the gradients at points close by (Clarke's
subdifferential of a continuous function): along each direction it is then between the least and the
largest of their slopes.

Source: Clarke (1983), Optimization and Nonsmooth Analysis, theorem 2.5.1.
"""

from dataclasses import replace

import numpy as np

from gradcheck import backends
from gradcheck.evaluation import Direction
from gradcheck.kinks import has_no_decisions
from gradcheck.localisation import Located
from gradcheck.measurement import Measurement, Probed
from gradcheck.noise import Z, loudest
from gradcheck.probes import Probe, tangent
from gradcheck.scales import lengths, scale, seen_through

FEW, MANY = 24, 96
"""Points close by: a function whose slopes agree at the first ones is smooth; a branch of a tie of
three is missed by them once in 2e4, one of ten by all of them once in 2e4."""

AWAY, STEP = 0.4, 0.5
"""They lie 2^-(AWAY p) from the point, and slopes are taken over 2^-(STEP p): few steps cross the
kinks between them, and curvature changes a slope by a millionth."""

BEND = 2.0**4
"""What is off by less than so many times 2^-(AWAY p) of the gradient may be curvature."""

CLOSER, SHRINKS, SEEN = 2.0**6, 2.0**3, 12
"""A continuous function moves less by at least so much where it is moved less by CLOSER; one that
jumps has no mixtures. So many points tell."""

MOST_TIES = 16
"""So many entries, and so many groups of equal ones, are looked at."""


def are_mixed(m: Measurement, found: Located, k: int) -> bool:
    """Returns whether each entry that seems wrong is a mixture.

    Args:
        m: the measurement.
        found: the primal, looked at entry by entry.
        k: through which cotangent.
    """
    if has_no_decisions(m):
        return False
    sizes = lengths(m.evaluator.point[found.primal])
    for index in found.indices[:MOST_TIES]:
        v = np.zeros(found.claimed.shape)
        v[index] = sizes[index]
        true = float(found.central[index] * sizes[index])
        if not is_between(m, k, {found.primal: v}, true):
            return False
    return _adds_up(m, found.primal, k)


def is_mixed(m: Measurement, probed: Probed, k: int) -> bool:
    """Returns whether a claim that one direction contradicts, and no entry, is a mixture.

    Args:
        m: the measurement.
        probed: the direction.
        k: through which cotangent.
    """
    probe, outcome = probed.probe, probed.outcomes[k]
    if has_no_decisions(m):
        return False
    true = outcome.claimed + outcome.residual
    if not is_between(m, k, probe.tangent, true, widely=not probe.alike):
        return False
    return all(_adds_up(m, name, k) for name in probe.primals if not probe.alike)


def _adds_up(m: Measurement, name: str, k: int) -> bool:
    """Whether equal entries of a primal are right, moved alike: what ties share out must add up."""
    x = m.evaluator.point[name]
    values = backends.of(x).values(x)
    shared, counts = np.unique(values, return_counts=True)
    for value in shared[counts > 1][:MOST_TIES]:
        v = {name: np.where(values == value, scale(x), 0.0)}
        together = m.walked(Probe((name,), v))
        outcome = together.outcomes[k]
        true = outcome.claimed + outcome.residual
        passes = outcome.status == "pass"
        if not passes and not is_between(m, k, v, true):
            return False
    return True


def is_between(m: Measurement, k: int, v: Direction, true: float, *, widely: bool = False) -> bool:
    """Returns whether the claim along v is between the slopes of ⟨u, f⟩ close by.

    Each output may take another branch, so that the interval is the sum of theirs.

    Args:
        m: the measurement.
        k: which cotangent u is.
        v: the direction.
        true: the slope at the point itself.
        widely: whether twice as far out is between as well: points drawn at random hardly show the
            extremes of many ties along a direction that moves them all.
    """
    evaluator, line = m.evaluator_of(v), replace(m.line(v), hum=None)  # it hears kinks, too
    away, step = (2.0 ** -round(share * evaluator.bits) for share in (AWAY, STEP))
    claimed = line.claims[k]
    rounding = (Z * float(line.sigma[k]) + line.grain[k]) / step
    rounding += BEND * away * (abs(claimed) + abs(true))
    lows = highs = _slopes(m, k, v, 0.0, step)
    for count in range(1, MANY + 1):
        slopes = _slopes(m, k, v, away, step)
        lows, highs = np.fmin(lows, slopes), np.fmax(highs, slopes)
        low, high = min(true, float(lows.sum())), max(true, float(highs.sum()))
        out = high - low if widely else 0.0
        if high - low > rounding and low - out <= claimed <= high + out:
            return not _jumps(m, k, away)
        if count == FEW and high - low <= rounding:
            return False
    return False


def _slopes(m: Measurement, k: int, v: Direction, away: float, step: float) -> np.ndarray:
    """Returns the slope along v of each output, times its weight, at a point close by."""
    start = _displaced(m, away)
    ahead, behind = (
        m.evaluator.values(m.moved({n: w + t * v.get(n, 0.0) for n, w in start.items()}))
        for t in (step, -step)
    )
    if not ahead.size == behind.size == m.base.size:
        return np.full(m.base.size, np.nan)
    return m.weights[k] * (ahead - behind) / (2 * step)


def _jumps(m: Measurement, k: int, away: float) -> bool:
    """Whether f jumps close to the point: what is on the other side is then no mixture."""
    u = m.weights[k : k + 1]
    most = loudest(m.evaluator, m.base, u)
    heard = Z * min(float(m.sigma[k]), float(most[0]))
    for _ in range(SEEN):
        start = _displaced(m, away)
        far, near = (
            m.evaluator.values(m.moved({n: w / closer for n, w in start.items()}))
            for closer in (1.0, CLOSER)
        )
        if far.size != m.base.size or near.size != m.base.size:
            continue
        moves = [float(seen_through(u, y - m.base)[0]) for y in (far, near)]
        if moves[1] > max(moves[0] / SHRINKS, heard):
            return True
    return False


def _displaced(m: Measurement, away: float) -> dict[str, np.ndarray]:
    """Returns a displacement of all primals, each by that share of its scale."""
    v = tangent(m.evaluator.point, tuple(m.evaluator.point), m.rng)
    return {name: away * w for name, w in v.items()}
