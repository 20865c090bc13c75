"""Networks: where in one a wrong gradient starts.

A wrong pullback spoils the gradients of everything before it. So each part of a network is checked
by itself, at the inputs and cotangents that really pass through it, from the whole down to the
smallest part that is wrong while its own parts are right.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from gradcheck.adapters.functions import name_of
from gradcheck.network.links import chain_part, is_link_network
from gradcheck.network.modules import is_module_network, module_part
from gradcheck.network.objects import is_layer_network, is_rule_network, layer_part, rule_part
from gradcheck.network.parts import Inside, Part
from gradcheck.subject import Point, Subject

__all__ = ["NETWORKS", "Inside", "Part", "is_network", "network_of"]


def network_of(
    thing: Any,
    args: Sequence[Any],
    vjp: Callable[..., Any] | None,
    subject: Subject,
    y_bar: Point,
    path: str = "",
) -> Part:
    """Returns a thing as a part that stands at a path, without parts where no row knows it.

    Args:
        thing: as in `check`.
        args: as in `check`.
        vjp: as in `check`.
        subject: the subject of all that.
        y_bar: the cotangents that reach it, by the names of its outputs.
        path: where it stands; "" for the network itself.
    """
    for recognises, build in NETWORKS:
        if recognises(thing, args, vjp):
            return build(thing, args, subject, y_bar, path)
    return Part(
        path=path,
        thing=name_of(thing),
        subject=lambda: subject,
        y_bar=y_bar,
        inside=lambda: None,
    )


def is_network(thing: Any, args: Sequence[Any], vjp: Callable[..., Any] | None) -> bool:
    """Returns whether a thing may have parts."""
    return any(recognises(thing, args, vjp) for recognises, _ in NETWORKS)


NETWORKS: tuple[tuple[Callable[[Any, Any, Any], bool], Callable[..., Part]], ...] = (
    (is_link_network, partial(chain_part, build=network_of)),
    (is_module_network, module_part),
    (is_layer_network, layer_part),
    (is_rule_network, rule_part),
)
"""Which things have parts, and how these are found."""
