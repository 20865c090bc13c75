"""Numerical gradients in code: functions that take a function and a point."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.documents.code.changes import Edit, Material, Simple
from reports.documents.code.edits import edits_of
from reports.documents.code.interpreter import Interpreter
from reports.documents.code.limits import FAILS, Budget, Exhausted, NotReadable
from reports.documents.code.modules import Builtin
from reports.documents.code.names import plain
from reports.documents.code.program import Function
from reports.documents.code.runs import NO_EDITS, Edits

CLOSE = 0.02
"""Relative: a one-sided difference with a coarse step is off by less."""


@dataclass(frozen=True, eq=False)
class Difference:
    """A function that returns the gradient of another by differences.

    Attributes:
        names: what the document's code defines.
        function: the function.
        taken: its argument that is the function to be differentiated.
        point: its argument that is the point.
        budget: the steps that may be taken.
    """

    names: Mapping[str, Any]
    function: Function
    taken: str
    point: str
    budget: Budget


def numerical(function: Function, names: Mapping[str, Any], budget: Budget) -> Iterator[Difference]:
    """Yields a function as a numerical gradient, where its name and its arguments say so."""
    p = plain(function.name)
    told = any(word in p for word in ("numeric", "finitediff", "numgrad", "centraldiff", "gradnum"))
    takes = [a for a in function.required if plain(a) in _FUNCTIONS]
    if told and takes and len(function.required) == 2:
        point = next(a for a in function.required if a != takes[0])
        yield Difference(names, function, takes[0], point, budget)


_FUNCTIONS = frozenset(
    "f func fn function fun lossf loss lossfunction objective lossfn costfn j".split()
)


@dataclass(frozen=True, eq=False)
class Differenced:
    """What was found of a numerical gradient: right, or what makes it so."""

    difference: Difference
    edit: Edit | None = None


def differenced(difference: Difference) -> Differenced | None:
    """Returns what was found of a numerical gradient; None where nothing could be decided.

    Raises:
        NotReadable: it is beyond the whitelist.
    """
    form = next((f for f in _FORMS if _agrees(difference, f, NO_EDITS) is not None), None)
    if form is None:
        return None
    if _agrees(difference, form, NO_EDITS):
        return Differenced(difference)
    node = difference.function.node
    statements = [s for s in ast.walk(node) if isinstance(s, Simple)]
    names = {n.id: None for n in ast.walk(node) if isinstance(n, ast.Name)}
    material = Material(names=tuple(n for n in names if n not in {"np", "range", "numpy"})[:30])
    edits = [e for s in statements for e in edits_of(s, material)]
    edits.sort(key=lambda e: (e.cost, isinstance(e.old, ast.Return), -e.old.lineno))
    for edit in edits:
        if _agrees(difference, form, {edit.old: edit.new}):
            return Differenced(difference, edit)
    return None


def _agrees(difference: Difference, at: Any, edits: Edits) -> bool | None:
    """Whether a numerical gradient is that of a cubic; None where it does not run."""
    point = np.array(at, dtype=float) if np.ndim(at) else float(at)

    def cubic(x: Any = point, *_: Any) -> float:
        return float(np.sum(np.asarray(x) ** 3 + np.asarray(x)))

    interpreter = Interpreter(difference.names, difference.budget, edits)
    arguments = {difference.taken: Builtin("f", cubic), difference.point: point}
    true = 3 * np.asarray(at) ** 2 + 1
    try:
        found = interpreter.call(difference.function, [], arguments)
        claimed = np.asarray(found, dtype=float)
    except Exhausted:
        raise
    except (NotReadable, *FAILS):
        if not edits and np.ndim(at) == 0:
            raise
        return None if not edits else False
    if claimed.shape != true.shape:
        return None if not edits else False
    return bool(np.max(np.abs(claimed - true)) < CLOSE * np.max(np.abs(true)))


_FORMS = (np.array([[0.7, -1.2, 0.4], [1.1, 0.3, -0.8]]), np.array([0.7, -1.2, 0.4]), 0.7)
"""Points: a matrix, a vector, a number."""
