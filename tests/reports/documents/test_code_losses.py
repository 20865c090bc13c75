"""Whose gradients they are: the loss that code computes decides, factors and all."""

import pytest

from reports.documents import audit_text

LOOP = """import numpy as np
X = np.random.randn(20, 3)
y = np.random.randn(20)
w = np.zeros(3)
b = 0.0
n = len(y)
total = 0.0
lr, k = 0.1, 0.3
for i in range(1, 100):
    yhat = X @ w + b
    {loss}
    dw = {dw}
    db = {db}
    w -= {w}
    b -= {b}
"""
MEAN, HALF = "loss = ((yhat - y) ** 2).mean()", "loss = ((yhat - y) ** 2).sum() / (2 * n)"
SUM = "loss = np.sum((yhat - y) ** 2)"
DW, DB = "X.T @ (yhat - y) / n", "(yhat - y).mean()"
DW2, DB2 = f"2 * {DW}", f"2 * {DB}"


def audited(loss=MEAN, dw=DW2, db=DB2, w="0.1 * dw", b="0.1 * db"):
    """Returns the lines that are accused, and why some are not checked."""
    text = LOOP.format(loss=loss, dw=dw, db=db, w=w, b=b)
    found = audit_text(f"A regression.\n\n```python\n{text}```\n")
    flagged = {text.splitlines()[c.place.line - 4].split()[0] for c in found.flagged}
    return flagged, " ".join(reason for *_, reason in found.coverage.places)


CLEAN = {
    "the mean": {},
    "its half": {"loss": HALF, "dw": DW, "db": DB},
    "two rates": {"w": "0.1 * dw", "b": "0.05 * db"},
    "a rate behind": {"w": "dw * 0.1", "b": "db * 0.1"},
    "a named rate": {"w": "lr * dw", "b": "lr * db"},
    "a factor in the step": {"dw": DW, "db": DB, "w": "lr * 2 * dw", "b": "2 * lr * db"},
    "the number in the step": {
        "loss": SUM,
        "dw": "2 * X.T @ (yhat - y)",
        "db": "2 * (yhat - y).sum()",
    },
    "two losses": {"loss": f"mse = ((yhat - y) ** 2).mean(); {HALF}", "dw": DW, "db": DB},
    "a loss of all rounds": {"loss": "total += ((yhat - y) ** 2).sum()"},
    "a rate that falls": {"w": "0.1 * 0.95 ** i * dw", "b": "0.1 * 0.95 ** i * db"},
    "a named rate that falls": {"w": "lr * 0.95 ** i * dw", "b": "lr * 0.95 ** i * db"},
    "a rate of the round": {"w": "lr / (1 + 0.5 * i) * dw", "b": "lr / (1 + 0.5 * i) * db"},
    "a rate by another name": {"w": "k * dw", "b": "k * db"},
    "two rates of one step": {"w": "k * 0.5 * dw", "b": "k * 0.5 * db"},
    "no loss": {"loss": "pass", "dw": DW, "db": DB},
    "the 2 in each step": {"dw": DW, "db": DB, "w": "0.1 * 2 * dw", "b": "2 * 0.1 * db"},
    "the 2 in one step": {"db": DB, "b": "0.1 * 2 * db"},
    "the 2 in brackets": {"dw": DW, "w": "0.1 * (2 * dw)"},
    "the mean in the step": {"dw": "X.T @ (yhat - y)", "w": "(0.1 / n) * 2 * dw"},
    "2 and the mean in the step": {"db": "(yhat - y).sum()", "b": "0.1 * (2 / n) * db"},
    "a rate of 0.2": {"w": "0.1 * 2 * dw", "b": "0.1 * 2 * db"},
    "a rate of 0.2 for one": {"b": "0.1 * 2 * db"},
    "a named rate, doubled for one": {"w": "lr * dw", "b": "lr * 2 * db"},
    "the rate in each gradient": {"dw": f"0.1 * {DW2}", "db": f"0.1 * {DB2}", "w": "dw", "b": "db"},
    "the rate in one gradient": {"db": f"0.1 * {DB2}", "b": "db"},
    "the named rate in one gradient": {"w": "lr * dw", "db": f"lr * {DB2}", "b": "db"},
}


@pytest.mark.parametrize("name", CLEAN)
def test_right_lines_are_not_accused(name):
    assert audited(**CLEAN[name])[0] == set()


PLANTED = [
    ({"dw": DW}, {"dw"}),
    ({"db": DB}, {"db"}),
    ({"dw": DW, "db": DB}, {"dw", "db"}),
    ({"loss": HALF, "dw": DW}, {"db"}),
    ({"loss": HALF, "db": DB}, {"dw"}),
    ({"loss": SUM, "dw": "2 * X.T @ (yhat - y)"}, {"db"}),
    ({"loss": SUM}, {"dw", "db"}),
    ({"w": "lr * dw", "b": "lr * db", "dw": DW}, {"dw"}),
    ({"w": "0.1 * dw", "b": "0.05 * db", "dw": DW}, {"dw"}),
    ({"dw": DW, "db": DB, "b": "0.1 * 2 * db"}, {"dw"}),
    ({"dw": DW, "b": "0.1 * 2 * db"}, {"dw"}),
    ({"dw": f"-{DW2}", "w": "0.1 * 2 * dw", "b": "0.1 * 2 * db"}, {"dw"}),
    ({"dw": "X.T @ (yhat + y) / n", "w": "2 * 0.1 * dw"}, {"dw"}),
]


def test_a_number_that_may_be_there_twice_is_not_decided():
    flagged, reasons = audited(b="0.1 * 2 * db")
    assert flagged == set()
    assert "belongs to the rate, or is there twice" in reasons


@pytest.mark.parametrize(("changes", "accused"), PLANTED)
def test_a_factor_against_the_loss_is_a_mistake_where_it_stands(changes, accused):
    assert audited(**changes)[0] == accused


OPEN = [
    {"loss": "pass", "dw": DW},
    {"loss": "pass", "db": DB},
    {"loss": "pass", "db": "(yhat - y).sum()", "dw": DW},
    {"w": "dw", "b": "db", "dw": f"k * {DW}", "db": f"k * {DB2}"},
    {"loss": f"mse = ((yhat - y) ** 2).mean(); {HALF}", "dw": DW},
]


@pytest.mark.parametrize("changes", OPEN)
def test_nobody_is_accused_where_the_loss_is_open(changes):
    flagged, reasons = audited(**changes)
    assert flagged == set()
    assert "the gradients by" in reasons
    assert "are not those of one loss" in reasons


RETURNED = """
def gradients(X, y, w, b):
    yhat = X @ w + b
    loss = {loss}
    err = yhat - y
    dw = {dw}
    db = {db}
    return dw, db
"""


@pytest.mark.parametrize(
    ("loss", "dw", "db", "accused"),
    [
        ("np.mean(err ** 2)", "2 * X.T @ err / len(y)", "2 * err.mean()", set()),
        ("np.mean(err ** 2) / 2", "X.T @ err / len(y)", "err.mean()", set()),
        ("np.mean(err ** 2)", "X.T @ err / len(y)", "2 * err.mean()", {"dw"}),
        ("np.mean(err ** 2) / 2", "X.T @ err / len(y)", "2 * err.mean()", {"db"}),
    ],
)
def test_a_function_that_computes_its_loss(loss, dw, db, accused):
    text = RETURNED.format(loss=loss.replace("err", "(yhat - y)"), dw=dw, db=db)
    found = audit_text(f"```python{text}```\n")
    lines = text.splitlines()
    assert {lines[c.place.line - 1].split()[0] for c in found.flagged} == accused
