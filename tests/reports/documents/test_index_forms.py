"""Derivatives in index form: conditions in every spelling, entries of arrays, normalisations."""

import pytest

from reports.documents import audit_text

SOFTMAX = r"$p_i = \frac{e^{z_i}}{\sum_k e^{z_k}}$. "
CROSS_ENTROPY = SOFTMAX + r"$L = -\sum_k y_k \ln p_k$ with a one-hot $y$. "
NORMALISED = r"$\mu = \frac1N\sum_i x_i$, $\sigma^2 = \frac1N\sum_i (x_i - \mu)^2 = 6.5$, "
JACOBIAN = r"\frac{\partial p_i}{\partial z_j}"
LOGITS = r"\frac{\partial L}{\partial z_j}"

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
    (NORMALISED + r"$\sigma = \sqrt{6.5} = 2.5495$, $\hat x = \frac{x - \mu}{\sigma}$. ",
     r"\frac{\partial L}{\partial x_i}",
     r"\frac{1}{N\sigma}\left(N\frac{\partial L}{\partial\hat x_i}"
     r" - \sum_j\frac{\partial L}{\partial\hat x_j}"
     r" - \hat x_i\sum_j\frac{\partial L}{\partial\hat x_j}\hat x_j\right)",
     r"\frac{1}{N\sigma}\left(N\frac{\partial L}{\partial\hat x_i}"
     r" - \sum_j\frac{\partial L}{\partial\hat x_j}"
     r" + \hat x_i\sum_j\frac{\partial L}{\partial\hat x_j}\hat x_j\right)"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "left", "right", "wrong"), INDEX_FORMS)
def test_index_forms(before, left, right, wrong):
    audited = audit_text(f"{before}$${left} = {right}$$")
    assert not audited.flagged
    assert any(claim.kind == "derivative" for claim in audited.claims)
    flagged = audit_text(f"{before}$${left} = {wrong}$$").flagged
    assert "derivative" in {claim.kind for claim in flagged}


QUIET = [
    r"$f(x) = |x|$, $$f'(x) = 1 \; (x > 0)$$",  # a remark, no factor
    r"$p \in \{0, 1\}$ and $$\left\{ \begin{aligned} a &= 1 \\ b &= 2 \end{aligned} \right.$$",
    r"$S = \{i : y_i = 1\}$",
]


@pytest.mark.parametrize("text", QUIET)
def test_not_accused(text):
    assert not audit_text(text).flagged
