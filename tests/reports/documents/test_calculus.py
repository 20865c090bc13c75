"""Statements of calculus: higher derivatives, arrays of them, points, named functions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.documents.audit import audit_text
from reports.documents.calculus import SLOPES, NotDifferentiable, derivative, slope
from reports.documents.evaluate import Context, evaluate
from reports.documents.readings import ELEMENTWISE
from reports.documents.statements import statements
from reports.documents.tree import Number, Symbol
from reports.documents.values import quantity

CUBIC = "Let $f(x) = x^3 + 2x$. Then $f'(x) = 3x^2 + 2$.\n\n"
SADDLE = "Let $$f(x, y) = x^2 y + 3 y^2.$$\n\n"
POLAR = "The map is $x = r\\cos\\theta$, $y = r\\sin\\theta$. Its Jacobian is\n\n"
VECTOR = "$$A = \\begin{bmatrix} 2 & 1 \\\\ 1 & 3 \\end{bmatrix}$$ and $v = (3, 4)^\\top$. "

RIGHT_AND_WRONG = [
    # before, right, wrong
    (CUBIC, "Then $f''(x) = 6x$.", "Then $f''(x) = 3x$."),
    (CUBIC, "Then $f''(x) = 6x$.", "Then $f''(x) = 6$."),
    (CUBIC, "$$\\frac{d^2 f}{dx^2} = 6x$$", "$$\\frac{d^2 f}{dx^2} = 3x$$"),
    (CUBIC, "$$f'''(x) = 6$$", "$$f'''(x) = 3$$"),
    (CUBIC, "$$f^{(3)}(x) = 6$$", "$$f^{(3)}(x) = 5$$"),
    (CUBIC, "So $f''(2) = 12$.", "So $f''(2) = 13$."),
    (CUBIC, "So $f'(2) = 14$.", "So $f'(2) = 11$."),
    (CUBIC, "$$\\frac{df}{dx}\\Big|_{x=2} = 14$$", "$$\\frac{df}{dx}\\Big|_{x=2} = 12$$"),
    (
        "$$g(w) = \\tfrac12 (w-3)^2$$\n\n",
        "$\\left.\\frac{dg}{dw}\\right|_{w=5} = 2$",
        "$\\left.\\frac{dg}{dw}\\right|_{w=5} = 3$",
    ),
    (
        SADDLE,
        "$$\\frac{\\partial^2 f}{\\partial x^2} = 2y$$",
        "$$\\frac{\\partial^2 f}{\\partial x^2} = 2x$$",
    ),
    (
        SADDLE,
        "$$\\frac{\\partial^2 f}{\\partial x \\partial y} = 2x$$",
        "$$\\frac{\\partial^2 f}{\\partial x \\partial y} = 3x$$",
    ),
    (
        SADDLE,
        "$$\\frac{\\partial^2 f}{\\partial y^2} = 6$$",
        "$$\\frac{\\partial^2 f}{\\partial y^2} = 3$$",
    ),
    (SADDLE, "We have $f_{xy} = 2x$.", "We have $f_{xy} = x$."),
    (SADDLE, "We have $f_x(1, 2) = 4$.", "We have $f_x(1, 2) = 5$."),
    (SADDLE, "We have $\\nabla f(1, 2) = (4, 13)$.", "We have $\\nabla f(1, 2) = (4, 14)$."),
    (
        SADDLE,
        "We have $\\frac{\\partial f}{\\partial y}(1, 2) = 13$.",
        "We have $\\frac{\\partial f}{\\partial y}(1, 2) = 12$.",
    ),
    (
        SADDLE,
        "The Hessian is $$H = \\begin{bmatrix} 2y & 2x \\\\ 2x & 6 \\end{bmatrix}.$$",
        "The Hessian is $$H = \\begin{bmatrix} 2y & x \\\\ x & 6 \\end{bmatrix}.$$",
    ),
    (
        SADDLE,
        "$$\\nabla^2 f(x, y) = \\begin{bmatrix} 2y & 2x \\\\ 2x & 6 \\end{bmatrix}$$",
        "$$\\nabla^2 f(x, y) = \\begin{bmatrix} 2y & 2x \\\\ 2x & 3 \\end{bmatrix}$$",
    ),
    (
        SADDLE,
        "The Hessian there: $$H(1, 2) = \\begin{bmatrix} 4 & 2 \\\\ 2 & 6 \\end{bmatrix}.$$",
        "The Hessian there: $$H(1, 2) = \\begin{bmatrix} 4 & 1 \\\\ 1 & 6 \\end{bmatrix}.$$",
    ),
    (
        POLAR,
        "$$\\frac{\\partial(x,y)}{\\partial(r,\\theta)} = "
        "\\begin{bmatrix}\\cos\\theta & -r\\sin\\theta\\\\"
        " \\sin\\theta & r\\cos\\theta\\end{bmatrix}$$",
        "$$\\frac{\\partial(x,y)}{\\partial(r,\\theta)} = "
        "\\begin{bmatrix}\\cos\\theta & r\\sin\\theta\\\\"
        " \\sin\\theta & r\\cos\\theta\\end{bmatrix}$$",
    ),
    (VECTOR, "We have $\\det(A) = 5$.", "We have $\\det(A) = 7$."),
    (
        VECTOR,
        "We have $\\det(A) = 5$, $\\operatorname{tr}(A) = 5$.",
        "We have $\\det(A) = 5$, $\\operatorname{tr}(A) = 6$.",
    ),
    (VECTOR, "The length is $\\|v\\| = 5$.", "The length is $\\|v\\| = 6$."),
    (VECTOR, "Therefore $v^\\top A v = 90$.", "Therefore $v^\\top A v = 79$."),
    ("Let $y = 4$. ", "So $\\sqrt{y} = 2$.", "So $\\sqrt{y} = 3$."),
    (
        "取 $t=0.5$，有 ",
        "$e^{-t} = 0.6065$，$\\tanh t = 0.4621$。",
        "$e^{-t} = 0.6065$，$\\tanh t = 0.4721$。",
    ),
    (
        "",
        "The sigmoid is $\\sigma(z) = \\frac{1}{1+e^{-z}}$.",
        "The sigmoid is $\\sigma(z) = \\frac{1}{1+e^{z}}$.",
    ),
    (
        "",
        "$$\\tanh(x) = 2\\,\\mathrm{sigmoid}(2x) - 1$$",
        "$$\\tanh(x) = 2\\,\\mathrm{sigmoid}(2x) + 1$$",
    ),
    ("", "The derivative of $x^3$ is $3x^2$.", "The derivative of $x^3$ is $3x$."),
    ("", "$\\frac12 r^2$ has derivative $r$.", "$\\frac12 r^2$ has derivative $2r$."),
    (
        "",
        "The gradient of $\\|x\\|^2$ with respect to $x$ is $2x$.",
        "The gradient of $\\|x\\|^2$ with respect to $x$ is $x$.",
    ),
    ("", "$\\sin x$ 的导数是 $\\cos x$。", "$\\sin x$ 的导数是 $-\\cos x$。"),
    ("", "对 $e^{2x}$ 求导得 $2e^{2x}$。", "对 $e^{2x}$ 求导得 $e^{2x}$。"),
    (
        "",
        "$y = \\arctan(3x)$, $y' = \\frac{3}{1 + 9x^2}$",
        "$y = \\arctan(3x)$, $y' = \\frac{1}{1 + 9x^2}$",
    ),
    ("", "$(\\sin x)' = \\cos x$", "$(\\sin x)' = -\\cos x$"),
    (
        "Let $f(x) = (x-1)^2$. ",
        "Expanding, $f(x) = x^2 - 2x + 1$.",
        "Expanding, $f(x) = x^2 - 2x + 2$.",
    ),
    (
        "$$L = (wx - t)^2$$\n\nExpanding the square gives\n",
        "$$L = w^2x^2 - 2wxt + t^2$$",
        "$$L = w^2x^2 - wxt + t^2$$",
    ),
    (
        "",
        "$$\\frac{d\\eta}{dt} = -0.05\\sin t$$ for $\\eta = 0.05(1 + \\cos t)$.",
        "$$\\frac{d\\eta}{dt} = 0.05\\sin t$$ for $\\eta = 0.05(1 + \\cos t)$.",
    ),
]


@pytest.mark.parametrize(("before", "right", "wrong"), RIGHT_AND_WRONG)
def test_a_wrong_statement_is_told_from_its_right_twin(before, right, wrong):
    good, bad = audit_text(before + right), audit_text(before + wrong)
    assert not good.flagged, good.flagged
    assert any(claim.verdict in {"ok", "digits"} for claim in good.claims)
    assert len(bad.flagged) in {1, 2}, bad.flagged


@pytest.mark.parametrize(
    "text",
    [
        "Let $f(x) = x^3 + 2x$. A critical point has $f'(x) = 5$, which we solve for $x$.",
        "Let $f(x) = x^3$. When is $f''(x) = 6$?",
        "Let $v = (3, 4)$. Choose the scale such that $\\|v\\| = 1$.",
        "Let $w = (1, 2)$ and $x = (3, 1)$. The boundary is $w^\\top x = 0$.",
        "Let $y = 4$. Suppose $\\sqrt{y} = 3$ instead.",
        "Let $f(x) = x^3$. The linear approximation is $f(2.1) \\approx 8 + 0.1\\cdot 12 = 9.2$.",
        "For small angles $\\sin\\theta \\approx \\theta$. We have $\\sin 1 = 0.8415$.",
        "Someone told me the gradient of $\\|x\\|$ is $2x$.",
        "$f(x, y) = x^2 y$, starting at $x = 5$, $y = 5$. At the minimum the Hessian is "
        "$$H=\\begin{pmatrix}42&-20\\\\-20&10\\end{pmatrix}$$",
        "$$h^{(2)}(x) = \\sigma(x)$$ is the function of layer two.",
        "With $a=30$, $b=60$ and $f=20$: "
        "$\\frac{\\partial f}{\\partial b}=\\frac{f^2}{b^2}=\\frac19$.",
        "The hard sigmoid is $\\sigma(z) = \\max(0, \\min(1, z))$.",
        "Let $(XW)' = X$ be the transpose.",
    ],
)
def test_what_may_be_asked_for_or_approximated_is_not_accused(text):
    assert not audit_text(text).flagged


def test_a_value_that_follows_from_a_wrong_derivative_inherits_it():
    text = "Let $f(x) = x^3$. Then $f''(x) = 3x$. At $2$ we have $f''(2) = 6$."
    verdicts = [claim.verdict for claim in audit_text(text).claims]
    assert verdicts == ["derivative", "inherited"]


def test_a_right_value_after_a_wrong_derivative_is_right():
    text = "Let $f(x) = x^3$. Then $f''(x) = 3x$. At $2$ we have $f''(2) = 12$."
    verdicts = [claim.verdict for claim in audit_text(text).claims]
    assert verdicts == ["derivative", "ok"]


def _at(node, x):
    def look(name):
        return quantity(x) if isinstance(name, Symbol) and name.key in {"x", "u"} else None

    return float(evaluate(node, Context(look=look)).value)


def _central(node, x, h=1e-5):
    return (_at(node, x + h) - _at(node, x - h)) / (2 * h)


@pytest.mark.parametrize("name", sorted(SLOPES))
@given(x=st.floats(0.1, 0.9))
def test_the_table_of_slopes_agrees_with_differences(name, x):
    function = ELEMENTWISE[name]
    central = (function(np.array(x + 1e-5)) - function(np.array(x - 1e-5))) / 2e-5
    assert np.isclose(_at(slope(name, 1), x), central, rtol=1e-6, atol=1e-8)


FORMULAS = [
    r"x^3 - 2 x + 1",
    r"\frac{x}{1 + x^2}",
    r"\sin(x^2) e^{-x}",
    r"\ln(1 + e^{x})",
    r"x^x",
    r"\sqrt{1 + x^2}",
    r"2^{x}",
    r"\tanh(3x) \cdot x",
    r"\frac{1}{2}(3 x - 1)^2",
    r"|x - 5|",
]


@pytest.mark.parametrize("text", FORMULAS)
@given(x=st.floats(0.3, 2.0))
def test_derivatives_of_formulas_agree_with_differences(text, x):
    node = statements(text)[0].links[0].node
    first = derivative(node, "x", {})
    assert np.isclose(_at(first, x), _central(node, x), rtol=1e-5, atol=1e-6)
    second = derivative(first, "x", {})
    assert np.isclose(_at(second, x), _central(first, x), rtol=1e-4, atol=1e-5)


def test_a_formula_of_arrays_has_no_derivative_as_a_formula():
    node = statements(r"\sum_i x_i^2")[0].links[0].node
    with pytest.raises(NotDifferentiable):
        derivative(node, "x", {})


def test_a_constant_has_derivative_zero():
    found = derivative(statements("3 y + 2")[0].links[0].node, "x", {})
    assert isinstance(found, Number)
    assert found.value == 0
