"""One average that a backward pass returns as the gradient of several parameters."""

import ast

from reports.documents.code.finding import Finding
from reports.documents.code.plans import is_backward

_REDUCTIONS = frozenset(("reduce_mean", "mean", "reduce_sum", "sum"))


def averages(node: ast.FunctionDef) -> list[Finding]:
    """Returns a finding for each reduction of one argument that several gradients share."""
    groups: dict[str, list[ast.Assign]] = {}
    for statement in node.body if is_backward(node.name) else ():
        match statement:
            case ast.Assign(
                targets=[ast.Name()],
                value=ast.Call(func=ast.Attribute(attr=attr), args=[ast.Name()], keywords=[]),
            ) if attr in _REDUCTIONS:
                groups.setdefault(ast.dump(statement.value), []).append(statement)
            case _:
                pass
    return [_finding(node.name, same) for same in groups.values() if len(same) > 1]


def _finding(name: str, same: list[ast.Assign]) -> Finding:
    first = ast.unparse(same[0])
    names = " and ".join(ast.unparse(s.targets[0]) for s in same)
    words = f"{name} averages different gradients: {names} are the same "
    words += f"{ast.unparse(same[0].value)}, so the parameters can only move together"
    right = "each parameter has a gradient of its own: dW = Σ (∂L/∂ŷ) x, db = Σ ∂L/∂ŷ"
    return Finding(same[0], first, "derivative", right, words)
