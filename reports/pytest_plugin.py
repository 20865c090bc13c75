"""A pytest plugin: authors keep the figures of their notes right in continuous integration.

pytest --audit-documents "notes/*.md"      every matching document is a test,
                                           also beside tests that are named
def test_notes(audit_document):            or one document in a test of one's own
    audit_document("notes/backpropagation.md")
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from reports.documents.claims import Audited

SUFFIXES = {".md", ".markdown", ".tex", ".ipynb"}
NAMED = pytest.StashKey[Mapping[str, frozenset[Path]]]()
"""The documents that each glob names."""


class DocumentError(AssertionError):
    """A document in which something is wrong; the message lists it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options."""
    group = parser.getgroup("gradcheck")
    group.addoption(
        "--audit-documents",
        action="append",
        default=[],
        metavar="GLOB",
        help="audit the worked-example documents (Markdown, LaTeX, notebooks) that match; "
        "from the current folder or the root",
    )
    group.addoption(
        "--audit-strict",
        action="store_true",
        help="fail also where a statement of an audited document could not be checked",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Adds the documents that the globs name to what is collected, whatever else is."""
    bases = sorted({config.invocation_params.dir, config.rootpath})
    named = {pattern: _named(pattern, bases) for pattern in config.getoption("--audit-documents")}
    config.stash[NAMED] = named
    paths = sorted({str(path) for found in named.values() for path in found})
    config.args += [path for path in paths if path not in config.args]


def _named(pattern: str, bases: Iterable[Path]) -> frozenset[Path]:
    """Returns the documents that a glob names from one of the folders."""
    found = (base / name for base in bases for name in glob(pattern, root_dir=base, recursive=True))
    return frozenset(path.resolve() for path in found if path.suffix.lower() in SUFFIXES)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collects a document that a glob names, or whose path ends as a glob does."""
    named = parent.config.stash[NAMED]
    if file_path.suffix.lower() not in SUFFIXES:
        return None
    if not any(file_path.resolve() in named[p] or file_path.match(p) for p in named):
        return None
    return DocumentFile.from_parent(parent, path=file_path)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keeps each document once.

    Raises:
        pytest.UsageError: a glob matches no document.
    """
    documents = {item.path.resolve(): item for item in items if isinstance(item, DocumentItem)}
    kept = set(documents.values())
    items[:] = [item for item in items if item in kept or not isinstance(item, DocumentItem)]
    for pattern, named in config.stash[NAMED].items():
        if not named and not any(path.match(pattern) for path in documents):
            kinds = ", ".join(sorted(SUFFIXES))
            raise pytest.UsageError(f"--audit-documents {pattern}: no document ({kinds}) matches")


class DocumentFile(pytest.File):
    """A document."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yields its one test."""
        yield DocumentItem.from_parent(self, name="audit")


class DocumentItem(pytest.Item):
    """The audit of a document."""

    def runtest(self) -> None:
        """Fails where something is wrong."""
        audited_or_raise(self.path, strict=bool(self.config.getoption("--audit-strict")))

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: str | None = None
    ) -> str:
        """Returns the findings."""
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Returns where the test is."""
        return self.path, None, f"audit of {self.path.name}"


@pytest.fixture
def audit_document() -> "Callable[..., Audited]":
    """A function that audits a document: it returns the audit, or raises with the findings."""
    return audited_or_raise


def audited_or_raise(path: Path | str, *, strict: bool = False) -> "Audited":
    """Returns the audit of a document.

    Args:
        path: the document.
        strict: also fail where a statement could not be checked, or nothing was.

    Raises:
        DocumentError: something in it is wrong.
        Unreadable: it cannot be read.
    """
    from reports.documents import audit
    from reports.documents.results import terminal

    audited = audit(Path(path))
    if audited.flagged or (strict and audited.lacks):
        raise DocumentError("\n".join(terminal((audited,), listed=strict, width=100)))
    return audited
