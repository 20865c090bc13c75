"""The README's first example prints what the README says it prints, digits of the bars apart."""

import contextlib
import io
import re
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def shape(text: str) -> str:
    """The words and the digits of the values; the bars' digits depend on the machine's rounding."""
    text = re.sub(r"± \S+|errors above \S+|\d+ evaluations|\d+ pullbacks", "…", text)
    return " ".join(text.split())


def test_the_first_example_prints_what_it_says():
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(blocks("python")[0], {})
    assert shape(printed.getvalue()) == shape(blocks("text")[0])


def test_there_are_two_commands_and_the_second_runs_the_tests():
    commands = [
        line for block in blocks("sh") for line in block.splitlines() if "venv .venv" in line
    ]
    assert len(commands) == 2
    assert commands[0].endswith("gradcheck report") and commands[1].endswith("pytest")
