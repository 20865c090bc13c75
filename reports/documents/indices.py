"""Names with an index: h_t stands for h_1, h_2, …, and a definition of one for that of each.

From h_t = tanh(w x_t + u h_{t−1}) follows h_2 = tanh(w x_2 + u h_1).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from reports.documents.tree import BigSum, Derivative, Node, Number, Symbol, rebuilt, walk

LETTERS = frozenset("ijklmnpqrstcd")
"""Letters that run; others (x, h, o, …) tell names apart, as in w_x and w_h."""

_ITEM = re.compile(r"[A-Za-z0-9]+(?:[-+][A-Za-z0-9]+)*")
_TERM = re.compile(r"([-+]?)(\d+|[A-Za-z])")


@lru_cache(maxsize=4096)
def items(script: str) -> tuple[str, ...]:
    """Returns the indices in a script; () where it holds something else.

    >>> items("ij"), items("t-1"), items("i+m-1,j"), items("12"), items("out")
    (('i', 'j'), ('t-1',), ('i+m-1', 'j'), ('12',), ())
    """
    parts = script.split(",")
    if len(parts) == 1 and script.isalnum() and not script.isdecimal():
        parts = list(script)
    if not script or not all(_ITEM.fullmatch(part) for part in parts):
        return ()
    return tuple(parts) if set(filter(str.isalpha, script)) <= LETTERS else ()


def letters(symbol: Symbol) -> tuple[str, ...]:
    """Returns the letters that run in the scripts of a name, each once."""
    found = (c for script in (symbol.sub, symbol.sup) if items(script) for c in script)
    return tuple(dict.fromkeys(c for c in found if c.isalpha()))


def unbound(node: Node) -> tuple[str, ...]:
    """Returns the letters that run in a formula and in none of its sums: c in −log p_c."""
    summed = {c for n in walk(node) if isinstance(n, BigSum) for c in n.index}
    found = (c for n in walk(node) if isinstance(n, Symbol) for c in letters(n))
    return tuple(dict.fromkeys(c for c in found if c not in summed))


def worth(item: str, bound: Mapping[str, int]) -> int | None:
    """Returns what an index is worth; None where one of its letters is not bound."""
    total = 0
    for sign, term in _TERM.findall(item):
        value = int(term) if term.isdecimal() else bound.get(term)
        if value is None:
            return None
        total += -value if sign == "-" else value
    return total


def put(script: str, bound: Mapping[str, int]) -> str:
    """Returns a script with numbers in place of the letters that are bound.

    >>> put("t-1", {"t": 2}), put("ij", {"i": 1, "j": 2}), put("i+m-1,j", {"m": 2, "j": 1})
    ('1', '12', 'i+1,1')
    """
    parts = items(script)
    if not parts or not any(c in bound for c in script):
        return script
    texts = [_with(part, bound) for part in parts]
    joint = "," if any(len(text) > 1 for text in texts) else ""
    return joint.join(texts)


def _with(item: str, bound: Mapping[str, int]) -> str:
    """Returns an index with the bound letters added up: i + 1 for i + m − 1 where m is 2.

    Where m is 1 it is i + 0, which still tells that a window is meant.
    """
    total, rest = 0, ""
    for sign, term in _TERM.findall(item):
        value = int(term) if term.isdecimal() else bound.get(term)
        if value is None:
            rest += f"{sign or '+' * bool(rest)}{term}"
        else:
            total += -value if sign == "-" else value
    rest = rest.removeprefix("+")
    if not rest:
        return str(total)
    is_window = sum(map(str.isalpha, item)) > 1
    return f"{rest}{total:+d}" if total or is_window else rest


def instance(node: Node, bound: Mapping[str, int]) -> Node:
    """Returns a tree with numbers in place of the indices that are bound."""
    if not bound:
        return node
    match node:
        case Symbol(sub="", sup="", mark="", base=base) if base in bound:
            value = bound[base]
            return Number(node.span, str(value), float(value), 0.0, 1)
        case Symbol():
            sub, sup = put(node.sub, bound), put(node.sup, bound)
            same = (sub, sup) == (node.sub, node.sup)
            return node if same else replace(node, sub=sub, sup=sup)
        case BigSum(index=index):
            free = {letter: n for letter, n in bound.items() if letter not in index}
            low = None if node.low is None else instance(node.low, bound)
            high = None if node.high is None else instance(node.high, bound)
            return replace(node, low=low, high=high, body=instance(node.body, free))
    return rebuilt(node, lambda child: instance(child, bound))


def bindings(pattern: Symbol, name: Symbol) -> dict[str, int] | None:
    """Returns what the letters of a pattern stand for in a name; None where it does not fit."""
    if (pattern.base, pattern.mark) != (name.base, name.mark):
        return None
    bound: dict[str, int] = {}
    for script, text in ((pattern.sub, name.sub), (pattern.sup, name.sup)):
        if script == text:
            continue
        parts, numbers = items(script), positions(text, len(items(script)))
        if not parts or len(parts) != len(numbers):
            return None
        for part, number in zip(parts, numbers, strict=True):
            match = re.fullmatch(r"([A-Za-z])(?:([-+])(\d+))?", part)
            if match is None:
                if part != str(number):
                    return None
                continue
            shift = int(match[3] or 0) * (-1 if match[2] == "-" else 1)
            if bound.setdefault(match[1], number - shift) != number - shift:
                return None
    return bound


def positions(script: str, count: int) -> tuple[int, ...]:
    """Returns the numbers in a script that holds `count` of them; () where it does not.

    >>> positions("12", 2), positions("12", 1), positions("1,2", 2)
    ((1, 2), (12,), (1, 2))
    """
    parts = script.split(",")
    if len(parts) == 1 and len(script) == count > 1:
        parts = list(script)
    good = len(parts) == count and all(p.isdecimal() and len(p) < 4 for p in parts)
    return tuple(map(int, parts)) if good else ()


def family(symbol: Symbol) -> str:
    """Returns what names share that differ in their running index: h_t, h_1, h_{t−1} and h."""
    return _family(symbol.base, symbol.sub, symbol.sup, symbol.mark)


@lru_cache(maxsize=4096)
def _family(base: str, sub: str, sup: str, mark: str) -> str:
    sub, sup = ("" if items(script) else script for script in (sub, sup))
    return Symbol((0, 0), base, sub, sup, mark).key


@lru_cache(maxsize=4096)
def whole(symbol: Symbol) -> Symbol:
    """Returns the name without its index."""
    return replace(symbol, sub="")


def named(key: str) -> Symbol:
    """Returns the name that is kept under a key.

    >>> named("hat x_i").sub, named("z_j^l").sup
    ('i', 'l')
    """
    rest, _, sup = key.partition("^")
    base, _, sub = rest.partition("_")
    return Symbol((0, 0), base, sub, sup)


@dataclass(frozen=True)
class Definitions(Mapping[str, Node]):
    """The trees of names, by key; a name with an index also gives that of each of its entries."""

    trees: Mapping[str, Node]
    _patterns: dict[str, list[tuple[Symbol, Node]]] = field(default_factory=dict)
    _found: dict[str, Node | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key, tree in self.trees.items():
            symbol = named(key)
            if letters(symbol):
                self._patterns.setdefault(family(symbol), []).append((symbol, tree))

    def __getitem__(self, key: str) -> Node:
        return self.trees[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.trees)

    def __len__(self) -> int:
        return len(self.trees)

    def of(self, name: Symbol) -> Node | None:
        """Returns the tree of a name: its own, or that of its index."""
        key = name.key
        if key in self.trees:
            return self.trees[key]
        if key not in self._found:
            self._found[key] = self._instance(name)
        return self._found[key]

    def _instance(self, name: Symbol) -> Node | None:
        if {"0"} & {*items(name.sub), *items(name.sup)}:
            return None  # h_0 is where a recurrence begins
        for pattern, tree in self.patterns(name):
            bound = bindings(pattern, name)
            if bound:
                return instance(tree, bound)
        return None

    def patterns(self, name: Symbol) -> list[tuple[Symbol, Node]]:
        """Returns the definitions for every index of a name's family."""
        return self._patterns.get(family(name), []) if self._patterns else []

    def leading(self, name: Node) -> Iterator[Node]:
        """Yields the trees from which a name, also one for every index, is computed."""
        if not isinstance(name, Symbol):
            return
        own = self.of(name)
        if own is not None:
            yield own
        elif letters(name) or not (name.sub or name.sup):
            yield from (tree for _, tree in self.patterns(name))
        if name.sub and whole(name).key in self.trees:
            yield self.trees[whole(name).key]


def scripts(node: Node) -> Mapping[str, str]:
    """Returns the sub- and superscript of a name, or of what a derivative is taken by."""
    name = node.wrt if isinstance(node, Derivative) else node
    return {"sub": name.sub, "sup": name.sup} if isinstance(name, Symbol) else {}


@lru_cache(maxsize=4096)
def without_index(node: Node, script: str) -> Node | None:
    """Returns the name of the array of which a name is an entry; None where it is none."""
    if not scripts(node).get(script):
        return None
    if isinstance(node, Derivative):
        wrt = without_index(node.wrt, script)
        return None if wrt is None else replace(node, wrt=wrt)
    return replace(node, **{script: ""})  # type: ignore[type-var]


def at_index(node: Node, indices: Mapping[str, int]) -> Node:
    """Returns a name with running indices at where they stand; derivatives too."""
    if not indices or not isinstance(node, (Symbol, Derivative)):
        return node
    return instance(node, indices)
