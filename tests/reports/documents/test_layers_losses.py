"""Gates, normalisations, attention and activations whose formulas stand without figures."""

import pytest

from reports.documents import audit_text

LSTM = r"$h_t = o_t \odot \tanh(c_t)$. Hence $$\frac{\partial L}{\partial c_t} = "
GATES = (
    r"Here $\delta x$ stands for $\partial L / \partial x$. $f_t = \sigma(z_f)$ and "
    r"$c_t = f_t \odot c_{t-1} + i_t \odot g_t$. $$\delta f_t = \delta c_t \odot c_{t-1}$$ "
    r"$$\delta z_f = "
)
GRU = (
    r"$h_t = (1-z_t) \odot h_{t-1} + z_t \odot \tilde h_t$. "
    r"$$\frac{\partial h_t}{\partial \tilde h_t} = "
)
SCALED = r"$y_i = \gamma \hat x_i + \beta$ for a batch. $$\frac{\partial L}{\partial \gamma} = "
NORM = (
    r"$\mu = \frac1d \sum_i x_i$, $\sigma^2 = \frac1d \sum_i (x_i-\mu)^2$, "
    r"$\hat x_i = (x_i-\mu)/\sigma$, and $g = \partial L/\partial \hat x$. "
    r"$$\frac{\partial L}{\partial x_i} = "
)
VARIANCE = (
    r"$\hat x_i = (x_i-\mu_B)/\sqrt{\sigma_B^2+\epsilon}$. "
    r"$$\frac{\partial L}{\partial \sigma_B^2} = "
)
ATTENTION = (
    r"$S = QK^\top/\sqrt{d}$, $O = PV$. Write $dX$ for $\partial L/\partial X$. "
    r"$$dV = P^\top dO$$ $$dQ = "
)
SOFTMAX = r"$p = \mathrm{softmax}(z)$. $$\frac{\partial p_i}{\partial z_j} = "
GELU = r"GELU is $f(x) = x\,\Phi(x)$ with the normal distribution. $$f'(x) = "
PENALTY = r"$$\nabla_W \frac{\lambda}{2}\|W\|_F^2 = "
POOL = r"$y = \frac1n \sum_i x_i$. $$\frac{\partial L}{\partial x_i} = "
BLOCK = r"$y = x + F(x)$. $$\frac{\partial L}{\partial x} = "
BILINEAR = r"$$\frac{\partial\, a^\top X b}{\partial X} = "

# what stands before a formula, what is right, what is wrong
FORMULAS = [
    (LSTM, r"\frac{\partial L}{\partial h_t} \odot o_t \odot (1-\tanh^2(c_t))",
     r"\frac{\partial L}{\partial h_t} \odot o_t \odot (1-\tanh(c_t))"),
    (LSTM, r"\frac{\partial L}{\partial h_t} \odot o_t \odot (1-\tanh^2(c_t))",
     r"\frac{\partial L}{\partial h_t} \odot o_t \odot \tanh(c_t)"),
    (GATES, r"\delta f_t \odot f_t \odot (1 - f_t)", r"\delta f_t \odot (1 - f_t^2)"),
    (GRU, "z_t", "1-z_t"),
    (SCALED, r"\sum_{i=1}^m \frac{\partial L}{\partial y_i} \hat x_i",
     r"\sum_{i=1}^m \frac{\partial L}{\partial y_i}"),
    (NORM, r"\frac{1}{\sigma}(g_i - \frac1d\sum_j g_j - \hat x_i \frac1d \sum_j g_j \hat x_j)",
     r"\frac{1}{\sigma}(g_i - \frac1d\sum_j g_j)"),
    (VARIANCE,
     r"-\frac12 \sum_{i=1}^m \frac{\partial L}{\partial \hat x_i}(x_i-\mu_B)"
     r"(\sigma_B^2+\epsilon)^{-3/2}",
     r"-\frac12 \sum_{i=1}^m \frac{\partial L}{\partial \hat x_i}(x_i-\mu_B)"
     r"(\sigma_B^2+\epsilon)^{-1/2}"),
    (ATTENTION, r"\frac{1}{\sqrt{d}} dS\, K", r"dS\, K"),
    (SOFTMAX, r"p_i(\mathbb{1}_{i=j} - p_j)", r"p_i(\mathbb{1}_{i=j} + p_j)"),
    (GELU, r"\Phi(x) + x\,\phi(x)", r"\Phi(x) + \phi(x)"),
    (PENALTY, r"\lambda W", r"2\lambda W"),
    (POOL, r"\frac1n \frac{\partial L}{\partial y}", r"\frac{\partial L}{\partial y}"),
    (BLOCK, r"\frac{\partial L}{\partial y}(1 + F'(x))", r"\frac{\partial L}{\partial y}F'(x)"),
    (BILINEAR, r"a b^\top", r"a^\top b"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "right", "wrong"), FORMULAS)
def test_formulas(before, right, wrong):
    audited = audit_text(f"{before}{right}$$\n")
    assert not audited.flagged
    assert any(claim.verdict == "ok" for claim in audited.claims)
    assert audit_text(f"{before}{wrong}$$\n").flagged


QUIET = [
    # functions of which nothing is said
    r"$y = x\,\Phi(x)$ $$\frac{dy}{dx} = \Phi(x) + x\,\phi(x)$$",
    # figures of σ beside the formula of its square
    r"$\mu = 2$, $\sigma = 1.5$, $\hat x_i = (x_i - \mu)/\sigma$, $\mu = \frac13 \sum_i x_i$, "
    r"$\sigma^2 = \frac13 \sum_i (x_i-\mu)^2$. "
    r"$$\frac{\partial \hat x_i}{\partial x_i} = "
    r"\frac{1}{\sigma}(1 - \frac13 - \frac{\hat x_i^2}{3})$$",
    # derivatives by σ and by its square
    r"$\ell = \log\sigma + \frac{(y-\mu)^2}{2\sigma^2}$ "
    r"$$\frac{\partial \ell}{\partial \sigma^2} = "
    r"\frac{1}{2\sigma^2} - \frac{(y-\mu)^2}{2\sigma^4}$$",
    # differentials, and the mean over a batch
    r"$Y = XW$ $$dY = dX\,W + X\,dW$$",
    r"$Z = WX$, $dZ = \frac{\partial L}{\partial Z}$ $$dW = \frac{1}{m} dZ X^\top$$",
    r"$z = wx + b$ $$\frac{\partial L}{\partial b} = \frac{\partial L}{\partial z}$$",
]  # fmt: skip


@pytest.mark.parametrize("text", QUIET)
def test_not_accused(text):
    assert not audit_text(text + "\n").flagged


def test_what_holds_for_numbers_alone_is_not_checked_where_the_text_speaks_of_matrices():
    text = r"The weight matrix $W$ gives $y = Wx + b$. "
    text += r"$$\frac{\partial L}{\partial x} = W \frac{\partial L}{\partial y}$$"
    audited = audit_text(text + "\n")
    assert not audited.claims
    assert "it holds for numbers" in next(iter(audited.coverage.reasons))
