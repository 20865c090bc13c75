"""The table of mistakes in a step: what people get wrong in the derivative of one operation."""

from collections.abc import Callable, Iterator, Sequence

from gradcheck.steps.arrangements import repeats, rolls, slices, splits, sums, turns
from gradcheck.steps.mistakes import Hypothesis
from gradcheck.steps.operands import operands
from gradcheck.steps.paths import rounds, slopes
from gradcheck.steps.sites import Site

ROWS: tuple[Callable[[Site, Sequence[Site]], Iterator[Hypothesis]], ...] = (
    rounds,
    slopes,
    turns,
    repeats,
    slices,
    splits,
    rolls,
    sums,
    operands,
)
"""What is tried at each site, the likeliest first."""
