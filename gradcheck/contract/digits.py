"""Digits: a gradient that has fewer than its dtype holds went through a narrower one."""

from collections.abc import Iterator

import numpy as np

from gradcheck import backends
from gradcheck.contract.audited import NATURAL_ULPS, Audit
from gradcheck.evaluation import flat
from gradcheck.noise import FLOAT32_BITS
from gradcheck.verdict import Finding

NARROWER = {"bfloat16": 8, "float16": 11, "float32": FLOAT32_BITS}
"""Significand bits of what a gradient may have gone through."""

LEAST = 4
"""So few numbers may be short by chance."""

UNHEARD = 4
"""A function that is heard to have at most so many bits more computes in that precision itself."""


def digits(audited: Audit) -> Iterator[Finding]:
    """Pulls back a cotangent that has all digits, and counts those of the gradients.

    A product or sum of numbers with all digits has all digits. Left out where the outputs are as
    short: the function then computes so itself.
    """
    bits = audited.evaluator.bits
    shortest = [n for n, b in NARROWER.items() if b + UNHEARD < bits]
    found = [n for n in shortest if not is_short(flat(audited.outputs), NARROWER[n])]
    if not found:
        return
    for name, values in audited.of_long.items():
        own = backends.of(audited.point[name]).precision(audited.point[name])
        if np.max(np.abs(values), initial=0.0) <= NATURAL_ULPS * own.eps * audited.natural[name]:
            continue  # zero up to rounding: what is left of terms that cancel has few digits
        narrow = next((n for n in found if is_short(values, NARROWER[n])), None)
        if narrow is None or np.count_nonzero(values) < LEAST or NARROWER[narrow] >= own.bits:
            continue
        sure = NARROWER[narrow] == FLOAT32_BITS
        yield Finding(
            kind="precision",
            primal=name,
            severity="error" if sure else "warning",
            message=f"{name}: no entry of the cotangent has more digits than {narrow} holds, "
            f"though {name}, the outputs and ȳ have those of {own.name}: it went through {narrow} "
            "on the way (a cast, a buffer or a constant of another dtype)",
        )


def is_short(values: np.ndarray, bits: int) -> bool:
    """Returns whether numbers, not all of them zero, have no more than so many significand bits.

    >>> is_short(np.array([0.5, 0.75, 0.0]), 2), is_short(np.array([0.1]), 24)
    (True, False)
    """
    finite = values[np.isfinite(values)]
    mantissas = np.ldexp(np.frexp(finite)[0], bits)
    return bool(np.any(finite != 0) and np.all(mantissas == np.round(mantissas)))
