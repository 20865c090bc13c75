import dataclasses
import json
import re

import pytest

from gradcheck.verdict import JOINT
from reports.render import RENDERERS, markdown, terminal
from reports.report import ClaimRow, ImplementationRow, Report

AWKWARD = "|x| = <b>`a_1*`</b> \\ [z](y) $1$\nsecond line"


def implementation(**changes):
    row = ImplementationRow(
        subject="a_rather_long_name_of_a_model, float64",
        primal="prediction",
        oracle="finite differences",
        status="pass",
        resolution=1e-12,
        evaluations=6,
    )
    return dataclasses.replace(row, **changes)


def claim(**changes):
    row = ClaimRow(
        document="notes.txt",
        lines=(7, 8),
        name="awkward",
        type="figure",
        formula=AWKWARD,
        outcome="flagged, as known",
        kinds=("value",),
        mistake="α ignored",
        stated="(1.0, 1.01)",
        right="(0.91, 1.001)",
        explanation="The author left out α = 0.1.",
        evidence=("α = 1: (1.0, 1.01), which is what is stated",),
    )
    return dataclasses.replace(row, **changes)


def small(implementations=None, claims=None):
    return Report(
        implementations=(implementation(),) if implementations is None else implementations,
        claims=(claim(),) if claims is None else claims,
        seed=3,
    )


def text_of(report, name):
    return "\n".join(RENDERERS[name](report))


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_terminal_lines_fit(report, width):
    assert max(map(len, terminal.render(report, width))) <= width


@pytest.mark.parametrize("width", [80, 120])
def test_terminal_lines_fit_when_all_is_undecided(width):
    row = implementation(status="inconclusive", resolution=None, reason="noise " * 40)
    assert max(map(len, terminal.render(small((row,)), width))) <= width


@pytest.mark.parametrize("width", [80, 120])
def test_terminal_wraps_long_names(width):
    row = implementation(subject="long name " * 20 + ", float64", primal="params." * 12)
    lines = list(terminal.render(small((row,)), width))
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize("width", [80, 120])
def test_terminal_has_one_line_for_each_implementation_row(report, width):
    lines = list(terminal.render(report, width))
    start = lines.index("Implementations against oracles")
    rows = [
        re.split(r"\s{2,}", line)[-6:] for line in lines[start : lines.index("Worked examples")]
    ]
    expected = [
        [row.subject.rsplit(", ")[-1], row.primal, row.status, str(row.evaluations)]
        for row in report.implementations
        if row.primal != JOINT
    ]
    assert [[r[0], r[1], r[3], r[5]] for r in rows if r[-1].isdecimal()] == expected
    subjects = {row.subject.rsplit(", ")[0] for row in report.implementations}
    assert all(any(line.startswith(subject) for line in lines) for subject in subjects)


def test_terminal_leaves_out_joint_rows_only_if_they_pass():
    joint = implementation(primal=JOINT)
    failing = dataclasses.replace(joint, status="fail", reason="why")
    rows = "together that pass (1).", f"  {JOINT}  "
    assert [words in text_of(small((joint,)), "terminal") for words in rows] == [True, False]
    assert [words in text_of(small((failing,)), "terminal") for words in rows] == [False, True]


@pytest.mark.parametrize("name", ["terminal", "markdown"])
def test_summary_comes_first_and_the_verdict_last(report, name):
    lines = text_of(report, name).splitlines()
    assert "Summary" in lines[0] + lines[2]
    verdict = "OK: no model fails; 52 claims are wrong, all of them known to be; no surprises."
    assert verdict in lines[-1]
    assert any(verdict in line for line in lines[:6])


@pytest.mark.parametrize("name", ["terminal", "markdown"])
def test_what_limits_a_pass_is_told_once(name):
    rows = tuple(implementation(primal=p, reason="a coarse grid") for p in "xy")
    assert text_of(small(rows), name).count("a coarse grid") == 1


@pytest.mark.parametrize("name", RENDERERS)
def test_notes_are_told(name):
    noted = dataclasses.replace(small(), notes=("No twin: square.",))
    assert "No twin: square." in text_of(noted, name)


def test_terminal_takes_the_width_of_the_terminal(monkeypatch, report):
    monkeypatch.setenv("COLUMNS", "100")
    assert list(terminal.render(report)) == list(terminal.render(report, 100))


@pytest.mark.parametrize("name", RENDERERS)
def test_no_colour_codes(report, name):
    assert "\x1b" not in text_of(report, name)


@pytest.mark.parametrize("name", ["terminal", "markdown"])
def test_a_flagged_row_says_what_is_right_and_what_was_done(name):
    text = text_of(small(), name).replace("\\", "")
    for words in ("notes.txt", "7–8", "(1.0, 1.01)", "Right: (0.91, 1.001)", "left out α"):
        assert words in text


@pytest.mark.parametrize("name", ["terminal", "markdown"])
def test_a_surprise_is_loud(name):
    surprise = claim(outcome="passed, a surprise", surprises=("found: right; recorded: value",))
    text = " ".join(text_of(small(claims=(surprise,)), name).replace("\\", "").split())
    assert "SURPRISE" in text
    assert "Something is wrong: claims whose recorded truth does not hold: notes.txt:7." in text


def test_a_failing_model_is_named_at_the_end():
    failing = implementation(status="fail", reason="x[0]: claimed 1, true 2")
    text = " ".join(terminal.render(small((failing,)), 200))
    assert "wrong gradients in reference models: a_rather_long_name_of_a_model" in text
    assert "x[0]: claimed 1, true 2" in text


@pytest.mark.parametrize("data", ["all", "awkward"])
def test_markdown_tables_are_well_formed(report, data):
    lines = text_of(report if data == "all" else small(), "markdown").splitlines()
    columns = [len(re.findall(r"(?<!\\)\|", line)) - 1 for line in lines if line.startswith("|")]
    assert set(columns) == {6, 4}


def test_markdown_has_every_row(report):
    lines = text_of(report, "markdown").splitlines()
    rows = [line for line in lines if line.startswith("|") and not line.startswith("| ---")]
    documents = {row.document for row in report.claims}
    assert len(rows) == len(report.implementations) + len(report.claims) + 1 + len(documents)


def test_markdown_shows_awkward_text_as_it_is():
    assert markdown.escape("|a_1|\n<b>") == r"\|a\_1\|<br>\<b\>"


def test_json_has_every_row_and_field(report):
    data = json.loads(text_of(report, "json"))
    plain = json.loads(json.dumps([dataclasses.asdict(row) for row in report.claims]))
    assert data["claims"] == plain
    assert len(data["implementations"]) == len(report.implementations)
    assert (data["ok"], data["seed"]) == (True, 0)


def test_json_counts_what_the_rows_say(report):
    summary = json.loads(text_of(report, "json"))["summary"]
    assert sum(summary["claims"].values()) == len(report.claims)
    (lines,) = summary["figure_lines"]
    assert (len(lines["right"]), len(lines["wrong"])) == (9, 32)


def test_json_writes_what_is_not_finite_as_text():
    data = json.loads(text_of(small((implementation(resolution=float("inf")),)), "json"))
    assert data["implementations"][0]["resolution"] == "inf"


def test_formats_tell_the_same_counts(report):
    summary = json.loads(text_of(report, "json"))["summary"]["claims"]
    counts = "; ".join(f"{n} {outcome}" for outcome, n in sorted(summary.items()))
    for name in ("terminal", "markdown"):
        text = " ".join(text_of(report, name).replace("\\", "").split())
        assert all(count in text for count in counts.split("; "))


def test_markdown_and_terminal_of_an_empty_report():
    empty = small((), ())
    assert "0 claims" in text_of(empty, "terminal")
    assert "0 claims" in text_of(empty, "markdown")
