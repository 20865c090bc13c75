"""What every pullback owes, one rule each: the corpus is held to it, wrong ones must break one."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.power.corpus import Arrays, Case, cotangent

Rule = Callable[[Case, Arrays, Any], bool]
"""(case, inputs, cotangent) -> whether the rule is broken."""


def copied(tree: Any) -> Any:
    """Returns the arrays of a dict or tuple, copied."""
    if isinstance(tree, dict):
        return {name: copied(x) for name, x in tree.items()}
    if isinstance(tree, tuple):
        return tuple(copied(x) for x in tree)
    return np.array(tree)


def changed(old: Any, new: Any, tolerance: float = 0.0) -> bool:
    """Whether two trees of arrays differ by more than `tolerance` of their norm."""
    if isinstance(old, dict):
        return old.keys() != new.keys() or any(changed(old[k], new[k], tolerance) for k in old)
    if isinstance(old, tuple):
        return any(changed(a, b, tolerance) for a, b in zip(old, new, strict=True))
    if np.shape(old) != np.shape(new):
        return True
    wide = np.complex128 if np.iscomplexobj(old) or np.iscomplexobj(new) else np.float64
    old, new = np.asarray(old, wide), np.asarray(new, wide)
    norms = [float(np.linalg.norm(np.ravel(part))) for part in (new - old, old)]
    return not norms[0] <= tolerance * norms[1]


def rounding(case: Case, inputs: Arrays) -> float:
    """Returns the relative error that another order of summation may bring."""
    factor = 2.0**28 if "cancellation" in case.tags else 2.0**8
    return factor * max(np.finfo(x.dtype).eps for x in inputs.values() if x.dtype.kind in "fc")


def mapped(change: Callable[[Any], Any], g: Any) -> Any:
    """Applies a change to each array of a cotangent."""
    return tuple(change(part) for part in g) if isinstance(g, tuple) else change(g)


def names(case: Case, inputs: Arrays, g: Any) -> bool:
    """A gradient for each differentiable input and for nothing else."""
    return set(case.backward(g, **inputs)) != set(case.diff)


def shapes(case: Case, inputs: Arrays, g: Any) -> bool:
    """The shape of the input."""
    d = case.backward(g, **inputs)
    return any(np.shape(d[name]) != np.shape(inputs[name]) for name in case.diff if name in d)


def dtypes(case: Case, inputs: Arrays, g: Any) -> bool:
    """The dtype of the input."""
    d = case.backward(g, **inputs)
    return any(np.asarray(d[n]).dtype != inputs[n].dtype for n in case.diff if n in d)


def precision(case: Case, inputs: Arrays, g: Any) -> bool:
    """All digits that the dtype has."""
    return changed(case.right(g, **inputs), case.backward(g, **inputs), rounding(case, inputs))


def untouched(case: Case, inputs: Arrays, g: Any) -> bool:
    """Inputs, parameters and cotangents as they were, after both passes."""
    before = copied(inputs), copied(g)
    case.forward(**inputs)
    case.backward(g, **inputs)
    return changed(before, (inputs, g if isinstance(g, tuple) else np.asarray(g)))


def own_memory(case: Case, inputs: Arrays, g: Any) -> bool:
    """Returned arrays share no memory with the inputs or with each other."""
    d = list(case.backward(g, **inputs).values())
    pairs = [(a, b) for i, a in enumerate(d) for b in d[i + 1 :]]
    pairs += [(a, x) for a in d for x in inputs.values()]
    return any(np.shares_memory(a, b) for a, b in pairs)


def repeatable(case: Case, inputs: Arrays, g: Any) -> bool:
    """The same again: forward, and backward."""
    y = copied(case.forward(**inputs))
    first = copied(case.backward(g, **inputs))
    return changed(first, case.backward(g, **inputs)) or changed(y, case.forward(**inputs))


def lasting(case: Case, inputs: Arrays, g: Any) -> bool:
    """What was returned stays as it is while other points are evaluated."""
    other = case.inputs(99)
    y, d = case.forward(**inputs), case.backward(g, **inputs)
    before = copied(y), copied(d)
    case.forward(**other)
    case.backward(mapped(lambda part: part * 2, g), **other)
    return changed(before, (y if isinstance(y, tuple) else np.asarray(y), d))


def stateless(case: Case, inputs: Arrays, g: Any) -> bool:
    """Forward A, forward B, pullback of A."""
    other = case.inputs(99)
    case.forward(**inputs)
    expected = copied(case.right(g, **inputs))
    case.forward(**other)
    return changed(expected, case.backward(g, **inputs), rounding(case, inputs))


def layouts(g: Any) -> Iterator[Any]:
    """Yields the same cotangent in other layouts, with ones broadcast to be compared to ones."""
    yield np.array(g, order="F")
    if g.ndim:
        yield np.ascontiguousarray(g[::-1])[::-1]
        wide = np.zeros([2 * n for n in g.shape], g.dtype)[tuple([slice(None, None, 2)] * g.ndim)]
        wide[...] = g
        yield wide


def cotangent_layout(case: Case, inputs: Arrays, g: Any) -> bool:
    """The layout of the cotangent does not matter."""
    if isinstance(g, tuple):
        return False
    tolerance = rounding(case, inputs)
    expected = copied(case.backward(np.array(g), **inputs))
    ones = np.ones_like(g)
    return any(
        changed(expected, case.backward(other, **inputs), tolerance) for other in layouts(g)
    ) or changed(
        copied(case.backward(ones, **inputs)),
        case.backward(np.broadcast_to(ones.dtype.type(1), ones.shape), **inputs),
        tolerance,
    )


def input_layout(case: Case, inputs: Arrays, g: Any) -> bool:
    """The layout of the inputs does not matter."""
    expected = copied(case.backward(g, **inputs))
    stored = {name: np.array(x, order="F") for name, x in inputs.items()}
    return changed(expected, case.backward(g, **stored), rounding(case, inputs))


def linear(case: Case, inputs: Arrays, g: Any) -> bool:
    """A thousand times the cotangent, a thousand times the gradient; a millionth, a millionth."""
    expected = copied(case.backward(g, **inputs))
    for factor in (2.0**10, 2.0**-20):
        scaled = case.backward(
            mapped(lambda part, f=factor: part * part.dtype.type(f), g), **inputs
        )
        back = {
            name: np.asarray(v) / np.asarray(v).dtype.type(factor) for name, v in scaled.items()
        }
        if changed(expected, back, rounding(case, inputs)):
            return True
    return False


def zero(case: Case, inputs: Arrays, g: Any) -> bool:
    """Nothing in, nothing out."""
    d = case.backward(mapped(np.zeros_like, g), **inputs)
    return any(bool(np.any(np.asarray(v) != 0)) for name, v in d.items() if name in case.diff)


RULES: tuple[Rule, ...] = (
    names,
    shapes,
    dtypes,
    precision,
    untouched,
    own_memory,
    repeatable,
    lasting,
    stateless,
    cotangent_layout,
    input_layout,
    linear,
    zero,
)


def broken(case: Case, seed: int = 21) -> list[str]:
    """Returns the names of the rules that a case breaks."""
    found = []
    for rule in RULES:
        case.reset()
        inputs = case.inputs(seed)
        g = cotangent(case.forward(**copied(inputs)), np.random.default_rng(seed + 1))
        case.reset()
        try:
            kept = not rule(case, copied(inputs), copied(g))
        except ValueError:  # wrote into a cotangent that is read-only, returned another shape
            kept = False
        if not kept:
            found.append(rule.__name__)
    return found
