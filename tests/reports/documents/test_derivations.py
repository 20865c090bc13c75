"""Stated derivatives without figures: identities of matrices, sums over samples, activations."""

import pytest

from reports.documents import audit_text

MATRICES = r"Let $\mathbf{x}, \mathbf{a}$ be columns. "
NETWORK = r"$z = Wx + b$, $L = \frac12\|z - t\|^2$. "
LINEAR = r"$J(w) = \frac{1}{2n}\|Xw - y\|^2 + \frac{\lambda}{2}\|w\|^2$. "
SUMS = r"$J = \frac{1}{2n}\sum_{i=1}^{n}(w^\top x_i - y_i)^2$. "
LOGISTIC = r"$h = \sigma(Xw)$, $L = -\sum_i (y_i\log h_i + (1-y_i)\log(1-h_i))$. "
SOFTMAX = r"$Z = XW$, $P = \text{softmax}(Z)$, $L = -\sum_i \sum_k Y_{ik}\log P_{ik}$. "

# what is said before, the left side, what is right, what is wrong
DERIVATIVES = [
    (MATRICES, r"\frac{\partial\, \mathbf{a}^T\mathbf{x}}{\partial\mathbf{x}}",
     r"\mathbf{a}", r"\mathbf{x}"),
    (MATRICES, r"\frac{\partial\, \mathbf{x}^T A\mathbf{x}}{\partial\mathbf{x}}",
     r"(A + A^T)\mathbf{x}", r"2A\mathbf{x}"),
    (MATRICES, r"\nabla_{\mathbf{x}} \tfrac12\|A\mathbf{x} - \mathbf{a}\|^2",
     r"A^T(A\mathbf{x} - \mathbf{a})", r"A(A\mathbf{x} - \mathbf{a})"),
    ("", r"\frac{\partial \operatorname{tr}(AB)}{\partial A}", "B^T", "B"),
    ("", r"\frac{\partial}{\partial X}\operatorname{tr}(AXB)", "A^T B^T", "B^T A^T"),
    ("", r"\frac{\partial \log\det X}{\partial X}", r"X^{-\top}", "X^{-1}"),
    (NETWORK, r"\frac{\partial L}{\partial W}", r"(z - t)x^T", r"x(z - t)^T"),
    (NETWORK, r"\frac{\partial L}{\partial x}", r"W^T(z - t)", r"W(z - t)"),
    (LINEAR, r"\nabla J(w)", r"\frac1n X^T(Xw - y) + \lambda w", r"X^T(Xw - y) + \lambda w"),
    (LINEAR, r"\nabla J(w)", r"\frac1n X^T(Xw - y) + \lambda w", r"\frac1n X(Xw - y) + \lambda w"),
    (LINEAR, r"\nabla J(w)", r"\frac1n X^T(Xw - y) + \lambda w",
     r"\frac1n X^T(Xw - y) + 2\lambda w"),
    (SUMS, r"\frac{\partial J}{\partial w}", r"\frac1n\sum_{i=1}^n (w^T x_i - y_i)x_i",
     r"\frac1n\sum_{i=1}^n (w^T x_i - y_i)"),
    (LOGISTIC, r"\frac{\partial L}{\partial w}", r"X^T(h - y)", r"X(h - y)"),
    (LOGISTIC, r"\frac{\partial L}{\partial w}", r"X^T(h - y)", r"X^T(y - h)"),
    (SOFTMAX, r"\frac{\partial L}{\partial W}", r"X^T(P - Y)", r"(P - Y)X^T"),
    # activations
    ("", r"\frac{d}{dx}\sigma(x)", r"\sigma(x)(1 - \sigma(x))", r"\sigma(x)(1 + \sigma(x))"),
    (r"$s(x) = x\sigma(x)$. ", "s'(x)",
     r"s(x) + \sigma(x)(1 - s(x))", r"s(x) + s(x)(1 - \sigma(x))"),
    (r"$\text{ELU}(x) = \begin{cases} x & x > 0 \\ \alpha(e^x - 1) & x \le 0 \end{cases}$. ",
     r"\text{ELU}'(x)", r"\begin{cases} 1 & x > 0 \\ \alpha e^x & x \le 0 \end{cases}",
     r"\begin{cases} 1 & x > 0 \\ \alpha x & x \le 0 \end{cases}"),
    ("", r"\frac{d}{dx}\left[x^2 e^{-x}\right]", r"(2x - x^2)e^{-x}", r"(2x + x^2)e^{-x}"),
    (r"$f(x, y) = x^2 y$. ", r"\nabla f", r"(2xy, x^2)", r"(2xy, y^2)"),
    (r"$f(\theta) = 2\theta^2$, 梯度 ", r"g = \nabla f(\theta)", r"4\theta", r"2\theta"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "left", "right", "wrong"), DERIVATIVES)
def test_derivatives(before, left, right, wrong):
    audited = audit_text(f"{before}$${left} = {right}$$")
    assert not audited.flagged
    assert any(claim.kind == "derivative" for claim in audited.claims)
    assert any(
        claim.kind == "derivative" for claim in audit_text(f"{before}$${left} = {wrong}$$").flagged
    )


SAMPLES = r"$J = \frac{1}{2m}\sum_{i=1}^m (\hat y^{(i)} - y^{(i)})^2$. "
ONE_SAMPLE = (
    r"$\ell = -[y\ln\hat y + (1-y)\ln(1-\hat y)]$, $\hat y = \sigma(w x + b)$. "
    "$$\\frac{\\partial\\ell}{\\partial\\hat y} = \\frac{\\hat y-y}{\\hat y(1-\\hat y)}$$\n\n"
    "$$\\frac{\\partial\\hat y}{\\partial z} = \\hat y(1-\\hat y)$$\n\n"
)
CHAIN_RULE = (
    r"\frac{\partial\ell}{\partial z} = \frac{\partial\ell}{\partial\hat y}"
    r"\cdot\frac{\partial\hat y}{\partial z}"
)
MARGIN = r"$L(w) = \ln(1 + e^{-ywx})$. "

# letters that stand for something else further up: samples in a mean, a label of 0
REUSED = [
    (SAMPLES + ONE_SAMPLE, CHAIN_RULE, r"\hat y - y", r"(\hat y - y)\hat y(1-\hat y)"),
    (f"平均损失 {SAMPLES}单个样本 {ONE_SAMPLE}", CHAIN_RULE, r"\hat y - y", r"y - \hat y"),
    (f"For $z = 5$, $y = 0$ we have 1. {MARGIN}", r"\frac{dL}{dw}", r"-yx\,\sigma(-ywx)",
     r"-yx\,\sigma(ywx)"),
    (f"设 $y = 0$，$x = 3$。{MARGIN}", r"\frac{dL}{dw}", r"-yx\,\sigma(-ywx)",
     r"-y\,\sigma(-ywx)"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "left", "right", "wrong"), REUSED)
def test_letters_that_stand_for_something_else_further_up(before, left, right, wrong):
    assert not audit_text(f"{before}\n\n$${left} = {right}$$").flagged
    assert audit_text(f"{before}\n\n$${left} = {wrong}$$").flagged


AT_POINTS = [
    (r"$f(x) = x^3 - 2x$, $x_0 = 2$, $f'(x_0) = {}$", 10, 11),
    (r"$f(x) = x^3 - 2x$, $x_0 = 2$, $\nabla f(x_0) = {}$", 10, 11),
    (r"$f(x, y) = x^2 y$, $f(3, 2) = {}$", 18, 12),
]


@pytest.mark.parametrize(("text", "right", "wrong"), AT_POINTS)
def test_functions_and_slopes_at_points(text, right, wrong):
    assert not audit_text(text.replace("{}", str(right))).flagged
    assert audit_text(text.replace("{}", str(wrong))).flagged


# what is said before, and a formula that is worked out, rightly and wrongly
IDENTITIES = [
    ("", r"(a + b)(a - b) = a^2 - {}", "b^2", "b"),
    ("", r"\frac{e^{-z}}{(1 + e^{-z})^2} = \frac{1}{1 + e^{-z}}(1 {} \frac{1}{1 + e^{-z}})",
     "-", "+"),
    (r"With $\varepsilon^2 = 0$: ",
     r"(a + b\varepsilon)(c + d\varepsilon) = ac + {}\varepsilon", "(ad + bc)", "(ac + bd)"),
    ("", r"f(z) = \frac{e^z}{e^z + 1} = \frac{1}{1 + e^{{}z}}", "-", ""),
    ("", r"s = \log(uv) + \log u = {}", r"2\log u + \log v", r"\log u + 2\log v"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "formula", "right", "wrong"), IDENTITIES)
def test_formulas_worked_out(before, formula, right, wrong):
    assert [
        claim.verdict
        for claim in audit_text(f"{before}${formula.replace('{}', right)}$").claims
        if claim.kind == "identity"
    ] == ["ok"]
    flagged = audit_text(f"{before}${formula.replace('{}', wrong)}$").flagged
    assert [claim.kind for claim in flagged] == ["identity"]


FORWARD = r"$z_j^l = \sum_k w_{jk}^l a_k^{l-1} + b_j^l$, $a_j^l = f(z_j^l)$. "
FROM_TO = r"$z_j^l = \sum_i w_{ij}^l a_i^{l-1} + b_j^l$, $a_j^l = f(z_j^l)$. "
DELTA = r"$\delta_j^l = \frac{\partial L}{\partial z_j^l}$. "
LAYERS = [
    (FORWARD + DELTA, r"\frac{\partial L}{\partial w_{jk}^l}",
     r"\delta_j^l a_k^{l-1}", r"\delta_k^l a_j^{l-1}", "δ_j^l a_k^{l-1}"),
    (FORWARD + DELTA, r"\delta_j^l", r"f'(z_j^l)\sum_k w_{kj}^{l+1}\delta_k^{l+1}",
     r"f'(z_j^l)\sum_k w_{jk}^{l+1}\delta_k^{l+1}", "f′(z_j^l) Σ_k w_kj^{l+1} δ_k^{l+1}"),
    (FROM_TO + DELTA, r"\delta_i^l", r"f'(z_i^l)\sum_j w_{ij}^{l+1}\delta_j^{l+1}",
     r"f'(z_i^l)\sum_j w_{ji}^{l+1}\delta_j^{l+1}", "f′(z_i^l) Σ_j w_ij^{l+1} δ_j^{l+1}"),
    ("", r"\delta^L", r"(a^L - y)\odot\sigma'(z^L)", r"(y - a^L)\odot\sigma'(z^L)",
     "−(y − a^L) ⊙ σ′(z^L)"),
    ("", r"\delta^l", r"((W^{l+1})^T\delta^{l+1})\odot\sigma'(z^l)", r"(W^{l+1})^T\delta^{l+1}",
     "W^{l+1}ᵀ δ^{l+1} ⊙ σ′(z^l)"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "left", "right", "wrong", "told"), LAYERS)
def test_rules_for_a_layer(before, left, right, wrong, told):
    audited = audit_text(f"{before}$${left} = {right}$$")
    assert [claim.verdict for claim in audited.claims] == ["ok"]
    (claim,) = audit_text(f"{before}$${left} = {wrong}$$").flagged
    assert claim.right == told


GRAPH = r"Let $x = 3$, $y = -5$, $z = 4$ and $q = x + y$, $f = qz$. "


def test_a_letter_that_is_computed_is_no_function():
    assert not audit_text(GRAPH + r"$\frac{\partial f}{\partial y} = 4$").flagged
    (claim,) = audit_text(GRAPH + r"$\frac{\partial f}{\partial y} = 4 \cdot (-1) = -4$").flagged
    assert claim.right == "4"


TWO_LOSSES = r"""$$z_1 = a_1 h$$ {} $$E_1 = \frac{1}{2}(t_1 - z_1)^2$$
$$E = \frac{1}{2}(t_1 - z_1)^2 + \frac{1}{2}(t_2 - z_2)^2$$
$$\frac{\partial E}{\partial h} = \frac{\partial E_1}{\partial h}"""


@pytest.mark.parametrize("second", ["$$z_2 = 0.5$$", "$$z_2 = a_2 h$$", "$$E_2 = 0.3$$"])
def test_a_second_loss_that_is_not_defined_is_not_the_first(second):
    text = TWO_LOSSES.replace("{}", second)
    audited = audit_text(text + r" + \frac{\partial E_2}{\partial h}$$")
    assert not audited.flagged
    assert audited.coverage.unchecked


def test_a_second_loss_that_is_defined_is_checked():
    second = r"$$z_2 = a_2 h$$ $$E_2 = \frac{1}{2}(t_2 - z_2)^2$$"
    text = TWO_LOSSES.replace("{}", second)
    assert not audit_text(text + r" + \frac{\partial E_2}{\partial h}$$").flagged
    assert audit_text(text + r" - \frac{\partial E_2}{\partial h}$$").flagged
    figures = (
        r"$E = E_1 + E_2$. $\frac{\partial E_1}{\partial h} = 0.1$, "
        r"$\frac{\partial E_2}{\partial h} = 0.2$. $\frac{\partial E}{\partial h} ="
        r" \frac{\partial E_1}{\partial h} + \frac{\partial E_2}{\partial h} = "
    )
    assert not audit_text(f"{figures}0.3$").flagged
    assert audit_text(f"{figures}0.5$").flagged


FIRST = r"$f(x, y) = x^2 y$ at $x = 3$, $y = 4$. $\frac{\partial f}{\partial x} = 2xy = 24$."
SECOND = (
    r"$f(x, y, z) = (x + y) z$ at $x = -2$, $y = 5$, $z = -4$. "
    r"$\frac{\partial f}{\partial x} = z = "
)


@pytest.mark.parametrize(
    ("first", "second"),
    [("**Exercise 1.** ", "**Exercise 2.** "), ("## Exercise 1\n\n", "## Exercise 2\n\n")],
)
def test_the_newest_function_of_a_letter_counts(first, second):
    text = f"{first}{FIRST}\n\n{second}{SECOND}"
    assert not audit_text(f"{text}-4$.").flagged
    assert audit_text(f"{text}4$.").flagged


STEPS = [
    ("v = \\mu v + g", "w = w - \\eta v", "w = w + \\eta v"),
    ("v = \\mu v - \\eta g", "w = w + v", "w = w - v"),
]


@pytest.mark.parametrize(("velocity", "right", "wrong"), STEPS)
def test_a_velocity_and_its_step(velocity, right, wrong):
    assert not audit_text(f"# Momentum\n\n${velocity}$, ${right}$.").flagged
    flagged = audit_text(f"# Momentum\n\n${velocity}$, ${wrong}$.").flagged
    assert [claim.kind for claim in flagged] == ["definition"]


ADAM = r"""$$m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t$$
$$v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2$$
$$\hat m_t = \frac{m_t}{1 - \beta_1^t}, \quad \hat v_t = \frac{v_t}{1 - \beta_2^t}$$
"""


def test_a_moment_is_corrected_by_its_own_decay():
    assert not audit_text(ADAM).flagged
    (claim,) = audit_text(ADAM.replace(r"{v_t}{1 - \beta_2^t}", r"{v_t}{1 - \beta_1^t}")).flagged
    assert "β_2" in claim.right


FOLLOWING = r"""$z = wx + b$, $a = \sigma(z)$, $L = \frac12(a - y)^2$.

$$\delta = \frac{\partial L}{\partial z} = {}$$

$$\frac{\partial L}{\partial w} = \delta x$$
"""


def test_a_mistake_is_told_once():
    assert not audit_text(FOLLOWING.replace("{}", "(a - y)a(1 - a)")).flagged
    audited = audit_text(FOLLOWING.replace("{}", "(a - y)a(1 + a)"))
    assert [claim.place.line for claim in audited.flagged] == [3]


QUIET = [
    # of arrays, more holds than is said there
    r"$\mathbf{O} = (\mathbf{X}\mathbf{W} + \mathbf{b})\mathbf{V}"
    r" = \mathbf{X}\mathbf{W}\mathbf{V} + \mathbf{b}\mathbf{V}$",
    r"$J = (x^\top b - \beta b^\top b)^2 = (x^\top b - \beta)^2$",  # of unit length
    # an equation that goes on in the next line
    r"$z_2 = W a_1 + b$, $a_2 = \sigma(z_2)$"
    r"$$\frac{\partial a_2}{\partial a_1} =" + "\n"
    r"\frac{\partial a_2}{\partial z_2}" + "\n"
    r"\frac{\partial z_2}{\partial a_1} =" + "\n"
    r"\sigma'(z_2) W$$",
    r"$r(s) = r(t^2) + (t + 1)(t - 1) = r(t^2) + t^2 - 1$",
    r"$p(1 - q) + q(1 - p) = 1$",  # to be solved
    r"$g(z) = z$ is linear." + "\n\n## Sigmoid\n\n" + r"$\frac{d}{dz}g(z) = g(z)(1 - g(z))$",
    r"$\hat x_n = \frac{x_n - \mu}{s}$, $\mu = \frac1N\sum_{n=1}^N x_n$, $y = \gamma\hat x$. "
    r"$$\frac{\partial L}{\partial x} = \frac{\gamma}{N s}\left(N\frac{\partial L}{\partial y}"
    r" - \sum_n\frac{\partial L}{\partial y_n}\right)$$",
    r"$A$ is symmetric. $$\frac{\partial\, (x^T A x)}{\partial x} = 2A x$$",
    r"$f(x) = x^2$ has its minimum where $f'(x) = 0$.",
    r"$\frac{d}{dx}\zeta(x) = \sigma(x)$",  # a function that is not known
    r"$z = Wx$ $$\frac{\partial L}{\partial x} ="
    r" \frac{\partial z}{\partial x}\frac{\partial L}{\partial z}$$",
    r"$a = xy$, $b = a + z$, $y = 3x$" + "\n\n## Another graph\n\n" + r"$c = ab$, $a = xy$. "
    r"$$\frac{\partial c}{\partial x} = b y$$",  # y is another one here
]  # fmt: skip


@pytest.mark.parametrize("text", QUIET)
def test_not_accused(text):
    assert not audit_text(text).flagged
