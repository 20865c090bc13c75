"""One run of a document's forward and backward pass: arguments, outputs, gradients."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from reports.documents.code.arguments import Names, Use, uses
from reports.documents.code.interpreter import Interpreter
from reports.documents.code.leaves import (
    Leaf,
    Path,
    fresh_value,
    is_number_parameter,
    is_parameter,
    leaves,
)
from reports.documents.code.limits import Budget, Missing, NotReadable
from reports.documents.code.names import (
    COTANGENTS,
    OUTPUTS,
    gradient_of,
    is_cache,
    is_gradient,
    plain,
    role,
    setting,
)
from reports.documents.code.pairing import LOCAL, RETURNED
from reports.documents.code.program import Bound, Class, Function, Instance, Scope
from reports.documents.code.runs import NO_EDITS, Edits
from reports.documents.code.solving import IN_MODULE

SELF, MODULE, UPDATE = "self", "module", "update"
"""The first part of the path of what an object has, the module has, and of a step taken."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What is run.

    Attributes:
        names: what the document's code defines.
        kind: the class of which an object is made first.
        forward: its method, or the function, that computes the output; None where `backward` does.
        backward: what computes the gradients.
        budget: the steps that may be taken.
        by_target: whether the backward pass takes targets rather than a cotangent.
    """

    names: Mapping[str, Any]
    kind: Class | None
    forward: Function | None
    backward: Function
    budget: Budget
    by_target: bool = False


@dataclass(eq=False)
class State:
    """How far a run has come.

    Attributes:
        interpreter: what runs it.
        env: what names stand for: arguments, what was returned, and the names of the forward pass.
        given: which of them are arguments of ours.
        instance: the object.
        own: the parameters of the object before its forward pass.
        outputs: what the forward pass returns, by name where it has one.
        caches: what it returns for the backward pass alone.
        titles: the names of the parts that the backward pass returns, where they have any.
        pulled: the outputs whose cotangents the backward pass takes.
    """

    interpreter: Interpreter
    env: dict[str, Any]
    given: frozenset[str]
    instance: Instance | None = None
    own: dict[Path, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    caches: dict[str, Any] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    pulled: set[str] = field(default_factory=set)

    @property
    def output(self) -> Any:
        """The output of the forward pass: the last of its arrays where they make a chain."""
        values = list(self.outputs.values())
        if not values:
            return None
        named = [v for n, v in self.outputs.items() if plain(n) in OUTPUTS]
        return named[-1] if named else values[-1] if not self.caches else values[0]


def began(
    plan: Plan,
    names: Names,
    values: Mapping[str, Any],
    moved: Mapping[Path, Any] = MappingProxyType({}),
    edits: Edits = NO_EDITS,
    trail: list[ast.stmt] | None = None,
) -> State:
    """Returns a run after its forward pass.

    Args:
        plan: what is run.
        names: makes specs for arguments that are missing.
        values: the arguments, which the run may change.
        moved: arrays to put in place of others.
        edits: statements to take in place of others.
        trail: where it is noted at which statements the run fails.

    Raises:
        Missing: an argument has no value yet.
        NotReadable: the code is beyond the whitelist.
    """
    interpreter = Interpreter(plan.names, plan.budget, edits)
    if trail is not None:
        interpreter.trail = trail
    env = dict(values)
    for name in list(env):
        if name.startswith(IN_MODULE):
            interpreter.module[name.removeprefix(IN_MODULE)] = env.pop(name)
    _move(env, interpreter, moved)
    state = State(interpreter, env, frozenset(env))
    if plan.kind is not None:
        state.instance = _made(plan.kind, state, names)
        for leaf in parameters(state.instance):
            leaf.put(moved.get(leaf.path, fresh_value(leaf.path, leaf.value)))
        state.own = {leaf.path: np.array(leaf.value) for leaf in parameters(state.instance)}
    if plan.forward is not None:
        arguments = settled(plan.forward, state, names)
        found = interpreter.call(bound(plan.forward, state), [], arguments)
        _take(state, plan.forward, found)
    return state


def _move(env: dict[str, Any], interpreter: Interpreter, moved: Mapping[Path, Any]) -> None:
    """Puts arrays among the arguments and the values of the module."""
    for path, value in moved.items():
        root: Any = env
        if path[0] == MODULE:
            root, path = interpreter.module, path[1:]
            interpreter.name(path[0])  # which copies it into the run
        if path[0] not in root or path[0] == SELF:
            continue
        if len(path) == 1:
            root[path[0]] = np.array(value) if np.ndim(value) else float(value)
            continue
        for leaf in leaves(root[path[0]], path[:1]):
            if leaf.path == path:
                leaf.put(value)


def _made(kind: Class, state: State, names: Names) -> Instance:
    """Returns an object of a class, with arguments by their names."""
    init = kind.method("__init__")
    if init is not None:
        arguments = settled(init, state, names, of_class=True)
        return state.interpreter.create(kind, [], arguments)
    arguments = {}
    for each in reversed(list(kind.lineage())):
        for name, default in each.fields.items():
            if default is None:
                arguments[name] = state.env.get(name) or wanted(name, Use(), names, of_class=True)
    return state.interpreter.create(kind, [], arguments)


def parameters(instance: Instance) -> list[Leaf]:
    """Returns the arrays and numbers of an object that are its parameters."""
    found = leaves(instance, (SELF,), numbers=True)
    return [
        leaf
        for leaf in found
        if (
            is_parameter(leaf.path)
            if isinstance(leaf.value, np.ndarray)
            else is_number_parameter(leaf.path)
        )
    ]


def bound(function: Function, state: State) -> Any:
    """Returns a method bound to the object of the run; a function as it is."""
    if function.owner is None or function.kind == "static" or state.instance is None:
        return function
    return Bound(function, state.instance if function.kind != "class" else state.instance.kind)


def settled(
    function: Function, state: State, names: Names, *, of_class: bool = False
) -> dict[str, Any]:
    """Returns the arguments of a function by name: those that are required, or known by name."""
    found: dict[str, Any] = {}
    used = uses(function.node)
    names.siblings = tuple(function.parameters)
    for name in function.required:
        if name in state.env:
            found[name] = state.env[name]
        elif plain(name) in OUTPUTS and state.outputs:
            found[name] = state.output
        else:
            found[name] = wanted(name, used.get(name, Use()), names, of_class=of_class)
    for name in function.optional:
        if name in state.env and role(name) in {"target", "data", "penalty"}:
            found[name] = state.env[name]
        elif setting(name) == "penalty":  # which is nothing by default
            found[name] = wanted(name, used.get(name, Use()), names)
    return found


def wanted(name: str, use: Use, names: Names, *, of_class: bool = False) -> Any:
    """Asks for an argument.

    Raises:
        Missing: always.
    """
    raise Missing(name, names.spec(name, use, of_class=of_class))


def _take(state: State, forward: Function, found: Any) -> None:
    """Takes in what a forward pass returned, and the names that it used."""
    scope = state.interpreter.scopes.get(forward.node, Scope())
    for name, value in scope.items():
        if name not in state.env and name != SELF:
            state.env[name] = value
    for name, value in named_parts(found, scope.returned):
        if isinstance(value, np.ndarray | float | np.floating) and not is_cache(name):
            state.outputs[name or f"output {len(state.outputs)}"] = value
        elif value is not None:
            state.caches[name or f"cache {len(state.caches)}"] = value
        if name and name not in state.env:
            state.env[name] = value
    if isinstance(found, dict) and not state.outputs:
        last = [(k, v) for k, v in found.items() if isinstance(v, np.ndarray)]
        state.outputs |= {str(k): v for k, v in last[-1:]}
    elif isinstance(found, list) and not state.outputs and found:
        if isinstance(found[-1], np.ndarray):
            state.outputs["output"] = found[-1]


def named_parts(found: Any, node: ast.expr | None) -> list[tuple[str, Any]]:
    """Returns what was returned in its parts, each with its name; "" where it has none."""
    if isinstance(found, tuple):
        nodes = node.elts if isinstance(node, ast.Tuple) and len(node.elts) == len(found) else None
        return [(last_name(nodes[i]) if nodes else "", part) for i, part in enumerate(found)]
    return [(last_name(node) if node is not None else "", found)]


def last_name(node: ast.expr) -> str:
    """Returns the last name of an expression: W of self.W, W1 of grads["W1"]."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str() as name)):
            return name
        case ast.Subscript(value=value):
            return last_name(value)
    return ""


# ---------------------------------------------------------------- the backward pass


def ended(
    plan: Plan, state: State, names: Names, cotangents: Mapping[str, Any] | None
) -> dict[Path, Any]:
    """Returns all arrays that a backward pass returns, leaves in its object, or has by name.

    Args:
        plan: what is run.
        state: the run after its forward pass.
        names: makes specs for arguments that are missing.
        cotangents: those of the outputs, by their names; None for ones of the right shapes.
    """
    backward = plan.backward
    arguments = _pulled(plan, state, names, cotangents)
    before = (
        {} if state.instance is None else _values(leaves(state.instance, (SELF,), numbers=True))
    )
    result = state.interpreter.call(bound(backward, state), [], arguments)
    scope = state.interpreter.scopes.get(backward.node, Scope())
    found: dict[Path, Any] = {}
    for at, (name, part) in enumerate(named_parts(result, scope.returned)):
        head = (RETURNED, f"part {at}")
        state.titles[head[1]] = name or head[1]
        if isinstance(part, float | int | np.generic):
            found[head] = np.asarray(part, dtype=float)
        for leaf in leaves(part, head, numbers=True):
            found[leaf.path] = leaf.value
    if state.instance is not None:
        after = leaves(state.instance, (SELF,), numbers=True)
        rate = _rate(state, arguments)
        for leaf in after:
            found[leaf.path] = leaf.value
            old = before.get(leaf.path)
            if old is not None and np.shape(old) == np.shape(leaf.value):
                if not np.array_equal(old, leaf.value):
                    found[(UPDATE, *leaf.path)] = (old - leaf.value) / rate
    for name, value in arguments.items():
        for leaf in leaves(value, (name,)):
            found.setdefault(leaf.path, leaf.value)
    for name, value in scope.items():
        if name in arguments or name == SELF:
            continue
        for leaf in leaves(value, (LOCAL, name)):
            found.setdefault(leaf.path, leaf.value)
    return {path: np.array(value, dtype=float) for path, value in found.items()}


def _values(found: list[Leaf]) -> dict[Path, Any]:
    return {leaf.path: np.array(leaf.value) for leaf in found}


def _rate(state: State, arguments: Mapping[str, Any]) -> float:
    """Returns the learning rate: an argument, or what the object keeps."""
    for name, value in arguments.items():
        if setting(name) == "rate" and isinstance(value, float):
            return value
    for name, value in (state.instance.attributes if state.instance else {}).items():
        if role(name) == "rate" and isinstance(value, float):
            return value
    return 1.0


def _pulled(
    plan: Plan, state: State, names: Names, cotangents: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Returns the arguments of a backward pass by name.

    Raises:
        NotReadable: nobody knows what one of them is.
    """
    backward, env = plan.backward, state.env
    used = uses(backward.node)
    found: dict[str, Any] = {}
    caches = [value for name, value in state.caches.items()]
    pulled = state.pulled
    for at, name in enumerate([*backward.required, *backward.optional]):
        optional = name in backward.optional
        output = _output_of(name, state, pulled)
        if name in env and not (at == 0 and output and not plan.by_target and name not in env):
            if not optional or role(name) in {"target", "data", "weight", "penalty"}:
                found[name] = env[name]
        elif name in state.caches:
            found[name] = state.caches[name]
        elif optional and not output:
            if (role(name) == "target" and plan.by_target) or setting(name) == "penalty":
                found[name] = wanted(name, used.get(name, Use()), names)
        elif is_cache(name) and caches:
            found[name] = caches[0] if len(caches) == 1 else tuple(caches)
        elif not plan.by_target and output:
            pulled.add(output)
            found[name] = _cotangent(state.outputs[output], output, cotangents)
        elif role(name) in {"target", "rate", "penalty", "guard"} or setting(name) in _SETTINGS:
            found[name] = wanted(name, used.get(name, Use()), names)
        elif plain(name) in OUTPUTS and state.outputs:
            found[name] = state.output
        elif caches and (plain(name) in {"x", "values", "stored", "params"} or len(caches) == 1):
            found[name] = caches.pop(0)
        elif plan.by_target and plain(name) in COTANGENTS and state.outputs:
            found[name] = state.output
        elif plan.forward is None:
            found[name] = wanted(name, used.get(name, Use()), names)
        else:
            raise NotReadable(f"what the argument {name[:30]} of {backward.name} is")
    return found


_SETTINGS = frozenset(("batch", "share", "kept", "on", "off", "count"))


def _output_of(name: str, state: State, pulled: set[str]) -> str:
    """Returns the output whose cotangent a name is; "" where it is none."""
    for output in state.outputs:
        if output not in pulled and gradient_of(name, output):
            return output
    left = [o for o in state.outputs if o not in pulled]
    if left and (plain(name) in COTANGENTS or is_gradient(name)):
        return left[0]
    return left[0] if left and not pulled and role(name) == "" and setting(name) == "" else ""


def _cotangent(output: Any, name: str, cotangents: Mapping[str, Any] | None) -> Any:
    if cotangents is not None:
        return np.array(cotangents[name]) if np.ndim(output) else float(cotangents[name])
    return np.ones(np.shape(output)) if np.ndim(output) else 1.0
