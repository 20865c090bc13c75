"""What is known of a wrong gradient: the claim, the truth with its noise, and what else is at hand.

The hypotheses are tested on a sample of the entries, so that an array of any size costs the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from gradcheck.comparison import FAIL_BARS

Array: TypeAlias = np.ndarray[Any, Any]

SAMPLE = 1024
"""So many entries at most are looked at; half of them are kept for wrong ones."""

BAR_SIGMAS = 4.0
"""A bar is taken for so many standard deviations where these are not given: a bar holds eight of
the measured rounding noise, which is itself known to a factor 2."""

FLOOR = 2.0**-46
"""Hypotheses are evaluated in float64 themselves: some ulps of each number and of the whole."""

NARROW = 2.0**-20
"""The same where the claim was computed in float32."""

HIDES = 2.0**-10
"""Such a share of a wrong entry's error is its noise at most for the sake of larger entries."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """A primal whose claimed gradient is wrong. Arrays have the primal's shape.

    Attributes:
        primal: its name.
        claimed: the claimed gradient.
        true: the true one; of no meaning where it was not `seen`.
        bar: the bound of its error.
        seen: where the true gradient is known.
        sigma: the standard deviation of its error; None: a share of the bar.
        quantities: what the subject offers by name: the primals, the constants (labels, masks,
            indices), the outputs, the cotangents.
        outputs: which of the quantities are outputs.
        cotangents: which of them are cotangents.
        neighbours: the claimed and the true gradient of other primals, by name.
        through: the output whose Jacobian this is, "" where it is a gradient.
        output: that output's name in the subject.
        split: how many of the axes are the output's; the primal's follow them.
        parts: the axes, of two, that are the real and the imaginary part of complex numbers.
    """

    primal: str
    claimed: Array
    true: Array
    bar: Array
    seen: Array
    sigma: Array | None = None
    quantities: Mapping[str, Array] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    cotangents: tuple[str, ...] = ()
    neighbours: Mapping[str, tuple[Array, Array]] = field(default_factory=dict)
    through: str = ""
    output: str = ""
    split: int = 0
    parts: tuple[int, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the primal."""
        return self.claimed.shape

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes, but those that are the parts of complex numbers."""
        return tuple(a for a in range(len(self.shape)) if a not in self.parts)

    def axis(self, axis: int) -> str:
        """Returns how a person calls an axis: "axis 1", of output or primal in a Jacobian."""
        if not self.split:
            return f"axis {axis}"
        own = axis - self.split
        return f"axis {own} of {self.primal}" if own >= 0 else f"axis {axis} of {self.through}"

    @cached_property
    def known(self) -> Array:
        """The true gradient, NaN where it was not seen."""
        return np.where(self.seen, self.true, np.nan)

    @cached_property
    def noise(self) -> Array:
        """The standard deviation of the true gradient, entry by entry."""
        return self.bar / BAR_SIGMAS if self.sigma is None else self.sigma

    @cached_property
    def wrong(self) -> Array:
        """Which entries are wrong."""
        error = np.abs(self.claimed - self.known)
        return self.seen & (error > np.maximum(FAIL_BARS * self.bar, FLOOR * np.abs(self.claimed)))

    @cached_property
    def at(self) -> tuple[Array, ...]:
        """The indices of the sample: wrong entries and right ones."""
        chosen = np.random.default_rng(0)
        wrong = np.flatnonzero(self.wrong)
        right = np.flatnonzero(self.seen & ~self.wrong)
        most = max(SAMPLE // 2, SAMPLE - right.size), max(SAMPLE // 2, SAMPLE - wrong.size)
        kept = [
            np.sort(chosen.choice(w, n, replace=False)) if w.size > n else w
            for w, n in zip((wrong, right), most, strict=True)
        ]
        return np.unravel_index(np.concatenate(kept), self.shape)

    def sampled(self, x: Array) -> Array:
        """Returns the sampled entries of an array that broadcasts to the primal's shape."""
        return np.broadcast_to(x, self.shape)[self.at]

    @cached_property
    def c(self) -> Array:
        """The claim at the sample."""
        return self.sampled(self.claimed)

    @cached_property
    def t(self) -> Array:
        """The true gradient at the sample."""
        return self.sampled(self.true)

    @cached_property
    def s(self) -> Array:
        """The standard deviation of `t`, with the rounding of float64."""
        return np.hypot(self.sampled(self.noise), FLOOR * np.abs(self.t) + self.floor)

    @cached_property
    def floor(self) -> Array:
        """The rounding of the largest entries, which hides none that is wrong."""
        error = np.abs(self.c - self.t)
        return np.minimum(FLOOR * self.scale, np.where(self.w, HIDES * error, np.inf))

    @cached_property
    def is_zero(self) -> bool:
        """Whether the true gradient is zero, as far as one can see."""
        return not np.any(np.abs(self.t) > 2 * BAR_SIGMAS * self.s)

    @cached_property
    def w(self) -> Array:
        """Which entries of the sample are wrong."""
        return self.sampled(self.wrong)

    @cached_property
    def telling(self) -> Array:
        """Which entries of the sample count: of a Jacobian not those that are rightly zero."""
        if not self.split:
            return np.ones_like(self.w)
        return self.w | (np.abs(self.t) > BAR_SIGMAS * self.s)

    @cached_property
    def rounding(self) -> float:
        """The relative rounding of the claim: a claim of float32 numbers was computed in it."""
        narrow = np.array_equal(self.c, self.c.astype(np.float32))
        return NARROW if narrow and len(set(self.c.tolist())) > 2 else FLOOR

    @cached_property
    def scale(self) -> float:
        """The root mean square of the larger of claim and truth."""
        return float(np.sqrt(max(np.mean(x * x) for x in (self.c, self.t)))) if self.c.size else 0.0
