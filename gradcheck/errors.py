"""What can go wrong besides the gradient.

ValueError     <- InvalidInput       the call cannot be understood: nothing has been evaluated
RuntimeError   <- EvaluationError    the subject raised, or returned what has no gradient
                  <- PullbackError   ... and it was the pullback that did
AssertionError <- GradientError      a verdict that is not a pass, asked to raise
"""


class InvalidInput(ValueError):
    """The arguments of a check are malformed; raised before anything is evaluated."""


class EvaluationError(RuntimeError):
    """The function under test raised, or returned something that is not an array, at the point."""


class PullbackError(EvaluationError):
    """The claimed pullback raised at the point."""


class GradientError(AssertionError):
    """Raised by `Verdict.raise_for_failure`; its text is the verdict's."""
