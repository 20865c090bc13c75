"""The mistake is named: in the table rightly, out of it not at all, and repairs repair."""

import time
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted.kinds import KINDS, UNTOLD, Planted, evidence

from gradcheck.diagnosis import ROWS, UNKNOWN, Diagnosis, Evidence, diagnosed
from gradcheck.diagnosis.patterns import described

NOISE = (1e-9, 1e-6, 1e-4, 1e-2)
SEEDS = range(3)


def diagnoses(planted: Planted, noise: float, seeds=SEEDS) -> list[tuple[Evidence, Diagnosis]]:
    drawn = [_diagnosis(planted, noise, seed) for seed in seeds]
    return [pair for pair in drawn if pair is not None]


@cache
def _diagnosis(planted: Planted, noise: float, seed: int) -> tuple[Evidence, Diagnosis] | None:
    e = evidence(planted, seed, noise)
    return None if e is None else (e, diagnosed(e))


def named(planted: Planted, diagnosis: Diagnosis) -> bool:
    """Rightly, or one of the kinds that explain the claim as well."""
    return bool({diagnosis.kind, *(k for k, _ in diagnosis.alternatives)} & set(planted.kinds))


def bare(claimed, true, bar=1e-9, **more) -> Evidence:
    claimed, true = np.asarray(claimed, dtype=float), np.asarray(true, dtype=float)
    seen = more.pop("seen", np.ones(claimed.shape, dtype=bool))
    return Evidence(
        primal="x", claimed=claimed, true=true, bar=np.full(claimed.shape, bar), seen=seen, **more
    )


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("planted", KINDS, ids=lambda p: p.name)
def test_a_mistake_of_the_table_is_never_called_another(planted, noise):
    for _, diagnosis in diagnoses(planted, noise):
        assert diagnosis.kind == UNKNOWN or named(planted, diagnosis), diagnosis.words


@pytest.mark.parametrize(
    ("noise", "share"), [(1e-9, 0.97), (1e-6, 0.97), (1e-4, 0.95), (1e-2, 0.9)]
)
def test_nearly_every_mistake_of_the_table_is_named(noise, share):
    told = [named(p, d) for p in KINDS for _, d in diagnoses(p, noise)]
    assert np.mean(told) >= share


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("planted", UNTOLD, ids=lambda p: p.name)
def test_a_mistake_of_no_row_is_not_named(planted, noise):
    for _, diagnosis in diagnoses(planted, noise, range(4)):
        assert diagnosis.kind == UNKNOWN and diagnosis.confidence == 0, diagnosis.words
        assert diagnosis.repair is None


@pytest.mark.parametrize("planted", KINDS, ids=lambda p: p.name)
def test_a_repair_gives_the_true_gradient(planted):
    for e, diagnosis in diagnoses(planted, 1e-6):
        if diagnosis.repair is not None and diagnosis.repair.apply is not None:
            repaired = diagnosis.repair.apply(e.claimed)
            assert repaired.shape == e.shape
            assert np.all(np.abs(repaired - e.true) <= 2 * e.bar), diagnosis.repair.text


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_row_has_a_planted_mistake_that_it_names(row):
    mistakes = [p for p in KINDS if row.name in p.kinds]
    assert any(d.kind == row.name for p in mistakes for _, d in diagnoses(p, 1e-6))


@given(st.integers(0, 2**32 - 1))
def test_a_right_gradient_has_no_diagnosis(seed):
    true = np.random.default_rng(seed).normal(size=(5, 4))
    diagnosis = diagnosed(bare(true, true))
    assert diagnosis.kind == UNKNOWN and not diagnosis.words


@given(st.integers(0, 2**32 - 1), st.sampled_from([-1.0, 2.0, 0.5]), st.integers(-30, 30))
def test_the_scale_of_the_gradient_does_not_matter(seed, factor, exponent):
    e = bare(factor * (t := np.random.default_rng(seed).normal(size=(6, 5))), t)
    scale = 2.0**exponent
    other = bare(scale * e.claimed, scale * e.true, scale * 1e-9)
    assert diagnosed(e).sentence == diagnosed(other).sentence


@pytest.mark.parametrize("shape", [(), (1,), (2,), (3, 1), (2, 3, 4, 2)])
def test_any_shape_is_diagnosed_and_repaired(shape):
    true = np.random.default_rng(0).normal(size=shape)
    diagnosis = diagnosed(bare(-true, true))
    assert diagnosis.kind == "sign"
    assert diagnosis.repair is not None and diagnosis.repair.apply is not None
    np.testing.assert_array_equal(diagnosis.repair.apply(-true), true)


def test_what_was_not_seen_is_not_used():
    rng = np.random.default_rng(0)
    true, seen = rng.normal(size=(30, 20)), rng.random((30, 20)) < 0.2
    unknown = np.where(seen, true, 1e3 * rng.normal(size=true.shape))
    assert diagnosed(bare(3 * true, unknown, seen=seen)).parameters["factor"] == 3


def test_a_factor_is_named_after_what_has_that_length():
    true = np.random.default_rng(0).normal(size=(4, 3))
    diagnosis = diagnosed(bare(true / 7, true, quantities={"a": np.ones((7, 4))}))
    assert diagnosis.words.endswith("7 is the length of axis 0 of a: a mean for a sum?")


@pytest.mark.parametrize("factor", [0.5, 4.0])
def test_noise_need_not_be_known_exactly(factor):
    drawn = [(p, evidence(p, 0, 1e-5)) for p in (*KINDS, *UNTOLD)]
    told = []
    for planted, e in drawn:
        assert e is not None
        diagnosis = diagnosed(replace(e, sigma=factor * e.noise))
        told.append(named(planted, diagnosis))
    assert np.mean(told) >= 0.97


def test_confidence_falls_where_two_rows_explain_the_claim():
    """Of a claim of two entries, exchanged, one cannot tell reversed from rolled."""
    diagnosis = diagnosed(bare([2.0, 1.0], [1.0, 2.0]))
    assert diagnosis.confidence < 0.9 and diagnosis.alternatives


def test_confidence_is_borne_out():
    """Of the named mistakes, at least as many are right as the confidence says."""
    told = [
        (d.confidence, named(p, d))
        for p in (*KINDS, *UNTOLD)
        for _, d in diagnoses(p, 1e-4)
        if d.kind != UNKNOWN
    ]
    confidence, right = np.array(told, dtype=float).T
    for low, high in pairwise((0.5, 0.9, 0.99, 1.01)):
        chosen = (confidence >= low) & (confidence < high)
        assert right[chosen].mean() >= confidence[chosen].mean() - 0.02


PLACES = {
    "the entry [2, 3]": np.s_[2, 3],
    "row 1": np.s_[1],
    "row 5, the last": np.s_[-1],
    "column 4": np.s_[:, 4],
    "rows 2 to 4": np.s_[2:5],
    "the block [1:3, 2:5]": np.s_[1:3, 2:5],
    "columns 0, 2, …": np.s_[:, ::2],
    "every entry": np.s_[:],
}


@pytest.mark.parametrize("words", PLACES)
def test_places_are_described_as_people_do(words):
    true = np.random.default_rng(0).normal(size=(6, 8))
    claimed = true.copy()
    claimed[PLACES[words]] += 1 + np.abs(true[PLACES[words]])
    assert described(bare(claimed, true)) == words


SETS = {
    "the border": lambda i, j, x: (i == 0) | (i == 5) | (j == 0) | (j == 7),
    "the diagonal": lambda i, j, x: i == j,
    "the upper triangle": lambda i, j, x: i < j,
    "every entry where x < 0": lambda i, j, x: x < 0,
    "every entry that is the largest x of its row": lambda i, j, x: x == x.max(1, keepdims=True),
}


@pytest.mark.parametrize("words", SETS)
def test_sets_are_described_as_people_do(words):
    true, x = np.random.default_rng(0).normal(size=(2, 6, 8))
    i, j = np.indices(x.shape)
    part = SETS[words](i, j, x)
    claimed = np.where(part, 1 + true + np.abs(true), true)
    assert described(bare(claimed, true, quantities={"x": x})) == words


def test_repeated_indices_and_ties_are_described():
    rng = np.random.default_rng(0)
    true, index = rng.normal(size=(6, 3)), np.array([0, 2, 2, 5, 5, 5])
    e = bare(true + np.isin(np.arange(6), [2, 5])[:, None] * (1 + np.abs(true)), true,
             quantities={"index": index})  # fmt: skip
    assert described(e) == "every entry whose index occurs more than once in index"
    x = np.array([3.0, 1.0, 3.0, 2.0, 1.0, 5.0, 7.0])
    e = bare(np.where(np.isin(x, [1, 3]), 2.0, 1.0), np.ones(7), quantities={"x": x})
    assert described(e) == "every entry where x is tied"


def test_a_large_array_takes_as_long_as_its_copies():
    rng = np.random.default_rng(0)
    true, x = rng.normal(size=(2, 1000, 1000))
    claimed = true.copy()
    claimed[417, 93] = 0
    start = time.perf_counter()
    diagnosis = diagnosed(bare(claimed, true, quantities={"x": x}))
    assert diagnosis.sentence == "the claim is zero in the entry [417, 93]"
    assert time.perf_counter() - start < 20


ODD = (
    lambda rng, shape: np.zeros(shape),
    lambda rng, shape: np.ones(shape),
    lambda rng, shape: rng.integers(-2, 3, shape).astype(float),
    lambda rng, shape: 1e-200 * rng.normal(size=shape),
    lambda rng, shape: 1e150 * rng.normal(size=shape),
    lambda rng, shape: rng.normal(size=shape),
)


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(), (1,), (5,), (3, 3), (4, 1), (2, 3, 4), (2, 2, 2, 2), (0,), (3, 0)]),
    st.sampled_from(ODD),
    st.sampled_from(ODD),
)
def test_odd_numbers_are_survived(seed, shape, claimed, true):
    rng = np.random.default_rng(seed)
    quantities = {
        "x": rng.normal(size=shape),
        "labels": rng.integers(-1, 3, shape[:1]),
        "mask": rng.random(shape) > 0.5,
        "z": rng.normal(size=(4, 3)) + 1j,
        "bad": np.full(shape, np.nan),
        "n": np.array(0),
        "u": np.array(1.5),
    }
    e = bare(claimed(rng, shape), true(rng, shape), quantities=quantities, cotangents=("u",))
    diagnosis = diagnosed(e)
    assert 0 <= diagnosis.confidence <= 1 and diagnosis.kind
