"""The command, its formats and exit statuses, and the pytest plugin."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import reports
from reports.cli import main
from reports.documents.results import FORMATS
from reports.worked_examples.documents import FOLDER

CLEAN, WRONG = FOLDER / "sigmoid_regression.md", FOLDER / "figures_with_mistakes.md"
ROW = {"line", "column", "formula", "verdict", "kind", "stated", "right", "reading", "explanation"}


@pytest.mark.parametrize(("path", "status"), [(CLEAN, 0), (WRONG, 1)])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_and_its_status(path, status, name, capsys):
    assert main(["audit", str(path), "--format", name]) == status
    assert capsys.readouterr().out


def test_json_has_every_claim(capsys):
    assert main(["audit", str(CLEAN), str(WRONG), "--format", "json"]) == 1
    clean, wrong = json.loads(capsys.readouterr().out)["documents"]
    assert clean["path"] == str(CLEAN)
    assert {claim["verdict"] for claim in clean["claims"]} == {"ok"}
    assert all(set(claim) == ROW for claim in wrong["claims"])
    assert wrong["coverage"]["checked"] > 0


def test_strict_fails_on_what_is_not_checked(tmp_path, capsys):
    path = tmp_path / "notes.md"
    path.write_text("$a = q + 1 = 2$", encoding="utf-8")
    assert main(["audit", str(path)]) == 0
    assert main(["audit", str(path), "--strict"]) == 1
    assert "not checked" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, b"\0\0", b"\xff\xfe\x00"])
def test_unreadable_files_exit_2_and_the_others_are_judged(content, tmp_path, capsys):
    path = tmp_path / "notes.md"
    if content is not None:
        path.write_bytes(content)
    assert main(["audit", str(path), str(CLEAN)]) == 2
    captured = capsys.readouterr()
    assert "cannot read" in captured.err
    assert "Nothing wrong" in captured.out


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_is_said_where_nothing_is_read(name, tmp_path, capsys):
    missing, out = tmp_path / "missing.md", tmp_path / "audit.txt"
    assert main(["audit", str(missing), "--format", name]) == 2
    assert main(["audit", str(missing), "--format", name, "--out", str(out)]) == 2
    assert capsys.readouterr().out == ""
    assert not out.exists()


def test_nothing_checked_is_no_approval(tmp_path, capsys):
    path = tmp_path / "notes.md"
    path.write_text("no formula at all", encoding="utf-8")
    assert main(["audit", str(path)]) == 0
    assert "There is nothing to check" in " ".join(capsys.readouterr().out.split())


def test_annotated_copy_keeps_every_line(capsys):
    main(["audit", str(WRONG), "--format", "annotated"])
    lines = capsys.readouterr().out.splitlines()
    original = WRONG.read_text(encoding="utf-8").splitlines()
    rest = iter(lines)
    assert all(line in rest for line in original)
    assert sum(line.startswith("> **✗**") for line in lines) == 7


def test_documents_are_escaped(tmp_path, capsys):
    path = tmp_path / "notes.md"
    path.write_text("$a|<b> = 1 = 2$ and $$\\text{<script>} + 1 = 1 = 3$$", encoding="utf-8")
    main(["audit", str(path), "--format", "markdown"])
    assert "<script>" not in capsys.readouterr().out.replace("\\<script\\>", "")


def test_no_control_characters_reach_the_terminal(tmp_path, capsys):
    path = tmp_path / "notes.md"
    path.write_text("$1 + 1 \x1b[31m= 3$ $2 + 2 = 5 \x1b]0;$", encoding="utf-8")
    main(["audit", str(path)])
    assert "\x1b" not in capsys.readouterr().out


def test_out_is_written_whole(tmp_path):
    path = tmp_path / "audit.json"
    assert main(["audit", str(WRONG), "--format", "json", "--out", str(path)]) == 1
    assert json.loads(path.read_text(encoding="utf-8"))["documents"]


def pytest_of(folder, *arguments):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "reports.pytest_plugin",
        "-p",
        "no:cacheprovider",
    ]
    environment = {**os.environ, "PYTHONPATH": str(Path(reports.__file__).parents[1])}
    return subprocess.run(
        [*command, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment,
    )


def test_pytest_collects_documents(tmp_path):
    for path in (CLEAN, WRONG):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    done = pytest_of(tmp_path, "--audit-documents", "*.md")
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout
    assert "the learning rate is not applied" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "glob", "counts"),
    [
        ((), "*.md", "1 failed, 2 passed"),
        ((), "notes/*.md", "1 failed, 2 passed"),
        (("test_ok.py",), "notes/*.md", "1 failed, 2 passed"),
        (("test_ok.py", "notes"), "notes/*.md", "1 failed, 2 passed"),
        (("test_ok.py",), "**/clean.md", "2 passed"),
        (("test_ok.py",), "notes/*", "1 failed, 2 passed"),
        (("test_ok.py", "notes"), "*.md", "1 failed, 2 passed"),
        (("test_ok.py", "notes/clean.md"), "notes/clean.md", "2 passed"),
    ],
)
def test_pytest_collects_documents_beside_named_tests(arguments, glob, counts, noted):
    done = pytest_of(noted, *arguments, "--audit-documents", glob)
    assert counts in done.stdout, done.stdout
    assert done.returncode == ("failed" in counts)


def test_pytest_finds_documents_from_the_root(noted):
    (noted / "sub").mkdir()
    arguments = ("--rootdir", str(noted), "../test_ok.py", "--audit-documents", "notes/clean.md")
    done = pytest_of(noted / "sub", *arguments)
    assert "2 passed" in done.stdout, done.stdout


@pytest.mark.parametrize("glob", ["nowhere/*.md", "test_*.py"])
def test_pytest_refuses_a_glob_that_matches_no_document(glob, noted):
    for arguments in (("test_ok.py",), (), ("--audit-documents", "notes/*.md")):
        done = pytest_of(noted, *arguments, "--audit-documents", glob)
        assert done.returncode == pytest.ExitCode.USAGE_ERROR
        assert f"--audit-documents {glob}: no document" in done.stderr + done.stdout


@pytest.fixture
def noted(tmp_path):
    """A folder with a test, and a clean and a wrong note below it."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "test_ok.py").write_text("def test_ok():\n    pass\n", encoding="utf-8")
    for path, name in ((CLEAN, "clean.md"), (WRONG, "wrong.md")):
        (tmp_path / "notes" / name).write_bytes(path.read_bytes())
    return tmp_path


def test_pytest_fixture(tmp_path):
    test = "def test(audit_document):\n    assert audit_document({path!r}).coverage.checked\n"
    (tmp_path / "test_notes.py").write_text(test.format(path=str(CLEAN)), encoding="utf-8")
    assert pytest_of(tmp_path).returncode == 0
    (tmp_path / "test_notes.py").write_text(test.format(path=str(WRONG)), encoding="utf-8")
    assert "DocumentError" in pytest_of(tmp_path).stdout


def test_a_copy_does_not_overwrite_its_document(tmp_path, capsys):
    path = tmp_path / "notes.md"
    path.write_text("$1 + 1 = 3$", encoding="utf-8")
    assert main(["audit", str(path), "--format", "annotated", "--out", str(path)]) == 2
    assert "overwritten" in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == "$1 + 1 = 3$"
