"""What code in a document may call: functions of NumPy and Python on small arrays, and no other."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

MOST_ENTRIES = 2000
"""Products of two such arrays still fit: what comes out is looked at, then refused."""

LARGEST = 1e15  # of whole numbers, which could grow without end


class NotReadable(Exception):
    """Code beyond the whitelist: the message says what."""


def small(value: Any) -> Any:
    """Returns a value as it is, arrays as real numbers.

    Raises:
        NotReadable: it is too large, or an array of something else.
    """
    if isinstance(value, np.ndarray | np.generic):
        if np.size(value) > MOST_ENTRIES:
            raise NotReadable("an array that is too large")
        if np.asarray(value).dtype.kind not in "fiub":
            raise NotReadable("an array of something other than real numbers")
    elif isinstance(value, int) and abs(value) > LARGEST:
        raise NotReadable("a number that is too large")
    elif isinstance(value, (list, tuple, dict, str)) and len(value) > MOST_ENTRIES:
        raise NotReadable("a list that is too long")
    return value


def _power(a: Any, b: Any) -> Any:
    if (
        np.size(b) > 1
        or abs(float(np.asarray(b).item())) > 20
        or not isinstance(a, Number | np.ndarray)
    ):
        raise NotReadable("a large power")
    return np.asarray(a, dtype=float) ** b if isinstance(a, np.ndarray) else float(a) ** b


Number = int | float | np.generic


def _filled(maker: Callable[..., Any]) -> Callable[..., Any]:
    def made(shape: Any, *rest: Any, **options: Any) -> Any:
        extents = shape if isinstance(shape, tuple | list) else (shape,)
        if not all(isinstance(n, int | np.integer) and 0 <= n <= 1000 for n in extents):
            raise NotReadable("a shape that is not known")
        if np.prod(np.array(extents, dtype=float)) > MOST_ENTRIES:
            raise NotReadable("an array that is too large")
        options.pop("dtype", None)
        return maker(tuple(int(n) for n in extents), *rest, **options)

    return made


def _array(value: Any, **options: Any) -> Any:
    found = np.array(value)
    if found.dtype.kind not in "fiub":
        raise NotReadable("an array of something other than numbers")
    return found.astype(float) if found.dtype.kind == "f" else found


def _range(*bounds: Any) -> range:
    found = range(*(int(b) for b in bounds))
    if len(found) > 1000:
        raise NotReadable("a loop that is too long")
    return found


def _arange(*bounds: Any, **options: Any) -> Any:
    return np.array(_range(*bounds))


_FUNCTIONS = """
exp log log1p expm1 tanh sinh cosh sin cos sqrt abs absolute sign negative reciprocal square
add subtract multiply divide maximum minimum clip where heaviside greater less logical_not isnan
dot matmul outer inner tensordot trace diag diagflat transpose swapaxes
sum mean max min amax amin var std prod cumsum argmax argmin
reshape ravel squeeze expand_dims concatenate stack vstack hstack copy flip rot90
ones_like zeros_like full_like
""".split()

FUNCTIONS: Mapping[str, Callable[..., Any]] = {name: getattr(np, name) for name in _FUNCTIONS} | {
    "power": _power,
    "zeros": _filled(np.zeros),
    "ones": _filled(np.ones),
    "full": _filled(np.full),
    "empty": _filled(np.zeros),
    "eye": lambda n: np.diag(FUNCTIONS["ones"](n)),
    "array": _array,
    "asarray": _array,
    "arange": _arange,
    "float64": float,
    "float32": float,
}
"""Functions of NumPy by name. `repeat`, `tile` and the like are left out: they could grow."""

_METHODS = "dot sum mean max min transpose copy reshape ravel squeeze argmax clip std var".split()

METHODS: Mapping[str, Callable[..., Any]] = {name: getattr(np, name) for name in _METHODS} | {
    "flatten": np.ravel,
    "astype": lambda a, *_, **__: np.asarray(a, dtype=float),
    "item": lambda a: float(np.asarray(a).item()),
}
"""Methods of arrays."""

BUILTINS: Mapping[str, Callable[..., Any]] = {
    "len": len,
    "range": _range,
    "enumerate": lambda items, start=0: list(enumerate(items, start)),
    "zip": lambda *items: list(zip(*items, strict=False)),
    "reversed": lambda items: list(items)[::-1],
    "list": lambda items=(): list(items),
    "tuple": lambda items=(): tuple(items),
    "dict": lambda **items: dict(items),
    "str": lambda value: str(value) if isinstance(value, int | str) else "",
    "int": lambda value: int(value),
    "float": lambda value: float(value),
    "abs": abs,
    "max": max,
    "min": min,
    "sum": sum,
    "print": lambda *_, **__: None,
    "isinstance": lambda *_: True,
}
"""Functions of Python."""

ON_LISTS: Mapping[str, Callable[..., Any]] = {
    "append": lambda items, value: items.append(value),
    "insert": lambda items, at, value: items.insert(at, value),
    "pop": lambda items, *at: items.pop(*at),
    "reverse": lambda items: items.reverse(),
    "extend": lambda items, more: items.extend(list(more)),
    "copy": lambda items: items.copy(),
}
ON_DICTIONARIES: Mapping[str, Callable[..., Any]] = {
    "keys": lambda items: list(items.keys()),
    "values": lambda items: list(items.values()),
    "items": lambda items: list(items.items()),
    "get": lambda items, key, other=None: items.get(key, other),
    "copy": lambda items: items.copy(),
    "update": lambda items, more: items.update(more),
    "pop": lambda items, *key: items.pop(*key),
}
"""Methods of Python's own collections."""


def drawn(rng: np.random.Generator, name: str, arguments: list[Any]) -> Any:
    """Returns what a function of `np.random` returns, from our own generator.

    Raises:
        NotReadable: it is none that draws numbers for weights.
    """
    if name == "seed":
        return None
    if name in {"randn", "rand"}:
        shape: Any = tuple(arguments)
    elif name in {"normal", "uniform"}:
        shape = arguments[2] if len(arguments) > 2 else ()
    elif name in {"random", "random_sample", "standard_normal"}:
        shape = arguments[0] if arguments else ()
    else:
        raise NotReadable("random numbers beside those of weights")
    return _filled(lambda extents: rng.uniform(-1.0, 1.0, extents))(shape)
