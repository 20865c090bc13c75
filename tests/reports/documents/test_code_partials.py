"""Pairs of functions of several arguments: f and df, df_dx, mse and d_mse, bce and bce_grad."""

import pytest

from reports.documents import audit_text

MSE = "def mse(y_pred, y_true):\n    return np.mean((y_pred - y_true) ** 2)"
BCE = "def bce(p, y):\n    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))"
F = "def f(x, y):\n    return x ** 2 * y + np.sin(y)"
HINGE = "def hinge(s, y):\n    return np.mean(np.maximum(0, 1 - y * s))"
LEAKY = "def leaky(x, alpha):\n    return np.where(x > 0, x, alpha * x)"
SLOPED = "2 * (y_pred - y_true) / y_true.size"
TURNED = "2 * (y_true - y_pred) / y_true.size"

# the function, the head of its derivative, what is right, what is wrong
PAIRS = [
    *((MSE, f"{name}(y_pred, y_true)", SLOPED, TURNED)
      for name in ("mse_grad", "grad_mse", "d_mse", "dmse", "mse_prime", "mse_d")),
    (BCE, "bce_grad(p, y)", "(p - y) / (p * (1 - p)) / y.size",
     "(p + y) / (p * (1 - p)) / y.size"),
    (F, "df(x, y)", "(2 * x * y, x ** 2 + np.cos(y))", "(2 * x * y, x ** 2 - np.cos(y))"),
    (F, "grad_f(x, y)", "np.array([2 * x * y, x ** 2 + np.cos(y)])",
     "np.array([2 * x * y, x ** 2 - np.cos(y)])"),
    (F, "df_dx(x, y)", "2 * x * y", "x * y"),
    (F, "df_dy(x, y)", "x ** 2 + np.cos(y)", "x ** 2 - np.cos(y)"),
    (HINGE, "hinge_grad(s, y)", "np.where(y * s < 1, -y, 0) / y.size",
     "np.where(y * s < 1, y, 0) / y.size"),
    (LEAKY, "leaky_grad(x, alpha)", "np.where(x > 0, 1, alpha)", "np.where(x < 0, 1, alpha)"),
]  # fmt: skip


def _code(function: str, head: str, body: str) -> str:
    return f"```python\nimport numpy as np\n\n{function}\n\ndef {head}:\n    return {body}\n```\n"


@pytest.mark.parametrize(("function", "head", "right", "wrong"), PAIRS)
def test_pairs(function, head, right, wrong):
    audited = audit_text(_code(function, head, right))
    assert [claim.verdict for claim in audited.claims] == ["ok"]
    (claim,) = audit_text(_code(function, head, wrong)).flagged
    assert claim.verdict == "derivative"


QUIET = [
    (BCE, "bce_grad(p, y)", "p - y"),  # by what goes into the sigmoid
    (BCE, "bce_grad(p, y)", "(p - y) / (p * (1 - p))"),  # for each sample
    ("def ce(p, y):\n    return -np.sum(y * np.log(p))", "ce_grad(p, y)", "p - y"),
    (F, "df(x, y)", "2 * x * y"),
    ("def area(a, b):\n    return a * b", "darea(a, b)", "np.stack([a, b]) * 1e-3"),
]


@pytest.mark.parametrize(("function", "head", "body"), QUIET)
def test_not_accused(function, head, body):
    assert not audit_text(_code(function, head, body)).flagged
