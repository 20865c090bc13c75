"""Notations in which documents differ: which statements are read from a formula."""

import pytest

from reports.documents import audit_text
from reports.documents.conventions import conventions
from reports.documents.statements import statements
from reports.documents.writing import written

STATEMENTS = [
    # braces and arrays that list equations
    (r"\begin{cases} v = \mu u + g \\ w = w - v \end{cases}", ["v = μ u + g", "w = w − v"]),
    (r"\left\{\begin{array}{rcl} a &=& b + 1 \\ &=& 3 \end{array}\right.", ["a = b + 1 = 3"]),
    (r"\begin{array}{ll} a = 1 + 1 = 2 & b = 3 \\ c = 4 & d = 5 \end{array}",
     ["a = 1 + 1 = 2", "b = 3", "c = 4", "d = 5"]),
    (r"\left\{\begin{aligned} a &= 1 \\ b &= 2 \end{aligned}\right.", ["a = 1", "b = 2"]),
    (r"\begin{align} a &= 1 & b &= 2 \\ c &= 3 \end{align}", ["a = 1", "b = 2", "c = 3"]),
    # and those that do not
    (r"\begin{bmatrix} z_1 \\ z_2 \end{bmatrix} = \begin{bmatrix} 1 \\ 2 \end{bmatrix}",
     ["(z_1, z_2) = (1, 2)"]),
    (r"f(x) = \begin{cases} 1, & x = 0 \\ 0, & x > 0 \end{cases}", ["f(x) = …"]),
    # names
    (r"\delta h_t = \frac{\partial L}{\partial h_t}, \delta o_t = \delta h_t \odot c_t",
     ["δh_t = ∂L/∂h_t", "δo_t = δh_t ⊙ c_t"]),
    (r"\Delta\theta = -\eta g", ["Δθ = −η g"]),
    (r"\Delta = a - y, \Delta x = 3", ["Δ = a − y", "Δ x = 3"]),
    (r"Q = X W^Q, K = X W^K", ["Q = X W^Q", "K = X W^K"]),
    # products of entries bind less than the others
    (r"\delta = g'(z) \odot W^T d", ["δ = g′(z) ⊙ Wᵀ d"]),
    # arrows that assign, and those that do not
    (r"W \to W - \eta G", ["W = W − η G"]),
    (r"x \in \mathbb{R}^n, i \neq j", ["x", "i"]),
]  # fmt: skip


@pytest.mark.parametrize(("formula", "expected"), STATEMENTS, ids=[f for f, _ in STATEMENTS])
def test_statements(formula, expected):
    chains = statements(formula, 0, conventions([formula], formula))
    assert not any(chain.unread for chain in chains)
    assert [" = ".join(written(k.node) for k in chain.links) for chain in chains] == expected


GROUPED = [
    r"$a = \begin{bmatrix}1\\2\end{bmatrix} \odot \begin{bmatrix}1&2\\3&4\end{bmatrix}"
    r"\begin{bmatrix}1\\1\end{bmatrix} = \begin{bmatrix}3\\14\end{bmatrix}$",
    r"$a = \begin{bmatrix}1\\2\end{bmatrix} \odot \begin{bmatrix}3\\4\end{bmatrix}"
    r"\begin{bmatrix}1&2\end{bmatrix} = \begin{bmatrix}3&6\\8&16\end{bmatrix}$",
]


@pytest.mark.parametrize("text", GROUPED)
def test_products_are_grouped_as_their_shapes_conform(text):
    (claim,) = audit_text(text).claims
    assert claim.verdict == "ok"
