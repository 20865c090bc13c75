"""Classes that words give as the true ones: one-hot targets."""

import pytest

from reports.documents.audit import audit_text

SCORES = "The network gives probabilities $p = [0.2, 0.5, 0.3]$. "
LOSS = "$L = -\\sum_i y_i \\log p_i = {}$."
ZERO = "The classes are class 0, class 1 and class 2. "

TOLD = [
    (SCORES + "The true class is 2 (of 3), and " + LOSS, "0.693", "1.204"),
    (SCORES + "The true class is $3$ (out of 3). Then " + LOSS, "1.204", "0.693"),
    (
        SCORES + "The target $y$ is the one-hot vector of the second class. " + LOSS,
        "0.693",
        "1.204",
    ),
    (SCORES + "The sample belongs to class B (one-hot $[0, 1, 0]$). " + LOSS, "0.693", "1.204"),
    (SCORES + "Of classes 1 to 3 the label is class 2. " + LOSS, "0.693", "1.204"),
    (SCORES + ZERO + "The true class is 2, so " + LOSS, "1.204", "0.693"),
    ("概率 $p = [0.2, 0.5, 0.3]$，标签为第 2 类。损失" + LOSS, "0.693", "1.204"),
    (
        SCORES
        + "The true class is 2 (of 3). Then $\\frac{{\\partial L}}{{\\partial z}} = p - y = {}$.",
        "[0.2, -0.5, 0.3]",
        "[0.2, 0.5, -0.7]",
    ),
]


@pytest.mark.parametrize(("text", "right", "wrong"), TOLD)
def test_one_hot_targets_in_words(text: str, right: str, wrong: str) -> None:
    good, bad = audit_text(text.format(right)), audit_text(text.format(wrong))
    assert not good.flagged and not good.lacks
    assert bad.flagged


@pytest.mark.parametrize("stated", ["0.693", "1.204"])
def test_nothing_is_guessed_where_classes_may_count_from_zero(stated: str) -> None:
    audited = audit_text(SCORES + "The true class is 2, so " + LOSS.format(stated))
    assert not audited.flagged and audited.lacks


@pytest.mark.parametrize(
    "text",
    [
        SCORES + "The predicted class is 2 (of 3). With the label $y = [0, 0, 1]$, " + LOSS,
        SCORES + "The label is class 2 of 3 for sample A. With $y = [0, 0, 1]$ instead, " + LOSS,
    ],
)
def test_another_label_is_no_mistake(text: str) -> None:
    assert not audit_text(text.format("1.204")).flagged
