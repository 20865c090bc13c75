"""What `gradcheck` checks of code: a function, its primals, and the pullback that is claimed."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

FAILS = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError)
"""What code raises on arguments that do not fit it."""

Arrays: TypeAlias = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Subject:
    """A function of the document with its claimed pullback.

    Attributes:
        name: the class or function.
        primals: the point.
        function: the function of the primals.
        pullback: (cotangent, primals) -> the claimed cotangents by name.
        places: the statement at which the gradient of a primal is computed.
        inputs: the primals that are no parameters.
        called: what the document calls a primal, where that is not its name.
    """

    name: str
    primals: Arrays
    function: Callable[..., Any]
    pullback: Callable[[Any, Arrays], Arrays]
    places: Mapping[str, ast.AST]
    inputs: frozenset[str]
    called: Mapping[str, str] = field(default_factory=dict)
