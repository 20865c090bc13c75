"""Whether a backward pass is right: in one of the layouts, for one of its losses."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice
from typing import Any

import numpy as np

import gradcheck
from reports.documents.code.arguments import BATCH
from reports.documents.code.conventions import (
    Ratios,
    factors_open,
    is_one,
    settled_by,
    uniform,
    usual,
)
from reports.documents.code.experiment import Plan, began, ended
from reports.documents.code.leaves import Path
from reports.documents.code.limits import FAILS, Exhausted, Missing, NotReadable
from reports.documents.code.losses import known_losses, output_of, own_losses
from reports.documents.code.pairing import is_data
from reports.documents.code.repair import Repair, repaired, unstuck
from reports.documents.code.runs import STEP, Run, Truth, truth_of
from reports.documents.code.solving import given, united
from reports.documents.code.trial import Stuck, Trial, in_layout, trials

GUARDED = 1e-4
"""What an ε in a logarithm or a root, which the gradient leaves out, may change."""

MOST_LOSSES = 8
MOST_OTHERS = 2
MOST_STEPS = 30_000
"""Steps that the last word of `gradcheck` on one backward pass may take."""


@dataclass(frozen=True, eq=False)
class Judged:
    """What was found of a backward pass.

    Attributes:
        run: the run that it is judged by.
        truth: its true slopes.
        ratios: for each primal, how many times the true gradient its claim is.
        convention: under which convention it is right; None where it is wrong.
        repair: what makes it right, where it is wrong.
        stuck: where it does not run as it stands: how it fails.
        rival: another reading, as likely, in which other gradients are wrong.
    """

    run: Run
    truth: Truth
    ratios: Ratios
    convention: str | None
    repair: Repair | None = None
    stuck: Stuck | None = None
    rival: "Judged | None" = None

    @property
    def wrong(self) -> frozenset[Path]:
        """The primals whose gradients are wrong."""
        return frozenset(p for p, r in self.ratios.items() if not is_one(r))


def judged(plan: Plan) -> Judged | None:
    """Returns what was found of a backward pass; None where nothing could be decided.

    Raises:
        NotReadable: it is beyond the whitelist.
    """
    found, stuck = _tried(plan, low=-1.0)
    if not found:
        found, stuck = _tried(plan, low=0.2)  # a logarithm or a root of the data, perhaps
    if found and _settled(found[-1]):
        return found[-1]
    right = [one for one in found if one.convention is not None]
    wrong = [one for one in found if one.convention is None]
    own = [one for one in wrong if one.run.loss is None or one.run.loss.own]
    if right and not own:
        return right[0]
    equal = _of_equal_sizes(found)
    if equal is not None:
        return equal
    for failed in () if found else stuck[:2]:
        freed = unstuck(failed)
        if freed is not None:
            trial, truth, repair = freed
            if repair.left:
                continue
            return Judged(trial, truth, dict.fromkeys(trial.primals), None, repair, failed)
    if not found:
        return None
    ordered = sorted(own or wrong, key=_merit, reverse=True)
    first = mended(ordered[:1])
    if is_mended(first):
        return first
    others = (mended([one]) for one in _elsewhere(ordered))
    return right[0] if right else next(filter(is_mended, others), first)


def is_mended(one: Judged) -> bool:
    """Whether changes were found that make all right."""
    return one.repair is not None and not one.repair.left


def mended(open_to: Sequence[Judged]) -> Judged:
    """Returns the reading of runs that the fewest changes make right, as far as any do."""
    scaled = [reading for one in open_to for reading in readings(one)]
    tried = [replace(r, repair=repaired(r.run, r.truth, r.wrong)) for r in scaled]
    best = min(tried, key=_amiss)
    rivals = [r for r in tried if _amiss(r) == _amiss(best) and r.wrong != best.wrong]
    return replace(best, rival=next(iter(rivals), None))


def _amiss(one: Judged) -> tuple[int, int]:
    assert one.repair is not None
    return len(one.repair.left), len(one.repair.edits)


def _elsewhere(ordered: Sequence[Judged]) -> list[Judged]:
    """Returns the best runs on other arguments, where with the best no gradient is right."""
    first = ordered[0]
    if any(map(is_one, first.ratios.values())):
        return []
    others: dict[str, Judged] = {}
    for one in ordered:
        if isinstance(one.run, Trial):
            others.setdefault(repr(one.run.specs), one)
    return [one for one in others.values() if one is not first][:MOST_OTHERS]


def _tried(plan: Plan, low: float) -> tuple[list[Judged], list[Stuck]]:
    """Returns what is found in each layout, up to the first in which all is right."""
    found: list[Judged] = []
    stuck: list[Stuck] = []
    for trial in trials(plan, low):
        if isinstance(trial, Stuck):
            stuck.append(trial)
            continue
        found += _outcomes(trial)
        if found and _settled(found[-1]):
            break
    return found, stuck


def _settled(one: Judged) -> bool:
    return one.convention is not None and not _disowned(one)


def _of_equal_sizes(found: Sequence[Judged]) -> Judged | None:
    """Returns a run in which all is right where two inputs are of the same size: a state, say."""
    for one in found:
        run = one.run
        if not isinstance(run, Trial) or one.convention is not None:
            continue
        sizes = {
            n
            for spec in run.specs.values()
            if spec.role in {"data", "hidden"}
            for axis, n in enumerate(spec.shape)
            if axis not in spec.fixed
        }
        for a, b in combinations(sorted(sizes - {1, BATCH}), 2):
            specs = united(run.specs, a, b)
            if specs is None:
                continue
            try:
                trial = in_layout(run.plan, run.layout, run.names, specs)
                same = [] if not isinstance(trial, Trial) else _outcomes(trial)
            except (NotReadable, Missing, RecursionError, *FAILS):
                continue
            if same and _settled(same[-1]):
                return same[-1]
    return None


def _disowned(one: Judged) -> bool:
    """Whether gradients are those of a loss that is known, and not of the document's own code."""
    return one.run.loss is not None and not one.run.loss.own


def _outcomes(trial: Trial) -> list[Judged]:
    """Returns what is found with each loss, up to the first with which all is right."""
    found: list[Judged] = []
    for candidate in _with_losses(trial):
        try:
            one = _held(candidate)
        except Exhausted:
            raise
        except (NotReadable, Missing, RecursionError, *FAILS):
            continue
        found.append(one)
        if one.convention is not None:
            break
    return found


def _with_losses(trial: Trial) -> Iterator[Trial]:
    """Yields a trial with each loss that it may belong to."""
    state = began(trial.plan, trial.names, given(trial.specs).values)
    result = ended(trial.plan, state, trial.names, None)
    if not trial.plan.by_target:
        if state.pulled:
            yield trial
        elif np.size(state.output) == 1:  # a scalar, whose gradient needs no cotangent
            yield replace(trial, loss=output_of(trial.plan))
        return
    losses = [*own_losses(trial.plan, state, result, trial.names), *known_losses(trial.plan)]
    for loss in islice(losses, MOST_LOSSES):
        yield replace(trial, loss=loss)


def _held(trial: Trial) -> Judged:
    truth = truth_of(trial)
    if all(map(truth.flat, trial.primals)):
        raise ValueError("nothing depends on what has a gradient")
    claims = trial.claims(trial.primals, truth.cotangents)
    ratios = {p: truth.ratio(p, claims[p]) if p in claims else None for p in trial.primals}
    return Judged(trial, truth, ratios, settled_by(trial, ratios))


def _merit(one: Judged) -> tuple[bool, int, int]:
    """Returns how well a run explains what the code does, the best with the highest."""
    loss = one.run.loss
    known = [r for r in one.ratios.values() if r is not None]
    right = sum(abs(r - usual(one.ratios)) < 1e-3 for r in known)
    return (loss is not None and loss.exact, right, len(known))


def readings(one: Judged) -> list[Judged]:
    """Returns a run with the loss times each of the factors that as many gradients have."""
    loss = one.run.loss
    if loss is None:
        return [_as_means(one)]
    if loss.exact or uniform(one.ratios.values()) is not None:
        return [one]
    return [_times(one, factor) for factor in factors_open(one.run, one.ratios)]


def _times(one: Judged, factor: float) -> Judged:
    truth = one.truth.times(factor)
    ratios = {p: None if r is None else r / factor for p, r in one.ratios.items()}
    return replace(one, truth=truth, ratios=ratios)


def _as_means(one: Judged) -> Judged:
    """Returns a run with means over the samples where all parameters have them that have any."""
    known = {p: r for p, r in one.ratios.items() if r is not None and not is_data(p)}
    common = uniform(known.values())
    if common is None or is_one(common) or settled_by(one.run, known) is None:
        return one
    slopes = {p: s if is_data(p) else common * s for p, s in one.truth.slopes.items()}
    ratios = {p: 1.0 if p in known else r for p, r in one.ratios.items()}
    return replace(one, truth=replace(one.truth, slopes=slopes), ratios=ratios)


# ---------------------------------------------------------------- the verdict of gradcheck


def is_steady(one: Judged) -> bool:
    """Whether the true slopes stay the same with a smaller step: no kink is close by."""
    try:
        other = truth_of(one.run, step=STEP / 8)
    except (NotReadable, *FAILS):
        return False
    return all(
        np.allclose(other.slopes[p], one.truth.slopes[p], rtol=1e-5, atol=1e-9)
        or np.allclose(other.slopes[p] * usual(one.ratios), one.truth.slopes[p], rtol=1e-5)
        for p in one.run.primals
    )


def verdict_of(one: Judged) -> gradcheck.Verdict:
    """Returns what `gradcheck` says of the claims of a run, but for the factor they all have."""
    run = one.run
    keys: Mapping[str, Path] = {"/".join(path): path for path in run.primals}
    common = uniform(one.ratios.values())
    factor = common if common is not None and one.convention is not None else 1.0

    def moved(primals: Mapping[str, Any]) -> dict[Path, Any]:
        return {keys[name]: np.array(value) for name, value in primals.items()}

    def function(**primals: Any) -> Any:
        if run.loss is not None:
            return np.asarray(run.scalar(moved(primals), {}))
        outputs = run.outputs(moved(primals))
        return outputs if len(outputs) > 1 else next(iter(outputs.values()))

    def pullback(y_bar: Any, **primals: Any) -> Any:
        cotangents: Mapping[str, Any] = {}
        if run.loss is None:
            names = list(one.truth.cotangents)
            cotangents = y_bar if isinstance(y_bar, Mapping) else {names[0]: y_bar}
        claims = run.claims(moved(primals), cotangents)
        scale = y_bar if run.loss is not None else 1.0
        return {"/".join(p): scale * c / factor for p, c in claims.items()}

    before = run.budget.left
    function(**{name: run.primals[path] for name, path in keys.items()})
    cost = max(1, before - run.budget.left)
    return gradcheck.check(
        function,
        {name: np.asarray(run.primals[path], dtype=float) for name, path in keys.items()},
        vjp=pullback,
        seed=0,
        allow=GUARDED,
        name=run.name,
        budget=int(np.clip(MOST_STEPS // cost, 300, 2000)),
    )
