"""The reference models against the oracles: finite differences, and PyTorch if installed."""

import importlib.util
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

import gradcheck
from gradcheck.verdict import Comparison, Verdict
from reference_models.activations import ACTIVATIONS
from reference_models.layers import AbstractLayer
from reference_models.losses import LOSSES
from reference_models.networks import loss_rule
from reports.models import LAYERS, NETWORK, SIZE, Domain, domain_of
from reports.report import ImplementationRow
from reports.torch_twins import TWINS, Twin, with_loss

Real: TypeAlias = type[np.float32] | type[np.float64]
Draw: TypeAlias = Callable[[np.random.Generator, Real], tuple[Any, ...]]

_DTYPES: tuple[Real, ...] = (np.float64, np.float32)
_BATCH = 3


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A reference model, ready to be checked.

    Attributes:
        name: the model and its floating-point type.
        rule: `rule(*primals) -> (y, pullback)`.
        draw: `draw(rng, dtype) -> primals`, away from kinks.
        dtype: the floating-point type of the primals.
        twin: the same function in PyTorch, if there is one.
    """

    name: str
    rule: Callable[..., Any]
    draw: Draw
    dtype: Real = np.float64
    twin: Twin | None = None


def rows_of(model: Compared, seed: int) -> tuple[ImplementationRow, ...]:
    """Checks one model and returns a row for each primal and oracle."""
    primals = model.draw(np.random.default_rng(seed), model.dtype)
    verdict = gradcheck.check(
        model.rule,
        *primals,
        wrt=[i for i, primal in enumerate(primals) if _is_differentiable(primal)],
        reference=_reference(model.twin),
        seed=seed,
        name=model.name,
    )
    rows = [_row(model.name, comparison, verdict) for comparison in verdict.comparisons]
    return tuple(rows) or (_row_without_numbers(model.name, verdict),)


def _row(name: str, comparison: Comparison, verdict: Verdict) -> ImplementationRow:
    messages = [f.message for f in verdict.findings if f.primal == comparison.primal]
    return ImplementationRow(
        subject=name,
        primal=comparison.primal,
        oracle=comparison.oracle,
        status=comparison.status,
        resolution=comparison.resolution,
        evaluations=comparison.evaluations,
        reason=" ".join(messages) or comparison.reason,
    )


def _row_without_numbers(name: str, verdict: Verdict) -> ImplementationRow:
    """The row of a verdict that was decided before any oracle was asked."""
    return ImplementationRow(
        subject=name,
        primal="all",
        oracle="contract",
        status=verdict.status,
        resolution=verdict.resolution,
        evaluations=verdict.evaluations,
        reason=" ".join(finding.message for finding in verdict.findings),
    )


def _is_differentiable(primal: Any) -> bool:
    """False for labels, and for the parameters of a layer that has none."""
    arrays = primal.values() if isinstance(primal, Mapping) else (primal,)
    return any(np.issubdtype(array.dtype, np.floating) for array in arrays)


def missing_oracles(compared: Iterable[Compared]) -> Iterator[str]:
    """Yields a sentence for each oracle that some models are not compared with."""
    compared = tuple(compared)
    if compared and not _has_torch():
        yield "PyTorch is not installed: finite differences are the only oracle."
    without = dict.fromkeys(m.name.partition(", ")[0] for m in compared if m.twin is None)
    if without:
        names = ", ".join(without)
        yield f"No row in reports/torch_twins.py, so not compared with PyTorch: {names}."


def _has_torch() -> bool:
    return importlib.util.find_spec("torch") is not None


def _reference(twin: Twin | None) -> Any:
    if twin is None or not _has_torch():
        return None
    torch = importlib.import_module("torch")
    return gradcheck.from_torch(lambda *tensors: twin(torch, *tensors))


def _away_from_zero(
    rng: np.random.Generator, dtype: Real, shape: tuple[int, ...] = (_BATCH, SIZE)
) -> np.ndarray:
    """Values of both signs and of magnitudes between 0.25 and 2, so that no kink is near."""
    signs = rng.choice([-1.0, 1.0], shape)
    return (signs * rng.uniform(0.25, 2.0, shape)).astype(dtype)


def _signal(rng: np.random.Generator, dtype: Real) -> tuple[np.ndarray]:
    return (_away_from_zero(rng, dtype),)


def _regression(rng: np.random.Generator, dtype: Real) -> tuple[np.ndarray, np.ndarray]:
    target = _away_from_zero(rng, dtype)
    return target + _away_from_zero(rng, dtype), target


def _probabilities(rng: np.random.Generator, dtype: Real) -> tuple[np.ndarray, np.ndarray]:
    p, t = rng.uniform(0.1, 0.9, (2, _BATCH, SIZE))
    return p.astype(dtype), t.astype(dtype)


def _logits(rng: np.random.Generator, dtype: Real) -> tuple[np.ndarray, np.ndarray]:
    target = rng.uniform(0.1, 0.9, (_BATCH, SIZE))
    return _away_from_zero(rng, dtype), target.astype(dtype)


def _log_probabilities(rng: np.random.Generator, dtype: Real) -> tuple[np.ndarray, np.ndarray]:
    log_p = np.log(rng.dirichlet(np.ones(SIZE), _BATCH))
    return log_p.astype(dtype), np.array([2, 0, 3])


def _margins(rng: np.random.Generator, dtype: Real) -> tuple[np.ndarray, np.ndarray]:
    """Predictions p and targets t = ±1 with |1 − t p| of at least 0.25: the kink is at 0."""
    target = rng.choice([-1.0, 1.0], (_BATCH, SIZE)).astype(dtype)
    return target * (1 + _away_from_zero(rng, dtype)), target


_POINTS: Mapping[Domain, Draw] = {
    "real numbers": _regression,
    "probabilities and weights": _probabilities,
    "logits and weights": _logits,
    "log-probabilities and labels": _log_probabilities,
    "scores and signs": _margins,
}
"""Where the losses of each domain are checked."""


def _layer_point(layer: AbstractLayer) -> Draw:
    return lambda rng, dtype: (layer.init(rng, dtype), _away_from_zero(rng, dtype))


def _network_point(
    rng: np.random.Generator, dtype: Real
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    target = _away_from_zero(rng, dtype, (_BATCH, 2))
    return NETWORK.init(rng, dtype), _away_from_zero(rng, dtype), target


def _models() -> Iterable[tuple[str, Callable[..., Any], Draw, Twin | None]]:
    for name, rule in ACTIVATIONS.items():
        yield name, rule, _signal, TWINS.get(name)
    for name, rule in LOSSES.items():
        yield name, rule, _POINTS[domain_of(name)], TWINS.get(name)
    for name, layer in LAYERS.items():
        yield name, layer.vjp, _layer_point(layer), TWINS.get(name)
    loss = "half_sum_squared_error"
    rule, twin = loss_rule(NETWORK, LOSSES[loss]), with_loss("MLP", loss)
    yield f"MLP 4-5-2 with {loss}", rule, _network_point, twin


COMPARED: tuple[Compared, ...] = tuple(
    Compared(name=f"{name}, {dtype.__name__}", rule=rule, draw=draw, dtype=dtype, twin=twin)
    for name, rule, draw, twin in _models()
    for dtype in _DTYPES
)
"""Every reference model in both floating-point types."""
