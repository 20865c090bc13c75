"""All cases: one module for each group of families, each with its table `FAMILIES`."""

import importlib
import importlib.util

from benchmarks.power.cases import (
    activations,
    algebra,
    contracts,
    convolution,
    dense,
    indexing,
    losses,
    normalisation,
    precision,
    sequence,
)
from benchmarks.power.corpus import Case, Family

GROUPS = (
    dense,
    activations,
    losses,
    normalisation,
    convolution,
    indexing,
    sequence,
    algebra,
    precision,
    contracts,
)
FAMILIES: tuple[Family, ...] = tuple(family for group in GROUPS for family in group.FAMILIES)


def _all() -> tuple[Case, ...]:
    plain = [case for family in FAMILIES for case in family.cases()]
    rights = {case.name: case for case in plain if case.correct}
    faulty = [case for fault in contracts.FAULTS for case in fault.cases(rights)]
    return (*plain, *faulty, *_torch())


def _torch() -> tuple[Case, ...]:
    if importlib.util.find_spec("torch") is None:
        return ()
    return importlib.import_module("benchmarks.power.cases.torch_cases").CASES


CASES = _all()
