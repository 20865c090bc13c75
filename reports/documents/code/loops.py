"""A training loop held against its loss: arguments for it, the loss, which parameters it moves."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from reports.documents.code.arguments import LAYOUTS, Names
from reports.documents.code.conventions import is_one, settled_by
from reports.documents.code.flow import is_step, read
from reports.documents.code.judging import Judged, is_mended, mended
from reports.documents.code.leaves import Path, fresh_value
from reports.documents.code.limits import FAILS, Exhausted, Missing, NotReadable
from reports.documents.code.losses import KNOWN, is_loss_name
from reports.documents.code.names import setting
from reports.documents.code.pairing import label
from reports.documents.code.program import Function
from reports.documents.code.rates import rate_of, turns
from reports.documents.code.runs import truth_of
from reports.documents.code.solving import Given, Unsolved, solved
from reports.documents.code.training import (
    Loop,
    Round,
    RoundLoss,
    Training,
    one_round,
)


def loop_judged(loop: Loop) -> Judged | None:
    """Returns what was found of a training loop; None where nothing could be decided.

    Raises:
        NotReadable: it is beyond the whitelist.
    """
    reason: NotReadable | None = None
    found: list[Judged] = []
    runs = False
    for layout in LAYOUTS if loop.function is not None else LAYOUTS[:4]:
        if runs and (loop.function is None or not layout.many):
            break
        try:
            training = _training(loop, Names(layout))
        except NotReadable as error:
            reason = reason or error
            continue
        if training is None:
            continue
        runs = True
        outcomes = list(_outcomes(training))
        own = _own(outcomes)
        if outcomes and outcomes[-1].convention is not None and own[-1:] in ([], outcomes[-1:]):
            return outcomes[-1]
        whole = _by_whole_rates(training)
        if whole and whole[-1].convention is not None:
            return whole[-1]
        found += whole or outcomes
    if found:
        return _best(found)
    if reason is not None:
        raise reason
    if runs:
        raise NotReadable("which loss it goes down")
    return None


def _by_whole_rates(training: Training) -> list[Judged]:
    """Returns what is found where the numbers of a step belong to its rate: 0.1 * 2 * dw.

    They do where the gradient is right then. Empty where they are in no step's.

    Raises:
        NotReadable: all is right then, and the parameters go by rates that differ.
    """
    step = training.round(training.primals, training.held)
    counters = _counters(training.loop, step)
    whole = {
        p: rate_of(training.updates[p], step.before, counters, whole=True) for p in training.primals
    }
    found = [] if whole == training.rates else _own([*_outcomes(replace(training, rates=whole))])
    right = {p for p, r in found[-1].ratios.items() if is_one(r)} if found else set[Path]()
    rates = {p: whole[p] if p in right else rate for p, rate in training.rates.items()}
    if rates == training.rates:
        return []
    outcomes = [*_outcomes(replace(training, rates=rates))]
    if outcomes and outcomes[-1].convention is not None and len(set(rates.values())) > 1:
        raise NotReadable("a number in one of its steps belongs to the rate, or is there twice")
    return outcomes


def _own(found: Sequence[Judged]) -> list[Judged]:
    return [one for one in found if one.run.loss is not None and one.run.loss.own]


def _best(found: Sequence[Judged]) -> Judged:
    """Returns what explains a loop best: mended with its own loss, else right with a known one."""
    own = _own(found)
    best = max(own or found, key=_merit)
    open_to = [one for one in own if _merit(one) == _merit(best)]
    scaled = mended(open_to or [best])
    right = [one for one in found if one.convention is not None]
    return scaled if is_mended(scaled) or not right else right[0]


def _merit(one: Judged) -> tuple[int, bool, int]:
    """Returns how many gradients are multiples of the true ones, of which loss, how many right."""
    known = [r for r in one.ratios.values() if r is not None]
    return len(known), one.run.loss.exact, sum(map(is_one, known))


def _training(loop: Loop, names: Names) -> Training | None:
    """Returns a loop with arguments on which it runs; None where it moves nothing."""

    def run(values: Given) -> Round:
        return one_round(loop, names, values.values)

    try:
        specs, step = solved({}, names, run)
    except Unsolved:
        return None
    start = {p: _start(p, step.before[p]) for p in step.moved()}
    updates = {p: _updates(loop, p) for p in start}
    primals = {p: v for p, v in start.items() if updates[p]}
    if not primals:
        return None
    counters = _counters(loop, step)
    rates = {p: rate_of(updates[p], step.before, counters) for p in primals}
    falls = any(turns(s, counters) for p in primals for s in updates[p])
    return Training(loop, names, specs, primals, updates, rates, _any_rate(step), falls)


def _counters(loop: Loop, step: Round) -> frozenset[str]:
    """Returns the whole numbers through which a loop goes."""
    targets = ast.walk(loop.node.target) if isinstance(loop.node, ast.For) else ()
    names = {part.id for part in targets if isinstance(part, ast.Name)}
    return frozenset(n for n in names if isinstance(step.scope.get(n), int))


def _start(path: Path, value: Any) -> Any:
    """Returns where a parameter begins: elsewhere where all of its entries are equal."""
    flat = np.ptp(value) == 0 if np.size(value) else False
    return fresh_value(path, value) if flat else np.array(value, dtype=float)


def _updates(loop: Loop, path: Path) -> list[ast.stmt]:
    """Returns the statements of a loop that move a parameter."""
    name, _ = label(path)
    found: list[ast.stmt] = []
    for node in ast.walk(loop.node):
        match node:
            case ast.AugAssign(target=target) | ast.Assign(targets=[target]):
                if name in _last(target) and (is_step(node) or isinstance(node, ast.AugAssign)):
                    found.append(node)
            case _:
                pass
    return found


def _last(target: ast.expr) -> set[str]:
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return {name}
        case ast.Subscript(value=value, slice=ast.Constant(value=str() as key)):
            return {key} | _last(value)
        case ast.Subscript(value=value):
            return _last(value)
    return set()


def _any_rate(step: Round) -> float:
    """Returns the rate that has a name; 1 where none has."""
    for path, value in step.before.items():
        if setting(path[-1]) == "rate" and np.ndim(value) == 0 and value > 0:
            return float(value)
    return 1.0


# ---------------------------------------------------------------- the loss


def _outcomes(training: Training) -> Iterator[Judged]:
    """Yields what is found with each loss, up to the first with which all is right."""
    for loss in _losses(training):
        run = replace(training, loss=loss)
        try:
            truth = truth_of(run)
            live = {p: v for p, v in run.primals.items() if not truth.flat(p)}
            if not live:
                continue
            run = replace(run, primals=live)
            run = replace(run, loss=replace(loss, exact=loss.exact and run.rated))
            claims = run.claims(live, {})
        except Exhausted:
            raise
        except (NotReadable, Missing, RecursionError, *FAILS):
            continue
        ratios = {p: truth.ratio(p, claims[p]) if p in claims else None for p in live}
        yield Judged(run, truth, ratios, settled_by(run, ratios))
        if settled_by(run, ratios) is not None:
            return


def _losses(training: Training) -> Iterator[RoundLoss]:
    """Yields the losses that a loop may go down: its own by their names, then known ones."""
    step = training.round(training.primals, training.held)
    for path, value in step.after.items():
        if len(path) == 1 and np.ndim(value) == 0 and is_loss_name(path[0]):
            exact = path not in step.before
            yield RoundLoss(path[0], lambda s, p=path: s.after[p], path, exact=exact)
    called = read(training.loop.node)
    for name in list(training.loop.names):
        function = training.loop.names[name]
        if isinstance(function, Function) and is_loss_name(name):
            if all(p in step.scope for p in function.required):
                taken = tuple(function.required)
                exact = name in called
                yield RoundLoss(name, partial(_called, function), taken, exact=exact)
    for output, target in _compared(training, step):
        for name, function in KNOWN.items():
            yield RoundLoss(
                name,
                lambda s, f=function, o=output, t=target: f(_seen(s, o), _seen(s, t)),
                tuple(read(output) | read(target)),
                own=False,
            )


def _called(function: Function, step: Round) -> Any:
    return step.interpreter.call(function, [], {p: step.scope[p] for p in function.required})


def _seen(step: Round, node: ast.expr) -> Any:
    return np.asarray(step.interpreter.value(node, step.scope), dtype=float)


def _compared(training: Training, step: Round) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yields what a loop compares: what depends on the parameters, and what does not."""
    elsewhere: Mapping[Path, Any] = {p: v + 0.125 for p, v in training.primals.items()}
    other = training.round(elsewhere, training.held)
    seen: set[str] = set()
    for node in ast.walk(training.loop.node):
        match node:
            case ast.BinOp(left=a, op=ast.Sub(), right=b) | ast.Call(args=[a, b]):
                pass
            case _:
                continue
        key = ast.unparse(node)
        if key in seen:
            continue
        seen.add(key)
        try:
            pairs = [(_seen(step, n), _seen(other, n)) for n in (a, b)]
        except (NotReadable, *FAILS):
            continue
        moves = [not np.array_equal(*pair) for pair in pairs]
        if moves[0] != moves[1] and pairs[0][0].shape == pairs[1][0].shape:
            if not isinstance(a, ast.Constant) and not isinstance(b, ast.Constant):
                yield (a, b) if moves[0] else (b, a)
