"""Arrays and scalars whose arithmetic is seen.

A `Traced` stands for an ndarray without being one, so that whatever turns it into one silently
(a C extension, `float`) has to ask for it, which is noted as an escape. It says that its class is
the array's, since functions look (`isinstance(x, np.ndarray)`, `isinstance(x, float)`).
Only floating values are traced: booleans and integers are decisions, constants once recorded.
"""

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gradcheck.replay.tape import active, running


class Traced:
    """An array that is traced; see the module.

    Args:
        data: the plain array (or, of a `TracedScalar`, the NumPy scalar) it stands for.
    """

    __slots__ = ("data_",)
    __array_priority__ = 1e6
    data_: Any

    def __init__(self, data: Any):
        object.__setattr__(self, "data_", data)

    @property
    def __class__(self) -> type:  # pyright: ignore
        return type(self.data_)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from gradcheck.replay import numpy_ops

        return numpy_ops.ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from gradcheck.replay import numpy_ops

        return numpy_ops.function(func, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        # Never the array interface: it would hand out the memory without being asked.
        if name.startswith("__"):
            raise AttributeError(name)
        from gradcheck.replay import numpy_ops

        return numpy_ops.attribute(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.data_, name, bare(value))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        plain = np.asarray(self.data_, dtype=dtype) if not copy else np.array(self.data_, dtype)
        return _escaped("became a plain array", plain)

    def __float__(self) -> float:
        return _escaped("became a Python float", float(self.data_))

    def __complex__(self) -> complex:
        return _escaped("became a Python complex", complex(self.data_))

    def __getitem__(self, key: Any) -> Any:
        return wrapped(seen("getitem", operator.getitem, (self.data_, bare(key))))

    def __setitem__(self, key: Any, value: Any) -> None:
        _put(self.data_, bare(key), bare(value))

    def __len__(self) -> int:
        return len(self.data_)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self.data_)))

    def __contains__(self, item: Any) -> bool:
        return _decision("contains", self, lambda: bare(item) in self.data_)

    def __bool__(self) -> bool:
        return _decision("bool", self, lambda: bool(self.data_), _at_zero(self.data_))

    def __int__(self) -> int:
        return _decision("int", self, lambda: int(self.data_))

    def __round__(self, digits: int | None = None) -> Any:
        return _decision("round", self, lambda: round(self.data_, digits))

    def __floor__(self) -> int:
        return _decision("floor", self, lambda: int(np.floor(self.data_)))

    def __ceil__(self) -> int:
        return _decision("ceil", self, lambda: int(np.ceil(self.data_)))

    def __trunc__(self) -> int:
        return _decision("trunc", self, lambda: int(np.trunc(self.data_)))

    def __divmod__(self, other: Any) -> Any:
        return np.divmod(self, other)  # pyright: ignore

    def __rdivmod__(self, other: Any) -> Any:
        return np.divmod(other, self)  # pyright: ignore

    def __neg__(self) -> Any:
        return wrapped(seen("negative", operator.neg, (self.data_,)))

    def __pos__(self) -> Any:
        return wrapped(+self.data_)

    def __abs__(self) -> Any:
        return np.absolute(self)  # pyright: ignore

    def __copy__(self) -> "Traced":
        return type(self)(self.data_.copy())

    def __deepcopy__(self, memo: Any) -> "Traced":
        return type(self)(self.data_.copy())

    def __reduce__(self) -> Any:
        return type(self), (self.data_,)

    def __repr__(self) -> str:
        return repr(self.data_)

    def __str__(self) -> str:
        return str(self.data_)

    def __format__(self, spec: str) -> str:
        return format(self.data_, spec)

    __hash__ = None  # pyright: ignore


class TracedBuffer(np.ndarray):
    """A real array that is traced: what stands where extension modules may reach for the memory.

    `np.empty` and `np.asarray` are called by compiled code too (`Generator.random` fills what it
    gets), for which anything but an array is fatal. Whatever is computed with one is `Traced`.
    """

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("__") or active() is None:
            return super().__getattribute__(name)
        return getattr(Traced(plain(self)), name)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return Traced(plain(self)).__array_ufunc__(ufunc, method, *inputs, **kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return Traced(plain(self)).__array_function__(func, types, args, kwargs)

    def __getitem__(self, key: Any) -> Any:
        return wrapped(seen("getitem", operator.getitem, (plain(self), bare(key))))

    def __setitem__(self, key: Any, value: Any) -> None:
        _put(plain(self), bare(key), bare(value))

    def __iter__(self) -> Iterator[Any]:
        return iter(Traced(plain(self)))

    def __contains__(self, item: Any) -> bool:
        return item in Traced(plain(self))

    def __bool__(self) -> bool:
        return bool(Traced(plain(self)))

    def __int__(self) -> int:
        return int(Traced(plain(self)))  # pyright: ignore

    def __float__(self) -> float:
        return float(Traced(plain(self)))

    def __complex__(self) -> complex:
        return complex(Traced(plain(self)))

    def __deepcopy__(self, memo: Any) -> np.ndarray:
        return plain(self).copy()


def plain(x: np.ndarray) -> np.ndarray:
    """Returns the memory of a buffer as a plain array."""
    return np.ndarray.view(x, np.ndarray)


def as_buffer(value: Any) -> Any:
    """Returns a floating array as one that is traced, and is an array."""
    floating = isinstance(value, np.ndarray) and is_floating(bare(value).dtype)
    return np.ndarray.view(bare(value), TracedBuffer) if floating else value


class TracedScalar(Traced):
    """A NumPy scalar that is traced: immutable, and hashable, which hides what is done with it."""

    __slots__ = ()

    def __hash__(self) -> int:  # pyright: ignore
        return _escaped("was hashed", hash(self.data_))


KINDS = (Traced, TracedScalar, TracedBuffer)


def is_floating(dtype: np.dtype) -> bool:
    """Returns whether numbers of a dtype are traced: real or complex, ml_dtypes' too."""
    return dtype.kind in "fc" or (dtype.isbuiltin == 2 and "int" not in dtype.name)


def is_running() -> bool:
    """Returns whether a run is being recorded or replayed in this context."""
    return active() is not None


def traced(array: np.ndarray) -> Any:
    """Returns a traced copy of what a function is to compute with besides its arguments."""
    return wrapped(array.copy(order="K"))


def bare(tree: Any) -> Any:
    """Returns a tree with the plain arrays in place of the traced ones."""
    kind = type(tree)
    if kind in (Traced, TracedScalar):
        return tree.data_
    if kind is TracedBuffer:
        return plain(tree)
    if kind in (list, tuple):
        return kind(map(bare, tree))
    if kind is dict:
        return {key: bare(value) for key, value in tree.items()}
    if kind is slice:
        return slice(bare(tree.start), bare(tree.stop), bare(tree.step))
    return tree


def has_traced(tree: Any) -> bool:
    """Returns whether a tree of lists, tuples and dictionaries has a traced leaf."""
    kind = type(tree)
    if kind in (list, tuple):
        return any(map(has_traced, tree))
    if kind is dict:
        return any(map(has_traced, tree.values()))
    return kind in KINDS


def wrapped(tree: Any) -> Any:
    """Returns a tree with its floating arrays and scalars traced."""
    if type(tree) is np.ndarray:
        return Traced(tree) if is_floating(tree.dtype) else tree
    if isinstance(tree, (list, tuple)):
        items = list(map(wrapped, tree))
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    if isinstance(tree, (np.ndarray, np.generic)) and not isinstance(tree, np.void):
        if type(tree) not in KINDS and is_floating(tree.dtype):
            return Traced(tree) if isinstance(tree, np.ndarray) else TracedScalar(tree)
    return tree


def seen(op: str, compute: Callable[..., Any], operands: tuple[Any, ...]) -> Any:
    """Returns what an operation without decisions gives of plain arrays, as the run has it."""
    tape = active()
    with running(None):
        return compute(*operands) if tape is None else tape.seen(op, compute, operands)


def _put(x: np.ndarray, key: Any, value: Any) -> None:
    x[key] = seen("setitem", lambda v: v, (value,))


def _escaped(way: str, carrier: Any) -> Any:
    tape = active()
    if tape is not None:
        tape.escape(way, carrier)
    return carrier


def _decision(op: str, x: Traced, value: Callable[[], Any], ties: int = 0) -> Any:
    tape = active()
    if tape is None:
        return value()
    return tape.decide(op, np.shape(x.data_), value, lambda _: ties)


def _at_zero(data: Any) -> int:
    return int(np.size(data) == 1 and np.all(data == 0))


def _binary(name: str) -> tuple[Callable, Callable, Callable]:
    """Returns the three forms of an operator without decisions, exactly as plain arrays do it."""
    function = getattr(operator, name)

    def forward(self: Traced, other: Any) -> Any:
        return wrapped(seen(name, function, (self.data_, bare(other))))

    def reflected(self: Traced, other: Any) -> Any:
        return wrapped(seen(name, function, (bare(other), self.data_)))

    def in_place(self: Traced, other: Any) -> Any:
        tape, before = active(), self.data_
        if tape is not None and tape.watcher is not None and isinstance(before, np.ndarray):
            before[...] = seen(name, function, (before.copy(), bare(other)))
            return self
        with running(None):
            after = getattr(operator, f"i{name}")(before, bare(other))
        return self if after is before else wrapped(after)

    return forward, reflected, in_place


def _deciding(ufunc: np.ufunc) -> tuple[Callable, Callable, Callable]:
    """Returns the three forms of an operator whose results are decisions, or depend on some."""

    def in_place(self: Traced, other: Any) -> Any:
        if type(self) is TracedScalar:
            return ufunc(self, other)
        return ufunc(self, other, out=(self,))

    return (lambda a, b: ufunc(a, b)), (lambda a, b: ufunc(b, a)), in_place


def _install() -> None:
    forms = {n: _binary(n) for n in ("add", "sub", "mul", "truediv", "pow", "matmul")}
    forms |= {"floordiv": _deciding(np.floor_divide), "mod": _deciding(np.remainder)}
    for name, (forward, reflected, in_place) in forms.items():
        setattr(Traced, f"__{name}__", forward)
        setattr(Traced, f"__r{name}__", reflected)
        setattr(Traced, f"__i{name}__", in_place)
    comparisons = {
        "lt": np.less,
        "le": np.less_equal,
        "gt": np.greater,
        "ge": np.greater_equal,
        "eq": np.equal,
        "ne": np.not_equal,
    }
    for name, ufunc in comparisons.items():
        setattr(Traced, f"__{name}__", _deciding(ufunc)[0])


_install()
