"""A layer object as people write it from scratch: forward, backward, parameters and gradients.

The object is never touched: everything runs on deep copies, and each pullback on a fresh one, so
that caches, accumulated gradients and updates made inside backward cannot leak from one evaluation
into the next.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradcheck import backends, replay
from gradcheck.adapters import conventions
from gradcheck.adapters.calls import Layer, Methods, forward_signature, methods_of
from gradcheck.adapters.functions import call, name_of, scaled
from gradcheck.adapters.objects import Place, attributes, cloned, resets
from gradcheck.adapters.parameters import Found, Gradient, discovered, explicit, named
from gradcheck.adapters.placing import detached, guessed, placed, updates, value_at
from gradcheck.adapters.primals import (
    Primals,
    is_floating_tree,
    like_output,
    outputs,
    part_of,
    primals_of,
    wider,
    without_lists,
)
from gradcheck.errors import EvaluationError, InvalidInput, PullbackError
from gradcheck.structure import describe
from gradcheck.subject import Point, Pulled, Subject, copied
from gradcheck.verdict import Finding


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
    primals = primals_of(signature, args, inputs_wrt(args))
    methods = methods_of(layer, signature, primals, title)
    pristine = initialised(layer.thing, methods, primals, title)
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
    parameters = {n: value_at(place, pristine) for n, (place, _) in plan.parameters.items()}
    point = part_of(inputs.point | parameters, wrt, tuple(primals.trees))
    copies: dict[str | None, Any] = {}
    fresh = _remembers(pristine, methods, primals)

    def prepared(thing: Any, at: Point) -> tuple[Any, ...]:
        for name, (place, _) in plan.parameters.items():
            if name in at:
                place.set(thing, at[name])
        args, kwargs = primals.arguments(at)
        return (*args, *kwargs.values())

    def function(at: Point) -> dict[str, Any]:
        precision = wider(at, point)
        if replay.is_running():
            thing = cloned(pristine, precision)
        elif fresh or precision not in copies:
            thing = copies[precision] = cloned(pristine, precision)
        else:
            thing = copies[precision]
        y, _ = methods.forward(thing, prepared(thing, at))
        return {path: detached(leaf) for path, leaf in outputs(y, title).items()}

    def pullback(cotangents: Point, at: Point) -> Pulled:
        return pulled_by(cloned(pristine, wider(at, point)), cotangents, at)

    def interleaved(cotangents: Point, at: Point, other: Point) -> Pulled:
        thing = cloned(pristine, wider(at, point))
        methods.forward(thing, prepared(thing, other))
        return pulled_by(thing, cotangents, at)

    def again(cotangents: Point, at: Point) -> Pulled:
        thing = cloned(pristine, wider(at, point))
        pulled_by(thing, copied(cotangents), at)
        return pulled_by(thing, cotangents, at, clear=False)

    def pulled_by(thing: Any, cotangents: Point, at: Point, *, clear: bool = True) -> Pulled:
        args = prepared(thing, at)
        for _, gradient in plan.parameters.values() if clear else ():
            gradient.clear(thing)
        y, cache = methods.forward(thing, args)
        before = {n: value_at(place, thing) for n, (place, _) in plan.parameters.items()}
        y_bar = like_output(y, cotangents)
        returned = call(methods.backward, (thing, y_bar, args, cache), {}, title, PullbackError)
        pulled = _pulled(plan, inputs, thing, returned, before)
        return _times(pulled, y_bar) if methods.of_loss else pulled

    return Subject(
        title,
        point,
        primals.constants,
        function,
        pullback,
        interleaved=None if fresh else interleaved,
        again=None if fresh or resets(pristine) else again,
        is_object=True,
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
        value = gradient.read(thing, returned, (before[name], value_at(place, thing)))
        if value is not None:
            found[name] = detached(value)
    found, lists = without_lists(found, {**inputs.point, **before})
    return Pulled(found, (*pulled.findings, *lists))


def _times(pulled: Pulled, y_bar: Any) -> Pulled:
    return replace(pulled, cotangents=scaled(pulled.cotangents, y_bar))


def _plan(layer: Layer, pristine: Any, methods: Methods, primals: Primals, title: str) -> Plan:
    """Runs one forward and one backward on a copy, and sees where everything went."""
    after = cloned(pristine)
    args = tuple(primals.trees.values())
    y, cache = methods.forward(after, args)
    ones = {path: _ones(leaf) for path, leaf in outputs(y, title).items()}
    y_bar = like_output(y, ones)
    returned = call(methods.backward, (after, y_bar, args, cache), {}, title, PullbackError)
    decayed: list[Finding] = []
    if layer.parameters is not None:
        found = explicit(layer.parameters, layer.gradients, after)
    else:
        rewritten = _rewritten(pristine, methods, primals)
        found = discovered(pristine, after, rewritten)
        decayed = _decayed(pristine, after, rewritten, methods, primals)
        found |= named(found, layer.gradients, after)
    inputs, found, misfits = placed(returned, primals, found, pristine, after)
    warm = cloned(pristine)
    methods.forward(warm, args)
    taken = guessed(found, pristine, warm, after)
    found |= taken
    if not inputs and not any(gradient for _, gradient in found.values()):
        raise InvalidInput(_nothing_found(title, after, returned))
    stepped = updates(layer, found, pristine, after, returned, methods, title)
    homes, undecided, problems = stepped
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
        for name, (_, gradient) in taken.items()
        if gradient is not None
    ]
    notes += [
        f"{name}: the output depends on it, and no gradient for it was found, so it is taken as "
        f'data; gradcheck.Layer(layer, parameters={{"{name}": "{name}"}}, gradients=...) names it'
        for name in _unplaced(pristine, found, methods, args)
    ]
    return Plan(inputs, homes, (*misfits, *problems, *decayed), undecided, tuple(notes))


def _unplaced(pristine: Any, found: Found, methods: Methods, args: tuple[Any, ...]) -> list[str]:
    """Returns the arrays that the output depends on and that are no parameter."""
    everything = discovered(pristine, pristine, set(), every_array=True)
    known = [place.get(pristine) for place, _ in found.values()]
    names = []
    for name, (place, _) in everything.items():
        value = value_at(place, pristine)
        is_known = name in found or any(place.get(pristine) is x for x in known)
        if is_known or not isinstance(value, np.ndarray):
            continue
        outcomes = []
        for other in (value, value + (1.0 + np.abs(value)) / 2):
            thing = cloned(pristine)
            place.set(thing, other)
            try:
                y, _ = methods.forward(thing, copy.deepcopy(args))
            except EvaluationError:
                break
            outcomes.append({path: detached(leaf) for path, leaf in outputs(y, "").items()})
        if len(outcomes) == 2 and any(
            not _is_same(y, outcomes[1].get(path)) for path, y in outcomes[0].items()
        ):
            names.append(name)
    return names


def initialised(thing: Any, methods: Methods, primals: Primals, title: str) -> Any:
    """Returns a copy of the layer whose parameters exist: some make them in the first forward."""
    pristine, after = _clone(thing, title), cloned(thing)
    methods.forward(after, tuple(primals.trees.values()))
    before, now = discovered(pristine, pristine, set()), discovered(after, after, set())
    return after if set(now) - set(before) else pristine


def _remembers(pristine: Any, methods: Methods, primals: Primals) -> bool:
    """Whether a second forward gives another result than the first (a generator moved on, say)."""
    thing, args = cloned(pristine), tuple(primals.trees.values())
    first, second = (
        {path: detached(y) for path, y in outputs(methods.forward(thing, args)[0], "").items()}
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


def _decayed(
    pristine: Any, after: Any, rewritten: set[str], methods: Methods, primals: Primals
) -> list[Finding]:
    """Returns the parameters that a forward changes, each from its own old value.

    What a forward computes anew from something else (a normalised weight) is a cache.
    """
    findings = []
    for name, (place, gradient) in discovered(pristine, after, set()).items():
        last = name.rpartition(".")[2]
        if name not in rewritten or gradient is None or not conventions.is_parameter_name(last):
            continue
        seen = []
        for factor in (1, 2):
            thing = cloned(pristine)
            place.set(thing, factor * value_at(place, pristine))
            methods.forward(thing, tuple(primals.trees.values()))
            seen.append(value_at(place, thing))
        if not _is_same(*seen):
            message = f"{name}: forward changes this parameter; work on a copy"
            findings.append(Finding(kind="parameter_mutated", primal=name, message=message))
    return findings


def inputs_wrt(args: Sequence[Any]) -> list[int] | list[str]:
    """Returns the inputs that are floating: labels and indices of a layer are data."""
    if len(args) == 1 and isinstance(args[0], Mapping):
        return [name for name, tree in args[0].items() if is_floating_tree(tree)]
    return [i for i, tree in enumerate(args) if is_floating_tree(tree)]


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


def _values(x: Any) -> np.ndarray:
    return backends.of(x).values(x)


def _ones(leaf: Any) -> Any:
    return backends.of(leaf).like(np.ones(np.shape(leaf)), leaf)


def _is_same(x: Any, y: Any) -> bool:
    return backends.is_array(x) and backends.is_array(y) and backends.of(x).same(x, y)
