"""What is wrong in which step: a function's operations are watched, and their derivatives changed.

A gradient is a sum over paths through a function, and a mistake is one in the derivative of one
step. What the claim is then, no table of functions of the true gradient can say; but the function
itself can be run with that derivative changed as mistakes change it, and be held against the claim.
"""

from gradcheck.steps.told import by_steps as by_steps
