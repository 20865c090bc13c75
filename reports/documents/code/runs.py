"""A run of code that claims gradients: what is differentiated, claimed, and true."""

import ast
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from reports.documents.code.changes import Material
from reports.documents.code.leaves import Path
from reports.documents.code.limits import Budget

Edits = Mapping[ast.stmt, ast.stmt]
NO_EDITS: Edits = MappingProxyType({})

STEP = 1e-5
"""Of central differences; what bends within it is next to no code on numbers around one."""

AGREE = 3e-6
"""Relative: what central differences of smooth code are off by is less."""

GUARDED = 1e-4
"""Relative: what an ε in a logarithm or a root, which the gradient leaves out, may change."""

DIRECTIONS = 3


class Run(ABC):
    """Code with arguments on which it runs.

    Attributes:
        name: the function that computes the gradients.
        node: its syntax tree.
        primals: the arrays with a claimed gradient, by their paths.
        budget: the steps that may be taken.
        loss: the scalar that is differentiated; None for ⟨cotangent, output⟩.
        rated: whether the unit of the claims is certain.
        scheduled: whether that unit is another one in each round.
    """

    name: str
    node: ast.AST
    primals: Mapping[Path, Any]
    budget: Budget
    loss: Any
    rated: bool = True
    scheduled: bool = False

    @abstractmethod
    def outputs(self, moved: Mapping[Path, Any]) -> dict[str, Any]:
        """Returns the outputs at a point, by name; none where a scalar is differentiated."""

    @abstractmethod
    def scalar(self, moved: Mapping[Path, Any], cotangents: Mapping[str, Any]) -> float:
        """Returns what is differentiated, at a point."""

    @abstractmethod
    def claims(
        self, moved: Mapping[Path, Any], cotangents: Mapping[str, Any], edits: Edits = NO_EDITS
    ) -> dict[Path, Any]:
        """Returns the gradients that the code claims, by their primals."""

    @abstractmethod
    def counts(self) -> set[int]:
        """Returns what may be a number of samples, or of entries, by which a mean divides."""

    @abstractmethod
    def suspects(self) -> list[ast.stmt]:
        """Returns the statements that compute gradients and nothing of what is differentiated."""

    @abstractmethod
    def seeds(self, primal: Path) -> set[str]:
        """Returns the names that hold the gradient of a primal."""

    @abstractmethod
    def code(self) -> list[ast.AST]:
        """Returns the syntax trees of the code that is run."""

    @abstractmethod
    def material(self) -> Material:
        """Returns what the code has to put in place of something else."""


@dataclass(frozen=True, eq=False)
class Truth:
    """The slopes of what is differentiated along directions through each primal."""

    cotangents: Mapping[str, Any]
    directions: Mapping[Path, Any]
    slopes: Mapping[Path, Any]
    tolerance: float = AGREE

    def times(self, factor: float) -> "Truth":
        """Returns the slopes of a multiple."""
        return replace(self, slopes={p: factor * s for p, s in self.slopes.items()})

    def ratio(self, primal: Path, claim: Any) -> float | None:
        """Returns how many times the true gradient a claim is; None where it is no multiple."""
        directions, true = self.directions[primal], self.slopes[primal]
        if np.shape(claim) != directions.shape[1:]:
            return None
        claimed = np.array([np.sum(v * claim) for v in directions])
        size, scale = float(np.linalg.norm(claimed)), float(np.linalg.norm(true))
        if not np.isfinite(size) or scale < 1e-9:
            return 1.0 if size < 1e-6 else None
        ratio = float(claimed @ true) / scale**2
        off = float(np.max(np.abs(claimed - ratio * true)))
        return None if off > self.tolerance * scale * max(abs(ratio), 1e-3) else ratio

    def right(self, primal: Path, claim: Any) -> bool:
        """Whether a claim is the true gradient."""
        ratio = self.ratio(primal, claim)
        return ratio is not None and abs(ratio - 1) < self.tolerance

    def flat(self, primal: Path) -> bool:
        """Whether nothing depends on a primal."""
        return float(np.linalg.norm(self.slopes[primal])) < 1e-9


def guarded(code: Iterable[ast.AST]) -> bool:
    """Whether code has a small number in it, as an ε in a logarithm is."""
    return any(
        isinstance(part, ast.Constant)
        and isinstance(part.value, float)
        and 0 < abs(part.value) <= GUARDED
        for node in code
        for part in ast.walk(node)
    )


class NotFinite(ValueError):
    """What is differentiated is not finite at a point."""

    def __init__(self) -> None:
        super().__init__("the output is not finite")


def truth_of(run: Run, step: float = STEP) -> Truth:
    """Returns the true slopes, by central differences.

    Raises:
        NotFinite: there are none at this point.
    """
    rng = np.random.default_rng(3)
    base: dict[Path, Any] = dict(run.primals)
    cotangents = {
        name: rng.uniform(0.3, 1.0, value.shape) * rng.choice([-1, 1], value.shape)
        for name, value in run.outputs(base).items()
    }
    directions: dict[Path, Any] = {}
    slopes: dict[Path, Any] = {}
    for primal, value in base.items():
        vs = rng.standard_normal((DIRECTIONS, *np.shape(value)))
        directions[primal] = vs
        slopes[primal] = np.array([_slope(run, base, primal, v, cotangents, step) for v in vs])
        if not np.all(np.isfinite(slopes[primal])):
            raise NotFinite
    return Truth(cotangents, directions, slopes, GUARDED if guarded(run.code()) else AGREE)


def _slope(
    run: Run,
    base: dict[Path, Any],
    primal: Path,
    v: Any,
    cotangents: Mapping[str, Any],
    step: float,
) -> float:
    above = run.scalar({**base, primal: base[primal] + step * v}, cotangents)
    below = run.scalar({**base, primal: base[primal] - step * v}, cotangents)
    return (above - below) / (2 * step)
