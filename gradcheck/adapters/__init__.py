"""What the user has, brought to a `Subject`: one file for each kind of thing, one row here.

An adapter says whether it recognises the thing, and builds the subject. The rows are tried in
order; the last takes any callable.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gradcheck.adapters.calls import Layer, is_layer, is_layer_class
from gradcheck.adapters.chains import Chain, chain_subject, is_chain
from gradcheck.adapters.functions import function_subject
from gradcheck.adapters.layers import layer_subject
from gradcheck.adapters.primals import is_floating_tree
from gradcheck.adapters.torch_functions import is_torch_call, torch_subject
from gradcheck.adapters.torch_reference import (
    TorchFunction,
    from_torch,
    is_torch_function,
    torch_reference_subject,
)
from gradcheck.errors import InvalidInput
from gradcheck.structure import describe
from gradcheck.subject import Subject

ADAPTERS: tuple[tuple[Callable[[Any, Any, Any], bool], Callable[..., Subject]], ...] = (
    (lambda thing, args, vjp: is_torch_function(thing), torch_reference_subject),
    (
        lambda thing, args, vjp: vjp is None and is_chain(thing),
        lambda thing, args, **options: chain_subject(thing, args, subject_of=subject_of, **options),
    ),
    (is_torch_call, torch_subject),
    (lambda thing, args, vjp: vjp is None and is_layer(thing), layer_subject),
    (lambda thing, args, vjp: callable(thing), function_subject),
)

__all__ = [
    "ADAPTERS",
    "Chain",
    "Layer",
    "TorchFunction",
    "from_torch",
    "reference_of",
    "subject_of",
]


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
    if vjp is not None and not callable(vjp):
        raise InvalidInput(f"vjp is {describe(vjp)}: wanted a function, vjp(y_bar, *primals)")
    if inspect.isclass(thing) and hasattr(thing, "apply") and hasattr(thing, "save_for_backward"):
        raise InvalidInput(f"{thing.__name__} is an autograd.Function: pass {thing.__name__}.apply")
    if inspect.isclass(thing) and is_layer_class(thing):
        raise InvalidInput(f"{thing.__name__} is a class: pass an instance, {thing.__name__}(...)")
    for recognises, build in ADAPTERS:
        if recognises(thing, args, vjp):
            return build(thing, args, vjp=vjp, wrt=wrt, name=name)
    raise InvalidInput(
        f"cannot check {describe(thing)}: pass a function with vjp=..., a rule that returns "
        "(y, pullback), a layer object with forward and backward (gradcheck.Layer says where they "
        "are called otherwise), or a PyTorch module"
    )


def reference_of(
    reference: Any, subject: Subject, args: Sequence[Any], wrt: Sequence[str | int] | str | None
) -> Subject:
    """Returns the subject of another implementation of the same function.

    It is called as the first one was; of a layer, the inputs come first, then the parameters.
    """
    if not subject.parameters:
        return subject_of(reference, args, vjp=None, wrt=wrt, name=None)
    inputs = tuple(args[0].values()) if len(args) == 1 and isinstance(args[0], Mapping) else args
    everything = (*inputs, *(subject.point[name] for name in subject.parameters))
    floating = [i for i, value in enumerate(everything) if is_floating_tree(value)]
    return subject_of(reference, everything, vjp=None, wrt=floating, name=None)
