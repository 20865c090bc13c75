"""Layers the way people write them from scratch: one class for each convention, right and wrong.

Each row of `ZOO` makes a right layer and its inputs; each row of `WRONG` says how to spoil one, and
which primal is then wrong.
"""

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

RNG = np.random.default_rng(7)
X = RNG.normal(size=(5, 4))


class Dense:
    """Attribute pairs W/dW and b/db, the input cached in the object."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.W, self.b = rng.normal(size=(4, 3)), rng.normal(size=3)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T


class StoredOutput:
    """Nothing is returned: output, dinputs, dweights and dbiases are attributes."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        self.weights, self.biases = rng.normal(size=(4, 3)), rng.normal(size=(1, 3))

    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.tanh(inputs @ self.weights + self.biases)

    def backward(self, dvalues):
        dz = dvalues * (1 - self.output**2)
        self.dweights = self.inputs.T @ dz
        self.dbiases = dz.sum(axis=0, keepdims=True)
        self.dinputs = dz @ self.weights.T


class Dictionaries:
    """params and grads are dictionaries with the same keys."""

    def __init__(self) -> None:
        rng = np.random.default_rng(2)
        self.params = {"W": rng.normal(size=(4, 3)), "b": rng.normal(size=3)}
        self.grads = {}

    def forward(self, x):
        self.cache = x
        return x @ self.params["W"] + self.params["b"]

    def backward(self, dout):
        self.grads["W"] = self.cache.T @ dout
        self.grads["b"] = dout.sum(axis=0)
        return dout @ self.params["W"].T


class PrefixedDictionaries(Dictionaries):
    """The keys of grads are dW and db."""

    def backward(self, dout):
        self.grads = {"dW": self.cache.T @ dout, "db": dout.sum(axis=0)}
        return dout @ self.params["W"].T


class Lists:
    """params and grads are lists, the gradients written in place."""

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        self.params = [rng.normal(size=(4, 3)), rng.normal(size=3)]
        self.grads = [np.zeros((4, 3)), np.zeros(3)]

    def forward(self, x):
        W, b = self.params
        self.x = x
        return x @ W + b

    def backward(self, dout):
        W, _ = self.params
        self.grads[0][...] = self.x.T @ dout
        self.grads[1][...] = dout.sum(axis=0)
        return dout @ W.T


class Accumulating(Dense):
    """The gradients are added to what is there, as frameworks do."""

    def __init__(self) -> None:
        super().__init__()
        self.grad_W, self.grad_b = np.ones((4, 3)), np.ones(3)

    def backward(self, dout):
        self.grad_W += self.x.T @ dout
        self.grad_b += dout.sum(axis=0)
        return dout @ self.W.T


class Updating:
    """backward takes the learning rate and updates the parameters itself."""

    def __init__(self) -> None:
        rng = np.random.default_rng(4)
        self.weights, self.bias = rng.normal(size=(3, 4)), rng.normal(size=(3, 1))

    def forward(self, input):
        self.input = input
        return self.weights @ self.input + self.bias

    def backward(self, output_gradient, learning_rate):
        weights_gradient = output_gradient @ self.input.T
        input_gradient = self.weights.T @ output_gradient
        self.weights -= learning_rate * weights_gradient
        self.bias -= learning_rate * output_gradient.sum(axis=1, keepdims=True)
        return input_gradient


class OwnRate:
    """backward updates with a learning rate that the layer holds."""

    def __init__(self) -> None:
        rng = np.random.default_rng(5)
        self.W, self.w0, self.learning_rate = rng.normal(size=(4, 3)), rng.normal(size=(1, 3)), 0.01

    def forward_pass(self, X, training=True):
        self.layer_input = X
        return X @ self.W + self.w0

    def backward_pass(self, accum_grad):
        W = self.W
        self.W = self.W - self.learning_rate * (self.layer_input.T @ accum_grad)
        self.w0 = self.w0 - self.learning_rate * accum_grad.sum(axis=0, keepdims=True)
        return accum_grad @ W.T


class Cached:
    """forward returns (A, cache), backward takes it and returns all three gradients."""

    def __init__(self) -> None:
        rng = np.random.default_rng(6)
        self.W, self.b = rng.normal(size=(3, 4)), rng.normal(size=(3, 1))

    def forward(self, A_prev):
        Z = self.W @ A_prev + self.b
        return np.maximum(Z, 0), (A_prev, Z)

    def backward(self, dA, cache):
        A_prev, Z = cache
        dZ = dA * (Z > 0)
        return self.W.T @ dZ, dZ @ A_prev.T, dZ.sum(axis=1, keepdims=True)


class ReturnedDictionary(Dense):
    """backward returns a dictionary of all gradients."""

    def backward(self, dout):
        return {"dx": dout @ self.W.T, "dW": self.x.T @ dout, "db": dout.sum(axis=0)}


class Lazy:
    """Parameters are made, at random, in the first forward; dictionaries parameters/gradients."""

    def __init__(self) -> None:
        self.parameters: dict[str, Any] = {"W": None, "b": None}
        self.gradients, self.is_initialized = {}, False

    def forward(self, X, retain_derived=True):
        if not self.is_initialized:
            self.parameters["W"] = np.random.default_rng().normal(size=(X.shape[1], 3))
            self.parameters["b"] = np.zeros((1, 3))
            self.gradients = {k: np.zeros_like(v) for k, v in self.parameters.items()}
            self.is_initialized = True
        self.X = [X]
        return X @ self.parameters["W"] + self.parameters["b"]

    def backward(self, dLdy, retain_grads=True):
        self.gradients["W"] += self.X[0].T @ dLdy
        self.gradients["b"] += dLdy.sum(axis=0, keepdims=True)
        return dLdy @ self.parameters["W"].T


class Parameter:
    def __init__(self, data) -> None:
        self.data, self.grad = data, np.zeros_like(data)


class ParameterObjects:
    """Parameters are objects with data and grad."""

    def __init__(self) -> None:
        rng = np.random.default_rng(8)
        self.W, self.b = Parameter(rng.normal(size=(4, 3))), Parameter(rng.normal(size=3))

    def __call__(self, x):
        return self.forward(x)

    def forward(self, x):
        self.x = x
        return x @ self.W.data + self.b.data

    def backward(self, grad):
        self.W.grad = self.x.T @ grad
        self.b.grad = grad.sum(axis=0)
        return grad @ self.W.data.T


class ParameterList(ParameterObjects):
    """... and a method returns a list of them."""

    def __init__(self) -> None:
        super().__init__()
        self.W, self.b = (self.W, None), (self.b, None)  # out of reach of the attributes

    def parameters(self):
        return [self.W[0], self.b[0]]

    def forward(self, x):
        self.x = x
        return x @ self.W[0].data + self.b[0].data

    def backward(self, grad):
        self.W[0].grad = self.x.T @ grad
        self.b[0].grad = grad.sum(axis=0)
        return grad @ self.W[0].data.T


class Methods(Dense):
    """get_params-like methods; the gradients in private attributes with long names."""

    def backward(self, dout):
        self._W_gradient = self.x.T @ dout
        self._b_gradient = dout.sum(axis=0)
        return dout @ self.W.T


class Tanh:
    """An activation without parameters."""

    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, grad):
        return grad * (1 - self.y**2)


class HalfSquaredError:
    """A loss whose backward takes nothing and returns the gradient of the prediction alone."""

    def forward(self, y_pred, y_true):
        self.difference = y_pred - y_true
        return 0.5 * np.sum(self.difference**2)

    def backward(self):
        return self.difference


class CrossEntropy:
    """A loss over integer labels, its upstream gradient optional."""

    def forward(self, x, t):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.p, self.t = e / e.sum(axis=1, keepdims=True), t
        return -np.mean(np.log(self.p[np.arange(len(t)), t]))

    def backward(self, dout=1):
        dx = self.p.copy()
        dx[np.arange(len(self.t)), self.t] -= 1
        return dout * dx / len(self.t)


class Multiply:
    """Two inputs, two cotangents."""

    def forward(self, a, b):
        self.a, self.b = a, b
        return a * b

    def backward(self, dout):
        return dout * self.b, dout * self.a


class BatchNorm:
    """gamma and beta, and running statistics that forward writes and that are no parameters."""

    def __init__(self) -> None:
        rng = np.random.default_rng(9)
        self.gamma, self.beta = rng.normal(size=4) + 1, rng.normal(size=4)
        self.running_mean, self.running_var = np.zeros(4), np.ones(4)
        self.momentum, self.eps, self.dgamma, self.dbeta = 0.9, 1e-5, None, None

    def forward(self, x, training):
        mean, var = x.mean(axis=0), x.var(axis=0)
        self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
        self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        self.std = np.sqrt(var + self.eps)
        self.xhat = (x - mean) / self.std
        return self.gamma * self.xhat + self.beta

    def backward(self, dout):
        self.dgamma, self.dbeta = (dout * self.xhat).sum(axis=0), dout.sum(axis=0)
        g = dout * self.gamma
        return (g - g.mean(axis=0) - self.xhat * (g * self.xhat).mean(axis=0)) / self.std


class Embedding:
    """Integer indices in: only the table has a gradient."""

    def __init__(self) -> None:
        self.W = np.random.default_rng(10).normal(size=(6, 3))
        self.dW = None

    def forward(self, indices):
        self.indices = indices
        return self.W[indices]

    def backward(self, dout):
        self.dW = np.zeros_like(self.W)
        np.add.at(self.dW, self.indices, dout)


class RecurrentStep:
    """Two inputs, two outputs, three parameters."""

    def __init__(self) -> None:
        rng = np.random.default_rng(11)
        self.Wx, self.Wh, self.b = (
            rng.normal(size=(4, 3)),
            rng.normal(size=(3, 3)),
            rng.normal(size=3),
        )

    def forward(self, x, h_prev):
        self.saved = (x, h_prev)
        self.h = np.tanh(x @ self.Wx + h_prev @ self.Wh + self.b)
        return 2.0 * self.h, self.h

    def backward(self, dy, dh):
        x, h_prev = self.saved
        dz = (2.0 * dy + dh) * (1 - self.h**2)
        self.dWx, self.dWh, self.db = x.T @ dz, h_prev.T @ dz, dz.sum(axis=0)
        return dz @ self.Wx.T, dz @ self.Wh.T


class Network:
    """A list of layers, each with its own parameters."""

    def __init__(self) -> None:
        self.layers = [Dense(), Tanh(), Bottleneck()]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, grad):
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return grad


class Bottleneck(Dense):
    def __init__(self) -> None:
        rng = np.random.default_rng(12)
        self.W, self.b = rng.normal(size=(3, 2)), rng.normal(size=2)


class Dropout:
    """Random numbers from a generator that the layer holds."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(13)

    def forward(self, x):
        self.mask = self.rng.random(x.shape) < 0.7
        return x * self.mask / 0.7

    def backward(self, grad):
        return grad * self.mask / 0.7


class GlobalDropout:
    """Random numbers from NumPy's global generator."""

    def forward(self, x):
        self.mask = np.random.rand(*x.shape) < 0.7  # noqa: NPY002
        return x * self.mask / 0.7

    def backward(self, grad):
        return grad * self.mask / 0.7


class TargetFirst:
    """A loss whose forward takes the target first."""

    def forward(self, y_true, y_pred):
        self.difference = y_pred - y_true
        return np.sum(self.difference**2)

    def backward(self):
        return 2 * self.difference


class LossOfEachSample:
    """forward returns the loss of each sample, backward the gradient of their mean, stored."""

    def forward(self, y_pred, y_true):
        return -np.sum(y_true * np.log(y_pred), axis=1)

    def backward(self, dvalues, y_true):
        self.dinputs = -y_true / dvalues / len(dvalues)


class ParametersFirst(Dense):
    """backward returns the gradients of the parameters before that of the input."""

    def backward(self, dout):
        return self.x.T @ dout, dout.sum(axis=0), dout @ self.W.T


class OwnNames(Dense):
    """The gradient stands under a name that nobody else uses."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel_ = self.W
        del self.W

    def forward(self, x):
        self.x = x
        return x @ self.kernel_ + self.b

    def backward(self, dout):
        self.slopes, self.db = self.x.T @ dout, dout.sum(axis=0)
        return dout @ self.kernel_.T


class Flagged:
    """forward wants a flag."""

    def forward(self, inputs, training):
        return inputs * (2.0 if training else 3.0)

    def backward(self, dvalues):
        return dvalues * 2.0


class ReturnedByKey(Dictionaries):
    """backward returns the gradients of the parameters by their names, and none of the input."""

    def backward(self, dout):
        return {"W": self.cache.T @ dout, "b": dout.sum(axis=0)}


class InputAndDictionary(Dictionaries):
    """backward returns the cotangent of the input, and a dictionary of the others."""

    def backward(self, dout):
        return dout @ self.params["W"].T, {"dW": self.cache.T @ dout, "db": dout.sum(axis=0)}


class ListsOfMatrices:
    """W and dW are lists."""

    def __init__(self) -> None:
        rng = np.random.default_rng(16)
        self.W = [rng.normal(size=(4, 3)), rng.normal(size=(3, 2))]

    def forward(self, x):
        self.x, self.h = x, np.tanh(x @ self.W[0])
        return self.h @ self.W[1]

    def backward(self, dy):
        dz = (dy @ self.W[1].T) * (1 - self.h**2)
        self.dW = [self.x.T @ dz, self.h.T @ dy]
        return dz @ self.W[0].T


class Descent:
    def __init__(self) -> None:
        self.lr = 0.05


class OptimizerInside(Dense):
    """backward updates by an optimizer that the layer holds."""

    def __init__(self) -> None:
        super().__init__()
        self.optimizer = Descent()

    def backward(self, dout):
        dx = dout @ self.W.T
        self.W = self.W - self.optimizer.lr * (self.x.T @ dout)
        self.b = self.b - self.optimizer.lr * dout.sum(axis=0)
        return dx


class ZeroBias(Dense):
    """The commonest initialisation: all entries of the bias are equal."""

    def __init__(self) -> None:
        super().__init__()
        self.b = np.zeros(3)


class Slots:
    """No __dict__: the attributes stand in __slots__."""

    __slots__ = ("dscale", "scale", "x")

    def __init__(self) -> None:
        self.scale = np.random.default_rng(14).normal(size=4)

    def forward(self, x):
        self.x = x
        return x * self.scale

    def backward(self, dy):
        self.dscale = (dy * self.x).sum(axis=0)
        return dy * self.scale


class ScalarBias:
    """A bias that is a Python float."""

    def __init__(self) -> None:
        self.w, self.b = np.random.default_rng(15).normal(size=4), 0.25

    def forward(self, x):
        self.x = x
        return x @ self.w + self.b

    def backward(self, dy):
        self.dw, self.db = self.x.T @ dy, float(dy.sum())
        return np.outer(dy, self.w)


@dataclass(frozen=True)
class Row:
    make: Callable[[], Any]
    inputs: tuple
    primals: tuple[str, ...]
    warns: str = ""

    @property
    def name(self) -> str:
        return self.make.__name__


LABELS = np.array([0, 2, 1, 2, 0])
ZOO = (
    Row(Dense, (X,), ("x", "W", "b")),
    Row(StoredOutput, (X,), ("inputs", "weights", "biases")),
    Row(Dictionaries, (X,), ("x", "params.W", "params.b")),
    Row(PrefixedDictionaries, (X,), ("x", "params.W", "params.b")),
    Row(Lists, (X,), ("x", "params[0]", "params[1]")),
    Row(Accumulating, (X,), ("x", "W", "b"), "accumulates"),
    Row(Updating, (X.T,), ("input", "weights", "bias"), warns="parameters_updated"),
    Row(OwnRate, (X,), ("X", "W", "w0"), warns="parameters_updated"),
    Row(Cached, (X.T,), ("A_prev", "W", "b")),
    Row(ReturnedDictionary, (X,), ("x", "W", "b")),
    Row(Lazy, (X,), ("X", "parameters.W", "parameters.b"), "accumulates"),
    Row(ParameterObjects, (X,), ("x", "W.data", "b.data")),
    Row(ParameterList, (X,), ("x", "parameters()[0].data", "parameters()[1].data")),
    Row(Methods, (X,), ("x", "W", "b")),
    Row(Tanh, (X,), ("x",)),
    Row(HalfSquaredError, (X, X[::-1] * 0.3), ("y_pred",)),
    Row(CrossEntropy, (X, LABELS), ("x",)),
    Row(Multiply, (X, X[::-1] + 0.5), ("a", "b")),
    Row(BatchNorm, (X,), ("x", "gamma", "beta")),
    Row(Embedding, (LABELS,), ("W",)),
    Row(RecurrentStep, (X, X[:, :3] * 0.2), ("x", "h_prev", "Wx", "Wh", "b")),
    Row(
        Network,
        (X,),
        ("x", "layers[0].W", "layers[0].b", "layers[2].W", "layers[2].b"),
    ),
    Row(Dropout, (X,), ("x",)),
    Row(GlobalDropout, (X,), ("x",)),
    Row(TargetFirst, (X[::-1] * 0.3, X), ("y_pred",)),
    Row(LossOfEachSample, (np.abs(X) + 0.1, np.eye(4)[[0, 1, 2, 3, 0]]), ("y_pred",)),
    Row(ParametersFirst, (X,), ("x", "W", "b")),
    Row(OwnNames, (X,), ("x", "kernel_", "b")),
    Row(Flagged, (X, "parameters_updated"), ("inputs",)),
    Row(ReturnedByKey, (X,), ("params.W", "params.b")),
    Row(InputAndDictionary, (X,), ("x", "params.W", "params.b")),
    Row(ListsOfMatrices, (X,), ("x", "W[0]", "W[1]")),
    Row(OptimizerInside, (X,), ("x", "W", "b"), warns="parameters_updated"),
    Row(ZeroBias, (X,), ("x", "W", "b")),
    Row(Slots, (X,), ("x", "scale")),
    Row(ScalarBias, (X,), ("x", "w", "b")),
)


def spoilt(layer: Any, spoil: Callable[[Any, Any], Any]) -> Any:
    """Returns the layer with something done to it after each backward."""

    class Spoilt(type(layer)):
        __slots__ = ()

        @functools.wraps(type(layer).backward)
        def backward(self, *args: Any) -> Any:
            returned = super().backward(*args)
            changed = spoil(self, returned)
            return returned if changed is None else changed

    Spoilt.__name__ = type(layer).__name__
    wrong = copy.copy(layer)
    wrong.__class__ = Spoilt
    return wrong
