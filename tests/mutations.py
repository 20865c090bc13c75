"""Changes of one literal of a document: sign, decimal point, last two digits."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from reports.documents.audit import audit_sources
from reports.documents.conventions import conventions
from reports.documents.extract import Formula, extract
from reports.documents.links import side
from reports.documents.source import read
from reports.documents.statements import statements
from reports.documents.tree import Number, Power, Symbol, walk


@dataclass(frozen=True)
class Mutation:
    line: int
    old: str
    new: str
    found: bool


def literals(path: Path) -> list[tuple[int, int]]:
    """The places of the figures that are computed: those that a document only gives are left out.

    Left out are also numbers that stand for no figure: exponents, and the constants of a formula.
    """
    (source,) = read(path)
    parts = [part for part in extract(source) if isinstance(part, Formula)]
    shared = conventions([part.text for part in parts], source.text)
    found = set()
    for part in parts:
        for chain in statements(part.text, part.start, shared):
            named = isinstance(chain.links[0].node, Symbol) if chain.links else True
            if len(chain.links) < 3 - (not named):
                continue
            for link in chain.links[1:]:
                if side(link) == "symbolic":
                    continue
                inside = [n for n in walk(link.node) if isinstance(n, Power)]
                exponents = {id(e) for p in inside for e in walk(p.exponent)}
                for node in walk(link.node):
                    text = source.text[slice(*node.span)]
                    figure = isinstance(node, Number) and "." in text and float(text or 0) != 0
                    if figure and id(node) not in exponents and re.fullmatch(r"[\d.]+", text):
                        found.add(node.span)
    return sorted(found)


def changed(text: str, rng: random.Random) -> Iterator[str]:
    yield f"-{text}"
    decimals = len(text.partition(".")[2])
    yield f"{float(text) * 10:.{decimals}f}"
    shown = min(2, decimals)
    while True:
        other = text[:-shown] + "".join(rng.choice("0123456789") for _ in range(shown))
        if abs(float(other) - float(text)) * 10**decimals > 2.5:
            yield other
            return


def mutations(path: Path, share: float, seed: int = 0) -> Iterator[Mutation]:
    (source,) = read(path)
    rng = random.Random(seed)
    for start, end in literals(path):
        old = source.text[start:end]
        negative = source.text[:start].rstrip(" {(").endswith("-")
        for index, new in enumerate(changed(old, rng)):
            if rng.random() > share or (index == 0 and negative):
                continue
            text = source.text[:start] + new + source.text[end:]
            audited = audit_sources("changed", (replace(source, text=text),))
            line = source.place(start).line
            yield Mutation(line, old, new, bool(audited.flagged))
