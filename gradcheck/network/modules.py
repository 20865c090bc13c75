"""Trees of PyTorch modules: hooks on all of them, and on Functions, record what passes through.

A zero that requires a gradient is added to what each module puts out: its gradient is the cotangent
that reaches the module, whatever is done to the output in place later on.
"""

import copy
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from gradcheck import backends
from gradcheck.adapters.functions import name_of
from gradcheck.adapters.primals import Primals, names_of, outputs, wider
from gradcheck.adapters.torch_functions import (
    Call,
    cast,
    is_module,
    of_call,
    signature_of,
    torch_subject,
)
from gradcheck.network.applied import watched_functions
from gradcheck.network.parts import Inside, Part, below, displaced
from gradcheck.network.roots import is_same
from gradcheck.structure import leaves, rebuild
from gradcheck.subject import Point, Subject


@dataclass(frozen=True, eq=False)
class Seen:
    """One call of a module: its name in the tree, its arguments, and what it put out.

    Of an autograd Function: the name of its class, and the class.
    """

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    outputs: Point
    requiring: frozenset[str]
    function: Any = None


@dataclass
class Hooks:
    """What is done to the modules that a module itself calls, and what was seen of them.

    Attributes:
        displace: (number of the call, its outputs by name) -> those that are replaced, by name.
        seen: the calls, in the order of the forward pass.
        depth: how many modules are running.
        applying: whether a Function is running: what it applies itself is its own affair.
    """

    displace: Callable[[int, Point], Point]
    seen: list[Seen | None] = field(default_factory=list)
    depth: int = 0
    applying: bool = False

    def applied(self, function: Any, run: Callable[..., Any], args: tuple) -> Any:
        """Applies an autograd Function, and sees it where the module itself applies it."""
        if self.depth or self.applying:
            return run(*args)
        number, inputs = len(self.seen), _kept(args)
        named = _named(function, args)
        requiring = frozenset(name for name, x in named.items() if _requires(x))
        self.seen.append(None)
        self.applying = True
        try:
            y = run(*args)
        finally:
            self.applying = False
        found = {n: x for n, x in leaves(y, "y").items() if _floating(x)} if _is_plain(y) else {}
        live = {n: x for n, x in found.items() if x.requires_grad} if requiring else found
        own = {n: x.detach().clone() for n, x in live.items()}
        self.seen[number] = Seen(function.__name__, inputs, {}, own, requiring, function)
        moved = self.displace(number, live)
        return rebuild(y, "y", moved) if moved else y


def is_module_network(thing: Any, args: Sequence[Any], vjp: Any) -> bool:
    """Returns whether a thing is a PyTorch module."""
    return vjp is None and is_module(thing)


def module_part(
    thing: Any, args: Sequence[Any], subject: Subject, y_bar: Point, path: str = ""
) -> Part:
    """Returns a module as a part that stands at a path."""
    return Part(
        path=path,
        thing=name_of(thing),
        subject=lambda: subject,
        y_bar=y_bar,
        inside=lambda: _inside(thing, *_arguments(args), frozenset(subject.point), y_bar, path),
    )


def _inside(
    module: Any,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    requiring: frozenset[str],
    y_bar: Point,
    path: str,
) -> Inside | None:
    """Runs a copy of a module, and sees what passes through the modules that it calls itself."""
    torch = sys.modules["torch"]
    zeros: dict[tuple[int, str], Any] = {}

    def add_zero(number: int, found: Point) -> Point:
        for name, y in found.items():
            zeros[number, name] = torch.zeros_like(y).requires_grad_()
        return {name: y + zeros[number, name] for name, y in found.items()}

    hooks = Hooks(add_zero)
    twin = copy.deepcopy(module)
    with torch.enable_grad(), hooked(twin, hooks):
        args, kwargs = _bound(twin, args, kwargs, requiring)
        y = outputs(twin(*args, **kwargs), path)
        wanted = {name: bar for name, bar in y_bar.items() if name in y and y[name].requires_grad}
        bars = [bar.to(y[n].dtype) for n, bar in wanted.items()]
        ends, keys = [y[n] for n in wanted], list(zeros)
        starts = [zeros[key] for key in keys]
        found = torch.autograd.grad(ends, starts, bars, allow_unused=True) if ends and keys else ()
    reached = {key: bar.detach() for key, bar in zip(keys, found, strict=False) if bar is not None}
    made, calls = [], dict[str, int]()
    for number, seen in enumerate(hooks.seen):
        if seen is not None:
            calls[seen.name] = calls.get(seen.name, 0) + 1
            own = {name: bar for (n, name), bar in reached.items() if n == number}
            part_of = _part_of if seen.function is None else _function_part
            made.append((number, part_of(module, seen, calls[seen.name], own, path)))
    if not made:
        return None
    parts = dict(made)
    edges = _edges(module, args, kwargs, parts)
    return Inside(tuple(reversed(parts.values())), edges)


def _part_of(module: Any, seen: Seen, call: int, y_bar: Point, path: str) -> Part:
    part, here = module.get_submodule(seen.name), below(path, _display(module, seen.name))
    wrt = (*seen.requiring, *(n for n, p in part.named_parameters() if p.requires_grad))
    return Part(
        path=here,
        thing=name_of(part),
        subject=lambda: torch_subject(part, _as_given(part, seen), wrt=wrt, name=name_of(part)),
        y_bar=y_bar,
        inside=lambda: _inside(part, seen.args, seen.kwargs, seen.requiring, y_bar, here),
        inputs=tuple(x for x in leaves((seen.args, seen.kwargs), "").values() if _floating(x)),
        outputs=seen.outputs,
        reached=bool(y_bar),
        call=call,
    )


def _function_part(module: Any, seen: Seen, call: int, y_bar: Point, path: str) -> Part:
    """Returns an autograd Function as a part: the class, as it was applied."""
    wrt = tuple(i for i, n in enumerate(_named(seen.function, seen.args)) if n in seen.requiring)
    held = [p.detach() for p in module.parameters()]

    def subject() -> Subject:
        made = torch_subject(seen.function.apply, seen.args, wrt=wrt, name=seen.name)
        own = (n for n, x in made.point.items() if any(is_same(x, p) for p in held))
        return replace(made, parameters=tuple(own))

    return Part(
        path=below(path, seen.name),
        thing="autograd.Function",
        subject=subject,
        y_bar=y_bar,
        inside=lambda: None,
        inputs=tuple(x for x in seen.args if _floating(x)),
        outputs=seen.outputs,
        reached=bool(y_bar),
        call=call,
    )


def _named(function: Any, args: tuple[Any, ...]) -> dict[str, Any]:
    """Returns the arguments of an autograd Function by the names that its forward has for them."""
    return dict(zip(names_of(signature_of(function.apply), len(args)), args, strict=True))


def _edges(module: Any, args: tuple, kwargs: Mapping, parts: Mapping[int, Part]) -> Subject | None:
    """Returns a module as a function of what the modules that it calls put out."""
    torch = sys.modules["torch"]
    given = {
        edge: part.outputs[name] for part in parts.values() for edge, name in part.edges().items()
    }
    if not given:
        return None
    twin = copy.deepcopy(module)
    held = {n: x.detach() for n, x in (*twin.named_parameters(), *twin.named_buffers())}
    primals = Primals(given, tuple(given), by_name=True)

    def run(nothing: tuple, at: Point, parameters: Point, precision: str | None) -> Any:
        wide = cast(given, wider(at, given))

        def displace(number: int, found: Point) -> Point:
            part = parts.get(number)
            return {} if part is None else displaced(found, at, wide, part.label)

        state = {n: x.clone() for n, x in cast(held, precision).items()}
        tensors = leaves((args, kwargs), "a")
        moved = cast({n: x for n, x in tensors.items() if _floating(x)}, precision)
        inputs, named = rebuild((args, kwargs), "a", {n: x.clone() for n, x in moved.items()})
        with hooked(twin, Hooks(displace)):
            return torch.func.functional_call(twin, state, inputs, dict(named))

    return of_call(Call(primals, run, {}), None, name_of(module))


@contextmanager
def hooked(module: Any, hooks: Hooks) -> Iterator[None]:
    """Sees the calls that a module makes of those below it, and replaces what they put out."""
    handles = []
    for name, part in module.named_modules():
        if part is not module:
            before, after = _hooks(name, hooks)
            handles.append(part.register_forward_pre_hook(before, with_kwargs=True))
            handles.append(part.register_forward_hook(after, with_kwargs=True))
    try:
        with watched_functions(hooks.applied):
            yield
    finally:
        for handle in handles:
            handle.remove()


def _hooks(name: str, hooks: Hooks) -> tuple[Callable, Callable]:
    taken: list[tuple[int, tuple, dict, frozenset[str]]] = []

    def before(part: Any, args: tuple, kwargs: dict) -> None:
        hooks.depth += 1
        if hooks.depth == 1:
            requiring = _requiring(part, args, kwargs)
            taken.append((len(hooks.seen), _kept(args), _kept(kwargs), requiring))
            hooks.seen.append(None)

    def after(part: Any, args: tuple, kwargs: dict, y: Any) -> Any:
        hooks.depth -= 1
        if hooks.depth or not taken:
            return None
        number, inputs, named, requiring = taken.pop()
        found = {n: x for n, x in leaves(y, "y").items() if _floating(x)} if _is_plain(y) else {}
        own = {n: x.detach().clone() for n, x in found.items()}
        hooks.seen[number] = Seen(name, inputs, named, own, requiring)
        moved = hooks.displace(number, found)
        return rebuild(y, "y", moved) if moved else None

    return before, after


def _requiring(part: Any, args: tuple, kwargs: Mapping) -> frozenset[str]:
    """Returns the names of the arguments that hold tensors which require a gradient."""
    return frozenset(
        name
        for name, tree in _by_name(part, args, kwargs).items()
        if any(map(_requires, leaves(tree, "").values()))
    )


def _requires(x: Any) -> bool:
    return bool(getattr(x, "requires_grad", False))


def _bound(
    module: Any, args: tuple, kwargs: Mapping, requiring: frozenset[str]
) -> tuple[tuple, dict[str, Any]]:
    """Returns copies of the arguments; the floating tensors among the named require a gradient."""
    named = _by_name(module, args, kwargs)

    def marked(tree: Any, name: str) -> Any:
        found = {n: x.detach().clone() for n, x in leaves(tree, name).items() if _floating(x)}
        for path, x in found.items():
            x.requires_grad_(any(_is_below(path, r) for r in requiring))
        return rebuild(tree, name, found)

    copies = {name: marked(tree, name) for name, tree in named.items()}
    first = list(copies)[: len(args)]
    return (
        tuple(copies.pop(name) for name in first),
        copies,
    )


def _is_below(path: str, name: str) -> bool:
    return path == name or path.startswith((f"{name}.", f"{name}["))


def _arguments(args: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Returns the (args, kwargs) of the call that `check` makes of a module."""
    if len(args) == 1 and isinstance(args[0], Mapping):
        return (), dict(args[0])
    return tuple(args), {}


def _as_given(part: Any, seen: Seen) -> tuple[Any, ...]:
    """Returns the arguments of a call in the form in which `check` takes them."""
    spread = any(p.kind is p.VAR_POSITIONAL for p in _parameters(part))
    return seen.args if spread else (_by_name(part, seen.args, seen.kwargs),)


def _by_name(module: Any, args: tuple, kwargs: Mapping) -> dict[str, Any]:
    """Returns the arguments of a forward by their names."""
    return {**dict(zip(names_of(module.forward, len(args)), args, strict=True)), **kwargs}


def _parameters(module: Any) -> Iterable[inspect.Parameter]:
    return inspect.signature(module.forward).parameters.values()


def _display(module: Any, name: str) -> str:
    """Returns the name of a module as a person reaches it: encoder[1].linear, heads['a']."""
    torch = sys.modules["torch"]
    text, here = "", module
    for step in name.split("."):
        if isinstance(here, torch.nn.ModuleDict):
            text += f"[{step!r}]"
        elif step.isdigit():
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
        here = getattr(here, step)
    return text


def _kept(tree: Any) -> Any:
    found = {n: x for n, x in leaves(tree, "").items() if hasattr(x, "detach")}
    return rebuild(tree, "", {n: x.detach().clone() for n, x in found.items()})


def _is_plain(tree: Any) -> bool:
    """Whether a structure is put together again as what it was."""
    if isinstance(tree, Mapping):
        return type(tree) is dict and all(map(_is_plain, tree.values()))
    if isinstance(tree, (tuple, list)):
        named = hasattr(tree, "_fields") or type(tree) in (tuple, list)
        return named and all(map(_is_plain, tree))
    return True


def _floating(x: Any) -> bool:
    return backends.is_floating(x) and hasattr(x, "requires_grad")
