"""The function along a line x + t v, the claim subtracted: what every step of the ladder shows."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.evaluation import Direction, Evaluator, dot, weight
from gradcheck.noise import FLOAT32_BITS, Z, rounding_floor, ulps_of
from gradcheck.scales import rms, seen_through

LARGE = 2**14
NOMINAL = 0.3
"""Of so many entries, at steps above 2^-0.3p (2^-16 in float64, 2^-7 in float32), the nominal
displacement does: it is off by at most 2^-17 of itself in float32, at random, entry by entry. To
measure what it really was costs as much as the step."""

LONGEST, FARTHEST = 8.0, 2.0**1000

LOUDEST = 16.0
"""An output is taken to be rounded by so many of its ulps at most; beyond, kinks are heard."""

HUMS = 4.0
"""The gap between two one-sided changes is twice the noise of an output on average."""

LISTENING, HEARD = 2.0**-20, 7
"""Around such a step so many points are heard, this share of it apart: too close to show a bend."""


@dataclass(frozen=True)
class Level:
    """One step of the ladder, one number for each cotangent; what the claim says is subtracted.

    Attributes:
        up: the change of ⟨u, f⟩ from x to x₊.
        down: the change from x₋ to x.
        low: the sum over the outputs of the smaller of the two changes.
        high: the sum of the larger ones.
        moved: how far the outputs moved, root sum of squares, the claim not subtracted.
        claimed: the change from x₋ to x₊ that the claim says.
    """

    up: np.ndarray
    down: np.ndarray
    low: np.ndarray
    high: np.ndarray
    moved: np.ndarray
    claimed: np.ndarray


@dataclass
class Line:
    """The function along x + t v, seen through the cotangents, the claim subtracted.

    Attributes:
        evaluator: evaluates the function.
        base: f(x).
        weights: the cotangents as rows.
        gradients: the claimed pullback of each cotangent.
        tangent: v.
        sigma: the noise of ⟨u, f⟩ for each cotangent.
        woken: whether the noise was heard anew, at a far step.
        vouched: whether what is off is asked in long double before it is called wrong.
        hum: the noise of each output, where it was heard.
    """

    evaluator: Evaluator
    base: np.ndarray
    weights: np.ndarray
    gradients: list[dict[str, np.ndarray]]
    tangent: Direction
    sigma: np.ndarray
    levels: dict[float, "Level"] = field(default_factory=dict)
    woken: bool = False
    vouched: bool = False
    hum: np.ndarray | None = None

    def add(self, t: float) -> bool:
        """Evaluates the level t; returns whether both sides are finite."""
        if t not in self.levels:
            ahead, forward = self._side(t)
            behind, backward = self._side(-t)
            if ahead.size != self.base.size or behind.size != self.base.size:
                return False
            level = _level(self.weights, ahead - self.base, self.base - behind, forward, -backward)
            if not (np.isfinite(level.up).all() and np.isfinite(level.down).all()):
                return False
            self.levels[t] = level
        return True

    def side(self, t: float) -> tuple[np.ndarray, np.ndarray]:
        """Returns the changes of f at the step t of the only primal, and how far that was moved."""
        ((name, v),) = self.tangent.items()
        backend, x = backends.of(self.evaluator.point[name]), self.evaluator.point[name]
        moved = backend.step(x, t, v)
        values = self.evaluator.values({**self.evaluator.point, name: moved})
        changes = values - self.base if values.size == self.base.size else values
        return changes, backend.values(moved) - backend.values(x)

    def _side(self, t: float) -> tuple[np.ndarray, np.ndarray]:
        point, said = dict(self.evaluator.point), np.zeros(len(self.gradients))
        nominal = self.is_large and abs(t) >= 2.0 ** (-NOMINAL * self.evaluator.bits)
        tangent = self.narrow if self.is_large and abs(t) <= 1.0 else self.tangent
        for name, v in tangent.items():
            x = point[name]
            point[name] = backends.of(x).step(x, t, v)
            if not nominal:
                said += self._said(name, point[name])
        if nominal:
            said += t * np.array(self.claims)
        return self.evaluator.values(point), said

    def _said(self, name: str, moved: Any) -> np.ndarray:
        """Returns the changes that the claims say of a primal that has moved to where it is."""
        own = [g[name] for g in self.gradients]
        said = np.zeros(len(own))
        for here, there, *claims in backends.blocks(self.evaluator.point[name], moved, *own):
            displacement = there - here
            said += [float(np.vdot(claim, displacement)) for claim in claims]
        return said

    @cached_property
    def narrow(self) -> Direction:
        """The tangent in float32 where nothing is wider: the step is rounded to that anyway."""
        if self.evaluator.bits > FLOAT32_BITS:
            return self.tangent
        return {name: v.astype(np.float32) for name, v in self.tangent.items()}

    @cached_property
    def is_large(self) -> bool:
        """Whether so many entries move that the rounding of their steps averages out."""
        return sum(v.size for v in self.tangent.values()) >= LARGE

    @cached_property
    def claims(self) -> list[float]:
        """⟨x̄, v⟩ for each cotangent."""
        return [dot(g, self.tangent) for g in self.gradients]

    @property
    def grain(self) -> np.ndarray:
        """The rounding of each output, added up: what gaps output by output may have of it."""
        bits = self.evaluator.bits
        floor = rounding_floor(self.base, self.weights, bits)
        louder = np.where(floor > 0, self.sigma / np.where(floor > 0, floor, 1.0), 1.0)
        ulps = ulps_of(self.base, bits) * np.clip(louder, 1.0, LOUDEST)[:, None]
        heard = 0.0 if self.hum is None else HUMS * self.hum
        return np.sum(np.abs(self.weights) * np.maximum(ulps, heard), axis=1)

    @cached_property
    def sizes(self) -> list[float]:
        """‖x̄·v‖₂ for each cotangent."""
        return [weight(g, self.tangent) for g in self.gradients]

    @property
    def longest(self) -> float:
        """The longest step: half of the primals' scale, or an absolute 8 for small primals.

        A bias of 1e-12 stands among activations of 1, and only steps of that size show anything.
        """
        largest = max(float(np.max(np.abs(v), initial=0.0)) for v in self.tangent.values())
        return float(np.clip(LONGEST / largest, 0.5, FARTHEST)) if largest > 0 else 0.5

    @property
    def steps(self) -> list[float]:
        """The steps of the valid levels, the coarsest first."""
        return sorted(self.levels, reverse=True)

    def heard_at(self, t: float) -> None:
        """Raises the noise to what is heard around a far step.

        An ulp of a tiny primal moves nothing inside, so that nothing is heard at the point (30 - x
        has the spacing of 30).
        """
        seen = [self._side(t * (1.0 + k * LISTENING))[0] for k in range(HEARD)]
        if any(y.size != self.base.size for y in seen):
            return
        values = np.array([self.weights @ (y - self.base) for y in seen])
        bends = values[2:] - 2 * values[1:-1] + values[:-2]
        noise = rms(bends) / 6.0**0.5
        self.sigma = np.where(np.isfinite(noise), np.maximum(self.sigma, noise), self.sigma)
        self.woken = True

    def central(self, t: float) -> np.ndarray:
        """Returns R(t) / 2t."""
        level = self.levels[t]
        return (level.up + level.down) / (2 * t)

    def rounding(self, t: float) -> np.ndarray:
        """Returns the bar of rounding alone on R(t) / 2t."""
        return Z * np.sqrt(2.0) * self.sigma / (2 * t)

    def sensitivity(self) -> np.ndarray:
        """Returns how fast the outputs move at the coarsest level, root sum of squares."""
        t = self.steps[0]
        return self.levels[t].moved / t


def _level(
    weights: np.ndarray,
    ahead: np.ndarray,
    behind: np.ndarray,
    forward: np.ndarray,
    backward: np.ndarray,
) -> Level:
    """Returns the level of two changes of f and the changes that the claim says."""
    claimed = (forward + backward) / 2
    up, down = weights @ ahead, weights @ behind
    both = weights @ (ahead + behind) / 2
    apart = np.abs(weights) @ np.abs(ahead - behind) / 2
    farther = np.maximum(np.abs(ahead + behind) / 2, np.abs(ahead))
    return Level(
        up=up - forward,
        down=down - backward,
        low=both - apart - claimed,
        high=both + apart - claimed,
        moved=seen_through(weights, farther),
        claimed=forward + backward,
    )
