"""A mistake in the derivative of one step is named, with the step as it stands in the code."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

import gradcheck
from gradcheck.diagnosis import VAGUE
from gradcheck.replay import Recorded, record
from gradcheck.steps.mistakes import SHIFTED, SLICES
from gradcheck.steps.observed import Changed, Collected, Compared
from gradcheck.steps.paths import paths
from gradcheck.steps.sites import sites
from gradcheck.steps.table import ROWS

Arrays = Mapping[str, Any]


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def attention(q, k, v):
    p = softmax(q @ k.T)
    return p @ v


def attention_by(row="", vT=False):
    def pullback(u, q, k, v):
        p = softmax(q @ k.T)
        g = u @ v.T
        s = {"sum": p * g, "own": p * (g - p * g)}.get(
            row, p * (g - (p * g).sum(-1, keepdims=True))
        )
        return {"q": s @ k, "k": s.T @ q, "v": (p if vT else p.T) @ u}

    return pullback


def gated(x, V, W):
    h = x @ W
    return np.tanh(x @ V) * h


def gated_by(branch=True, slope=True, sign=1.0):
    def pullback(u, x, V, W):
        t, h = np.tanh(x @ V), x @ W
        a = u * h * (1 - t * t if slope else 1.0)
        b = sign * u * t
        return {"x": a @ V.T + branch * b @ W.T, "V": x.T @ a, "W": x.T @ b}

    return pullback


def recurrent(x, W, V):
    h = np.zeros((x.shape[1], W.shape[0]))
    for x_t in x:
        h = np.tanh(x_t @ V + h @ W)
    return h


def recurrent_by(through=1.0, before=False):
    def pullback(u, x, W, V):
        hs = [np.zeros((x.shape[1], W.shape[0]))]
        for x_t in x:
            hs.append(np.tanh(x_t @ V + hs[-1] @ W))
        g, dx, dW, dV = u, np.zeros_like(x), np.zeros_like(W), np.zeros_like(V)
        for t in reversed(range(len(x))):
            a = g * (1 - hs[t + 1] ** 2)
            dW += hs[t + 1 if before else t].T @ a
            dV += x[t].T @ a
            dx[t], g = a @ V.T, through * a @ W.T
        return {"x": dx, "W": dW, "V": dV}

    return pullback


def convolved(x, w):
    y = np.zeros((x.shape[0], x.shape[1] - w.shape[0] + 1))
    for i in range(w.shape[0]):
        y = y + x[:, i : i + y.shape[1]] * w[i]
    return y


def convolved_by(flip=False):
    def pullback(u, x, w):
        n, m = w.shape[0], u.shape[1]
        dx = np.zeros_like(x)
        for i in range(n):
            dx[:, i : i + m] += u * w[n - 1 - i if flip else i]
        return {"x": dx, "w": np.array([(u * x[:, i : i + m]).sum() for i in range(n)])}

    return pullback


def gates(x, W):
    z = x @ W
    n = z.shape[1] // 2
    return np.tanh(z[:, :n]) * np.exp(z[:, n:])


def gates_swapped(u, x, W):
    z = x @ W
    n = z.shape[1] // 2
    t, e = np.tanh(z[:, :n]), np.exp(z[:, n:])
    dz = np.concatenate([u * t * e, u * e * (1 - t * t)], 1)
    return {"x": dz @ W.T, "W": x.T @ dz}


def two(x):
    return np.sin(x), np.cumsum(x * x)


def first_only(u, x):
    return {"x": u[0] * np.cos(x)}


def exchanged(u, x):
    return {"x": u[1] * np.cos(x) + 2 * x * np.cumsum(u[0][::-1])[::-1]}


@dataclass(frozen=True)
class Bug:
    """A pullback with one mistake: its kind, and the step in whose derivative it is."""

    name: str
    kind: str
    step: str
    f: Callable[..., Any]
    wrong: Callable[..., Arrays]
    draw: Mapping[str, tuple[int, ...]]


QKV = {"q": (5, 4), "k": (5, 4), "v": (5, 3)}
GATED = {"x": (5, 4), "V": (4, 3), "W": (4, 3)}
STEPS = {"x": (4, 3, 2), "W": (5, 5), "V": (2, 5)}

BUGS = (
    Bug("row sum of a softmax", "path left out", "e.sum(-1, keepdims=True)",
        attention, attention_by(row="sum"), QKV),
    Bug("softmax entry by entry", "not summed", "e.sum(-1, keepdims=True)",
        attention, attention_by(row="own"), QKV),
    Bug("transpose", "operand replaced", "p @ v", attention, attention_by(vT=True), QKV),
    Bug("branch", "path left out", "x @ W", gated, gated_by(branch=False), {**GATED, "W": (4, 3)}),
    Bug("slope", "slope left out", "np.tanh(x @ V)", gated, gated_by(slope=False), GATED),
    Bug("path through time", "path left out", "h @ W", recurrent, recurrent_by(through=0), STEPS),
    Bug("sign through time", "sign of a path", "h @ W", recurrent, recurrent_by(through=-1), STEPS),
    Bug("later state", "operand replaced", "h @ W", recurrent, recurrent_by(before=True), STEPS),
    Bug("kernel flipped", "operand replaced", "w[i]", convolved, convolved_by(flip=True),
        {"x": (3, 9), "w": (3,)}),
    Bug("gates", "slices exchanged", "z[:, :n]", gates, gates_swapped, {"x": (5, 4), "W": (4, 6)}),
    Bug("output", "output ignored", "y[1]", two, first_only, {"x": (6,)}),
    Bug("outputs", "outputs exchanged", "y[0]", two, exchanged, {"x": (6,)}),
)  # fmt: skip


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
@pytest.mark.parametrize("seed", range(2))
def test_the_step_is_named(bug, seed):
    rng = np.random.default_rng(seed)
    point = {name: rng.normal(size=shape) for name, shape in bug.draw.items()}
    verdict = gradcheck.check(bug.f, point, vjp=bug.wrong, seed=seed)
    told = {(f.diagnosis, bug.step in f.message) for f in verdict.findings if f.kind == "value"}
    assert (bug.kind, True) in told, [f.message for f in verdict.findings]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_what_no_step_explains_is_not_laid_to_one(bug):
    rng = np.random.default_rng(0)
    point = {name: rng.normal(size=shape) for name, shape in bug.draw.items()}
    given = {name: rng.normal(size=shape) for name, shape in bug.draw.items()}
    verdict = gradcheck.check(bug.f, point, vjp=lambda u, **_: given, seed=0)
    assert not {f.diagnosis for f in verdict.findings} & KINDS
    assert verdict.evaluations < MOST_EVALUATIONS


KINDS = {bug.kind for bug in BUGS} | {"paths left out", "factors on paths", "slope replaced"}
MOST_EVALUATIONS = 2**13

WATCHED = {bug.f: bug.draw for bug in BUGS}


def collected(f, point) -> tuple[Recorded, Collected]:
    recorded = record(lambda p: {"y": f(**p)}, point)
    assert isinstance(recorded, Recorded)
    found = Collected()
    recorded.watched(point, found)
    return recorded, found


@pytest.mark.parametrize("f", WATCHED, ids=lambda f: f.__name__)
def test_a_changed_step_keeps_its_value_at_the_point(f):
    rng = np.random.default_rng(0)
    point = {name: rng.normal(size=shape) for name, shape in WATCHED[f].items()}
    recorded, found = collected(f, point)
    near = {name: x + 1e-6 * rng.normal(size=x.shape) for name, x in point.items()}
    compared = Compared(found.steps)
    recorded.watched(near, compared)
    code = sites(found.steps, compared.moved)
    assert any(site.live for site in code)
    tried = [h for site in code if site.live for row in (paths, *ROWS) for h in row(site, code)]
    assert len(tried) > len(code)
    for h in tried:
        try:
            y = recorded.watched(point, Changed(found.steps, h.rest or h.changes))["y"]
        except (IndexError, ValueError):  # a slice that is none of the array
            assert h.row is SHIFTED or h.row is SLICES
            continue
        for own, right in zip(np.atleast_1d(y), np.atleast_1d(f(**point)), strict=True):
            np.testing.assert_allclose(own, right, rtol=1e-12, atol=1e-12, err_msg=h.row.sentence)


@pytest.mark.parametrize("f", WATCHED, ids=lambda f: f.__name__)
def test_to_watch_changes_nothing(f):
    rng = np.random.default_rng(1)
    point = {name: rng.normal(size=shape) for name, shape in WATCHED[f].items()}
    recorded, found = collected(f, point)
    moved = {name: x + 0.1 for name, x in point.items()}
    again = recorded.watched(moved, Changed(found.steps, {}))["y"]
    np.testing.assert_array_equal(np.concatenate(np.atleast_1d(again), None),
                                  np.concatenate(np.atleast_1d(f(**moved)), None))  # fmt: skip


def test_the_steps_of_a_tensor_are_named():
    def f(x, w):
        return torch.nn.functional.conv2d(x, w)

    def flipped(u, x, w):
        w = w.detach().requires_grad_()
        (w_bar,) = torch.autograd.grad(f(x.detach(), w), w, u)
        return {"x": torch.nn.functional.conv_transpose2d(u, w.flip(-1, -2)).detach(), "w": w_bar}

    rng = torch.Generator().manual_seed(0)
    point = {
        "x": torch.randn(2, 2, 5, 5, dtype=torch.float64, generator=rng),
        "w": torch.randn(3, 2, 3, 3, dtype=torch.float64, generator=rng),
    }
    (finding,) = gradcheck.check(f, point, vjp=flipped).findings
    assert finding.primal == "x" and finding.diagnosis == "operand replaced"
    assert "reversed" in finding.message and finding.confidence and finding.confidence > VAGUE


def test_a_verdict_is_the_same_again():
    bug = BUGS[0]
    rng = np.random.default_rng(0)
    point = {name: rng.normal(size=shape) for name, shape in bug.draw.items()}
    first, second = (str(gradcheck.check(bug.f, point, vjp=bug.wrong, seed=3)) for _ in range(2))
    assert first == second


def test_of_a_few_numbers_no_step_is_sure():
    def f(a, b):
        return a * np.tanh(b) + np.exp(a)

    def wrong(u, a, b):
        return {"a": u * np.exp(a), "b": u * a / np.cosh(b) ** 2}

    (finding,) = gradcheck.check(f, {"a": np.array(0.7), "b": np.array(0.4)}, vjp=wrong).findings
    assert finding.primal == "a" and "np.tanh(b)" in finding.message
    assert finding.confidence and finding.confidence < VAGUE


def test_a_sum_for_a_mean_on_a_path_is_a_count():
    def f(x):
        return x / np.sqrt((x * x).mean(-1, keepdims=True))

    def wrong(u, x):
        r = np.sqrt((x * x).mean(-1, keepdims=True))
        return {"x": u / r - x * (u * x).sum(-1, keepdims=True) / r**3}

    x = np.random.default_rng(0).normal(size=(5, 7))
    (finding,) = gradcheck.check(f, {"x": x}, vjp=wrong).findings
    assert finding.diagnosis == "factor on a path" and "is 7 times" in finding.message


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("models/layers.py", "models/layers.py:2"),
        ("/elsewhere/layers.py", "layers.py:2"),
        ("/tmp/ipykernel_12/345.py", "<cell>:2"),
        ("<stdin>", "<stdin>:2"),
        ("<string>", "<string>:2"),
    ],
)
def test_a_step_has_the_file_and_the_line_where_it_stands(path, wanted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = "def f(x, V, W):\n    return np.tanh(x @ V) * (x @ W)\n"
    space = {"np": np}
    exec(compile(written, str(tmp_path / path) if path[0] == "m" else path, "exec"), space)
    rng = np.random.default_rng(0)
    point = {name: rng.normal(size=shape) for name, shape in GATED.items()}
    verdict = gradcheck.check(space["f"], point, vjp=gated_by(branch=False), seed=0)
    (finding,) = [f for f in verdict.findings if f.primal == "x"]
    assert finding.diagnosis == "path left out" and wanted in finding.message
    assert finding.parameters["places"] == [wanted]
    assert gradcheck.Verdict.from_json(verdict.to_json()) == verdict
