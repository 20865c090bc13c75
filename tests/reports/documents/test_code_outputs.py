"""Values that a document says its code gives: in comments, behind prompts, below a block."""

import pytest

from reports.documents import audit_text

CUBE = "def f(x):\n    return x**3\n\ndef df(x):\n    return 3*x**2\n\n"
SIGMOID = "import numpy as np\n\ns = 1/(1 + np.exp(-1.0))\n"

# what stands before a value, what is right, what is wrong
VALUES = [
    (CUBE + "print(df(2))  # ", "12", "6"),
    (CUBE + "print(df(2))  # prints ", "12", "8"),
    (CUBE + "df(2)  # → ", "12", "8"),
    (CUBE + "df(0.5)  # => ", "0.75", "0.25"),
    (CUBE + "df(0.5)  # ≈ ", "0.8", "0.7501"),
    (CUBE + "print(f(2), df(2))  # ", "8 12", "8 6"),
    (CUBE + "print('f:', f(2))  # ", "f: 8", "f: 6"),
    (CUBE + "print('f:', f(2))  # ", "8", "6"),
    (CUBE + "print(f'{df(0.3):.2f}')  # ", "0.27", "0.30"),
    (CUBE + "print(f'{0.256:.0%}')  # ", "26%", "25%"),
    (CUBE + "print(round(df(0.333), 3))  # ", "0.333", "0.332"),
    (CUBE + "assert df(2) == ", "12", "6"),
    (SIGMOID + "grad = s*(1 - s)  # ", "0.1966", "0.2500"),
    (SIGMOID + "grad = s*(1 - s)  # = ", "0.2", "0.3"),
    (SIGMOID + "print(np.array([s, 1 - s]))  # ", "[0.731 0.269]", "[0.731 0.296]"),
    (SIGMOID + "print(np.isclose(s, 0.731058579))  # ", "True", "False"),
    (">>> def df(x):\n...     return 3*x**2\n>>> df(2)\n", "12", "6"),
    (">>> df = lambda x: 3*x**2\n>>> df(2.0)\n", "12.0", "8.0"),
    (">>> import numpy as np\n>>> np.exp(np.float64(0))\n", "np.float64(1.0)", "np.float64(0.0)"),
    (CUBE + "print('f:', f(2))\nprint(df(2))\n```\n\nOutput:\n\n```\nf: 8\n", "12", "6"),
    (CUBE + "print(df(2))\n```\n\n输出：\n\n```text\n", "12", "6"),
]  # fmt: skip


def _block(body: str) -> str:
    return f"```python\n{body}\n```\n"


@pytest.mark.parametrize(("before", "right", "wrong"), VALUES)
def test_values(before, right, wrong):
    audited = audit_text(_block(before + right))
    assert not audited.flagged
    assert any(claim.verdict == "ok" for claim in audited.claims)
    (claim,) = audit_text(_block(before + wrong)).flagged
    assert claim.verdict == "wrong"


QUIET = [
    "x = 3.0\ny = x**2  # 1\nz = y + 1  # 2\nprint(z)  # 3",  # steps
    "x = 3.0\nprint(x**2)  # (1)\nprint(x)  # (2)!",  # annotations
    "x = 3.0\na = x**2  # 3.1\nb = a + x  # 3.2\nc = b + a  # 3.3",  # equations
    "x = 3.0\nn = x**2  # 10 features\nm = x + 1  # 0 to 1\nk = 2*x  # not 5.5",
    "lr = 0.1  # 0.01",
    "import numpy as np\nX = np.ones((3, 4))\nprint(X @ np.ones((4, 2)))  # (3, 2)",
    "import numpy as np\nnp.random.seed(0)\nx = np.random.randn()\nprint(x)  # 1.764",
    "import numpy as np\nx = np.random.rand(3)\nassert x.sum() > 2.9",
    "import numpy as np\nx = np.float32(0.1)\nprint(float(x))  # 0.10000000149011612",
    "import time\nt = time.time()\nprint(time.time() - t)  # 0.05",
    "f = lambda x: x**2\nassert f(3) == 6  # fails: it is 9",
    "h = 1e-5\nprint(((2+h)**3 - (2-h)**3)/(2*h) - 12)  # 7.9e-11",
    "print(round(2.675, 2))  # 2.67\nprint(-7 // 2, 1e3)  # -4 1000.0",
    "import numpy as np\na = np.array([1, 2])\na[0] = 7.9\nprint(a)  # [7 2]",
    "import numpy as np\nprint(np.exp(np.arange(5.0)))  # [1. 2.718 ... 54.598]",
    "from lib import fit\np = [1.0, 2.0]\nw = p\nfit(p)\nprint(w)  # [0.3, 0.7]",
    "with open('w') as file:\n    x = float(file.read())\nprint(x)  # 3.5",
    "for i in range(2):\n    print(i)\nprint('end')\n```\n\n```\n0\n1\nend",
    "print(1 + 1)\n```\n\nNow the configuration:\n\n```\nlayers 3",
    "f = lambda x: x**2\n```\n\n```python\ndef f(x)\n    return x**3\n```\n\n"
    "```python\nprint(f(2))  # 8",
]


@pytest.mark.parametrize("body", QUIET)
def test_not_accused(body):
    assert not audit_text(_block(body)).flagged


def test_blocks_are_one_program():
    blocks = "f = lambda x: x**2\nprint(f(2))  # 4", "f = lambda x: x**3\nprint(f(2))  # 8"
    audited = audit_text("\n".join(map(_block, blocks)))
    assert [c.verdict for c in audited.claims] == ["ok", "ok"]


def test_what_follows_from_wrong_code_is_not_told_again():
    body = "def f(x):\n    return x**3\n\ndef df(x):\n    return 3*x\n\nprint(df(2))  # 12"
    (claim,) = audit_text(_block(body)).flagged
    assert claim.verdict == "derivative"
