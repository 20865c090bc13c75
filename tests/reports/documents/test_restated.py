"""Values stated in sentences, and gradients stated bare, against what defines them."""

import pytest

from reports.documents import audit_text
from reports.documents.stance import stance

SUM = "$a = 2$, $b = 3$. We compute $d = a + b$.\n\n"
DATA = "$n = 4$, $x = (1, 2, 3, 4)$, $\\mu = \\frac{1}{n} \\sum_i x_i = 2.5$.\n\n"
VARIANCE = f"{DATA}$\\sigma^2 = \\frac{{1}}{{n}} \\sum_i (x_i - \\mu)^2$. "
CHAIN = "设 $x = 3$，$w = 0.5$，$c = 1$。\n\n$$z = w x + c, \\quad h = \\tanh(z)$$\n\n"
SOFTMAX = (
    "$z = (2, 1, 0.1)$, $y = (1, 0, 0)$.\n\n$p = \\mathrm{softmax}(z) = (0.659, 0.242, 0.099)$\n\n"
    "$L = -\\sum_i y_i \\log p_i = 0.417$\n\n"
)
LOGISTIC = (
    "$x = (1, -2, 0.5)$, $w = (0.3, 0.1, -0.4)$, $t = 1$.\n\n$z = \\sum_i w_i x_i = -0.1$, "
    "$\\hat y = \\sigma(z) = 0.4750$, $E = \\frac12 (\\hat y - t)^2 = 0.1378$\n\n"
)

WRONG = [
    (f"{SUM}The result is $d = 6$.", "5"),
    (f"{SUM}Hence\n\n$$d = 6$$", "5"),
    (f"{SUM}$m = 2 d$, $f = m^2$. This gives $f = 90$.", "100"),
    (f"{SUM}Then $d = 5$, and later on we again get $d = 7$.", "5"),
    (f"{VARIANCE}So $\\sigma^2 = 1.67$.", "1.25"),
    (f"{VARIANCE}Therefore $\\sigma^2 \\approx 1.67$.", "1.25"),
    (f"{CHAIN}代入得 $z = 2.6$。", "2.5"),
    (f"{CHAIN}因此 $h = 0.97$。", "0.986614"),
    (f"{SOFTMAX}$\\frac{{\\partial L}}{{\\partial z}} = (-0.341, 0.248, 0.099)$", "0.242433"),
    (f"{LOGISTIC}$\\frac{{\\partial E}}{{\\partial w}} = (-0.1309, 0.2618, -0.0645)$", "-0.065"),
]

JACOBIAN = (
    "$J = \\operatorname{diag}(s) - s s^\\top$.\n\n### In numbers\n\n"
    "Take $s = (0.7, 0.2, 0.1)^\\top$.\n\n"
    "$$J = \\begin{bmatrix} 0.21 & -0.14 & -0.07 \\\\ -0.14 & %s & -0.02 \\\\"
    " -0.07 & -0.02 & 0.09 \\end{bmatrix}$$"
)
CENTRAL = "$\\frac{L(0.41, -0.3) - L(0.39, -0.3)}{%s} = \\frac{0.1498 - 0.1525}{0.02} = -0.135$"
WRONG += [
    (JACOBIAN % "0.26", "[-0.14, 0.16, -0.02]"),
    (CENTRAL % "0.01", "0.01"),
    ("$\\frac{f(2.1) - f(1.9)}{0.1} = \\frac{4.41 - 3.61}{0.2} = 4$", "0.1"),
]

WRONG += [
    ("$z = w x + c$.\n\n## Example\n\n$w = 2$, $x = 3$, $c = 1$, so $z = 8$.", "7"),
    ("## 公式\n\n$z = w x + c$。\n\n## 例子\n\n设 $w = 2$，$x = 3$，$c = 1$。于是 $z = 8$。", "7"),
]

GIVEN = [
    f"{SUM}Suppose that $d = 6$.",
    f"{SUM}Now take $d = 6$ and go on.",
    f"{SUM}We want $d = 6$.",
    f"{SUM}For $d = 6$ all is the same.",
    f"{VARIANCE}The unbiased estimate has $n - 1$: $\\sigma^2 = 1.67$.",
    f"{CHAIN}若取 $z = 2.6$，",
    f"{CHAIN}目标为 $h = 1$。",
]

OPEN = [
    f"{SUM}$d = 6$",
    f"{SUM}If $d$ is as before, so $d = 6$.",
    f"{CHAIN}The decision is yes, so $h = 1$.",  # made of what was computed
    f"{CHAIN}因此 $z = 2.6$，而 $x = 4$ 时 $z = 3$。",
]

LINE = "$y = a x + b$, $a = 1$, $b = 2$, $x = 3$: $y = 5$.\n\n"
LOSS = "$L = (w - 5)^2$.\n\n"
SLOPE = "$\\frac{dL}{dw} = w - 5$"
CHANGED = [
    "Setting $b$ to zero gives $y = 3$.",
    "Without the bias we get $y = 3$.",
    "Dropping $b$ yields $y = 3$.",
    "去掉偏置后得 $y = 3$。",
    "The measurement gives $y = 5.2$.",
    "Doubling $x$ gives $y = 8$.",
    "Doubling $x$ gives $y = a x + b = 8$.",
    "Doubling $x$ gives\n\n$$y = 8$$",
    "把 $x$ 加倍得到 $y = 8$。",
    "将 $x$ 减半，得 $y = 3.5$。",
    "Perturbing $x$ by $h = 0.1$ gives $y = 5.1$.",
    "Flipping the sign of $x$ gives $y = -1$.",
    "Normalising gives $y = 1$.",
    "归一化后得 $y = 1$。",
    "Training finally gives $y = 7$.",
    "训练结束后，得 $y = 7$。",
    "A bug in the code yields $y = 6$.",
    "Moving $x$ by $0.1$ we get $y = 5.1$.",
    "将 $x$ 增加 $0.1$，得 $y = 5.1$。",
    "Clipping to norm $1$ gives $y = 1$.",
    "二阶泰勒展开得 $y = 5.5$。",
    "Leaving out the outlier gives $y = 4$.",
    "Adding one to $b$ gives $y = 6$.",
    "Replace $a$ by $3$. Then $y = 11$.",
    "Replace $a$ by $3$.\n\nThen\n\n$$y = 11$$",
    "So at $4$ we get $y = 6$.",
    "The input becomes $4$. So $y = 6$.",
    "Let us take twice the input. Then $y = 8$.",
    "This gives $y = 7$ for $x = 4$.",
    "So $y = 6$ when the input is $4$.",
    "We get $y = 3$ without the bias.",
    "因此 $y = 7$（当 $x = 4$ 时）。",
    "得 $y = 3$（去掉偏置）。",
    "So $y = 6$? No.",
    "Now $y = 7$.",
    "This time $y = 7$.",
]
DENIED = [
    "So the condition $d = 6$ is not met.",
    "So the claim that $d = 6$ is false.",
    "Therefore the line $d = 6$ is never reached.",
    "So the event $d = 6$ has probability zero.",
    "因此条件 $d = 6$ 不成立。",
    "因此 $d = 6$ 的假设错误。",
    "A common mistake is\n\n$$d = 6$$",
    "常见错误：$d = 6$。",
    "It is not true that $d = 6$.",
    "So $d = 6$ would be wrong.",
    "It follows that $d = 6$ cannot happen.",
    "所以 $d = 6$ 不可能。",
]
LEFT_OUT = [
    f"Ignoring the factor 2, {SLOPE}.",
    f"忽略常数因子，{SLOPE}。",
    f"The factor 2 is absorbed into the learning rate: {SLOPE}.",
    f"A common mistake is {SLOPE}.",
    f"常见错误：{SLOPE}。",
    f"It is not true that {SLOPE}.",
    f"One might think that {SLOPE}.",
    f"Thus {SLOPE}, ignoring the factor 2.",
    f"Thus {SLOPE} (the factor 2 is absorbed into the learning rate).",
    f"则 {SLOPE}（忽略常数因子 2）。",
]
OTHERS = [
    *(LINE + text for text in CHANGED),
    *(SUM + text for text in DENIED),
    *(LOSS + text for text in LEFT_OUT),
]
WRONG += [
    (f"{LINE}So we get $y = 8$.", "5"),
    (f"{LINE}Plugging in the numbers, we obtain $y = 8$, as above.", "5"),
    (f"{LINE}The output of the network is therefore $y = 8$.", "5"),
    (f"{LINE}代入得到 $y = 8$。", "5"),
    (f"{LINE}Doubling $x$ gives $y = 2 \\cdot 3 + 2 = 9$.", "8"),
    (f"{LOSS}So we get {SLOPE}.", "2 (w − 5)"),
]

RIGHT = [
    JACOBIAN % "0.16",
    CENTRAL % "0.02",
    "$\\frac{f(2.1) - f(1.9)}{0.2} = \\frac{4.41 - 3.61}{0.2} = 4$",
    "$\\frac{f(2)}{4} = \\frac{8}{4} = 2$ and $\\frac{f(6)}{3} = \\frac{10}{3} = 3.33$",
    "$s = (0.7, 0.2, 0.1)^\\top$, $J = s s^\\top$.\n\n### Of another $s$\n\n$$J = "
    "\\begin{bmatrix} 0.25 & 0.15 & 0.10 \\\\ 0.15 & 0.09 & 0.06 \\\\"
    " 0.10 & 0.06 & 0.04 \\end{bmatrix}$$",
    f"{SUM}The result is $d = 5$.",
    f"{SUM}Another example: take $a = 4$, so $d = 7$.",
    f"{SUM}## Example 2\n\n$a = 1$, $b = 1$. So $d = 2$.",
    f"{SUM}## Example 2\n\nLet $a = 7$. So $d = 9$.",
    "$z = w x$.\n\n## Example 1\n\n$w = 2$, $x = 3$, so $z = 6$.\n\n## Example 2\n\nThe input is "
    "twice as large, so $z = 12$.",
    f"{SUM}$d := d + 1 = 6$\n\nSo $d = 6$.",
    f"{VARIANCE}So $\\sigma^2 = 1.25$, hence $\\sigma \\approx 1.118$.",
    f"{CHAIN}因此 $z = 2.5$，$h = 0.987$。",
    "## Forward\n\n$w = 2$, $x = 3$, $z = w x = 6$.\n\n$$w := w - 0.1 \\cdot 5 = 1.5$$\n\nSo now "
    "$w = 1.5$, and $z = 4.5$.",
    "$f(u) = u^2$, $v = 3$. If we move it by $0.1$, then $f = 3.1^2 = 9.61$.",
    "$q = x + y$, $f = q z$. $x = -2$, $y = 5$, $z = -4$: $q = 3$, $f = -12$. If $x$ grows by "
    "$0.1$, then $f = (3.1)(-4) = -12.4$.",
    f"{SOFTMAX}$\\frac{{\\partial L}}{{\\partial z}} = (-0.341, 0.242, 0.099)$",
    f"{SOFTMAX}$\\frac{{\\partial L}}{{\\partial z}} = (-0.34, 0.24, 0.10)$",
    f"{LOGISTIC}$\\frac{{\\partial E}}{{\\partial w}} = (-0.1309, 0.2618, -0.0655)$",
    "$y = w x + b$ with $w = 2$, $x = 1$ and $b = 1$. The target is $5$, so the error is "
    "$e = y - 5 = -2$.",
    "$y = w x + b$，其中 $w = 2$，$x = 1$，$b = 1$。目标值为 $5$，误差 $e = y - 5 = -2$。",
    "$d = a + b$, $a = 1$, $b = 2$. The label is $1$. $e = d - 1 = 2$.",
]
ROLES = [
    ("The target is $5$. $L = (y - 3)^2 = 1$.", "4"),
    ("目标值为 $5$。$L = (y - 3)^2 = 1$。", "4"),
    ("The learning rate is $0.1$. $s = 2 \\eta = 0.3$.", "0.2"),
]
WRONG += ROLES


@pytest.mark.parametrize(("text", "right"), WRONG)
def test_a_value_that_was_found_is_recomputed(text, right):
    flagged = audit_text(text).flagged
    assert any(right in claim.right for claim in flagged)


@pytest.mark.parametrize("text", GIVEN)
def test_a_value_given_anew_is_not_accused(text):
    audited = audit_text(text)
    assert not audited.flagged
    assert not audited.lacks or audited.lacks == "nothing was checked"


@pytest.mark.parametrize("text", OPEN)
def test_a_value_left_open_is_not_checked(text):
    assert audit_text(text).coverage.unchecked or audit_text(text).flagged


@pytest.mark.parametrize("text", OTHERS)
def test_what_is_changed_or_denied_is_not_checked(text):
    audited = audit_text(text)
    assert not audited.flagged
    assert audited.coverage.unchecked


@pytest.mark.parametrize("text", RIGHT)
def test_a_right_value_is_not_accused(text):
    assert not audit_text(text).flagged


WORDS = [
    ("So $", "found"),
    ("故 $", "found"),
    ("It costs 3 units. Hence the sum $a$ gives $", "found"),
    ("Take it. Then\n\n$$\n", "found"),
    ("Let $", "given"),
    ("So far so good. Suppose $", "given"),
    ("若 $", "given"),
    ("Suppose it doubles, so $", "open"),
    ("So it is.\n\n$", "open"),
    ("Hence $c = 1$. $", "open"),
    ("- so $a = 1$\n- $", "open"),
]


@pytest.mark.parametrize(("text", "expected"), WORDS)
def test_what_words_say_of_a_value(text, expected):
    assert stance(text, len(text)) == expected
