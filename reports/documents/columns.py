"""Tables whose headings say how their columns are computed, and the sums below them.

A column under o = σ(s) is computed row by row from the others. Its cells are judged only where most
of them come out: the heading is then read as it is meant, and the other cells are slips.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from reports.documents import display, values
from reports.documents.claims import Claim, Correction
from reports.documents.conventions import Conventions
from reports.documents.environment import Environment, key_of
from reports.documents.evaluate import evaluate
from reports.documents.recursions import recursions
from reports.documents.settings import tables
from reports.documents.source import Source
from reports.documents.table_cells import Cell, Row, heading, number
from reports.documents.tree import Node, Symbol, names
from reports.documents.values import NotEvaluable, Quantity, ShapeClash, Undefined

FEWEST_RIGHT, SHARE_RIGHT = 2, 2 / 3
"""So many cells of a column, and this share of them, agree by no accident."""

MOST_ROWS = 200
"""Longer tables are data."""

_TOTAL = re.compile(r"(?i)^[*$_ ]*(?:sum|total|\\sum|Σ|合计|总和|总计|求和|和)[*$_ :：]*$")


def column_claims(source: Source, environment: Environment, shared: Conventions) -> Iterator[Claim]:
    """Yields the verdicts on the tables of a text: one for a column, or one for each slip in it."""
    if "|" not in source.text:
        return
    for rows in tables(source.text):
        if FEWEST_RIGHT < len(rows) <= MOST_ROWS:
            line = source.place(rows[0][0]).line
            seen = set[int]()
            for cells in (
                *_computed(rows, environment, shared, line),
                *recursions(rows, environment, shared),
                *_totals(rows, shared),
            ):
                for claim in _verdicts(cells, source):
                    if claim.verdict == "ok" or claim.place.line not in seen:
                        yield claim
                    seen |= {claim.place.line} if claim.verdict != "ok" else set()


def _verdicts(cells: Sequence[Cell], source: Source) -> Iterator[Claim]:
    telling = [cell for cell in cells if not cell.agrees or np.any(cell.right.value)]
    right = sum(cell.agrees for cell in telling)
    if right < FEWEST_RIGHT or right < SHARE_RIGHT * len(telling):
        return
    slips = [cell for cell in cells if not cell.agrees]
    for cell in slips or cells[:1]:
        line = source.text[cell.offset :].split("\n", 1)[0]
        yield Claim(
            place=source.place(cell.offset),
            formula=" ".join(line.split()),
            verdict="wrong" if slips else "ok",
            kind="arithmetic",
            stated=display.printed(cell.shown.value),
            right=display.printed(cell.right, cell.shown),
            explanation=f"{cell.words}; the others come out" if slips else "",
            correction=Correction(value=cell.right),
        )


# ---------------------------------------------------------------- columns that have a formula


def _computed(
    rows: Sequence[Row], environment: Environment, shared: Conventions, line: int
) -> Iterator[list[Cell]]:
    """Yields the cells of each column that is computed from others."""
    headings = [heading(cell, shared, environment) for cell in rows[0][1]]
    columns = {name.key for name, _ in headings if name is not None}
    if len(columns) < sum(name is not None for name, _ in headings):
        return  # two columns of one name
    headings = [
        (n, _defined(n, columns, environment, line) if t is None else t) for n, t in headings
    ]
    if all(tree is None for _, tree in headings):
        return
    rows = _without_summary(rows)
    held = [_stated_row(cells, headings, shared) for _, cells in rows[1:]]
    right: list[dict[str, Quantity]] = [{} for _ in held]
    for at, (name, tree) in enumerate(headings):
        used = set() if tree is None else {key_of(n) for n in names(tree)}
        own = {name.key} if name is not None else set()
        if tree is None or used & own or not used & columns:
            continue
        if not all(key in columns or _constant(key, environment) is not None for key in used):
            continue
        words = f"it is computed from its row as {rows[0][1][at].strip()}"
        found = []
        for row, ((offset, cells), known) in enumerate(zip(rows[1:], held, strict=True)):
            shown = number(cells, at, shared)
            options = [_value(tree, k, environment) for k in ({**known, **right[row]}, known)]
            computed = [q for q in options if q is not None and not q.shape]
            if shown is None or not computed:
                continue
            agreed = [q for q in computed if display.agreement(q, shown) != "no"]
            best = (agreed or computed)[0]
            found.append(Cell(offset, shown, best, bool(agreed), words))
            if name is not None and not agreed:
                right[row][name.key] = best
        yield found


_LABEL = re.compile(r"[A-Za-z]{3,}|[\u4e00-\u9fff]")


def _without_summary(rows: Sequence[Row]) -> Sequence[Row]:
    """Returns a table without last rows that begin with a word where the others have none."""
    if len(rows) < 3 or not rows[1][1] or _LABEL.search(rows[1][1][0]):
        return rows
    while len(rows) > 2 and rows[-1][1] and _LABEL.search(rows[-1][1][0]):
        rows = rows[:-1]
    return rows


def _defined(
    name: Symbol | None, columns: set[str], environment: Environment, line: int
) -> Node | None:
    """Returns the last definition of a column's name above it, where it is one of other columns."""
    known = environment.definitions.get(name.key, []) if name is not None else []
    found = [d for d in known if d.place.line <= line and not d.wrong] or known[:1]
    if not found or found[-1].wrong:
        return None
    return found[-1].tree if any(key_of(n) in columns for n in names(found[-1].tree)) else None


def _constant(key: str | None, environment: Environment) -> Quantity | None:
    """Returns the value of a name that has no column, where it has one alone."""
    found = environment.entries.get(key or "", [])
    shapes = {repr(entry.value.value.tolist()) for entry in found}
    return found[0].value if len(shapes) == 1 else None


def _stated_row(
    cells: Sequence[str],
    headings: Sequence[tuple[Symbol | None, Node | None]],
    shared: Conventions,
) -> Mapping[str, Quantity]:
    """Returns the values of a row by name; what is computed, or has many digits, was rounded."""
    known = {}
    for at, (name, tree) in enumerate(headings):
        shown = number(cells, at, shared) if name is not None else None
        if name is None or shown is None:
            continue
        rounded = tree is not None or shown.digits.max() >= display.FEWEST_DIGITS
        known[name.key] = Quantity(shown.value.value, 0.5 * shown.unit * rounded)
    return known


def _value(tree: Node, known: Mapping[str, Quantity], environment: Environment) -> Quantity | None:
    context = environment.context()

    def look(node: Node) -> Quantity | None:
        key = key_of(node)
        held = known.get(key or "")
        return _constant(key, environment) if held is None else held

    context.look = look
    try:
        return evaluate(tree, context)
    except (NotEvaluable, ShapeClash, Undefined):
        return None


# ---------------------------------------------------------------- sums below


def _totals(rows: Sequence[Row], shared: Conventions) -> Iterator[list[Cell]]:
    """Yields the cells of a last row of sums; an empty cell above counts nothing."""
    offset, cells = rows[-1]
    if not cells or not _TOTAL.match(cells[0]) or len(rows) < 3:
        return
    found = []
    for at in range(1, len(cells)):
        shown = number(cells, at, shared)
        above = [number(row, at, shared) for _, row in rows[1:-1] if at < len(row) and row[at]]
        parts = [part for part in above if part is not None]
        if shown is None or len(parts) < len(above) or not parts:
            continue
        if any(part.value.shape for part in (*parts, shown)):
            continue
        total = sum(float(part.value.value) for part in parts)
        bar = sum(0.5 * float(part.unit) * (part.digits.max() > 2) for part in parts)
        right = values.quantity(total, np.asarray(bar))
        agrees = display.agreement(right, shown) != "no"
        found.append(Cell(offset, shown, right, agrees, f"it is the sum of column {at + 1}"))
    yield found
