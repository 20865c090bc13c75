"""The road of a document's code, readable top to bottom: blocks, program, plans, verdicts."""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, TypeAlias

import numpy as np

from reports.documents.claims import Claim
from reports.documents.code.averages import averages
from reports.documents.code.differences import Differenced, differenced, numerical
from reports.documents.code.document import Block, read_program
from reports.documents.code.finding import Finding
from reports.documents.code.judging import Judged, judged
from reports.documents.code.limits import FAILS, Budget, Exhausted, Missing, NotReadable
from reports.documents.code.loops import loop_judged
from reports.documents.code.outputs import output_findings
from reports.documents.code.partials import compared, partial_pairs
from reports.documents.code.place import code_claim, place_of
from reports.documents.code.plans import (
    class_plans,
    function_plans,
    gives_gradients,
    is_abstract,
    is_backward,
)
from reports.documents.code.program import Class, Function
from reports.documents.code.report import findings
from reports.documents.code.showing import only_shows
from reports.documents.code.slopes import Held, held, slope_pairs
from reports.documents.code.steppers import (
    Stepped,
    class_steppers,
    function_steppers,
    stepped,
)
from reports.documents.code.suspects import reachable
from reports.documents.code.training import Loop, training_loops
from reports.documents.code.vectors import spread, spreads
from reports.documents.extract import Code
from reports.documents.source import Place, Source

MOST_STEPS = 800_000
"""Steps of the interpreter that a document may take."""


@dataclass(frozen=True)
class Unread:
    """Code that is not checked: where it stands, its line, and why."""

    place: Place
    line: str
    reason: str


def code_claims(
    blocks: Sequence[tuple[Source, Code]], text: str
) -> tuple[list[Claim], list[Unread]]:
    """Returns the verdicts on a document's code, and what of it could not be checked.

    Args:
        blocks: the blocks in order.
        text: the whole document: which loss it names.
    """
    budget = Budget(MOST_STEPS)
    with np.errstate(all="ignore"):
        program = read_program(blocks, budget)
        claims: list[Claim] = []
        flagged: set[ast.AST] = set()
        unread = [Unread(s.place(c.start), _first(c.text), why) for s, c, why in program.unread]
        judged_blocks = [(b, _of_block(b, budget, text, flagged)) for b in program.blocks]
        outputs = output_findings(program, blocks, flagged)
        for block, (found, missed) in judged_blocks:
            found += [_claim(block, finding) for own, finding in outputs if own is block]
            claims += found
            unread += missed
            if not found and not missed and not only_shows(block.tree):
                unread.append(_nothing(block))
    return claims, unread


def _first(text: str) -> str:
    return text.strip().partition("\n")[0]


def _nothing(block: Block) -> Unread:
    node = next(
        (n for n in block.tree.body if not isinstance(n, ast.Import | ast.ImportFrom)), None
    )
    return _unread(block, node, "no backward pass that can be read")


def _unread(block: Block, node: ast.AST | None, reason: str) -> Unread:
    line = getattr(node, "lineno", 1)
    lines = block.code.text.split("\n")
    shown = lines[line - 1].strip() if node is not None and line <= len(lines) else ""
    return Unread(
        place_of(block.source, block.code, line),
        shown or _first(block.code.text),
        f"code: {reason}",
    )


def _claim(block: Block, finding: Finding) -> Claim:
    return code_claim(
        block.source,
        block.code,
        finding.node,
        finding.formula,
        verdict=finding.verdict,
        right=finding.right,
        explanation=finding.explanation,
    )


Way: TypeAlias = Callable[[], Judged | Held | Stepped | Differenced | list[Finding] | None]


@dataclass(frozen=True, eq=False)
class Subject:
    """Something that is to be checked: where it is, its name, and the ways in which it is read."""

    node: ast.AST
    name: str
    ways: Sequence[Way]
    names: Mapping[str, Any]
    kind: Class | None = None

    @cached_property
    def reached(self) -> set[ast.AST]:
        """The nodes of what it calls, and its own."""
        nodes = reachable(self.names, self.kind, self.node)
        return {part for node in nodes for part in ast.walk(node)}


def _of_block(
    block: Block, budget: Budget, text: str, flagged: set[ast.AST]
) -> tuple[list[Claim], list[Unread]]:
    claims: list[Claim] = []
    unread: list[Unread] = []
    for node in block.tree.body:
        for subject in _subjects(node, block, budget):
            outcome = _decided(subject, text)
            if isinstance(outcome, str):
                unread.append(_unread(block, subject.node, outcome))
                continue
            for finding in outcome:
                if finding.verdict == "ok" or not _follows(finding, subject, flagged):
                    claims.append(_claim(block, finding))
            flagged |= {f.node for f in outcome if f.verdict != "ok"}
    return claims, unread


def _follows(finding: Finding, subject: Subject, flagged: set[ast.AST]) -> bool:
    """Whether a finding is one that was said, or follows from what a called function has wrong."""
    if finding.node in flagged:
        return True
    inside = set(ast.walk(subject.node))
    return not finding.right and any(node in subject.reached - inside for node in flagged)


def _subjects(node: ast.stmt, block: Block, budget: Budget) -> Iterator[Subject]:
    """Yields what of a statement of a module is to be checked."""
    names = block.names
    match node:
        case ast.ClassDef(name=name):
            kind = names.get(name)
            if isinstance(kind, Class) and kind.node is node:
                yield from _of_class(kind, names, budget)
        case ast.FunctionDef(name=name):
            function = names.get(name)
            if isinstance(function, Function) and function.node is node:
                yield from _of_function(function, None, names, budget)
                yield from _trained(names, None, function, node.body, budget)
        case _:
            yield from _trained(names, None, None, [node], budget)


def _of_function(
    function: Function, kind: Class | None, names: Mapping[str, Any], budget: Budget
) -> Iterator[Subject]:
    assert isinstance(function.node, ast.FunctionDef)
    ways: list[Way] = [partial(averages, function.node)] if averages(function.node) else []
    ways += [partial(held, slope) for slope in slope_pairs(function, kind, names, budget)]
    if kind is None:
        ways += [partial(spread, pair) for pair in spreads(function, names, budget)]
    ways += [partial(differenced, d) for d in numerical(function, names, budget)]
    if kind is None and not ways:
        ways += [partial(stepped, s) for s in function_steppers(function, names, budget)]
    gives = is_backward(function.name) or gives_gradients(function)
    if kind is None and not ways and gives and not is_abstract(function):
        ways += [partial(judged, plan) for plan in function_plans(function, names, budget)]
        ways = ways or [lambda: None]
    if kind is None:
        ways += [partial(compared, pair) for pair in partial_pairs(function, names, budget)]
    if ways:
        yield Subject(function.node, function.name, ways, names, kind)


def _of_class(kind: Class, names: Mapping[str, Any], budget: Budget) -> Iterator[Subject]:
    plans = list(class_plans(kind, names, budget))
    for backward in dict.fromkeys(p.backward for p in plans):
        ways: list[Way] = []
        ways += [partial(judged, plan) for plan in plans if plan.backward is backward]
        slopes = slope_pairs(backward, kind, names, budget)
        ways += [partial(held, slope) for slope in slopes]
        yield Subject(backward.node, kind.name, ways, names, kind)
    for stepper in class_steppers(kind, names, budget):
        yield Subject(stepper.function.node, kind.name, [partial(stepped, stepper)], names, kind)
    for method in kind.methods.values():
        if isinstance(method.node, ast.FunctionDef) and not is_backward(method.name):
            yield from _trained(names, kind, method, method.node.body, budget)


def _trained(
    names: Mapping[str, Any],
    kind: Class | None,
    function: Function | None,
    body: Sequence[ast.stmt],
    budget: Budget,
) -> Iterator[Subject]:
    for loop in training_loops(body):
        name = function.name if function is not None else "the loop"
        way = partial(loop_judged, Loop(names, kind, function, loop, budget))
        title = name if kind is None else f"{kind.name}.{name}"
        yield Subject(loop, title, [way], names, kind)


_NO_GRADIENT = "not read: no gradient is found in what it leaves behind"
_UNDECIDED = {
    "stepped": "not decided: it is no form of the optimizer that is known",
    "held": "not decided: it is no function of one number",
    "spread": "not decided: it is no gradient, Jacobian or Hessian of a function of one vector",
    "differenced": "not decided: what it returns is no slope",
}


def _decided(subject: Subject, text: str) -> list[Finding] | str:
    """Returns the findings of the first way of reading that decides; else why none does."""
    reasons: list[str] = []
    for way in subject.ways:
        try:
            found = way()
        except Exhausted as reason:
            return f"not read: {reason}"
        except NotReadable as reason:
            reasons.append(f"not read: {reason}")
            continue
        except (RecursionError, Missing, *FAILS) as error:
            words = " ".join(str(error).split())[:100]
            reasons.append(f"not read: it does not run on the arguments that were tried: {words}")
            continue
        if found is None:
            reasons.append(_UNDECIDED.get(way.func.__name__, _NO_GRADIENT))  # type: ignore[attr-defined]
            continue
        outcome = found if isinstance(found, list) else findings(subject.name, found, text)
        if isinstance(outcome, str):
            reasons.append(outcome)
            continue
        return outcome
    return reasons[0] if reasons else "no backward pass that can be read"
