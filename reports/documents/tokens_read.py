"""What a few tokens are: numbers, products, the marks of a derivative, the words of a case."""

import re
from collections.abc import Sequence

from reports.documents.notation import FONTS, JOINING, OTHERWISE, PRODUCTS, RELATIONS, TEXTS
from reports.documents.tokens import NotRead, Token
from reports.documents.tree import (
    Array,
    Call,
    Divide,
    Negative,
    Node,
    Number,
    Power,
    Product,
    Span,
    Symbol,
    Times,
)

CLOSERS = {"(": ")", "[": "]", "{": "}", "lbrace": "rbrace", "langle": "rangle"}
CLOSERS |= {
    "lVert": "rVert",
    "lvert": "rvert",
    "lbrack": "rbrack",
    "lfloor": "rfloor",
    "lceil": "rceil",
}


def number_of(token: Token) -> Number:
    """Returns a number with the digits it shows.

    Raises:
        NotRead: it has too many digits.
    """
    mantissa, *scale = re.split("[eE]", token.text)
    exponent = int(scale[0]) if scale and len(scale[0]) < 5 else 999 * len(scale)
    if len(mantissa) > 40 or abs(exponent) > 99:
        raise NotRead("a number with too many digits", token.span)
    value = float(token.text)
    decimals = len(mantissa.partition(".")[2])
    unit = 10.0 ** (exponent - decimals) if decimals or exponent else 0.0
    digits = len(mantissa.replace(".", "").lstrip("0"))
    return Number(token.span, token.text, value, unit, digits)


def percent(span: Span, node: Node) -> Node:
    """Returns a hundredth of what stands before a percent sign; of a number one number."""
    if isinstance(node, Number):
        unit = (node.unit or 1.0) / 100
        return Number(span, f"{node.text}%", node.value / 100, unit, node.digits)
    return Divide(span, node, Number(span, "100", 100.0, 0.0, 3))


def product_of(span: Span, left: Node, right: Node, kind: Product) -> Node:
    """Returns a product; 1.5 × 10⁻³ becomes one number."""
    scale = _power_of_ten(right)
    if kind == "cross" and scale is not None and isinstance(left, Times):
        if isinstance(left.right, Number):  # a · 9 × 10¹⁶
            start = left.right.span[0]
            number = product_of((start, span[1]), left.right, right, kind)
            return Times(span, left.left, number, left.kind)
    inner = left.body if isinstance(left, Negative) else left
    plain = isinstance(inner, Number) and not inner.text.endswith("%")
    if kind in {"dot", "cross"} and plain and isinstance(inner, Number) and scale is not None:
        factor = 10.0**scale
        unit = (inner.unit or 1.0) * factor
        value = (
            float(f"{inner.text}e{scale}")
            if "e" not in inner.text.lower()
            else (inner.value * factor)
        )
        number = Number(span, f"{inner.text}e{scale}", value, unit, inner.digits)
        return Negative(span, number) if isinstance(left, Negative) else number
    return Times(span, left, right, kind)


def _power_of_ten(node: Node) -> int | None:
    if not isinstance(node, Power) or not isinstance(node.base, Number) or node.base.text != "10":
        return None
    exponent, sign = node.exponent, 1
    if isinstance(exponent, Negative):
        exponent, sign = exponent.body, -1
    if isinstance(exponent, Number) and exponent.text.isdecimal() and len(exponent.text) < 3:
        return sign * int(exponent.text)
    return None


def called_with(node: Node, argument: Node) -> Node:
    """Returns ζ(x) as a function where ζ x is differentiated by x."""
    match node:
        case Times(left=Symbol() as f, right=Symbol() as x, kind="juxtaposed") if (
            isinstance(argument, Symbol) and x.key == argument.key and f.key != x.key
        ):
            return Call(node.span, f.key, (x,)) if x.span[1] < node.span[1] else node
    return node


def stacked(span: Span, entries: tuple[Node, ...]) -> Array:
    """Returns [a, b] as one row in an open orientation, [[a, b], [c, d]] as a matrix."""
    if all(isinstance(entry, Array) and entry.flat for entry in entries):
        rows = tuple(entry.rows[0] for entry in entries if isinstance(entry, Array))
        if len({len(row) for row in rows}) == 1:
            return Array(span, rows)
    return Array(span, (entries,), flat=True)


def is_partial(tokens: list[Token]) -> bool:
    """Whether tokens begin as half of a derivative: with ∂ or d."""
    return bool(tokens) and differential(tokens) > 0


def differential(tokens: list[Token]) -> int:
    """Returns how many tokens the ∂ (or upright or italic d) at the beginning takes."""
    if not tokens:
        return 0
    if tokens[0].type == "command" and tokens[0].text == "partial":
        return 1
    if tokens[0].type == "letter" and tokens[0].text == "d":
        return 1
    if tokens[0].text in {"mathrm", "text", "rm"} and [t.text for t in tokens[1:4]] == list("{d}"):
        return 4
    return 0


def is_raised(tokens: list[Token]) -> bool:
    """Whether a power stands at the ∂: a higher derivative."""
    after = differential(tokens)
    return len(tokens) > after and tokens[after].text == "^"


def raised(tokens: list[Token]) -> tuple[int, int]:
    """Returns the order of the ∂ⁿ at the beginning, and how many tokens it takes.

    Raises:
        NotRead: the order is no small number.
    """
    after = differential(tokens)
    if not is_raised(tokens):
        return 1, after
    count = 2 if tokens[after + 1].type != "open" else 4
    order = flat(tokens[after + 1 : after + count])
    if not re.fullmatch("[2-4]", order):
        raise NotRead("a derivative of an order that is not understood", tokens[0].span)
    return int(order), after + count


def differentials(tokens: list[Token]) -> list[list[Token]]:
    """Returns the names by which ∂x ∂y² differentiates, each as often as it does: x, y, y."""
    found: list[list[Token]] = []
    at = 0
    while at < len(tokens):
        taken = differential(tokens[at:])
        if not taken:
            raise NotRead("a higher derivative is not understood", tokens[at].span)
        at += taken
        name: list[Token] = []
        times = 1
        while at < len(tokens) and (not name or not differential(tokens[at:])):
            if tokens[at].text == "^" and at + 1 < len(tokens):
                braced = tokens[at + 1].type == "open"
                power = flat(tokens[at + 1 : at + (4 if braced else 2)])
                if re.fullmatch("[2-4]", power):
                    times = int(power)
                    at += 4 if braced else 2
                    continue
            name.append(tokens[at])
            at += 1
        found += [name] * times
    return found


def separated(tokens: list[Token]) -> list[list[Token]]:
    """Returns the parts of tokens between the commas that stand outside of brackets."""
    parts: list[list[Token]] = [[]]
    for token in tokens:
        if token.text in {",", ";", "quad"} and not within_brackets(parts[-1]):
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


def entries_of(node: Node) -> tuple[Node, ...]:
    """Returns the entries of an array, or the node alone."""
    if isinstance(node, Array):
        return tuple(entry for row in node.rows for entry in row)
    return (node,)


def trimmed(tokens: list[Token]) -> list[Token]:
    """Returns the tokens of a cell without the commas and words that join value and condition."""
    kept, at = [], 0
    while at < len(tokens):
        words = tokens[at].text in TEXTS and at + 1 < len(tokens) and tokens[at + 1].type == "open"
        if words:
            end = at + 1
            while end < len(tokens) and tokens[end].type != "close":
                end += 1
            text = flat(tokens[at : end + 1]).lower()
            if text in OTHERWISE or text not in JOINING:
                kept += tokens[at : end + 1]
            at = end + 1
            continue
        if tokens[at].text not in {",", ";", "quad", "."} or tokens[at].type == "number":
            kept.append(tokens[at])
        at += 1
    return kept


def within_brackets(tokens: list[Token]) -> bool:
    """Whether a bracket is open at the end of tokens."""
    texts = [t.text for t in tokens]
    return sum(t in {"(", "["} for t in texts) > sum(t in {")", "]"} for t in texts)


def closes(name: str) -> bool:
    """Whether a command ends a factor."""
    return name in {*CLOSERS.values(), "end", "\\", "}", "right", "cr", "&", "%", "#", "div"} or (
        name in RELATIONS or name in PRODUCTS or name in {"|", "Vert", "vert", "mid", "prime"}
    )


def flat(tokens: Sequence[Token]) -> str:
    """Returns the text of tokens without blanks, braces and fonts, as names are kept."""
    skipped = {*FONTS, *TEXTS}
    words = (
        "" if t.type == "command" and t.text in skipped else t.text
        for t in tokens
        if t.type not in {"open", "close"}
    )
    return "".join(words)


def shown_token(token: Token) -> str:
    """Returns a token as written, for messages."""
    if token.type == "end":
        return "the end"
    return f"\\{token.text}" if token.type == "command" else token.text
