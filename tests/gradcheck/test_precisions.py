"""Every precision as it is: half precisions, rounding on the way, quantisers, the escalation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from gradcheck.adapters import subject_of
from gradcheck.contract import audit
from gradcheck.evaluation import Evaluator
from gradcheck.measurement import Measurement
from gradcheck.oracles.regression import ERRORS, PROBES, regressed
from gradcheck.probes import cotangents, tangent

HALVES = ("float16", "bfloat16")
SEEDS = st.integers(0, 2**32 - 1)
half_precisions = pytest.mark.parametrize("half", HALVES)


def dtype_of(name):
    return pytest.importorskip("ml_dtypes").bfloat16 if name == "bfloat16" else np.dtype(name).type


def dense(seed, dtype):
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=(6, 8)), rng.normal(size=(8, 5)) / np.sqrt(8)
    return x.astype(dtype), w.astype(dtype)


def only_in(dtype):
    """Returns a layer that refuses every other precision: nothing can be escalated."""

    def f(x, w):
        if x.dtype != dtype:
            raise TypeError(f"expected {dtype}, got {x.dtype}")
        return np.tanh((x @ w).astype(dtype)).astype(dtype)

    return f


def inside(dtype):
    """Returns a layer of float64 arrays that rounds them on its way."""
    return lambda x, w: np.tanh(x.astype(dtype).astype(float) @ w.astype(dtype).astype(float))


def pullback(spoil=lambda x_bar, w_bar: (x_bar, w_bar)):
    def pull(u, x, w):
        z = (u * (1 - np.tanh(x @ w) ** 2)).astype(x.dtype)
        x_bar, w_bar = spoil(z @ w.T, x.T @ z)
        return x_bar.astype(x.dtype), w_bar.astype(w.dtype)

    return pull


def times(factor):
    return lambda x_bar, w_bar: (x_bar, w_bar * w_bar.dtype.type(factor))


def first_rows_dead(x_bar, w_bar):
    return x_bar, np.where(np.arange(len(w_bar))[:, None] < 4, 0, w_bar)


def added(x_bar, w_bar):
    return x_bar, w_bar + w_bar.dtype.type(1)


SPOILED = {
    "a fifth more": times(1.2),
    "a fifth less": times(0.8),
    "doubled": times(2.0),
    "the other sign": times(-1.0),
    "nothing": times(0.0),
    "half of the rows dead": first_rows_dead,
    "a term that is not there": added,
}
WHERE = {
    "alone": lambda half: (only_in(dtype_of(half)), dtype_of(half)),
    "inside": lambda half: (inside(dtype_of(half)), float),
}


@half_precisions
@pytest.mark.parametrize("where", WHERE)
@settings(max_examples=6)
@given(seed=SEEDS)
def test_a_right_gradient_of_a_half_precision_passes_and_says_how_coarsely(where, half, seed):
    f, dtype = WHERE[where](half)
    verdict = gradcheck.check(f, *dense(seed, dtype), vjp=pullback(), seed=seed)
    assert verdict.status == "pass", str(verdict)
    assert {c.oracle for c in verdict.comparisons} == {"regression of differences"}
    assert all(
        "is excluded" in c.reason and (c.resolution or 1.0) < 0.25 for c in verdict.comparisons
    )


@half_precisions
@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_a_wrong_gradient_of_a_half_precision_is_found(where, half, spoil):
    f, dtype = WHERE[where](half)
    for seed in range(2):
        verdict = gradcheck.check(f, *dense(seed, dtype), vjp=pullback(spoil), seed=seed)
        assert verdict.status == "fail", str(verdict)
        assert {f.primal for f in verdict.findings if f.severity == "error"} == {"w"}


@half_precisions
@given(seed=SEEDS, factor=st.floats(0.6, 1.6))
@settings(max_examples=10)
def test_a_half_precision_excludes_no_factor_that_is_there(half, seed, factor):
    dtype = dtype_of(half)
    vjp = pullback(times(factor))
    verdict = gradcheck.check(only_in(dtype), *dense(seed, dtype), vjp=vjp, seed=seed)
    row = next(c for c in verdict.comparisons if c.primal == "w")
    applied, rounding = float(dtype(factor)), 0.5 * np.exp2(-7 if half == "bfloat16" else -10)
    if row.status == "pass":
        assert abs(1 / applied - 1) <= row.resolution + rounding, str(verdict)
    else:
        bar = row.bar / row.claimed + rounding
        assert row.true / row.claimed == pytest.approx(1 / applied, abs=bar), str(verdict)


@settings(max_examples=6)
@given(seed=SEEDS, factor=st.floats(0.5, 2.0))
def test_the_slope_of_the_regression_is_the_relative_error_of_the_claim(seed, factor):
    x, w = dense(seed, np.float16)
    options = {"vjp": pullback(times(factor)), "wrt": None, "name": None}
    rng = np.random.default_rng(seed)
    audited = audit(
        Evaluator(subject_of(only_in(np.float16), (x, w), **options)), lambda y: cotangents(y, rng)
    )
    m = Measurement(audited, audited.evaluator, 0.0, rng)
    lines = [m.line(tangent({"w": w}, ("w",), rng)) for _ in range(PROBES)]
    found = regressed(lines, 0, 2.0**-3)
    assert found is not None
    wanted = 1 / float(np.float16(factor)) - 1
    assert abs(found.gain - wanted) <= ERRORS * found.error + 2.0**-6 * (1 + abs(wanted))
    assert found.excluded >= abs(found.gain)
    assert found.wrong == (abs(wanted) > 0.02) or 0.003 < abs(wanted) < 0.08


def test_too_few_directions_within_the_domain_leave_a_half_precision_undecided():
    def f(x):
        return np.where(x == x0, x, np.nan).astype(np.float16)

    x0 = np.linspace(0.5, 2, 6).astype(np.float16)
    verdict = gradcheck.check(f, x0, vjp=lambda u, x: u, seed=0)
    assert verdict.status == "inconclusive" and "finite" in str(verdict)


ESCALATED = ("float16", "bfloat16", "float32", "complex64")


@pytest.mark.parametrize("name", ESCALATED)
@pytest.mark.parametrize(("factor", "status"), [(1.0, "pass"), (1.05, "fail")])
def test_code_that_takes_float64_too_is_judged_there_and_the_verdict_says_so(name, factor, status):
    dtype = dtype_of(name)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 12))
    x = (x[0] + 1j * x[1] if name == "complex64" else x[0]).astype(dtype)
    verdict = gradcheck.check(
        lambda x: (x * x * x).astype(x.dtype),
        x,
        vjp=lambda u, x: (u * np.conj(3 * x * x) * x.dtype.type(factor)).astype(x.dtype),
        seed=0,
    )
    assert verdict.status == status, str(verdict)
    assert "function and pullback were evaluated in float64" in str(verdict)
    assert status == "fail" or (verdict.resolution or 1.0) < 0.02


@pytest.mark.parametrize(("factor", "status"), [(1.0, "pass"), (1 + 1e-4, "fail")])
def test_long_doubles_are_checked_as_they_are(factor, status):
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(np.longdouble)

    def f(x):
        assert x.dtype == np.longdouble
        return np.sin(x)

    verdict = gradcheck.check(f, x, vjp=lambda u, x: factor * u * np.cos(x), seed=0)
    assert verdict.status == status, str(verdict)


def narrow_only(spoil):
    """Returns a pullback that is right in float64, and something else in what is narrower."""

    def pull(u, x):
        right = u * np.cos(x)
        return right if x.dtype == np.float64 else spoil(right, x).astype(x.dtype)

    return pull


NARROW = {
    "a tenth less": (lambda g, x: g * g.dtype.type(0.9), "fail"),
    "one entry dead": (lambda g, x: np.where(np.arange(g.size) == 3, 0, g), "fail"),
    "an ulp off": (lambda g, x: g * (1 + np.finfo(g.dtype).eps), "pass"),
}


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize(("spoil", "status"), NARROW.values(), ids=NARROW)
def test_a_claim_that_is_right_in_float64_only_is_no_right_claim(dtype, spoil, status):
    x = np.linspace(-1.0, 1.2, 12).astype(dtype)
    verdict = gradcheck.check(np.sin, x, vjp=narrow_only(spoil), seed=0)
    assert verdict.status == status, str(verdict)


def test_digits_that_are_lost_in_the_narrower_precision_are_named():
    dtype, lossy = np.float32, np.float16

    def pull(u, x):
        slope = u * np.cos(x)
        return slope.astype(lossy).astype(dtype) if x.dtype == dtype else slope

    verdict = gradcheck.check(np.sin, np.linspace(0.1, 1.2, 12).astype(dtype), vjp=pull, seed=0)
    (lost,) = [f for f in verdict.findings if f.kind == "precision"]
    assert lost.severity == "warning" and lost.primal == "x"
    assert len(lost.indices) == 1
    assert lost.claimed != lost.true == pytest.approx(lost.claimed, rel=2.0**-10)


def values(seed, size=20):
    return np.random.default_rng(seed).normal(size=size)


STEPS = {
    "round": np.round,
    "sign": np.sign,
    "floor": np.floor,
    "heaviside": lambda x: np.where(x > 0, 1.0, 0.0),
    "quarters": lambda x: np.round(x * 4) / 4,
}


@pytest.mark.parametrize("f", STEPS.values(), ids=STEPS)
@settings(max_examples=6)
@given(seed=SEEDS, size=st.sampled_from([5, 20, 300]))
def test_the_derivative_of_a_quantiser_is_zero(f, seed, size):
    verdict = gradcheck.check(f, values(seed, size), vjp=lambda u, x: 0 * u, seed=seed)
    assert verdict.status == "pass", str(verdict)


@pytest.mark.parametrize("f", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("size", [5, 20])
def test_a_straight_through_estimator_is_not_a_derivative(f, size):
    for seed in range(2):
        verdict = gradcheck.check(f, values(seed, size), vjp=lambda u, x: u, seed=seed)
        assert verdict.status != "pass", str(verdict)


ROUNDED = {
    "its input in float16": lambda x: np.sin(x.astype(np.float16).astype(float)),
    "its output in float16": lambda x: np.sin(x).astype(np.float16).astype(float),
    "its input in float32": lambda x: np.sin(x.astype(np.float32).astype(float)),
    "all but a residual in float16": lambda x: x + np.sin(x.astype(np.float16)).astype(float),
}
SLOPES = {name: (lambda x: 1 + np.cos(x)) if "residual" in name else np.cos for name in ROUNDED}


@pytest.mark.parametrize("name", [name for name in ROUNDED if "residual" not in name])
@settings(max_examples=6)
@given(seed=SEEDS, size=st.sampled_from([20, 300]))
def test_rounding_on_the_way_is_told_from_steps(name, seed, size):
    vjp = lambda u, x: u * SLOPES[name](x)  # noqa: E731
    verdict = gradcheck.check(ROUNDED[name], values(seed, size), vjp=vjp, seed=seed)
    assert verdict.status == "pass", str(verdict)


@pytest.mark.parametrize("name", ROUNDED)
@pytest.mark.parametrize("factor", [0.5, 0.7, -1.0, 2.0])
def test_a_wrong_gradient_behind_rounding_is_found(name, factor):
    for seed in range(2):
        vjp = lambda u, x: factor * u * SLOPES[name](x)  # noqa: E731
        verdict = gradcheck.check(ROUNDED[name], values(seed), vjp=vjp, seed=seed)
        assert verdict.status == "fail", str(verdict)


SIXTH = np.float64(np.float32(1 / 6))
THROUGH_FLOAT32 = {
    "a constant in float32": (lambda u, x: u * x**2 * 6 * SIXTH, "pass"),
    "a factor further off": (lambda u, x: u * x**2 * (1 + 5e-7), "fail"),
    "two factors": (lambda u, x: u * x**2 * np.where(x > 0, 1 + 6e-8, 1 - 6e-8), ""),
}


@pytest.mark.parametrize("name", THROUGH_FLOAT32)
@given(seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_a_constant_rounded_to_float32_is_said_and_no_mistake(name, seed):
    vjp, status = THROUGH_FLOAT32[name]
    x = np.random.default_rng(seed).normal(size=(4, 5))
    verdict = gradcheck.check(lambda x: x**3 / 3, x, vjp=vjp, seed=seed)
    assert verdict.status == (status or verdict.status)  # along some directions two cancel
    said = any("a constant of it is rounded" in c.reason for c in verdict.comparisons)
    assert status == "pass" or not said


@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_a_scalar_behind_a_half_precision_is_never_accused(seed):
    rng = np.random.default_rng(seed)
    w, x = (rng.normal(size=shape).astype(np.float32) for shape in ((5, 3), (4, 5)))

    def loss(x):
        y = np.tanh(x.astype(np.float16) @ w.astype(np.float16)).astype(np.float32)
        return np.mean(y**2, dtype=np.float32)

    def slope(u, x):
        y = np.tanh(x @ w)
        return (u * 2 * y / np.float32(y.size) * (1 - y**2)) @ w.T

    assert gradcheck.check(loss, x, vjp=slope, seed=seed).status != "fail"
    doubled = gradcheck.check(loss, x, vjp=lambda u, x: 2 * slope(u, x), seed=seed)
    assert doubled.status != "pass"


def in_float32(u, x, w):
    """A pullback that computes in float32 whatever it is given, and returns what it was given."""
    narrow = np.float32
    z = (u * (1 - np.tanh(x @ w / 17) ** 2) / 17).astype(narrow)
    return (z @ w.T.astype(narrow)).astype(x.dtype), (x.T.astype(narrow) @ z).astype(w.dtype)


def through_float32(u, x, w):
    """A pullback whose first step goes through float32, the others not."""
    z = (u * (1 - np.tanh(x @ w / 17) ** 2) / 17).astype(np.float32).astype(u.dtype)
    return z @ w.T, x.T @ z


@given(seed=SEEDS, pull=st.sampled_from((in_float32, through_float32)))
def test_a_pullback_in_float32_is_right_for_float32(seed, pull):
    """Beside a function in float64 it looks wrong by an ulp of its largest terms."""
    rng = np.random.default_rng(seed)
    x, w = (rng.normal(size=shape).astype(np.float32) for shape in ((8, 300), (300, 40)))
    verdict = gradcheck.check(lambda x, w: np.tanh(x @ w / 17), x, w, vjp=pull, seed=seed)
    assert verdict.status == "pass", str(verdict)


def cast(g):
    return g.astype(np.float32).astype(g.dtype)


FUNCTIONS = {
    "tanh": (lambda x: np.tanh(x), lambda u, x: u * (1 - np.tanh(x) ** 2)),
    "softplus": (lambda x: np.log1p(np.exp(x)), lambda u, x: u / (1 + np.exp(-x))),
    "row sums": (lambda x: x.sum(1), lambda u, x: u[:, None] + 0 * x),
    "half a square": (lambda x: np.sum(x * x) / 2, lambda u, x: u * x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@given(seed=SEEDS)
def test_a_float64_gradient_that_went_through_float32_is_found(name, seed):
    f, vjp = FUNCTIONS[name]
    x = np.random.default_rng(seed).normal(size=(4, 5))
    verdict = gradcheck.check(f, x, vjp=lambda u, x: cast(vjp(u, x)), seed=seed)
    assert "precision" in {found.kind for found in verdict.findings}, str(verdict)
    assert verdict.status == "fail"


@pytest.mark.parametrize("name", FUNCTIONS)
@given(seed=SEEDS, data=st.sampled_from(("whole numbers", "float32 numbers", "any")))
def test_data_of_few_digits_make_no_gradient_lose_them(name, seed, data):
    f, vjp = FUNCTIONS[name]
    x = np.random.default_rng(seed).normal(size=(4, 5))
    x = {"whole numbers": np.round(3 * x), "float32 numbers": cast(x), "any": x}[data]
    assert gradcheck.check(f, x, vjp=vjp, seed=seed).status == "pass"
    narrow = lambda x: cast(f(cast(x)))  # noqa: E731
    same = gradcheck.check(narrow, x, vjp=lambda u, x: cast(vjp(u, x)), seed=seed)
    assert same.status == "pass", str(same)


@given(seed=SEEDS)
@settings(max_examples=8)
def test_one_dead_entry_of_1e5_is_found_in_float32(seed):
    """The float32 product rounds by more than an ulp of what comes out, which is no difference."""
    rng = np.random.default_rng(seed)
    x, w = (rng.normal(size=shape).astype(np.float32) for shape in ((4, 1000), (1000, 100)))

    def dead(u, x, w):
        w_bar = x.T @ u
        w_bar[np.unravel_index(np.argsort(np.abs(w_bar), axis=None)[w_bar.size // 2], w.shape)] = 0
        return u @ w.T, w_bar

    verdict = gradcheck.check(lambda x, w: x @ w, x, w, vjp=dead, seed=seed)
    assert verdict.status == "fail", str(verdict)


@given(seed=SEEDS, x=st.floats(-6.5, -5.5))
def test_a_tail_that_is_nothing_in_float32_is_no_wrong_gradient(seed, x):
    """gelu of -6 is zero in float32, and so is its gradient: both lose all their digits."""
    c0, c1 = (2 / np.pi) ** 0.5, 0.044715

    def gelu(x):
        return 0.5 * x * (1 + np.tanh(c0 * (x + c1 * x**3)))

    def back(u, x):
        t = np.tanh(c0 * (x + c1 * x**3))
        return u * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c0 * (1 + 3 * c1 * x * x))

    verdict = gradcheck.check(gelu, np.array([x], np.float32), vjp=back, seed=seed)
    assert verdict.status != "fail", str(verdict)


def through_half(x):
    return np.asarray(x).astype(np.float16).astype(np.float64)


BEHIND_HALF = {
    "a rectifier": (lambda x: np.maximum(through_half(x), 0.0), lambda u, x: u * (x > 0)),
    "a clip": (lambda x: np.clip(through_half(x), -1, 1), lambda u, x: u * (np.abs(x) < 1)),
    "an output": (lambda x: through_half(np.sin(x)), lambda u, x: u * np.cos(x)),
}


@pytest.mark.parametrize("name", BEHIND_HALF)
@pytest.mark.parametrize("size", [2, 3, 8])
def test_dead_units_behind_a_half_precision_are_no_quantiser(name, size):
    function, pullback = BEHIND_HALF[name]
    for seed in range(4):
        x = np.random.default_rng(500 + seed).normal(size=size)
        verdict = gradcheck.check(function, x, vjp=pullback, seed=seed)
        assert verdict.status == "pass", str(verdict)


QUANTISERS = {
    "round": np.round,
    "to quarters": lambda x: np.round(4 * x) / 4,
    "clipped": lambda x: np.clip(np.round(x), -2, 2),
    "sign": np.sign,
}


@pytest.mark.parametrize("name", QUANTISERS)
@pytest.mark.parametrize("size", [3, 8, 20])
def test_a_straight_through_gradient_is_found_and_nothing_is_right(name, size):
    for seed in range(6):
        x = np.random.default_rng(1000 + seed).normal(size=size) * (1 if name != "round" else 3)
        straight = gradcheck.check(QUANTISERS[name], x, vjp=lambda u, x: u, seed=seed)
        assert straight.status == "fail", str(straight)
        nothing = gradcheck.check(QUANTISERS[name], x, vjp=lambda u, x: 0 * u, seed=seed)
        assert nothing.status == "pass", str(nothing)


def eight_bits(x):
    mantissa, exponent = np.frexp(x)
    return np.ldexp(np.round(mantissa * 256) / 256, exponent)


def test_nothing_is_not_right_where_eight_bits_made_by_hand_move():
    for seed in range(6):
        x = np.random.default_rng(seed).normal(size=8)
        slope = lambda u, x: u * (1 - np.tanh(x) ** 2)  # noqa: E731
        f = lambda x: eight_bits(np.tanh(x))  # noqa: E731
        assert gradcheck.check(f, x, vjp=slope, seed=seed).status == "pass"
        assert gradcheck.check(f, x, vjp=lambda u, x: 0 * u, seed=seed).status != "pass"


@pytest.mark.parametrize("bound", [0.1, 0.3])
def test_a_narrow_clip_behind_a_half_precision_is_no_step(bound):
    for seed in range(6):
        x = np.random.default_rng(seed).normal(size=30)
        f = lambda x: through_half(np.clip(x, -bound, bound))  # noqa: E731
        inside = lambda u, x: u * (np.abs(x) < bound)  # noqa: E731
        verdict = gradcheck.check(f, x, vjp=inside, seed=seed)
        assert verdict.status != "fail", str(verdict)
        wrong = gradcheck.check(f, x, vjp=lambda u, x: -u * (np.abs(x) < bound), seed=seed)
        assert wrong.status != "pass", str(wrong)
        step = gradcheck.check(lambda x: np.sign(x) * bound, x, vjp=inside, seed=seed)
        assert step.status == "fail", str(step)
