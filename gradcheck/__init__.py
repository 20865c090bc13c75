"""gradcheck: is this gradient right; if not, what is wrong and where; and how sure are we?"""

from gradcheck.adapters import Chain as Chain
from gradcheck.adapters import Layer as Layer
from gradcheck.adapters import from_torch as from_torch
from gradcheck.check import check as check
from gradcheck.cost import Cost as Cost
from gradcheck.cost import cost as cost
from gradcheck.errors import EvaluationError as EvaluationError
from gradcheck.errors import GradientError as GradientError
from gradcheck.errors import InvalidInput as InvalidInput
from gradcheck.errors import PullbackError as PullbackError
from gradcheck.verdict import Comparison as Comparison
from gradcheck.verdict import Finding as Finding
from gradcheck.verdict import Root as Root
from gradcheck.verdict import Verdict as Verdict

__version__ = "0.1.0"
