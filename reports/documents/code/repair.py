"""The smallest change of a backward pass that makes its gradients right: where, and what."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.documents.code.changes import Edit, Material
from reports.documents.code.edits import edits_of
from reports.documents.code.experiment import began, ended
from reports.documents.code.flow import feeding
from reports.documents.code.leaves import Path
from reports.documents.code.limits import FAILS, Exhausted, Missing, NotReadable
from reports.documents.code.runs import NO_EDITS, Edits, Run, Truth, truth_of
from reports.documents.code.solving import given
from reports.documents.code.suspects import backward_statements, material_of
from reports.documents.code.trial import Stuck, Trial, of_module, primals_of, trial_of

MOST_TRIED = 3000
MOST_STEPS = 250_000
MOST_MISTAKES = 4


@dataclass(frozen=True, eq=False)
class Repair:
    """Changes after which more gradients are right.

    Attributes:
        edits: the changes, the most important first.
        right: the primals whose gradients each makes right.
        left: the primals whose gradients stay wrong.
    """

    edits: tuple[Edit, ...]
    right: tuple[frozenset[Path], ...]
    left: frozenset[Path]


def repaired(
    run: Run,
    truth: Truth,
    wrong: frozenset[Path],
    changes: Edits = NO_EDITS,
) -> Repair:
    """Returns the fewest small changes that make wrong gradients right, and no right one wrong."""
    search = _Search(run, truth, run.material())
    statements = run.suspects()
    made: dict[ast.stmt, ast.stmt] = dict(changes)
    kept: list[Edit] = []
    gains: list[frozenset[Path]] = []
    while wrong and len(kept) < MOST_MISTAKES:
        found = search.next([s for s in statements if s not in made], made, wrong)
        if found is None:
            break
        edit, still = found
        made[edit.old] = edit.new
        kept.append(edit)
        gains.append(wrong - still)
        wrong = still
    return Repair(tuple(kept), tuple(gains), wrong)


class _Search:
    """A search for changes, with the steps that it may still take."""

    def __init__(self, run: Run, truth: Truth, material: Material) -> None:
        self._run, self._truth, self._material = run, truth, material
        self._left = MOST_STEPS
        self._tried = 0

    def next(
        self, statements: Sequence[ast.stmt], made: Edits, wrong: frozenset[Path]
    ) -> tuple[Edit, frozenset[Path]] | None:
        """Returns a change after which fewer gradients are wrong, and which are; None for none.

        First a change of a statement that makes right all that depends on it, then any; what a
        right gradient depends on comes last.
        """
        cleared, groups = suspected(self._run, statements, wrong)
        for fed, group in groups:
            found = self._best([s for s in group if s not in cleared], made, wrong, fed)
            if found is not None:
                return found
        open_to = [s for _, group in groups for s in group if s not in cleared]
        rest = [s for s in statements if s not in open_to]
        return self._best(open_to, made, wrong) or self._best(rest, made, wrong)

    def _best(
        self,
        statements: Sequence[ast.stmt],
        made: Edits,
        wrong: frozenset[Path],
        whole: frozenset[Path] = frozenset(),
    ) -> tuple[Edit, frozenset[Path]] | None:
        """Returns the change of one of the statements after which the fewest gradients are wrong.

        Args:
            statements: those that may be changed.
            made: the changes so far.
            wrong: what is wrong with these.
            whole: what must be right afterwards; the first such change is the best.
        """
        edits = [e for s in statements for e in edits_of(s, self._material)]
        best: tuple[Edit, frozenset[Path]] | None = None
        for edit in sorted(edits, key=lambda e: e.cost):
            before = self._run.budget.left
            self._tried += 1
            still = _wrong_with(self._run, self._truth, {**made, edit.old: edit.new})
            self._left -= before - self._run.budget.left
            if self._left < 0 or self._tried > MOST_TRIED:
                return best
            if still is None or not still < wrong or whole & still:
                continue
            if whole or not still:
                return edit, still
            if best is None or len(still) < len(best[1]):
                best = edit, still
        return best


def suspected(
    run: Run, statements: Sequence[ast.stmt], wrong: frozenset[Path]
) -> tuple[set[ast.stmt], list[tuple[frozenset[Path], list[ast.stmt]]]]:
    """Returns the statements on which right gradients depend, and the others by what they feed.

    Those that feed the most wrong gradients come first.
    """
    seeds = {p: run.seeds(p) for p in run.primals}
    fed = {p: feeding(statements, seeds[p]) for p in run.primals}
    cleared = set().union(*(fed[p] for p in run.primals if p not in wrong))
    groups: dict[frozenset[Path], list[ast.stmt]] = {}
    for statement in statements:
        found = frozenset(p for p in wrong if statement in fed[p])
        if found:
            groups.setdefault(found, []).append(statement)
    return cleared, sorted(groups.items(), key=lambda item: -len(item[0]))


def unstuck(stuck: Stuck) -> tuple[Trial, Truth, Repair] | None:
    """Returns the small change with which a stuck backward pass runs, and what is right then.

    None where no change makes it run with at least one right gradient.
    """
    plan = stuck.plan
    statements = backward_statements(plan, ())
    if not stuck.trail or not any(s in statements for s in stuck.trail):
        return None
    material = material_of(plan)
    ordered = sorted((e for s in statements for e in edits_of(s, material)), key=lambda e: e.cost)
    best: tuple[int, Trial, Truth, Edit, frozenset[Path]] | None = None
    budget = MOST_STEPS // 3
    for edit in ordered[:MOST_TRIED]:
        before = plan.budget.left
        found = _freed(stuck, edit)
        budget -= before - plan.budget.left
        if budget < 0:
            break
        if found is None:
            continue
        trial, truth, wrong = found
        count = len(trial.primals) - len(wrong)
        if count and (best is None or count > best[0]):
            best = count, trial, truth, edit, wrong
            if not wrong:
                break
    if best is None:
        return None
    _, trial, truth, edit, wrong = best
    right = frozenset(trial.primals) - wrong
    rest = repaired(trial, truth, wrong, {edit.old: edit.new}) if wrong else Repair((), (), wrong)
    return trial, truth, Repair((edit, *rest.edits), (right, *rest.right), rest.left)


def _freed(stuck: Stuck, edit: Edit) -> tuple[Trial, Truth, frozenset[Path]] | None:
    plan, names = stuck.plan, stuck.names
    changes = {edit.old: edit.new}
    try:
        state = began(plan, names, given(stuck.specs).values, {}, changes)
        primals = primals_of(state)
        found = ended(plan, state, names, None)
        primals |= of_module(plan, state)
        trial = trial_of(plan, stuck.layout, names, stuck.specs, primals, found, state.titles)
        if trial is None:
            return None
        truth = truth_of(trial)
        wrong = _wrong_with(trial, truth, changes)
    except Exhausted:
        raise
    except (NotReadable, Missing, RecursionError, *FAILS):
        return None
    return None if wrong is None else (trial, truth, wrong)


def _wrong_with(
    trial: Run, truth: Truth, edits: Mapping[ast.stmt, ast.stmt]
) -> frozenset[Path] | None:
    """Returns the primals that are wrong with some changes; None where it does not run."""
    try:
        claims = trial.claims(trial.primals, truth.cotangents, edits)
    except Exhausted:
        raise
    except (NotReadable, Missing, RecursionError, *FAILS):
        return None
    return frozenset(p for p in trial.primals if p not in claims or not truth.right(p, claims[p]))
