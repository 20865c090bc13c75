"""Update rules in code, held against the optimizer that their name says they are."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.documents.code.arguments import uses
from reports.documents.code.changes import Edit, Material, Simple
from reports.documents.code.edits import edits_of
from reports.documents.code.interpreter import Interpreter
from reports.documents.code.leaves import leaves
from reports.documents.code.limits import FAILS, Budget, Exhausted, NotReadable
from reports.documents.code.names import is_gradient, plain, role, setting
from reports.documents.code.optimizer_rules import RULES, Constants, Rule
from reports.documents.code.program import Bound, Class, Function
from reports.documents.code.runs import NO_EDITS, Edits

STEPS = 4
CLOSE = 1e-7

RATE, FIRST, SECOND, SHARE, GUARD, DECAY = 0.13, 0.8, 0.93, 0.7, 1e-3, 0.05

METHODS = (
    *("step", "update", "apply", "apply_gradients", "__call__", "update_params", "optimize"),
    *("update_parameters", "apply_grad", "apply_grads", "update_weights", "minimize", "get_update"),
)


@dataclass(frozen=True, eq=False)
class Stepper:
    """An update rule.

    Attributes:
        names: what the document's code defines.
        kind: its class; None for a function.
        function: what makes a step.
        rules: the rules that its name may mean.
        label: what they are called.
        budget: the steps that may be taken.
    """

    names: Mapping[str, Any]
    kind: Class | None
    function: Function
    rules: Sequence[Rule]
    label: str
    budget: Budget


def class_steppers(kind: Class, names: Mapping[str, Any], budget: Budget) -> Iterator[Stepper]:
    """Yields the update rule of a class that is called like an optimizer."""
    label = _label(kind.name)
    for name in METHODS if label else ():
        method = kind.method(name)
        if method is not None and method.required:
            yield Stepper(names, kind, method, RULES[label], label, budget)
            return


def function_steppers(
    function: Function, names: Mapping[str, Any], budget: Budget
) -> Iterator[Stepper]:
    """Yields the update rule of a function that is called like an optimizer."""
    label = _label(function.name)
    takes = [p for p in function.parameters if _is_gradient(p)]
    if label and takes:
        yield Stepper(names, None, function, RULES[label], label, budget)


def _label(name: str) -> str:
    """Returns the optimizer that a name means, the longest; "" for none."""
    p = plain(name)
    found = [label for label in RULES if label in p]
    return max(found, key=len, default="")


def _is_gradient(name: str) -> bool:
    p = plain(name)
    return p.startswith(("grad", "g", "dw", "dx", "dtheta")) or is_gradient(name)


@dataclass(frozen=True, eq=False)
class Stepped:
    """What was found of an update rule: right, or what makes it so."""

    stepper: Stepper
    edit: Edit | None = None


def stepped(stepper: Stepper) -> Stepped | None:
    """Returns what was found of an update rule; None where it is none of those that are known.

    Raises:
        NotReadable: it is beyond the whitelist.
    """
    reason: NotReadable | None = None
    for form in FORMS:
        try:
            path, constants = _walk(stepper, form)
        except Exhausted:
            raise
        except NotReadable as error:
            reason = reason or error
            continue
        except (RecursionError, *FAILS):
            continue
        if path is None:
            continue
        if _known(stepper, path, constants):
            return Stepped(stepper)
        edit = _edit(stepper, form)
        return Stepped(stepper, edit) if edit is not None else None
    if reason is not None:
        raise reason
    return None


def _edit(stepper: Stepper, form: "Form") -> Edit | None:
    """Returns the change with which a rule is one of those that its name means."""
    nodes = [stepper.function.node]
    if stepper.kind is not None:
        nodes = [m.node for m in stepper.kind.methods.values() if m.name != "__init__"]
    statements = [s for n in nodes for s in ast.walk(n) if isinstance(s, Simple)]
    names = {ast.unparse(p): None for n in nodes for p in ast.walk(n) if _is_name(p)}
    counters = [n for n in names if plain(n.removeprefix("self.")) in _COUNTERS]
    material = Material(names=tuple(names)[:40], powers=tuple(counters))
    edits = [e for s in statements for e in edits_of(s, material)]
    for edit in sorted(edits, key=lambda e: (e.cost, -e.old.lineno))[:MOST_TRIED]:
        try:
            path, constants = _walk(stepper, form, {edit.old: edit.new})
        except Exhausted:
            raise
        except (NotReadable, RecursionError, *FAILS):
            continue
        if path is not None and _known(stepper, path, constants):
            return edit
    return None


MOST_TRIED = 2500
_COUNTERS = frozenset("t step iteration timestep i epoch nstep steps tstep iterations".split())


def _is_name(node: ast.AST) -> bool:
    match node:
        case ast.Name(id=name):
            return name not in {"self", "np", "range", "len", "zip", "enumerate", "isinstance"}
        case ast.Attribute(value=ast.Name(id="self")):
            return True
        case ast.Subscript(value=ast.Name() | ast.Attribute(value=ast.Name(id="self"))):
            return True
    return False


def _known(stepper: Stepper, path: Sequence[Any], constants: Constants) -> bool:
    """Whether a path is that of one of the forms of the rule."""
    start, *rest = path
    times = len(start) // len(START)
    gradients = [np.tile(gradient_at(t), times) for t in range(len(rest))]
    for rule in stepper.rules:
        found = rule(start, gradients, constants)
        if all(np.max(np.abs(a - b)) < CLOSE for a, b in zip(found, rest, strict=True)):
            return True
    return False


def gradient_at(step: int) -> Any:
    """Returns the gradient that is given in a step."""
    return np.random.default_rng((11, step)).uniform(-1.5, 1.5, 3)


START = np.array([0.4, -0.7, 1.1])
NAMES = ("W1", "b1")
"""Two parameters, where there are several: both begin alike, and get the same gradients."""


# ---------------------------------------------------------------- how parameters are passed


@dataclass(frozen=True)
class Form:
    """How parameters and gradients are passed: what holds them, and how gradients are called."""

    holder: str
    prefix: str = ""


FORMS = (
    Form("dict"),
    Form("dict", "d"),
    Form("list"),
    Form("array"),
    Form("layers"),
)


class _Holder:
    """Parameters in their form."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.parameters: Any = None
        self.put(self.start)

    def put(self, value: Any) -> None:
        """Puts all parameters to the parts of a value."""
        arrays = [np.array(part) for part in np.split(value, len(value) // len(START))]
        match self.form.holder:
            case "dict":
                if self.parameters is None:
                    self.parameters = {}
                self.parameters |= dict(zip(NAMES, arrays, strict=True))
            case "list":
                self.parameters = self.parameters or [None for _ in NAMES]
                self.parameters[:] = arrays
            case _:
                self.parameters = arrays[0]

    @property
    def start(self) -> Any:
        """Where they begin, in one array."""
        return np.tile(START, len(NAMES) if self.form.holder in {"dict", "list"} else 1)

    def like(self, value: Any) -> Any:
        """Returns a value for each parameter, in their form, called as gradients are."""
        match self.form.holder:
            case "dict":
                return {f"{self.form.prefix}{name}": np.array(value) for name in NAMES}
            case "list":
                return [np.array(value) for _ in NAMES]
        return np.array(value)

    def value(self, returned: Any) -> Any:
        """Returns the parameters after a step: what was returned, or what was changed in place."""
        first = returned[0] if isinstance(returned, tuple) and returned else returned
        for values in (first, self.parameters):
            found = [leaf.value for leaf in leaves([values])]
            if found and all(v.shape == START.shape for v in found):
                if sum(v.size for v in found) == self.start.size:
                    return np.concatenate(found)
        raise ValueError("no parameters are left")


def _walk(
    stepper: Stepper, form: Form, edits: Edits = NO_EDITS
) -> tuple[list[Any] | None, Constants]:
    """Returns the parameters after each of some steps; None where they are not moved."""
    interpreter = Interpreter(stepper.names, stepper.budget, edits)
    holder = _Holder(form)
    constants: dict[str, float] = {}
    instance = None
    kept: dict[str, Any] = {}
    if stepper.kind is not None:
        init = stepper.kind.method("__init__")
        arguments = _settings(init, holder, constants, {}, 0) if init is not None else {}
        instance = interpreter.create(stepper.kind, [], arguments)
        _attributes(instance.attributes, constants)
    path = [holder.start]
    for step in range(STEPS):
        arguments = _settings(stepper.function, holder, constants, kept, step)
        called = Bound(stepper.function, instance) if instance is not None else stepper.function
        returned = interpreter.call(called, [], arguments)
        _keep(interpreter, stepper.function, returned, kept)
        value = np.array(holder.value(returned), dtype=float)
        path.append(value)
        holder.put(value)
    moved = not np.array_equal(path[0], path[1])
    return (path if moved else None), Constants(**{**_DEFAULTS, **constants})


_DEFAULTS = {
    "rate": RATE,
    "first": FIRST,
    "second": SECOND,
    "share": SHARE,
    "guard": GUARD,
    "decay": 0.0,
}


def _keep(
    interpreter: Interpreter, function: Function, returned: Any, kept: dict[str, Any]
) -> None:
    """Keeps what a function returned under its names: it gets them back in the next step."""
    scope = interpreter.scopes.get(function.node)
    node = scope.returned if scope is not None else None
    if isinstance(returned, tuple) and isinstance(node, ast.Tuple):
        for name, value in zip(node.elts, returned, strict=True):
            if isinstance(name, ast.Name):
                kept[name.id] = value


def _settings(
    function: Function,
    holder: _Holder,
    constants: dict[str, float],
    kept: Mapping[str, Any],
    step: int,
) -> dict[str, Any]:
    """Returns the arguments of a step, or of the class.

    Raises:
        NotReadable: nobody knows what one of them is.
    """
    found: dict[str, Any] = {}
    used = uses(function.node)
    for at, name in enumerate([*function.required, *function.optional]):
        value = _setting(name, constants)
        p = plain(name)
        optional = name in function.optional
        if value is not None:
            found[name] = value
        elif p in _COUNTERS and not optional:
            found[name] = step + 1
        elif name in kept and not _is_parameter(name, at):
            found[name] = kept[name]
        elif optional and p not in {"config"}:
            continue
        elif _is_gradient(name):
            found[name] = holder.like(gradient_at(step))
        elif _is_parameter(name, at):
            found[name] = holder.parameters
        elif p in _MEMORIES or p.startswith(("m", "v", "s", "h", "vel", "cache", "sq")):
            found[name] = holder.like(START * 0)
        elif p == "config":
            found[name] = kept.get("config", _configured(constants))
        elif used.get(name) is not None and holder.form.holder == "layers":
            raise NotReadable("an optimizer that takes layers")
        else:
            raise NotReadable(f"what the argument {name[:30]} of {function.name} is")
    return found


_MEMORIES = frozenset("m v s h g2 velocity cache state memory".split())
_PARAMETERS = frozenset(
    "params parameters param w theta x weights weight parameter thetas p model var wb ws b".split()
)


def _is_parameter(name: str, at: int) -> bool:
    return plain(name) in _PARAMETERS or (at == 0 and role(name) in {"weight", "bias", "data"})


def _setting(name: str, constants: dict[str, float]) -> float | None:
    """Returns the number that a setting gets by its name, and notes what it is."""
    p = plain(name)
    if setting(name) == "rate" or role(name) == "rate" or p in {"a", "alpha0", "learnrate"}:
        return _noted("rate", RATE, constants)
    if p in {"beta1", "b1", "rho1", "betam", "beta1t", "betav"} and p != "betav":
        return _noted("first", FIRST, constants)
    if p in {"beta2", "b2", "rho2", "betas2"}:
        return _noted("second", SECOND, constants)
    if p in {
        "momentum",
        "mu",
        "rho",
        "decayrate",
        "decay",
        "gamma",
        "beta",
        "alpha1",
        "mom",
        "momentumrate",
    }:
        return _noted("share", SHARE, constants)
    if role(name) == "guard":
        return _noted("guard", GUARD, constants)
    if p in {"weightdecay", "wd", "lambda", "lam", "l2"}:
        return _noted("decay", DECAY, constants)
    return None


def _configured(constants: dict[str, float]) -> dict[str, float]:
    """Returns settings as a dictionary, under all of their usual names."""
    names = ("learning_rate", "momentum", "decay_rate", "beta1", "beta2", "epsilon", "rho")
    return {name: value for name in names if (value := _setting(name, constants)) is not None}


def _noted(kind: str, value: float, constants: dict[str, float]) -> float:
    constants[kind] = value
    return value


def _attributes(attributes: Mapping[str, Any], constants: dict[str, float]) -> None:
    """Notes the settings that an object has by itself."""
    for name, value in attributes.items():
        if isinstance(value, float) and name not in constants:
            trial: dict[str, float] = {}
            if _setting(name, trial) is not None:
                for kind in trial:
                    constants.setdefault(kind, value)
