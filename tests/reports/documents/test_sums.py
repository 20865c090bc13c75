"""Sums and averages in words, of values that are known one by one."""

import pytest

from reports.documents.audit import audit_text

ERRORS = "The errors are $e_1 = 0.2$, $e_2 = 0.3$ and $e_3 = 0.4$. "
LOSSES = "The losses are $L_1 = 0.2$, $L_2 = 0.3$ and $L_3 = 0.4$. "
CHINESE = "三个样本的损失为 $L_1 = 0.2$，$L_2 = 0.3$，$L_3 = 0.4$。"

ADDED = [
    (ERRORS + "The sum of the three errors is {}.", "0.9", "0.8"),
    (ERRORS + "The errors add up to {}.", "0.9", "0.8"),
    (ERRORS + "The average of the three errors is {}.", "0.3", "0.4"),
    (LOSSES + "Averaging over the batch gives {}.", "0.3", "0.4"),
    (LOSSES + "The mean loss is {}.", "0.3", "0.4"),
    (CHINESE + "三个样本的平均损失为 {}。", "0.3", "0.4"),
]


@pytest.mark.parametrize(("text", "right", "wrong"), ADDED)
def test_sums_and_averages(text: str, right: str, wrong: str) -> None:
    good, bad = audit_text(text.format(right)), audit_text(text.format(wrong))
    assert not good.flagged and not good.lacks
    assert bad.flagged


@pytest.mark.parametrize(
    "text",
    [
        ERRORS + "The sum of the first two errors is 0.5.",
        ERRORS + "The sum of the two errors is 0.5.",
        ERRORS + "The average of the squared errors is 0.097.",
        ERRORS + "Suppose instead that the sum of the errors is 1.2.",
        ERRORS + "After the update the sum of the errors is 0.6.",
        ERRORS + "The mean absolute error of the baseline is 0.7.",
        LOSSES + "Over the whole data the mean loss is 0.35.",
        LOSSES + "The weighted mean loss is 0.33.",
        LOSSES + "After training, the mean loss is 0.1.",
        LOSSES + "The mean loss of the second batch is 0.5.",
        CHINESE + "训练后平均损失为 0.1。",
        CHINESE + "两个样本的平均损失为 0.25。",
        CHINESE + "加权平均损失为 0.33。",
        "Two losses, $L_1 = 0.2$ and $L_3 = 0.4$, are known. The mean loss is 0.5.",
    ],
)
def test_other_sums_are_not_accused(text: str) -> None:
    assert not audit_text(text).flagged
