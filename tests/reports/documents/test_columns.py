"""Cells of tables against the headings of their columns, and the sums below them."""

import pytest

from reports.documents import audit, audit_text
from reports.documents.annotated import annotated_copy

UNIT = """{words}

| $p$ | $t$ | $s$ | {out} | $o - t$ | $\\delta = (o-t)\\,o\\,(1-o)$ |
|---|---|---|---|---|---|
| 1 | 0 | 0.1 | 0.5250 | 0.5250 | 0.1309 |
| 2 | 1 | -0.2 | 0.4502 | -0.5498 | -0.1361 |
| 3 | 1 | 0.6 | 0.6457 | -0.3543 | -0.0811 |
| 4 | 0 | 0.3 | 0.5744 | 0.5744 | 0.1404 |
"""
ENGLISH = UNIT.replace("{words}", "One epoch:").replace("{out}", "$o = \\sigma(s)$")
CHINESE = UNIT.replace("{words}", "各样本的结果：").replace("{out}", "输出 $o = \\sigma(s)$")
SLOPES = """
| $x$ | $\\sigma(x)$ | $\\sigma'(x)$ | $\\tanh(x)$ |
|:--:|:--:|:--:|:--:|
| -2 | 0.1192 | 0.1050 | -0.9640 |
| -1 | 0.2689 | 0.1966 | -0.7616 |
| 0 | 0.5 | 0.25 | 0 |
| 2 | 0.8808 | 0.1050 | 0.9640 |
"""
SUMS = """
| from | 0 | 1 | 2 | 3 |
|---|---|---|---|---|
| $y_1$ | 0.5 | 0.25 | -1 | |
| $y_2$ | | | -1 | -0.5 |
| {} | 0.5 | 0.25 | -2 | -0.5 |
"""

PLANTED = [
    (ENGLISH, "-0.1361", "0.1361"),
    (CHINESE, "-0.1361", "0.1361"),
    (ENGLISH, "0.6457", "0.6657"),
    (CHINESE, "0.6457", "0.6657"),
    (ENGLISH, "| 0.5744 | 0.1404", "| -0.5744 | 0.1404"),
    (CHINESE, "0.1309", "0.1039"),
    (SLOPES, "0.1966", "0.1696"),
    (SLOPES, "-0.7616", "0.7616"),
    (SUMS.replace("{}", "sum"), "| -2 |", "| -1 |"),
    (SUMS.replace("{}", "合计"), "| -2 |", "| 2 |"),
]


@pytest.mark.parametrize("text", [ENGLISH, CHINESE, SLOPES, SUMS.replace("{}", "**Total**")])
def test_right_tables_are_confirmed(text):
    audited = audit_text(text)
    assert not audited.flagged
    assert audited.claims


@pytest.mark.parametrize(("text", "right", "wrong"), PLANTED)
def test_slips_are_found_in_their_row(text, right, wrong):
    (claim,) = audit_text(text.replace(right, wrong, 1)).flagged
    assert claim.place.line == text[: text.index(right)].count("\n") + 1


QUIET = [
    # another function than the heading seems to name: no cell comes out
    "| $s$ | $o = \\sigma(s)$ |\n|---|---|\n| 0.1 | 0.0997 |\n| 0.5 | 0.4621 |\n| 1 | 0.7616 |\n",
    "| $x$ | $\\log x$ |\n|---|---|\n| 10 | 1 |\n| 100 | 2 |\n| 1000 | 3 |\n",
    # decisions, and what needs more than its row
    "| $z$ | $\\hat y = \\sigma(z)$ |\n|---|---|\n| 2 | 1 |\n| -3 | 0 |\n| 1 | 1 |\n",
    "| $t$ | $g$ | $v = 0.9 v + g$ |\n|---|---|---|\n| 1 | 1 | 1 |\n"
    "| 2 | 1 | 1.9 |\n| 3 | 1 | 2.71 |\n",
    "| $x$ | $y = wx + b$ |\n|---|---|\n| 1 | 3 |\n| 2 | 5 |\n| 3 | 8 |\n",
    # zeros come out of anything
    "| $x$ | $y = x^3$ |\n|---|---|\n| 0 | 0 |\n| 0.0 | 0 |\n| 2 | 4 |\n",
    # rounded on the way, cut off, or with few digits
    "| $x$ | $e = e^{-x}$ | $p = \\frac{1}{1 + e}$ |\n|---|---|---|\n| 1 | 0.37 | 0.73 |\n"
    "| 2 | 0.14 | 0.88 |\n| 3 | 0.05 | 0.95 |\n",
    # no sums
    "| | a | b | c |\n|---|---|---|---|\n| 1 | 2 | 3 | 0.5 |\n| 2 | 4 | 5 | 0.7 |\n"
    "| mean | 3 | 4 | 0.6 |\n",
    "| 层 | 参数 | 输出 |\n|---|---|---|\n| 1 | 12 | 4 |\n| 2 | 10 | 2 |\n| 合计 | 22 | 2 |\n",
    "| a | b |\n|---|---|\n| $x$ | $x^2$ |\n| $y$ | $2y$ |\n| sum | $x+y$ |\n",
    "| $x$ | $x$ | $2x$ |\n|---|---|---|\n| 1 | 2 | 4 |\n| 2 | 3 | 4 |\n| 3 | 4 | 8 |\n",
]


@pytest.mark.parametrize("text", QUIET)
def test_other_tables_are_not_accused(text):
    assert not audit_text(text).flagged


def test_a_remark_does_not_cut_a_table(tmp_path):
    path = tmp_path / "table.md"
    path.write_text(ENGLISH.replace("-0.1361", "0.1361"), encoding="utf-8")
    lines = [*annotated_copy(audit(path))]
    rows = [at for at, line in enumerate(lines) if line.startswith("|")]
    assert rows == [*range(rows[0], rows[0] + 6)]
    assert any("✗" in line for line in lines[rows[-1] :])
