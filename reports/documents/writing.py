"""A tree as plain text: W₁·x + b, for messages."""

import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from reports.documents.tree import (
    Array,
    At,
    BigSum,
    Call,
    Derivative,
    Divide,
    Negative,
    Node,
    Norm,
    Number,
    Power,
    Sum,
    Symbol,
    Times,
    Transposed,
    Words,
)

_SIGNS = {"juxtaposed": " ", "dot": "·", "cross": "×", "star": "*", "hadamard": " ⊙ ", "outer": "⊗"}


def written(node: Node) -> str:
    r"""Returns a formula as plain text.

    >>> from reports.documents.statements import statements
    >>> written(statements(r"W_1 \cdot x + b^{(2)}")[0].links[0].node)
    'W_1·x + b^2'
    """
    match node:
        case Number(text=text):
            return text
        case Symbol() | Derivative():
            return shown(node)
        case Negative(body=body):
            return f"−{_inner(body)}"
        case Sum(left=left, right=right, sign=sign):
            return f"{written(left)} {'+' if sign > 0 else '−'} {_inner(right)}"
        case Times(left=left, right=right, kind=kind):
            return f"{_inner(left)}{_SIGNS[kind]}{_inner(right)}"
        case Divide(left=left, right=right):
            return f"{_inner(left)}/{_tight(right)}"
        case Power(base=Symbol(sup=str(index)) as base, exponent=exponent) if index:
            return f"({written(base)})^{_tight(exponent)}"
        case Power(base=base, exponent=exponent):
            return f"{_tight(base)}^{_tight(exponent)}"
        case Transposed(body=body):
            return f"{_tight(body)}ᵀ"
        case Array(rows=rows, flat=flat):
            if flat or all(len(row) == 1 for row in rows):
                return f"({', '.join(written(e) for row in rows for e in row)})"
            body = (f"[{', '.join(map(written, row))}]" for row in rows)
            return f"[{', '.join(body)}]"
        case Call(arguments=arguments):
            return f"{shown(node)}({', '.join(map(written, arguments))})"
        case BigSum(index=index, body=body):
            return f"Σ{f'_{index}' if index else ''} {_inner(body)}"
        case At(body=body, arguments=values):
            there = ", ".join(f"{written(c.left)} = {written(c.right)}" for c in values)
            return f"{_tight(body)} at {there}"
        case Norm(body=body, order=order):
            return f"|{written(body)}|" if order == 0 else f"‖{written(body)}‖"
    return "…"


def _inner(node: Node) -> str:
    return f"({written(node)})" if isinstance(node, (Sum, Negative)) else written(node)


def _tight(node: Node) -> str:
    plain = isinstance(node, (Number, Symbol, Array, Call, Derivative))
    return written(node) if plain else f"({written(node)})"


def shown(node: Node) -> str:
    """Returns a short name of a node, for messages."""
    match node:
        case Symbol(base=base, sub=sub, sup=sup, mark=mark):
            return _marked(_pretty(base), sub, sup) + mark
        case Derivative(of=of, wrt=Words()):
            return f"∇{shown(of)}"
        case Derivative(of=of, wrt=wrt) if _has_no_name(of):
            return f"d/d{shown(wrt)}"
        case Derivative(of=Derivative(of=of, wrt=first), wrt=then):
            by = f"∂{shown(then)}²" if first == then else f"∂{shown(then)}∂{shown(first)}"
            return f"∂²{shown(of)}/{by}"
        case Derivative(of=of, wrt=wrt):
            return f"∂{shown(of)}/∂{shown(wrt)}"
        case Call(name=name, prime=prime):
            return _pretty(name) + "′" * prime
        case Number(text=text):
            return text
        case Words(text=text):
            return text
    return type(node).__name__.lower()


def _has_no_name(of: Node) -> bool:
    own = of.base == "expression" if isinstance(of, Symbol) else not isinstance(of, Call)
    return own and not isinstance(of, Derivative)


_LETTERS: Mapping[str, str] = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "epsilon": "ε",
    "eta": "η",
    "theta": "θ",
    "lambda": "λ",
    "mu": "μ",
    "rho": "ρ",
    "sigma": "σ",
    "phi": "φ",
    "psi": "ψ",
    "Delta": "Δ",
    "tau": "τ",
    "nu": "ν",
    "xi": "ξ",
    "omega": "ω",
    "pi": "π",
    "ell": "ℓ",
    "kappa": "κ",
}


_ACCENTS = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303", "dot": "\u0307"}


def _marked(base: str, sub: str, sup: str) -> str:
    """Returns a name with its scripts, in braces where they are more than letters and digits."""
    for mark, script in (("_", sub), ("^", sup)):
        base += f"{mark}{script if script.isalnum() else f'{{{script}}}'}" if script else ""
    return base


@lru_cache(maxsize=1024)
def _pretty(key: str) -> str:
    prefix, _, inner = key.partition(" ")
    if prefix in {"delta", "Delta"} and inner:
        return _LETTERS[prefix] + _pretty(inner)
    accent, _, rest = key.rpartition(" ")
    for name, letter in _LETTERS.items():
        if rest == name or rest.startswith((f"{name}_", f"{name}^", f"{name}'", f"{name}²")):
            rest = letter + rest[len(name) :]
            break
    mark = _ACCENTS.get(accent)
    plain = f"{accent} {rest}" if accent else rest
    return unicodedata.normalize("NFC", rest[0] + mark + rest[1:]) if mark and rest else plain
