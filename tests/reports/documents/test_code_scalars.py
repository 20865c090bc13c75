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
}

PLANTED = [
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
