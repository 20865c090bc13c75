"""A claim that is off by the same few 1e-8 of itself everywhere: a constant rounded to float32.

PyTorch's hard sigmoid multiplies by a float32 sixth in float64, too. That is no wrong formula; the
row says it.
"""

from collections.abc import Sequence
from dataclasses import replace

from gradcheck.comparison import FAIL_BARS, Outcome
from gradcheck.measurement import Measurement, Probed
from gradcheck.noise import FLOAT32_BITS
from gradcheck.verdict import number

HALF_ULP = 2.0**-FLOAT32_BITS
"""A constant rounded to float32 is off by so much of itself at most; a product of two by twice."""

DOUBLE = (2.0**-54, 2.0**-50)
"""The spacing of float64, the claims in which are looked at."""

ALIKE = 0.05
"""So far from one another the shares may be that several directions show, besides their bars."""

DIRECTIONS = 3


def excused(m: Measurement, probed: Sequence[Probed]) -> list[Probed]:
    """Returns the probes with those passing whose primal's claim is off by rounded constants."""
    if not DOUBLE[0] < m.evaluator.claim_eps < DOUBLE[1] or m.evaluator.rounded:
        return list(
            probed
        )  # a float32 claim is rounded anyhow, one in long double is asked to tell
    fails = {p.probe.primals for p in probed if p.outcome.status == "fail"}
    shares = {names: share for names in fails if (share := _share(m, probed, names)) is not None}
    return [
        _passing(p, shares[p.probe.primals]) if p.probe.primals in shares else p for p in probed
    ]


def _share(m: Measurement, probed: Sequence[Probed], names: tuple[str, ...]) -> float | None:
    """Returns by which share of itself a claim is off along every direction; None: by several."""
    own = [p for p in probed if p.probe.primals == names]
    if not all(_is_small(o) for p in own for o in p.outcomes):
        return None
    own += [m.walked(m.another(own[0].probe)) for _ in range(DIRECTIONS)]
    outcomes = [o for p in own for o in p.outcomes if o.claimed]
    if not outcomes:
        return None
    best = min(outcomes, key=lambda o: o.bar / abs(o.claimed))
    share = best.residual / best.claimed
    near = all(
        abs(o.residual - share * o.claimed)
        <= ALIKE * abs(share * o.claimed) + 2 * FAIL_BARS * o.bar
        for o in outcomes
    )
    return share if near and 0 < abs(share) <= 2 * HALF_ULP else None


def _is_small(outcome: Outcome) -> bool:
    return abs(outcome.residual) <= 4 * HALF_ULP * outcome.weight


def _passing(probed: Probed, share: float) -> Probed:
    reason = (
        f"the claim is off by {number(abs(share), 2)} of itself everywhere: a constant of it is "
        "rounded to float32"
    )
    outcomes = tuple(
        replace(o, status="pass", floor=max(o.floor, 4 * HALF_ULP), reason=reason)
        for o in probed.outcomes
    )
    return replace(probed, outcomes=outcomes)
