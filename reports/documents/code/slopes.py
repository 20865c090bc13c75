"""Derivatives of functions of one variable, as code has them: sigmoid_prime, relu_grad, df."""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.documents.code.changes import Edit, Material, Simple
from reports.documents.code.edits import edits_of
from reports.documents.code.experiment import Edits
from reports.documents.code.interpreter import Interpreter
from reports.documents.code.limits import FAILS, Budget, Exhausted, NotReadable, Wants
from reports.documents.code.names import plain
from reports.documents.code.program import Bound, Class, Function, Instance
from reports.documents.code.runs import NO_EDITS

AT = np.array([[-1.7, -0.6, 0.35], [0.8, 1.3, -0.25]])
"""Where derivatives are compared: on both sides of zero, and on no kink."""

STEP = 1e-5
CLOSE = 1e-5
APPROXIMATE = 0.05
"""Relative: authors differentiate approximations of functions, within this."""

_BEFORE = re.compile(
    r"^(d|d_|der_|deriv_|grad_|derivative_of_|diff_|derivative_|prime_|deriv_of_)(?=[a-z])"
)
_AFTER = re.compile(
    r"(?i)_?(prime|derivatives?|deriv|grad|gradient|der|diff|backward|_d|back|backprop|delta|dot)$"
)

KNOWN: Mapping[str, Callable[[Any], Any]] = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "logistic": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "softplus": lambda z: np.log1p(np.exp(z)),
    "swish": lambda z: z / (1 + np.exp(-z)),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "linear": lambda z: z,
    "identity": lambda z: z,
    "square": lambda z: z**2,
}
"""Functions that a name alone defines."""

BASES = ("__call__", "forward", "function", "activate", "activation", "f", "fn", "value", "compute")


@dataclass(frozen=True, eq=False)
class Slope:
    """A derivative, and the function whose derivative it is.

    Attributes:
        names: what the document's code defines.
        name: what the function is called.
        function: the function: the document's, or a known one.
        derivative: the derivative.
        flag: the argument that makes the same function its derivative; "" for another function.
        kind: the class whose methods they are.
        budget: the steps that may be taken.
        order: whether it is the first or the second derivative.
    """

    names: Mapping[str, Any]
    name: str
    function: Function | Callable[[Any], Any]
    derivative: Function
    flag: str
    kind: Class | None
    budget: Budget
    order: int = 1

    @property
    def words(self) -> str:
        """What it is, in words."""
        return f"the {'second ' if self.order > 1 else ''}derivative of {self.name}"

    def values(self, function: Any, x: Any, edits: Edits = NO_EDITS, *, flag: bool = False) -> Any:
        """Returns a function at points, entry by entry where it takes no arrays.

        Raises:
            NotReadable: it is beyond the whitelist.
        """
        if not isinstance(function, Function):
            return function(x)
        interpreter = Interpreter(self.names, self.budget, edits)
        called: Any = function
        if self.kind is not None and function.kind != "static":
            called = Bound(function, self._owner(interpreter) if function.kind == "" else self.kind)
        named = {self.flag: True} if flag and self.flag else {}
        try:
            return np.asarray(interpreter.call(called, [np.array(x)], named), dtype=float)
        except (Wants, *FAILS):
            found = [interpreter.call(called, [float(v)], named) for v in np.ravel(x)]
            return np.array(found, dtype=float).reshape(np.shape(x))

    def _owner(self, interpreter: Interpreter) -> Instance:
        """Returns an object of the class, as its defaults make it."""
        assert self.kind is not None
        init = self.kind.method("__init__")
        defaults = init is None or not init.required
        return interpreter.create(self.kind, [], {}) if defaults else Instance(self.kind)

    def claims(self, x: Any, edits: Edits = NO_EDITS) -> Any:
        """Returns what the derivative is claimed to be."""
        return self.values(self.derivative, x, edits, flag=True)


def slope_pairs(
    function: Function, kind: Class | None, names: Mapping[str, Any], budget: Budget
) -> Iterator[Slope]:
    """Yields a function as the derivative of others, or of itself with a flag."""
    flags = [p for p, d in function.optional.items() if plain(p) in _FLAGS and _is_flag(d)]
    if len(function.required) == 1 and flags:
        yield Slope(names, function.name, function, function, flags[0], kind, budget)
        return
    if len(function.required) != 1:
        return
    for base in second_base_names(function.name) if kind is None else ():
        found = names.get(base)
        if isinstance(found, Function) and len(found.required) == 1 and found is not function:
            yield Slope(names, base, found, function, "", None, budget, order=2)
            return
    for base in base_names(function.name):
        if kind is not None:
            method = kind.method(base)
            if method is not None and len(method.required) == 1 and method is not function:
                yield Slope(names, kind.name, method, function, "", kind, budget)
                return
            continue
        found = names.get(base)
        if isinstance(found, Function) and len(found.required) == 1:
            yield Slope(names, base, found, function, "", None, budget)
            return
        if plain(base) in KNOWN:
            yield Slope(names, base, KNOWN[plain(base)], function, "", None, budget)
            return


_TWICE_BEFORE = re.compile(
    r"^(?:d[d2]_?(?=[A-Za-z]$)|d2_?(?=sigmoid|tanh|softplus|sin|cos|exp|log|func)"
    r"|second_(?:derivative|deriv|grad|prime)_(?:of_)?|hess(?:ian)?_(?:of_)?|curvature_(?:of_)?)"
)
_TWICE_AFTER = re.compile(
    r"(?i)(?:_(?:pp|second|dd|d2|2nd)|_?(?:double_?prime|prime_?prime|prime2|hess(?:ian)?"
    r"|second_?(?:derivative|deriv|order|prime)|deriv(?:ative)?_?2|2nd_derivative))$"
)
_TWICE = frozenset(
    "secondderivative secondderiv secondprime secondorderderivative hessian hess curvature".split()
)
_BY_ITSELF = re.compile(r"^d2_?(?P<of>[A-Za-z]\w*?)_?d_?[A-Za-z]_?2?$")


def second_base_names(name: str) -> list[str]:
    """Returns what a function may be the second derivative of, by its name.

    >>> second_base_names("d2f"), second_base_names("f_double_prime"), second_base_names("d2f_dx2")
    (['f'], ['f'], ['f'])
    """
    if plain(name) in _TWICE:
        return ["f", "func", "function", "g"]
    found = [_TWICE_BEFORE.sub("", name), _TWICE_AFTER.sub("", name)]
    by = _BY_ITSELF.match(name)
    found += [by["of"]] if by is not None else []
    return [n for n in dict.fromkeys(found) if n and n != name]


_FLAGS = frozenset("deriv derivative derive prime grad d isderivative der diff".split())


def _is_flag(default: ast.expr) -> bool:
    """Whether a default is one of a flag: d=False, and not the bound of d=1.0."""
    return isinstance(default, ast.Constant) and not isinstance(default.value, float)


def base_names(name: str) -> list[str]:
    """Returns what a function may be the derivative of, by its name.

    >>> base_names("sigmoid_prime"), base_names("d_relu"), base_names("gradient")[:2]
    (['sigmoid'], ['relu'], ['__call__', 'forward'])
    """
    if plain(name) in {
        "gradient",
        "derivative",
        "prime",
        "grad",
        "deriv",
        "df",
        "derive",
        "d",
        "backward",
    }:
        return [*BASES, "g" if name == "dg" else "f"]
    found = [_BEFORE.sub("", name), _AFTER.sub("", name)]
    return [n for n in dict.fromkeys(found) if n and n != name]


@dataclass(frozen=True, eq=False)
class Held:
    """What was found of a derivative: right (and of what), or what makes it so."""

    slope: Slope
    right: bool
    of_output: bool = False
    edit: Edit | None = None


def held(slope: Slope) -> Held | None:
    """Returns what was found of a derivative; None where nothing could be decided.

    A derivative may be written in terms of the function's value: σ(1 − σ).

    Raises:
        NotReadable: it is beyond the whitelist.
    """
    above = slope.values(slope.function, AT + STEP)
    below = slope.values(slope.function, AT - STEP)
    y = slope.values(slope.function, AT)
    if np.shape(y) != np.shape(AT):
        return None
    true = (above - below) / (2 * STEP) if slope.order == 1 else _second(slope, y)
    if not _is_elementwise(slope, y):
        return None
    for of_output, at in ((False, AT), (True, y)):
        if _agree(slope, at, true, NO_EDITS):
            return Held(slope, True, of_output)
    if isinstance(slope.derivative.node, ast.Lambda):
        return None
    own = {n.id for n in ast.walk(slope.derivative.node) if isinstance(n, ast.Name)}
    own |= set(slope.derivative.parameters)
    functions = [
        n for n, v in slope.names.items() if isinstance(v, Function) and len(v.required) == 1
    ]
    material = Material(
        names=tuple(sorted(own - {"self", "np", "numpy", *slope.names})),
        functions=tuple(functions)[:20],
    )
    statements = [s for s in ast.walk(slope.derivative.node) if isinstance(s, Simple)]
    edits = sorted((e for s in statements for e in edits_of(s, material)), key=lambda e: e.cost)
    for edit in edits:
        for of_output, at in ((False, AT), (True, y)):
            if _agree(slope, at, true, {edit.old: edit.new}):
                if not slope.flag or _same_function(slope, y, edit):
                    return Held(slope, False, of_output, edit)
    off = [np.max(np.abs(slope.claims(at) - true)) for at in (AT, y)]
    return Held(slope, False) if min(off) > APPROXIMATE * np.max(np.abs(true)) else None


WIDE = 4e-3
"""The step of second differences."""


def _second(slope: Slope, y: Any) -> Any:
    """Returns second differences, of two steps that make the error one of the fourth order."""

    def at(step: float) -> Any:
        above, below = (slope.values(slope.function, AT + s * step) for s in (1, -1))
        return (above - 2 * y + below) / step**2

    return (4 * at(WIDE / 2) - at(WIDE)) / 3


def _is_elementwise(slope: Slope, y: Any) -> bool:
    """Whether no value of a function depends on more than one number: a softmax is none."""
    other = AT.copy()
    other[0, 0] += 0.5
    return int(np.sum(slope.values(slope.function, other) != y)) <= 1


def _agree(slope: Slope, at: Any, true: Any, edits: Edits) -> bool:
    try:
        claimed = slope.claims(at, edits)
    except Exhausted:
        raise
    except (NotReadable, *FAILS):
        if not edits:
            raise NotReadable("it does not run on arrays or numbers") from None
        return False
    return np.shape(claimed) == np.shape(true) and bool(
        np.max(np.abs(claimed - true)) < CLOSE * max(1.0, float(np.max(np.abs(true))))
    )


def _same_function(slope: Slope, y: Any, edit: Edit) -> bool:
    """Whether a change of a function with a flag leaves the function itself as it is."""
    try:
        return np.allclose(slope.values(slope.function, AT, {edit.old: edit.new}), y)
    except (NotReadable, *FAILS):
        return False
