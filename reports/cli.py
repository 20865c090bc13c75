"""The command `gradcheck`: a table of subcommands.

Exit status: 0 nothing wrong, 1 something wrong, 2 bad usage or output that cannot be written.
"""

import argparse
import importlib.metadata
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn, TextIO

from reports.documents import Audited, Unreadable, audit
from reports.documents.annotated import is_notebook
from reports.documents.results import FORMATS
from reports.output import Progress, atomic, write_lines
from reports.render import RENDERERS
from reports.report import Report

OK, WRONG, USAGE = 0, 1, 2


def build(*, seed: int, progress: Callable[[int, int, str], None]) -> Report:
    """Returns the report; what it is made of is imported only then: an audit needs none of it."""
    from reports.build import build as built

    return built(seed=seed, progress=progress)


@dataclass(frozen=True, kw_only=True)
class Command:
    """A subcommand.

    Attributes:
        name: what the user types.
        help: one line for the list of commands.
        configure: adds the command's arguments to its parser.
        run: does the work and returns the exit status.
    """

    name: str
    help: str
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status.

    Args:
        argv: the arguments without the program's name; those of the process if None.
    """
    try:
        arguments = _parser().parse_args(argv)
        return arguments.run(arguments)
    except SystemExit as exit:  # argparse: --help, --version, bad usage
        return int(exit.code or OK)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="gradcheck",
        description="Is this gradient right; if not, what is wrong and where; and how sure are we?",
        epilog="Exit status: 0 nothing wrong, 1 something wrong, 2 bad usage or unwritable output.",
    )
    version = f"gradcheck {_version()}"
    parser.add_argument("--version", action="version", version=version)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        subparser = subparsers.add_parser(command.name, help=command.help, description=command.help)
        command.configure(subparser)
        subparser.set_defaults(run=command.run)
    return parser


def _version() -> str:
    try:
        return importlib.metadata.version("gradcheck")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def _configure_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format", choices=tuple(RENDERERS), default="terminal", help="default: %(default)s"
    )
    parser.add_argument("--out", type=Path, metavar="PATH", help="a file instead of the screen")
    parser.add_argument(
        "--seed", type=_seed, default=0, metavar="N", help="repeats a report; default: %(default)s"
    )


def _configure_audit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="Markdown, LaTeX (.tex) or .ipynb"
    )
    parser.add_argument(
        "--format", choices=tuple(FORMATS), default="terminal", help="default: %(default)s"
    )
    parser.add_argument("--out", type=Path, metavar="PATH", help="a file instead of the screen")
    parser.add_argument(
        "--strict",
        action="store_true",
        help="fail also where a statement could not be checked, or nothing was",
    )
    parser.add_argument(
        "--unchecked",
        action="store_true",
        help="list every statement that was not checked, with its line and the reason",
    )


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)


def _report(arguments: argparse.Namespace) -> int:
    return _written("report", arguments, _write_report)


def _audit(arguments: argparse.Namespace) -> int:
    """Writes what was found in the files that can be read; nothing where none of them can."""
    notebooks = [path for path in arguments.files if is_notebook(path)]
    if arguments.format == "annotated" and notebooks and len(arguments.files) > 1:
        words = f"the copy of a notebook is a file of its own: annotate {notebooks[0]} by itself"
        print(f"gradcheck audit: {words}", file=sys.stderr)
        return USAGE
    out = arguments.out
    if out is not None and any(out.resolve() == path.resolve() for path in arguments.files):
        words = f"--out {out} is a document that is audited: it would be overwritten; name another"
        print(f"gradcheck audit: {words}", file=sys.stderr)
        return USAGE
    audits = _audits(arguments.files)
    if not audits:
        return USAGE
    status = _written("audit", arguments, partial(_write_audit, audits))
    return status if len(audits) == len(arguments.files) else USAGE


def _written(
    command: str,
    arguments: argparse.Namespace,
    write: Callable[[argparse.Namespace, TextIO], int],
) -> int:
    """Writes to the screen, or to a file that is whole at the end."""
    if arguments.out is None:
        return write(arguments, sys.stdout)
    try:
        with atomic(arguments.out) as file:
            return write(arguments, file)
    except OSError as error:
        reason = error.strerror or error
        print(f"gradcheck {command}: cannot write {arguments.out}: {reason}", file=sys.stderr)
        return USAGE


def _write_report(arguments: argparse.Namespace, file: TextIO) -> int:
    progress = Progress()
    try:
        report = build(seed=arguments.seed, progress=progress)
    finally:
        progress.close()
    write_lines(RENDERERS[arguments.format](report), file)
    return OK if report.ok else WRONG


def _audits(paths: Sequence[Path]) -> list[Audited]:
    """Returns the audits of the files that can be read; of the others it says why not."""
    progress, audits = Progress(), []
    for done, path in enumerate(paths):
        progress(done, len(paths), path.name)
        try:
            audits.append(audit(path))
        except Unreadable as reason:
            progress.close()
            print(f"gradcheck audit: cannot read {path}: {reason}", file=sys.stderr)
    progress.close()
    return audits


def _write_audit(audits: Sequence[Audited], arguments: argparse.Namespace, file: TextIO) -> int:
    write_lines(FORMATS[arguments.format](audits, listed=arguments.unchecked), file)
    wrong = any(audited.flagged for audited in audits)
    for audited in audits if arguments.strict else ():
        if audited.lacks:
            print(f"gradcheck audit --strict: {audited.path}: {audited.lacks}", file=sys.stderr)
            wrong = True
    return WRONG if wrong else OK


COMMANDS: tuple[Command, ...] = (
    Command(
        name="report",
        help="compare the reference models with the oracles, and judge the worked examples",
        configure=_configure_report,
        run=_report,
    ),
    Command(
        name="audit",
        help="recompute the formulas and figures of worked-example documents",
        configure=_configure_audit,
        run=_audit,
    ),
)
"""Every subcommand."""
