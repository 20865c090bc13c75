"""A PyTorch function as a reference: its value, and its gradient by autograd."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.adapters.functions import call
from gradcheck.adapters.primals import outputs, primals_of
from gradcheck.errors import InvalidInput
from gradcheck.structure import leaves, rebuild
from gradcheck.subject import Point, Pulled, Subject


@dataclass(frozen=True)
class TorchFunction:
    """A function of PyTorch tensors; see `from_torch`."""

    function: Callable[..., Any]
    name: str = "PyTorch autograd"


def from_torch(function: Callable[..., Any], name: str = "PyTorch autograd") -> TorchFunction:
    """Returns a PyTorch function as a reference for `check(..., reference=...)`.

    Args:
        function: takes the primals as tensors (float64 stays float64, float32 stays float32, data
            such as labels become tensors too) and returns a tensor, or a structure of them.
        name: how the verdict calls it.

    Raises:
        InvalidInput: PyTorch is not installed.
    """
    _torch()
    return TorchFunction(function, name)


def is_torch_function(thing: Any) -> bool:
    """Returns whether a thing is a PyTorch function wrapped by `from_torch`."""
    return isinstance(thing, TorchFunction)


def torch_reference_subject(
    thing: TorchFunction,
    args: Sequence[Any],
    *,
    vjp: None = None,
    wrt: Sequence[str | int] | str | None,
    name: str | None,
) -> Subject:
    """Returns the subject of a PyTorch function over NumPy primals."""
    torch = _torch()
    title = name or thing.name
    primals = primals_of(thing.function, args, wrt)

    def tensors(point: Point) -> tuple[tuple[Any, ...], dict[str, Any], dict[str, Any]]:
        inputs = {
            n: torch.tensor(np.ascontiguousarray(x), requires_grad=True) for n, x in point.items()
        }
        data = {
            path: torch.tensor(np.ascontiguousarray(leaf))
            for tree_name, tree in primals.trees.items()
            for path, leaf in leaves(tree, tree_name).items()
            if isinstance(leaf, np.ndarray) and path not in point
        }
        args, kwargs = primals.arguments({**data, **inputs})
        return args, kwargs, inputs

    def function(point: Point) -> dict[str, Any]:
        args, kwargs, _ = tensors(point)
        return outputs(_numpy(call(thing.function, args, kwargs, title)), title)

    def pullback(cotangents: Point, point: Point) -> Pulled:
        args, kwargs, inputs = tensors(point)
        y = leaves(thing.function(*args, **kwargs), "y")
        seeds = [torch.tensor(np.asarray(cotangents[n])).reshape(v.shape) for n, v in y.items()]
        found = torch.autograd.grad(
            list(y.values()), list(inputs.values()), seeds, allow_unused=True
        )
        named = zip(inputs, found, strict=True)
        return Pulled({n: g.detach().numpy() for n, g in named if g is not None})

    return Subject(title, primals.point, primals.constants, function, pullback)


def _numpy(tree: Any) -> Any:
    values = {n: v.detach().numpy() for n, v in leaves(tree, "y").items()}
    return rebuild(tree, "y", values)


def _torch() -> Any:
    try:
        import torch
    except ImportError as cause:
        raise InvalidInput(
            'a PyTorch reference needs PyTorch: pip install "gradcheck[torch]"'
        ) from cause
    return torch
