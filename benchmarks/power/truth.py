"""An independent witness: differences of the reference, in long double where it accepts that."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.power.corpus import Arrays, Case

LEVELS = 44
"""How often the step is halved at most: from 0.05 down to what a domain's edge may need."""

SETTLED = 1e-9
"""The relative error at which halving ends."""


def widened(inputs: Arrays) -> Arrays:
    """Returns the inputs with all floating numbers in double precision."""
    return {name: _wide(x) for name, x in inputs.items()}


def derivative(phi: Callable[[float], Any], step: float) -> tuple[Any, Any]:
    """Returns dφ/dt at 0 and an estimate of its error: extrapolated central differences."""
    table: list[list[float]] = []
    best, error = np.nan, np.inf
    for level in range(LEVELS):
        t = step / 2.0**level
        above, below = phi(t), phi(-t)
        row = [(above - below) / (2 * t)]
        noise = np.finfo(np.asarray(above).dtype).eps * max(abs(above), abs(below)) / t
        if not np.isfinite(row[0]):  # stepped out of the domain
            table.clear()
            continue
        for k in range(min(len(table), 6)):
            factor = 4.0 ** (k + 1)
            row.append((factor * row[k] - table[-1][k]) / (factor - 1))
            change = max(abs(row[-1] - row[k]), abs(row[-1] - table[-1][k]), noise)
            if change < error:
                best, error = row[-1], change
        table.append(row)
        if error <= SETTLED * abs(best):
            break
    return best, error


def slope(case: Case, inputs: Arrays, g: Any, name: str, tangent: Any) -> tuple[Any, Any]:
    """Returns Re⟨g, ∂f·tangent⟩ by differences of the reference, and its error."""
    size = np.abs(tangent)
    reference = _widest(case, inputs)
    with np.errstate(all="ignore"):
        step = 0.05 * np.min(np.where(size > 0, scales(inputs[name]) / size, np.inf))

    def phi(t: float) -> float:
        with np.errstate(all="ignore"):
            return inner(g, reference(name, t * tangent))

    return derivative(phi, float(step))


def _widest(case: Case, inputs: Arrays) -> Callable[[str, Any], Any]:
    """Returns the reference around the point, in long double where that is what comes out."""

    def moved(name: str, by: Any, real: Any) -> Any:
        point = {k: _wide(x, real) for k, x in inputs.items()}
        return case.reference(**(point | ({name: point[name] + by} if name else {})))

    try:
        y = moved("", 0.0, np.longdouble)
        parts = y if isinstance(y, tuple) else (y,)
        wide = all(np.finfo(np.asarray(part).dtype).dtype == np.longdouble for part in parts)
    except (TypeError, ValueError):
        wide = False
    return lambda name, by: moved(name, by, np.longdouble if wide else np.float64)


def inner(g: Any, y: Any) -> Any:
    """Returns Re⟨g, y⟩."""
    pairs = zip(g, y, strict=True) if isinstance(y, tuple) else ((g, y),)
    return sum(np.sum((np.conj(a) * b).real) for a, b in pairs)


def nudged(inputs: Arrays, names: tuple[str, ...], rng: np.random.Generator, size: float) -> Arrays:
    """Returns a point close by, where no entry sits on a kink."""
    return {
        name: x
        + size * scales(x) * rng.uniform(0.2, 1, np.shape(x)) * rng.choice([-1, 1], np.shape(x))
        if name in names
        else x
        for name, x in inputs.items()
    }


def scales(x: Any) -> Any:
    """Returns the size of each entry; zeros count as the median of the others, or as one."""
    size = np.abs(x)
    typical = np.median(size[size > 0]) if np.any(size > 0) else 1.0
    return np.where(size > 0, size, typical)


def _wide(x: Any, real: Any = np.float64) -> Any:
    x = np.asarray(x)
    if np.iscomplexobj(x):
        return x.astype(np.result_type(real, np.complex64))
    return x if x.dtype.kind in "iub" else x.astype(real)
