"""Short documents and what is said of them: the pitfalls that were met, one row each."""

import pytest

from reports.documents import audit_text

RIGHT = [
    "$z = 0.5 \\cdot 2 + 1 = 2$",
    "$a = \\sigma(0.7) \\approx 0.668$",
    "$p = 2/3 = 0.666$",  # cut off, not rounded
    "$s = 0.37 \\cdot 1.3 + 0.28 \\cdot 0.9 = 0.48 + 0.25 = 0.73$",  # rounded on the way
    "$a = 0.1234 + 0.4564 = 0.123 + 0.456 = 0.580$",  # digits carried on
    "$w = 1$, $g = 2$ $$w := w - 0.1 \\cdot g = 1 - 0.2 = 0.8$$",
    "$w = 1$ $$w = w - 0.1 \\cdot 2 = 0.8$$ $$w = w - 0.1 \\cdot 2 = 0.8 - 0.2 = 0.6$$",
    "$$\\begin{pmatrix}1\\\\2\\end{pmatrix} \\cdot \\begin{pmatrix}3\\\\4\\end{pmatrix}"
    " = \\begin{pmatrix}3\\\\8\\end{pmatrix}$$",  # · entry by entry: a matter of notation
    "输入为 $x = [1, 2]^T$，$w = [3, 4]^T$。$$z = w^T x = 11$$",
    "学习率为 0.1，$w = 1$，$g = 2$。$$w - \\alpha g = 0.8$$",
    "| $w$ | 0.5 |\n|---|---|\n| $x$ | 4 |\n\n$$z = w x = 2$$",
    "$-\\log(0.8) \\approx 0.223$",
    "$y_1 = 1, y_2 = 3$ $$L = \\sum_i y_i = 4$$",
    "$\\sigma'(x) = \\sigma(x)(1-\\sigma(x))$ and $\\tanh'(x) = 1 - \\tanh^2(x)$",
    "$L = (y - \\hat y)^2$ $$\\frac{\\partial L}{\\partial \\hat y} = -2(y - \\hat y)$$",
    "$L = \\frac12 \\sum_i (y_i - p_i)^2$ $$\\frac{\\partial L}{\\partial p} = p - y$$",
]

RIGHT += [
    "$n = 14{,}400 \\cdot 2 = 28{,}800$",  # thousands, no decimals
    "$L = -\\log(0.2) \\cdot 0.5 = 0.8045$",  # the logarithm rounded to 1.609 on the way
    "$\\sigma'(x) = \\begin{cases} 1 & x > 0 \\\\ 0 & x \\le 0 \\end{cases}$",  # of a rectifier
    "$$a = 1 + 1 = 2\nb = 2 + 2 = 4$$",  # one equation a line
    "| $t$ | $v_t$ |\n|---|---|\n| 1 | 0.5 |\n\n$v_t = 2 v_{t-1}$\n\n$$v_2 = 0.5 + 0.5 = 1$$",
    "$2 \\sqrt{8} \\cos(45) = 4$",  # degrees
    "$(224 - 7 + 6) / 2 + 1 = 223 / 2 + 1 = 111 + 1 = 112$",  # so many steps fit
    "$g(x) = -x \\ln x$, $g^{\\prime\\prime}(x) = -1/x$, $g(1) = -1 \\ln 1 = 0$",
    "$x = 3000$, $w = 0.001$, $z = w x = 3$. $$a = \\sigma(z) = 0.9526$$"
    " $$\\frac{\\partial a}{\\partial w} = a (1 - a) x = 135.53$$",  # it bends within 0.0006
]

QUIET = [
    "$0.632^T \\approx 0.1$",  # after T steps
    "$w = 1$, $L = \\frac12 (w h - y)^2$ $$\\frac{\\partial L}{\\partial h} = (w h - y) \\cdot 1$$",
    "since $-4.6 < -3.99$",
    "$v = 11$ and $J = 3v$; at 11.001 it is $J = 3v = 33.003$",
    "it has $784 \\cdot 3456 \\approx 2.7$ million weights",
    "an interval ($95\\% = (0.52, 0.86)$)",
    "$\\mu = 0 \\;\\; \\sigma = 1$",
    "$F(k) = k^2 / 36$ and $F(8) = 1$",
    "$se = \\sigma / \\sqrt{m} = 5 / \\sqrt{2} = 3.5$ where $m = 0.4$ stood before",
    "$dz^{(1)} = a^{(1)} - y^{(1)}$ for each sample",
]


@pytest.mark.parametrize("text", QUIET)
def test_doubtful_is_no_finding(text):
    assert not audit_text(text).flagged


@pytest.mark.parametrize("text", RIGHT)
def test_right(text):
    audited = audit_text(text)
    assert not audited.flagged
    assert audited.coverage.checked


WRONG = [
    ("$2 \\sqrt{8} \\cos(45) = 5$", "wrong", "2.97167"),
    ("$(224 - 7 + 6) / 2 + 1 = 113$", "wrong", "112.5"),
    ("$z = 0.5 \\cdot 2 + 1 = 3$", "wrong", "2"),
    ("$1.30 = 1.1+0.28+0.51+0.4 = 2.29$", "wrong", "1.3"),
    ("$b = 0.9 - 0.1 \\cdot (-0.1) = 1.0$", "wrong", "0.91"),
    ("$$\\sigma(1.3) = 1.3$$", "wrong", "0.785835 (σ applied)"),
    (
        "$$\\begin{bmatrix}1&2\\\\3&4\\end{bmatrix} - \\begin{bmatrix}1\\\\2\\end{bmatrix}"
        " = \\begin{bmatrix}7\\\\7\\end{bmatrix}$$",
        "shape",
        "[[0, 1], [1, 2]] (vector over the columns)",
    ),
    ("$x = 3$ $$z = 2 x = 2 \\cdot 4 = 8$$", "substitution", "3"),
    ("$z = 2 (a - b)^2 = 20 (3 - 1)^2 = 80$", "substitution", "2"),
    ("$$-\\log(-0.5) = 0.69$$", "wrong", ""),
    ("$\\sigma'(x) = \\sigma(x)(1+\\sigma(x))$", "derivative", ""),
    (
        "$L = (y - \\hat y)^2$ $$\\frac{\\partial L}{\\partial \\hat y} = 2(y - \\hat y)$$",
        "derivative",
        "−2 (y − ŷ)",
    ),
    (
        "$x = 2$, $w = 0.5$, $t = 3$. $$\\hat y = w x = 1$$ $$E = (t - \\hat y)^2 = 4$$"
        " $$\\frac{\\partial E}{\\partial w} = 2(3 - 1) \\cdot 2 = 8$$",
        "derivative",
        "-8",
    ),
    ("$$ x = 1", "unterminated", ""),
]


@pytest.mark.parametrize(("text", "verdict", "right"), WRONG)
def test_wrong(text, verdict, right):
    flagged = audit_text(text).flagged
    assert verdict in {claim.verdict for claim in flagged}
    assert any(right in claim.right for claim in flagged)


EXPLAINED = [
    ("$w = 0.5 - 0.1 \\cdot 0.24 = 0.26$", "learning rate is not applied"),
    ("$a = \\sigma(0.62) = 0.62$", "σ is not applied"),
    ("$z = 0.5 \\cdot 3 + 0.25 = 1.5$", "0.25 is left out"),
    ("$w = 0.5 - 0.1 \\cdot 0.24 = 0.524$", "is added"),
    ("$L = -\\log(0.8) = 0.0969$", "to the base 10"),
    ("$e = (0.3 - 1)^2 = -0.7$", "square is left out"),
    ("$a = 0.25 \\cdot 0.5 = 1.25$", "decimal point"),
]


@pytest.mark.parametrize(("text", "words"), EXPLAINED)
def test_what_the_author_did(text, words):
    (claim,) = audit_text(text).flagged
    assert words in claim.explanation


def test_inherited_values_are_no_new_errors():
    text = "$a = 1 + 1 = 3$\n\n$$b = a \\cdot 2 = 6$$"
    first, second = audit_text(text).claims
    assert (first.verdict, second.verdict) == ("wrong", "inherited")


def test_copied_value_names_its_line():
    text = "$d = 2 \\cdot 0.31 = 0.55$\n\n$d = 4 \\cdot 0.27 = 0.55$"
    assert "copied from line 1" in audit_text(text).flagged[1].explanation


def test_ambiguous_names_are_not_judged():
    text = "$x = 1$ then $x = 2$ then $x = 3$\n\n$$z = 5 x = 27$$"
    audited = audit_text(text)
    assert not audited.flagged
    assert audited.coverage.unchecked == 1


def test_coverage_counts_everything():
    coverage = audit_text("$a = 1$, $b = 1 + 1 = 2$, $c = \\int x$, $d = q + 1 = 2$").coverage
    assert (coverage.formulas, coverage.checked, coverage.stated) == (4, 1, 1)
    assert coverage.unchecked == 2 == len(coverage.places)


LAYERS = (
    "$z^l = W^l a^{l-1} + b^l$, $a^l = \\sigma(z^l)$, "
    "$\\delta^l = \\frac{\\partial C}{\\partial z^l}$ "
)
RULES = [
    (r"\delta^l = (W^{l+1})^T \delta^{l+1} \odot \sigma'(z^l)", True),
    (r"\frac{\partial C}{\partial W^l} = \delta^l (a^{l-1})^T", True),
    (r"\frac{\partial C}{\partial b^l} = \delta^l", True),
    (r"\frac{\partial C}{\partial w^l_{jk}} = a^{l-1}_k \delta^l_j", True),
    (r"\delta^l = W^{l+1} \delta^{l+1} \odot \sigma'(z^l)", False),
    (r"\delta^l = (W^{l+1})^T \delta^{l+1}", False),
    (r"\frac{\partial C}{\partial W^l} = \delta^l (a^l)^T", False),
    (r"\frac{\partial C}{\partial W^l} = \delta^{l+1} (a^{l-1})^T", False),
    (r"\frac{\partial C}{\partial b^l} = \delta^{l+1}", False),
    (r"\frac{\partial C}{\partial w^l_{jk}} = a^{l-1}_k \delta^l_j \sigma'(z^l_j)", False),
]


@pytest.mark.parametrize(("rule", "right"), RULES)
def test_rules_for_a_layer(rule, right):
    audited = audit_text(f"{LAYERS}\n\n$$ {rule} $$")
    assert bool(audited.flagged) != right
    assert any(claim.kind == "derivative" for claim in audited.claims)
