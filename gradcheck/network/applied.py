"""Autograd Functions that a PyTorch module applies itself: parts like the modules below it.

A user may keep `f = MyFunction.apply`, so it is not the class's `apply` that is watched, but the
one underneath, which all of them come to.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

Apply: TypeAlias = Callable[[Any, Callable[..., Any], tuple[Any, ...]], Any]
"""(the Function, its own apply, the arguments) -> what its caller gets."""


@contextmanager
def watched_functions(apply: Apply) -> Iterator[None]:
    """Applies the Functions of user code by another function."""
    function: Any = sys.modules["torch"].autograd.function
    base: Any = getattr(function, "_SingleLevelFunction", None)
    if base is None or "apply" in vars(base):  # another version of PyTorch: its Functions unseen
        yield
        return

    def watched(cls: Any, *args: Any, **kwargs: Any) -> Any:
        def run(*args: Any) -> Any:
            return super(base, cls).apply(*args, **kwargs)

        return run(*args) if cls.__module__.startswith("torch.") else apply(cls, run, args)

    base.apply = classmethod(watched)
    try:
        yield
    finally:
        del base.apply
