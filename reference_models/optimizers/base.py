"""What an optimizer is, and how one is made of a formula for a single array."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

import numpy as np

from reference_models._checks import check_names_and_shapes
from reference_models._types import Params


class OptimizerState(NamedTuple):
    """What an optimizer remembers.

    Attributes:
        step: number of updates so far.
        slots: running quantities by name, each with one array for each parameter; the names are
            those of PyTorch's optimizer state.

    Example:
        >>> from reference_models.optimizers import adam
        >>> adam().init({"W": np.ones(2)})  # doctest: +NORMALIZE_WHITESPACE
        OptimizerState(step=0, slots={'exp_avg': {'W': array([0., 0.])},
                                      'exp_avg_sq': {'W': array([0., 0.])}})
    """

    step: int
    slots: Mapping[str, Params]


class Optimizer(NamedTuple):
    """Two pure functions.

    Attributes:
        init: `params -> state`.
        update: `(gradients, state, params) -> (new_params, new_state)`.

    Example:
        >>> from reference_models.optimizers import gradient_descent
        >>> params = {"W": np.array([1.0])}
        >>> init, update = gradient_descent(lr=0.5)
        >>> update({"W": np.array([4.0])}, init(params), params)[0]
        {'W': array([-1.])}
    """

    init: Callable[[Params], OptimizerState]
    update: Callable[[Params, OptimizerState, Params], tuple[dict[str, np.ndarray], OptimizerState]]


Numbers: TypeAlias = np.ndarray | np.floating
"""An array inside of a formula: NumPy makes scalars of 0-d arrays."""

Formula: TypeAlias = Callable[..., tuple[Numbers, ...]]
"""`(g, p, step, *slots) -> (new p, *new slots)` for one array; `step` counts from 1."""


def per_parameter(formula: Formula, **slots: float) -> Optimizer:
    """Make an optimizer that treats each parameter by itself.

    Args:
        formula: the update of one array; it returns new arrays.
        **slots: the slots in the order of the formula, with their initial values.

    Returns:
        The optimizer.
    """

    def init(params: Params) -> OptimizerState:
        return OptimizerState(
            0,
            {
                slot: {name: np.full_like(p, value) for name, p in params.items()}
                for slot, value in slots.items()
            },
        )

    @np.errstate(all="ignore")
    def update(
        gradients: Params, state: OptimizerState, params: Params
    ) -> tuple[dict[str, np.ndarray], OptimizerState]:
        check_names_and_shapes(gradients, {n: p.shape for n, p in params.items()}, "gradients")
        step = state.step + 1
        new_params = dict[str, np.ndarray]()
        new_slots = {slot: dict[str, np.ndarray]() for slot in slots}
        for name, p in params.items():
            old = (state.slots[slot][name] for slot in slots)
            new = formula(gradients[name], p, step, *old)
            # The cast also turns the scalars that NumPy makes of 0-d arrays back into arrays.
            new_params[name], *new_of_slots = (np.asarray(a, dtype=p.dtype) for a in new)
            for slot, a in zip(slots, new_of_slots, strict=True):
                new_slots[slot][name] = a
        return new_params, OptimizerState(step, new_slots)

    return Optimizer(init, update)


def decayed(g: Numbers, p: Numbers, weight_decay: float) -> Numbers:
    """The gradient with coupled weight decay, `g + weight_decay p`."""
    return g + weight_decay * p if weight_decay else g
