"""How the derivative of one step may be changed, its value at the point kept."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.steps.observed import Change, Compute, Step, copied, like, values

Slope = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(z, y) -> the slope of y = f(z), entry by entry."""


def detached(step: Step, compute: Compute, operands: tuple[Any, ...]) -> Any:
    """Nothing goes through the step."""
    compute(*operands)  # its decisions are met in their order
    return copied(step.result)


def scaled(factor: float) -> Change:
    """Returns: what goes through the step is so many times as much."""

    def change(step: Step, compute: Compute, operands: tuple[Any, ...]) -> Any:
        return step.result + factor * (compute(*operands) - step.result)

    return change


def held(j: int, at: int | None = None) -> Change:
    """Returns: nothing goes through operand j; of a list of arrays, through one of them."""

    def change(step: Step, compute: Compute, operands: tuple[Any, ...]) -> Any:
        then = copied(step.operands[j])
        if at is not None:
            parts = list(operands[j])
            parts[at] = then[at]
            then = type(then)(parts)
        return compute(*operands[:j], then, *operands[j + 1 :])

    return change


def scaled_by(j: int, factor: float) -> Change:
    """Returns: what goes through operand j is so many times as much."""

    def change(step: Step, compute: Compute, operands: tuple[Any, ...]) -> Any:
        rest = compute(*operands[:j], copied(step.operands[j]), *operands[j + 1 :])
        return rest + factor * (compute(*operands) - rest)

    return change


def sloped(j: int, slope: Slope) -> Change:
    """Returns: the slope by operand j is another."""

    def change(step: Step, compute: Compute, operands: tuple[Any, ...]) -> Any:
        compute(*operands)
        z, y = values(step.operands[j]), values(step.result)
        assert z is not None and y is not None
        with np.errstate(all="ignore"):
            other = like(step.result, np.asarray(slope(z, y), dtype=y.dtype))
        return step.result + other * (operands[j] - step.operands[j])

    return change


def at_result(step: Step, compute: Compute, operands: tuple[Any, ...]) -> Any:
    """The slope at y stands where that at z belongs."""
    then = step.result
    now = then + (operands[0] - step.operands[0])
    return then + (compute(now, *operands[1:]) - compute(then, *operands[1:]))


def beside(j: int, i: int, other: Any) -> Change:
    """Returns: the derivative by operand j is that where operand i has another value."""

    def change(step: Step, compute: Compute, operands: tuple[Any, ...]) -> Any:
        rest = compute(*operands[:j], copied(step.operands[j]), *operands[j + 1 :])
        now, then = list(copied(step.operands)), list(copied(step.operands))
        now[i] = then[i] = like(step.operands[i], np.array(other))
        now[j] = operands[j]
        return rest + (compute(*now) - compute(*then))

    return change


def keyed(key: Any) -> Change:
    """Returns: another part of an array is taken."""

    def change(step: Step, compute: Compute, operands: tuple[Any, ...]) -> Any:
        return step.result + (operands[0] - step.operands[0])[key]

    return change


def unsummed(step: Step, compute: Compute, operands: tuple[Any, ...]) -> Any:
    """Each entry of what is reduced along axes moves the result at its own place alone."""
    compute(*operands)  # its decisions are met in their order
    return step.result + (operands[0] - step.operands[0])


def rolled(by: tuple[int, ...], axes: tuple[int, ...]) -> Change:
    """Returns: what goes through the step comes from so many places further along some axes."""

    def change(step: Step, compute: Compute, operands: tuple[Any, ...]) -> Any:
        moved = values(compute(*operands) - step.result)
        assert moved is not None
        return step.result + like(step.result, np.roll(moved, by, axes))

    return change


def exchanged(a: int, b: int) -> Change:
    """Returns: two of several results move as the other one should."""

    def change(step: Step, compute: Compute, operands: tuple[Any, ...]) -> Any:
        now = list(compute(*operands))
        moved = [x - y for x, y in zip(now, step.result, strict=True)]
        now[a], now[b] = step.result[a] + moved[b], step.result[b] + moved[a]
        return type(step.result)(now)

    return change


def turned(j: int) -> Change:
    """Returns: what comes through operand j of a square result comes transposed."""

    def change(step: Step, compute: Compute, operands: tuple[Any, ...]) -> Any:
        rest = compute(*operands[:j], copied(step.operands[j]), *operands[j + 1 :])
        moved = values(compute(*operands) - rest)
        assert moved is not None
        return rest + like(step.result, np.swapaxes(moved, -1, -2))

    return change


def reordered(axis: int, n: int) -> Change:
    """Returns: the n entries of an axis are tiled where they are repeated, or the reverse."""

    def change(step: Step, compute: Compute, operands: tuple[Any, ...]) -> Any:
        moved = values(compute(*operands) - step.result)
        assert moved is not None
        times = moved.shape[axis] // n
        order = np.arange(moved.shape[axis]).reshape(n, times).T.ravel()
        back = np.argsort(order)
        is_repeat = step.op == "repeat"
        return step.result + like(step.result, np.take(moved, order if is_repeat else back, axis))

    return change
