"""Places in the code of a function: the expression of an operation, its operands, as written."""

import ast
import linecache
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from types import CodeType

LONGEST = 72
"""A longer expression is cut."""

CELL = re.compile(r"ipykernel_\d+[/\\]\d+\.py$|^<ipython-input")

MODULES = ("np", "numpy", "torch", "F", "scipy", "special", "sp", "jnp")
"""What stands before a function's dot, and is no operand."""


@dataclass(frozen=True)
class Place:
    """Where an operation stands.

    Attributes:
        frames: the code and the instruction of each frame of the function's own code, the
            innermost first.
    """

    frames: tuple[tuple[CodeType, int], ...]

    @cached_property
    def _span(self) -> tuple[int, int, int, int] | None:
        """First and last line, first and last column."""
        if not self.frames:
            return None
        code, instruction = self.frames[0]
        for first, last, start, stop in islice(code.co_positions(), instruction // 2, None):
            if first is None or last is None or start is None or stop is None:
                return None
            return first, last, start, stop
        return None

    @property
    def line(self) -> int:
        """The line in its file, 0 where it is not known."""
        return self._span[0] if self._span else 0

    @property
    def where(self) -> str:
        """The file and the line as a person finds them, "" where they are not known.

        The path from the working directory where the file is below it, its name elsewhere; cells of
        a notebook have files whose names say nothing.
        """
        return f"{_file(self.frames[0][0].co_filename)}:{self.line}" if self.line else ""

    @cached_property
    def source(self) -> str:
        """The expression as it is written, "" where the source is not at hand."""
        if self._span is None:
            return ""
        first, last, start, stop = self._span
        name = self.frames[0][0].co_filename
        lines = [linecache.getline(name, n).encode() for n in range(first, last + 1)]
        if not all(lines):
            return ""
        lines[-1] = lines[-1][:stop]
        lines[0] = lines[0][start:]
        return " ".join(b"".join(lines).decode(errors="replace").split())

    @cached_property
    def operands(self) -> tuple[str, ...]:
        """The operands as they are written, () where that is not known."""
        try:
            tree = ast.parse(self.source, mode="eval").body if self.source else None
        except SyntaxError:
            return ()
        match tree:
            case ast.BinOp(left, _, right):
                found = [left, right]
            case ast.UnaryOp(_, operand):
                found = [operand]
            case ast.Subscript(value, key):
                found = [value, key]
            case ast.Call(ast.Attribute(ast.Name(name)), args) if name in MODULES:
                found = args
            case ast.Call(ast.Attribute(ast.Attribute()), args):
                found = args
            case ast.Call(ast.Attribute(value), args):
                found = [value, *args]
            case ast.Call(_, args):
                found = args
            case _:
                return ()
        return tuple(map(ast.unparse, found))

    def __str__(self) -> str:
        """The expression, cut where it is long, with its line, and what calls it."""
        cut = self.source if len(self.source) <= LONGEST else f"{self.source[:LONGEST]}…"
        told = f"`{cut}` ({self.where})" if cut else self.where
        called = Place(self.frames[1:2])
        return f"{told} of {called}" if called.line else told


def _file(name: str) -> str:
    """Returns what a person calls a file of code.

    >>> _file("/anywhere/else/layers.py"), _file("<stdin>")
    ('layers.py', '<stdin>')
    >>> _file("/tmp/ipykernel_4711/1234567.py"), _file("<ipython-input-3-0a1b2c>")
    ('<cell>', '<cell>')
    """
    if CELL.search(name):
        return "<cell>"
    if name.startswith("<"):
        return name
    path, here = Path(name), Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else path.name


def without_common(places: Sequence[Place]) -> list[Place]:
    """Returns places without the outer frames that all of them have."""
    known = [place.frames[::-1] for place in places if place.frames]
    common = 0
    for frames in zip(*known, strict=False):
        if len(set(frames)) > 1 or any(len(own) == common + 1 for own in known):
            break
        common += 1
    return [Place(place.frames[: len(place.frames) - common]) for place in places]
