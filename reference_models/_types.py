"""The shapes of things: every rule returns `(y, pullback)`, and these are the pullbacks."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from jaxtyping import Float

Params: TypeAlias = Mapping[str, np.ndarray]
"""Named parameters, and their cotangents: name -> array. Rules return a new `dict`."""

ScalarLike: TypeAlias = int | float | np.floating | Float[np.ndarray, ""]
"""What a pullback of a scalar accepts as cotangent. (Rules themselves return `np.floating`.)"""

ArrayPullback: TypeAlias = Callable[[np.ndarray], np.ndarray]
"""`y_bar -> x_bar`."""

Activation: TypeAlias = Callable[[np.ndarray], tuple[np.ndarray, ArrayPullback]]
"""`x -> (y, pullback)`, with `y` of the shape of `x`."""

LossPullback: TypeAlias = Callable[..., tuple[np.ndarray, np.ndarray | None]]
"""`l_bar -> (prediction_bar, target_bar)`; `target_bar` is None for integer labels."""

Loss: TypeAlias = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray | np.floating, LossPullback]]
"""`(prediction, target) -> (value, pullback)`; the value is a scalar, or one number a sample."""

LayerPullback: TypeAlias = Callable[[np.ndarray], tuple[dict[str, np.ndarray], np.ndarray]]
"""`y_bar -> (params_bar, x_bar)`."""

Initializer: TypeAlias = Callable[[np.random.Generator, int, int, type[np.floating]], np.ndarray]
"""`(rng, n_in, n_out, dtype) -> W`, with `W` of shape (n_in, n_out)."""
