"""Exact routes: what differences leave open, settled by a derivative that is exact to rounding.

An exact route is believed of a primal where finite differences along the same direction confirm
it: it may share a wrong formula with the claim, or be silently zero. Then it says how small an
error is excluded, and judges the parts of the primal whose slopes drown in rounding.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.comparison import FAIL_BARS, ROUNDING_ULPS, Outcome
from gradcheck.errors import EvaluationError
from gradcheck.evaluation import Direction, Evaluator, dot, flat
from gradcheck.kinks import has_no_decisions
from gradcheck.localisation import MOST_ENTRIES, Located
from gradcheck.measurement import Measurement, Probed
from gradcheck.noise import scaled
from gradcheck.oracles.complex_step import complex_step
from gradcheck.oracles.forward_mode import forward_mode
from gradcheck.subject import Point

Route = Callable[[Evaluator, Point, np.ndarray, Direction], np.ndarray | None]

COMPLEX_STEP = "complex step"

ROUTES: tuple[tuple[str, Route], ...] = (
    ("forward mode", forward_mode),
    (COMPLEX_STEP, complex_step),
)

NEARBY = (2.0**-3, 2.0**-4, 2.0**-5, 2.0**-6, 2.0**-8, 2.0**-20)
"""A residual that is a mistake is much the same at points close by, of which the entries are larger
or smaller by so much. That of a route that cancels is not: a / (a + b) where b is next to nothing
rounds b to the digits of a, whatever the step."""

ODD = 0.7
"""Tangents there are so many times as long: products then round, too."""

CONFIRMED = 2.0**-10
"""Finite differences confirm a route only where their bar is below this share of the gradient."""


@dataclass(frozen=True)
class Confirmed:
    """An exact route that finite differences confirm.

    Attributes:
        name: what it is.
        route: gives ∂f/∂x · v.
        probed: the probe along which they do.
        pushed: what the route gives along it.
    """

    name: str
    route: Route
    probed: Probed
    pushed: np.ndarray

    def along(self, m: Measurement, probed: Probed) -> np.ndarray | None:
        """Returns ∂f/∂x · v along a probe."""
        if probed is self.probed:
            return self.pushed
        return self.route(m.evaluator, m.evaluator.point, m.base, probed.probe.tangent)

    def may_accuse(self, m: Measurement) -> bool:
        """Whether no decision is seen that the route could be blind to."""
        return self.name != COMPLEX_STEP or has_no_decisions(m)


def sharpened(m: Measurement, probed: Sequence[Probed]) -> list[Probed]:
    """Returns the probes with the outcomes that an exact route sharpens."""
    if m.evaluator.bits < 53 or m.evaluator.smooth:
        return list(probed)
    whole = {p.probe.primals: p for p in probed if p.probe.part is None and _is_clear(p)}
    found: dict[tuple[str, ...], Confirmed | None] = {}
    result = []
    for p in probed:
        names = p.probe.primals
        if len(names) == 1 and names in whole and names not in found:
            found[names] = _confirmed(m, whole[names])
        confirmed = found.get(names)
        result.append(p if confirmed is None else _judged(m, p, confirmed))
    return result


def _is_clear(probed: Probed) -> bool:
    """Whether finite differences see the derivative along a probe well."""
    outcome = probed.outcomes[0]
    return (
        outcome.status == "pass"
        and not probed.on_kink
        and len(probed.probe.primals) == 1
        and 0.0 < outcome.bar <= CONFIRMED * outcome.weight
        and abs(outcome.claimed) > CONFIRMED * outcome.weight
    )


def _confirmed(m: Measurement, probed: Probed) -> Confirmed | None:
    outcome = probed.outcomes[0]
    for name, route in ROUTES:
        pushed = route(m.evaluator, m.evaluator.point, m.base, probed.probe.tangent)
        if pushed is None:
            continue
        apart = abs(float(m.weights[0] @ pushed) - outcome.claimed - outcome.residual)
        if apart <= FAIL_BARS * outcome.bar + outcome.floor * outcome.weight:
            return Confirmed(name, route, probed, pushed)
    return None


def _judged(m: Measurement, probed: Probed, confirmed: Confirmed) -> Probed:
    """Returns a probe with what the exact route says of it, where that says more."""
    if probed.outcome.status == "fail":
        return probed
    pushed = confirmed.along(m, probed)
    if pushed is None:
        return probed
    outcomes = [
        _outcome(m, probed, k, float(m.weights[k] @ pushed), pushed, confirmed)
        for k in range(len(probed.outcomes))
    ]
    return replace(probed, outcomes=tuple(outcomes), evaluations=probed.evaluations + 1)


def _outcome(
    m: Measurement, probed: Probed, k: int, true: float, pushed: np.ndarray, confirmed: Confirmed
) -> Outcome:
    old, line = probed.outcomes[k], probed.line
    v, size = line.tangent, line.sizes[k]
    bar = m.slack(line, k, probed.probe)
    bar += ROUNDING_ULPS * m.evaluator.eps_of(v) * float(np.linalg.norm(m.weights[k] * pushed))
    residual = true - line.claims[k]
    if size == 0.0 and probed.probe.part is not None and abs(residual) > bar:
        return old  # gelu at -9 is nothing in long double too, and a complex tanh knows better
    share = max(old.floor * size, FAIL_BARS * bar)
    if abs(residual) > share:
        # Only what differences left open is accused on this ground.
        is_open = old.status == "inconclusive" or old.bar > abs(residual)
        if not (is_open and confirmed.may_accuse(m)):
            return old
        bar += _wobble(m, k, confirmed.route, v, residual, _nearby(m, k))
        if abs(residual) <= FAIL_BARS * bar:
            return old
        told = replace(old, residual=residual, bar=bar, weight=size, route=confirmed.name)
        return replace(told, status="fail", reason="")
    return replace(
        old,
        status="pass",
        residual=residual,
        bar=bar,
        weight=size,
        floor=0.0 if abs(residual) <= FAIL_BARS * bar else old.floor,
        reason="" if old.status != "pass" else old.reason,
        route=confirmed.name,
    )


@dataclass(frozen=True)
class Nearby:
    """A point close by, and what the claim is there.

    Attributes:
        point: the primals.
        base: f there, as one vector.
        gradient: the claimed pullback of one cotangent.
    """

    point: dict[str, Any]
    base: np.ndarray
    gradient: Direction


def _nearby(m: Measurement, k: int) -> list[Nearby]:
    """Returns points close by, where the claim can be asked in the precision of the evaluations."""
    evaluator, found = m.evaluator, []
    if evaluator.precision is not None:
        return []
    for by in NEARBY:
        point = scaled(evaluator, by, m.rng)
        try:
            outputs = evaluator.outputs(point)
            pulled = evaluator.pullback(m.audited.cotangents[k], outputs, point).cotangents
        except EvaluationError:  # away from the user's point it may do so
            continue
        gradient = {n: backends.of(g).values(g) for n, g in pulled.items()}
        found.append(Nearby(point, evaluator.seen(flat(outputs)), gradient))
    return found


def _wobble(
    m: Measurement, k: int, route: Route, tangent: Direction, residual: float, nearby: list[Nearby]
) -> float:
    """Returns by how much the residual of a claim along a tangent differs at points close by."""
    apart = [0.0]
    for near in nearby:
        odd = {n: ODD * v for n, v in tangent.items()}
        pushed = route(m.evaluator, near.point, near.base, odd)
        if pushed is not None and all(
            near.gradient[n].shape == v.shape for n, v in tangent.items()
        ):
            there = float(m.weights[k] @ pushed) / ODD - dot(near.gradient, tangent)
            apart.append(abs(there - residual))
    return max(apart)


def exactly_located(m: Measurement, probed: Probed, k: int, most: int = MOST_ENTRIES) -> Located:
    """Returns where a claim is wrong by the exact route that found it, entry by entry.

    Args:
        m: the measurement.
        probed: the probe that fails.
        k: which cotangent.
        most: so many entries are looked at, of more a sample.
    """
    (name,) = probed.probe.primals
    route = dict(ROUTES)[probed.outcomes[k].route]
    claimed = m.audited.gradients[k][name]
    among = np.arange(claimed.size) if probed.probe.part is None else probed.probe.part
    entries = among if among.size <= most else m.rng.choice(among, most, replace=False)
    true, seen = claimed.ravel().copy(), np.zeros(claimed.size, dtype=bool)
    bar, floor = np.zeros(claimed.size), m.evaluator.floor_of((name,))
    seen[entries] = True
    nearby = _nearby(m, k)
    for i in entries:
        unit = np.zeros(claimed.size)
        unit[i] = 1.0
        v = {name: unit.reshape(claimed.shape)}
        pushed = route(m.evaluator, m.evaluator.point, m.base, v)
        if pushed is None:
            continue
        true[i] = float(m.weights[k] @ pushed)
        bar[i] = floor * abs(true[i])
        residual = float(true[i] - claimed.flat[i])
        if abs(residual) > bar[i]:
            bar[i] += _wobble(m, k, route, v, residual, nearby)
    true, bar, seen = (a.reshape(claimed.shape) for a in (true, bar, seen))
    return Located(
        name,
        claimed,
        true,
        bar,
        seen,
        np.zeros_like(seen),
        true,
        true,
        true,
        entries.size < among.size,
    )
