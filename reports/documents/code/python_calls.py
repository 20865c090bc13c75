"""What code may call of Python: functions, and methods of lists, dictionaries, sets and texts."""

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from reports.documents.code.limits import MOST_ITEMS, NotReadable, Wants, small
from reports.documents.code.numpy_calls import Callables


def items_of(value: Any) -> list[Any]:
    """Returns the items over which a loop runs."""
    match value:
        case range():
            if len(value) > MOST_ITEMS:
                raise NotReadable("a loop that is too long")
            return list(value)
        case list() | tuple() | set() | str():
            return list(value)
        case dict():
            return list(value)
        case np.ndarray() if value.ndim:
            return list(value)
    raise Wants(value, "items")


def _range(*bounds: Any) -> range:
    for b in bounds:
        if not isinstance(b, int | np.integer):
            raise Wants(b, "size")
    return range(*(int(b) for b in bounds))


def _length(value: Any) -> int:
    if isinstance(value, int | float):
        raise Wants(value, "items")
    return len(value)


def _extreme(choose: Callable[..., Any]) -> Callable[..., Any]:
    def called(*values: Any, **options: Any) -> Any:
        return choose(*values, **{k: v for k, v in options.items() if k == "default"})

    return called


def _total(items: Any, start: Any = 0) -> Any:
    found = start
    for item in items_of(items):
        if not isinstance(item, int | float | np.ndarray | np.generic):
            raise TypeError("a sum of something other than numbers")
        found = found + item
    return found


def _text(value: Any = "") -> str:
    return str(value) if isinstance(value, int | float | str | np.generic) else ""


def _whole(value: Any = 0) -> int:
    return int(value.item() if isinstance(value, np.ndarray) else value)


def _real(value: Any = 0.0) -> float:
    return float(value.item() if isinstance(value, np.ndarray) else value)


def _rounded(value: Any, digits: int) -> Any:
    plain = isinstance(value, float) and not isinstance(value, np.generic)
    return round(value, digits) if plain else np.round(value, digits)


BUILTINS: Callables = {
    "len": _length,
    "range": _range,
    "xrange": _range,
    "enumerate": lambda items, start=0: list(enumerate(items_of(items), start)),
    "zip": lambda *items, strict=False: list(zip(*map(items_of, items), strict=bool(strict))),
    "reversed": lambda items: items_of(items)[::-1],
    "sorted": lambda items, reverse=False: sorted(items_of(items), reverse=bool(reverse)),
    "list": lambda items=(): items_of(items),
    "tuple": lambda items=(): tuple(items_of(items)),
    "set": lambda items=(): set(items_of(items)),
    "dict": lambda pairs=(), **items: dict(pairs, **items),
    "OrderedDict": lambda pairs=(), **items: dict(pairs, **items),
    "str": _text,
    "int": _whole,
    "float": _real,
    "bool": bool,
    "abs": abs,
    "round": lambda value, digits=None: _rounded(value, digits or 0),
    "pow": lambda a, b: a**b if abs(b) < 64 else _refused(),
    "divmod": divmod,
    "max": _extreme(max),
    "min": _extreme(min),
    "sum": _total,
    "any": lambda items: any(items_of(items)),
    "all": lambda items: all(items_of(items)),
    "print": lambda *_, **__: None,
    "slice": slice,
    "deepcopy": copy.deepcopy,
    "tqdm": lambda items, *_, **__: items,
    "trange": lambda *bounds, **_: _range(*bounds),
    "field": lambda default=None, default_factory=None, **_: default,
}
"""Functions of Python."""


def _refused() -> Any:
    raise NotReadable("a large power")


def _extended(items: list[Any], more: Iterable[Any]) -> None:
    items.extend(items_of(more))
    small(items)


ON_LISTS: Callables = {
    "append": lambda items, value: items.append(value),
    "insert": lambda items, at, value: items.insert(at, value),
    "pop": lambda items, *at: items.pop(*at),
    "reverse": lambda items: items.reverse(),
    "extend": _extended,
    "copy": lambda items: items.copy(),
    "clear": lambda items: items.clear(),
    "index": lambda items, value: items.index(value),
    "count": lambda items, value: items.count(value),
}
ON_DICTIONARIES: Callables = {
    "keys": lambda items: list(items.keys()),
    "values": lambda items: list(items.values()),
    "items": lambda items: list(items.items()),
    "get": lambda items, key, other=None: items.get(key, other),
    "copy": lambda items: items.copy(),
    "update": lambda items, more=(), **rest: items.update(more, **rest),
    "pop": lambda items, *key: items.pop(*key),
    "setdefault": lambda items, key, value=None: items.setdefault(key, value),
    "clear": lambda items: items.clear(),
}
ON_SETS: Callables = {
    "add": lambda items, value: items.add(value),
    "discard": lambda items, value: items.discard(value),
    "remove": lambda items, value: items.remove(value),
}
ON_TEXTS: Callables = {
    name: getattr(str, name)
    for name in "lower upper strip startswith endswith replace split capitalize title".split()
} | {
    "format": lambda text, *values: _formatted(text, values),
    "join": lambda text, items: text.join(items_of(items)),
}


def _formatted(text: str, values: tuple[Any, ...]) -> str:
    """Returns a text with its plain braces filled; a format beyond that is left out."""
    parts = text.split("{")
    out, at = [parts[0]], 0
    for part in parts[1:]:
        key, _, rest = part.partition("}")
        key = key.partition(":")[0]
        index = int(key) if key.isdecimal() else at
        at += 1
        out.append((_text(values[index]) if index < len(values) else "") + rest)
    return "".join(out)


OF_COLLECTIONS: Mapping[type, Callables] = {
    list: ON_LISTS,
    dict: ON_DICTIONARIES,
    set: ON_SETS,
    str: ON_TEXTS,
}
"""Methods of Python's own collections."""
