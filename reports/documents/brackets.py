"""Parentheses, arrays in every bracket form, and case distinctions."""

from dataclasses import replace

from reports.documents.conditions import Conditions
from reports.documents.notation import COMPARISONS, MATRICES, OTHERWISE
from reports.documents.tokens import NotRead, Token
from reports.documents.tokens_read import (
    CLOSERS,
    flat,
    number_of,
    stacked,
    trimmed,
    within_brackets,
)
from reports.documents.tree import Array, Call, Cases, Condition, Negative, Node, Number, Times

STEPS = {"lfloor": "floor", "lceil": "ceil"}


def _is_size(node: Node) -> bool:
    """Whether brackets hold the sizes of an array, as [32 × 100] does."""
    match node:
        case Times(left=Number(unit=0), right=Number(unit=0), kind="cross"):
            return True
    return False


class Brackets(Conditions):
    """Reads what stands in brackets."""

    def _bracket(self, opening: str, start: int) -> Node:
        closing = CLOSERS[opening]
        condition = self._compared(opening, start)
        if condition is not None:
            return condition
        rows, row, signed = [], [self._entry(opening)], True
        while self._is(",", ";", "quad") or (opening == "[" and self._is_value()):
            signed = signed and self._is("-")
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
        if opening in STEPS and len(rows) == 1 and len(row) == 1:
            return Call(span, STEPS[opening], (row[0],))
        if opening == "[" and len(rows) == 1 and len(row) == 1 and _is_size(row[0]):
            raise NotRead("the sizes of arrays in brackets", span)
        if len(rows) == 1 and len(row) == 1:
            if opening == "[" and isinstance(row[0], Number):
                return Array(span, (tuple(row),), flat=True)
            return row[0]
        if len(rows) == 1:
            return replace(stacked(span, rows[0]), signed=signed)
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
                    number = number_of(token)
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
        name = flat(self._group())
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
                and not within_brackets(cells[-1][-1])
            ):
                cells[-1].append([])
            elif token.text != "hline":
                cells[-1][-1].append(token)
        rows = [row for row in cells if any(row)]
        if name == "cases":
            return self._cases(rows)
        return tuple(tuple(self._parsed(cell) for cell in row) for row in rows)

    def _cases(self, rows: list[list[list[Token]]]) -> tuple[tuple[Node, ...], ...]:
        """Returns the values with their conditions; () where one of them is not understood."""
        try:
            return tuple(self._case(row) for row in rows)
        except NotRead:
            return ()

    def _case(self, row: list[list[Token]]) -> tuple[Node, ...]:
        value = self._parsed(trimmed(row[0]))
        condition = trimmed([token for cell in row[1:] for token in cell])
        if not condition or flat(condition).strip(".").lower() in OTHERWISE:
            return (value,)
        for at, token in enumerate(condition):
            if token.type != "open" and token.text in COMPARISONS:
                left = self._parsed(condition[:at])
                right = self._parsed(condition[at + 1 :])
                span = condition[0].span[0], condition[-1].span[1]
                return value, Condition(span, left, right, COMPARISONS[token.text])
        raise NotRead("a condition that is no comparison", condition[0].span)
