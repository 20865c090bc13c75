"""Evaluating a subject: counted, within a budget, and seen as vectors of float64 values."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.backends import blocks
from gradcheck.errors import EvaluationError
from gradcheck.scales import largest, length, reach
from gradcheck.subject import Point, Pulled, Subject

Direction = Mapping[str, np.ndarray]
"""A tangent, or a cotangent: float64 values by name; a name that is missing is zero."""


FLOAT64_BITS = 53
"""The core computes in float64: a long double is seen with so many bits."""


SURE_BITS = 40
"""With fewer bits no step passes below the kinks of a wide network."""


class BudgetSpent(Exception):
    """The next evaluation would exceed the budget; caught by the road, never seen by users."""


def precision_floor(eps: float) -> float:
    """Returns the relative error of a claim that is rounding, not a mistake, whatever the bar says.

    Right code loses digits by cancellation that no jitter reveals: 1 + tanh(x) at x = -9.5 is right
    to 1e-8 only. No mistake is that small along a probe of its own primal. Half of the digits in
    float64 (1.5e-8), and 2^-16 in float32, where half of them would hide errors of 2e-4.
    """
    return eps**0.5 if eps < 2.0**-40 else 2.0 ** min(-3.0, np.log2(eps) + 7)


HASH, LEAST_HASHED = np.uint64(0x9E3779B97F4A7C15), 20
"""An odd number whose product has its high bits spread evenly (Fibonacci), and bits that are kept
at least."""


@dataclass
class Meter:
    """Counts what a check costs.

    Attributes:
        budget: the most evaluations allowed, None for no bound.
        evaluations: calls of the function so far.
        pullbacks: calls of the claimed pullback so far.
    """

    budget: int | None = None
    evaluations: int = 0
    pullbacks: int = 0

    @property
    def left(self) -> float:
        """How many more evaluations are allowed."""
        return np.inf if self.budget is None else self.budget - self.evaluations

    def evaluated(self) -> None:
        """Counts one evaluation.

        Raises:
            BudgetSpent: the budget does not allow it.
        """
        if self.budget is not None and self.evaluations >= self.budget:
            raise BudgetSpent
        self.evaluations += 1


@dataclass(frozen=True)
class Evaluator:
    """A subject in the precision in which it is evaluated.

    Attributes:
        subject: the subject.
        meter: counts the calls.
        precision: None for the primals' own dtypes, else the wider dtype of the evaluations.
        heard: significand bits that the function was found to have, where they are fewer than its
            primals' (it computes in float32 inside).
        rounded: the spacing of the dtype in which the subject was given, where it is checked in a
            wider one: its constants may be rounded to that.
        stepped: whether the function is piecewise constant: it stands still in between.
        smooth: whether its decisions are frozen, so that there are no kinks.
        blind: which outputs (of the flat vector) are infinite at the point, and not looked at.
    """

    subject: Subject
    meter: Meter = field(default_factory=Meter)
    precision: str | None = None
    heard: int = 64
    rounded: float = 0.0
    stepped: bool = False
    smooth: bool = False
    blind: np.ndarray | None = None

    @cached_property
    def point(self) -> dict[str, Any]:
        """The primals in the precision of the evaluations."""
        if self.precision is None:
            return dict(self.subject.point)
        return {n: backends.of(x).cast(x, self.precision) for n, x in self.subject.point.items()}

    @cached_property
    def reaches(self) -> dict[str, float | np.ndarray]:
        """How far the entries of each primal are moved by a step of one."""
        return {name: reach(x) for name, x in self.point.items()}

    @cached_property
    def largest(self) -> float:
        """The largest magnitude of all primals."""
        return max(map(largest, self.point.values()), default=0.0)

    @cached_property
    def bits(self) -> int:
        """The significand bits of the narrowest primal, as it is evaluated."""
        own = min(backends.of(x).precision(x).bits for x in self.point.values())
        return min(own, self.heard, FLOAT64_BITS)

    @property
    def is_narrow(self) -> bool:
        """Whether the function computes in fewer digits than its primals have."""
        return self.heard < min(backends.of(x).precision(x).bits for x in self.point.values())

    @property
    def is_sure(self) -> bool:
        """Whether a single direction may accuse: steps pass below kinks, or there are none."""
        return self.smooth or self.bits >= SURE_BITS

    @property
    def first_step(self) -> float:
        """The step with which a ladder starts: between the steps of a piecewise constant one."""
        return 2.0 ** -round(self.bits / (2 if self.stepped else 6))

    def floor_of(self, names: Iterable[str]) -> float:
        """Returns the relative error of a claim for some primals that is rounding, no mistake."""
        return max(precision_floor(self.eps_of(names)), 2 * self.rounded)

    @cached_property
    def fellows(self) -> np.ndarray:
        """For each entry of all primals the first one that is equal to it.

        Equal entries are known by a hash of their bits: to sort ten million takes half a minute.
        Some unequal ones have a fellow as well, which does no harm to a jitter.
        """
        flat = np.concatenate([backends.of(x).values(x).ravel() for x in self.point.values()])
        bits = max(LEAST_HASHED, int(flat.size).bit_length() + 1)
        known = (flat.astype(np.float64) + 0.0).view(np.uint64)  # -0.0 is 0.0
        keys = (known * HASH >> np.uint64(64 - bits)).astype(np.intp)
        first = np.zeros(2**bits, np.intp)
        first[keys[::-1]] = np.arange(flat.size)[::-1]
        return first[keys]

    @cached_property
    def claim_eps(self) -> float:
        """The coarsest spacing among the primals' own dtypes: the claim is rounded to it."""
        return self.eps_of(self.subject.point)

    def eps_of(self, names: Iterable[str]) -> float:
        """Returns the coarsest spacing among the dtypes of some primals."""
        point = self.subject.point
        own = max(backends.of(point[n]).precision(point[n]).eps for n in names)
        return max(own, 2.0 ** (1 - min(self.heard, FLOAT64_BITS)))

    def outputs(self, point: Point) -> dict[str, Any]:
        """Returns the outputs at a point, by name.

        Raises:
            EvaluationError: the function raised, or returned what is not an array.
            BudgetSpent: the budget does not allow another evaluation.
        """
        self.meter.evaluated()
        return dict(self.subject.function(point))

    def values(self, point: Point) -> np.ndarray:
        """Returns all outputs at a point as one float64 vector; NaN where the function raises.

        Away from the point of the user's a function may leave its domain, which is not an error.
        """
        with np.errstate(all="ignore"):
            try:
                return self.seen(flat(self.outputs(point)))
            except EvaluationError:
                return np.array([np.nan])

    def seen(self, values: np.ndarray) -> np.ndarray:
        """Returns outputs without those that are not looked at."""
        if self.blind is None or self.blind.size != values.size:
            return values
        return np.where(self.blind, 0.0, values)

    def pullback(self, cotangent: Direction, outputs: Point, point: Point) -> Pulled:
        """Returns what the claimed pullback gives for a cotangent, in the dtypes of the point."""
        self.meter.pullbacks += 1
        y_bar = {n: backends.of(y).like(cotangent[n], y) for n, y in outputs.items()}
        return self.subject.pullback(y_bar, point)


def flat(arrays: Point) -> np.ndarray:
    """Returns arrays as one float64 vector, in their order (a copy: functions reuse buffers)."""
    return np.concatenate([backends.of(x).values(x).ravel() for x in arrays.values()])


def dot(x: Direction, y: Direction) -> float:
    """Returns ⟨x, y⟩ over the names that both have, accumulated in float64."""
    return float(sum(np.vdot(x[name], y[name]) for name in x if name in y))


def weight(gradient: Direction, tangent: Direction) -> float:
    """Returns ‖x̄·v‖₂, the root sum of squares of the entrywise products."""
    both = [blocks(gradient[n], tangent[n]) for n in tangent if n in gradient]
    return math.hypot(*(length(g * v) for pairs in both for g, v in pairs))
