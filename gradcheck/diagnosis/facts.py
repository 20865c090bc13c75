"""What is told of a mistake that no row explains: where it is, its ratio, what it goes with."""

from collections.abc import Iterator

import numpy as np

from gradcheck.diagnosis.evidence import Evidence
from gradcheck.diagnosis.expressions import expressions
from gradcheck.verdict import number

TELLING = 0.9
"""A correlation is told from there on."""


def facts(evidence: Evidence, where: str) -> Iterator[str]:
    """Yields the most telling facts: the place, the ratio to the truth, the best correlation."""
    if where != "every entry" and not where[0].isdigit():
        yield f"wrong is only {where}"
    wrong = evidence.w & (np.abs(evidence.t) > 4 * evidence.s)
    if wrong.sum() > 2:
        ratio = np.quantile(evidence.c[wrong] / evidence.t[wrong], (0.1, 0.5, 0.9))
        low, middle, high = (number(float(r), 2) for r in ratio)
        if low != high:
            yield f"claimed / true is {middle} in the middle, mostly from {low} to {high}"
        else:
            yield f"claimed / true is about {number(float(ratio[1]), 4)}"
    yield from _correlated(evidence)


def _correlated(evidence: Evidence) -> Iterator[str]:
    wrong = evidence.w
    if wrong.sum() < 8:
        return
    d = (evidence.c - evidence.t)[wrong]
    best, text = TELLING, ""
    candidates = [(e.text, e.at[wrong]) for e in expressions(evidence)]
    candidates += [("the true gradient", evidence.t[wrong]), ("the claim", evidence.c[wrong])]
    for name, x in candidates:
        if np.ptp(x) > 0 and np.ptp(d) > 0 and np.isfinite(x).all():
            r = float(np.corrcoef(d, x)[0, 1])
            if abs(r) > best:
                best, text = abs(r), f"claimed - true goes with {name} (correlation {number(r, 2)})"
    if text:
        yield text
