"""Where a command's text goes: a file that is whole or untouched, a pipe, a terminal."""

import contextlib
import io
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[TextIO]:
    """Opens a file for writing that takes the place of `path` at the end, or never.

    The temporary file stands beside `path`, so that a path that cannot be written is known at once.

    Raises:
        OSError: `path` cannot be written, or is a directory or a device.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise OSError("it is not a regular file")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("x", encoding="utf-8", newline="\n") as file:
            yield file
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_lines(lines: Iterable[str], file: TextIO) -> None:
    """Writes lines; where standard output cannot show a character, a `?` stands for it.

    A reader who has seen enough of standard output, as `head` has, ends the writing and no more.
    """
    if file is not sys.stdout:
        file.writelines(line + "\n" for line in lines)
        return
    if isinstance(file, io.TextIOWrapper):
        file.reconfigure(errors="replace")
    try:
        file.writelines(line + "\n" for line in lines)
        file.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), file.fileno())  # for the flush at exit


class Progress:
    """A line on standard error that tells how far the work is; only on a terminal."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()

    def __call__(self, done: int, steps: int, name: str) -> None:
        """Shows the step that begins."""
        if self._shown:
            sys.stderr.write(f"\r\x1b[K{done}/{steps} {name}"[:79])
            sys.stderr.flush()

    def close(self) -> None:
        """Wipes the line."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
