"""Links in a row: (function, pullback) pairs, rules, layers, modules; each feeds the next.

The joining is ours, and right: what is wrong with a chain is wrong with one of its links.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.errors import InvalidInput
from gradcheck.subject import Point, Pulled, Subject


@dataclass(frozen=True, init=False)
class Chain:
    """Links in a row, y = fₙ(… f₂(f₁(x))), each with its own claimed pullback.

    Each link is a pair (function, vjp), a rule that returns (y, pullback), a layer object, or a
    PyTorch module or function. The first takes what is given to `check`, each other the output of
    the one before (a tuple: its items in order). Where a gradient of the chain is wrong,
    `verdict.roots` names the link.

    Args:
        *links: the links in order; their parameters are called `[0].W` and so on.
        **named: further links, by name.

    Raises:
        InvalidInput: there is no link.

    >>> import numpy as np
    >>> import gradcheck
    >>> double = (lambda x: 2 * x, lambda y_bar, x: 2 * y_bar)
    >>> square = (lambda x: x**2, lambda y_bar, x: x * y_bar)
    >>> chain = gradcheck.Chain(double, square, double)
    >>> verdict = gradcheck.check(chain, np.array([0.5, -1.5]), seed=0)
    >>> verdict.status, verdict.roots[0].path
    ('fail', 'chain[1]')
    """

    links: tuple[tuple[str, Any], ...]

    def __init__(self, *links: Any, **named: Any) -> None:
        numbered = {f"[{i}]": link for i, link in enumerate(links)}
        object.__setattr__(self, "links", tuple({**numbered, **named}.items()))
        if not self.links:
            raise InvalidInput("a chain without links: pass them in order, Chain(first, second)")


@dataclass(frozen=True, eq=False)
class Link:
    """A link where it stands in a chain.

    Attributes:
        name: what it is called by.
        thing: the function, layer or module.
        vjp: the pullback of a function, where it is given beside it.
        args: what it is fed.
        subject: the link by itself, at what comes out of the links before.
        inputs: the names of those of its primals that the output of the one before is.
        outputs: the names of its outputs.
    """

    name: str
    thing: Any
    vjp: Callable[..., Any] | None
    args: tuple[Any, ...]
    subject: Subject
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


SubjectOf = Callable[..., Subject]
"""`gradcheck.adapters.subject_of`, which knows this module in turn."""


def is_chain(thing: Any) -> bool:
    """Returns whether a thing is a chain, or a list of links."""
    return isinstance(thing, (Chain, list))


def chain_of(thing: Any) -> Chain:
    """Returns a list of links as a chain."""
    return thing if isinstance(thing, Chain) else Chain(*thing)


def links_of(
    chain: Chain,
    args: Sequence[Any],
    wrt: Sequence[str | int] | str | None,
    subject_of: SubjectOf,
) -> tuple[Link, ...]:
    """Returns the links, each at what comes out of those before it.

    Raises:
        InvalidInput: a link is not understood, or does not take what it is fed.
    """
    links: list[Link] = []
    for name, thing in chain.links:
        f, vjp = thing if _is_pair(thing) else (thing, None)
        subject = subject_of(f, args, vjp=vjp, wrt=None if links else wrt, name=None)
        inputs = tuple(n for n in subject.point if n not in subject.parameters)
        if links and len(inputs) != len(args):
            raise InvalidInput(
                f"link {name} of the chain differentiates {len(inputs)} inputs "
                f"({', '.join(inputs)}), and the link before puts out {len(args)}"
            )
        y = subject.function(dict(subject.point))
        links.append(Link(name, f, vjp, tuple(args), subject, inputs, tuple(y)))
        args = tuple(y.values())
    return tuple(links)


def chain_subject(
    thing: Any,
    args: Sequence[Any],
    *,
    vjp: None = None,
    wrt: Sequence[str | int] | str | None,
    name: str | None,
    subject_of: SubjectOf,
) -> Subject:
    """Returns the subject of a chain: the inputs of its first link, and the parameters of all."""
    links = links_of(chain_of(thing), args, wrt, subject_of)
    homes = [_homes(link, is_first=not i) for i, link in enumerate(links)]
    point = {
        ours: link.subject.point[own]
        for link, home in zip(links, homes, strict=True)
        for ours, own in home.items()
    }

    def points(at: Point) -> list[Point]:
        return [{own: at[ours] for ours, own in home.items() if ours in at} for home in homes]

    def function(at: Point) -> Point:
        return passed(links, points(at))[1]

    def pullback(cotangents: Point, at: Point) -> Pulled:
        primals, _ = passed(links, points(at))
        all_pulled = [pulled for _, pulled in pulled_back(links, primals, cotangents)][::-1]
        found = {
            ours: pulled.cotangents[own]
            for home, pulled in zip(homes, all_pulled, strict=True)
            for ours, own in home.items()
            if own in pulled.cotangents
        }
        findings = [
            replace(f, primal=None, message=f"chain{link.name}: {f.message}")
            for link, pulled in zip(links, all_pulled, strict=True)
            for f in pulled.findings
        ]
        return Pulled(found, tuple(findings))

    parameters = tuple(ours for home in homes for ours, own in home.items() if ours != own)
    constants, title = links[0].subject.constants, name or "chain"
    return Subject(title, point, constants, function, pullback, parameters=parameters)


def passed(links: Sequence[Link], points: Sequence[Point]) -> tuple[list[Point], Point]:
    """Returns the primals of each link, its inputs from the one before, and what comes out."""
    primals: list[Point] = []
    y: Point = {}
    for link, own in zip(links, points, strict=True):
        primals.append({**own, **(dict(zip(link.inputs, y.values(), strict=True)) if y else {})})
        y = link.subject.function(primals[-1])
    return primals, y


def pulled_back(
    links: Sequence[Link], primals: Sequence[Point], y_bar: Point
) -> Iterator[tuple[Point, Pulled]]:
    """Yields the cotangents that reach each link, and what it gives back, from the last link on."""
    for i in reversed(range(len(links))):
        pulled = links[i].subject.pullback(y_bar, primals[i])
        yield y_bar, pulled
        if i:
            names = links[i - 1].outputs
            y_bar = {
                name: pulled.cotangents.get(own, _zero(primals[i][own]))
                for name, own in zip(names, links[i].inputs, strict=True)
            }


def _homes(link: Link, *, is_first: bool) -> dict[str, str]:
    """Returns the primals of the chain that are a link's, with the names that they have there."""
    own = {f"{link.name}.{name}": name for name in link.subject.parameters}
    return ({name: name for name in link.inputs} if is_first else {}) | own


def _zero(x: Any) -> Any:
    return backends.of(x).like(np.zeros(backends.coordinates(x)), x)


def _is_pair(thing: Any) -> bool:
    return isinstance(thing, tuple) and len(thing) == 2 and all(map(callable, thing))
