"""A printed figure: its value, and how much its last digit leaves open."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.worked_examples.claim import Array

_NUMBER = re.compile(r"[-+]?\d+(?:\.(\d*))?")
_SLACK = 1e-9  # of half a unit: 0.45 printed as 0.4 or 0.5 is right either way


@dataclass(frozen=True, eq=False)
class Printed:
    """A figure as a document shows it.

    Attributes:
        value: the number, vector or matrix.
        half_unit: for each entry, half a unit of its last displayed digit.
    """

    value: Array
    half_unit: Array

    def agrees(self, computed: Any) -> np.ndarray:
        """Returns, entry by entry, whether `computed` would be printed like this.

        All are False where the shapes differ.
        """
        computed = np.asarray(computed, dtype=np.float64)
        if computed.shape != self.value.shape:
            return np.zeros(self.value.shape, dtype=bool)
        return np.abs(computed - self.value) <= self.half_unit * (1 + _SLACK)


def parse(text: str) -> Printed:
    """Returns the figure that `text` shows: a number, a "(vector)" or a "[[matrix], [rows]]".

    >>> parse("(0.9, 0.99)").half_unit
    array([0.05 , 0.005])
    >>> parse("[[1.0, 1.02], [1.2, 1.218]]").value.shape
    (2, 2)
    """
    if text.startswith("[["):
        rows = [parse(f"({row})") for row in text[2:-2].split("], [")]
        return Printed(np.stack([r.value for r in rows]), np.stack([r.half_unit for r in rows]))
    numbers = list(_NUMBER.finditer(text))
    value = np.array([float(number[0]) for number in numbers])
    half_unit = np.array([0.5 * 10.0 ** -len(number[1] or "") for number in numbers])
    return Printed(value, half_unit) if text.startswith("(") else Printed(value[0], half_unit[0])
