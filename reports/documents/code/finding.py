"""A verdict on a statement of code."""

import ast
from dataclasses import dataclass

from reports.documents.claims import Verdict


@dataclass(frozen=True, eq=False)
class Finding:
    """A verdict on a statement of code: where it is wrong, what is right, and why."""

    node: ast.AST
    formula: str
    verdict: Verdict
    right: str = ""
    explanation: str = ""


def line_of(node: ast.AST) -> str:
    """Returns the source of a statement, the first line where it has several."""
    return ast.unparse(node).split("\n")[0]
