"""Training: mini-batches, one step, many epochs. Every function is pure but for its generator."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from reference_models._checks import check_sizes
from reference_models._types import Params
from reference_models.networks import LossRule
from reference_models.optimizers import Optimizer, OptimizerState


class TrainingState(NamedTuple):
    """What one step hands to the next.

    Example:
        >>> from reference_models.optimizers import adam
        >>> params = {"W": np.ones(2)}
        >>> TrainingState(params, adam().init(params)).optimizer.step
        0
    """

    params: Params
    optimizer: OptimizerState


class Epoch(NamedTuple):
    """One pass through the data.

    Attributes:
        number: from 1.
        loss: mean over the samples of the loss of their batch, before the step on that batch.
        params: after the epoch.

    Example:
        >>> Epoch(1, 0.5, {}).loss
        0.5
    """

    number: int
    loss: float
    params: Params


def one_hot(
    labels: Int[np.ndarray, " batch"], n_classes: int, dtype: type[np.floating] = np.float64
) -> Float[np.ndarray, "batch {n_classes}"]:
    """One row a label, 1 in the column of the label and 0 elsewhere.

    Args:
        labels: class numbers from 0 to `n_classes - 1`, shape (batch,).
        n_classes: number of columns.
        dtype: a floating type.

    Returns:
        Shape (batch, n_classes).

    Example:
        >>> one_hot(np.array([2, 0]), 3)
        array([[0., 0., 1.],
               [1., 0., 0.]])
    """
    return (labels[:, np.newaxis] == np.arange(n_classes)).astype(dtype)


def batches(
    rng: np.random.Generator, n_samples: int, batch_size: int
) -> Iterator[Int[np.ndarray, " batch"]]:
    """Shuffle the samples and cut them into batches; the last one may be smaller.

    Args:
        rng: source of randomness; one permutation is drawn.
        n_samples: number of samples.
        batch_size: number of samples in a batch.

    Returns:
        An iterator over the indices of the samples of each batch.

    Raises:
        ValueError: `batch_size` is below one.

    Example:
        >>> [len(batch) for batch in batches(np.random.default_rng(0), 7, 3)]
        [3, 3, 1]
    """
    check_sizes(batch_size=batch_size)
    order = rng.permutation(n_samples)
    return (order[start : start + batch_size] for start in range(0, n_samples, batch_size))


def train_step(
    rule: LossRule, optimizer: Optimizer, state: TrainingState, batch: tuple[np.ndarray, np.ndarray]
) -> tuple[TrainingState, float]:
    """Take one step on one batch.

        params_bar = pullback of the rule at (params, x, target), of 1
        params, optimizer state <- update(params_bar, optimizer state, params)

    Args:
        rule: `(params, x, target) -> (value, pullback)`, see `loss_rule`.
        optimizer: makes the step.
        state: before the step; it is left as it is.
        batch: `(x, target)`.

    Returns:
        The state after the step, and the loss before it.

    Example:
        >>> from reference_models import Dense, gradient_descent, loss_rule, mean_squared_error
        >>> optimizer = gradient_descent(lr=0.25)
        >>> params = {"W": np.array([[0.0]]), "b": np.array([0.0])}
        >>> state = TrainingState(params, optimizer.init(params))
        >>> rule = loss_rule(Dense(1, 1), mean_squared_error)
        >>> state, loss = train_step(rule, optimizer, state, (np.ones((1, 1)), np.ones((1, 1))))
        >>> loss, state.params["W"]
        (1.0, array([[0.5]]))
    """
    loss, pullback = rule(state.params, *batch)
    params_bar, *_ = pullback(1.0)
    return TrainingState(*optimizer.update(params_bar, state.optimizer, state.params)), float(loss)


def fit(
    rule: LossRule,
    optimizer: Optimizer,
    params: Params,
    data: tuple[np.ndarray, np.ndarray],
    *,
    epochs: int,
    batch_size: int = 32,
    seed: int = 0,
) -> Iterator[Epoch]:
    """Train, and yield each epoch as it ends.

    Args:
        rule: `(params, x, target) -> (value, pullback)`, see `loss_rule`.
        optimizer: makes the steps.
        params: to start from; they are left as they are.
        data: `(x, target)`, with one sample a row.
        epochs: number of passes through the data.
        batch_size: number of samples in a batch.
        seed: of the shuffling.

    Yields:
        The number, the loss and the parameters of each epoch; the same for the same seed.

    Raises:
        ValueError: a size is below one, or `x` and `target` differ in their number of rows.

    Example:
        >>> from reference_models import Dense, gradient_descent, loss_rule, mean_squared_error
        >>> rule = loss_rule(Dense(1, 1), mean_squared_error)
        >>> params = {"W": np.array([[0.0]]), "b": np.array([0.0])}
        >>> x = np.array([[0.0], [1.0]])
        >>> *_, last = fit(rule, gradient_descent(lr=0.5), params, (x, 2 * x), epochs=100)
        >>> last.number, last.params["W"].round(6)
        (100, array([[2.]]))
    """
    check_sizes(epochs=epochs, batch_size=batch_size)
    x, target = data
    if len(x) != len(target):
        raise ValueError(f"x has {len(x)} rows, target has {len(target)}: give one target a sample")
    rng = np.random.default_rng(seed)
    state = TrainingState(params, optimizer.init(params))
    for number in range(1, epochs + 1):
        total = 0.0
        for batch in batches(rng, len(x), batch_size):
            state, loss = train_step(rule, optimizer, state, (x[batch], target[batch]))
            total += len(batch) * loss
        yield Epoch(number, total / len(x) if len(x) else float("nan"), state.params)
