"""The form of a cotangent: an array of the primal's shape and dtype, with finite values."""

from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.structure import describe
from gradcheck.subject import Point, Pulled, Subject
from gradcheck.verdict import Finding

SURE_BITS = 24
"""Below float32 people mix precisions on purpose: a wider cotangent is then worth a warning."""


DOUBLE = ("float64", "complex128")
"""Of other dtypes the float64 coordinates are new arrays."""


def read(
    subject: Subject, outputs: Point, pulled: Pulled
) -> tuple[dict[str, np.ndarray], list[Finding]]:
    """Returns the coordinates of each cotangent, zeros where it has no usable form, and why."""
    strict = not subject.is_object and _keeps_dtype(subject.point, outputs)
    gradient: dict[str, np.ndarray] = {}
    findings = []
    for name, x in subject.point.items():
        value = pulled.cotangents.get(name)
        finding = None if value is None else _form(name, x, value, strict)
        findings += [finding] if finding else []
        if value is None or (finding is not None and finding.severity == "error"):
            gradient[name] = np.zeros(backends.coordinates(x))
        else:
            gradient[name] = values_as(value, x)
    return gradient, findings


def values_as(value: Any, x: Any) -> np.ndarray:
    """Returns the coordinates of a cotangent of x; a real one of a complex x has no imaginary part.

    A copy: a pullback may use its buffer again.

    >>> values_as(np.array([2.0]), np.array([1j]))
    array([[2., 0.]])
    """
    values = backends.of(value).values(value)
    if backends.of(x).is_complex(x) and not backends.of(value).is_complex(value):
        return np.stack([values, np.zeros_like(values)], axis=-1)
    is_own = backends.of(value).dtype(value) not in DOUBLE
    return values if is_own else values.copy()


def _form(name: str, x: Any, value: Any, strict: bool) -> Finding | None:
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
    dtype = _dtype(name, x, value, strict)
    if dtype is not None and dtype.severity == "error":
        return dtype
    if not backends.is_finite(value):
        bad = np.argwhere(~np.isfinite(backends.of(value).values(value)))
        index = tuple(int(i) for i in bad[0])[: len(shape)]
        message = (
            f"{name}: {len(bad)} of {backends.size(x)} entries of the cotangent are not finite; "
            f"the first is {name}{list(index) if index else ''}"
        )
        return Finding(kind="not_finite", primal=name, indices=(index,), message=message)
    return dtype


def _dtype(name: str, x: Any, value: Any, strict: bool) -> Finding | None:
    """Returns what is wrong with the dtype of a cotangent.

    Args:
        name: the primal.
        x: the primal's value.
        value: the cotangent.
        strict: whether a wider dtype is an error.
    """
    if isinstance(value, (float, int)) and not isinstance(value, bool) and _is_scalar(x):
        return None
    ours, theirs = backends.of(x), backends.of(value)
    head = f"{name}: the cotangent has dtype {theirs.dtype(value)}, wanted {ours.dtype(x)}"
    if not theirs.is_floating(value):
        return Finding(kind="dtype", primal=name, message=head)
    if theirs.is_complex(value) and not ours.is_complex(x):
        message = f"{head}: {name} is real, so take the real part of its cotangent"
        return Finding(kind="dtype", primal=name, message=message)
    narrower = theirs.precision(value).bits - ours.precision(x).bits
    if narrower < 0:
        message = f"{head} as {name} has: half of its digits are lost on the way"
        return Finding(kind="dtype", primal=name, message=message)
    if narrower > 0:
        remedy = f"return it in the dtype of {name} (a constant or a buffer of another one?)"
        message = f"{head} as {name} has: a silent upcast; {remedy}"
        severity = "error" if strict and ours.precision(x).bits >= SURE_BITS else "warning"
        return Finding(kind="dtype", primal=name, message=message, severity=severity)
    if ours.is_complex(x) and not theirs.is_complex(value):
        message = f"{head}: {name} is complex, so its imaginary part is taken as 0"
        return Finding(kind="dtype", primal=name, message=message, severity="warning")
    return None


def _keeps_dtype(point: Point, outputs: Point) -> bool:
    """Whether the function gives nothing wider than its widest primal."""
    widest = max((_bits(x) for x in point.values()), default=0)
    return all(_bits(y) <= widest for y in outputs.values())


def _bits(x: Any) -> int:
    return backends.of(x).precision(x).bits


def _is_scalar(x: Any) -> bool:
    return backends.of(x).shape(x) == ()


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
