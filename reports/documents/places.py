"""Quotations of a document."""

from reports.documents.source import Source
from reports.documents.tree import Chain


def quoted(source: Source, chain: Chain) -> str:
    """Returns the statement as the document writes it, in one line."""
    start, end = chain.span
    return " ".join(source.text[start:end].split())
