"""The modules that code may import, and the names that are known without."""

import ast
import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.documents.code.limits import NotReadable
from reports.documents.code.numpy_calls import (
    CONSTANTS,
    FUNCTIONS,
    LINALG,
    MATH,
    UFUNCS,
    together,
)
from reports.documents.code.python_calls import BUILTINS


class _Shared:
    """Something that copies of objects have in common."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self


@dataclass(frozen=True, eq=False)
class Builtin(_Shared):
    """A function that is ours."""

    name: str
    function: Callable[..., Any]

    def attribute(self, name: str) -> "Builtin":
        """Returns a method of a function of NumPy: np.add.at."""
        found = UFUNCS.get(self.name, {}).get(name)
        if found is None:
            raise NotReadable(f"{self.name}.{name[:30]}")
        return Builtin(f"{self.name}.{name}", found)


@dataclass(frozen=True)
class Module:
    """A module, by its full name."""

    name: str


def _expit(x: Any) -> Any:
    return 1 / (1 + np.exp(-np.asarray(x, dtype=float)))


def _softmax(x: Any, axis: Any = None) -> Any:
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def _logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


_MODULES: Mapping[str, Mapping[str, Any]] = {
    "numpy": FUNCTIONS,
    "numpy.linalg": LINALG,
    "math": MATH,
    "scipy.special": {
        "expit": _expit,
        "softmax": _softmax,
        "logsumexp": _logsumexp,
        "xlogy": together(lambda x, y: x * np.log(y)),
    },
    "copy": {"deepcopy": copy.deepcopy, "copy": copy.copy},
    "time": {name: lambda *_: 0.0 for name in ("time", "perf_counter", "sleep", "process_time")},
    "collections": {name: BUILTINS[name] for name in ("OrderedDict",)},
    "tqdm": {name: BUILTINS[name] for name in ("tqdm", "trange")},
    "tqdm.auto": {name: BUILTINS[name] for name in ("tqdm", "trange")},
    "tqdm.notebook": {name: BUILTINS[name] for name in ("tqdm", "trange")},
    "dataclasses": {"field": BUILTINS["field"]},
}
_INNER = frozenset(("numpy.random", "numpy.linalg", "scipy.special"))
_CONSTANTS: Mapping[str, Mapping[str, Any]] = {"numpy": CONSTANTS, "math": CONSTANTS}

ALIASES: Mapping[str, str] = {"np": "numpy", "numpy": "numpy", "math": "math"}
"""Modules that are known where nothing imports them."""

SILENT = frozenset(
    """
    plt matplotlib pyplot sns ax fig axes logging logger log warnings pprint display time sys gc
    pbar progress_bar writer np.testing
    """.split()
)
"""Names whose methods only show something: as a statement they are left out."""


def known_name(name: str) -> Any:
    """Returns a name of Python's or a module; None where it is neither."""
    if name in BUILTINS:
        return Builtin(name, BUILTINS[name])
    if name in ALIASES:
        return Module(ALIASES[name])
    return None


def attribute_of_module(module: Module, name: str) -> Any:
    """Returns a function, constant or module of a module.

    Raises:
        NotReadable: it is none of those that are known.
    """
    full = f"{module.name}.{name}"
    if module.name == "numpy.random" or module.name == "random":
        return Builtin(f"random.{name}", np.size)  # the interpreter draws
    if full in _INNER:
        return Module(full)
    functions = _MODULES.get(module.name, {})
    if name in functions:
        return Builtin(name, functions[name])
    constants = _CONSTANTS.get(module.name, {})
    if name in constants:
        return constants[name]
    raise NotReadable(f"{module.name.replace('numpy', 'np')}.{name[:30]}")


def imported(node: ast.Import | ast.ImportFrom) -> dict[str, Any]:
    """Returns the names that an import brings, as far as they are known."""
    found: dict[str, Any] = {}
    if isinstance(node, ast.Import):
        for alias in node.names:
            name = {"cupy": "numpy", "autograd.numpy": "numpy"}.get(alias.name, alias.name)
            if name in _MODULES or name in _INNER or name == "random":
                if alias.asname:
                    found[alias.asname] = Module(name)
                elif "." not in name:
                    found[name] = Module(name)
        return found
    for alias in node.names:
        called = alias.asname or alias.name
        full = f"{node.module}.{alias.name}"
        if full in _INNER:
            found[called] = Module(full)
        elif node.module and (node.module in _MODULES or node.module in {"numpy.random", "random"}):
            try:
                found[called] = attribute_of_module(Module(node.module), alias.name)
            except NotReadable:
                continue
    return found
