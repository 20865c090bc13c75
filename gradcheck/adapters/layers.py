"""A layer object as people write it from scratch: forward, backward, parameters and gradients.

The object is never touched: everything runs on deep copies, and each pullback on a fresh one, so
that caches, accumulated gradients and updates made inside backward cannot leak from one evaluation
into the next.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.adapters import conventions
from gradcheck.adapters.calls import LEARNING_RATE, Layer, Methods, forward_signature, methods_of
from gradcheck.adapters.functions import call, name_of, scaled
from gradcheck.adapters.objects import Place, attributes, cloned, walk
from gradcheck.adapters.parameters import Gradient, discovered, explicit
from gradcheck.adapters.primals import (
    Primals,
    is_floating_tree,
    outputs,
    primals_of,
    structure_finding,
)
from gradcheck.errors import InvalidInput, PullbackError
from gradcheck.structure import describe, rebuild
from gradcheck.subject import Point, Pulled, Subject
from gradcheck.verdict import Finding

UNKNOWN_RATE = (
    "backward updates it by a learning rate that is neither an argument nor an attribute, and "
    "keeps no gradient: store the gradient, or say the rate, gradcheck.Layer(layer, "
    "learning_rate=...)"
)


@dataclass(frozen=True)
class Plan:
    """Where each cotangent is found after a backward."""

    inputs: Mapping[str, Gradient] = field(default_factory=dict)
    parameters: Mapping[str, tuple[Place, Gradient]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    undecided: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def layer_subject(
    thing: Any,
    args: Sequence[Any],
    *,
    vjp: None = None,
    wrt: Sequence[str | int] | str | None,
    name: str | None,
) -> Subject:
    """Returns the subject of a layer: its floating inputs and its parameters are the primals.

    Raises:
        InvalidInput: its conventions cannot be understood; the message says what was looked for.
    """
    layer = thing if isinstance(thing, Layer) else Layer(thing)
    title = name or name_of(type(layer.thing))
    signature = forward_signature(layer, title)
    primals = primals_of(signature, args, _inputs_wrt(signature, args))
    methods = methods_of(layer, signature, primals, title)
    pristine = _initialised(layer.thing, methods, primals, title)
    plan = _plan(layer, pristine, methods, primals, title)
    return _subject(pristine, methods, primals, plan, wrt, title)


def _subject(
    pristine: Any,
    methods: Methods,
    primals: Primals,
    plan: Plan,
    wrt: Sequence[str | int] | str | None,
    title: str,
) -> Subject:
    inputs = Primals(primals.trees, tuple(plan.inputs), primals.by_name)
    parameters = {n: _value(place, pristine) for n, (place, _) in plan.parameters.items()}
    point = _chosen(inputs.point | parameters, wrt, tuple(primals.trees))
    copies: dict[str | None, Any] = {}
    fresh = _remembers(pristine, methods, primals)

    def prepared(thing: Any, at: Point) -> tuple[Any, ...]:
        for name, (place, _) in plan.parameters.items():
            if name in at:
                place.set(thing, at[name])
        args, kwargs = primals.arguments(at)
        return (*args, *kwargs.values())

    def function(at: Point) -> dict[str, Any]:
        precision = _escalated(at, point)
        if fresh or precision not in copies:
            copies[precision] = cloned(pristine, precision)
        y, _ = methods.forward(copies[precision], prepared(copies[precision], at))
        return {path: _detached(leaf) for path, leaf in outputs(y, title).items()}

    def pullback(cotangents: Point, at: Point) -> Pulled:
        thing = cloned(pristine, _escalated(at, point))
        args = prepared(thing, at)
        for _, gradient in plan.parameters.values():
            gradient.clear(thing)
        y, cache = methods.forward(thing, args)
        before = {n: _value(place, thing) for n, (place, _) in plan.parameters.items()}
        y_bar = rebuild(y, "y", cotangents)
        returned = call(methods.backward, (thing, y_bar, args, cache), {}, title, PullbackError)
        pulled = _pulled(plan, inputs, thing, returned, before)
        return _times(pulled, y_bar) if methods.of_loss else pulled

    return Subject(
        title,
        point,
        primals.constants,
        function,
        pullback,
        parameters=tuple(name for name in point if name in parameters),
        findings=plan.findings,
        undecided=plan.undecided,
        notes=plan.notes,
    )


def _pulled(plan: Plan, inputs: Primals, thing: Any, returned: Any, before: Point) -> Pulled:
    given = {name: gradient.read(thing, returned, None) for name, gradient in plan.inputs.items()}
    pulled = inputs.pulled(given) if inputs.by_name else inputs.pulled(tuple(given.values()))
    found = dict(pulled.cotangents)
    for name, (place, gradient) in plan.parameters.items():
        value = gradient.read(thing, returned, (before[name], _value(place, thing)))
        if value is not None:
            found[name] = _detached(value)
    return Pulled(found, pulled.findings)


def _times(pulled: Pulled, y_bar: Any) -> Pulled:
    return replace(pulled, cotangents=scaled(pulled.cotangents, y_bar))


def _plan(layer: Layer, pristine: Any, methods: Methods, primals: Primals, title: str) -> Plan:
    """Runs one forward and one backward on a copy, and sees where everything went."""
    after = cloned(pristine)
    args = tuple(primals.trees.values())
    y, cache = methods.forward(after, args)
    ones = {path: _ones(leaf) for path, leaf in outputs(y, title).items()}
    y_bar = rebuild(y, "y", ones)
    returned = call(methods.backward, (after, y_bar, args, cache), {}, title, PullbackError)
    if layer.parameters is not None:
        found = explicit(layer.parameters, layer.gradients, after)
    else:
        found = discovered(pristine, after, _rewritten(pristine, methods, primals))
    inputs, found, misfits = _placed(returned, primals, found, pristine, after)
    warm = cloned(pristine)
    methods.forward(warm, args)
    guessed = _guessed(found, pristine, warm, after)
    found |= guessed
    if not inputs and not any(gradient for _, gradient in found.values()):
        raise InvalidInput(_nothing_found(title, after, returned))
    updates = _updates(layer, found, pristine, after, returned, methods, title)
    homes, undecided, problems = updates
    notes = [
        f"{name}: backward returns no cotangent for it, so it is taken as data"
        for name in primals.point
        if name not in inputs
    ]
    notes += [
        f"{name}: it holds integers, so it is taken as data; pass {name}.astype(float) to check it"
        for name, tree in primals.trees.items()
        if isinstance(tree, np.ndarray) and np.issubdtype(tree.dtype, np.integer)
    ]
    notes += [
        f"{name}: its gradient is taken from {gradient.where}, which backward leaves"
        for name, (_, gradient) in guessed.items()
        if gradient is not None
    ]
    return Plan(inputs, homes, (*misfits, *problems), undecided, tuple(notes))


def _placed(
    returned: Any,
    primals: Primals,
    found: Mapping[str, tuple[Place, Gradient | None]],
    pristine: Any,
    after: Any,
) -> tuple[dict[str, Gradient], dict[str, tuple[Place, Gradient | None]], list[Finding]]:
    """Tells the cotangents of the inputs from those of the parameters in what backward returned."""
    inputs = tuple(name for name in primals.wrt)
    homeless = [name for name, (_, gradient) in found.items() if gradient is None]
    shapes = {name: np.shape(_value(found[name][0], pristine)) for name in homeless}
    places: dict[str, Gradient] = {}
    misfits: list[Finding] = []
    if isinstance(returned, Mapping):
        for name in (*inputs, *homeless):
            last = name.rpartition(".")[2]
            key = next((n for n in (name, last) if n in returned), None)
            key = key or conventions.find_gradient(returned, last)
            if key is None and name == inputs[0]:
                key = conventions.find(returned, map(conventions.plain, conventions.INPUT_GRADIENT))
            if key is not None:
                places[name] = Gradient.returned(key)
    elif isinstance(returned, (tuple, list)) and any(isinstance(r, Mapping) for r in returned):
        places = _mixed(returned, inputs, homeless)
    elif isinstance(returned, (tuple, list)):
        shapes |= {name: np.shape(primals.point[name]) for name in inputs if name in primals.point}
        order = _order(returned, inputs, homeless, shapes)
        if order is None:
            wanted = f"{len(inputs)} (for {', '.join((*inputs,))})"
            misfits.append(structure_finding(f"backward returned {describe(returned)}: {wanted}"))
        places = {name: Gradient.returned(i) for i, name in enumerate(order or ())}
    elif returned is not None:
        places = {_main(inputs): Gradient.returned(None)} if inputs else {}
    names = attributes(after)
    for i, name in enumerate(inputs):
        stored = conventions.find_gradient(names, name)
        if stored is None and i == 0:
            stored = conventions.find(names, map(conventions.plain, conventions.INPUT_GRADIENT))
        if name not in places and stored is not None:
            places[name] = Gradient.stored(Place().attribute(stored))
    homes = {n: (p, g if g is not None else places.get(n)) for n, (p, g) in found.items()}
    return {name: places[name] for name in inputs if name in places}, homes, misfits


def _guessed(
    homes: Mapping[str, tuple[Place, Gradient | None]], pristine: Any, warm: Any, after: Any
) -> dict[str, tuple[Place, Gradient | None]]:
    """Gives a parameter without gradient the only array of its shape that backward may have left.

    That is an attribute that neither was there before nor is left by a forward (`warm`).
    """
    known = {str(g.where) for _, g in homes.values() if g is not None and g.how == "stored"}
    known |= set(discovered(pristine, pristine, set(), every_array=True))
    known |= set(discovered(warm, warm, set(), every_array=True))
    everything = discovered(after, after, set(), every_array=True)
    new = {name: place for name, (place, _) in everything.items() if name not in known}
    found = {}
    for name, (place, gradient) in homes.items():
        shape = np.shape(_value(place, pristine))
        fitting = [where for where in new.values() if np.shape(where.get(after)) == shape]
        if gradient is None and len(fitting) == 1:
            found[name] = (place, Gradient.stored(fitting[0]))
    return found


def _mixed(
    returned: Sequence[Any], inputs: Sequence[str], homeless: Sequence[str]
) -> dict[str, Gradient]:
    """Places what is returned as (x_bar, {"W": W_bar}): inputs in order, parameters by name."""
    places: dict[str, Gradient] = {}
    left = list(inputs)
    for i, item in enumerate(returned):
        if not isinstance(item, Mapping):
            if left:
                places[left.pop(0)] = Gradient.returned(i)
            continue
        for name in homeless:
            last = name.rpartition(".")[2]
            key = last if last in item else conventions.find_gradient(item, last)
            if key is not None:
                places[name] = Gradient.returned((i, key))
    return places


def _main(inputs: Sequence[str]) -> str:
    """Returns the input that a single cotangent is for: a prediction rather than a target."""
    targets = set(map(conventions.plain, conventions.TARGETS))
    return next((name for name in inputs if conventions.plain(name) not in targets), inputs[0])


def _order(
    returned: Sequence[Any], inputs: Sequence[str], homeless: Sequence[str], shapes: Mapping
) -> Sequence[str] | None:
    """Returns which primal each returned item is for, None where they are too many.

    Inputs come first, then the parameters as they are defined, unless only another order fits the
    shapes.
    """
    if len(returned) <= len(inputs):
        order = list(inputs[: len(returned)])
    elif len(returned) == len(inputs) + len(homeless):
        order = [*inputs, *homeless]
    else:
        return None
    items = [np.shape(item) for item in returned]
    if any(shape != shapes.get(name) for shape, name in zip(items, order, strict=True)):
        left, by_shape = list(order), []
        for shape in items:
            fitting = [name for name in left if shapes.get(name) == shape]
            if not fitting:
                return order
            by_shape.append(fitting[0])
            left.remove(fitting[0])
        return by_shape
    return order


def _updates(
    layer: Layer,
    found: Mapping[str, tuple[Place, Gradient | None]],
    pristine: Any,
    after: Any,
    returned: Any,
    methods: Methods,
    title: str,
) -> tuple[dict[str, tuple[Place, Gradient]], dict[str, str], list[Finding]]:
    """Recognises a backward that changes the parameters: an update, or a mutation."""
    homes: dict[str, tuple[Place, Gradient]] = {}
    undecided: dict[str, str] = {}
    updated, mutated, recovered = [], [], []
    for name, (place, gradient) in found.items():
        before, now = _value(place, pristine), _value(place, after)
        change = backends.of(before).values(before) - backends.of(now).values(now)
        if gradient is None and np.any(change):
            rate = LEARNING_RATE if methods.takes_rate else layer.learning_rate
            rate = rate or _own_rate(pristine, place)
            recovered.append(name)
            if rate is None:
                undecided[name] = UNKNOWN_RATE
                continue
            gradient = Gradient.update(rate)
        elif np.any(change) and gradient is not None:
            claimed = gradient.read(after, returned, None)
            (updated if _is_step(change, claimed) else mutated).append(name)
        homes[name] = (place, gradient or Gradient.missing())
    return homes, undecided, _update_findings(updated, mutated, recovered, title)


def _update_findings(
    updated: Sequence[str], mutated: Sequence[str], recovered: Sequence[str], title: str
) -> list[Finding]:
    findings = []
    if updated or recovered:
        names = ", ".join((*updated, *recovered))
        how = (
            "the gradients were recovered from the update"
            if recovered
            else "the gradients were judged before it"
        )
        message = (
            f"{title}: backward also updates the parameters {names}; {how}. A second backward, or "
            "a forward in between, sees other parameters: keep the update apart"
        )
        findings.append(Finding(kind="parameters_updated", message=message, severity="warning"))
    for name in mutated:
        message = (
            f"{name}: backward changes this parameter, and not by a step against its gradient; "
            "work on a copy"
        )
        findings.append(Finding(kind="parameter_mutated", primal=name, message=message))
    return findings


def _is_step(change: np.ndarray, gradient: Any) -> bool:
    """Whether a change before - after points along the gradient, as an optimizer's step does."""
    if gradient is None or np.shape(gradient) != change.shape:
        return False
    g = np.asarray(gradient, dtype=np.float64)
    norms = np.linalg.norm(change) * np.linalg.norm(g)
    return bool(norms > 0 and np.vdot(change, g) > 0.3 * norms)


def _own_rate(pristine: Any, place: Place) -> float | None:
    """Returns the learning rate that the owner of a parameter holds."""
    owner = Place(place.steps[:-1]).get(pristine)
    near = [thing for _, thing in walk(owner)] if owner is not None else []
    for thing in (*near, pristine):
        names = attributes(thing) if thing is not None else {}
        spelt = conventions.find(names, map(conventions.plain, conventions.LEARNING_RATE))
        if spelt is not None and isinstance(names[spelt], (float, int)):
            return float(names[spelt])
    return None


def _initialised(thing: Any, methods: Methods, primals: Primals, title: str) -> Any:
    """Returns a copy of the layer whose parameters exist: some make them in the first forward."""
    pristine, after = _clone(thing, title), cloned(thing)
    methods.forward(after, tuple(primals.trees.values()))
    before, now = discovered(pristine, pristine, set()), discovered(after, after, set())
    return after if set(now) - set(before) else pristine


def _remembers(pristine: Any, methods: Methods, primals: Primals) -> bool:
    """Whether a second forward gives another result than the first (a generator moved on, say)."""
    thing, args = cloned(pristine), tuple(primals.trees.values())
    first, second = (
        {path: _detached(y) for path, y in outputs(methods.forward(thing, args)[0], "").items()}
        for _ in range(2)
    )
    return any(not _is_same(y, second.get(path)) for path, y in first.items())


def _rewritten(pristine: Any, methods: Methods, primals: Primals) -> set[str]:
    """Returns the places that a forward writes: caches and running statistics, not parameters."""
    thing = cloned(pristine)
    point = primals.point
    nudged = {n: backends.of(x).step(x, 2.0**-10, _values(x)) for n, x in point.items()}
    args, kwargs = primals.arguments(nudged)
    methods.forward(thing, (*args, *kwargs.values()))
    found = discovered(pristine, pristine, set(), every_array=True)
    return {
        name
        for name, (place, _) in found.items()
        if not _is_same(place.get(pristine), place.get(thing))
    }


def _inputs_wrt(signature: Callable, args: Sequence[Any]) -> list[int] | list[str]:
    """Returns the inputs that are floating: labels and indices of a layer are data."""
    if len(args) == 1 and isinstance(args[0], Mapping):
        return [name for name, tree in args[0].items() if is_floating_tree(tree)]
    return [i for i, tree in enumerate(args) if is_floating_tree(tree)]


def _chosen(point: Point, wrt: Any, others: tuple[str, ...]) -> dict[str, Any]:
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


def _clone(thing: Any, title: str) -> Any:
    try:
        return cloned(thing)
    except Exception as cause:
        raise InvalidInput(
            f"{title} cannot be copied ({type(cause).__name__}: {cause}), and a layer is only "
            "ever checked on copies: give it a __deepcopy__, or pass functions with vjp=..."
        ) from cause


def _nothing_found(title: str, after: Any, returned: Any) -> str:
    names = ", ".join(attributes(after)) or "none"
    return (
        f"{title}: backward returned {describe(returned)}, and no gradient was found among its "
        f"attributes ({names}): say where they are, gradcheck.Layer(layer, "
        'parameters={"W": "kernel"}, gradients={"W": "kernel_slope"})'
    )


def _value(place: Place, thing: Any) -> Any:
    return _detached(place.get(thing))


def _detached(value: Any) -> Any:
    """Returns a copy: what a layer hands out it may overwrite at its next call."""
    return backends.of(value).copy(value) if backends.is_array(value) else value


def _values(x: Any) -> np.ndarray:
    return backends.of(x).values(x)


def _ones(leaf: Any) -> Any:
    return backends.of(leaf).like(np.ones(np.shape(leaf)), leaf)


def _is_same(x: Any, y: Any) -> bool:
    return backends.is_array(x) and backends.is_array(y) and backends.of(x).same(x, y)


def _escalated(at: Point, native: Point) -> str | None:
    """Returns the precision of a point that is wider than the layer's own, None where it is not."""
    for name, x in at.items():
        wide = backends.of(x).precision(x)
        if wide.bits > backends.of(native[name]).precision(native[name]).bits:
            return wide.name
    return None
