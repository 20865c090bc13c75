"""The cells of a table: what its headings name, and what its numbers are."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reports.documents import display
from reports.documents.conventions import Conventions
from reports.documents.environment import Environment
from reports.documents.nouns import phrase, resolve
from reports.documents.settings import bare_cell, one_side
from reports.documents.statements import statements
from reports.documents.tree import Node, Symbol, literal
from reports.documents.values import Quantity

LONGEST_NAME = 30
"""Longer headings are no name."""

_FORMULA = re.compile(r"\$([^$]+)\$|\\\(((?:[^\\]|\\[^)])+)\\\)")
Row = tuple[int, list[str]]


@dataclass(frozen=True, eq=False)
class Cell:
    """A cell with the value that it should have.

    Attributes:
        offset: where its row begins in the text.
        shown: what it states.
        right: what comes out.
        agrees: whether this is what it states.
        words: how it is computed.
    """

    offset: int
    shown: display.Stated
    right: Quantity
    agrees: bool
    words: str


def heading(
    cell: str, shared: Conventions, environment: Environment
) -> tuple[Symbol | None, Node | None]:
    """Returns the name of a column, and the formula by which it is computed."""
    written = _FORMULA.findall(cell)
    if not written and len(cell) < LONGEST_NAME:
        node = one_side(cell, shared) if len(cell.strip("* ")) == 1 else None
        node = node or resolve(phrase(cell.strip("* ")), environment)
        return (node, None) if isinstance(node, Symbol) else (None, None)
    if len(written) != 1 or len(cell) > 200:
        return None, None
    chains = statements(written[0][0] or written[0][1], 0, shared)
    if len(chains) != 1 or chains[0].unread:
        return None, None
    sides = [link.node for link in chains[0].links]
    first = sides[0] if sides else None
    if len(sides) == 1 and not isinstance(first, Symbol):
        return None, first
    if not isinstance(first, Symbol) or any(link.relation != "=" for link in chains[0].links[1:]):
        return None, None
    return first, sides[1] if len(sides) == 2 else None


def number(cells: Sequence[str], at: int, shared: Conventions) -> display.Stated | None:
    """Returns the number that a cell states; None where it states none."""
    node = one_side(bare_cell(cells[at]), shared) if at < len(cells) else None
    return display.stated(node) if node is not None and literal(node) else None
