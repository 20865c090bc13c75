"""A backward pass on one set of arguments: what it claims, held against finite differences."""

import ast
import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from reports.documents.code.arguments import LAYOUTS, Layout, Names, gates
from reports.documents.code.changes import Material
from reports.documents.code.experiment import (
    MODULE,
    SELF,
    UPDATE,
    Plan,
    State,
    began,
    ended,
)
from reports.documents.code.leaves import Path, fresh_value, leaves
from reports.documents.code.limits import Budget, NotReadable
from reports.documents.code.losses import Loss
from reports.documents.code.names import role
from reports.documents.code.pairing import paired
from reports.documents.code.runs import NO_EDITS, Edits, Run
from reports.documents.code.solving import Given, Specs, Unsolved, given, solved
from reports.documents.code.suspects import (
    backward_statements,
    gradient_names,
    material_of,
    reached,
)


@dataclass(frozen=True, eq=False)
class Trial(Run):
    """A plan with arguments on which it runs.

    Attributes:
        plan: what is run.
        layout: how the data lie.
        names: makes specs.
        specs: the arguments.
        primals: the arrays with a claimed gradient, by their paths.
        pairs: where the gradient of each is found.
        steps: where the step of each that is updated is found.
        fits: whether each gradient has the shape of its primal.
        loss: the scalar that is differentiated; None for ⟨cotangent, output⟩.
    """

    plan: Plan
    layout: Layout
    names: Names
    specs: Specs
    primals: Mapping[Path, Any]
    pairs: Mapping[Path, Path]
    steps: Mapping[Path, Path]
    fits: bool
    loss: Loss | None = None

    @property
    def name(self) -> str:  # type: ignore[override]
        """The function that computes the gradients."""
        return self.plan.backward.name

    @property
    def node(self) -> ast.AST:  # type: ignore[override]
        """Its syntax tree."""
        return self.plan.backward.node

    @property
    def budget(self) -> Budget:  # type: ignore[override]
        """The steps that may be taken."""
        return self.plan.budget

    @cached_property
    def _values(self) -> Mapping[str, Any]:
        return given(self.specs).values

    def outputs(self, moved: Mapping[Path, Any]) -> dict[str, Any]:
        """Returns the outputs of the forward pass at a point; none where there is a loss."""
        if self.loss is not None:
            return {}
        state = self._began(moved)
        return {n: np.asarray(v, dtype=float) for n, v in state.outputs.items()}

    def scalar(self, moved: Mapping[Path, Any], cotangents: Mapping[str, Any]) -> float:
        """Returns what is differentiated, at a point."""
        state = self._began(moved)
        if self.loss is None:
            return float(sum(np.sum(cotangents[n] * v) for n, v in state.outputs.items()))
        if self.loss.first:
            return float(np.asarray(self.loss.value(state, {})).item())
        result = ended(self.plan, state, self.names, None) if self._needs_all else {}
        return float(np.asarray(self.loss.value(state, result)).item())

    @property
    def _needs_all(self) -> bool:
        return self.plan.forward is None or (self.loss is not None and not self.loss.first)

    def claims(
        self, moved: Mapping[Path, Any], cotangents: Mapping[str, Any], edits: Edits = NO_EDITS
    ) -> dict[Path, Any]:
        """Returns the gradients that the code claims, by their primals."""
        found = self.result(moved, cotangents, edits)
        return {
            primal: _fitted(found[path], np.shape(self.primals[primal]), squeezes=self._squeezes)
            for primal, path in self.pairs.items()
            if path in found
        }

    @cached_property
    def _squeezes(self) -> bool:
        """Whether the code drops axes of length 1 on purpose."""
        parts = [p for node in self.code() for p in ast.walk(node)]
        return any(isinstance(p, ast.Attribute) and p.attr == "squeeze" for p in parts)

    def result(
        self, moved: Mapping[Path, Any], cotangents: Mapping[str, Any], edits: Edits = NO_EDITS
    ) -> dict[Path, Any]:
        """Returns all that the backward pass leaves behind."""
        state = self._began(moved, edits)
        if self.loss is not None and self.loss.first:
            self.loss.value(state, {})
        return ended(self.plan, state, self.names, cotangents if self.loss is None else None)

    def counts(self) -> set[int]:
        """Returns what may be a number of samples, or of entries, by which a mean divides."""
        found = {1}
        for spec in self.specs.values():
            found |= {*spec.shape, int(np.prod(spec.shape))} if spec.shape else set()
        return found - {0}

    @cached_property
    def _suspects(self) -> list[ast.stmt]:
        return backward_statements(self.plan, self.loss.names if self.loss else ())

    def suspects(self) -> list[ast.stmt]:
        """Returns the statements that compute gradients and nothing of the forward pass."""
        return self._suspects

    def seeds(self, primal: Path) -> set[str]:
        """Returns the names that hold the gradient of a primal."""
        return gradient_names(self.suspects(), primal)

    def code(self) -> list[ast.AST]:
        """Returns the syntax trees of the code that is run."""
        functions = [f for f in (self.plan.forward, self.plan.backward) if f is not None]
        found = [node for f in functions for node in reached(self.plan, f)]
        if self.plan.kind is not None:
            found += [each.node for each in self.plan.kind.lineage() if each.node is not None]
        return found

    def material(self) -> Material:
        """Returns what the backward pass has to put in place of something else."""
        return material_of(self.plan)

    def _began(self, moved: Mapping[Path, Any], edits: Edits = NO_EDITS) -> State:
        return began(self.plan, self.names, copy.deepcopy(self._values), moved, edits)


def _fitted(claim: Any, shape: tuple[int, ...], *, squeezes: bool) -> Any:
    """Returns a claim in the shape of its primal where subtracting it keeps that shape.

    (k) fits (1, k), and would make (k, k) of (k, 1): there it fits where it is squeezed on purpose.
    """
    same = np.size(claim) == np.prod(shape, dtype=int) and np.ndim(claim) < len(shape)
    if not same or tuple(n for n in shape if n > 1) != tuple(n for n in claim.shape if n > 1):
        return claim
    keeps = np.broadcast_shapes(claim.shape, shape) == shape
    return claim.reshape(shape) if keeps or squeezes else claim


# ---------------------------------------------------------------- arguments for a plan


@dataclass(frozen=True, eq=False)
class Stuck:
    """A layout in which the forward pass runs and the backward pass does not.

    Attributes:
        error: what it raised.
        trail: the statements in which it did, the innermost first.
    """

    plan: Plan
    layout: Layout
    names: Names
    specs: Specs
    error: Exception
    trail: tuple[ast.stmt, ...]


def trials(plan: Plan, low: float = -1.0) -> Iterator[Trial | Stuck]:
    """Yields the plan in the layouts in which it runs.

    Those of one sample only where none with several runs, or gives gradients of the right shapes
    and the code does not look as if it were for several: a mean is no sum there.

    Args:
        plan: what is run.
        low: the least value of data.

    Raises:
        NotReadable: it is beyond the whitelist in all of them.
    """
    ran, fits = False, False
    reason: NotReadable | None = None
    failed: Failed | None = None
    parts = gates((plan.forward or plan.backward).node)
    for layout in LAYOUTS:
        if not layout.many and ran and (fits or _reduces(plan)):
            break
        names = Names(layout, parts, low)
        try:
            found = in_layout(plan, layout, names)
        except NotReadable as error:
            reason = error
            continue
        if isinstance(found, Failed):
            failed = failed or found
            continue
        if found is not None:
            ran = True
            fits = fits or (isinstance(found, Trial) and found.fits)
            yield found
    if not ran and reason is not None:
        raise reason
    if not ran and failed is not None:
        raise NotReadable(f"it does not run on the arguments that were tried: {failed.words}")


def _reduces(plan: Plan) -> bool:
    """Whether code sums over samples, or divides by their number: it is for several."""
    nodes = [f.node for f in (plan.forward, plan.backward) if f is not None]
    return any(
        (isinstance(part, ast.keyword) and part.arg in {"axis", "keepdims"})
        or (isinstance(part, ast.Attribute) and part.attr in {"mean"})
        for node in nodes
        for part in ast.walk(node)
    )


@dataclass(frozen=True, eq=False)
class Failed:
    """A layout in which even the forward pass does not run: the statement, and what it raised."""

    words: str


def failure(trail: Sequence[ast.stmt], error: BaseException | None) -> str:
    """Returns in words where code failed, and how."""
    cause = " ".join(str(error).split())[:100] if error is not None else ""
    if not trail:
        return cause
    line = ast.unparse(trail[0]).split("\n")[0]
    return f"{line[:60]}: {cause}" if cause else line[:60]


def in_layout(
    plan: Plan, layout: Layout, names: Names, begin: Specs = MappingProxyType({})
) -> Trial | Stuck | Failed | None:
    """Returns a plan with arguments in a layout; what fails where it does not run.

    Args:
        plan: what is run.
        layout: how the data lie.
        names: makes specs for arguments.
        begin: the arguments to begin with.
    """
    last: list[State] = []
    trail: list[ast.stmt] = []

    def run(values: Given) -> tuple[dict[Path, Any], dict[Path, Any]]:
        last.clear()
        trail.clear()
        state = began(plan, names, values.values, trail=trail)
        last.append(state)
        primals = primals_of(state)
        found = ended(plan, state, names, None)
        return {**primals, **of_module(plan, state)}, found

    try:
        specs, (primals, found) = solved(begin, names, run)
    except Unsolved as failed:
        cause = failed.__cause__
        if last and isinstance(cause, Exception):
            return Stuck(plan, layout, names, failed.specs, cause, tuple(trail))
        return Failed(failure(trail, cause))
    return trial_of(plan, layout, names, specs, primals, found, last[0].titles)


def trial_of(
    plan: Plan,
    layout: Layout,
    names: Names,
    specs: Specs,
    primals: Mapping[Path, Any],
    found: Mapping[Path, Any],
    titles: Mapping[str, str],
) -> Trial | None:
    """Returns the trial of a run; None where no gradient is found in what it left behind."""
    gradients = {path: value for path, value in found.items() if path[0] != UPDATE}
    pairs = paired(primals, gradients, titles)
    steps = {p: (UPDATE, *p) for p in primals if (UPDATE, *p) in found}
    pairs = {**steps, **pairs}
    claimed = {p: primals[p] for p in primals if p in pairs}
    fits = all(np.shape(found[pairs[p]]) == np.shape(primals[p]) for p in claimed)
    return Trial(plan, layout, names, specs, claimed, pairs, steps, fits) if claimed else None


def primals_of(state: State) -> dict[Path, Any]:
    """Returns the arrays that may have a gradient: arguments, and parameters of the object."""
    found: dict[Path, Any] = {}
    for name in state.given:
        value = state.env[name]
        if role(name) == "target":
            continue
        if isinstance(value, float) and role(name) in {"weight", "bias", "data"}:
            found[(name,)] = np.asarray(value)
        for leaf in leaves(value, (name,)):
            found[leaf.path] = np.array(leaf.value)
    kept = {} if state.instance is None else _values(state)
    found |= {p: v for p, v in state.own.items() if p in kept and np.array_equal(kept[p], v)}
    return found


def of_module(plan: Plan, state: State) -> dict[Path, Any]:
    """Returns the arrays of the module that a run has read."""
    found: dict[Path, Any] = {}
    for name in state.interpreter.module:
        if role(name) in {"target", "data"} or name not in plan.names:
            continue
        for leaf in leaves({name: plan.names[name]}, (MODULE,), numbers=role(name) != ""):
            flat = np.ptp(leaf.value) == 0
            found[leaf.path] = fresh_value(leaf.path, leaf.value) if flat else np.array(leaf.value)
    return found


def _values(state: State) -> dict[Path, Any]:
    return {leaf.path: leaf.value for leaf in leaves(state.instance, (SELF,), numbers=True)}
