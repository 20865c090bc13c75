"""Keeping traced arrays traced where NumPy gives them no say: conversions and new buffers.

`np.asarray(x)`, `np.array([x, y])` and `out = np.zeros(n); out[i] = x` do not ask the arrays that
are involved. For the time of a run these functions are replaced by ones that act as before, except
on behalf of the run that is active in the caller's context; other threads notice nothing.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

import numpy as np

from gradcheck.replay import numpy_ops
from gradcheck.replay.tape import active, running
from gradcheck.replay.traced import as_buffer, bare, has_traced, wrapped

CONVERSIONS = ("array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray", "require")
BUFFERS = ("zeros", "empty", "ones", "full", "zeros_like", "empty_like", "ones_like", "full_like")

_LOCK = RLock()
_REPLACED: list[tuple[Any, str, Any]] = []
_USERS = [0]


@contextmanager
def replaced() -> Iterator[None]:
    """Replaces the functions while anybody runs."""
    with _LOCK:
        _USERS[0] += 1
        if _USERS[0] == 1:
            _REPLACED[:] = _install()
    try:
        yield
    finally:
        with _LOCK:
            _USERS[0] -= 1
            if not _USERS[0]:
                for owner, name, original in _REPLACED:
                    setattr(owner, name, original)
                _REPLACED.clear()


def _install() -> list[tuple[Any, str, Any]]:
    targets = [(np, name, _converting) for name in CONVERSIONS]
    targets += [(np, name, _buffering) for name in BUFFERS]
    targets += [(np.lib.stride_tricks, "as_strided", _converting)]
    targets += [(np.vectorize, "__call__", _looping)]
    if "torch" in sys.modules:
        targets += [(sys.modules["torch"], "from_numpy", _leading_out)]
    originals = [(owner, name, getattr(owner, name)) for owner, name, _ in targets]
    for owner, name, replacement in targets:
        setattr(owner, name, replacement(getattr(owner, name)))
    return originals


def _converting(original: Callable[..., Any]) -> Callable[..., Any]:
    def convert(*args: Any, **kwargs: Any) -> Any:
        tape = active()
        is_tensor = bool(args) and hasattr(args[0], "detach")
        if tape is None or not (is_tensor or has_traced((args, kwargs))):
            return original(*args, **kwargs)
        return as_buffer(numpy_ops.passed(tape, original.__name__, original, args, kwargs))

    return convert


def _buffering(original: Callable[..., Any]) -> Callable[..., Any]:
    def new(*args: Any, **kwargs: Any) -> Any:
        if active() is None:
            return original(*args, **kwargs)
        with running(None):
            return as_buffer(original(*bare(args), **bare(kwargs)))

    return new


def _looping(original: Callable[..., Any]) -> Callable[..., Any]:
    """`np.vectorize` hands plain numbers to its function; here it gets traced ones."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        tape = active()
        if tape is None or not has_traced((args, kwargs)):
            return original(self, *args, **kwargs)
        if kwargs or self.signature is not None or self.excluded or self.cache:
            tape.escape("np.vectorize with options")
            return original(self, *bare(args), **bare(kwargs))
        shape = np.broadcast_shapes(*(np.shape(bare(a)) for a in args))
        columns = [wrapped(np.broadcast_to(bare(a), shape)) for a in args]
        results = [self.pyfunc(*(c[i] for c in columns)) for i in np.ndindex(*shape)]
        return np.array(results).reshape(shape)[()]

    return call


def _leading_out(original: Callable[..., Any]) -> Callable[..., Any]:
    """Into torch, where the same run sees what happens."""

    def convert(array: Any) -> Any:
        return original(bare(array))

    return convert
