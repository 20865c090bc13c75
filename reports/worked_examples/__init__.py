"""Derivations and figures of five worked examples, each with its source and its recorded truth.

Adding an example is adding a row to the table of its document.
"""

from reports.worked_examples import (
    document_000,
    document_001,
    document_002,
    document_003,
    document_004,
)
from reports.worked_examples.claim import Claim

CLAIMS: tuple[Claim, ...] = (
    *document_000.CLAIMS,
    *document_001.CLAIMS,
    *document_002.CLAIMS,
    *document_003.CLAIMS,
    *document_004.CLAIMS,
)
