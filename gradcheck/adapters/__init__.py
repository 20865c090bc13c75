"""What the user has, brought to a `Subject`: one file for each kind of thing, one row here.

An adapter says whether it recognises the thing, and builds the subject. The rows are tried in
order; the last takes any callable.
"""

from collections.abc import Callable, Sequence
from typing import Any

from gradcheck.adapters.calls import Layer, is_layer
from gradcheck.adapters.functions import function_subject
from gradcheck.adapters.layers import layer_subject
from gradcheck.adapters.torch_reference import (
    TorchFunction,
    from_torch,
    is_torch_function,
    torch_reference_subject,
)
from gradcheck.errors import InvalidInput
from gradcheck.structure import describe
from gradcheck.subject import Subject

ADAPTERS: tuple[tuple[Callable[[Any, Any], bool], Callable[..., Subject]], ...] = (
    (lambda thing, vjp: is_torch_function(thing), torch_reference_subject),
    (lambda thing, vjp: vjp is None and is_layer(thing), layer_subject),
    (lambda thing, vjp: callable(thing), function_subject),
)

__all__ = ["ADAPTERS", "Layer", "TorchFunction", "from_torch", "subject_of"]


def subject_of(
    thing: Any,
    args: Sequence[Any],
    *,
    vjp: Callable[..., Any] | None,
    wrt: Sequence[str | int] | str | None,
    name: str | None,
) -> Subject:
    """Returns the subject of whatever the user wants checked.

    Raises:
        InvalidInput: no adapter knows the thing, or its arguments are malformed.
    """
    for recognises, build in ADAPTERS:
        if recognises(thing, vjp):
            return build(thing, args, vjp=vjp, wrt=wrt, name=name)
    raise InvalidInput(
        f"cannot check {describe(thing)}: pass a function with vjp=..., a rule that returns "
        "(y, pullback), or a layer object with forward and backward"
    )
