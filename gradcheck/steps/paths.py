"""What goes through a step: left out, scaled, or with the slope of another function."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from gradcheck.steps import changes
from gradcheck.steps.changes import Slope
from gradcheck.steps.mistakes import FACTOR, FLAT, PATH, SIGN, SLOPE, Hypothesis
from gradcheck.steps.observed import Change
from gradcheck.steps.sites import PLACED, REARRANGED, Site

SLOPES: Mapping[str, Slope] = {
    "1": lambda z, y: np.ones_like(y),
    "y": lambda z, y: y,
    "1 - y": lambda z, y: 1 - y,
    "1 + y": lambda z, y: 1 + y,
    "y * (1 - y)": lambda z, y: y * (1 - y),
    "1 - y**2": lambda z, y: 1 - y * y,
    "1 / y": lambda z, y: 1 / y,
    "y**2": lambda z, y: y * y,
    "y**3": lambda z, y: y**3,
    "y > 0": lambda z, y: y > 0,
    "z": lambda z, y: z + 0 * y,
    "1 - z": lambda z, y: 1 - z + 0 * y,
    "z * (1 - z)": lambda z, y: z * (1 - z) + 0 * y,
    "1 - z**2": lambda z, y: 1 - z * z + 0 * y,
    "z > 0": lambda z, y: (z > 0) + 0 * y,
    "z < 0": lambda z, y: (z < 0) + 0 * y,
    "sign(z)": lambda z, y: np.sign(z) + 0 * y,
    "1 / z": lambda z, y: 1 / z + 0 * y,
    "1 / z**2": lambda z, y: 1 / (z * z) + 0 * y,
    "z**2": lambda z, y: z * z + 0 * y,
    "cos(z)": lambda z, y: np.cos(z) + 0 * y,
    "sin(z)": lambda z, y: np.sin(z) + 0 * y,
    "exp(z)": lambda z, y: np.exp(z) + 0 * y,
    "log(z)": lambda z, y: np.log(z) + 0 * y,
    "tanh(z)": lambda z, y: np.tanh(z) + 0 * y,
    "1 - tanh(z)**2": lambda z, y: 1 - np.tanh(z) ** 2 + 0 * y,
    "sigmoid(z)": lambda z, y: _sigmoid(z) + 0 * y,
    "sigmoid(z) * (1 - sigmoid(z))": lambda z, y: _sigmoid(z) * _sigmoid(-z) + 0 * y,
    "1 / (1 + z**2)": lambda z, y: 1 / (1 + z * z) + 0 * y,
}
"""Slopes that people write for y = f(z)."""

LINEAR = ("add", "sub", "subtract", "neg", "negative", "mul", "multiply", "matmul", "einsum", "dot",
          "sum", "add.reduce", "mean", "getitem", "setitem", "mm", "bmm", "tensordot", "stack",
          "concatenate", "convolution", "where", "rsub", "cumsum", "add.accumulate")  # fmt: skip
"""Their slopes are no functions of z or y."""

FACTORS = (-1.0, 2.0, 0.5)
"""Tried at steps that a loop repeats; where there is one step alone any factor shows."""

MOST_ROUNDS = 6
"""Of so many rounds of a loop each is left out by itself."""


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * z))


def paths(site: Site, code: Sequence[Site]) -> Iterator[Hypothesis]:
    """What goes through a step, or through one of its operands."""
    if site.op in REARRANGED:
        return
    for words, change, times in _parts(site):
        rest, told = dict.fromkeys(site.at, change), {"what": words}
        single = len(site.at) == 1
        yield Hypothesis(PATH, told, {}, rest, is_path=True, is_single=single, of=site.op)
        if single:
            continue
        for factor in FACTORS if times is not None and site.first.repeatable else ():
            assert times is not None
            row = SIGN if factor == -1 else FACTOR
            changed = dict.fromkeys(site.at, times(factor))
            yield Hypothesis(row, told | {"factor": f"{factor:g}"}, changed)


def rounds(site: Site, code: Sequence[Site]) -> Iterator[Hypothesis]:
    """What goes through one round of a loop."""
    if site.op in REARRANGED or len(site.at) == 1 or site.is_shared:
        return
    for words, change, _ in _parts(site):
        for which, n in _one_of(site.at):
            told = {"what": f"{which} {words}"}
            yield Hypothesis(PATH, told, {}, {n: change}, is_path=True, is_single=True)


def _one_of(at: tuple[int, ...]) -> Iterator[tuple[str, int]]:
    """Yields the steps of a loop, the first and the last of many."""
    if len(at) <= MOST_ROUNDS:
        yield from ((f"round {i + 1} of {len(at)} of", n) for i, n in enumerate(at))
    else:
        yield from (("the first", at[0]), ("the last", at[-1]))


def _parts(site: Site) -> Iterator[tuple[str, Change, Callable[[float], Change] | None]]:
    """Yields what a gradient may go through: words, how it is held, how it is scaled."""
    single = len(site.live) == 1
    if site.op not in PLACED:
        scaled = changes.scaled if not isinstance(site.first.result, (list, tuple)) else None
        yield str(site), changes.detached, scaled
    for j in site.live:
        listed = site.first.operands[j]
        if isinstance(listed, (list, tuple)) and site.op in ("concatenate", "stack", "einsum"):
            for at in range(len(listed)):
                yield f"part {at + 1} of {site}", changes.held(j, at), None
        elif not single or site.op in PLACED:
            yield f"{site.written(j)} in {site}", changes.held(j), _scaled_by(j)


def _scaled_by(j: int) -> Callable[[float], Change]:
    return lambda factor: changes.scaled_by(j, factor)


def slopes(site: Site, code: Sequence[Site]) -> Iterator[Hypothesis]:
    """The slope of an entrywise function."""
    if site.op in LINEAR or site.op in REARRANGED or site.results is None:
        return
    shape = site.results[0].shape
    for j in site.live:
        z = site.operand(j)
        if z is None or not _spreads(z[0].shape, shape):
            continue
        rest = dict.fromkeys(site.at, changes.held(j))
        for text, slope in SLOPES.items():
            of = f", z = {site.written(j)}" if "z" in text else ""
            of += (
                " and y its value" if "y" in text and of else ", y its value" if "y" in text else ""
            )
            row = FLAT if text == "1" else SLOPE
            of = f" (by {site.written(j)})" if text == "1" and len(site.live) > 1 else of
            words = {"what": str(site), "slope": text, "of": of}
            changed = dict.fromkeys(site.at, changes.sloped(j, slope))
            yield Hypothesis(row, words, changed, rest, is_single=len(site.at) == 1)
        if site.first.repeatable and j == 0 and z[0].shape == shape:
            words = {"what": str(site), "slope": "that at its own result", "of": ""}
            changed = dict.fromkeys(site.at, changes.at_result)
            yield Hypothesis(SLOPE, words, changed, rest, is_single=len(site.at) == 1)


def _spreads(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, to) == to
    except ValueError:
        return False
