import re

import numpy as np
import pytest

from reports.documents.evaluate import Context, evaluate
from reports.documents.statements import Conventions, statements
from reports.documents.writing import written

VALUES = [
    ("2(3 + 4) - 1", 13),
    ("-2^2", -4),
    ("(-2)^2", 4),
    (r"\frac{1}{2} \cdot 3", 1.5),
    (r"\tfrac12 \cdot 4", 2),
    ("1/2 + 1/4", 0.75),
    (r"1.5 \times 10^{-3}", 0.0015),
    ("2e-3", 0.002),
    (r"0{,}5", 0.5),
    (r"50\%", 0.5),
    (r"\sqrt{16} + |{-3}|", 7),
    (r"\ln e^{2}", 2),
    (r"\log_2 8 + \log_{10} 100", 5),
    (r"\sigma(0)", 0.5),
    (r"\frac{1}{1+e^{-0}}", 0.5),
    (r"\max(0, -3) + \max(1, 2)", 2),
    (r"\text{ReLU}(-1) + \operatorname{ReLU}(2)", 2),
    (r"\tanh^2(0.5) + \operatorname{sech}(0.5)^2", 1),
    (r"\sum_{i=1}^{4} i", 10),
    (
        r"\begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix} \begin{bmatrix} 1 \\ -1 \end{bmatrix}",
        [-1, -1],
    ),
    (r"\left[\begin{array}{cc} 1 & 2 \end{array}\right] \begin{pmatrix} 3 \\ 4 \end{pmatrix}", 11),
    (r"[1, 2] \odot [3, 4]", [3, 8]),
    (r"(1,\; 2)", [1, 2]),
    (r"[[1, 2], [3, 4]]^T", [[1, 3], [2, 4]]),
    (r"[1; 2] \otimes [3; 4]", [[3, 4], [6, 8]]),
    ("（1＋2）×3", 9),
    ("0.4×2 − 0.6·(−1)", 1.4),
    (r"\mathbf{-0.47}", -0.47),
    (r"\|[3, 4]\|_2", 5),
    (r"\text{softmax}([0, 0])", [0.5, 0.5]),
    (r"\bigl( 1 + 2 \bigr) \left. 3 \right.", 9),
    (
        r"\begin{bmatrix} 1 & 2 & 0 \\ 0 & 1 & 3 \\ 2 & 1 & 1 \end{bmatrix} * "
        r"\begin{bmatrix} 1 & 0 \\ -1 & 2 \end{bmatrix}",
        [[3, 7], [0, 2]],
    ),
]


@pytest.mark.parametrize(("formula", "value"), VALUES, ids=[f for f, _ in VALUES])
def test_value(formula, value):
    ((link,),) = (chain.links for chain in statements(formula))
    got = evaluate(link.node, Context(activation=lambda n: "sigmoid" if n == "sigma" else n))
    assert np.squeeze(got.value) == pytest.approx(np.array(value))


WRITTEN = [
    (r"\hat{y}_i - y_i", "ŷ_i − y_i"),
    (r"w_{ij}^{(1)} x_i", "w_ij^1 x_i"),
    (r"\delta_{output}", "δ_output"),
    (r"W^{[2]T} dz^{[2]}", "W^2ᵀ dz^2"),
    (r"net_{h1} + out_{o1}", "net_h1 + out_o1"),
    (r"\frac{\partial L}{\partial W_{l+1}}", "∂L/∂W_{l+1}"),
    (r"\partial L/\partial w", "∂L/∂w"),
    (r"\nabla_\theta J(\theta)", "∂J/∂θ"),
    (r"\sigma'(z^{(2)})", "σ′(z^2)"),
    (r"\boldsymbol{\theta}_{t+1}", "θ_{t+1}"),
    (r"w_5^{+}", "w_5+"),
    (r"\mathcal{L}(a, y)", "L"),
    (r"0.5(1 - a)", "0.5 (1 − a)"),
    (r"a(1 - a)", "a (1 − a)"),
    ("x^2", "x^2"),
    ("(a^{[1]})^2", "(a^1)^2"),
    ("W₁x", "W_1 x"),
]


@pytest.mark.parametrize(("formula", "text"), WRITTEN, ids=[f for f, _ in WRITTEN])
def test_names(formula, text):
    ((link,),) = (chain.links for chain in statements(formula))
    assert written(link.node) == text


CHAINS = [
    ("a = 1, b = 2", ["a=1", "b=2"]),
    (r"a = 1 \\ b = 2", ["a=1", "b=2"]),
    (r"\begin{aligned} a &= 1 + 1 \\ &= 2 \end{aligned}", ["a=1 + 1=2"]),
    (r"\begin{align*} a &= 1 \\ &\quad + 1 \\ &= 2 \end{align*}", ["a=1 + 1=2"]),
    (r"a = 1 \Rightarrow b = 2", ["a=1", "b=2"]),
    (r"a = 1 \quad \text{（MSE）}", ["a=1"]),
    (r"w := w - 1", ["w:=w − 1"]),
    (r"w \leftarrow w - 1", ["w:=w − 1"]),
    (r"a \approx 0.5", ["a≈0.5"]),
    (r"h = 1, \quad j = 1, 2, \ldots, m", ["h=1", "j=1", "m"]),
    (r"E = mc \tag{1}", ["E=m c"]),
    ("f(x, y) = 1", ["f(x, y)=1"]),
]


@pytest.mark.parametrize(("formula", "chains"), CHAINS, ids=[f for f, _ in CHAINS])
def test_chains(formula, chains):
    found = []
    for chain in statements(formula):
        sides = [written(link.node) for link in chain.links]
        relations = ["", *(link.relation for link in chain.links[1:])]
        found.append("".join(r + s for r, s in zip(relations, sides, strict=True)))
    assert [f for f in found if f] == chains


@pytest.mark.parametrize(
    ("formula", "reason"),
    [
        (r"\int x dx = 1", "integral"),
        (r"a = \prod_i b_i", "product over an index"),
        (r"a = (1 + 2", "not closed"),
        (r"a = 1 2", "side by side"),
        (r"a = \unknown{1}", "unknown"),
        (r"a = \frac{1}", "argument is missing"),
        (r"\begin{bmatrix} 1 & 2 \\ 3 \end{bmatrix} = a", "differ in length"),
        (r"a = \lim_{h} b", "limit"),
        ("a < 3", "no equation"),
        (r"a = \begin{bmatrix} 1", "missing"),
        ("$" * 3 + "(" * 100 + "1" + ")" * 100, "\\$|deep|understood"),
        ("+".join(["1"] * 300), "terms or levels"),
        (r"\frac{\partial^2 L}{\partial w^3}", "orders differ"),
        (r"\frac{\partial^7 L}{\partial w^7}", "order that is not understood"),
        (r"\frac{dL}{dw}\Big|_{3} = 1", "which name has which value"),
    ],
)
def test_what_cannot_be_read_says_why(formula, reason):
    reasons = [unread.reason for chain in statements(formula) for unread in chain.unread]
    assert len(reasons) >= 1
    assert any(re.search(reason, r) for r in reasons)


def test_macros_of_the_document():
    shared = Conventions(macros={"dd": (2, r"\frac{\partial #1}{\partial #2}")})
    (chain,) = statements(r"\dd{L}{w} = 1", 0, shared)
    assert written(chain.links[0].node) == "∂L/∂w"


def test_macro_that_calls_itself_ends():
    shared = Conventions(macros={"a": (0, r"\a\a\a")})
    assert statements(r"\a = 1", 0, shared)


def test_spans_are_places_in_the_document():
    text = "xyz 0.50 = 0.5"
    (chain,) = statements(text[4:], 4)
    assert [text[slice(*link.span)] for link in chain.links] == ["0.50", "0.5"]
