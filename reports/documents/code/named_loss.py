"""Gradients that are those of another loss than the document names."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from reports.documents.code.finding import Finding, line_of
from reports.documents.code.judging import Judged
from reports.documents.code.leaves import Path
from reports.documents.code.limits import FAILS, Exhausted, Missing, NotReadable
from reports.documents.code.losses import known_losses
from reports.documents.code.names import role
from reports.documents.code.repair import repaired
from reports.documents.code.runs import STEP, truth_of
from reports.documents.code.trial import Trial

_SQUARED, _ENTROPY = "squared", "entropy"
_WORDS: Mapping[str, tuple[str, ...]] = {
    _SQUARED: ("squared error", "mse", "squared loss", "均方误差", "平方误差", "均方差"),
    _ENTROPY: (
        *("cross-entropy", "cross entropy", "crossentropy", "交叉熵", "log loss", "logloss", "bce"),
        *("likelihood", "似然", "logistic regression", "逻辑回归", "softmax", "logistic loss"),
    ),
}
"""Words for the losses of a family, and for what is trained with none but it."""


def named_family(text: str) -> str:
    """Returns the only family of losses that a text names; "" where it names none, or several.

    >>> named_family("with the squared error"), named_family("MSE or cross-entropy")
    ('squared', '')
    """
    lower = text.lower()
    found = [family for family, words in _WORDS.items() if any(word in lower for word in words)]
    return found[0] if len(found) == 1 else ""


def of_another(name: str, found: Judged, text: str) -> Finding | None:
    """Returns what to change where right gradients are those of a loss that nobody names.

    None where the document's code has a loss of its own, or no small change leads to the one that
    the document names: an output that is no probability has no cross-entropy, for one.
    """
    run, named = found.run, named_family(text)
    if not isinstance(run, Trial) or run.loss is None or run.loss.own or not named:
        return None
    if named in run.loss.label:
        return None
    for loss in known_losses(run.plan):
        if named not in loss.label:
            continue
        other = replace(run, loss=loss)
        try:
            truth = truth_of(other)
            repair = repaired(other, truth, frozenset(other.primals))
        except Exhausted:
            raise
        except (NotReadable, Missing, RecursionError, *FAILS):
            continue
        if repair.left:
            continue
        edit = repair.edits[0]
        words = f"{name}: its gradients are those of {run.loss.label}, while the document names "
        words += loss.label + _example(other)
        right = f"{line_of(edit.new)} for {loss.label}"
        return Finding(edit.old, line_of(edit.old), "derivative", right, words)
    return None


_EXAMPLE: Mapping[str, Any] = {
    "data": np.array([[0.05], [0.10]]),
    "target": np.array([[0.01]]),
    "first": np.array([[0.15, 0.20], [0.25, 0.30]]),
    "last": np.array([[0.40, 0.45]]),
}
"""A network of widths 2, 2 and 1."""


def _example(run: Trial) -> str:
    """Returns how large the error is in an example of ours, for two layers without biases."""
    kinds = {name: role(name) for name in run.specs}
    weights = sorted(name for name, kind in kinds.items() if kind == "weight")
    if sorted(kinds.values()) != ["data", "target", "weight", "weight"]:
        return ""
    called = dict(zip(weights, ("first", "last"), strict=True))
    point: dict[Path, Any] = {(n,): _EXAMPLE[called.get(n, k)] for n, k in kinds.items()}
    last: Path = (weights[1],)
    try:
        above, below = (
            run.scalar({**point, last: point[last] + step}, {}) for step in (STEP, -STEP)
        )
        ratio = float(np.sum(run.claims(point, {})[last])) * 2 * STEP / (above - below)
    except (NotReadable, Missing, RecursionError, *FAILS):
        return ""
    values = {name: point[(name,)].tolist() for name in kinds}
    shown = [f"{n} = {_flat(values[n]) if kinds[n] != 'weight' else values[n]}" for n in kinds]
    return f": {ratio:.2f} times too large for {', '.join(shown)}" if ratio > 1 else ""


def _flat(column: list[list[float]]) -> str:
    numbers = [str(row[0]) for row in column]
    return f"({', '.join(numbers)})" if len(numbers) > 1 else numbers[0]
