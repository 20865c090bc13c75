"""Numbers in backward passes: the slope of a leaky unit, the factor of a power."""

import pytest

from reports.documents import audit_text

UNITS = {
    "leaky": """
class Leaky:
    def __init__(self, slope=0.1):
        self.slope = slope

    def forward(self, x):
        self.mask = x > 0
        return np.where(self.mask, x, self.slope * x)

    def backward(self, grad):
        return np.where(self.mask, grad, self.slope * grad)
""",
    "tanh of a cubic": """
class Gelu:
    def forward(self, x):
        self.x = x
        self.t = np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3))
        return 0.5 * x * (1 + self.t)

    def backward(self, dy):
        x, t = self.x, self.t
        dt = (1 - t ** 2) * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x ** 2)
        return dy * (0.5 * (1 + t) + 0.5 * x * dt)
""",
    "rectifier": """
class Rectifier:
    def __init__(self, slope=0.1):
        self.slope = slope  # of no use here

    def forward(self, x):
        self.mask = x > 0
        return np.where(self.mask, x, 0 * x)

    def backward(self, grad):
        return np.where(self.mask, grad, 0 * grad)
""",
    "power": """
class Power:
    def forward(self, x):
        self.x = x
        return x ** 3 / 3

    def backward(self, grad):
        return grad * self.x ** 2
""",
    "exponential": """
class Exponential:
    def __init__(self, alpha=0.7):
        self.alpha = alpha

    def forward(self, x):
        self.x = x
        self.y = np.where(x > 0, x, self.alpha * (np.exp(x) - 1))
        return self.y

    def backward(self, grad):
        return grad * np.where(self.x > 0, 1, self.y + self.alpha)
""",
}

PLANTED = [
    ("exponential", "self.y + self.alpha", "self.y"),
    ("leaky", "self.slope * grad", "0 * grad"),
    ("leaky", "self.slope * grad", "0.01 * grad"),
    ("tanh of a cubic", "3 * 0.044715", "0.044715"),
    ("power", "x ** 3 / 3", "x ** 3"),
]

WORDS = ["", "反向传播的代码如下：", "Forward and backward:"]


def _audited(code, words):
    return audit_text(f"{words}\n\n```python\nimport numpy as np\n{code}```\n")


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("name", UNITS)
def test_right_units_are_confirmed(name, words):
    audited = _audited(UNITS[name], words)
    assert [claim.verdict for claim in audited.claims] == ["ok"]


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize(("name", "right", "wrong"), PLANTED)
def test_wrong_numbers_are_found(name, right, wrong, words):
    code = UNITS[name].replace(right, wrong)
    assert code != UNITS[name]
    assert [claim.verdict for claim in _audited(code, words).claims] == ["derivative"]


STEPS = """
def step_forward(x, prev, Wx, Wh):
    h = np.tanh(x @ Wx + prev @ Wh)
    return h, (x, prev, Wx, Wh, h)

def step_backward(dh, cache):
    x, prev, Wx, Wh, h = cache
    da = dh * (1 - h ** 2)
    return da @ Wx.T, da @ Wh.T, x.T @ da, prev.T @ da

def rnn_forward(x, h0, Wx, Wh):
    n, steps, _ = x.shape
    hs, caches, prev = np.zeros((n, steps, h0.shape[1])), [], h0
    for t in range(steps):
        prev, cache = step_forward(x[:, t], prev, Wx, Wh)
        hs[:, t] = prev
        caches.append(cache)
    return hs, caches

def rnn_backward(dh, caches):
    n, steps, width = dh.shape
    dx = np.zeros((n, steps, caches[0][0].shape[1]))
    dW, dU = np.zeros_like(caches[0][2]), np.zeros_like(caches[0][3])
    dprev = np.zeros((n, width))
    for t in reversed(range(steps)):
        dx[:, t], dprev, dWt, dUt = step_backward(dh[:, t] + dprev, caches[t])
        dW += dWt
        dU += dUt
    return dx, dprev, dW, dU
"""


def test_an_argument_that_lacks_a_term():
    assert [claim.verdict for claim in _audited(STEPS, "").claims] == ["ok", "ok"]
    wrong = _audited(STEPS.replace("dh[:, t] + dprev", "dh[:, t]"), "").flagged
    assert ["dprev" in claim.explanation for claim in wrong] == [True]


def test_a_case_that_lacks_its_slope():
    code = UNITS["leaky"].replace("self.slope * grad)", "0)")
    (claim,) = _audited(code, "").claims
    assert claim.verdict == "derivative"
    assert "self.slope" in claim.explanation
    assert [
        c.verdict for c in _audited(UNITS["rectifier"].replace("0 * grad", "0"), "").claims
    ] == ["ok"]
