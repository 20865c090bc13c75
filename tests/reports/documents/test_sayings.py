"""Values in words: found where they are wrong, bound where they are given, open where unsaid."""

import pytest

from reports.documents.audit import audit_text

UNIT = "Let $x = 2$, $w = 1.5$ and $h = w x$. "
LOSS = (
    "Take $x = 2$, $w = 0.4$, $t = 1$. The prediction is $y = w x$ and the loss is"
    " $L = \\frac12 (y - t)^2$.\n\n"
)
CHINESE = "取 $x = 2$，$w = 0.4$，$t = 1$，预测 $y = w x$，损失 $L = \\frac12 (y - t)^2$。\n\n"
HIDDEN = "设 $x = 2$，$w = 1.5$，隐藏单元的输出 $h = wx$。"

FOUND = [
    ("With $x = 2$ and $w = 1.5$, the hidden value $h = wx$ is {}.", "3", "5"),
    ("With $x = 2$ and $w = 1.5$, the hidden value $h = wx$ is ${}$.", "3", "5"),
    (UNIT + "So $h$ equals {}.", "3", "5"),
    (UNIT + "Hence $h$ is {}.", "3", "5"),
    (UNIT + "So $h$ = {}.", "3", "5"),
    (UNIT + "This gives **$h$** = {}.", "3", "5"),
    (UNIT + "Evaluating it, $h$ turns out to be {}.", "3", "5"),
    (UNIT + "The value of $h$ is thus {}.", "3", "5"),
    (HIDDEN + "因此隐藏单元的输出为 {}。", "3", "5"),
    (HIDDEN + "于是 $h$ 等于 {}。", "3", "5"),
    (LOSS + "The loss $L$ is therefore {}.", "0.02", "0.05"),
    (LOSS + "So the loss is {}.", "0.02", "0.05"),
    (LOSS + "The loss is {}.", "0.02", "0.05"),
    (LOSS + "We obtain a loss of {}.", "0.02", "0.05"),
    (LOSS + "$L$ = {}", "0.02", "0.05"),
    (LOSS + "Now $L = \\frac12 (0.8 - 1)^2$, which evaluates to {}.", "0.02", "0.05"),
    (LOSS + "The loss is $\\frac12 (0.8 - 1)^2$ (that is, ${}$).", "0.02", "0.05"),
    (LOSS + "So the gradient with respect to $w$ is ${}$.", "-0.4", "0.4"),
    (LOSS + "$\\frac{{\\partial L}}{{\\partial w}}$ is ${}$.", "-0.4", "0.4"),
    (LOSS + "The derivative of $L$ with respect to $w$ is {}.", "-0.4", "0.4"),
    (CHINESE + "损失为 {}。", "0.02", "0.05"),
    (CHINESE + "因此 $L$ 对 $w$ 的梯度为 ${}$。", "-0.4", "0.4"),
    ("Let the input $x$ be 4 and the weight $w$ be 0.5. Then $y = wx = {}$.", "2", "3"),
    ("输入 $x$ 为 4，权重 $w$ 为 0.5。于是 $y = wx = {}$。", "2", "2.5"),
    ("Take $m = 2$ and $v = 3$. Hence the energy $E = \\frac12 m v^2$ is {} J.", "9", "10"),
]


@pytest.mark.parametrize(("text", "right", "wrong"), FOUND)
def test_values_in_words(text: str, right: str, wrong: str) -> None:
    good, bad = audit_text(text.format(right)), audit_text(text.format(wrong))
    assert not good.flagged and not good.lacks
    assert bad.flagged


OTHERWISE = [
    "Suppose the loss is 0.3.",
    "After one step the loss is 0.01.",
    "For another sample the loss is 0.5.",
    "If instead $w = 1$, the loss $L$ is 0.5.",
    "With $w = 0.5$ the loss is 0.",
    "With $w = 1$ the prediction is 2 and the loss is 0.5.",
    "Doubling $w$, the loss is 0.18.",
    "So the regularised loss is 0.1.",
    "A friend claims that the loss is 0.2, which is wrong.",
    "A common mistake is to forget the half: then $L$ is 0.04.",
    "The loss should be 0.",
    "The loss is not 0.5.",
    "The loss is 0 when $y = t$.",
    "So $L$ is 2 or less.",
    "So $y$ is 2-dimensional.",
    "Then $L$ is 25 times smaller.",
    "We require that $y$ is 0.5. Then $w$ is 0.25.",
    "We require that $y$ is 2. Then $L$ is 0.5.",
    "Suppose the input is 3. Then $y$ is 1.2.",
    "Suppose the input is 3. Then $y = 1.2$.",
    "Take $x$ to be 3; $y$ is then 1.2.",
    "The weight $w$ is to be 1 next; then $y$ equals 2.",
    "- Sample A: the loss is 0.02.\n- Sample B: the loss is 0.05.",
    "## With momentum\n\nThe loss is 0.05.",
    "| case | result |\n|---|---|\n| a | the loss is 0.05 |",
    "Thus $x$, $y$ and $L$ are 2, 0.8 and 0.02.",
    "Therefore the loss is 0.02 to 0.03.",
]


@pytest.mark.parametrize("words", OTHERWISE)
def test_what_is_said_of_something_else_is_not_accused(words: str) -> None:
    assert not audit_text(LOSS + words).flagged


@pytest.mark.parametrize(
    "words",
    [
        "若 $w$ 等于 1，则损失等于 0.5。",
        "更新后损失为 0.01。",
        "第二个样本的损失为 0.05。",
        "理想情况下损失为 0。",
        "假设输入为 3。于是 $y$ 为 1.2。",
        "平均损失为 0.04。",
    ],
)
def test_nor_in_chinese(words: str) -> None:
    assert not audit_text(CHINESE + words).flagged


@pytest.mark.parametrize(
    "words",
    ["$y$ is now 3.", "The accuracy is 80%.", "So the regularised loss is 0.1.", "准确率为 90%。"],
)
def test_what_is_left_open_is_said(words: str) -> None:
    assert audit_text(LOSS + words).lacks


@pytest.mark.parametrize(
    "words", ["Let $x$ be $4$. Then $y = {}$.", "设 $x$ 为 $4$。则 $y = {}$。"]
)
def test_what_is_given_anew_in_words_is_put_in(words: str) -> None:
    before = "$y = a x + b$, $a = 1$, $b = 2$, $x = 3$: $y = 5$.\n\n"
    right, wrong = (audit_text(before + words.format(value)) for value in ("6", "7"))
    assert not right.flagged and not right.lacks
    assert not wrong.flagged and wrong.lacks
