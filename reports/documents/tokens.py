"""LaTeX maths as tokens, each with its place in the document."""

import re
from dataclasses import dataclass
from typing import Literal

from reports.documents.tree import Span

Type = Literal["number", "letter", "command", "open", "close", "symbol", "end"]

MOST_TOKENS = 4000


class NotRead(Exception):
    """A formula, or a part of it, that is not understood: the message says why."""

    def __init__(self, reason: str, span: Span | None = None) -> None:
        super().__init__(reason)
        self.span = span


@dataclass(frozen=True)
class Token:
    """One token: `text` is a command without its backslash, a number, or one character.

    A number's `measure` is the units that stood behind it.
    """

    type: Type
    text: str
    span: Span
    measure: str = ""


UNICODE = {
    "×": "times",
    "·": "cdot",
    "⋅": "cdot",
    "∙": "cdot",
    "⊙": "odot",
    "∘": "circ",
    "⊗": "otimes",
    "≈": "approx",
    "≃": "approx",
    "≅": "approx",
    "≔": "coloneqq",
    "←": "leftarrow",
    "→": "to",
    "⇒": "Rightarrow",
    "∂": "partial",
    "∇": "nabla",
    "∑": "sum",
    "Σ": "Sigma",
    "√": "sqrt",
    "≤": "le",
    "≥": "ge",
    "≠": "ne",
    "∈": "in",
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "δ": "delta",
    "ε": "epsilon",
    "ϵ": "epsilon",
    "η": "eta",
    "θ": "theta",
    "λ": "lambda",
    "μ": "mu",
    "ρ": "rho",
    "σ": "sigma",
    "φ": "phi",
    "ϕ": "phi",
    "ψ": "psi",
    "ω": "omega",
    "Δ": "Delta",
    "Θ": "Theta",
    "ℓ": "ell",
    "⊤": "top",
    "…": "ldots",
    "⋯": "cdots",
    "∞": "infty",
    "′": "prime",
    "π": "pi",
    "τ": "tau",
    "κ": "kappa",
    "ξ": "xi",
    "ν": "nu",
    "⌊": "lfloor",
    "⌋": "rfloor",
    "⌈": "lceil",
    "⌉": "rceil",
    "∥": "Vert",
    "‖": "Vert",
}
PLAIN = str.maketrans("（）［］，；：＝＋－／｜｛｝．＊＜＞−–＆、。", "()[],;:=+-/|{}.*<>--&,.")
SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋ᵢⱼₖₗₘₙₜₓ", "0123456789+-ijklmntx", strict=True))
SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ᵀˡⁿᵗ", "0123456789+-Tlnt", strict=True))
HATS = {"ŷ": ("hat", "y"), "ȳ": ("bar", "y"), "ẑ": ("hat", "z"), "x̂": ("hat", "x")}

_TOKEN = re.compile(
    r"(?P<wide>(?:\\[;:> ]\s*){2,})"
    r"|(?P<space>[ \t\n~]+|\\[,;:!> ]|\\(?:left|right)\s*\.|\\hspace\*?\{[^{}]{0,20}\}"
    r"|\\(?:quad|qquad|displaystyle|textstyle|limits|nolimits"
    r"|left|right|middle|big|Big|bigg|Bigg|bigl|bigr|Bigl|Bigr|biggl|biggr|nonumber|notag"
    r"|scriptstyle|hfill|noindent|mathstrut|,)(?![A-Za-z]))"
    r"|(?P<number>\d+(?:(?:\{,\}\d{3})+(?!\d)(?:\.\d+)?|\{,\}\d+|\.\d*)?(?:[eE][-+]?\d+(?![A-Za-z0-9.]))?|\.\d+)"
    r"|(?P<command>\\[A-Za-z]+\*?)"
    r"|(?P<escaped>\\[^A-Za-z])"
    r"|(?P<letter>[^\W\d_])"
    r"|(?P<symbol>.)",
    re.DOTALL,
)
_SEPARATORS = ("quad", "qquad")


def tokenize(text: str, offset: int = 0) -> list[Token]:
    r"""Returns the tokens of a formula that begins at `offset` in its document.

    Raises:
        NotRead: the formula is too long to be one.

    >>> [t.text for t in tokenize(r"\hat{y} ≈ 0.50")]
    ['hat', '{', 'y', '}', 'approx', '0.50']
    """
    tokens: list[Token] = []
    for match in _TOKEN.finditer(text.translate(PLAIN)):
        kind, content = match.lastgroup, match[0]
        span = offset + match.start(), offset + match.end()
        if kind == "wide":
            tokens.append(Token("command", "quad", span))
            continue
        if kind == "space":
            if content.strip("\\ \n\t") in _SEPARATORS:
                tokens.append(Token("command", "quad", span))
            continue
        tokens += _token(kind or "", content, span)
        if len(tokens) > MOST_TOKENS:
            raise NotRead(f"the formula has more than {MOST_TOKENS} tokens", (offset, offset + 1))
    return tokens


_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:\{,\}\d{3})+(?:\.\d*)?")


def _plain(number: str) -> str:
    """Returns a number with a point for its decimal comma, and without those between thousands."""
    return number.replace("{,}", "" if _THOUSANDS.fullmatch(number) else ".")


def _token(kind: str, content: str, span: Span) -> list[Token]:
    match kind:
        case "number":
            return [Token("number", _plain(content), span)]
        case "command":
            return [Token("command", content[1:], span)]
        case "escaped":
            return [Token("command", content[1:], span)]
    if content in "{":
        return [Token("open", "{", span)]
    if content == "}":
        return [Token("close", "}", span)]
    if content in UNICODE:
        return [Token("command", UNICODE[content], span)]
    if content in HATS:
        return [Token("command", HATS[content][0], span), Token("letter", HATS[content][1], span)]
    for table, mark in ((SUBSCRIPTS, "_"), (SUPERSCRIPTS, "^")):
        if content in table:
            inner = table[content]
            type_: Type = "number" if inner.isdigit() else "letter" if inner.isalpha() else "symbol"
            return [Token("symbol", mark, span), Token(type_, inner, span)]
    return [Token("letter" if kind == "letter" else "symbol", content, span)]
