"""PyTorch subjects: functions around an `autograd.Function`, and modules with their parameters."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.power.corpus import Arrays, Case, Draw
from benchmarks.power.draws import away, complex_normal, draw, fixed, normal, quantised

Function = Callable[..., Any]


@dataclass(frozen=True)
class Wrong:
    """A planted bug: what replaces the right forward or backward pass."""

    name: str
    diagnosis: str
    backward: Function | None = None
    forward: Function | None = None
    kind: str = "value"
    source: str = ""


@dataclass(frozen=True)
class Op:
    """An `autograd.Function`, right, and its bugs.

    Attributes:
        forward: (ctx, *tensors) -> tensor.
        backward: (ctx, g) -> gradients.
        reference: the same function in PyTorch's own operations.
    """

    name: str
    draw: Draw
    diff: str
    forward: Function
    backward: Function
    reference: Function
    bugs: tuple[Wrong, ...]
    tags: str = ""

    def cases(self) -> Iterator[Case]:
        """Yields the right case, then the wrong ones."""
        yield self._case("right", Wrong("", ""))
        for bug in self.bugs:
            yield self._case(bug.name, bug)

    def _case(self, row: str, bug: Wrong) -> Case:
        subject = applied(bug.forward or self.forward, bug.backward or self.backward)
        return torch_case(
            self.name, row, self.draw, self.diff, subject, self.reference, bug, tags=self.tags
        )


def applied(forward: Function, backward: Function) -> Function:
    """Returns a function of tensors with this backward pass."""
    passes = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type("Subject", (torch.autograd.Function,), passes).apply


def torch_case(
    family: str,
    row: str,
    at: Draw,
    diff: str,
    subject: Function,
    reference: Function,
    bug: Wrong | None = None,
    tags: str = "",
    dtype: str = "float64",
) -> Case:
    """Returns a case whose gradients are those that PyTorch's engine hands out."""
    names = tuple(diff.split())
    bug = bug or Wrong("", "")

    def tensors(rng: np.random.Generator, dtype: np.dtype[Any]) -> Arrays:
        made = {name: tensor(x) for name, x in at(rng, dtype).items()}
        if isinstance(subject, nn.Module):
            prepared(subject, rng, dtype)
        return made

    return Case(
        make_inputs=tensors,
        forward=subject,
        backward=pulled(subject, names),
        diff=names,
        framework="torch",
        dtype=dtype,
        name=f"torch_{family}/{row}",
        family=f"torch_{family}",
        correct=row.startswith("right"),
        kind=bug.kind,
        diagnosis=bug.diagnosis,
        source=bug.source,
        tags=frozenset(tags.split()),
        twin=f"torch_{family}/right" if not row.startswith("right") else f"torch_{family}/{row}",
        reference=reference,
        right=pulled(reference, names),
    )


def tensor(x: Any) -> Any:
    """Returns an array as a tensor; bfloat16 by way of float32."""
    x = np.asarray(x)
    if x.dtype.name == "bfloat16":
        return torch.from_numpy(x.astype(np.float32)).bfloat16()
    return torch.from_numpy(x.copy())


def prepared(module: nn.Module, rng: np.random.Generator, dtype: np.dtype[Any]) -> None:
    """Draws a module's parameters anew, in this precision, and forgets running statistics."""
    module.to(getattr(torch, dtype.name))
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d):
            part.reset_running_stats()
    with torch.no_grad():
        for parameter in module.parameters():
            drawn = tensor((0.5 * rng.normal(size=tuple(parameter.shape))).astype(np.float32))
            parameter.copy_(drawn)


def pulled(f: Function, names: tuple[str, ...]) -> Function:
    """Returns the pullback of a function of tensors by PyTorch's engine, parameters included."""

    def backward(g: Any, **inputs: Any) -> Arrays:
        leaves = {
            k: t.detach().clone().requires_grad_(k in names) if torch.is_tensor(t) else t
            for k, t in inputs.items()
        }
        y = f(*leaves.values())
        parameters = dict(f.named_parameters()) if isinstance(f, nn.Module) else {}
        wanted = {k: leaves[k] for k in names if k in leaves} | parameters
        if not y.requires_grad:
            return {}
        cotangent = torch.as_tensor(np.asarray(g)).to(y.dtype)
        found = torch.autograd.grad(y, list(wanted.values()), cotangent, allow_unused=True)
        pairs = zip(wanted, found, strict=True)
        return {k: np.asarray(v.resolve_conj()) for k, v in pairs if v is not None}

    return backward


# --------------------------------------------------------------------------------------- functions
def linear_forward(ctx: Any, x: Any, W: Any, b: Any) -> Any:
    ctx.save_for_backward(x, W)
    return x @ W + b


def linear_backward(ctx: Any, g: Any) -> Any:
    x, W = ctx.saved_tensors
    return g @ W.T, x.T @ g, g.sum(0)


class _Shelf:
    """Where a careless author keeps what belongs to the context."""

    x: Any = None


def _shelved_forward(ctx: Any, x: Any, W: Any, b: Any) -> Any:
    _Shelf.x = x.detach().clone()
    return linear_forward(ctx, x, W, b)


def _shelved_backward(ctx: Any, g: Any) -> Any:
    return g @ ctx.saved_tensors[1].T, _Shelf.x.T @ g, g.sum(0)


def _with(i: int, change: Function) -> Function:
    """Returns linear's backward with one of its gradients changed: (g, x, W, gradient)."""

    def backward(ctx: Any, g: Any) -> Any:
        d = list(linear_backward(ctx, g))
        d[i] = change(g, *ctx.saved_tensors, d[i])
        return tuple(d)

    return backward


def _scaling_backward(ctx: Any, g: Any) -> Any:
    d = linear_backward(ctx, g)
    g.mul_(0.5)
    return d


def _by_memory(g: Any) -> Any:
    """What a kernel reads that takes data_ptr for a contiguous tensor."""
    if g.is_contiguous():
        return g
    flat = torch.zeros(g.numel(), dtype=g.dtype)
    storage = torch.as_strided(
        g,
        (min(g.numel(), g.untyped_storage().nbytes() // g.element_size() - g.storage_offset()),),
        (1,),
    )
    flat[: storage.numel()] = storage
    return flat.reshape(g.shape)


def _memory_backward(ctx: Any, g: Any) -> Any:
    return linear_backward(ctx, _by_memory(g))


def _noisy_backward(ctx: Any, g: Any) -> Any:
    x, w, b = linear_backward(ctx, g)
    generator = torch.Generator()
    generator.seed()
    return x * (1 + 1e-2 * torch.rand((), generator=generator, dtype=x.dtype)), w, b


LINEAR = Op(
    "linear",
    draw(x=(5, 4), W=(4, 3), b=(3,)),
    "x W b",
    linear_forward,
    linear_backward,
    lambda x, W, b: x @ W + b,
    (
        Wrong("bias_mean", "mean for sum", _with(2, lambda g, x, W, d: g.mean(0))),
        Wrong(
            "weight_half", "factor", _with(1, lambda g, x, W, d: d / 2), source="BVLC/caffe#6814"
        ),
        Wrong("input_sign", "sign", _with(0, lambda g, x, W, d: -d)),
        Wrong(
            "one_entry_dead",
            "one entry",
            _with(1, lambda g, x, W, d: d * (torch.arange(12).reshape(4, 3) != 7)),
        ),
        Wrong("bias_missing", "missing", _with(2, lambda g, x, W, d: None), kind="contract"),
        Wrong(
            "weight_through_single",
            "precision lost",
            _with(1, lambda g, x, W, d: d.float() if d.dtype == torch.float64 else d.bfloat16()),
            kind="contract",
            source="pytorch/extension-cpp#42",
        ),
        Wrong(
            "stale_class_attribute",
            "stale cache",
            _shelved_backward,
            _shelved_forward,
            kind="contract",
        ),
        Wrong(
            "mutates_cotangent",
            "cotangent mutated",
            _scaling_backward,
            kind="contract",
            source="pytorch/pytorch#81417",
        ),
        Wrong(
            "ignores_strides",
            "layout of the cotangent",
            _memory_backward,
            kind="contract",
            source="Dao-AILab/flash-attention#355",
        ),
        Wrong("noise", "nondeterministic backward", _noisy_backward, kind="contract"),
        Wrong(
            "cotangent_clipped",
            "not linear",
            lambda ctx, g: linear_backward(ctx, g.clamp(-5, 5)),
            kind="contract",
        ),
        Wrong(
            "cotangent_ignored",
            "not linear",
            lambda ctx, g: linear_backward(ctx, torch.ones_like(g)),
            source="sherjilozair/ctc#2",
        ),
    ),
)


def exp_forward(ctx: Any, x: Any) -> Any:
    y = x.exp()
    ctx.save_for_backward(x, y)
    return y


EXP = Op(
    "exponential",
    draw(x=normal(12)),
    "x",
    exp_forward,
    lambda ctx, g: g * ctx.saved_tensors[1],
    torch.exp,
    (
        Wrong("input_for_output", "wrong factor", lambda ctx, g: g * ctx.saved_tensors[0]),
        Wrong("passed_through", "missing activation", lambda ctx, g: g.clone()),
        Wrong(
            "in_place_on_cotangent",
            "cotangent mutated",
            lambda ctx, g: g.mul_(ctx.saved_tensors[1]),
            kind="contract",
            source="NVIDIA/apex#1430",
        ),
        Wrong("sign", "sign", lambda ctx, g: -g * ctx.saved_tensors[1]),
    ),
)


SMALL = Op(
    "sine_times_1e-7",
    draw(x=normal(12)),
    "x",
    lambda ctx, x: (ctx.save_for_backward(x), 1e-7 * x.sin())[1],
    lambda ctx, g: 1e-7 * g * ctx.saved_tensors[0].cos(),
    lambda x: 1e-7 * torch.sin(x),
    (
        Wrong("sign", "sign", lambda ctx, g: -1e-7 * g * ctx.saved_tensors[0].cos()),
        Wrong("seven_times", "factor", lambda ctx, g: 7e-7 * g * ctx.saved_tensors[0].cos()),
        Wrong("zero", "zero gradient", lambda ctx, g: torch.zeros_like(g)),
    ),
    tags="scale",
)


def relu_forward(ctx: Any, x: Any) -> Any:
    ctx.save_for_backward(x)
    return x.clamp_min(0)


def _relu_in_place(ctx: Any, x: Any) -> Any:
    x.clamp_min_(0)
    ctx.save_for_backward(x)
    return x.clone()


RELU = Op(
    "relu",
    draw(x=quantised(30, step=0.5)),
    "x",
    relu_forward,
    lambda ctx, g: g * (ctx.saved_tensors[0] > 0),
    torch.relu,
    (
        Wrong("straight_through", "straight-through", lambda ctx, g: g.clone()),
        Wrong(
            "two_at_zero",
            "outside the subgradient",
            lambda ctx, g: (
                g
                * torch.where(ctx.saved_tensors[0] == 0, 2.0, 1.0 * (ctx.saved_tensors[0] > 0)).to(
                    g.dtype
                )
            ),
        ),
        Wrong("guided", "wrong mask", lambda ctx, g: g * (ctx.saved_tensors[0] > 0) * (g > 0)),
        Wrong(
            "forward_in_place",
            "input mutated",
            forward=_relu_in_place,
            kind="contract",
            source="pytorch/pytorch#5871",
        ),
    ),
    tags="kink",
)

ROUND = Op(
    "round",
    draw(x=away(12, kinks=(0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 3.5, -3.5, 4.5, -4.5))),
    "x",
    lambda ctx, x: x.round(),
    lambda ctx, g: torch.zeros_like(g),
    torch.round,
    (
        Wrong("straight_through", "straight-through", lambda ctx, g: g.clone()),
        Wrong("scaled_straight_through", "straight-through", lambda ctx, g: 0.1 * g),
    ),
    tags="constant",
)


def norm_forward(ctx: Any, x: Any, w: Any) -> Any:
    z = (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt()
    ctx.save_for_backward(x, w, z)
    return z * w


def norm_backward(ctx: Any, g: Any, mean: float = 1.0, var: float = 1.0, rows: Any = 0) -> Any:
    x, w, z = ctx.saved_tensors
    h = g * w
    inverse = 1 / (x.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt()
    dx = h - mean * h.mean(-1, keepdim=True) - var * z * (h * z).mean(-1, keepdim=True)
    return inverse * dx, (g * z).sum(rows)


NORM = Op(
    "layer_norm",
    draw(x=(4, 6), w=(6,)),
    "x w",
    norm_forward,
    norm_backward,
    lambda x, w: nn.functional.layer_norm(x, (6,), w, None, 1e-5),
    (
        Wrong(
            "mean_term",
            "missing term",
            lambda ctx, g: norm_backward(ctx, g, mean=0.0),
            source="pytorch/functorch#534",
        ),
        Wrong("variance_term", "missing term", lambda ctx, g: norm_backward(ctx, g, var=0.0)),
        Wrong(
            "weight_mean",
            "mean for sum",
            lambda ctx, g: (norm_backward(ctx, g)[0], norm_backward(ctx, g)[1] / 4),
        ),
        Wrong(
            "weight_summed_up",
            "wrong shape",
            lambda ctx, g: norm_backward(ctx, g, rows=(0, 1)),
            kind="contract",
        ),
    ),
)


def entropy_forward(ctx: Any, z: Any, t: Any) -> Any:
    p = z.softmax(-1)
    ctx.save_for_backward(p, t)
    return -p.log()[torch.arange(len(t)), t].mean()


def entropy_backward(ctx: Any, g: Any, count: int = 0, scaled: bool = True) -> Any:
    p, t = ctx.saved_tensors
    d = p.clone()
    d[torch.arange(len(t)), t] -= 1
    return (g if scaled else 1) * d / (count or len(t)), None


ENTROPY = Op(
    "cross_entropy",
    draw(z=(6, 4), t=fixed([0, 3, 1, 1, 2, 0])),
    "z",
    entropy_forward,
    entropy_backward,
    nn.functional.cross_entropy,
    (
        Wrong("sum_for_mean", "sum for mean", lambda ctx, g: entropy_backward(ctx, g, count=1)),
        Wrong(
            "cotangent_ignored",
            "not linear",
            lambda ctx, g: entropy_backward(ctx, g, scaled=False),
            source="pytorch/pytorch#11750",
        ),
        Wrong(
            "modifies_saved_output",
            "state",
            lambda ctx, g: (_subtracting(ctx, g), None),
            kind="contract",
            source="ggml-org/ggml#1521",
        ),
    ),
)


def _subtracting(ctx: Any, g: Any) -> Any:
    """Works in the saved tensor itself: right once, wrong when called again."""
    p, t = ctx.saved_tensors
    with torch.no_grad():
        p.data[torch.arange(len(t)), t] -= 1
    return g * p / len(t)


def gather_forward(ctx: Any, x: Any, i: Any) -> Any:
    ctx.save_for_backward(i)
    ctx.shape = x.shape
    return x[i]


def gather_backward(ctx: Any, g: Any, add: bool = True) -> Any:
    (i,) = ctx.saved_tensors
    return torch.zeros(ctx.shape, dtype=g.dtype).index_put((i,), g, accumulate=add), None


GATHER = Op(
    "gather",
    draw(x=(5, 3), i=fixed([0, 3, 3, 1])),
    "x",
    gather_forward,
    gather_backward,
    lambda x, i: x[i],
    (
        Wrong(
            "duplicates_overwritten",
            "accumulation",
            lambda ctx, g: gather_backward(ctx, g, add=False),
            source="pytorch/pytorch#1631",
        ),
        Wrong(
            "rows_shifted",
            "off by one",
            lambda ctx, g: (gather_backward(ctx, g)[0].roll(1, 0), None),
        ),
    ),
)

COMPLEX = Op(
    "complex_product",
    draw(a=complex_normal(5), b=complex_normal(5)),
    "a b",
    lambda ctx, a, b: (ctx.save_for_backward(a, b), a * b)[1],
    lambda ctx, g: (g * ctx.saved_tensors[1].conj(), g * ctx.saved_tensors[0].conj()),
    torch.mul,
    (
        Wrong(
            "unconjugated",
            "conjugate",
            lambda ctx, g: (g * ctx.saved_tensors[1], g * ctx.saved_tensors[0]),
            source="pytorch/pytorch#60180",
        ),
        Wrong(
            "cotangent_conjugated",
            "conjugate",
            lambda ctx, g: (
                g.conj() * ctx.saved_tensors[1].conj(),
                g * ctx.saved_tensors[0].conj(),
            ),
        ),
    ),
)


# ----------------------------------------------------------------------------------------- modules
class Perceptron(nn.Module):
    """Two layers; `backward_of` is the pass of the second one."""

    def __init__(self, second: Function = nn.functional.linear):
        super().__init__()
        self.first = nn.Linear(4, 6)
        self.weight = nn.Parameter(torch.zeros(3, 6))
        self.second = second

    def forward(self, x: Any) -> Any:
        return self.second(torch.tanh(self.first(x)), self.weight)


def _second(backward: Function) -> Function:
    return applied(lambda ctx, h, W: (ctx.save_for_backward(h, W), h @ W.T)[1], backward)


class Remembering(nn.Module):
    """Keeps its last input and lets the weight's gradient be computed from it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3, 4))
        self.last: Any = None

    def forward(self, x: Any) -> Any:
        self.last = x.detach().clone()
        return applied(
            lambda ctx, x, W: (ctx.save_for_backward(W), x @ W.T)[1],
            lambda ctx, g: (g @ ctx.saved_tensors[0], g.T @ self.last),
        )(x, self.weight)


class Perturbed(nn.Module):
    """A linear layer whose weight carries noise."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3, 4))

    def forward(self, x: Any) -> Any:
        return x @ (self.weight + 1e-3 * torch.randn_like(self.weight)).T


def module(
    row: str,
    made: nn.Module,
    *shape: int,
    bug: Wrong | None = None,
    reference: nn.Module | None = None,
    twin: str = "",
    dtype: str = "float64",
    points: Draw | None = None,
    tags: str = "",
) -> Case:
    """Returns a case of a module with one input x; `reference` shares its parameters."""
    at = points or normals(*shape)
    case = torch_case("module", row, at, "x", made, reference or made, bug, tags, dtype)
    names = ("x", *(name for name, _ in made.named_parameters()))
    return replace(case, diff=names, twin=f"torch_module/{twin}" if twin else case.twin)


@cache
def normals(*shape: int) -> Draw:
    """Returns the one draw of this shape."""
    return draw(x=shape)


def _perceptron(
    name: str, diagnosis: str, backward: Function, kind: str = "value", source: str = ""
) -> Case:
    made, reference = Perceptron(_second(backward)), Perceptron()
    reference.first, reference.weight = made.first, made.weight
    bug = Wrong(name, diagnosis, kind=kind, source=source)
    return module(name, made, 5, 4, bug=bug, reference=reference, twin="right_perceptron")


def _one_layer(name: str, diagnosis: str, made: nn.Module) -> Case:
    reference = nn.Linear(4, 3, bias=False)
    reference.weight = made.get_parameter("weight")
    bug = Wrong(name, diagnosis, kind="contract")
    return module(name, made, 5, 4, bug=bug, reference=reference, twin="right_linear_no_bias")


def _pair(ctx: Any, g: Any) -> Any:
    h, W = ctx.saved_tensors
    return g @ W, g.T @ h


def modules() -> Iterator[Case]:
    """Yields PyTorch's own modules, and wrong ones."""
    yield module("right_perceptron", Perceptron(), 5, 4)
    yield module("right_linear", nn.Linear(4, 3), 5, 4)
    yield module("right_convolution", nn.Conv2d(2, 3, 3, stride=2, padding=1), 2, 2, 5, 5)
    yield module("right_batch_norm", nn.BatchNorm1d(4), 6, 4)
    yield module("right_batch_norm_evaluating", nn.BatchNorm1d(4).eval(), 6, 4)
    yield module("right_layer_norm", nn.LayerNorm(6), 4, 6)
    yield module(
        "right_gelu_stack", nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 2)), 5, 4
    )
    yield module(
        "right_relu_stack", nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2)), 5, 4
    )
    yield module(
        "right_attention",
        nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True),
        2,
        3,
        8,
    )
    yield module("right_transposed_convolution", nn.ConvTranspose1d(2, 3, 3, stride=2), 2, 2, 5)
    yield module(
        "right_dropout_evaluating", nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5)).eval(), 5, 4
    )
    yield module(
        "right_max_pool_ties",
        nn.MaxPool1d(2),
        points=draw(x=quantised(2, 3, 8, step=1.0)),
        tags="kink",
    )
    yield module(
        "right_relu_at_zero", nn.ReLU(), points=draw(x=quantised(20, step=1.0)), tags="kink"
    )
    yield module(
        "right_float32",
        nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 4)),
        6,
        8,
        dtype="float32",
    )
    yield module(
        "right_float16",
        nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 4)),
        6,
        8,
        dtype="float16",
    )
    yield module(
        "right_bfloat16",
        nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 4)),
        6,
        8,
        dtype="bfloat16",
    )
    yield _perceptron(
        "weight_zero", "zero gradient", lambda ctx, g: (_pair(ctx, g)[0], 0 * _pair(ctx, g)[1])
    )
    yield _perceptron(
        "weight_half", "factor", lambda ctx, g: (_pair(ctx, g)[0], _pair(ctx, g)[1] / 2)
    )
    yield _perceptron(
        "weight_missing", "missing", lambda ctx, g: (_pair(ctx, g)[0], None), "contract"
    )
    yield _perceptron("input_sign", "sign", lambda ctx, g: (-_pair(ctx, g)[0], _pair(ctx, g)[1]))
    yield _perceptron(
        "one_sample_dropped",
        "missing term",
        lambda ctx, g: (_pair(ctx, g)[0], g[1:].T @ ctx.saved_tensors[0][1:]),
    )
    yield _perceptron(
        "weight_mean", "mean for sum", lambda ctx, g: (_pair(ctx, g)[0], _pair(ctx, g)[1] / len(g))
    )
    yield module("right_linear_no_bias", nn.Linear(4, 3, bias=False), 5, 4)
    yield _one_layer("stale_input", "stale cache", Remembering())
    yield _one_layer("noisy_weight", "nondeterministic forward", Perturbed())
    yield module(
        "dropout_training",
        nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5)),
        5,
        4,
        bug=Wrong("", "nondeterministic forward", kind="contract", source="pytorch/pytorch#62315"),
        twin="right_dropout_evaluating",
    )


OPS = (LINEAR, EXP, SMALL, RELU, ROUND, NORM, ENTROPY, GATHER, COMPLEX)

CASES: tuple[Case, ...] = (*(case for op in OPS for case in op.cases()), *modules())
