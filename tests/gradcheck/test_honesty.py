"""A label is no surer than what is seen: what is always so is not told, nor a part for all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from planted.kinds import KINDS, evidence

import gradcheck
from gradcheck.diagnosis import UNKNOWN, VAGUE, Diagnosis, Evidence, diagnosed

Arrays = Mapping[str, Any]
RATIOS = {"sign", "known factor", "constant factor", "nearly right", "zero", UNKNOWN}


def told(claimed, true, bar=1e-9, **more) -> Diagnosis:
    claimed, true = np.asarray(claimed, dtype=float), np.asarray(true, dtype=float)
    bars, seen = np.full(claimed.shape, bar), np.ones(claimed.shape, dtype=bool)
    return diagnosed(Evidence(primal="x", claimed=claimed, true=true, bar=bars, seen=seen, **more))


@given(st.floats(-3, 3), st.floats(0.1, 3))
def test_of_one_number_only_its_ratio_is_told(claimed, true):
    assume(abs(claimed - true) > 1e-3 and (claimed == 0 or abs(claimed) > 1e-6))
    assert told(claimed, true).kind in RATIOS


@given(st.sampled_from([1e-12, 1e-6, 1e9]), st.integers(0, 2**32 - 1))
def test_a_factor_is_no_part_of_a_sum(factor, seed):
    a, g = np.random.default_rng(seed).normal(size=(2, 3, 4))
    diagnosis = told(factor * (a * g).sum(0), (a * g).sum(0), quantities={"a": a, "g": g})
    assert diagnosis.kind in RATIOS


@given(st.integers(0, 2**32 - 1))
def test_two_columns_are_no_complex_numbers(seed):
    true = np.random.default_rng(seed).normal(size=(5, 2))
    assert told(true * [1, -1], true).kind == "sign of a part"
    assert told(true * [1, -1], true, parts=(1,)).kind == "conjugated"


def test_parts_of_complex_numbers_are_no_columns():
    true = np.random.default_rng(0).normal(size=(5, 3, 2))
    diagnosis = told(true * [1, 0], true, parts=(2,))
    assert diagnosis.where == "the imaginary part of every entry"
    true[..., 1] = 0
    claimed = true + np.arange(5)[:, None, None] * [0, 1]
    assert told(claimed, true, parts=(2,)).where == "the imaginary part of rows 1 to 4"


@pytest.mark.parametrize("claimed", ["ones", "normal"])
def test_of_a_gradient_of_zeros_no_factor_is_told(claimed):
    rng = np.random.default_rng(0)
    shape = (5, 4)
    quantities = {"x": rng.normal(size=shape), "u": rng.normal(size=shape)}
    c = np.ones(shape) if claimed == "ones" else rng.normal(size=shape)
    diagnosis = told(c, np.zeros(shape), quantities=quantities, cotangents=("u",))
    assert diagnosis.repair is None or diagnosis.repair.apply is None
    assert diagnosis.kind == ("constant" if claimed == "ones" else UNKNOWN)
    assert "varies" not in diagnosis.words


def test_small_entries_are_not_judged_by_the_largest():
    """The largest entries are the cotangent's by chance; the wrong ones are not."""
    x = np.array([1e-30, 1e-20, 1e-10, 0.5, 1.0, 2.0])
    y = np.log(x)
    diagnosis = told(1 / (x + 1e-8), 1 / x, quantities={"x": x, "y": y}, outputs=("y",))
    assert diagnosis.kind in ("epsilon", UNKNOWN)


@dataclass(frozen=True)
class Part:
    """A pullback that has a part of the derivative, which another function has for its own."""

    name: str
    f: Callable[..., Any]
    wrong: Callable[..., Arrays]
    draw: Mapping[str, tuple[int, ...]]


def rms(x):
    return x / np.sqrt((x * x).mean(1, keepdims=True) + 1e-5)


def rms_held(u, x):
    return {"x": u / np.sqrt((x * x).mean(1, keepdims=True) + 1e-5)}


def twice(x, W):
    return np.tanh(np.tanh(x @ W) @ W + x @ W)


def cut(u, x, W):
    h = np.tanh(x @ W)
    g = u * (1 - twice(x, W) ** 2)
    inner = g @ W.T * (1 - h * h) + g
    return {"x": g @ W.T, "W": h.T @ g + x.T @ inner}


def running_maximum(x):
    return np.maximum.accumulate(x)


def where_new(u, x):
    y = running_maximum(x)
    return {"x": u * (np.diff(y, prepend=-np.inf) > 0)}


def normalised(a):
    return a * a - np.log(np.exp(a).sum(1, keepdims=True)) / 3


def unnormalised(u, a):
    return {"a": 2 * u * a}


PARTS = (
    Part("statistic held", rms, rms_held, {"x": (4, 6)}),
    Part("recurrence cut", twice, cut, {"x": (5, 4), "W": (4, 4)}),
    Part("maximum not carried on", running_maximum, where_new, {"x": (20,)}),
    Part("normaliser left out", normalised, unnormalised, {"a": (5, 4)}),
)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
@pytest.mark.parametrize("seed", range(3))
def test_a_part_of_the_derivative_is_not_called_another_function(part, seed):
    rng = np.random.default_rng(seed)
    point = {name: rng.normal(size=shape) for name, shape in part.draw.items()}
    verdict = gradcheck.check(part.f, point, vjp=part.wrong, seed=seed)
    assert verdict.status == "fail"
    for finding in verdict.findings:
        if finding.diagnosis in ("another derivative", "another product", "passed on in part"):
            assert finding.confidence is not None and finding.confidence <= VAGUE


@pytest.mark.parametrize("seed", range(3))
def test_a_penalty_has_a_weight_that_people_write(seed):
    true, x = np.random.default_rng(seed).normal(size=(2, 6, 5))
    odd = told(true + 0.0473928174 * x, true, quantities={"x": x})
    neat = told(true + 0.05 * x, true, quantities={"x": x})
    assert {odd.kind, neat.kind} == {"weight decay"}
    assert odd.confidence <= VAGUE < neat.confidence


def along(axis):
    return lambda c, q: c - c.mean(axis, keepdims=True)


def off(c, q, epsilon=0.0):
    return c - q * (c * q).sum(1, keepdims=True) / ((q * q).sum(1, keepdims=True) + epsilon)


def centred(c, q):
    """With ε = 0.001 added to the mean of its squares."""
    x = q["x"] - q["x"].mean(1, keepdims=True)
    return off(along(1)(c, q), x, 1e-3 * x.shape[1])


LITERAL: dict[str, tuple[str, Callable[[np.ndarray, Arrays], np.ndarray]]] = {
    "mean term missing": ("subtract its mean along axis 1", along(1)),
    "norm's projection missing": (
        "subtract its projection on {} along axis 1",
        lambda c, q: off(c, q["x"]),
    ),
    "both terms missing": ("with ε = 0.001 added to the mean of its squares", centred),
    "all reversed": ("reverse it along every axis", lambda c, q: c[::-1, ::-1]),
    "one triangle doubled": (
        "(c + c.T) / 2",
        lambda c, q: (c + c.T) / 2,
    ),
}
"""Repairs as they are worded, done by hand."""


@pytest.mark.parametrize("name", LITERAL)
def test_a_repair_taken_literally_repairs(name):
    (planted,) = (p for p in KINDS if p.name == name)
    e = evidence(planted, 0, 1e-9)
    assert e is not None
    diagnosis = diagnosed(e)
    words, by_hand = LITERAL[name]
    assert diagnosis.repair is not None
    assert any(words.format(q) in diagnosis.repair.text for q in e.quantities)
    repaired = by_hand(e.claimed, e.quantities)
    assert np.all(np.abs(repaired - e.true) <= 4 * e.bar)


def test_the_order_for_its_inverse_is_an_adjoint():
    x = np.random.default_rng(0).normal(size=9)
    order = np.argsort(x)
    verdict = gradcheck.check(np.sort, x, vjp=lambda u, x: u[order])
    (finding,) = verdict.findings
    assert finding.diagnosis == "adjoint"


def test_what_is_drawn_of_many_kinks_is_not_told_for_all_of_them():
    x = np.zeros(3000)
    x[:50] = np.random.default_rng(0).normal(size=50)
    verdict = gradcheck.check(
        lambda x: np.maximum(x, 0.0), {"x": x}, vjp=lambda u, x: {"x": u * np.where(x, x > 0, 2.0)}
    )
    (finding,) = verdict.findings
    assert finding.where == "every entry where x == 0"


def test_only_what_adds_up_is_said_to_add_up():
    total = np.zeros((4, 3))

    def pullback(u, x, W, b):
        nonlocal total
        total = total + x.T @ u
        return {"x": u @ W.T, "W": total, "b": u.sum(0)}

    rng = np.random.default_rng(0)
    point = {"x": rng.normal(size=(5, 4)), "W": rng.normal(size=(4, 3)), "b": rng.normal(size=3)}
    verdict = gradcheck.check(lambda x, W, b: x @ W + b, point, vjp=pullback)
    assert [finding.kind for finding in verdict.findings] == ["accumulates"]


def without_terms(x, size, u):
    """The backward pass of (x - mean) / size, mean and size taken for constants."""
    return {"x": u / size(x - x.mean(1, keepdims=True))}


SIZES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "the mean of its squares": lambda c: np.sqrt((c * c).mean(1, keepdims=True) + 1e-3),
    "the root of the mean of its squares": lambda c: np.sqrt((c * c).mean(1, keepdims=True)) + 1e-3,
}


@pytest.mark.parametrize("form", SIZES)
@pytest.mark.parametrize("rows", [6, 1])
def test_an_epsilon_is_told_where_it_stands_and_of_one_norm_not_at_all(form, rows):
    size = SIZES[form]
    x = np.random.default_rng(0).normal(size=(rows, 7))

    def f(x):
        c = x - x.mean(1, keepdims=True)
        return c / size(c)

    verdict = gradcheck.check(f, x, vjp=lambda u, x: without_terms(x, size, u)["x"], seed=0)
    (finding,) = verdict.findings
    assert finding.repair
    assert (f"ε = 0.001 added to {form}" in finding.repair) is (rows > 1)
    assert rows > 1 or "ε = " not in finding.repair


@pytest.mark.parametrize(("epsilon", "words"), [(1e-3, "0.001 too large"), (-1e-3, "too small")])
def test_a_denominator_is_too_large_or_too_small(epsilon, words):
    x = np.random.default_rng(0).uniform(0.1, 2.0, size=20)
    u = np.random.default_rng(1).normal(size=20)
    diagnosis = told(u / (x + epsilon), u / x, quantities={"u": u}, cotangents=("u",))
    assert diagnosis.kind == "epsilon" and words in diagnosis.sentence


def test_of_an_epsilon_that_drowns_no_digit_is_told():
    x = np.random.default_rng(0).uniform(0.1, 2.0, size=20)
    u = np.random.default_rng(1).normal(size=20)
    noise = np.random.default_rng(2).normal(size=20)
    diagnosis = told(u / (x + 1e-5), u / x + 3e-7 * noise, bar=1.2e-6,
                     quantities={"u": u}, cotangents=("u",))  # fmt: skip
    assert diagnosis.kind in ("epsilon", UNKNOWN)
    assert "e-0" not in diagnosis.sentence or "1e-05" in diagnosis.sentence


def test_a_mask_is_missing_only_where_hardly_an_entry_is_zero():
    """Of the entries that are rightly zero the claim has half: it is no mask that is not there."""
    x = np.random.default_rng(0).normal(size=40)
    u = np.random.default_rng(1).normal(size=40)
    true, claimed = u * (np.abs(x) < 0.5), u * (x < 0.5)
    diagnosis = told(claimed, true, quantities={"x": x, "u": u}, cotangents=("u",))
    assert "where the true gradient == 0" not in diagnosis.sentence


def test_a_set_that_is_only_listed_is_not_sure():
    true = np.random.default_rng(0).normal(size=(5, 6))
    claimed = true.copy()
    claimed[np.ix_([0, 2, 3], [0, 4])] = 0
    diagnosis = told(claimed, true)
    assert diagnosis.kind == "zeroed" and diagnosis.confidence <= VAGUE
    claimed = true.copy()
    claimed[3] = 0
    assert told(claimed, true).confidence > VAGUE


def test_a_factor_that_nobody_writes_is_not_sure():
    true = np.random.default_rng(0).normal(size=(5, 6))
    assert told(7.8301355672 * true, true).confidence <= VAGUE < told(0.7 * true, true).confidence
