"""The Python code of a document: read, never run, and its gradients checked."""

from reports.documents.code.reading import Unread as Unread
from reports.documents.code.reading import code_claims as code_claims
