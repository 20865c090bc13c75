"""Arrays within objects, dictionaries and lists: each with its path, to be read and replaced."""

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from reports.documents.code.names import GRADIENTS, is_gradient, plain, role
from reports.documents.code.program import Instance

Path: TypeAlias = tuple[str, ...]

DEEPEST = 5
MOST_LEAVES = 200


@dataclass(frozen=True, eq=False)
class Leaf:
    """An array (or number) and what holds it."""

    path: Path
    holder: Any
    key: Any
    value: Any

    def put(self, value: Any) -> None:
        """Replaces it: in place where it is an array, so that its other names see it, too."""
        if isinstance(self.value, np.ndarray) and self.value.shape == np.shape(value):
            self.value[...] = value
        elif isinstance(self.holder, Instance):
            self.holder.attributes[self.key] = value
        else:
            self.holder[self.key] = value


def leaves(value: Any, path: Path = (), *, numbers: bool = False) -> list[Leaf]:
    """Returns the real arrays within a value, each once; numbers too where they are asked for."""
    found: list[Leaf] = []
    seen: set[int] = set()
    for leaf in _walked(value, path, None, None, 0, numbers, seen):
        found.append(leaf)
        if len(found) >= MOST_LEAVES:
            break
    return found


def _walked(
    value: Any, path: Path, holder: Any, key: Any, depth: int, numbers: bool, seen: set[int]
) -> Iterator[Leaf]:
    if depth > DEEPEST:
        return
    match value:
        case np.ndarray() if value.dtype.kind == "f":
            if id(value) not in seen:
                seen.add(id(value))
                yield Leaf(path, holder, key, value)
        case float() | np.floating() if numbers and holder is not None:
            yield Leaf(path, holder, key, float(value))
        case int() if numbers and holder is not None and is_number_parameter(path):
            if not isinstance(value, bool):  # b = 0 is a bias to begin with
                yield Leaf(path, holder, key, float(value))
        case Instance() | dict() | list() | tuple():
            if id(value) in seen:
                return
            seen.add(id(value))
            items: Mapping[Any, Any] = (
                value.attributes
                if isinstance(value, Instance)
                else value
                if isinstance(value, dict)
                else dict(enumerate(value))
            )
            for name, item in list(items.items()):
                yield from _walked(item, (*path, str(name)), value, name, depth + 1, numbers, seen)


_KEPT = re.compile(
    r"v|vel\w*|m|momentum\w*|cache\w*|running\w*|moving\w*|mask\w*|s|h|r|grad\w*|state\w*|hprev"
    r"|v[dwb]\w*|s[dwb]\w*|m[dwb]\w*|last\w*|prev\w*|x|input\w*|output\w*"
)


def is_parameter(path: Path) -> bool:
    """Whether an array of a new object is a parameter rather than a gradient or a memory."""
    names = [part for part in path if not part.isdecimal()]
    if any(plain(part) in GRADIENTS for part in names):
        return False
    last = names[-1] if names else ""
    return not is_gradient(last) and _KEPT.fullmatch(plain(last)) is None


def is_number_parameter(path: Path) -> bool:
    """Whether a number of an object is a parameter: a bias, a single weight."""
    return bool(path) and role(path[-1]) in {"weight", "bias"}


def fresh_value(path: Path, old: Any) -> Any:
    """Returns a random value for a parameter, positive where it was all ones."""
    rng = np.random.default_rng((7, zlib.crc32("/".join(path).encode())))
    shape = np.shape(old)
    ones = bool(np.all(np.asarray(old) == 1)) or plain(path[-1]) == "gamma"
    found = rng.uniform(0.4, 1.2, shape) if ones else rng.uniform(-0.9, 0.9, shape)
    return found if shape else float(found)
