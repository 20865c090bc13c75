"""Networks of layer objects, and of objects with a method that returns (y, pullback)."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.adapters import conventions
from gradcheck.adapters.calls import (
    Layer,
    Methods,
    forward_signature,
    is_layer,
    methods_of,
    stored_output,
)
from gradcheck.adapters.functions import call, function_subject, name_of, scaled
from gradcheck.adapters.layers import initialised, inputs_wrt, layer_subject
from gradcheck.adapters.objects import cloned, is_object
from gradcheck.adapters.placing import detached
from gradcheck.adapters.primals import outputs, primals_of, wider
from gradcheck.errors import EvaluationError, InvalidInput, PullbackError
from gradcheck.network.parts import Inside, Part, arrays, below, displaced
from gradcheck.network.watched import Recorded, Watch, copied, watch_layers, watch_rules
from gradcheck.structure import rebuild
from gradcheck.subject import Point, Pulled, Subject


@dataclass(frozen=True, eq=False)
class Way:
    """How a copy of an object is run, and how its parts are watched.

    Attributes:
        title: how it is called.
        thing: the object.
        forward: a copy of it -> (what came out, y_bar -> what its backward returns).
        watch: (a copy of it, a watch) -> None; its parts are watched from then on.
        part: (a recorded call, which of its part's calls it is, the path of the whole) -> the part.
        of_loss: whether its backward takes no cotangent.
    """

    title: str
    thing: Any
    forward: Callable[[Any], tuple[Any, Callable[[Any], Any]]]
    watch: Callable[[Any, Watch], None]
    part: Callable[[Recorded, int, str], Part | None]
    of_loss: bool = False


def is_layer_network(thing: Any, args: Sequence[Any], vjp: Any) -> bool:
    """Returns whether a thing is a layer object, which may have layer objects within."""
    return vjp is None and is_layer(thing)


def is_rule_network(thing: Any, args: Sequence[Any], vjp: Any) -> bool:
    """Returns whether a thing is a method of a user's object, whose parts may have it as well."""
    return vjp is None and inspect.ismethod(thing) and is_object(thing.__self__)


def layer_part(
    thing: Any, args: Sequence[Any], subject: Subject, y_bar: Point, path: str = ""
) -> Part:
    """Returns a layer object as a part that stands at a path."""
    layer = thing if isinstance(thing, Layer) else Layer(thing)
    way = _layer_way(layer, args)
    return _whole(way, subject, y_bar, path)


def rule_part(
    thing: Any, args: Sequence[Any], subject: Subject, y_bar: Point, path: str = ""
) -> Part:
    """Returns a method that returns (y, pullback) as a part that stands at a path."""
    way = _rule_way(thing.__self__, thing.__name__, args)
    return _whole(way, _with_parameters(subject), y_bar, path)


def _whole(way: Way, subject: Subject, y_bar: Point, path: str) -> Part:
    return Part(
        path=path,
        thing=way.title,
        subject=lambda: subject,
        y_bar=y_bar,
        inside=lambda: _inside(way, y_bar, path),
    )


def _layer_way(layer: Layer, args: Sequence[Any]) -> Way:
    title = name_of(type(layer.thing))
    signature = forward_signature(layer, title)
    primals = primals_of(signature, args, inputs_wrt(args))
    methods = methods_of(layer, signature, primals, title)

    def forward(thing: Any) -> tuple[Any, Callable[[Any], Any]]:
        copies = primals_of(signature, args, inputs_wrt(args)).trees
        inputs = tuple(copies.values())
        y, cache = methods.forward(thing, inputs)
        return y, lambda y_bar: call(
            methods.backward, (thing, y_bar, inputs, cache), {}, title, PullbackError
        )

    return Way(
        title,
        initialised(layer.thing, methods, primals, title),
        forward,
        watch_layers,
        _layer_of,
        methods.of_loss,
    )


def _rule_way(owner: Any, method: str, args: Sequence[Any]) -> Way:
    title = name_of(type(owner))

    def forward(thing: Any) -> tuple[Any, Callable[[Any], Any]]:
        primals = primals_of(getattr(thing, method), args, inputs_wrt(args))
        inputs, named = primals.arguments({})
        y, pullback = call(getattr(thing, method), inputs, named, title)
        return y, lambda y_bar: call(pullback, (y_bar,), {}, title, PullbackError)

    return Way(
        title, owner, forward, lambda thing, watch: watch_rules(thing, method, watch), _rule_of
    )


def _inside(way: Way, y_bar: Point, path: str) -> Inside | None:
    """Runs an object and sees what passes through its parts; a backward that raises is cut off."""
    watch = Watch()
    try:
        _ran(way, cloned(way.thing), watch, y_bar)
    except PullbackError:
        pass
    numbers = _numbered(watch.calls)
    made = [way.part(c, n, path) for c, n in zip(watch.calls, numbers, strict=True)]
    parts = [part for part in made if part is not None]
    if not parts:
        return None
    return Inside(tuple(reversed(parts)), _edges(way, made))


def _ran(way: Way, thing: Any, watch: Watch, y_bar: Point | None) -> Point:
    way.watch(thing, watch)
    y, backward = way.forward(thing)
    if y_bar is not None:
        backward(rebuild(y, "y", y_bar))
    return outputs(y, way.title)


def _numbered(calls: Sequence[Recorded]) -> list[int]:
    paths = [call.path for call in calls]
    return [paths[: i + 1].count(path) for i, path in enumerate(paths)]


def _edges(way: Way, parts: Sequence[Part | None]) -> Subject | None:
    """Returns an object as a function of what its parts put out."""
    known = [part for part in parts if part is not None]
    given = {edge: part.outputs[name] for part in known for edge, name in part.edges().items()}
    if not given:
        return None

    def watching(at: Point) -> Watch:
        def moved(number: int, part: Any, result: Any) -> Any:
            one = parts[number] if number < len(parts) else None
            return result if one is None else _displaced(result, part, one, at, given)

        return Watch(moved, keeps=False)

    def function(at: Point) -> Point:
        thing = cloned(way.thing, wider(at, given))
        return {n: detached(y) for n, y in _ran(way, thing, watching(at), None).items()}

    def pullback(cotangents: Point, at: Point) -> Pulled:
        watch = watching(at)
        _ran(way, cloned(way.thing, wider(at, given)), watch, cotangents)
        found: dict[str, Any] = {}
        for part, recorded in zip(parts, watch.calls, strict=False):
            bars = part.reads(recorded.given) if part is not None else {}
            found |= {f"{part.label}{name[1:]}": bar for name, bar in bars.items() if part}
        found = {edge: found[edge] for edge in given if edge in found}
        return Pulled(scaled(found, next(iter(cotangents.values()))) if way.of_loss else found)

    return Subject(way.title, given, {}, function, pullback, is_object=True)


def _displaced(result: Any, part: Any, one: Part, at: Point, given: Point) -> Any:
    if result is None:
        stored = stored_output(part)
        moved = displaced({"y": getattr(part, str(stored))}, at, given, one.label)
        for value in moved.values():
            setattr(part, str(stored), value)
        return None
    is_pair = isinstance(result, tuple) and len(result) == 2
    if is_pair and set(one.outputs) == {"y"}:  # (y, cache), or (y, pullback)
        return (
            rebuild(result[0], "y", displaced(arrays(result[0]), at, given, one.label)),
            result[1],
        )
    return rebuild(result, "y", displaced(arrays(result), at, given, one.label))


def _layer_of(recorded: Recorded, number: int, path: str) -> Part | None:
    """Returns a recorded call of a layer; None where its backward is no pullback."""
    here, kind = below(path, recorded.path), type(recorded.before).__name__
    if recorded.before is None:
        return _unknown(here, type(recorded.part).__name__, number, "it cannot be copied")
    layer = Layer(recorded.before, forward=recorded.method, backward=recorded.backward or None)
    try:
        args = _named(forward_signature(layer, kind), recorded)
        signature = forward_signature(layer, kind)
        primals = primals_of(signature, args, inputs_wrt(args))
        methods = methods_of(layer, signature, primals, kind)
    except InvalidInput as error:
        return _unknown(here, kind, number, str(error))
    y, _ = methods.read(recorded.part, recorded.result)
    found = arrays(y)
    if methods.of_loss and any(np.size(x) > 1 for x in found.values()):
        return None
    y_bar = _cotangents(recorded.given, methods)
    inputs = tuple(x for tree in primals.trees.values() for x in arrays(tree).values())
    if any(_is_same(bar, x) for bar in y_bar.values() for x in inputs):
        return None  # a derivative by the input, σ'(x): its name is like a pullback's

    def alone() -> Point:
        thing, copies = cloned(recorded.before), tuple(copied(primals.trees).values())
        again, cache = methods.forward(thing, copies)
        if not all(_is_same(x, found[n]) for n, x in arrays(again).items()):
            return {}  # it drew other random numbers
        return arrays(methods.backward(thing, rebuild(y, "y", y_bar), copies, cache), "x_bar")

    return Part(
        path=here,
        thing=kind,
        subject=lambda: layer_subject(layer, args, wrt=None, name=kind),
        y_bar=y_bar,
        inside=lambda: _inside(_layer_way(layer, args), y_bar, here),
        inputs=inputs,
        outputs={} if methods.of_loss else found,
        reached=recorded.given is not None,
        call=number,
        returned=arrays(recorded.returned, "x_bar"),
        alone=alone if recorded.given is not None else None,
        reads=lambda given: _cotangents(given, methods),
    )


def _rule_of(recorded: Recorded, number: int, path: str) -> Part | None:
    """Returns a recorded call of a method that returns (y, pullback)."""
    here, kind = below(path, recorded.path), type(recorded.part).__name__
    result = recorded.result
    if not (isinstance(result, tuple) and len(result) == 2 and callable(result[1])):
        return None
    if recorded.before is None:
        return _unknown(here, kind, number, "it cannot be copied")
    method = getattr(recorded.before, recorded.method)
    args = _named(method, recorded)
    found = arrays(result[0])
    y_bar = _first(recorded.given)
    return Part(
        path=here,
        thing=kind,
        subject=lambda: _with_parameters(
            function_subject(method, args, vjp=None, wrt=inputs_wrt(args), name=kind)
        ),
        y_bar=y_bar,
        inside=lambda: _inside(_rule_way(recorded.before, recorded.method, args), y_bar, here),
        inputs=tuple(x for tree in recorded.args for x in arrays(tree).values()),
        outputs=found,
        reached=recorded.given is not None,
        call=number,
        reads=_first,
    )


def _with_parameters(subject: Subject) -> Subject:
    """Returns the subject of a function whose parameters are arguments, known by their names."""
    parameters = filter(conventions.is_parameter_argument, subject.point)
    return replace(subject, parameters=tuple(parameters))


def _first(given: Sequence[Any] | None) -> dict[str, Any]:
    """Returns the cotangents that a pullback was given, by the names of the outputs."""
    return arrays(given[0]) if given else {}


def _unknown(path: str, kind: str, call: int, reason: str) -> Part:
    def subject() -> Subject:
        raise EvaluationError(reason)

    return Part(path=path, thing=kind, subject=subject, y_bar={}, inside=lambda: None, call=call)


def _named(method: Callable, recorded: Recorded) -> tuple[Any, ...]:
    """Returns the arguments of a call in the form in which `check` takes them."""
    alone_is_mapping = len(recorded.args) == 1 and isinstance(recorded.args[0], Mapping)
    if not recorded.kwargs and not alone_is_mapping:
        return recorded.args
    return (dict(inspect.signature(method).bind(*recorded.args, **recorded.kwargs).arguments),)


def _cotangents(given: Sequence[Any] | None, methods: Methods) -> dict[str, Any]:
    """Returns the cotangents that a backward was given, by the names of the outputs."""
    pairs = zip(given or (), methods.roles, strict=False)
    bars = [bar for bar, role in pairs if role == "y_bar"]
    return arrays(bars[0] if len(bars) == 1 else tuple(bars)) if bars else {}


def _is_same(x: Any, y: Any) -> bool:
    return np.shape(x) == np.shape(y) and backends.of(x).same(x, y) and bool(np.any(x))
