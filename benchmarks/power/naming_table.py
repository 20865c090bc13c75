"""How well places and kinds are named, as words: the page `docs/diagnosis.md`."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from tabulate import tabulate

from benchmarks.power.kinds import NAMES
from benchmarks.power.naming import CONFIDENT, Grade, Named, Naming
from benchmarks.power.table import versions
from gradcheck.diagnosis import UNKNOWN

EDGES = (0.0, 0.5, 0.75, 0.9, 0.98, 1.0)
"""Bins of stated confidence, each without its lower edge."""

GRADES: tuple[Grade, ...] = ("right", "acceptable", "unknown", "wrong")


def grade(naming: Naming) -> Grade:
    """Returns a bug's grade: of its primals the best, but wrong where one of them is."""
    grades = {named.grade for named in naming.named if named.accused}
    order: tuple[Grade, ...] = ("wrong", "right", "acceptable", "unknown")
    for one in order:
        if one in grades:
            return one
    return "none"


def has_kind(naming: Naming) -> bool:
    """Whether the table has a kind for the bug."""
    return any(named.tag in NAMES for named in naming.named)


def rates(namings: Sequence[Naming]) -> dict[str, tuple[int, int]]:
    """Returns each rate as (how many, of how many)."""
    found = [n for n in namings if n.found]
    accused = [a for n in found for a in n.named if a.accused]
    places = [a for a in accused if a.kind != "not_finite"]
    asked = [a for a in accused if a.holds is not None]
    kinds = [grade(n) for n in found if has_kind(n)]
    sure = [n for n in found if any(a.grade == "wrong" and a.is_confident for a in n.named)]
    return {
        "right primals": (sum(n.primals_right for n in found), len(found)),
        "exact indices": (sum(a.place == "exact" for a in places), len(places)),
        "a sample of them": (sum(a.place == "sampled" for a in places), len(places)),
        "kind right": (kinds.count("right"), len(kinds)),
        "acceptable": (kinds.count("acceptable"), len(kinds)),
        "right or acceptable": (kinds.count("right") + kinds.count("acceptable"), len(kinds)),
        "unknown": (kinds.count("unknown"), len(kinds)),
        "wrong": (kinds.count("wrong"), len(kinds)),
        "asked again": (sum(bool(a.holds) for a in asked), len(asked)),
        "confident and wrong": (len(sure), len(found)),
    }


def rates_table(by_dtype: Mapping[str, Sequence[Naming]]) -> str:
    """Returns the rates of each precision, one column each."""
    columns = {dtype: rates(namings) for dtype, namings in by_dtype.items()}
    names = list(next(iter(columns.values())))
    rows = [[name, *(_share(*column[name]) for column in columns.values())] for name in names]
    return _table(rows, ["", *columns])


def calibration(named: Iterable[Named]) -> str:
    """Returns how often a kind is right, by the confidence that was stated."""
    told = [a for a in named if a.accused and a.kind not in ("", UNKNOWN) and a.confidence > 0]
    rows = []
    for low, high in pairwise(EDGES):
        group = [a for a in told if low < a.confidence <= high]
        if group:
            right = sum(a.grade in ("right", "acceptable") for a in group)
            stated = sum(a.confidence for a in group) / len(group)
            rows.append(
                [f"{low:g} to {high:g}", len(group), f"{stated:.3f}", _share(right, len(group))]
            )
    return _table(rows, ["confidence", "named", "stated", "right or acceptable"])


def by_tag(namings: Sequence[Naming]) -> str:
    """Returns the grades of the bugs of each tag."""
    counts: dict[str, Counter[Grade]] = {}
    for naming in namings:
        if naming.found and naming.named:
            counts.setdefault(naming.named[0].tag, Counter())[grade(naming)] += 1
    rows = [
        [tag, "yes" if tag in NAMES else "no", *(count[g] or "" for g in GRADES)]
        for tag, count in sorted(counts.items(), key=lambda item: -item[1].total())
    ]
    return _table(rows, ["bug", "in the table", *GRADES])


def unknown(namings: Sequence[Naming]) -> str:
    """Returns the bugs for which it stays unknown, by tag: the table's next rows."""
    groups: dict[str, list[str]] = {}
    for naming in namings:
        if naming.found and naming.named and grade(naming) == "unknown":
            groups.setdefault(naming.named[0].tag, []).append(naming.case)
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    return "\n".join(f"- **{tag}**: {', '.join(sorted(cases))}" for tag, cases in ordered)


def outside_table(namings: Sequence[Naming]) -> str:
    """Returns what bugs of no kind were called."""
    named = [a for n in namings for a in n.named]
    rows = [
        ["bugs", len(named)],
        ["called wrong", sum(a.accused for a in named)],
        ["unknown", sum(a.kind == UNKNOWN for a in named)],
        ["named without confidence", sum(_is_named(a) and not a.is_confident for a in named)],
        [f"named with confidence ({CONFIDENT:g} and more)", sum(a.is_confident for a in named)],
    ]
    return _table(rows, ["", ""])


def _is_named(named: Named) -> bool:
    return named.kind not in ("", UNKNOWN)


def misplaced(namings: Sequence[Naming]) -> str:
    """Returns the wrong primals whose entries are not exactly the wrong ones."""
    rows = [
        [a.case, a.primal, a.place]
        for n in namings
        for a in n.named
        if a.accused and a.place != "exact" and a.kind != "not_finite"
    ]
    return _table(rows, ["bug", "primal", "place"])


def naming_page(
    by_dtype: Mapping[str, Sequence[Naming]], outside: Sequence[Naming], seed: int
) -> str:
    """Returns the page that `--only diagnosis --write` puts into `docs/`."""
    first = next(iter(by_dtype.values()))
    parts = [
        "# Where it is wrong, and what it is",
        "Written by `python -m benchmarks.power --only diagnosis --write`; not by hand.",
        f"{len(first)} planted bugs, each against its right twin. *Exact indices*: the entries "
        "that are named are those where the claim differs from the twin's gradient (at kinks: from "
        "all gradients around), no more and no fewer. *Kind right*: one whose sentence alone tells "
        "a reader of the bug's tag that it is this mistake (`benchmarks/power/kinds.py`), and that "
        "explains the claim at another point, too. *Acceptable*: another, whose very sentence "
        "explains the claim at another point through another cotangent, with the twin's gradient "
        "for the truth (of a step: with that step changed). *Asked again*: the kinds that can be "
        "asked so, and how many hold; what does not is wrong. A bug that spoils several primals is "
        f"graded by the best of them, and as wrong where one is wrong. *Confident*: {CONFIDENT:g} "
        "and more. "
        "Rates of kinds are of the bugs whose kind the table has.",
        rates_table(by_dtype),
        "## Confidence",
        calibration(a for namings in by_dtype.values() for n in namings for a in n.named),
        f"## Kinds that the table does not have\n\n{len(outside)} bugs that nobody has a word for "
        "(`benchmarks/power/outside.py`): none should be named with confidence.",
        outside_table(outside),
        "## By kind of bug",
        by_tag(first),
        "## Unknown",
        unknown(first),
        "## Not exactly located",
        misplaced(first),
        f"{versions()}; seed {seed}.",
    ]
    return "\n\n".join(parts) + "\n"


def _share(k: int, n: int) -> str:
    return f"{k}/{n} ({100 * k / n:.1f} %)" if n else ""


def _table(rows: Sequence[Sequence[object]], headers: Sequence[str]) -> str:
    return tabulate(rows, headers=headers, tablefmt="pipe", disable_numparse=True)
