"""The checkers, one row each: a name, and a function of a case and its inputs that judges.

A NumPy case enters PyTorch through `autograd.Function`, autograd through `primitive` and `defvjp`,
JAX through the function under its `check_grads`, `check_vjp`. Settings are the checkers' defaults
unless the row says otherwise.
"""

# Peers are optional: one that is not installed is left out of the table.
# pyright: reportMissingImports=false

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from benchmarks.power.corpus import Arrays, Case, cotangent

Status = Literal["pass", "warned", "fail", "inconclusive", "error"]
Judgement = tuple[Status, str]
Check = Callable[[Case, Arrays, int], Judgement]

JACOBIAN_ENTRIES = 20_000_000
"""A full Jacobian above this (160 MB, several copies of it) is not asked for."""

RELATIVE = 1e-4
"""The relative error that passes where a checker only returns a number."""


@dataclass(frozen=True)
class Checker:
    """A way to judge a gradient.

    Attributes:
        name: as typed on the command line.
        label: as printed.
        check: (case, inputs, seed) -> (status, detail); may raise.
        needs: the module that must be installed.
        peer: whether an exception is a verdict (a peer that crashes has noticed something).
    """

    name: str
    label: str
    check: Check
    needs: str
    peer: bool = True

    @property
    def installed(self) -> bool:
        """Whether its library can be imported."""
        return importlib.util.find_spec(self.needs) is not None


def ours(case: Case, inputs: Arrays, seed: int) -> Judgement:
    """`gradcheck.check` as it is."""
    import gradcheck

    if case.framework == "torch":
        verdict = gradcheck.check(case.forward, *inputs.values(), seed=seed)
    else:
        verdict = gradcheck.check(
            case.forward,
            inputs,
            vjp=lambda g, **k: case.backward(g, **k),
            wrt=case.diff,
            seed=seed,
        )
    warned = verdict.status == "pass" and verdict.findings
    return "warned" if warned else verdict.status, str(verdict)


# -------------------------------------------------------------------------------------- PyTorch
def _torch_subject(case: Case, inputs: Arrays) -> tuple[Callable[..., Any], list[Any]]:
    """Returns the case as a function of tensors, and the tensors."""
    import torch

    if case.framework == "torch":
        return case.forward, [_leaf(x) for x in inputs.values()]
    fixed = {name: x for name, x in inputs.items() if name not in case.diff}

    def arrays(tensors: Any) -> Arrays:
        return fixed | {n: t.detach().numpy() for n, t in zip(case.diff, tensors, strict=True)}

    class Subject(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Any) -> Any:
            ctx.save_for_backward(*tensors)
            y = case.forward(**arrays(tensors))
            ctx.many = isinstance(y, tuple)
            return tuple(map(_tensor, y)) if ctx.many else _tensor(y)

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            g = tuple(part.numpy() for part in grads)
            gradients = case.backward(g if ctx.many else g[0], **arrays(ctx.saved_tensors))
            return tuple(
                None if gradients.get(name) is None else _tensor(gradients[name])
                for name in case.diff
            )

    return Subject.apply, [_leaf(_tensor(inputs[name])) for name in case.diff]


def _tensor(x: Any) -> Any:
    import torch

    x = np.asarray(x)
    if x.dtype.name == "bfloat16":
        return torch.from_numpy(x.astype(np.float32)).bfloat16()
    return torch.from_numpy(np.array(x, order="C"))


def _leaf(x: Any) -> Any:
    floating = x.is_floating_point() or x.is_complex()
    return x.detach().clone().requires_grad_() if floating else x


def torch_gradcheck(case: Case, inputs: Arrays, seed: int, **settings: Any) -> Judgement:
    """`torch.autograd.gradcheck`, slow unless told."""
    import torch

    subject, tensors = _torch_subject(case, inputs)
    outputs = subject(*tensors)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    entries = sum(t.numel() for t in tensors) * sum(y.numel() for y in outputs)
    if not settings.get("fast_mode") and entries > JACOBIAN_ENTRIES:
        return "inconclusive", f"a Jacobian of {entries} entries"
    torch.autograd.gradcheck(subject, tuple(tensors), **settings)
    return "pass", ""


# ------------------------------------------------------------------------------- JAX, autograd
def _positional(case: Case, inputs: Arrays) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Returns the function and the pullback of the differentiable inputs in order."""
    fixed = {name: x for name, x in inputs.items() if name not in case.diff}

    def named(args: Any) -> Arrays:
        return fixed | {n: np.array(x) for n, x in zip(case.diff, args, strict=True)}

    def f(*args: Any) -> Any:
        return case.forward(**named(args))

    def pullback(g: Any, *args: Any) -> tuple[Any, ...]:
        gradients = case.backward(g, **named(args))
        return tuple(
            np.zeros_like(x) if gradients.get(n) is None else gradients[n]
            for n, x in zip(case.diff, args, strict=True)
        )

    return f, pullback


def _numpy_only(case: Case) -> Judgement | None:
    return ("inconclusive", "PyTorch only") if case.framework == "torch" else None


def jax_check_grads(case: Case, inputs: Arrays, seed: int) -> Judgement:
    """`jax.test_util.check_grads` of order 1, reverse mode."""
    import jax
    from jax.test_util import check_vjp

    if skipped := _numpy_only(case):
        return skipped
    jax.config.update("jax_enable_x64", True)
    f, pullback = _positional(case, inputs)

    def conjugate(tree: Any) -> Any:
        return jax.tree.map(lambda x: np.conj(np.asarray(x)), tree)

    def f_vjp(*args: Any) -> Any:
        return f(*args), lambda g: conjugate(pullback(conjugate(g), *args))

    check_vjp(f, f_vjp, tuple(inputs[name] for name in case.diff))
    return "pass", ""


def autograd_check_grads(case: Case, inputs: Arrays, seed: int) -> Judgement:
    """HIPS autograd's `check_grads` of order 1, reverse mode."""
    from autograd import test_util
    from autograd.extend import defvjp, primitive

    if skipped := _numpy_only(case):
        return skipped
    f, pullback = _positional(case, inputs)
    args = [inputs[name] for name in case.diff]
    y = f(*args)
    if isinstance(y, tuple) or any(map(np.iscomplexobj, (y, *args))):
        return "inconclusive", "tuples and PyTorch's complex convention do not enter autograd"
    subject: Any = primitive(f)

    def rule(i: int) -> Any:
        return lambda y, *xs: lambda g: pullback(g, *xs)[i]

    defvjp(subject, *(rule(i) for i in range(len(args))))
    check: Any = test_util.check_grads  # its decorator hides the signature from type checkers
    all_of_them = tuple(range(len(args)))  # the default is the first argument only
    check(subject, all_of_them, modes=["rev"], order=1)(*args)
    return "pass", ""


# ---------------------------------------------------------------- scalars of one flat real vector
def _flat(case: Case, inputs: Arrays, seed: int) -> tuple[Any, Any, Any]:
    """Returns ⟨g, f⟩ of one flat vector, its gradient, and the point."""
    g = cotangent(case.forward(**inputs), np.random.default_rng(seed))
    shapes = [np.shape(inputs[name]) for name in case.diff]
    ends = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])

    def named(v: Any) -> Arrays:
        parts = {
            name: v[a:b].reshape(shape).astype(inputs[name].dtype)
            for name, a, b, shape in zip(case.diff, ends[:-1], ends[1:], shapes, strict=True)
        }
        return inputs | parts

    def phi(v: Any) -> float:
        y = case.forward(**named(v))
        pairs = zip(g, y, strict=True) if isinstance(y, tuple) else ((g, y),)
        return float(sum(np.sum(np.asarray(a * b, float)) for a, b in pairs))

    def gradient(v: Any) -> Any:
        gradients = case.backward(g, **named(v))
        parts: list[Any] = [
            np.zeros(shape) if gradients.get(name) is None else gradients[name]
            for name, shape in zip(case.diff, shapes, strict=True)
        ]
        return np.concatenate([np.ravel(part).astype(float) for part in parts])

    point = np.concatenate([np.ravel(inputs[name]).astype(float) for name in case.diff])
    return phi, gradient, point


def _unsupported(case: Case, inputs: Arrays) -> Judgement | None:
    if skipped := _numpy_only(case):
        return skipped
    y = case.forward(**inputs)
    parts: list[Any] = [*inputs.values(), *(y if isinstance(y, tuple) else (y,))]
    if any(map(np.iscomplexobj, parts)):
        return "inconclusive", "real functions only"
    return None


def scipy_check_grad(case: Case, inputs: Arrays, seed: int) -> Judgement:
    """`scipy.optimize.check_grad`, its number divided by the gradient's norm."""
    from scipy.optimize import check_grad

    if skipped := _unsupported(case, inputs):
        return skipped
    phi, gradient, point = _flat(case, inputs, seed)
    error = check_grad(phi, gradient, point) / max(np.linalg.norm(gradient(point)), 1e-300)
    return ("pass" if error <= RELATIVE else "fail"), f"relative error {error:.2g}"


def recipe(case: Case, inputs: Arrays, seed: int, h: float = 1e-5, most: int = 1000) -> Judgement:
    """The recipe of Stanford's CS231n: central differences, the worst relative error of an entry.

    Where there are more than `most` entries a random sample of as many is looked at.
    """
    if skipped := _unsupported(case, inputs):
        return skipped
    phi, gradient, point = _flat(case, inputs, seed)
    claimed, worst = gradient(point), 0.0
    if claimed.shape != point.shape:
        return "fail", "another shape"
    for i in np.random.default_rng(seed).permutation(point.size)[:most]:
        step = np.zeros_like(point)
        step[i] = h
        slope = (phi(point + step) - phi(point - step)) / (2 * h)
        error = abs(claimed[i] - slope) / max(1e-8, abs(claimed[i]) + abs(slope))
        worst = max(worst, error) if np.isfinite(error) else np.inf
    return ("pass" if worst <= RELATIVE else "fail"), f"relative error {worst:.2g}"


LOOSE = {"eps": 1e-3, "atol": 1e-2, "rtol": 1e-2}
"""What people set for float32."""

CHECKERS = (
    Checker("ours", "gradcheck", ours, "gradcheck", peer=False),
    Checker("torch_slow", "torch gradcheck, slow", torch_gradcheck, "torch"),
    Checker(
        "torch_fast", "torch gradcheck, fast", partial(torch_gradcheck, fast_mode=True), "torch"
    ),
    Checker("torch_slow_loose", "torch slow, loose", partial(torch_gradcheck, **LOOSE), "torch"),
    Checker(
        "torch_fast_loose",
        "torch fast, loose",
        partial(torch_gradcheck, fast_mode=True, **LOOSE),
        "torch",
    ),
    Checker("jax", "jax check_grads", jax_check_grads, "jax"),
    Checker("autograd", "autograd check_grads", autograd_check_grads, "autograd"),
    Checker("scipy", "scipy check_grad, relative 1e-4", scipy_check_grad, "scipy"),
    Checker("recipe", "CS231n recipe, relative 1e-4", recipe, "numpy"),
)
