import sys

import numpy as np
import pytest

from reference_models.activations import ACTIVATIONS
from reference_models.losses import LOSSES
from reports import comparison
from reports.build import build
from reports.comparison import COMPARED, Compared, missing_oracles, rows_of
from reports.models import DOMAINS, LAYERS
from reports.torch_twins import TWINS, with_loss

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def wrong_square(x):
    return x**2, lambda y_bar: y_bar * x


def signal(rng, dtype):
    return (rng.standard_normal(3).astype(dtype),)


def test_every_implementation_passes(report):
    assert {row.status for row in report.implementations} == {"pass"}


@pytest.mark.parametrize("name", [*ACTIVATIONS, *LOSSES, "Dense", "MLP 4-5-2"])
def test_every_model_is_compared_in_both_types(report, name):
    subjects = {row.subject for row in report.implementations if row.subject.startswith(name)}
    assert {subject.rsplit(", ")[-1] for subject in subjects} == {"float64", "float32"}


def test_every_model_has_a_twin():
    assert not [model.name for model in COMPARED if model.twin is None]
    assert set(TWINS) == {*ACTIVATIONS, *LOSSES, *LAYERS, "MLP"}


def test_a_domain_is_that_of_a_loss():
    assert set(DOMAINS) <= set(LOSSES)


def test_a_missing_twin_is_told(report):
    alone = Compared(name="square, float64", rule=wrong_square, draw=signal)
    notes = build(claims=(), compared=(COMPARED[0], alone)).notes
    assert any(note.endswith("not compared with PyTorch: square.") for note in notes)
    assert not missing_twins(report.notes)


def missing_twins(notes):
    return [note for note in notes if "torch_twins" in note]


def test_a_network_with_a_loss_that_has_no_twin_has_none():
    assert with_loss("MLP", "no such loss") is None


def test_pytorch_is_a_second_oracle(report):
    pytest.importorskip("torch")
    asked = {row.subject for row in report.implementations if "PyTorch" in row.oracle}
    assert asked == {row.subject for row in report.implementations}


def test_without_pytorch_finite_differences_remain(monkeypatch):
    monkeypatch.setattr(comparison.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "torch", None)
    (row,) = rows_of(COMPARED[0], seed=0)
    assert row.oracle.startswith("finite differences")
    assert "PyTorch is not installed" in next(missing_oracles(COMPARED))


def test_every_row_has_a_resolution(report):
    limits = {"float64": 1e-7, "float32": 1e-3}
    for row in report.implementations:
        assert row.resolution < limits[row.subject.rsplit(", ")[-1]]
        assert row.evaluations > 0


def test_wrong_rule_fails_and_says_why():
    (row,) = rows_of(Compared(name="square", rule=wrong_square, draw=signal), seed=1)
    assert row.status == "fail"
    assert "ratio 0.5" in row.reason


def test_wrong_shape_has_a_row_without_numbers():
    model = Compared(
        name="sum", rule=lambda x: (x.sum(), lambda y_bar: np.ones((2, 2))), draw=signal
    )
    (row,) = rows_of(model, seed=1)
    assert (row.status, row.oracle) == ("fail", "contract")
    assert "shape" in row.reason
