"""A part of a network: one call of it, what really passed through, and its own parts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gradcheck import backends
from gradcheck.structure import leaves
from gradcheck.subject import Point, Subject, copied


@dataclass(frozen=True, eq=False, kw_only=True)
class Part:
    """One call of a part of a network.

    Attributes:
        path: how a person reaches it from the network: `layers[2]`, `encoder[1].linear`.
        thing: the name of its type or function.
        subject: makes the subject of the part by itself, at the inputs that passed through it.
        y_bar: the cotangents that reached it, by the names of its outputs; those that did not are
            missing.
        inside: runs it, and returns what it is made of; None where it has no parts.
        inputs: the arrays that went in.
        outputs: the arrays that came out, by name.
        reached: whether the backward pass came to it.
        call: which of its calls it is, from 1.
        returned: what its backward returned in the network, by name.
        alone: makes what its backward returns by itself, by the same names; None where a backward
            cannot remember another call.
        reads: what its backward was given -> the cotangents of its outputs, by name.
    """

    path: str
    thing: str
    subject: Callable[[], Subject]
    y_bar: Point
    inside: Callable[[], "Inside | None"]
    inputs: Sequence[Any] = ()
    outputs: Point = field(default_factory=dict)
    reached: bool = True
    call: int = 1
    returned: Point = field(default_factory=dict)
    alone: Callable[[], Point] | None = None
    reads: Callable[[Any], Point] = field(default=lambda given: {})

    @property
    def label(self) -> str:
        """The path, with the number of a later call."""
        return self.path if self.call == 1 else f"{self.path}, call {self.call}"

    def edges(self) -> dict[str, str]:
        """The names of the outputs, by how the edges that leave the part are called."""
        return {f"{self.label}{name[1:]}": name for name in self.outputs}


@dataclass(frozen=True, eq=False)
class Inside:
    """What a part is made of.

    Attributes:
        parts: its own parts, in the order of the backward pass.
        edges: the part as a function of what its parts put out, each displaced: the claimed
            cotangents are those that reach the parts. None where they cannot be displaced.
        pairs: two that stand in a row as one part, by their labels, the later one first.
    """

    parts: tuple[Part, ...]
    edges: Subject | None = None
    pairs: Mapping[tuple[str, str], Part] = field(default_factory=dict)


def below(path: str, part: str) -> str:
    """Returns the path of a part of what stands at a path.

    >>> below("net.encoder", "[1].linear"), below("", "layers[0]"), below("", "[1]")
    ('net.encoder[1].linear', 'layers[0]', 'net[1]')
    """
    if part.startswith("["):
        return f"{path or 'net'}{part}"
    return f"{path}.{part}" if path else part


def arrays(tree: Any, name: str = "y") -> dict[str, Any]:
    """Returns copies of the floating arrays of a structure, by name."""
    found = leaves(tree, name)
    return copied({path: leaf for path, leaf in found.items() if backends.is_floating(leaf)})


def displaced(found: Mapping[str, Any], shifted: Point, given: Point, edge: str) -> dict[str, Any]:
    """Returns what a part puts out, moved by as much as its edges are moved.

    Args:
        found: the arrays it puts out, by name.
        shifted: where the edges are moved.
        given: where they are without.
        edge: the part's label.
    """
    moved = {}
    for name, y in found.items():
        key = f"{edge}{name[1:]}"
        if key in shifted:
            moved[name] = y + (shifted[key] - given[key])
    return moved
