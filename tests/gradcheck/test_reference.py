"""A third witness: where one of three differs from the other two, it is the one that is named."""

import numpy as np
import pytest
import zoo

import gradcheck

torch = pytest.importorskip("torch")

x = np.array([[0.5, -1.0], [2.0, 0.25], [1.0, 3.0]])


def f(x):
    return np.tanh(x) ** 2


def right(u, x):
    return u * 2 * np.tanh(x) * (1 - np.tanh(x) ** 2)


def twin(x):
    return torch.tanh(x) ** 2


class StraightThrough(torch.autograd.Function):
    """A reference with a wrong gradient."""

    @staticmethod
    def forward(ctx, x):
        return torch.tanh(x) ** 2

    @staticmethod
    def backward(ctx, u):
        return u


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_three_witnesses_agree(dtype):
    verdict = gradcheck.check(
        f, x.astype(dtype), vjp=right, reference=gradcheck.from_torch(twin), seed=0
    )
    assert verdict.status == "pass", str(verdict)
    assert "PyTorch autograd" in {c.oracle for c in verdict.comparisons}


def test_a_wrong_pullback_is_the_odd_one_out():
    verdict = gradcheck.check(
        f, x, vjp=lambda u, x: 2 * right(u, x), reference=gradcheck.from_torch(twin), seed=0
    )
    assert verdict.status == "fail"
    assert "The pullback is the odd one out" in verdict.findings[0].message
    assert {c.status for c in verdict.comparisons} == {"fail"}


def test_a_wrong_reference_is_the_odd_one_out():
    reference = gradcheck.from_torch(StraightThrough.apply, name="the kernel")
    verdict = gradcheck.check(f, x, vjp=right, reference=reference, seed=0)
    (finding,) = verdict.findings
    assert (
        finding.kind == "reference_differs" and "the kernel is the odd one out" in finding.message
    )


def test_a_function_that_both_differ_from_is_the_odd_one_out():
    def drifting(y):
        return f(y) + (y - x)  # equal at the point, and nowhere else

    verdict = gradcheck.check(drifting, x, vjp=right, reference=gradcheck.from_torch(twin), seed=0)
    assert verdict.status == "fail"
    assert "The function is the odd one out" in verdict.findings[0].message


def test_another_function_is_told_from_a_wrong_gradient():
    reference = gradcheck.from_torch(lambda x: torch.tanh(x) ** 3)
    verdict = gradcheck.check(f, x, vjp=right, reference=reference, seed=0)
    (finding,) = verdict.findings
    assert finding.kind == "reference_value" and "is not the same function" in finding.message


def test_a_layer_hands_its_inputs_and_then_its_parameters_to_the_reference():
    reference = gradcheck.from_torch(lambda x, W, b: x @ W + b)
    verdict = gradcheck.check(zoo.Dense(), zoo.X, reference=reference, seed=0)
    rows = {c.primal for c in verdict.comparisons if c.oracle == "PyTorch autograd"}
    assert verdict.status == "pass" and rows == {"x", "W", "b"}


def test_a_reference_that_cannot_be_called_says_so():
    reference = gradcheck.from_torch(lambda: None)
    with pytest.raises(gradcheck.EvaluationError, match="PyTorch autograd raised TypeError"):
        gradcheck.check(f, x, vjp=right, reference=reference)


def test_a_rule_can_be_the_reference():
    rule = lambda x: (f(x), lambda u: right(u, x))  # noqa: E731
    assert gradcheck.check(f, x, vjp=right, reference=rule, seed=0).status == "pass"
