"""A verdict on a statement of code, at its place in the document."""

import ast

from reports.documents.claims import Claim, Verdict
from reports.documents.extract import Code
from reports.documents.source import Source


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
    line = getattr(node, "lineno", 1)
    start = block.text.split("\n")
    offset = block.start + sum(len(s) + 1 for s in start[: line - 1])
    indent = len(start[line - 1]) - len(start[line - 1].lstrip()) if line <= len(start) else 0
    return Claim(
        place=source.place(min(offset + indent, len(source.text))),
        formula=formula,
        verdict=verdict,
        kind="code",
        stated=formula,
        right=right,
        explanation=explanation,
    )
