"""The worked-example documents of ours: lines, right values, explanations, changed figures."""

import pytest
from mutations import mutations

from reports.documents import audit
from reports.worked_examples.documents import FOLDER, KNOWN

CLEAN = [name for name, lines in KNOWN.items() if not lines]
LEAST_FOUND = 0.97


def test_every_document_has_its_row():
    assert {path.name for path in FOLDER.glob("*.md")} == set(KNOWN)


@pytest.mark.parametrize("name", KNOWN)
def test_flagged_lines_are_those_known(name):
    audited = audit(FOLDER / name)
    assert tuple(sorted({claim.place.line for claim in audited.flagged})) == KNOWN[name]
    assert audited.coverage.checked


FIGURES = {
    11: ("(0.645656, 0.785835) (σ applied); (0.6, 1.3) (σ not applied)", "σ is not applied"),
    13: ("6.73505", ""),
    17: ("(-2.1, -3.01)", "a target of 1"),
    18: ("(-0.0213, -0.1917) (first factor as a row)", "does not conform"),
    19: ("[[-0.1, -0.18], [-0.01, -0.018]] (outer product)", "elementwise product"),
    26: ("[[0.91, 1.01], [1.1018, 1.2018]] (vector over the columns)", "not applied (α = 1)"),
    27: ("(0.91, 1.001)", "not applied (α = 1)"),
}


@pytest.mark.parametrize("line", FIGURES)
def test_right_value_and_what_the_author_did(line):
    (claim,) = (
        c for c in audit(FOLDER / "figures_with_mistakes.md").flagged if c.place.line == line
    )
    right, words = FIGURES[line]
    assert right in claim.right
    assert words in claim.explanation


RULES = {
    3: "then the activation",
    17: "⊙ σ′(z)",
    21: "ŷ − y",
    33: "δ_l·A_{l-1}ᵀ",
    35: "δ_l",
}


@pytest.mark.parametrize("line", RULES)
def test_repaired_rules(line):
    flagged = audit(FOLDER / "rules_with_mistakes.md").flagged
    (claim,) = (c for c in flagged if c.place.line == line)
    assert RULES[line] in claim.right


def test_cross_entropy_holds_through_softmax():
    flagged = audit(FOLDER / "rules_with_mistakes.md").flagged
    (claim,) = (c for c in flagged if c.place.line == 25)
    assert "what goes into the softmax" in claim.explanation


def test_code_is_the_gradient_of_another_loss():
    flagged = audit(FOLDER / "code_with_mistakes.md").flagged
    by_line = {claim.place.line: claim for claim in flagged}
    assert "binary cross-entropy" in by_line[20].explanation
    assert "4.19 times too large" in by_line[20].explanation
    assert "one-dimensional" in by_line[22].explanation
    assert "averages different gradients" in by_line[31].explanation


def test_changed_figures_are_found():
    changed = [m for name in CLEAN for m in mutations(FOLDER / name, share=0.4)]
    assert len(changed) > 100
    missed = [m for m in changed if not m.found]
    assert len(missed) <= (1 - LEAST_FOUND) * len(changed), missed
