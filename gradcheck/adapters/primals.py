"""The primals of a call: what the user passed, which of it is differentiated, and by what name."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.errors import EvaluationError, InvalidInput
from gradcheck.structure import align, describe, leaves, numbers_of, rebuild
from gradcheck.subject import Point, Pulled
from gradcheck.verdict import Finding


@dataclass(frozen=True)
class Primals:
    """The arguments of one call, each a structure of arrays with a name.

    Attributes:
        trees: the arguments by name, in order.
        wrt: the names of those that are differentiated.
        by_name: whether they are passed as keywords.
    """

    trees: Mapping[str, Any]
    wrt: tuple[str, ...]
    by_name: bool

    @cached_property
    def point(self) -> dict[str, Any]:
        """The floating arrays among the differentiated primals."""
        found = {p: v for name in self.wrt for p, v in leaves(self.trees[name], name).items()}
        return {path: leaf for path, leaf in found.items() if backends.is_floating(leaf)}

    @cached_property
    def constants(self) -> dict[str, Any]:
        """The arrays that are not differentiated."""
        everything = {p: v for n, tree in self.trees.items() for p, v in leaves(tree, n).items()}
        point = self.point
        return {
            path: leaf
            for path, leaf in everything.items()
            if path not in point and backends.is_array(leaf) and hasattr(leaf, "shape")
        }

    def arguments(self, point: Point) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Returns (args, kwargs) of the call at a point."""
        filled = {name: rebuild(tree, name, point) for name, tree in self.trees.items()}
        return ((), filled) if self.by_name else (tuple(filled.values()), {})

    def pulled(self, returned: Any) -> Pulled:
        """Returns what a pullback returned by the names of the primals."""
        chosen, problem = self._chosen(returned)
        found: dict[str, Any] = {}
        misfits: list[str] = []
        for name, value in chosen.items():
            values, problems = align(value, self.trees[name], name)
            found |= values
            misfits += problems
        found, lists = without_lists(found, self.point)
        form = tuple(structure_finding(misfit) for misfit in misfits)
        return Pulled(found, (*((problem,) if problem else ()), *form, *lists))

    def _chosen(self, returned: Any) -> tuple[dict[str, Any], Finding | None]:
        """Returns the cotangents of the differentiated primals, still structured."""
        if returned is None:
            return {}, None
        if isinstance(returned, Mapping) and (self.by_name or not self._is_bare(returned)):
            return self._chosen_by_name(returned)
        if self._is_bare(returned):
            return {self.wrt[0]: returned}, None
        if not self.by_name and isinstance(returned, (tuple, list)):
            for names in (self.wrt, tuple(self.trees)):
                if len(returned) == len(names):
                    given = dict(zip(names, returned, strict=True))
                    return {name: given[name] for name in self.wrt}, self._of_integers(given)
        return {}, _count_finding(self.wrt, returned, self.by_name)

    def _is_bare(self, returned: Any) -> bool:
        """Whether what was returned is the cotangent of the only primal, not a collection."""
        if len(self.wrt) != 1:
            return False
        tree = self.trees[self.wrt[0]]
        if isinstance(tree, Mapping):
            return isinstance(returned, Mapping) and self.wrt[0] not in returned
        if isinstance(tree, (tuple, list)):
            return isinstance(returned, (tuple, list)) and len(returned) == len(tree) != 1
        if numbers_of(returned, tree) is not None:
            return True
        return not isinstance(returned, (Mapping, tuple, list))

    def _chosen_by_name(self, returned: Mapping) -> tuple[dict[str, Any], Finding | None]:
        chosen = {name: returned[name] for name in self.wrt if name in returned}
        unknown = [name for name in returned if name not in self.trees]
        if not unknown:
            return chosen, self._of_integers(returned)
        known = ", ".join(map(repr, self.trees))
        return chosen, Finding(
            kind="extra",
            message=f"{unknown[0]!r}: the pullback returns a cotangent under this name, and there "
            f"is no such primal (there are {known})",
        )

    def _of_integers(self, returned: Mapping[str, Any]) -> Finding | None:
        """Returns the finding of a gradient that is returned for integers or booleans."""
        for name, value in returned.items():
            tree = self.trees[name]
            is_discrete = backends.is_array(tree) and not backends.is_floating(tree)
            if name in self.wrt or not is_discrete or not backends.is_array(value):
                continue
            if np.any(backends.of(value).values(value)):
                return Finding(
                    kind="extra",
                    severity="warning",
                    message=f"{name}: the pullback returns a gradient for it, and it holds "
                    f"{backends.of(tree).dtype(tree)}: nothing is differentiable there, return "
                    "None",
                )
        return None


def primals_of(
    f: Callable[..., Any], args: Sequence[Any], wrt: Sequence[str | int] | str | None
) -> Primals:
    """Returns the primals of a call: one mapping is named primals, anything else is positional.

    Raises:
        InvalidInput: no primal, an unknown name in `wrt`, a primal that cannot be differentiated,
            or one with NaN or infinity in it.
    """
    by_name = len(args) == 1 and isinstance(args[0], Mapping)
    trees = dict(args[0]) if by_name else dict(zip(names_of(f, len(args)), args, strict=True))
    if not trees:
        raise InvalidInput(
            "no primal given: pass the point at which to check, gradcheck.check(f, x, w, vjp=...) "
            'or gradcheck.check(f, {"x": x, "w": w}, vjp=...)'
        )
    primals = Primals({n: _copy(tree, n) for n, tree in trees.items()}, _wrt(trees, wrt), by_name)
    for name in primals.wrt:
        _check_primal(name, trees[name], others=tuple(trees))
    return primals


def outputs(returned: Any, name: str) -> dict[str, Any]:
    """Returns the floating arrays that a function returned, by name; a single one is called "y".

    What stands beside them (the indices of a maximum, a mask, None) has no derivative.

    Raises:
        EvaluationError: it returned None, or nothing that is a floating array.
    """
    everything = leaves(returned, "y")
    found = {path: leaf for path, leaf in everything.items() if backends.is_floating(leaf)}
    if found:
        return found
    if not everything:
        raise EvaluationError(f"{name} returned {describe(returned)}: wanted an array")
    path, leaf = next(iter(everything.items()))
    which = "" if path == "y" else f" as {path}"
    raise EvaluationError(
        f"{name} returned {describe(leaf)}{which}: wanted a floating array "
        "(or a tuple or mapping of them); return the output, do not only store it"
    )


def like_output(y: Any, cotangents: Point) -> Any:
    """Returns cotangents in the structure of the output: None for what has no derivative."""
    return rebuild(y, "y", dict.fromkeys(leaves(y, "y")) | dict(cotangents))


def structure_finding(message: str) -> Finding:
    """Returns the finding that what the pullback returned has the wrong form."""
    return Finding(kind="structure", message=message)


def without_lists(cotangents: Point, point: Point) -> tuple[dict[str, Any], list[Finding]]:
    """Returns cotangents with arrays for lists of numbers, and a warning of each."""
    found, findings = dict(cotangents), []
    for name, value in cotangents.items():
        numbers = numbers_of(value, point[name])
        if numbers is None:
            continue
        found[name] = backends.of(point[name]).like(numbers, point[name])
        message = (
            f"{name}: the cotangent is a list of numbers, and was read as an array: return an "
            "array, for a list cannot be scaled, and to add to it appends"
        )
        findings.append(Finding(kind="structure", primal=name, message=message, severity="warning"))
    return found, findings


def _count_finding(wrt: tuple[str, ...], returned: Any, by_name: bool) -> Finding:
    names = ", ".join(wrt)
    wanted = f"{len(wrt)} cotangent{'s' if len(wrt) != 1 else ''}, for {names}"
    form = " as a mapping with these names" if by_name else ""
    return Finding(
        kind="count",
        message=f"the pullback returned {describe(returned)}: wanted {wanted}{form} "
        "(None where there is no gradient)",
    )


def names_of(f: Callable[..., Any], count: int) -> tuple[str, ...]:
    """Returns the names of the first `count` positional parameters, x0, x1, … where it has none."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        parameters = ()
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [p.name for p in parameters if p.kind in kinds][:count]
    return (*names, *(f"x{i}" for i in range(len(names), count)))


def _wrt(trees: Mapping[str, Any], wrt: Sequence[str | int] | str | None) -> tuple[str, ...]:
    if wrt is None:
        return tuple(name for name, tree in trees.items() if not _is_option(tree))
    wanted = (wrt,) if isinstance(wrt, (str, int)) else tuple(wrt)
    names = tuple(trees)
    chosen = []
    for name in wanted:
        if isinstance(name, int) and -len(names) <= name < len(names):
            name = names[name]
        if name not in trees:
            raise InvalidInput(
                f"wrt names {name!r}, and there is no such primal: there are "
                f"{', '.join(map(repr, names))}"
            )
        chosen.append(name)
    return tuple(chosen)


def _copy(tree: Any, name: str) -> Any:
    """Returns the structure with copies of its arrays: the caller's own are never handed out."""
    arrays = {p: v for p, v in leaves(tree, name).items() if backends.is_array(v)}
    return rebuild(tree, name, {p: backends.of(v).copy(v) for p, v in arrays.items()})


def _check_primal(name: str, tree: Any, *, others: tuple[str, ...]) -> None:
    found = leaves(tree, name)
    floating = {path: leaf for path, leaf in found.items() if backends.is_floating(leaf)}
    found_nothing = not any(backends.is_array(leaf) for leaf in found.values())
    if not floating:
        rest = tuple(other for other in others if other != name)
        leave_out = f"leave it out with wrt={rest!r}" if rest else "there is nothing to check"
        remedy = (
            f"; else pass {name}.astype(float)"
            if not found_nothing and any(map(_entries, found.values()))
            else ""
        )
        raise InvalidInput(
            f"primal {name!r} is {_kind_of(tree)}: a derivative needs a floating array. If it is "
            f"data (labels, indices, a mask, settings), {leave_out}{remedy}"
        )
    if isinstance(tree, (list, tuple)) and all(isinstance(item, float) for item in tree):
        raise InvalidInput(
            f"primal {name!r} is {describe(tree)} numbers: pass an array, np.asarray({name})"
        )
    for path, leaf in floating.items():
        if isinstance(leaf, np.ma.MaskedArray):
            raise InvalidInput(
                f"primal {path!r} is a masked array, whose mask arithmetic moves along: pass its "
                f"values, {path}.filled(0.0), and the mask as data of its own"
            )
        if not backends.is_finite(leaf):
            values = backends.of(leaf).values(leaf)
            bad = ~np.isfinite(values)
            index = tuple(int(i) for i in np.argwhere(bad)[0])
            raise InvalidInput(
                f"primal {path!r} has {int(bad.sum())} of {bad.size} entries that are not finite "
                f"(the first is {values[index]} at {index or 'its only entry'}): a derivative "
                "needs a finite point"
            )


def _kind_of(tree: Any) -> str:
    return f"{describe(tree)} ({tree!r})" if isinstance(tree, (int, bool)) else describe(tree)


def _is_option(tree: Any) -> bool:
    """Whether an argument is a setting (None, a string, a callable), not a number."""
    return tree is None or isinstance(tree, (str, bytes)) or callable(tree)


def _entries(leaf: Any) -> int:
    return backends.size(leaf) if backends.is_array(leaf) else 0


def is_floating_tree(tree: Any) -> bool:
    """Returns whether a structure holds any floating array."""
    return any(backends.is_floating(leaf) for leaf in leaves(tree, "").values())


def part_of(point: Point, wrt: Any, others: tuple[str, ...]) -> dict[str, Any]:
    """Returns the part of the point that `wrt` asks for: leaves, or all below a name."""
    if wrt is None:
        return dict(point)
    wanted = (wrt,) if isinstance(wrt, (str, int)) else tuple(wrt)
    chosen = {}
    for name in wanted:
        prefix = others[name] if isinstance(name, int) else name
        part = {
            p: v
            for p, v in point.items()
            if p == prefix or p.startswith((f"{prefix}.", f"{prefix}["))
        }
        if not part:
            known = ", ".join(map(repr, point))
            raise InvalidInput(
                f"wrt names {name!r}, and there is no such primal: there are {known}"
            )
        chosen |= part
    return chosen


def wider(point: Point, native: Point) -> str | None:
    """Returns the precision of a point that is wider than the subject's own, None where none is."""
    for name, x in point.items():
        if name not in native:  # a constant, of integers perhaps
            continue
        wide = backends.of(x).precision(x)
        if wide.bits > backends.of(native[name]).precision(native[name]).bits:
            return wide.name
    return None
