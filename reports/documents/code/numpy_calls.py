"""What code may call of NumPy: functions on small arrays, and methods of arrays."""

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from reports.documents.code.limits import (
    MOST_ENTRIES,
    MOST_ITEMS,
    NotReadable,
    Wants,
    room,
)

Callables: TypeAlias = Mapping[str, Callable[..., Any]]

MOST_PRODUCTS = 2_000_000
"""Products that one contraction may sum."""


def _fits(*values: Any) -> None:
    """Refuses arrays that would be too large together."""
    shapes = {v.shape for v in values if isinstance(v, np.ndarray)}
    if len(shapes) > 1:
        room(np.broadcast_shapes(*shapes))


def together(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns an elementwise function that looks at the size of its result first."""

    def called(*values: Any, **options: Any) -> Any:
        _fits(*values)
        return function(*values, **options)

    return called


def product(a: Any, b: Any) -> Any:
    """Returns a @ b."""
    _contracts(np.shape(a)[:-1], np.shape(b)[-1:] if np.ndim(b) > 1 else (), np.shape(a)[-1:])
    if np.ndim(a) > 2 or np.ndim(b) > 2:
        room((*np.broadcast_shapes(np.shape(a)[:-2], np.shape(b)[:-2]), *np.shape(a)[-2:]))
    return np.matmul(a, b)


def _dot(a: Any, b: Any) -> Any:
    _contracts(np.shape(a)[:-1], np.shape(b)[:-2] + np.shape(b)[-1:], np.shape(a)[-1:])
    return np.dot(a, b)


def _contracts(*shapes: tuple[int, ...]) -> None:
    if math.prod(n for shape in shapes for n in shape) > MOST_PRODUCTS:
        raise NotReadable("a product that is too large")


def _tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    if isinstance(axes, int):
        summed = np.shape(b)[:axes]
    else:
        first, second = ([i] if isinstance(i, int) else list(i) for i in axes)
        summed = tuple(np.shape(b)[i] for i in second)
        for m, n in zip([np.shape(a)[i] for i in first], summed, strict=True):
            if m != n:
                raise ValueError(f"size {m} is different from {n}")
    _contracts((np.size(a) * np.size(b) // max(1, math.prod(summed)),))
    return np.tensordot(a, b, axes)


def _einsum(subscripts: Any, *arrays: Any) -> Any:
    if not isinstance(subscripts, str) or not arrays:
        raise NotReadable("np.einsum without a text of its indices")
    extents: dict[str, int] = {}
    for letters, array in zip(subscripts.partition("->")[0].split(","), arrays, strict=False):
        plain = letters.strip().replace(" ", "")
        if "." in plain:
            raise NotReadable("np.einsum with dots")
        for letter, n in zip(plain, np.shape(array), strict=False):
            if extents.setdefault(letter, n) != n:
                raise ValueError(f"shapes ({extents[letter]}, ) and ({n}, ) of an index differ")
    _contracts(tuple(extents.values()))
    return np.einsum(subscripts, *arrays)


def _outer(a: Any, b: Any) -> Any:
    room((np.size(a), np.size(b)))
    return np.outer(a, b)


def power(a: Any, b: Any) -> Any:
    """Returns a to the power b.

    Raises:
        NotReadable: it could be a number without end.
    """
    for value in (a, b):
        if not isinstance(value, int | float | np.ndarray | np.generic):
            raise TypeError("a power of something other than numbers")
    _fits(a, b)
    if isinstance(a, int) and isinstance(b, int):
        if abs(b) > 64 or abs(a) > 1e4:
            raise NotReadable("a large power")
        return a**b
    if np.size(b) == 1 and abs(float(np.asarray(b).item())) > 1e6:
        raise NotReadable("a large power")
    if isinstance(a, np.ndarray) and a.dtype.kind in "iub":
        a = a.astype(float) if np.any(np.asarray(b) < 0) else a
    found = a**b
    if isinstance(found, complex):
        raise ValueError("a root of a negative number")
    return found


def _filled(maker: Callable[..., Any]) -> Callable[..., Any]:
    def made(shape: Any = (), *rest: Any, dtype: Any = None) -> Any:
        extents = room(shape if isinstance(shape, tuple | list) else (shape,))
        return _typed(maker(extents, *rest[:1]), dtype)

    return made


def _typed(array: Any, dtype: Any) -> Any:
    """Returns an array in the kind of numbers that is asked for: whole, truth values, or real."""
    match str(dtype).removeprefix("np.").rstrip("0123456789_"):
        case "int" | "uint":
            return np.asarray(array).astype(int)
        case "bool":
            return np.asarray(array).astype(bool)
        case "float" | "double" | "f":
            return np.asarray(array).astype(float)
    return array


def array_of(value: Any, dtype: Any = None, copy: bool = True, ndmin: int = 0) -> Any:
    """Returns np.array(value)."""
    found = np.array(value, ndmin=min(int(ndmin), 4))
    if found.dtype.kind not in "fiub":
        raise NotReadable("an array of something other than numbers")
    return _typed(found, dtype)


def _asarray(value: Any, dtype: Any = None) -> Any:
    if isinstance(value, np.ndarray) and dtype is None:
        return value
    return array_of(value, dtype)


def _arange(*bounds: Any, dtype: Any = None) -> Any:
    if not all(isinstance(b, int | float | np.generic) for b in bounds):
        raise Wants(bounds[0], "size")
    start, stop, step = {1: (0, *bounds, 1), 2: (*bounds, 1), 3: bounds}[len(bounds)]
    if not step or abs((stop - start) / step) > MOST_ENTRIES:
        raise NotReadable("an array that is too large")
    return _typed(np.arange(start, stop, step), dtype)


def _linspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True) -> Any:
    room((num,))
    return np.linspace(start, stop, int(num), endpoint=bool(endpoint))


def _eye(n: Any, m: Any = None, k: int = 0, dtype: Any = None) -> Any:
    room((n, n if m is None else m))
    return _typed(np.eye(n, m, k), dtype)


def _pad(array: Any, widths: Any, mode: str = "constant", constant_values: Any = 0) -> Any:
    if mode not in {"constant", "edge", "reflect", "symmetric"}:
        raise NotReadable("np.pad in a mode that is not known")
    added = np.broadcast_to(np.asarray(widths), (np.ndim(array), 2)).sum(axis=1)
    room(tuple(int(n) for n in np.array(np.shape(array)) + added))
    if mode == "constant":
        values = np.max(np.asarray(constant_values))
        return np.pad(array, widths, constant_values=values)
    return np.pad(array, widths, mode=mode)  # type: ignore[call-overload]


def _repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    room((np.size(a), int(np.max(repeats))))
    return np.repeat(a, repeats, axis)


def _tile(a: Any, reps: Any) -> Any:
    room((np.size(a), int(np.prod(np.asarray(reps)))))
    return np.tile(a, reps)


def _broadcast_to(a: Any, shape: Any) -> Any:
    return np.broadcast_to(a, room(shape)).copy()


def _split(a: Any, parts: Any, axis: int = 0) -> Any:
    if isinstance(parts, int) and parts > MOST_ITEMS:
        raise NotReadable("a list that is too long")
    return list(np.split(a, parts, axis))


def _ones_like(value: float) -> Callable[..., Any]:
    def made(a: Any, fill: Any = None, dtype: Any = None) -> Any:
        kind = np.asarray(a).dtype if dtype is None else None
        whole = np.full(np.shape(a), value if fill is None else fill)
        return whole.astype(kind) if kind is not None else _typed(whole.astype(float), dtype)

    return made


def _nan_to_num(a: Any, **_: Any) -> Any:
    return np.nan_to_num(a)


def _meshgrid(*arrays: Any, indexing: str = "xy") -> Any:
    room([np.size(a) for a in arrays])
    return list(np.meshgrid(*arrays, indexing="ij" if indexing == "ij" else "xy"))


class Places:
    """What np.nditer with "multi_index" offers: one place of an array after the other."""

    def __init__(self, array: Any) -> None:
        self._places = list(np.ndindex(np.shape(array)))
        self._at = 0

    def attribute(self, name: str) -> Any:
        """Returns where it stands, whether it is through, or what takes it on."""
        match name:
            case "finished":
                return self._at >= len(self._places)
            case "multi_index":
                return self._places[self._at]
            case "iternext" | "__next__":
                return self._onward
        raise NotReadable(f"np.nditer.{name[:30]}")

    def _onward(self) -> None:
        self._at += 1


def _places(*extents: Any) -> list[tuple[int, ...]]:
    shape = extents[0] if len(extents) == 1 and isinstance(extents[0], tuple) else extents
    return list(np.ndindex(room(shape)))


class Elementwise:
    """A function of numbers that is applied to each entry; the interpreter knows how."""

    def __init__(self, function: Any) -> None:
        self.function = function


_ONE = """
exp log log1p expm1 log2 log10 tanh sinh cosh sin cos tan arctan arcsin arccos arctanh sqrt cbrt
abs absolute fabs sign negative reciprocal square floor ceil round rint trunc
logical_not isnan isinf isfinite transpose swapaxes moveaxis trace diag diagonal diagflat tril triu
sum mean max min amax amin var std prod cumsum cumprod argmax argmin argsort sort median average
all any count_nonzero nonzero flatnonzero unique norm ptp nansum nanmean
reshape ravel squeeze expand_dims concatenate stack vstack hstack dstack column_stack copy
flip fliplr flipud rot90 roll atleast_1d atleast_2d atleast_3d ascontiguousarray
shape size ndim isscalar iscomplexobj array_equal allclose isclose diff trapezoid
rollaxis take take_along_axis put_along_axis ix_ delete append array_split searchsorted
result_type unravel_index fill_diagonal bincount
""".split()

_SEVERAL = """
add subtract multiply divide true_divide floor_divide maximum minimum fmax fmin clip where
heaviside greater greater_equal less less_equal equal not_equal logical_and logical_or logical_xor
mod remainder hypot arctan2 logaddexp float_power copysign select
""".split()

FUNCTIONS: Callables = (
    {name: getattr(np, name) for name in _ONE if hasattr(np, name)}
    | {name: together(getattr(np, name)) for name in _SEVERAL}
    | {
        "power": power,
        "matmul": product,
        "dot": _dot,
        "inner": lambda a, b: _dot(a, np.transpose(b)) if np.ndim(b) > 1 else _dot(a, b),
        "vdot": lambda a, b: _dot(np.ravel(a), np.ravel(b)),
        "outer": _outer,
        "tensordot": _tensordot,
        "einsum": _einsum,
        "zeros": _filled(np.zeros),
        "ones": _filled(np.ones),
        "full": _filled(lambda shape, value=0.0: np.full(shape, value)),
        "empty": _filled(np.zeros),
        "zeros_like": _ones_like(0.0),
        "ones_like": _ones_like(1.0),
        "full_like": _ones_like(0.0),
        "empty_like": _ones_like(0.0),
        "eye": _eye,
        "identity": _eye,
        "array": array_of,
        "asarray": _asarray,
        "asanyarray": _asarray,
        "arange": _arange,
        "linspace": _linspace,
        "pad": _pad,
        "repeat": _repeat,
        "tile": _tile,
        "split": _split,
        "broadcast_to": _broadcast_to,
        "nan_to_num": _nan_to_num,
        "meshgrid": _meshgrid,
        "float64": float,
        "float32": float,
        "int64": int,
        "int32": int,
        "seterr": lambda *_, **__: None,
        "set_printoptions": lambda *_, **__: None,
        "nditer": lambda array, *_, **__: Places(array),
        "ndindex": _places,
        "ndenumerate": lambda array: list(np.ndenumerate(array)),
        "vectorize": lambda function, **_: Elementwise(function),
    }
)
"""Functions of NumPy by name."""


CONSTANTS: Mapping[str, Any] = {
    "pi": math.pi,
    "e": math.e,
    "inf": math.inf,
    "nan": math.nan,
    "newaxis": None,
    "ndarray": "ndarray",
    **{
        name: name
        for name in (
            *("float16", "float32", "float64", "float_", "double", "int8", "int16", "int32"),
            *("int64", "int_", "uint8", "bool_", "bool", "longdouble", "floating", "integer"),
        )
    },
}
"""Numbers and names of types."""

LINALG: Callables = {
    "norm": np.linalg.norm,
    "inv": np.linalg.inv,
    "pinv": np.linalg.pinv,
    "solve": np.linalg.solve,
    "det": np.linalg.det,
    "multi_dot": lambda arrays: _chained(arrays),
}


def _chained(arrays: Any) -> Any:
    found = arrays[0]
    for array in arrays[1:]:
        found = product(found, array)
    return found


def _add_at(a: Any, indices: Any, b: Any) -> None:
    np.add.at(a, indices, b)


def _subtract_at(a: Any, indices: Any, b: Any) -> None:
    np.subtract.at(a, indices, b)


UFUNCS: Mapping[str, Callables] = {
    "add": {"at": _add_at, "reduce": np.add.reduce, "outer": lambda a, b: _outer_of(np.add, a, b)},
    "subtract": {"at": _subtract_at, "outer": lambda a, b: _outer_of(np.subtract, a, b)},
    "multiply": {
        "outer": lambda a, b: _outer_of(np.multiply, a, b),
        "reduce": np.multiply.reduce,
    },
    "maximum": {"reduce": np.maximum.reduce},
}
"""Methods of functions, as np.add.at."""


def _outer_of(ufunc: Any, a: Any, b: Any) -> Any:
    room((np.size(a), np.size(b)))
    return ufunc.outer(a, b)


_METHODS = """
sum mean max min transpose copy reshape ravel squeeze argmax argmin argsort clip std var prod
cumsum all any round swapaxes nonzero diagonal trace
""".split()

METHODS: Callables = {name: getattr(np, name) for name in _METHODS} | {
    "dot": _dot,
    "flatten": np.ravel,
    "repeat": _repeat,
    "astype": lambda a, dtype=None, **_: _typed(np.array(a), dtype),
    "item": lambda a, *at: np.asarray(a).item(*at),
    "tolist": lambda a: np.asarray(a).tolist(),
    "fill": lambda a, value: a.fill(value),
    "sort": lambda a, axis=-1: a.sort(axis),
    "get": lambda a: a,
    "numpy": lambda a: a,
}
"""Methods of arrays; `flatten` is a copy, see the interpreter."""

MATH: Callables = {
    name: getattr(math, name)
    for name in "exp log log2 log10 log1p sqrt tanh sinh cosh sin cos tan floor ceil fabs".split()
} | {"pow": power, "prod": lambda items: math.prod(items), "isclose": math.isclose}
