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
from collections.abc import Sequence
from dataclasses import dataclass, replace

from reports.documents.notation import (
    ACCENTS,
    COMPARISONS,
    FONTS,
    FUNCTIONS,
    GREEK,
    JOINING,
    LOSSES,
    MATRICES,
    NAMED,
    OTHERWISE,
    PRODUCTS,
    RELATIONS,
    SAME,
    STOPS,
    TEXTS,
    UNREADABLE,
    WORDS,
)
from reports.documents.tokens import NotRead, Token
from reports.documents.tree import (
    Array,
    BigSum,
    Call,
    Cases,
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
    Transposed,
    Words,
)

DEEPEST = 40
CLOSERS = {"(": ")", "[": "]", "{": "}", "lbrace": "rbrace", "langle": "rangle"}
CLOSERS |= {"lVert": "rVert", "lvert": "rvert", "lbrack": "rbrack", "lfloor": "rfloor"}
_ENGLISH = {"if", "for", "and", "or", "where", "when", "then", "with", "so", "is", "of", "at"}
_BARS = {"|", "Vert", "lVert"}
_INDEX = re.compile(r"[lLijkKtTnmNc](?:[-+]\d)?|L-\d")


class Parser:
    """Reads one side, or one entry of an array, from tokens.

    Args:
        tokens: the tokens of the side.
        indexed: the names whose plain numeric superscript is a layer, and no power.
    """

    def __init__(self, tokens: Sequence[Token], indexed: frozenset[str] = frozenset()) -> None:
        self._tokens = list(tokens)
        self._at = 0
        self._depth = 0
        self._bars = 0
        self._indexed = indexed

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
            raise NotRead(f"{_shown(token)} is not understood here", token.span)
        return node

    # ------------------------------------------------------------ tokens

    @property
    def _next(self) -> Token:
        if self._at < len(self._tokens):
            return self._tokens[self._at]
        end = self._tokens[-1].span[1] if self._tokens else 0
        return Token("end", "", (end, end))

    def _take(self) -> Token:
        token = self._next
        self._at += 1
        return token

    def _is(self, *texts: str) -> bool:
        return self._next.type != "end" and self._next.text in texts

    def _expect(self, text: str) -> Token:
        if not self._is(text):
            raise NotRead(f"{text} is missing", self._next.span)
        return self._take()

    def _span(self, start: int) -> Span:
        last = self._tokens[min(self._at, len(self._tokens)) - 1] if self._at else self._next
        return start, max(start, last.span[1])

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
        self._depth -= 1
        return node

    def _sign(self) -> int:
        sign = 1
        while self._is("+", "-"):
            sign = -sign if self._take().text == "-" else sign
        return sign

    def _term(self) -> Node:
        start = self._next.span[0]
        node = self._factor()
        while True:
            token = self._next
            if token.text in PRODUCTS and token.type in {"command", "symbol"}:
                self._take()
                kind: Product = PRODUCTS[token.text]  # type: ignore[assignment]
                right = self._signed_factor()
                node = _product(self._span(start), node, right, kind)
            elif self._is("/") or self._is("div"):
                self._take()
                right = self._signed_factor()
                node = self._slash(self._span(start), node, right)
            elif self._begins_factor():
                right = self._factor()
                if isinstance(node, Number) and isinstance(right, Number):
                    raise NotRead("two numbers stand side by side", right.span)
                node = Times(self._span(start), node, right, "juxtaposed")
            else:
                return node

    def _slash(self, span: Span, left: Node, right: Node) -> Node:
        if isinstance(left, _Partial) and isinstance(right, _Partial):
            return Derivative(span, left.body, right.body)
        return Divide(span, left, right, inline=True)

    def _signed_factor(self) -> Node:
        start = self._next.span[0]
        sign = self._sign()
        node = self._factor()
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
            return token.text not in STOPS and not _closes(token.text)
        return False

    # ------------------------------------------------------------ factors

    def _factor(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise NotRead(f"it is nested more than {DEEPEST} deep", self._next.span)
        start = self._next.span[0]
        node = self._scripts(self._primary(), start)
        self._depth -= 1
        return node

    def _primary(self) -> Node:
        token = self._take()
        start = token.span[0]
        match token.type:
            case "number":
                return _number(token)
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
        raise NotRead(f"{_shown(token)} is not understood here", token.span)

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
            differential = length == 2 and word[0] == "d" and len(run) == 2
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
        base = _flat(self._group())
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
        if name in GREEK:
            return self._name(name, token.span)
        if name in FUNCTIONS and name not in {"sqrt", "sum"}:
            return self._name(name, token.span)
        if name == "sqrt":
            return self._root(start)
        if name == "sum":
            return self._sum(start)
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

    def _fraction(self, start: int) -> Node:
        top, bottom = self._group(), self._group()
        derivative = self._derivative(top, bottom, start)
        if derivative is not None:
            return derivative
        left = Parser(top, self._indexed).parse()
        right = Parser(bottom, self._indexed).parse()
        return Divide(self._span(start), left, right)

    def _derivative(self, top: list[Token], bottom: list[Token], start: int) -> Node | None:
        """Returns ∂a/∂b where the fraction is one."""
        if not (_is_partial(top) and _is_partial(bottom) and len(bottom) > 1):
            return None
        if any(_raised(side) for side in (top, bottom)):
            raise NotRead("a higher derivative is not understood", self._span(start))
        if sum(t.text == "partial" for t in bottom) > 1:
            raise NotRead("a mixed derivative is not understood", self._span(start))
        wrt = Parser(bottom[_d(bottom) :], self._indexed).parse()
        if len(top) == _d(top):
            return Derivative(self._span(start), self._factor(), wrt)
        of = Parser(top[_d(top) :], self._indexed).parse()
        return Derivative(self._span(start), of, wrt)

    def _partial(self, start: int) -> Node:
        body = self._factor()
        return _Partial(self._span(start), body)

    def _gradient(self, start: int) -> Node:
        wrt: Node = Words((start, start), "")
        if self._is("_"):
            self._take()
            wrt = Parser(self._group(), self._indexed).parse()
        return Derivative(self._span(start), self._factor(), wrt)

    def _group(self) -> list[Token]:
        """Takes one braced group, or one token, without its braces."""
        token = self._take()
        if token.type == "end":
            raise NotRead("an argument is missing", token.span)
        if token.type != "open":
            if token.type == "command" and (token.text in FONTS or token.text in TEXTS):
                return [token, *self._braced_raw()]
            return [self._first_digit(token)]
        taken, depth = [], 1
        while True:
            token = self._take()
            if token.type == "end":
                raise NotRead("a brace is not closed", token.span)
            depth += (token.type == "open") - (token.type == "close")
            if depth == 0:
                return taken
            taken.append(token)

    def _first_digit(self, token: Token) -> Token:
        r"""Takes one digit only, as TeX does: \frac12 is a half."""
        if token.type != "number" or not token.text[:2].isdigit() or len(token.text) == 1:
            return token
        start, end = token.span
        self._at -= 1
        self._tokens[self._at] = Token("number", token.text[1:], (start + 1, end))
        return Token("number", token.text[0], (start, start + 1))

    def _braced_raw(self) -> list[Token]:
        if self._next.type != "open":
            return [self._take()] if self._next.type != "end" else []
        first = self._next
        inner = self._group()
        last = Token("close", "}", self._tokens[self._at - 1].span)
        return [first, *inner, last]

    def _accent(self, accent: str, start: int) -> Node:
        inner = Parser(self._group(), self._indexed).parse()
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
        node = Parser(group, self._indexed).parse()
        if isinstance(node, Symbol) and not (node.sub or node.sup or node.mark):
            return self._name(node.base, self._span(start))
        return node

    def _text(self, command: str, span: Span) -> Node:
        words = _flat(self._group())
        if re.fullmatch(r"[^\W\d_][\w-]*", words):
            return self._name(words, self._span(span[0]))
        raise NotRead(f"the words “{words}” stand where a value should", span)

    def _root(self, start: int) -> Node:
        if self._is("["):
            raise NotRead("a root other than the square root", self._span(start))
        body = Parser(self._group(), self._indexed).parse()
        return Call(self._span(start), "sqrt", (body,))

    def _sum(self, start: int) -> Node:
        index, low, high = "", None, None
        while self._is("_", "^"):
            if self._take().text == "_":
                index, low = self._bound(self._group())
            else:
                high = Parser(self._group(), self._indexed).parse()
        body = self._summand()
        return BigSum(self._span(start), index, low, high, body)

    def _bound(self, group: list[Token]) -> tuple[str, Node | None]:
        for i, token in enumerate(group):
            if token.text == "=":
                low = Parser(group[i + 1 :], self._indexed).parse()
                return _flat(group[:i]), low
            if token.text in RELATIONS:
                raise NotRead("a sum over a set", token.span)
        return _flat(group), None

    def _summand(self) -> Node:
        """Takes what Σ adds up: a term, up to the next + or −."""
        return self._term()

    def _norm(self, start: int, closer: str, order: float) -> Node:
        self._bars += 1
        body = self._side()
        self._bars -= 1
        self._expect(closer)
        if self._is("_"):
            self._take()
            name = _flat(self._group())
            if name not in {"1", "2", "F"}:
                raise NotRead(f"a norm of the kind {name}", self._span(start))
            order = 1 if name == "1" else 2
        return Norm(self._span(start), body, order)

    # ------------------------------------------------------------ brackets and arrays

    def _bracket(self, opening: str, start: int) -> Node:
        closing = CLOSERS[opening]
        rows, row = [], [self._entry(opening)]
        while self._is(",", ";", "quad") or (opening == "[" and self._is_value()):
            separator = "," if self._is_value() else self._take().text
            if self._is(closing):
                break
            if separator == ";":
                rows.append(tuple(row))
                row = []
            row.append(self._entry(opening))
        if not self._is(closing):
            raise NotRead(f"{opening} is not closed", (start, start + 1))
        self._take()
        rows.append(tuple(row))
        span = self._span(start)
        if len(rows) == 1 and len(row) == 1:
            if opening == "[" and isinstance(row[0], Number):
                return Array(span, (tuple(row),), flat=True)
            return row[0]
        if len(rows) == 1:
            return _stacked(span, rows[0])
        return Array(span, tuple(rows))

    def _is_value(self) -> bool:
        return self._next.type == "number" or self._is("-")

    def _entry(self, opening: str) -> Node:
        """Takes an entry; in [0.1 -0.2] a number ends where the next begins."""
        while self._is("quad"):
            self._take()
        if opening == "[":
            at = self._at
            sign = self._sign()
            if self._next.type == "number":
                token = self._take()
                if self._next.type == "number" or self._begins_entry(token):
                    number = _number(token)
                    return Negative(token.span, number) if sign < 0 else number
            self._at = at
        return self._side()

    def _begins_entry(self, before: Token) -> bool:
        """Whether a minus sign ahead belongs to the number after it: a blank stands before only."""
        if not self._is("-") or self._at + 1 >= len(self._tokens):
            return False
        after = self._tokens[self._at + 1]
        return before.span[1] < self._next.span[0] and self._next.span[1] == after.span[0]

    def _environment(self, start: int) -> Node:
        name = _flat(self._group())
        if name == "cases":
            return Cases(self._span(start), self._table(name))
        if name not in MATRICES:
            raise NotRead(f"the environment {name} is not understood", self._span(start))
        if name == "vmatrix":
            raise NotRead("a determinant is not understood", self._span(start))
        if name == "array" and self._next.type == "open":
            self._group()
        rows = self._table(name)
        if not rows or not rows[0] or len({len(row) for row in rows}) > 1:
            raise NotRead("the rows of an array differ in length", self._span(start))
        if len(rows) == 1 and len(rows[0]) == 1 and isinstance(rows[0][0], Array):
            return rows[0][0]
        return Array(self._span(start), rows)

    def _table(self, name: str) -> tuple[tuple[Node, ...], ...]:
        cells: list[list[list[Token]]] = [[[]]]
        depth = 0
        while True:
            token = self._take()
            if token.type == "end":
                raise NotRead(f"\\end{{{name}}} is missing", token.span)
            if token.type == "command" and token.text == "begin":
                depth += 1
            if token.type == "command" and token.text == "end":
                if depth == 0:
                    self._group()
                    break
                depth -= 1
            if depth == 0 and token.text in {"\\", "cr"}:
                cells.append([[]])
            elif (depth == 0 and token.text == "&") or (
                token.text == ","
                and depth == 0
                and name != "cases"
                and not _within_brackets(cells[-1][-1])
            ):
                cells[-1].append([])
            elif token.text != "hline":
                cells[-1][-1].append(token)
        rows = [row for row in cells if any(row)]
        if name == "cases":
            return self._cases(rows)
        return tuple(tuple(Parser(cell, self._indexed).parse() for cell in row) for row in rows)

    def _cases(self, rows: list[list[list[Token]]]) -> tuple[tuple[Node, ...], ...]:
        """Returns the values with their conditions; () where one of them is not understood."""
        try:
            return tuple(self._case(row) for row in rows)
        except NotRead:
            return ()

    def _case(self, row: list[list[Token]]) -> tuple[Node, ...]:
        value = Parser(_trimmed(row[0]), self._indexed).parse()
        condition = _trimmed([token for cell in row[1:] for token in cell])
        if not condition or _flat(condition).strip(".").lower() in OTHERWISE:
            return (value,)
        for at, token in enumerate(condition):
            if token.type != "open" and token.text in COMPARISONS:
                left = Parser(condition[:at], self._indexed).parse()
                right = Parser(condition[at + 1 :], self._indexed).parse()
                span = condition[0].span[0], condition[-1].span[1]
                return value, Condition(span, left, right, COMPARISONS[token.text])
        raise NotRead("a condition that is no comparison", condition[0].span)

    # ------------------------------------------------------------ calls and scripts

    def _call(self, name: str, start: int) -> Node:
        prime, power = 0, None
        while self._is("'", "prime", "^"):
            if self._take().text != "^":
                prime += 1
                continue
            group = self._group()
            if _flat(group).strip("'") == "" or all(t.text == "prime" for t in group):
                prime += max(1, len(group))
            else:
                power = Parser(group, self._indexed).parse()
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
        if not (self._begins_factor() or self._is("-")):
            raise NotRead("a function without an argument", self._next.span)
        return (self._signed_factor(),)

    def _scripts(self, node: Node, start: int) -> Node:
        while True:
            if self._is("_"):
                self._take()
                node = self._subscript(node, _flat(self._group()), start)
            elif self._is("^"):
                self._take()
                node = self._superscript(node, self._group(), start)
            elif self._is("'", "prime"):
                token = self._take()
                if not isinstance(node, Symbol):
                    raise NotRead("a stroke after more than a name", token.span)
                node = replace(node, mark=node.mark + "'", span=self._span(start))
            elif self._is("%"):
                self._take()
                hundred = Number(self._span(start), "100", 100.0, 0.0, 3)
                node = Divide(self._span(start), node, hundred)
            elif self._is("!"):
                raise NotRead("a factorial is not understood", self._next.span)
            else:
                return self._applied(node, start)

    def _applied(self, node: Node, start: int) -> Node:
        """Reads the parenthesis after a name of a function, or of a loss."""
        if not isinstance(node, Symbol):
            return node
        name = node.base + (f"_{node.sub}" if node.sub else "")
        opens = self._is("(", "[")
        array = self._is("begin")
        if node.base in LOSSES or node.base.removeprefix("hat ") in LOSSES:
            if opens and self._lists_names():
                self._arguments()
                return replace(node, span=self._span(start))
            return node
        if node.base in FUNCTIONS and (opens or array):
            return replace(self._call(FUNCTIONS[node.base], start), span=self._span(start))
        if node.base in NAMED and (opens or (array and node.base in {"sigma", "f"})):
            prime = node.mark.count("'")
            arguments = self._arguments()
            return Call(self._span(start), name, arguments, prime)
        return node

    def _lists_names(self) -> bool:
        """Whether the parenthesis ahead holds names only, as in L(y, ŷ) and J(θ)."""
        depth, at = 0, self._at
        while at < len(self._tokens):
            token = self._tokens[at]
            depth += token.text in {"(", "["}
            depth -= token.text in {")", "]"}
            if token.type == "number" and token.text not in {"1", "2", "0"}:
                return False
            if depth == 0:
                return True
            at += 1
        return False

    def _subscript(self, node: Node, sub: str, start: int) -> Node:
        if isinstance(node, Derivative):
            raise NotRead("a subscript after a derivative", self._span(start))
        if not isinstance(node, Symbol):
            raise NotRead("a subscript after more than a name", self._span(start))
        if re.fullmatch(r"\w(?:,\w)+", sub):
            sub = sub.replace(",", "")  # w_{1,2} is w_{12}
        return replace(node, sub=node.sub + sub, span=self._span(start))

    def _superscript(self, node: Node, group: list[Token], start: int) -> Node:
        text = _flat(group)
        span = self._span(start)
        if any(token.text == "underline" for token in group):
            raise NotRead("a falling power is not understood", span)
        if text in {"T", "top", "intercal", "mathsf{T}", "t"} and text != "t":
            return Transposed(span, node)
        if isinstance(node, Symbol):
            found = self._index(node, text, span)
            if found is not None:
                return found
        if text in {"'", "''", "prime"}:
            if isinstance(node, Symbol):
                return replace(node, mark=node.mark + "'", span=span)
            raise NotRead("a stroke after more than a name", span)
        if re.fullmatch(r"circ\d", text):
            return Power(span, node, Number(span, text[-1], float(text[-1]), 0.0, 1))
        return Power(span, node, Parser(group, self._indexed).parse())

    def _index(self, node: Symbol, text: str, span: Span) -> Node | None:
        """Returns the name with its superscript, where that is an index and no power."""
        if re.fullmatch(r"\(\d+[-+]\d+\)", text):
            return None
        if match := re.fullmatch(r"[(\[<]([^()\[\]]*)[)\]>](T|top)?(.*)", text):
            marked = replace(node, sup=node.sup + match[1], mark=node.mark + match[3], span=span)
            return Transposed(span, marked) if match[2] else marked
        if text in {"+", "-", "*", "new", "old", "++", "neu", "next", "'", "prime", "pre", "(new)"}:
            mark = {"prime": "'"}.get(text, text)
            return replace(node, mark=node.mark + mark, span=span)
        if match := re.fullmatch(r"(.+?)(T|top)", text):
            inner = self._index(node, match[1], span)
            return None if inner is None else Transposed(span, inner)
        if node.base == "e":
            return None
        if re.fullmatch(r"[lL](?:[-+]\d)?", text):
            return replace(node, sup=node.sup + text, span=span)
        if node.base in self._indexed and re.fullmatch(r"\d|" + _INDEX.pattern, text):
            return replace(node, sup=node.sup + text, span=span)
        if re.search(r"[A-Za-z]{3,}", text) and re.fullmatch(r"[\w-]+", text):
            return replace(node, mark=node.mark + text, span=span)
        return None


@dataclass(frozen=True)
class _Partial(Node):
    """∂body, half of a derivative that is written with a slash."""

    body: Node


def _number(token: Token) -> Number:
    mantissa, *scale = re.split("[eE]", token.text)
    exponent = int(scale[0]) if scale and len(scale[0]) < 5 else 999 * len(scale)
    if len(mantissa) > 40 or abs(exponent) > 99:
        raise NotRead("a number with too many digits", token.span)
    value = float(token.text)
    decimals = len(mantissa.partition(".")[2])
    unit = 10.0 ** (exponent - decimals) if decimals or exponent else 0.0
    digits = len(mantissa.replace(".", "").lstrip("0"))
    return Number(token.span, token.text, value, unit, digits)


def _product(span: Span, left: Node, right: Node, kind: Product) -> Node:
    """Returns a product; 1.5 × 10⁻³ becomes one number."""
    scale = _power_of_ten(right)
    inner = left.body if isinstance(left, Negative) else left
    if kind in {"dot", "cross"} and isinstance(inner, Number) and scale is not None:
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


def _stacked(span: Span, entries: tuple[Node, ...]) -> Array:
    """Returns [a, b] as one row in an open orientation, [[a, b], [c, d]] as a matrix."""
    if all(isinstance(entry, Array) and entry.flat for entry in entries):
        rows = tuple(entry.rows[0] for entry in entries if isinstance(entry, Array))
        if len({len(row) for row in rows}) == 1:
            return Array(span, rows)
    return Array(span, (entries,), flat=True)


def _is_partial(tokens: list[Token]) -> bool:
    return bool(tokens) and _d(tokens) > 0


def _d(tokens: list[Token]) -> int:
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


def _raised(tokens: list[Token]) -> bool:
    after = _d(tokens)
    return len(tokens) > after and tokens[after].text == "^"


def _trimmed(tokens: list[Token]) -> list[Token]:
    """Returns the tokens of a cell without the commas and words that join value and condition."""
    kept, at = [], 0
    while at < len(tokens):
        words = tokens[at].text in TEXTS and at + 1 < len(tokens) and tokens[at + 1].type == "open"
        if words:
            end = at + 1
            while end < len(tokens) and tokens[end].type != "close":
                end += 1
            text = _flat(tokens[at : end + 1]).lower()
            if text in OTHERWISE or text not in JOINING:
                kept += tokens[at : end + 1]
            at = end + 1
            continue
        if tokens[at].text not in {",", ";", "quad", "."} or tokens[at].type == "number":
            kept.append(tokens[at])
        at += 1
    return kept


def _within_brackets(tokens: list[Token]) -> bool:
    texts = [t.text for t in tokens]
    return sum(t in {"(", "["} for t in texts) > sum(t in {")", "]"} for t in texts)


def _closes(name: str) -> bool:
    return name in {*CLOSERS.values(), "end", "\\", "}", "right", "cr", "&", "%", "#", "div"} or (
        name in RELATIONS or name in PRODUCTS or name in {"|", "Vert", "vert", "mid", "prime"}
    )


def _flat(tokens: Sequence[Token]) -> str:
    """Returns the text of tokens without blanks, braces and fonts, as names are kept."""
    skipped = {*FONTS, *TEXTS}
    words = (
        "" if t.type == "command" and t.text in skipped else t.text
        for t in tokens
        if t.type not in {"open", "close"}
    )
    return "".join(words)


def _shown(token: Token) -> str:
    if token.type == "end":
        return "the end"
    return f"\\{token.text}" if token.type == "command" else token.text
