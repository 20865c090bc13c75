"""Worked-example documents as their authors write them: read, recomputed, and judged.

    source -> extract -> statements (tokens, grammar, tree) -> environment, indices
           -> links, arithmetic, derivatives, figures, layers, update_rules -> claims -> results
           -> code (document, plans, trial, judging, repair, report)         -> claims -> results

Nothing in a document is ever run: formulas and code are read into trees of ours, which are
evaluated within limits of size and time.
"""

from reports.documents.audit import audit as audit
from reports.documents.audit import audit_text as audit_text
from reports.documents.claims import Audited as Audited
from reports.documents.claims import Claim as Claim
from reports.documents.claims import Coverage as Coverage
from reports.documents.source import Unreadable as Unreadable
