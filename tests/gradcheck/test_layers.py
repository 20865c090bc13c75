"""Layer objects of every convention: the right ones pass, the spoilt ones are found and named."""

import pickle

import numpy as np
import pytest
import zoo
from zoo import ZOO, X

import gradcheck


def named(verdict):
    return {c.primal for c in verdict.comparisons} - {"all together"}


def as_float32(layer):
    for name, value in vars(layer).items():
        if isinstance(value, np.ndarray) and value.dtype == np.float64:
            setattr(layer, name, value.astype(np.float32))
    return layer


@pytest.mark.parametrize("row", ZOO, ids=lambda row: row.name)
def test_a_right_layer_passes_and_its_primals_are_named(row):
    for seed in range(3):
        verdict = gradcheck.check(row.make(), *row.inputs, seed=seed)
        assert verdict.status == "pass", str(verdict)
        assert named(verdict) == set(row.primals)
        expected = {row.warns} if row.warns else set()
        assert {f.kind for f in verdict.findings} - {"random"} == expected


@pytest.mark.parametrize("row", ZOO, ids=lambda row: row.name)
def test_a_layer_is_left_as_it_was(row):
    layer = row.make()
    before = pickle.dumps(layer)
    gradcheck.check(layer, *row.inputs, seed=0)
    assert pickle.dumps(layer) == before


@pytest.mark.parametrize("make", [zoo.Dense, zoo.StoredOutput, zoo.Methods, zoo.Tanh])
def test_float32_layers_pass(make):
    verdict = gradcheck.check(as_float32(make()), X.astype(np.float32), seed=0)
    assert verdict.status == "pass" and not verdict.findings, str(verdict)
    assert "evaluated in float64" in str(verdict)


WRONG = (
    (zoo.Dense, "W", lambda s, r: setattr(s, "dW", s.dW / len(s.x))),
    (zoo.Dense, "b", lambda s, r: setattr(s, "db", s.db * 2)),
    (zoo.Dense, "x", lambda s, r: -r),
    (
        zoo.StoredOutput,
        "weights",
        lambda s, r: setattr(s, "dweights", s.inputs.T @ np.ones((5, 3))),
    ),
    (zoo.StoredOutput, "inputs", lambda s, r: setattr(s, "dinputs", s.dinputs * 1.01)),
    (zoo.Dictionaries, "params.b", lambda s, r: s.grads.update(b=s.grads["b"] / 5)),
    (zoo.Lists, "params[0]", lambda s, r: np.copyto(s.grads[0], 0)),
    (zoo.Accumulating, "W", lambda s, r: setattr(s, "grad_W", 2 * s.grad_W)),
    (zoo.ParameterObjects, "b.data", lambda s, r: setattr(s.b, "grad", -s.b.grad)),
    (zoo.Cached, "W", lambda s, r: (r[0], 2 * r[1], r[2])),
    (zoo.ReturnedDictionary, "b", lambda s, r: {**r, "db": r["db"] * 0}),
    (zoo.Multiply, "b", lambda s, r: (r[0], r[0])),
    (zoo.BatchNorm, "beta", lambda s, r: setattr(s, "dbeta", s.dbeta / 5)),
    (zoo.Embedding, "W", lambda s, r: setattr(s, "dW", np.sign(s.dW))),
    (zoo.RecurrentStep, "Wh", lambda s, r: setattr(s, "dWh", s.dWh.T)),
    (zoo.CrossEntropy, "x", lambda s, r: r * 5),
    (zoo.ZeroBias, "b", lambda s, r: setattr(s, "db", s.db[::-1].copy())),
    (zoo.ListsOfMatrices, "W[1]", lambda s, r: s.dW.__setitem__(1, 2 * s.dW[1])),
    (zoo.InputAndDictionary, "params.b", lambda s, r: (r[0], {**r[1], "db": -r[1]["db"]})),
)


@pytest.mark.parametrize(
    ("make", "primal", "spoil"), WRONG, ids=lambda v: getattr(v, "__name__", v)
)
def test_a_spoilt_layer_fails_at_the_spoilt_primal(make, primal, spoil):
    row = next(row for row in ZOO if row.make is make)
    verdict = gradcheck.check(zoo.spoilt(row.make(), spoil), *row.inputs, seed=0)
    wrong = {f.primal for f in verdict.findings if f.severity == "error"}
    assert verdict.status == "fail" and wrong == {primal}, str(verdict)


def test_a_wrong_update_is_found_in_the_update():
    class Wrong(zoo.Updating):
        def backward(self, output_gradient, learning_rate):
            self.bias -= learning_rate * output_gradient.mean(axis=1, keepdims=True)
            self.weights -= learning_rate * (output_gradient @ self.input.T)
            return self.weights.T @ output_gradient  # after the update: the classic mistake

    verdict = gradcheck.check(Wrong(), X.T, seed=0)
    assert {f.primal for f in verdict.findings if f.severity == "error"} == {"input", "bias"}
    assert "updated_first" in {f.kind for f in verdict.findings if f.primal == "input"}


def test_a_forgotten_gradient_is_missing():
    class Forgetful(zoo.Dense):
        def backward(self, dout):
            self.dW = self.x.T @ dout
            return dout @ self.W.T

    verdict = gradcheck.check(Forgetful(), X, seed=0)
    (finding,) = verdict.findings
    assert (finding.kind, finding.primal) == ("missing", "b")


def test_a_parameter_that_backward_spoils_is_found():
    class Spoiling(zoo.Dense):
        def backward(self, dout):
            dx = super().backward(dout)
            self.W *= 0.5
            return dx

    verdict = gradcheck.check(Spoiling(), X, seed=0)
    assert [(f.kind, f.primal) for f in verdict.findings] == [("parameter_mutated", "W")]


def test_an_update_by_an_unknown_rate_is_undecided():
    class Secretive(zoo.OwnRate):
        def __init__(self):
            super().__init__()
            del self.learning_rate

        def backward_pass(self, accum_grad):
            W = self.W
            self.W = W - 0.01 * self.layer_input.T @ accum_grad
            self.w0 = self.w0 - 0.01 * accum_grad.sum(axis=0, keepdims=True)
            return accum_grad @ W.T

    verdict = gradcheck.check(Secretive(), X, seed=0)
    assert verdict.status == "inconclusive"
    assert "neither an argument nor an attribute" in " ".join(str(verdict).split())


def test_wrt_chooses_among_inputs_and_parameters():
    assert named(gradcheck.check(zoo.Dense(), X, wrt=("W", "x"), seed=0)) == {"W", "x"}
    with pytest.raises(gradcheck.InvalidInput, match=r"wrt names 'V'.*there are 'x', 'W', 'b'"):
        gradcheck.check(zoo.Dense(), X, wrt="V")


class Strange:
    """Follows no convention at all."""

    def __init__(self) -> None:
        self.store = {"kernel": np.random.default_rng(0).normal(size=(4, 3))}

    def run(self, x):
        self.seen = x
        return x @ self.store["kernel"]

    def slope(self, u):
        self.answer = self.seen.T @ u
        return u @ self.store["kernel"].T


ACCESSORS = {
    "by name": {
        "forward": "run",
        "backward": "slope",
        "parameters": {"K": "store.kernel"},
        "gradients": {"K": "answer"},
    },
    "by function": {
        "forward": lambda layer, x: layer.run(x),
        "backward": lambda layer, y_bar: layer.slope(y_bar),
        "parameters": lambda layer: {"K": layer.store["kernel"]},
        "gradients": lambda layer: {"K": layer.answer},
    },
}


@pytest.mark.parametrize("accessors", ACCESSORS.values(), ids=ACCESSORS)
def test_explicit_accessors(accessors):
    verdict = gradcheck.check(gradcheck.Layer(Strange(), **accessors), X, seed=0)
    assert verdict.status == "pass" and named(verdict) == {"x", "K"}, str(verdict)


def test_explicit_accessors_find_a_wrong_gradient():
    doubled = {**ACCESSORS["by function"], "gradients": lambda layer: {"K": 2 * layer.answer}}
    verdict = gradcheck.check(gradcheck.Layer(Strange(), **doubled), X, seed=0)
    assert [f.primal for f in verdict.findings] == ["K"] and verdict.status == "fail"


def test_a_layer_without_any_gradient_says_what_to_do():
    class Silent(zoo.Tanh):
        def backward(self, grad): ...

    with pytest.raises(gradcheck.InvalidInput, match=r"no gradient was found.*gradcheck\.Layer"):
        gradcheck.check(Silent(), X)


def test_a_parameter_that_is_not_there_is_named():
    layer = gradcheck.Layer(zoo.Dense(), parameters={"W": "kernel"}, gradients={"W": "dW"})
    with pytest.raises(
        gradcheck.InvalidInput, match="'W': wanted a floating array at kernel, got None"
    ):
        gradcheck.check(layer, X)


def test_a_backward_with_an_unknown_argument_is_refused():
    class Odd(zoo.Tanh):
        def backward(self, grad, weather):  # pyright: ignore
            return grad

    with pytest.raises(gradcheck.InvalidInput, match="takes 'weather'"):
        gradcheck.check(Odd(), X)


class Mixing:
    """Two matrices under names that nobody gives parameters, and their gradients likewise."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.first, self.second = rng.normal(size=(4, 4)), rng.normal(size=(4, 4))

    def forward(self, x):
        self.x, self.h = x, x @ self.first
        return self.h @ self.second

    def backward(self, u):
        self.slope_1, self.slope_2 = self.x.T @ (u @ self.second.T), self.h.T @ u
        return u @ self.second.T @ self.first.T


def test_what_the_output_depends_on_without_a_gradient_is_said():
    x = np.random.default_rng(1).normal(size=(5, 4))
    verdict = gradcheck.check(Mixing(), x, seed=0)
    assert verdict.status == "pass"
    assert [n.split(":")[0] for n in verdict.notes if "depends on it" in n] == ["first", "second"]
    named = {"first": "first", "second": "second"}
    slopes = {"first": "slope_1", "second": "slope_2"}
    layer = gradcheck.Layer(Mixing(), parameters=named, gradients=slopes)
    verdict = gradcheck.check(layer, x, seed=0)
    assert {c.primal for c in verdict.comparisons} >= {"first", "second"} and not verdict.notes


class Looked:
    """y = x² m with a mask m: backward gives it None, in whatever form."""

    def __init__(self, gives, factor=2.0):
        self.gives, self.factor = gives, factor

    def forward(self, x, m):
        self.x, self.m = x, m
        return x * x * m

    def backward(self, y_bar):
        return self.gives(self.factor * y_bar * self.x * self.m)


class MaskFirst:
    def __init__(self, gives, factor=2.0):
        self.looked = Looked(gives, factor)

    def forward(self, m, x):
        return self.looked.forward(x, m)

    def backward(self, y_bar):
        return self.looked.backward(y_bar)


class Picked:
    """y = W[index] · scale: an index, a floating input and a parameter that is returned, too."""

    def __init__(self, factor=1.0):
        self.W, self.factor = np.linspace(-1.0, 2.0, 36).reshape(9, 4), factor

    def forward(self, index, scale):
        self.index, self.scale = index, scale
        return self.W[index] * scale

    def backward(self, y_bar):
        W_bar = np.zeros_like(self.W)
        np.add.at(W_bar, self.index, y_bar * self.scale)
        return None, self.factor * y_bar * self.W[self.index], W_bar


MASK = np.random.default_rng(0).random((3, 4)) > 0.3
NUMBERS = np.random.default_rng(1).normal(size=(3, 4))
WITH_DATA = {
    "a tuple": (lambda k: Looked(lambda g: (g, None), k), NUMBERS, MASK),
    "a list": (lambda k: Looked(lambda g: [g, None], k), NUMBERS, MASK),
    "itself": (lambda k: Looked(lambda g: g, k), NUMBERS, MASK),
    "data first": (lambda k: MaskFirst(lambda g: (None, g), k), MASK, NUMBERS),
    "data first, left out": (lambda k: MaskFirst(lambda g: g, k), MASK, NUMBERS),
    "zeros": (lambda k: Looked(lambda g: (g, np.zeros(g.shape)), k), NUMBERS, MASK),
    "parameters behind": (lambda k: Picked(k / 2.0), np.array([1, 2, 2]), NUMBERS),
}


@pytest.mark.parametrize("name", WITH_DATA)
def test_backward_may_give_none_for_what_is_data(name):
    make, *inputs = WITH_DATA[name]
    right = gradcheck.check(make(2.0), *inputs, seed=1)
    assert right.status == "pass", str(right)
    assert not right.findings
    assert gradcheck.check(make(3.0), *inputs, seed=1).status == "fail"


class Regression:
    """Its backward takes the targets: the loss is within it, a mean of half squares."""

    def __init__(self, factor=1.0):
        rng = np.random.default_rng(0)
        self.W, self.b, self.scale, self.factor = rng.normal(size=(3, 2)), np.zeros(2), 0.7, factor

    def forward(self, X):
        self.X = X
        self.y_hat = self.scale * (X @ self.W + self.b)
        return self.y_hat

    def backward(self, y):
        d = self.factor * self.scale * (self.y_hat - y) / len(y)
        self.dW, self.db = self.X.T @ d, d.sum(axis=0)


def half_square(net, X, y):
    return 0.5 * np.sum((net.forward(X) - y) ** 2) / len(y)


def test_a_backward_that_takes_targets_is_checked_through_its_loss():
    X, y = np.random.default_rng(1).normal(size=(5, 3)), np.ones((5, 2))
    with pytest.raises(gradcheck.InvalidInput, match="'y', which by its name are targets"):
        gradcheck.check(Regression(), X)
    for factor, status in ((1.0, "pass"), (2.0, "fail")):
        layer = gradcheck.Layer(Regression(factor), forward=half_square)
        verdict = gradcheck.check(layer, X, y, seed=0)
        assert verdict.status == status, str(verdict)


def test_a_number_without_a_gradient_is_a_setting():
    class Scaled:
        def __init__(self):
            self.scale, self.W = np.float64(0.7), np.ones((3, 2))

        def forward(self, x):
            self.x = x
            return self.scale * (x @ self.W)

        def backward(self, dy):
            self.dW = self.scale * self.x.T @ dy
            return self.scale * dy @ self.W.T

    verdict = gradcheck.check(Scaled(), np.random.default_rng(0).normal(size=(4, 3)), seed=0)
    assert verdict.status == "pass", str(verdict)
