"""Cotangents that are returned in memory of somebody else's: whoever adds to one changes both."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from gradcheck import backends
from gradcheck.backends.torch_backend import TorchBackend
from gradcheck.contract.mutation import changed
from gradcheck.subject import Point
from gradcheck.verdict import Finding


def shared(returned: Point, inputs: Point, y_bar: Point) -> Iterator[Finding]:
    """Yields the cotangents that share memory with an input, the incoming cotangent, each other.

    Args:
        returned: the cotangents as they were returned.
        inputs: the primals and constants as they were handed in.
        y_bar: the cotangent as it was handed in.
    """
    for name, value in arrays(returned).items():
        whose = next((n for n, x in arrays(inputs).items() if _shares(value, x)), None)
        if whose is not None:
            message = (
                f"{name}: the cotangent is returned in the memory of {whose} itself: adding to it, "
                f"or scaling it in place, would change {whose}; return a copy"
            )
            yield Finding(kind="aliased_input", primal=name, message=message)
    given = [n for n, x in arrays(returned).items() if any(_shares(x, y) for y in y_bar.values())]
    if given and not all(isinstance(backends.of(y), TorchBackend) for y in y_bar.values()):
        # In an autograd.Function to return the gradient that came in is the convention.
        yield _aliased(f"{', '.join(given)}: the cotangent is returned in the memory of ȳ itself")
    for (a, x), (b, y) in combinations(arrays(returned).items(), 2):
        if _shares(x, y) and not {a, b} <= set(given):
            yield _aliased(f"the cotangents of {a} and {b} are returned in the same memory")


def reused(before: Point, returned: Point) -> Iterator[Finding]:
    """Yields the cotangents that later calls of the pullback have overwritten.

    Args:
        before: copies of the cotangents, as they were returned.
        returned: the cotangents themselves, after further calls.
    """
    names = changed(arrays(before), arrays(returned))
    if names:
        yield _aliased(
            f"{', '.join(names)}: the next call of the pullback overwrites the cotangent that this "
            "one returned (a buffer that is used again)"
        )


def overwritten(outputs: Point, given: Point) -> Iterator[Finding]:
    """Yields the outputs that later evaluations have overwritten.

    Args:
        outputs: copies of the outputs, as they were returned.
        given: the outputs themselves, after further evaluations.
    """
    names = changed({n: y for n, y in outputs.items() if n in given}, given)
    if names:
        yield _aliased(
            f"{', '.join(names)}: the next evaluation overwrites the output that this one returned "
            "(a buffer that is used again)"
        )


def arrays(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Returns those of the values that are arrays."""
    return {name: x for name, x in tree.items() if backends.is_array(x)}


def _shares(x: Any, y: Any) -> bool:
    return backends.is_array(y) and backends.of(x).shares(x, y)


def _aliased(what: str) -> Finding:
    message = f"{what}: right as it stands, and wrong once one of them is changed in place"
    return Finding(kind="aliased", message=message, severity="warning")
