"""Cotangents of several outputs: one is not used, counted twice, or taken for another."""

from itertools import combinations

import numpy as np

from gradcheck import backends
from gradcheck.diagnosis import Diagnosis
from gradcheck.measurement import Measurement
from gradcheck.steps.claim import Claim
from gradcheck.steps.search import FACTORS
from gradcheck.steps.slopes import Slopes
from gradcheck.verdict import number

SURE = 0.95

OF_OUTPUTS = EXCHANGED, IGNORED, MISCOUNTED = (
    "outputs exchanged",
    "output ignored",
    "output miscounted",
)


def by_output(m: Measurement, slopes: Slopes, k: int, claim: Claim) -> Diagnosis | None:
    """Returns the mistake where the claim is right but for what an output's cotangent counts."""
    pushed = np.array([slopes.pushed(v) for v in claim.directions])
    parts = _parts(m)
    if len(parts) < 2:
        return None
    weighted = np.stack([pushed[:, own] @ m.weights[k][own] for own in parts.values()], 1)
    claimed, sizes = claim.claimed, claim.sizes
    seen = np.abs(weighted).max(0) > claim.share * sizes.max()
    counts = np.ones(len(parts))
    counts[seen] = np.linalg.lstsq(weighted[:, seen] / sizes[:, None], claimed / sizes, rcond=None)[
        0
    ]
    neat = np.array([min(FACTORS, key=lambda f: abs(f - c)) for c in counts])
    off = np.abs(weighted @ neat - claimed) / sizes
    if np.all(off <= claim.share):
        wrong = [(name, n) for name, n, s in zip(parts, neat, seen, strict=True) if s and n != 1]
        if len(wrong) < seen.sum():
            return _counted(wrong)
    for (a, one), (b, other) in combinations(parts.items(), 2):
        if m.weights[k][one].size != m.weights[k][other].size:
            continue
        weights = m.weights[k].copy()
        weights[one], weights[other] = m.weights[k][other], m.weights[k][one]
        if np.all(np.abs(pushed @ weights - claimed) <= claim.share * sizes):
            return Diagnosis(
                kind=EXCHANGED,
                sentence=f"the cotangents of {a} and {b} are taken for one another",
                confidence=SURE,
            )
    return None


def _counted(wrong: list[tuple[str, float]]) -> Diagnosis:
    told = [
        f"the cotangent of {name} is not used" if not count else
        f"the cotangent of {name} is counted {number(count, 3)} times"
        for name, count in wrong
    ]  # fmt: skip
    return Diagnosis(
        kind=IGNORED if not any(count for _, count in wrong) else MISCOUNTED,
        sentence="; ".join(told),
        usual_cause="what comes in from above through it must be added",
        parameters={"outputs": [name for name, _ in wrong]},
        confidence=SURE,
    )


def _parts(m: Measurement) -> dict[str, slice]:
    """Returns where each output lies in the vector of all of them."""
    parts: dict[str, slice] = {}
    start = 0
    for name, y in m.audited.outputs.items():
        size = backends.of(y).values(y).size
        parts[name] = slice(start, start := start + size)
    return parts
