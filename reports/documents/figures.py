"""Stated gradients against everything from which the document computes them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from reports.documents import display, values
from reports.documents.choices import choices, known_upstream
from reports.documents.claims import Claim, Correction
from reports.documents.environment import Environment, key_of
from reports.documents.figured import figured
from reports.documents.indices import Definitions, family, named, whole
from reports.documents.links import certainly_known, is_update, side, subject
from reports.documents.model import Model
from reports.documents.places import quoted
from reports.documents.points import is_parameter
from reports.documents.repair import PRODUCTS
from reports.documents.source import Source
from reports.documents.targets import target_of, with_a_name
from reports.documents.tree import Chain, Derivative, Link, Node, Symbol, literal, names
from reports.documents.values import NotEvaluable, Numbers, Quantity, ShapeClash, Undefined, entry
from reports.documents.verdicts import factor_between
from reports.documents.writing import shown

TOLERANCE = 0.02
"""A figure is wrong end to end where it is off by more than this share: figures rest on rounded
ones, a mistake in a derivation changes them by far more."""


SLIP_UNITS, SLIP = 5.0, 0.01
"""An entry is a slip where it is off by more than so many units of its last digit and this share of
itself, and the other entries agree at the digits shown: what is rounded spoils them, too."""

UNROUNDED = 4.0
"""Beyond so many units, bars, and what rounding on the way is seen to do, a figure may be wrong."""

NOTHING = 5e-3
"""What is called 0 is below this."""


def figure_claims(
    chain: Chain, environment: Environment, source: Source, said: str, *, bar: float
) -> Iterator[Claim]:
    """Yields the verdict on a stated gradient, through everything from which it is computed.

    Args:
        chain: the statement.
        environment: what the document has said before it.
        source: where it stands.
        said: the words just before it.
        bar: how far its own arithmetic leaves it open.
    """
    node = subject(chain)
    if len(chain.links) < 2 or is_update(chain):
        return
    target = target_of(node, chain, environment)
    last = chain.links[-1]
    if target is None or not literal(last.node) or rests_on_wrong(chain, environment):
        return
    if key_of(target.of) is None and not certainly_known(target.wrt, environment):
        return
    stated = display.stated(last.node)
    if len(chain.links) > 2 and not np.any(stated.value.value) and not stated.value.shape:
        if side(chain.links[-2]) == "symbolic":
            return  # it is put to 0, and not found to be
    target, environment = with_a_name(target, environment)
    found = []
    for definitions, fixed in _losses(target, environment, said):
        at = [_true_gradient(target, definitions, fixed, environment)]
        if at[0] is None:
            continue
        at.append(_true_gradient(target, definitions, fixed, environment, at_stated=True))
        gradients = [true for true in at if true is not None]
        true = gradients[0]
        if _agree(gradients, stated, bar):
            if not any(side(link) == "numeric" for link in chain.links[1:-1]):
                yield _near_figure(chain, last, source, stated, gradients, bar)
            return
        found.append(true)
    if not found:
        return
    if _holds_by_figures(target, environment, said, stated, bar):
        return
    true = found[0]
    yield _figure(
        chain,
        last,
        source,
        "derivative",
        stated,
        true,
        "; ".join(_words(target, stated, true, environment)),
    )


def _holds_by_figures(
    target: Derivative, environment: Environment, said: str, stated: display.Stated, bar: float
) -> bool:
    """Whether a gradient is right, or cannot be told, where figures are read as names."""
    for definitions, fixed in _losses(target, environment, said):
        others, alone = figured((target.of,), target.wrt, definitions, environment)
        trues = (_true_gradient(target, other, fixed, environment) for other in others)
        if alone or any(_agree([true], stated, bar) for true in trues if true is not None):
            return True
    return False


def _words(
    target: Derivative, stated: display.Stated, true: Quantity, environment: Environment
) -> Iterator[str]:
    yield f"{shown(target)} of the document's own definitions is {display.printed(true)}"
    factor = factor_between(stated.value, true, 0.02)
    if factor:
        yield f"the stated one is {factor} times that"
    elif _near(true, stated, 0.0):
        yield "the other entries agree at the digits shown"
    if _is_one_target(target, environment, stated):
        yield f"the stated value comes out if {shown(target.wrt)} − 1 is computed, a target of 1"


def _losses(
    target: Derivative, environment: Environment, said: str
) -> Iterator[tuple[Definitions, dict[str, Quantity]]]:
    """Yields the losses that may be meant; without one, what the gradients given further up say."""
    count = 0
    for definitions in choices(target, environment, said):
        count += 1
        yield definitions, {}
    upstream = None if count else known_upstream(target, environment)
    if upstream is not None:
        yield upstream


def _figure(
    chain: Chain,
    link: Link,
    source: Source,
    verdict: str,
    stated: display.Stated,
    true: Quantity,
    explanation: str,
) -> Claim:
    return Claim(
        place=source.place(link.span[0]),
        formula=quoted(source, chain),
        verdict=verdict,  # type: ignore[arg-type]
        kind="derivative",
        stated=display.printed(stated.value),
        right=display.printed(true),
        correction=Correction(value=true),
        explanation=explanation or "checked by finite differences through the definitions",
    )


def rests_on_wrong(chain: Chain, environment: Environment) -> bool:
    """Whether a value that was found wrong is put into a chain."""
    for link in chain.links[1:]:
        for name in names(link.node):
            versions = environment.versions(name)
            if versions and versions[0].wrong and not isinstance(name, Derivative):
                return not isinstance(link.node, Derivative)
    return False


def _true_gradient(
    target: Derivative,
    definitions: Definitions,
    fixed: Mapping[str, Quantity],
    environment: Environment,
    *,
    at_stated: bool = False,
) -> Quantity | None:
    """Returns a derivative at the document's own values; None where it does not reproduce them.

    At what is stated: every value on the way is then the rounded one that the document has.
    """

    def leaf(node: Node) -> Quantity | None:
        versions = environment.versions(node)
        return versions[0].value if versions else None

    part, target = _of_whole(target, environment)
    key = key_of(target.wrt)
    known = environment.versions(target.wrt)
    if key is None:
        return None
    at = {key: known[0].value} if known else {}
    for reading in PRODUCTS[:3]:
        model = Model(definitions, leaf, environment, {**fixed, **at}, reading)
        try:
            if not model.depends(target.of, key) or not _reproduces(model, target, key):
                return None
            if not _is_complete(model, target, key):
                return None
            if at_stated:
                model = Model(definitions, leaf, environment, {**fixed, **at}, reading)
                model.stated = {k: found[-1].value for k, found in environment.entries.items()}
                model.value(target.of)
            slope = model.slope(target)
            return entry(slope, part) if part else slope
        except (NotEvaluable, ShapeClash, Undefined, RecursionError):
            continue
    return None


def _of_whole(target: Derivative, environment: Environment) -> tuple[str, Derivative]:
    """Returns the derivative by an array in place of that by one of its entries, and which."""
    wrt = target.wrt
    if isinstance(wrt, Symbol) and wrt.sub and wrt.key not in environment.entries:
        if whole(wrt).key in environment.entries:
            return wrt.sub, replace(target, wrt=whole(wrt))
    return "", target


def _is_complete(model: Model, target: Derivative, key: str) -> bool:
    """Whether everything that is computed on the way has a definition."""
    known = {key, *model.definitions, *model.fixed}
    own = family(named(key))
    for name in model.reached(target.of) - known:
        if name.startswith(("*", "∂")) or name.endswith("[]") or name.partition("_")[0] in known:
            continue
        if family(named(name)) == own or _are_given_together(name, key, model.environment):
            continue
        if not [*model.definitions.leading(named(name))] and not is_parameter(name):
            return False
    return True


def _are_given_together(name: str, other: str, environment: Environment) -> bool:
    """Whether two names are inputs that stand side by side, as in x = 3, y = −5, z = 4."""
    first, second = (environment.entries.get(key, ()) for key in (name, other))
    entries = [*first[-1:], *second[-1:]]
    places = {(e.place.cell, e.place.line) for e in entries}
    return len(places) == 1 and all(e.provenance == "given" for e in entries) and bool(first)


def _reproduces(model: Model, target: Derivative, key: str) -> bool:
    """Whether the definitions give the values that the document states on the way."""
    environment = model.environment
    of = key_of(target.of)
    for name, entries in environment.entries.items():
        if name in (key, of) or name.startswith(("∂", "role ")):
            continue
        tree = model.definitions.of(named(name))
        if tree is None or not model.depends(tree, key):
            continue
        if not model.depends(target.of, name):
            continue
        stated = entries[-1].value
        try:
            computed = model.value(tree)
        except (NotEvaluable, ShapeClash, Undefined):
            return False
        if not values.same_shape(stated, computed):
            return False
        off = np.abs(values.flat(stated) - values.flat(computed))
        if np.any(off > TOLERANCE * np.abs(values.flat(computed)) + 2 * stated.bar.reshape(-1)):
            return False
    return True


def _agree(gradients: Sequence[Quantity], stated: display.Stated, bar: float) -> bool:
    """Whether a stated gradient is one of those that rounding on the way may give."""
    near = [g for g in gradients if _near(g, stated, bar) or not np.any(g.value)]
    return bool(near) and not all(_slips(g, stated, bar) for g in gradients)


def _slips(true: Quantity, stated: display.Stated, bar: float) -> bool:
    """Whether single entries are off where all others are exact."""
    if not values.same_shape(true, stated.value):
        return False
    right, unit = values.flat(true), stated.unit.reshape(-1)
    off = np.abs(right - values.flat(stated.value))
    exact = off <= unit + 3 * bar
    slip = (off > SLIP_UNITS * unit + 3 * bar) & (off > SLIP * np.abs(right)) & (unit > 0)
    return bool(slip.any() and (exact | slip).all() and exact.sum() >= max(2, slip.sum()))


def _near_figure(
    chain: Chain,
    link: Link,
    source: Source,
    stated: display.Stated,
    gradients: Sequence[Quantity],
    bar: float,
) -> Claim:
    """Returns the verdict on a figure that is right within what may have been rounded."""
    true = gradients[0]
    if any(g.value.size != stated.value.value.size for g in gradients):
        words = "its shape is another one"
        return _figure(chain, link, source, "not checked", stated, true, words)
    rounded = np.max([np.abs(g.value - true.value) for g in gradients], axis=0)
    off = np.min([_off(g, stated) for g in gradients], axis=0)
    digits = np.where(stated.unit == 0, NOTHING * np.abs(stated.value.value), stated.unit)
    open_by = digits.reshape(-1) + bar + rounded.reshape(-1)
    if np.any(off > UNROUNDED * open_by) and np.any(true.value):
        words = f"it is near {display.printed(true)}, and off by more than the digits shown"
        return _figure(chain, link, source, "not checked", stated, true, words)
    return _figure(chain, link, source, "ok", stated, true, "")


def _off(true: Quantity, stated: display.Stated) -> Numbers:
    if not values.same_shape(true, stated.value):
        return np.zeros(1)
    return np.abs(values.flat(true) - values.flat(stated.value))


def _near(true: Quantity, stated: display.Stated, bar: float) -> bool:
    if not values.same_shape(true, stated.value):
        return True  # shapes are judged elsewhere
    off = np.abs(values.flat(true) - values.flat(stated.value))
    scale = float(np.max(np.abs(true.value), initial=0.0))
    units = np.where(stated.digits.reshape(-1) >= display.FEWEST_DIGITS, 1.5, 0.5)
    zero = np.where((values.flat(stated.value) == 0) & (stated.unit.reshape(-1) == 0), NOTHING, 0.0)
    return bool(np.all(off <= TOLERANCE * scale + units * stated.unit.reshape(-1) + 3 * bar + zero))


def _is_one_target(target: Derivative, environment: Environment, stated: display.Stated) -> bool:
    """Whether the stated gradient is ŷ − 1."""
    known = environment.versions(target.wrt)
    if not known or not values.same_shape(known[0].value, stated.value):
        return False
    ones = values.quantity(known[0].value.value - 1.0)
    return bool(display.matches(ones, stated).all())


# ---------------------------------------------------------------- arrays defined entry by entry


def array_claims(chain: Chain, environment: Environment, source: Source) -> Iterator[Claim]:
    """Yields the verdict on a stated array whose entries have a definition, as Y_ij = Σ … has."""
    node, last = subject(chain), chain.links[-1] if chain.links else None
    if last is None or not isinstance(node, Symbol) or node.sub or not literal(last.node):
        return
    if is_update(chain) or any(side(link) != "literal" for link in chain.links[1:]):
        return
    trees = {key: found[-1].tree for key, found in environment.definitions.items()}
    definitions = Definitions({k: t for k, t in trees.items() if family(named(k)) == node.key})
    if not definitions.patterns(node) or node.key in environment.entries:
        return

    def leaf(name: Node) -> Quantity | None:
        versions = environment.versions(name)
        return versions[0].value if versions else None

    if not all(certainly_known(tree, environment) for tree in definitions.values()):
        return
    stated = display.stated(last.node)
    try:
        computed = Model(definitions, leaf, environment).value(node)
    except (NotEvaluable, ShapeClash, Undefined, RecursionError):
        return
    if not values.same_shape(computed, stated.value):
        return
    line = environment.definitions[next(iter(definitions))][-1].place.line
    near = _near(computed, stated, 0.0)
    yield Claim(
        place=source.place(last.span[0]),
        formula=quoted(source, chain),
        verdict="ok" if near else "wrong",
        kind="arithmetic",
        stated=display.printed(stated.value),
        right=display.printed(computed),
        explanation=f"line {line} defines its entries",
    )
