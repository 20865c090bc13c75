"""Conditions within formulas: 𝟙[i = j] and its other spellings, and those under the sign of a sum.

What holds is 1, what does not is 0: `1_{z>0}`, `[i = j]`, and Σ_{k≠j} as a sum over all k.
"""

from abc import abstractmethod
from collections.abc import Sequence

from reports.documents.cursor import Cursor
from reports.documents.indices import LETTERS
from reports.documents.notation import COMPARISONS, PRODUCTS, RELATIONS
from reports.documents.tokens import NotRead, Token
from reports.documents.tokens_read import flat
from reports.documents.tree import BigSum, Cases, Condition, Node, Number, Span, Symbol, Times

HEADS = frozenset(("ones", "I", "chi"))
"""Names that with a condition say whether it holds."""

_CLOSED_BY = {"(": ")", "[": "]"}


class Conditions(Cursor):
    """Reads what holds or does not."""

    @abstractmethod
    def _summand(self) -> Node: ...

    def _indicated(self, start: int) -> Node | None:
        """Takes the condition after 𝟙, in brackets or as a subscript, where one stands there."""
        at = self._at
        inside: Sequence[Token] = ()
        if self._is("_") and self._tokens[at + 1 : at + 2] and self._tokens[at + 1].type == "open":
            self._take()
            inside = self._group()
        elif self._is(*_CLOSED_BY):
            inside = self._enclosed()
        condition = self._condition(inside)
        if condition is None:
            self._at = at
            return None
        return indicator(self._span(start), condition)

    def _compared(self, opening: str, start: int) -> Node | None:
        """Takes the rest of [i = j], or of (z > 0) as a factor, after its opening bracket.

        A parenthesis behind all that a side says is a remark: 1 (x > 0).
        """
        at = self._at
        before = self._tokens[at - 2].text if at > 1 else ""
        if opening != "[" and not (before in PRODUCTS or before == "1"):
            return None
        self._at -= 1
        inside = self._enclosed()
        is_remark = opening != "[" and at == 2 and self._at == len(self._tokens)
        condition = None if is_remark else self._condition(inside)
        if condition is None:
            self._at = at
            return None
        return indicator(self._span(start), condition)

    def _enclosed(self) -> Sequence[Token]:
        """Takes brackets and what stands in them; () where they are not closed."""
        first = self._take().text
        start, depth = self._at, 1
        while self._next.type != "end":
            token = self._take()
            depth += (token.text == first) - (token.text == _CLOSED_BY.get(first))
            if depth == 0:
                return self._tokens[start : self._at - 1]
        return ()

    def _condition(self, tokens: Sequence[Token]) -> Condition | None:
        """Returns the comparison that tokens are; None where they are something else."""
        if [t.text for t in (*tokens[:1], *tokens[-1:])] in (["(", ")"], ["[", "]"]):
            return self._condition(tokens[1:-1])
        depth = 0
        for at, token in enumerate(tokens):
            depth += token.type == "open" or token.text in _CLOSED_BY
            depth -= token.type == "close" or token.text in _CLOSED_BY.values()
            if depth == 0 and token.type != "open" and token.text in COMPARISONS:
                right = tokens[at + 1 :]
                right = right[1:] if right and right[0].text == token.text == "=" else right
                span = tokens[0].span[0], tokens[-1].span[1]
                try:
                    left, other = self._parsed(tokens[:at]), self._parsed(right)
                except NotRead:
                    return None
                return Condition(span, left, other, COMPARISONS[token.text])
        return None

    # ------------------------------------------------------------ sums

    def _big_sum(self, start: int) -> Node:
        index, low, high, only = "", None, None, None
        while self._is("_", "^"):
            if self._take().text == "_":
                index, low, only = self._bound(self._group())
            else:
                high = self._parsed(self._group())
        body = self._summand()
        if only is not None:
            body = Times(body.span, indicator(only.span, only), body, "juxtaposed")
        return BigSum(self._span(start), index, low, high, body)

    def _bound(self, group: list[Token]) -> tuple[str, Node | None, Condition | None]:
        """Returns what runs in a sum, from where, and under which condition."""
        for i, token in enumerate(group):
            if token.text == "=":
                return flat(group[:i]), self._parsed(group[i + 1 :]), None
            if token.text in RELATIONS:
                only = self._condition(group)
                index = only.left if only is not None else None
                if only is not None and isinstance(index, Symbol) and index.key in LETTERS:
                    return index.key, None, only
                raise NotRead("a sum over a set", token.span)
        return flat(group), None, None


def is_head(node: Node) -> bool:
    """Whether a name, or the number 1, says with a condition behind it whether that holds."""
    if isinstance(node, Symbol):
        return node.key in HEADS
    return isinstance(node, Number) and node.text == "1"


def indicator(span: Span, condition: Condition) -> Cases:
    """Returns 1 where a condition holds, else 0."""
    one, zero = (Number(span, text, float(text), 0.0, 1) for text in ("1", "0"))
    return Cases(span, ((one, condition), (zero,)))


def braces(tokens: Sequence[Token]) -> list[Token]:
    r"""Returns tokens with parentheses in place of \{ … \}, those around several rows left out."""
    out, opened = [*tokens], list[int]()
    for at, token in enumerate(tokens):
        if token.type != "command":
            continue
        if token.text in {"\\", "begin", "cr"}:
            opened.clear()
        elif token.text == "{":
            opened.append(at)
        elif token.text == "}" and opened:
            first = opened.pop()
            out[first] = Token("symbol", "(", tokens[first].span)
            out[at] = Token("symbol", ")", token.span)
    return out
