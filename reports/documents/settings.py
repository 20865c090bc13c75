"""What a document settles outside of its formulas: givens in prose and tables, notation, macros."""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from reports.documents import display
from reports.documents.conventions import Conventions
from reports.documents.environment import Entry, Environment, key_of, numbers
from reports.documents.extract import Code, Formula, Part, Prose
from reports.documents.indices import LETTERS, instance, letters
from reports.documents.source import Source
from reports.documents.statements import statements
from reports.documents.tree import Chain, Node, Symbol, literal
from reports.documents.units import behind
from reports.documents.values import Quantity

ROLE_WORDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "target",
        re.compile(
            r"(?i)(target|label|one-?hot|独热|ground truth|true value"
            r"|真实|实际|标签|目标|期望)[^$]{0,18}$"
        ),
    ),
    ("input", re.compile(r"(?i)(input|输入)[^$]{0,18}$")),
    ("rate", re.compile(r"(?i)(learning rate|step size|学习率|步长)[^$]{0,18}$")),
)
_RATE = re.compile(
    r"(?i)(?:learning[ -]rate|step size|学习率|学习速率)[ \t]{0,3}"
    r"(?:is|of|=|:|为|是|设为|取|：|equal to)?"
    r"[ \t]{0,3}(\d{0,6}\.?\d{1,12})"
)


_ACTIVATION = re.compile(r"(?i)sigmoid|logistic|tanh|relu|identity")
_IS = re.compile(
    r"(?i)(?:\\sigma|σ|\$f\$|\$g\$|\\phi|activation(?: function)?|激活函数)\W{0,6}"
    r"(?:is|are|denotes|be|=|为|是|采用|使用|选用|取|use[sd]?|the|a|\s|\$|均|都)*\W{0,4}"
    r"(sigmoid|logistic|tanh|relu|identity)"
)


def activations(text: str) -> tuple[str, ...]:
    """Returns the activations that σ may stand for, the likeliest first."""
    said = [m[1].lower() for m in _IS.finditer(text)]
    named = [m[0].lower() for m in _ACTIVATION.finditer(text)]
    found = [{"logistic": "sigmoid"}.get(name, name) for name in (*said, "sigmoid", *named)]
    return tuple(dict.fromkeys(found))


def function_names(text: str) -> frozenset[str]:
    """Returns the letters that the text calls an activation, next to an activation's name."""
    found = set()
    for name, written in (("f", "f"), ("g", "g"), ("phi", r"\\(?:var)?phi"), ("psi", r"\\psi")):
        said = rf"\${written}\$[^.\n。]{{0,40}}(?:activation|激活|sigmoid|logistic|tanh|relu)"
        says = rf"(?:activation|激活|sigmoid|logistic|tanh|relu)[^.\n。]{{0,30}}\${written}[$(]"
        if re.search(f"(?i){said}|{says}", text):
            found.add(name)
    return frozenset(found)


_SYMMETRY = re.compile(
    r"(?i)symmetric|covariance|hessian|definite|对称|协方差|黑塞|海森|正定|散度矩阵"
)


_ARBITRARY = re.compile(
    r"(?i)\b(?:is|be) arbitrary\b|\ban arbitrary (?:square )?matri"
    r"|not (?:necessarily )?symmetric|(?:non|a)-?symmetric|为任意(?:方阵|矩阵)|[非不]对称"
)
BESIDE = 400
"""So many characters away words still speak of the matrices of a formula."""


def speaks_of_symmetry(text: str) -> bool:
    """Whether a text speaks of matrices that are symmetric."""
    return bool(_SYMMETRY.search(text))


def is_arbitrary(source: Source, part: Formula) -> bool:
    """Whether the words beside a formula call its matrices arbitrary, and none symmetric."""
    text = source.text
    beside = text[max(0, part.start - BESIDE) : part.end + BESIDE]
    plain = _ARBITRARY.sub("", beside)
    return plain != beside and not speaks_of_symmetry(plain)


_SQUASHING = {"softmax": re.compile(r"(?i)softmax"), "sigmoid": re.compile(r"(?i)sigmoid|logistic")}


_OF_MATRICES = re.compile(r"(?i)\bmatri(?:x|ces)\b|\bvectors?\b|\\mathbb\s*\{?R\}?\^|矩阵|向量")


def speaks_of_matrices(text: str) -> bool:
    """Whether a text says that its letters stand for arrays."""
    return bool(_OF_MATRICES.search(text))


def spoken_functions(text: str) -> frozenset[str]:
    """Returns which of softmax and sigmoid a text speaks of."""
    return frozenset(name for name, words in _SQUASHING.items() if words.search(text))


_RUN = re.compile(
    r"(?i)example|sample|row|iteration|epoch|case|round|second|another|data|exercise|question"
    r"|样本|示例|例|迭代|轮|第[二三四五](?![步层章节部])|练习|数据"
)


def begins_run(heading: str) -> bool:
    """Whether a heading begins another example, sample or iteration, with values of its own."""
    return bool(_RUN.search(heading))


_ITEM = re.compile(
    r"(?i)^[ \t>*_#]*(?:\\(?:item|textbf|paragraph|subsection|noindent|begin)\*?[ {]*)*"
    r"(?:[-+*]|\d{1,3}[.)])?[ *_({]*"
    r"(?:(?:problem|exercise|question|task|quiz|q|ex)[ .]{0,2}\(?\d{1,3}|\d{1,2}\.\d{1,2}[}]"
    r"|example[ .]{0,2}(?:\d{1,3}|[A-Z]\b)|example\}|answers?\b|answer key|参考答案|答案|例\*"
    r"|(?:method|approach|variant|option) (?:\d|[A-Z]\b)|(?:方法|方案)[一二三四五\d]"
    r"|(?:练习题?|习题|例题?|示例|题目?|问题|第)[ ]?\(?(?:\d{1,3}|[一二三四五六七八九十]{1,3})"
    r"(?![ ]?[层步章节轮次个\d]))"
)


def begins_item(line: str) -> bool:
    """Whether a line begins another exercise or example, with functions of its own.

    >>> begins_item("**Problem 4.** Let f be"), begins_item("2. Backward pass")
    (True, False)
    """
    return bool(_ITEM.match(line))


_GIVEN = re.compile(
    r"^[ \t]*([A-Za-zŷηα][\wηα₀-₉^{}]{0,12}\s{0,3}=\s{0,3}-?\d{0,9}\.?\d{1,12})[ \t]*[,;]?$"
)


def read_code(part: Code, source: Source, environment: Environment, shared: Conventions) -> None:
    """Binds the givens that are listed in a block without a language, one in a line."""
    if part.language not in {"", "text", "txt"}:
        return
    offset = part.start
    for line in part.text.split("\n")[:200]:
        match = _GIVEN.match(line)
        if match:
            for chain in statements(match[1], offset, shared):
                named = len(chain.links) == 2 and isinstance(chain.links[0].node, Symbol)
                if named and literal(chain.links[1].node):
                    key = key_of(chain.links[0].node) or ""
                    _bind(key, chain.links[1].node, environment, source.place(offset))
        offset += len(line) + 1


def read_prose(part: Prose, source: Source, environment: Environment, shared: Conventions) -> None:
    """Binds what a line of text gives: a learning rate in plain words."""
    for match in _RATE.finditer(part.text):
        place = source.place(part.start + match.start(1))
        for chain in statements(match[1], part.start + match.start(1), shared):
            _bind("role rate", chain.links[0].node, environment, place)


def role_of(source: Source, part: Formula) -> str:
    """Returns the role that the words before a formula give it, "" for none."""
    line = source.text.rfind("\n", 0, part.start) + 1
    before = source.text[line : part.start].rstrip("$ \\([")
    found = [(m.end(1), role) for role, words in ROLE_WORDS if (m := words.search(before))]
    return max(found)[1] if found else ""


def read_role(part: Formula, chain: Chain, source: Source, environment: Environment) -> bool:
    """Binds a literal that stands alone after words such as "the input is"."""
    if part.display or len(chain.links) != 1 or not literal(chain.links[0].node):
        return False
    role = role_of(source, part)
    if role:
        _bind(f"role {role}", chain.links[0].node, environment, source.place(part.start))
    return bool(role)


def _bind(key: str, node: Node, environment: Environment, place: object) -> None:
    shown = display.stated(node)
    for number in numbers(node):
        environment.learn(number.text, 0.0, given=True)
    environment.bind(key, Entry(shown.value, "given", place, environment.section))  # type: ignore[arg-type]


def read_tables(
    source: Source, parts: Sequence[Part], environment: Environment, shared: Conventions
) -> None:
    """Binds the givens of pipe tables: a name beside its value, or names above their values."""
    for rows in tables(source.text):
        for offset, name, value in named_cells(rows):
            symbol, number = one_side(name, shared), one_side(bare_cell(value), shared)
            if isinstance(symbol, Symbol) and number is not None and literal(number):
                key = key_of(symbol)
                if key is not None:
                    _bind(key, number, environment, source.place(offset))
        for offset, key, number in _by_index(rows, shared):
            shown, unit = display.stated(number).value, display.stated(number).unit
            value = Quantity(shown.value, 0.5 * np.asarray(unit))
            place = source.place(offset)
            environment.bind(key, Entry(value, "stated", place, environment.section))


_ROW = re.compile(r"^[ \t>]*\|(.+)\|[ \t]*$")
_RULE = re.compile(r"^[\s|:>-]+$")


def tables(text: str) -> Iterator[list[tuple[int, list[str]]]]:
    """Yields the pipe tables of a text: each row with its place and its cells."""
    rows: list[tuple[int, list[str]]] = []
    offset = 0
    for line in (*text.split("\n"), ""):
        match = _ROW.match(line)
        if match and not _RULE.match(line):
            rows.append((offset, [cell.strip() for cell in match[1].split("|")]))
        elif not match and rows:
            yield rows
            rows = []
        offset += len(line) + 1


_MARKS = re.compile(r"[✓✔✗✘☑]|:white_check_mark:")


def bare_cell(cell: str) -> str:
    """Returns a cell without marks that say that it was checked, and without the unit behind it."""
    bare = _MARKS.sub("", cell).strip()
    number = re.match(r"\**\$?-?[\d.]+\$?", bare)
    if number is None:
        return bare
    atoms, end = behind(bare, number.end())
    return number[0] if atoms and end == len(bare.rstrip("*")) else bare


def named_cells(rows: list[tuple[int, list[str]]]) -> Iterator[tuple[int, str, str]]:
    """Yields the cells that hold a name, with the place of their row and the cell of its value."""
    width = len(rows[0][1])
    if len(rows) == 2 and width > 2 and all(len(cells) == width for _, cells in rows):
        yield from ((rows[1][0], *pair) for pair in zip(rows[0][1], rows[1][1], strict=True))
        return
    for offset, cells in rows:
        for name, value in zip(cells[::2], cells[1::2], strict=False):
            yield offset, name, value


def _by_index(
    rows: list[tuple[int, list[str]]], shared: Conventions
) -> Iterator[tuple[int, str, Node]]:
    """Yields the cells of a table whose first column is an index: v_2 where row 2 meets v_t."""
    letter = rows[0][1][0].strip("$ *")
    if letter not in LETTERS or not all(cells[0].strip("$ ").isdecimal() for _, cells in rows[1:]):
        return
    names = [one_side(cell, shared) for cell in rows[0][1][1:]]
    for offset, (at, *cells) in rows[1:]:
        for name, cell in zip(names, cells, strict=False):
            number = one_side(cell, shared)
            if isinstance(name, Symbol) and letter in letters(name) and number is not None:
                symbol = instance(name, {letter: int(at.strip("$ "))})
                if literal(number) and isinstance(symbol, Symbol):
                    yield offset, symbol.key, number


def one_side(cell: str, shared: Conventions) -> Node | None:
    """Returns the one side that a cell holds; None where it holds anything else."""
    text = cell.strip("$` *")
    if not text or len(text) > 200:
        return None
    chains = statements(text, 0, shared)
    if len(chains) != 1 or len(chains[0].links) != 1 or chains[0].unread:
        return None
    return chains[0].links[0].node
