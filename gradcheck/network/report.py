"""The roots as a verdict tells them: what comes from each, and how much was looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gradcheck.network.judged import AUDITED, CONDUCT, UNDECIDED, Judge
from gradcheck.network.parts import Part
from gradcheck.network.roots import UNCHECKED, Place, Search, is_same
from gradcheck.network.words import inherited, is_below, plain, some
from gradcheck.verdict import Root, Verdict

END = (2**31,)
"""Where the inputs of the network stand in the order of the backward pass."""


def rooted(verdict: Verdict, whole: Part, judge: Judge) -> Verdict:
    """Returns a verdict that fails with the roots of what is wrong; as it is where none is found.

    Args:
        verdict: of the whole network.
        whole: the network as a part.
        judge: checks one part by itself.
    """
    errors = [f for f in verdict.findings if f.severity == "error"]
    errors = [f for f in errors if f.kind not in CONDUCT | UNDECIDED]
    given = [f for f in errors if f.kind not in AUDITED]
    if not errors:
        return verdict
    search = Search(judge, audits=not given)
    places = search.places(whole, given or errors)
    if not search.judged:
        reasons = (f"its parts could not be looked at: {r}" for r in search.unseen.values())
        return replace(verdict, notes=(*verdict.notes, *reasons))
    point = whole.subject().point
    wrong = {f.primal: point.get(f.primal) for f in given if f.primal}
    roots = _explaining(places, search.orders, wrong)
    return replace(verdict, roots=roots, notes=(*verdict.notes, _coverage(search)))


def _explaining(
    places: Sequence[Place], orders: Mapping[str, tuple[int, ...]], wrong: Mapping[str, Any]
) -> tuple[Root, ...]:
    """Returns the roots, each with the wrong gradients of the network that come from it.

    That is the first root whose own parameter it is, else the first that spreads upstream to it.
    """
    explains: list[list[str]] = [[] for _ in places]
    for name, x in wrong.items():
        owners = [path for path in orders if is_below(name, path)]
        order = orders[max(owners, key=len)] if owners else END
        own = (i for i, p in enumerate(places) if _is_own(name, x, p))
        above = (i for i, p in enumerate(places) if p.spreads and order >= p.order)
        first = next(own, next(above, None))
        if first is not None:
            explains[first].append(name)
    return tuple(
        inherited(replace(place.root, explains=tuple(its)), spreads=place.spreads)
        for place, its in zip(places, explains, strict=True)
    )


def _is_own(name: str, x: Any, place: Place) -> bool:
    """Whether a primal of the network is a wrong parameter of a root, by its name or its values."""
    path = plain(place.root.path)
    own = {f"{path}.{f.primal}".lstrip(".") for f in place.root.findings}
    return plain(name) in own or any(x is not None and is_same(x, w) for w in place.owns.values())


def _coverage(search: Search) -> str:
    """Returns how much of the network was looked at."""

    def labels(status: str) -> list[str]:
        return [label for label, judged in search.judged.items() if judged.status == status]

    undecided = labels("undecided")
    spent = [label for label in undecided if search.judged[label].reason == UNCHECKED]
    said = (
        f"parts checked by themselves, at what passes through them: {len(search.judged)}, of which "
        f"{len(labels('right'))} right"
    )
    others = {n: search.judged[n].reason for n in undecided if n not in spent} | search.unseen
    if spent:
        said += f"; not checked, as {UNCHECKED}: {some(spent)}"
    for label, reason in list(others.items())[:1]:
        more = f" (and {len(others) - 1} more)" if len(others) > 1 else ""
        said += f"; undecided: {label}{more}, {reason}"
    return said
