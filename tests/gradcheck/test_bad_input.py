"""Malformed input: what was got, what was wanted, what to do, in the caller's names."""

import numpy as np
import pytest
import zoo

import gradcheck
from gradcheck import EvaluationError, InvalidInput, PullbackError

x = np.array([0.5, -1.0])
back = lambda u, x: u * np.cos(x)  # noqa: E731


def sine(x):
    return np.sin(x)


def product(x, w):
    return x * w


def product_back(u, x, w):
    return u * w, u * x


RAISES = {
    "integers": (InvalidInput, (sine, np.array([1, 2])), back, "'x'.*int64.*floating.*astype"),
    "labels": (InvalidInput, (product, x, np.array([1, 2])), product_back, r"'w'.*wrt=\('x',\)"),
    "booleans": (InvalidInput, (sine, np.array([True])), back, "'x'.*bool"),
    "a Python integer": (InvalidInput, (sine, 3), back, r"'x' is an int \(3\).*floating"),
    "a string": (InvalidInput, (sine, "x"), back, "nothing to differentiate"),
    "masked": (InvalidInput, (sine, np.ma.masked_equal([1.0], 1)), back, "'x'.*masked.*fill"),
    "NaN": (InvalidInput, (sine, np.array([1, np.nan])), back, r"'x' has 1 of 2.*nan at \(1,\)"),
    "infinity": (InvalidInput, (sine, np.array([np.inf, 1])), back, r"not finite.*inf at \(0,\)"),
    "a list of numbers": (InvalidInput, (sine, [1.0, 2.0]), back, r"a list of 2 numbers.*asarray"),
    "a setting": (InvalidInput, (product, x, {"m": 1}), product_back, r"settings\), leave it out"),
    "a pullback that is an array": (
        InvalidInput,
        (sine, x),
        x,
        "vjp is an array.*wanted a function",
    ),
    "a class": (InvalidInput, (zoo.Dense, x), None, r"a class: pass an instance, Dense\(...\)"),
    "no primal": (InvalidInput, (sine,), back, "no primal given.*gradcheck.check"),
    "no pullback": (InvalidInput, (sine, x), None, "nothing claims a derivative of sine.*vjp="),
    "not callable": (InvalidInput, (3, x), back, "cannot check an int"),
    "returns None": (
        EvaluationError,
        (lambda x: None, x),
        back,
        "returned None: wanted a floating",
    ),
    "returns integers": (EvaluationError, (lambda x: (x > 0) * 1, x), back, "dtype int64"),
    "returns text": (EvaluationError, (lambda x: "y", x), back, "returned a str"),
    "returns nothing": (EvaluationError, (lambda x: (), x), back, "returned a tuple of 0"),
    "raises": (EvaluationError, (lambda x: 1 / 0, x), back, "raised ZeroDivisionError: division"),
    "pullback raises": (PullbackError, (sine, x), lambda u, x: u @ x[:1], "the pullback of sine"),
}


@pytest.mark.parametrize(("error", "args", "vjp", "text"), RAISES.values(), ids=RAISES)
def test_malformed_input_raises(error, args, vjp, text):
    with pytest.raises(error, match=f"(?s){text}"):
        gradcheck.check(*args, vjp=vjp)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"wrt": "v"}, "wrt names 'v'.*there are 'x', 'w'"),
        ({"wrt": ()}, "nothing to differentiate: 'x' is an array.*that wrt does not leave out"),
        ({"wrt": 2}, "wrt names 2"),
        ({"budget": 0}, "budget is 0: wanted a whole number from 1 on, or None"),
        ({"allow": -0.1}, "allow is -0.1: wanted"),
        ({"allow": 1.0}, "allow is 1.0: wanted"),
        ({"points": 0}, "points is 0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_malformed_options_raise(options, text):
    with pytest.raises(InvalidInput, match=text):
        gradcheck.check(product, x, x, vjp=product_back, **options)


def test_nothing_is_evaluated_before_malformed_input_raises():
    def never(*args):
        raise AssertionError("evaluated")

    with pytest.raises(InvalidInput):
        gradcheck.check(never, np.array([1, 2]), vjp=never)


RETURNS = {
    "one for two": (
        lambda u, x, w: u * w,
        "count",
        "an array of shape (2,)",
        "2 cotangents, for x, w",
    ),
    "three for two": (lambda u, x, w: (u, u, u), "count", "a tuple of 3", "2 cotangents"),
    "text": (lambda u, x, w: (u * w, "w"), "structure", "w: the cotangent is a str", "an array"),
    "a nested list": (
        lambda u, x, w: (u * w, [u, x]),
        "structure",
        "a list of 2",
        "w: expected one",
    ),
    "a wrong shape": (lambda u, x, w: (u * w, (u * x)[:1]), "shape", "(1,)", "wanted (2,)"),
}


@pytest.mark.parametrize(("vjp", "kind", "got", "wanted"), RETURNS.values(), ids=RETURNS)
def test_a_pullback_that_returns_the_wrong_form_fails(vjp, kind, got, wanted):
    verdict = gradcheck.check(product, x, x, vjp=vjp)
    (finding, *_) = verdict.findings
    assert verdict.status == "fail" and finding.kind == kind
    assert got in finding.message and wanted in finding.message


def test_the_cause_of_an_error_is_kept():
    with pytest.raises(EvaluationError) as caught:
        gradcheck.check(lambda x: 1 / 0, x, vjp=back)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


OPTIONS = {
    "seed": ("a", 1.5, -1, True),
    "budget": ("many", 2.5, 0, True, float("nan")),
    "points": ("x", 2.5, 0, None),
    "allow": ("1%", -0.1, 1.0),
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in OPTIONS.items() for v in vs])
def test_an_option_that_is_no_number_of_its_kind_is_refused(name, value):
    with pytest.raises(gradcheck.InvalidInput, match=f"{name} is .*: wanted a"):
        gradcheck.check(np.sin, np.ones(3), vjp=lambda u, x: u * np.cos(x), **{name: value})


class Named:
    """Two arrays that may be the gradient of W: one of them is twice too large."""

    def __init__(self) -> None:
        self.W = np.random.default_rng(0).normal(size=(4, 3))

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, u):
        self.dW = self.x.T @ u
        self.other = 2 * self.dW
        return u @ self.W.T


def test_gradients_that_are_named_are_those_that_are_judged():
    x = np.random.default_rng(1).normal(size=(5, 4))
    for where, status in (("dW", "pass"), ("other", "fail"), ("nowhere", "fail")):
        layer = gradcheck.Layer(Named(), gradients={"W": where})
        assert gradcheck.check(layer, x, seed=0).status == status
    with pytest.raises(gradcheck.InvalidInput, match=r"gradients names 'V'.*found were 'W'"):
        gradcheck.check(gradcheck.Layer(Named(), gradients={"V": "dW"}), x)
    renamed = gradcheck.Layer(Named(), parameters={"K": "W"}, gradients={"K": "dW"})
    assert not gradcheck.check(renamed, x, seed=0).notes


def test_a_layer_that_cannot_be_called_is_refused_with_what_was_named():
    x = np.ones((5, 4))
    with pytest.raises(gradcheck.InvalidInput, match="no method 'run'"):
        gradcheck.check(gradcheck.Layer(Named(), forward="run"), x)
    with pytest.raises(gradcheck.InvalidInput, match="class Named: pass an instance"):
        gradcheck.check(gradcheck.Layer(Named), x)


@pytest.mark.parametrize("factor", [1.0, 2.0])
@pytest.mark.parametrize("shape", [(3,), (1,), (2, 3)])
def test_a_list_of_numbers_is_read_as_an_array_and_warned_of(shape, factor):
    x = np.random.default_rng(0).normal(size=shape)
    listed = lambda u, x: (factor * u * np.cos(x)).tolist()  # noqa: E731
    verdict = gradcheck.check(np.sin, x, vjp=listed, seed=0)
    assert verdict.status == ("pass" if factor == 1.0 else "fail"), str(verdict)
    assert ("structure", "warning") in {(f.kind, f.severity) for f in verdict.findings}
