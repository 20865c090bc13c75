"""The table of known mistakes: what a wrong gradient looks like when somebody has made one.

A row has hypotheses about a primal's claimed gradient; the one that tells the claim in the fewest
bits is named, if it fits every entry within its noise. What no row explains is "unknown". A new
diagnosis is one more row, in the file of its theme.
"""

from gradcheck.diagnosis.engine import ROWS as ROWS
from gradcheck.diagnosis.engine import SUREST as SUREST
from gradcheck.diagnosis.engine import UNKNOWN as UNKNOWN
from gradcheck.diagnosis.engine import Diagnosis as Diagnosis
from gradcheck.diagnosis.engine import Repair as Repair
from gradcheck.diagnosis.engine import diagnosed as diagnosed
from gradcheck.diagnosis.engine import sentences as sentences
from gradcheck.diagnosis.evidence import Evidence as Evidence
from gradcheck.diagnosis.patterns import described as described
from gradcheck.diagnosis.patterns import patterns as patterns
from gradcheck.diagnosis.scoring import VAGUE as VAGUE
