"""Nested containers of arrays, taken apart into named leaves and put together again.

A structure is an array, or a mapping, tuple or list of structures. Leaves are named the way a
person would reach them: `params.W`, `layers[0].b`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gradcheck import backends


def leaves(tree: Any, name: str) -> dict[str, Any]:
    """Returns the leaves of a structure by name.

    >>> leaves({"W": 1.0, "bs": [2.0, 3.0]}, "params")
    {'params.W': 1.0, 'params.bs[0]': 2.0, 'params.bs[1]': 3.0}
    """
    return dict(_walk(tree, name))


def rebuild(tree: Any, name: str, values: Mapping[str, Any]) -> Any:
    """Returns a structure like `tree` whose leaves are those of `values` (by name; else kept).

    >>> rebuild({"W": 1.0, "bs": [2.0, 3.0]}, "params", {"params.bs[0]": 7.0})
    {'W': 1.0, 'bs': [7.0, 3.0]}
    """
    if name in values:
        return values[name]
    if isinstance(tree, Mapping):
        return {key: rebuild(value, f"{name}.{key}", values) for key, value in tree.items()}
    if isinstance(tree, (tuple, list)):
        items = [rebuild(value, f"{name}[{i}]", values) for i, value in enumerate(tree)]
        if hasattr(tree, "_fields"):  # a named tuple takes its fields one by one
            return type(tree)(*items)
        return type(tree)(items)
    return tree


def align(returned: Any, tree: Any, name: str) -> tuple[dict[str, Any], list[str]]:
    """Returns the leaves of `returned` under the names of the leaves of `tree`, and what misfits.

    None, or a missing key, stands for "no gradient" and leaves its leaves out.

    >>> align({"W": 1.0, "c": 2.0}, {"W": 0.0, "b": 0.0}, "params")
    ({'params.W': 1.0}, ["params.c: returned, and there is no such primal (there are 'W', 'b')"])
    """
    if returned is None:
        return {}, []
    if isinstance(tree, Mapping):
        return _align_mapping(returned, tree, name)
    if isinstance(tree, (tuple, list)):
        return _align_sequence(returned, tree, name)
    if numbers_of(returned, tree) is not None:
        return {name: returned}, []
    if isinstance(returned, (tuple, list)) and len(returned) == 1:
        returned = returned[0]
    if isinstance(returned, (Mapping, tuple, list)):
        return {}, [f"{name}: expected one array, got {describe(returned)}"]
    return {name: returned}, []


def numbers_of(returned: Any, x: Any) -> np.ndarray | None:
    """Returns the values of a list of numbers with as many axes as an array has, else None.

    >>> numbers_of([1.0, 2.0], np.zeros(2)), numbers_of([1.0, 2.0], np.zeros((2, 1)))
    (array([1., 2.]), None)
    """
    if not isinstance(returned, list) or not backends.is_floating(x):
        return None
    try:
        values = np.asarray(returned)
    except (ValueError, TypeError, RuntimeError):  # ragged; or of tensors that require gradients
        return None
    fits = values.ndim == len(backends.of(x).shape(x)) and values.dtype.kind in "fiu"
    return values.astype(np.float64) if fits and not backends.of(x).is_complex(x) else None


def describe(value: Any) -> str:
    """Returns what a value is, in a few words: its type, and its shape and dtype or its length.

    >>> describe((1.0, None)), describe(None), describe({"W": 1})
    ('a tuple of 2', 'None', "a dict with the keys 'W'")
    """
    if value is None:
        return "None"
    kind = type(value).__name__
    kind = f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"an array of shape {tuple(value.shape)} and dtype {value.dtype}"
    if isinstance(value, Mapping):
        return f"{kind} with the keys {', '.join(map(repr, value))}"
    if isinstance(value, (tuple, list)):
        return f"{kind} of {len(value)}"
    return kind


def entry(name: str, index: tuple[int, ...], x: Any) -> tuple[str, tuple[int, ...]]:
    """Returns how a person calls one of the coordinates of an array, and its index in the array.

    >>> import numpy as np
    >>> entry("W", (3, 0), np.zeros((4, 2))), entry("z", (3, 1), np.zeros(4, complex))
    (('W[3, 0]', (3, 0)), ('z[3].imag', (3,)))
    """
    part = ""
    if backends.of(x).is_complex(x):
        *head, last = index
        index, part = tuple(head), (".real", ".imag")[last]
    return f"{name}{list(index) if index else ''}{part}", index


def _walk(tree: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _walk(value, f"{name}.{key}")
    elif isinstance(tree, (tuple, list)):
        for i, value in enumerate(tree):
            yield from _walk(value, f"{name}[{i}]")
    else:
        yield name, tree


def _align_mapping(returned: Any, tree: Mapping, name: str) -> tuple[dict[str, Any], list[str]]:
    if not isinstance(returned, Mapping):
        keys = ", ".join(map(repr, tree))
        return {}, [f"{name}: expected a mapping with the keys {keys}, got {describe(returned)}"]
    found: dict[str, Any] = {}
    keys = ", ".join(map(repr, tree))
    misfits = [
        f"{name}.{key}: returned, and there is no such primal (there are {keys})"
        for key in returned
        if key not in tree
    ]
    for key, subtree in tree.items():
        values, problems = align(returned.get(key), subtree, f"{name}.{key}")
        found |= values
        misfits += problems
    return found, misfits


def _align_sequence(returned: Any, tree: tuple | list, name: str) -> tuple[dict, list[str]]:
    if not isinstance(returned, (tuple, list)) or len(returned) != len(tree):
        return {}, [f"{name}: expected {len(tree)} cotangents, got {describe(returned)}"]
    found: dict[str, Any] = {}
    misfits: list[str] = []
    for i, (value, subtree) in enumerate(zip(returned, tree, strict=True)):
        values, problems = align(value, subtree, f"{name}[{i}]")
        found |= values
        misfits += problems
    return found, misfits
