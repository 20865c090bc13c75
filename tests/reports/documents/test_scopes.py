"""What holds where: exercises, quotes, other cases and conventions; none of it is accused."""

import pytest

from reports.documents.audit import audit_text

QUIET = [
    # an equation for y, a derivative put to 0, a gate of one step, a number as a point
    "$y = x^2 + 1$ is a curve. Another: $y' = 2xy$.",
    "$x = 5$ first. $D(x) = x^4 - 5x^2$, $\\frac{dD}{dx} = 4x^3 - 10x = 0$.",
    "$$h_t = (1-z)\\odot h_{t-1}+z\\odot n$$ Let $g=\\frac{\\partial L}{\\partial h_t}$. "
    "$$\\frac{\\partial L}{\\partial z}=g\\odot(n-h_{t-1})$$",
    "$p(t) = t^2\\sin t$. At $t=\\pi$ this is $p'(\\pi) = -\\pi^2 \\approx -9.87$.",
    "The loss is L = (0.7 - 1)² = 0.09.",
    "```python\ndef huber(r, d=1.0):\n    a = np.abs(r)\n"
    "    return np.where(a <= d, 0.5 * r ** 2, d * (a - 0.5 * d))\n\n"
    "def huber_grad(r, d=1.0):\n    return np.clip(r, -d, d)\n```",
    "$x = (0, 1, 4, 5)$. $\\gamma_{11} = 0.9$, $N_1 = 2$. "
    "$$\\mu_1 = \\frac{1}{N_1}\\sum_n\\gamma_{n1}x_n = 0.5179$$",
    "$f(x) = \\frac12x^\\top Ax - b^\\top x$, so $\\nabla f(x) = Ax - b$.",
    "Start at $w_0 = 1$. $L(w) = (w-3)^2$ and $L'(w) = 2(w-3)$. At $w_0 = 1$ the gradient is -4.",
    # another exercise has functions of its own
    "**Q1.** $f(x)=3x^2-2x+1$, $f'(x)=6x-2$.\n\n**Q3.** Assume $f'(x) = 3x^2$ and $f(0) = 2$. "
    "Then $f(x) = x^3 + 2$, $f(2) = 10$.",
    "**Q3.** $f(x) = x^3 + 2$, $f(2) = 10$.\n\n**Q4.** If $f(2) = 5$, $f'(2) = -1$, then "
    "$(f g)'(2) = -1 g(2) + 5 g'(2)$.",
    "**Problem 1.** $y = x^x$.\n\n**Problem 4.** Let $f(x,y) = x^2y + 3xy^2$. Then $f_{xx} = 2y$.",
    "**题 5** $y = \\ln(x+\\sqrt{1+x^2})$。\n\n**题 6** 参数方程 $x = t^2$，$y = t^3$："
    "$\\frac{dy}{dx} = \\frac{3t^2}{2t} = \\frac{3t}{2}$。",
    "方法一：$w_{t+1} = w_t - \\eta f'(w_t)$，$w_0 = 0$，$\\eta = 0.1$，$f(w) = (w-2)^2$。\n\n"
    "方法三（牛顿）：$w_1 = 0 - \\frac{-4}{2} = 2$。",
    "**例** 取 $f(x)=\\sqrt x$。\n\n**参考答案** 1. $2x$ 2. $f'(1)=4$",
    # a point that words name
    "Slope of $x^2 + y^2 = 25$ at $(x, y) = (3, 4)$.\n\nLet $f(x,y) = x^2y + 3xy^2$. "
    "At $(1,2)$: $f_x = 16$, $f_y = 13$.",
    # what is quoted, asked or denied
    "A student writes $\\frac{d}{dx}\\sin(x^2) = \\cos(x^2)$. What is wrong?",
    "> **Q:** Isn't $\\frac{d}{dx}e^{-x^2} = e^{-x^2}$?\n\n**A:** No!",
    "I originally wrote $\\sigma'(x) = \\sigma(x)(1+\\sigma(x))$, which is of course wrong.",
    "误区 2：认为 $\\frac{d}{dx}a^x = xa^{x-1}$。正确：$\\frac{d}{dx}a^x = a^x\\ln a$。",
    "**问：** $(\\sin x)' = -\\cos x$ 对不对？",
    "原文第 3 行 $0.2\\times0.5 = 0.01$ 有误，应为 $0.2\\times0.5 = 0.1$。",
    "| 页 | 误 | 正 |\n|---|---|---|\n| 12 | $(e^{2x})' = e^{2x}$ | $(e^{2x})' = 2e^{2x}$ |",
    "| claim | verdict |\n|---|---|\n| $2^3 = 6$ | false |",
    "下面哪个等式成立？ A. $2^3 = 6$ B. $\\sqrt2\\cdot\\sqrt3 = \\sqrt6$。答案：B。",
    "In half precision, $2048 + 1 = 2048$.",
    "Students often compute $\\sigma(0) = 0$. In fact $\\sigma(0) = 0.5$.",
    "~~$2 + 2 = 5$~~ $2 + 2 = 4$",
    # another case, another convention, several samples
    "$z = 0.5$, $y = 1$, $a = \\sigma(z) = 0.6225$, $L = -y\\ln a - (1-y)\\ln(1-a)$.\n\n"
    "If the label were 0, then $\\frac{\\partial L}{\\partial z} = 0.6225$.",
    "$L = (w - 1)^2$, $w = 2$. The average gradient is $\\frac{\\partial L}{\\partial w} = 1.5$.",
    "$h = (1 - z)p + zq$. 若采用另一约定 $h = zp + (1 - z)q$。"
    "则 $\\frac{\\partial h}{\\partial q} = z$。",
    # cases in words, names outside of the formula, other readings
    "$f(x) = x$ for $x > 0$ and $f(x) = 0.01x$ otherwise; $f(3)=3$, $f'(3)=1$.",
    "$f(x) = \\begin{cases} x^2 & x<1\\\\ 2x-1 & x\\ge1\\end{cases}$: $f'(1) = 2$, $f'(5) = 2$.",
    "SiLU$(1) = 0.7311$; softplus$(0) = 0.6931$.",
    "$A = \\begin{pmatrix}2&1\\\\1&2\\end{pmatrix}$: $\\|A\\|_2 = 3$, $\\|A\\|_1 = 3$.",
    "$a = (1,2,2)$, $b = (2,-1,0)$, so $a\\times b = (2,4,-5)$.",
    "Setting the derivative to zero gives $7(1-p) = 3p$, so $p = 0.7$.",
    "$f^* = 8.1^2/8 = 8.20125 \\approx 8 + 2 \\cdot 0.1 = 8.2$",
    "$\\sqrt{10}\\approx3+\\frac16 = 3.167\\approx3.162$",
    "$2^{1/0.076} = 9139$ times as many.",
    "$\\pi = 3.14$; $e = 2.71$ cut off. $\\log(1+e^{-1}) = 0.3133$.",
    "$f(x)=\\sin x°$ (degrees): $f'(0) = \\pi/180\\approx0.01745$. $f(x) = 2^x$ is another.",
    "With $\\sigma = 1$ first. For $\\log \\sigma^2 = -0.2$: "
    "$$KL = 1 + \\log\\sigma^2 = 1 - 0.2 = 0.8$$",
    "$y(0) = 1$, $y_1 = 0.8$, $y_2 = 0.64$. Exact: $y(0.1) = e^{-0.2} = 0.8187$.",
    "$√25=5$, $⌊7/2⌋=3$, $⌈7/2⌉=4$, $\\lfloor 25/2 \\rfloor + 1 = 13$",
    "$1,5 + 2,5 = 4$ and $[32×100]·[100×10]=[32×10]$",
    # rectifiers under a layer's number
    "$x$ is the input, $z^{(1)} = W^{(1)}x$, $h = \\max(0, z^{(1)})$, $z^{(2)} = W^{(2)}h$. "
    "$\\delta^{(1)} = (W^{(2)})^\\top\\delta^{(2)}\\odot\\mathbf 1[z^{(1)} > 0]$.",
    "$z^{(1)} = W^{(1)}x$, $h = \\sigma(z^{(1)})$, $z^{(2)} = W^{(2)}h$. "
    "$\\delta^{(1)} = (W^{(2)})^\\top\\delta^{(2)}\\odot h\\odot(1 - h)$.",
    # sums below columns that have a formula
    "| $x$ | $x^2$ |\n|---|---|\n| 1 | 1 |\n| 2 | 4 |\n| 3 | 9 |\n"
    "| **sum** 6 | 14 |\n| mean | 4.67 |",
]


@pytest.mark.parametrize("text", QUIET)
def test_not_accused(text):
    assert not audit_text(text).flagged


TWINS = [
    (
        "Let $h(x, y) = x y^2$. ",
        "Then $\\nabla h(x, y) = (y^2, 2xy)$.",
        "Then $\\nabla h(x, y) = (y^2, xy)$.",
    ),
    ("Let $f = x^3$. ", "Then $f' = 3x^2$.", "Then $f' = 2x^2$."),
    ("Let $y=\\ln x$. ", "Then $y' = 1/x$.", "Then $y' = x$."),
    ("$y = \\sigma(z)$ and ", "$y' = y(1-y)$.", "$y' = y(1+y)$."),
    ("", "$\\sigma' = \\sigma(1-\\sigma)$", "$\\sigma' = \\sigma(1+\\sigma)$"),
    ("Loss $L(w) = (w-3)^2$. ", "So $L'(0) = -6$.", "So $L'(0) = -5$."),
    (
        "Let $f(x,y)=x^2+y^2$. ",
        "Its Hessian is $H = (2, 0; 0, 2)$.",
        "Its Hessian is $H = (2, 1; 1, 2)$.",
    ),
    (
        "Let $F(x,y)=(x^2, 3y)$. ",
        "Its Jacobian is $J=(2x, 0; 0, 3)$.",
        "Its Jacobian is $J=(2x, 1; 0, 3)$.",
    ),
    (
        "",
        "Differentiating $x^3 + 2x$ gives $3x^2 + 2$.",
        "Differentiating $x^3 + 2x$ gives $3x^2 + 1$.",
    ),
    ("Let $f(x)=x^2$. ", "So $f'(x)$ = $2x$.", "So $f'(x)$ = $x$."),
    ("", "$29/30 = 0.97$", "$29/30 = 0.9$"),
    ("", "$⌊25/2⌋ = 12$", "$⌊25/2⌋ = 13$"),
    (
        "Gradient descent: ",
        "$w_{t+1} = w_t - \\eta \\nabla L(w_t)$",
        "$w_{t+1} = w_t + \\eta \\nabla L(w_t)$",
    ),
    (
        "$v_{k+1} = 0.5 v_k + 1$, $v_0 = 0$\n\n",
        "| $k$ | $v_k$ |\n|---|---|\n| 1 | 1 |\n| 2 | 1.5 |\n| 3 | 1.75 |\n| 4 | 1.875 |",
        "| $k$ | $v_k$ |\n|---|---|\n| 1 | 1 |\n| 2 | 1.5 |\n| 3 | 1.75 |\n| 4 | 1.975 |",
    ),
]


@pytest.mark.parametrize(("before", "right", "wrong"), TWINS)
def test_a_wrong_statement_is_told_from_its_right_twin(before, right, wrong):
    good, bad = audit_text(before + right), audit_text(before + wrong)
    assert not good.flagged, good.flagged
    assert bad.flagged


def test_a_jacobian_may_stand_in_either_layout():
    text = "Let $F(x,y)=(x^2 y, 3y)$. The Jacobian is $J=(2xy, 0; x^2, 3)$."
    assert not audit_text(text).flagged


def test_a_definition_in_its_own_exercise_is_checked():
    text = "**Q1.** $f(x)=x^2$.\n\n**Q2.** $f(x) = x^3$, $f'(x) = 2x$."
    assert [claim.verdict for claim in audit_text(text).flagged] == ["derivative"]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("$0.1\\cdot 25 = 2.5 > 2$", "$0.1\\cdot 25 = 2.5 < 2$"),
        ("$|1-0.1\\cdot 25| = 1.5 > 1$", "The step is $|1-0.1\\cdot 25| = 1.5 < 1$."),
        ("$f(x) = x^2$, $f(3) = 9 \\ge 9$.", "$f(x) = x^2$, $f(3) = 9 > 9$."),
    ],
)
def test_what_stands_behind_an_equation_is_compared(right, wrong):
    assert not audit_text(right).flagged
    assert len(audit_text(wrong).flagged) == 1


@pytest.mark.parametrize(
    "text", ["$1/3 = 0.33 < 1/3$", "if $2 + 1 = 3 > 4$ then stop", "$a = 0.5 \\ll 1$"]
)
def test_a_comparison_that_may_hold_or_is_asked_for_is_not_accused(text):
    assert not audit_text(text).flagged


def test_a_derivative_in_chinese_words_is_counted_once():
    coverage = audit_text("$x^3$ 的导数是 $3x^2$。").coverage
    assert (coverage.checked, coverage.unchecked) == (1, 0)


def test_an_approximation_far_off_is_wrong():
    assert len(audit_text("$\\ln 1.2\\approx 0.5-0.02=0.48$").flagged) == 1


def test_what_follows_from_the_right_value_at_the_digits_shown_is_right():
    text = (
        "$d = -0.0524$, $v=0.7$, $o = 0.5125$, $i = 0.4$.\n\n"
        "$$s = d v o (1-o) = -0.01881$$\n\n$$g = s i=-0.003668$$"
    )
    assert [claim.place.line for claim in audit_text(text).flagged] == [3]
