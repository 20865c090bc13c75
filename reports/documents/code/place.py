"""A verdict on a statement of code, at its place in the document."""

import ast

from reports.documents.claims import Claim, Verdict
from reports.documents.extract import Code
from reports.documents.source import Place, Source


def place_of(source: Source, block: Code, line: int) -> Place:
    """Returns where the line of a block begins, after its indentation."""
    start = block.text.split("\n")
    offset = block.start + sum(len(s) + 1 for s in start[: line - 1])
    indent = len(start[line - 1]) - len(start[line - 1].lstrip()) if line <= len(start) else 0
    return source.place(min(offset + indent, len(source.text)))


def code_claim(
    source: Source,
    block: Code,
    node: ast.AST,
    formula: str,
    *,
    verdict: Verdict = "derivative",
    right: str = "",
    explanation: str = "",
) -> Claim:
    """Returns the verdict on a statement of a block."""
    return Claim(
        place=place_of(source, block, getattr(node, "lineno", 1)),
        formula=formula,
        verdict=verdict,
        kind="code",
        stated=formula,
        right=right,
        explanation=explanation,
    )
