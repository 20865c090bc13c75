import dataclasses

from reports.build import build
from reports.comparison import COMPARED
from reports.worked_examples import CLAIMS
from reports.worked_examples.claim import wrong


def test_same_seed_same_report():
    part = {"claims": CLAIMS[:12], "compared": COMPARED[:3]}
    assert build(seed=5, **part) == build(seed=5, **part)


def test_outcomes_do_not_depend_on_the_seed(report):
    other = build(seed=12345, compared=())
    assert [row.outcome for row in other.claims] == [row.outcome for row in report.claims]


def test_progress_tells_each_step():
    steps = []
    build(
        claims=CLAIMS[:2],
        compared=COMPARED[:1],
        progress=lambda done, of, name: steps.append((done, of, name)),
    )
    assert [step[:2] for step in steps] == [(0, 3), (1, 3), (2, 3)]
    assert steps[1][2] == CLAIMS[0].id


def test_a_claim_recorded_wrongly_makes_the_report_not_ok():
    truth = wrong("gradient", mistake="none", right="as stated", because="A planted record.")
    planted = dataclasses.replace(CLAIMS[0], truth=truth)
    report = build(claims=(planted,), compared=())
    assert not report.ok
    assert report.surprises[0].surprises[0] == "found: right; recorded: gradient"


def test_rows_stand_in_the_order_of_the_documents(report):
    order = [(row.document, row.lines[0]) for row in report.claims]
    assert order == sorted(order)


def test_counts(report):
    assert dict(report.outcomes) == {"right": 28, "flagged, as known": 52, "noted": 9}
    assert not report.surprises
    assert not report.failures
