"""What is under test, brought to one form: a point, a function, and the pullback that is claimed.

Every adapter ends here, and the rest of the road starts here. The function and the pullback take
and give flat mappings from names to arrays, so that nothing behind an adapter knows whether a
primal was an argument, a dictionary of parameters or an attribute of an object.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gradcheck import backends
from gradcheck.verdict import Finding

Point = Mapping[str, Any]
"""Arrays by name: the primals, or the cotangents of the outputs."""


@dataclass(frozen=True)
class Pulled:
    """What a pullback gave: the cotangents that could be named, and what misfits.

    Attributes:
        cotangents: x̄ by name; a primal that is missing had no gradient returned.
        findings: what is wrong with the form of what was returned.
    """

    cotangents: Mapping[str, Any]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Subject:
    """The function f at a point, and the pullback ȳ ↦ x̄ that is claimed for it.

    Attributes:
        name: how the user calls it.
        point: the primals to be differentiated, floating arrays by name.
        constants: the other arrays that the function reads; audited, not differentiated.
        function: point -> outputs by name. Pure: whatever the user's object does to itself, the
            adapter undoes it. A point may also name constants: they are then other ones.
        pullback: (cotangents of the outputs, point) -> `Pulled`. As pure.
        interleaved: (cotangents, point, another point) -> `Pulled` at the first, the function
            having been evaluated at the other meanwhile; None where it remembers on purpose.
        again: (cotangents, point) -> `Pulled` of a second forward and backward of one object; None
            where no gradient could be left from the first, or some method of it resets them.
        partial: (cotangents of some outputs, point, some primals) -> `Pulled` of these alone, the
            other outputs and primals left out of the graph, where a framework offers it.
        pushforward: (point, tangent) -> ∂f/∂x · v by name, where a framework offers it.
        apart: whether the pullback does not run the function, being another one.
        is_object: whether the gradients live in an object of the user's, by its own conventions.
        parameters: the names of those primals that an object holds, in order.
        findings: what the adapter found before any number was compared.
        undecided: primals whose claimed gradient cannot be had, with the reason.
        notes: what the reader of the verdict should know about the adapter's choices.
    """

    name: str
    point: Point
    constants: Point
    function: Callable[[Point], Point]
    pullback: Callable[[Point, Point], Pulled]
    interleaved: Callable[[Point, Point, Point], Pulled] | None = None
    again: Callable[[Point, Point], Pulled] | None = None
    partial: Callable[[Point, Point, Sequence[str]], Pulled] | None = None
    pushforward: Callable[[Point, Mapping[str, Any]], Point] | None = None
    apart: bool = False
    is_object: bool = False
    parameters: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    undecided: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def at(self, point: Point) -> "Subject":
        """Returns the same subject at another point."""
        return replace(self, point=point)


def copied(point: Point) -> dict[str, Any]:
    """Returns a copy of each array, so that whoever gets it may write to it."""
    return {
        name: backends.of(x).copy(x) if backends.is_array(x) else x for name, x in point.items()
    }
