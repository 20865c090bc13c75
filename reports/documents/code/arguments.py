"""Arguments for the code of a document: what each is by its name and use, in several layouts."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any, Literal

import numpy as np

from reports.documents.code.limits import NotReadable
from reports.documents.code.modules import Builtin
from reports.documents.code.names import OUTPUTS, is_settings, is_store, plain, role, setting

BATCH = 5
FREE = (7, 11, 13, 4, 9, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83)
"""Extents of axes, each of which tells where it comes from. No two are equal, none is fixed."""

FEW = (4, 9)
"""Those for numbers of kernels, over which loops run."""

RATE = 0.125

Kind = Literal["array", "size", "number", "text", "flag", "store", "list", "whole", "function"]


@dataclass(frozen=True)
class Spec:
    """What an argument is.

    Attributes:
        kind: an array, a size that may be the extent of an axis, a number, …; "whole" is an
            array of whole numbers, "store" a dictionary.
        shape: the extents of an array.
        role: what its name says.
        parts: the entries of a dictionary or a list.
        constant: the value of a number, text, flag or size.
        feature: the axis of an array along which an output has its classes.
        fixed: the axes whose extents stay: heights, widths, and the sizes of kernels.
        low: the least value of an array of data.
    """

    kind: Kind
    shape: tuple[int, ...] = ()
    role: str = ""
    parts: Mapping[Any, "Spec"] = field(default_factory=dict)
    constant: Any = None
    feature: int | None = None
    fixed: tuple[int, ...] = ()
    low: float = -1.0


@dataclass(frozen=True)
class Layout:
    """How data lie. In shapes, 0 stands for an extent of its own and -1 for the batch."""

    name: str
    data: tuple[int, ...]
    weight: tuple[int, ...]
    bias: tuple[int, ...]
    scale: tuple[int, ...]
    target: tuple[int, ...]
    feature: int | None

    @property
    def many(self) -> bool:
        """Whether it has several samples."""
        return -1 in self.data


LAYOUTS = (
    Layout("rows", (-1, 0), (0, 0), (0,), (0,), (-1, 0), 1),
    Layout("rows, biases as rows", (-1, 0), (0, 0), (1, 0), (1, 0), (-1, 0), 1),
    Layout("columns", (0, -1), (0, 0), (0, 1), (0, 1), (0, -1), 0),
    Layout("one target a row", (-1, 0), (0,), (), (), (-1,), None),
    Layout("numbers", (-1,), (), (), (), (-1,), None),
    Layout("one vector", (0,), (0, 0), (0,), (0,), (0,), 0),
    Layout("one column", (0, 1), (0, 0), (0, 1), (0, 1), (0, 1), 0),
    Layout("one row", (1, 0), (0, 0), (1, 0), (1, 0), (1, 0), 1),
    Layout("one vector, one target", (0,), (0,), (), (), (), None),
    Layout("one number", (), (), (), (), (), None),
)
"""Layouts in the order in which they are tried: with several samples a mean is no sum."""


class Names:
    """How the parameters of functions are used, and extents that nobody has yet."""

    def __init__(self, layout: Layout, gates: int = 1, low: float = -1.0) -> None:
        self.layout = layout
        self._low = low
        self.gates = gates
        self._fresh = iter(chain((n for n in FREE if n not in FEW), range(89, 400, 2)))
        self._few = iter(FEW)
        self.siblings: tuple[str, ...] = ()

    def fresh(self) -> int:
        """Returns an extent that no other axis has."""
        return next(self._fresh)

    @cached_property
    def _hidden(self) -> int:
        return self.fresh()

    def shaped(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Returns a shape with extents for its placeholders."""
        return tuple(self.fresh() if n == 0 else BATCH if n == -1 else n for n in shape)

    def array(self, name: str, kind: str = "") -> Spec:
        """Returns the array that a name stands for in the layout."""
        kind = kind or role(name) or ("prediction" if plain(name) in OUTPUTS else "")
        if kind == "data" and plain(name) == "aprev":  # of a cell, beside its input
            if any(role(other) == "data" for other in self.siblings if other != name):
                kind = "hidden"
        layout = self.layout
        shape = {
            "weight": layout.weight,
            "recurrent": layout.weight,
            "bias": layout.bias,
            "scale": layout.scale,
            "target": layout.target,
            "prediction": layout.target,
        }.get(kind, layout.data)
        found = self.shaped(shape)
        if kind == "hidden":
            found = tuple(self._hidden if n not in {1, BATCH} else n for n in found)
        if kind == "recurrent" and len(found) == 2:
            found = (found[0], found[0])
        if self.gates > 1 and kind in {"weight", "recurrent", "bias"} and found:
            found = self._gated(found)
        feature = layout.feature if kind in {"target", "data", "hidden", ""} else None
        low = self._low if kind in {"data", "hidden", ""} else -1.0
        return Spec("array", found, kind, feature=feature, low=low)

    def _gated(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Returns the shape of a weight or bias for all the gates of a cell."""
        outer = 0 if self.layout.feature == 0 else len(shape) - 1
        return tuple(self.gates * self._hidden if i == outer else n for i, n in enumerate(shape))

    def spec(self, name: str, use: "Use", *, of_class: bool = False) -> Spec:
        """Returns what a parameter is.

        Args:
            name: the parameter.
            use: how the function uses it.
            of_class: whether it is a setting of a class rather than data.
        """
        if use.called:
            return Spec("function", role=plain(name))
        if use.texts:
            return Spec("text", constant=use.texts[0])
        if is_settings(name):
            return Spec(
                "store", parts={key: self.entry(key, True) for key in use.keys}, role="settings"
            )
        if use.keys or (use.stored and is_store(name)):
            entries = {key: self.entry(key, False) for key in use.keys}
            return Spec("store", parts=entries or self._two_layers())
        if use.rank:
            return self._of_rank(name, use)
        known = setting(name)
        kind = role(name)
        as_setting = of_class or (known not in {"size", ""} and kind in {"", known}) or use.ranged
        if as_setting and known and not (kind in {"weight", "bias", "data"} and not use.size):
            return self._setting(known)
        if use.ranged or use.size:
            return Spec("size", constant=self.fresh(), role="size")
        if kind in _NUMBERS:
            return Spec("number", constant=_NUMBERS[kind], role=kind)
        if known in _NUMBERS and not kind:
            return Spec("number", constant=_NUMBERS[known], role=known)
        if known in {"on", "off"} and not kind:
            return Spec("flag", constant=known == "on")
        if use.listed and plain(name).endswith("s") and kind in {"weight", "bias"}:
            return self._chain(kind)
        return self.array(name, kind)

    def entry(self, key: str, of_settings: bool) -> Spec:
        """Returns what an entry of a dictionary is: of settings, or of parameters."""
        if of_settings:
            known = setting(key)
            return self._setting(known) if known else Spec("text", constant="train")
        return self.array(key)

    def _setting(self, known: str) -> Spec:
        if known == "size":
            return Spec("size", constant=self.fresh(), role="size")
        if known == "sizes":
            sizes = [Spec("size", constant=self.fresh(), role="size") for _ in range(3)]
            return Spec("list", parts=dict(enumerate(sizes)), role="sizes")
        if known in {"on", "off"}:
            return Spec("flag", constant=known == "on")
        return Spec("number", constant=_NUMBERS[known], role=known)

    def _of_rank(self, name: str, use: "Use") -> Spec:
        kind, rank = role(name), use.rank
        if rank == 4:
            return self.image(kind, use.axes)
        if rank == 3:
            return Spec("array", (2, 6, self.fresh()), kind, fixed=(0, 1))
        base = self.array(name, kind)
        return base if len(base.shape) == rank else Spec("array", self.shaped((0,) * rank), kind)

    def image(self, kind: str, axes: tuple[str, ...] = ()) -> Spec:
        """Returns an array of images, or of kernels: (N, C, H, W) or (F, C, HH, WW).

        Args:
            kind: what the array is by its name.
            axes: what its extents are called, where the code unpacks them.
        """
        last = len(axes) == 4 and "c" in axes[3].lower()
        if kind in {"weight", "recurrent"}:
            if last:  # (f, f, C_in, C_out)
                shape = (2, 2, self.fresh(), next(self._few, self.fresh()))
                return Spec("array", shape, kind, fixed=(0, 1))
            shape = (next(self._few, self.fresh()), self.fresh(), 3, 2)
            return Spec("array", shape, kind, fixed=(2, 3))
        if last:
            return Spec("array", (3, 6, 4, self.fresh()), kind, fixed=(0, 1, 2))
        return Spec("array", (3, self.fresh(), 6, 4), kind, fixed=(0, 2, 3))

    def _two_layers(self) -> dict[Any, Spec]:
        """Returns the entries of a dictionary with the parameters of two layers."""
        columns = self.layout.feature == 0
        sizes = (self.fresh(), self.fresh(), self.fresh())
        found: dict[Any, Spec] = {}
        for at in (1, 2):
            shape = (sizes[at - 1], sizes[at])
            found[f"W{at}"] = Spec("array", shape[::-1] if columns else shape, "weight")
            bias = tuple(sizes[at] if n == 0 else n for n in self.layout.bias)
            found[f"b{at}"] = Spec("array", bias, "bias")
        return found

    def _chain(self, kind: str) -> Spec:
        entries = [
            v
            for k, v in self._two_layers().items()
            if k.startswith("W" if kind == "weight" else "b")
        ]
        return Spec("list", parts=dict(enumerate(entries)), role=kind)


_NUMBERS: Mapping[str, Any] = {
    "rate": RATE,
    "guard": 1e-8,
    "penalty": 0.3,
    "count": 1,
    "batch": BATCH,
    "kernel": 2,
    "kept": 0.8,
    "stride": 2,
    "pad": 1,
    "share": 0.7,
}


# ---------------------------------------------------------------- how a function uses its names


@dataclass(frozen=True)
class Use:
    """How a function uses a parameter.

    Attributes:
        called: whether it calls it.
        texts: the texts that it is compared with.
        keys: the texts by which its entries are read.
        stored: whether entries are read by texts that are made up, or it is asked for its items.
        rank: how many extents its shape is unpacked into.
        axes: what they are called.
        ranged: whether it is the bound of a loop.
        size: whether it is an extent of an array that is made.
        listed: whether it is gone through, or its entries are read by numbers.
    """

    called: bool = False
    texts: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    stored: bool = False
    rank: int = 0
    axes: tuple[str, ...] = ()
    ranged: bool = False
    size: bool = False
    listed: bool = False


def gates(node: ast.AST) -> int:
    """Returns into how many parts a function splits what it computes: the gates of a cell."""
    found = [1]
    for part in ast.walk(node):
        match part:
            case ast.Slice(lower=ast.BinOp(left=ast.Constant(value=int() as k), op=ast.Mult())):
                found.append(k + 1)
            case ast.Slice(lower=ast.BinOp(right=ast.Constant(value=int() as k), op=ast.Mult())):
                found.append(k + 1)
            case ast.Call(
                func=ast.Attribute(attr="split" | "array_split" | "hsplit" | "vsplit"),
                args=[_, ast.Constant(value=int() as k), *_],
            ):
                found.append(k)
            case _:
                pass
    return max(k for k in found if k < 9) if max(found) > 1 else 1


_MAKERS = frozenset("zeros ones empty full randn rand normal uniform eye identity random".split())


@lru_cache(maxsize=512)
def uses(node: ast.FunctionDef | ast.Lambda) -> Mapping[str, Use]:
    """Returns how a function uses each of its names."""
    found: dict[str, Use] = {}

    def add(name: str, **changes: Any) -> None:
        found[name] = replace(found.get(name, Use()), **changes)

    for part in ast.walk(node):
        match part:
            case ast.Call(func=ast.Name(id=name)):
                add(name, called=True)
                _ranges(part, add)
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=name), attr="items" | "keys" | "values")
            ):
                add(name, stored=True)
            case ast.Call(func=ast.Attribute(attr=maker)) if maker in _MAKERS:
                _sizes(part, add)
            case ast.Compare(
                left=ast.Name(id=name), comparators=[ast.Constant(value=str() as text)]
            ):
                add(name, texts=(*found.get(name, Use()).texts, text))
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str() as key)):
                if key not in found.get(name, Use()).keys:
                    add(name, keys=(*found.get(name, Use()).keys, key))
            case ast.Subscript(value=ast.Name(id=name), slice=ast.JoinedStr()):
                add(name, stored=True)
            case ast.Subscript(
                value=ast.Name(id=name), slice=ast.BinOp(left=ast.Constant(value=str()))
            ):
                add(name, stored=True)
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=int())):
                add(name, listed=True)
            case ast.Assign(
                targets=[ast.Tuple(elts=targets)],
                value=ast.Attribute(value=ast.Name(id=name), attr="shape"),
            ):
                axes = tuple(t.id if isinstance(t, ast.Name) else "" for t in targets)
                add(name, rank=len(targets), axes=axes)
            case ast.For(iter=ast.Name(id=name)) | ast.comprehension(iter=ast.Name(id=name)):
                add(name, listed=True)
            case _:
                pass
    return found


def _ranges(call: ast.Call, add: Callable[..., None]) -> None:
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    for argument in call.args:
        if isinstance(argument, ast.Name):
            if name in {"range", "xrange"}:
                add(argument.id, ranged=True)
            elif name in {"zip", "enumerate", "reversed"}:
                add(argument.id, listed=True)


def _sizes(call: ast.Call, add: Callable[..., None]) -> None:
    for part in ast.walk(call):
        if isinstance(part, ast.Name):
            add(part.id, size=True)


# ---------------------------------------------------------------- values


def value_of(spec: Spec, rng: np.random.Generator) -> Any:
    """Returns a random value of what a spec describes.

    Raises:
        NotReadable: there is none.
    """
    match spec.kind:
        case "array":
            return _numbers(spec, rng)
        case "whole":
            return rng.integers(0, 2, spec.shape)
        case "store":
            return {key: value_of(part, rng) for key, part in spec.parts.items()}
        case "list":
            return [value_of(part, rng) for part in spec.parts.values()]
        case "size" | "number" | "text" | "flag":
            return spec.constant
        case "function":
            return _function(spec.role)
    raise NotReadable("an argument that is not known")


def _numbers(spec: Spec, rng: np.random.Generator) -> Any:
    if spec.role == "scale":
        return rng.uniform(0.3, 1.0, spec.shape)
    if spec.role not in {"target", "prediction"}:
        found = rng.uniform(spec.low, 1.0, spec.shape)
        return found if spec.shape else float(found)
    found = rng.uniform(0.2, 0.8, spec.shape)
    if spec.feature is not None and len(spec.shape) > spec.feature:
        if spec.shape[spec.feature] > 1:
            found = found / found.sum(axis=spec.feature, keepdims=True)
    return found if spec.shape else float(found)


def _function(name: str) -> Builtin:
    """Returns an activation, or its derivative where the name says so."""
    if any(word in name for word in ("prime", "deriv", "grad", "df", "dact", "back")) or (
        name.startswith("d") and len(name) < 5
    ):
        return Builtin("tanh'", lambda z: 1 - np.tanh(z) ** 2)
    return Builtin("tanh", np.tanh)
