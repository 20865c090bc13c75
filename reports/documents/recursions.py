"""Tables of steps: a row for each k, a column under w_k that is computed from the rows before."""

from collections.abc import Iterator, Sequence

from reports.documents import display
from reports.documents.conventions import Conventions
from reports.documents.environment import Environment, key_of
from reports.documents.evaluate import evaluate
from reports.documents.indices import LETTERS, instance, letters
from reports.documents.table_cells import Cell, Row, heading, number
from reports.documents.tree import Node, Symbol
from reports.documents.values import NotEvaluable, Quantity, ShapeClash, Undefined
from reports.documents.writing import shown as shown_name


def recursions(
    rows: Sequence[Row], environment: Environment, shared: Conventions
) -> Iterator[list[Cell]]:
    """Yields the cells of each column under w_k that a formula of the document gives.

    Args:
        rows: the table, its headings first.
        environment: what the document has said.
        shared: its notation.
    """
    letter = rows[0][1][0].strip("$ *")
    steps = [cells[0].strip("$ ") for _, cells in rows[1:]]
    if letter not in LETTERS or not all(step.isdecimal() for step in steps):
        return
    names = [heading(cell, shared, environment)[0] for cell in rows[0][1]]
    cells: dict[str, tuple[int, int, display.Stated]] = {}
    for row, step in enumerate(steps):
        for column, name in enumerate(names):
            shown = number(rows[row + 1][1], column, shared) if name is not None else None
            at = None if name is None else _at(name, letter, int(step))
            if at is not None and shown is not None and not shown.value.shape:
                cells[at.key] = row, column, shown
    stated = {key: _rounded(shown) for key, (*_, shown) in cells.items()}
    right: dict[str, Quantity] = {}
    for column, name in enumerate(names):
        found = []
        for key, (row, own, shown) in cells.items():
            if own != column or name is None:
                continue
            best = _computed(key, stated, right, shown, environment)
            if best is None:
                continue
            agrees = display.agreement(best, shown) != "no"
            if not agrees:
                right[key] = best
            words = f"it is computed by the formula of {shown_name(name)}"
            found.append(Cell(rows[row + 1][0], shown, best, agrees, words))
        yield found


def _at(name: Symbol, letter: str, step: int) -> Symbol | None:
    if letter not in letters(name):
        return None
    found = instance(name, {letter: step})
    return found if isinstance(found, Symbol) else None


def _rounded(shown: display.Stated) -> Quantity:
    return Quantity(shown.value.value, 0.5 * shown.unit)


def _computed(
    key: str,
    stated: dict[str, Quantity],
    right: dict[str, Quantity],
    shown: display.Stated,
    environment: Environment,
) -> Quantity | None:
    """Returns what the formulas of a name give, with what is stated, or with what is right."""
    name = _symbol(key)
    trees = [d.tree for d in environment.definitions_of(name)]
    if not trees or environment.definitions.get(key):
        return None
    found = [
        value
        for known in ({**stated, **right}, stated)
        if (value := _value(trees[-1], known, environment)) is not None and not value.shape
    ]
    agreed = [q for q in found if display.agreement(q, shown) != "no"]
    return next(iter((*agreed, *found)), None)


def _symbol(key: str) -> Symbol:
    base, _, sub = key.partition("_")
    return Symbol((0, 0), base, sub)


def _value(tree: Node, known: dict[str, Quantity], environment: Environment) -> Quantity | None:
    context = environment.context(more=lambda node: known.get(key_of(node) or ""))
    try:
        return evaluate(tree, context)
    except (NotEvaluable, ShapeClash, Undefined):
        return None
