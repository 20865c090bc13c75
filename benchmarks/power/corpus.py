"""What a case is, and how a table of families becomes cases.

A family is a right function with a right pullback. Its `Right` rows are harder points of it, its
`Bug` rows replace some of the right gradients by wrong ones. Gradients follow PyTorch's convention:
that of a complex input is ∂L/∂Re + i·∂L/∂Im with L = Re⟨g, f⟩.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

Arrays = dict[str, Any]
Draw = Callable[[np.random.Generator, np.dtype[Any]], Arrays]
Forward = Callable[..., Any]
Backward = Callable[..., Arrays]

RIGHT = "right"
"""The name of the row that a family has without being asked for."""


def nothing() -> None:
    """Resets what keeps no state."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One gradient to judge. A checker may look at the upper six fields and `dtype` only.

    Attributes:
        make_inputs: (rng, dtype) -> named inputs; `dtype` is a real one.
        forward: (**inputs) -> an array or a tuple of arrays.
        backward: (grad_output, **inputs) -> named gradients; a missing name is no gradient.
        diff: the names of the differentiable inputs.
        framework: "numpy" or "torch".
        reset: puts back what earlier calls left behind; call it before each check.
        dtype: the (real) dtype of the user's data.
        name: family/row.
        family: the name of the function.
        correct: whether the gradient is right.
        kind: "value", or "contract" where the numbers of one plain call are right.
        diagnosis: what is wrong, as a tag.
        source: the public report that the bug is modelled on, owner/repo#number.
        tags: what makes the case hard.
        twin: the right case over the same inputs; its own name where it is right.
        reference: a float64 function with the same gradient, to verify the right ones by.
    """

    make_inputs: Draw
    forward: Forward
    backward: Backward
    diff: tuple[str, ...]
    framework: str = "numpy"
    reset: Callable[[], None] = nothing
    dtype: str = "float64"
    name: str
    family: str
    correct: bool
    kind: str = "value"
    diagnosis: str = ""
    source: str = ""
    tags: frozenset[str] = frozenset()
    twin: str
    reference: Forward
    right: Backward

    def inputs(self, seed: int, dtype: str | None = None) -> Arrays:
        """Returns the inputs that the seed draws."""
        return self.make_inputs(np.random.default_rng(seed), np.dtype(dtype or self.dtype))

    def value(self, inputs: Arrays) -> Any:
        """Returns f at the inputs: by name, or in order where it is PyTorch's."""
        if self.framework == "torch":
            return self.forward(*inputs.values())
        return self.forward(**inputs)

    @cached_property
    def deviations(self) -> dict[str, tuple[float, float]]:
        """The `deviation` of each gradient at one point."""
        inputs = self.inputs(0)
        g = cotangent(self.value(inputs), np.random.default_rng(1))
        self.reset()
        claimed, right = self.backward(g, **inputs), self.right(g, **inputs)
        return {name: deviation(claimed.get(name), right.get(name)) for name in self.diff}

    @cached_property
    def deviation(self) -> float:
        """The largest deviation of a gradient, relative to its norm."""
        return max((norm for norm, _ in self.deviations.values()), default=0.0)

    @cached_property
    def worst_entry(self) -> float:
        """The largest deviation of an entry, relative to that entry."""
        return max((entry for _, entry in self.deviations.values()), default=0.0)

    @cached_property
    def wrong(self) -> tuple[str, ...]:
        """The inputs whose gradient is wrong in a plain call, measured."""
        return tuple(name for name, (_, entry) in self.deviations.items() if entry > 1e-6)


def deviation(claimed: Any, right: Any) -> tuple[float, float]:
    """Returns ‖claimed − right‖ / ‖right‖, and the largest |claimed − right| / |right| of an entry.

    Infinite where a gradient is missing, misshapen or not a number.
    """
    if claimed is None or right is None:
        return (0.0, 0.0) if claimed is right else (np.inf, np.inf)
    if np.shape(claimed) != np.shape(right):
        return np.inf, np.inf
    wide = np.complex128 if np.iscomplexobj(claimed) or np.iscomplexobj(right) else np.float64
    right = np.ravel(np.asarray(right, wide))
    difference = np.abs(np.ravel(np.asarray(claimed, wide)) - right)
    if not np.all(np.isfinite(difference)):
        return np.inf, np.inf
    if not np.any(difference):
        return 0.0, 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        entry = np.max(np.where(difference > 0, difference / np.abs(right), 0))
        return float(np.linalg.norm(difference) / np.linalg.norm(right)), float(entry)


def cotangent(y: Any, rng: np.random.Generator) -> Any:
    """Returns a normal cotangent with the structure, shapes and dtypes of `y`."""
    if isinstance(y, tuple):
        return tuple(cotangent(part, rng) for part in y)
    y = np.asarray(y.detach() if hasattr(y, "detach") else y)
    g = rng.normal(size=y.shape)
    if np.iscomplexobj(y):
        g = g + 1j * rng.normal(size=y.shape)
    return np.asarray(g).astype(y.dtype)


@dataclass(frozen=True)
class Right:
    """A further point, precision or (valid) convention of a family's right gradient.

    What is None is the family's. `tags` with a meaning for the verification: "kink" (at or close to
    a kink: judged by the gradients around), "large" (judged along directions).
    """

    name: str
    draw: Draw | None = None
    dtype: str = "float64"
    tags: str = ""
    forward: Forward | None = None
    backward: Backward | None = None
    reference: Forward | None = None
    source: str = ""


@dataclass(frozen=True)
class Bug:
    """A planted bug.

    Attributes:
        name: what was done.
        diagnosis: its tag.
        wrong: (g, **inputs) -> the gradients that replace the right ones; None drops one.
        on: the `Right` row whose inputs it has, and which is its twin.
        kind: "value" or "contract".
        source: the public report.
        tags: what makes it hard.
    """

    name: str
    diagnosis: str
    wrong: Backward
    on: str = RIGHT
    kind: str = "value"
    source: str = ""
    tags: str = ""


@dataclass(frozen=True)
class Family:
    """A right function with its right pullback, and what was made of it."""

    name: str
    draw: Draw
    forward: Forward
    backward: Backward
    diff: str
    bugs: tuple[Bug, ...] = ()
    rights: tuple[Right, ...] = ()
    reference: Forward | None = None
    dtype: str = "float64"
    tags: str = ""

    def cases(self) -> Iterator[Case]:
        """Yields the right cases, then the wrong ones."""
        rows = {row.name: self._right(row) for row in (self._plain(), *self.rights)}
        yield from rows.values()
        for bug in self.bugs:
            yield self._wrong(bug, rows[bug.on])

    def right(self, name: str = RIGHT) -> Case:
        """Returns one right case by the name of its row."""
        return next(case for case in self.cases() if case.name == f"{self.name}/{name}")

    def case(self, bug: Bug) -> Case:
        """Returns one more wrong case of the plain row."""
        return self._wrong(bug, self.right())

    def _plain(self) -> Right:
        return Right(RIGHT, dtype=self.dtype)

    def _right(self, row: Right) -> Case:
        forward, backward = row.forward or self.forward, row.backward or self.backward
        name = f"{self.name}/{row.name}"
        return Case(
            make_inputs=row.draw or self.draw,
            forward=forward,
            backward=backward,
            diff=tuple(self.diff.split()),
            dtype=row.dtype,
            name=name,
            family=self.name,
            correct=True,
            source=row.source,
            tags=frozenset(f"{self.tags} {row.tags}".split()),
            twin=name,
            reference=row.reference or row.forward or self.reference or self.forward,
            right=backward,
        )

    def _wrong(self, bug: Bug, twin: Case) -> Case:
        def backward(grad_output: Any, **inputs: Any) -> Arrays:
            wrong = bug.wrong(grad_output, **inputs)
            merged = {**twin.backward(grad_output, **inputs), **wrong}
            return {name: gradient for name, gradient in merged.items() if gradient is not None}

        return Case(
            make_inputs=twin.make_inputs,
            forward=twin.forward,
            backward=backward,
            diff=twin.diff,
            dtype=twin.dtype,
            name=f"{self.name}/{bug.name}",
            family=self.name,
            correct=False,
            kind=bug.kind,
            diagnosis=bug.diagnosis,
            source=bug.source,
            tags=twin.tags | frozenset(bug.tags.split()),
            twin=twin.name,
            reference=twin.reference,
            right=twin.backward,
        )
