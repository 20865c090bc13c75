"""The runner counts what it says it counts; the bound is the one of the textbook."""

import math
import time
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.false_alarms import KINDS, bound, judged, problem
from benchmarks.power import runner
from benchmarks.power.cases import CASES
from benchmarks.power.checkers import CHECKERS, Checker
from benchmarks.power.runner import chosen, judge, kind_of, misses, rows, run
from benchmarks.power.table import page, table

LINEAR = [case for case in CASES if case.family == "linear" and "large" not in case.tags]


def checker(status: Any, monkeypatch, peer=True):
    def check(case, inputs, seed) -> Any:
        if isinstance(status, type):
            raise status("no")
        return (status(case) if callable(status) else status), ""

    row = Checker("planted", "planted", check, "numpy", peer)
    monkeypatch.setitem(runner.CHECKER, "planted", row)
    return row


def test_a_checker_that_knows_discriminates_everything(monkeypatch):
    knows = checker(lambda case: "pass" if case.correct else "fail", monkeypatch)
    outcomes = run([knows], LINEAR, "float64")
    assert not list(misses(outcomes))
    for row in rows(outcomes):
        wrong = 0 if row.kind == "right" else row.cases
        assert (row.found, row.discriminated, row.accused) == (wrong, wrong, 0)


def test_a_checker_that_always_fails_discriminates_nothing(monkeypatch):
    outcomes = run([checker("fail", monkeypatch)], LINEAR, "float64")
    for row in rows(outcomes):
        assert row.discriminated == 0
        assert row.accused == (row.cases if row.kind == "right" else 0)


@pytest.mark.parametrize("peer", [True, False])
def test_a_crash_is_a_verdict_of_a_peer_and_none_of_ours(peer, monkeypatch):
    crashes = checker(RuntimeError, monkeypatch, peer)
    bug = next(case for case in LINEAR if not case.correct)
    outcome = judge(crashes, bug, "float64", 0)
    assert outcome.rejected == peer
    assert judge(crashes, next(c for c in LINEAR if c.correct), "float64", 0).accusing


def test_what_takes_too_long_is_stopped(monkeypatch):
    monkeypatch.setattr(runner, "SECONDS", 0.05)

    def check(case, inputs, seed):
        time.sleep(5)
        raise AssertionError

    slow = Checker("slow", "slow", check, "numpy")
    outcome = judge(slow, LINEAR[0], "float64", 0)
    assert outcome.status == "inconclusive" and outcome.seconds < 1


def test_twins_are_run_on_the_same_inputs(monkeypatch):
    seen = {}

    def check(case, inputs, seed):
        seen[case.name] = (seed, {k: v.tobytes() for k, v in inputs.items()})
        return "pass", ""

    row = replace(checker("pass", monkeypatch), check=check)
    monkeypatch.setitem(runner.CHECKER, "planted", row)
    run([row], LINEAR, "float64")
    assert all(seen[case.name] == seen[case.twin] for case in LINEAR)


def test_precisions_are_apart():
    assert all("float64" not in case.tags for case in chosen("float32"))
    assert all(case.dtype in runner.HALF for case in chosen("half"))
    assert {kind_of(case) for case in chosen("float64")} == {"right", "value", "subtle", "contract"}


def test_the_table_has_a_line_for_each_checker(monkeypatch):
    outcomes = run([checker("pass", monkeypatch)], LINEAR, "float64")
    assert "| planted" in table(outcomes, "float64")
    assert "seed 7" in page(outcomes, ["float64"], 7)


@pytest.mark.parametrize(
    "row", [row for row in CHECKERS if row.installed], ids=lambda row: row.name
)
def test_each_checker_passes_a_right_layer_and_rejects_a_wrong_one(row):
    pytest.importorskip(row.needs)
    by_name = {case.name: case for case in CASES}
    if not row.name.endswith("loose"):
        assert judge(row, by_name["mlp/right"], "float64", 0).status == "pass"
    assert judge(row, by_name["mlp/slope_left_out"], "float64", 0).rejected


@pytest.mark.parametrize("n", [1, 10, 1000, 100_000])
def test_the_bound_of_none_is_exact(n):
    assert math.isclose(bound(0, n), 1 - 0.05 ** (1 / n), rel_tol=1e-9)


def test_the_bound_grows_with_what_was_seen():
    bounds = [bound(k, 50) for k in range(51)]
    assert bounds == sorted(bounds) and bounds[-1] == pytest.approx(1)


@pytest.mark.parametrize(("k", "n"), [(0, 7), (1, 30), (5, 50), (49, 60)])
def test_at_the_bound_so_few_are_a_chance_of_five_percent(k, n):
    p = bound(k, n)
    chance = sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))
    assert chance == pytest.approx(0.05, rel=1e-6)


def test_problems_repeat_and_cover_all_kinds():
    assert {problem(seed, "float32")[0].family.name for seed in range(400)} == {
        kind.family.name for kind in KINDS
    }
    assert judged((3, "float64"))[:3] == judged((3, "float64"))[:3]
