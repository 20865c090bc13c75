"""What a chain teaches: values, literals with their rounding, definitions, functions."""

import numpy as np

from reports.documents import display, values
from reports.documents.display import Stated
from reports.documents.environment import (
    Definition,
    Entry,
    Environment,
    Function,
    Provenance,
    key_of,
    numbers,
)
from reports.documents.figured import as_names
from reports.documents.links import Pair, is_update, origin_of, side, subject
from reports.documents.readings import ELEMENTWISE, LETTERS_OF_FUNCTIONS, PLAIN
from reports.documents.repair import attempt
from reports.documents.source import Source
from reports.documents.substitution import learn_substitutions
from reports.documents.tree import (
    Array,
    Call,
    Chain,
    Link,
    Node,
    Number,
    Power,
    Symbol,
    literal,
    names,
    walk,
)
from reports.documents.values import Quantity


def bind(
    chain: Chain, environment: Environment, source: Source, found: list[Pair], wrong: bool
) -> None:
    """Binds what a chain states: its value under its name, and what its sides tell.

    Args:
        chain: the statement.
        environment: what the document has said, to which it is added.
        source: where it stands.
        found: its comparisons.
        wrong: whether one of them failed.
    """
    node = subject(chain)
    for left, right in zip(chain.links, chain.links[1:], strict=False):
        if left is chain.links[0] and node is not None:
            continue
        _bind_substituted(left, right, environment, source)
    last = chain.links[-1]
    place = source.place(last.span[0])
    if literal(last.node):
        _learn(last, environment, found)
    if node is None:
        _define_function(chain, environment, source)
        _square_of_nothing(chain, environment)
        return
    key = key_of(node)
    if key is None:
        return
    update = is_update(chain)
    if literal(last.node) and not _is_constant(key, last.node):
        computed = found[-1].computed if found and found[-1].right is last else None
        provenance: Provenance = "updated" if update else "stated" if found else "given"
        value = _with_bar(display.stated(last.node), computed, environment, found)
        right = _as_shown(computed, display.stated(last.node)) if wrong else computed
        entry = Entry(value, provenance, place, environment.section, right, wrong, origin_of(chain))
        environment.bind(key, entry)
    elif side(last) == "numeric":
        value = attempt(last.node, PLAIN, environment)
        if value is not None:
            provenance = "updated" if update else "stated"
            environment.bind(
                key, Entry(value, provenance, place, environment.section, value, wrong)
            )
    if not update:
        _define(node, chain, environment, source)


def _as_shown(right: Quantity | None, shown: Stated) -> Quantity | None:
    """Returns a right value as open as the digits of the wrong one in its place leave it."""
    if right is None or not values.same_shape(right, shown.value):
        return right
    unit = np.broadcast_to(shown.unit, shown.value.shape).reshape(right.shape)
    return Quantity(right.value, np.maximum(right.bar, 0.5 * unit))


_CONSTANTS = {"e": np.e, "pi": np.pi}


def _is_constant(key: str, node: Node) -> bool:
    """Whether a value is that of e or π, cut off somewhere: it is no other one."""
    value = display.stated(node).value
    near = key in _CONSTANTS and not value.shape
    return near and abs(float(value.value) - _CONSTANTS[key]) < 0.01 * _CONSTANTS[key]


def forget(chain: Chain, environment: Environment) -> None:
    """Forgets what a name was, where the document says anew what it is and cannot be read."""
    if len(chain.links) != 1 or not chain.unread:
        return
    node = chain.links[0].node
    name = node.name if isinstance(node, Call) else key_of(node)
    environment.forget(name or "")


def _with_bar(
    shown_value: Stated, computed: Quantity | None, environment: Environment, found: list[Pair]
) -> Quantity:
    """Returns a stated value with what its rounding leaves open."""
    q = shown_value.value
    unit = np.broadcast_to(shown_value.unit, q.shape)
    computed = _unrounded(shown_value, found) or computed
    if computed is not None and found[-1].agreement != "no" and values.same_shape(computed, q):
        off = np.abs(computed.value.reshape(q.shape) - q.value) + computed.bar.reshape(q.shape)
        return Quantity(q.value, np.minimum(off, unit))
    if found:
        return q
    digits = np.broadcast_to(shown_value.digits, q.shape)
    return Quantity(q.value, np.where(digits >= 4, 0.5 * unit, 0.0))


def _unrounded(shown_value: Stated, found: list[Pair]) -> Quantity | None:
    """Returns, of the values from which a literal comes, the one that differs most from it."""
    best, most = None, -1.0
    for pair in found:
        q = pair.computed
        if pair.agreement == "no" or q is None or not values.same_shape(q, shown_value.value):
            continue
        if display.agreement(q, shown_value) == "no":
            continue
        off = float(np.max(np.abs(values.flat(q) - values.flat(shown_value.value))))
        if off > most:
            best, most = q, off
    return best


def _learn(last: Link, environment: Environment, found: list[Pair]) -> None:
    """Remembers the literals of a stated value, with what their rounding leaves open."""
    literals = list(numbers(last.node))
    if not found:
        for number in literals:
            if number.digits < 4:
                environment.learn(number.text, 0.0, given=True)
        return
    pair = found[-1]
    if pair.right is not last or pair.computed is None:
        return
    computed = _unrounded(display.stated(last.node), found) or pair.computed
    if computed.value.size != len(literals):
        return
    entries, bars = values.flat(computed), computed.bar.reshape(-1)
    for number, x, bar in zip(literals, entries, bars, strict=True):
        off = abs(abs(x) - number.value) + bar
        within = pair.agreement != "no" or off <= 0.5 * number.unit
        environment.learn(number.text, min(off, number.unit) if within else 0.0, given=False)


def _bind_substituted(left: Link, right: Link, environment: Environment, source: Source) -> None:
    for name, by in learn_substitutions(left, right):
        key = key_of(name)
        if key is None or environment.versions(name):
            continue
        value = _with_bar(display.stated(by), None, environment, [])
        place = source.place(by.span[0])
        environment.bind(key, Entry(value, "stated", place, environment.section))


def _define(node: Node, chain: Chain, environment: Environment, source: Source) -> None:
    key = key_of(node)
    if key is None:
        return
    if isinstance(node, Symbol) and node.listed:
        environment.arguments[key] = node.listed
    for link in chain.links[1:]:
        if side(link) == "symbolic":
            place = source.place(link.span[0])
            definition = Definition(link.node, place, environment.section, chain.words)
            environment.definitions.setdefault(key, []).append(definition)
            _read_figures(key, link.node, environment)
            if isinstance(node, Symbol) and len(node.listed) == 1:
                (by,) = node.listed
                if by.key in {n.key for n in walk(link.node) if isinstance(n, Symbol)}:
                    own = Function((by.key,), link.node, environment.section)
                    environment.functions[key] = own
            return
    if key not in environment.definitions:
        _read_figures(key, chain.links[1].node, environment)


def _read_figures(key: str, tree: Node, environment: Environment) -> None:
    """Remembers for which names the figures of a definition may stand; () where for none."""
    is_numeric = not any(True for _ in names(tree))
    found = as_names(tree, key, environment, whole=is_numeric)
    results = (n for n in numbers(tree) if n.text in environment.shown and n.digits > 3)
    alone = not literal(tree) if is_numeric else any(True for _ in results)
    if found or alone:
        environment.readings[key] = found
    else:
        environment.readings.pop(key, None)


def _square_of_nothing(chain: Chain, environment: Environment) -> None:
    """Remembers ε² = 0: terms of second order are left out."""
    match [link.node for link in chain.links]:
        case [Power(base=Symbol() as base, exponent=Number(value=2.0)), Number(value=0.0)]:
            environment.nilpotent.add(base.key)


def _define_function(chain: Chain, environment: Environment, source: Source) -> None:
    """Remembers f(x) = …: what f is of its arguments, and that f is computed so."""
    first = chain.links[0].node
    if len(chain.links) < 2 or not isinstance(first, Call):
        return
    parameters = tuple(a for a in first.arguments if isinstance(a, Symbol))
    tree = chain.links[1].node
    if first.name in {"F", "P"} and not isinstance(tree, Array):
        return
    if len(parameters) != len(first.arguments) or not any(True for _ in names(tree)):
        return
    if chain.links[1].relation == "≈" or first.name in ELEMENTWISE.keys() - LETTERS_OF_FUNCTIONS:
        return  # sin x ≈ x says nothing of what sin is
    own = {n.key for n in walk(tree) if isinstance(n, Symbol)}
    keys = tuple(p.key for p in parameters)
    if own.isdisjoint(keys):
        return
    function = Function(keys, tree, environment.section)
    environment.functions[first.name + "'" * first.prime] = function
    if not first.prime:
        environment.forget_strokes(first.name)
        before = environment.arguments.get(first.name, parameters)
        if tuple(a.key for a in before) != keys:  # another function under the same letter
            environment.definitions.pop(first.name, None)
        environment.arguments[first.name] = parameters
        place = source.place(chain.links[1].span[0])
        definition = Definition(tree, place, environment.section, chain.words)
        environment.definitions.setdefault(first.name, []).append(definition)
