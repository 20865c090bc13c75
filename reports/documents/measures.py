"""Whether a statement compares values whose units differ: these are not converted."""

from reports.documents.environment import Environment, key_of
from reports.documents.links import subject
from reports.documents.tree import Chain, names
from reports.documents.units import BITS, are_mixed, has_logarithm

MOST_STEPS = 3
"""Through so many definitions the units of names are followed."""


def needs_conversion(chain: Chain, environment: Environment) -> bool:
    """Whether the values of a statement are in units that are not compared as they stand.

    What it says of its name's unit is remembered.
    """
    node = subject(chain)
    key = None if node is None else key_of(node)
    atoms = chain.measures | _of_names(chain, environment)
    if key is not None and chain.measures:
        environment.measured[key] = environment.measured.get(key, frozenset()) | chain.measures
    if not atoms:
        return False
    return are_mixed(atoms) or _has_open_base(chain, environment)


def _of_names(chain: Chain, environment: Environment) -> frozenset[str]:
    """Returns the units in which the names of a statement, or of what defines them, are given."""
    if not environment.measured:
        return frozenset()
    found: set[str] = set()
    keys = {key_of(n) for link in chain.links for n in names(link.node)}
    for _ in range(MOST_STEPS):
        for key in keys - {None}:
            found |= environment.measured.get(key or "", frozenset())
        trees = [d.tree for key in keys for d in environment.definitions.get(key or "", ())]
        keys = {key_of(n) for tree in trees for n in names(tree)}
    return frozenset(found)


def _has_open_base(chain: Chain, environment: Environment) -> bool:
    """Whether a logarithm is taken whose base the unit of information decides."""
    if not chain.measures & BITS:
        return False
    trees = (d.tree for found in environment.definitions.values() for d in found)
    return any(map(has_logarithm, trees))
