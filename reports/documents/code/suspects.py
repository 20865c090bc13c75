"""Which statements of a backward pass may be at fault, and what may stand in place of what."""

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from reports.documents.code.changes import Material, Simple
from reports.documents.code.experiment import SELF, Plan
from reports.documents.code.flow import feeding, read, written
from reports.documents.code.leaves import Path
from reports.documents.code.names import gradient_of, plain, role, setting
from reports.documents.code.pairing import is_data, label
from reports.documents.code.program import Class, Function


def gradient_names(statements: Sequence[ast.stmt], primal: Path) -> set[str]:
    """Returns the names in a backward pass that are those of the gradient of a primal."""
    name, _ = label(primal)
    found: set[str] = set()
    for statement in statements:
        for each in written(statement):
            last = each.rpartition("[")[2].rstrip("]").rpartition(".")[2]
            if gradient_of(last, name) or (last == name and "[" in each):
                found.add(each)
    for statement in statements if not found else ():
        if isinstance(statement, ast.Return) and statement.value is not None:
            items = (
                statement.value.elts
                if isinstance(statement.value, ast.Tuple)
                else [statement.value]
            )
            if is_data(primal) and items:
                found |= read(items[0])
    return found


# ---------------------------------------------------------------- where, and with what


def backward_statements(plan: Plan, names: Iterable[str]) -> list[ast.stmt]:
    """Returns the statements that compute gradients and nothing of the forward pass.

    Args:
        plan: what is run.
        names: those in the backward pass of which what is differentiated is made.
    """
    theirs = reached(plan, plan.forward) if plan.forward is not None else []
    mine = [node for node in reached(plan, plan.backward) if node not in theirs]
    found = [
        s
        for node in mine
        if isinstance(node, ast.FunctionDef)
        for s in ast.walk(node)
        if isinstance(s, Simple) and not _is_text(s)
    ]
    forward = _forward_part(plan.backward, set(names))
    return [s for s in found if s not in forward]


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and not isinstance(statement.value, ast.Call)


def reached(plan: Plan, function: Function) -> list[ast.AST]:
    """Returns the nodes of a function and of those of the document that it calls."""
    return reachable(plan.names, function.owner or plan.kind, function.node)


def reachable(names: Mapping[str, Any], kind: Class | None, node: ast.AST) -> list[ast.AST]:
    """Returns a node and those of the functions of the document that are called from it."""
    found: list[ast.AST] = []
    waiting: list[tuple[ast.AST, Class | None]] = [(node, kind)]
    while waiting and len(found) < MOST_REACHED:
        current, owner = waiting.pop()
        if current in found:
            continue
        found.append(current)
        for part in ast.walk(current):
            waiting += [(f.node, f.owner or owner) for f in _called(names, part, owner)]
    return found


MOST_REACHED = 30


def _called(names: Mapping[str, Any], part: ast.AST, owner: Class | None) -> Iterator[Function]:
    match part:
        case ast.Name(id=name) if name in names:
            value = names[name]
            if isinstance(value, Function):
                yield value
        case ast.Attribute(attr=name):
            kinds = [owner] if owner is not None else []
            if isinstance(part.value, ast.Name) and part.value.id in names:
                value = names[part.value.id]
                kinds = [value] if isinstance(value, Class) else kinds
            for kind in kinds:
                method = kind.method(name)
                if method is not None:
                    yield method
        case _:
            pass


def _forward_part(function: Function, names: set[str]) -> set[ast.stmt]:
    """Returns the statements from which the loss or the output of a function comes."""
    statements = [s for s in ast.walk(function.node) if isinstance(s, Simple)]
    last = max((s.lineno for s in statements if written(s) & names), default=0)
    return {s for s in feeding(statements, names) if s.lineno <= last}


def material_of(plan: Plan) -> Material:
    """Returns what the backward pass may put in place of something else."""
    names: dict[str, None] = {}
    keys: dict[str, None] = {}
    functions = [plan.backward] + ([plan.forward] if plan.forward is not None else [])
    for function in functions:
        for part in ast.walk(function.node):
            match part:
                case ast.Attribute(value=ast.Name(id="self"), attr=attr):
                    names[f"{SELF}.{attr}"] = None
                case ast.Name(id=name) if function is plan.backward and name != SELF:
                    if name not in plan.names or name in function.parameters:
                        names[name] = None
                case ast.Subscript(value=ast.Name() | ast.Attribute(value=ast.Name(id="self"))):
                    if isinstance(part.slice, ast.Constant) and isinstance(part.slice.value, str):
                        keys[part.slice.value] = None
                    text = ast.unparse(part)
                    if function is plan.backward and len(text) < 30 and ":" not in text:
                        names[text] = None
                case _:
                    pass
        if function is plan.backward:
            for parameter in function.parameters:
                if parameter != SELF:
                    names[parameter] = None
    methods = (
        set()
        if plan.kind is None
        else {f"{SELF}.{m}" for k in plan.kind.lineage() for m in k.methods}
    )
    arrays = [
        n for n in names if n not in methods and n not in {"np", "range", "len", "zip", "numpy"}
    ]
    counts = [n for n in arrays if plain(n.removeprefix("self.")) in _COUNTS]
    data = [n for n in arrays if role(n.removeprefix("self.")) == "data"][:2]
    counts += [f"{n}.shape[{axis}]" for n in data for axis in (0, 1)]
    penalties = [n for n in arrays if setting(n.removeprefix("self.")) == "penalty"]
    weights = [n for n in arrays if role(n.removeprefix("self.")) in {"weight", "recurrent"}]
    own = [n for n, v in plan.names.items() if isinstance(v, Function) and len(v.required) == 1]
    settings = {n for n in arrays if setting(n.removeprefix("self.")) in {"rate", "guard", "count"}}
    settings -= _of_forward(plan)
    return Material(
        tuple(n for n in arrays if n not in settings)[:40],
        tuple(counts),
        tuple(penalties),
        tuple(weights)[:8],
        tuple(own)[:20],
        tuple(keys)[:20],
        tuple(dict.fromkeys(factor for f in functions for factor in factors_of(f.node))),
        {} if plan.forward is None else products_of(plan.forward.node),
        unused_in(plan.backward.node),
        flags=flags_of(plan.names),
    )


def _of_forward(plan: Plan) -> set[str]:
    """Returns the settings by which the forward pass multiplies: the slope α of a leaky unit."""
    found = set[str]()
    for part in ast.walk(plan.forward.node) if plan.forward is not None else ():
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Mult):
            sides = (side for side in (part.left, part.right) if isinstance(side, ast.Attribute))
            found |= {ast.unparse(side) for side in sides}
    return found


def flags_of(names: Mapping[str, Any]) -> dict[str, str]:
    """Returns the functions with a switch that is off by default, and the switch."""
    found: dict[str, str] = {}
    for name, value in names.items():
        if isinstance(value, Function):
            for parameter, default in value.optional.items():
                if isinstance(default, ast.Constant) and default.value is False:
                    found[name] = parameter
    return found


def unused_in(node: ast.AST) -> frozenset[str]:
    """Returns the names that a function has and never reads."""
    if not isinstance(node, ast.FunctionDef):
        return frozenset()
    stored = {p.arg for p in node.args.args}
    read_ = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            (read_ if isinstance(part.ctx, ast.Load) else stored).add(part.id)
    return frozenset(stored - read_ - {SELF})


def products_of(node: ast.AST) -> Mapping[str, tuple[str, ...]]:
    """Returns the products of a forward pass, by the names in them."""
    found: dict[str, tuple[str, ...]] = {}
    for part in ast.walk(node):
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Mult):
            text = ast.unparse(part)
            for name in read(part) if len(text) < 40 else ():
                found[name] = (*found.get(name, ()), text)
    return found


def factors_of(node: ast.AST) -> tuple[str, ...]:
    """Returns what a function multiplies or divides by, beside names."""
    found: dict[str, None] = {}
    for part in ast.walk(node):
        match part:
            case ast.BinOp(op=ast.Mult() | ast.Div(), right=right) if not isinstance(
                right, ast.Name | ast.Constant
            ):
                text = ast.unparse(right)
                if len(text) < 40:
                    found[f"({text})" if isinstance(right, ast.BinOp) else text] = None
            case _:
                pass
    return tuple(found)[:12]


_COUNTS = frozenset(
    "m n bs batchsize nsamples samples numsamples batch numexamples k t nexamples".split()
)
