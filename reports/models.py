"""What a reference model does not say of itself: where a loss is defined, and a layer's sizes."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from reference_models.activations import ACTIVATIONS
from reference_models.layers import AbstractLayer, ActivationLayer, Dense
from reference_models.networks import mlp

Domain: TypeAlias = Literal[
    "real numbers",
    "probabilities and weights",
    "logits and weights",
    "log-probabilities and labels",
    "scores and signs",
]
"""What a loss takes for its prediction and its target."""

DOMAINS: Mapping[str, Domain] = {
    "mean_binary_cross_entropy": "probabilities and weights",
    "mean_binary_cross_entropy_with_logits": "logits and weights",
    "mean_categorical_cross_entropy": "probabilities and weights",
    "mean_categorical_cross_entropy_with_logits": "logits and weights",
    "mean_negative_log_likelihood": "log-probabilities and labels",
    "mean_hinge": "scores and signs",
}
"""The losses that do not take any real numbers."""

SIZE = 4
"""The input size of every layer below."""

LAYERS: Mapping[str, AbstractLayer] = {
    "Dense": Dense(SIZE, 5),
    "ActivationLayer": ActivationLayer(ACTIVATIONS["tanh"]),
}
"""Every layer, at small sizes that all differ."""

NETWORK = mlp((SIZE, 5, 2), activation="tanh")


def domain_of(loss: str) -> Domain:
    """Returns the domain of a loss: real numbers, unless it is named in `DOMAINS`."""
    return DOMAINS.get(loss, "real numbers")
