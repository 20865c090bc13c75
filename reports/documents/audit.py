"""The road, readable top to bottom: source, parts, statements, environment, verdicts."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from reports.documents import layers
from reports.documents.arithmetic import Judged
from reports.documents.cells import cell_claims
from reports.documents.claims import Audited, Claim, Coverage
from reports.documents.code import code_claims
from reports.documents.columns import column_claims
from reports.documents.conventions import Conventions, conventions
from reports.documents.differentials import with_differentials
from reports.documents.environment import Environment, key_of
from reports.documents.extract import Code, Formula, Heading, Part, Prose, Unterminated
from reports.documents.judging import Known, judged, said_before
from reports.documents.labels import Label, labels, read_label
from reports.documents.links import is_update
from reports.documents.nouns import learn
from reports.documents.parts import parts_of
from reports.documents.places import quoted
from reports.documents.said import attitude, chain_of, end_of_paragraph, gives_another, missing
from reports.documents.sayings import Saying, sayings
from reports.documents.settings import (
    activations,
    begins_item,
    begins_run,
    function_names,
    is_arbitrary,
    read_code,
    read_prose,
    read_role,
    read_tables,
    speaks_of_matrices,
    speaks_of_symmetry,
    spoken_functions,
)
from reports.documents.source import Place, Source, read
from reports.documents.spoken import spoken_derivative
from reports.documents.stance import (
    Stance,
    is_conditional,
    is_of_another_convention,
)
from reports.documents.statements import statements, with_variances
from reports.documents.targets import of_several_names, spelled_out
from reports.documents.tokens_read import entries_of
from reports.documents.tree import (
    Array,
    Call,
    Chain,
    Node,
    Symbol,
    Transposed,
    Unread,
    literal,
    walk,
)
from reports.documents.units import behind, in_bits


def audit(path: Path) -> Audited:
    """Returns the verdicts on a document.

    Raises:
        Unreadable: it cannot be read.
    """
    return audit_sources(str(path), read(path))


def audit_text(text: str, name: str = "text") -> Audited:
    """Returns the verdicts on a Markdown text."""
    return audit_sources(name, (Source(text),))


def audit_sources(name: str, sources: tuple[Source, ...]) -> Audited:
    """Returns the verdicts on the texts of one document, in their order."""
    reader = _Reader(sources)
    reader.choose_activation()
    reader.read()
    return Audited(
        path=name,
        claims=tuple(reader.claims),
        coverage=reader.coverage(),
        notes=tuple(reader.notes),
    )


MOST_FORMULAS = 5000

MOST_PENDING = 100
"""So many statements of a section wait for what is said after them."""


@dataclass(frozen=True, eq=False)
class _Pending:
    """A statement that could not be checked when it was read: what it rests on may follow."""

    chain: Chain
    part: Formula
    source: Source
    row: tuple[Place, str, str]
    known: Mapping[str, object]


class _Reader:
    """Goes through a document once, in order."""

    def __init__(self, sources: tuple[Source, ...]) -> None:
        self._parts = [(source, parts_of(source)) for source in sources]
        self._read_formulas()
        formulas = [p.text for _, parts in self._parts for p in parts if isinstance(p, Formula)]
        text = "\n".join(source.text for source in sources)
        self._conventions: Conventions = conventions(formulas, text)
        self._environment = Environment()
        self.claims: list[Claim] = []
        self.notes: list[str] = [
            "the document is longer than what is read" for source in sources if source.cut
        ]
        if self._left_out:
            self.notes.append(
                f"{self._left_out} formulas beyond the first {MOST_FORMULAS}: not read"
            )
        self._formulas = self._statements = self._checked = self._stated = 0
        self._unchecked: list[tuple[Place, str, str]] = []
        self._pending: list[_Pending] = []
        self._recent: list[tuple[Formula, list[Chain]]] = []
        self._moved = 0
        self._text = text
        self._environment.functions_named = function_names(text)
        self._environment.vectors = self._conventions.vectors
        self._speaks_of_symmetry = speaks_of_symmetry(text)
        self._environment.spoken = spoken_functions(text)
        self._environment.speaks_of_matrices = speaks_of_matrices(text)
        formulas_read = [
            (id(part), statements(part.text, part.start, self._conventions))
            for _, parts in self._parts
            for part in parts
            if isinstance(part, Formula)
        ]
        chains = with_variances([chain for _, found in formulas_read for chain in found])
        chains = with_differentials(chains, text)
        self._environment.of_several = of_several_names(chains)
        ordered = iter(chains)
        self._chains = {key: list(islice(ordered, len(found))) for key, found in formulas_read}
        self._environment.minds_orientation = any(
            isinstance(n, Transposed) for c in chains for link in c.links for n in walk(link.node)
        )
        self._layers = layers.conventions(chains, layers.smooth(activations(text)))

    def _read_formulas(self) -> None:
        """Leaves out what stands beyond so many formulas that no document has them."""
        count = 0
        for index, (source, parts) in enumerate(self._parts):
            kept: list[Part] = []
            for part in parts:
                count += isinstance(part, Formula)
                if count <= MOST_FORMULAS:
                    kept.append(part)
            if not source.code:
                spoken = [*sayings(source.text, kept), *labels(source.text, kept)]
                kept = sorted((*kept, *spoken), key=lambda p: (p.start, isinstance(p, Saying)))
            self._parts[index] = (source, kept)
        self._left_out = max(0, count - MOST_FORMULAS)

    def choose_activation(self) -> None:
        """Settles what σ and f stand for: the reading under which most of the figures come out."""
        candidates = activations(self._text)
        if len(candidates) < 2 or not re.search(r"\\sigma|σ|\\phi|φ|\b[fg]\s*[(\\]", self._text):
            self._environment.activations = candidates
            return
        agreed = {name: self._agreed(name) for name in candidates}
        best = max(candidates, key=lambda name: (agreed[name], name == candidates[0]))
        self._environment.activations = (best, *(c for c in candidates if c != best))

    def _agreed(self, activation: str) -> int:
        trial = _Reader.__new__(_Reader)
        trial.__dict__.update(self.__dict__)
        trial.claims, trial.notes, trial._unchecked = [], [], []
        trial._pending, trial._recent = [], []
        trial._environment = Environment(
            activations=(activation,),
            explains=False,
            functions_named=self._environment.functions_named,
            vectors=self._environment.vectors,
            of_several=self._environment.of_several,
        )
        trial.read()
        return sum(claim.verdict in {"ok", "inherited"} for claim in trial.claims)

    def read(self) -> None:
        """Reads all parts in order."""
        for source, parts in self._parts:
            self._moved = 0
            read_tables(source, parts, self._environment, self._conventions)
            for part in parts:
                self._part(part, source)
            self._again()
            if self._environment.explains:
                self._tables(source)
        if self._environment.explains:
            self._code()

    def _tables(self, source: Source) -> None:
        """Judges the columns of tables, whose headings may use all that the text defines."""
        claims = [*column_claims(source, self._environment, self._conventions)]
        claims += cell_claims(source, self._environment, self._conventions)
        decided = [claim for claim in claims if claim.verdict != "not checked"]
        self._unchecked += [
            (claim.place, claim.formula, claim.explanation)
            for claim in claims
            if claim.verdict == "not checked"
        ]
        self.claims += decided
        self._checked += len(decided)
        self._statements += len(claims)

    def _code(self) -> None:
        """Judges the document's code, all blocks of which know the functions of those before."""
        blocks = [(s, p) for s, parts in self._parts for p in parts if isinstance(p, Code)]
        claims, unread = code_claims(blocks, self._text)
        self.claims += claims
        self._checked += len(claims)
        self._statements += len(claims)
        self._unchecked += [(missed.place, missed.line, missed.reason) for missed in unread]
        self._statements += len(unread)
        self.claims.sort(key=lambda c: (c.place.cell or 0, c.place.line, c.place.column))

    def _part(self, part: Part, source: Source) -> None:
        match part:
            case Heading():
                self._again()
                self._environment.enter(part.level, part.text)
                if begins_item(part.text):
                    self._environment.begin_item()
                elif begins_run(part.text):
                    self._environment.starts.append(self._environment.section)
            case Code():
                read_code(part, source, self._environment, self._conventions)
            case Formula():
                self._formula(part, source)
            case Unterminated():
                self.claims.append(_unterminated(part, source))
            case Saying():
                self._saying(part, source)
            case Label():
                place = source.place(part.start)
                read_label(part, self._text, self._environment, self._conventions, place)
            case Prose():
                if begins_item(part.text):
                    self._again()
                    self._environment.begin_item()
                read_prose(part, source, self._environment, self._conventions)

    def _formula(self, part: Formula, source: Source) -> None:
        self._formulas += 1
        self._environment.at = source.place(part.start)
        symmetric = self._speaks_of_symmetry and not is_arbitrary(source, part)
        self._environment.symmetric = symmetric
        chains = self._chains[id(part)]
        if not part.display and _NAMED_OUTSIDE.match(source.text[max(0, part.start - 3) :]):
            chains = [
                Chain((), (Unread(chain.span, "the name of the function stands outside"),))
                for chain in chains
            ]
        self._environment.point = self._point(part, chains, source)
        if chains and _SCALE.match(source.text, part.end):
            chains = [*chains[:-1], replace(chains[-1], enumerates=True)]
        said = said_before(source, part)
        if part.display or (self._recent and self._recent[-1][0].start > part.start):
            self._recent = []
        self._recent = [*self._recent[-2:], (part, chains)]
        spoken = None if part.display else spoken_derivative(source, self._recent)
        if spoken is not None and self._environment.explains:
            self._statement(spoken, part, source)
        atoms, _ = behind(source.text, part.end)
        if chains and atoms:
            last = chains[-1]
            chains = [*chains[:-1], replace(last, measures=last.measures | atoms)]
        if chains and chains[0].links:
            before = source.text[max(0, part.start - 100) : part.start].rstrip("$*(\\` ")
            learn("" if part.display else before, chains[0].links[0].node, self._environment)
        for chain in map(in_bits, chains):
            for each in spelled_out(chain, self._environment, said):
                self._statement(each, part, source)

    def _point(self, part: Formula, chains: Sequence[Chain], source: Source) -> tuple[Node, ...]:
        """Returns the point at which a sentence takes what follows: "at (1, 2) we have"."""
        before = source.text[max(0, part.start - 30) : part.start]
        if (
            not part.display
            and len(chains) == 1
            and len(chains[0].links) == 1
            and _AT.search(before)
        ):
            node = chains[0].links[0].node
            values = entries_of(node) if isinstance(node, Array) else ()
            if len(values) > 1 and literal(node):
                return values
        own = self._recent[-1][0] if self._recent else None
        ended = own is None or "\n\n" in source.text[own.end : part.start]
        return () if ended else self._environment.point

    def _statement(self, chain: Chain, part: Formula, source: Source) -> None:
        self._statements += len(chain.links) > 1 or bool(chain.unread)
        if read_role(part, chain, source, self._environment):
            return
        first = chain.links[0].node if chain.links else None
        if isinstance(first, Call) and is_conditional(source.text, part.end):
            self._count(Judged(gives=True), chain, part, source)
            self._environment.forget(first.name)
            return
        defines = isinstance(first, (Call, Symbol)) and len(chain.links) == 2
        if defines and is_of_another_convention(source.text, part.start):
            self._count(Judged(gives=True), chain, part, source)
            return
        self._count(self._safely(chain, part, source), chain, part, source)

    def _safely(
        self, chain: Chain, part: Formula, source: Source, spoken: Stance | None = None
    ) -> Judged:
        """Returns the verdicts on a statement; one that fails here does not lose the others."""
        known = Known(self._environment, self._layers, self._moved)
        try:
            return judged(chain, part, source, known, spoken)
        except RecursionError:
            return Judged(reason="its definitions are nested too deep")
        except (ArithmeticError, LookupError, TypeError, ValueError) as problem:
            return Judged(reason=f"an error of this program: {type(problem).__name__}: {problem}")

    def _again(self) -> None:
        """Judges what could not be checked in this section with all that the section says."""
        pending, self._pending = self._pending, []
        own = self._environment
        for each in pending if own.explains else ():
            nodes = (n for link in each.chain.links for n in walk(link.node))
            named = {n.name if isinstance(n, Call) else key_of(n) for n in nodes}
            now = self._meant(each.chain)
            if named & own.unread or any(now.get(k) is not v for k, v in each.known.items()):
                continue  # another definition may have been meant
            start, end = (each.source.place(at) for at in each.chain.span)
            self._environment = own.without(start, end)
            self._environment.at = start
            found = self._safely(each.chain, each.part, each.source)
            derived = all(c.kind in {"derivative", "identity"} for c in found.claims)
            if found.claims and derived and not found.reason:
                self._unchecked.remove(each.row)
                self._checked += 1
                self.claims += found.claims
        self._environment = own

    def _meant(self, chain: Chain) -> Mapping[str, object]:
        """Returns what the functions and names of a statement are now, where they are known."""
        own = self._environment
        found: dict[str, object] = {}
        for node in (n for link in chain.links for n in walk(link.node)):
            if isinstance(node, Call) and node.name in own.functions:
                found[node.name] = own.functions[node.name]
            elif isinstance(node, Symbol) and own.definitions.get(node.key):
                found[node.key] = own.definitions[node.key][-1]
        return found

    def _saying(self, part: Saying, source: Source) -> None:
        """Judges a value that words give a name, as a statement of both."""
        environment = self._environment
        environment.at = source.place(part.begin)
        chain = chain_of(part, environment, self._conventions)
        how = attitude(part, chain, source.text, environment)
        if chain is None:
            if gives_another(part, environment, self._conventions):
                self._moved = end_of_paragraph(source.text, part.end)
            if reason := missing(part, source.text):
                self._statements += 1
                words = " ".join(source.text[part.begin : part.end].split())
                self._unchecked.append((environment.at, words, reason))
            return
        self._statements += 1
        formula = Formula(part.begin, part.end, part.text, display=False)
        computed = key_of(chain.links[0].node) in environment.definitions
        found = self._safely(chain, formula, source, how)
        if computed and not found.claims:
            self._moved = end_of_paragraph(source.text, part.end)
        self._count(found, chain, formula, source, waits=False)

    def _count(
        self, found: Judged, chain: Chain, part: Formula, source: Source, *, waits: bool = True
    ) -> None:
        self.claims += found.claims
        if found.reason:
            row = source.place(chain.span[0]), quoted(source, chain), found.reason
            self._unchecked.append(row)
            waits = waits and not (chain.unread or is_update(chain))
            waits = waits and bool(_WAITS.search(found.reason))
            if waits and len(self._pending) < MOST_PENDING:
                self._pending.append(_Pending(chain, part, source, row, self._meant(chain)))
        elif found.claims:
            self._checked += 1
        elif len(chain.links) > 1:
            self._stated += 1

    def coverage(self) -> Coverage:
        return Coverage(
            formulas=self._formulas,
            statements=self._statements,
            checked=self._checked,
            stated=self._stated,
            reasons=dict(Counter(reason for _, _, reason in self._unchecked).most_common()),
            places=tuple(self._unchecked),
        )


_NAMED_OUTSIDE = re.compile(r".?[A-Za-z0-9_]\$\s*\(")
"""SiLU$(1) = 0.73$: what stands in the formula is an argument."""

_WAITS = re.compile(r"has no known value$|^nothing says whether it is claimed")
"""Why a statement is not checked that may be told with what is said after it."""

_AT = re.compile(r"(?i)(?:\bat(?: the point)?|\bpoint|在点?|点|处) ?\$$")

_SCALE = re.compile(r"\$?\s*(?:(?:thousand|million|billion|trillion|[KMB])\b|[万亿千]|百万)")
"""Words after a formula that belong to its last number."""


def _unterminated(part: Unterminated, source: Source) -> Claim:
    return Claim(
        place=source.place(part.start),
        formula=" ".join(part.text.split())[:80],
        verdict="unterminated",
        kind="formula",
        explanation="the formula is opened here and never closed",
    )
