"""The report against the truth of the five documents, line by line.

The line numbers are written down here once more, so that a row that is lost or turned is noticed.
"""

import dataclasses
import re

import numpy as np
import pytest

from reports.build import claim_row
from reports.worked_examples import CLAIMS, document_003
from reports.worked_examples.claim import Claim, Derivation, Figure, Note, line_ranges, right
from reports.worked_examples.judging import judge, outcome
from reports.worked_examples.printed import parse

RIGHT_LINES = (180, 201, 203, 205, 249, 321, 340, 342, 344)
WRONG_LINES = (
    *(177, 178, 179, 184, 188, 192, 196, 200, 202, 204, *range(209, 215)),
    *(318, 319, 320, 325, 329, 333, 335, 339, 341, 343, *range(348, 354)),
)
FLAGGED_DERIVATIONS = {
    "001": {40, 48, *range(65, 79)},
    "003": {
        *(55, 134, 261, 59, 138, 281, 63, 142, 291, 64, 143, 295, 267, 273),
        *(395, 396, 397, 398, 407, 408, *range(468, 475), 485, 432, 474),
    },
}
FLAGGED_STATEMENTS = {
    "001": {46},
    "003": {
        *(28, 31, 122, 75, 154, 107, 167, 312, 226, 333, 335, *range(341, 345)),
        *(*range(350, 354), *range(401, 422), 428, 627, 637),
    },
}
RIGHT_DERIVATIONS = {
    "000": {30, 62, 45, 51, 52, 53, 54},
    "001": {63, 72, 75, 76},
    "002": {43, 51, 52, 58},
    "003": {40, 229, 44, 239, 68, 69, 147, 148, 303, 307, 391, 392},
    "004": {117, 140, 145, 159, 165, 175, 181, 201},
}
SEED = 0

figures = [claim for claim in CLAIMS if isinstance(claim, Figure)]
derivations = [claim for claim in CLAIMS if isinstance(claim, Derivation)]


def with_id(claims):
    return pytest.mark.parametrize("claim", claims, ids=[claim.id for claim in claims])


def misprinted(figure):
    """The figure with its last digit but zeros one too small."""
    digit = re.search(r"[1-9](?=[0\D]*$)", figure)
    assert digit
    return figure[: digit.start()] + str(int(digit[0]) - 1) + figure[digit.end() :]


def lines(rows, *, type, wrong):
    chosen = [row for row in rows if row.type == type and bool(row.kinds) == wrong]
    documents = sorted({row.document[:3] for row in chosen})
    return {d: {n for r in chosen if r.document[:3] == d for n in r.lines} for d in documents}


@with_id(CLAIMS)
def test_every_claim_is_as_recorded(claim):
    judgement = judge(claim, SEED)
    assert not judgement.unconfirmed
    assert judgement.flags == claim.truth.flags


def test_figure_lines_of_document_003(report):
    (counted,) = report.figure_lines
    assert counted.right == RIGHT_LINES
    assert counted.wrong == WRONG_LINES
    assert (len(counted.right), len(counted.wrong)) == (9, 32)


def test_derivations_that_are_flagged(report):
    assert lines(report.claims, type="derivation", wrong=True) == FLAGGED_DERIVATIONS


def test_derivations_that_are_right(report):
    assert lines(report.claims, type="derivation", wrong=False) == RIGHT_DERIVATIONS


def test_statements_that_are_flagged(report):
    assert lines(report.claims, type="statement", wrong=True) == FLAGGED_STATEMENTS


def test_documents_000_002_and_004_are_right(report):
    flagged = {row.document[:3] for row in report.claims if row.kinds}
    assert flagged == {"001", "003"}


def test_the_truncated_formula_is_noted_and_not_judged(report):
    (note,) = (row for row in report.claims if row.document[:3] == "004" and 210 in row.lines)
    assert (note.type, note.outcome, note.lines) == ("note", "noted", (210, 211))


def test_output_delta_lacks_the_slope_and_fits_binary_cross_entropy(report):
    (row,) = (r for r in report.claims if r.document[:3] == "001" and r.name == "output delta")
    assert (row.mistake, row.right) == ("σ′ missing", "δ₂ = (ŷ − y) ŷ (1 − ŷ)")
    assert any("binary cross-entropy" in words for words in row.evidence)


def test_regression_ends_at_equal_parameters(report):
    (row,) = (row for row in report.claims if row.name == "averaged gradients")
    assert "after 1000 steps as coded: (2.3636, 2.3636)" in row.evidence
    assert "after 1000 steps with the gradient: (4, -2)" in row.evidence


@pytest.mark.parametrize(("line", "words"), [(188, "ŷ − 1"), (210, "α = 1"), (200, "entry by")])
def test_what_the_author_did_reproduces_the_figure(report, line, words):
    (row,) = (r for r in report.claims if r.type == "figure" and r.lines[0] == line)
    assert any(w.startswith(words) and w.endswith("what is stated") for w in row.evidence)


@pytest.mark.parametrize(("line", "shares"), [(211, "3 of 4"), (213, "3 of 4"), (339, "1 of 2")])
def test_what_the_author_nearly_did(report, line, shares):
    (row,) = (r for r in report.claims if r.type == "figure" and r.lines[0] == line)
    assert any(f"{shares} stated entries" in words for words in row.evidence)


@with_id([claim for claim in figures if claim.truth.inherits])
def test_inherited_lines_are_wrong(claim):
    assert set(claim.truth.inherits) <= set(WRONG_LINES)


@with_id([claim for claim in CLAIMS if claim.truth.flags])
def test_a_flagged_claim_says_what_to_do(claim):
    truth = claim.truth
    assert truth.right and truth.mistake
    assert truth.because.endswith(".")


def test_ids_are_unique():
    ids = [claim.id for claim in CLAIMS]
    assert len(set(ids)) == len(ids)


@with_id([claim for claim in derivations if claim.truth.flags])
def test_a_flagged_derivation_has_a_right_one(claim):
    assert claim.repair is not None


def test_known_mistake_that_is_gone_is_a_surprise():
    (claim,) = (c for c in derivations if c.name == "output delta")
    repaired = dataclasses.replace(claim, pullback=claim.repair, holds_for=())
    assert outcome(repaired, judge(repaired, SEED)) == "passed, a surprise"


@with_id([claim for claim in derivations if not claim.truth.flags][::4])
def test_planted_factor_in_a_right_derivation_is_a_surprise(claim):
    def twice(y_bar, **primals):
        return {name: 2 * bar for name, bar in claim.pullback(y_bar, **primals).items()}

    planted = dataclasses.replace(claim, pullback=twice)
    assert outcome(planted, judge(planted, SEED)) == "flagged, a surprise"


@with_id([claim for claim in figures if not claim.truth.flags])
def test_changed_digit_of_a_right_figure_is_a_surprise(claim):
    planted = dataclasses.replace(claim, stated=misprinted(claim.stated))
    row = claim_row(planted, judge(planted, SEED))
    assert row.outcome == "flagged, a surprise"
    assert row.surprises[0] == "found: value; recorded: right"


@with_id([claim for claim in figures if claim.truth.flags])
def test_wrong_record_of_the_right_value_is_a_surprise(claim):
    truth = dataclasses.replace(claim.truth, right=misprinted(claim.truth.right))
    planted = dataclasses.replace(claim, truth=truth)
    assert outcome(planted, judge(planted, SEED)) == "flagged, a surprise"


@with_id([claim for claim in CLAIMS if claim.truth.flags][::5])
def test_flipped_truth_is_a_surprise(claim):
    flipped = dataclasses.replace(claim, truth=right())
    assert outcome(flipped, judge(flipped, SEED)) == "flagged, a surprise"


def test_repair_that_is_wrong_is_a_surprise():
    (claim,) = (c for c in derivations if c.name == "output delta")
    planted = dataclasses.replace(claim, repair=claim.pullback)
    row = claim_row(planted, judge(planted, SEED))
    assert row.surprises == ("not confirmed: the right formula passes the same check",)


def test_pullback_with_a_bug_of_ours_is_not_called_a_shape():
    (claim,) = (c for c in derivations if c.name == "hidden delta")
    broken = dataclasses.replace(claim, pullback=lambda delta, **primals: primals["no such name"])
    with pytest.raises(RuntimeError, match="no such name"):
        judge(broken, SEED)


def test_note_with_wrong_evidence_is_a_surprise():
    (claim,) = (c for c in document_003.CLAIMS if c.name == "linear data")
    evidence = dataclasses.replace(claim.evidence[0], gives="(4, -1)")
    planted = dataclasses.replace(claim, evidence=(evidence,))
    assert isinstance(planted, Note)
    assert outcome(planted, judge(planted, SEED)) == "flagged, a surprise"


@pytest.mark.parametrize(
    ("text", "shape", "half_units"),
    [
        ("2.485", (), 0.0005),
        ("(0.9, 0.99)", (2,), [0.05, 0.005]),
        ("(4, -2)", (2,), [0.5, 0.5]),
        ("[[1.0, 1.02], [1.2, 1.218]]", (2, 2), [[0.05, 0.005], [0.05, 0.0005]]),
    ],
)
def test_printed_figures(text, shape, half_units):
    printed = parse(text)
    assert printed.value.shape == shape
    assert printed.half_unit == pytest.approx(np.array(half_units))


@pytest.mark.parametrize(("computed", "agrees"), [(0.25, True), (0.3499, True), (0.3501, False)])
def test_a_figure_leaves_half_a_unit_open(computed, agrees):
    assert parse("0.3").agrees(computed).all() == agrees


def test_another_shape_never_agrees():
    assert not parse("(1.0, 1.0)").agrees([[1.0, 1.0]]).any()


def test_source_names_document_and_lines():
    claim = Claim(document="notes.txt", lines=(3, 7, 8, 9), name="", formula="")
    assert claim.source == "notes.txt:3, 7–9"
    assert line_ranges((5,)) == "5"
