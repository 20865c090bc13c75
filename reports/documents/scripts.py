"""Sub- and superscripts, strokes, and the parentheses after a name: indices, powers, calls."""

import re
from abc import abstractmethod
from dataclasses import replace

from reports.documents.conditions import Conditions, is_head
from reports.documents.indices import items
from reports.documents.notation import (
    FUNCTIONS,
    GREEK,
    LOSSES,
    NAMED,
    ROLES_OF_WEIGHTS,
    WEIGHTS,
    WORDS,
)
from reports.documents.readings import ELEMENTWISE
from reports.documents.tokens import NotRead, Token
from reports.documents.tokens_read import flat, percent
from reports.documents.tree import (
    BigSum,
    Call,
    Derivative,
    Divide,
    Negative,
    Node,
    Number,
    Power,
    Span,
    Sum,
    Symbol,
    Transposed,
    walk,
)

_INDEX = re.compile(r"[lLijkKtTnmNc](?:[-+]\d)?|L-\d")


class Scripts(Conditions):
    """Reads what stands at a name."""

    @abstractmethod
    def _arguments(self) -> tuple[Node, ...]: ...

    @abstractmethod
    def _call(self, name: str, start: int) -> Node: ...

    def _scripts(self, node: Node, start: int) -> Node:
        if is_head(node) and (self._is("_") or isinstance(node, Symbol)):
            condition = self._indicated(start)
            if condition is not None:
                return condition
        while True:
            if self._is("_"):
                self._take()
                node = self._subscript(node, flat(self._group()), start)
            elif self._is("^"):
                self._take()
                node = self._superscript(node, self._group(), start)
            elif self._is("'", "prime"):
                token = self._take()
                if not isinstance(node, Symbol):
                    node = _differentiated(node, token.span)
                    continue
                node = replace(node, mark=node.mark + "'", span=self._span(start))
            elif self._next.type == "open" and self._holds_scripts():
                self._unwrap()
            elif self._is("%"):
                self._take()
                node = percent(self._span(start), node)
            elif self._is("!"):
                raise NotRead("a factorial is not understood", self._next.span)
            else:
                applied = self._applied(node, start)
                if not isinstance(applied, Call) or not self._is("^"):
                    return applied
                node = applied

    def _holds_scripts(self) -> bool:
        """Whether a brace ahead begins with a script, as in δ{_2}."""
        after = self._tokens[self._at + 1 : self._at + 2]
        return bool(after) and after[0].text in {"_", "^"} and after[0].type == "symbol"

    def _unwrap(self) -> None:
        """Takes the braces around the tokens ahead away."""
        start = self._at
        inner = self._group()
        self._tokens[start : self._at] = inner
        self._at = start

    def _applied(self, node: Node, start: int) -> Node:
        """Reads the parenthesis after a name of a function, or of a loss."""
        if not isinstance(node, Symbol):
            return node
        name = node.base + (f"_{node.sub}" if node.sub else "")
        opens = self._is("(", "[")
        array = self._is("begin")
        if node.base in LOSSES or node.base.removeprefix("hat ") in LOSSES:
            return self._loss(node, start) if opens else node
        if node.base in FUNCTIONS and (opens or array):
            return replace(self._call(FUNCTIONS[node.base], start), span=self._span(start))
        if node.base in NAMED and (opens or (array and node.base in {"sigma", "f"})):
            return self._called(node, name, start)
        if opens and self._is_function(node):
            return self._called(node, name, start)
        return node

    def _called(self, node: Symbol, name: str, start: int) -> Call:
        prime = node.mark.count("'")
        if node.base in NUMBERED and re.fullmatch("[2-9]", node.sup):
            name += f"^{node.sup}"  # a derivative, or the function of a layer
        arguments = self._arguments()
        return Call(self._span(start), name, arguments, prime)

    def _is_function(self, node: Symbol) -> bool:
        """Whether a name is a function: a word, or a letter that the document applies so."""
        if node.base.isalpha() and len(node.base) > 2 and node.base not in {*WORDS, *GREEK}:
            return True
        own = self._conventions.applied.get(node.base)
        argument = self._tokens[self._at + 1 : self._at + 3]
        if len(argument) < 2 or argument[1].text != ")":
            return own is not None and self._several() in own
        return own is not None and (argument[0].text in own or argument[0].type == "number")

    def _several(self) -> str:
        """Returns the names in a parenthesis ahead, as "x,y"; "" where other things stand there."""
        texts = []
        for token in self._tokens[self._at + 1 : self._at + 12]:
            if token.text == ")":
                return "".join(texts)
            if token.type != "letter" and token.text != ",":
                return ""
            texts.append(token.text)
        return ""

    def _loss(self, node: Symbol, start: int) -> Node:
        """Reads what a loss depends on, as in L(y, ŷ), or where it is taken, as in L(w + h)."""
        if node.mark and not node.mark.strip("'"):
            return self._called(node, node.base, start)
        at = self._at
        arguments = self._arguments()
        span = self._span(start)
        if self._is("_") and node.base == "E":  # E[g²]_t is one name
            inside = "".join(t.text for t in self._tokens[at : self._at] if t.type != "open")
            return self._scripts(replace(node, base=f"E{inside}", span=span), start)
        if any(isinstance(a, (Sum, Negative, Number, Divide)) for a in arguments):
            plain = len(arguments) == 1 and node.base not in {*self._conventions.called, "ell"}
            if plain:
                self._at = at
                return node  # a product
            return Call(span, node.key, arguments)
        listed = tuple(a for a in arguments if isinstance(a, Symbol))
        return replace(node, span=span, listed=listed if len(listed) == len(arguments) else ())

    def _subscript(self, node: Node, sub: str, start: int) -> Node:
        if isinstance(node, Derivative):
            raise NotRead("a subscript after a derivative", self._span(start))
        if isinstance(node, Call) and (entry := _entry_of(node, sub)) is not None:
            return replace(entry, span=self._span(start))
        if not isinstance(node, Symbol):
            raise NotRead("a subscript after more than a name", self._span(start))
        if re.fullmatch(r"\w(?:,\w)+", sub):
            sub = sub.replace(",", "")  # w_{1,2} is w_{12}
        return replace(node, sub=node.sub + sub, span=self._span(start))

    def _superscript(self, node: Node, group: list[Token], start: int) -> Node:
        text = flat(group)
        span = self._span(start)
        if any(token.text == "underline" for token in group):
            raise NotRead("a falling power is not understood", span)
        if text in {"T", "top", "intercal", "mathsf{T}"}:
            is_count = text == "T" and isinstance(node, Number)
            return Power(span, node, self._parsed(group)) if is_count else Transposed(span, node)
        if text in {"-T", "-top", "-1T", "-mathsf{T}"}:
            one = Negative(span, Number(span, "1", 1.0, 0.0, 1))
            return Transposed(span, Power(span, node, one))
        if re.fullmatch("'+|(?:prime)+", text):
            if isinstance(node, Symbol):
                strokes = len(text.replace("prime", "'"))
                return replace(node, mark=node.mark + "'" * strokes, span=span)
            raise NotRead("a stroke after more than a name", span)
        if isinstance(node, Symbol):
            found = self._index(node, text, span)
            if found is not None:
                return found
        if re.fullmatch(r"circ\d", text):
            return Power(span, node, Number(span, text[-1], float(text[-1]), 0.0, 1))
        return Power(span, node, self._parsed(group))

    def _index(self, node: Symbol, text: str, span: Span) -> Node | None:
        """Returns the name with its superscript, where that is an index and no power."""
        if re.fullmatch(r"\(\d+[-+]\d+\)", text):
            return None
        if match := re.fullmatch(r"[(\[<]([^()\[\]]*)[)\]>](T|top)?(.*)", text):
            marked = replace(node, sup=node.sup + match[1], mark=node.mark + match[3], span=span)
            return Transposed(span, marked) if match[2] else marked
        if text in {"+", "-", "*", "new", "old", "++", "neu", "next", "pre", "(new)"}:
            return replace(node, mark=node.mark + text, span=span)
        if match := re.fullmatch(r"(.+?)(T|top)", text):
            inner = self._index(node, match[1], span)
            return None if inner is None else Transposed(span, inner)
        if node.base == "e":
            return None
        if node.base in WEIGHTS and (text in ROLES_OF_WEIGHTS or re.fullmatch("[a-z]{2}", text)):
            return replace(node, sup=node.sup + text, span=span)
        if re.fullmatch(r"[lL](?:[-+]\d)?", text):
            return replace(node, sup=node.sup + text, span=span)
        if node.base in self._conventions.indexed and re.fullmatch(r"\d|" + _INDEX.pattern, text):
            return replace(node, sup=node.sup + text, span=span)
        if re.search(r"[A-Za-z]{3,}", text) and re.fullmatch(r"[\w-]+", text):
            return replace(node, mark=node.mark + text, span=span)
        return None


NUMBERED = frozenset("fghFG")
"""Letters of functions whose number in parentheses may count strokes."""


def _differentiated(node: Node, span: Span) -> Derivative:
    """Returns (sin x)′: the derivative by the one name that stands there.

    Raises:
        NotRead: there are several names, or arrays: the stroke may be a transpose.
    """
    of = node
    while isinstance(of, Derivative):
        of = of.of
    found = {n.key: n for n in walk(of) if isinstance(n, Symbol) and n.key not in {"e", "pi"}}
    if len(found) != 1 or not next(iter(found)).islower():
        raise NotRead("a stroke after more than a name", span)
    return Derivative((node.span[0], span[1]), node, *found.values())


def _entry_of(call: Call, sub: str) -> Node | None:
    """Returns softmax(z)_k as what it stands for; None for what is no entry."""
    index = items(sub)
    if len(index) != 1 or call.prime or len(call.arguments) != 1:
        return None
    argument = call.arguments[0]
    if not isinstance(argument, Symbol) or argument.sub or argument.sup:
        return None
    own = replace(argument, sub=sub)
    if call.name in ELEMENTWISE:
        return replace(call, arguments=(own,))
    if call.name != "softmax":
        return None
    running = next(letter for letter in "jikl" if letter not in sub)
    top, each = (
        Power(call.span, Symbol(call.span, "e"), name)
        for name in (own, replace(argument, sub=running))
    )
    return Divide(call.span, top, BigSum(call.span, running, None, None, each))
