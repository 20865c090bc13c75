"""A place in a sequence of tokens, which only moves on."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from reports.documents.conventions import Conventions
from reports.documents.notation import FONTS, TEXTS
from reports.documents.tokens import NotRead, Token
from reports.documents.tree import Node, Span


class Cursor(ABC):
    """Goes through tokens once.

    Args:
        tokens: the tokens of the side.
        conventions: the notation that the document settles.
    """

    def __init__(self, tokens: Sequence[Token], conventions: Conventions) -> None:
        self._tokens = list(tokens)
        self._at = 0
        self._depth = 0
        self._bars = 0
        self._conventions = conventions

    @abstractmethod
    def parse(self) -> Node:
        """Returns the tree of all tokens.

        Raises:
            NotRead: they are no expression that the grammar knows.
        """

    @abstractmethod
    def _side(self) -> Node: ...

    def _parsed(self, tokens: Sequence[Token]) -> Node:
        """Returns the tree of other tokens, read by the same rules."""
        return type(self)(tokens, self._conventions).parse()

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

    def _sign(self) -> int:
        sign = 1
        while self._is("+", "-"):
            sign = -sign if self._take().text == "-" else sign
        return sign

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
