"""PyTorch tensors, on whatever device they are; PyTorch is used only where the user imported it."""

import math
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcheck.backends.base import Precision


class TorchBackend:
    """See `Backend`. Tensors are handed out detached; who differentiates asks for that anew."""

    def owns(self, value: Any) -> bool:
        torch = sys.modules.get("torch")
        return torch is not None and isinstance(value, torch.Tensor)

    def is_floating(self, x: Any) -> bool:
        dense = x.layout is _torch().strided and not x.is_quantized
        return dense and (x.is_floating_point() or x.is_complex())

    def is_complex(self, x: Any) -> bool:
        return x.is_complex()

    def precision(self, x: Any) -> Precision:
        info = _torch().finfo(x.dtype)
        return Precision(
            name=info.dtype,
            bits=round(1 - math.log2(info.eps)),
            eps=info.eps,
            tiny=info.tiny,
            largest=info.max,
        )

    def dtype(self, x: Any) -> str:
        return str(x.dtype).removeprefix("torch.")

    def shape(self, x: Any) -> tuple[int, ...]:
        return tuple(x.shape)

    def copy(self, x: Any) -> Any:
        return x.detach().clone()

    def cast(self, x: Any, precision: str) -> Any:
        dtype = getattr(_torch(), precision)
        return x.detach().to(dtype.to_complex() if x.is_complex() else dtype, copy=True)

    def like(self, values: np.ndarray, x: Any) -> Any:
        return self._given(values, x).to(x.dtype)

    def step(self, x: Any, t: float, v: np.ndarray) -> Any:
        direction = self._given(v, x)
        return (x.detach().to(direction.dtype) + t * direction).to(x.dtype)

    def values(self, x: Any) -> np.ndarray:
        torch = _torch()
        tensor = x.detach().resolve_conj().resolve_neg()
        tensor = torch.view_as_real(tensor) if x.is_complex() else tensor
        return tensor.to("cpu", torch.float64).numpy()

    def same(self, x: Any, y: Any) -> bool:
        if x.shape != y.shape or x.dtype != y.dtype:
            return False
        if not self.is_floating(x):
            return _torch().equal(x, y)
        return _torch().allclose(x, y, rtol=0.0, atol=0.0, equal_nan=True)

    def restore(self, x: Any, y: Any) -> None:
        with _torch().no_grad():
            x.copy_(y)

    def shares(self, x: Any, y: Any) -> bool:
        if not (self.owns(x) and self.owns(y)) or x.numel() == 0 or y.numel() == 0:
            return False
        return _pointer(x) == _pointer(y) and _reaches(x, y) and _reaches(y, x)

    def broadcast(self, x: Any) -> Any:
        return x.new_ones(()).expand(x.shape) if x.numel() > 1 else x

    def layouts(self, x: Any) -> Iterator[tuple[str, Any]]:
        if x.dim() == 0 or x.numel() < 2:
            return
        swapped = x.transpose(0, -1).contiguous().transpose(0, -1)
        if not swapped.is_contiguous():
            yield "transposed in memory", swapped
        wide = x.new_full((*x.shape[:-1], 2 * x.shape[-1]), math.nan)
        wide[..., ::2] = x
        yield "every second element of a wider tensor", wide[..., ::2]

    def _given(self, values: np.ndarray, x: Any) -> Any:
        """Returns coordinates as a float64 (or complex128) tensor on the device of x."""
        torch = _torch()
        tensor = torch.from_numpy(np.ascontiguousarray(values)).reshape(values.shape)
        tensor = torch.view_as_complex(tensor) if x.is_complex() else tensor
        return tensor.to(x.device)


def _torch() -> Any:
    return sys.modules["torch"]


def _pointer(x: Any) -> int:
    return x.untyped_storage().data_ptr()


def _reaches(x: Any, y: Any) -> bool:
    """Whether x begins before y ends, in their common storage."""
    span = sum((size - 1) * stride for size, stride in zip(y.shape, y.stride(), strict=True))
    return x.data_ptr() <= y.data_ptr() + span * y.element_size()
