"""Python blocks that compute a backward pass, read and never run.

Layers and networks of the document become subjects that `gradcheck` checks; an interpreter of ours
evaluates their syntax trees. What goes beyond its whitelist is "not read", with the reason.
"""

import ast
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

import gradcheck
from gradcheck.diagnosis import ROWS
from reports.documents.claims import Claim
from reports.documents.code_classes import class_layers
from reports.documents.code_dictionaries import dictionary_networks
from reports.documents.code_names import Clash
from reports.documents.code_networks import network_claims
from reports.documents.code_pairs import function_pairs
from reports.documents.code_place import code_claim
from reports.documents.code_subjects import FAILS, Subject
from reports.documents.extract import Code
from reports.documents.numpy_calls import NotReadable
from reports.documents.program import Program
from reports.documents.source import Source

MOST_NODES = 12_000
MOST_SUBJECTS = 3
GUARDED = 1e-4
"""What an ε in a logarithm or a root, which the gradient leaves out, may change."""

LANGUAGES = frozenset(("python", "py", "python3", "ipython", "numpy"))

Unread = tuple[Source, Code, str]


def code_claims(
    blocks: Sequence[tuple[Source, Code]], text: str
) -> tuple[list[Claim], list[Unread]]:
    """Returns the verdicts on a document's code, and the blocks that could not be read.

    Args:
        blocks: the blocks in order.
        text: the whole document: which loss it names.
    """
    program = Program()
    claims: list[Claim] = []
    unread: list[Unread] = []
    for source, block in blocks:
        if block.language not in LANGUAGES:
            continue
        try:
            tree = _parsed(block.text)
        except NotReadable as reason:
            unread.append((source, block, str(reason)))
            continue
        program.add(tree)
        reasons: list[str] = []
        found = [c for node in tree.body for c in _of(node, program, source, block, text, reasons)]
        claims += found
        if not found:
            reason = reasons[0] if reasons else "no backward pass that can be read"
            unread.append((source, block, reason))
    return claims, unread


def _of(
    node: ast.stmt,
    program: Program,
    source: Source,
    block: Code,
    text: str,
    reasons: list[str],
) -> Iterator[Claim]:
    """Yields the verdicts on a function or class; why one could not be read is put to reasons."""
    try:
        with np.errstate(all="ignore"):
            if isinstance(node, ast.FunctionDef):
                yield from _averages(node, source, block)
                yield from network_claims(node, program, source, block, text)
                networks = dictionary_networks(node.name, program, text)
                yield from _of_network(node, networks, source, block)
                yield from _judged(node, function_pairs(node.name, program), source, block, reasons)
            elif isinstance(node, ast.ClassDef):
                yield from _judged(node, class_layers(node.name, program), source, block, reasons)
    except Clash as clash:
        words = f"{node.name}: {clash}"  # type: ignore[attr-defined]
        at = _backward_of(node)
        line = ast.unparse(at).split("\n")[0]
        yield code_claim(source, block, at, line, verdict="shape", explanation=words)
    except NotReadable as reason:
        reasons.append(f"not read: {reason}")
    except (*FAILS, RecursionError):
        reasons.append("not read: it does not run on any arguments that were tried")


def _backward_of(node: ast.stmt) -> ast.stmt:
    """Returns the backward method of a class; a function as it is."""
    inner = node.body if isinstance(node, ast.ClassDef) else []
    found = [n for n in inner if isinstance(n, ast.FunctionDef) and n.name == "backward"]
    return found[0] if found else node


def _parsed(text: str) -> ast.Module:
    if len(text) > 50_000:
        raise NotReadable("the block is too long")
    if max((len(line) - len(line.lstrip()) for line in text.splitlines()), default=0) > 200:
        raise NotReadable("the block is nested too deep")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(textwrap.dedent(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NotReadable("it is no Python") from error
    if sum(1 for _ in ast.walk(tree)) > MOST_NODES:
        raise NotReadable("the block is too long")
    return tree


# ---------------------------------------------------------------- layers


def _judged(
    node: ast.FunctionDef | ast.ClassDef,
    subjects: Iterator[Subject],
    source: Source,
    block: Code,
    reasons: list[str],
) -> Iterator[Claim]:
    """Yields the verdict on a layer: right if it is in one of the layouts in which it runs."""
    failed: list[tuple[Subject, gradcheck.Verdict]] = []
    tried = 0
    for subject in islice(subjects, MOST_SUBJECTS):
        tried += 1
        try:
            verdict = _verdict(subject)
        except (gradcheck.InvalidInput, gradcheck.EvaluationError):
            continue
        if verdict.status == "pass" or _is_mean(subject, verdict):
            words = "its gradients are those of its forward pass"
            yield code_claim(source, block, node, subject.name, verdict="ok", explanation=words)
            return
        if verdict.status == "fail":
            failed.append((subject, verdict))
    if not failed or len(failed) < tried:
        if tried:
            reasons.append("not decided: finite differences do not tell")
        return
    subject, verdict = failed[0]
    for finding in _wrong(verdict):
        at = subject.places.get(finding.primal or "", node)
        yield code_claim(
            source,
            block,
            at,
            ast.unparse(at).split("\n")[0],
            explanation=_words(subject, finding),
        )


def _of_network(
    node: ast.FunctionDef,
    networks: Iterator[tuple[str, Subject]],
    source: Source,
    block: Code,
) -> Iterator[Claim]:
    """Yields the verdict on a network: right if it has the gradients of one of the losses."""
    failed: list[tuple[str, Subject, gradcheck.Verdict]] = []
    for loss, subject in networks:
        try:
            verdict = _verdict(subject)
        except (gradcheck.InvalidInput, gradcheck.EvaluationError):
            return
        if verdict.status == "pass":
            words = f"its gradients are those of {loss}"
            yield code_claim(source, block, node, node.name, verdict="ok", explanation=words)
            return
        if verdict.status != "fail":
            return
        failed.append((loss, subject, verdict))
    if not failed:
        return
    loss, subject, verdict = min(failed, key=lambda found: len(_wrong(found[2])))
    for finding in _wrong(verdict):
        at = subject.places.get(finding.primal or "", node)
        words = f"{_words(subject, finding)}; the loss is {loss}"
        yield code_claim(source, block, at, ast.unparse(at).split("\n")[0], explanation=words)


def _verdict(subject: Subject) -> gradcheck.Verdict:
    return gradcheck.check(
        subject.function,
        dict(subject.primals),
        vjp=lambda y_bar, **primals: subject.pullback(y_bar, primals),
        seed=0,
        allow=GUARDED,
        name=subject.name,
    )


def _wrong(verdict: gradcheck.Verdict) -> list[gradcheck.Finding]:
    return [
        f for f in verdict.findings if f.severity == "error" and f.primal and f.true is not None
    ]


def _is_mean(subject: Subject, verdict: gradcheck.Verdict) -> bool:
    """Whether all parameters have the mean over the samples where others have the sum."""
    parameters = [n for n in subject.primals if n not in subject.inputs]
    lengths = {n for k in subject.inputs & subject.primals.keys() for n in subject.primals[k].shape}
    found = _wrong(verdict)
    ratios = {round(1 / f.ratio, 6) for f in found if f.ratio}
    return (
        bool(found)
        and len(found) == len(parameters)
        and all(f.primal not in subject.inputs for f in found)
        and len(ratios) == 1
        and ratios <= {float(n) for n in lengths}
    )


_TOLD = frozenset(
    (
        "transposed",
        "cotangent left out",
        "passed on",
        "chain factor missing",
        "mask missing",
        "mask inverted",
        "swapped",
        "of another primal",
        "zero",
    )
)
_CAUSES = {row.name: row.cause for row in ROWS if row.name in _TOLD}


def _words(subject: Subject, finding: gradcheck.Finding) -> str:
    """Returns what is wrong with a gradient, in the names of the document."""
    factor = finding.diagnosis in {"known factor", "constant factor", "sign"}
    primal = subject.called.get(finding.primal or "", finding.primal)
    parts = [f"{subject.name}: this is not the gradient by {primal}"]
    samples = {n for k in subject.inputs & subject.primals.keys() for n in subject.primals[k].shape}
    if factor and finding.ratio and round(1 / finding.ratio, 6) in samples:
        parts.append("a mean over the samples stands where a sum belongs")
    elif factor and finding.ratio:
        parts.append(f"it is {finding.ratio:.4g} times the true one")
    elif cause := _CAUSES.get(finding.diagnosis):
        parts.append(cause)
    return "; ".join(parts)


# ---------------------------------------------------------------- one average for two gradients


def _averages(node: ast.FunctionDef, source: Source, block: Code) -> Iterator[Claim]:
    """Finds a backward that returns the same reduction of one argument for several gradients."""
    if "back" not in node.name.lower() and "grad" not in node.name.lower():
        return
    reductions: dict[str, list[ast.Assign]] = {}
    for statement in node.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
            call = statement.value
            name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            plain = len(call.args) == 1 and isinstance(call.args[0], ast.Name)
            if name in {"reduce_mean", "mean", "reduce_sum", "sum"} and plain:
                reductions.setdefault(ast.dump(call), []).append(statement)
    for same in reductions.values():
        if len(same) < 2:
            continue
        names = [t.id for s in same for t in s.targets if isinstance(t, ast.Name)]
        yield code_claim(
            source,
            block,
            same[0],
            ast.unparse(same[0]),
            right="each parameter has a gradient of its own: dW = Σ (∂L/∂ŷ) x, db = Σ ∂L/∂ŷ",
            explanation=(
                f"{node.name} averages different gradients: {' and '.join(names)} are the same "
                f"{ast.unparse(same[0].value)}, so the parameters can only move together"
            ),
        )
