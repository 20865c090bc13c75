"""Tables of quantities and their values, held against the definitions of what they name.

A table may give or find a value. It is wrong only where others of the same table are found, as
their definitions say; alone it is not checked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from reports.documents import display
from reports.documents.by_definition import guarded, is_off
from reports.documents.claims import Claim, Correction
from reports.documents.columns import FEWEST_RIGHT, MOST_ROWS, SHARE_RIGHT
from reports.documents.conventions import Conventions
from reports.documents.environment import Environment, key_of
from reports.documents.links import Pair, compare
from reports.documents.nouns import phrase, resolve
from reports.documents.settings import bare_cell, named_cells, one_side, tables
from reports.documents.source import Source
from reports.documents.tree import Link, Node, Symbol, literal


@dataclass(frozen=True, eq=False)
class _Held:
    """A value of a table with its definition.

    Attributes:
        offset: where its row begins.
        words: what it says.
        pair: its definition and itself, compared.
    """

    offset: int
    words: str
    pair: Pair


def cell_claims(source: Source, environment: Environment, shared: Conventions) -> Iterator[Claim]:
    """Yields the verdicts on tables of names and values."""
    for rows in tables(source.text) if "|" in source.text else ():
        if len(rows) > MOST_ROWS:
            continue
        held = [*_held(rows, source, environment, shared)]
        agreed = [each for each in held if each.pair.agreement != "no"]
        off = [each for each in held if each.pair.agreement == "no"]
        surely = len(agreed) >= FEWEST_RIGHT and len(agreed) >= SHARE_RIGHT * len(held)
        for each in off or agreed[:1]:
            yield _claim(each, source, surely=surely)


def _held(
    rows: Sequence[tuple[int, list[str]]],
    source: Source,
    environment: Environment,
    shared: Conventions,
) -> Iterator[_Held]:
    """Yields the values of a table whose names have one definition and all that it needs."""
    offsets = {source.place(offset) for offset, _ in rows}
    for offset, name, cell in named_cells([*rows]):
        node, number = _name(name, environment, shared), one_side(bare_cell(cell), shared)
        key = None if node is None else key_of(node)
        definitions = environment.definitions.get(key or "", [])
        if number is None or not literal(number) or len(definitions) != 1:
            continue
        others = {
            k: kept
            for k, found in environment.entries.items()
            if (kept := [e for e in found if k != key or e.place not in offsets])
        }
        known = replace(environment, entries=others)
        pair = compare(guarded(definitions[0], known), Link(number, "=", cell), known)
        if pair is not None and (pair.agreement != "no" or (pair.certain and is_off(pair))):
            yield _Held(offset, f"{name.strip()} | {cell.strip()}", pair)


def _name(cell: str, environment: Environment, shared: Conventions) -> Node | None:
    """Returns what a cell names, in a formula or in words."""
    node = one_side(cell, shared) if "$" in cell or len(cell) < 4 else None
    if isinstance(node, Symbol):
        return node
    _, dollar, rest = cell.partition("$")
    inner = one_side(rest.partition("$")[0], shared) if dollar else None
    return inner if isinstance(inner, Symbol) else resolve(phrase(cell), environment)


def _claim(held: _Held, source: Source, *, surely: bool) -> Claim:
    shown = display.stated(held.pair.right.node)
    agrees = held.pair.agreement != "no"
    computed = held.pair.computed
    words = "its definition gives another value" + ("; the others come out" if surely else "")
    open_ = "nothing says whether the table gives or finds it; its definition gives another value"
    return Claim(
        place=source.place(held.offset),
        formula=held.words,
        verdict="ok" if agrees else "wrong" if surely else "not checked",
        kind="arithmetic",
        stated=display.printed(shown.value),
        right="" if computed is None else display.printed(computed, shown),
        explanation="" if agrees else words if surely else open_,
        correction=None if agrees else Correction(value=computed),
    )
