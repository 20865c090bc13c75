"""The verdict: data that goes to JSON and back, and text that fits a screen."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gradcheck
from gradcheck.verdict import Comparison, Finding, Root, Verdict, render, status_of

reals = st.floats(allow_nan=False)
text = st.text(max_size=30) | st.text(alphabet="ab ", min_size=80, max_size=900)
findings = st.builds(
    Finding,
    kind=text,
    message=text,
    primal=st.none() | text,
    indices=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=3).map(tuple),
    claimed=st.none() | reals,
    true=st.none() | reals,
    ratio=st.none() | reals,
    severity=st.sampled_from(["error", "warning"]),
)
roots = st.builds(
    Root,
    path=text,
    thing=text,
    kind=st.sampled_from(["part", "join"]),
    message=text,
    findings=st.lists(findings, max_size=2).map(tuple),
    explains=st.lists(text, max_size=2).map(tuple),
    snippet=text,
)
statuses = st.sampled_from(["pass", "fail", "inconclusive"])
comparisons = st.builds(
    Comparison,
    primal=text,
    oracle=text,
    status=statuses,
    claimed=reals,
    true=reals,
    bar=reals,
    resolution=st.none() | reals,
    evaluations=st.integers(0, 99),
    reason=text,
)
verdicts = st.builds(
    Verdict,
    subject=text,
    status=statuses,
    findings=st.lists(findings, max_size=9).map(tuple),
    comparisons=st.lists(comparisons, max_size=4).map(tuple),
    resolution=st.none() | reals,
    evaluations=st.integers(0, 99),
    pullbacks=st.integers(0, 99),
    seed=st.integers(0, 2**32),
    notes=st.lists(text, max_size=9).map(tuple),
    roots=st.lists(roots, max_size=3).map(tuple),
)


@given(verdicts)
def test_json_and_back(verdict):
    assert Verdict.from_json(verdict.to_json()) == verdict


@given(verdicts)
def test_the_text_fits_a_screen(verdict):
    lines = list(render(verdict, width=100))
    assert len(lines) <= 24 and lines[-1] == f"  seed {verdict.seed}"


@given(st.lists(findings), st.lists(comparisons))
def test_the_status_is_the_worst_of_its_parts(found, compared):
    status = status_of(found, compared)
    assert (status == "fail") == any(f.severity == "error" for f in found)
    if status == "pass":
        assert all(c.status != "inconclusive" for c in compared)


@pytest.mark.parametrize("factor", [2.0, -1.0])
def test_a_failure_reads_like_this(factor):
    verdict = gradcheck.check(
        lambda w: np.sum(w**2),
        np.array([[1.0, 2.0], [3.0, -4.0]]),
        vjp=lambda u, w: factor * 2 * u * w,
        seed=7,
    )
    claimed = number = -8 * factor
    head, first, *rest, seed = str(verdict).splitlines()
    assert head.startswith("FAIL: <lambda> — wrong: w; ")
    assert first.startswith(f"  ✗ w[1, 1]: claimed {number:g}, true -8 ± ")
    assert f"ratio {factor:g}" in " ".join([first, *rest]) and seed == "  seed 7"
    assert verdict.findings[0].claimed == claimed
    assert max(map(len, str(verdict).splitlines()[1:])) <= 80


def test_one_is_one():
    verdict = Verdict(
        subject="f", status="pass", findings=(), comparisons=(), resolution=None, evaluations=1,
        pullbacks=1, seed=0,
    )  # fmt: skip
    assert "1 evaluation, 1 pullback" in str(verdict) and "pullbacks" not in str(verdict)


def test_what_is_not_shown_is_counted_by_kind():
    finding = Finding(kind="value", message="wrong " * 60, primal="W")
    many = (*(replace(finding, primal=f"W{i}") for i in range(3)), replace(finding, kind="stale"))
    verdict = Verdict(
        subject="f", status="fail", findings=many * 4, comparisons=(), resolution=None,
        evaluations=9, pullbacks=9, seed=0,
    )  # fmt: skip
    text = " ".join(str(verdict).split())
    assert "more: " in text and "value (W" in text and "stale (W" in text
    assert len(str(verdict).splitlines()) <= 25


def test_a_failure_along_one_direction_is_not_called_undecided():
    x, w = np.random.default_rng(0).normal(size=(2, 200, 200))
    verdict = gradcheck.check(
        lambda x, w: x @ w, {"x": x, "w": w}, vjp=lambda u, x, w: {"x": u @ w.T, "w": x.T @ u / 2},
        seed=0, budget=16,
    )  # fmt: skip
    head = str(verdict).split("; ")[0]
    assert head == "FAIL: <lambda> — wrong: x, w, seen together"


KINKED = {
    "rectifier": (lambda x: np.maximum(x, 0), lambda x: x > 0, (0, 1)),
    "absolute": (np.abs, np.sign, (-1, 1)),
}


@pytest.mark.parametrize("name", KINKED)
def test_on_a_kink_the_text_says_what_is_right_there(name):
    f, slope, (low, high) = KINKED[name]
    x = np.array([-1.0, 0.0, 2.0])

    def vjp(u, x):
        return u * np.where(x == 0, 3, slope(x))

    verdict = gradcheck.check(lambda x: np.sum(f(x)), x, vjp=vjp, seed=0)
    (finding,) = verdict.findings
    assert finding.indices == ((1,),) and finding.ratio is None
    assert finding.diagnosis == "outside the subgradient"
    assert finding.claimed is not None
    told = re.search(r"anything from (\S+) to (\S+) is right", finding.message)
    assert told is not None
    ends = sorted(finding.claimed / 3 * np.array([low, high]))
    assert [float(end) for end in told.groups()] == pytest.approx(ends, rel=2e-3)


def test_what_is_off_a_kink_comes_first():
    x = np.array([-1.0, 0.0, 2.0])
    verdict = gradcheck.check(
        lambda x: np.sum(np.maximum(x, 0)), x,
        vjp=lambda u, x: u * np.where(x == 0, 50.0, 1.5 * (x > 0)), seed=0,
    )  # fmt: skip
    (finding,) = verdict.findings
    assert finding.indices == ((2,), (1,))
