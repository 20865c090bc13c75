"""The PyTorch cases, held to plain autograd, to differences, and to the contract."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks.power.cases.torch_cases import CASES, tensor  # noqa: E402
from benchmarks.power.corpus import cotangent  # noqa: E402

HALF = {"float16", "bfloat16"}
RIGHTS = [case for case in CASES if case.correct and case.dtype not in HALF]
VALUE = [case for case in CASES if not case.correct and case.kind == "value"]
CONTRACT = [case for case in CASES if not case.correct and case.kind == "contract"]


def of(cases):
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


@of(RIGHTS)
def test_right_gradients_are_those_of_plain_autograd(case):
    tolerance = 1e-9 if case.dtype == "float64" else 1e-5
    assert case.deviation <= tolerance


@of([case for case in RIGHTS if "kink" not in case.tags and case.dtype == "float64"])
def test_references_agree_with_differences(case):
    inputs = list(case.inputs(3).values())
    f, names = case.reference, []
    if isinstance(f, torch.nn.Module):
        names = [name for name, _ in f.named_parameters()]
        inputs += [p.detach().clone() for p in f.parameters()]

    def g(*args):
        if not names:
            return f(*args)
        split = len(args) - len(names)
        named = dict(zip(names, args[split:], strict=True))
        return torch.func.functional_call(f, named, args[:split])

    leaves = [t.requires_grad_(t.is_floating_point() or t.is_complex()) for t in inputs]
    assert torch.autograd.gradcheck(g, tuple(leaves))


@of(VALUE)
def test_wrong_values_deviate(case):
    assert case.worst_entry > 1e-4


def gradients(case, inputs, g):
    leaves = {k: t.detach().clone() for k, t in inputs.items()}
    for k in case.diff:
        if k in leaves:
            leaves[k].requires_grad_()
    y = case.forward(*leaves.values())
    named = (
        dict(case.forward.named_parameters()) if isinstance(case.forward, torch.nn.Module) else {}
    )
    wanted = [{**leaves, **named}[k] for k in case.diff]
    return y, wanted, lambda g, **k: torch.autograd.grad(y, wanted, g, allow_unused=True, **k)


def apart(a, b):
    return any(
        (u is None) != (v is None) or (u is not None and not torch.allclose(u, v, 1e-9, 1e-12))
        for u, v in zip(a, b, strict=True)
    )


def breaks(case) -> set[str]:
    inputs, other = case.inputs(4), case.inputs(4)
    before = {k: t.clone() for k, t in inputs.items()}
    g = tensor(cotangent(case.value(inputs), np.random.default_rng(5)))
    found = set()
    if any(not torch.equal(inputs[k], before[k]) for k in inputs):
        found.add("mutates inputs")
    inputs = before
    try:
        y, _, pull = gradients(case, inputs, g)
        kept = g.clone()
        first = pull(g, retain_graph=True)
        if not torch.equal(g, kept):
            return {*found, "mutates the cotangent"}
        if apart(first, pull(g, retain_graph=True)):
            found.add("differs when called twice")
        if not torch.equal(y, gradients(case, inputs, g)[0]):
            found.add("forward differs")
        moved = {k: t + 1 if t.is_floating_point() else t for k, t in other.items()}
        _, _, pull_a = gradients(case, inputs, g)
        gradients(case, moved, g)
        if apart(first, pull_a(g)):
            found.add("state between calls")
        if g.ndim == 2:
            strided = g.T.contiguous().T
            if apart(first, gradients(case, inputs, g)[2](strided)):
                found.add("layout")
        scaled = gradients(case, inputs, g)[2](1024 * g)
        if apart(first, [None if d is None else d / 1024 for d in scaled]):
            found.add("not linear")
        if any(d is None for d in first):
            found.add("missing")
        right = case.right(g.numpy(), **inputs)
        digits = [
            np.abs(d.numpy() - right[k]).max() > 1e-12
            for k, d in zip(case.diff, first, strict=True)
            if d is not None and k in right
        ]
        if any(digits):
            found.add("digits")
    except RuntimeError:
        found.add("raises")
    return found


@of(CONTRACT)
def test_contract_bugs_break_a_rule(case):
    assert breaks(case)


@of([case for case in RIGHTS if case.dtype == "float64"])
def test_right_cases_keep_the_contract(case):
    assert not breaks(case)
