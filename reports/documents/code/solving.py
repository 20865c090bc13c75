"""Arguments that fit the code: those that do not are changed by what the code says of them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from reports.documents.code.arguments import BATCH, FREE, Names, Spec, value_of
from reports.documents.code.limits import FAILS, Missing, UnknownName, Wants
from reports.documents.code.names import role, setting

Specs = Mapping[str, Spec]
T = TypeVar("T")

MOST_CHANGES = 40
IN_MODULE = "module."
"""Before the name of an argument that is a name of the module."""


class Unsolved(Exception):
    """No arguments were found: the cause is what failed last, with `specs`."""

    def __init__(self, specs: "Specs") -> None:
        super().__init__("no arguments of the right shapes were found")
        self.specs = specs


@dataclass(frozen=True, eq=False)
class Given:
    """Values for the arguments, and which spec each belongs to."""

    values: Mapping[str, Any]
    owners: Mapping[int, tuple[Any, ...]]


def given(specs: Mapping[str, Spec], seed: int = 5) -> Given:
    """Returns random values; the same for the same specs."""
    values: dict[str, Any] = {}
    owners: dict[int, tuple[Any, ...]] = {}
    for at, (name, spec) in enumerate(specs.items()):
        values[name] = value_of(spec, np.random.default_rng((seed, at)))
        owners[id(values[name])] = (name,)
        if spec.kind in {"store", "list"}:
            items = values[name].items() if spec.kind == "store" else enumerate(values[name])
            for key, value in items:
                owners[id(value)] = (name, key)
    return Given(values, owners)


def solved(
    specs: Specs, names: Names, run: Callable[[Given], T], *, grows: bool = True
) -> tuple[Specs, T]:
    """Returns specs with which a run succeeds, and what it returned.

    Args:
        specs: what the arguments are at first; may get further ones on the way.
        names: makes specs for names that turn up.
        run: runs the code with the arguments.
        grows: whether names that turn up get a value.

    Raises:
        Unsolved: none were found.
        NotReadable: the code is beyond the whitelist.
    """
    seen: set[str] = set()
    for _ in range(MOST_CHANGES):
        values = given(specs)
        try:
            return specs, run(values)
        except UnknownName as unknown:
            if not grows or not (role(unknown.name) or setting(unknown.name)):
                raise
            specs = {**specs, IN_MODULE + unknown.name: names.array(unknown.name)}
        except Missing as missing:
            if missing.name in specs:
                raise
            specs = {**specs, missing.name: missing.spec}
        except Wants as wants:
            changed = _changed(specs, names, values, wants)
            if changed is None:
                raise Unsolved(specs) from wants
            specs = changed
        except FAILS as error:
            changed = _fitted(specs, error)
            if changed is None:
                raise Unsolved(specs) from error
            specs = changed
        key = repr(specs)
        if key in seen:
            break
        seen.add(key)
    raise Unsolved(specs)


# ---------------------------------------------------------------- extents that must be equal

_SHAPE = re.compile(r"\(([\d, ]*)\)")


def _fitted(specs: Specs, error: Exception) -> Specs | None:
    """Returns the specs with two extents made equal that an error names."""
    text = str(error)
    for a, b in _pairs(text) or _reshaped(specs, text):
        changed = united(specs, a, b)
        if changed is not None:
            return changed
    return None


def _pairs(text: str) -> list[tuple[int, int]]:
    """Returns the pairs of extents that NumPy's message says should be equal."""
    if match := re.search(r"size (\d+) is different from (\d+)", text):
        return [(int(match[1]), int(match[2]))]
    if match := re.search(r"not aligned: (\d+) \(dim \d+\) != (\d+)", text):
        return [(int(match[1]), int(match[2]))]
    if match := re.search(r"has size (\d+) and the array at index \d+ has size (\d+)", text):
        return [(int(match[1]), int(match[2]))]
    shapes = [
        tuple(int(n) for n in m[1].replace(" ", "").split(",") if n) for m in _SHAPE.finditer(text)
    ]
    found: list[tuple[int, int]] = []
    for first, second in pairwise(shapes):
        for a, b in zip(first[::-1], second[::-1], strict=False):
            if a != b and 1 not in (a, b):
                found.append((a, b))
    return found


def _reshaped(specs: Specs, text: str) -> list[tuple[int, int]]:
    """Returns the pairs of extents where an array is reshaped to the shape of another."""
    match = re.search(r"cannot reshape array of size (\d+) into shape \(([\d,]*)\)", text)
    if match is None:
        return []
    shape = tuple(int(n) for n in match[2].split(",") if n)
    for spec in specs.values():
        if len(spec.shape) == len(shape) and int(np.prod(spec.shape)) == int(match[1]):
            return [(a, b) for a, b in zip(spec.shape, shape, strict=True) if a != b]
    return []


def extents(specs: Mapping[str, Spec]) -> set[int]:
    """Returns the extents that are free: they may be made equal to others."""
    found: set[int] = set()
    for spec in specs.values():
        shape = [n for axis, n in enumerate(spec.shape) if axis not in spec.fixed]
        found |= {n for n in shape if n in FREE or n > FREE[-1]}
        if spec.kind == "size":
            found.add(spec.constant)
        found |= extents({str(k): v for k, v in spec.parts.items()})
    return found - {BATCH}


def united(specs: Specs, a: int, b: int) -> Specs | None:
    """Returns the specs with an extent replaced, so that two are equal; None where it cannot be."""
    free = extents(specs)
    if a in free and b in free:
        old, new = max(a, b), min(a, b)
    elif a in free or b in free:
        old, new = (a, b) if a in free else (b, a)
    else:
        return None
    if new in {0, BATCH} and not _may_be_batch(specs, old):
        return None
    changed = {name: _replaced(spec, old, new) for name, spec in specs.items()}
    twice = any(
        _twice(before, after)
        for before, after in zip(specs.values(), changed.values(), strict=True)
    )
    return None if twice else changed


def _may_be_batch(specs: Specs, extent: int) -> bool:
    """Whether an extent may be the number of samples: that of data, and of no parameter."""
    owners = [s for s in specs.values() if extent in s.shape]
    return bool(owners) and all(s.role in {"data", "target", "hidden", ""} for s in owners)


def _twice(before: Spec, after: Spec) -> bool:
    """Whether two axes of an array of data have become equal that were not."""
    return (
        before.role in {"data", "target", "hidden"}
        and len(before.shape) == 2
        and len(set(before.shape)) == 2
        and len(set(after.shape)) == 1
    )


def _replaced(spec: Spec, old: int, new: int) -> Spec:
    constant = new if spec.kind == "size" and spec.constant == old else spec.constant
    return replace(
        spec,
        shape=tuple(
            new if n == old and axis not in spec.fixed else n for axis, n in enumerate(spec.shape)
        ),
        constant=constant,
        parts={key: _replaced(part, old, new) for key, part in spec.parts.items()},
    )


# ---------------------------------------------------------------- arguments of another kind


def _changed(specs: Specs, names: Names, values: Given, wants: Wants) -> Specs | None:
    """Returns the specs with one of another kind: the one that did not fit."""
    path = values.owners.get(id(wants.value)) or _containing(values, wants.value)
    if path is None and isinstance(wants.value, int | float) and not isinstance(wants.value, bool):
        same = [
            name for name, v in values.values.items() if v is wants.value or _equal(v, wants.value)
        ]
        path = (same[0],) if len(same) == 1 else None
    if path is None:
        return None
    name = path[0]
    old = specs[name]
    if len(path) > 1:
        inner = _wanted(old.parts[path[1]], str(path[1]), names, wants)
        if inner is None:
            return None
        return {**specs, name: replace(old, parts={**old.parts, path[1]: inner})}
    new = _wanted(old, name, names, wants)
    return None if new is None or new == old else {**specs, name: new}


def _containing(values: Given, value: Any) -> tuple[str, ...] | None:
    """Returns the path of the argument of which a value is a part; random numbers are unique."""
    base = getattr(value, "base", None)
    if base is not None and id(base) in values.owners:
        return values.owners[id(base)]
    if isinstance(value, float | np.floating):
        for name, array in values.values.items():
            if isinstance(array, np.ndarray) and array.dtype.kind == "f" and value in array:
                return (name,)
    return None


def _equal(value: Any, other: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == other


def _wanted(old: Spec, name: str, names: Names, wants: Wants) -> Spec | None:
    match wants.kind:
        case "rank":
            if old.kind not in {"array", "whole"} or not isinstance(wants.detail, int):
                return None
            return _of_rank(old, name, names, wants.detail)
        case "entry":
            if old.kind == "store" and isinstance(wants.detail, str):
                entry = names.entry(wants.detail, old.role == "settings")
                return replace(old, parts={**old.parts, wants.detail: entry})
            return None
        case "items":
            if old.kind == "size":
                sizes = [replace(old, constant=names.fresh()) for _ in range(3)]
                return Spec("list", parts=dict(enumerate(sizes)), role="sizes")
            return names.array(name, "data") if old.kind == "number" else None
        case "indices":
            return Spec("whole", old.shape[:1], old.role) if old.kind == "array" else None
        case "function":
            return Spec("function", role=name.lower())
        case "array":
            return names.array(name) if old.kind in {"size", "number"} else None
        case "size":
            return (
                Spec("size", constant=names.fresh(), role="size") if old.kind == "array" else None
            )
    return None


def _of_rank(old: Spec, name: str, names: Names, rank: int) -> Spec | None:
    if not 0 < rank <= 4 or rank == len(old.shape):
        return None
    if rank == 4:
        return names.image(old.role)
    if rank == 3:
        width = old.shape[-1] if old.shape else names.fresh()
        return replace(old, shape=(2, 6, width), feature=None, fixed=(0, 1))
    if rank == 2 and len(old.shape) == 1:
        return replace(old, shape=(*old.shape, names.fresh()))
    if rank == 2:
        return replace(old, shape=(names.fresh(), names.fresh()))
    return replace(old, shape=old.shape[:1] or (names.fresh(),))
