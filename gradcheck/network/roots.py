"""From a network whose gradient is wrong to where that starts: downwards, part by part."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gradcheck import backends
from gradcheck.errors import EvaluationError, InvalidInput
from gradcheck.evaluation import BudgetSpent
from gradcheck.network.judged import Judge, Judged
from gradcheck.network.parts import Inside, Part
from gradcheck.network.words import (
    join_root,
    part_root,
    recalled_root,
)
from gradcheck.subject import Point, Subject
from gradcheck.verdict import Finding, Root

MOST_EDGES = 64
"""Between more parts than these nothing is looked at: each would cost a probe of the whole."""

UNCHECKED = "the budget is spent"


@dataclass(frozen=True)
class Place:
    """A root in its network.

    Attributes:
        root: the root.
        order: where it stands in the order of the backward pass, level by level.
        spreads: whether what is upstream inherits it.
        owns: its wrong parameters.
    """

    root: Root
    order: tuple[int, ...]
    spreads: bool
    owns: Point = field(default_factory=dict)


@dataclass
class Search:
    """The search for roots, and what it has seen.

    Attributes:
        judge: checks one part by itself; raises `BudgetSpent` where nothing is left.
        audits: whether what is looked for is what only the further audits find.
        judged: what was found, by the labels of the parts.
        orders: where the parts stand in the order of the backward pass, by their labels; a path is
            the label of the first call, which is the last that is pulled back.
        unseen: what could not be looked into, with the reason.
    """

    judge: Judge
    audits: bool = False
    judged: dict[str, Judged] = field(default_factory=dict)
    orders: dict[str, tuple[int, ...]] = field(default_factory=dict)
    unseen: dict[str, str] = field(default_factory=dict)

    def places(
        self, whole: Part, wrong: Sequence[Finding], order: tuple[int, ...] = ()
    ) -> list[Place]:
        """Returns where it starts, within a part that is wrong, in the order of the backward pass.

        Args:
            whole: the part.
            wrong: what is wrong with it.
            order: where it stands.
        """
        inside = self._opened(whole)
        parts = [part for part in inside.parts if part.reached] if inside else []
        if inside is None or not parts:
            return []
        self.orders |= {part.label: (*order, i) for i, part in enumerate(parts)}
        quick = [] if self.audits else self._guilty(parts, thorough=False)
        guilty = quick or self._guilty(parts, thorough=True)
        if self.audits and not guilty:
            return []
        if len(guilty) > 1:
            guilty = self._unfused(inside, guilty)
        if not guilty:
            return [self._join(whole, inside, parts, wrong, order)]
        return [place for part in guilty for place in self._within(part)]

    def _within(self, part: Part) -> list[Place]:
        """Returns the places within a part that is wrong, the part itself where none is."""
        judged, order = self.judged[part.label], self.orders[part.label]
        places = self.places(part, judged.findings, order)
        if places:
            return places
        wrong = {str(f.primal) for f in judged.findings}
        point = part.subject().point
        owns = {name: x for name, x in point.items() if name in wrong & set(judged.parameters)}
        root = part_root(part, judged.findings, judged.parameters)
        return [Place(root, order, spreads=bool(wrong - set(owns)), owns=owns)]

    def _opened(self, part: Part) -> Inside | None:
        """Returns what a part is made of, None where that cannot be seen."""
        try:
            return part.inside()
        except Exception as error:  # the user's code, run in a way that it may not be made for
            self.unseen[part.label or "the network"] = f"{type(error).__name__}: {error}"
            return None

    def _guilty(self, parts: Sequence[Part], *, thorough: bool) -> list[Part]:
        """Returns the parts that are wrong by themselves, the first call of each that is."""
        guilty: dict[str, Part] = {}
        for part in parts:
            if part.path not in guilty and self._seen(part, thorough).status == "wrong":
                guilty[part.path] = part
        return list(guilty.values())

    def _seen(self, part: Part, thorough: bool) -> Judged:
        known = self.judged.get(part.label)
        if known is None or not (known.thorough or not thorough):
            self.judged[part.label] = self._asked(part.subject, part.y_bar, thorough)
        return self.judged[part.label]

    def _asked(self, subject: Callable[[], Subject], y_bar: Point, thorough: bool) -> Judged:
        """Checks a part; one that a quick look does not confirm is looked at thoroughly."""
        try:
            made = subject()
            quick = None if thorough else self.judge(made, y_bar, False, False)
            if quick is not None and quick.status == "right":
                return quick
            return self.judge(made, y_bar, True, self.audits)
        except BudgetSpent:
            return Judged("undecided", reason=UNCHECKED)
        except (EvaluationError, InvalidInput) as error:
            return Judged("undecided", reason=str(error))

    def _edges(self, inside: Inside) -> Judged:
        """Checks the cotangents that reach the parts, through all that comes after them."""
        edges = inside.edges
        if edges is None or len(edges.point) > MOST_EDGES:
            return Judged("undecided", reason="they are too many")
        try:
            return self._asked(lambda: edges, {}, True)
        except Exception as error:  # as above: the parts are given what they were never given
            return Judged("undecided", reason=f"{type(error).__name__}: {error}")

    def _unfused(self, inside: Inside, guilty: list[Part]) -> list[Part]:
        """Returns the guilty parts without pairs that are right together.

        A loss often gives the gradient of the softmax before it as well, which then passes it on.
        """
        fused = self._right_pairs(inside, guilty)
        if inside.pairs:
            return [part for part in guilty if part.label not in fused] or guilty
        edges = self._edges(inside)
        astray = {finding.primal for finding in edges.findings}
        for part in guilty:
            own = self.judged[part.label]
            sources = [p for p in inside.parts if _feeds(p, part)]
            given_right = sources and all(e in edges.right for p in sources for e in p.edges())
            # A parameter would have got its gradient from the cotangent that is astray.
            if given_right and not own.parameters and astray & set(part.edges()):
                fused |= {part.label} | {p.label for p in guilty if _feeds(part, p)}
        return [part for part in guilty if part.label not in fused] or guilty

    def _right_pairs(self, inside: Inside, guilty: list[Part]) -> set[str]:
        """Returns the labels of wrong parts without parameters that are right with their fellow."""
        labels = {part.label for part in guilty if not self.judged[part.label].parameters}
        fused: set[str] = set()
        for pair, both in inside.pairs.items():
            if set(pair) <= labels - fused:
                judged = self._asked(both.subject, both.y_bar, thorough=True)
                fused |= set(pair) if judged.status == "right" else set()
        return fused

    def _join(
        self,
        whole: Part,
        inside: Inside,
        parts: Sequence[Part],
        wrong: Sequence[Finding],
        order: tuple[int, ...],
    ) -> Place:
        """Returns the root of a part whose own parts are right: how it joins them."""
        for part in parts:
            if _recalls_wrongly(part):
                calls = max(p.call for p in parts if p.path == part.path)
                return Place(recalled_root(part, calls), self.orders[part.label], spreads=True)
        edges = self._edges(inside)
        names = [edge for part in inside.parts for edge in part.edges()]
        astray = sorted(edges.findings, key=lambda f: names.index(str(f.primal)))
        keeping = [p for p in parts if p.alone is not None]  # whom such conduct can hurt
        parameters = whole.subject().parameters
        root = join_root(
            whole,
            parts,
            wrong,
            parameters,
            astray,
            doubts=[p.label for p in parts if self.judged[p.label].status == "undecided"],
            conduct=[
                f"{p.label}: {f.message}" for p in keeping for f in self.judged[p.label].conduct
            ],
            seen=bool(edges.right),
        )
        spreads = bool(astray) or any(f.primal not in parameters for f in wrong)
        return Place(root, order, spreads)


def _feeds(part: Part, other: Part) -> bool:
    """Whether what a part puts out is what another takes in."""
    return part is not other and any(
        is_same(y, x) for y in part.outputs.values() for x in other.inputs
    )


def _recalls_wrongly(part: Part) -> bool:
    """Whether a backward gave something else in the network than it gives by itself."""
    if part.alone is None or not part.returned:
        return False
    try:
        alone = part.alone()
    except EvaluationError:
        return False
    both = [(x, alone[name]) for name, x in part.returned.items() if name in alone]
    return any(not is_same(x, y) for x, y in both)


def is_same(x: Any, y: Any) -> bool:
    """Returns whether two arrays have the same shape and values."""
    return backends.of(x).shape(x) == backends.of(y).shape(y) and backends.of(x).same(x, y)
