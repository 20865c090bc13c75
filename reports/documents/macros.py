"""The document's own commands, replaced by what they stand for."""

from collections.abc import Mapping

from reports.documents.tokens import NotRead, Token, tokenize
from reports.documents.tree import Span

MOST_EXPANSIONS = 200


def expanded(tokens: list[Token], macros: Mapping[str, tuple[int, str]]) -> list[Token]:
    """Returns the tokens with the document's own commands replaced by what they stand for."""
    if not macros:
        return tokens
    for _ in range(4):
        out: list[Token] = []
        at = changed = 0
        while at < len(tokens):
            token = tokens[at]
            at += 1
            if token.type != "command" or token.text not in macros or changed > MOST_EXPANSIONS:
                out.append(token)
                continue
            changed += 1
            count, body = macros[token.text]
            arguments: list[list[Token]] = []
            for _ in range(count):
                taken, at = argument(tokens, at)
                arguments.append(taken)
            out += _filled(body, arguments, token.span)
        if not changed:
            break
        tokens = out
        if len(tokens) > 4000:
            raise NotRead("the document's own commands make it too long")
    return tokens


def argument(tokens: list[Token], at: int) -> tuple[list[Token], int]:
    """Returns the argument that begins at a token, without its braces, and where it ends."""
    if at >= len(tokens) or tokens[at].type != "open":
        return tokens[at : at + 1], at + 1
    depth, end = 0, at
    while end < len(tokens):
        depth += (tokens[end].type == "open") - (tokens[end].type == "close")
        end += 1
        if depth == 0:
            break
    return tokens[at + 1 : end - 1], end


def _filled(body: str, arguments: list[list[Token]], span: Span) -> list[Token]:
    out: list[Token] = []
    inner = tokenize(body)
    at = 0
    while at < len(inner):
        token = inner[at]
        if token.text == "#" and at + 1 < len(inner) and inner[at + 1].text.isdigit():
            number = int(inner[at + 1].text) - 1
            out += arguments[number] if number < len(arguments) else []
            at += 2
            continue
        out.append(Token(token.type, token.text, span))
        at += 1
    return out
