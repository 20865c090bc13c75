"""Code in documents is read by a whitelist and never run."""

import pytest

from reports.documents import audit_text

NET = """```python
def sigmoid(x):
    return 1 / (1 + np.exp(-x))

def backprop(x, y, w1, w2):
    h = sigmoid(w1 @ x)
    y_pred = sigmoid(w2 @ h)
    delta2 = {delta}
    delta1 = (w2.T @ delta2) * h * (1 - h)
    dw2 = delta2 @ h.T
    dw1 = delta1 @ x.T
    return dw1, dw2
```"""


def code(text, words="均方误差"):
    return [c for c in audit_text(f"{words}\n\n{text}").claims if c.kind == "code"]


@pytest.mark.parametrize(
    ("delta", "words", "verdict"),
    [
        ("(y_pred - y) * y_pred * (1 - y_pred)", "mean squared error", "ok"),
        ("y_pred - y", "cross-entropy", "ok"),
        ("y_pred - y", "mean squared error", "derivative"),
        ("(y - y_pred) * y_pred * (1 - y_pred)", "mean squared error", "derivative"),
        ("2 * (y_pred - y)", "cross-entropy", "derivative"),
    ],
)
def test_gradients(delta, words, verdict):
    claim = code(NET.format(delta=delta), words)[0]
    assert claim.verdict == verdict


def test_line_of_the_mistake():
    claim = code(NET.format(delta="y_pred - y"))[0]
    assert (claim.place.line, claim.place.column) == (10, 5)


BEYOND = [
    "import os\nos.system('touch {path}')",
    "def backward(x, y, w1):\n    open('{path}', 'w')\n    return dw1",
    "def backward(x, y, w1):\n    y_pred = __import__('os').system('touch {path}')\n"
    "    dw1 = w1\n    return dw1",
    "def backward(x, y, w1):\n    y_pred = x.__class__\n    dw1 = w1\n    return dw1",
    "def backward(x, y, w1):\n    y_pred = 10 ** 10 ** 10\n    dw1 = w1\n    return dw1",
    "def backward(x, y, w1):\n    y_pred = backward(x, y, w1)\n    dw1 = w1\n    return dw1",
    "def backward(x, y, w1):\n    while True: pass\n    return dw1",
    "def backward(x, y, w1):\n    y_pred = np.load('{path}')\n    dw1 = w1\n    return dw1",
    "def f(:\n",
    "def backward(x):\n    return " + "(" * 500 + "x" + ")" * 500,
    *(
        f"class Layer:\n    def forward(self, x):\n        {line}\n        return x\n"
        "    def backward(self, dy):\n        return dy"
        for line in (
            "open('{path}', 'w')",
            "x = np.zeros((10**6, 10**6))",
            "x = [0] * 99 * 99 * 99 * 99 * 99",
            "n = 99999\n        for i in range(20): n = n * n",
            "for i in range(10**9): pass",
            "x.__class__.__base__.__subclasses__()",
            "f'{x.__class__}'",
            "np.random.bytes(10)",
            "np.save('{path}', x)",
            "self.forward(x)",
            "exec('import os')",
            "x = x.tobytes()",
            "[a for a in range(3000) for b in range(3000)]",
            "x.resize((10**5, 10**5))",
        )
    ),
]


@pytest.mark.parametrize("body", BEYOND)
def test_beyond_the_whitelist_is_not_read_and_not_run(body, tmp_path):
    path = tmp_path / "written"
    text = f"```python\n{body.replace('{path}', str(path))}\n```"
    audited = audit_text(text)
    assert not audited.flagged
    assert audited.coverage.unchecked == 1
    assert not path.exists()


def test_backward_that_runs_for_square_weights_only():
    body = """class Dense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dy):
        self.dW = self.x.T @ dy
        return dy @ self.W"""
    (claim,) = code(f"```python\n{body}\n```")
    assert (claim.verdict, claim.place.line) == ("shape", 14)


MEANS = """class Dense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dy):
        m = len(self.x)
        self.dW = self.x.T @ dy {first}
        self.db = dy.sum(axis=0) {second}
        return dy @ self.W.T"""


@pytest.mark.parametrize(
    ("first", "second", "wrong"), [("/ m", "/ m", ()), ("", "", ()), ("", "/ m", ("b",))]
)
def test_means_over_the_samples_are_for_all_parameters_or_for_none(first, second, wrong):
    claims = code(f"```python\n{MEANS.format(first=first, second=second)}\n```")
    flagged = [claim.explanation for claim in claims if claim.flagged]
    assert len(flagged) == len(wrong)
    for explanation, parameter in zip(flagged, wrong, strict=True):
        assert f"not the gradient by {parameter}" in explanation
        assert "a mean over the samples stands where a sum belongs" in explanation


def test_one_average_for_two_gradients():
    body = "def backward(g):\n    dW = np.mean(g)\n    db = np.mean(g)\n    return dW, db"
    text = f"```python\n{body}\n```"
    (claim,) = code(text)
    assert claim.flagged


SHOWING = [
    "import numpy as np\nimport matplotlib.pyplot as plt",
    "%matplotlib inline\n%load_ext autoreload",
    "",
    "# nothing here",
    "plt.figure(figsize=(4, 3))\nplt.plot(losses)\nplt.show()",
    "fig, axs = plt.subplots(2)\naxs[0].plot(x, y)\nfor ax in axs:\n    ax.set_xlabel('w')",
    "print('loss:', loss)\nprint(w)",
    "np.random.seed(1)",
]
HIDING = [
    "dw = x * (y - t)",
    "plt.plot(losses)\ndw = x * (y - t)",
    "for a in ax:\n    w -= 0.1 * dw",
    "def backward(x):\n    print(x)",
]


@pytest.mark.parametrize(
    ("body", "count"), [*((body, 0) for body in SHOWING), *((body, 1) for body in HIDING)]
)
def test_what_only_imports_or_shows_is_nothing_to_check(body, count):
    assert audit_text(f"```python\n{body}\n```").coverage.unchecked == count
