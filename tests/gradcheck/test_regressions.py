"""What was accused, missed or refused once."""

import numpy as np
import pytest

import gradcheck
from gradcheck import backends

torch = pytest.importorskip("torch")
SIZES = 10.0 ** np.linspace(0, -14, 12)
DEAD = 9
"""From here on, 1e-11 of the largest, a dead entry is not told from a lost difference."""


@pytest.mark.parametrize(
    ("i", "factor"),
    [(i, factor) for i in range(1, 12) for factor in (2.0, -1.0, 0.0) if factor or i < DEAD],
)
def test_one_wrong_entry_of_a_sum_is_found_whatever_its_size(i, factor):
    """Entries of small gradients are off at small steps by the rounding of float64."""
    x = np.random.default_rng(i).normal(size=12)
    f = lambda x: np.sum(SIZES * np.sin(x))  # noqa: E731
    flip = np.where(np.arange(12) == i, factor, 1.0)
    verdict = gradcheck.check(f, x, vjp=lambda u, x: u * SIZES * np.cos(x) * flip, seed=0)
    assert verdict.status == "fail" and verdict.findings[0].indices == ((i,),), str(verdict)


def test_a_wrong_gradient_beside_a_large_offset_never_passes():
    x = np.random.default_rng(0).normal(size=12)
    for seed in range(4):
        verdict = gradcheck.check(
            lambda x: np.sum(np.sin(x)) + 1e9, x, vjp=lambda u, x: 1.0001 * u * np.cos(x), seed=seed
        )
        assert verdict.status != "pass", str(verdict)


def test_dropout_of_a_matrix_is_right():
    x = torch.randn(4, 3, dtype=torch.float64)
    for f in (torch.nn.Dropout(0.5), lambda x: torch.nn.functional.dropout(x * x, 0.5)):
        verdict = gradcheck.check(f, x, seed=0)
        assert verdict.status == "pass", str(verdict)
        assert [finding.kind for finding in verdict.findings] == ["random"]


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_an_empty_complex_tensor_has_a_verdict(dtype):
    verdict = gradcheck.check(lambda z: 2 * z, torch.zeros(0, 3, dtype=dtype), seed=0)
    assert verdict.status == "pass"


@pytest.mark.parametrize("make", [np.zeros, torch.zeros])
def test_parts_side_by_side_share_no_memory(make):
    x = make((4, 6))
    backend = backends.of(x)
    assert not backend.shares(x[:, :3], x[:, 3:]) and not backend.shares(x[:, ::2], x[:, 1::2])
    assert backend.shares(x[:, :4], x[:, 3:])


@pytest.mark.parametrize("shape", [(2, 1), (1, 3), (3, 4), (2, 3, 4)])
@pytest.mark.parametrize("make", [np.ones, torch.ones])
def test_other_layouts_are_copies_of_transposed_arrays_too(make, shape):
    x = (
        make(shape[::-1]).T
        if make is np.ones
        else make(shape[::-1]).permute(*range(len(shape))[::-1])
    )
    for _, other in backends.of(x).layouts(x):
        assert not backends.of(x).shares(x, other) and backends.of(x).same(x, other)


def test_forward_mode_raises_no_warning_of_pytorch():
    verdict = gradcheck.check(torch.sin, torch.linspace(-1.0, 1.2, 7, dtype=torch.float64), seed=0)
    assert any("forward mode" in c.oracle for c in verdict.comparisons)


def test_an_accepted_deviation_is_within_the_stated_resolution():
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    x = np.random.default_rng(0).normal(size=12).astype(bfloat16)
    for seed in range(8):
        verdict = gradcheck.check(
            lambda x: x * x * x, x, vjp=lambda u, x: u * (3 * x * x) * x.dtype.type(1.01), seed=seed
        )
        assert verdict.status != "pass" or (verdict.resolution or 1.0) >= 0.01, str(verdict)


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def gelu_vjp(u, x, factor=1.0):
    t = np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))
    inner = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x**2)
    return factor * u * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("tail", [-4.656303, -5.2, -6.48033422, -7.00988])
def test_the_tail_of_a_gelu_is_never_accused(tail, dtype):
    """Function and claim are staircases there, each the small difference of large terms."""
    for seed in range(8):
        for x in ([tail], [tail, tail / 2], [tail, 0.4, -1.9]):
            point = np.array(x, dtype=dtype)
            verdict = gradcheck.check(gelu, point, vjp=gelu_vjp, seed=seed)
            assert verdict.status != "fail", str(verdict)


def test_a_wrong_gelu_is_found():
    for seed in range(8):
        x = np.random.default_rng(seed).normal(size=5)
        verdict = gradcheck.check(gelu, x, vjp=lambda u, x: gelu_vjp(u, x, 1.01), seed=seed)
        assert verdict.status == "fail" and verdict.findings[0].primal == "x", str(verdict)


def partly_rounded(x):
    """A residual connection around a half-precision part: small steps see the connection alone."""
    return x + np.sin(x.astype(np.float16)).astype(float)


def test_what_rounds_in_part_is_judged_as_a_whole():
    for seed in range(30):
        x = np.random.default_rng(seed).normal(size=20)
        right = gradcheck.check(partly_rounded, x, vjp=lambda u, x: u * (1 + np.cos(x)), seed=seed)
        wrong = gradcheck.check(partly_rounded, x, vjp=lambda u, x: u * (1 - np.cos(x)), seed=seed)
        assert right.status != "fail", str(right)
        assert wrong.status != "pass", str(wrong)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_rectifier_of_few_bits_is_told(dtype):
    """Steps of so few bits cross the kinks of all that is close to zero."""

    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor):
            assert x.dtype == dtype
            ctx.factor = factor
            ctx.save_for_backward(x)
            return torch.relu(x)

        @staticmethod
        def backward(ctx, *grads):
            (x,) = ctx.saved_tensors
            return ctx.factor * grads[0] * (x > 0), None

    for seed in range(6):
        x = torch.randn(12, 12, generator=torch.Generator().manual_seed(seed)).to(dtype)
        assert gradcheck.check(Scaled.apply, x, 1.0, wrt="x", seed=seed).status != "fail"
        assert gradcheck.check(Scaled.apply, x, 1.5, wrt="x", seed=seed).status == "fail"


def test_one_direction_decides_nothing_on_kinks():
    for seed in range(6):
        rng = np.random.default_rng(seed)
        x = np.where(rng.random((4, 5)) < 0.4, 0.0, rng.normal(size=(4, 5)))
        for budget in (30, 45):
            verdict = gradcheck.check(
                lambda x: np.maximum(x, 0), x, vjp=lambda u, x: 2 * u * (x > 0), budget=budget
            )
            assert verdict.status != "pass", str(verdict)


RECTIFIED = {
    "rectifier": (lambda x: np.maximum(x, 0), lambda u, x: u * (x > 0)),
    "absolute values, summed": (lambda x: np.abs(x).sum(), lambda u, x: u * np.sign(x)),
    "hinge": (
        lambda x: np.maximum(x, 0).mean(),
        lambda u, x: u * (x > 0).astype(x.dtype) / x.dtype.type(x.size),
    ),
}


@pytest.mark.parametrize("name", RECTIFIED)
def test_the_lean_road_accuses_no_kinks_in_float32_and_finds_most_dead_halves(name):
    (f, vjp), found = RECTIFIED[name], []
    for seed in range(1000, 1040):
        x = np.random.default_rng(seed).normal(size=10_000).astype(np.float32)
        right = gradcheck.check(f, x, vjp=vjp, seed=seed, budget=28)
        assert right.status != "fail", str(right)
        dead = lambda u, x: vjp(u, x) * (np.arange(x.size) % 2).astype(x.dtype)  # noqa: E731
        found.append(gradcheck.check(f, x, vjp=dead, seed=seed, budget=28).status)
    assert found.count("fail") > len(found) / 2  # one direction in so few digits sees no more
