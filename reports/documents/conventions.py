"""The notation that a document settles for all of its formulas."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reports.documents.differentials import declared
from reports.documents.units import names_like_units


@dataclass(frozen=True)
class Conventions:
    r"""What a document settles for all of its formulas.

    Attributes:
        indexed: the names whose numeric superscript is a layer.
        macros: \newcommand: the number of arguments and the body.
        vectors: the small letters that are set in bold, or with an arrow.
        called: the losses of which the document says what they depend on, as J(w).
        applied: the letters that it uses for functions, each with the names of its argument.
        named: what looks like a unit and is a name of the document.
        compounds: the names that δ or Δ makes another one of, as δ h_t for ∂L/∂h_t.
        distributions: letters that are functions of a distribution: Φ(x), φ(x).
    """

    indexed: frozenset[str] = frozenset()
    macros: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    compounds: Mapping[str, frozenset[str]] = field(default_factory=dict)
    vectors: frozenset[str] = frozenset()
    called: frozenset[str] = frozenset()
    applied: Mapping[str, frozenset[str]] = field(default_factory=dict)
    distributions: Mapping[str, str] = field(default_factory=dict)
    named: frozenset[str] = frozenset()


_LAYERED = ("W", "w", "b", "a", "z", "A", "Z", "h", "delta", "net", "out", "o")
_SUPERSCRIPT = re.compile(
    r"(\\[A-Za-z]+|[A-Za-z])(?:_(?:\{[^{}]*\}|[A-Za-z0-9]))?\^(?:\{([1lL](?:[-+]1)?)\}|([1lL]))(?!\d)"
)
_MACRO = re.compile(
    r"\\(?:re)?newcommand\*?\s*\{?\\([A-Za-z]+)\}?\s*(?:\[(\d)\])?\s*\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}"
)
_DEF = re.compile(r"\\def\s*\\([A-Za-z]+)\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_OPERATOR = re.compile(r"\\DeclareMathOperator\*?\s*\{?\\([A-Za-z]+)\}?\s*\{([^{}]*)\}")

_ALONE = re.compile(r"\\Delta\s*(?:&?\s*=|[_^])")
_CHANGED = re.compile(
    r"(?:^|\\\\|[,，;&$]|\\q?quad)\s*\\delta\s*"
    r"(?:\\(?:tilde|hat|bar|mathbf|boldsymbol|bm)\s*)?\{?(\\[a-zA-Z]+|[A-Za-z])\}?"
    r"(?:\s*[_^](?:\{[^{}]*\}|\w))*\s*&?\s*="
)
ANY = frozenset("*")


def _compounds(formulas: Sequence[str], text: str) -> Mapping[str, frozenset[str]]:
    """Returns what δ and Δ make names of: statements about δ h_t, and Δ where it is no name."""
    after_delta = {m[1].lstrip("\\") for f in formulas for m in _CHANGED.finditer(f)}
    found = {"delta": frozenset(after_delta)} if after_delta else {}
    found |= dict.fromkeys(declared(text), ANY)
    alone = any(_ALONE.search(formula) for formula in formulas)
    return found if alone else {**found, "Delta": ANY}


_BOLD = re.compile(
    r"\\(?:mathbf|boldsymbol|bm|vec|pmb|bold|textbf)\s*\{?\s*(\\[a-z]+|[a-z])\s*(?:\}|(?![A-Za-z]))"
)


_APPLIED = re.compile(
    r"(?:^|\\\\|[,，;&$]|\\q?quad)\s*([A-Za-z]|\\[a-z]+)'?\s*(?:\\left)?\(\s*(\\[a-z]+|[a-z])\s*"
    r"(?:\\right)?\)\s*&?\s*="
)


def _applied(formulas: Sequence[str]) -> Mapping[str, frozenset[str]]:
    """Returns the letters of functions: s(x) = … says that s is one of x."""
    found: dict[str, frozenset[str]] = {}
    for formula in formulas:
        for match in _APPLIED.finditer(formula):
            name, argument = match[1].lstrip("\\"), match[2].lstrip("\\")
            found[name] = found.get(name, frozenset()) | {argument}
        for match in _APPLIED_TO_SEVERAL.finditer(formula):
            name, arguments = match[1].lstrip("\\"), "".join(match[2].split())
            found[name] = found.get(name, frozenset()) | {arguments}
        for match in _AT_NUMBER.finditer(formula):
            found.setdefault(match[1], frozenset())
    return found


_APPLIED_TO_SEVERAL = re.compile(
    r"(?:^|\\\\|[,，;&$]|\\q?quad)\s*([a-z])\s*(?:\\left)?\(\s*([a-z](?:\s*,\s*[a-z])+)\s*"
    r"(?:\\right)?\)\s*&?\s*="
)
_AT_NUMBER = re.compile(r"^\s*([a-z])\s*\(\s*-?\d+(?:\.\d+)?\s*\)\s*=(?!=)")
"""What is given at a number is a function: y(0) = 1."""

_NORMAL = re.compile(r"(?i)\bnormal\b|gauss|\bgelu\b|\\mathcal\s*\{?N|正态|高斯")
_CUMULATIVE = re.compile(r"\\Phi\s*(?:\\left\s*)?\(")
_OTHER_PHI = re.compile(
    r"(?i)(?:feature|activation|potential|basis|激活|特征)\w*\s+(?:\w+\s+){0,2}\$?\\(?:var)?phi\b"
)


def _distributions(formulas: Sequence[str], text: str) -> Mapping[str, str]:
    """Returns Φ as the normal distribution function, and φ as its density, where they are these."""
    if not (_NORMAL.search(text) and any(map(_CUMULATIVE.search, formulas))):
        return {}
    return {"Phi": "Φ"} if _OTHER_PHI.search(text) else {"Phi": "Φ", "phi": "φ"}


_CALLED = re.compile(
    r"([A-Z]|\\ell)\}?(?:\\left)?\((?:\\mathbf|\\boldsymbol|\\bm)?\s*\{?(?:\\[a-z]+|[a-zA-Z])\}?(?:_\w)?\s*[,;)]"
)


def conventions(formulas: Sequence[str], text: str) -> Conventions:
    """Returns the notation that all formulas of a document share."""
    bases = set()
    for formula in formulas:
        for match in _SUPERSCRIPT.finditer(formula):
            base = match[1].lstrip("\\")
            if base in _LAYERED or base in {"y", "x"}:
                bases.add(base)
    indexed = frozenset((*bases, *_LAYERED)) if bases & set(_LAYERED) else frozenset(bases)
    macros = {m[1]: (int(m[2] or 0), m[3]) for m in _MACRO.finditer(text)}
    macros |= {m[1]: (0, m[2]) for m in _DEF.finditer(text)}
    macros |= {m[1]: (0, rf"\operatorname{{{m[2]}}}") for m in _OPERATOR.finditer(text)}
    vectors = frozenset(m[1].lstrip("\\") for f in formulas for m in _BOLD.finditer(f))
    called = frozenset(m[1].lstrip("\\") for formula in formulas for m in _CALLED.finditer(formula))
    compounds = _compounds(formulas, text)
    applied, distributions = _applied(formulas), _distributions(formulas, text)
    named = names_like_units(formulas)
    return Conventions(indexed, macros, compounds, vectors, called, applied, distributions, named)
