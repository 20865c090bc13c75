"""Derivatives of functions of one vector beside them: gradient, Jacobian, Hessian."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.documents.code.changes import Material, Simple
from reports.documents.code.edits import edits_of
from reports.documents.code.experiment import Edits
from reports.documents.code.finding import Finding, line_of
from reports.documents.code.interpreter import Interpreter
from reports.documents.code.limits import FAILS, Budget, Exhausted, NotReadable
from reports.documents.code.names import plain
from reports.documents.code.program import Function
from reports.documents.code.runs import NO_EDITS
from reports.documents.code.slopes import base_names, second_base_names

POINTS = ((0.7, -0.4, 1.3, -0.9), (0.6, 0.35, 0.8, 0.25))
"""Where derivatives are compared: at numbers of both signs, and where a logarithm is needed."""

LENGTHS = (2, 3, 4)
STEP = 1e-5
WIDE = 4e-3
CLOSE = 1e-5
APPROXIMATE = 0.05

_JACOBIAN = re.compile(
    r"(?i)^(?:jac(?:obian)?_(?:of_)?(?P<a>\w+)|(?P<b>\w+?)_?jac(?:obian)?(?:_matrix)?)$"
)
_ORDINARY = ("f", "func", "function", "g", "F", "loss", "J", "L", "objective", "cost")


@dataclass(frozen=True, eq=False)
class Spread:
    """A function of one vector, and what is claimed to be its derivative.

    Attributes:
        names: what the document's code defines.
        function: the function.
        derivative: the derivative.
        order: 2 for a Hessian.
        budget: the steps that may be taken.
    """

    names: Mapping[str, Any]
    function: Function
    derivative: Function
    order: int
    budget: Budget

    def value(self, function: Function, x: Any, edits: Edits = NO_EDITS) -> Any:
        """Returns what a function gives at a vector.

        Raises:
            NotReadable: it is beyond the whitelist.
        """
        found = Interpreter(self.names, self.budget, edits).call(function, [np.array(x)], {})
        return np.asarray(found, dtype=float)


def spreads(function: Function, names: Mapping[str, Any], budget: Budget) -> Iterator[Spread]:
    """Yields a function of one vector as the derivative of another of the same."""
    if len(function.required) != 1:
        return
    for order, bases in ((2, second_base_names(function.name)), (1, _bases(function.name))):
        for base in bases:
            found = names.get(base)
            if isinstance(found, Function) and found is not function and len(found.required) == 1:
                yield Spread(names, found, function, order, budget)
                return


def _bases(name: str) -> Iterator[str]:
    """Yields what a function may be the gradient or Jacobian of.

    >>> [*_bases("softmax_jacobian")][0], [*_bases("jacobian")][0]
    ('softmax', 'f')
    """
    jacobian = _JACOBIAN.match(name)
    if jacobian is not None:
        yield jacobian["a"] or jacobian["b"]
    if plain(name) in {"jacobian", "jac", "jacobianmatrix"}:
        yield from _ORDINARY
    yield from base_names(name)


def spread(pair: Spread) -> list[Finding] | None:
    """Returns the verdict on a gradient, Jacobian or Hessian; None where it is not decided.

    Raises:
        NotReadable: it is beyond the whitelist.
    """
    points = [*_compared(pair)]
    if not points:
        return None
    kind = _kind(pair)
    if all(_agree(pair.value(pair.derivative, x), true) for x, true in points):
        words = f"it is the {kind} of {pair.function.name}"
        return [Finding(pair.derivative.node, pair.derivative.name, "ok", "", words)]
    if kind == "Jacobian" and all(_is_of_output(pair, x, true) for x, true in points):
        words = f"it is the Jacobian of {pair.function.name} in terms of its value"
        return [Finding(pair.derivative.node, pair.derivative.name, "ok", "", words)]
    if kind == "gradient" and all(_is_multiple(pair, x, true) for x, true in points):
        return None  # authors differ in whether they take means or sums
    wrong = f"{pair.derivative.name}: this is not the {kind} of {pair.function.name}"
    for statement in filter(lambda s: isinstance(s, Simple), ast.walk(pair.derivative.node)):
        assert isinstance(statement, ast.stmt)
        for edit in sorted(edits_of(statement, _material(pair)), key=lambda e: e.cost):
            if all(_is_mended(pair, x, true, {edit.old: edit.new}) for x, true in points):
                words = f"{wrong}; {edit.words}"
                shown, right = line_of(edit.old), line_of(edit.new)
                return [Finding(edit.old, shown, "derivative", right, words)]
    if not all(_is_off(pair.value(pair.derivative, x), true) for x, true in points):
        return None
    if kind == "gradient" and not all(_is_mostly_right(pair, x, true) for x, true in points):
        return None
    node = _returned(pair.derivative.node)
    return [Finding(node, line_of(node), "derivative", "", wrong)]


def _kind(pair: Spread) -> str:
    scalar = any(_scalar(pair, n) for n in LENGTHS)
    return "Hessian" if pair.order > 1 else "gradient" if scalar else "Jacobian"


def _scalar(pair: Spread, length: int) -> bool:
    try:
        return not np.shape(pair.value(pair.function, np.array(POINTS[1][:length])))
    except Exhausted:
        raise
    except (NotReadable, *FAILS):
        return False


def _compared(pair: Spread) -> Iterator[tuple[Any, Any]]:
    """Yields vectors at which both run, and the true derivative: where its shape is the claim's."""
    problem: NotReadable | None = None
    for length in LENGTHS:
        for point in POINTS:
            x = np.array(point[:length])
            try:
                true = _true(pair, x)
                claimed = pair.value(pair.derivative, x)
            except Exhausted:
                raise
            except NotReadable as reason:
                problem = reason
                continue
            except FAILS:
                continue
            if true is not None and claimed.shape == true.shape and np.all(np.isfinite(true)):
                yield x, true
                break
    if problem is not None:
        raise problem


def _true(pair: Spread, x: Any) -> Any:
    """Returns the gradient, Jacobian or Hessian by differences; None where it is none."""

    def at(*moves: tuple[int, float]) -> Any:
        moved = x.copy()
        for index, step in moves:
            moved[index] += step
        return pair.value(pair.function, moved)

    y, count = at(), range(len(x))
    if y.ndim > 1 or (pair.order > 1 and y.ndim):
        return None
    if pair.order == 1:
        columns = [(at((i, STEP)) - at((i, -STEP))) / (2 * STEP) for i in count]
        return np.stack(columns, axis=-1)
    hessian = np.zeros((len(x), len(x)))
    for i in count:
        for j in range(i + 1):
            found = []
            for h in (WIDE, WIDE / 2):
                signs = [(s, t) for s in (1, -1) for t in (1, -1)]
                terms = (s * t * at((i, s * h / 2), (j, t * h / 2)) for s, t in signs)
                found.append(sum(terms) / h**2)
            hessian[i, j] = hessian[j, i] = (4 * found[1] - found[0]) / 3
    return hessian


def _agree(claimed: Any, true: Any) -> bool:
    """Whether a claim is the derivative; a Jacobian may stand either way."""
    return any(
        form.shape == true.shape
        and bool(np.max(np.abs(form - true)) < CLOSE * max(1.0, float(np.max(np.abs(true)))))
        for form in (claimed, claimed.T)
    )


def _is_mended(pair: Spread, x: Any, true: Any, edits: Edits) -> bool:
    try:
        return _agree(pair.value(pair.derivative, x, edits), true)
    except Exhausted:
        raise
    except (NotReadable, *FAILS):
        return False


def _is_of_output(pair: Spread, x: Any, true: Any) -> bool:
    """Whether a Jacobian is written in terms of the function's value: diag(p) − p pᵀ."""
    try:
        return _agree(pair.value(pair.derivative, pair.value(pair.function, x)), true)
    except Exhausted:
        raise
    except (NotReadable, *FAILS):
        return False


def _is_multiple(pair: Spread, x: Any, true: Any) -> bool:
    """Whether a gradient is a positive multiple of the true one."""
    claimed = pair.value(pair.derivative, x)
    scale = float(np.sum(claimed * true)) / max(float(np.sum(true * true)), 1e-300)
    return scale > 0 and _agree(claimed, scale * true)


def _is_off(claimed: Any, true: Any) -> bool:
    return bool(np.max(np.abs(claimed - true)) > APPROXIMATE * np.max(np.abs(true)))


def _is_mostly_right(pair: Spread, x: Any, true: Any) -> bool:
    """Whether half of the entries are right, and not by being 0."""
    claimed = pair.value(pair.derivative, x)
    close = np.abs(claimed - true) < CLOSE * max(1.0, float(np.max(np.abs(true))))
    return bool(2 * np.sum(close) >= true.size and np.any(close & (np.abs(true) > CLOSE)))


def _material(pair: Spread) -> Material:
    node = pair.derivative.node
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} | {*pair.derivative.required}
    return Material(names=tuple(sorted(names - {"np", "numpy", *pair.names})))


def _returned(node: ast.AST) -> ast.AST:
    return next((n for n in ast.walk(node) if isinstance(n, ast.Return)), node)
