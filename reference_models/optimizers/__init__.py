"""Optimizers: pairs of pure functions, with the conventions of PyTorch.

`init(params) -> state` and `update(gradients, state, params) -> (new_params, new_state)`. Nothing
is mutated; parameters and slots keep the dtype of the parameters. The arithmetic is silent as in
PyTorch: a square that overflows is inf, without a warning.
"""

import inspect
from collections.abc import Callable, Mapping

from reference_models._checks import lookup
from reference_models.optimizers.adam import adam as adam
from reference_models.optimizers.adam import adamw as adamw
from reference_models.optimizers.base import Optimizer as Optimizer
from reference_models.optimizers.base import OptimizerState as OptimizerState
from reference_models.optimizers.momentum import momentum as momentum
from reference_models.optimizers.momentum import nesterov as nesterov
from reference_models.optimizers.scaled import adagrad as adagrad
from reference_models.optimizers.scaled import rmsprop as rmsprop
from reference_models.optimizers.sgd import gradient_descent as gradient_descent
from reference_models.optimizers.sgd import sgd as sgd

OPTIMIZERS: Mapping[str, Callable[..., Optimizer]] = {
    "gradient_descent": gradient_descent,
    "sgd": sgd,
    "momentum": momentum,
    "nesterov": nesterov,
    "adagrad": adagrad,
    "rmsprop": rmsprop,
    "adam": adam,
    "adamw": adamw,
}
"""Every optimizer by its name."""


def optimizer(name: str, **settings: float) -> Optimizer:
    """Make an optimizer by its name.

    Args:
        name: a key of `OPTIMIZERS`.
        **settings: its hyperparameters.

    Returns:
        The optimizer.

    Raises:
        ValueError: the name or a setting is unknown (the message lists the known ones and the
            nearest), or a hyperparameter is out of range.

    Example:
        >>> optimizer("adm", lr=0.1)
        Traceback (most recent call last):
            ...
        ValueError: unknown optimizer 'adm': the known names are gradient_descent, sgd, momentum, \
nesterov, adagrad, rmsprop, adam, adamw; did you mean 'adam'?
    """
    factory = lookup(OPTIMIZERS, name, "optimizer")
    known = inspect.signature(factory).parameters
    for setting in settings:
        lookup(known, setting, f"setting of {name}")
    return factory(**settings)
