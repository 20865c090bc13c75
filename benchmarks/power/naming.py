"""Whether a bug's place and kind are named: the verdict against the right twin.

What is true is computed, not written down: the right twin is asked for its gradient at the point
and the cotangent that the finding is about. A kind that the bug's tag does not expect is acceptable
where it cannot be told apart on these data: with the exact gradient in place of the measured one it
still explains every entry of the claim.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import Any, Literal
from unittest import mock

import numpy as np

import gradcheck
from benchmarks.power import truth
from benchmarks.power.corpus import Arrays, Case
from benchmarks.power.kinds import NAMES
from benchmarks.power.outside import OUTSIDE
from benchmarks.power.runner import BY_NAME, OTHER, TookTooLong, limited, seed_of
from gradcheck import explanations
from gradcheck.diagnosis import UNKNOWN, Diagnosis, Evidence, explains

SECONDS = 30.0

CONFIDENT = 0.9

NEAR = {"float64": 1e-9, "float32": 1e-5}
FAINT = {"float64": 1e-11, "float32": 1e-7}
"""An entry is wrong beyond such a share of itself, and of the largest: what is excluded."""

EXACT = {"float64": 1e-11, "float32": 1e-6}
"""So close to the twin's gradient a kind must explain the claim."""

KNOWN = {**BY_NAME, **{case.name: case for case in OUTSIDE}}

VALUES = ("value", "straight_through", "missing")
"""What is said of a primal's values comes before what else is wrong with it (a dtype, say)."""

NO_KIND = ("value", "dtype")
"""What says nothing of the mistake that was planted."""

AROUND = 32
"""So many points around a kink are asked for their gradient."""

Place = Literal["exact", "sampled", "off", "none"]
Grade = Literal["right", "acceptable", "unknown", "wrong", "none"]

Told = list[tuple[Evidence, Diagnosis]]


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
            verdict, asked, told = _listened(case, inputs, seed_of(case, seed) ^ OTHER)
            return _judged(case, inputs, verdict, asked, told)
    except TookTooLong:
        return Naming(case.name, False, False, ())


def _listened(case: Case, inputs: Arrays, seed: int) -> tuple[gradcheck.Verdict, list[Any], Told]:
    """Returns the verdict, the cotangents that the pullback was given, and what was diagnosed."""
    asked: list[Any] = []
    told: Told = []
    diagnosed = explanations.diagnosed

    def heard(evidence: Evidence) -> Diagnosis:
        told.append((evidence, diagnosed(evidence)))
        return told[-1][1]

    def pullback(g: Any, **k: Any) -> Arrays:
        asked.append(g)
        return case.backward(g, **k)

    with mock.patch.object(explanations, "diagnosed", heard):
        if case.framework != "torch":
            options = {"vjp": pullback, "wrt": case.diff, "seed": seed}
            return gradcheck.check(case.forward, inputs, **options), asked, told
        thing, listening = _overheard(case.forward, asked)
        with listening:
            return gradcheck.check(thing, *inputs.values(), seed=seed), asked, told


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
    case: Case, inputs: Arrays, verdict: gradcheck.Verdict, asked: list[Any], told: Told
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
        _named(case, inputs, name, findings.get(name, joint), asked, told) for name in case.wrong
    )
    right = accused == set(case.wrong) or (together and accused < set(case.wrong))
    return Naming(case.name, bool(errors), right, named)


def _named(
    case: Case,
    inputs: Arrays,
    primal: str,
    finding: gradcheck.Finding | None,
    asked: list[Any],
    told: Told,
) -> Named:
    if finding is None:
        return Named(case.name, case.diagnosis, primal, accused=False)
    kind = finding.diagnosis or (UNKNOWN if finding.kind in NO_KIND else finding.kind)
    g = _through(case, inputs, primal, finding, asked)
    place: Place = "none" if g is None else _place(case, inputs, primal, finding, g)
    confidence = 1.0 if finding.confidence is None else finding.confidence
    return Named(
        case.name,
        case.diagnosis,
        primal,
        accused=True,
        place=place,
        kind=kind,
        confidence=0.0 if kind == UNKNOWN else confidence,
        grade=_grade(case, inputs, primal, kind, g, told),
        words=finding.message,
    )


def pair(case: Case, inputs: Arrays, primal: str, g: Any) -> tuple[Any, Any] | None:
    """Returns the claimed and the right gradient of a primal, None where there is none."""
    case.reset()
    claimed, right = case.backward(g, **inputs).get(primal), case.right(g, **inputs).get(primal)
    if right is None:
        return None
    claimed = np.zeros_like(right) if claimed is None else np.asarray(claimed)
    return (claimed, np.asarray(right)) if claimed.shape == np.shape(right) else None


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
            NEAR[_digits(inputs)] * abs(finding.claimed),
            8 * (finding.bar or 0.0) + 1e-3 * abs(finding.true),
        )
        for said, wanted in parts:
            if abs(said - finding.claimed) <= slack[0] and (
                finding.diagnosis == explanations.OUTSIDE or abs(wanted - finding.true) <= slack[1]
            ):
                return g
    return None


def _digits(inputs: Arrays) -> str:
    """Returns the precision of the data."""
    narrow = any(str(getattr(x, "dtype", "")).endswith(("float32", "complex64"))
                 for x in inputs.values())  # fmt: skip
    return "float32" if narrow else "float64"


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
    digits = _digits(inputs)
    is_wrong = off > NEAR[digits] * size + FAINT[digits] * size.max()
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


def _grade(case: Case, inputs: Arrays, primal: str, kind: str, g: Any, told: Told) -> Grade:
    if kind == UNKNOWN:
        return "unknown"
    if kind in NAMES.get(case.diagnosis, ()):
        return "right"
    if kind == explanations.OUTSIDE:
        return "acceptable"
    for evidence, diagnosis in told:
        mine = evidence.primal in (primal, f"x{list(inputs).index(primal)}"
                                   if primal in inputs else primal)  # fmt: skip
        if mine and diagnosis.kind == kind:
            exact = _exactly(case, inputs, primal, g, evidence)
            if exact is not None and explains(kind, exact):
                return "acceptable"
    return "wrong"


def _exactly(
    case: Case, inputs: Arrays, primal: str, g: Any, evidence: Evidence
) -> Evidence | None:
    """Returns the evidence with the right twin's gradient for the measured one."""
    if g is None:
        return None
    found = _jacobian(case, inputs, primal, g, evidence) if evidence.split else None
    if not evidence.split:
        both = pair(case, inputs, primal, g)
        found = None if both is None else _upright(both[1])
    if found is None or found.shape != evidence.shape:
        return None
    bar = EXACT[_digits(inputs)] * np.maximum(np.abs(found), np.sqrt(np.mean(np.square(found))))
    return replace(evidence, true=found, bar=bar, sigma=None, seen=np.isfinite(found))


def _jacobian(
    case: Case, inputs: Arrays, primal: str, g: Any, evidence: Evidence
) -> np.ndarray | None:
    """Returns the right Jacobian of the evidence's output, by unit cotangents."""
    parts = list(g) if isinstance(g, tuple) else [g]
    shape = evidence.shape[: evidence.split]
    which = [i for i, part in enumerate(parts) if _upright(np.asarray(part)).shape == shape]
    at = which[-1] if evidence.output.endswith("[1]") and which else (which or [None])[0]
    if at is None:
        return None
    rows = []
    for i in range(int(np.prod(shape))):
        units = [np.zeros_like(np.asarray(part)) for part in parts]
        if np.iscomplexobj(units[at]):
            units[at].flat[i // 2] = 1j if i % 2 else 1.0
        else:
            units[at].flat[i] = 1.0
        both = pair(case, inputs, primal, tuple(units) if isinstance(g, tuple) else units[0])
        if both is None:
            return None
        rows.append(_upright(both[1]))
    return np.array(rows).reshape(evidence.shape) if rows else None


def _upright(x: Any) -> np.ndarray:
    """Returns an array as coordinates: complex numbers with a last axis of two."""
    x = np.asarray(x)
    return np.stack([x.real, x.imag], -1) if np.iscomplexobj(x) else x.astype(float)


def bugs(cases: Sequence[Case]) -> Iterator[Case]:
    """Yields the cases that are wrong in their values."""
    yield from (case for case in cases if not case.correct and case.kind == "value")
