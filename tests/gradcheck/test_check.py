"""The public face of check: forms of input, options, seeds, budgets, purity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck

x, w = np.array([0.5, -1.0, 2.0]), np.array([1.5, 0.25, -0.75])


def product(x, w):
    return x * w


def pull(u, x, w):
    return u * w, u * x


def primals(verdict):
    return [c.primal for c in verdict.comparisons if c.primal != "all together"]


FORMS = {
    "positional": ((product, x, w), {"vjp": pull}),
    "named": ((product, {"x": x, "w": w}), {"vjp": lambda u, x, w: {"x": u * w, "w": u * x}}),
    "drawn": ((product, lambda rng: (rng.normal(size=3), rng.normal(size=3))), {"vjp": pull}),
    "drawn by name": (
        (product, lambda rng: {"x": rng.normal(size=3), "w": rng.normal(size=3)}),
        {"vjp": lambda u, x, w: {"x": u * w, "w": u * x}},
    ),
    "rule": ((lambda x, w: (x * w, lambda u: (u * w, u * x)), x, w), {}),
    "list returned": ((product, x, w), {"vjp": lambda u, x, w: [u * w, u * x]}),
}


@pytest.mark.parametrize(("args", "options"), FORMS.values(), ids=FORMS)
def test_every_form_of_input_is_understood(args, options):
    verdict = gradcheck.check(*args, **options, seed=3)
    assert verdict.status == "pass" and set(primals(verdict)) == {"x", "w"}, str(verdict)


@pytest.mark.parametrize("returned", [lambda u: u * w, lambda u: (u * w,), lambda u: (u * w, None)])
@pytest.mark.parametrize("wrt", ["x", ("x",), 0, (0,)])
def test_wrt_makes_the_others_constants(wrt, returned):
    verdict = gradcheck.check(product, x, w, vjp=lambda u, x, w: returned(u), wrt=wrt)
    assert verdict.status == "pass" and primals(verdict) == ["x"]


def test_integer_constants_are_left_alone():
    verdict = gradcheck.check(
        lambda x, i: x[i],
        {"x": x, "i": np.array([0, 0, 2])},
        vjp=lambda u, x, i: {"x": np.bincount(i, u, minlength=3)},
        wrt=("x",),
    )
    assert verdict.status == "pass"


def test_structured_primals_and_outputs():
    def f(params, x):
        z = x * params["w"] + params["b"][0]
        return {"y": np.tanh(z), "aux": (z.sum(), z)}

    def vjp(u, params, x):
        y = np.tanh(x * params["w"] + params["b"][0])
        z = u["y"] * (1 - y**2) + u["aux"][0] + u["aux"][1]
        return {"w": z * x, "b": [z.sum()]}, z * params["w"]

    verdict = gradcheck.check(f, {"w": w, "b": [np.array(0.5)]}, x, vjp=vjp, seed=0)
    assert verdict.status == "pass" and primals(verdict) == ["params.w", "params.b[0]", "x"]


def test_python_floats_are_scalars():
    verdict = gradcheck.check(lambda a, b: a * b, 2.0, 3.0, vjp=lambda u, a, b: (u * b, u * a))
    assert verdict.status == "pass"


@given(st.integers(0, 2**32 - 1))
def test_a_seed_repeats_the_check(seed):
    wrong = lambda u, x, w: (u * w, u * x * 1.5)  # noqa: E731
    assert gradcheck.check(product, x, w, vjp=wrong, seed=seed) == gradcheck.check(
        product, x, w, vjp=wrong, seed=seed
    )


def test_a_fresh_seed_is_drawn_and_recorded():
    seeds = {gradcheck.check(product, x, w, vjp=pull).seed for _ in range(3)}
    assert len(seeds) == 3


def test_no_global_random_state_is_touched():
    np.random.seed(0)  # noqa: NPY002
    before = repr(np.random.get_state())  # noqa: NPY002
    gradcheck.check(product, x, w, vjp=pull)
    assert before == repr(np.random.get_state())  # noqa: NPY002


def test_arguments_are_never_written_to():
    mine, data = x.copy(), w.copy()

    def greedy(x, w):
        x *= 2
        w += 1
        return x * w

    verdict = gradcheck.check(greedy, mine, data, vjp=pull, wrt=("x",))
    assert np.array_equal(mine, x) and np.array_equal(data, w)
    assert {f.primal for f in verdict.findings if f.kind == "input_mutated"} == {"x", "w"}


def affine_forward(x, w, b):
    return x @ w + b, (x, w, b)


def affine_backward(dout, cache):
    x, w, _ = cache
    return dout @ w.T, x.T @ dout, dout.sum(axis=0)


def test_a_pair_that_passes_a_cache():
    rng = np.random.default_rng(0)
    args = rng.normal(size=(5, 4)), rng.normal(size=(4, 3)), rng.normal(size=3)
    assert gradcheck.check(affine_forward, *args, vjp=affine_backward).status == "pass"
    wrong = lambda dout, cache: (*affine_backward(dout, cache)[:2], dout.mean(axis=0))  # noqa: E731
    verdict = gradcheck.check(affine_forward, *args, vjp=wrong)
    assert [f.primal for f in verdict.findings] == ["b"]


@pytest.mark.parametrize(("factor", "status"), [(1.0, "pass"), (2.0, "fail")])
def test_a_loss_that_returns_its_gradient(factor, status):
    verdict = gradcheck.check(lambda x: (np.sum(x**3), factor * 3 * x**2), x)
    assert verdict.status == status


def test_global_random_numbers_are_repeated_and_put_back():
    before = repr(np.random.get_state())  # noqa: NPY002

    def dropout(x):
        mask = np.random.rand(*x.shape) < 0.5  # noqa: NPY002
        return x * mask, lambda u: u * mask

    verdict = gradcheck.check(dropout, x, seed=0)
    assert verdict.status == "pass" and "given the same ones" in str(verdict)
    assert repr(np.random.get_state()) == before  # noqa: NPY002


@pytest.mark.parametrize("budget", [1, 5, 7, 28, 40, 48])
def test_a_budget_bounds_the_evaluations_and_says_what_is_left(budget):
    verdict = gradcheck.check(product, x, w, vjp=pull, budget=budget)
    assert verdict.evaluations <= budget
    enough = budget >= gradcheck.cost(product, x, w, vjp=pull).lean
    assert verdict.status == ("pass" if enough else "inconclusive")
    assert "budget" in str(verdict)


@pytest.mark.parametrize("wrong", [0, 1])
def test_the_smallest_budget_finds_a_wrong_gradient(wrong):
    def spoilt(u, x, w):
        return [1.001 * g if i == wrong else g for i, g in enumerate(pull(u, x, w))]

    verdict = gradcheck.check(product, x, w, vjp=spoilt, budget=28)
    assert verdict.status == "fail" and verdict.pullbacks <= 8


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_the_cost_is_known_before_it_runs(count):
    """Of a smooth right gradient, of however many primals, within a third."""

    def f(**p):
        return np.tanh(sum(p.values()))

    def vjp(u, **p):
        return {name: u * (1 - f(**p) ** 2) for name in p}

    point = {f"x{i}": np.random.default_rng(i).normal(size=6) for i in range(count)}
    expected = gradcheck.cost(f, point, vjp=vjp)
    verdict = gradcheck.check(f, point, vjp=vjp, seed=0)
    assert verdict.evaluations <= expected.evaluations <= 2 * verdict.evaluations
    assert verdict.pullbacks <= expected.pullbacks + 4


def test_an_allowance_is_an_explicit_choice():
    rough = lambda u, x, w: (u * w * 1.001, u * x)  # noqa: E731
    assert gradcheck.check(product, x, w, vjp=rough).status == "fail"
    assert gradcheck.check(product, x, w, vjp=rough, allow=0.01).status == "pass"


def test_a_random_function_is_undecided_and_says_why():
    noise = np.random.default_rng(0)
    verdict = gradcheck.check(lambda x: x * (noise.random(3) < 0.5), x, vjp=lambda u, x: u, seed=0)
    errors = [f.kind for f in verdict.findings if f.severity == "error"]
    assert errors == ["forward_nondeterministic"]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(5, 3000))
@settings(max_examples=10)
def test_sums_in_no_fixed_order_are_rounding_and_right_or_wrong_all_the_same(dtype, seed, n):
    order = np.random.default_rng(seed)
    bins = np.arange(n) % 3

    def summed(x):
        places, y = order.permutation(n), np.zeros(3, dtype)
        np.add.at(y, bins[places], np.sin(x)[places])
        return y

    def right(u, x):
        return u[bins] * np.cos(x)

    def wrong(u, x):
        x_bar = right(u, x)
        x_bar[::2] *= -1
        return x_bar

    x = np.random.default_rng(seed).normal(size=n).astype(dtype)
    verdict = gradcheck.check(summed, x, vjp=right, seed=seed)
    assert verdict.status == "pass", str(verdict)
    assert {f.kind for f in verdict.findings} <= {"noisy"}, str(verdict)
    assert gradcheck.check(summed, x, vjp=wrong, seed=seed).status == "fail"


def test_a_random_pullback_is_found():
    noise = np.random.default_rng(0)
    verdict = gradcheck.check(
        lambda x: x * x, x, vjp=lambda u, x: 2 * u * x * (1 + noise.random()), seed=0
    )
    assert "backward_nondeterministic" in {f.kind for f in verdict.findings}


@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from((1e-6, 1e-4, 1e-2)))
def test_a_random_pullback_is_found_below_the_rounding_of_its_dtype(seed, size):
    rng, noise = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    x, w = (rng.normal(size=shape).astype(np.float32) for shape in ((4, 5), (5, 3)))

    def vjp(u, x, w):
        z = u * (1 - np.tanh(x @ w) ** 2)
        x_bar = z @ w.T
        return (x_bar * (1 + size * noise.normal(size=x_bar.shape))).astype(x.dtype), x.T @ z

    verdict = gradcheck.check(lambda x, w: np.tanh(x @ w), x, w, vjp=vjp, seed=seed)
    assert "backward_nondeterministic" in {f.kind for f in verdict.findings}, str(verdict)


def test_a_pullback_that_misreads_strides_is_found():
    a = np.arange(12.0).reshape(3, 4) + 1

    def reads_memory(u, a):
        flat = u.ravel(order="K").reshape(u.shape)
        return 2 * a * flat

    verdict = gradcheck.check(lambda a: a * a, a, vjp=reads_memory, seed=0)
    assert [f.kind for f in verdict.findings] == ["layout"]


def test_a_wrong_gradient_never_raises_but_can_be_asked_to():
    verdict = gradcheck.check(product, x, w, vjp=lambda u, x, w: (u, u))
    with pytest.raises(gradcheck.GradientError, match="claimed"):
        verdict.raise_for_failure()
    passed = gradcheck.check(product, x, w, vjp=pull)
    assert passed.raise_for_failure() is passed


def test_an_output_that_is_not_finite_is_undecided():
    with np.errstate(all="ignore"):
        verdict = gradcheck.check(np.log, np.array([-1.0]), vjp=lambda u, x: u / x)
    assert verdict.status == "inconclusive" and "the output is not finite" in str(verdict)


def test_a_wider_precision_must_be_borne_out_by_the_narrow_one():
    """Of a float64 w this function knows nothing: evaluated so, its right gradient looks wrong."""
    kept = w.astype(np.float32)

    def forgetful(x, w):
        return x * (w if w.dtype == np.float32 else kept.astype(np.float64))

    verdict = gradcheck.check(forgetful, x.astype(np.float32), kept, vjp=pull, seed=0)
    assert verdict.status == "pass", str(verdict)
    assert {c.oracle for c in verdict.comparisons} == {"finite differences"}


def activated(x):
    y = np.tanh(x)
    return y, y


def dropped(x):
    mask = np.arange(x.size).reshape(x.shape) % 3 > 0
    return x * mask / 0.6, mask


def pooled(x):
    return x.max(-1), x.argmax(-1)


def unpooled(y_bar, at):
    x_bar = np.zeros((5, 4))
    np.put_along_axis(x_bar, at[..., None], y_bar[..., None], -1)
    return x_bar


def both(x):
    return np.sin(x), np.cos(x)


PAIRS = {
    "the output": (activated, lambda u, y: u * (1 - y * y), True),
    "the output, wrongly": (activated, lambda u, y: u * (1 - y), False),
    "a mask": (dropped, lambda u, mask: u * mask / 0.6, True),
    "a mask, wrongly": (dropped, lambda u, mask: u * mask, False),
    "indices": (pooled, unpooled, True),
    "two outputs": (both, lambda u, x: u[0] * np.cos(x) - u[1] * np.sin(x), True),
    "two outputs, another name": (both, lambda u, z: u[0] * np.cos(z) - u[1] * np.sin(z), True),
    "two outputs, wrongly": (both, lambda u, z: u[0] * np.cos(z) + u[1] * np.sin(z), False),
}


@pytest.mark.parametrize("name", PAIRS)
def test_what_stands_beside_the_output_may_be_a_cache_of_any_name(name):
    f, vjp, is_right = PAIRS[name]
    x = np.random.default_rng(2).normal(size=(5, 4))
    for primals in (x, {"x": x}) if name == "the output" else (x,):
        verdict = gradcheck.check(f, primals, vjp=vjp, seed=3)
        assert verdict.status == ("pass" if is_right else "fail"), str(verdict)


def tanh_layer(x, w):
    return np.tanh(x @ w)


def tanh_layer_back(u, x, w, factor=1.0):
    z_bar = u * (1 - np.tanh(x @ w) ** 2)
    return z_bar @ w.T, factor * x.T @ z_bar


@pytest.mark.parametrize("factor", [1.0, 2.0])
@pytest.mark.parametrize("budget", [20, 28, 59, 60, 80, 88, 100, 130, 160, 200, 400])
def test_a_larger_budget_tells_no_less(budget, factor):
    rng = np.random.default_rng(0)
    vjp = lambda u, x, w: tanh_layer_back(u, x, w, factor)  # noqa: E731
    primals = rng.normal(size=(5, 4)), rng.normal(size=(4, 3))
    for seed in range(3):
        verdict = gradcheck.check(tanh_layer, *primals, vjp=vjp, budget=budget, seed=seed)
        assert verdict.status == ("pass" if factor == 1.0 else "fail"), str(verdict)
        assert verdict.evaluations <= budget


@pytest.mark.parametrize("off", [0.0, 0.04, 0.2, 0.45])
@pytest.mark.parametrize("allow", [0.01, 0.1, 0.3, 0.6])
def test_what_is_allowed_is_what_passes(allow, off):
    rng = np.random.default_rng(1)
    vjp = lambda u, x, w: tanh_layer_back(u, x, w, 1 / (1 - off))  # noqa: E731
    primals = rng.normal(size=(5, 4)), rng.normal(size=(4, 3))
    verdict = gradcheck.check(tanh_layer, *primals, vjp=vjp, allow=allow, seed=2)
    if off == 0.0:
        assert verdict.status == "pass", str(verdict)
    if off > 0.0 and allow < off / 8:
        assert verdict.status == "fail", str(verdict)
