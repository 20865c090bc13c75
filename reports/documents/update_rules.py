"""Stated update rules against the optimizer whose name stands above them.

A document's own formulas define what its figures are computed from; here they are themselves held
against what is known under the name: Adam with a first power where the square belongs is no Adam.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import permutations

import numpy as np

from reports.documents import values
from reports.documents.claims import Claim, Correction, Verdict
from reports.documents.environment import Environment, key_of
from reports.documents.evaluate import Context, evaluate
from reports.documents.indices import family, named
from reports.documents.links import subject
from reports.documents.places import quoted
from reports.documents.source import Source
from reports.documents.statements import statements
from reports.documents.tree import (
    Call,
    Chain,
    Derivative,
    Divide,
    Negative,
    Node,
    Number,
    Power,
    Sum,
    Symbol,
    Times,
    names,
    rebuilt,
    replaced,
    walk,
)
from reports.documents.values import NotEvaluable, ShapeClash, Undefined
from reports.documents.writing import shown, written

NAMES: Mapping[str, re.Pattern[str]] = {
    "Adam": re.compile(r"(?i)\badam\b|adam(?=算法|优化|更新)"),
    "RMSprop": re.compile(r"(?i)rms[- ]?prop"),
    "AdaGrad": re.compile(r"(?i)adagrad"),
    "Nesterov": re.compile(r"(?i)nesterov"),
    "momentum": re.compile(r"(?i)momentum|动量"),
    "another": re.compile(
        r"(?i)adamax|adamw|nadam|amsgrad|adadelta|\blion\b|\blamb\b|yogi|adafactor"
    ),
}

MEAN = (r"b p + (1-b) g", r"(1-b) p + b g")
SQUARES = (r"b p + (1-b) g^2", r"(1-b) p + b g^2")
_SCALED = (
    r"p - a \frac{u}{\sqrt{r} + c}",
    r"p - a \frac{u}{\sqrt{r + c}}",
    r"p - a \frac{u}{\sqrt{r}}",
)
_BY_GRADIENT = (
    r"p - a \frac{g}{\sqrt{u} + c}",
    r"p - a \frac{g}{\sqrt{u + c}}",
    r"p - a \frac{g}{\sqrt{u}}",
)
UP = (r"b p + g", r"b p + (1-b) g", r"b p + a g")
DOWN = (r"b p - g", r"b p - (1-b) g", r"b p - a g")
AGAINST = (r"p - u", r"p - a u")
ALONG = (r"p + u", r"p + a u")

RULES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "Adam": ((*MEAN, *SQUARES), _SCALED),
    "RMSprop": (SQUARES, _BY_GRADIENT),
    "AdaGrad": ((r"p + g^2",), _BY_GRADIENT),
    "Nesterov": ((*UP, *DOWN),),
    "momentum": ((*UP, *DOWN), (*AGAINST, *ALONG)),
}
"""The forms of the formulas of each optimizer; where none fits, the first is shown.

p is the value before, g the gradient; u and r are moments, a, b and c settings, in any order.
"""

SETTINGS = frozenset("alpha beta gamma delta epsilon eta lambda mu rho lr decay".split())
MOMENTS = frozenset("vsrmuGESR")
GRADIENTS = re.compile(r"g|grad|d[A-Za-z]")


@dataclass(frozen=True)
class _Roles:
    """The names of a formula by what they are."""

    before: str
    gradients: tuple[str, ...]
    settings: tuple[str, ...]
    moments: tuple[str, ...]

    def counts(self) -> tuple[int, int, int]:
        """How many of each kind there are."""
        return len(self.gradients), len(self.settings), len(self.moments)


def rule_claims(
    chain: Chain, environment: Environment, source: Source, said: str
) -> Iterator[Claim]:
    """Yields the verdict on a formula for a step of an optimizer that stands in the heading.

    Args:
        chain: the statement.
        environment: what the document has said before it.
        source: where it stands.
        said: the words just before it, which choose where a heading names several.
    """
    node, name = subject(chain), named_optimizer(environment, said)
    if not isinstance(node, Symbol) or name is None or not _is_arithmetic(chain.links[1].node):
        return
    stated = _with_letters(chain.links[1].node)
    roles = _roles(node, stated)
    if roles is None:
        return
    for forms in RULES[name]:
        candidates = [form for form in forms if _counts(form) == roles.counts()]
        if not candidates:
            continue
        fitting = [form for form in candidates if _assignment(stated, roles, form)]
        wrong = _in_conflict(node, fitting[0], environment) if fitting else candidates[0]
        if not wrong:
            yield _claim(chain, source, "ok", None, f"it is the rule of {name}")
            return
        right = _in_numbers(_in_names(wrong, roles))
        reason = (
            "the step goes up the gradient"
            if wrong in (*AGAINST, *ALONG) and fitting
            else (f"this is not the rule of {name}")
        )
        yield _claim(chain, source, "definition", right, reason)
        return


def correction_claims(chain: Chain, environment: Environment, source: Source) -> Iterator[Claim]:
    """Yields the verdict on m̂ = m / (1 − βᵗ): β must be the decay of that very moment."""
    node = subject(chain)
    if not isinstance(node, Symbol) or not node.base.startswith("hat "):
        return
    stated = chain.links[1].node
    match stated:
        case Divide(
            left=Symbol(base=base) as moment,
            right=Sum(left=Number(value=1.0), right=Power(base=Symbol() as decay), sign=-1),
        ) if node.base == f"hat {base}":
            found = environment.definitions_of(moment)
            used = [] if not found else [n for n in names(found[-1].tree) if isinstance(n, Symbol)]
            own = {n.key: n for n in used if n.base in SETTINGS}
            if len(own) != 1:
                return
            (right,) = own.values()
            if right.key == decay.key:
                yield _claim(chain, source, "ok", None, "it is corrected by its own decay")
                return
            words = f"{shown(moment)} decays by {shown(right)}, not by {shown(decay)}"
            yield _claim(chain, source, "definition", replaced(stated, decay, right), words)


def _in_conflict(node: Symbol, form: str, environment: Environment) -> str:
    """Returns the form that belongs in the place of one that contradicts those before; "" if none.

    The two moments of Adam have different powers; a velocity along the gradient is subtracted, one
    against it is added.
    """
    seen = environment.forms
    if form in (*MEAN, *SQUARES):
        kind = MEAN if form in MEAN else SQUARES
        others = {k for base, k in seen.items() if base != node.base and k in (MEAN, SQUARES)}
        seen.setdefault(node.base, kind)
        if others == {kind}:
            return SQUARES[0] if kind is MEAN else MEAN[0]
    if form in (*UP, *DOWN):
        seen["velocity"] = UP if form in UP else DOWN
    for steps, others, velocity in ((ALONG, AGAINST, UP), (AGAINST, ALONG, DOWN)):
        if form in steps and seen.get("velocity") is velocity:
            return others[steps.index(form)]
    return ""


def named_optimizer(environment: Environment, said: str) -> str | None:
    """Returns the optimizer that the nearest heading names; None where that is not certain."""
    for level in sorted(environment.headings, reverse=True):
        found = _named(environment.headings[level])
        if len(found) > 1:
            found = found & _named(said)
        if found:
            return next(iter(found)) if len(found) == 1 and found <= RULES.keys() else None
    return None


def _named(text: str) -> set[str]:
    found = {name for name, words in NAMES.items() if words.search(text)}
    return found - {"momentum"} if "Nesterov" in found else found


def _is_arithmetic(node: Node) -> bool:
    kinds = (Sum, Times, Divide, Power, Negative, Number, Symbol, Derivative)
    return all(
        isinstance(n, kinds) or (isinstance(n, Call) and (n.name == "sqrt" or n.prime))
        for n in walk(node)
    )


def _roles(node: Symbol, right: Node) -> _Roles | None:
    """Returns what the names of a formula are; None where one of them is none of it."""
    found: dict[str, list[str]] = {"p": [], "g": [], "settings": [], "moments": []}
    for name in names(right):
        kind, key = _kind(node, name), key_of(name)
        if kind is None or key is None:
            return None
        found[kind].append(key)
    if len(found["p"]) != 1:
        return None
    return _Roles(found["p"][0], *(tuple(found[k]) for k in ("g", "settings", "moments")))


def _kind(node: Symbol, name: Node) -> str | None:
    if isinstance(name, Derivative):
        return "g"
    if not isinstance(name, Symbol):
        return None
    if name.base == node.base and (family(name) == family(node) or name.mark or node.mark):
        return "p"
    base = name.base.removeprefix("hat ").removeprefix("tilde ")
    if GRADIENTS.fullmatch(base):
        return "g"
    if base in SETTINGS:
        return "settings"
    return "moments" if base in MOMENTS else None


def _counts(form: str) -> tuple[int, int, int]:
    used = {n.key for n in names(_tree(form)) if isinstance(n, Symbol)}
    return len(used & {"g"}), len(used & set("abc")), len(used & set("ur"))


@cache
def _tree(form: str) -> Node:
    return statements(form)[0].links[0].node


def _assignments(roles: _Roles, form: str) -> Iterator[dict[str, str]]:
    """Yields which name of a formula stands for which letter of a form."""
    used = [n.key for n in names(_tree(form)) if isinstance(n, Symbol)]
    settings, moments = [k for k in used if k in "abc"], [k for k in used if k in "ur"]
    for a in permutations(roles.settings):
        for b in permutations(roles.moments):
            pairs = (*zip(a, settings, strict=True), *zip(b, moments, strict=True))
            yield dict((*pairs, *((g, "g") for g in roles.gradients), (roles.before, "p")))


def _assignment(right: Node, roles: _Roles, form: str) -> dict[str, str] | None:
    """Returns the names under which formula and form have the same value; None where none do."""
    rng = np.random.default_rng(3)
    drawn = {letter: values.quantity(rng.uniform(0.2, 0.9)) for letter in "pgabcur"}
    want = float(evaluate(_tree(form), Context(look=lambda n: drawn[key_of(n) or ""])).value)
    for letters in _assignments(roles, form):
        look = lambda n, own=letters: drawn.get(own.get(key_of(n) or "", ""))  # noqa: E731
        try:
            if np.isclose(float(evaluate(right, Context(look=look)).value), want, rtol=1e-9):
                return letters
        except (NotEvaluable, ShapeClash, Undefined):
            return None
    return None


def _with_letters(node: Node) -> Node:
    """Returns a formula with names for its numbers that are settings, and for f′(w): 0.9 v + g."""
    shares = [n for n in walk(node) if isinstance(n, Number) and 0 < n.value < 1 and n.unit]
    first = {n.value for n in shares if round(1 - n.value, 9) not in {m.value for m in shares}}
    first |= {n.value for n in shares if n.value >= 0.5}

    def change(part: Node) -> Node:
        if isinstance(part, Call) and part.prime:
            return Symbol(part.span, "grad")
        if not isinstance(part, Number) or part not in shares:
            return rebuilt(part, change)
        if part.value in first:
            return Symbol(part.span, "decay", sub=part.text)
        one = Number(part.span, "1", 1.0, 0.0, 1)
        other = next(n for n in shares if n.value == round(1 - part.value, 9))
        return Sum(part.span, one, Symbol(part.span, "decay", sub=other.text), -1)

    return change(node)


def _in_numbers(node: Node) -> Node:
    """Returns a formula with the numbers for which names stand."""
    if isinstance(node, Symbol) and node.base == "decay" and node.sub[:1].isdecimal():
        return Number(node.span, node.sub, float(node.sub), 0.0, 1)
    return rebuilt(node, _in_numbers)


def _in_names(form: str, roles: _Roles) -> Node:
    keys = {letter: key for key, letter in next(_assignments(roles, form)).items()}

    def change(node: Node) -> Node:
        if isinstance(node, Symbol) and node.key in keys:
            return named(keys[node.key])
        return rebuilt(node, change)

    return change(_tree(form))


def _claim(
    chain: Chain, source: Source, verdict: Verdict, right: Node | None, explanation: str
) -> Claim:
    return Claim(
        place=source.place(chain.span[0]),
        formula=quoted(source, chain),
        verdict=verdict,
        kind="definition",
        stated=" ".join(chain.links[1].text.split()),
        right="" if right is None else written(right),
        correction=Correction(right),
        explanation=explanation,
    )
