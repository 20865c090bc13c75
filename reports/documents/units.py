"""Units behind numbers: read, set aside, and kept, so that no value is compared across a prefix."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from reports.documents.macros import argument
from reports.documents.notation import FONTS, TEXTS
from reports.documents.tokens import Token
from reports.documents.tree import Call, Chain, Node, rebuilt, walk

PREFIXES = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "c": 1e-2, "d": 1e-1} | {
    "m": 1e-3,
    "μ": 1e-6,
    "u": 1e-6,
    "n": 1e-9,
    "p": 1e-12,
}
PREFIXED = {
    "m": ("length", 1.0),
    "g": ("mass", 1e-3),
    "s": ("time", 1.0),
    "J": ("energy", 1.0),
    "W": ("power", 1.0),
    "N": ("force", 1.0),
    "V": ("voltage", 1.0),
    "A": ("current", 1.0),
    "Hz": ("frequency", 1.0),
    "Pa": ("pressure", 1.0),
    "Ω": ("resistance", 1.0),
    "F": ("capacity", 1.0),
    "C": ("charge", 1.0),
    "T": ("field", 1.0),
    "mol": ("amount", 1.0),
    "eV": ("energy", 1.6e-19),
    "L": ("volume", 1e-3),
    "l": ("volume", 1e-3),
    "bit": ("information", 1.0),
    "B": ("information", 8.0),
    "FLOP": ("operations", 1.0),
    "FLOPs": ("operations", 1.0),
    "FLOPS": ("operations", 1.0),
    "Wh": ("energy", 3600.0),
}
WHOLE = {
    "K": ("temperature", 1.0),
    "°C": ("temperature", 2.0),
    "rad": ("angle", 1.0),
    "kg": ("mass", 1.0),
    **dict.fromkeys(("t", "ton", "tons"), ("mass", 1e3)),
    **dict.fromkeys(("min", "mins", "minute", "minutes", "分钟"), ("time", 60.0)),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "小时"), ("time", 3600.0)),
    **dict.fromkeys(("day", "days", "天"), ("time", 86400.0)),
    **dict.fromkeys(("second", "seconds", "sec", "秒"), ("time", 1.0)),
    **dict.fromkeys(("毫秒", "milliseconds", "msec"), ("time", 1e-3)),
    **dict.fromkeys(("meter", "meters", "metres", "米"), ("length", 1.0)),
    **dict.fromkeys(("厘米",), ("length", 1e-2)),
    **dict.fromkeys(("公斤", "千克"), ("mass", 1.0)),
    **dict.fromkeys(("克", "grams"), ("mass", 1e-3)),
    **dict.fromkeys(("焦耳", "焦", "joules"), ("energy", 1.0)),
    **dict.fromkeys(("nat", "nats"), ("information", 1.4427)),
    **dict.fromkeys(("bits", "比特"), ("information", 1.0)),
    **dict.fromkeys(("byte", "bytes", "字节"), ("information", 8.0)),
    "KB": ("information", 8e3),
    "dB": ("level", 1.0),
}
COUNTED = frozenset(
    "parameter parameters params weights samples examples epochs steps iterations tokens operations"
    " ops multiplications additions pixels px dollars euros USD EUR GBP points units people times"
    " neurons items images 个 次 步 元 万元 人 个参数 参数 张 件".split()
)
BITS = frozenset(("bit", "bits", "比特"))
MECHANICAL = frozenset(
    (
        "length mass time energy power force voltage current frequency pressure resistance capacity"
    ).split()
) | {"charge", "field", "volume", "amount", "temperature"}
"""Dimensions that formulas join: of these all must be in units without a prefix."""

_ATOM = re.compile(r"[^\W\d_]+|°C")
_SEPARATED = re.compile(r"(?:[^\W\d_]|°|[\s/·*()^{}+\-−,.⋅²³⁻¹]|\d)*")
_FORMATTED = (FONTS | TEXTS) - {"mathbf", "boldsymbol", "bm", "mathbb", "vec", "pmb", "textbf"}


def measure_of(atom: str) -> tuple[str, float] | None:
    """Returns the dimension and the scale of a unit; None for what is none.

    >>> measure_of("ms"), measure_of("kg"), measure_of("loss")
    (('time', 0.001), ('mass', 1.0), None)
    """
    if atom in WHOLE:
        return WHOLE[atom]
    if atom in PREFIXED:
        return PREFIXED[atom]
    if atom in COUNTED:
        return atom, 1.0
    base = PREFIXED.get(atom[1:])
    if base is None or atom[0] not in PREFIXES:
        return None
    return base[0], base[1] * PREFIXES[atom[0]]


def atoms_of(text: str) -> frozenset[str]:
    """Returns the units that a text is made of; none where it is anything else.

    >>> sorted(atoms_of("kg m/s^2"))
    ['kg', 'm', 's']
    """
    atoms = frozenset(_ATOM.findall(text))
    known = _SEPARATED.fullmatch(text) and all(measure_of(atom) for atom in atoms)
    return atoms if known else frozenset()


def are_mixed(atoms: Iterable[str]) -> bool:
    """Whether values in these units cannot be compared without converting one of them."""
    scales: dict[str, set[float]] = {}
    for atom in atoms:
        found = measure_of(atom)
        if found is not None:
            scales.setdefault(found[0], set()).add(found[1])
    if any(len(found) > 1 for found in scales.values()):
        return True
    mechanical = [s for name, found in scales.items() if name in MECHANICAL for s in found]
    return len(mechanical) > 1 and any(scale != 1 for scale in mechanical)


# ---------------------------------------------------------------- behind numbers in a formula


def without_units(tokens: list[Token], named: frozenset[str]) -> list[Token]:
    """Returns tokens without the units behind numbers, which the numbers then carry.

    Args:
        tokens: the tokens of a formula.
        named: what the document uses as a name, and is no unit although it looks like one.
    """
    out: list[Token] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        out.append(token)
        at += 1
        closing = token.type == "close" or token.text == ")"
        if token.type != "number" and not closing:
            continue
        if token.type == "number" and len(out) > 1 and out[-2].text in {"^", "_"}:
            continue
        atoms, end = _unit(tokens, at, named)
        if atoms and (token.type == "number" or _ends(tokens, end)):
            place = max((i for i, t in enumerate(out) if t.type == "number"), default=-1)
            if place >= 0:
                old = out[place]
                span = (old.span[0], tokens[end - 1].span[1] if out[-1] is old else old.span[1])
                out[place] = replace(old, span=span, measure=f"{old.measure} {' '.join(atoms)}")
                at = end
    return out


def _ends(tokens: Sequence[Token], at: int) -> bool:
    """Whether nothing that could be multiplied stands behind a unit."""
    return at >= len(tokens) or (tokens[at].type in {"symbol", "close"} and tokens[at].text != "(")


def _unit(tokens: list[Token], at: int, named: frozenset[str]) -> tuple[frozenset[str], int]:
    """Returns the units that stand at a token, and where they end."""
    found: frozenset[str] = frozenset()
    end = at
    while at < len(tokens):
        joins = bool(found) and tokens[at].text in {"/", "cdot", "cdotp"}
        atoms, after = _atoms(tokens, at + joins, named)
        if not atoms:
            break
        found, at = found | atoms, _after_power(tokens, after)
        end = at
    return found, end


def _atoms(tokens: list[Token], at: int, named: frozenset[str]) -> tuple[frozenset[str], int]:
    if at >= len(tokens) or tokens[at].type != "command":
        return frozenset(), at
    name = tokens[at].text
    if name in {"frac", "tfrac", "dfrac"}:
        top, _ = _atoms(argument(tokens, at + 1)[0], 0, named)
        below, end = argument(tokens, argument(tokens, at + 1)[1])
        bottom = _atoms(below, 0, named)[0]
        return (top | bottom, end) if top and bottom else (frozenset(), at)
    if name == "Omega" and "Omega" not in named:
        return frozenset("Ω"), at + 1
    if name not in _FORMATTED or at + 1 >= len(tokens) or tokens[at + 1].type != "open":
        return frozenset(), at
    inside, end = argument(tokens, at + 1)
    text = _spaced(inside)
    return (frozenset(), at) if text in named else (atoms_of(text), end)


def _after_power(tokens: list[Token], at: int) -> int:
    if at < len(tokens) and tokens[at].text == "^" and tokens[at].type == "symbol":
        power, end = argument(tokens, at + 1)
        if power and all(t.type == "number" or t.text == "-" for t in power):
            return end
    return at


def _spaced(tokens: Sequence[Token]) -> str:
    """Returns the text of tokens, with blanks where the document has some."""
    out, end = "", None
    for token in tokens:
        gap = " " if end is not None and token.span[0] > end else ""
        text = {"mu": "μ", "Omega": "Ω", "cdot": " ", "circ": "°"}.get(token.text, token.text)
        out, end = out + gap + text, token.span[1]
    return out


_GROUP = re.compile(r"\\(?:text|textrm|mathrm|mathit|mathsf|rm|mbox)\s*\{\s*([^{}]{1,12}?)\s*\}")
_BESIDE = re.compile(r"(?:\\[,;:!> ]|\\quad|~|\s)+\Z")


def names_like_units(formulas: Iterable[str]) -> frozenset[str]:
    """Returns what looks like a unit and is used as a name: it does not stand behind a number."""
    found = set()
    for formula in formulas:
        for match in _GROUP.finditer(formula):
            before = _BESIDE.sub("", formula[: match.start()])
            if atoms_of(match[1]) and not re.search(r"[\d)}{\]/^]\Z", before):
                found.add(match[1])
        if re.search(r"\\Omega\s*[=_(]", formula):
            found.add("Omega")
    return frozenset(found)


# ---------------------------------------------------------------- of statements

_BEHIND = re.compile(
    r"(?:\$|\\\))?[ \t~]{0,2}((?:[A-Za-zμΩ°]{1,12}|[个次步元人秒天克米]|毫秒|分钟|小时|比特|字节)"
    r"(?:[/·][A-Za-z]{1,3}[²³]?)?)(?![\w-])"
)
LETTERS_IN_TEXT = frozenset("A a I s".split())
"""What is rather a word, or the end of one, than a unit where it stands alone in a sentence."""


def behind(text: str, at: int) -> tuple[frozenset[str], int]:
    """Returns the units in words behind a place of a text, and where they end.

    >>> behind("3$ ms, so", 1)
    (frozenset({'ms'}), 5)
    """
    match = _BEHIND.match(text, at)
    if match is None or match[1] in LETTERS_IN_TEXT:
        return frozenset(), at
    return atoms_of(match[1]), match.end()


def in_bits(chain: Chain) -> Chain:
    """Returns a statement whose result is in bits with its logarithms to the base 2.

    Which base the author means is then said by the unit alone: the statement can be confirmed, and
    its units count as mixed.
    """
    logarithms = any(has_logarithm(link.node) for link in chain.links)
    if not chain.measures & BITS or not logarithms:
        return chain
    links = tuple(replace(link, node=_to_base_2(link.node)) for link in chain.links)
    return replace(chain, links=links, measures=chain.measures | {"nats"})


def _to_base_2(node: Node) -> Node:
    changed = rebuilt(node, _to_base_2)
    if isinstance(changed, Call) and changed.name == "log":
        return replace(changed, name="log2")
    return changed


def has_logarithm(node: Node) -> bool:
    """Whether a logarithm stands in a tree whose base is not written."""
    return any(isinstance(part, Call) and part.name == "log" for part in walk(node))
