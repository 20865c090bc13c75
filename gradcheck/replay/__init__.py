"""Branch-frozen replay: a function with the decisions that it took at one point, everywhere."""

from gradcheck.replay.record import Recorded as Recorded
from gradcheck.replay.record import Refused as Refused
from gradcheck.replay.record import record as record
from gradcheck.replay.record import unfaithful as unfaithful
from gradcheck.replay.tape import Decision as Decision
from gradcheck.replay.tape import ReplayMismatch as ReplayMismatch
from gradcheck.replay.traced import is_running as is_running
from gradcheck.replay.traced import traced as traced
