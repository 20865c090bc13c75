"""What can be wrong before any number is compared: names, shapes, dtypes, mutation, determinism.

The audit evaluates the function and the pullback once at the point, on copies, and looks at what
came back and at what happened to what was handed in.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.errors import PullbackError
from gradcheck.evaluation import Direction, Evaluator
from gradcheck.structure import describe
from gradcheck.subject import Point, Pulled, Subject, copied
from gradcheck.verdict import Finding

REPEATED = "the function draws random numbers: each evaluation was given the same ones"

REPEAT_ULPS = 2.0**16
"""Two runs of a parallel sum differ by rounding; a race or a misread layout by whole terms."""


@dataclass(frozen=True)
class Audit:
    """What the audit leaves for the numbers.

    Attributes:
        evaluator: evaluates the subject, guarded where the user's code writes to its arguments.
        outputs: f at the point.
        cotangents: the cotangents looked through.
        gradients: the claimed pullback of each, float64 values; zeros where none was returned.
        sound: the primals whose cotangents have the right form: only they are compared.
        missing: the primals for which no gradient was returned.
        findings: what is wrong with the form.
    """

    evaluator: Evaluator
    outputs: dict[str, Any]
    cotangents: list[dict[str, np.ndarray]]
    gradients: list[dict[str, np.ndarray]]
    sound: tuple[str, ...]
    missing: tuple[str, ...]
    findings: tuple[Finding, ...]


def audit(
    evaluator: Evaluator,
    cotangents_of: Callable[[Mapping[str, Any]], list[dict[str, np.ndarray]]],
) -> Audit:
    """Audits one evaluation of the function and one pullback for each cotangent."""
    findings: list[Finding] = list(evaluator.subject.findings)
    outputs, mutated = _forward(evaluator)
    findings += mutated
    if mutated:
        evaluator = replace(evaluator, subject=guarded(evaluator.subject))
    drawn = _forward_twice(evaluator, outputs)
    if drawn:
        pinned = replace(evaluator, subject=repeated(evaluator.subject))
        outputs, _ = _forward(pinned)
        if not _forward_twice(pinned, outputs):
            evaluator, drawn = pinned, []
    findings += drawn
    cotangents = cotangents_of(outputs)
    pulled, mutated = _backward(evaluator, outputs, cotangents[0])
    findings += mutated
    if mutated:
        evaluator = replace(evaluator, subject=guarded(evaluator.subject))
    answers = [pulled, *(evaluator.pullback(u, outputs, _point(evaluator)) for u in cotangents[1:])]
    findings += pulled.findings
    gradients, bad = _gradients(evaluator.subject, answers)
    findings += bad
    if not pulled.findings and not bad:
        findings += _backward_again(evaluator, outputs, cotangents[0], gradients[0])
    unsound = {finding.primal for finding in bad if finding.severity == "error"}
    formless = bool(pulled.findings) and not pulled.cotangents
    sound = () if formless else tuple(n for n in evaluator.subject.point if n not in unsound)
    missing = tuple(name for name in sound if name not in pulled.cotangents)
    return Audit(evaluator, outputs, cotangents, gradients, sound, missing, tuple(findings))


def guarded(subject: Subject) -> Subject:
    """Returns the subject for a function that writes to its arguments: it gets fresh copies."""

    def function(point: Point) -> Point:
        with _kept(subject.constants):
            return copied(subject.function(copied(point)))

    def pullback(cotangents: Point, point: Point) -> Pulled:
        with _kept(subject.constants):
            return subject.pullback(copied(cotangents), copied(point))

    return replace(subject, function=function, pullback=pullback)


def repeated(subject: Subject) -> Subject:
    """Returns the subject with the same global random numbers at each evaluation.

    The states of `random` and `numpy.random` are set to what they are now before each call, and put
    back after it: dropout then draws the same mask each time.
    """
    states = random_states()

    def function(point: Point) -> Point:
        with random_kept(states):
            return subject.function(point)

    def pullback(cotangents: Point, point: Point) -> Pulled:
        with random_kept(states):
            return subject.pullback(cotangents, point)

    notes = (*subject.notes, REPEATED)
    return replace(subject, function=function, pullback=pullback, notes=notes)


def random_states() -> tuple[Any, Any]:
    """Returns the states of the global generators of `random` and `numpy.random`."""
    return random.getstate(), np.random.get_state()  # noqa: NPY002


def _set_random_states(states: tuple[Any, Any]) -> None:
    random.setstate(states[0])
    np.random.set_state(states[1])  # noqa: NPY002


@contextmanager
def random_kept(states: tuple[Any, Any] | None = None) -> Iterator[None]:
    """Puts the global generators back at the end, also after an exception.

    Args:
        states: what they are set to at the beginning; None leaves them.
    """
    before = random_states()
    if states is not None:
        _set_random_states(states)
    try:
        yield
    finally:
        _set_random_states(before)


class _kept:
    """Writes the arrays' values back at the end: constants are handed out as they are."""

    def __init__(self, arrays: Point) -> None:
        self.arrays, self.values = arrays, copied(arrays)

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        for name, array in self.arrays.items():
            if isinstance(array, np.ndarray) and array.flags.writeable:
                array[...] = self.values[name]


def _point(evaluator: Evaluator) -> dict[str, Any]:
    return dict(evaluator.subject.point)


def _forward(evaluator: Evaluator) -> tuple[dict[str, Any], list[Finding]]:
    point = copied(evaluator.subject.point)
    constants = evaluator.subject.constants
    before = copied(constants)
    outputs = copied(evaluator.outputs(point))
    changed = _changed(evaluator.subject.point, point) + _changed(before, constants)
    _restore(constants, before)
    return outputs, [_mutation(name, "the function") for name in changed]


def _backward(
    evaluator: Evaluator, outputs: Point, cotangent: Direction
) -> tuple[Pulled, list[Finding]]:
    point, constants = copied(evaluator.subject.point), evaluator.subject.constants
    before = copied(constants)
    evaluator.meter.pullbacks += 1
    y_bar = {n: backends.of(y).like(cotangent[n], y) for n, y in outputs.items()}
    given = copied(y_bar)
    pulled = evaluator.subject.pullback(given, point)
    pulled = replace(pulled, cotangents=copied(pulled.cotangents))
    findings = [
        _mutation(name, "the pullback")
        for name in _changed(evaluator.subject.point, point) + _changed(before, constants)
    ]
    _restore(constants, before)
    if _changed(y_bar, given):
        message = (
            "the pullback writes to the cotangent it is given: whoever handed it in still needs "
            "it; work on a copy"
        )
        findings.append(Finding(kind="cotangent_mutated", message=message))
    return pulled, findings


def _forward_twice(evaluator: Evaluator, outputs: Point) -> list[Finding]:
    again = evaluator.outputs(copied(evaluator.subject.point))
    changed = _changed(outputs, again)
    if not changed:
        return []
    message = (
        f"two evaluations at the same point give different values of {', '.join(changed)}: no "
        "derivative can be measured. Seed its generator in the function, or pass the random draw "
        "as a primal that wrt leaves out"
    )
    return [Finding(kind="forward_nondeterministic", message=message)]


def _backward_again(
    evaluator: Evaluator, outputs: Point, cotangent: Direction, gradient: Direction
) -> list[Finding]:
    """Calls the pullback once more, and once with the same cotangent in another memory order."""
    again = evaluator.pullback(cotangent, outputs, _point(evaluator)).cotangents
    if _differs(gradient, again, evaluator.claim_eps):
        message = (
            "two calls of the pullback with the same cotangent at the same point give different "
            "gradients, by more than rounding"
        )
        return [Finding(kind="backward_nondeterministic", message=message)]
    y_bar = {n: backends.of(y).like(cotangent[n], y) for n, y in outputs.items()}
    strided = {n: _strided(y) for n, y in y_bar.items()}
    evaluator.meter.pullbacks += 1
    message = (
        "the pullback reads a cotangent that is not contiguous in memory (transposed, or every "
        "second element) as if it were: use its strides, or make it contiguous first"
    )
    finding = Finding(kind="layout", message=message)
    try:
        got = evaluator.subject.pullback(strided, _point(evaluator)).cotangents
    except PullbackError as error:
        return [replace(finding, message=f"{message} ({error})")]
    return [finding] if _differs(gradient, got, evaluator.claim_eps) else []


def _differs(gradient: Direction, again: Point, eps: float) -> bool:
    """Whether two gradients differ by more than the rounding of another order of summation."""
    for name, value in again.items():
        if name not in gradient or not backends.is_array(value):
            continue
        new, old = backends.of(value).values(value), gradient[name]
        size = np.max(np.abs(old), initial=0.0)
        if new.shape != old.shape or np.any(np.abs(new - old) > REPEAT_ULPS * eps * size):
            return True
    return False


def _strided(y: Any) -> Any:
    """Returns the same values with other strides: Fortran order, or every second element."""
    if not isinstance(y, np.ndarray) or y.ndim == 0 or y.size < 2:
        return y
    if y.ndim > 1 and not np.asfortranarray(y).flags.c_contiguous:
        return np.asfortranarray(y)
    wide = np.full((*y.shape[:-1], 2 * y.shape[-1]), np.nan, dtype=y.dtype)
    wide[..., ::2] = y
    return wide[..., ::2]


def _gradients(
    subject: Subject, answers: list[Pulled]
) -> tuple[list[dict[str, np.ndarray]], list[Finding]]:
    gradients: list[dict[str, np.ndarray]] = [{} for _ in answers]
    findings: dict[str, Finding] = {}
    for name, x in subject.point.items():
        for gradient, pulled in zip(gradients, answers, strict=True):
            value = pulled.cotangents.get(name)
            finding = None if value is None else _form(name, x, value)
            if finding is not None:
                findings.setdefault(name, finding)
            if value is None or (finding is not None and finding.severity == "error"):
                gradient[name] = np.zeros(backends.coordinates(x))
            else:
                gradient[name] = backends.of(value).values(value)
    return gradients, list(findings.values())


def _form(name: str, x: Any, value: Any) -> Finding | None:
    """Returns what is wrong with the form of one cotangent: kind, shape, values, dtype."""
    if not backends.is_array(value):
        message = f"{name}: the cotangent is {describe(value)}, wanted an array"
        return Finding(kind="structure", primal=name, message=message)
    shape, wanted = backends.of(value).shape(value), backends.of(x).shape(x)
    if shape != wanted:
        message = (
            f"{name}: the cotangent has shape {shape}, wanted {wanted}{_remedy(shape, wanted)}"
        )
        return Finding(kind="shape", primal=name, message=message)
    dtype = _dtype(name, x, value)
    if dtype is not None and dtype.severity == "error":
        return dtype
    bad = np.argwhere(~np.isfinite(backends.of(value).values(value)))
    if len(bad):
        index = tuple(int(i) for i in bad[0])
        message = (
            f"{name}: {len(bad)} of {int(np.prod(shape))} entries of the cotangent are not finite; "
            f"the first is {name}{list(index) if index else ''}"
        )
        return Finding(kind="not_finite", primal=name, indices=(index,), message=message)
    return dtype


def _dtype(name: str, x: Any, value: Any) -> Finding | None:
    if isinstance(value, (float, int)) and not isinstance(value, bool) and np.shape(x) == ():
        return None
    wanted = backends.of(x).precision(x)
    if not backends.of(value).is_floating(value):
        message = f"{name}: the cotangent has dtype {np.asarray(value).dtype}, wanted {wanted.name}"
        return Finding(kind="dtype", primal=name, message=message)
    got = backends.of(value).precision(value)
    if got.bits == wanted.bits:
        return None
    narrower = got.bits < wanted.bits
    loss = ": half of its digits are lost on the way" if narrower else ": a silent upcast"
    message = (
        f"{name}: the cotangent has dtype {got.name}, wanted {wanted.name} as {name} has{loss}"
    )
    severity = "error" if narrower else "warning"
    return Finding(kind="dtype", primal=name, message=message, severity=severity)


def _remedy(shape: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """Returns what to do about a wrong shape, where it can be told."""
    if shape == wanted[::-1]:
        return ": it is transposed"
    if len(shape) > len(wanted) and shape[len(shape) - len(wanted) :] == wanted:
        axes = tuple(range(len(shape) - len(wanted)))
        return f": sum it over axis {axes[0] if len(axes) == 1 else axes} (it was broadcast there)"
    if len(shape) == len(wanted):
        axes = tuple(i for i, (s, w) in enumerate(zip(shape, wanted, strict=True)) if s != w)
        if all(wanted[i] == 1 for i in axes):
            which = axes[0] if len(axes) == 1 else axes
            return f": sum it over axis {which} and keep the axis (it was broadcast there)"
    if int(np.prod(shape)) == int(np.prod(wanted)):
        return f": it has as many entries, so reshape it to {wanted}"
    return ""


def _mutation(name: str, who: str) -> Finding:
    message = f"{name}: {who} writes to this array, which belongs to the caller; work on a copy"
    return Finding(kind="input_mutated", primal=name, message=message)


def _changed(before: Point, after: Point) -> list[str]:
    return [n for n, x in before.items() if n not in after or not backends.of(x).same(x, after[n])]


def _restore(arrays: Point, values: Point) -> None:
    for name, array in arrays.items():
        if isinstance(array, np.ndarray) and array.flags.writeable:
            array[...] = values[name]
