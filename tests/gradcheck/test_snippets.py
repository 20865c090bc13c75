"""The lines that a finding offers run as they stand, and print the finding."""

import contextlib
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import zoo
from planted.networks import FAULTS, FORMS

import gradcheck

HERE = Path(__file__).parent.parent


def scaled(x, w):
    return np.tanh(x * w)


def scaled_vjp(u, x, w):
    slope = u * (1 - np.tanh(x * w) ** 2)
    return slope * w, (slope * x).mean(axis=0)


def drawn(rng):
    return rng.normal(size=(3, 2)), rng.normal(size=2)


class Doubling(zoo.Tanh):
    def backward(self, grad):
        return 2 * super().backward(grad)


LAYER = Doubling()
X, W = np.random.default_rng(0).normal(size=(3, 2)), np.array([0.5, -1.25])
LARGE = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)

NAMED = {
    "positional": lambda: gradcheck.check(scaled, X, W, vjp=scaled_vjp),
    "by name": lambda: gradcheck.check(scaled, {"x": X, "w": W}, vjp=scaled_vjp),
    "wrt": lambda: gradcheck.check(scaled, X, W, vjp=lambda_w, wrt="w"),
    "drawn": lambda: gradcheck.check(scaled, drawn, vjp=scaled_vjp, points=2),
    "float32": lambda: gradcheck.check(scaled, X.astype("f"), W.astype("f"), vjp=scaled_vjp),
    "an object of a module": lambda: gradcheck.check(LAYER, X),
    "a chain": lambda: gradcheck.check([(scaled_by_two, wrong_by_two), LAYER], X),
}


def lambda_w(u, x, w):
    return scaled_vjp(u, x, w)[1]


def scaled_by_two(x):
    return 2 * x


def wrong_by_two(u, x):
    return 2 * u


def printed(code):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "snippet", "exec"), {})
    return out.getvalue().strip()


@pytest.mark.parametrize("make", NAMED.values(), ids=NAMED)
def test_what_can_be_named_runs_as_it_stands(make):
    verdict = make()
    assert verdict.status == "fail"
    for finding in verdict.findings:
        assert (finding.claimed is None) == (not finding.snippet)
        if finding.snippet:
            assert printed(finding.snippet) == finding.message
            assert len(finding.snippet.splitlines()) <= 16 and str(verdict.seed) in finding.snippet
    for root in verdict.roots:
        assert printed(root.snippet) == root.message


def test_it_runs_in_another_process():
    (finding,) = NAMED["positional"]().findings
    code = finding.snippet.replace(__name__, "test_snippets")
    path = f"import sys; sys.path[:0] = {[str(HERE), str(HERE / 'gradcheck'), str(HERE.parent)]}\n"
    done = subprocess.run(
        [sys.executable, "-c", path + code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == finding.message


def test_a_large_array_is_drawn_in_its_range():
    verdict = gradcheck.check(scaled, LARGE, W, vjp=scaled_vjp)
    (finding,) = [f for f in verdict.findings if f.primal == "w"]
    assert "stands for yours" in finding.snippet and len(finding.snippet.splitlines()) <= 8
    assert printed(finding.snippet).startswith("FAIL: scaled — wrong: w")


def test_what_cannot_be_named_is_a_placeholder():
    verdict = gradcheck.check(lambda x: x**2, X, vjp=lambda u, x: u * x, seed=1)
    assert "subject = ...  # your function <lambda>" in verdict.findings[0].snippet
    network, args = FORMS["in a row"].build(2, {0: FAULTS["bias zero"]})
    verdict = gradcheck.check(network, *args, seed=1)
    code = verdict.roots[0].snippet
    assert "subject = ...  # your Row" in code
    compile(code, "snippet", "exec")


def test_torch_tensors_are_written_out():
    torch = pytest.importorskip("torch")
    x = torch.tensor([[0.5, -1.25]], dtype=torch.bfloat16)
    verdict = gradcheck.check(scaled_by_two, x, vjp=scaled_vjp_of_two, seed=1)
    code = verdict.findings[0].snippet
    assert "x = torch.tensor([[0.5, -1.25]], dtype=torch.bfloat16)" in code
    assert printed(code) == verdict.findings[0].message


def scaled_vjp_of_two(u, x):
    return -u


def test_scalars_and_what_is_not_finite_are_written_out():
    def masked(x, mask, power):
        return np.where(np.isfinite(mask), x, 0.0) ** int(power)

    mask = np.array([0.0, np.nan, -np.inf])
    verdict = gradcheck.check(
        masked, np.ones(3), mask, np.float32(2), vjp=lambda u, *p: u, wrt="x", seed=1
    )
    code = verdict.findings[0].snippet
    assert "from numpy import inf, nan" in code and "mask = np.array([0.0, nan, -inf]" in code
    assert printed(code.replace("= ...", "= None").partition("verdict")[0]) == ""
