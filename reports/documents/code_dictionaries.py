"""Networks of two functions, forward and backward, with their parameters in a dictionary."""

import ast
import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.documents.code_names import gradient_of, role
from reports.documents.code_networks import LOSS_NAMES, OUTPUTS, losses
from reports.documents.code_pairs import assignments, pair_names
from reports.documents.code_subjects import FAILS, Subject
from reports.documents.interpreter import Interpreter
from reports.documents.numpy_calls import NotReadable
from reports.documents.program import Program


def dictionary_networks(
    backward: str, program: Program, text: str
) -> Iterator[tuple[str, Subject]]:
    """Yields a network whose parameters are entries of a dictionary, with each loss it may have.

    The loss is the document's own function where it has one; the name of the loss comes first.

    Raises:
        NotReadable: it is beyond the whitelist.
    """
    g = program.functions[backward]
    f = _forward_of(backward, program)
    if f is None:
        return
    store = next((a.arg for a in f.args.args if _keys(f, a.arg)), "")
    keys = _keys(f, store) if store else ()
    data = next((a.arg for a in f.args.args if role(a.arg) == "data"), "")
    target = next((a.arg for a in g.args.args if role(a.arg) == "target"), "")
    if not keys or not data or not target or {a.arg for a in f.args.args} - {store, data}:
        return
    for rows in (False, True):
        point = _entries(keys, rows=rows)
        x = np.random.default_rng(6).uniform(-1, 1, (SAMPLES, 3) if rows else (3, SAMPLES))
        network = _Dictionary(program, f, g, store, data, target, x, rows)
        try:
            y = network.target(point)
            claimed = network.gradients(point, y)
        except FAILS:
            continue
        if set(claimed) == set(point) and all(claimed[k].shape == point[k].shape for k in point):
            for name, loss in _losses_for(program, text, y, rows=rows):
                yield name, network.subject(backward, point, y, loss, claimed)
            return


SAMPLES = 7


def _forward_of(backward: str, program: Program) -> ast.FunctionDef | None:
    """Returns the forward function: that of the same name, else the only one called so."""
    own = program.functions.get(pair_names(backward))
    if own is not None:
        return own
    others = [n for name, n in program.functions.items() if "forward" in name.lower()]
    named_back = "back" in backward.lower()
    return others[0] if len(others) == 1 and named_back else None


def _keys(node: ast.FunctionDef, store: str) -> tuple[str, ...]:
    """Returns the entries of a dictionary that a function reads: W1, b1, W2, …."""
    found = [
        n.slice.value
        for n in ast.walk(node)
        if isinstance(n, ast.Subscript)
        and isinstance(n.value, ast.Name)
        and n.value.id == store
        and isinstance(n.slice, ast.Constant)
        and isinstance(n.slice.value, str)
    ]
    keys = tuple(dict.fromkeys(sorted(found)))
    return keys if all(re.fullmatch(r"[Wwb]\d", key) for key in keys) else ()


def _entries(keys: Sequence[str], *, rows: bool) -> dict[str, Any]:
    """Returns random weights and biases; all widths differ."""
    rng = np.random.default_rng(4)
    widths = (3, 5, 4, 2, 6)
    last = max(int(key[1:]) for key in keys)
    point = {}
    for key in keys:
        at = int(key[1:])
        n_in, n_out = widths[at - 1], 2 if at == last else widths[at]
        shape = (n_in, n_out) if key[0] in "Ww" else (1, n_out)
        point[key] = rng.uniform(-1, 1, shape if rows else shape[::-1])
    return point


@dataclass(frozen=True, eq=False)
class _Dictionary:
    """A network of two functions, its data, and where the parameters are put."""

    program: Program
    forward: ast.FunctionDef
    backward: ast.FunctionDef
    store: str
    data: str
    goal: str
    x: Any
    rows: bool

    def output(self, point: Mapping[str, Any]) -> tuple[Any, Any]:
        """Returns what the forward function returns: the output and the cache."""
        given = {self.store: copy.deepcopy(dict(point)), self.data: self.x.copy()}
        found = Interpreter(self.program).call(self.forward.name, given)
        if isinstance(found, tuple) and len(found) == 2:
            return found
        if isinstance(found, dict):
            last = [v for k, v in found.items() if k.lower().startswith("a")]
            return (last[-1] if last else None), found
        return found, found

    def target(self, point: Mapping[str, Any]) -> Any:
        """Returns targets that are probabilities, as softmax and sigmoid both take."""
        shape = np.shape(self.output(point)[0])
        weights = np.random.default_rng(8).uniform(0.2, 0.8, shape)
        return weights / weights.sum(axis=1 if self.rows else 0, keepdims=True)

    def gradients(self, point: Mapping[str, Any], y: Any) -> dict[str, Any]:
        """Returns the gradients that the backward function returns, by parameter."""
        output, cache = self.output(point)
        given: dict[str, Any] = {}
        for a in self.backward.args.args:
            if a.arg == self.store or role(a.arg) == "weight":
                given[a.arg] = copy.deepcopy(dict(point))
            elif a.arg == self.data:
                given[a.arg] = self.x.copy()
            elif a.arg == self.goal:
                given[a.arg] = y.copy()
            elif "cache" in a.arg.lower():
                given[a.arg] = copy.deepcopy(cache)
            elif a.arg.lower() in OUTPUTS | {"al", "a2", "a3", "yhat"}:
                given[a.arg] = output
            else:
                raise NotReadable(f"what the argument {a.arg[:30]} is")
        found = Interpreter(self.program).call(self.backward.name, given)
        if not isinstance(found, dict):
            raise NotReadable("gradients that are not returned in a dictionary")
        return {
            key: np.asarray(value, dtype=float)
            for name, value in found.items()
            for key in point
            if isinstance(name, str) and gradient_of(name, key)
        }

    def subject(
        self,
        name: str,
        point: Mapping[str, Any],
        y: Any,
        loss: Callable[[Any, Any], Any],
        claimed: Mapping[str, Any],
    ) -> Subject:
        """Returns the network with a loss as what `gradcheck` checks."""
        stored = {gradient: key for key in point for gradient in _stored_names(self.backward, key)}
        return Subject(
            name,
            dict(point),
            lambda **moved: np.asarray(loss(self.output({**point, **moved})[0], y), dtype=float),
            lambda y_bar, moved: {
                k: np.asarray(y_bar) * g for k, g in self.gradients(moved, y).items()
            },
            assignments(self.backward, stored),
            frozenset(),
        )


def _stored_names(node: ast.FunctionDef, key: str) -> list[str]:
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return [name for name in names if gradient_of(name, key)]


def _losses_for(
    program: Program, text: str, y: Any, *, rows: bool
) -> Iterator[tuple[str, Callable[[Any, Any], Any]]]:
    """Yields the document's own loss, else those that are known, also divided by the samples."""
    own = [n for name, n in program.functions.items() if re.search(r"(?i)cost|loss", name)]
    for node in own:
        parameters = [a.arg for a in node.args.args]
        goals = [p for p in parameters if role(p) == "target"]
        if len(parameters) == 2 and len(goals) == 1:
            first = parameters.index(goals[0]) == 0

            def loss(p: Any, t: Any, node: ast.FunctionDef = node, first: bool = first) -> Any:
                names = [a.arg for a in node.args.args]
                given = dict(zip(names, (t, p) if first else (p, t), strict=True))
                return Interpreter(program).call(node.name, given)

            yield node.name, loss
            return
    samples = SAMPLES if y.ndim > 1 else 1
    known = dict(losses(text)) | {"ce": lambda p, t: -np.sum(t * np.log(p))}
    for name, function in known.items():
        yield LOSS_NAMES.get(name, "cross-entropy"), function
        yield (
            f"{LOSS_NAMES.get(name, 'cross-entropy')}, the mean over the samples",
            lambda p, t, f=function: f(p, t) / samples,
        )
