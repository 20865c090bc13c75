"""The words of a wrong value: what was claimed, what is true, where, and what it looks like."""

from typing import Any

import numpy as np

from gradcheck.comparison import Outcome
from gradcheck.localisation import Located
from gradcheck.structure import entry
from gradcheck.verdict import Comparison, Finding, number

PLAIN = {-1.0: "sign", 0.5: "known factor", 2.0: "known factor"}
"""What a factor over many directions is called, where it is known well enough."""

CLOSE = 2.0**-5
COARSELY = 0.8

SMALL = 2.0**-8
"""One-sided slopes are known to so much of their distance."""


def located_finding(found: Located, x: Any, *, missing: bool) -> Finding:
    """Returns the finding of a primal that was looked at entry by entry."""
    worst = found.indices[0]
    claimed, true, bar = found.claimed[worst], found.true[worst], found.bar[worst]
    where, _ = entry(found.primal, worst, x)
    indices = tuple(dict.fromkeys(entry(found.primal, index, x)[1] for index in found.indices))
    count = len(found.indices)
    if found.kinked[worst]:
        facts = _facts_on_kink(found, worst)
    else:
        facts = _facts(float(claimed), float(true), float(bar))
    if missing:
        message = (
            f"{found.primal}: no gradient is returned, and there is one: {where} has {facts[1]}"
        )
    else:
        message = f"{where}: {', '.join(facts)}"
        if count > 1:
            message += f"; {_share(found)} wrong, this one the most"
    return Finding(
        kind="missing" if missing else "value",
        primal=found.primal,
        indices=indices,
        claimed=float(claimed),
        true=float(true),
        bar=float(bar),
        ratio=float(claimed / true) if true and not found.kinked[worst] else None,
        message=message,
    )


def probe_finding(
    name: str, outcome: Outcome, *, missing: bool, part: np.ndarray | None = None
) -> Finding:
    """Returns the finding of a primal, or a part of it, whose entries do not show it."""
    true = outcome.claimed + outcome.residual
    facts = _facts(outcome.claimed, true, outcome.bar)
    where = "" if part is None else f" of {_part(part.size)}"
    message = f"{name}: along a random direction{where} {', '.join(facts)}"
    if missing:
        message = f"{name}: no gradient is returned, and the function depends on it"
    return Finding(
        kind="missing" if missing else "value",
        primal=name,
        claimed=outcome.claimed,
        true=true,
        bar=outcome.bar,
        ratio=outcome.claimed / true if true else None,
        message=message,
    )


def coarse_finding(row: Comparison, probes: int, *, missing: bool) -> Finding:
    """Returns the finding of a primal that was judged by regression over many probes."""
    kind = ""
    if missing or row.claimed == 0.0:
        said = "no gradient is returned" if missing else "the claim is zero"
        message = f"{row.primal}: {said}, and the function depends on it"
    else:
        ratio = f"{number(row.claimed / row.true, 3)} times" if row.true else "not at all"
        kind = next((k for f, k in PLAIN.items() if _is_near(row, f)), "")
        message = (
            f"{row.primal}: over {probes} random directions the claim is {ratio} "
            f"what the function does (± {number(row.bar / row.claimed, 1)}); {row.reason}"
        )
    return Finding(
        kind="missing" if missing else "value",
        primal=row.primal,
        claimed=row.claimed,
        true=row.true,
        bar=row.bar,
        ratio=row.claimed / row.true if row.true else None,
        message=message,
        diagnosis=kind,
        confidence=COARSELY if kind else None,
    )


def _is_near(row: Comparison, factor: float) -> bool:
    """Whether the claim may be this factor times the truth, and hardly another."""
    return abs(row.claimed - factor * row.true) <= row.bar <= CLOSE * abs(factor * row.true)


def edge_finding(name: str, count: int) -> Finding:
    """Returns the finding of entries at the edge of the domain whose slope from inside is another.

    Args:
        name: the primal.
        count: how many such entries there are.
    """
    message = (
        f"{name}: {count} entries are at the edge of the function's domain, and what the claim "
        "gives them is not the slope from inside, all of them moved together; the other entries "
        "are right"
    )
    return Finding(kind="value", primal=name, message=message)


def ties_finding(name: str, count: int, outcome: Outcome, true: float) -> Finding:
    """Returns the finding of entries on kinks that are right each, and not together.

    Args:
        name: the primal.
        count: how many entries were moved.
        outcome: of moving them together.
        true: the right slope that is nearest to the claimed one.
    """
    message = (
        f"{name}: {count} entries are tied or on a kink, and what the claim gives them does not "
        f"add up: moved together, {', '.join(_facts(outcome.claimed, true, outcome.bar))}. Give a "
        "tied maximum to one of its entries, or share it out"
    )
    return Finding(
        kind="value",
        primal=name,
        claimed=outcome.claimed,
        true=true,
        bar=outcome.bar,
        ratio=outcome.claimed / true if true else None,
        message=message,
        diagnosis="outside the subgradient",
        confidence=0.99,
    )


def joint_finding(names: tuple[str, ...], outcome: Outcome, *, on_kink: bool = False) -> Finding:
    """Returns the finding of primals that disagree only when they all move at once."""
    true = outcome.claimed + outcome.residual
    facts = _facts(outcome.claimed, true, outcome.bar)
    message = f"moving {', '.join(names)} together: {', '.join(facts)}"
    return Finding(
        kind="value",
        claimed=outcome.claimed,
        true=true,
        bar=outcome.bar,
        ratio=outcome.claimed / true if true else None,
        message=message,
        diagnosis="outside the subgradient" if on_kink else "",
        confidence=0.99 if on_kink else None,
    )


def _facts_on_kink(found: Located, at: tuple[int, ...]) -> list[str]:
    low, high = (number(x, 3) for x in _rounded(float(found.low[at]), float(found.high[at])))
    claimed = number(float(found.claimed[at]), 4)
    return [f"claimed {claimed}", f"it is on a kink, where anything from {low} to {high} is right"]


def _rounded(low: float, high: float) -> tuple[float, float]:
    """Returns one-sided slopes, what is small next to their distance taken for zero."""
    small = SMALL * (high - low)
    return (0.0 if abs(low) < small else low), (0.0 if abs(high) < small else high)


def _facts(claimed: float, true: float, bar: float) -> list[str]:
    off = abs(claimed / true - 1) if true else 1.0
    digits = 4 if off > 1e-3 else min(12, 3 - int(np.floor(np.log10(max(off, 1e-16)))))
    facts = [
        f"claimed {number(claimed, digits)}",
        f"true {number(true, digits)} ± {number(bar, 1)}",
    ]
    if true != 0 and abs(true) > 4 * bar:
        close = f"{number(off, 2)} of it off" if off <= 1e-3 else ""
        facts.append(close or f"ratio {number(claimed / true, 4)}")
    return facts


def _share(found: Located) -> str:
    count, size = len(found.indices), int(found.seen.sum())
    share = f"all {size} entries" if count == size else f"{count} of {size} entries"
    if found.seen.all():
        return f"{share} are"
    if found.drawn:
        return f"{share} that were drawn are"
    return f"{count} of {_part(size)} are"


def _part(size: int) -> str:
    """Returns how a part of a primal is called: its claims are small next to the others."""
    return f"the {size} entries that are claimed to be zero or far smaller than the rest"
