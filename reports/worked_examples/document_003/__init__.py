"""A long tutorial: formulas, one numeric example worked twice, and a linear regression."""

from reports.worked_examples.claim import Claim
from reports.worked_examples.document_003 import (
    first_pass,
    formulas,
    regression,
    second_pass,
    statements,
)

CLAIMS: tuple[Claim, ...] = (
    *formulas.CLAIMS,
    *first_pass.CLAIMS,
    *second_pass.CLAIMS,
    *regression.CLAIMS,
    *statements.CLAIMS,
)
