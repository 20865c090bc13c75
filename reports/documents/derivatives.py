"""Stated derivatives against the document's own definitions, by `gradcheck`.

A formula is checked at random values; a figure at the document's own values, through everything
that the document computes from them.
"""

import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

import gradcheck
from reports.documents import display, values
from reports.documents.arithmetic import quoted
from reports.documents.claims import Claim
from reports.documents.environment import ROLES, Definition, Environment, key_of
from reports.documents.evaluate import NotEvaluable, evaluate, shown
from reports.documents.links import is_update, side, subject
from reports.documents.model import Model, is_loss, loss_form
from reports.documents.notation import LOSSES
from reports.documents.readings import BENIGN, LOOSE, Reading
from reports.documents.repair import PRODUCTS, replaced
from reports.documents.source import Source
from reports.documents.tree import (
    BigSum,
    Call,
    Chain,
    Derivative,
    Link,
    Node,
    Number,
    Sum,
    Symbol,
    Times,
    Transposed,
    literal,
    names,
    walk,
)
from reports.documents.values import Numbers, Quantity, ShapeClash, Undefined
from reports.documents.writing import written

POINTS = 2
TOLERANCE = 0.02
"""A figure is wrong end to end where it is off by more than this share: figures rest on rounded
ones, a mistake in a derivation changes them by far more."""

MOST_DEFINITIONS = 6
LENGTH = 3


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a check of one formula under one choice of definitions found."""

    passes: bool
    claimed: Quantity | None = None
    true: Quantity | None = None
    model: Model | None = None


def derivative_claims(
    chain: Chain, environment: Environment, source: Source, said: str
) -> Iterator[Claim]:
    """Yields the verdicts on what a chain says of derivatives.

    Args:
        chain: the statement.
        environment: what the document has said before it, this statement not included.
        source: where it stands.
        said: the words just before it: they tell which of several losses is meant.
    """
    if len(chain.links) < 2 or is_update(chain) or chain.enumerates:
        return
    yield from _slope_of_function(chain, environment, source)
    node = subject(chain)
    target = _target(node, chain, environment)
    if target is None:
        return
    for link in chain.links[1:]:
        if _is_formula(link) and not isinstance(link.node, Derivative):
            yield from _formula(target, link, chain, environment, source, said)


def _is_formula(link: Link) -> bool:
    """Whether a side is a formula into which no figures are put yet."""
    figures = (n for n in walk(link.node) if isinstance(n, Number) and n.unit and n.digits > 1)
    return side(link) == "symbolic" and not any(figures)


def _target(node: Node | None, chain: Chain, environment: Environment) -> Derivative | None:
    """Returns the derivative that a chain is about, also by way of a name defined as one."""
    if isinstance(node, Derivative):
        return node
    for link in chain.links[1:-1]:
        if isinstance(link.node, Derivative):
            return link.node
    if isinstance(node, Symbol):
        for definition in reversed(environment.definitions.get(node.key, [])):
            if isinstance(definition.tree, Derivative):
                return definition.tree
    return None


# ---------------------------------------------------------------- formulas


def _formula(
    target: Derivative,
    link: Link,
    chain: Chain,
    environment: Environment,
    source: Source,
    said: str,
) -> Iterator[Claim]:
    if literal(chain.links[-1].node) and _rests_on_wrong(chain, environment):
        return
    outcomes = []
    for definitions in _choices(target, environment, said):
        outcome = _check(target, link.node, definitions, environment)
        if outcome is None:
            return
        if outcome.passes:
            yield _claim(chain, link, source, "ok", explanation="checked by finite differences")
            return
        outcomes.append((definitions, outcome))
    if not outcomes:
        return
    definitions, outcome = outcomes[0]
    message = _said_by_gradcheck(target, outcome)
    if not message:
        return
    right, words = _repaired(target, link.node, definitions, environment)
    yield _claim(
        chain,
        link,
        source,
        "derivative",
        right=right or (display.printed(outcome.true) if outcome.true else ""),
        explanation="; ".join(filter(None, (words, f"{shown(target)}: {message}"))),
    )


def _claim(
    chain: Chain, link: Link, source: Source, verdict: str, right: str = "", explanation: str = ""
) -> Claim:
    return Claim(
        place=source.place(link.span[0]),
        formula=quoted(source, chain),
        verdict=verdict,  # type: ignore[arg-type]
        kind="derivative",
        stated=" ".join(link.text.split()),
        right=right,
        explanation=explanation,
    )


def _choices(
    target: Derivative, environment: Environment, said: str
) -> Iterator[Mapping[str, Node]]:
    """Yields the definitions in force, with each loss that may be meant."""
    latest = {
        key: found[-1].tree
        for key, found in environment.definitions.items()
        if not isinstance(found[-1].tree, Derivative) and not key.startswith("∂")
    }
    for key, found in environment.definitions.items():
        own = [d for d in found if not isinstance(d.tree, Derivative)]
        if own and not key.startswith("∂"):
            latest[key] = own[-1].tree
    of = key_of(target.of)
    if of is None:
        return
    found = environment.definitions.get(of, [])
    if not found and of in LOSSES:
        found = [d for key, all_ in environment.definitions.items() if is_loss(key) for d in all_]
    wrt = key_of(target.wrt) or ""
    found = [d for d in found if _leads(d.tree, {**latest, of: d.tree}, environment, wrt)]
    meant = _meant([d for d in found if not isinstance(d.tree, Derivative)], said)
    for definition in meant[::-1][:MOST_DEFINITIONS]:
        yield {**latest, of: definition.tree}


def _leads(tree: Node, definitions: Mapping[str, Node], environment: Environment, key: str) -> bool:
    return Model(definitions, lambda node: None, environment).depends(tree, key)


def _meant(found: list[Definition], said: str) -> list[Definition]:
    """Returns the losses of the form that the words before the claim name."""
    forms = {form for form, words in LOSS_WORDS.items() if any(w in said for w in words)}
    chosen = [d for d in found if loss_form(d.tree) in forms]
    return chosen if len(forms) == 1 and chosen else found


LOSS_WORDS: Mapping[str, tuple[str, ...]] = {
    "mse": ("mse", "均方误差", "squared error", "平方误差", "square error", "二次代价"),
    "ce": ("cross-entropy", "cross entropy", "交叉熵", "log loss", "log-loss", "对数损失"),
}


def _check(
    target: Derivative, formula: Node, definitions: Mapping[str, Node], environment: Environment
) -> Outcome | None:
    """Returns whether a formula is the derivative at random points; None: it cannot be decided."""
    outcomes: list[Outcome] = []
    for seed in range(POINTS):
        found: Outcome | None = None
        for partly in (False, True):
            for reading in (*BENIGN, LOOSE):
                draw = _Draw(definitions, formula, environment, seed)
                now = _at_a_point(target, formula, draw, definitions, reading, partly=partly)
                if now is not None and (found is None or now.passes):
                    found = now
                if not draw.has_arrays or (now is not None and now.passes):
                    break
            if found is not None and found.passes:
                break
        if found is None:
            return None
        outcomes.append(found)
        if not found.passes:
            break
    return outcomes[-1]


class _Draw:
    """Random values for the names that nothing defines, in the shapes that the document gives."""

    def __init__(
        self, definitions: Mapping[str, Node], formula: Node, environment: Environment, seed: int
    ) -> None:
        self.environment = environment
        self.seed = seed
        self.values: dict[str, Quantity] = {}
        self.guessed: set[str] = set()
        self._vectors = _vectors(definitions, formula)
        self._rng = np.random.default_rng(zlib.crc32(f"point {seed}".encode()))

    @property
    def has_arrays(self) -> bool:
        return any(q.shape for q in self.values.values())

    def __call__(self, node: Node) -> Quantity | None:
        key = key_of(node)
        if key is None or not isinstance(node, Symbol) or key in {"e", "pi", "ones"}:
            return None
        if node.sub and replace(node, sub="").key in self._vectors:
            return None
        if key not in self.values:
            if not self.environment.versions(node) and key not in self._vectors:
                self.guessed.add(key)
            self.values[key] = _drawn(node, self.environment, self._vectors, self._rng)
        return self.values[key]


def _at_a_point(
    target: Derivative,
    formula: Node,
    draw: _Draw,
    definitions: Mapping[str, Node],
    reading: Reading,
    *,
    partly: bool,
) -> Outcome | None:
    """Returns whether claim and derivative agree at one point.

    Partly: what the definition of the numerator names is held, as partial derivatives are meant
    where several time steps share a weight.
    """
    model = Model(definitions, draw, draw.environment, {}, reading)
    key, of = key_of(target.wrt) or "", key_of(target.of) or ""
    if key_of(formula) == key_of(target) or not model.depends(target.of, key):
        return None
    try:
        at = model.at(target.wrt)
        if partly:
            held = {k for n in names(definitions[of]) if (k := key_of(n)) and k != key}
            model.fixed |= {
                k: model.value(n) for n in names(definitions[of]) if (k := key_of(n)) in held
            }
        true = model.derivative(model.along(target), at)
        known = set(draw.values)
        claimed = model.value(formula)
    except (NotEvaluable, ShapeClash, Undefined, RecursionError):
        return None
    if set(draw.values) - known or not np.any(true.value):
        return None  # the formula uses what the function does not, or nothing leads there
    shaped = not draw.guessed or not (true.shape or claimed.shape or draw.has_arrays)
    complete = shaped and all(is_parameter(k) or k == key for k in draw.values)
    agrees = _agrees(claimed, true)
    if not agrees and not complete:
        return None
    return Outcome(agrees, claimed, true, model)


def is_parameter(key: str) -> bool:
    """Whether a name is one of inputs, targets, weights or settings, not of computed values."""
    base = key.split("_")[0].split("^")[0]
    initial = key.endswith(("_0", "^0"))
    return initial or base not in COMPUTED


COMPUTED = frozenset(
    (
        "out",
        "net",
        "a",
        "A",
        "z",
        "Z",
        "h",
        "H",
        "E",
        "L",
        "J",
        "C",
        "o",
        "O",
        "hat y",
        "p",
        "delta",
    )
) | {"hat Y", "hat p", "s", "r", "loss", "output", "f", "g", "u", "ell", "q", "v", "m"}
"""Bases of names that are usually computed: where one has no definition, the document's function is
not known wholly, and a derivative through it can be confirmed but not accused."""


def _agrees(claimed: Quantity, true: Quantity) -> bool:
    if not values.same_shape(claimed, true):
        return claimed.shape == () and bool(np.allclose(true.value, claimed.value, rtol=1e-6))
    scale = max(1e-6, float(np.abs(true.value).max(initial=0)))
    return bool(np.allclose(values.flat(claimed), values.flat(true), rtol=1e-6, atol=1e-8 * scale))


def _said_by_gradcheck(target: Derivative, outcome: Outcome) -> str:
    """Returns what `gradcheck` says of a claim that is wrong; "" where it does not confirm that."""
    claimed, true, model = outcome.claimed, outcome.true, outcome.model
    if claimed is None or true is None or model is None:
        return ""
    if not values.same_shape(claimed, true):
        shapes = values.size(true.shape), values.size(claimed.shape)
        return f"its shape is {shapes[0]}, that of the formula {shapes[1]}"
    at = model.at(target.wrt)
    slope = claimed.value.reshape(true.shape)
    verdict = _verdict(model.along(target), at, slope, 0, shown(target))
    return _words(verdict) if verdict is not None and verdict.status == "fail" else ""


def _verdict(
    function: object, at: Numbers, slope: Numbers, seed: int, name: str
) -> gradcheck.Verdict | None:
    """Returns the verdict of `gradcheck` on a claimed gradient, or slope entry by entry."""
    point = np.atleast_1d(np.asarray(at, dtype=np.float64))
    shape = np.shape(at)
    try:
        return gradcheck.check(
            lambda x: np.asarray(function(x.reshape(shape)), dtype=np.float64),  # type: ignore[operator]
            {"x": point},
            vjp=lambda y_bar, x: {"x": _pulled(y_bar, slope, x.shape)},
            seed=seed,
            name=name,
        )
    except (gradcheck.InvalidInput, gradcheck.EvaluationError):
        return None


def _pulled(y_bar: Numbers, slope: Numbers, shape: tuple[int, ...]) -> Numbers:
    if np.ndim(y_bar) == 0:
        return np.asarray(y_bar * slope, dtype=np.float64).reshape(shape)
    if np.size(slope) == np.size(y_bar) ** 1 and np.ndim(slope) < 2:
        return np.asarray(np.ravel(y_bar) * np.ravel(slope)).reshape(shape)
    if np.ndim(slope) == 2 and 1 in np.shape(slope):
        return np.asarray(np.ravel(y_bar) * np.ravel(slope)).reshape(shape)
    return np.asarray(np.ravel(y_bar) @ slope).reshape(shape)


def _words(verdict: gradcheck.Verdict | None) -> str:
    if verdict is None or not verdict.findings:
        return "it is not the derivative"
    return re.sub(r"^x(\[[^\]]*\])?: ", "", verdict.findings[0].message)


def _vectors(definitions: Mapping[str, Node], formula: Node) -> set[str]:
    """Returns the names that are used with a running index: they are vectors."""
    found = set()
    for tree in (*definitions.values(), formula):
        for part in walk(tree):
            if isinstance(part, BigSum) and part.index:
                for inner in walk(part.body):
                    if isinstance(inner, Symbol) and inner.sub == part.index:
                        found.add(replace(inner, sub="").key)
                    elif isinstance(inner, Symbol) and inner.sup == part.index:
                        found.add(replace(inner, sup="").key)
    return found


def _drawn(
    node: Symbol, environment: Environment, vectors: set[str], rng: np.random.Generator
) -> Quantity:
    """Returns a random value in the shape that the document gives a name; a number otherwise."""
    known = environment.versions(node)
    shape = known[0].value.shape if known else ((LENGTH,) if node.key in vectors else ())
    if node.key in {"n", "m", "N", "K", "k"} and not shape:
        return values.quantity(float(LENGTH))
    if node.key in ROLES["target"]:
        if known:
            return known[0].value
        weights = rng.uniform(0.1, 0.9, shape)
        return values.quantity(weights / weights.sum() if shape else weights)
    probabilities = node.base in {"hat y", "p", "hat p"}
    low, high = (0.15, 0.85) if probabilities else (0.3, 1.2)
    return values.quantity(rng.uniform(low, high, shape))


# ---------------------------------------------------------------- repair of a formula


def _repaired(
    target: Derivative,
    formula: Node,
    definitions: Mapping[str, Node],
    environment: Environment,
) -> tuple[str, str]:
    """Returns the smallest change of a formula that makes it right, and what the claim is else."""
    for words, tree in _changed(formula, target):
        outcome = _check(target, tree, definitions, environment)
        if outcome is not None and outcome.passes:
            other = _holds_for(target, formula, definitions, environment)
            return written(tree), "; ".join(filter(None, (words, other)))
    return "", _holds_for(target, formula, definitions, environment)


def _holds_for(
    target: Derivative,
    formula: Node,
    definitions: Mapping[str, Node],
    environment: Environment,
) -> str:
    """Returns for which other variable or constant the claim would be right."""
    of = key_of(target.of)
    wrt = target.wrt
    if of is None or of not in definitions or not isinstance(wrt, Symbol):
        return ""
    logits = Symbol(wrt.span, "logits")
    for name, words in (("softmax", "the softmax"), ("sigmoid", "the sigmoid")):
        through = {**definitions, wrt.key: Call(wrt.span, name, (logits,))}
        probe = Derivative(target.span, target.of, logits)
        outcome = _through(probe, formula, through, environment, wrt.key)
        if outcome:
            return f"it is the derivative by what goes into {words}, not by {shown(wrt)} itself"
    return ""


def _through(
    probe: Derivative,
    formula: Node,
    definitions: Mapping[str, Node],
    environment: Environment,
    key: str,
) -> bool:
    vectors = _vectors(definitions, formula)
    rng = np.random.default_rng(7)
    one_hot = np.zeros(LENGTH)
    one_hot[1] = 1.0
    drawn: dict[str, Quantity] = {}

    def leaf(node: Node) -> Quantity | None:
        own = key_of(node)
        if own is None or not isinstance(node, Symbol) or own in {"e", "pi"}:
            return None
        if own not in drawn:
            if node.sub and replace(node, sub="").key in vectors:
                return None
            shape = (LENGTH,) if own in vectors or (own == "logits" and key in vectors) else ()
            target = own in {"y", "t"}
            value = one_hot if shape and target else rng.uniform(0.2, 0.9, shape)
            drawn[own] = values.quantity(value)
        return drawn[own]

    model = Model(definitions, leaf, environment)
    try:
        claimed, true = model.value(formula), model.slope(probe)
    except (NotEvaluable, ShapeClash, Undefined, RecursionError):
        return False
    if not values.same_shape(claimed, true):
        return False
    return bool(np.allclose(values.flat(claimed), values.flat(true), rtol=1e-5, atol=1e-8))


def _changed(formula: Node, target: Derivative) -> Iterator[tuple[str, Node]]:
    span = formula.span
    two = Number(span, "2", 2.0, 0.0, 1)
    half = Number(span, "½", 0.5, 0.0, 1)
    yield "the sign is wrong", _negated(formula)
    for part in walk(formula):
        if isinstance(part, Times):
            for factor, rest in ((part.left, part.right), (part.right, part.left)):
                yield f"the factor {written(factor)} is too many", replaced(formula, part, rest)
    yield "a factor 2 is missing", Times(span, two, formula, "juxtaposed")
    yield "a factor 2 is too many", Times(span, half, formula, "juxtaposed")
    for part in walk(formula):
        if isinstance(part, Sum):
            yield "a sign is wrong", replaced(formula, part, replace(part, sign=-part.sign))
        elif isinstance(part, Transposed):
            yield "a transpose is too many", replaced(formula, part, part.body)
    wrt = target.wrt
    for name in names(formula):
        if isinstance(name, Symbol):
            yield f"the factor {shown(name)} is missing", Times(span, formula, name, "juxtaposed")
            slope = _slope_tree(name)
            words = f"the slope {shown(name)}(1 − {shown(name)}) is missing"
            yield words, Times(span, formula, slope, "hadamard")
    if isinstance(wrt, Symbol):
        yield f"the factor {shown(wrt)} is missing", Times(span, formula, wrt, "juxtaposed")


def _negated(node: Node) -> Node:
    from reports.documents.tree import Negative

    return node.body if isinstance(node, Negative) else Negative(node.span, node)


def _slope_tree(name: Symbol) -> Node:
    one = Number(name.span, "1", 1.0, 0.0, 1)
    return Times(name.span, name, Sum(name.span, one, name, -1), "hadamard")


# ---------------------------------------------------------------- functions


def _slope_of_function(chain: Chain, environment: Environment, source: Source) -> Iterator[Claim]:
    """Checks σ′(z) = σ(z)(1 − σ(z)) and the like."""
    first = chain.links[0].node
    if not isinstance(first, Call) or first.prime != 1 or len(first.arguments) != 1:
        return
    argument = first.arguments[0]
    if not isinstance(argument, Symbol):
        return
    plain = replace(first, prime=0)
    at = np.array([-0.7, 0.4, 1.3])

    for link in chain.links[1:]:
        if side(link) != "symbolic" or any(
            isinstance(n, Call) and n.prime for n in walk(link.node)
        ):
            continue
        own = {n.key for n in walk(link.node) if isinstance(n, Symbol)}
        if not own <= {argument.key, "e"}:
            continue
        outcomes = []
        for activation in _candidates(first.name, environment):
            trial = replace(
                environment,
                activations=(activation,),
                functions={k: v for k, v in environment.functions.items() if not k.endswith("'")},
            )

            function = _of_one_name(plain, argument.key, trial)
            try:
                slope = _of_one_name(link.node, argument.key, trial)(at)
                outcomes.append(_verdict(function, at, slope, 0, shown(first)))
            except (NotEvaluable, ShapeClash, Undefined):
                continue
        found = [v for v in outcomes if v is not None]
        if any(v.status == "pass" for v in found):
            yield _claim(chain, link, source, "ok", explanation="checked by finite differences")
        elif found and all(v.status == "fail" for v in found):
            yield _claim(
                chain,
                link,
                source,
                "derivative",
                explanation=f"it is not the derivative of {shown(plain)}: {_words(found[0])}",
            )


def _of_one_name(node: Node, key: str, environment: Environment) -> Callable[[Numbers], Numbers]:
    """Returns a formula of one name as a function, entry by entry."""

    def at(x: float) -> float:
        held = values.quantity(x)
        context = environment.context(more=lambda n: held if key_of(n) == key else None)
        context.bar = lambda number: 0.0
        return float(evaluate(node, context).value)

    return lambda x: np.array([at(float(entry)) for entry in np.ravel(x)]).reshape(np.shape(x))


def _candidates(name: str, environment: Environment) -> tuple[str, ...]:
    if name in environment.functions or environment.activation(name) == name:
        return environment.activations[:1]
    return ("sigmoid", "tanh", "softplus", *environment.activations)


# ---------------------------------------------------------------- figures


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
    target = _target(node, chain, environment)
    last = chain.links[-1]
    if target is None or not literal(last.node) or _rests_on_wrong(chain, environment):
        return
    stated = display.stated(last.node)
    found = []
    for definitions in _choices(target, environment, said):
        true = _true_gradient(target, definitions, environment)
        if true is None:
            continue
        if _near(true, stated, bar) or not np.any(true.value):
            if not any(side(link) == "numeric" for link in chain.links[1:-1]):
                yield _figure(chain, last, source, "ok", stated, true, "")
            return
        found.append(true)
    if not found:
        return
    true = found[0]
    yield _figure(
        chain,
        last,
        source,
        "derivative",
        stated,
        true,
        f"{shown(target)} of the document's own definitions is {display.printed(true)}"
        f"{_factor(true, stated)}{_one_target(target, environment, stated)}",
    )


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
        explanation=explanation or "checked by finite differences through the definitions",
    )


def _rests_on_wrong(chain: Chain, environment: Environment) -> bool:
    for link in chain.links[1:]:
        for name in names(link.node):
            versions = environment.versions(name)
            if versions and versions[0].wrong and not isinstance(name, Derivative):
                return not isinstance(link.node, Derivative)
    return False


def _true_gradient(
    target: Derivative, definitions: Mapping[str, Node], environment: Environment
) -> Quantity | None:
    """Returns a derivative at the document's own values; None where it does not reproduce them."""

    def leaf(node: Node) -> Quantity | None:
        versions = environment.versions(node)
        return versions[0].value if versions else None

    key = key_of(target.wrt)
    known = environment.versions(target.wrt)
    if key is None or not known:
        return None
    for reading in PRODUCTS[:3]:
        model = Model(definitions, leaf, environment, {key: known[0].value}, reading)
        try:
            if not model.depends(target.of, key) or not _reproduces(model, target, key):
                return None
            if not _is_complete(model, target, key):
                return None
            return model.slope(target)
        except (NotEvaluable, ShapeClash, Undefined, RecursionError):
            continue
    return None


def _is_complete(model: Model, target: Derivative, key: str) -> bool:
    """Whether everything that is computed on the way has a definition."""
    reached = model.reached(target.of)
    known = {key, *model.definitions}
    open_ends = (k for k in reached - known if k.partition("_")[0] not in known)
    return all(is_parameter(k) for k in open_ends)


def _reproduces(model: Model, target: Derivative, key: str) -> bool:
    """Whether the definitions give the values that the document states on the way."""
    environment = model.environment
    of = key_of(target.of)
    for name, tree in model.definitions.items():
        if name in (key, of) or not environment.entries.get(name):
            continue
        if not model.depends(target.of, name) or not model.depends(tree, key):
            continue
        stated = environment.entries[name][-1].value
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


def _near(true: Quantity, stated: display.Stated, bar: float) -> bool:
    if not values.same_shape(true, stated.value):
        return True  # shapes are judged elsewhere
    off = np.abs(values.flat(true) - values.flat(stated.value))
    scale = float(np.max(np.abs(true.value), initial=0.0))
    return bool(np.all(off <= TOLERANCE * scale + 1.5 * stated.unit.reshape(-1) + 3 * bar))


def _factor(true: Quantity, stated: display.Stated) -> str:
    a, b = values.flat(stated.value), values.flat(true)
    if np.any(b == 0):
        return ""
    ratios = a / b
    if np.allclose(ratios, ratios[0], rtol=0.02) and (ratios.size > 1 or _round(ratios[0])):
        return f"; the stated one is {ratios[0]:.4g} times that"
    return ""


def _round(ratio: float) -> bool:
    return any(abs(ratio / r - 1) < 0.01 for r in (2, 0.5, -1, -2, -0.5, 4, 0.25, 3, 1 / 3))


def _one_target(target: Derivative, environment: Environment, stated: display.Stated) -> str:
    """Returns a remark where the stated gradient is ŷ − 1: a target of one was used."""
    known = environment.versions(target.wrt)
    if not known or not values.same_shape(known[0].value, stated.value):
        return ""
    ones = values.quantity(known[0].value.value - 1.0)
    if bool(display.matches(ones, stated).all()):
        return f"; the stated value comes out if {shown(target.wrt)} − 1 is computed, a target of 1"
    return ""
