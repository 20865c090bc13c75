"""A copy of a document with a remark at every finding, in the document's own format.

The copy is a valid document of its kind. In Markdown a remark is a quote below the formula or
block; in a notebook it stands in a Markdown cell, below a code cell in one of its own; in LaTeX it
is a comment, which needs no package, may stand within formulas, and moves nothing on the page.
"""

import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from reports.documents.claims import Audited, Claim
from reports.documents.source import read
from reports.render.markdown import escape

LONGEST = 600
Remarks = Mapping[int, Sequence[Claim]]


def annotated_copy(audited: Audited) -> Iterator[str]:
    """Yields the lines of the copy."""
    path = Path(audited.path)
    if is_notebook(path):
        yield from _notebook(path, audited.flagged)
        return
    for source in read(path):
        copied = _latex if source.kind == "latex" else _markdown
        yield from copied(source.text.split("\n"), _by_line(audited.flagged))


def is_notebook(path: Path) -> bool:
    """Whether a document is a notebook, a copy of which is one JSON object."""
    return path.suffix.lower() == ".ipynb"


def _by_line(claims: Sequence[Claim]) -> Remarks:
    found: dict[int, list[Claim]] = {}
    for claim in claims:
        found.setdefault(claim.place.line, []).append(claim)
    return found


def _words(claim: Claim) -> str:
    """Returns what is said of a claim, in one line without characters that are not printable."""
    right = f" Right: {claim.right}." if claim.right else ""
    words = f"gradcheck, line {claim.place.line}: {claim.verdict}.{right} {claim.explanation}"
    plain = " ".join("".join(c if c.isprintable() else " " for c in words).split())
    return plain if len(plain) <= LONGEST else f"{plain[: LONGEST - 1]}…"


# ---------------------------------------------------------------- Markdown


def _markdown(lines: Sequence[str], remarks: Remarks) -> Iterator[str]:
    waiting: list[Claim] = []
    fence, dollars = "", 0
    for number, line in enumerate(lines, start=1):
        yield line
        waiting += remarks.get(number, [])
        bare = line.strip(" \t>")
        if bare.startswith(("```", "~~~")):
            fence = "" if fence else bare[:3]
        dollars += line.count("$$")
        inside = fence or dollars % 2 or _is_open(lines[:number][-40:])
        inside = inside or (_is_row(line) and any(map(_is_row, lines[number : number + 1])))
        if waiting and not inside:
            yield from _quotes(waiting)
            waiting = []
    yield from _quotes(waiting)


def _is_row(line: str) -> bool:
    """Whether a line belongs to a pipe table, which a remark would cut in two."""
    return line.strip(" \t>").startswith("|")


def _is_open(lines: Sequence[str]) -> bool:
    text = "\n".join(lines)
    return text.count("\\begin{") > text.count("\\end{") or text.count("\\[") > text.count("\\]")


def _quotes(claims: Sequence[Claim]) -> Iterator[str]:
    for claim in claims:
        yield from ("", f"> **✗** {escape(_words(claim))}", "")


# ---------------------------------------------------------------- LaTeX

_LITERAL = re.compile(r"\\(begin|end)\{(verbatim|Verbatim|lstlisting|minted|alltt)\*?\}")
"""Environments in which a comment would be printed."""


def _latex(lines: Sequence[str], remarks: Remarks) -> Iterator[str]:
    waiting: list[Claim] = []
    literal = ""
    for number, line in enumerate(lines, start=1):
        yield line
        waiting += remarks.get(number, [])
        for edge, name in _LITERAL.findall(line):
            if edge == "begin":
                literal = literal or name
            elif name == literal:
                literal = ""
        if not literal:
            yield from (f"% {_words(claim)}" for claim in waiting)
            waiting = []


# ---------------------------------------------------------------- notebooks


def _notebook(path: Path, claims: Sequence[Claim]) -> Iterator[str]:
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8-sig"))
    named = any("id" in cell for cell in notebook["cells"])
    cells = []
    for number, cell in enumerate(notebook["cells"], start=1):
        own = [claim for claim in claims if claim.place.cell == number]
        if own and cell["cell_type"] == "markdown":
            text = "\n".join(_markdown(_text_of(cell).split("\n"), _by_line(own)))
            cells.append({**cell, "source": text.splitlines(keepends=True)})
            continue
        cells.append(cell)
        if own:
            text = "\n".join(_quotes(own)).strip("\n")
            name = {"id": uuid.uuid5(uuid.NAMESPACE_OID, f"{number} {text}").hex} if named else {}
            new = {"cell_type": "markdown", **name, "metadata": {}}
            cells.append({**new, "source": text.splitlines(keepends=True)})
    copy = json.dumps({**notebook, "cells": cells}, ensure_ascii=False, indent=1)
    yield from copy.split("\n")


def _text_of(cell: Mapping[str, Any]) -> str:
    source = cell.get("source", "")
    text = source if isinstance(source, str) else "".join(source)
    return text.replace("\r\n", "\n").replace("\r", "\n")
