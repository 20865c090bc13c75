"""The naming benchmark grades what it says it grades, and its second table is of no kind."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.power.cases import CASES
from benchmarks.power.elsewhere import Elsewhere, pair
from benchmarks.power.kinds import NAMES
from benchmarks.power.naming import Named, Naming, bugs, naming
from benchmarks.power.naming_table import calibration, grade, naming_page, outside_table, rates
from benchmarks.power.outside import MAPS, OUTSIDE
from gradcheck import explanations
from gradcheck.diagnosis import ROWS, UNKNOWN
from gradcheck.diagnosis.engine import THROUGH_OUTPUTS
from gradcheck.steps.mistakes import KNOWN
from gradcheck.steps.outputs import OF_OUTPUTS

BY_NAME = {case.name: case for case in CASES}
FINDINGS = {"straight_through", "nonlinear", "zero_cotangent", "not_finite"}


def test_every_kind_that_is_expected_is_one_that_can_be_said():
    known = {row.name for row in (*ROWS, *THROUGH_OUTPUTS)} | FINDINGS | {explanations.OUTSIDE}
    known |= {row.kind for row in KNOWN} | {*OF_OUTPUTS}
    assert set().union(*NAMES.values()) <= known
    assert set(NAMES) <= {case.diagnosis for case in bugs(CASES)}


@pytest.mark.parametrize("name", ["linear/half", "linear/weight_transposed", "sigmoid/plus"])
def test_a_bug_that_is_named_is_graded_right(name):
    told = naming(BY_NAME[name], "float64")
    assert told.found and told.primals_right
    assert {a.place for a in told.named} == {"exact"}
    assert grade(told) in ("right", "acceptable")


def test_a_kind_that_is_wrong_is_graded_wrong(monkeypatch):
    diagnosed = explanations.diagnosed
    monkeypatch.setattr(
        explanations, "diagnosed", lambda e: replace(diagnosed(e), kind="absolute", confidence=0.97)
    )
    (named,) = naming(BY_NAME["linear/half"], "float64").named
    assert (named.grade, named.is_confident) == ("wrong", True)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("linear/half", "known factor"),
        ("silu/sign", "term"),
        ("batch_norm/variance_term", "path left out"),
    ],
)
def test_what_is_told_is_so_at_another_point(name, kind):
    (told,) = (a for a in naming(BY_NAME[name], "float64").named if a.kind == kind)
    assert told.holds and told.grade in ("right", "acceptable")


def test_what_is_so_at_one_point_alone_is_wrong():
    told = "the claim is 7.83 times the true gradient in every entry"
    case = Elsewhere(BY_NAME["log_determinant/determinant"], "float64", 0, "float64")
    assert case.holds("A", "constant factor", told, expected=False) is False


def test_another_step_is_not_taken_for_the_one_that_was_told():
    case = BY_NAME["batch_norm/variance_term"]
    told = next(a for a in naming(case, "float64").named if a.primal == "x")
    assert told.grade == "right" and told.holds
    others = told.words.replace("is left out", "is -1 times what it should be")
    assert not Elsewhere(case, "float64", 0, "float64").holds(
        "x", told.kind, others, expected=False
    )


def test_rates_and_calibration_count():
    a = Named("c", "sign", "x", True, "exact", "sign", 0.99, "right")
    b = replace(a, place="off", kind="absolute", confidence=0.95, grade="wrong")
    told = [Naming("c", True, True, (a,)), Naming("d", True, False, (a, b))]
    counted = rates(told)
    assert counted["right primals"] == (1, 2) and counted["exact indices"] == (2, 3)
    assert counted["right or acceptable"] == (1, 2) and counted["confident and wrong"] == (1, 2)
    assert "2/2 (100.0 %)" in calibration([a, b, a]) and "0/1 (0.0 %)" in calibration([a, b, a])
    page = naming_page({"float64": told}, [Naming("o", True, True, (replace(a, kind=UNKNOWN),))], 0)
    assert "not by hand" in page and "Unknown" in page


def test_the_bugs_of_no_kind_are_linear_and_wrong():
    assert len(OUTSIDE) >= 100 and len(MAPS) >= 10
    for case in OUTSIDE[::7]:
        inputs = case.inputs(3)
        g = np.asarray(case.value(inputs)) * 0 + np.random.default_rng(1).normal()
        name = case.diff[0]
        one, two = pair(case, inputs, name, g), pair(case, inputs, name, 3 * g)
        assert one is not None and two is not None
        np.testing.assert_allclose(3 * one[0], two[0], rtol=1e-9, atol=1e-12)
        assert not np.allclose(*one)


def test_what_has_no_kind_is_not_named_with_confidence():
    told = [naming(case, "float64") for case in OUTSIDE[::9]]
    assert not any(a.is_confident for n in told for a in n.named)
    assert "| called wrong" in outside_table(told)
