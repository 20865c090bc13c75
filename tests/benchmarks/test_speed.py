"""What the speed benchmark measures is right: its networks, its layers, its clock."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks import speed  # noqa: E402

WIDTHS = (6, 5, 4)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_network_written_by_hand_is_the_module(dtype):
    (_, ours), theirs = (make(WIDTHS, dtype).gradient() for make in speed.NETWORKS.values())
    for name, gradient in zip(ours, theirs, strict=True):
        tolerance = 32 * np.finfo(dtype).eps
        np.testing.assert_allclose(ours[name], gradient, rtol=tolerance, atol=tolerance)
        assert ours[name].dtype == dtype


@pytest.mark.parametrize("library", speed.NETWORKS)
def test_every_parameter_of_a_network_is_checked_and_passes(library):
    network = speed.NETWORKS[library](WIDTHS, "float64")
    verdict = network.check()
    assert verdict.status == "pass", str(verdict)
    assert set(network.parameters) <= {row.primal for row in verdict.comparisons}


@pytest.mark.parametrize(
    "case", [c for cases in speed.layers().values() for c in cases], ids=lambda c: c.name
)
def test_the_layers_are_right(case):
    assert speed.checked(case, case.inputs(0)).status == "pass"


def test_the_costs_of_calls_are_in_their_order():
    def work(n):
        return lambda: sum(range(n))

    short, long = speed.taking_turns([work(1_000), work(200_000)], repeats=5)
    assert 0 < 10 * short < long


def test_a_network_ten_times_as_large_has_ten_times_the_parameters():
    sizes = [
        sum(p.size for p in speed.drawn(widths, "float32")[0].values())
        for widths in speed.WIDTHS.values()
    ]
    assert [round(size, -len(str(size)) + 1) for size in sizes] == [1e4, 1e5, 1e6]


@pytest.mark.parametrize("library", speed.NETWORKS)
def test_a_narrow_network_is_judged_by_wide_evaluations(library):
    verdict = speed.NETWORKS[library](WIDTHS, "float32").check()
    assert verdict.status == "pass", str(verdict)
    assert any("float64" in note for note in verdict.notes)
