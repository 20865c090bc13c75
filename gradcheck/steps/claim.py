"""A claim along directions: what is claimed, what is true, and what a changed function gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from gradcheck.evaluation import BudgetSpent, Direction, dot, weight
from gradcheck.steps.observed import Change
from gradcheck.steps.slopes import Slopes

NEAR, EXACT, NARROW = 1e-4, 1e-6, 1e-4
"""So close to the claim a derivative must be: when it is tried, when it is told, and where the
claim is made of float32 numbers. Relative to the derivative."""

CLEAR = 30.0
"""The claim must be off by so many times what is told apart."""


@dataclass(eq=False)
class Claim:
    """The claim for some primals.

    Attributes:
        slopes: the function's derivatives.
        names: the primals.
        gradients: what is claimed.
        directions: tangents of these primals.
        share: so close is what is told, relative to the derivative.
        most: so many evaluations may be spent.
        quiet: changes that are made besides: they hold what nothing goes through.
    """

    slopes: Slopes
    names: tuple[str, ...]
    gradients: Mapping[str, np.ndarray]
    directions: Sequence[Direction]
    share: float
    most: int
    quiet: dict[int, Change] = field(default_factory=dict)

    @cached_property
    def claimed(self) -> np.ndarray:
        """The claimed derivative along each direction."""
        return np.array([dot(self.gradients, v) for v in self.directions])

    @cached_property
    def true(self) -> np.ndarray:
        """The true one."""
        return np.array([self.slopes.central({}, v) for v in self.directions])

    @cached_property
    def sizes(self) -> np.ndarray:
        """What they are measured by."""
        own = np.array([weight(self.gradients, v) for v in self.directions])
        return np.maximum(own, np.maximum(np.abs(self.claimed), np.abs(self.true)))

    @property
    def near(self) -> np.ndarray:
        """How close a derivative must be where a change is tried."""
        return NEAR * self.sizes

    @property
    def entries(self) -> int:
        """How many numbers are claimed."""
        return sum(self.gradients[name].size for name in self.names)

    @property
    def is_clear(self) -> bool:
        """Whether the claim is off by far more than derivatives are told apart."""
        off = np.abs(self.claimed - self.true)
        return bool(np.isfinite(off).all() and np.any(off > CLEAR * self.share * self.sizes))

    def quick(self, changes: Mapping[int, Change], i: int) -> float:
        """Returns the derivative along a direction, changed, by one evaluation; NaN: there is none.

        Raises:
            BudgetSpent: enough was tried.
        """
        if self.slopes.runs > self.most:
            raise BudgetSpent
        try:
            return self.slopes.quick(self.quiet | dict(changes), self.directions[i])
        except BudgetSpent:
            raise
        except Exception:  # whatever the function does with what it gets
            return np.nan

    def central(self, changes: Mapping[int, Change], i: int) -> float:
        """Returns the same by two evaluations, ten times as exact."""
        try:
            return self.slopes.central(self.quiet | dict(changes), self.directions[i])
        except BudgetSpent:
            raise
        except Exception:
            return np.nan

    def is_told(self, told: float, i: int, *, factor: float = 1.0) -> bool:
        """Whether a derivative is the claim along a direction."""
        slack = self.share * self.sizes[i] * max(1.0, abs(factor))
        return bool(abs(told - self.claimed[i]) <= slack)
