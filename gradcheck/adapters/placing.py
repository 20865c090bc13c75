"""Where everything went: which returned or stored array is the cotangent of which primal."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.adapters import conventions
from gradcheck.adapters.calls import LEARNING_RATE, Layer, Methods
from gradcheck.adapters.objects import Place, attributes, walk
from gradcheck.adapters.parameters import Gradient, discovered
from gradcheck.adapters.primals import Primals, structure_finding
from gradcheck.structure import describe, numbers_of
from gradcheck.verdict import Finding

UNKNOWN_RATE = (
    "backward updates it by a learning rate that is neither an argument nor an attribute, and "
    "keeps no gradient: store the gradient, or say the rate, gradcheck.Layer(layer, "
    "learning_rate=...)"
)


def placed(
    returned: Any,
    primals: Primals,
    found: Mapping[str, tuple[Place, Gradient | None]],
    pristine: Any,
    after: Any,
) -> tuple[dict[str, Gradient], dict[str, tuple[Place, Gradient | None]], list[Finding]]:
    """Tells the cotangents of the inputs from those of the parameters in what backward returned."""
    inputs = tuple(name for name in primals.wrt)
    homeless = [name for name, (_, gradient) in found.items() if gradient is None]
    shapes = {name: np.shape(value_at(found[name][0], pristine)) for name in homeless}
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
        places = _mixed(returned, inputs, tuple(primals.trees), homeless)
    elif isinstance(returned, (tuple, list)) and not _is_list_for(returned, inputs, primals):
        shapes |= {n: np.shape(x) for n, x in primals.trees.items() if backends.is_array(x)}
        order = _order(returned, inputs, tuple(primals.trees), homeless, shapes)
        if order is None:
            wanted = f"wanted {len(inputs)} (for {', '.join(inputs)})"
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


def guessed(
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
        shape = np.shape(value_at(place, pristine))
        fitting = [where for where in new.values() if np.shape(where.get(after)) == shape]
        if gradient is None and len(fitting) == 1:
            found[name] = (place, Gradient.stored(fitting[0]))
    return found


def _is_list_for(returned: Any, inputs: Sequence[str], primals: Primals) -> bool:
    """Whether what was returned is one cotangent as a list of numbers."""
    return bool(inputs) and numbers_of(returned, primals.trees[_main(inputs)]) is not None


def _mixed(
    returned: Sequence[Any], inputs: Sequence[str], given: Sequence[str], homeless: Sequence[str]
) -> dict[str, Gradient]:
    """Places what is returned as (x_bar, {"W": W_bar}): inputs in order, parameters by name."""
    places: dict[str, Gradient] = {}
    count = sum(not isinstance(item, Mapping) for item in returned)
    left = list(given if count == len(given) else inputs)
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
    returned: Sequence[Any],
    inputs: Sequence[str],
    given: Sequence[str],
    homeless: Sequence[str],
    shapes: Mapping[str, tuple[int, ...]],
) -> Sequence[str] | None:
    """Returns which primal each returned item is for, None where they are too many.

    Inputs come first (the floating ones, or all that were given, with None for labels and masks),
    then the parameters as they are defined, unless only another order fits the shapes.
    """
    count = len(returned)
    orders = [list(inputs[:count])] if count <= len(inputs) else []
    whole = ([*inputs, *homeless], list(given), [*given, *homeless])
    orders += [order for order in whole if len(order) == count]
    if not orders:
        return None
    data = set(given) - set(inputs)

    def misfits(order: Sequence[str]) -> int:
        pairs = zip(returned, order, strict=True)
        return sum(not _fits(item, shapes.get(name), name in data) for item, name in pairs)

    order = min(orders, key=misfits)
    if not misfits(order):
        return order
    left, by_shape = list(order), []
    for item in returned:
        fitting = [name for name in left if _fits(item, shapes.get(name), name in data)]
        if not fitting:
            return order
        by_shape.append(fitting[0])
        left.remove(fitting[0])
    return by_shape


def _fits(item: Any, shape: tuple[int, ...] | None, is_data: bool) -> bool:
    return is_data if item is None else np.shape(item) == shape


def updates(
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
        before, now = value_at(place, pristine), value_at(place, after)
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


def value_at(place: Place, thing: Any) -> Any:
    """Returns a copy of what stands at a place of the thing."""
    return detached(place.get(thing))


def detached(value: Any) -> Any:
    """Returns a copy: what a layer hands out it may overwrite at its next call."""
    return backends.of(value).copy(value) if backends.is_array(value) else value
