"""The parts of a text as they are read: formulas in plain words, and $a$ = $b$ as one formula."""

import re
from collections.abc import Iterator, Sequence

from reports.documents.extract import Formula, Part, extract
from reports.documents.plain import plain_formulas
from reports.documents.source import Source


def parts_of(source: Source) -> list[Part]:
    """Returns the parts of a text, formulas in its plain words among them."""
    parts = [*_joined(source, extract(source))]
    parts += plain_formulas(source, parts)
    return sorted(parts, key=lambda part: (part.start, isinstance(part, Formula)))


def _joined(source: Source, parts: Sequence[Part]) -> Iterator[Part]:
    """Yields the parts with $a$ = $b$ as one formula."""
    before: Formula | None = None
    for part in parts:
        if isinstance(part, Formula) and not part.display and before is not None:
            between = source.text[before.end : part.start]
            if re.fullmatch(r"\$\s?=\s?\$", between):
                whole = source.text[before.start : part.end].replace("$", " ")
                before = Formula(before.start, part.end, whole, display=False)
                continue
        if isinstance(part, Formula) and not part.display:
            if before is not None:
                yield before
            before = part
            continue
        yield part
    if before is not None:
        yield before
