"""PyTorch on every device: the same verdicts, and nothing of the device is changed."""

from unittest import mock

import pytest

import gradcheck
from gradcheck.backends import torch_backend

torch = pytest.importorskip("torch")
nn = torch.nn
F = nn.functional

DEVICES = ("cpu", *(("cuda",) if torch.cuda.is_available() else ()))
DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.complex64)

pytestmark = [
    pytest.mark.parametrize("device", DEVICES),
    # Once in a process, where the first product on a GPU is one of a backward pass.
    pytest.mark.filterwarnings("ignore:Attempting to run cuBLAS"),
]


def draw(*shape, device, dtype=torch.float64, seed=0):
    wide = torch.complex128 if dtype.is_complex else torch.float64
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=wide, device="cpu").to(device, dtype)


def made(make, device, dtype=torch.float64):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make().to(device, dtype)


class Affine(torch.autograd.Function):
    """x @ w with a factor too many in the gradient of w."""

    @staticmethod
    def forward(ctx, x, w, factor):
        ctx.save_for_backward(x, w)
        ctx.factor = factor
        return x @ w

    @staticmethod
    def backward(ctx, u):  # pyright: ignore
        x, w = ctx.saved_tensors
        return u @ w.mH, ctx.factor * (x.mH @ u), None


def affine(factor):
    return lambda x, w: Affine.apply(x, w, factor)


class Linear(nn.Module):
    """A layer whose weight may get a wrong gradient."""

    def __init__(self, n, factor=1.0):
        super().__init__()
        self.weight, self.factor = nn.Parameter(torch.randn(n, n) / n**0.5), factor

    def forward(self, x):
        return Affine.apply(x, self.weight, self.factor)


def points(device, dtype):
    return {
        "x": draw(6, 5, device=device, dtype=dtype),
        "w": draw(5, 4, device=device, dtype=dtype, seed=1),
    }


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_right_passes_and_wrong_is_found_in_every_dtype(device, dtype):
    right = gradcheck.check(affine(1.0), points(device, dtype), seed=0)
    assert right.status == "pass" and not right.findings, str(right)
    wrong = gradcheck.check(affine(1.5), points(device, dtype), seed=0)
    assert wrong.status == "fail", str(wrong)
    assert {f.primal for f in wrong.findings if f.severity == "error"} == {"w"}, str(wrong)


def test_the_verdict_is_the_same_on_each(device):
    here, there = (
        gradcheck.check(affine(2.0), points(d, torch.float64), seed=0) for d in (device, "cpu")
    )
    first, second = here.findings[0], there.findings[0]
    assert (first.kind, first.primal, first.indices) == (second.kind, second.primal, second.indices)
    assert first.diagnosis == second.diagnosis and first.ratio == pytest.approx(second.ratio)


MODULES = {
    "dense": (lambda: nn.Sequential(nn.Linear(5, 7), nn.GELU(), nn.Linear(7, 3)), (4, 5)),
    "conv": (lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.MaxPool2d(2)), (2, 2, 8, 8)),
    "normalised": (lambda: nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6)), (8, 5)),
    "attention": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (2, 5, 8)),
    "recurrent": (lambda: nn.LSTM(4, 5, batch_first=True), (2, 6, 4)),
    "dropped": (lambda: nn.Sequential(nn.Linear(5, 6), nn.Dropout(0.4), nn.Linear(6, 2)), (4, 5)),
}


@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
@pytest.mark.parametrize(("make", "shape"), MODULES.values(), ids=MODULES)
def test_what_pytorch_brings_passes_and_is_left_as_it_was(device, make, shape, dtype):
    module, x = made(make, device, dtype), draw(*shape, device=device, dtype=dtype)
    before = {n: (t, t.clone(), t._version) for n, t in module.state_dict(keep_vars=True).items()}
    generators = [torch.get_rng_state()]
    generators += torch.cuda.get_rng_state_all() if device == "cuda" else []
    verdict = gradcheck.check(module, x, seed=0)
    assert verdict.status != "fail", str(verdict)
    assert dtype is not torch.float64 or verdict.status == "pass", str(verdict)
    for n, t in module.state_dict(keep_vars=True).items():
        kept, values, version = before[n]
        assert t is kept and torch.equal(t, values) and t._version == version, n
        assert t.grad is None, n
    now = [torch.get_rng_state()]
    now += torch.cuda.get_rng_state_all() if device == "cuda" else []
    assert all(torch.equal(a, b) for a, b in zip(now, generators, strict=True))


def test_the_wrong_function_of_a_tree_is_named(device):
    def make():
        return nn.Sequential(Linear(5), nn.Tanh(), Linear(5, factor=0.5), nn.LayerNorm(5))

    verdict = gradcheck.check(made(make, device), draw(4, 5, device=device), seed=0)
    assert verdict.status == "fail" and [root.path for root in verdict.roots] == [
        "net[2].Affine"
    ], str(verdict)


def test_sums_in_no_fixed_order_are_not_accused(device):
    index = torch.arange(4000, device=device) % 3

    def summed(x):
        return torch.zeros(3, device=device, dtype=x.dtype).index_add(0, index, torch.sin(x))

    for dtype in (torch.float64, torch.float32):
        verdict = gradcheck.check(summed, draw(4000, device=device, dtype=dtype), seed=0)
        assert verdict.status != "fail", str(verdict)


def test_kinks_and_ties_are_judged_by_their_hulls(device):
    x = torch.tensor([0.0, 0.0, 1.0, -2.0, 0.0], device=device, dtype=torch.float64)
    assert gradcheck.check(lambda x: F.relu(x) + x.abs(), x, seed=0).status == "pass"

    class Outside(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.relu()

        @staticmethod
        def backward(ctx, u):  # pyright: ignore
            (x,) = ctx.saved_tensors
            return u * torch.where(x == 0, torch.full_like(x, 1.5), (x > 0).to(x))

    assert gradcheck.check(Outside.apply, x, seed=0).status == "fail"


def test_one_wrong_entry_of_many_is_found(device):
    class Spoiled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            return x @ w

        @staticmethod
        def backward(ctx, u):  # pyright: ignore
            x, w = ctx.saved_tensors
            w_bar = x.mT @ u
            w_bar[123, 45] = 0
            return u @ w.mT, w_bar

    x, w = draw(8, 300, device=device), draw(300, 200, device=device, seed=1)
    (finding,) = gradcheck.check(Spoiled.apply, x, w, seed=0).findings
    assert finding.primal == "w" and finding.indices == ((123, 45),)


def test_a_scalar_of_the_cpu_beside_tensors_of_the_device(device):
    x, s = draw(3, 4, device=device), torch.tensor(1.3, dtype=torch.float64)
    verdict = gradcheck.check(lambda x, s: torch.tanh(s * x), x, s, seed=0)
    assert verdict.status == "pass", str(verdict)


def test_a_device_without_float64_takes_its_steps_on_the_cpu(device):
    with mock.patch.object(torch_backend, "NO_DOUBLE", ("mps", device)):
        for dtype in (torch.float32, torch.bfloat16, torch.complex64):
            right = gradcheck.check(affine(1.0), points(device, dtype), seed=0)
            assert right.status == "pass", str(right)
            assert gradcheck.check(affine(1.5), points(device, dtype), seed=0).status == "fail"


KERNEL = """
import torch
import triton
import triton.language as tl

@triton.jit
def squashed(x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i, mask=i < n)
    tl.store(y + i, v / (1 + tl.abs(v)), mask=i < n)

@triton.jit
def squashed_back(u, x, x_bar, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    d = 1 + tl.abs(tl.load(x + i, mask=i < n))
    tl.store(x_bar + i, tl.load(u + i, mask=i < n) / (d * d), mask=i < n)

def function(contiguous):
    class Squashed(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x = x.contiguous()
            ctx.save_for_backward(x)
            y = torch.empty_like(x)
            squashed[(triton.cdiv(x.numel(), 64),)](x, y, x.numel(), 64)
            return y

        @staticmethod
        def backward(ctx, u):
            (x,) = ctx.saved_tensors
            u = u.contiguous() if contiguous else u
            x_bar = torch.empty_like(x)
            squashed_back[(triton.cdiv(x.numel(), 64),)](u, x, x_bar, x.numel(), 64)
            return x_bar
    return Squashed.apply
"""


def test_a_kernel_that_forgets_strides_is_found(device, tmp_path, monkeypatch):
    if device != "cuda":
        pytest.skip("Triton compiles for GPUs only")
    pytest.importorskip("triton")
    (tmp_path / "squashed_kernel.py").write_text(KERNEL)  # Triton reads the source of a kernel
    monkeypatch.syspath_prepend(tmp_path)
    from squashed_kernel import function  # pyright: ignore

    x = draw(7, 9, device=device, dtype=torch.float32)
    assert gradcheck.check(function(True), x, seed=0).status == "pass"
    verdict = gradcheck.check(function(False), x, seed=0)
    assert verdict.status == "fail", str(verdict)
    assert {f.kind for f in verdict.findings if f.severity == "error"} <= {"layout"}, str(verdict)
