"""What is said of a backward pass that was judged: where it is wrong, how, and what is right."""

import ast
import re
from collections.abc import Mapping

import gradcheck
from gradcheck.diagnosis import ROWS
from reports.documents.code.changes import OF_SHAPES, Edit
from reports.documents.code.conventions import uniform
from reports.documents.code.differences import Differenced
from reports.documents.code.finding import Finding, line_of
from reports.documents.code.flat_data import for_flat_data
from reports.documents.code.judging import Judged, is_steady, verdict_of
from reports.documents.code.leaves import Path
from reports.documents.code.limits import FAILS, NotReadable
from reports.documents.code.named_loss import of_another
from reports.documents.code.names import gradient_of
from reports.documents.code.pairing import called, label
from reports.documents.code.repair import suspected
from reports.documents.code.slopes import Held
from reports.documents.code.steppers import Stepped
from reports.documents.code.trial import Trial


def findings(
    name: str, found: Judged | Held | Stepped | Differenced, text: str
) -> list[Finding] | str:
    """Returns the verdicts on what was judged; why there are none where it is not decided."""
    match found:
        case Held(slope=slope):
            of = "of its value" if found.of_output else "of its argument"
            words = f"it is {slope.words} in terms {of}"
            wrong = f"{name}: this is not {slope.words}"
            node = slope.derivative.node
            if not found.right and found.edit is None:
                wrong += ", neither in terms of its argument nor of its value"
                return [Finding(node, line_of(node), "derivative", "", wrong)]
            return _of_edit(name, node, found.edit, words, wrong)
        case Stepped(stepper=stepper):
            words = f"its steps are those of {stepper.label}"
            wrong = f"{name}: these are not the steps of {stepper.label}"
            return _of_edit(name, stepper.function.node, found.edit, words, wrong)
        case Differenced(difference=difference):
            words = "it is a numerical gradient"
            wrong = f"{name}: this is no slope of the function that it takes"
            return _of_edit(name, difference.function.node, found.edit, words, wrong)
        case Judged():
            return _of_judged(name, found, text)


def _of_edit(name: str, node: ast.AST, edit: Edit | None, words: str, wrong: str) -> list[Finding]:
    if edit is None:
        return [Finding(node, name, "ok", "", words)]
    shown = line_of(edit.new)
    return [Finding(edit.old, line_of(edit.old), "derivative", shown, f"{wrong}; {edit.words}")]


def _of_judged(name: str, found: Judged, text: str) -> list[Finding] | str:
    if found.convention is not None:
        other = of_another(name, found, text)
        outcome = [other] if other is not None else _confirmed(name, found)
        flat = for_flat_data(name, found.run, text)
        return outcome if isinstance(outcome, str) or flat is None else [*outcome, flat]
    repair = found.repair
    if repair is None:
        return "not decided"
    if found.rival is not None:
        return f"not decided: {_disagreement(found, found.rival)}"
    common = uniform(found.ratios.values())
    returned = isinstance(found.run, Trial) and not found.run.steps
    if returned and common is not None and common < 0 and _ADDED.search(text):
        return "not decided: its gradients point down where steps are added"
    out = []
    for edit, right in zip(repair.edits, repair.right, strict=True):
        primals = " and ".join(called(p) for p in sorted(right))
        stuck = found.stuck is not None and edit is repair.edits[0]
        words = f"{name}: this is not the gradient by {primals}; {edit.words}"
        if stuck:
            words = f"{name}: {_failure(found)}; {edit.words}"
        out.append(
            Finding(
                edit.old,
                line_of(edit.old),
                "shape" if stuck or edit.words in OF_SHAPES else "derivative",
                line_of(edit.new),
                words,
            )
        )
    if repair.left:
        told = _told(found)
        if told is None:
            return "not decided: finite differences do not tell"
        if not repair.edits and len(repair.left) == len(found.ratios):
            return "not decided: its gradients are those of nothing that was tried"
        out += _unrepaired(name, found, told)
    return out


def _disagreement(one: Judged, other: Judged) -> str:
    """Returns in words that two readings of the loss find other gradients right."""
    first, second = (" and ".join(called(p) for p in sorted(r.wrong)) for r in (one, other))
    return f"the gradients by {first} and by {second} are not those of one loss"


def _told(found: Judged) -> dict[Path, str] | None:
    """Returns what `gradcheck` says of the gradients that stay wrong; None where it does not."""
    assert found.repair is not None
    try:
        verdict = verdict_of(found)
    except (gradcheck.InvalidInput, gradcheck.EvaluationError, NotReadable, *FAILS):
        return None
    if verdict.status == "pass" or (verdict.status != "fail" and not is_steady(found)):
        return None
    told = {p: _times(found.ratios.get(p)) for p in found.repair.left}
    for finding in verdict.findings:
        path = tuple((finding.primal or "").split("/"))
        if path in told and finding.severity == "error":
            told[path] = told[path] or _cause(finding)
    return told


def _times(ratio: float | None) -> str:
    return f"it is {ratio:.4g} times the true one" if ratio is not None else ""


def _cause(finding: gradcheck.Finding) -> str:
    """Returns what is wrong with a gradient in words; "" where nobody knows."""
    if finding.diagnosis in {"known factor", "constant factor", "sign"} and finding.ratio:
        return f"it is {finding.ratio:.4g} times the true one"
    return CAUSES.get(finding.diagnosis, "")


def _confirmed(name: str, found: Judged) -> list[Finding] | str:
    loss = found.run.loss
    words = "its gradients are those of its forward pass"
    if loss is not None:
        words = f"its gradients are those of {loss.label}"
    if found.convention:
        words += f", {found.convention}"
    else:
        try:
            verdict = verdict_of(found)
        except (gradcheck.InvalidInput, gradcheck.EvaluationError, NotReadable, *FAILS):
            return "not decided: finite differences do not tell"
        if verdict.status == "fail":
            return "not decided: finite differences do not tell"
    return [Finding(found.run.node, name, "ok", "", words)]


def _unrepaired(name: str, found: Judged, told: Mapping[Path, str]) -> list[Finding]:
    """Returns a finding where all wrong gradients come from, else one for each of them."""
    statements = found.run.suspects()
    cleared, groups = suspected(found.run, statements, frozenset(told))
    shared = [s for fed, group in groups if fed == frozenset(told) for s in group]
    shared = [s for s in shared if s not in cleared]
    if len(told) > 1 and shared:
        node = max(shared, key=lambda s: s.lineno)
        names = " and ".join(called(p) for p in sorted(told))
        words = f"{name}: from here on the gradients by {names} are wrong"
        return [Finding(node, line_of(node), "derivative", "", words)]
    out = []
    for primal in sorted(told):
        node = _place(found.run.node, primal)
        words = f"{name}: this is not the gradient by {called(primal)}"
        cause = f"; {told[primal]}" if told[primal] else ""
        out.append(Finding(node, line_of(node), "derivative", "", words + cause))
    return out


def _place(backward: ast.AST, primal: Path) -> ast.AST:
    """Returns the last statement that sets the gradient of a primal; else the whole function."""
    found = backward
    for node in ast.walk(backward):
        if isinstance(node, ast.Assign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(gradient_of(n, label(primal)[0]) for t in targets for n in _names(t)):
                found = node
    return found


def _names(target: ast.expr) -> list[str]:
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return [name]
        case ast.Subscript(slice=ast.Constant(value=str() as name)):
            return [name]
        case ast.Subscript(value=value):
            return _names(value)
        case ast.Tuple(elts=items):
            return [n for item in items for n in _names(item)]
    return []


def _failure(found: Judged) -> str:
    assert found.stuck is not None
    return f"the backward pass fails where its forward pass runs: {found.stuck.error}"


_ADDED = re.compile(
    r"(?m)^\s*(?:\S+ *\+=|(\S+) *= *\1 *\+).*\b(?:lr|learning_rate|alpha|eta|rate|step_size)\b"
)
"""A step that is added to a parameter."""

_TOLD = frozenset(
    (
        *("transposed", "cotangent left out", "passed on", "chain factor missing", "mask missing"),
        *("mask inverted", "swapped", "of another primal", "zero"),
    )
)
CAUSES = {row.name: row.cause for row in ROWS if row.name in _TOLD}
"""Diagnoses that say to an author what to look for."""
