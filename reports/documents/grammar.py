"""A grammar for the maths of worked examples: tokens in, one expression tree out.

    statement  := side (relation side)*
    side       := ["+" | "-"] term (("+" | "-") term)*
    term       := factor (product factor | "/" factor | factor)*
    factor     := primary scripts
    primary    := number | symbol | call | bracket | array | fraction | derivative | sum | norm

What does not fit raises `NotRead` with its reason and place: nothing is dropped. Every step uses up
a token and nesting is limited, so that any input takes bounded time.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from reports.documents.brackets import Brackets
from reports.documents.conventions import ANY
from reports.documents.notation import (
    ACCENTS,
    FONTS,
    FUNCTIONS,
    GREEK,
    PRODUCTS,
    SAME,
    STOPS,
    TEXTS,
    UNREADABLE,
    WORDS,
)
from reports.documents.scripts import Scripts
from reports.documents.tokens import NotRead, Token
from reports.documents.tokens_read import (
    CLOSERS,
    called_with,
    closes,
    differential,
    differentials,
    entries_of,
    flat,
    is_partial,
    is_raised,
    number_of,
    product_of,
    raised,
    separated,
    shown_token,
)
from reports.documents.tree import (
    At,
    Call,
    Condition,
    Derivative,
    Divide,
    Negative,
    Node,
    Norm,
    Number,
    Power,
    Product,
    Span,
    Sum,
    Symbol,
    Times,
    Words,
    walk,
)

DEEPEST = 40
_ENGLISH = {"if", "for", "and", "or", "where", "when", "then", "with", "so", "is", "of", "at"}
_BARS = {"|", "Vert", "lVert"}
_LOOSE = {"hadamard", "star"}
"""Products of entries, which bind less than those of arrays."""


@dataclass(frozen=True)
class _Partial(Node):
    """∂body, half of a derivative that is written with a slash."""

    body: Node


class Parser(Brackets, Scripts):
    """Reads one side, or one entry of an array, from tokens."""

    def parse(self) -> Node:
        """Returns the tree of all tokens.

        Raises:
            NotRead: they are no expression that the grammar knows.
        """
        if not self._tokens:
            raise NotRead("nothing stands here")
        node = self._side()
        if self._at < len(self._tokens):
            token = self._tokens[self._at]
            raise NotRead(f"{shown_token(token)} is not understood here", token.span)
        return node

    # ------------------------------------------------------------ sums and products

    def _side(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise NotRead(f"it is nested more than {DEEPEST} deep", self._next.span)
        start = self._next.span[0]
        sign = self._sign()
        node = self._term()
        if sign < 0:
            node = Negative(self._span(start), node)
        while self._is("+", "-"):
            sign = -1 if self._take().text == "-" else 1
            sign *= self._sign()
            right = self._term()
            node = Sum(self._span(start), node, right, sign)
        node = self._taken_at(node, start)
        self._depth -= 1
        return node

    def _term(self) -> Node:
        """Takes a product; ⊙ and * bind less than the other products: a ⊙ W b is a ⊙ (W b)."""
        start = self._next.span[0]
        node = self._tight_term()
        while (kind := self._product()) in _LOOSE:
            self._take()
            node = product_of(self._span(start), node, self._signed(self._tight_term), kind)
        return node

    def _tight_term(self) -> Node:
        start = self._next.span[0]
        node = self._factor()
        while True:
            kind = self._product()
            if kind in _LOOSE:
                return node
            if kind is not None:
                self._take()
                node = product_of(self._span(start), node, self._signed(self._factor), kind)
            elif self._is("/") or self._is("div"):
                self._take()
                right = self._signed(self._factor)
                node = self._slash(self._span(start), node, right)
            elif self._begins_factor():
                right = self._factor()
                if isinstance(node, Number) and isinstance(right, Number):
                    raise NotRead("two numbers stand side by side", right.span)
                node = Times(self._span(start), node, right, "juxtaposed")
            else:
                return node

    def _product(self) -> Product | None:
        """Returns the kind of the sign of a product that stands here, if one does."""
        token = self._next
        sign = token.text in PRODUCTS and token.type in {"command", "symbol"}
        return PRODUCTS[token.text] if sign else None

    def _slash(self, span: Span, left: Node, right: Node) -> Node:
        if isinstance(left, _Partial) and isinstance(right, _Partial):
            return Derivative(span, left.body, right.body)
        return Divide(span, left, right)

    def _signed(self, part: Callable[[], Node]) -> Node:
        start = self._next.span[0]
        sign = self._sign()
        node = part()
        return Negative(self._span(start), node) if sign < 0 else node

    def _begins_factor(self) -> bool:
        token = self._next
        if token.type in {"number", "letter", "open"}:
            return True
        if token.type == "symbol":
            return token.text in {"(", "["}
        if token.type == "command" and token.text in _BARS:
            return self._bars == 0
        if token.type == "command":
            return token.text not in STOPS and not closes(token.text)
        return False

    # ------------------------------------------------------------ factors

    def _factor(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise NotRead(f"it is nested more than {DEEPEST} deep", self._next.span)
        start = self._next.span[0]
        node = self._slashed(start) or self._scripts(self._primary(), start)
        if isinstance(node, Derivative):
            node = self._taken_at(node, start)
        self._depth -= 1
        return node

    def _primary(self) -> Node:
        token = self._take()
        start = token.span[0]
        match token.type:
            case "number":
                return number_of(token)
            case "letter":
                return self._name(self._run(token), token.span)
            case "open":
                node = self._side()
                self._expect("}")
                return node
            case "symbol" if token.text in {"(", "["}:
                return self._bracket(token.text, start)
            case "symbol" if token.text == "|":
                return self._norm(start, "|", 0)
            case "command":
                return self._command(token)
        raise NotRead(f"{shown_token(token)} is not understood here", token.span)

    def _run(self, first: Token) -> str:
        """Takes letters that are one word in italics, as in `net_{h1}`."""
        if not first.text.isascii():
            return self._word(first.text)
        run, at = first.text, self._at
        while at < len(self._tokens) and self._tokens[at].type == "letter":
            if not self._tokens[at].text.isascii():
                break
            run += self._tokens[at].text
            at += 1
        if run in _ENGLISH and self._tokens[at - 1].span[1] - first.span[0] == len(run):
            raise NotRead(f"the word “{run}” stands where a value should", first.span)
        for length in range(len(run), 1, -1):
            word = run[:length]
            differential = length == 2 and word[0] == "d"
            differential = differential and (len(run) == 2 or "d" in self._conventions.compounds)
            if word in WORDS or word in FUNCTIONS or differential:
                self._at += length - 1
                return word
        return first.text

    def _word(self, word: str) -> str:
        """Takes the rest of a name that is not in Latin letters."""
        while self._next.type == "letter" and not self._next.text.isascii():
            word += self._take().text
        return word

    def _name(self, base: str, span: Span) -> Node:
        base = SAME.get(base, base)
        if base in self._conventions.distributions and self._is("("):
            return self._call(self._conventions.distributions[base], span[0])
        if base in FUNCTIONS and not self._is("_") and self._applies(base):
            return self._call(FUNCTIONS[base], span[0])
        if base in {"log", "ln"}:
            return self._logarithm(span[0])
        if base in {"max", "min"} and self._is("_"):
            raise NotRead(f"{base} over an index", span)
        return Symbol(span, base)

    def _applies(self, base: str) -> bool:
        follows = self._is("(", "[", "'", "^", "prime") or self._begins_factor()
        return follows or base in {"log", "exp"}

    def _logarithm(self, start: int) -> Node:
        self._take()
        base = flat(self._group())
        if base not in {"2", "10", "e"}:
            raise NotRead(f"a logarithm to the base {base}", self._span(start))
        return self._call({"2": "log2", "10": "log10", "e": "log"}[base], start)

    def _command(self, token: Token) -> Node:
        name, start = token.text, token.span[0]
        if name in {"frac", "dfrac", "tfrac", "cfrac"}:
            return self._fraction(start)
        if name in ACCENTS:
            return self._accent(ACCENTS[name], start)
        if name in FONTS:
            return self._font(start)
        if name in TEXTS:
            return self._text(name, token.span)
        if name == "begin":
            return self._environment(start)
        if name in self._conventions.compounds and (found := self._compound(name, start)):
            return found
        if name in GREEK:
            return self._name(name, token.span)
        if name in FUNCTIONS and name not in {"sqrt", "sum"}:
            return self._name(name, token.span)
        if name == "sqrt":
            return self._root(start)
        if name == "sum":
            return self._big_sum(start)
        if name == "partial":
            return self._partial(start)
        if name == "nabla":
            return self._gradient(start)
        if name in {"|", "Vert", "lVert"}:
            return self._norm(start, "rVert" if name == "lVert" else name, 2)
        if name in {"vert", "lvert"}:
            return self._norm(start, "rvert" if name == "lvert" else name, 0)
        if name in CLOSERS or name == "{":
            return self._bracket(name, start)
        if name == "mid":
            return self._norm(start, "mid", 0)
        if name in UNREADABLE:
            raise NotRead(f"{UNREADABLE[name]} is not understood", token.span)
        raise NotRead(f"\\{name} is not understood", token.span)

    def _compound(self, prefix: str, start: int) -> Symbol | None:
        """Takes the name after δ or Δ where both are one name, as in δ h_t."""
        allowed = self._conventions.compounds[prefix]
        named = self._next.type == "letter" or (
            self._next.type == "command" and self._next.text in {*GREEK, *ACCENTS, *FONTS}
        )
        if not named:
            return None
        at = self._at
        inner = self._primary()
        if isinstance(inner, Symbol) and not (inner.sub or inner.sup or inner.mark):
            if allowed == ANY or inner.base.rpartition(" ")[2] in allowed:
                return replace(inner, base=f"{prefix} {inner.base}", span=self._span(start))
        self._at = at
        return None

    def _fraction(self, start: int) -> Node:
        top, bottom = self._group(), self._group()
        derivative = self._derivative(top, bottom, start)
        if derivative is not None:
            return derivative
        left = self._parsed(top)
        right = self._parsed(bottom)
        return Divide(self._span(start), left, right)

    def _derivative(self, top: list[Token], bottom: list[Token], start: int) -> Node | None:
        """Returns ∂a/∂b where the fraction is one."""
        if not (is_partial(top) and is_partial(bottom) and len(bottom) > 1):
            return None
        if any(is_raised(side) for side in (top, bottom)):
            return self._higher(top, bottom, start)
        if sum(t.text == "partial" for t in bottom) > 1:
            raise NotRead("a mixed derivative is not understood", self._span(start))
        wrt = self._parsed(bottom[differential(bottom) :])
        if len(top) == differential(top):
            return Derivative(self._span(start), called_with(self._tight_term(), wrt), wrt)
        of = self._parsed(top[differential(top) :])
        return Derivative(self._span(start), of, wrt)

    def _higher(self, top: list[Token], bottom: list[Token], start: int) -> Node:
        """Returns ∂²a/∂b∂c as derivatives of derivatives."""
        order, after = raised(top)
        by = [self._parsed(name) for name in differentials(bottom)]
        if order != len(by):
            raise NotRead("a higher derivative whose orders differ", self._span(start))
        of = self._parsed(top[after:]) if len(top) > after else None
        if of is None:
            of = called_with(self._tight_term(), by[-1])
        for name in reversed(by):
            of = Derivative(self._span(start), of, name)
        return of

    def _slashed(self, start: int) -> Node | None:
        """Takes dL/dw, ∂²f/∂x∂y or d/dx f(x), written with a slash; None where none stands here."""
        at, rest = self._at, self._tokens[self._at :]
        if not is_partial(rest):
            return None
        try:
            order, after = raised(rest)
            self._at += after
            of = None if self._is("/") else self._factor()
            if not self._is("/") or not is_partial(self._tokens[self._at + 1 :]):
                raise NotRead("no derivative")
            self._take()
            by = self._wrt()
        except NotRead:
            self._at = at
            return None
        if order != len(by):
            self._at = at
            return None
        if of is None:
            of = called_with(self._tight_term(), by[-1])
        for name in reversed(by):
            of = Derivative(self._span(start), of, name)
        return of

    def _wrt(self) -> list[Node]:
        """Takes ∂x ∂y², the names by which a derivative with a slash is taken."""
        by: list[Node] = []
        while taken := differential(self._tokens[self._at :]):
            self._at += taken
            node, times = self._factor(), 1
            if isinstance(node, Power) and isinstance(node.exponent, Number):
                node, times = node.base, int(node.exponent.value)
            if not isinstance(node, Symbol) or times > 4:
                raise NotRead("a derivative by more than a name", node.span)
            by += [node] * times
        return by

    def _partial(self, start: int) -> Node:
        body = self._factor()
        return _Partial(self._span(start), body)

    def _gradient(self, start: int) -> Node:
        wrt: Node = Words((start, start), "")
        if self._is("_"):
            self._take()
            wrt = self._parsed(self._group())
        twice = self._is("^") and [t.text for t in self._tokens[self._at + 1 : self._at + 4]]
        if twice and (twice[0] == "2" or twice == ["{", "2", "}"]):
            self._take()
            self._group()
        if self._is("_") and isinstance(wrt, Words):
            self._take()
            wrt = self._parsed(self._group())
        body = self._factor()
        used = [n for n in walk(body) if isinstance(n, Symbol)]
        factor = isinstance(body, Divide) and isinstance(wrt, Symbol)
        factor = factor and all(n.key != wrt.key for n in used)  # type: ignore[attr-defined]
        plain = bool(used) or isinstance(body, Call)
        if not plain or (factor and self._begins_factor()):  # ∇ ½ ‖…‖², ∇_w (λ/2) ‖w‖²
            body = Times(self._span(start), body, self._tight_term(), "juxtaposed")
        node = Derivative(self._span(start), body, wrt)
        return Derivative(node.span, node, wrt) if twice else node

    def _accent(self, accent: str, start: int) -> Node:
        inner = self._parsed(self._group())
        if isinstance(inner, Symbol):
            return replace(inner, base=f"{accent} {inner.base}", span=self._span(start))
        raise NotRead(f"\\{accent} over more than a name", self._span(start))

    def _font(self, start: int) -> Node:
        group = self._group()
        if group and all(t.type in {"letter", "number"} for t in group) and len(group) > 1:
            if all(t.type == "letter" for t in group[:1]):
                return self._name("".join(t.text for t in group), self._span(start))
        if [t.text for t in group] == ["1"]:
            return Symbol(self._span(start), "ones")
        node = self._parsed(group)
        if isinstance(node, Symbol) and not (node.sub or node.sup or node.mark):
            return self._name(node.base, self._span(start))
        return node

    def _text(self, command: str, span: Span) -> Node:
        words = flat(self._group())
        if re.fullmatch(r"[^\W\d_][\w-]*", words):
            return self._name(words, self._span(span[0]))
        if re.fullmatch(r"\d+(\.\d+)?", words):
            return number_of(Token("number", words, self._span(span[0])))
        raise NotRead(f"the words “{words}” stand where a value should", span)

    def _root(self, start: int) -> Node:
        if self._is("["):
            raise NotRead("a root other than the square root", self._span(start))
        sign = self._tokens[self._at - 1].span
        if sign[1] - sign[0] == 1 and self._next.type != "open":  # √25: no braces, a whole number
            return Call(self._span(start), "sqrt", (self._primary(),))
        body = self._parsed(self._group())
        return Call(self._span(start), "sqrt", (body,))

    def _summand(self) -> Node:
        """Takes what Σ adds up: a term, up to the next + or −."""
        return self._term()

    def _norm(self, start: int, closer: str, order: float) -> Node:
        self._bars += 1
        body = self._side()
        self._bars -= 1
        self._expect(closer)
        name = ""
        if self._is("_"):
            self._take()
            name = flat(self._group())
            if name not in {"1", "2", "F"}:
                raise NotRead(f"a norm of the kind {name}", self._span(start))
            order = 1 if name == "1" else 2
        return Norm(self._span(start), body, order, name)

    def _taken_at(self, node: Node, start: int) -> Node:
        """Returns a formula with the values that stand at a bar behind it: df/dx |_{x=2}."""
        bar = self._bars == 0 and self._is("|", "vert", "rvert")
        after = self._tokens[self._at + 1 : self._at + 2]
        if not bar or not after or after[0].text != "_":
            return node
        self._take()
        self._take()
        values = self._values(self._group())
        if self._is("^"):
            raise NotRead("a difference between two points is not understood", self._span(start))
        return At(self._span(start), node, values)

    def _values(self, tokens: list[Token]) -> tuple[Condition, ...]:
        """Returns what each name is at a point: x = 1, y = 2, or (x, y) = (1, 2)."""
        found: list[Condition] = []
        for part in separated(tokens):
            signs = [at for at, token in enumerate(part) if token.text == "="]
            if len(signs) != 1:
                span = tokens[0].span if tokens else self._next.span
                raise NotRead("it is not said which name has which value here", span)
            left, right = self._parsed(part[: signs[0]]), self._parsed(part[signs[0] + 1 :])
            names, values = entries_of(left), entries_of(right)
            if len(names) != len(values):
                names, values = (left,), (right,)
            for name, value in zip(names, values, strict=True):
                if not isinstance(name, Symbol):
                    raise NotRead("more than a name has a value here", name.span)
                found.append(Condition(name.span, name, value, "="))
        return tuple(found)

    # ------------------------------------------------------------ calls and scripts

    def _call(self, name: str, start: int) -> Node:
        prime, power = 0, None
        while self._is("'", "prime", "^"):
            if self._take().text != "^":
                prime += 1
                continue
            group = self._group()
            if flat(group).strip("'") == "" or all(t.text == "prime" for t in group):
                prime += max(1, len(group))
            else:
                power = self._parsed(group)
        node: Node = Call(self._span(start), name, self._arguments(), prime)
        node = replace(node, span=self._span(start))
        return node if power is None else Power(self._span(start), node, power)

    def _arguments(self) -> tuple[Node, ...]:
        if self._is("(", "["):
            opening = self._take().text
            arguments = [self._side()]
            while self._is(",", ";"):
                self._take()
                arguments.append(self._side())
            self._expect(CLOSERS[opening])
            return tuple(arguments)
        bars = self._bars == 0 and self._is("|")
        if not (self._begins_factor() or self._is("-") or bars):
            raise NotRead("a function without an argument", self._next.span)
        return (self._signed(self._factor),)
