"""Whether what was said of a bug at one point is what the bug does: asked at another point.

What is true there is computed by the right twin. A sentence that says the same of the claim at two
points that have nothing in common, through two cotangents, says what the code does; one that was
true by chance of the first point is not true at the second.
"""

import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from unittest import mock

import numpy as np

import gradcheck
from benchmarks.power.corpus import Arrays, Case
from benchmarks.power.runner import OTHER, seed_of
from gradcheck import explanations
from gradcheck.diagnosis import Evidence, sentences
from gradcheck.jacobian import through_outputs
from gradcheck.localisation import Located
from gradcheck.measurement import Measurement
from gradcheck.steps.again import is_told_again
from gradcheck.steps.mistakes import KNOWN
from gradcheck.steps.outputs import OF_OUTPUTS

EXACT = {"float64": 1e-11, "float32": 1e-6}
"""So close to the twin's gradient a kind must explain the claim."""

POINTS = 3
"""So many other points are tried where a bug does not show at the first."""

OF_STEPS = {row.kind for row in KNOWN} | {*OF_OUTPUTS}

NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")
"""Fitted numbers agree to three digits."""

BOUND = re.compile(r"\b(above|below) \S+")
"""What bounds a set of entries lies anywhere between two of them."""


@dataclass(frozen=True, eq=False)
class Elsewhere:
    """A bug, and other points of it.

    Attributes:
        case: the bug.
        dtype: the precision of the other points.
        seed: of the first point.
        given: the precision of that one.
    """

    case: Case
    dtype: str
    seed: int
    given: str
    _known: dict[int, list[Measurement]] = field(default_factory=dict)

    def holds(self, primal: str, kind: str, told: str, expected: bool) -> bool | None:
        """Whether what was told is so at another point; None: the bug does not show there.

        Args:
            primal: the primal.
            kind: what it was called.
            told: the words.
            expected: whether the kind is that of the bug: then it may be at other places.
        """
        try:
            said = (
                _holds(self.case, self._inputs(other), m, primal, kind, told, expected)
                for other in range(POINTS)
                for m in self._measured(other)
            )
            return next((one for one in said if one is not None), None)
        finally:  # inputs draw a module's parameters, too
            self.case.inputs(seed_of(self.case, self.seed), self.given)

    def _seed(self, other: int) -> int:
        return seed_of(self.case, self.seed + 1000 * (other + 1))

    def _inputs(self, other: int) -> Arrays:
        return self.case.inputs(self._seed(other), self.dtype)

    def _measured(self, other: int) -> list[Measurement]:
        if other not in self._known:
            seed = self._seed(other) ^ OTHER
            self._known[other] = measured(self.case, self._inputs(other), seed)
        return self._known[other]


def measured(case: Case, inputs: Arrays, seed: int) -> list[Measurement]:
    """Returns what a check of a bug measures."""
    found: list[Measurement] = []

    def kept(m: Measurement, findings: Any, located: Any) -> Any:
        found.append(m)
        return findings

    case.reset()
    with mock.patch.object(importlib.import_module("gradcheck.judgement"), "explained", kept):
        checked(case, inputs, case.backward, seed)
    return found


def checked(
    case: Case, inputs: Arrays, pullback: Callable[..., Any], seed: int
) -> gradcheck.Verdict:
    """Returns the verdict on a bug whose pullback is called by another name."""
    if case.framework == "torch":
        thing = case.forward
        if not hasattr(thing, "register_forward_hook"):  # a Function has names of its own
            thing = lambda *tensors: case.forward(*tensors)  # noqa: E731
        return gradcheck.check(thing, *inputs.values(), seed=seed)
    return gradcheck.check(case.forward, inputs, vjp=pullback, wrt=case.diff, seed=seed)


def _holds(
    case: Case,
    inputs: Arrays,
    m: Measurement,
    primal: str,
    kind: str,
    told: str,
    expected: bool,
) -> bool | None:
    is_torch = case.framework == "torch"
    numbered = {name: f"x{i}" for i, name in enumerate(inputs)} if is_torch else {}
    name = numbered.get(primal, primal)
    if name not in m.located:
        return None
    found, k = m.located[name]
    if kind in OF_STEPS:
        g, named = _cotangent(case, inputs, m, k), {n: p for p, n in numbered.items()}
        together = [n for n, (_, its) in m.located.items() if its == k]
        pairs = {n: pair(case, inputs, named.get(n, n), g) for n in together}
        right = {
            n: np.where(m.located[n][0].kinked, np.nan, upright(both[1]))
            for n, both in pairs.items()
            if both is not None
        }
        alone = {n: x for n, x in right.items() if n == name}
        said = [is_told_again(m, k, its, told) for its in (alone, right)]
        return any(said) if None not in said else None
    about = [e for e in _evidence(case, inputs, m, primal, found, k) if e is not None]
    if not about:
        return None
    said = {_plain(sentence) for e in about for sentence in sentences(kind, e)}
    if expected:
        return bool(said)
    return any(sentence in _plain(told) for sentence in said)


def _plain(words: str) -> str:
    rounded = NUMBER.sub(lambda number: f"{float(number[0]):.3g}", words)
    return BOUND.sub(r"\1 …", rounded)


def _evidence(
    case: Case, inputs: Arrays, m: Measurement, primal: str, found: Located, k: int
) -> Iterator[Evidence | None]:
    """Yields the evidence, of the gradient and of each output's, with the twin's for the truth."""
    seen = explanations.evidence_of(m, found, k, m.located, {found.primal, *m.located})
    g = _cotangent(case, inputs, m, k)
    exact = exactly(case, inputs, primal, g, seen)
    yield exact and replace(exact, seen=exact.seen & ~found.kinked)
    for one in through_outputs(m, found, k, seen):
        yield exactly(case, inputs, primal, g, one)


def _cotangent(case: Case, inputs: Arrays, m: Measurement, k: int) -> Any:
    """Returns a cotangent of a measurement, in the form in which the bug takes it."""
    parts = tuple(map(plainly, m.audited.y_bar(m.audited.cotangents[k]).values()))
    return parts if isinstance(case.value(inputs), tuple) else parts[0]


def plainly(x: Any) -> np.ndarray:
    """Returns an array of NumPy."""
    return np.asarray(x.detach().resolve_conj() if hasattr(x, "detach") else x)


def pair(case: Case, inputs: Arrays, primal: str, g: Any) -> tuple[Any, Any] | None:
    """Returns the claimed and the right gradient of a primal, None where there is none."""
    case.reset()
    claimed, right = case.backward(g, **inputs).get(primal), case.right(g, **inputs).get(primal)
    if right is None:
        return None
    claimed = np.zeros_like(right) if claimed is None else np.asarray(claimed)
    return (claimed, np.asarray(right)) if claimed.shape == np.shape(right) else None


def digits(inputs: Mapping[str, Any]) -> str:
    """Returns the precision of the data."""
    narrow = any(str(getattr(x, "dtype", "")).endswith(("float32", "complex64"))
                 for x in inputs.values())  # fmt: skip
    return "float32" if narrow else "float64"


def exactly(case: Case, inputs: Arrays, primal: str, g: Any, evidence: Evidence) -> Evidence | None:
    """Returns the evidence with the right twin's gradient for the measured one."""
    found = _jacobians(case, inputs, primal, g, evidence) if evidence.split else None
    if not evidence.split:
        both = pair(case, inputs, primal, g)
        found = None if both is None else (upright(both[0]), upright(both[1]))
    if found is None or found[1].shape != evidence.shape:
        return None
    claimed, true = found
    own = np.maximum(np.abs(true), np.abs(claimed))
    size = np.maximum(own, np.sqrt(np.mean(np.square(own))))
    return replace(
        evidence,
        claimed=claimed,
        true=true,
        bar=EXACT[digits(inputs)] * size,
        sigma=None,
        seen=np.isfinite(true) & np.isfinite(claimed),
    )


def _jacobians(
    case: Case, inputs: Arrays, primal: str, g: Any, evidence: Evidence
) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns claimed and right Jacobian of the evidence's output, by unit cotangents."""
    parts = list(g) if isinstance(g, tuple) else [g]
    shape = evidence.shape[: evidence.split]
    which = [i for i, part in enumerate(parts) if upright(np.asarray(part)).shape == shape]
    at = which[-1] if evidence.output.endswith("[1]") and which else (which or [None])[0]
    if at is None:
        return None
    rows = []
    for i in range(int(np.prod(shape))):
        units = [np.zeros_like(np.asarray(part)) for part in parts]
        if np.iscomplexobj(units[at]):
            units[at].flat[i // 2] = 1j if i % 2 else 1.0
        else:
            units[at].flat[i] = 1.0
        both = pair(case, inputs, primal, tuple(units) if isinstance(g, tuple) else units[0])
        if both is None:
            return None
        rows.append([upright(x) for x in both])
    if not rows:
        return None
    claimed, true = (np.array(x).reshape(evidence.shape) for x in zip(*rows, strict=True))
    return claimed, true


def upright(x: Any) -> np.ndarray:
    """Returns an array as coordinates: complex numbers with a last axis of two."""
    x = np.asarray(x)
    return np.stack([x.real, x.imag], -1) if np.iscomplexobj(x) else x.astype(float)
