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
        ({"wrt": ()}, "wrt names none of the primals 'x', 'w'"),
        ({"wrt": 2}, "wrt names 2"),
        ({"budget": 0}, "budget is 0: wanted at least one"),
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
