"""Whether a mistake that was told at one point is what the claim is at another, too."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from gradcheck.evaluation import dot
from gradcheck.measurement import Measurement
from gradcheck.steps.claim import Claim
from gradcheck.steps.outputs import by_output
from gradcheck.steps.search import Found, alongside, pairs, tried
from gradcheck.steps.sites import shared, sites
from gradcheck.steps.table import ROWS
from gradcheck.steps.told import claimed, diagnosis_of, watched

PLAIN = ("what", "by", "used", "wanted", "other")
"""Words of a hypothesis that stand in its sentence as they are."""


def is_told_again(
    m: Measurement, k: int, right: Mapping[str, np.ndarray], told: str
) -> bool | None:
    """Whether a sentence on a step explains the claim for some primals; None: it is right here.

    Args:
        m: the measurement at the other point.
        k: through which of its cotangents.
        right: the true gradients of the primals, from another witness: the steps must give them.
            NaN where there is none (on a kink).
        told: the words, with the sentence among them.
    """
    slopes = watched(m, k)
    claim = claimed(m, slopes, k, tuple(right), most=2**31)
    known = {n: np.where(np.isnan(x), 0.0, x) for n, x in right.items()}
    off_kinks = [{n: np.where(np.isnan(right[n]), 0.0, d) for n, d in v.items()}
                 for v in claim.directions]  # fmt: skip
    claim = replace(claim, directions=off_kinks)
    if not claim.is_clear:
        return None
    wanted = np.array([dot(known, v) for v in claim.directions])
    if np.any(np.abs(wanted - claim.true) > claim.near):
        return False
    counted = by_output(m, slopes, k, claim)
    if counted is not None and counted.sentence in told:
        return True
    found = _found(claim, told)
    return any(diagnosis_of([f], claim).sentence in told for f in found)


def _found(claim: Claim, told: str) -> Iterator[Found]:
    """Yields what explains the claim, of all that has its words in what was told."""
    code = sites(claim.slopes.steps, claim.slopes.moved(claim.directions[0]))
    live = [site for site in [*code, *shared(code)] if site.live]
    paths = [p for p in alongside(claim, live, code) if str(p.hypothesis.words["what"]) in told]
    yield from (f for f in (p.explaining(claim) for p in paths) if f is not None)
    yield from (f for f in pairs(claim, paths) if f is not None)
    for row in ROWS:
        for hypothesis in (h for site in live for h in row(site, code)):
            if all(str(hypothesis.words.get(name, "")) in told for name in PLAIN):
                found = tried(claim, hypothesis)
                if found is not None:
                    yield found
