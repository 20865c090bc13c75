"""Which of the arrays that a backward pass leaves behind is the gradient of which parameter."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from reports.documents.code.leaves import Path
from reports.documents.code.names import (
    COTANGENTS,
    GRADIENTS,
    gradient_of,
    is_gradient,
    is_store,
    plain,
    role,
)

RETURNED, LOCAL = "return", "local"
"""The first part of the path of what is returned, and of what a function only has."""


def paired(
    primals: Mapping[Path, Any], found: Mapping[Path, Any], titles: Mapping[str, str]
) -> dict[Path, Path]:
    """Returns the path of the gradient of each primal that has one.

    By name where names tell; else what is returned belongs to the only primal of its shape.

    Args:
        primals: the arrays that may have one.
        found: what a backward pass left behind.
        titles: the names of the parts that it returned.
    """

    def titled(path: Path) -> Path:
        if path[0] != RETURNED:
            return path
        return (RETURNED, titles.get(path[1], path[1]), *path[2:])

    ranks = [
        (rank, at, primal, path)
        for primal in primals
        for at, path in enumerate(found)
        if (rank := _rank(primal, titled(path), primals[primal], found[path])) is not None
    ]
    pairs: dict[Path, Path] = {}
    for _, _, primal, path in sorted(ranks, key=lambda r: r[:2]):
        if primal not in pairs and path not in pairs.values():
            pairs[primal] = path
    for path in found:
        if path in pairs.values() or path[0] != RETURNED or not _may_be_gradient(titled(path)):
            continue
        shape = np.shape(found[path])
        same = [p for p in primals if p not in pairs and np.shape(primals[p]) == shape]
        if len(same) == 1 and shape:
            pairs[same[0]] = path
    return pairs


def _may_be_gradient(path: Path) -> bool:
    """Whether what was returned has no name, or one of a gradient."""
    name, _ = label(path)
    return " " in name or is_gradient(name) or plain(name) in COTANGENTS


def _rank(primal: Path, path: Path, value: Any, gradient: Any) -> float | None:
    """Returns how surely an array is the gradient of a primal, the surest first."""
    name, index = label(primal)
    other, at = label(path)
    if index != at:
        return None
    containers = any(plain(part) in GRADIENTS or part == RETURNED for part in path[:-1])
    named = gradient_of(other, name)
    same = plain(other) == plain(name) and containers
    if not named and not same:
        return None
    loose = path[0] in {RETURNED, LOCAL} or primal[0] != path[0]
    if not loose and _owner(primal) != _owner(path):
        return None
    rank = 0.0 if not loose else 1.0 if path[0] == RETURNED else 2.0
    exact = plain(other).endswith(plain(name)) or plain(other).startswith(plain(name))
    return rank + (0.0 if exact else 0.3) + (0.5 if np.shape(value) != np.shape(gradient) else 0.0)


def label(path: Path) -> tuple[str, Path]:
    """Returns the last name of a path, and the numbers after it."""
    at = len(path)
    while at > 1 and path[at - 1].isdecimal():
        at -= 1
    return path[at - 1], path[at:]


def _owner(path: Path) -> Path:
    """Returns whose array it is: the path without containers and the name itself."""
    before = path[: len(path) - len(label(path)[1]) - 1]
    return tuple(p for p in before if plain(p) not in GRADIENTS and not is_store(p))


def called(path: Path) -> str:
    """Returns what a document calls the array at a path.

    >>> called(("self", "params", "W1")), called(("self", "weights", "0"))
    ('W1', 'weights[0]')
    """
    name, index = label(path)
    return name + "".join(f"[{i}]" for i in index)


def is_data(path: Path) -> bool:
    """Whether a primal is data rather than a parameter."""
    return len(path) == 1 and role(label(path)[0]) in {"data", "hidden", ""}
