"""Layers: values without state; `vjp(params, x) -> (y, pullback)`."""

from reference_models.layers.activation import ActivationLayer as ActivationLayer
from reference_models.layers.base import AbstractLayer as AbstractLayer
from reference_models.layers.dense import Dense as Dense
