"""Exact routes: believed where differences confirm them, and only as far as they can be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from gradcheck.adapters import subject_of
from gradcheck.evaluation import BudgetSpent, Evaluator, Meter, flat
from gradcheck.oracles.complex_step import complex_step
from gradcheck.oracles.forward_mode import forward_mode

SEEDS = st.integers(0, 2**32 - 1)

loads_decompositions = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
"""PyTorch compiles its own forward derivatives when the first one is asked for."""

ANALYTIC = {
    "sine": (np.sin, np.cos),
    "logistic": (lambda x: 1 / (1 + np.exp(-x)), lambda x: 1 / (2 + 2 * np.cosh(x))),
    "polynomial": (lambda x: x**3 - 2 * x, lambda x: 3 * x**2 - 2),
    "offset": (lambda x: 1e9 + np.tanh(x), lambda x: 1 / np.cosh(x) ** 2),
    "tiny": (lambda x: 1e-30 * np.sinh(x), lambda x: 1e-30 * np.cosh(x)),
}
"""A function of entries, and its slope."""


def evaluator(f, *args, vjp=lambda u, *x: None, meter=None):
    subject = subject_of(f, args, vjp=vjp, wrt=None, name=None)
    return Evaluator(subject, meter or Meter())


def pushed(f, x, v, route=complex_step, **options):
    made = evaluator(f, x, **options)
    (name,) = made.point
    return route(made, made.point, flat(made.outputs(made.point)), {name: v})


@pytest.mark.parametrize("name", ANALYTIC)
@given(seed=SEEDS)
def test_the_complex_step_is_exact_to_rounding(name, seed):
    f, slope = ANALYTIC[name]
    rng = np.random.default_rng(seed)
    x, v = rng.normal(size=(2, 4, 3))
    found = pushed(f, x, v)
    assert found == pytest.approx((slope(x) * v).ravel(), rel=1e-12, abs=0)


def real_only(x):
    if np.iscomplexobj(x):
        raise TypeError("real numbers only")
    return np.sin(x)


def cast(x):
    return np.sin(x.astype(float))


NO_COMPLEX_STEP = {
    "raises": real_only,
    "casts": cast,
    "drops the imaginary part": lambda x: np.sin(np.real(x)),
    "a magnitude": np.abs,
    "another function there": lambda x: np.sin(x) + 1e-9 * np.iscomplexobj(x),
    "another shape there": lambda x: np.sin(x)[: 2 if np.iscomplexobj(x) else None],
}


@pytest.mark.parametrize("f", NO_COMPLEX_STEP.values(), ids=NO_COMPLEX_STEP)
def test_there_is_no_complex_step_where_complex_numbers_are_not_taken(f):
    x = np.linspace(0.5, 1.5, 4)
    assert pushed(f, x, np.ones(4)) is None


def test_there_is_no_complex_step_of_complex_primals_nor_beyond_the_budget():
    z = np.array([1.0 + 2j])
    assert pushed(np.exp, z, np.ones((1, 2))) is None
    with pytest.raises(BudgetSpent):
        pushed(np.sin, np.ones(3), np.ones(3), meter=Meter(budget=1))


SILENT_ZEROS = {
    "conjugate": (lambda x: np.real(x * np.conj(x)) + np.sin(x), lambda x: 2 * x + np.cos(x)),
    "magnitude": (lambda x: np.abs(x) ** 2 + np.sin(x), lambda x: 2 * x + np.cos(x)),
    "a part that is real": (lambda x: np.real(x) ** 2 + np.sin(x), lambda x: 2 * x + np.cos(x)),
    "a branch for complex numbers": (
        lambda x: np.tanh(np.real(x)) + 0 * x,
        lambda x: 1 / np.cosh(x) ** 2,
    ),
}


@pytest.mark.parametrize("name", SILENT_ZEROS)
@pytest.mark.parametrize(("factor", "status"), [(1.0, "pass"), (1.001, "fail")])
def test_a_complex_step_that_lies_is_not_believed(name, factor, status):
    f, slope = SILENT_ZEROS[name]
    x = np.random.default_rng(0).normal(size=10)
    assert pushed(f, x, np.ones(10)) is not None  # it has one, and it is wrong
    verdict = gradcheck.check(f, x, vjp=lambda u, x: factor * u * slope(x), seed=0)
    assert verdict.status == status, str(verdict)
    assert not any("complex" in c.oracle for c in verdict.comparisons)


@pytest.mark.parametrize("name", SILENT_ZEROS)
def test_what_the_claim_shares_with_a_lying_complex_step_is_wrong_nevertheless(name):
    f, _ = SILENT_ZEROS[name]
    lie = lambda x: np.asarray(pushed(f, x, np.ones(x.size)))  # noqa: E731
    x = np.random.default_rng(0).normal(size=10)
    verdict = gradcheck.check(f, x, vjp=lambda u, x: u * lie(x), seed=0)
    assert verdict.status == "fail", str(verdict)


@pytest.mark.parametrize("name", ANALYTIC)
@settings(max_examples=10)
@given(seed=SEEDS)
def test_a_right_gradient_is_sharpened_to_rounding(name, seed):
    f, slope = ANALYTIC[name]
    x = np.random.default_rng(seed).normal(size=8)
    verdict = gradcheck.check(f, x, vjp=lambda u, x: u * slope(x), seed=seed)
    assert verdict.status == "pass", str(verdict)
    (row,) = [c for c in verdict.comparisons if c.primal == "x"]
    assert row.oracle == "finite differences and complex step" and (row.resolution or 1.0) < 1e-12


def test_a_decision_that_the_complex_step_is_blind_to_accuses_nobody():
    """Of the small magnitudes the complex step sees no slope; differences see too little of it."""

    def f(x):
        return np.sum(np.sin(x[:6])) + 1e-14 * np.sum(np.abs(x[6:]) ** 3)

    def right(u, x):
        return u * np.concatenate([np.cos(x[:6]), 3e-14 * x[6:] * np.abs(x[6:])])

    for seed in range(8):
        x = np.random.default_rng(seed).normal(size=12)
        verdict = gradcheck.check(f, x, vjp=right, seed=seed)
        assert verdict.status == "pass", str(verdict)


@loads_decompositions
def test_forward_mode_is_exact_and_needs_a_framework():
    torch = pytest.importorskip("torch")
    x = torch.linspace(-1.0, 1.0, 5, dtype=torch.float64)
    v = np.linspace(1.0, 2.0, 5)
    found = pushed(torch.sin, x, v, route=forward_mode, vjp=None)
    assert found == pytest.approx(np.cos(x.numpy()) * v, rel=1e-14)
    assert pushed(np.sin, x.numpy(), v, route=forward_mode) is None


def function(derivative, pushforward=None):
    """Returns a sine with this reverse derivative, and this forward one."""
    torch = pytest.importorskip("torch")

    class Sine(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return torch.sin(x)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx, u):  # pyright: ignore
            return u * derivative(*ctx.saved_tensors)

    slope = pushforward
    if slope is not None:
        Sine.jvp = staticmethod(lambda ctx, v: v * slope(*ctx.saved_tensors))
    return Sine.apply


def cosine(x):
    return x.cos()


def off(x):
    return 1.001 * x.cos()


PAIRS = {
    "both right": (cosine, cosine, "pass", True),
    "no forward mode": (cosine, None, "pass", False),
    "forward mode wrong": (cosine, off, "pass", False),
    "reverse mode wrong": (off, cosine, "fail", False),
    "both wrong alike": (off, off, "fail", False),
}


@loads_decompositions
@pytest.mark.parametrize(("reverse", "forward", "status", "named"), PAIRS.values(), ids=PAIRS)
def test_forward_mode_is_a_witness_where_differences_confirm_it(reverse, forward, status, named):
    torch = pytest.importorskip("torch")
    x = torch.linspace(-1.0, 1.2, 7, dtype=torch.float64)
    verdict = gradcheck.check(function(reverse, forward), x, seed=0)
    assert verdict.status == status, str(verdict)
    assert any("forward mode" in c.oracle for c in verdict.comparisons) == named


def share(a, b):
    """a / (a + b): the complex step and the function cancel alike where b is next to nothing."""
    return a / (a + b)


@pytest.mark.parametrize("factor", [1.0, -1.0])
@given(seed=SEEDS)
def test_an_exact_route_that_cancels_accuses_nobody(factor, seed):
    rng = np.random.default_rng(seed)
    a, b = 10 ** rng.uniform(2, 8, 10), 10 ** rng.uniform(-8, -2, 10)
    vjp = lambda u, a, b: (u * b / (a + b) ** 2, -factor * u * a / (a + b) ** 2)  # noqa: E731
    verdict = gradcheck.check(share, a, b, vjp=vjp, seed=seed)
    if factor == 1.0:
        assert verdict.status != "fail", str(verdict)
    else:
        assert {f.primal for f in verdict.findings} == {"b"}, str(verdict)
