"""A document as text, and where in it something stands: line, column, and cell of a notebook."""

import bisect
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

Kind = Literal["markdown", "latex"]

MOST_CHARACTERS = 2_000_000
"""What is longer is read up to here, and the rest is reported as not read."""


class Unreadable(Exception):
    """A file that cannot be audited: the message says why."""


@dataclass(frozen=True)
class Place:
    """Where something begins. Lines and columns count from 1; `cell` is None outside notebooks."""

    line: int
    column: int
    cell: int | None = None

    def __str__(self) -> str:
        cell = "" if self.cell is None else f"cell {self.cell}, "
        return f"{cell}{self.line}:{self.column}"


@dataclass(frozen=True)
class Source:
    """One text to read: a file, or one cell of a notebook.

    Attributes:
        text: the text; lines end with a line feed.
        kind: its markup.
        cell: the number of the notebook's cell, from 1.
        code: whether the whole text is program code (a notebook's code cell).
        cut: whether the text was longer than what is read.
    """

    text: str
    kind: Kind = "markdown"
    cell: int | None = None
    code: bool = False
    cut: bool = False

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(i + 1 for i, c in enumerate(self.text) if c == "\n")]

    def place(self, offset: int) -> Place:
        """Returns where a character stands."""
        line = bisect.bisect_right(self._starts, offset)
        return Place(line, offset - self._starts[line - 1] + 1, self.cell)


def read(path: Path) -> tuple[Source, ...]:
    """Returns the texts of a file: one, or the cells of a notebook.

    Raises:
        Unreadable: the file cannot be read, is no UTF-8 text, or is no notebook.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from error
    return sources(data, path.suffix.lower())


def sources(data: bytes, suffix: str = ".md") -> tuple[Source, ...]:
    """Returns the texts in the bytes of a file with the given suffix.

    Raises:
        Unreadable: the bytes are no UTF-8 text, or no notebook.
    """
    if b"\0" in data[:4096]:
        raise Unreadable("it is a binary file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"it is not UTF-8 text (byte {error.start})") from error
    if suffix == ".ipynb":
        return tuple(_cells(text))
    return (_source(text, "latex" if suffix in {".tex", ".latex", ".ltx"} else "markdown"),)


def _source(text: str, kind: Kind, cell: int | None = None, *, code: bool = False) -> Source:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    cut = len(text) > MOST_CHARACTERS
    return Source(text[:MOST_CHARACTERS], kind, cell, code=code, cut=cut)


def _cells(text: str) -> list[Source]:
    try:
        notebook: Any = json.loads(text)
        cells = notebook["cells"]
        found = []
        for number, cell in enumerate(cells, start=1):
            lines = cell.get("source", "")
            body = lines if isinstance(lines, str) else "".join(lines)
            if cell.get("cell_type") in {"markdown", "code"}:
                code = cell["cell_type"] == "code"
                found.append(_source(body, "markdown", number, code=code))
        return found
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Unreadable(f"it is not a Jupyter notebook ({error})") from error
