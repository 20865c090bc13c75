"""Batches of one and of none, where the function treats the rows of its inputs each for itself."""

import warnings
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.contract.agreement import blur, coordinates, moved
from gradcheck.contract.audited import Audit, is_far, read
from gradcheck.errors import EvaluationError, PullbackError
from gradcheck.evaluation import Direction
from gradcheck.subject import Point
from gradcheck.verdict import Finding

SAME_ROW = 2.0**-6
"""A row alone must give what it gives in the batch to this part of what is a gross difference."""

AWAY = 2.0**-3

KINDS = {0: ("empty_batch", "an empty batch"), 1: ("batch_of_one", "a batch of one")}


def batches(
    audited: Audit, rng: np.random.Generator, wrong: Collection[str] = ()
) -> Iterator[Finding]:
    """Compares the pullback of the first row alone, and of no row, with that of the whole batch.

    Args:
        audited: what the audit left.
        rng: draws jitter.
        wrong: primals that are wrong anyhow, and say nothing here.
    """
    rows = _rows(audited)
    names = [name for name in audited.sound if name not in wrong]
    if not rows or not names:
        return
    first = _evaluated(audited, rows, 1)
    if first is None or not _is_row_wise(audited, first):
        return
    one = _wanted_of_one(audited, rows, names)
    none = {n: np.zeros_like(value[:0] if n in rows else value) for n, value in one.items()}
    for count, wanted in ((1, one), (0, none)):
        outputs = first if count else _evaluated(audited, rows, count)
        answer = {} if outputs is None else _pulled(audited, rows, count, outputs)
        if isinstance(answer, Finding):
            yield answer
            return
        if any(answer[n].shape == audited.gradients[0][n].shape for n in answer if n in rows):
            return  # written for this number of rows only, and that is no mistake
        found = list(_compared(audited, rows, count, answer, wanted, rng))
        if found and not _stays_row_wise(audited, rows, rng):
            return
        yield from found
        if found:
            return


def _wanted_of_one(audited: Audit, rows: Point, names: Collection[str]) -> dict[str, np.ndarray]:
    """Returns the gradients through the first row of the outputs, as they are in the batch."""
    u = audited.cotangents[0]
    first = {n: np.concatenate([v[:1], np.zeros_like(v[1:])]) for n, v in u.items()}
    try:
        whole = audited.pulled(audited.y_bar(first))
    except PullbackError:
        return {}
    return {n: whole[n][:1] if n in rows else whole[n] for n in names if n in whole}


def _rows(audited: Audit) -> dict[str, Any]:
    """Returns the arrays whose first axis is that of all outputs; none where there is no such."""
    lengths = {_length(y) for y in audited.outputs.values()}
    subject = audited.evaluator.subject
    if len(lengths) != 1 or min(lengths) < 2:
        return {}
    arrays = {**subject.constants, **subject.point}
    found = {
        name: x
        for name, x in arrays.items()
        if _length(x) in lengths and name not in subject.parameters
    }
    return found if set(found) & set(audited.sound) else {}


def _length(x: Any) -> int:
    """Returns the length of the first axis, 0 where there is none."""
    return (*backends.of(x).shape(x), 0)[0]


def _evaluated(audited: Audit, rows: Point, count: int) -> dict[str, Any] | None:
    """Returns f of the first rows; None where it does not take so few."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy warns of the mean of nothing
        try:
            outputs = audited.evaluator.outputs(_point(audited, rows, count))
        except EvaluationError:
            return None
    shapes = {n: (count, *backends.of(y).shape(y)[1:]) for n, y in audited.outputs.items()}
    fits = {n: backends.of(y).shape(y) for n, y in outputs.items()} == shapes
    return outputs if fits else None


def _is_row_wise(audited: Audit, first: Point) -> bool:
    alone, together = coordinates(first), coordinates(audited.outputs)
    share = SAME_ROW * audited.gross
    return all(
        np.isfinite(row).all() and not is_far(together[name][:1], row, share)
        for name, row in alone.items()
    )


def _stays_row_wise(audited: Audit, rows: Point, rng: np.random.Generator) -> bool:
    """Whether the first row alone gives the same away from the point too: equal rows always do."""
    point = moved(audited.point, AWAY, rng)
    evaluator = replace(audited.evaluator, subject=audited.evaluator.subject.at(point))
    try:
        outputs = evaluator.outputs(point)
    except EvaluationError:
        return False
    there = replace(audited, evaluator=evaluator, outputs=outputs)
    first = _evaluated(there, {name: point.get(name, x) for name, x in rows.items()}, 1)
    return first is not None and _is_row_wise(there, first)


def _pulled(
    audited: Audit, rows: Point, count: int, outputs: Point
) -> dict[str, np.ndarray] | Finding:
    """Returns the gradient of the first rows alone, or that the pullback raised."""
    kind, words = KINDS[count]
    cotangent = {name: u[:count] for name, u in audited.cotangents[0].items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            pulled = audited.evaluator.pullback(cotangent, outputs, _point(audited, rows, count))
        except PullbackError as error:
            message = f"the function takes {words}, and its pullback does not: {error}"
            return Finding(kind=kind, message=message, severity="warning")
    return read(audited, pulled.cotangents)


def _compared(
    audited: Audit,
    rows: Point,
    count: int,
    answer: Direction,
    wanted: Direction,
    rng: np.random.Generator,
) -> Iterator[Finding]:
    """Yields the primals whose gradient of so few rows is not the one that is wanted."""
    kind, words = KINDS[count]
    far = [n for n, old in wanted.items() if n in answer and is_far(old, answer[n], audited.gross)]
    spread = blur(audited, rng) if far else {}
    for name in far:
        old, new = wanted[name], answer[name]
        slack = spread[name][:count] if name in rows else spread[name]
        if not is_far(old, new, audited.gross, slack):
            continue
        how = f"shape {new.shape}, wanted {old.shape}"
        if new.shape == old.shape:
            how = "another value than these rows have in a larger batch"
        message = f"{name}: of {words} the cotangent has {how}"
        yield Finding(kind=kind, primal=name, message=message)


def _point(audited: Audit, rows: Point, count: int) -> dict[str, Any]:
    few = {name: backends.of(x).copy(x[:count]) for name, x in rows.items()}
    return {**audited.point, **few}
