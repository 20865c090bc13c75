"""Chains: their links are their parts."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from gradcheck.adapters import subject_of
from gradcheck.adapters.chains import Link, chain_of, is_chain, links_of, passed, pulled_back
from gradcheck.adapters.layers import inputs_wrt
from gradcheck.errors import PullbackError
from gradcheck.network.parts import Inside, Part
from gradcheck.subject import Point, Subject

Build = Callable[..., Part]


def is_link_network(thing: Any, args: Sequence[Any], vjp: Any) -> bool:
    """Returns whether a thing is a chain."""
    return vjp is None and is_chain(thing)


def chain_part(
    thing: Any, args: Sequence[Any], subject: Subject, y_bar: Point, path: str, build: Build
) -> Part:
    """Returns a chain as a part that stands at a path; `build` makes parts of its links."""

    def inside() -> Inside:
        floating = inputs_wrt(args)
        wrt = None if len(floating) == len(args) else floating
        links = links_of(chain_of(thing), args, wrt, subject_of)
        primals, _ = passed(links, [link.subject.point for link in links])
        parts: list[Part] = []
        try:
            back = pulled_back(links, primals, y_bar)
            for link, (bars, _) in zip(reversed(links), back, strict=True):
                parts.append(_link_part(link, bars, path, build))
        except PullbackError:
            pass  # a wrong form broke the next one: what was reached tells which
        rows = zip(pairwise(parts), pairwise(reversed(links)), strict=False)
        pairs = {
            (part.label, first.label): _pair_part(before, link, part.y_bar)
            for (part, first), (link, before) in rows
        }
        return Inside(tuple(parts), pairs=pairs)

    return Part(path=path, thing="chain", subject=lambda: subject, y_bar=y_bar, inside=inside)


def _link_part(link: Link, y_bar: Point, path: str, build: Build) -> Part:
    here = f"{path or 'chain'}{link.name}" if link.name.startswith("[") else link.name
    return build(link.thing, link.args, link.vjp, link.subject, y_bar, here)


def _pair_part(first: Link, second: Link, y_bar: Point) -> Part:
    """Returns two links in a row as one part."""
    things = [(link.thing, link.vjp) if link.vjp else link.thing for link in (first, second)]
    floating = inputs_wrt(first.args)
    wrt = None if len(floating) == len(first.args) else floating
    return Part(
        path=f"{first.name} and {second.name}",
        thing="pair",
        subject=lambda: subject_of(things, first.args, vjp=None, wrt=wrt, name=None),
        y_bar=y_bar,
        inside=lambda: None,
    )
