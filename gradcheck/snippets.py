"""A few lines of Python that repeat a check, for whoever is to see its finding for themselves.

What can be imported is imported, small arrays are written out, and large ones are drawn within the
range of the user's own. What is left is a placeholder that says what belongs there.
"""

import inspect
import keyword
import pprint
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.adapters.chains import Chain
from gradcheck.adapters.functions import name_of
from gradcheck.adapters.primals import names_of
from gradcheck.verdict import Finding, Verdict

MOST_WRITTEN = 32
"""Arrays of more entries are drawn: written out, nobody would read them."""

WIDTH = 88


@dataclass(frozen=True)
class Said:
    """A value as Python says it.

    Attributes:
        text: the expression.
        imports: (module, name) of what it needs; ("", line) of modules.
        before: the lines that make it.
        exact: whether it is the very value.
    """

    text: str
    imports: tuple[tuple[str, str], ...] = ()
    before: tuple[str, ...] = ()
    exact: bool = True


def with_snippets(
    verdict: Verdict, thing: Any, args: Sequence[Any], options: Mapping[str, Any]
) -> Verdict:
    """Returns a verdict whose value findings and roots have the lines that repeat them.

    Args:
        verdict: the verdict.
        thing: as in `check`.
        args: as in `check`.
        options: the keywords of the check, the seed among them; None where one was not given.
    """
    given = {key: value for key, value in options.items() if value is not None}
    lines, exact = _call(thing, args, given)

    def snippet(shown: str) -> str:
        return "\n".join([*lines, f"print({shown if exact else 'verdict'})"])

    def with_own(finding: Finding) -> Finding:
        own = f"next(f for f in verdict.findings if f.primal == {finding.primal!r})"
        return replace(finding, snippet=snippet(f"{own}.message"))

    findings = [with_own(f) if f.claimed is not None else f for f in verdict.findings]
    roots = [
        replace(root, snippet=snippet(f"verdict.roots[{i}].message"))
        for i, root in enumerate(verdict.roots)
    ]
    return replace(verdict, findings=tuple(findings), roots=tuple(roots))


def _call(thing: Any, args: Sequence[Any], options: Mapping[str, Any]) -> tuple[list[str], bool]:
    """Returns the lines up to the verdict, and whether all values in them are the very ones."""
    subject = _said(thing, "subject")
    said = [subject, *_arguments(thing, args)]
    named = {key: _said(value, key) for key, value in options.items()}
    everything = [*said, *named.values()]
    words = [one.text for one in said] + [f"{key}={one.text}" for key, one in named.items()]
    before = dict.fromkeys(line for one in everything for line in one.before)
    check = f"verdict = gradcheck.check({', '.join(words)})"
    lines = [*_imports([i for one in everything for i in one.imports]), "", *before, check]
    return lines, all(one.exact for one in everything)


def _imports(needed: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yields the lines that import modules ("import m as name"), then those that import names."""
    yield from sorted({name for module, name in needed if not module})
    yield "import gradcheck"
    for module in sorted({module for module, _ in needed if module}):
        yield f"from {module} import {', '.join(sorted({n for m, n in needed if m == module}))}"


def _arguments(thing: Any, args: Sequence[Any]) -> Iterator[Said]:
    """Yields the arguments, arrays under the names of the parameters that take them."""
    if len(args) == 1 and isinstance(args[0], Mapping):
        items = {key: _said(value, _identifier(key)) for key, value in args[0].items()}
        yield _mapping(items)
        return
    f = getattr(thing, "forward", thing)
    for name, value in zip(names_of(f, len(args)), args, strict=True):
        yield _said(value, name)


def _said(value: Any, name: str) -> Said:
    """Returns a value as Python says it, under a name where it is an array or has none."""
    if isinstance(value, (np.ndarray, np.generic)) or hasattr(value, "detach"):
        return _array(value, name)
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
        return Said(repr(value))
    if isinstance(value, Mapping):
        return _mapping({k: _said(v, _identifier(f"{name}_{k}")) for k, v in value.items()})
    if type(value) in (list, tuple):
        items = [_said(item, f"{name}{i}") for i, item in enumerate(value)]
        text = ", ".join(item.text for item in items)
        comma = "," if len(items) == 1 else ""
        return _joined(f"[{text}]" if type(value) is list else f"({text}{comma})", items)
    if isinstance(value, Chain):
        links = [_said(link, _identifier(f"{name}_{key}")) for key, link in value.links]
        keys = ["" if key.startswith("[") else f"{key}=" for key, _ in value.links]
        words = ", ".join(key + link.text for key, link in zip(keys, links, strict=True))
        return _joined(f"gradcheck.Chain({words})", links)
    return _named(value, name)


def _mapping(items: Mapping[Any, Said]) -> Said:
    text = ", ".join(f"{key!r}: {item.text}" for key, item in items.items())
    return _joined(f"{{{text}}}", items.values())


def _joined(text: str, items: Any) -> Said:
    items = list(items)
    return Said(
        text,
        tuple(line for item in items for line in item.imports),
        tuple(line for item in items for line in item.before),
        all(item.exact for item in items),
    )


def _array(x: Any, name: str) -> Said:
    """Returns an array: its entries where they are few, else one drawn within its range."""
    is_torch = hasattr(x, "detach")
    library = "import torch" if is_torch else "import numpy as np"
    make = "torch.tensor" if is_torch else "np.array"
    dtype = str(x.dtype) if is_torch else repr(str(x.dtype))
    if backends.size(x) > MOST_WRITTEN:
        drawn = _drawn(backends.of(x).values(x), backends.of(x).shape(x), backends.is_floating(x))
        line = f"{name} = {make}({drawn}, dtype={dtype})  # stands for yours, in its range"
        return Said(name, (("", "import numpy as np"), ("", library)), (line,), exact=False)
    entries = pprint.pformat(x.tolist(), width=WIDTH - 12, compact=True)
    strange = tuple(("numpy", word) for word in ("inf", "nan") if word in entries)
    entries = entries.replace("\n", "\n" + " " * (len(name) + len(make) + 4))
    line = f"{name} = {make}({entries}, dtype={dtype})"
    return Said(name, (("", library), *strange), (line,))


def _drawn(values: np.ndarray, shape: tuple[int, ...], floating: bool) -> str:
    low, high = values.min(), values.max()
    if not floating:
        return f"np.random.default_rng(0).integers({int(low)}, {int(high) + 1}, {shape})"
    mean, spread = float(values.mean()), float(values.std())
    drawn = f"np.random.default_rng(0).normal({mean:.3g}, {spread:.3g}, {shape})"
    return f"{drawn}.clip({low:.3g}, {high:.3g})"


def _named(value: Any, name: str) -> Said:
    """Returns what can be imported by its name, a placeholder for anything else."""
    owner = getattr(value, "__self__", None)
    method = getattr(value, "__name__", "")
    if owner is not None and not inspect.ismodule(owner) and hasattr(owner, method):
        said = _named(owner, name)
        return replace(said, text=f"{said.text}.{method}")
    module, path = _home(value)
    if path:
        return Said(path, ((module, path.split(".")[0]),))
    if not inspect.isroutine(value):
        return Said(name, (), (f"{name} = ...  # your {name_of(type(value))}",))
    name = _identifier(value.__name__) if value.__name__.isidentifier() else name
    return Said(name, (), (f"{name} = ...  # your function {value.__name__}",))


def _home(value: Any) -> tuple[str, str]:
    """Returns the module and the path by which a value can be imported; "" where it cannot."""
    kind = value if hasattr(value, "__qualname__") else type(value)
    module = getattr(kind, "__module__", None) or ""
    if module == "__main__" or module not in sys.modules:
        return module, ""
    scope = vars(sys.modules[module])
    path = getattr(value, "__qualname__", "")
    found: Any = scope.get(path.split(".")[0])
    for step in path.split(".")[1:]:
        found = getattr(found, step, None)
    if path and found is value:
        return module, path
    return module, next((key for key, one in scope.items() if one is value), "")


def _identifier(text: Any) -> str:
    """Returns a text as a name that Python takes.

    >>> _identifier("params_0.W"), _identifier("lambda"), _identifier(3)
    ('params_0_W', 'lambda_', 'x3')
    """
    name = re.sub(r"\W", "_", str(text))
    name = name if name[:1].isalpha() or name.startswith("_") else f"x{name}"
    return f"{name}_" if keyword.iskeyword(name) else name
