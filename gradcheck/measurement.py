"""Measuring a claim along probes: the noise first, then a ladder and an outcome for each."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.comparison import ROUNDING_ULPS, Outcome, judged
from gradcheck.contract import Audit
from gradcheck.edges import edges
from gradcheck.escalation import has_longer, in_long
from gradcheck.evaluation import Direction, Evaluator, flat
from gradcheck.fineness import HALF_BITS, fineness, is_behind_rounding
from gradcheck.localisation import Located, natural_rounding
from gradcheck.noise import (
    FLOAT32_BITS,
    LOW_BITS,
    NEAR_ULPS,
    Z,
    function_noise,
    gradient_noise,
    loudest,
    outputs_noise,
    rounding_floor,
    symmetric_noise,
)
from gradcheck.oracles.finite_difference import Estimate, estimate, settled
from gradcheck.oracles.line import Level, Line
from gradcheck.probes import Probe, part_probe, tangent, tied
from gradcheck.scales import rms
from gradcheck.verdict import number

TARGET = {53: 2.0**-30, 24: 2.0**-14}
"""Bars, relative to ‖x̄·v‖₂, below which the ladder stops: well under any mistake, and reached in
six evaluations by a smooth function."""


CLAIM_NOISE = 2.0**10
"""The claim's noise counts up to so many times √eps of the gradient: what jumps further under
jitter (a mask of the maxima, at a tie) is no rounding."""

TINY = 0.65
"""A step by which a function is heard and not moved: 2^-34 of the primals in float64."""

COARSE = 2.0**-8
MORE = 4
"""A pass that excludes only errors above this share is asked for along further directions."""

NOT_FINITE = "the function is finite on neither side of the point, at any step"


@dataclass(frozen=True)
class Probed:
    """A probe, its line, and its outcome through each cotangent."""

    probe: Probe
    line: Line
    estimate: Estimate | None
    outcomes: tuple[Outcome, ...]
    evaluations: int

    @property
    def worst(self) -> int:
        """The cotangent that tells most: a failure before a pass before what is undecided."""
        rank = {"fail": 3, "grey": 2, "pass": 1, "inconclusive": 0}
        keys = [(rank[o.status], o.excess if o.status != "pass" else -o.bar) for o in self.outcomes]
        return max(range(len(keys)), key=lambda k: keys[k])

    @property
    def on_kink(self) -> bool:
        """Whether the function has a kink at the point along this probe."""
        return self.estimate is not None and bool(self.estimate.kinked.any())

    @property
    def is_doubtful(self) -> bool:
        """Whether kinks may be what is in the way: it does not pass, or coarsely."""
        passes = self.outcome.status == "pass"
        return self.on_kink or not passes or (self.outcome.resolution or 0.0) > COARSE

    @property
    def outcome(self) -> Outcome:
        """The outcome through that cotangent."""
        return self.outcomes[self.worst]


def more_probes(
    point: Mapping[str, Any], probed: Sequence[Probed], rng: np.random.Generator
) -> Iterator[Probe]:
    """Yields further directions for the primals that passed, but coarsely.

    Along one direction even a wrong sign leaves little where ⟨x̄, v⟩ happens to be small: fine bars
    show that little, coarse ones do not.
    """
    for name in point:
        own = [p.outcome for p in probed if p.probe.primals == (name,)]
        if any(o.status == "pass" and (o.resolution or 0.0) > COARSE for o in own):
            yield from (Probe((name,), tangent(point, (name,), rng)) for _ in range(MORE))


class Measurement:
    """Measures probes at one point and in one precision: noise, ladder, outcome."""

    def __init__(
        self, audited: Audit, evaluator: Evaluator, allow: float, rng: np.random.Generator
    ) -> None:
        self.audited, self.evaluator, self.allow, self.rng = audited, evaluator, allow, rng
        self.weights = np.array([flat(u) for u in audited.cotangents])
        native = evaluator.precision is None
        self.base = (
            evaluator.seen(flat(audited.outputs)) if native else evaluator.values(evaluator.point)
        )
        self.sigma, self.radius = np.zeros(len(self.weights)), 1
        self.apart: dict[str, np.ndarray] = {}  # the noise under jitter of one primal
        self.hum: np.ndarray | None = None  # of each output, heard where there seems to be a kink
        self.target: float = 0.0  # no bar need be smaller, relative to ‖x̄·v‖₂
        self.edges: dict[str, np.ndarray | None] = {}  # asked where nothing else is finite
        self.fine: dict[str, int] = {}
        self.located: dict[str, tuple[Located, int]] = {}

    def listen(self, point: Any) -> None:
        """Measures the noise of the function, if there is anything to compare."""
        if not point or self.evaluator.bits <= LOW_BITS:
            return
        gradients, own = self.audited.gradients, self.evaluator
        if not self.audited.is_noisy:  # what never stands still cannot be seen to do so
            self.fine = fineness(own, self.base, self.weights, gradients, self.rng)
        coarsest = min((bits for bits in self.fine.values() if bits), default=own.bits)
        if coarsest < own.bits:
            rounded = max(own.rounded, 2.0 ** (1 - coarsest))
            self.evaluator = replace(own, rounded=rounded)
        narrow, heard = coarsest < own.bits, (own, self.base, self.weights, gradients, self.rng)
        self.sigma, self.radius = function_noise(*heard, narrow=narrow)
        if len(point) > 1 and self.is_loud:
            self.apart = {n: function_noise(*heard, narrow=narrow, only=n)[0] for n in point}

    @property
    def is_loud(self) -> bool:
        """Whether the noise is none of rounding: something jumps close to the point."""
        heard = self.evaluator_of(self.fine)
        return bool(np.any(self.sigma > loudest(heard, self.base, self.weights)))

    @cached_property
    def of_one_sign(self) -> tuple[int, ...]:
        """Which cotangents weigh all outputs with one sign; they are added when first asked for.

        Through such a one the slopes of outputs on kinks do not make up for one another.
        """
        first, count = self.audited.cotangents[0], len(self.weights)
        added = [{n: sign * np.abs(u) for n, u in first.items()} for sign in (1.0, -1.0)]
        pulled = [self.audited.pulled(self.audited.y_bar(u)) for u in added]
        zeros = {n: np.zeros_like(g) for n, g in self.audited.gradients[0].items()}
        self.audited = replace(
            self.audited,
            cotangents=[*self.audited.cotangents, *added],
            gradients=[*self.audited.gradients, *(zeros | gradient for gradient in pulled)],
        )
        self.weights = np.array([flat(u) for u in self.audited.cotangents])
        more = [0] * len(added)
        self.sigma = np.append(self.sigma, self.sigma[more])
        self.apart = {n: np.append(own, own[more]) for n, own in self.apart.items()}
        return tuple(range(count, count + len(added)))

    def listen_along(self, v: Any) -> None:
        """Measures the noise along one direction, at steps that show nothing else.

        Two evaluations and no draws; digits inside are not asked for.
        """
        line, bits = self.line(v), self.evaluator.bits
        line.add(2.0 ** -round(TINY * bits))
        heard = [side for level in line.levels.values() for side in (level.up, level.down)]
        floor = rounding_floor(self.base, self.weights, bits)
        self.sigma = np.maximum(floor, rms(heard) if heard else 0.0)

    def evaluator_of(self, names: Iterable[str]) -> Evaluator:
        """Returns the evaluator as fine as the function sees some primals."""
        bits = [self.fine[name] for name in names if name in self.fine]
        heard = min((b for b in bits if b), default=self.evaluator.bits)
        if heard == self.evaluator.bits and 0 not in bits:
            return self.evaluator
        return replace(self.evaluator, heard=heard, stepped=0 in bits)

    def through(self, evaluator: Evaluator) -> "Measurement":
        """Returns the same measurement, of another function that is the same at the point."""
        other = Measurement(self.audited, evaluator, self.allow, self.rng)
        other.base, other.sigma, other.radius = self.base, self.sigma, self.radius
        other.fine, other.apart = self.fine, self.apart
        return other

    def behind_rounding(self, probed: Sequence[Probed]) -> list[str]:
        """Returns the primals that fail for a half precision that a part of the function rounds to.

        They are then taken to be seen in as many bits, and the others' claims to be rounded so.
        """
        if self.evaluator.bits <= FLOAT32_BITS:
            return []
        unsure = ("fail", "grey", "inconclusive")
        failing = {p.probe.primals: p for p in probed if p.on_kink or p.outcome.status in unsure}
        names = [
            names[0]
            for names, p in failing.items()
            if len(names) == 1 and is_behind_rounding(p.line, names[0], p.worst, self.rng)
        ]
        if names:
            self.fine |= dict.fromkeys(names, HALF_BITS)
            rounded = max(self.evaluator.rounded, 2.0 ** (1 - HALF_BITS))
            self.evaluator = replace(self.evaluator, rounded=rounded)
        return names

    @cached_property
    def has_longer(self) -> bool:
        """Whether long double can be asked of function and claim: then nothing need be allowed.

        A claim that rounds to its own dtype on its way (a float32 pullback) cannot be had in it.
        """
        return has_longer(self.audited.point) and in_long(self.audited) is not None

    @property
    def oracle(self) -> str:
        """How the comparison rows call the oracle."""
        wider = self.evaluator.precision
        return f"finite differences in {wider}" if wider else "finite differences"

    def slack(self, line: Line, k: int, probe: Probe) -> float:
        """Returns the bar of the claim's own rounding along a direction, through cotangent k.

        See `natural_rounding` for the weights of the cotangent, and for parts of a primal.
        """
        line_size = line.sizes[k]
        is_part = probe.part is not None and not line.vouched
        natural = sum(
            natural_rounding(self.weights, line.gradients, k, n, reach, is_part=is_part)
            * float(np.max(np.abs(d) / reach, initial=0.0))
            for n, d in line.tangent.items()
            for reach in [self.evaluator.reaches[n]]
        )
        if line.evaluator.precision is not None:
            # A narrow claim beside a wide function: it has lost what its terms cancel (1 - tanh²).
            natural += ROUNDING_ULPS * sum(
                self.audited.natural[n] * float(np.max(np.abs(d), initial=0.0))
                for n, d in line.tangent.items()
            )
        return line.evaluator.eps_of(line.tangent) * (ROUNDING_ULPS * line_size + natural)

    def listen_again(self) -> None:
        """Measures the noise without help of the claim, which has turned out to be wrong."""
        noise = symmetric_noise(self.evaluator, self.base, self.weights, self.radius, self.rng)
        self.sigma = np.minimum(self.sigma, noise)

    def walked_again(self, probed: Probed) -> Probed:
        """Walks a probe once more, its levels kept, after the noise was measured again."""
        if probed.outcome.status == "fail":
            line, sigma = probed.line, self.noise_along(probed.line.tangent)
            return probed if line.woken else replace(probed, line=replace(line, sigma=sigma))
        return self.walked(probed.probe, probed.line.levels)

    def walked(self, probe: Probe, levels: dict[float, Level] | None = None) -> Probed:
        """Runs the ladder along a probe, and looks closer where the claim disagrees."""
        before = self.evaluator.meter.evaluations - 2 * len(levels or {})
        line = replace(self.line_of(probe), levels=dict(levels or {}))
        if not line.add(line.evaluator.first_step):
            # Part of the step leaves the domain: move each entry by a share of itself.
            point = self.audited.evaluator.subject.point
            again = tangent(point, probe.primals, self.rng, relative=True)
            probe = replace(probe, tangent=_restricted(again, probe))
            line = self.line_of(probe)
        bits = line.evaluator.bits
        target = max(float(TARGET.get(bits) or 2.0 ** (-0.57 * bits)), self.target)
        sizes = np.array(line.sizes)
        best = estimate(line, lambda: target * np.maximum(sizes, line.sensitivity() * 2.0**-10))
        if best is None and levels is None and (inside := self.held(probe)) is not None:
            return self.walked(inside, {})
        outcomes = self.judge(probe, line, best)
        suspects = np.array([o.status in ("fail", "grey") for o in outcomes])
        if best is not None and suspects.any():
            coarse, best = best, settled(line, best, suspects)
            if best.kinked.any() and self.hum is None and self.base.size > 1:
                ulps = self.radius if line.evaluator.is_narrow else NEAR_ULPS
                self.hum = outputs_noise(self.evaluator, self.base, ulps, self.rng)
                line = replace(line, hum=self.hum)
                best = settled(line, coarse, suspects)
            outcomes = self.judge(probe, line, best, careful=True)
        if any(o.status == "grey" for o in outcomes):
            outcomes = self.again(probe, outcomes)
        return Probed(probe, line, best, outcomes, self.evaluator.meter.evaluations - before)

    def held(self, probe: Probe) -> Probe | None:
        """Returns a probe that leaves entries at the edge of the domain where they are."""
        for name in probe.primals:
            if name not in self.edges:
                self.edges[name] = edges(self.evaluator, name, self.base.size)
        masks = {n: mask for n in probe.primals if (mask := self.edges[n]) is not None}
        if not masks:
            return None
        inner = dict(probe.tangent)
        inner |= {name: np.where(mask, 0.0, inner[name]) for name, mask in masks.items()}
        return replace(probe, tangent=inner) if any(map(np.any, inner.values())) else None

    def again(self, probe: Probe, outcomes: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
        """Decides what lies between one and two bars by another direction."""
        other = self.another(probe)
        line = self.line_of(other)
        best = estimate(line, lambda: np.zeros(len(line.gradients)))
        repeated = self.judge(other, line, best, careful=True)
        return tuple(
            second if first.status == "grey" and second.status != "grey" else _ungreyed(first)
            for first, second in zip(outcomes, repeated, strict=True)
        )

    def another(self, probe: Probe) -> Probe:
        """Returns another direction of the same primals, or of the same part of one."""
        point = self.audited.evaluator.subject.point
        if probe.part is not None:
            return part_probe(point, probe.primals[0], probe.part, self.rng)
        if probe.alike:
            return tied(point, probe.primals, self.rng)
        return replace(probe, tangent=tangent(point, probe.primals, self.rng))

    def line_of(self, probe: Probe) -> Line:
        """Returns the line along a probe."""
        vouched = probe.part is not None and self.has_longer
        return replace(self.line(probe.tangent), vouched=vouched)

    def moved(self, displacement: Direction) -> dict[str, Any]:
        """Returns the point with some primals displaced."""
        point = dict(self.evaluator.point)
        steps = {n: backends.of(point[n]).step(point[n], 1.0, d) for n, d in displacement.items()}
        return point | steps

    def line(self, v: Any) -> Line:
        """Returns the line along a tangent."""
        evaluator = self.evaluator_of(v)
        sigma, gradients = self.noise_along(v), self.audited.gradients
        return Line(evaluator, self.base, self.weights, gradients, v, sigma, hum=self.hum)

    def noise_along(self, names: Iterable[str]) -> np.ndarray:
        """Returns σ where some primals are moved."""
        own = [self.apart.get(name, self.sigma) for name in names]
        return np.minimum(self.sigma, np.max(own, axis=0))

    def judge(
        self, probe: Probe, line: Line, best: Estimate | None, *, careful: bool = False
    ) -> tuple[Outcome, ...]:
        """Returns the outcome through each cotangent; careful: the claim's noise is measured."""
        outcomes = []
        eps, floor = line.evaluator.eps_of(line.tangent), line.evaluator.floor_of(line.tangent)
        for k, (claimed, size) in enumerate(zip(line.claims, line.sizes, strict=True)):
            if best is None:
                outcomes.append(
                    Outcome("inconclusive", claimed, np.nan, np.inf, size, reason=NOT_FINITE)
                )
                continue
            rounding = self.slack(line, k, probe)
            rounding += ROUNDING_ULPS * eps * float(best.sensitivity[k])
            if careful and abs(best.residual[k]) > best.bar[k]:
                most = CLAIM_NOISE * eps**0.5 * size
                rounding += Z * min(self.claim_noise(k, probe), most)
            outcomes.append(
                judged(
                    best,
                    k,
                    claimed=claimed,
                    weight=size,
                    rounding=rounding,
                    eps=eps,
                    floor=floor,
                    allow=self.allow,
                )
            )
        return tuple(outcomes)

    def claim_noise(self, k: int, probe: Probe) -> float:
        """Returns the noise of the claimed derivative along a probe."""
        return gradient_noise(
            self.audited.evaluator,
            self.audited.cotangents[k],
            self.audited.outputs,
            probe.tangent,
            self.rng,
        )


def _restricted(v: Any, probe: Probe) -> Any:
    """Returns a tangent that moves only the part of the primal that the probe is for."""
    if probe.part is None:
        return v
    (name,) = probe.primals
    kept = np.zeros_like(v[name])
    kept.flat[probe.part] = v[name].flat[probe.part]
    return {name: kept}


def _ungreyed(outcome: Outcome) -> Outcome:
    if outcome.status != "grey":
        return outcome
    reason = f"the residual is {number(outcome.excess, 2)} bars, twice: neither right nor wrong"
    return replace(outcome, status="inconclusive", reason=reason)
