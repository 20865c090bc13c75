import dataclasses
import json
import os
import subprocess
import sys

import pytest

from reports import cli
from reports.cli import main
from reports.render import RENDERERS


@pytest.fixture
def built(monkeypatch, report):
    """The command with one report for all tests; returns the seeds it was called with."""
    seeds = []

    def build(*, seed, progress):
        seeds.append(seed)
        return built_report

    built_report = report
    monkeypatch.setattr(cli, "build", build)
    return seeds


@pytest.fixture
def surprised(monkeypatch, report):
    row = dataclasses.replace(report.claims[0], outcome="passed, a surprise")
    changed = dataclasses.replace(report, claims=(row, *report.claims[1:]))
    monkeypatch.setattr(cli, "build", lambda **options: changed)


@pytest.fixture
def failing(monkeypatch, report):
    row = dataclasses.replace(report.implementations[0], status="fail")
    changed = dataclasses.replace(report, implementations=(row,))
    monkeypatch.setattr(cli, "build", lambda **options: changed)


@pytest.mark.parametrize("name", RENDERERS)
def test_every_format_is_printed(built, capsys, name):
    assert main(["report", "--format", name]) == 0
    assert "003_334e9296ce603145" in capsys.readouterr().out.replace("\\", "")


def test_nothing_on_standard_error_in_a_pipe(built, capsys):
    assert main(["report"]) == 0
    assert capsys.readouterr().err == ""


def test_seed_is_handed_on(built):
    assert main(["report", "--seed", "7"]) == 0
    assert built == [7]


def test_a_surprise_exits_1(surprised, capsys):
    assert main(["report", "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False


def test_a_failing_model_exits_1(failing, capsys):
    assert main(["report"]) == 1


def test_out_is_written_whole(built, tmp_path, capsys):
    path = tmp_path / "report.json"
    assert main(["report", "--format", "json", "--out", str(path)]) == 0
    assert json.loads(path.read_text(encoding="utf-8"))["ok"]
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]
    assert capsys.readouterr().out == ""


def test_out_of_a_surprise_is_written_too(surprised, tmp_path):
    assert main(["report", "--format", "json", "--out", str(tmp_path / "r.json")]) == 1
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["ok"] is False


def test_interrupted_work_leaves_the_old_file(monkeypatch, tmp_path):
    def interrupted(**options):
        raise KeyboardInterrupt

    path = tmp_path / "report.txt"
    path.write_text("old")
    monkeypatch.setattr(cli, "build", interrupted)
    with pytest.raises(KeyboardInterrupt):
        main(["report", "--out", str(path)])
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["report.txt"]


@pytest.mark.parametrize("path", ["missing/report.txt", "."])
def test_unwritable_out_exits_2_before_any_work(built, tmp_path, capsys, path):
    assert main(["report", "--out", str(tmp_path / path)]) == 2
    message = capsys.readouterr().err
    assert message.startswith("gradcheck report: cannot write ")
    assert message.count("\n") == 1
    assert built == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["report", "--format", "pdf"], "invalid choice: 'pdf'"),
        (["report", "--seed", "-1"], "'-1' is not a whole number"),
        (["report", "--seed", "x"], "'x' is not a whole number"),
        (["reprot"], "'reprot'"),
        ([], "COMMAND"),
    ],
)
def test_bad_usage_exits_2_with_one_line(capsys, arguments, words):
    assert main(arguments) == 2
    message = capsys.readouterr().err
    assert words in message
    assert message.count("\n") == 1


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_exit_0(capsys, argument):
    assert main([argument]) == 0
    assert capsys.readouterr().out.lower().find("gradcheck") >= 0


def test_progress_on_a_terminal_only(monkeypatch, capsys):
    monkeypatch.setattr(cli.sys.stderr, "isatty", lambda: True, raising=False)
    progress = cli.Progress()
    progress(3, 10, "sigmoid")
    progress.close()
    assert "3/10 sigmoid" in capsys.readouterr().err


def test_module_runs_and_its_reader_may_leave():
    command = [sys.executable, "-m", "reports", "report", "--format", "markdown"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_output_that_cannot_show_unicode():
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "reports", "report"], capture_output=True, env=environment
    )
    assert (done.returncode, done.stderr) == (0, b"")
    done.stdout.decode("ascii")
