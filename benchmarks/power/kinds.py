"""Which kinds of `gradcheck.diagnosis` name a planted bug, by the corpus's own tags.

A kind stands here where its sentence alone tells a reader of the tag that it is this mistake. All
others, however true, are asked at another point (`benchmarks/power/elsewhere.py`).
"""

from collections.abc import Mapping

FACTORS = frozenset(
    ("known factor", "constant factor", "nearly right", "factor of each slice", "scaled")
) | {"factor on a path"}
"""A number too much or too little, everywhere or in a part."""

LEFT_OUT = frozenset(
    ("chain factor missing", "chain factor in a network", "slope left out", "passed on")
)
"""A step of the chain rule that is not there."""

REPLACED = frozenset(
    ("chain factor replaced", "chain factor in a network", "slope replaced", "another derivative")
)
"""A step of the chain rule that is another function's."""

POWERS = frozenset(("chain factor missing", "chain factor extra", "slope replaced"))

TERMS = frozenset(("term", "weight decay", "mean term", "projection term", "own term")) | {
    "mean and variance terms",
    "coupling left out",
    "one product term",
    "terms left out",
    "part of the sum",
    "samples left out",
    "path left out",
    "paths left out",
    "output ignored",
}
"""A term of a sum, of a product rule, of a normalisation, that is not there."""

SUMS = frozenset(("not summed", "reduced and spread", "part of the sum", "samples left out")) | {
    "terms left out",
    "not accumulated",
}
"""A sum over outputs that is not one."""

NAMES: Mapping[str, frozenset[str]] = {
    "sign": frozenset(("sign", "sign of a part", "sign of a path", "absolute")),
    "factor": FACTORS,
    "missing factor": FACTORS | LEFT_OUT,
    "missing factor 2": FACTORS,
    "wrong factor": FACTORS | REPLACED | {"operand replaced"},
    "wrong count": FACTORS | {"factor beside a term"},
    "mean for sum": FACTORS,
    "sum for mean": FACTORS | {"factor beside a term"},
    "wrong constant": FACTORS,
    "transpose": frozenset(("transposed", "axes permuted", "adjoint", "cotangent transposed")),
    "flipped": frozenset(("reversed",)),
    "off by one": frozenset(("off by one", "rolled", "slice shifted")),
    "stride": frozenset(("slice shifted",)),
    "swapped": frozenset(("swapped", "slices swapped", "slices exchanged", "outputs exchanged"))
    | {"blocks exchanged"},
    "wrong layout": frozenset(("reshaped in the wrong order", "axes permuted", "misplaced"))
    | {"repeats misplaced"},
    "missing term": TERMS,
    "extra term": frozenset(("term", "weight decay", "L1 penalty", "terms too many")),
    "zero gradient": frozenset(("zero",)),
    "zeroed block": frozenset(("zeroed",)),
    "one entry": frozenset(("zeroed", "scaled")),
    "missing activation": LEFT_OUT,
    "wrong activation": REPLACED,
    "extra activation": frozenset(("chain factor extra",)),
    "constant slope": frozenset(("slope replaced", "constant factor")),
    "wrong power": POWERS,
    "wrong function": REPLACED | {"another loss"},
    "mask missing": frozenset(("mask missing", "passed on")),
    "mask inverted": frozenset(("mask inverted",)),
    "wrong mask": frozenset(),
    "stale mask": frozenset(),
    "mask": frozenset(("zeroed",)),
    "missing reduction": SUMS,
    "accumulation": frozenset(("not accumulated", "duplicates not accumulated", "terms left out")),
    "wrong axis": frozenset(("reduced and spread", "reduced and scaled")),
    "missing axis": frozenset(("reduced and spread", "not summed")),
    "boundary": frozenset(),
    "wrong convention": frozenset(("symmetry",)),
    "conjugate": frozenset(("conjugated",)),
    "outside the subgradient": frozenset(("outside the subgradient",)),
    "straight-through": frozenset(("straight_through", "passed on")),
    "cotangent ignored": frozenset(("cotangent left out", "zero_cotangent")),
    "not linear": frozenset(("nonlinear", "zero_cotangent", "cotangent left out")),
    "not finite": frozenset(("not_finite",)),
}
"""Tag -> the kinds that say the same, {} where what is said is always asked at another point. What
is not here the table has no kind for."""
