"""A wrong autograd Function within a module is named, wherever it is applied; no right one is."""

import pytest
import torch
from torch import nn

import gradcheck


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, y_bar):  # pyright: ignore
        (x,) = ctx.saved_tensors
        return y_bar * 3 * x**2


class WrongCube(Cube):
    @staticmethod
    def backward(ctx, y_bar):  # pyright: ignore
        (x,) = ctx.saved_tensors
        return y_bar * 3 * x


class WrongScale(torch.autograd.Function):
    @staticmethod
    def forward(x, scale):
        return x * scale

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, y_bar):  # pyright: ignore
        x, scale = ctx.saved_tensors
        return y_bar * scale, (y_bar * x).mean(0)


wrong_cube = WrongCube.apply


class Between(nn.Module):
    """A Function between two right modules, once or twice."""

    def __init__(self, cube, times=1):
        super().__init__()
        self.before, self.after, self.cube, self.times = linear(), linear(), cube, times

    def forward(self, x):
        x = self.before(x)
        for _ in range(self.times):
            x = self.cube(x)
        return self.after(x)


class Scaled(nn.Module):
    """A Function of the module's own parameter."""

    def __init__(self):
        super().__init__()
        self.linear, self.scale = linear(), nn.Parameter(torch.rand(4, dtype=torch.float64))

    def forward(self, x):
        return WrongScale.apply(self.linear(x), self.scale)


class Left(nn.Module):
    """A right Function, and a parameter that is left out of the graph."""

    def __init__(self):
        super().__init__()
        self.linear, self.scale = linear(), nn.Parameter(torch.rand(4, dtype=torch.float64))

    def forward(self, x):
        return Cube.apply(self.linear(x)) * self.scale.detach()


def linear():
    return nn.Linear(4, 4, dtype=torch.float64)


def roots_of(module):
    torch.manual_seed(1)
    x = torch.randn(3, 4, dtype=torch.float64)
    return gradcheck.check(module, x, seed=0).roots


@pytest.fixture(autouse=True)
def repeated():
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("make", "path"),
    [
        (lambda: Between(WrongCube.apply), "WrongCube"),
        (lambda: Between(wrong_cube), "WrongCube"),
        (lambda: Between(WrongCube.apply, times=2), "WrongCube"),
        (lambda: nn.Sequential(linear(), Between(WrongCube.apply), nn.Tanh()), "net[1].WrongCube"),
        (lambda: nn.Sequential(Between(Cube.apply), Between(wrong_cube)), "net[1].WrongCube"),
    ],
    ids=["between", "kept", "twice", "nested", "after a right one"],
)
def test_a_wrong_function_is_named(make, path):
    (root,) = roots_of(make())
    assert (root.path, root.thing, root.kind) == (path, "autograd.Function", "part")
    assert "WrongCube" in root.message and "its input cotangent" in root.message
    assert {f.primal for f in root.findings} == {"x"}


def test_a_function_is_wrong_in_a_parameter_that_it_is_given():
    (root,) = roots_of(Scaled())
    assert root.path == "WrongScale" and "its parameter scale" in root.message
    assert root.explains == ("scale",)


def test_a_right_function_is_not_named():
    assert not roots_of(Between(Cube.apply))
    (root,) = roots_of(Left())
    assert root.kind == "join" and "Cube" in root.message.split("right by themselves")[0]


def test_a_module_that_is_one_function_is_that_function():
    class Alone(nn.Module):
        def forward(self, x):
            return WrongCube.apply(x)

    (root,) = roots_of(Alone())
    assert root.path == "WrongCube"


def test_functions_are_applied_as_before_afterwards():
    before = dict(vars(torch.autograd.function._SingleLevelFunction))
    roots_of(Between(WrongCube.apply))
    assert dict(vars(torch.autograd.function._SingleLevelFunction)) == before
