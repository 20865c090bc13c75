"""A corpus with a mislabelled case is worthless: each right one is right, each wrong one wrong."""

import collections

import numpy as np
import pytest

from benchmarks.power import truth
from benchmarks.power.cases import CASES, FAMILIES
from benchmarks.power.contract import broken
from benchmarks.power.corpus import Case, cotangent

NUMPY = [case for case in CASES if case.framework == "numpy"]
RIGHTS = [case for case in NUMPY if case.correct]
BY_NAME = {case.name: case for case in CASES}
VALUE_BUGS = [case for case in NUMPY if not case.correct and case.kind == "value"]
HALF = {"float16", "bfloat16"}
ENTRIES = 150

MOVED = 24
"""The most entries of an input that are looked at one by one."""

AROUND = 96
"""How many points around a kink are asked for their gradient."""


def of(cases):
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


def cotangent_of(case: Case, inputs):
    """Returns a cotangent of the case's own output."""
    return cotangent(case.forward(**inputs), np.random.default_rng(3))


def claims(case: Case, inputs, g):
    case.reset()
    return case.backward(g, **inputs)


def directions(x, rng: np.random.Generator, large: bool):
    """Yields unit tangents of single entries, then a dense one at the scale of each entry."""
    x = np.asarray(x)
    parts = (1.0, 1j) if np.iscomplexobj(x) else (1.0,)
    if not large:
        chosen = rng.permutation(x.size)[:MOVED]
        for part in parts:
            for i in chosen:
                tangent = np.zeros(x.shape, np.result_type(x, type(part)))
                tangent.flat[i] = part
                yield tangent
    for part in parts:
        yield part * rng.normal(size=x.shape) * truth.scales(x)


def differs(case: Case, inputs, g, gradients, large: bool):
    """Yields the directions in which the claim is not the witness's slope."""
    rng = np.random.default_rng(5)
    tolerance = 1e-2 if "rounded" in case.tags else 2e-5
    value = sum(np.sum(np.abs(a * b)) for a, b in paired(g, case.reference(**inputs)))
    for name in case.diff:
        if not np.size(inputs[name]):
            continue
        claimed = np.asarray(gradients[name])
        for tangent in directions(inputs[name], rng, large):
            true, error = truth.slope(case, inputs, g, name, tangent)
            said = truth.inner(claimed, tangent)
            natural = value * np.max(np.abs(tangent) / truth.scales(inputs[name]))
            scale = max(abs(true), 1e-4 * np.sum(np.abs(claimed * tangent)), 1e-9 * natural, 1e-30)
            if not (error <= 1e-3 * scale and abs(said - true) <= tolerance * scale + error):
                yield name, said, true, error, scale


def paired(g, y):
    return zip(g, y, strict=True) if isinstance(y, tuple) else ((g, y),)


@of(RIGHTS)
def test_right_gradients_are_those_of_the_reference(case):
    inputs = truth.widened(case.inputs(11))
    if "kink" in case.tags:
        inputs = truth.nudged(inputs, case.diff, np.random.default_rng(2), 0.01)
    g = cotangent_of(case, inputs)
    assert not list(differs(case, inputs, g, claims(case, inputs, g), "large" in case.tags))


@of([case for case in RIGHTS if case.dtype not in HALF])
def test_right_gradients_keep_shape_and_precision(case):
    for dtype in {
        case.dtype,
        *(["float32"] if case.dtype == "float64" and "float64" not in case.tags else []),
    }:
        inputs = case.inputs(12, dtype)
        g = cotangent_of(case, inputs)
        gradients = claims(case, inputs, g)
        assert set(gradients) == set(case.diff)
        for name in case.diff:
            assert np.shape(gradients[name]) == np.shape(inputs[name])
            assert np.asarray(gradients[name]).dtype == inputs[name].dtype
            assert np.all(np.isfinite(gradients[name]))


def flat(gradients, names, chosen):
    return np.concatenate([np.ravel(gradients[name]) for name in names])[chosen]


def outside(case: Case, seed: int) -> float:
    """Returns by how much a claim at a kink leaves the range of the right gradients around it.

    The gradients of the points around span Clarke's subdifferential (a sample of it); along each
    entry, and along sums and differences of two, the claim must lie between their extremes.
    """
    right = BY_NAME[case.twin]
    inputs = truth.widened(case.inputs(seed))
    g = cotangent_of(case, inputs)
    rng = np.random.default_rng(7)
    chosen = rng.permutation(sum(np.size(inputs[name]) for name in case.diff))[:ENTRIES]
    claimed = flat(claims(case, inputs, g), case.diff, chosen)
    points = [truth.nudged(inputs, case.diff, rng, 1e-7) for _ in range(AROUND)]
    around = np.array([flat(claims(right, point, g), case.diff, chosen) for point in points])
    return max(
        beyond(claimed, around),
        beyond(claimed[:, None] + claimed, around[:, :, None] + around[:, None]),
        beyond(claimed[:, None] - claimed, around[:, :, None] - around[:, None]),
    )


def beyond(claimed, around) -> float:
    low, high = around.min(0), around.max(0)
    room = 0.02 * (high - low) + 1e-5 * (np.abs(low) + np.abs(high)) + 1e-6 * np.abs(around).max()
    excess = np.maximum(claimed - high, low - claimed) / room
    return float(np.max(np.where(np.isnan(excess), np.inf, excess)))


@of([case for case in RIGHTS if "kink" in case.tags and "large" not in case.tags])
def test_right_gradients_at_kinks_are_between_those_around(case):
    assert outside(case, 11) <= 1


@of(VALUE_BUGS)
def test_wrong_values_deviate(case):
    assert case.wrong
    assert case.worst_entry > 1e-4


@of([case for case in VALUE_BUGS if "kink" in case.tags and "large" not in case.tags])
def test_wrong_values_at_kinks_are_no_subgradients(case):
    assert outside(case, 11) > 2


def test_the_corpus_is_large_enough():
    count = collections.Counter((case.correct, case.kind) for case in CASES)
    assert sum(n for (correct, _), n in count.items() if not correct) >= 250
    assert sum(n for (correct, _), n in count.items() if correct) >= 120
    assert len({case.family for case in CASES}) >= 50
    assert len(BY_NAME) == len(CASES)


def test_twins_are_right_and_draw_the_same_inputs():
    for case in CASES:
        twin = BY_NAME[case.twin]
        assert twin.correct and twin.dtype == case.dtype
        if case.framework == "numpy":
            assert twin.make_inputs is case.make_inputs


def test_families_are_named_once():
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


CONTRACT_BUGS = [case for case in NUMPY if not case.correct and case.kind == "contract"]


@of(CONTRACT_BUGS)
def test_contract_bugs_break_a_rule(case):
    assert broken(case)


@of([case for case in RIGHTS if case.dtype not in HALF])
def test_right_cases_keep_the_whole_contract(case):
    assert not broken(case)
