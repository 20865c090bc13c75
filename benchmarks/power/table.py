"""The figures as words: a Markdown table, the list of misses, and the page in `docs/`."""

import importlib.metadata
import platform
import statistics
from collections.abc import Iterable, Sequence

from tabulate import tabulate

from benchmarks.power.cases import CASES
from benchmarks.power.checkers import CHECKERS
from benchmarks.power.runner import Outcome, Row, kind_of, rows

WRONG = ("value", "subtle", "contract")
HEADERS = (
    "checker",
    *(head for kind in WRONG for head in (f"{kind} found", "told from twin")),
    "accused",
    "inconclusive",
    "errors",
    "ms",
)
LABEL = {checker.name: checker.label for checker in CHECKERS}
LIBRARIES = ("numpy", "torch", "jax", "autograd", "scipy", "ml_dtypes")


def table(outcomes: Sequence[Outcome], dtype: str) -> str:
    """Returns the figures of one precision, one line for each checker."""
    outcomes = [o for o in outcomes if o.dtype == dtype]
    by = {(row.checker, row.kind): row for row in rows(outcomes)}
    lines = []
    for name in dict.fromkeys(checker for checker, _ in by):
        mine = {kind: row for (checker, kind), row in by.items() if checker == name}
        seconds = statistics.median(o.seconds for o in outcomes if o.checker == name)
        lines.append([*_cells(name, mine), f"{1e3 * seconds:.1f}"])
    return tabulate(lines, headers=HEADERS, tablefmt="pipe", disable_numparse=True)


def _cells(checker: str, by: dict[str, Row]) -> list[str]:
    cells = [LABEL.get(checker, checker)]
    for kind in WRONG:
        row = by.get(kind)
        cells.append(f"{row.found}/{row.cases}" if row else "")
        cells.append(_share(row.discriminated, row.cases) if row else "")
    right = by.get("right")
    cells.append(f"{right.accused}/{right.cases}" if right else "")
    cells.append(str(sum(row.inconclusive for row in by.values())))
    cells.append(str(sum(row.errors for row in by.values())))
    return cells


def _share(k: int, n: int) -> str:
    return f"{k} ({100 * k / n:.1f} %)"


def missed(outcomes: Iterable[Outcome]) -> str:
    """Returns one line for each miss: what was said, how large the deviation is, and why."""
    return "\n".join(
        f"  {o.checker:18} {o.dtype:8} {kind_of(o.subject):9} {o.case:45} {o.status:13}"
        f"{_size(o)}  {' '.join(o.detail.split())[:160]}"
        for o in outcomes
    )


def _size(o: Outcome) -> str:
    case = o.subject
    return (
        ""
        if case.correct or case.kind == "contract"
        else f"{case.deviation:.1e}/{case.worst_entry:.1e}"
    )


def page(outcomes: Sequence[Outcome], dtypes: Sequence[str], seed: int) -> str:
    """Returns the page that `--write` puts into `docs/`."""
    wrong = [case for case in CASES if not case.correct]
    sources = {case.source for case in wrong if case.source}
    parts = [
        "# The power of gradient checkers",
        "Written by `python -m benchmarks.power --write`; not by hand.",
        f"{len(wrong)} planted bugs ({sum(c.kind == 'contract' for c in wrong)} of them of the "
        f"contract) and {len(CASES) - len(wrong)} right gradients in "
        f"{len({case.family for case in CASES})} families; {len(sources)} public reports are "
        "modelled. *Told from its twin*: the bug is rejected and the right gradient over the same "
        "inputs passes. A peer that crashes has found a bug, or accused a right gradient; an error "
        "of ours is no find. A bug of the contract is found where it is called wrong or warned of. "
        "*Subtle*: no entry is off by more than 0.1 % of it. "
        "*ms*: the median time of a check.",
    ]
    for dtype in dtypes:
        parts += [f"## {dtype}", table(outcomes, dtype)]
    parts += ["## Versions", f"{versions()}; seed {seed}."]
    return "\n\n".join(parts) + "\n"


def versions() -> str:
    """Returns the versions of everything that took part."""
    found = [f"Python {platform.python_version()}"]
    for name in LIBRARIES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found)
