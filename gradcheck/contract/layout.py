"""Memory layout: the same values with other strides, as inputs and as cotangents."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.contract.agreement import blur_of_outputs, compared, coordinates
from gradcheck.contract.audited import Audit, is_far
from gradcheck.errors import EvaluationError
from gradcheck.noise import ulp_of_primals
from gradcheck.subject import Point
from gradcheck.verdict import Finding

LAYOUTS = 3
"""Transposed, every second element, reversed: no library has more."""

REFUSED = "negative strides"
"""A layout that some libraries refuse, torch.from_numpy among them: a warning, for it is loud."""

TERM_ULPS = 2.0**6
"""Outputs may be sums that cancel, and differ by so many ulps of the primals in another order."""

Laid = tuple[str, dict[str, Any]]
"""What was done ("" where no array has another layout), and the arrays."""


def layouts(audited: Audit, rng: np.random.Generator) -> Iterator[Finding]:
    """Hands in everything in other layouts, and looks for who misreads what where that matters.

    Left out for arrays of so many entries that their sums stall in the precision at hand: in
    another order such a sum is another number.
    """
    point, y_bar = dict(audited.point), audited.y_bar(audited.cotangents[0])
    most = 2.0**audited.evaluator.bits
    if any(backends.size(x) > most for x in (*point.values(), *y_bar.values())):
        return
    found: dict[str, Finding] = {}
    # Random numbers are drawn in the order of memory: a mask of another layout is another mask.
    is_random = any(finding.kind == "random" for finding in audited.findings)
    inputs_laid_out = () if is_random else _laid_out(point)
    for inputs, bars in zip_longest(inputs_laid_out, _laid_out(y_bar)):
        for finding in _misread(audited, inputs or ("", point), bars or ("", y_bar), rng):
            found.setdefault(finding.kind, finding)
    if "layout" not in found:
        found |= {finding.kind: finding for finding in _broadcast(audited, y_bar, rng)}
    yield from found.values()


def _misread(
    audited: Audit, inputs: Laid, bars: Laid, rng: np.random.Generator
) -> Iterator[Finding]:
    """Yields what is wrong with inputs and cotangent in one layout: with the inputs or with ȳ."""
    (how, point), (how_bar, y_bar), old = inputs, bars, audited.gradients[0]
    trouble = _of_function(audited, inputs, rng) if how else None
    if trouble is None:
        finding = _of_inputs("pullback", how)
        trouble = compared(audited, finding, old, y_bar, rng, point, raising="warning")
        if trouble is None:
            return
    else:
        yield trouble
        trouble = None
    raising = "warning" if REFUSED in how_bar else "error"
    alone = compared(audited, _of_cotangent(how_bar), old, y_bar, rng, raising=raising)
    yield from [found for found in (alone or trouble,) if found]


def _of_function(audited: Audit, inputs: Laid, rng: np.random.Generator) -> Finding | None:
    """Returns what is wrong with the function's value at the same point in another layout."""
    how, point = inputs
    finding = _of_inputs("function", how)
    try:
        new = coordinates(audited.evaluator.outputs(point))
    except EvaluationError as error:
        return replace(finding, message=f"{finding.message} ({error})", severity="warning")
    old, share = coordinates(audited.outputs), audited.gross
    # Sums in another order are rounded otherwise, and some cancel to nothing else.
    terms = TERM_ULPS * ulp_of_primals(audited.evaluator)
    if not any(is_far(y, new[name], share, terms) for name, y in old.items()):
        return None
    slack = blur_of_outputs(audited, rng)
    wrong = any(is_far(y, new[name], share, slack[name]) for name, y in old.items())
    return finding if wrong else None


def _broadcast(audited: Audit, y_bar: Point, rng: np.random.Generator) -> Iterator[Finding]:
    """Hands in a cotangent of equal entries that all stand in the same place of memory."""
    spread = {name: backends.of(y).broadcast(y) for name, y in y_bar.items()}
    if all(y is y_bar[name] for name, y in spread.items()):
        return
    solid = {n: backends.of(y).like(backends.of(y).values(spread[n]), y) for n, y in y_bar.items()}
    finding = _of_cotangent("broadcast, strides of zero")
    found = compared(audited, finding, audited.pulled(solid), spread, rng)
    yield from [found] if found else []


def _laid_out(arrays: Point) -> Iterator[Laid]:
    """Yields all arrays in other layouts at once, as often as any of them has one."""
    each = {name: list(backends.of(x).layouts(x))[:LAYOUTS] for name, x in arrays.items()}
    for turn in range(max(map(len, each.values()), default=0)):
        chosen = {name: options[turn % len(options)] for name, options in each.items() if options}
        how = ", ".join(dict.fromkeys(how for how, _ in chosen.values()))
        yield how, {**arrays, **{name: x for name, (_, x) in chosen.items()}}


def _of_cotangent(how: str) -> Finding:
    message = (
        f"the pullback reads a cotangent that is not contiguous in memory ({how}) as if it were: "
        "use its strides, or make it contiguous first"
    )
    return Finding(kind="layout", message=message)


def _of_inputs(who: str, how: str) -> Finding:
    message = (
        f"the {who} gives another result for the same inputs in another memory layout ({how}): "
        "read arrays by their indices or strides, never in the order of their memory"
    )
    return Finding(kind="input_layout", message=message)
