"""Some outputs and some primals alone: what is left out of a graph must not change the rest.

A framework hands a backward None for an output that nobody uses, and tells it which inputs need a
gradient: code that reads either wrongly is right as long as everything is asked for.
"""

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from gradcheck.contract.agreement import about
from gradcheck.contract.audited import Audit, read
from gradcheck.errors import EvaluationError, PullbackError
from gradcheck.evaluation import Direction
from gradcheck.subject import copied
from gradcheck.verdict import Finding

MOST = 4
"""So many outputs, and primals, are asked for alone."""

UNUSED = Finding(
    kind="unused_output",
    message="with one output used and the others not, the backward gives another gradient than for "
    "cotangents of zeros: an unused output's may come as None (set_materialize_grads(False))",
)
UNWANTED = Finding(
    kind="unwanted_input",
    message="where the other primals need no gradient, the backward gives another one: look at the "
    "indices of needs_input_grad, and at what is kept for whom",
)


def in_part(
    audited: Audit, rng: np.random.Generator, wrong: Collection[str] = ()
) -> Iterator[Finding]:
    """Pulls back through each output alone, and for each primal alone.

    Args:
        audited: what the audit left.
        rng: not needed.
        wrong: primals that are wrong anyhow: then nothing is said here.
    """
    names = tuple(audited.sound)
    if audited.evaluator.subject.partial is None or wrong:
        return
    u = audited.cotangents[0]
    for used in list(u)[:MOST] if len(u) > 1 else ():
        rest = {n: np.zeros_like(part) for n, part in u.items() if n != used}
        whole = audited.pulled(audited.y_bar({**rest, used: u[used]}))
        found = list(_found(audited, UNUSED, whole, {used: u[used]}, names))
        if found:
            yield from found
            break
    for name in names[:MOST] if len(audited.point) > 1 else ():
        yield from _found(audited, UNWANTED, audited.gradients[0], u, (name,))


def _found(
    audited: Audit, finding: Finding, whole: Direction, used: Direction, names: Sequence[str]
) -> Iterator[Finding]:
    subject, y_bar = audited.evaluator.subject, audited.y_bar({**audited.cotangents[0], **used})
    assert subject.partial is not None
    audited.evaluator.meter.pullbacks += 1
    try:
        pulled = subject.partial({n: y_bar[n] for n in used}, copied(audited.point), names)
    except PullbackError as error:
        yield Finding(kind=finding.kind, message=f"{finding.message} ({error})")
        return
    except EvaluationError:
        return
    new = read(audited, pulled.cotangents)
    nothing = {n: np.zeros_like(x) for n, x in whole.items() if n in names}
    off = audited.differing(whole, nothing | new, audited.gross)
    if off:
        yield about(finding, off)
