"""Training loops: one round of the innermost loop that moves parameters."""

import ast
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from reports.documents.code.arguments import Names
from reports.documents.code.changes import Material, Simple
from reports.documents.code.experiment import MODULE, SELF, Plan, State, began, bound, settled
from reports.documents.code.flow import feeding, is_step, written
from reports.documents.code.interpreter import Interpreter
from reports.documents.code.leaves import Leaf, Path, leaves
from reports.documents.code.limits import Budget, NotReadable
from reports.documents.code.names import gradient_of, role, setting
from reports.documents.code.pairing import label
from reports.documents.code.program import Class, Function, Scope
from reports.documents.code.python_calls import items_of
from reports.documents.code.runs import NO_EDITS, Edits, Run
from reports.documents.code.solving import IN_MODULE, Specs, given
from reports.documents.code.suspects import factors_of, flags_of, reachable


@dataclass(frozen=True, eq=False)
class Loop:
    """A loop that trains, and what stands around it.

    Attributes:
        names: what the document's code defines.
        kind: the class whose method it is in.
        function: the function it is in; None for a script.
        node: the loop.
        budget: the steps that may be taken.
    """

    names: Mapping[str, Any]
    kind: Class | None
    function: Function | None
    node: ast.For | ast.While
    budget: Budget


@dataclass(eq=False)
class Round:
    """One round of a loop.

    Attributes:
        scope: the names after it.
        interpreter: what ran it.
        before: the arrays and numbers before it, by their paths.
        after: those after it.
    """

    scope: Scope
    interpreter: Interpreter
    before: dict[Path, Any]
    after: dict[Path, Any]

    def moved(self) -> dict[Path, Any]:
        """Returns how far what was there before was moved down."""
        return {
            path: old - self.after[path]
            for path, old in self.before.items()
            if path in self.after
            and np.shape(self.after[path]) == np.shape(old)
            and not np.array_equal(self.after[path], old)
        }


class _Done(Exception):
    """The round that was looked for is done."""


def one_round(
    loop: Loop,
    names: Names,
    values: Mapping[str, Any],
    moved: Mapping[Path, Any] = MappingProxyType({}),
    edits: Edits = NO_EDITS,
) -> Round:
    """Returns the first round of a loop.

    Args:
        loop: the loop.
        names: makes specs for arguments that are missing.
        values: the arguments, which the run may change.
        moved: arrays to put in place of others.
        edits: statements to take in place of others.

    Raises:
        Missing: an argument has no value yet.
        NotReadable: the code is beyond the whitelist, or never comes there.
    """
    done: list[Round] = []

    def once(scope: Scope) -> None:
        interpreter = state.interpreter
        if isinstance(loop.node, ast.For):
            items = interpreter.value(loop.node.iter, scope)
            rounds = items if isinstance(items, range) else items_of(items)
            if not rounds:
                raise NotReadable("a loop without a round")
            interpreter.assign(loop.node.target, rounds[0], scope)
        for leaf in _arrays(interpreter, scope):
            if leaf.path in moved:
                leaf.put(moved[leaf.path])
        before = _values(interpreter, scope)
        interpreter.body(loop.node.body, scope)
        done.append(Round(scope, interpreter, before, _values(interpreter, scope)))
        raise _Done

    try:
        if loop.function is None:
            state = _script(loop, values, edits)
            once(state.interpreter.module)
        else:
            plan = Plan(loop.names, loop.kind, None, loop.function, loop.budget, True)
            state = began(plan, names, values, moved, edits)
            state.interpreter.watched[loop.node] = once
            arguments = settled(loop.function, state, names)
            state.interpreter.call(bound(loop.function, state), [], arguments)
    except _Done:
        return done[0]
    raise NotReadable("a loop that is never reached")


def _script(loop: Loop, values: Mapping[str, Any], edits: Edits) -> State:
    """Returns a run of a module in which all that a loop reads is there."""
    interpreter = Interpreter(loop.names, loop.budget, edits)
    for name, value in values.items():
        interpreter.module[name.removeprefix(IN_MODULE)] = value
    for part in ast.walk(loop.node):
        if isinstance(part, ast.Name) and part.id in loop.names:
            value = interpreter.name(part.id)
            if isinstance(value, int | float | np.generic):
                interpreter.module[part.id] = value
    return State(interpreter, {}, frozenset())


def _arrays(interpreter: Interpreter, scope: Scope) -> list[Leaf]:
    """Returns what a round can change: its names, what its object has, the module."""
    found = leaves(scope, (), numbers=True)
    if scope is not interpreter.module:
        found += leaves(interpreter.module, (MODULE,), numbers=True)
    return found


def _values(interpreter: Interpreter, scope: Scope) -> dict[Path, Any]:
    return {leaf.path: np.array(leaf.value) for leaf in _arrays(interpreter, scope)}


# ---------------------------------------------------------------- a round as a run


@dataclass(frozen=True, eq=False)
class RoundLoss:
    """A loss of a round.

    Attributes:
        label: what it is called.
        of_round: its value.
        names: the names of the round that it is made of.
        own: whether the document's code computes it.
        exact: whether its factor counts: it is no mere monitor.
    """

    label: str
    of_round: Callable[[Round], Any]
    names: tuple[str, ...] = ()
    own: bool = True
    exact: bool = False


@dataclass(frozen=True, eq=False)
class Training(Run):
    """A loop with arguments on which a round of it runs.

    Attributes:
        loop: the loop.
        names: makes specs.
        specs: the arguments.
        primals: the parameters that it moves.
        updates: for each, the statements that move it.
        rates: for each, the learning rate; None where it is not certain.
        likely: the rate of all where not each is certain.
        scheduled: whether the rate depends on which round it is.
        loss: the scalar that is differentiated.
    """

    loop: Loop
    names: Names
    specs: Specs
    primals: Mapping[Path, Any]
    updates: Mapping[Path, Sequence[ast.stmt]]
    rates: Mapping[Path, float | None]
    likely: float
    scheduled: bool
    loss: RoundLoss | None = None

    @property
    def name(self) -> str:  # type: ignore[override]
        """What the loop is in."""
        return self.loop.function.name if self.loop.function is not None else "the loop"

    @property
    def node(self) -> ast.AST:  # type: ignore[override]
        """Its syntax tree."""
        return self.loop.node

    @property
    def rated(self) -> bool:  # type: ignore[override]
        """Whether the rates of all parameters are certain."""
        return all(self.rates[p] is not None for p in self.primals)

    @property
    def budget(self) -> Budget:  # type: ignore[override]
        """The steps that may be taken."""
        return self.loop.budget

    @cached_property
    def _values(self) -> Mapping[str, Any]:
        return given(self.specs).values

    @cached_property
    def held(self) -> Edits:
        """The updates, left out."""
        nodes = {s for found in self.updates.values() for s in found}
        return {s: ast.copy_location(ast.Pass(), s) for s in nodes}

    def round(self, moved: Mapping[Path, Any], edits: Edits = NO_EDITS) -> Round:
        """Returns a round at a point."""
        return one_round(self.loop, self.names, copy.deepcopy(self._values), moved, edits)

    def outputs(self, moved: Mapping[Path, Any]) -> dict[str, Any]:
        """Returns nothing: a scalar is differentiated."""
        return {}

    def scalar(self, moved: Mapping[Path, Any], cotangents: Mapping[str, Any]) -> float:
        """Returns the loss of a round in which no parameter is moved."""
        assert self.loss is not None
        return float(np.asarray(self.loss.of_round(self.round(moved, self.held))).item())

    def claims(
        self, moved: Mapping[Path, Any], cotangents: Mapping[str, Any], edits: Edits = NO_EDITS
    ) -> dict[Path, Any]:
        """Returns how far the parameters are moved down, in units of their rates."""
        steps = self.round(moved, edits).moved()
        rates = {p: (self.rates[p] if self.rated else None) or self.likely for p in self.primals}
        return {p: steps[p] / rate for p, rate in rates.items() if p in steps}

    def counts(self) -> set[int]:
        """Returns what may be a number of samples, or of entries, by which a mean divides."""
        step = self.round(self.primals, self.held)
        found = {1}
        for value in step.after.values():
            found |= {*np.shape(value), int(np.size(value))}
        return {n for n in found if 0 < n < 2000}

    def suspects(self) -> list[ast.stmt]:
        """Returns the statements of the loop that compute gradients, and move parameters."""
        simple = [s for n in self.loop.node.body for s in ast.walk(n) if isinstance(s, Simple)]
        moves = {s for found in self.updates.values() for s in found}
        others = [s for s in simple if s not in moves]
        forward = feeding(others, self.loss.names if self.loss is not None else ())
        return [s for s in simple if s not in forward]

    def seeds(self, primal: Path) -> set[str]:
        """Returns the names that hold the gradient of a primal."""
        found: set[str] = set()
        name, _ = label(primal)
        for statement in self.updates[primal]:
            found |= written(statement)
        for statement in self.suspects():
            found |= {n for n in written(statement) if gradient_of(n.rpartition(".")[2], name)}
        return found

    def code(self) -> list[ast.AST]:
        """Returns the syntax trees of the code that is run."""
        node = self.loop.node if self.loop.function is None else self.loop.function.node
        return reachable(self.loop.names, self.loop.kind, node)

    def material(self) -> Material:
        """Returns what the loop has to put in place of something else."""
        names: dict[str, None] = {}
        for part in ast.walk(self.loop.node):
            if isinstance(part, ast.Name) and part.id not in self.loop.names:
                names[part.id] = None
            elif isinstance(part, ast.Name) and not callable(self.loop.names[part.id]):
                if not isinstance(self.loop.names[part.id], Function | Class):
                    names[part.id] = None
            elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
                if part.value.id == SELF:
                    names[f"{SELF}.{part.attr}"] = None
        arrays = [n for n in names if n not in _PYTHON]
        plain_name = {n: n.removeprefix(f"{SELF}.") for n in arrays}
        kept = [n for n in arrays if setting(plain_name[n]) not in {"rate", "guard", "count"}]
        data = [n for n in kept if role(plain_name[n]) == "data"][:2]
        counts = [f"{n}.shape[{axis}]" for n in data for axis in (0, 1)] + [
            f"len({n})" for n in data
        ]
        functions = [
            n
            for n, v in self.loop.names.items()
            if isinstance(v, Function) and len(v.required) == 1
        ]
        return Material(
            tuple(kept)[:40],
            tuple(counts),
            tuple(n for n in arrays if setting(plain_name[n]) == "penalty"),
            tuple(n for n in arrays if role(plain_name[n]) == "weight")[:8],
            tuple(functions)[:20],
            (),
            factors_of(self.loop.node),
            flags=flags_of(self.loop.names),
        )


_PYTHON = frozenset("np numpy range len zip enumerate print self sum abs max min float int".split())


# ---------------------------------------------------------------- which loops train


def training_loops(body: Sequence[ast.stmt]) -> Iterator[ast.For | ast.While]:
    """Yields the innermost loops that move something by a step: W -= lr * dW."""
    loops = [p for node in body for p in ast.walk(node) if isinstance(p, ast.For | ast.While)]
    found = [loop for loop in loops if _steps(loop) and not _over_parameters(loop)]
    for loop in found:
        inner = [p for p in ast.walk(loop) if p is not loop and p in found]
        if not inner:
            yield loop


def _steps(loop: ast.AST) -> bool:
    return any(is_step(part) for part in ast.walk(loop))


def _over_parameters(loop: ast.For | ast.While) -> bool:
    """Whether a loop goes through parameters or layers: each round moves another one."""
    if isinstance(loop, ast.While):
        return False
    turning = {n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)}
    moved = [part for part in ast.walk(loop) if is_step(part)]
    targets = [
        part.target if isinstance(part, ast.AugAssign) else part.targets[0]
        for part in moved
        if isinstance(part, ast.AugAssign | ast.Assign)
    ]
    return all(turning & {n.id for n in ast.walk(t) if isinstance(n, ast.Name)} for t in targets)
