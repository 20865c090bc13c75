"""Laws of the branch-frozen replay, over a table of torch functions that decide."""

import numpy as np
import pytest

from gradcheck.replay import Recorded, ReplayMismatch, record

torch = pytest.importorskip("torch")
F = torch.nn.functional

ROWS, COLUMNS = 12, 8


def draw(seed, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(ROWS, COLUMNS, generator=generator, dtype=torch.float64).to(dtype)


def recorded(f, x):
    result = record(lambda point: {"y": f(point["x"])}, {"x": x})
    assert isinstance(result, Recorded), result.reason
    return result


class Clamped(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return 2 * x.clamp(min=0)

    @staticmethod
    def backward(ctx, y_bar):  # pyright: ignore
        (x,) = ctx.saved_tensors
        return 2 * y_bar * (x > 0)


def module(make):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = make()

    def call(x):
        result = made.to(x.dtype)(x)
        return result[0] if isinstance(result, tuple) else result

    return call


def in_place(x):
    y = x.clone()
    y.relu_()
    z = y + 1
    z.clamp_(max=2.0)
    z = z * 1
    z[z > 1.7] *= 0.3
    return z


def like(x, value):
    return torch.full_like(x, value)


FUNCTIONS = {
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "prelu": lambda x: F.prelu(x, like(x[0], 0.3)),
    "elu": F.elu,
    "selu": F.selu,
    "celu": lambda x: F.celu(x, 0.5),
    "relu6": lambda x: F.relu6(4 * x),
    "hardtanh": F.hardtanh,
    "hardswish": lambda x: F.hardswish(3 * x),
    "hardsigmoid": lambda x: F.hardsigmoid(3 * x),
    "softshrink": F.softshrink,
    "hardshrink": F.hardshrink,
    "threshold": lambda x: F.threshold(x, 0.3, 0.1),
    "abs": torch.abs,
    "clamp": lambda x: x.clamp(-0.5, 0.7),
    "clamp by tensors": lambda x: x.clamp(min=x.mean(0), max=x.mean(0) + 1),
    "clip from above": lambda x: torch.clip(x, max=0.2),
    "maximum": lambda x: torch.maximum(x, x.mean()),
    "minimum": lambda x: torch.minimum(x, x.flip(0)),
    "fmax": lambda x: torch.fmax(x, like(x, 0.1)),
    "max along": lambda x: x.max(1).values,
    "max of all": lambda x: x.max(),
    "max of two": lambda x: torch.max(x, x.flip(0)),
    "min along": lambda x: x.min(0)[0],
    "amax": lambda x: x.amax((0, 1)),
    "amin": lambda x: x.amin(1, keepdim=True),
    "aminmax": lambda x: torch.stack(torch.aminmax(x, dim=1)),
    "median": lambda x: x.median(),
    "median along": lambda x: x.median(1).values,
    "quantile": lambda x: x.quantile(0.3, dim=1),
    "sort": lambda x: x.sort(1).values,
    "sort descending": lambda x: torch.sort(x, dim=0, descending=True, stable=True)[0],
    "topk": lambda x: x.topk(3).values,
    "kthvalue": lambda x: x.kthvalue(2).values,
    "cummax": lambda x: x.cummax(1).values,
    "argmax": lambda x: x.gather(1, x.argmax(1, keepdim=True)),
    "argsort": lambda x: x.gather(1, x.argsort(1)[:, :3]),
    "max_pool1d": lambda x: F.max_pool1d(x[None], 3, 1),
    "max_pool2d": lambda x: F.max_pool2d(x[None, None], 2),
    "max_pool2d padded": lambda x: F.max_pool2d(x[None, None], 3, 2, padding=1),
    "adaptive_max_pool2d": lambda x: F.adaptive_max_pool2d(x[None, None], (2, 3)),
    "huber_loss": lambda x: F.huber_loss(x, like(x, 0.0), delta=0.7),
    "smooth_l1_loss": lambda x: F.smooth_l1_loss(x, like(x, 0.0), beta=0.5, reduction="sum"),
    "l1_loss": lambda x: F.l1_loss(x, like(x, 1.0)),
    "hinge_embedding_loss": lambda x: F.hinge_embedding_loss(x, like(x, 1.0)),
    "margin_ranking_loss": lambda x: F.margin_ranking_loss(x[0], x[1], like(x[0], 1.0), margin=0.3),
    "triplet_margin_loss": lambda x: F.triplet_margin_loss(x[:4], x[4:8], x[8:]),
    "norm 1": lambda x: x.norm(p=1),
    "norm inf": lambda x: torch.linalg.vector_norm(x, torch.inf, dim=1),
    "mask times": lambda x: x * (x > 0),
    "mask selects": lambda x: x[x > 0] ** 2,
    "nonzero": lambda x: x[(x > 0).nonzero(as_tuple=True)],
    "where": lambda x: torch.where(x > 0, x**2, x.sin()),
    "masked_fill": lambda x: x.masked_fill(x < 0, 0.5),
    "if": lambda x: x * 2 if x.sum() > 0 else x,
    "floor": lambda x: x - x.floor(),
    "round": lambda x: x - x.round(),
    "frac": torch.frac,
    "remainder": lambda x: x % 0.3,
    "fmod": lambda x: torch.fmod(x, 0.3),
    "sign": lambda x: x.sign() * x**2,
    "bucketize": lambda x: x * torch.bucketize(x, torch.linspace(-2, 2, 9, dtype=x.dtype)),
    "in place": in_place,
    "autograd function": Clamped.apply,
    "vmap": lambda x: torch.vmap(lambda row: F.relu(row).sum())(x),
    "convolution": lambda x: F.relu(F.conv2d(x[None, None], like(x[:3, :3], 0.3)[None, None])),
    "recurrent": module(lambda: torch.nn.RNN(COLUMNS, 4, nonlinearity="relu")),
    "transformer": module(lambda: torch.nn.TransformerEncoderLayer(COLUMNS, 2, 16, 0.0)),
    "network": module(
        lambda: torch.nn.Sequential(
            torch.nn.Linear(COLUMNS, 64), torch.nn.ReLU(), torch.nn.Linear(64, 3), torch.nn.ELU()
        )
    ),
}


def slope(f, x, v, step):
    there, here = ((x + s * v).to(x.dtype) for s in (step, -step))
    return (f(there).double() - f(here).double()) / (2 * step)


def extrapolated(f, x, v, step):
    return (4 * slope(f, x, v, step / 2) - slope(f, x, v, step)) / 3


def by_autograd(f, x, v):
    """Returns the derivative along v, from one gradient for each output."""
    x = x.clone().requires_grad_()
    y = f(x)
    rows = [torch.autograd.grad(y_i, x, retain_graph=True)[0] for y_i in y.reshape(-1)]
    return torch.stack([(row * v).sum() for row in rows]).reshape(y.shape)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    ("dtype", "step", "bound"), [(torch.float64, 2**-9, 1e-6), (torch.float32, 2**-7, 2e-3)]
)
def test_frozen_differences_agree_with_autograd(name, dtype, step, bound):
    f, x, v = FUNCTIONS[name], draw(1), draw(2)
    truth = by_autograd(f, x, v)
    at_x = recorded(f, x.to(dtype))
    assert at_x.decisions and not at_x.escaped and not at_x.ties
    found = extrapolated(lambda p: at_x.frozen({"x": p})["y"], x.to(dtype), v.to(dtype), step)
    unit = max(truth.norm(), 0.1 * f(x).norm())
    assert float((found - truth).norm() / unit) < bound


def test_the_table_has_kinks_within_these_steps():
    x, v = draw(1), draw(2)
    flipping = [n for n, f in FUNCTIONS.items() if recorded(f, x).flips({"x": x + 2**-3 * v})]
    assert len(flipping) > 0.6 * len(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_recording_and_replaying_change_nothing(name):
    f, x = FUNCTIONS[name], draw(3)
    at_x = recorded(f, x)
    plain = f(x.clone()).detach()
    assert torch.equal(at_x.outputs["y"], plain)
    assert torch.equal(at_x.frozen({"x": x})["y"], plain)
    assert torch.equal(x, draw(3))
    for k in range(4, 30, 2):
        moved = x + 2.0**-k * draw(4)
        if not at_x.flips({"x": moved}):
            assert torch.equal(at_x.frozen({"x": moved})["y"], f(moved.clone()).detach())
            break
    else:
        pytest.fail("a decision flips at every distance")


@pytest.mark.parametrize(
    "f",
    [
        torch.tanh,
        F.gelu,
        lambda x: x.softmax(1),
        lambda x: x @ x.T,
        lambda x: F.layer_norm(x, (8,)),
    ],
)
def test_without_decisions_frozen_is_plain_everywhere(f):
    at_x = recorded(f, draw(5))
    assert not at_x.decisions
    for size in (1e-6, 1.0, 30.0):
        moved = draw(5) + size * draw(6)
        assert torch.equal(at_x.frozen({"x": moved})["y"], f(moved))


@pytest.mark.parametrize(
    ("f", "ties"),
    [
        (F.relu, {"relu": 1}),
        (torch.abs, {"abs": 1}),
        (lambda x: x.clamp(0, 2), {"clamp": 3}),
        (lambda x: x.max(), {"max": 1}),
        (lambda x: x.sort().values, {"sort": 1}),
        (lambda x: F.max_pool1d(x[None, None], 2, 2), {}),
        (lambda x: F.max_pool1d(x[[0, 2, 1, 3]][None, None], 2), {"max_pool2d_with_indices": 1}),
        (lambda x: F.huber_loss(x, like(x, 1.0)), {"huber_loss": 3}),
    ],
)
def test_ties_are_counted(f, ties):
    assert recorded(f, torch.tensor([0.0, 2.0, -1.5, 2.0])).ties == ties


def test_a_mask_of_the_maxima_is_no_tie():
    assert not recorded(lambda x: x * (x == x.amax(1, keepdim=True)), draw(1)).ties


MIXED = {
    "NumPy inside torch": lambda x: torch.from_numpy(np.maximum(x.numpy(), 0)),
    "NumPy by asarray": lambda x: torch.tensor(np.abs(np.asarray(x))),
}


@pytest.mark.parametrize("name", MIXED)
def test_numpy_within_torch_is_followed(name):
    f, x, v = MIXED[name], draw(1), draw(2)
    at_x = recorded(f, x)
    assert at_x.decisions and not at_x.escaped
    found = slope(lambda p: at_x.frozen({"x": p})["y"], x, v, 2.0**-3)
    assert torch.allclose(found, slope(f, x, v, 2.0**-26), rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_torch_within_numpy_is_followed(dtype):
    def f(point):
        x = torch.tensor(np.array(point["x"], order="C"))
        return {"y": np.abs(F.relu(x).sum(0).detach().numpy() - 1)}

    x, v = draw(1).numpy().astype(dtype), draw(2).numpy().astype(dtype)
    at_x = record(f, {"x": x})
    assert isinstance(at_x, Recorded) and at_x.decisions == 2 and not at_x.escaped
    ends = [at_x.frozen({"x": x + s * v})["y"] for s in (0.5, -0.5)]
    near = [f({"x": x.astype(float) + s * 2.0**-26 * v})["y"] for s in (1, -1)]
    assert np.allclose(ends[0] - ends[1], (near[0] - near[1]) * 2.0**25, atol=1e-5)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * max(0.0, x.sum().item()),
        lambda x: F.multi_margin_loss(x, torch.arange(ROWS) % COLUMNS),
        lambda x: torch.tensor([max(v, 0.0) for v in x[0].tolist()]),
        lambda x: F.grid_sample(x[None, None], x[:, :2][None, None].tanh(), align_corners=False),
    ],
)
def test_what_is_not_seen_is_said(f):
    assert recorded(f, draw(1)).escaped


def test_another_sequence_of_operations_is_a_mismatch():
    at_x = recorded(lambda x: F.relu(x) if len(x) == ROWS else x.abs(), draw(1))
    with pytest.raises(ReplayMismatch, match="abs"):
        at_x.frozen({"x": draw(1)[:3]})


def test_module_gradients_and_modes_are_untouched():
    layer = torch.nn.Linear(COLUMNS, 3)
    at_x = recorded(lambda x: F.relu(layer(x)), draw(1, torch.float32))
    at_x.frozen({"x": draw(2, torch.float32)})
    assert torch.is_grad_enabled() and all(p.requires_grad for p in layer.parameters())
    assert all(p.grad is None for p in layer.parameters())
