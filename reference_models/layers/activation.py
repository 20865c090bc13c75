"""An activation as a layer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float

from reference_models._types import Activation, LayerPullback, Params
from reference_models.layers.base import AbstractLayer


@final
@dataclass(frozen=True)
class ActivationLayer(AbstractLayer):
    """An activation as a layer: no parameters.

        y = rule(x)
        x_bar = (dy/dx)^T y_bar, by the pullback of the rule

    Args:
        rule: an activation, `x -> (y, pullback)`.

    Example:
        >>> from reference_models.activations import relu
        >>> y, pullback = ActivationLayer(relu).vjp({}, np.array([[-1.0, 2.0]]))
        >>> y, pullback(np.array([[5.0, 5.0]]))
        (array([[0., 2.]]), ({}, array([[0., 5.]])))
    """

    rule: Activation

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """No parameters."""
        return {}

    def init(
        self, rng: np.random.Generator, dtype: type[np.floating] = np.float64
    ) -> dict[str, np.ndarray]:
        """Draw nothing."""
        return {}

    def vjp(
        self, params: Params, x: Float[np.ndarray, "*shape"]
    ) -> tuple[Float[np.ndarray, "*shape"], LayerPullback]:
        """Return `y` and the pullback `y_bar -> ({}, x_bar)`."""
        y, rule_pullback = self.rule(x)

        def pullback(
            y_bar: Float[np.ndarray, "*shape"],
        ) -> tuple[dict[str, np.ndarray], Float[np.ndarray, "*shape"]]:
            return {}, rule_pullback(y_bar)

        return y, pullback
