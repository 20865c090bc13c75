"""Copies of documents with remarks: valid documents of their kind, and all of the original."""

import json
import re

import pytest

from reports.cli import main

LATEX = r"""\documentclass{article}
\begin{document}
The sum is $1 + 1 = 3$, and 5\% of it
\begin{align}
a &= 2 + 2 = 5 \\
b &= 1 + 2 = 3
\end{align}
\begin{verbatim}
% not a comment
\end{verbatim}
\[ c = 3 \cdot 3 = 6 \]
\end{document}
"""
CODE = "def f(x):\n    return x ** 2\n\ndef f_prime(x):\n    return 3 * x\n"
CELLS = [
    {"cell_type": "raw", "id": "r", "metadata": {}, "source": ["---"]},
    {
        "cell_type": "markdown",
        "id": "a",
        "metadata": {"tags": ["x"]},
        "source": ["# Sums\n", "\n", "$$\n", "1 + 1 = 3\n", "$$\n", "and more, “π”"],
    },
    {"cell_type": "markdown", "id": "b", "metadata": {}, "source": "Right: $1 + 1 = 2$"},
    {
        "cell_type": "code",
        "execution_count": 1,
        "id": "c",
        "metadata": {},
        "outputs": [],
        "source": CODE,
    },
]


def notebook(version=5, **changes):
    return {
        "cells": CELLS,
        "metadata": {"k": 1},
        "nbformat": 4,
        "nbformat_minor": version,
    } | changes


def annotated(path, text, capsys):
    path.write_text(text, encoding="utf-8")
    assert main(["audit", str(path), "--format", "annotated"]) == 1
    return capsys.readouterr().out


def test_latex_has_comments_and_is_else_the_same(tmp_path, capsys):
    copy = annotated(tmp_path / "notes.tex", LATEX, capsys).splitlines()
    remarks = [line for line in copy if line.startswith("% gradcheck")]
    assert [line for line in copy if line not in remarks] == LATEX.split("\n")
    assert [int(n) for r in remarks for n in re.findall(r"line (\d+):", r)[:1]] == [3, 5, 11]
    assert copy[3].startswith("% gradcheck, line 3: wrong. Right: 2.")


def test_no_comment_stands_where_it_would_be_printed(tmp_path, capsys):
    text = f"\\begin{{lstlisting}}[language=Python]\n{CODE}\\end{{lstlisting}}\nmore\n"
    copy = annotated(tmp_path / "notes.tex", text, capsys)
    assert copy.index("\\end{lstlisting}") < copy.index("% gradcheck") < copy.index("more")


@pytest.mark.parametrize("ids", [True, False])
def test_a_notebook_stays_a_notebook(ids, tmp_path, capsys):
    cells = [cell if ids else {k: v for k, v in cell.items() if k != "id"} for cell in CELLS]
    given = notebook(5 if ids else 4, cells=cells)
    copy = json.loads(annotated(tmp_path / "notes.ipynb", json.dumps(given), capsys))
    assert {k: v for k, v in copy.items() if k != "cells"} == {
        k: v for k, v in given.items() if k != "cells"
    }
    raw, sums, right, code, remark = copy["cells"]
    assert [raw, right, code] == [cells[0], cells[2], cells[3]]
    assert sums["metadata"] == {"tags": ["x"]}
    text = "".join(sums["source"])
    assert text.index("$$\n\n> **✗**") < text.index("and more")
    assert all(line in text for line in cells[1]["source"])
    assert remark["cell_type"] == "markdown"
    assert remark.keys() == {"cell_type", "metadata", "source"} | ({"id"} if ids else set())
    assert "derivative" in "".join(remark["source"])
    names = [cell.get("id") for cell in copy["cells"]]
    assert not ids or len(set(names)) == len(names)


def test_the_copy_of_a_notebook_says_the_same(tmp_path, capsys):
    path = tmp_path / "copy.ipynb"
    path.write_text(annotated(tmp_path / "n.ipynb", json.dumps(notebook()), capsys), "utf-8")
    assert main(["audit", str(path), "--format", "json"]) == 1
    claims = json.loads(capsys.readouterr().out)["documents"][0]["claims"]
    assert sum(claim["verdict"] in {"wrong", "derivative"} for claim in claims) == 2


def test_a_notebook_is_copied_by_itself(tmp_path, capsys):
    paths = [tmp_path / "n.ipynb", tmp_path / "m.ipynb"]
    for path in paths:
        path.write_text(json.dumps(notebook()), encoding="utf-8")
    assert main(["audit", *map(str, paths), "--format", "annotated"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "by itself" in captured.err
