"""PyTorch tensors, on whatever device they are; PyTorch is used only where the user imported it."""

import math
import sys
from collections.abc import Iterator
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from gradcheck.backends.base import Precision
from gradcheck.backends.numpy_backend import overlap
from gradcheck.errors import EvaluationError

NO_DOUBLE = ("mps",)
"""Devices without float64: what is computed in it is computed on the CPU."""


class TorchBackend:
    """See `Backend`. Tensors are handed out detached; who differentiates asks for that anew."""

    def owns(self, kind: type) -> bool:
        tensor = getattr(sys.modules.get("torch"), "Tensor", None)
        return tensor is not None and issubclass(kind, tensor)

    def is_floating(self, x: Any) -> bool:
        return _is_strided(x) and not x.is_quantized and (x.is_floating_point() or x.is_complex())

    def is_complex(self, x: Any) -> bool:
        return x.is_complex()

    def precision(self, x: Any) -> Precision:
        return _precision(x.dtype)

    def dtype(self, x: Any) -> str:
        return str(x.dtype).removeprefix("torch.")

    def shape(self, x: Any) -> tuple[int, ...]:
        return tuple(x.shape)

    def copy(self, x: Any) -> Any:
        return x.detach().clone()

    def cast(self, x: Any, precision: str) -> Any:
        if precision == "float64" and x.device.type in NO_DOUBLE:
            raise EvaluationError(f"the device {x.device} has no float64")
        dtype = getattr(_torch(), precision)
        return x.detach().to(dtype.to_complex() if x.is_complex() else dtype, copy=True)

    def like(self, values: np.ndarray, x: Any) -> Any:
        return self._given(values, x).to(x.dtype).to(x.device)

    def step(self, x: Any, t: float, v: np.ndarray) -> Any:
        direction = self._given(v, x)
        wide = x.detach().to(direction.device).to(direction.dtype)
        return _torch().add(wide, direction, alpha=t).to(x.dtype).to(x.device)

    def values(self, x: Any) -> np.ndarray:
        torch = _torch()
        tensor = torch.view_as_real(x.resolve_conj()) if x.is_complex() else x
        return tensor.to(_computes_wide(x)).to(torch.float64).numpy(force=True)

    def same(self, x: Any, y: Any) -> bool:
        if x.shape != y.shape or x.dtype != y.dtype or x.layout is not y.layout:
            return False
        x, y = _dense(x), _dense(y)
        if _torch().equal(x, y):  # several times as fast as what knows NaN
            return True
        return self.is_floating(x) and _torch().allclose(x, y, rtol=0.0, atol=0.0, equal_nan=True)

    def restore(self, x: Any, y: Any) -> None:
        with _torch().no_grad():
            x.copy_(y)

    def shares(self, x: Any, y: Any) -> bool:
        both = self.owns(x.__class__) and self.owns(y.__class__)
        if not both or x.numel() == 0 or y.numel() == 0:
            return False
        if not (_is_strided(x) and _is_strided(y)):  # a sparse tensor has no memory of its own kind
            return False
        return x.device == y.device and overlap(_addresses(x), _addresses(y))

    def broadcast(self, x: Any) -> Any:
        return x.new_ones(()).expand(x.shape) if x.numel() > 1 else x

    def layouts(self, x: Any) -> Iterator[tuple[str, Any]]:
        if x.dim() == 0 or x.numel() < 2 or not _is_strided(x):
            return
        swapped = x.transpose(0, -1).clone(memory_format=_torch().contiguous_format)
        swapped = swapped.transpose(0, -1)
        if swapped.stride() != x.stride() and not swapped.is_contiguous():
            yield "transposed in memory", swapped
        wide = x.new_full((*x.shape[:-1], 2 * x.shape[-1]), math.nan)
        wide[..., ::2] = x
        yield "every second element of a wider tensor", wide[..., ::2]

    def _given(self, values: np.ndarray, x: Any) -> Any:
        """Returns coordinates as a float64 (or complex128) tensor, on the device of x if it can."""
        torch = _torch()
        tensor = torch.from_numpy(np.asarray(values, order="C"))
        # Not view_as_complex: it refuses what has no entries.
        tensor = torch.complex(tensor[..., 0], tensor[..., 1]) if x.is_complex() else tensor
        return tensor.to(_computes_wide(x))


def _computes_wide(x: Any) -> Any:
    """Returns the device on which float64 takes the place of a tensor's own precision."""
    return "cpu" if x.device.type in NO_DOUBLE else x.device


def _is_strided(x: Any) -> bool:
    return x.layout is _torch().strided


def _dense(x: Any) -> Any:
    return x if _is_strided(x) else x.to_dense()


@lru_cache
def _precision(dtype: Any) -> Precision:
    info = _torch().finfo(dtype)
    return Precision(
        name=info.dtype,
        bits=round(1 - math.log2(info.eps)),
        eps=info.eps,
        tiny=info.tiny,
        largest=info.max,
    )


def _torch() -> Any:
    return sys.modules["torch"]


def _addresses(x: Any) -> np.ndarray:
    """Returns an array of the memory that a tensor occupies, of which nothing may be read."""
    size = x.element_size()
    interface = {
        "version": 3,
        "typestr": f"|V{size}",
        "shape": tuple(x.shape),
        "strides": tuple(step * size for step in x.stride()),
        "data": (x.data_ptr(), True),
    }
    return np.asarray(SimpleNamespace(__array_interface__=interface))
