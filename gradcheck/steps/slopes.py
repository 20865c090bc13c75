"""Derivatives of a function along directions, by differences, with some of its steps changed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from gradcheck.evaluation import Direction, Evaluator, flat
from gradcheck.measurement import Measurement
from gradcheck.replay import Recorded
from gradcheck.replay.tape import Watcher
from gradcheck.steps.observed import Change, Changed, Collected, Compared, Step
from gradcheck.steps.places import without_common

QUICK, CENTRAL = 2.0**-26, 2.0**-18
"""Steps of one-sided and of central differences: errors of 1e-7 and 1e-10 of the curvature."""


class Slopes:
    """The derivatives.

    Attributes:
        recorded: the function with its decisions frozen; None where no operation is seen.
        steps: the steps of the function at the point.
        runs: how many evaluations were spent.
    """

    def __init__(
        self, m: Measurement, k: int, recorded: Recorded | None, evaluator: Evaluator
    ) -> None:
        self.m, self.weights = m, m.weights[k]
        self.recorded, self.evaluator, self.runs = recorded, evaluator, 0
        collected = Collected()
        self.base = self._values({}, collected)
        places = without_common([step.place for step in collected.steps])
        self.steps: Sequence[Step] = [
            replace(step, place=place) for step, place in zip(collected.steps, places, strict=True)
        ]

    def moved(self, v: Direction) -> list[tuple[bool, ...]]:
        """Returns which operands of which steps move along a direction."""
        compared = Compared(self.steps)
        self._values({n: CENTRAL * d for n, d in v.items()}, compared)
        return compared.moved

    def quick(self, changes: Mapping[int, Change], v: Direction) -> float:
        """Returns the derivative along a direction, by one evaluation."""
        ahead = self._values({n: QUICK * d for n, d in v.items()}, Changed(self.steps, changes))
        return float(self.weights @ (ahead - self.base)) / QUICK

    def central(self, changes: Mapping[int, Change], v: Direction) -> float:
        """Returns the derivative along a direction, by two evaluations."""
        return float(self.weights @ self.pushed(v, changes))

    def pushed(self, v: Direction, changes: Mapping[int, Change] | None = None) -> np.ndarray:
        """Returns the derivative of each output along a direction, by two evaluations."""
        ahead, behind = (
            self._values({n: h * d for n, d in v.items()}, Changed(self.steps, changes or {}))
            for h in (CENTRAL, -CENTRAL)
        )
        return (ahead - behind) / (2 * CENTRAL)

    def _values(self, displacement: Direction, watcher: Watcher) -> np.ndarray:
        self.runs += 1
        point = self.m.moved(displacement)
        if self.recorded is None:
            return self.evaluator.values(point)
        with np.errstate(all="ignore"):
            return self.evaluator.seen(flat(self.recorded.watched(point, watcher)))
