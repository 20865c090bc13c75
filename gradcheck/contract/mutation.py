"""Arrays of the caller's that the function or the pullback writes to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from gradcheck import backends
from gradcheck.evaluation import Evaluator
from gradcheck.subject import Point, Pulled, Subject, copied
from gradcheck.verdict import Finding


def guarded(subject: Subject) -> Subject:
    """Returns the subject for a function that writes to its arguments: it gets fresh copies."""

    def function(point: Point) -> Point:
        with kept(subject.constants):
            return copied(subject.function(copied(point)))

    def pullback(cotangents: Point, point: Point) -> Pulled:
        with kept(subject.constants):
            return subject.pullback(copied(cotangents), copied(point))

    def interleaved(cotangents: Point, point: Point, other: Point) -> Pulled:
        assert subject.interleaved is not None
        with kept(subject.constants):
            return subject.interleaved(copied(cotangents), copied(point), copied(other))

    return replace(
        subject,
        function=function,
        pullback=pullback,
        interleaved=interleaved if subject.interleaved else None,
    )


@contextmanager
def kept(arrays: Point) -> Iterator[dict[str, Any]]:
    """Writes the arrays' values back at the end, also after an exception; gives their copies."""
    values = copied(arrays)
    try:
        yield values
    finally:
        for name in changed(values, arrays):
            backends.of(arrays[name]).restore(arrays[name], values[name])


def forward(evaluator: Evaluator) -> tuple[dict[str, Any], dict[str, Any], list[Finding]]:
    """Returns f at the point, the very arrays that it gave, and which arrays it wrote to.

    Raises:
        EvaluationError: the function raised.
        BudgetSpent: not even one evaluation is allowed.
    """
    point, constants = copied(evaluator.subject.point), evaluator.subject.constants
    with kept(constants) as before:
        given = evaluator.outputs(point)
        outputs = copied(given)
        names = changed(evaluator.subject.point, point) + changed(before, constants)
    return outputs, given, [_mutation(name, "the function") for name in names]


def backward(
    evaluator: Evaluator, y_bar: Point, given: Point, point: Point
) -> tuple[Pulled, list[Finding]]:
    """Returns what the pullback gave, as it gave it, and which arrays it wrote to.

    Args:
        evaluator: the subject.
        y_bar: the cotangent.
        given: a copy of it, to be handed in.
        point: a copy of the point, to be handed in.
    """
    constants = evaluator.subject.constants
    evaluator.meter.pullbacks += 1
    with kept(constants) as before:
        pulled = evaluator.subject.pullback(given, point)
        names = changed(evaluator.subject.point, point) + changed(before, constants)
    findings = [_mutation(name, "the pullback") for name in names]
    if changed(y_bar, given):
        message = (
            "the pullback writes to the cotangent it is given: whoever handed it in still needs "
            "it; work on a copy"
        )
        findings.append(Finding(kind="cotangent_mutated", message=message))
    return pulled, findings


def changed(before: Point, after: Point) -> list[str]:
    """Returns the names of the arrays that are not the same, bit for bit."""
    return [n for n, x in before.items() if n not in after or not backends.of(x).same(x, after[n])]


def _mutation(name: str, who: str) -> Finding:
    message = f"{name}: {who} writes to this array, which belongs to the caller; work on a copy"
    return Finding(kind="input_mutated", primal=name, message=message)
