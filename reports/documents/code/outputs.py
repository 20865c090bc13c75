"""Values that a document says its code gives: in comments, behind prompts, below a block.

The blocks are one program, run statement by statement by the interpreter. Where a statement cannot
be run, what it may have changed is forgotten; what depends on random numbers is not compared.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reports.documents.code.document import PROMPT, Block, Program
from reports.documents.code.finding import Finding
from reports.documents.code.interpreter import Interpreter
from reports.documents.code.limits import FAILS, Budget, Exhausted, NotReadable
from reports.documents.code.printed import Piece, agrees, of_value, pieces, printed
from reports.documents.code.program import Class, Function, Scope
from reports.documents.code.random_calls import Draws
from reports.documents.code.showing import SHOWING
from reports.documents.code.suspects import reachable
from reports.documents.extract import Code
from reports.documents.source import Source

MOST_STEPS = 40_000
SEEDS = (9, 10)
_OPEN = re.compile(r"\b(?:dtype|astype|time|input|open|torch|tensorflow|jax)\b")
"""Words of programs whose values the interpreter may not reproduce."""

_RESULT = re.compile(
    r"(?i)^#+\s*(?P<mark>=+>|[-–]+>|→|⇒|=|≈|~|>>>|(?:prints|outputs?|returns|gives|result|out"
    r"(?:\[\d+\])?)\b\s*(?:is\b)?|about|approx(?:imately|\.)?|输出|结果|返回|得到?|约)?"
    r"\s*[:：=≈]?\s*(?P<shown>.*\S)\s*$"
)
_SHAPE = re.compile(r"\(\s*\d*\s*(?:,\s*\d*\s*)*\)!?")
_NO_VALUE = re.compile(r"\.\.\.|…|[*/^<>?]|\d\s*[-–]\s*\d")
"""Something left out, a formula, a range, a question."""

_DECIMAL = re.compile(r"\d\.\d")
_BELOW = re.compile(
    r"(?i)\W*(?:(?:this|which|it|the|running|code|above|program|will)\s+)*"
    r"(?:(?:expected\s+)?outputs?|prints?|results?|gives|输出|结果|运行结果|输出结果|打印)?\W*"
)
SHOWN_BY = frozenset(("", "text", "txt", "output", "out", "console", "plaintext", "plain"))


@dataclass(frozen=True, eq=False)
class Shown:
    """A statement of a block, what a text says that it gives, and what it gives.

    Attributes:
        block: the block.
        node: the statement.
        stated: the words and numbers of the text.
        computed: those that come out; None where that is not known.
        is_sure: whether the text cannot be about anything else.
    """

    block: Block
    node: ast.stmt
    stated: Sequence[Piece]
    computed: Sequence[Piece] | None
    is_sure: bool = True


def output_findings(
    program: Program, blocks: Sequence[tuple[Source, Code]], flagged: set[ast.AST]
) -> list[tuple[Block, Finding]]:
    """Returns the verdicts on the values that a document says its code gives.

    Args:
        program: the blocks that are Python.
        blocks: all blocks of the document.
        flagged: the statements that were found wrong: what follows from them is not told again.
    """
    texts = [block.code.text for block in program.blocks]
    said = {id(b): {**_said(b), **_below(b, program, blocks)} for b in program.blocks}
    if not any(said.values()) or program.unread or any(map(_OPEN.search, texts)):
        return []
    draws = any("rand" in text for text in texts)
    runs = [_Run(program, said, seed).shown() for seed in (SEEDS if draws else SEEDS[:1])]
    found = []
    for block in program.blocks:
        own = [pair for pair in zip(runs[0], runs[-1], strict=False) if pair[0].block is block]
        found += [(block, f) for f in _judged([one for one, _ in filter(_is_steady, own)], flagged)]
    return found


def _is_steady(pair: tuple[Shown, Shown]) -> bool:
    """Whether the same comes out with other random numbers."""
    one, other = pair
    return one.node is other.node and one.computed is not None and one.computed == other.computed


def _judged(shown: Sequence[Shown], flagged: set[ast.AST]) -> Iterator[Finding]:
    outcomes = [(s, agrees(s.stated, s.computed or ())) for s in shown]
    doubtful = [good for s, good in outcomes if not s.is_sure and good is not None]
    for one, good in outcomes:
        if good is None or _rests_on(one, flagged):
            continue
        values = " ".join(_short(p) for p in one.computed or () if not p.fixed)
        line = ast.unparse(one.node).split("\n")[0]
        if good:
            yield Finding(one.node, line, "ok", "", "it gives what stands beside it")
        elif one.is_sure or len(doubtful) < 2 or 2 * sum(doubtful) >= len(doubtful):
            told = f"the text says {' '.join(p.text for p in one.stated)}"
            words = "the assertion does not hold" if isinstance(one.node, ast.Assert) else told
            yield Finding(one.node, line, "wrong", values, words)


def _short(piece: Piece) -> str:
    return piece.text if piece.value is None else f"{piece.value:.6g}"


def _rests_on(one: Shown, flagged: set[ast.AST]) -> bool:
    nodes = reachable(one.block.names, None, one.node)
    return any(part in flagged for node in nodes for part in ast.walk(node))


# ---------------------------------------------------------------- what the text says


Said = Mapping[ast.stmt, tuple[Sequence[Piece], bool]]
"""For statements the words and numbers beside them, and whether those can only be its value."""


def _said(block: Block) -> Said:
    """Returns what stands in comments behind statements, and behind prompts."""
    comments, found = _comments(block.code.text), dict[ast.stmt, tuple[Sequence[Piece], bool]]()
    comments = {} if _are_numbers_of_steps([*comments.values()]) else comments
    lines = block.code.text.split("\n")
    for node in block.tree.body:
        at = node.end_lineno or node.lineno
        comment = comments.get(at)
        match = _RESULT.match(comment) if comment else None
        if match is not None:
            stated = _stated(node, match["shown"], bool(match["mark"]))
            if stated is not None:
                found[node] = stated
        elif isinstance(node, ast.Assert) and comment is None and "rand" not in block.code.text:
            found[node] = (pieces("True"), True)
        elif PROMPT.match(lines[at - 1]) and isinstance(node, ast.Expr):
            shown = _answer(lines, at)
            if shown is not None:
                found[node] = (pieces(shown), True)
    return found


def _are_numbers_of_steps(comments: Sequence[str]) -> bool:
    """Whether comments only count: # 1, # 2, # 3."""
    found = [m[1] for c in comments if (m := re.fullmatch(r"#\s*\(?(\d)\)?[.!]*\s*", c))]
    return len(found) > 1 and found == [str(i + 1) for i in range(len(found))]


def _stated(node: ast.stmt, shown: str, marked: bool) -> tuple[Sequence[Piece], bool] | None:
    """Returns what a comment says of a statement; None where it may be about something else."""
    found = pieces(shown)
    words = any(p.value is None and p.text not in {"true", "false"} for p in found)
    if not found or _SHAPE.fullmatch(shown) or _NO_VALUE.search(shown):
        return None
    match node:
        case ast.Expr(value=ast.Call(func=ast.Name(id="print"))):
            return found, True
        case ast.Expr(value=ast.Call() | ast.BinOp()) if not words:
            return found, True
        case ast.Assign(targets=[ast.Name()], value=value) if not words and not _is_plain(value):
            if marked or (_DECIMAL.search(shown) and all(p.value is not None for p in found)):
                return found, marked
    return None


def _is_plain(node: ast.expr) -> bool:
    """Whether a value is written down, and nothing is computed."""
    return not any(isinstance(n, ast.Name | ast.Call) for n in ast.walk(node)) or (
        isinstance(node, ast.Call) and ast.unparse(node.func) in {"np.array", "float", "int"}
    )


def _comments(text: str) -> Mapping[int, str]:
    found: dict[int, str] = {}
    text = "\n".join(PROMPT.sub("", line) for line in text.split("\n"))
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT and token.line[: token.start[1]].strip():
                found[token.start[0]] = token.string
    except (tokenize.TokenError, SyntaxError, IndentationError):
        pass  # what was read before still holds
    return found


def _answer(lines: Sequence[str], at: int) -> str | None:
    """Returns the one line behind a prompt; None where there is none, or are several."""
    after = []
    for line in lines[at:]:
        if PROMPT.match(line) or not line.strip():
            break
        after.append(line)
    return after[0] if len(after) == 1 else None


def _below(block: Block, program: Program, blocks: Sequence[tuple[Source, Code]]) -> Said:
    """Returns the lines of the block of output below a block, for each of its prints."""
    codes = [code for source, code in blocks if source is block.source]
    at = codes.index(block.code)
    after = codes[at + 1] if at + 1 < len(codes) else None
    python = any(after is b.code for b in program.blocks)
    if after is None or after.language not in SHOWN_BY or python:
        return {}
    between = block.source.text[block.code.end : after.start]
    between = re.sub(r"(?m)^[ \t>]*(```|~~~).*$", "", between)
    prints = [n for n in ast.walk(block.tree) if _is_print(n)]
    nodes = [s for s in block.tree.body if isinstance(s, ast.Expr) and s.value in prints]
    lines = [line for line in after.text.split("\n") if line.strip()]
    plain = all(not n.keywords and "\\n" not in ast.unparse(n) for n in prints)  # type: ignore[attr-defined]
    if len(between) > 80 or not _BELOW.fullmatch(between) or len(lines) != len(nodes):
        return {}
    if len(nodes) != len(prints) or not plain:
        return {}
    return {node: (pieces(line), True) for node, line in zip(nodes, lines, strict=True)}


def _is_print(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="print")):
            return True
    return False


# ---------------------------------------------------------------- what comes out


@dataclass
class _Run:
    """One run of a document's blocks, with random numbers of its own."""

    program: Program
    said: Mapping[int, Said]
    seed: int
    scope: Scope = field(default_factory=Scope)

    def shown(self) -> list[Shown]:
        """Returns what comes out at each statement of which the text says what it gives."""
        budget = Budget(MOST_STEPS)
        interpreter = Interpreter(self.scope, budget, shared=True)
        interpreter.draws = Draws(self.seed)
        found = []
        for block in self.program.blocks:
            said = self.said[id(block)]
            for node in block.tree.body:
                stated = said.get(node)
                try:
                    computed = self._of(node, interpreter, wanted=stated is not None)
                except Exhausted:
                    return found
                except (NotReadable, RecursionError, *FAILS):
                    computed = None
                    self._forget(node)
                except Exception as error:  # a return, break or continue outside of anything
                    if type(error).__module__ != Interpreter.__module__:
                        raise
                    computed = None
                if stated is not None:
                    found.append(Shown(block, node, stated[0], computed, stated[1]))
        return found

    def _of(self, node: ast.stmt, interpreter: Interpreter, *, wanted: bool) -> list[Piece] | None:
        """Runs a statement and returns what it shows, or the value that it gives a name."""
        match node:
            case ast.Expr(value=ast.Call(func=ast.Name(id="print"), args=nodes, keywords=[])):
                return printed(nodes, interpreter, self.scope) if wanted else None
            case ast.Expr(value=value) if wanted:
                return of_value(interpreter.value(value, self.scope))
            case ast.Assert(test=test):
                truth = interpreter.truth(interpreter.value(test, self.scope)) if wanted else None
                return of_value(truth)
        interpreter.statement(node, self.scope)
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) if wanted:
                return of_value(self.scope.get(name))
        return None

    def _forget(self, node: ast.stmt) -> None:
        """Forgets what a statement that could not be run may have changed."""
        if _only_draws(node):
            return
        used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        for name, value in [*self.scope.items()]:
            kept = isinstance(value, Function | Class | int | float | str) and name not in used
            imported = type(value).__name__ in {"Module", "Builtin"}
            called = isinstance(value, Function) and not _stores(node, name)
            if not (kept or imported or called):
                del self.scope[name]


def _stores(node: ast.AST, name: str) -> bool:
    return any(
        isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store)
        for n in ast.walk(node)
    )


def _only_draws(node: ast.stmt) -> bool:
    """Whether a statement only draws or prints."""
    match node:
        case ast.Expr(value=ast.Call(func=called)):
            root: Any = called
            while isinstance(root, ast.Attribute | ast.Call):
                root = root.value if isinstance(root, ast.Attribute) else root.func
            return isinstance(root, ast.Name) and root.id in SHOWING
    return False
