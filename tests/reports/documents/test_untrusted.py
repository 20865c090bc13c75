"""Any input takes bounded time, raises nothing but `Unreadable`, and runs nothing."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.documents import Unreadable, audit_text
from reports.documents.audit import audit_sources
from reports.documents.results import FORMATS
from reports.documents.source import sources
from reports.worked_examples.documents import FOLDER, KNOWN

SECONDS = 20  # of a slow machine; each takes below 2 on a usual one

CASES = {
    "braces": "$$" + "{" * 100_000 + "$$",
    "fractions": "$$" + r"\frac{1}{" * 3000 + "1" + "}" * 3000 + "$$",
    "parentheses": "$$" + "(" * 5000 + "1" + ")" * 5000 + "$$",
    "a long sum": "$$ a = " + "+".join(["1"] * 1900) + " = 5 $$",
    "a long product": "$$ a = " + r" \cdot ".join(["1.5"] * 1300) + " = 5 $$",
    "towers": "$$ 9^{9^{9^{9^9}}} = 3 $$ $$ e^{1000000} = 1$$ $$ 10^{400} = 2 $$ $1e999 = 2$",
    "sums": r"$$ \sum_{i=1}^{1000000000} i = 3 $$ $$ \sum_{i=1}^{999} \sum_{j=1}^{999} 1 = 3 $$",
    "dollars": "$" * 100_000,
    "opened": r"\begin{align}" * 10_000 + r"\[" * 10_000,
    "backticks": "`" * 50_000 + "` `` " * 20_000,
    "tables": "|a|b|\n" * 20_000,
    "comments": "<!--" * 50_000,
    "macros": "\\newcommand{\\a}{\\a\\a\\a\\a}\n$\\a = 1$",
    "a circle": r"$a = b + 1$ $b = a + 1$ $\frac{\partial a}{\partial b} = a + b$",
    "doubling": "".join(f"$x_{{{i + 1}}} = x_{{{i}}} x_{{{i}}}$\n" for i in range(200))
    + r"$x_0=1$ $\frac{dx_{200}}{dx_0} = 3$",
    "rates": "learning rate" + " " * 50_000 + "x" + "learning rate " * 20_000,
    "wrong figures": "$$a = 0.123 \\cdot 0.456 + 0.789 - 0.5 = 17.5$$\n" * 200,
}


@pytest.mark.parametrize("name", CASES)
def test_pathological_input_ends(name):
    begin = time.perf_counter()
    audit_text(CASES[name])
    assert time.perf_counter() - begin < SECONDS


def test_what_is_longer_is_cut_and_said():
    begin = time.perf_counter()
    audited = audit_sources("long", sources(b"words and words, no maths. " * 400_000))
    assert audited.notes
    assert time.perf_counter() - begin < SECONDS


@given(st.binary(max_size=400), st.sampled_from([".md", ".tex", ".ipynb"]))
def test_random_bytes(data, suffix):
    try:
        audit_sources("random", sources(data, suffix))
    except Unreadable:
        pass


PIECES = [
    *("\\frac{", "}", "{", "$", "$$", "\\\\", "&", "\\begin{bmatrix}", "\\end{bmatrix}", "=", "^"),
    *("_", "(", ")", "[", "|", "\\sum_", "\\partial", "-", "\\text{", "`", "\n\n", "0", "\\left"),
    *("1.5", "a", "\\cdot ", "\\sigma", "'", "\\hat", ",", " ", "\\begin{cases}", ":=", "×", "\\|"),
]


@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_random_formulas(pieces):
    audit_text("$$" + "".join(pieces) + "$$")


@given(st.sampled_from(sorted(KNOWN)), st.integers(0, 2**32))
def test_broken_documents_in_every_format(name, seed):
    rng = random.Random(seed)
    text = list((FOLDER / name).read_text(encoding="utf-8")[:2500])
    for _ in range(12):
        at = rng.randrange(len(text))
        text[at : at + rng.randrange(3)] = rng.choice(PIECES)
    audited = audit_text("".join(text))
    for form, render in FORMATS.items():
        if form != "annotated":
            assert all(isinstance(line, str) for line in render((audited,)))
