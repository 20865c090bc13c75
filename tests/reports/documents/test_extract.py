import pytest

from reports.documents.extract import Code, Formula, Unterminated, extract
from reports.documents.source import Source, Unreadable, sources


def formulas(text, suffix=".md"):
    (source,) = sources(text.encode(), suffix)
    found = [part for part in extract(source) if isinstance(part, Formula)]
    return [(str(source.place(part.start)), part.text.strip()) for part in found]


FOUND = [
    ("a $x$ b", [("1:4", "x")]),
    ("$$\nx = 1\n$$", [("1:3", "x = 1")]),
    (r"\[ x \] and \( y \)", [("1:3", "x"), ("1:15", "y")]),
    ("1. one\n\n   $$z = 1$$", [("3:6", "z = 1")]),
    ("> quoted $a = 1$", [("1:11", "a = 1")]),
    ("> $$\n> a = 1\n> $$", [("1:5", "a = 1")]),
    ("```math\na = 1\n```", [("2:1", "a = 1")]),
    ("$`a = 1`$", [("1:3", "a = 1")]),
    ("价格，$x=1$，和（$y=2$）", [("1:5", "x=1"), ("1:13", "y=2")]),
    (r"\begin{align}a &= 1\end{align}", [("1:1", r"\begin{align}a &= 1\end{align}")]),
    ("- item\n    - $x$ deep", [("2:8", "x")]),
]


@pytest.mark.parametrize(("text", "found"), FOUND, ids=[text for text, _ in FOUND])
def test_formulas_with_line_and_column(text, found):
    assert formulas(text) == found


LEFT_ALONE = [
    "it costs $5 and $10",
    "from $5-$10 a piece",
    r"escaped \$x = 1\$ dollars",
    "a code span `$x = 1$`, and ``$y$``",
    "```\n$x = 1$\n```",
    "~~~python\nx = '$y$'\n~~~",
    "text\n\n    $x = 1$ in indented code\n",
    "<!-- $x = 1$ -->",
    "$a\n\nb$",
]


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_what_is_no_formula(text):
    assert formulas(text) == []


@pytest.mark.parametrize(
    "text", ["$$\nx = 1\n", "$$ x\n\n# Heading\n\n$$y$$", r"\[ x = 1", r"\begin{align} x"]
)
def test_unterminated_formula_is_reported(text):
    assert any(isinstance(part, Unterminated) for part in extract(Source(text)))


def test_latex_comments_and_verbatim_are_no_maths():
    text = "% $x = 9$\n\\begin{verbatim}\n$y = 1$\n\\end{verbatim}\n$z = 2$ 50\\% $w$"
    assert formulas(text, ".tex") == [("5:2", "z = 2"), ("5:15", "w")]


@pytest.mark.parametrize(
    "code", [r"\verb|$1 + 1 = 3$|", r"\verb*!$a$ % b!", r"\lstinline[language=C]+$a$+"]
)
def test_latex_code_within_a_line_is_no_maths(code):
    assert formulas(f"{code} and $z = 2$", ".tex") == [(f"1:{len(code) + 7}", "z = 2")]


def test_code_blocks_keep_their_language():
    (code,) = (p for p in extract(Source("```python\nx = 1\n```")) if isinstance(p, Code))
    assert (code.language, code.text) == ("python", "x = 1\n")


def test_notebook_by_cell_and_line():
    data = (
        b'{"cells": [{"cell_type": "markdown", "source": ["a\\n", "$x = 1$"]},'
        b' {"cell_type": "code", "source": "y"}]}'
    )
    first, second = sources(data, ".ipynb")
    (formula,) = (p for p in extract(first) if isinstance(p, Formula))
    assert str(first.place(formula.start)) == "cell 1, 2:2"
    assert second.code


@pytest.mark.parametrize(
    ("data", "suffix", "words"),
    [
        (b"\0\1\2", ".md", "binary"),
        (b"\xff\xfeab", ".md", "UTF-8"),
        (b"[1]", ".ipynb", "notebook"),
        (b"{", ".ipynb", "notebook"),
    ],
)
def test_unreadable(data, suffix, words):
    with pytest.raises(Unreadable, match=words):
        sources(data, suffix)
