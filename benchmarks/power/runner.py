"""Runs checkers on cases: a time limit each, every exception counted, outcomes as data."""

import os
import signal
import time
import warnings
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import numpy as np

from benchmarks.power.cases import CASES
from benchmarks.power.checkers import CHECKERS, Checker
from benchmarks.power.corpus import Case

DTYPES = ("float64", "float32", "half")
"""What a run is about: the cases in double precision, the same in single, those in half."""

HALF = frozenset({"float16", "bfloat16"})

SECONDS = 10.0
"""A check that takes longer is stopped and counts as inconclusive."""

SUBTLE = 1e-3
"""Value bugs that change no entry by more than this share of it are counted apart."""

OTHER = 0x5EED
"""Tells the seed of a check from that of its inputs: cotangents equal to the data blind a norm."""

BY_NAME = {case.name: case for case in CASES}
CHECKER = {checker.name: checker for checker in CHECKERS}


class TookTooLong(BaseException):
    """The time limit; not an Exception, so that no checker catches it."""


@dataclass(frozen=True)
class Outcome:
    """What one checker said of one case."""

    checker: str
    case: str
    dtype: str
    status: str
    detail: str
    seconds: float

    @property
    def subject(self) -> Case:
        """The case."""
        return BY_NAME[self.case]

    @property
    def rejected(self) -> bool:
        """Whether the gradient was called wrong; of a contract, whether it was warned of."""
        warned = self.status == "warned" and self.subject.kind == "contract"
        return self.status == "fail" or warned

    @property
    def accusing(self) -> bool:
        """Whether somebody whose gradient is right would look for a mistake."""
        return self.status in ("fail", "error")


def chosen(dtype: str, families: Sequence[str] = ()) -> Iterator[Case]:
    """Yields the cases that a run in this precision is about."""
    for case in CASES:
        if families and case.family not in families:
            continue
        own = "half" if case.dtype in HALF else case.dtype
        if own == dtype or (own == "float64" and dtype == "float32" and "float64" not in case.tags):
            yield case


def kind_of(case: Case) -> str:
    """Returns "right", "value", "subtle" or "contract"."""
    if case.correct:
        return "right"
    return "subtle" if case.kind == "value" and case.worst_entry < SUBTLE else case.kind


def judge(checker: Checker, case: Case, dtype: str, seed: int) -> Outcome:
    """Runs one check."""
    own = case.dtype if dtype == "half" else dtype
    inputs = case.inputs(seed_of(case, seed), own)
    case.reset()
    start = time.perf_counter()
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"), limited(SECONDS):
            warnings.simplefilter("ignore")
            status, detail = checker.check(case, inputs, seed_of(case, seed) ^ OTHER)
    except TookTooLong:
        status, detail = "inconclusive", f"stopped after {SECONDS:.0f} s"
    except Exception as error:
        status = "fail" if checker.peer else "error"
        detail = f"{type(error).__name__}: {error}"
    seconds = time.perf_counter() - start
    return Outcome(checker.name, case.name, dtype, status, detail[:2000], seconds)


def run(
    checkers: Sequence[Checker],
    cases: Sequence[Case],
    dtype: str,
    seed: int = 0,
    jobs: int = 1,
) -> list[Outcome]:
    """Runs all checkers on all cases and on the twins of the wrong ones."""
    wanted = dict.fromkeys([c.name for c in cases] + [c.twin for c in cases])
    work = [(checker.name, name, dtype, seed) for checker in checkers for name in wanted]
    if jobs == 1:
        return [_judged(item) for item in work]
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        return list(pool.map(_judged, work, chunksize=16))


def _judged(item: tuple[str, str, str, int]) -> Outcome:
    checker, case, dtype, seed = item
    return judge(CHECKER[checker], BY_NAME[case], dtype, seed)


def seed_of(case: Case, seed: int) -> int:
    """Returns a seed that a case shares with its twin and with no other."""
    return zlib.crc32(f"{case.twin}/{seed}".encode())


class limited:
    """Raises `TookTooLong` in the main thread when the time is over."""

    def __init__(self, seconds: float):
        self.seconds = seconds

    def __enter__(self) -> None:
        def stop(*_: Any) -> None:
            raise TookTooLong

        signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def __exit__(self, *_: Any) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)


# ----------------------------------------------------------------------------------- the figures
@dataclass(frozen=True)
class Row:
    """One line of the table: a checker in one precision on one kind of case.

    Attributes:
        discriminated: bugs that were rejected while their twin passed.
    """

    checker: str
    dtype: str
    kind: str
    cases: int
    found: int
    discriminated: int
    accused: int
    inconclusive: int
    errors: int


def rows(outcomes: Iterable[Outcome]) -> Iterator[Row]:
    """Yields the figures of each checker, precision and kind."""
    outcomes = list(outcomes)
    status = {(o.checker, o.dtype, o.case): o for o in outcomes}
    groups: dict[tuple[str, str, str], list[Outcome]] = {}
    for o in outcomes:
        groups.setdefault((o.checker, o.dtype, kind_of(o.subject)), []).append(o)
    for (checker, dtype, kind), group in groups.items():
        wrong = [o for o in group if not o.subject.correct]
        found = [o for o in wrong if o.rejected]
        passed = [o for o in found if _is_told(o, status[checker, dtype, o.subject.twin])]
        yield Row(
            checker=checker,
            dtype=dtype,
            kind=kind,
            cases=len(group),
            found=len(found),
            discriminated=len(passed),
            accused=sum(o.accusing for o in group if o.subject.correct),
            inconclusive=sum(o.status == "inconclusive" for o in group),
            errors=sum(o.status == "error" for o in group),
        )


def _is_told(bug: Outcome, twin: Outcome) -> bool:
    """Whether a bug is told from its right twin."""
    return twin.status == "pass" or (twin.status == "warned" and bug.status == "fail")


def misses(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    """Yields the bugs that were not rejected, and the right gradients that did not pass."""
    for o in outcomes:
        if o.status not in ("pass", "warned") if o.subject.correct else not o.rejected:
            yield o
