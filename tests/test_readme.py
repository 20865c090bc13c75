"""The README's examples print what the README says they print, digits of the bars apart."""

import contextlib
import io
import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def shape(text: str) -> str:
    """The words and the digits of the values; the bars' digits depend on the machine's rounding."""
    text = " ".join(text.split())
    return re.sub(r"± \S+|errors above \S+|\d+ evaluations|\d+ pullbacks", "…", text)


@pytest.mark.parametrize(
    ("has", "says"), [("z_bar.mean", "FAIL: dense"), ("Chain(", "FAIL: chain")]
)
def test_the_examples_print_what_they_say(has, says):
    code = next(block for block in blocks("python") if has in block)
    text = next(block for block in blocks("text") if block.startswith(says))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})
    assert shape(printed.getvalue()) == shape(text)


def test_there_are_two_commands_and_the_second_runs_the_tests():
    commands = [
        line for block in blocks("sh") for line in block.splitlines() if "venv .venv" in line
    ]
    assert len(commands) == 2
    assert commands[0].endswith("gradcheck report") and commands[1].endswith("pytest")
