"""Derivatives in index form: conditions in every spelling, entries of arrays, normalisations."""

import pytest

from reports.documents import audit_text

SOFTMAX = r"$p_i = \frac{e^{z_i}}{\sum_k e^{z_k}}$. "
CROSS_ENTROPY = SOFTMAX + r"$L = -\sum_k y_k \ln p_k$ with a one-hot $y$. "
NORMALISED = r"$\mu = \frac1N\sum_i x_i$, $\sigma^2 = \frac1N\sum_i (x_i - \mu)^2 = 6.5$, "
JACOBIAN = r"\frac{\partial p_i}{\partial z_j}"
LOGITS = r"\frac{\partial L}{\partial z_j}"

NORM_SUMS = (
    r"\frac{\gamma}{N\sqrt{\sigma^2+\epsilon}}\left(N\frac{\partial L}{\partial y_i}"
    r"-\sum_{j=1}^N\frac{\partial L}{\partial y_j}"
    r"-\hat x_i\sum_{j=1}^N\frac{\partial L}{\partial y_j}"
)

# what is said before, the left side, what is right, what is wrong
INDEX_FORMS = [
    (SOFTMAX, JACOBIAN, r"p_i(\mathbf{1}\{i=j\} - p_j)", r"p_i(\mathbf{1}\{i=j\} + p_j)"),
    (SOFTMAX, JACOBIAN, r"p_i(\mathbb{1}[i=j] - p_j)", r"p_j(\mathbb{1}[i=j] - p_j)"),
    (SOFTMAX, JACOBIAN, r"p_i(\mathbb{I}(i=j) - p_j)", r"p_j(\mathbb{I}(i=j) - p_j)"),
    (SOFTMAX, JACOBIAN, r"p_i(1_{\{i=j\}} - p_j)", r"p_j(1_{\{i=j\}} - p_j)"),
    (SOFTMAX, JACOBIAN, r"p_i(\mathbb{1}_{i = j} - p_j)", r"p_i(\mathbb{1}_{i = j} - p_i)"),
    (SOFTMAX, JACOBIAN, "p_i([i=j] - p_j)", "p_j([i=j] - p_j)"),
    (CROSS_ENTROPY, LOGITS, r"-y_j(1-p_j) + \sum_{k\neq j} y_k p_j",
     r"-y_j(1-p_j) - \sum_{k\neq j} y_k p_j"),
    (r"$p = \text{softmax}(z)$, $L = -\sum_i y_i \log p_i$. ", LOGITS, "p_j - y_j", "y_j - p_j"),
    ("$h = \\max(0, z)$。", r"\frac{\partial h}{\partial z}",
     r"\mathbb{1}[z > 0]", r"\mathbb{1}[z < 0]"),
    (r"$H = \mathrm{ReLU}(Z)$, $O = HW$. ", r"\frac{\partial L}{\partial Z}",
     r"\frac{\partial L}{\partial O}W^\top\odot (Z>0)",
     r"\frac{\partial L}{\partial O}W^\top\odot (Z<0)"),
    (r"$L = -z_c + \log\sum_k e^{z_k}$. ", r"\frac{\partial L}{\partial z_k}",
     r"\frac{e^{z_k}}{\sum_j e^{z_j}} - \delta_{kc}",
     r"\frac{e^{z_k}}{\sum_j e^{z_j}} + \delta_{kc}"),
    (r"$\hat y_k = \text{softmax}(z)_k$, $L = -\sum_k y_k\log\hat y_k$. ",
     r"\frac{\partial L}{\partial z_k}", r"\hat y_k - y_k", r"y_k - \hat y_k"),
    (r"$\hat y^{(i)}=\sigma(w^\top x^{(i)} + b)$。"
     r"$J=-\frac1m\sum_{i=1}^m[y^{(i)}\ln\hat y^{(i)}+(1-y^{(i)})\ln(1-\hat y^{(i)})]$。",
     r"\frac{\partial J}{\partial w_j}", r"\frac1m\sum_{i=1}^m(\hat y^{(i)}-y^{(i)})x_j^{(i)}",
     r"\frac1m\sum_{i=1}^m(y^{(i)}-\hat y^{(i)})x_j^{(i)}"),
    (r"$y^{(i)} = w x^{(i)} + b$, $J = \frac1{2m}\sum_{i=1}^m(y^{(i)} - t^{(i)})^2$. ",
     r"\frac{\partial J}{\partial w}", r"\frac1m\sum_{i=1}^m(y^{(i)} - t^{(i)})x^{(i)}",
     r"\sum_{i=1}^m(y^{(i)} - t^{(i)})x^{(i)}"),
    (r"$y_i=\sum_m w_mx_{i+m-1}$. ", r"\frac{\partial L}{\partial w_m}",
     r"\sum_i\frac{\partial L}{\partial y_i}x_{i+m-1}",
     r"-\sum_i\frac{\partial L}{\partial y_i}x_{i+m-1}"),
    # arrays as a whole
    ("", r"\frac{\partial \log|\det X|}{\partial X}", r"X^{-\top}", "X^{-1}"),
    (r"$S=QK^\top$, $A=\mathrm{softmax}(S)$ row by row, $O=AV$. ",
     r"\frac{\partial L}{\partial V}", r"A^\top\frac{\partial L}{\partial O}",
     r"A\frac{\partial L}{\partial O}"),
    (r"$h_t=\tanh(Wx_t+Uh_{t-1}+b)$, $y_t=Vh_t+c$. ", r"\frac{\partial L}{\partial V}",
     r"\sum_t\frac{\partial L}{\partial y_t}h_t^\top",
     r"\sum_t h_t\frac{\partial L}{\partial y_t}^\top"),
    (r"$h_t=\tanh(Wx_t+Uh_{t-1})$. ", r"\frac{\partial h_t}{\partial h_{t-1}}",
     r"\mathrm{diag}(1-h_t^2)U", r"\mathrm{diag}(1-h_t)U"),
    (r"$h = \mathrm{ReLU}(W_1x)$, $y = W_2h$. ", r"\frac{\partial L}{\partial x}",
     r"W_1^\top(W_2^\top\frac{\partial L}{\partial y}\odot\mathbb{1}[W_1x>0])",
     r"W_1^\top(W_2^\top\frac{\partial L}{\partial y})"),
    # what is said of a function in words, and of derivatives in the same section
    (r"With a softmax, $L = -\sum_i y_i\ln p_i$. ", r"\frac{\partial L}{\partial z_i}",
     "p_i - y_i", "y_i - p_i"),
    (r"$E = \frac12\sum_j(a_j-t_j)^2$, $a_j=g(z_j)$. ", r"\delta_j",
     r"\frac{\partial E}{\partial a_j}\frac{\partial a_j}{\partial z_j} = (a_j-t_j)g'(z_j)",
     r"\frac{\partial E}{\partial a_j}\frac{\partial a_j}{\partial z_j} = (a_j-t_j)g(z_j)"),
    (r"$J = E + \frac\lambda2\sum_j w_j^2$. ", r"\frac{\partial J}{\partial w_j}",
     r"\frac{\partial E}{\partial w_j} + \lambda w_j",
     r"\frac{\partial E}{\partial w_j} + 2\lambda w_j"),
    # names that may depend on others: one change makes the formula right
    (r"$D = \sum_i p_i\log\frac{p_i}{q_i}$. ", r"\frac{\partial D}{\partial q_i}",
     r"-\frac{p_i}{q_i}", r"\frac{p_i}{q_i}"),
    (r"$s_t=\tanh(ux_t+ws_{t-1})$. ", r"\frac{\partial s_t}{\partial s_{t-1}}",
     "w(1-s_t^2)", "w(1-s_t)"),
    (r"$c_t=f_t\odot c_{t-1}+i_t\odot g_t$. ", r"\frac{\partial c_t}{\partial c_{t-1}}",
     "f_t", "i_t"),
    (r"$c_t=f_t c_{t-1}+i_t g_t$, $h_t=o_t\tanh(c_t)$. ", r"\frac{\partial L}{\partial o_t}",
     r"\frac{\partial L}{\partial h_t}\tanh(c_t)", r"\frac{\partial L}{\partial h_t}c_t"),
    (r"$y=\frac{m\odot x}{p}$. ", r"\frac{\partial L}{\partial x}",
     r"\frac mp\odot\frac{\partial L}{\partial y}", r"m\odot\frac{\partial L}{\partial y}"),
    (NORMALISED + r"$\sigma = \sqrt{6.5} = 2.5495$, $\hat x = \frac{x - \mu}{\sigma}$. ",
     r"\frac{\partial L}{\partial x_i}",
     r"\frac{1}{N\sigma}\left(N\frac{\partial L}{\partial\hat x_i}"
     r" - \sum_j\frac{\partial L}{\partial\hat x_j}"
     r" - \hat x_i\sum_j\frac{\partial L}{\partial\hat x_j}\hat x_j\right)",
     r"\frac{1}{N\sigma}\left(N\frac{\partial L}{\partial\hat x_i}"
     r" - \sum_j\frac{\partial L}{\partial\hat x_j}"
     r" + \hat x_i\sum_j\frac{\partial L}{\partial\hat x_j}\hat x_j\right)"),
    # the index of a sum and the one outside of it
    (r"$\hat x=\frac{x-\mu}{\sqrt{\sigma^2+\epsilon}}$, $y=\gamma\hat x+\beta$. ",
     r"\frac{\partial L}{\partial x_i}", NORM_SUMS + r"\hat x_j\right)",
     NORM_SUMS + r"\hat x_i\right)"),
    (r"其中 $z_k=\sum_j v_{kj}a_j$。", r"\frac{\partial L}{\partial a_j}",
     r"\sum_k\frac{\partial L}{\partial z_k}v_{kj}",
     r"\sum_k\frac{\partial L}{\partial z_j}v_{kj}"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "left", "right", "wrong"), INDEX_FORMS)
def test_index_forms(before, left, right, wrong):
    audited = audit_text(f"{before}$${left} = {right}$$")
    assert not audited.flagged
    assert any(claim.kind == "derivative" for claim in audited.claims)
    flagged = audit_text(f"{before}$${left} = {wrong}$$").flagged
    assert "derivative" in {claim.kind for claim in flagged}


STATED = r"""$\hat y = \sigma(ux + b)$, $\ell = -[y\ln\hat y + (1-y)\ln(1-\hat y)]$.

$$\frac{\partial\ell}{\partial\hat y} = \frac{\hat y-y}{\hat y(1-\hat y)},
\qquad \frac{\partial\hat y}{\partial z} = \hat y(1-\hat y)$$

$$\frac{\partial\ell}{\partial z}
= \frac{\partial\ell}{\partial\hat y}\cdot\frac{\partial\hat y}{\partial z} = {}$$
"""


def test_a_product_of_stated_derivatives():
    assert not audit_text(STATED.replace("{}", r"\hat y - y", 1)).flagged
    wrong = r"(\hat y - y)\hat y(1 - \hat y)"
    assert [c.verdict for c in audit_text(STATED.replace("{}", wrong, 1)).flagged] == ["wrong"]


def test_an_arbitrary_matrix_is_not_symmetric():
    text = r"$A$ is {}. $$\frac{\partial\, (x^T A x)}{\partial x} = 2A x$$" + " " * 500
    text += "The Hessian is symmetric, any other matrix is arbitrary."
    assert audit_text(text.replace("{}", "arbitrary")).flagged
    assert not audit_text(text.replace("{}", "constant")).flagged
    assert not audit_text(text.replace("{}", "symmetric, $B$ is arbitrary")).flagged


QUIET = [
    # μ and σ are said in words alone: constants, or those of the batch
    r"$\hat x_i = \frac{x_i-\mu}{\sigma}$, $y_i=\gamma\hat x_i+\beta$. "
    r"$$\frac{\partial L}{\partial x_i} = \frac{\gamma}{N\sigma}\left("
    r"N\frac{\partial L}{\partial y_i} - \sum_j\frac{\partial L}{\partial y_j}"
    r" - \hat x_i\sum_j\frac{\partial L}{\partial y_j}\hat x_j\right)$$",
    r"$\hat x_i = \frac{x_i-\mu}{\sigma}$."
    r" $$\frac{\partial L}{\partial x_i} = \frac{1}{\sigma}\frac{\partial L}{\partial\hat x_i}$$",
    r"$\delta_k = \frac{\partial E}{\partial net_k}$, $\delta_j = \frac{\partial E}{\partial o_j}"
    r"\frac{\partial o_j}{\partial net_j} = o_j(1-o_j)\sum_k w_{jk}\delta_k$",
    # a derivative that is said to hold where units are active
    r"$h = \max(0, z)$. Where a unit is active, "
    r"$$\frac{\partial L}{\partial z} = \frac{\partial L}{\partial h}$$",
    r"$h = \mathrm{ReLU}(Wx)$。当 $Wx > 0$ 时"
    r"$$\frac{\partial L}{\partial x} = W^T\frac{\partial L}{\partial h}$$",
    # a depends on w, which is not said
    r"$J = \frac12(a - y)^2 + \frac\lambda2 b^2$."
    r" $$\frac{\partial J}{\partial b} = a - y + \lambda b$$",
    r"$f = z s$ $$\frac{\partial f}{\partial z} = s + z s(1 - s)$$",
    r"$f(x) = |x|$, $$f'(x) = 1 \; (x > 0)$$",  # a remark, no factor
    r"$p \in \{0, 1\}$ and $$\left\{ \begin{aligned} a &= 1 \\ b &= 2 \end{aligned} \right.$$",
    r"$S = \{i : y_i = 1\}$",
]


@pytest.mark.parametrize("text", QUIET)
def test_not_accused(text):
    assert not audit_text(text).flagged
