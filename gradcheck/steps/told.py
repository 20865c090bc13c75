"""What the steps of a function say of the claims that its values alone do not explain."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.diagnosis import VAGUE, Diagnosis
from gradcheck.evaluation import BudgetSpent, Evaluator
from gradcheck.measurement import Measurement
from gradcheck.probes import tangent
from gradcheck.replay import Recorded, record
from gradcheck.steps.claim import EXACT, NARROW, Claim
from gradcheck.steps.mistakes import FACTOR, OPERAND, PATH, SIGN, SLOPE, Hypothesis
from gradcheck.steps.outputs import by_output
from gradcheck.steps.search import FEW, Found, explanations
from gradcheck.steps.slopes import Slopes
from gradcheck.verdict import number

DIRECTIONS = 8
"""So many random directions agree with what is told."""

SURE, UNSURE = 0.95, 0.75
"""Another mistake may make the same derivative; no other derivative is the same along all. A few
numbers are the same by chance, or by many mistakes."""

LEAST_BITS = 40
"""In fewer bits no derivative is known well enough."""

MOST_STEPS, MOST_RUNS = 2**11, 2000
ALONE = 0.25
"""So much of a claim's worth is spent on those of a mistake that is not found in all at once."""

MOST_WORK, MOST_NUMBERS = 2**16, 2**30
"""So many steps, and numbers, are computed for one claim; or as many evaluations as the check has
taken before."""

TENSORS = 4
"""A step of PyTorch takes so many times as long as one of NumPy to be watched."""

STATISTICS = ("mean", "sum", "add.reduce", "norm", "var", "std", "maximum.reduce", "prod")
"""Of paths that are the same, the one through a statistic is what a person names."""


def by_steps(m: Measurement, unexplained: Mapping[str, int]) -> dict[str, Diagnosis]:
    """Returns the mistakes, by primal, that a change of some step of the function explains.

    One mistake spoils all that it comes by: what is wrong is first looked at together.

    Args:
        m: the measurement.
        unexplained: the primals, each with the cotangent that its claim was seen through.
    """
    told: dict[str, Diagnosis] = {}
    evaluator = plainly(m)
    if evaluator.bits < LEAST_BITS or not unexplained:
        return told
    for k in dict.fromkeys(unexplained.values()):
        names = tuple(n for n, own in unexplained.items() if own == k)
        try:
            told |= _by_steps(m, k, names)
        except Exception:  # the budget is spent, or the function does not bear to be watched
            continue
    return told


def plainly(m: Measurement) -> Evaluator:
    """Returns what evaluates the function: where its decisions are frozen, it records them anew."""
    if not m.evaluator.smooth:
        return m.evaluator
    return replace(m.evaluator, subject=m.audited.evaluator.subject, smooth=False)


def watched(m: Measurement, k: int) -> Slopes:
    """Returns the derivatives of the function, through a cotangent."""
    evaluator = plainly(m)
    recorded = record(evaluator.outputs, evaluator.point)
    return Slopes(m, k, recorded if isinstance(recorded, Recorded) else None, evaluator)


def _by_steps(m: Measurement, k: int, names: tuple[str, ...]) -> dict[str, Diagnosis]:
    slopes = watched(m, k)
    together = _mistake(m, slopes, k, names, slopes.runs + _runs(slopes))
    if together is not None or len(names) == 1:
        return dict.fromkeys(names, together) if together else {}
    told, most = {}, slopes.runs + int(ALONE * _runs(slopes))
    for name in names:
        alone = _mistake(m, slopes, k, (name,), most) if slopes.runs < most else None
        told |= {name: alone} if alone else {}
    return told


def _mistake(
    m: Measurement, slopes: Slopes, k: int, names: tuple[str, ...], most: int
) -> Diagnosis | None:
    claim = claimed(m, slopes, k, names, most)
    if not claim.is_clear:
        return None
    told = by_output(m, slopes, k, claim)
    if told is not None or not 0 < len(slopes.steps) <= MOST_STEPS:
        return told
    try:
        found = explanations(claim)
    except BudgetSpent:
        if not m.evaluator.meter.left > 0:
            raise
        return None
    return diagnosis_of(found, claim) if found else None


def claimed(m: Measurement, slopes: Slopes, k: int, names: tuple[str, ...], most: int) -> Claim:
    """Returns the claim for some primals along random directions."""
    chosen = m.rng.spawn(1)[0]
    point, gradients = m.evaluator.point, m.audited.gradients[k]
    directions = [tangent(point, names, chosen) for _ in range(DIRECTIONS)]
    share = EXACT if m.audited.evaluator.claim_eps < 2.0**-40 else NARROW
    return Claim(slopes, names, gradients, directions, share, most)


def _runs(slopes: Slopes) -> int:
    """Returns how many evaluations a claim is worth."""
    shapes = (getattr(step.result, "shape", ()) for step in slopes.steps)
    numbers = sum(int(np.prod(shape)) for shape in shapes)
    share = TENSORS if slopes.recorded and slopes.recorded.uses_torch else 1
    most = max(MOST_WORK // max(1, len(slopes.steps)), slopes.m.evaluator.meter.evaluations)
    return min(MOST_RUNS, most // share, MOST_NUMBERS // max(1, numbers))


def diagnosis_of(found: Sequence[Found], claim: Claim) -> Diagnosis:
    """Returns the mistake that a person names, of those that are the same."""
    best = min(found, key=lambda f: _rank(found, f))
    h, factor = best.hypothesis, best.factor
    row, words = h.row, dict(h.words)
    if h.is_path and row is PATH and factor:
        row = SIGN if factor == -1 else FACTOR
        words["factor"] = number(factor, 4)
    elif factor not in (0.0, 1.0):
        slope = words.get("slope", "1")
        words["slope"] = number(factor, 4) if slope == "1" else f"{number(factor, 4)} * {slope}"
        row = SLOPE if row is not OPERAND else replace(
            OPERAND, sentence=f"{OPERAND.sentence}, and besides it is {number(factor, 4)} times"
        )  # fmt: skip
    return Diagnosis(
        kind=row.kind,
        sentence=row.sentence.format(**words),
        usual_cause=row.cause,
        parameters={"factor": factor, **_plain(words), "places": _places(h, claim)},
        confidence=UNSURE if claim.entries < FEW else SURE if best.is_neat else VAGUE,
    )


def _places(h: Hypothesis, claim: Claim) -> list[str]:
    """Returns the files and lines of the steps that a mistake is in."""
    at = sorted(h.changes.keys() | (h.rest or {}).keys())
    found = (claim.slopes.steps[n].place.where for n in at)
    return list(dict.fromkeys(where for where in found if where))


def _rank(found: Sequence[Found], f: Found) -> tuple[float, ...]:
    """Returns what puts one before another that is the same."""
    h = f.hypothesis
    order = -found.index(f) if h.is_path else found.index(f)
    inner = sum(" of `" in str(word) for word in h.words.values())
    part = sum("` in `" in str(word) for word in h.words.values())
    return f.odd, f.factor not in (0.0, 1.0), h.of not in STATISTICS, inner, part, order


def _plain(words: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(value) for name, value in words.items() if name != "factor"}
