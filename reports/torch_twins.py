"""The reference models once more, in PyTorch: `twin(torch, *primals)`, for its autograd.

The primals are those of the reference model: `(x)` of an activation, `(prediction, target)` of a
loss, `(params, x)` of a layer. PyTorch is handed over and never imported, for it is optional.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Twin: TypeAlias = Callable[..., Any]


def _network(t: Any, params: Mapping[str, Any], x: Any) -> Any:
    return t.tanh(x @ params["0.W"] + params["0.b"]) @ params["2.W"] + params["2.b"]


TWINS: Mapping[str, Twin] = {
    "identity": lambda t, x: x.clone(),
    "sigmoid": lambda t, x: t.sigmoid(x),
    "tanh": lambda t, x: t.tanh(x),
    "relu": lambda t, x: t.relu(x),
    "leaky_relu": lambda t, x: t.nn.functional.leaky_relu(x),
    "softmax": lambda t, x: t.softmax(x, dim=-1),
    "half_squared_error_per_sample": lambda t, p, y: ((p - y) ** 2).sum(-1) / 2,
    "half_sum_squared_error": lambda t, p, y: t.nn.functional.mse_loss(p, y, reduction="sum") / 2,
    "mean_squared_error": lambda t, p, y: t.nn.functional.mse_loss(p, y),
    "half_mean_squared_error_over_samples": lambda t, p, y: ((p - y) ** 2).sum() / (2 * len(p)),
    "mean_binary_cross_entropy": lambda t, p, y: t.nn.functional.binary_cross_entropy(p, y),
    "mean_binary_cross_entropy_with_logits": lambda t, p, y: (
        t.nn.functional.binary_cross_entropy_with_logits(p, y)
    ),
    "mean_categorical_cross_entropy": lambda t, p, y: -t.xlogy(y, p).sum() / len(p),
    "mean_categorical_cross_entropy_with_logits": lambda t, p, y: t.nn.functional.cross_entropy(
        p, y
    ),
    "mean_negative_log_likelihood": lambda t, p, y: t.nn.functional.nll_loss(p, y),
    "mean_hinge": lambda t, p, y: t.relu(1 - y * p).mean(),
    "mean_absolute_error": lambda t, p, y: t.nn.functional.l1_loss(p, y),
    "Dense": lambda t, params, x: t.nn.functional.linear(x, params["W"].T, params["b"]),
    "ActivationLayer": lambda t, params, x: t.tanh(x),
    "MLP": _network,
}
"""By the name of the model: the one place for a twin. The report says which model has none."""


def with_loss(network: str, loss: str) -> Twin | None:
    """Returns the twin `(params, x, target)` of a network with a loss; None where one has none."""
    if network not in TWINS or loss not in TWINS:
        return None
    forward, value = TWINS[network], TWINS[loss]
    return lambda t, params, x, target: value(t, forward(t, params, x), target)
