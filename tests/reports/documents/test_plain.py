"""Formulas in plain text, derivatives with a slash, and steps that write the gradient out."""

import pytest

from reports.documents.audit import audit_text
from reports.documents.extract import extract
from reports.documents.plain import plain_formulas
from reports.documents.source import Source

GIVEN = "Given: x1 = 2, x2 = 3, label y = 1, w1 = 0.5, w2 = -0.1, b = 0.2\n\n"
LOSS = "$L = (wx-y)^2$. "

TWINS = [
    (
        GIVEN,
        "Score: z = 0.5\\*2 + (-0.1)\\*3 + 0.2 = 0.9",
        "Score: z = 0.5\\*2 + (-0.1)\\*3 + 0.2 = 1.5",
    ),
    (GIVEN, "So z = w1*x1 + w2*x2 + b = 0.9 here.", "So z = w1*x1 + w2*x2 + b = 1.9 here."),
    ("Let p = 0.7109. ", "The loss is L = -ln(p) = 0.3412.", "The loss is L = -ln(p) = 1.2412."),
    (LOSS, "So $dL/dw = 2(wx-y)x$.", "So $dL/dw = (wx-y)x$."),
    (
        LOSS,
        "So $\\mathrm{d}L/\\mathrm{d}x = 2(wx-y)w$.",
        "So $\\mathrm{d}L/\\mathrm{d}x = 2(wx-y)x$.",
    ),
    ("$f(x) = x^3$. ", "Then $d^2f/dx^2 = 6x$.", "Then $d^2f/dx^2 = 3x$."),
    ("", "$d/dx (x^2) = 2x$", "$d/dx (x^2) = x$"),
    (LOSS, "$w \\leftarrow w - 2\\eta (wx-y) x$", "$w \\leftarrow w + 2\\eta (wx-y) x$"),
]


@pytest.mark.parametrize(("before", "right", "wrong"), TWINS)
def test_a_wrong_statement_is_told_from_its_right_twin(before, right, wrong):
    good, bad = audit_text(before + right), audit_text(before + wrong)
    assert not good.flagged, good.flagged
    assert any(claim.verdict in {"ok", "digits"} for claim in good.claims)
    assert len(bad.flagged) == 1, bad.flagged


def _plain(text):
    source = Source(text)
    return [formula.text for formula in plain_formulas(source, extract(source))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("so z = 2*3 = 6, and then", ["z = 2*3 = 6"]),
        ("dL/dw1 = (p - y) \\* x1 = -0.5", ["dL/dw₁ = (p - y) \\* x₁ = -0.5"]),
        ("with x1 = 2, x2 = 3.", ["x₁ = 2", "x₂ = 3"]),
        ("the error p - y = -0.2", []),
        ("a table with rows = 3 and speed = fast", []),
        ("`z = 2*3 = 7` is code", []),
        ("inside $z = 2*3 = 7$ it is a formula already", []),
        ("| z = 2*3 = 7 | cells |", []),
        ("2 y = 3", []),
        ("if x == 3 then", []),
        ("y = quadratic in x", []),
    ],
)
def test_only_what_is_surely_a_formula_is_read_in_words(text, expected):
    assert _plain(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "$a = c/d + b$ with $c = 4$, $d = 2$, $b = 1$: so $a = 3$.",
        "$L = (wx-y)^2$. Gradient ascent: $w \\leftarrow w + 2\\eta (wx-y) x$.",
        "Costs rose: y = 3 people, then y = 5.",
        "We maximise $L = -(wx-y)^2$ by $w \\leftarrow w - 2\\eta (wx-y) x$.",
    ],
)
def test_other_uses_of_the_same_signs_are_not_accused(text):
    assert not audit_text(text).flagged


def test_a_step_that_cannot_be_held_against_a_loss_is_not_checked():
    coverage = audit_text("$w \\leftarrow w - \\eta (wx - y) x$").coverage
    assert (coverage.checked, coverage.unchecked) == (0, 1)


def test_a_gradient_by_name_is_not_taken_as_given():
    coverage = audit_text("$\\delta_2 = W^T \\delta_3 \\odot \\sigma'(z_2)$").coverage
    assert coverage.unchecked == 1
