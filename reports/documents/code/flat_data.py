"""Data of one dimension, as a reader may pass them to a function that means columns."""

import ast
import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from reports.documents.code.experiment import began, ended
from reports.documents.code.finding import Finding, line_of
from reports.documents.code.limits import FAILS, Missing, NotReadable
from reports.documents.code.names import role
from reports.documents.code.runs import Run
from reports.documents.code.solving import given
from reports.documents.code.trial import Trial

_COLUMNS = re.compile(
    r"(?i)column|batch(?!.?norm)|reshape|newaxis|\.shape|axis=|keepdims|列向量|小批|批量|\[\["
)
"""What says that data are columns, or several samples."""


def for_flat_data(name: str, run: Run, text: str) -> Finding | None:
    """Returns where a function fails for one-dimensional data, while nothing says columns.

    `.T` does nothing to one dimension: np.dot(δ, h.T) is then no outer product.
    """
    if not isinstance(run, Trial) or run.plan.kind is not None or run.plan.forward is not None:
        return None
    data = [n for n in run.specs if role(n) in {"data", "target"} and len(run.specs[n].shape) == 2]
    if run.layout.name != "columns" or len(data) < 2 or not all(n.islower() for n in data):
        return None
    if _COLUMNS.search(text):
        return None
    flat = {n: replace(s, shape=s.shape[:1]) if n in data else s for n, s in run.specs.items()}
    trail: list[ast.stmt] = []
    try:
        values: Mapping[str, object] = given(flat).values
        state = began(run.plan, run.names, values, trail=trail)
        found = ended(run.plan, state, run.names, None)
    except ValueError as error:
        if not trail:
            return None
        words = f"{name}: it fails for one-dimensional {' and '.join(data)}: {error}"
        return _finding(trail[0], words)
    except (NotReadable, Missing, RecursionError, *FAILS):
        return None
    for primal, path in run.pairs.items():
        if path in found and np.shape(found[path]) != np.shape(run.primals[primal]):
            words = f"{name}: for one-dimensional {' and '.join(data)} the gradient of {primal[-1]}"
            words += f" comes out in the shape {np.shape(found[path])}, and nothing raises"
            return _finding(run.node, words)
    return None


def _finding(node: ast.AST, words: str) -> Finding:
    outer = "np.outer(δ, h), or columns for the data"
    return Finding(node, line_of(node), "shape", outer, f"{words}; .T does nothing to them")
