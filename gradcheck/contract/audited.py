"""What the audit leaves for the numbers and for the further audits, and how these pull back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.contract.form import values_as
from gradcheck.evaluation import Direction, Evaluator
from gradcheck.scales import scale
from gradcheck.subject import Point, copied
from gradcheck.verdict import Finding

NOISY = "noisy"

REPEAT_ULPS = 2.0**16
SAME_ULPS, DOUBLE = 2.0**9, 2.0**-40
"""Two runs of a parallel sum differ by rounding (by fewer ulps of fewer digits); a race, or a stale
cache, by whole terms."""

GOLDEN = (5**0.5 - 1) / 2
"""Its multiples have all digits, and spread evenly."""

MOST_SHARE = 2.0**-4

GROSS = (2.0**-10, 2.0**-2)
"""A misread layout is off by whole terms, so it need not be told from the rounding of float32
inside a float64 function; and sums of sixteen bits in another order differ by several per cent."""

NATURAL_ULPS = 2.0**14
"""Rounding of a gradient that is the small difference of terms of the size |ȳ y| / |x|, or of
larger ones: the gradient of a saturated softmax of 1000 is rounding altogether."""


@dataclass(frozen=True)
class Audit:
    """What the audit leaves for the numbers.

    Attributes:
        evaluator: evaluates the subject, guarded where the user's code writes to its arguments; in
            float64 where the function overflows in the primals' own dtypes.
        outputs: f at the point.
        cotangents: the cotangents looked through.
        gradients: the claimed pullback of each, float64 values; zeros where none was returned.
        sound: the primals whose cotangents have the right form: only they are compared.
        missing: the primals for which no gradient was returned.
        findings: what is wrong with the form.
        given: the very arrays of the first evaluation, to see whether a later one writes to them.
    """

    evaluator: Evaluator
    outputs: dict[str, Any]
    cotangents: list[dict[str, np.ndarray]]
    gradients: list[dict[str, np.ndarray]]
    sound: tuple[str, ...]
    missing: tuple[str, ...]
    findings: tuple[Finding, ...]
    given: Point = field(default_factory=dict)

    @property
    def point(self) -> Point:
        """The primals, in their own dtypes."""
        return self.evaluator.subject.point

    @property
    def is_noisy(self) -> bool:
        """Whether each evaluation rounds in another way."""
        return any(finding.kind == NOISY for finding in self.findings)

    def y_bar(self, cotangent: Direction) -> dict[str, Any]:
        """Returns a cotangent as arrays of the kind of the outputs."""
        return {n: backends.of(y).like(cotangent[n], y) for n, y in self.outputs.items()}

    def pulled(self, y_bar: Point, point: Point | None = None) -> dict[str, np.ndarray]:
        """Returns what the pullback gives, as coordinates, for the primals of sound form.

        Args:
            y_bar: the cotangent.
            point: where; it is handed in as it is. At a copy of the point if None.

        Raises:
            PullbackError: it raised.
        """
        point = copied(self.point) if point is None else point
        self.evaluator.meter.pullbacks += 1
        return read(self, self.evaluator.subject.pullback(y_bar, point).cotangents)

    def differing(
        self, old: Direction, new: Direction, share: float, blur: Direction | None = None
    ) -> list[str]:
        """Returns the primals whose two gradients differ by more than rounding.

        Args:
            old: one gradient.
            new: the other; what is not in it is not compared.
            share: the part of the largest entry that counts as rounding.
            blur: what else counts as rounding, by entry.
        """
        floor = min(NATURAL_ULPS * self.evaluator.claim_eps, MOST_SHARE)
        return [
            name
            for name in self.sound
            if name in new
            and is_far(
                old[name],
                new[name],
                share,
                floor * self.natural[name] + (0.0 if blur is None else blur[name]),
            )
        ]

    @cached_property
    def of_long(self) -> dict[str, np.ndarray]:
        """What the pullback gives for a cotangent that has all digits of its dtype."""
        long = {}
        for name, u in self.cotangents[0].items():
            shares = 0.5 + np.modf(GOLDEN * np.arange(1, u.size + 1))[0] / 2
            long[name] = u * shares.reshape(u.shape)
        return self.pulled(self.y_bar(long))

    @property
    def rounding(self) -> float:
        """The share of the largest entry by which two runs of the same call may differ."""
        eps = self.evaluator.claim_eps
        ulps = REPEAT_ULPS if eps < DOUBLE else SAME_ULPS
        return min(ulps * eps, MOST_SHARE)

    @property
    def gross(self) -> float:
        """The share of the largest entry beyond which another order of arithmetic cannot lead."""
        return float(np.clip(REPEAT_ULPS * self.evaluator.claim_eps, *GROSS))

    @cached_property
    def natural(self) -> dict[str, float]:
        """The size |ȳ y| / |x| of the terms that each gradient is the sum of."""
        u, size = self.cotangents[0], 0.0
        for output, y in self.outputs.items():
            values = backends.of(y).values(y)
            terms = np.abs(u[output]) * np.where(np.isfinite(values), np.abs(values), 1.0)
            size = max(size, float(np.max(terms, initial=0.0)))
        return {name: size / scale(x) for name, x in self.point.items()}


def read(audited: Audit, cotangents: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Returns the coordinates of those cotangents that are arrays and of sound form."""
    return {
        name: values_as(value, audited.point[name]).copy()
        for name, value in cotangents.items()
        if name in audited.sound and backends.is_array(value)
    }


def is_far(old: np.ndarray, new: np.ndarray, share: float, slack: Any = 0.0) -> bool:
    """Returns whether values differ by more than a share of the largest one, plus a slack.

    Values that are not finite in the old ones are not compared; in the new ones they are far.

    >>> old = np.array([1.0, 4.0])
    >>> is_far(old, old + 0.3, 0.1), is_far(old, old + 0.5, 0.1), is_far(old, old[:1], 0.1)
    (False, True, True)
    """
    if old.shape != new.shape:
        return True
    finite = np.isfinite(old)
    size = np.max(np.abs(old), initial=0.0, where=finite)
    with np.errstate(invalid="ignore"):
        near = np.abs(new - old) <= share * size + slack
    return bool(np.any(finite & ~near))
