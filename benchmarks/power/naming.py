"""Whether a bug's place and kind are named: the verdict against the right twin.

What is true is computed, not written down: the right twin is asked for its gradient at the point
and the cotangent that the finding is about. A kind is right that the bug's tag expects, if it
explains the claim at another point as well; any other is acceptable if its very sentence does.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import Any, Literal

import numpy as np

import gradcheck
from benchmarks.power import truth
from benchmarks.power.corpus import Arrays, Case
from benchmarks.power.elsewhere import POINTS, Elsewhere, checked, digits, pair
from benchmarks.power.kinds import NAMES
from benchmarks.power.outside import OUTSIDE
from benchmarks.power.runner import BY_NAME, OTHER, TookTooLong, limited, seed_of
from gradcheck import explanations
from gradcheck.diagnosis import UNKNOWN

SECONDS = 30.0

CONFIDENT = 0.9

NEAR = {"float64": 1e-9, "float32": 1e-5}
FAINT = {"float64": 1e-11, "float32": 1e-7}
"""An entry is wrong beyond such a share of itself, and of the largest: what is excluded."""

KNOWN = {**BY_NAME, **{case.name: case for case in OUTSIDE}}

VALUES = ("value", "straight_through", "missing")
"""What is said of a primal's values comes before what else is wrong with it (a dtype, say)."""

NO_KIND = ("value", "dtype")
"""What says nothing of the mistake that was planted."""

AROUND = 32
"""So many points around a kink are asked for their gradient."""

Place = Literal["exact", "sampled", "off", "none"]
Grade = Literal["right", "acceptable", "unknown", "wrong", "none"]


@dataclass(frozen=True)
class Named:
    """What was said of one wrong primal.

    Attributes:
        case: the bug.
        tag: what it is.
        primal: the wrong primal.
        accused: whether it was called wrong.
        place: whether the indices are exactly the wrong ones; "sampled": some of them, of more
            than can be looked at; "off": others; "none": there are none.
        kind: what it was called.
        confidence: how surely.
        grade: whether that is right.
        holds: whether it is so at another point; None: it does not show at another, or says nothing
            that can be asked.
        words: the message.
    """

    case: str
    tag: str
    primal: str
    accused: bool
    place: Place = "none"
    kind: str = ""
    confidence: float = 0.0
    grade: Grade = "none"
    holds: bool | None = None
    words: str = ""

    @property
    def is_confident(self) -> bool:
        """Whether the kind was said with confidence."""
        return self.kind not in ("", UNKNOWN) and self.confidence >= CONFIDENT


@dataclass(frozen=True)
class Naming:
    """What was said of one bug: whether the right primals are accused, and of each what."""

    case: str
    found: bool
    primals_right: bool
    named: tuple[Named, ...]


def namings(cases: Sequence[Case], dtype: str, seed: int = 0, jobs: int = 1) -> list[Naming]:
    """Checks all bugs and returns what was said of them."""
    if jobs == 1:
        return [naming(case, dtype, seed) for case in cases]
    work = [(case.name, dtype, seed) for case in cases]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        return list(pool.map(_by_name, work, chunksize=8))


def _by_name(item: tuple[str, str, int]) -> Naming:
    name, dtype, seed = item
    return naming(KNOWN[name], dtype, seed)


def naming(case: Case, dtype: str, seed: int = 0) -> Naming:
    """Checks one bug and returns what was said of it."""
    own = case.dtype if dtype == "half" else dtype
    assert case.wrong  # asked before the inputs are drawn: that draws a module's parameters, too
    inputs = case.inputs(seed_of(case, seed), own)
    case.reset()
    try:
        with np.errstate(all="ignore"), limited(SECONDS):
            verdict, asked = _listened(case, inputs, seed_of(case, seed) ^ OTHER)
        with np.errstate(all="ignore"), limited(POINTS * SECONDS):
            # What is said is of the formula: where that works in float64 it is asked so.
            wide = case.dtype if dtype == "float32" else own
            return _judged(case, inputs, verdict, asked, Elsewhere(case, wide, seed, own))
    except TookTooLong:
        return Naming(case.name, False, False, ())


def _listened(case: Case, inputs: Arrays, seed: int) -> tuple[gradcheck.Verdict, list[Any]]:
    """Returns the verdict, and the cotangents that the pullback was given."""
    asked: list[Any] = []

    def pullback(g: Any, **k: Any) -> Arrays:
        asked.append(g)
        return case.backward(g, **k)

    if case.framework != "torch":
        return checked(case, inputs, pullback, seed), asked
    thing, listening = _overheard(case.forward, asked)
    with listening:
        return checked(replace(case, forward=thing), inputs, pullback, seed), asked


def _overheard(thing: Any, asked: list[Any]) -> tuple[Any, Any]:
    """Returns a PyTorch subject whose outputs tell the cotangents that they are given."""

    def tell(y: Any) -> Any:
        if y.requires_grad:
            y.register_hook(lambda g: asked.append(np.asarray(g.detach().resolve_conj())))
        return y

    if hasattr(thing, "register_forward_hook"):
        return thing, _Removing(thing.register_forward_hook(lambda module, args, y: tell(y)))
    return (lambda *tensors: tell(thing(*tensors))), nullcontext()


class _Removing:
    """Removes a hook at the end of a block."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self.handle.remove()


def _judged(
    case: Case, inputs: Arrays, verdict: gradcheck.Verdict, asked: list[Any], elsewhere: Elsewhere
) -> Naming:
    called = {f"x{i}": name for i, name in enumerate(inputs)} if case.framework == "torch" else {}
    errors = [f for f in verdict.findings if f.severity == "error"]
    errors.sort(key=lambda f: f.kind not in VALUES)
    findings: dict[str, gradcheck.Finding] = {}
    for f in errors:
        if f.primal is not None:
            findings.setdefault(called.get(f.primal, f.primal), f)
    accused = set(findings)
    together = any(f.primal is None for f in errors)
    joint = next((f for f in errors if f.primal is None and f.kind == "value"), None)
    named = tuple(
        _named(case, inputs, name, findings.get(name, joint), asked, elsewhere)
        for name in case.wrong
    )
    right = accused == set(case.wrong) or (together and accused < set(case.wrong))
    return Naming(case.name, bool(errors), right, named)


def _named(
    case: Case,
    inputs: Arrays,
    primal: str,
    finding: gradcheck.Finding | None,
    asked: list[Any],
    elsewhere: Elsewhere,
) -> Named:
    if finding is None:
        return Named(case.name, case.diagnosis, primal, accused=False)
    kind = finding.diagnosis or (UNKNOWN if finding.kind in NO_KIND else finding.kind)
    g = _through(case, inputs, primal, finding, asked)
    place: Place = "none" if g is None else _place(case, inputs, primal, finding, g)
    confidence = 1.0 if finding.confidence is None else finding.confidence
    asks = finding.diagnosis not in ("", UNKNOWN, explanations.OUTSIDE)
    expected = kind in NAMES.get(case.diagnosis, ())
    holds = elsewhere.holds(primal, kind, finding.message, expected) if asks else None
    return Named(
        case.name,
        case.diagnosis,
        primal,
        accused=True,
        place=place,
        kind=kind,
        confidence=0.0 if kind == UNKNOWN else confidence,
        grade=_grade(kind, place, expected, holds),
        holds=holds,
        words=finding.message,
    )


def _through(
    case: Case, inputs: Arrays, primal: str, finding: gradcheck.Finding, asked: list[Any]
) -> Any:
    """Returns the cotangent that a finding is about: it claims, and wants, these numbers."""
    if not finding.indices or finding.claimed is None or finding.true is None:
        return None
    for g in (g for g in asked if _shapes(g) == _shapes(asked[0])):
        both = pair(case, inputs, primal, g)
        if both is None:
            continue
        claimed, right = (np.ravel([x[finding.indices[0]]]) for x in both)
        parts = zip(_coordinates(claimed), _coordinates(right), strict=True)
        slack = (
            NEAR[digits(inputs)] * abs(finding.claimed),
            8 * (finding.bar or 0.0) + 1e-3 * abs(finding.true),
        )
        for said, wanted in parts:
            if abs(said - finding.claimed) <= slack[0] and (
                finding.diagnosis == explanations.OUTSIDE or abs(wanted - finding.true) <= slack[1]
            ):
                return g
    return None


def _shapes(g: Any) -> list[tuple[int, ...]]:
    return [np.shape(part) for part in (g if isinstance(g, tuple) else (g,))]


def _coordinates(x: Any) -> list[float]:
    return [float(part) for z in np.ravel(x) for part in ((z.real, z.imag)
            if np.iscomplexobj(x) else (z,))]  # fmt: skip


def _place(case: Case, inputs: Arrays, primal: str, finding: gradcheck.Finding, g: Any) -> Place:
    both = pair(case, inputs, primal, g)
    assert both is not None
    claimed, right = both
    off = np.abs(claimed - right)
    size = np.maximum(np.abs(claimed), np.abs(right))
    own = digits(inputs)
    is_wrong = off > NEAR[own] * size + FAINT[own] * size.max()
    if "kink" in case.tags and case.framework != "torch":
        is_wrong &= ~_between(case, inputs, primal, g, claimed)
    wrong = {tuple(map(int, i)) for i in np.argwhere(is_wrong)}
    said = set(finding.indices)
    if said == wrong:
        return "exact"
    return "sampled" if "that were drawn" in finding.message and said < wrong else "off"


def _between(case: Case, inputs: Arrays, primal: str, g: Any, claimed: Any) -> Any:
    """Returns which claims lie between the right gradients around: at kinks they are right."""
    rng = np.random.default_rng(7)
    points = [truth.nudged(inputs, case.diff, rng, 1e-7) for _ in range(AROUND)]
    around = np.array([case.right(g, **point)[primal] for point in points])
    low, high = around.min(0), around.max(0)
    room = 1e-5 * (np.abs(low) + np.abs(high))
    return (claimed >= low - room) & (claimed <= high + room) & (high - low > 4 * room)


def _grade(kind: str, place: Place, expected: bool, holds: bool | None) -> Grade:
    if kind == UNKNOWN:
        return "unknown"
    if holds is False:
        return "wrong"
    if expected:
        return "right"
    return "acceptable" if holds or (kind == explanations.OUTSIDE and place == "exact") else "wrong"


def bugs(cases: Sequence[Case]) -> Iterator[Case]:
    """Yields the cases that are wrong in their values."""
    yield from (case for case in cases if not case.correct and case.kind == "value")
