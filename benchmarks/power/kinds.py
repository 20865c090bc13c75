"""Which kinds of `gradcheck.diagnosis` name a planted bug rightly, by the corpus's own tags."""

from collections.abc import Mapping

FACTORS = frozenset(
    ("known factor", "constant factor", "nearly right", "factor of each slice", "scaled")
) | {"factor on a path", "factors on paths"}
"""A number too much or too little, everywhere or in a part."""

CHAIN = frozenset(
    ("chain factor missing", "chain factor extra", "chain factor replaced", "another derivative")
) | {
    "chain factor in a network",
    "another product",
    "passed on",
    "passed on in part",
    "factor of each output",
    "part of the derivative",
    "slope left out",
    "slope replaced",
    "operand replaced",
    "path left out",
}
"""A step of the chain rule."""

TERMS = frozenset(
    ("term", "weight decay", "L1 penalty", "mean term", "projection term", "own term")
) | {
    "mean and variance terms",
    "coupling left out",
    "one product term",
    "terms left out",
    "part of the sum",
    "samples left out",
    "softmax's Jacobian",
    "another derivative",
    "part of the derivative",
    "term of each slice",
    "path left out",
    "paths left out",
    "factor on a path",
    "factors on paths",
    "not summed",
    "operand replaced",
}
"""A term of a sum, of a product rule, of a normalisation."""

PLACES = (
    frozenset(("transposed", "axes permuted", "reversed", "rolled", "off by one", "slices swapped"))
    | {"reshaped in the wrong order", "blocks exchanged", "misplaced"}
    | {
        "adjoint",
        "cotangent transposed",
        "operand replaced",
        "outputs exchanged",
        "repeats misplaced",
        "slices exchanged",
        "slice shifted",
    }
)
"""Right numbers in wrong places."""

MASKS = frozenset(("mask missing", "mask inverted", "zeroed", "rectified", "terms too many"))
"""Entries that count and should not, or the other way round."""

LOSSES = frozenset(("another loss", "another derivative"))

SUMS = frozenset(("not accumulated", "duplicates not accumulated", "terms left out")) | {
    "part of the sum",
    "samples left out",
    "reduced and spread",
    "reduced and scaled",
    "path left out",
    "not summed",
}
"""A sum over outputs that is not one."""

NAMES: Mapping[str, frozenset[str]] = {
    "sign": frozenset(("sign", "sign of a part", "absolute", "factor beside a term", "term"))
    | {"softmax's Jacobian", "sign of a path", "factors on paths", "slope left out"},
    "factor": FACTORS,
    "missing factor": FACTORS | CHAIN,
    "missing factor 2": FACTORS | {"term", "weight decay", "path left out"},
    "wrong factor": FACTORS | CHAIN,
    "wrong count": FACTORS | {"factor beside a term"},
    "mean for sum": FACTORS,
    "sum for mean": FACTORS | {"factor beside a term"},
    "wrong constant": FACTORS | {"chain factor replaced"},
    "transpose": PLACES | {"another product"},
    "flipped": PLACES,
    "off by one": PLACES | SUMS | {"term", "terms too many"},
    "stride": PLACES | SUMS | {"terms too many"},
    "swapped": PLACES | {"swapped", "of another primal", "term"},
    "wrong layout": PLACES,
    "missing term": TERMS
    | SUMS
    | {"epsilon", "symmetry", "zero", "zeroed", "passed on in part"}
    | {"output ignored"},
    "extra term": TERMS | {"terms too many"},
    "zero gradient": frozenset(("zero", "zeroed")),
    "zeroed block": frozenset(("zeroed",)),
    "one entry": frozenset(("zeroed", "scaled")),
    "missing activation": CHAIN | {"mask missing", "terms too many"},
    "wrong activation": CHAIN,
    "extra activation": CHAIN,
    "constant slope": CHAIN | FACTORS,
    "wrong power": CHAIN,
    "wrong function": CHAIN | LOSSES,
    "mask missing": MASKS
    | {"passed on", "passed on in part", "scaled"}
    | {"slope left out", "operand replaced"},
    "mask inverted": MASKS | {"slope replaced", "operand replaced"},
    "wrong mask": MASKS | {"passed on in part", "nonlinear"},
    "stale mask": MASKS | {"terms left out", "misplaced"},
    "mask": MASKS,
    "missing reduction": SUMS | {"softmax's Jacobian"},
    "accumulation": SUMS | {"zeroed"},
    "wrong axis": SUMS | PLACES | {"another product", "coupling left out", "softmax's Jacobian"},
    "missing axis": SUMS,
    "boundary": SUMS | MASKS,
    "wrong convention": frozenset(("symmetry",)),
    "conjugate": frozenset(("conjugated", "rotated", "adjoint")),
    "outside the subgradient": frozenset(("outside the subgradient",)),
    "straight-through": frozenset(("straight_through", "passed on", "passed on in part"))
    | {"slope left out"},
    "cotangent ignored": frozenset(("cotangent left out", "zero_cotangent", "output ignored")),
    "not linear": frozenset(("cotangent left out", "zero_cotangent", "nonlinear")),
    "not finite": frozenset(("not_finite",)),
}
"""Tag -> the kinds that say the same. What is not here the table has no kind for."""
