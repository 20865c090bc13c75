"""The reference models once more, in PyTorch: `twin(torch, *primals)`, for its autograd."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Twin: TypeAlias = Callable[..., Any]


def _linear(torch: Any, params: Mapping[str, Any], x: Any) -> Any:
    return torch.nn.functional.linear(x, params["W"].T, params["b"])


def _network(torch: Any, params: Mapping[str, Any], x: Any, target: Any) -> Any:
    hidden = torch.tanh(x @ params["0.W"] + params["0.b"])
    return ((hidden @ params["2.W"] + params["2.b"] - target) ** 2).sum() / 2


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
    "Dense": _linear,
    "ActivationLayer": lambda t, params, x: t.tanh(x),
    "MLP 4-5-2 with half_sum_squared_error": _network,
}
"""By the name of the model; a model that is missing here has finite differences only."""
