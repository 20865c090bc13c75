"""What a document has said so far: values of names in all their versions, definitions, settings."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Literal

import numpy as np

from reports.documents import values
from reports.documents.calculus import NotDifferentiable, derivative
from reports.documents.evaluate import Context, evaluate
from reports.documents.indices import bindings, instance, letters, named, scripts, without_index
from reports.documents.notation import of_loss
from reports.documents.readings import PLAIN, Reading
from reports.documents.source import Place
from reports.documents.tree import (
    Call,
    Cases,
    Chain,
    Derivative,
    Negative,
    Node,
    Number,
    Symbol,
    names,
    walk,
)
from reports.documents.values import NotEvaluable, Quantity, entry

Provenance = Literal["given", "stated", "updated"]

MOST_VERSIONS = 6
MOST_CHOICES = 32
NEAR = 60
"""So many lines away a letter may still stand for what it stood for under another heading."""

ROLES: Mapping[str, tuple[str, ...]] = {
    "input": ("x", "X", "A_0", "a_0", "a^0", "A^0", "Z_0", "z_0", "h_0", "h^0", "H_0", "i"),
    "target": ("y", "t", "Y", "T", "target", "d", "y_true", "hat t", "y_target"),
    "rate": ("alpha", "eta", "lr", "epsilon", "gamma", "lambda"),
}
"""The names under which a value that is given by its role may be used."""


@dataclass(frozen=True, eq=False)
class Entry:
    """A value of a name.

    Attributes:
        value: the value, with the bar that its rounding leaves.
        provenance: whether it is given, stated as a result, or the result of an update.
        place: where it is stated.
        section: the number of the section in which it stands.
        right: what it should have been; None where it was not recomputed.
        wrong: whether it was found wrong, or rests on what was.
        origin: the expression from which it was computed, as written.
    """

    value: Quantity
    provenance: Provenance
    place: Place
    section: int
    right: Quantity | None = None
    wrong: bool = False
    origin: str = ""

    @property
    def corrected(self) -> "Entry":
        """The same with the right value, where this one was found wrong."""
        if not self.wrong or self.right is None:
            return self
        return replace(self, value=self.right, wrong=False)


@dataclass(frozen=True, eq=False)
class Definition:
    """What a name stands for.

    Attributes:
        tree: the formula.
        place: where it stands.
        section: the number of the section in which it stands.
        words: words beside it (which loss it is).
        right: what it should be, where it was found wrong and that is known.
        wrong: whether it was found wrong.
    """

    tree: Node
    place: Place
    section: int
    words: str = ""
    right: Node | None = None
    wrong: bool = False

    def at(self, bound: Mapping[str, int]) -> "Definition":
        """Returns the definition with numbers in place of its indices."""
        right = None if self.right is None else instance(self.right, bound)
        return replace(self, tree=instance(self.tree, bound), right=right)


@dataclass(frozen=True, eq=False)
class Function:
    """A function that the document defines.

    Attributes:
        parameters: the keys of its arguments.
        tree: what it gives.
        section: the number of the section in which it stands.
    """

    parameters: tuple[str, ...]
    tree: Node
    section: int = 0


@dataclass(eq=False)
class Environment:
    """Everything that the document has said up to where it is read."""

    entries: dict[str, list[Entry]] = field(default_factory=dict)
    definitions: dict[str, list[Definition]] = field(default_factory=dict)
    readings: dict[str, tuple[Node, ...]] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    arguments: dict[str, tuple[Symbol, ...]] = field(default_factory=dict)
    activations: tuple[str, ...] = ("sigmoid",)
    explains: bool = True
    shown: dict[str, float] = field(default_factory=dict)
    given: set[str] = field(default_factory=set)
    section: int = 0
    is_loose: bool = False
    functions_named: frozenset[str] = frozenset()
    starts: list[int] = field(default_factory=list)
    items: list[int] = field(default_factory=list)
    headings: dict[int, str] = field(default_factory=dict)
    at: Place = field(default_factory=lambda: Place(1, 1))
    chapter: int = 0
    forms: dict[str, tuple[str, ...]] = field(default_factory=dict)
    vectors: frozenset[str] = frozenset()
    symmetric: bool = False
    spoken: frozenset[str] = frozenset()
    of_several: frozenset[str] = frozenset()
    nilpotent: set[str] = field(default_factory=set)
    minds_orientation: bool = False
    mistaken: dict[str, Function] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    point: tuple[Node, ...] = ()
    believes: bool = False
    speaks_of_matrices: bool = False
    measured: dict[str, frozenset[str]] = field(default_factory=dict)
    nouns: dict[str, dict[str, Node]] = field(default_factory=dict)

    def enter(self, level: int, heading: str) -> None:
        """Begins a section under a heading: those of its level and below end."""
        self.section += 1
        if level < 7:
            self.forms = {}
        if level < 3:
            self.chapter = self.section
        self.headings = {k: text for k, text in self.headings.items() if k < level}
        self.headings[level] = heading

    def loose(self) -> "Environment":
        """Returns the same with every literal taken as rounded that is not known from before."""
        return replace(self, is_loose=True)

    def bind(self, key: str, entry: Entry) -> None:
        """Adds a version of a name."""
        versions = self.entries.setdefault(key, [])
        if versions and _equal(versions[-1].value, entry.value):
            if versions[-1].provenance == entry.provenance:
                versions[-1] = replace(entry, wrong=entry.wrong or versions[-1].wrong)
                return
        versions.append(entry)

    def is_near(self, entry: Entry | Definition) -> bool:
        """Whether what is known stands close by, or in this chapter: letters are used anew."""
        line, cell = self.at.line, self.at.cell
        close = entry.place.cell == cell and line - entry.place.line <= NEAR
        return close or cell is not None or entry.section >= self.chapter

    def same_run(self, entry: Entry | Definition) -> bool:
        """Whether no other example, sample or iteration begins between what is known and here."""
        return not any(entry.section < start <= self.section for start in self.starts)

    def forget(self, name: str) -> None:
        """Forgets what a name was, where it is said anew and cannot be read."""
        for known in (self.functions, self.definitions, self.entries):
            known.pop(name, None)
        self.forget_strokes(name)
        self.unread.add(name)

    def forget_strokes(self, name: str) -> None:
        """Forgets the derivatives of a function that is defined anew."""
        for strokes in ("'", "''", "'''"):
            self.functions.pop(name + strokes, None)
            self.mistaken.pop(name + strokes, None)

    def begin_item(self) -> None:
        """Begins another exercise: what the ones before it define need not hold in it."""
        self.section += 1
        self.items.append(self.section)
        self.starts.append(self.section)

    def is_of_another_item(self, known: Entry | Definition | Function) -> bool:
        """Whether what is known was said within another exercise of the document."""
        inside = any(start <= known.section for start in self.items)
        return inside and any(known.section < start <= self.section for start in self.items)

    def snapshot(self) -> "Environment":
        """Returns what is known now, unmoved by what is learnt later."""
        return replace(
            self,
            entries={key: list(found) for key, found in self.entries.items()},
            definitions={key: list(found) for key, found in self.definitions.items()},
            functions=dict(self.functions),
            arguments=dict(self.arguments),
        )

    def without(self, start: Place, end: Place) -> "Environment":
        """Returns what is known but for what is said between two places."""

        def is_elsewhere(known: Entry | Definition) -> bool:
            return not _order(start) <= _order(known.place) <= _order(end)

        own = self.snapshot()
        own.entries = {k: [e for e in all_ if is_elsewhere(e)] for k, all_ in own.entries.items()}
        own.definitions = {
            k: [d for d in all_ if is_elsewhere(d)] for k, all_ in own.definitions.items()
        }
        for known in (own.entries, own.definitions):
            for key in [k for k, found in known.items() if not found]:
                del known[key]  # type: ignore[arg-type]
        return own

    def corrected(self) -> "Environment | None":
        """Returns the same with right values in place of wrong ones; None where none are known."""
        if not any(e.wrong and e.right is not None for f in self.entries.values() for e in f):
            return None
        entries = {key: [e.corrected for e in found] for key, found in self.entries.items()}
        return replace(self, entries=entries)

    def correct(
        self, chain: Chain, tree: Node | None, value: Quantity | None, *, formula: bool
    ) -> None:
        """Marks what a chain has just stated as wrong, and remembers what is right.

        Args:
            chain: the statement.
            tree: the right formula, where one is known.
            value: the right value, where it is known.
            formula: whether its formula is wrong, and not figures alone.
        """
        key = key_of(chain.links[0].node) or ""
        if formula and self.definitions.get(key):
            own = self.definitions[key][-1]
            self.definitions[key][-1] = replace(own, right=tree, wrong=True)
        if self.entries.get(key):
            own_entry = self.entries[key][-1]
            right = own_entry.right if value is None else value
            self.entries[key][-1] = replace(own_entry, wrong=True, right=right)

        first = chain.links[0].node
        if isinstance(first, Call) and first.prime:
            name = first.name + "'" * first.prime
            if name in self.functions:
                self.mistaken[name] = self.functions[name]

    def with_mistaken(self) -> "Environment":
        """Returns the same with the derivatives of functions as they are stated, also if wrong."""
        return replace(self, functions={**self.functions, **self.mistaken}, believes=True)

    def kind(self, symbol: Symbol) -> str | None:
        """Returns whether a name is a number, column, row, list or matrix, where that is known."""
        known = self.versions(symbol)
        if known:
            shape = known[0].value.shape
            kinds = {0: "number", 1: "list", 2: "matrix"}
            line = len(shape) == 2 and 1 in shape
            return ("row" if shape[0] == 1 else "column") if line else kinds[len(shape)]
        return "vector" if symbol.base in self.vectors else None

    def versions(self, node: Node) -> list[Entry]:
        """Returns the values that a name may have here, the likeliest first."""
        found = self._found(node)
        updated = [e for e in found if e.provenance == "updated"]
        others = [e for e in found if e.provenance != "updated"]
        return [*others[::-1], *updated[::-1]][:MOST_VERSIONS]

    def is_defined_anew(self, name: Symbol) -> bool:
        """Whether a formula for a name follows its given value, which is then another one's."""
        found, known = self.definitions.get(name.key), self.entries.get(name.key)
        if not found or not known or known[-1].provenance != "given":
            return False
        return known[-1].section < found[-1].section

    def wrong_in(self, tree: Node) -> list[Entry]:
        """Returns the values on which a tree rests that were found wrong; of z_k those of all k."""
        own = [found[0] for name in names(tree) if (found := self.versions(name))]
        own += [
            found[-1]
            for name in names(tree)
            if isinstance(name, Symbol) and letters(name)
            for key, found in self.entries.items()
            if not key.startswith(("∂", "role ")) and bindings(name, named(key))
        ]
        return [entry for entry in own if entry.wrong]

    def _found(self, node: Node) -> list[Entry]:
        key = key_of(node)
        if key is None:
            return []
        if key in self.entries:
            return self.entries[key]
        if isinstance(node, Symbol):
            return self._by_role(node) or self._parts(node)
        return self._entries_of(node)

    def _entries_of(self, node: Node) -> list[Entry]:
        """Returns y_2 from a vector y, K_12 from a matrix K, and the like of derivatives."""
        array = without_index(node, "sub")
        sub = scripts(node).get("sub", "")
        if array is None or not any(c.isdecimal() for c in sub):
            return []
        known = self.entries.get(key_of(array) or "") or (
            self._by_role(array) if isinstance(array, Symbol) else []
        )
        found = []
        for e in known:
            part, right = entry(e.value, sub), None if e.right is None else entry(e.right, sub)
            if part is not None:
                found.append(replace(e, value=part, right=right))
        return found

    def definitions_of(self, name: Symbol) -> list[Definition]:
        """Returns the definitions of a name, and those of its index with the number put in."""
        if name.key in self.definitions:
            return self.definitions[name.key]
        found = []
        for key, definitions in self.definitions.items():
            bound = bindings(named(key), name) if key.startswith(name.base) else None
            if bound:
                found += [d.at(bound) for d in definitions]
        return found

    def _by_role(self, node: Symbol) -> list[Entry]:
        """Returns what "the target is 5" gives a name that has no formula of its own."""
        if node.key in self.definitions:
            return []
        for role, aliases in ROLES.items():
            if node.key in aliases and f"role {role}" in self.entries:
                return self.entries[f"role {role}"]
        return []

    def _parts(self, node: Symbol) -> list[Entry]:
        """Returns an entry of an array, or a vector y from y_1, y_2, …."""
        if node.sub:
            return [] if node.mark else self._entries_of(node)
        if not node.sub:
            parts = []
            while (key := replace(node, sub=str(len(parts) + 1)).key) in self.entries:
                parts.append(self.entries[key][-1])
            iterates = replace(node, sub="0").key in self.entries
            if len(parts) > 1 and not iterates and all(not p.value.shape for p in parts):
                value = values.stack([[p.value for p in parts]], flat=True)
                wrong = any(p.wrong for p in parts)
                return [replace(parts[-1], value=value, right=None, wrong=wrong)]
        return []

    def bar(self, number: Number) -> float:
        """Returns how far a literal within a formula may be off by rounding.

        A given one is exact. One that repeats a stated result may stand for what was recomputed
        there; any other with three or more digits is taken as rounded.
        """
        if self.is_loose and number.text not in self.given and number.text not in self.shown:
            return 0.5 * number.unit
        if number.text in self.shown and not (number.text in self.given and number.digits < 3):
            return self.shown[number.text]
        if number.text in self.given or number.unit == 0 or number.digits < 3:
            return 0.0
        return 0.5 * number.unit

    def activation(self, name: str) -> str:
        """Returns the function that a name of a function stands for."""
        base = name.split("_")[0]
        if base == "sigma" or base in self.functions_named:
            return self.activations[0]
        return name

    def contexts(self, node: Node, reading: Reading = PLAIN) -> Iterator[Context]:
        """Yields ways to look up the names of a tree: the likeliest versions, then others."""
        known = {key: self.versions(n) for n, key in _named(node)}
        several = {key: found for key, found in known.items() if len(found) > 1}
        choices = product(*(range(len(found)) for found in several.values()))
        for count, choice in enumerate(choices):
            if count >= MOST_CHOICES:
                return
            chosen = {k: found[i] for (k, found), i in zip(several.items(), choice, strict=True)}
            yield self.context(reading, chosen)

    def context(
        self,
        reading: Reading = PLAIN,
        chosen: Mapping[str, Entry] | None = None,
        more: Callable[[Node], Quantity | None] = lambda node: None,
    ) -> Context:
        """Returns how a tree is evaluated here."""
        chosen = chosen or {}

        def look(node: Node) -> Quantity | None:
            found = more(node)
            if found is not None:
                return found
            key = key_of(node)
            if key is not None and key in chosen:
                return chosen[key].value
            versions = self.versions(node)
            return versions[0].value if versions else None

        return Context(
            look=look,
            reading=reading,
            bar=self.bar,
            activation=self.activation,
            defined=self._defined,
        )

    def _defined(self, call: Call, context: Context) -> Quantity | None:
        """Returns the value of a function that the document defines itself."""
        own = self.functions.get(call.name + "'" * call.prime)
        plain = self.functions.get(call.name)
        if call.prime and plain is not None and not self.believes:
            own = self._derived(call.name, call.prime) or own
        sloped = own is None and call.prime == 1 and len(call.arguments) == 1
        function = plain if sloped else own
        if function is None or len(call.arguments) != len(function.parameters):
            return None
        if context.reading.sigma:
            return None
        given = [evaluate(argument, context) for argument in call.arguments]
        if any(q.shape for q in given) and call.name not in BY_ENTRIES:
            return None
        if sloped and any(isinstance(part, Cases) for part in walk(function.tree)):
            return values.sided(lambda q: self._applied(function, [q], context), given[0])
        if sloped:
            return values.sloped(lambda q: self._applied(function, [q], context), given[0])
        return self._applied(function, given, context)

    def _derived(self, name: str, order: int) -> Function | None:
        """Returns a derivative of a function of one number; None where it is no formula."""
        plain = self.functions[name]
        if len(plain.parameters) != 1:
            return None
        key = plain.parameters[0]
        before = Call((0, 0), name, (Symbol((0, 0), key),), order - 1)
        try:
            tree = derivative(before, key, self.formulas)
        except NotDifferentiable:
            return None
        return replace(plain, tree=tree)

    @property
    def formulas(self) -> dict[str, tuple[str, Node]]:
        """The functions of one number that the document defines, by their names."""
        return {
            name: (function.parameters[0], function.tree)
            for name, function in self.functions.items()
            if len(function.parameters) == 1 and not name.endswith("'")
            if not self.is_of_another_item(function)
        }

    def _applied(self, function: Function, given: Sequence[Quantity], context: Context) -> Quantity:
        """Returns the value of a function of the document, of arrays entry by entry."""
        if len(given) == 1 and given[0].shape:
            each = [
                self._applied(function, [values.quantity(x, bar)], context)
                for x, bar in zip(values.flat(given[0]), given[0].bar.reshape(-1), strict=True)
            ]
            if any(q.shape for q in each):
                raise NotEvaluable("a function of arrays that is not taken entry by entry")
            value = np.array([q.value for q in each]).reshape(given[0].shape)
            return values.quantity(value, np.array([q.bar for q in each]).reshape(value.shape))
        held = dict(zip(function.parameters, given, strict=True))
        outer = context.look

        def look(node: Node) -> Quantity | None:
            found = held.get(key_of(node) or "")
            return outer(node) if found is None else found

        inner = replace(context, look=look, defined=lambda c, x: None, bar=lambda number: 0.0)
        return evaluate(function.tree, inner)

    def learn(self, text: str, bar: float, *, given: bool) -> None:
        """Remembers a literal: as given and exact, or as a result with what rounding left open."""
        if given:
            self.given.add(text)
        else:
            self.shown[text] = max(bar, self.shown.get(text, 0.0))


def _order(place: Place) -> tuple[int, int, int]:
    return place.cell or 0, place.line, place.column


BY_ENTRIES = frozenset(("sigma", "f", "g", "phi", "sigmoid"))
"""Functions that are taken of every entry, also where the document says what they are."""


def key_of(node: Node) -> str | None:
    """Returns the name under which a node's value is kept."""
    match node:
        case Symbol():
            return node.key
        case Derivative(of=of, wrt=wrt):
            top, bottom = key_of(of), key_of(wrt)
            return None if top is None or bottom is None else f"∂{of_loss(top)}/∂{bottom}"
        case Call(name=name, arguments=(argument,), prime=prime) if prime:
            inner = key_of(argument)
            return None if inner is None else f"{name}{chr(39) * prime}({inner})"
    return None


def _named(node: Node) -> Iterator[tuple[Node, str]]:
    for part in names(node):
        key = key_of(part)
        if key is not None:
            yield part, key


def _equal(a: Quantity, b: Quantity) -> bool:
    return a.shape == b.shape and bool(np.array_equal(a.value, b.value))


def numbers(node: Node) -> Iterator[Number]:
    """Yields the literals of a tree."""
    return (part for part in walk(node) if isinstance(part, Number))


def signed(node: Node) -> tuple[int, Node]:
    """Returns the sign of a node, and the node without it."""
    sign = 1
    while isinstance(node, Negative):
        sign, node = -sign, node.body
    return sign, node
