"""The code of a document as one program: its blocks, what they define, and what is seen where."""

import ast
import re
import textwrap
import warnings
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reports.documents.code.flow import is_step
from reports.documents.code.interpreter import Interpreter
from reports.documents.code.limits import FAILS, Budget, NotReadable
from reports.documents.code.program import Class, Function, Scope
from reports.documents.extract import Code
from reports.documents.source import Source

MOST_NODES = 12_000
MOST_CHARACTERS = 50_000
STEPS_A_STATEMENT = 4000

LANGUAGES = frozenset(("python", "py", "python3", "ipython", "numpy", "ipython3", "pycon", ""))


@dataclass(frozen=True, eq=False)
class Block:
    """A block of code and its syntax tree.

    Attributes:
        source: the text in which it stands.
        code: the block.
        tree: its syntax tree.
        names: what it and the blocks before define, then what later ones do.
    """

    source: Source
    code: Code
    tree: ast.Module
    names: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Program:
    """The blocks of a document that are Python, and why others could not be read."""

    blocks: tuple[Block, ...]
    unread: tuple[tuple[Source, Code, str], ...] = field(default=())


def read_program(blocks: Sequence[tuple[Source, Code]], budget: Budget) -> Program:
    """Returns the program that the blocks of a document make together."""
    trees: list[tuple[Source, Code, ast.Module]] = []
    unread: list[tuple[Source, Code, str]] = []
    for source, code in blocks:
        if code.language not in LANGUAGES or _is_of_a_shell(code.text):
            continue
        try:
            tree = parsed(code.text)
        except NotReadable as reason:
            if code.language:
                unread.append((source, code, str(reason)))
            continue
        if code.language or _is_code(tree):
            trees.append((source, code, tree))
    later = Scope()
    for *_, tree in trees:
        _define(tree, later, budget)
    live = Scope()
    found = []
    for source, code, tree in trees:
        _run(tree.body, live, later, budget)
        _attach(tree, live)
        found.append(Block(source, code, tree, ChainMap(dict(live), later)))
    return Program(tuple(found), tuple(unread))


def _is_code(tree: ast.Module) -> bool:
    """Whether a block without a language is Python, and no output that happens to parse."""
    return any(
        isinstance(n, ast.FunctionDef | ast.ClassDef | ast.Import) for n in tree.body
    ) or any(
        isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == "np"
        for n in ast.walk(tree)
    )


# ---------------------------------------------------------------- syntax

_MAGIC = re.compile(r"^([ \t]*)[%!].*$", re.MULTILINE)
_CELL = re.compile(r"\s*%%(?!time|capture|prun|memit|snakeviz)\w+")
_SHELL = re.compile(
    r"[ \t]*(?:[$#]|export \w+=|\Z|(?:sudo|pip3?|conda|apt(?:-get)?|cd|ls|mkdir|git|wget|curl"
    r"|python3?|source)\s+[^\s=])"
)
"""A line that a shell takes, or that says nothing."""


def _is_of_a_shell(text: str) -> bool:
    """Whether a block is one of another language: its first line, or every line, says so.

    >>> [_is_of_a_shell(text) for text in ("%%bash", "pip install numpy", "x = 1")]
    [True, True, False]
    """
    lines = text.splitlines()
    commands = any(line.strip() and not line.lstrip().startswith("#") for line in lines)
    return bool(_CELL.match(text)) or (commands and all(map(_SHELL.match, lines)))


PROMPT = re.compile(r"^[ \t]*(?:>>>|\.\.\.)(?: |$)", re.MULTILINE)
_OLD_PRINT = re.compile(r"^([ \t]*)print\b(?![ \t]*\().*$", re.MULTILINE)


def parsed(text: str) -> ast.Module:
    """Returns the syntax tree of a block; what is no Python in it is left out.

    Raises:
        NotReadable: it is too long, or none of it is Python.
    """
    if len(text) > MOST_CHARACTERS:
        raise NotReadable("the block is too long")
    if max((len(line) - len(line.lstrip()) for line in text.splitlines()), default=0) > 200:
        raise NotReadable("the block is nested too deep")
    text = _MAGIC.sub(r"\1pass", textwrap.dedent(text))
    if PROMPT.search(text):
        text = "\n".join(
            PROMPT.sub("", line) if PROMPT.match(line) else "" for line in text.split("\n")
        )
    tree = _tree(text) or _tree(_OLD_PRINT.sub(r"\1pass", text)) or _salvaged(text)
    if tree is None:
        raise NotReadable("it is no Python")
    if sum(1 for _ in ast.walk(tree)) > MOST_NODES:
        raise NotReadable("the block is too long")
    tree.body = [*map(_with_a_name, tree.body)]
    return tree


def _with_a_name(node: ast.stmt) -> ast.stmt:
    """Returns the function that f = lambda x: … defines."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda(args=given, body=body)):
            result = ast.copy_location(ast.Return(body), body)
            named = ast.FunctionDef(name, given, [result], [])
            return ast.copy_location(named, node)
    return node


def _tree(text: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _salvaged(text: str) -> ast.Module | None:
    """Returns the functions and classes of a block of which other lines are no Python."""
    lines = text.split("\n")
    starts = [i for i, line in enumerate(lines) if re.match(r"(def|class|@\w)", line)]
    starts = [i for i in starts if i == 0 or not lines[i - 1].startswith("@")]
    body: list[ast.stmt] = []
    for start in starts:
        end = start + 1
        while end < len(lines) and (
            not lines[end].strip()
            or lines[end][0] in " \t)@"
            or (end == start + 1 and lines[start].startswith("@"))
        ):
            end += 1
        tree = _tree("\n" * start + "\n".join(lines[start:end]))
        if tree is not None:
            body += tree.body
    return ast.Module(body, []) if body else None


# ---------------------------------------------------------------- what is defined


def _define(tree: ast.Module, names: Scope, budget: Budget) -> None:
    """Takes in the functions, classes and imports of a block, and nothing else of it."""
    interpreter = Interpreter(names, budget, shared=True)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
            if isinstance(node, ast.FunctionDef) and _of_self(node):
                continue
            try:
                interpreter.statement(node, names)
            except (NotReadable, *FAILS):
                continue
    _attach(tree, names)


def _of_self(node: ast.stmt) -> bool:
    """Whether a function is a method that is shown without its class."""
    return (
        isinstance(node, ast.FunctionDef)
        and bool(node.args.args)
        and node.args.args[0].arg == "self"
    )


def _attach(tree: ast.Module, names: Scope) -> None:
    """Gives methods that are shown without their class to the class before them."""
    loose = [node for node in tree.body if isinstance(node, ast.FunctionDef) and _of_self(node)]
    if not loose:
        return
    kinds = [v for v in names.values() if isinstance(v, Class)]
    if not kinds:
        names[LOOSE] = Class(LOOSE, None)
        kinds = [names[LOOSE]]
    for node in loose:
        kinds[-1].methods[node.name] = Function(node, None, kinds[-1])


LOOSE = "(methods)"
"""The class of methods without any."""


def _run(statements: Sequence[ast.stmt], live: Scope, later: Scope, budget: Budget) -> None:
    """Evaluates the statements of a module as far as they can be; the others define nothing."""
    names = _Later(live, later)
    with np.errstate(all="ignore"):
        for node in _flat(statements):
            if isinstance(node, ast.FunctionDef) and _of_self(node):
                continue
            steps = Budget(min(STEPS_A_STATEMENT, max(0, budget.left)))
            before = steps.left
            interpreter = Interpreter(names, steps, shared=True)
            interpreter.module = live
            try:
                if not _trains(node):
                    interpreter.statement(node, live)
            except (NotReadable, RecursionError, *FAILS):
                _forget(node, live)
            except Exception as error:  # a return, break or continue outside of anything
                if type(error).__module__ != Interpreter.__module__:
                    raise
            budget.left -= before - max(0, steps.left)


class _Later(dict[str, Any]):
    """Names with those of later blocks behind them."""

    def __init__(self, live: Scope, later: Scope) -> None:
        super().__init__()
        self._maps = ChainMap(live, later)

    def __contains__(self, key: object) -> bool:
        return key in self._maps

    def __getitem__(self, key: str) -> Any:
        return self._maps[key]


def _flat(statements: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yields statements, those within `if __name__ == "__main__"`, `with` and `try` too."""
    for node in statements:
        match node:
            case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
                yield from _flat(node.body)
            case ast.With() | ast.Try():
                yield from _flat(node.body)
            case _:
                yield node


def _trains(node: ast.stmt) -> bool:
    """Whether a statement is a loop that moves parameters step by step."""
    return isinstance(node, ast.For | ast.While) and any(map(is_step, ast.walk(node)))


def _forget(node: ast.stmt, live: Scope) -> None:
    if isinstance(node, ast.For | ast.While):
        return
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            live.pop(part.id, None)
