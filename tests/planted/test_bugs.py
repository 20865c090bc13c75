"""The tester is tested first: each planted bug is found in each precision, its twin passes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted.bugs import BUGS, SUBJECTS, Bug

import gradcheck

DTYPES = ("float64", "float32")


def verdict(bug: Bug, dtype: str, seed: int) -> gradcheck.Verdict:
    right = SUBJECTS[bug.subject]
    primals = right.draw(np.random.default_rng(seed), dtype)

    def wrong(y_bar, **p):
        return bug.spoil(right.vjp(y_bar, **p), y_bar, p)

    return gradcheck.check(right.f, primals, vjp=wrong, seed=seed)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_bug_is_found_and_its_primal_named(bug, dtype):
    for seed in range(3):
        answer = verdict(bug, dtype, seed)
        errors = [f for f in answer.findings if f.severity == "error"]
        assert answer.status == "fail", str(answer)
        assert {f.kind for f in errors} == {bug.kind, bug.also} - {None}, str(answer)
        assert {f.primal for f in errors} - {None} == set(bug.wrong), str(answer)


@pytest.mark.parametrize("name", SUBJECTS)
@given(seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from(DTYPES))
def test_the_right_twin_passes(name, seed, dtype):
    right = SUBJECTS[name]
    primals = right.draw(np.random.default_rng(seed), dtype)
    answer = gradcheck.check(right.f, primals, vjp=right.vjp, seed=seed)
    assert answer.status == "pass" and not answer.findings, str(answer)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sign", "its sign is wrong"),
        ("factor 2", "a factor 2 too many"),
        ("factor one half", "a factor 2 is missing"),
        ("mean for sum", "5 is the length of axis 0 of x: a mean for a sum"),
        ("sum for mean", "18 is the length of all of y_hat: a sum for a mean"),
        ("square transpose", "the true gradient transposed"),
        ("transpose", "the cotangent has shape (3, 4), wanted (4, 3): it is transposed"),
        ("batch not reduced", "sum it over axis 0"),
        ("one dead row", "the claim is zero in row 2"),
        ("one dead column", "the claim is zero in column 3"),
        ("one dead entry", "the claim is zero in the entry [1, 2]"),
        ("zero", "this gradient is never computed"),
        ("None", "b: no gradient is returned, and there is one"),
        ("input overwritten", "x: the pullback writes to this array"),
        ("cotangent overwritten", "writes to the cotangent"),
    ],
)
def test_the_message_says_what_was_done(name, words):
    bug = next(bug for bug in BUGS if bug.name == name)
    assert words in " ".join(str(verdict(bug, "float64", 0)).split())


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_worst_entry_and_its_ratio_are_named(dtype):
    bug = next(bug for bug in BUGS if bug.name == "one dead entry")
    (finding,) = verdict(bug, dtype, 0).findings
    assert finding.indices == ((1, 2),) and finding.primal == "W"
    assert finding.claimed == 0 and finding.ratio == 0
    assert abs(finding.true or 0) > 100 * (finding.bar or 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", [1, 3])
def test_wrong_entries_of_a_large_primal_are_found_exactly(count, dtype):
    rng = np.random.default_rng(count)
    x, W = rng.normal(size=(4, 300)).astype(dtype), rng.normal(size=(300, 250)).astype(dtype)
    spots = [tuple(map(int, spot)) for spot in rng.integers(0, 250, size=(count, 2))]

    def vjp(u, x, W):
        W_bar = x.T @ u
        for spot in spots:
            W_bar[spot] = 0
        return u @ W.T, W_bar

    (finding,) = gradcheck.check(lambda x, W: x @ W, x, W, vjp=vjp, seed=count).findings
    assert finding.primal == "W" and set(finding.indices) == set(spots)


def test_of_a_large_primal_that_is_wrong_everywhere_a_sample_is_drawn():
    W = np.random.default_rng(0).normal(size=(60, 50))
    total = lambda x: np.sum(np.sin(x))  # noqa: E731
    verdict = gradcheck.check(total, W, vjp=lambda u, x: u * np.cos(x) / 2, seed=0)
    assert "entries that were drawn are wrong" in verdict.findings[0].message
    assert "the claim is 0.5 times the true gradient in every entry" in verdict.findings[0].message


POOLS = {
    "row maximum": (lambda x: x.max(1), (3, 2)),
    "wide row maximum": (lambda x: x.max(1), (5, 4)),
    "maximum of all": (lambda x: x.max(), (2, 3)),
    "sum of maxima": (lambda x: np.sum(x.max(1) * np.arange(1.0, 4.0)), (3, 2)),
}


def tied(u, x, share):
    """The gradient of a maximum of ones, for each pool: u has one entry, one a row, or a weight."""
    if np.ndim(u):
        return u[:, None] * share(x)
    return u * share(x) * (np.arange(1.0, 4.0)[:, None] if x.shape == (3, 2) else 1.0)


SHARES = {
    "first": (lambda x: (np.arange(x.shape[1]) == 0) * np.ones_like(x), "pass"),
    "even": (lambda x: np.ones_like(x) / x.shape[1], "pass"),
    "each": (lambda x: np.ones_like(x), "fail"),
}


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("pool", POOLS)
def test_a_tied_maximum_may_be_shared_out_but_not_multiplied(pool, share):
    (f, shape), (shares, status) = POOLS[pool], SHARES[share]
    if pool == "maximum of all":
        shares = {"first": _first, "even": lambda x: np.ones_like(x) / x.size}.get(share, shares)
    for seed in range(5):
        vjp = lambda u, x: tied(u, x, shares)  # noqa: E731
        assert gradcheck.check(f, np.ones(shape), vjp=vjp, seed=seed).status == status


def _first(x):
    g = np.zeros_like(x)
    g.flat[0] = 1.0
    return g


def only_float32(f):
    return lambda x: f(x.astype(np.float32))


SUBTLE = {
    "special at zero": (
        np.tanh,
        lambda u, x: u * (1 - np.tanh(x) ** 2) * (x != 0),
        lambda rng: np.append(rng.normal(size=16), np.zeros(4)),
    ),
    "sign over sixteen decades": (
        np.log,
        lambda u, x: -u / x,
        lambda rng: 10.0 ** rng.uniform(-8, 8, size=40),
    ),
    "zero over sixteen decades": (
        np.log,
        lambda u, x: 0 * u,
        lambda rng: 10.0 ** rng.uniform(-8, 8, size=40),
    ),
}


@pytest.mark.parametrize("name", SUBTLE)
def test_a_bug_that_hides_in_noise_never_passes(name):
    f, vjp, draw = SUBTLE[name]
    for seed in range(10):
        answer = gradcheck.check(f, draw(np.random.default_rng(seed)), vjp=vjp, seed=seed)
        assert answer.status == "fail", str(answer)


UNTOLD = {
    "a sine too fast for float32": (
        only_float32(lambda x: np.sin(np.float32(1e7) * x)),
        lambda u, x: -u * np.cos(1e7 * x) * 1e7,
    ),
    "the sign of a square below an offset": (
        only_float32(lambda x: np.sum(x * x) + np.float32(1e5)),
        lambda u, x: -2 * u * x,
    ),
}


@pytest.mark.parametrize("name", UNTOLD)
def test_a_wrong_gradient_that_rounding_hides_is_no_pass(name):
    f, vjp = UNTOLD[name]
    for seed in range(10):
        x = np.random.default_rng(seed).normal(size=5)
        assert gradcheck.check(f, x, vjp=vjp, seed=seed).status != "pass"


EQUAL = {
    "summed over the wrong axis": lambda u: u.sum(1),
    "reversed": lambda u: u.sum(0)[::-1].copy(),
    "rolled": lambda u: np.roll(u.sum(0), 1),
    "averaged": lambda u: np.full(4, u.sum(0).mean()),
}


@pytest.mark.parametrize("name", EQUAL)
def test_equal_entries_are_no_tie(name):
    """A zero bias: all entries equal, the wrong gradient has the right sum, and nothing is tied."""
    A = np.random.default_rng(0).normal(size=(4, 4))
    for seed in range(5):
        verdict = gradcheck.check(
            lambda b: A + b, np.zeros(4), vjp=lambda u, b: EQUAL[name](u), seed=seed
        )
        assert verdict.status == "fail" and verdict.findings[0].primal == "b"


@pytest.mark.parametrize(("rows", "padded", "units"), [(4, 2, 3), (4, 3, 3), (5, 3, 5), (8, 3, 5)])
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=8, deadline=None)
def test_a_mean_for_a_sum_is_seen_among_rows_on_kinks(rows, padded, units, seed):
    """Rows of zeros and a bias of zeros put every unit on its kink, once for each such row."""
    rng = np.random.default_rng(seed)
    x, W, b = rng.normal(size=(rows, 4)), rng.normal(size=(4, units)), np.zeros(units)
    x[rows - padded :] = 0.0

    def pulled(reduce):
        def vjp(u, x, W, b):
            z = u * ((x @ W + b) > 0)
            return z @ W.T, x.T @ z, reduce(z, axis=0)

        return vjp

    if not ((x @ W) > 0).any(axis=0).all():
        return  # a unit that is alive in no row may have no gradient
    for reduce, status in ((np.sum, "pass"), (np.mean, "fail")):
        verdict = gradcheck.check(
            lambda x, W, b: np.maximum(x @ W + b, 0), x, W, b,
            vjp=pulled(reduce), seed=seed,
        )  # fmt: skip
        assert verdict.status == status, str(verdict)
