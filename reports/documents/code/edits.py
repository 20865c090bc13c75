"""All small changes of a statement, the mistakes that are undone by each in words."""

import ast
from collections.abc import Iterator
from functools import partial

from reports.documents.code.changes import Edit, Material, Simple, Step, replaced
from reports.documents.code.mistakes import TABLES, names_of
from reports.documents.code.omissions import omissions


def edits_of(statement: ast.stmt, material: Material) -> Iterator[Edit]:
    """Yields the changes of a statement."""
    if not isinstance(statement, Simple):
        return
    sizes = {
        id(inner)
        for node in ast.walk(statement)
        if isinstance(node, ast.Attribute) and node.attr == "shape"
        for inner in ast.walk(node.value)
    }
    sizes |= {id(node) for target in _targets(statement) for node in ast.walk(target)}
    for path, node in _sites(statement, ()):
        for table in TABLES:
            if table is names_of and id(node) in sizes:
                continue
            for make, words, cost in table(node, material):
                yield Edit(statement, partial(replaced, statement, path, make), words, cost)
    yield from omissions(statement, material)


def _targets(statement: ast.stmt) -> list[ast.expr]:
    """Returns the containers whose entries a statement sets."""
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AugAssign):
        targets = [statement.target]
    return [t.value for t in targets if isinstance(t, ast.Subscript)]


def _sites(node: ast.AST, path: tuple[Step, ...]) -> Iterator[tuple[tuple[Step, ...], ast.AST]]:
    yield path, node
    for field, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            yield from _sites(value, (*path, (field, None)))
        elif isinstance(value, list):
            for at, item in enumerate(value):
                if isinstance(item, ast.AST):
                    yield from _sites(item, (*path, (field, at)))
