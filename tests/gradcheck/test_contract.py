"""The whole contract: what is broken is found under its own name, and what only looks so is not."""

import random
import re
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch
from planted.contracts import BROKEN, KEPT, Case

import gradcheck
from gradcheck.adapters import subject_of
from gradcheck.contract import AUDITS, audit, further, random_kept
from gradcheck.errors import EvaluationError
from gradcheck.evaluation import Evaluator, Meter
from gradcheck.probes import cotangents

X = np.random.default_rng(3).uniform(0.5, 2.0, size=(5, 4))


def checked(case: Case, seed: int) -> gradcheck.Verdict:
    thing, vjp = case.make()
    args = [x.copy() for x in case.args]
    return gradcheck.check(thing, *args, vjp=vjp, seed=seed, **case.options)


def kinds(findings, severity="error"):
    return {f.kind for f in findings if f.severity == severity}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_found_under_its_name(name, seed):
    verdict = checked(BROKEN[name], seed)
    assert kinds(verdict.findings) == BROKEN[name].errors, str(verdict)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", KEPT)
def test_what_only_looks_broken_is_not_accused(name, seed):
    verdict = checked(KEPT[name], seed)
    assert verdict.status == "pass", str(verdict)
    assert kinds(verdict.findings, "warning") == KEPT[name].warnings, str(verdict)


def audited(thing, *args, vjp=None, seed=0, meter=None, wrong=()):
    """All findings of the audits alone."""
    rng = np.random.default_rng(seed)
    subject = subject_of(thing, args, vjp=vjp, wrt=None, name=None)
    with random_kept(), np.errstate(all="ignore"):
        found = audit(Evaluator(subject, meter or Meter()), lambda y: cotangents(y, rng))
        return (*found.findings, *further(found, rng, wrong)[0])


NUMPY = {
    **{name: np.dtype(name) for name in ("float16", "float32", "float64", "longdouble")},
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "complex64": np.dtype("complex64"),
    "complex128": np.dtype("complex128"),
}
TORCH = ("bfloat16", "float16", "float32", "float64", "complex64", "complex128")


def square_vjp(u, x):
    return 2 * np.conj(x) * u if np.iscomplexobj(x) else (x + x) * u


def spoilt(name):
    """The pullback of x², spoilt."""
    total, cache = [0], []

    def square(x):
        return x * x

    def remembered(x):
        cache[:] = [x.copy()]
        return x * x

    def added(u, x):
        total[0] = total[0] + square_vjp(u, x)
        return total[0]

    return {
        "": (square, square_vjp),
        "stale": (remembered, lambda u, x: square_vjp(u, cache[0])),
        "accumulates": (square, added),
        "layout": (
            square,
            lambda u, x: square_vjp(u.ravel(order="K").reshape(u.shape), x),
        ),
        "nonlinear": (
            square,
            lambda u, x: square_vjp(np.where(np.abs(u) < 2, u, u / 8).astype(u.dtype), x),
        ),
    }[name]


@pytest.mark.parametrize("dtype", NUMPY)
@pytest.mark.parametrize("kind", ["", "stale", "accumulates", "layout", "nonlinear"])
def test_numpy_of_every_dtype(kind, dtype):
    x = X.astype(NUMPY[dtype])
    x = (x * (1 + 1j)).astype(x.dtype) if np.iscomplexobj(x) else x
    f, vjp = spoilt(kind)
    assert kinds(audited(f, x, vjp=vjp)) == {kind} - {""}


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, u):  # pyright: ignore
        (x,) = ctx.saved_tensors
        return 2 * x.conj() * u


class Remembering(Square):
    """Keeps the input in the class, where the next forward overwrites it."""

    @staticmethod
    def forward(ctx, x):
        Remembering.x = x.detach().clone()
        return x * x

    @staticmethod
    def backward(ctx, u):
        return 2 * Remembering.x.conj() * u


class Viewing(Square):
    @staticmethod
    def backward(ctx, u):
        (x,) = ctx.saved_tensors
        return (2 * x.conj().reshape(-1) * u.view(-1)).reshape(x.shape)


class Misreading(Square):
    @staticmethod
    def backward(ctx, u):
        (x,) = ctx.saved_tensors
        return 2 * x.conj() * torch.as_strided(u, u.shape, (u.shape[1], 1))


class Thresholding(Square):
    @staticmethod
    def backward(ctx, u):
        (x,) = ctx.saved_tensors
        return 2 * x.conj() * torch.where(u.abs() < 2, u, u / 8)


class Decaying(Square):
    @staticmethod
    def backward(ctx, u):
        (x,) = ctx.saved_tensors
        return 2 * x.conj() * u + x / 4


FUNCTIONS = {
    Square: set(),
    Remembering: {"stale"},
    Viewing: {"layout"},
    Misreading: {"layout"},
    Thresholding: {"nonlinear"},
    Decaying: {"zero_cotangent"},
}


@pytest.mark.parametrize("dtype", TORCH)
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_torch_of_every_dtype(function, dtype):
    x = torch.from_numpy(X).to(getattr(torch, dtype))
    assert kinds(audited(function.apply, x)) == FUNCTIONS[function]


class Dense:
    def __init__(self):
        self.W = np.ones((4, 3)) + np.arange(3)
        self.x: Any = None
        self.dW: Any = None

    def forward(self, x):
        self.x = x
        return np.tanh(x @ self.W)

    def backward(self, dout):
        z = dout * (1 - np.tanh(self.x @ self.W) ** 2)
        self.dW = self.x.T @ z
        return z @ self.W.T


class RemembersFirst(Dense):
    def forward(self, x):
        if self.x is None:
            self.x = x
        return np.tanh(x @ self.W)


class Stacked(Dense):
    """A cache that is a stack is right: backward takes what the last forward put there."""

    def __init__(self):
        super().__init__()
        self.cache = []

    def forward(self, x):
        self.cache.append(x)
        return np.tanh(x @ self.W)

    def backward(self, dout):
        self.x = self.cache.pop()
        return super().backward(dout)


class Decayed(Dense):
    def forward(self, x):
        self.W *= 0.99
        return super().forward(x)


class Normalised:
    """The weight is computed anew by each forward: a cache, though it is called W."""

    def __init__(self):
        self.v, self.dv = np.ones((4, 3)) + np.arange(3), np.zeros((4, 3))
        self.W, self.dW = np.zeros((4, 3)), np.zeros((4, 3))

    def forward(self, x):
        self.x, self.W = x, self.v**2
        return x @ self.W

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.dv = 2 * self.v * self.dW
        return dout @ self.W.T


LAYERS = {
    Dense: set(),
    RemembersFirst: {"stale"},
    Stacked: set(),
    Decayed: {"parameter_mutated"},
    Normalised: set(),
}


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.__name__)
def test_what_a_layer_keeps_between_calls(layer):
    assert kinds(audited(layer(), X)) == LAYERS[layer]


def drawing(name):
    return {
        "random": (random.random, random.getstate),
        "numpy": (np.random.random, lambda: repr(np.random.get_state())),  # noqa: NPY002
        "torch": (lambda: float(torch.rand(())), lambda: torch.get_rng_state().tolist()),
    }[name]


@pytest.mark.parametrize("name", ["random", "numpy", "torch"])
def test_every_global_generator_is_repeated_and_put_back(name):
    draw, state = drawing(name)

    def rule(x):
        factor = 1 + draw()
        return factor * x, lambda u: factor * u

    before = state()
    verdict = gradcheck.check(rule, X, seed=0)
    assert verdict.status == "pass" and state() == before
    assert [finding.kind for finding in verdict.findings] == ["random"]


@pytest.mark.parametrize("name", ["random", "numpy", "torch"])
@pytest.mark.parametrize("where", ["forward", "backward"])
def test_an_exception_leaves_nothing_changed(name, where):
    draw, state = drawing(name)
    data = np.ones((5, 4))

    def spoil(label, c):
        draw()
        c *= 2
        if label == where:
            raise ArithmeticError(label)

    def f(x, c):
        spoil("forward", c)
        return x * c

    def vjp(u, x, c):
        spoil("backward", c)
        return u * c, None

    before = state()
    subject = subject_of(f, (X, data), vjp=vjp, wrt=("x",), name=None)
    constant = subject.constants["c"]
    with pytest.raises(EvaluationError, match=where), random_kept():
        audit(Evaluator(subject, Meter()), lambda y: cotangents(y, np.random.default_rng(0)))
    assert state() == before and np.array_equal(constant, data)


@pytest.mark.parametrize("budget", [1, 2, 3, 40, 60, 62, 65])
def test_the_budget_goes_to_the_numbers_first(budget):
    stale = BROKEN["the cache is a global"]
    thing, vjp = stale.make()
    verdict = gradcheck.check(thing, X, vjp=vjp, seed=0, budget=budget)
    assert verdict.evaluations <= budget
    left_out = " ".join(verdict.notes)
    told = ("state between calls", "no audits")
    assert "stale" in kinds(verdict.findings) or any(words in left_out for words in told)


def test_what_the_audits_cost():
    meter = Meter()
    assert not audited(lambda x, w: x @ w, X, X.T, vjp=_matrix_vjp, meter=meter)
    assert meter.evaluations <= 10 and meter.pullbacks <= 18


def _matrix_vjp(u, x, w):
    return u @ w.T, x.T @ u


def test_each_audit_says_what_it_evaluates():
    rng = np.random.default_rng(0)
    subject = subject_of(np.square, (X,), vjp=square_vjp, wrt=None, name=None)
    found = audit(Evaluator(subject, Meter()), lambda y: cotangents(y, rng))
    meter = found.evaluator.meter
    for row in AUDITS:
        before = meter.evaluations
        assert not list(row.audit(found, rng, ()))
        assert meter.evaluations - before == row.evaluations, row.name


def test_every_kind_is_documented():
    table = (Path(__file__).parents[2] / "docs" / "findings.md").read_text(encoding="utf-8")
    known = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    sources = Path(gradcheck.__file__).parent.rglob("*.py")
    used = {
        k
        for s in sources
        for k in re.findall(r'Finding\(\s*kind="(\w+)"', s.read_text(encoding="utf-8"))
    }
    planted = {kind for case in (*BROKEN.values(), *KEPT.values()) for kind in case.errors}
    assert used | planted <= known


class Parts(torch.autograd.Function):
    """(x y, x + y); what it does with what is not asked for is given."""

    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        ctx.set_materialize_grads(False)
        return x * y, x + y

    @staticmethod
    def backward(ctx, u, v):  # pyright: ignore
        x, y = ctx.saved_tensors
        u = torch.zeros_like(x) if u is None else u
        v = torch.zeros_like(x) if v is None else v
        return u * y + v, u * x + v


class Unmaterialised(Parts):
    @staticmethod
    def backward(ctx, u, v):  # pyright: ignore
        x, y = ctx.saved_tensors
        return u * y + v, u * x + v


class OneOutput(Parts):
    @staticmethod
    def backward(ctx, u, v):  # pyright: ignore
        if u is None or v is None:
            return None, None
        return Parts.backward(ctx, u, v)


class OffByOne(Parts):
    @staticmethod
    def backward(ctx, u, v):  # pyright: ignore
        x_bar, y_bar = Parts.backward(ctx, u, v)
        return x_bar if ctx.needs_input_grad[1] else None, y_bar


ASKED_IN_PART = {
    Parts: set(),
    Unmaterialised: {"unused_output"},
    OneOutput: {"unused_output"},
    OffByOne: {"unwanted_input"},
}


@pytest.mark.parametrize("function", ASKED_IN_PART, ids=lambda f: f.__name__)
def test_some_outputs_and_primals_alone(function):
    x, y = torch.from_numpy(X), torch.from_numpy(X + 2)
    verdict = gradcheck.check(function.apply, x, y, seed=1)
    assert {f.kind for f in verdict.findings if f.severity == "error"} == ASKED_IN_PART[function]
    assert verdict.status == ("fail" if ASKED_IN_PART[function] else "pass")
