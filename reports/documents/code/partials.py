"""Derivatives of functions of several arguments beside them: df of f(x, y), df_dx, d_mse, bce_grad.

A function is a scalar, or is taken entry by entry. A gradient that is a positive multiple of a
scalar's is left open: authors differ in whether they take means or sums.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.documents.code.changes import Material, Simple
from reports.documents.code.edits import edits_of
from reports.documents.code.experiment import Edits
from reports.documents.code.finding import Finding, line_of
from reports.documents.code.interpreter import Interpreter
from reports.documents.code.limits import FAILS, Budget, Exhausted, NotReadable
from reports.documents.code.names import plain, role
from reports.documents.code.program import Function
from reports.documents.code.runs import NO_EDITS
from reports.documents.code.slopes import base_names

SHAPE = (2, 3)
STEP = 1e-5
CLOSE = 1e-5
SETTING = 0.3

_SETTINGS = frozenset("alpha beta gamma delta eps epsilon lam lambda lambd slope n k c a".split())
_BY = re.compile(r"^(?:d|d_|partial_|grad_)(?P<of>\w+?)_(?:d|d_|by_|wrt_)(?P<by>\w+)$")
_BY_LEIBNIZ = re.compile(r"^d(?P<of>[A-Za-z]|[Ll]oss|cost)_?d(?P<by>[A-Za-z]\w?)$")
_LOSSES: Mapping[str, tuple[str, ...]] = dict.fromkeys(
    "L J E loss Loss cost".split(), ("loss", "cost", "L", "J", "E")
)


@dataclass(frozen=True, eq=False)
class Pair:
    """A function of several arguments, and what is claimed to be its derivative.

    Attributes:
        names: what the document's code defines.
        function: the function.
        derivative: the derivative.
        by: the argument by which it is taken; "" where its name does not say.
        budget: the steps that may be taken.
    """

    names: Mapping[str, Any]
    function: Function
    derivative: Function
    by: str
    budget: Budget

    def value(self, function: Function, point: Mapping[str, Any], edits: Edits = NO_EDITS) -> Any:
        """Returns what a function gives; a tuple as a list of arrays.

        Raises:
            NotReadable: it is beyond the whitelist.
        """
        interpreter = Interpreter(self.names, self.budget, edits)
        arguments = [np.array(point[name]) for name in function.required]
        found = interpreter.call(function, arguments, {})
        if isinstance(found, tuple | list):
            return [np.asarray(part, dtype=float) for part in found]
        return np.asarray(found, dtype=float)


def partial_pairs(function: Function, names: Mapping[str, Any], budget: Budget) -> Iterator[Pair]:
    """Yields a function of several arguments as the derivative of another of the same ones."""
    own = tuple(function.required)
    if len(own) < 2:
        return
    for base, by in _bases(function.name):
        found = names.get(base)
        if not isinstance(found, Function) or found is function or tuple(found.required) != own:
            continue
        if not by or by in own:
            yield Pair(names, found, function, by, budget)
            return


def _bases(name: str) -> Iterator[tuple[str, str]]:
    """Yields what a function may be the derivative of, and by what.

    >>> [*_bases("df_dx")][0], [*_bases("mse_grad")]
    (('f', 'x'), [('mse', '')])
    """
    for pattern in (_BY, _BY_LEIBNIZ):
        match = pattern.match(name)
        if match is not None:
            of, by = match["of"], match["by"]
            yield from ((base, by) for base in (of, *_LOSSES.get(of, ())))
    yield from ((base, "") for base in base_names(name))


def compared(pair: Pair) -> list[Finding] | None:
    """Returns the verdict on a derivative of several arguments; None where it is not decided.

    Raises:
        NotReadable: it is beyond the whitelist.
    """
    point = next(filter(lambda p: _is_finite(pair, p), _points(pair.function)), None)
    if point is None:
        return None
    slopes = _slopes(pair, point)
    if slopes is None:
        return None
    claimed = pair.value(pair.derivative, point)
    fits = _fits(pair, claimed, slopes)
    node = pair.derivative.node
    if fits:
        words = f"it is the derivative of {pair.function.name} by {fits}"
        return [Finding(node, pair.derivative.name, "ok", "", words)]
    scalar = not np.shape(pair.value(pair.function, point))
    sought = [slopes[name] for name in _sought([*slopes])]
    if fits is None or (scalar and any(_multiple(claimed, slope) for slope in sought)):
        return None
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    names |= set(pair.derivative.parameters)
    material = Material(names=tuple(sorted(names - {"np", "numpy", *pair.names})))
    statements = [s for s in ast.walk(node) if isinstance(s, Simple)]
    edits = sorted((e for s in statements for e in edits_of(s, material)), key=lambda e: e.cost)
    for edit in edits:
        try:
            changed = pair.value(pair.derivative, point, {edit.old: edit.new})
        except Exhausted:
            raise
        except (NotReadable, *FAILS):
            continue
        if _fits(pair, changed, slopes):
            words = f"{pair.derivative.name}: this is not the derivative of {pair.function.name}"
            words += f"; {edit.words}"
            right = line_of(edit.new)
            return [Finding(edit.old, line_of(edit.old), "derivative", right, words)]
    if pair.by and not scalar and fits == "" and _is_off(claimed, slopes[pair.by]):
        words = f"{pair.derivative.name}: this is not the derivative of {pair.function.name} by "
        return [Finding(node, line_of(node), "derivative", "", words + pair.by)]
    return None


# ---------------------------------------------------------------- points and slopes


def _points(function: Function) -> Iterator[dict[str, Any]]:
    """Yields values for the arguments: of both signs, then between 0 and 1."""
    for low, high in ((-1.5, 1.5), (0.15, 0.85)):
        rng = np.random.default_rng(3)
        yield {
            name: SETTING if plain(name) in _SETTINGS else rng.uniform(low, high, SHAPE)
            for name in function.required
        }


def _is_finite(pair: Pair, point: Mapping[str, Any]) -> bool:
    value = pair.value(pair.function, point)
    return not isinstance(value, list) and bool(np.all(np.isfinite(value)))


def _slopes(pair: Pair, point: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns the derivative by each argument that is an array; None where it is no such."""
    shape = np.shape(pair.value(pair.function, point))
    if shape not in {(), SHAPE}:
        return None
    arrays = [name for name in pair.function.required if np.shape(point[name])]
    found: dict[str, Any] = {}
    for name in arrays:
        found[name] = np.zeros(SHAPE)
        for at in np.ndindex(SHAPE):
            step = np.zeros(SHAPE)
            step[at] = STEP
            above, below = (
                pair.value(pair.function, {**point, name: point[name] + sign * step})
                for sign in (1, -1)
            )
            slope = (above - below) / (2 * STEP)
            if shape and np.count_nonzero(np.abs(slope) > CLOSE) > 1:
                return None  # no function of single entries
            found[name][at] = np.sum(slope)
    return found


def _fits(pair: Pair, claimed: Any, slopes: Mapping[str, Any]) -> str | None:
    """Returns by what a claim is the derivative, "" for by nothing; None where it is no such."""
    if np.shape(claimed) == (len(slopes), *SHAPE):
        claimed = [*claimed]
    if isinstance(claimed, list):
        if len(claimed) != len(slopes) or pair.by:
            return None
        good = all(map(_agree, claimed, slopes.values()))
        return " and ".join(slopes) if good else ""
    candidates = [pair.by] if pair.by else _sought([*slopes])
    if np.shape(claimed) != SHAPE:
        return None
    return next((name for name in candidates if _agree(claimed, slopes[name])), "")


def _sought(names: Sequence[str]) -> Sequence[str]:
    """Returns the arguments by which a derivative may be taken: targets only among themselves."""
    others = [name for name in names if role(name) != "target"]
    return others or names


def _agree(claimed: Any, true: Any) -> bool:
    if np.shape(claimed) != np.shape(true):
        return False
    scale = max(1.0, float(np.max(np.abs(true))))
    return bool(np.max(np.abs(claimed - true)) < CLOSE * scale)


APPROXIMATE = 0.05


def _is_off(claimed: Any, true: Any) -> bool:
    return bool(np.max(np.abs(claimed - true)) > APPROXIMATE * np.max(np.abs(true)))


def _multiple(claimed: Any, true: Any) -> bool:
    """Whether a gradient is a positive multiple of another."""
    if isinstance(claimed, list) or np.shape(claimed) != np.shape(true) or not np.all(true):
        return False
    ratio = claimed / true
    return bool(np.all(ratio > 0) and np.allclose(ratio, ratio.flat[0], rtol=CLOSE))
