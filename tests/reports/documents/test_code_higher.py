"""Second derivatives, Hessians and Jacobians in code, and functions that are lambdas."""

import pytest

from reports.documents import audit_text

CUBE = "def f(x):\n    return x**3\n\ndef df(x):\n    return 3*x**2"
SINE = "def f(x):\n    return np.sin(x)\n\ndef f_prime(x):\n    return np.cos(x)"
SIGMOID = "def sigmoid(z):\n    return 1/(1+np.exp(-z))"
PLANE = "def f(v):\n    x, y = v\n    return x**2*y + y**3"
PAIR = "def F(v):\n    x, y = v\n    return np.array([x*y, x + y**2])"
SOFTMAX = "def softmax(z):\n    e = np.exp(z - z.max())\n    return e / e.sum()"
FIT = "def L(w, x, y):\n    return (w*x - y)**2"

# the functions, the head of a derivative of theirs, what is right, what is wrong
DERIVATIVES = [
    *((CUBE, f"{name}(x)", "6*x", wrong)
      for name in ("d2f", "ddf", "d2f_dx2", "second_derivative", "f_second", "f_double_prime")
      for wrong in ("3*x", "6*x**2")),
    (SINE, "f_double_prime(x)", "-np.sin(x)", "np.sin(x)"),
    (SIGMOID, "sigmoid_second(s)", "s*(1-s)*(1-2*s)", "s*(1-s)*(1-s)"),
    (PLANE, "grad(v)", "np.array([2*v[0]*v[1], v[0]**2 + 3*v[1]**2])",
     "np.array([2*v[0]*v[1], v[0]**2 + v[1]**2])"),
    (PLANE, "hessian(v)", "np.array([[2*v[1], 2*v[0]], [2*v[0], 6*v[1]]])",
     "np.array([[2*v[1], 2*v[0]], [2*v[0], 3*v[1]]])"),
    (PAIR, "jacobian(v)", "np.array([[v[1], v[0]], [1.0, 2*v[1]]])",
     "np.array([[v[1], v[0]], [1.0, v[1]]])"),
    (SOFTMAX, "softmax_jacobian(z)", "np.diag(softmax(z)) - np.outer(softmax(z), softmax(z))",
     "np.diag(softmax(z)) + np.outer(softmax(z), softmax(z))"),
    (FIT, "dLdw(w, x, y)", "2*(w*x - y)*x", "2*(w*x - y)"),
    (FIT, "dL_dw(w, x, y)", "2*(w*x - y)*x", "(w*x - y)*x"),
]  # fmt: skip


def _code(functions: str, head: str, body: str) -> str:
    return f"```python\nimport numpy as np\n\n{functions}\n\ndef {head}:\n    return {body}\n```\n"


@pytest.mark.parametrize(("functions", "head", "right", "wrong"), DERIVATIVES)
def test_derivatives(functions, head, right, wrong):
    audited = audit_text(_code(functions, head, right))
    assert audited.claims
    assert {claim.verdict for claim in audited.claims} == {"ok"}
    (claim,) = audit_text(_code(functions, head, wrong)).flagged
    assert claim.verdict == "derivative"


QUIET = [
    (SOFTMAX, "softmax_jacobian(p)", "np.diag(p) - np.outer(p, p)"),  # of its value
    (PAIR, "jacobian(v)", "np.array([[v[1], 1.0], [v[0], 2*v[1]]])"),  # transposed
    (PLANE, "grad(v)", "0.5*np.array([2*v[0]*v[1], v[0]**2 + 3*v[1]**2])"),  # of another mean
    ("def f(v):\n    return np.sum(v**4)", "hessian(v)", "12*v**2"),  # its diagonal
    ("def a(x):\n    return x**2", "add(x)", "x + 1"),
    ("def x(t):\n    return t**2", "dd(t)", "t"),
    ("def loss(x):\n    return x**2", "d2_loss(x)", "x**4"),
]


@pytest.mark.parametrize(("functions", "head", "body"), QUIET)
def test_not_accused(functions, head, body):
    assert not audit_text(_code(functions, head, body)).flagged


@pytest.mark.parametrize(("right", "wrong"), [("3*x**2", "3*x"), ("3*x*x", "2*x**2")])
def test_lambdas(right, wrong):
    text = "```python\nf = lambda x: x**3\ndf = lambda x: {}\n```\n"
    assert [claim.verdict for claim in audit_text(text.format(right)).claims] == ["ok"]
    (claim,) = audit_text(text.format(wrong)).flagged
    assert claim.place.line == 3


@pytest.mark.parametrize(
    "text",
    [
        "```python\n%%bash\npip install numpy\nls -l\n```\n",
        "```python\npip install numpy\npython train.py --lr=0.1\n```\n",
        "```\n$ pip install torch\n```\n",
        "```cpp\ndouble df(double x) { return 2*x; }\n```\n",
        "```js\nconst df = x => 3*x;\n```\n",
    ],
)
def test_other_languages_count_for_nothing(text):
    assert audit_text(text).coverage.statements == 0


def test_magics_are_left_out():
    text = "```python\n!pip install numpy\n%matplotlib inline\ndef f(x):\n    return x**2\n\n"
    text += "def df(x):\n    return {}\n```\n"
    assert not audit_text(text.format("2*x")).flagged
    assert len(audit_text(text.format("x")).flagged) == 1
