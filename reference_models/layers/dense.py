"""The dense layer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float

from reference_models._checks import check_names_and_shapes, check_sizes, cotangent_of
from reference_models._types import Initializer, LayerPullback, Params
from reference_models.initializers import glorot_uniform
from reference_models.layers.base import AbstractLayer


@final
@dataclass(frozen=True)
class Dense(AbstractLayer):
    """The dense, or fully connected, layer.

        y = x W + b
        W_bar = x^T y_bar,  b_bar = sum over the batch of y_bar,  x_bar = y_bar W^T

    A sample is a row, and `W` has the shape (n_in, n_out): it is the transpose of the weight of
    PyTorch's `torch.nn.Linear`. The bias starts at zero. Over an empty batch the cotangents of the
    parameters are zero.

    Source: Goodfellow, Bengio, Courville, Deep Learning (2016), section 6.5.6.

    Args:
        n_in: size of a sample.
        n_out: size of an output.
        initializer: draws `W`.

    Raises:
        ValueError: a size is below one; at `vjp`, the parameters or `x` do not conform.

    Example:
        >>> params = {"W": np.array([[1.0, 2.0, 3.0]]), "b": np.zeros(3)}
        >>> y, pullback = Dense(1, 3).vjp(params, np.array([[10.0], [20.0]]))
        >>> y
        array([[10., 20., 30.],
               [20., 40., 60.]])
        >>> params_bar, x_bar = pullback(np.ones((2, 3)))
        >>> params_bar["W"], params_bar["b"], x_bar.ravel()
        (array([[30., 30., 30.]]), array([2., 2., 2.]), array([6., 6.]))
    """

    n_in: int
    n_out: int
    initializer: Initializer = glorot_uniform

    def __post_init__(self) -> None:
        check_sizes(n_in=self.n_in, n_out=self.n_out)

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """`W`: (n_in, n_out), `b`: (n_out,)."""
        return {"W": (self.n_in, self.n_out), "b": (self.n_out,)}

    def init(
        self, rng: np.random.Generator, dtype: type[np.floating] = np.float64
    ) -> dict[str, np.ndarray]:
        """Draw `W` by the initializer; `b` is zero."""
        W = self.initializer(rng, self.n_in, self.n_out, dtype)
        return {"W": W, "b": np.zeros(self.n_out, dtype)}

    def vjp(
        self, params: Params, x: Float[np.ndarray, "*shape"]
    ) -> tuple[Float[np.ndarray, "batch n_out"], LayerPullback]:
        """Return `y`, shape (batch, n_out), and the pullback, for `x` of shape (batch, n_in)."""
        check_names_and_shapes(
            params, self.shapes, f"parameters of Dense({self.n_in}, {self.n_out})"
        )
        if x.ndim != 2 or x.shape[1] != self.n_in:
            raise ValueError(
                f"Dense({self.n_in}, {self.n_out}) got x of shape {x.shape}, wanted "
                f"(batch, {self.n_in}): y = x W + b with one sample a row"
            )
        W, b = params["W"], params["b"]
        y = x @ W + b

        def pullback(
            y_bar: Float[np.ndarray, "batch n_out"],
        ) -> tuple[dict[str, np.ndarray], Float[np.ndarray, "batch n_in"]]:
            y_bar = cotangent_of(y, y_bar)
            return {"W": x.T @ y_bar, "b": y_bar.sum(axis=0)}, y_bar @ W.T

        return y, pullback
