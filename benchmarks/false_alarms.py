"""How often a right gradient is accused: random right problems, one seed each.

`python -m benchmarks.false_alarms 100000 --dtype float32 --jobs 2 --log alarms.json` runs the seeds
0 to 99 999 and keeps its tally in the log, from which the same command goes on when interrupted.
"""

import argparse
import itertools
import json
import math
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

import gradcheck
from benchmarks.power.cases import (
    activations,
    algebra,
    convolution,
    dense,
    indexing,
    losses,
    normalisation,
    sequence,
)
from benchmarks.power.corpus import Arrays, Family
from benchmarks.power.draws import decades, draw, normal, positive_definite, quantised, uniform

Inputs = Callable[[np.random.Generator, np.dtype[Any]], Arrays]

BATCH = 500
"""How many problems are run between two entries of the log."""

DECADES = 12
"""Outputs are multiplied by a power of ten up to this one, either way."""


@dataclass(frozen=True)
class Kind:
    """A family of right problems.

    Attributes:
        family: the function and its right pullback.
        inputs: (rng, dtype) -> inputs of random shape.
        scaled: the input whose scale is drawn, too; empty where the function has one of its own.
    """

    family: Family
    inputs: Inputs
    scaled: str = ""


def shaped(**shapes: Callable[[Callable[[str], int]], Any]) -> Inputs:
    """Returns inputs whose sizes are drawn: each shape is a function of the size by letter."""

    def inputs(rng: np.random.Generator, dtype: np.dtype[Any]) -> Arrays:
        sizes: dict[str, int] = {}

        def size(letter: str) -> int:
            return sizes.setdefault(letter, int(rng.integers(1, 7)))

        specs = {name: shape(size) for name, shape in shapes.items()}
        return draw(**specs)(rng, dtype)

    return inputs


def _labels(n: Callable[[str], int]) -> Any:
    rows, classes = n("n"), n("c")
    return lambda rng, dtype: rng.integers(0, classes, size=rows)


def _signs(n: Callable[[str], int]) -> Any:
    rows = n("n")
    return lambda rng, dtype: rng.choice([-1.0, 1.0], size=rows).astype(dtype)


def _rows(n: Callable[[str], int]) -> Any:
    taken, rows = n("m"), n("n")
    return lambda rng, dtype: rng.integers(0, rows, size=taken)


KINDS = (
    Kind(
        dense.LINEAR,
        shaped(x=lambda n: (n("n"), n("i")), W=lambda n: (n("i"), n("o")), b=lambda n: (n("o"),)),
        "x",
    ),
    Kind(
        dense.MLP,
        shaped(
            x=lambda n: (n("n"), n("i")),
            W1=lambda n: (n("i"), n("h")),
            b1=lambda n: (n("h"),),
            W2=lambda n: (n("h"), n("o")),
            b2=lambda n: (n("o"),),
            y=lambda n: (n("n"), n("o")),
        ),
    ),
    Kind(
        dense.RECTIFIERS,
        shaped(
            x=lambda n: (n("n"), n("i")),
            W1=lambda n: (n("i"), 4 * n("h")),
            b=lambda n: (4 * n("h"),),
            W2=lambda n: (4 * n("h"), n("o")),
        ),
    ),
    Kind(
        dense.RECTIFIERS,
        shaped(
            x=lambda n: quantised(n("n"), n("i"), step=1.0),
            W1=lambda n: (n("i"), n("h")),
            b=lambda n: (n("h"),),
            W2=lambda n: (n("h"), n("o")),
        ),
    ),
    Kind(activations.TANH, shaped(x=lambda n: (n("n"), n("i")))),
    Kind(activations.GELU, shaped(x=lambda n: normal(n("n"), scale=3))),
    Kind(activations.RELU, shaped(x=lambda n: (n("n"), n("i"))), "x"),
    Kind(activations.RELU, shaped(x=lambda n: quantised(n("n"), n("i"))), "x"),
    Kind(activations.ABS, shaped(x=lambda n: (n("n"), n("i"))), "x"),
    Kind(activations.LOGARITHM, shaped(x=lambda n: decades(n("n"), low=-6, high=3, signed=False))),
    Kind(activations.SQUARE_ROOT, shaped(x=lambda n: uniform(n("n"), low=1e-3, high=2)), "x"),
    Kind(activations.RECIPROCAL, shaped(x=lambda n: decades(n("n"), low=-3, high=3))),
    Kind(losses.CROSS_ENTROPY, shaped(z=lambda n: normal(n("n"), n("c"), scale=3), t=_labels)),
    Kind(losses.HINGE, shaped(s=lambda n: quantised(n("n"), step=0.25), y=_signs)),
    Kind(losses.HUBER, shaped(p=lambda n: normal(n("n"), scale=2), y=lambda n: (n("n"),))),
    Kind(losses.KL, shaped(a=lambda n: (n("n"), n("c")), b=lambda n: (n("n"), n("c")))),
    Kind(normalisation.SOFTMAX, shaped(z=lambda n: normal(n("n"), n("c"), scale=4))),
    Kind(
        normalisation.LAYER,
        shaped(
            x=lambda n: (n("n"), n("m"), 3 + n("c")),
            w=lambda n: (3 + n("c"),),
            b=lambda n: (3 + n("c"),),
        ),
    ),
    Kind(normalisation.UNIT, shaped(x=lambda n: (n("n"), 1 + n("c"))), "x"),
    Kind(convolution.MAX_POOL, shaped(x=lambda n: (n("n"), 3 + 2 * n("c"))), "x"),
    Kind(
        convolution.MAX_POOL, shaped(x=lambda n: quantised(n("n"), 3 + 2 * n("c"), step=1.0)), "x"
    ),
    Kind(indexing.SORT, shaped(x=lambda n: (n("n"), n("c"))), "x"),
    Kind(indexing.CUMSUM, shaped(x=lambda n: (n("n"), n("c"))), "x"),
    Kind(indexing.GATHER, shaped(x=lambda n: (n("n"), n("c")), i=_rows), "x"),
    Kind(
        sequence.ATTENTION,
        shaped(
            q=lambda n: (n("h"), n("t"), n("d")),
            k=lambda n: (n("h"), n("t"), n("d")),
            v=lambda n: (n("h"), n("t"), n("d")),
        ),
    ),
    Kind(
        sequence.GRU,
        shaped(
            h=lambda n: (n("n"), n("h")),
            x=lambda n: (n("n"), n("i")),
            Wz=lambda n: (n("i") + n("h"), n("h")),
            Wr=lambda n: (n("i") + n("h"), n("h")),
            Wn=lambda n: (n("i") + n("h"), n("h")),
        ),
    ),
    Kind(algebra.LOG_DET, shaped(A=lambda n: positive_definite(n("n")))),
    Kind(algebra.DISTANCES, shaped(x=lambda n: (n("n"), n("d")), y=lambda n: (n("m"), n("d")))),
)


@dataclass
class Tally:
    """What has been counted so far.

    Attributes:
        dtype: the precision.
        done: seeds 0 to done − 1 have been run.
        accused: the seeds whose right gradient was called wrong.
        inconclusive: how many of each kind were not decided.
        errors: the seeds where the check raised.
        seconds: the time spent in checks.
    """

    dtype: str
    done: int = 0
    accused: list[str] = field(default_factory=list)
    inconclusive: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    seconds: float = 0.0


def problem(
    seed: int, dtype: str
) -> tuple[Kind, Callable[..., Any], Callable[..., Arrays], Arrays]:
    """Returns the right problem of a seed: its kind, function, pullback and point."""
    rng = np.random.default_rng([seed, 1])
    kind = KINDS[int(rng.integers(len(KINDS)))]
    inputs = kind.inputs(rng, np.dtype(dtype))
    factor = np.dtype(dtype).type(10.0 ** rng.uniform(-DECADES, DECADES))
    if kind.scaled:
        own = np.dtype(dtype).type(10.0 ** rng.uniform(-DECADES / 2, DECADES / 2))
        inputs[kind.scaled] = inputs[kind.scaled] * own

    def f(**point: Any) -> Any:
        y = np.asarray(kind.family.forward(**point))
        return y * y.dtype.type(factor)

    def vjp(g: Any, **point: Any) -> Arrays:
        return kind.family.backward(g * np.asarray(g).dtype.type(factor), **point)

    return kind, f, vjp, inputs


def judged(item: tuple[int, str]) -> tuple[int, str, str, float]:
    """Returns the seed, the kind's name, the status, and how long the check took."""
    seed, dtype = item
    kind, f, vjp, inputs = problem(seed, dtype)
    start = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            names = kind.family.diff.split()
            status = gradcheck.check(f, inputs, vjp=vjp, wrt=names, seed=seed).status
    except Exception as error:
        status = f"error: {type(error).__name__}"
    return seed, kind.family.name, status, time.perf_counter() - start


def bound(k: int, n: int, confidence: float = 0.95) -> float:
    """Returns the upper Clopper–Pearson bound of a rate seen k times in n.

    With k = 0 this is 1 − (1 − confidence)^(1/n), the rule of three.

    >>> round(bound(0, 100_000) * 100_000, 2)
    3.0
    """
    low, high = k / n, 1.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(k, n, middle) > 1 - confidence else (low, middle)
    return high


def _at_most(k: int, n: int, p: float) -> float:
    """P(X ≤ k) of a binomial."""
    if p >= 1:
        return float(k >= n)
    logs = (
        math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1)
        + (i * math.log(p) if i else 0.0) + (n - i) * math.log1p(-p)
        for i in range(k + 1)
    )  # fmt: skip
    return sum(math.exp(v) for v in logs)


def counted(tally: Tally, results: list[tuple[int, str, str, float]]) -> None:
    """Adds a batch to the tally."""
    undecided = Counter(tally.inconclusive)
    for seed, name, status, seconds in results:
        tally.done = max(tally.done, seed + 1)
        tally.seconds += seconds
        if status == "fail":
            tally.accused.append(f"{seed} {name}")
        elif status == "inconclusive":
            undecided[name] += 1
        elif status != "pass":
            tally.errors.append(f"{seed} {name} {status}")
    tally.inconclusive = dict(undecided)


def said(tally: Tally) -> str:
    """Returns the tally in words."""
    n, k = tally.done, len(tally.accused)
    undecided = sum(tally.inconclusive.values())
    lines = [
        f"{n} right problems in {tally.dtype}: {k} accused ({k / n:.2g}; below "
        f"{bound(k, n):.2g} with 95 % confidence), {undecided} inconclusive ({undecided / n:.2g}), "
        f"{len(tally.errors)} errors; {1e3 * tally.seconds / n:.1f} ms each"
    ]
    lines += [f"  accused: seed {entry}" for entry in tally.accused[:20]]
    lines += [f"  error: seed {entry}" for entry in tally.errors[:20]]
    ranked = sorted(tally.inconclusive.items(), key=lambda pair: -pair[1])
    lines += [f"  inconclusive: {count} {name}" for name, count in ranked]
    return "\n".join(lines)


def batches(first: int, n: int, dtype: str) -> Iterator[list[tuple[int, str]]]:
    """Yields the seeds that are still to be run."""
    for start in range(first, n, BATCH):
        yield list(zip(range(start, min(start + BATCH, n)), itertools.repeat(dtype)))


def main() -> None:
    """Runs what is asked for and prints the tally."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.false_alarms", description=__doc__)
    parser.add_argument("problems", type=int)
    parser.add_argument("--dtype", choices=("float64", "float32"), default="float64")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--log", type=Path, help="keeps the tally, and goes on from it")
    options = parser.parse_args()
    tally = Tally(options.dtype)
    if options.log and options.log.exists():
        tally = Tally(**json.loads(options.log.read_text(encoding="utf-8")))
        if tally.dtype != options.dtype:
            parser.error(f"{options.log} is a log of {tally.dtype}")
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        for batch in batches(tally.done, options.problems, options.dtype):
            counted(tally, list(pool.map(judged, batch, chunksize=25)))
            if options.log:
                options.log.write_text(json.dumps(asdict(tally), indent=1), encoding="utf-8")
    print(said(tally))


if __name__ == "__main__":
    main()
