"""A pytest plugin: authors keep the figures of their notes right in continuous integration.

pytest --audit-documents "notes/*.md"      every matching document is a test
def test_notes(audit_document):            or one document in a test of one's own
    audit_document("notes/backpropagation.md")
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from reports.documents.claims import Audited

SUFFIXES = {".md", ".markdown", ".tex", ".ipynb"}


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
        help="audit the worked-example documents (Markdown, LaTeX, notebooks) that match",
    )
    group.addoption(
        "--audit-strict",
        action="store_true",
        help="fail also where a statement of an audited document could not be checked",
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collects the documents that match the option."""
    patterns = parent.config.getoption("--audit-documents")
    if file_path.suffix.lower() not in SUFFIXES or not patterns:
        return None
    if not any(file_path.match(pattern) for pattern in patterns):
        return None
    return DocumentFile.from_parent(parent, path=file_path)


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
