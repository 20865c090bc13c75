"""What a layer is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np

from reference_models._types import LayerPullback, Params


class AbstractLayer(ABC):
    """A function of named parameters and one input, with its pullback.

    A layer holds sizes and rules, never parameters or the results of an earlier call, so `vjp` is a
    pure function: it may be called any number of times, and so may its pullback. The pullback reads
    the `params` and the `x` it was made from: do not write into these before the last call of it.
    """

    @property
    @abstractmethod
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """The shape of each parameter, by its name."""

    @abstractmethod
    def init(
        self, rng: np.random.Generator, dtype: type[np.floating] = np.float64
    ) -> dict[str, np.ndarray]:
        """Draw parameters with the names and the shapes of `shapes`."""

    @abstractmethod
    def vjp(self, params: Params, x: np.ndarray) -> tuple[np.ndarray, LayerPullback]:
        """Return `y` and the pullback `y_bar -> (params_bar, x_bar)`."""
