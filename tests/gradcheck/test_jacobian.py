"""Mistakes that a sum over the outputs hides are named through each output by itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import gradcheck

Arrays = dict[str, Any]


@pytest.fixture(autouse=True)
def outputs_alone(monkeypatch):
    """What the steps of the function say is not asked for here."""
    monkeypatch.setattr("gradcheck.explanations.by_steps", lambda m, unexplained: {})


INDEX = np.array([0, 2, 2, 4, 0, 2])


@dataclass(frozen=True)
class Bug:
    """A function, a pullback with a mistake in one primal, and the kinds that name it."""

    name: str
    kinds: tuple[str, ...]
    draw: dict[str, tuple[int, ...]]
    f: Callable[..., Any]
    wrong: Callable[..., Arrays]
    primal: str


def dense(x, w):
    return np.tanh(x @ w)


def cumulated(x):
    return np.cumsum(x, 0) + 0.1 * x**2


def gathered(w):
    return np.sin(w)[INDEX]


def overwritten(u, w):
    x = np.zeros_like(w)
    x[INDEX] = u
    return {"w": x * np.cos(w)}


def pooled(x):
    return x.reshape(4, 3, 2).max(1)


def averaged(u, x):
    return {"x": np.repeat(u[:, None], 3, 1).reshape(x.shape) / 3}


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def mixed(x):
    return np.tanh(x) + x.mean(0, keepdims=True)


def conjugable(a, b):
    return a * b


BUGS = (
    Bug("slope under the sum", ("chain factor missing", "another product"),
        {"x": (5, 4), "w": (4, 3)}, dense,
        lambda u, x, w: {"x": u * (1 - dense(x, w) ** 2) @ w.T, "w": x.T @ u}, "w"),
    Bug("an operand not transposed", ("axes permuted", "another product"),
        {"x": (5, 4), "w": (4, 4)}, lambda x, w: np.sin(x @ w),
        lambda u, x, w: {"x": (u * np.cos(x @ w)) @ w, "w": x.T @ (u * np.cos(x @ w))}, "x"),
    Bug("no path over steps", ("coupling left out",), {"x": (6, 3)}, cumulated,
        lambda u, x: {"x": u * (1 + 0.2 * x)}, "x"),
    Bug("a wrong factor from step to step", ("path over steps",), {"x": (6, 3)}, cumulated,
        lambda u, x: {"x": u * (1 + 0.2 * x) + sum(
            0.9**k * np.concatenate([u[k:], 0 * u[:k]]) * (1 + k % 2) for k in range(1, 6))}, "x"),
    Bug("duplicates overwritten", ("not accumulated", "duplicates not accumulated"),
        {"w": (5, 3)}, lambda w: gathered(w) if w.ndim == 2 else w,
        lambda u, w: overwritten(u, w), "w"),
    Bug("a mean for a maximum", ("redistributed",), {"x": (4, 6)}, pooled, averaged, "x"),
    Bug("the mean forgotten", ("coupling left out", "mean term", "another derivative"),
        {"x": (6, 3)}, mixed, lambda u, x: {"x": u * (1 - np.tanh(x) ** 2)}, "x"),
    Bug("the own term forgotten", ("own term", "term", "another derivative"),
        {"x": (6, 3)}, mixed, lambda u, x: {"x": u.mean(0) + 0 * u}, "x"),
)  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_mistake_under_a_sum_is_named(bug, seed):
    rng = np.random.default_rng(seed)
    point = {name: 0.7 * rng.normal(size=shape) for name, shape in bug.draw.items()}
    verdict = gradcheck.check(bug.f, point, vjp=bug.wrong, seed=seed)
    (finding,) = [f for f in verdict.findings if f.kind == "value"]
    assert finding.primal == bug.primal
    assert finding.diagnosis in bug.kinds, str(verdict)
    assert finding.confidence is not None and finding.confidence > 0.5


@pytest.mark.parametrize("seed", range(3))
def test_a_conjugate_is_named_and_its_repair_passes(seed):
    rng = np.random.default_rng(seed)
    a, b = (rng.normal(size=5) + 1j * rng.normal(size=5) for _ in range(2))
    verdict = gradcheck.check(
        conjugable, {"a": a, "b": b}, seed=seed,
        vjp=lambda u, a, b: {"a": u * b, "b": np.conj(a) * u},
    )  # fmt: skip
    (finding,) = verdict.findings
    assert (finding.primal, finding.diagnosis) == ("a", "conjugated") and finding.repair


def test_targets_called_like_the_output_are_seen():
    rng = np.random.default_rng(0)
    p, y = rng.normal(size=(2, 12))
    verdict = gradcheck.check(
        lambda p, y: np.sum(np.log(np.cosh(p - y))), {"p": p, "y": y}, wrt=("p",), seed=0,
        vjp=lambda u, p, y: {"p": u * (p - y)},
    )  # fmt: skip
    assert "half the squared error of p and y" in verdict.findings[0].message


def test_labels_stay_labels():
    rng = np.random.default_rng(0)
    z, labels = rng.normal(size=(8, 4)), rng.integers(0, 4, 8)

    def loss(z, labels):
        return -np.mean(np.log(softmax(z)[np.arange(8), labels]))

    def vjp(u, z, labels):
        return {"z": u * (softmax(z) - np.eye(4)[(labels + 1) % 4]) / 8}

    verdict = gradcheck.check(loss, {"z": z, "labels": labels}, wrt=("z",), vjp=vjp, seed=0)
    assert "one_hot(labels) - one_hot(labels" in verdict.findings[0].message


def test_many_wrong_entries_of_a_large_primal_are_all_found():
    x = np.random.default_rng(0).normal(size=(80, 90))

    def vjp(u, x):
        g = u * np.cos(x)
        g[17] *= 2
        g[:, 5] *= 2
        return {"x": np.where(np.arange(80)[:, None] == 17, g, u * np.cos(x))}

    verdict = gradcheck.check(lambda x: np.sin(x), {"x": x}, vjp=vjp, seed=0)
    (finding,) = verdict.findings
    assert set(finding.indices) == {(17, j) for j in range(90)} and finding.where == "row 17"
