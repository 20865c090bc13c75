"""Networks: layers in a row, and their composition with a loss."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias, final

import numpy as np

from reference_models._checks import check_names_and_shapes, lookup
from reference_models._types import LayerPullback, Loss, Params, ScalarLike
from reference_models.activations import ACTIVATIONS
from reference_models.initializers import INITIALIZERS
from reference_models.layers import AbstractLayer, ActivationLayer, Dense

RulePullback: TypeAlias = Callable[..., tuple[dict[str, np.ndarray], np.ndarray, np.ndarray | None]]
"""`l_bar -> (params_bar, x_bar, target_bar)`."""

LossRule: TypeAlias = Callable[
    [Params, np.ndarray, np.ndarray], tuple[np.ndarray | np.floating, RulePullback]
]
"""`(params, x, target) -> (value, pullback)`."""


@final
@dataclass(frozen=True)
class MLP(AbstractLayer):
    """Layers in a row; itself a layer, of any depth.

        x_0 = x,  x_k = layer_k(params_k, x_(k-1)),  y = x_depth
        (params_k_bar, x_(k-1)_bar) = pullback_k(x_k_bar), from the last layer to the first

    The parameters are one flat mapping: parameter `W` of layer number 2 is `"2.W"`. Layers are
    numbered from 0 with the activations counted, as in PyTorch's `torch.nn.Sequential`.

    Source: Rumelhart, Hinton, Williams, Learning Representations by Back-propagating Errors (1986).

    Args:
        layers: in the order in which they are applied.

    Raises:
        ValueError: at `vjp`, the parameters or `x` do not conform.

    Example:
        >>> network = mlp((4, 3, 2))
        >>> params = network.init(np.random.default_rng(0))
        >>> {name: W.shape for name, W in params.items()}
        {'0.W': (4, 3), '0.b': (3,), '2.W': (3, 2), '2.b': (2,)}
        >>> y, pullback = network.vjp(params, np.ones((5, 4)))
        >>> params_bar, x_bar = pullback(np.ones((5, 2)))
        >>> y.shape, list(params_bar), x_bar.shape
        ((5, 2), ['0.W', '0.b', '2.W', '2.b'], (5, 4))
    """

    layers: tuple[AbstractLayer, ...]

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """The shape of each parameter, by its full name."""
        return {
            f"{i}.{name}": shape
            for i, layer in enumerate(self.layers)
            for name, shape in layer.shapes.items()
        }

    def init(
        self, rng: np.random.Generator, dtype: type[np.floating] = np.float64
    ) -> dict[str, np.ndarray]:
        """Draw the parameters of each layer in order, from one generator."""
        return _joined([layer.init(rng, dtype) for layer in self.layers])

    def vjp(self, params: Params, x: np.ndarray) -> tuple[np.ndarray, LayerPullback]:
        """Return `y` and the pullback `y_bar -> (params_bar, x_bar)`."""
        check_names_and_shapes(params, self.shapes, "parameters of the network")
        y, pullbacks = x, list[LayerPullback]()
        for i, layer in enumerate(self.layers):
            y, layer_pullback = layer.vjp(_of_layer(params, i), y)
            pullbacks.append(layer_pullback)

        def pullback(y_bar: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
            params_bars = list[dict[str, np.ndarray]]()
            for layer_pullback in reversed(pullbacks):
                params_bar, y_bar = layer_pullback(y_bar)
                params_bars.append(params_bar)
            return _joined(params_bars[::-1]), y_bar

        return y, pullback


def _of_layer(params: Params, i: int) -> dict[str, np.ndarray]:
    prefix = f"{i}."
    return {name.removeprefix(prefix): a for name, a in params.items() if name.startswith(prefix)}


def _joined(params_of_layers: Sequence[Params]) -> dict[str, np.ndarray]:
    return {
        f"{i}.{name}": a for i, params in enumerate(params_of_layers) for name, a in params.items()
    }


def mlp(
    sizes: Sequence[int] = (64, 32, 10),
    *,
    activation: str = "relu",
    output: str = "identity",
    initializer: str = "glorot_uniform",
) -> MLP:
    """Build a multilayer perceptron from sizes and names.

    Args:
        sizes: of the input, of each hidden layer, and of the output.
        activation: name of the activation after each hidden layer.
        output: name of the activation after the last layer.
        initializer: name of the initializer of each `W`.

    Returns:
        The network: dense and activation layers in turn.

    Raises:
        ValueError: there are fewer than two sizes, a size is below one, or a name is unknown.

    Example:
        >>> mlp((4, 3, 2), activation="tanh").shapes
        {'0.W': (4, 3), '0.b': (3,), '2.W': (3, 2), '2.b': (2,)}
    """
    if len(sizes) < 2:
        raise ValueError(f"sizes={tuple(sizes)}: wanted at least two, of the input and the output")
    draw = lookup(INITIALIZERS, initializer, "initializer")
    rules = [lookup(ACTIVATIONS, name, "activation") for name in (activation, output)]
    layers = list[AbstractLayer]()
    for i, (n_in, n_out) in enumerate(pairwise(sizes), start=2):
        layers += [Dense(n_in, n_out, draw), ActivationLayer(rules[i == len(sizes)])]
    return MLP(tuple(layers))


def loss_rule(network: AbstractLayer, loss: Loss) -> LossRule:
    """Compose a network with a loss.

        value = loss(network(params, x), target)
        (y_bar, target_bar) = loss pullback(l_bar),  (params_bar, x_bar) = network pullback(y_bar)

    Args:
        network: gives the prediction.
        loss: compares it with the target.

    Returns:
        The rule `(params, x, target) -> (value, pullback)`, with
        `pullback(l_bar) -> (params_bar, x_bar, target_bar)`.

    Example:
        >>> from reference_models.losses import half_sum_squared_error
        >>> rule = loss_rule(Dense(1, 1), half_sum_squared_error)
        >>> params = {"W": np.array([[2.0]]), "b": np.array([0.0])}
        >>> value, pullback = rule(params, np.array([[3.0]]), np.array([[5.0]]))
        >>> float(value), pullback(1.0)[0]["W"]
        (0.5, array([[3.]]))
    """

    def rule(
        params: Params, x: np.ndarray, target: np.ndarray
    ) -> tuple[np.ndarray | np.floating, RulePullback]:
        y, network_pullback = network.vjp(params, x)
        value, loss_pullback = loss(y, target)

        def pullback(
            l_bar: ScalarLike,
        ) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray | None]:
            y_bar, target_bar = loss_pullback(l_bar)
            return *network_pullback(y_bar), target_bar

        return value, pullback

    return rule
