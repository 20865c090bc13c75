"""The answer: data first, words second.

A `Verdict` holds one `Comparison` for each primal and oracle, and one `Finding` for each thing that
is wrong. All of it serialises to JSON and back.
"""

import dataclasses
import itertools
import json
import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gradcheck.errors import GradientError

Status = Literal["pass", "fail", "inconclusive"]
Severity = Literal["error", "warning"]

JOINT = "all together"
"""The row of the probes that move every primal at once."""

WIDTH = 80
SCREEN, HEAD, LONGEST = 24, 4, 9
"""Lines of a screen, and at most of the first sentence and of each further one."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A primal's claimed gradient against one oracle, along the direction that tells most.

    Attributes:
        primal: the name of the primal.
        oracle: which oracle answered, for example "finite differences".
        status: "pass", "fail" or "inconclusive".
        claimed: ⟨x̄, v⟩, the claimed derivative along the probe's tangent v.
        true: the oracle's estimate of the same number.
        bar: the measured bound of the estimate's error, in the same unit.
        resolution: errors larger than this, relative to ‖x̄·v‖₂ (the root sum of squares of the
            entries of the claimed gradient times the tangent), are excluded along the probe's
            directions; None where nothing is (a claimed gradient of zero has an absolute bar only).
        evaluations: how often the function was called for this comparison.
        reason: why the comparison is inconclusive, or what limits a pass.
    """

    primal: str
    oracle: str
    status: Status
    claimed: float
    true: float
    bar: float
    resolution: float | None
    evaluations: int
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: what is wrong, in one word of the table in `docs/findings.md`.
        message: the sentence that a person reads.
        primal: the name of the primal that is concerned, or None.
        indices: the wrong entries that were located, the worst first.
        claimed: the claimed value of the worst entry (or of the probe, where none was located).
        true: what it should be, ± `bar`.
        bar: the measured bound of the error of `true`.
        ratio: claimed / true, where `true` is not zero.
        diagnosis: the kind of mistake in the table of `gradcheck.diagnosis`; "unknown" where none
            explains the claim, "" where it was not asked for.
        parameters: the numbers and names of the diagnosis: the factor, the axis, λ.
        where: the wrong entries in words.
        repair: what to do about it; the claim so repaired was compared, and it passes.
        confidence: how often such a diagnosis is right, from 0 to 1; None without one.
        alternatives: other kinds that explain the claim, with their confidence.
        snippet: a few lines of Python that repeat the check and print this finding.
        severity: an "error" fails the check, a "warning" does not.
    """

    kind: str
    message: str
    primal: str | None = None
    indices: tuple[tuple[int, ...], ...] = ()
    claimed: float | None = None
    true: float | None = None
    bar: float | None = None
    ratio: float | None = None
    diagnosis: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""
    repair: str = ""
    confidence: float | None = None
    alternatives: tuple[tuple[str, float], ...] = ()
    snippet: str = ""
    severity: Severity = "error"


@dataclass(frozen=True, kw_only=True)
class Root:
    """Where in a network a wrong gradient starts.

    Attributes:
        path: the part, as a person reaches it: `layers[2]`, `encoder[1].linear`; "" for the network
            itself.
        thing: what it is: the name of its type or function.
        kind: "part" where the part by itself is wrong at what passes through it; "join" where all
            of its own parts are right, and what joins them is not.
        message: the sentence that a person reads.
        findings: what is wrong with the part by itself; their primals are its own inputs and
            parameters. Of a join, the cotangents that reach its parts wrongly, by their paths.
        explains: the wrong gradients of the whole network that come from here.
        snippet: a few lines of Python that repeat the check.

    >>> Root(path="layers[2]", thing="Dense", kind="part", message="its input cotangent").path
    'layers[2]'
    """

    path: str
    thing: str
    kind: Literal["part", "join"]
    message: str
    findings: tuple[Finding, ...] = ()
    explains: tuple[str, ...] = ()
    snippet: str = ""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Is it right; if not, what is wrong, where, and how sure are we?

    Attributes:
        subject: the name of what was checked.
        status: "pass", "fail" or "inconclusive".
        findings: what is wrong, the worst first; warnings (which do not fail) last.
        comparisons: the evidence, one row for each primal and oracle.
        resolution: the largest of the comparisons' resolutions: relative errors above it are
            excluded along the probes' directions. None where no comparison has one.
        evaluations: calls of the function under test.
        pullbacks: calls of the claimed pullback.
        seed: the seed that repeats this very check.
        notes: what a reader should know besides: the escalation used, kinks met, what is not
            covered.
        roots: of a network, the parts where the wrong gradients start, in the order of the backward
            pass: the first is the nearest to the output.
    """

    subject: str
    status: Status
    findings: tuple[Finding, ...]
    comparisons: tuple[Comparison, ...]
    resolution: float | None
    evaluations: int
    pullbacks: int
    seed: int
    notes: tuple[str, ...] = ()
    roots: tuple[Root, ...] = ()

    def raise_for_failure(self) -> "Verdict":
        """Returns the verdict itself if it is a pass.

        Raises:
            GradientError: the verdict is "fail" or "inconclusive"; the text is the verdict's.
        """
        if self.status != "pass":
            raise GradientError(str(self))
        return self

    def to_json(self) -> str:
        """Returns all of the verdict as JSON; numbers that are not finite become strings."""
        return json.dumps(_plain(dataclasses.asdict(self)), ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Verdict":
        """Returns the verdict that `to_json` wrote.

        Raises:
            ValueError: it is something else.
        """
        data = json.loads(text)
        if not isinstance(data, dict) or not {"findings", "comparisons", "notes"} <= set(data):
            raise ValueError("this is no verdict: wanted what Verdict.to_json returned")
        data["findings"] = tuple(_finding(f) for f in data["findings"])
        data["comparisons"] = tuple(Comparison(**_numbers(c)) for c in data["comparisons"])
        data["notes"] = tuple(data["notes"])
        data["roots"] = tuple(_root(r) for r in data.get("roots", ()))
        return cls(**_numbers(data))

    def __str__(self) -> str:
        return "\n".join(render(self))


def status_of(findings: Sequence[Finding], comparisons: Sequence[Comparison]) -> Status:
    """Returns "fail" for any error, else "inconclusive" for any undecided primal, else "pass"."""
    if any(finding.severity == "error" for finding in findings):
        return "fail"
    return "inconclusive" if any(c.status == "inconclusive" for c in comparisons) else "pass"


def render(verdict: Verdict, width: int = WIDTH) -> Iterator[str]:
    """Yields the lines of the verdict's plain text: a screen at most, the worst first."""
    head = f"{verdict.status.upper()}: {verdict.subject} — "
    lines = _wrapped("", head + _summary(verdict), width, "      ", HEAD)
    wrong, rest = list(_problems(verdict)), [(*aside, "") for aside in _asides(verdict)]
    room = SCREEN - len(lines) - 1
    kept = min(room // 4, sum(len(_wrapped(mark, text, width)) for mark, text, _ in rest))
    shown = _fitted(wrong, width, room - kept, ": {}, see findings")
    yield from lines
    yield from shown
    yield from _fitted(rest, width, room - len(shown), " to note: see comparisons and notes")
    yield f"  seed {verdict.seed}"


def _problems(verdict: Verdict) -> Iterator[tuple[str, str, str]]:
    """Yields mark, text and kind of each thing that is wrong; what others explain is left out."""
    explained = {name for root in verdict.roots for name in root.explains}
    for i, root in enumerate(verdict.roots):
        yield "  ✗ ", f"{'also' if i else 'first'} wrong: {root.message}", root.path
    for finding in verdict.findings:
        if finding.severity != "error" or finding.primal not in explained:
            mark = f"  {'✗' if finding.severity == 'error' else '!'} "
            yield mark, finding.message, f"{finding.kind} {finding.primal or ''}"


def _asides(verdict: Verdict) -> Iterator[tuple[str, str]]:
    """Yields what limits the answer, one line for each reason, and the notes."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in verdict.comparisons:
        if row.status != "fail" and row.reason:
            mark = "  ? " if row.status == "inconclusive" else "  · "
            reasons.setdefault((mark, row.reason), []).append(row.primal)
    for (mark, reason), primals in sorted(reasons.items(), key=lambda item: item[0][0] != "  ? "):
        yield mark, f"{_names(tuple(dict.fromkeys(primals)))}: {reason}"
    yield from (("  · ", note) for note in verdict.notes)


def _fitted(texts: Sequence[tuple[str, str, str]], width: int, room: int, more: str) -> list[str]:
    """Returns the lines of as many texts as there is room for, and how many more there are."""
    lines: list[str] = []
    for i, (mark, text, _) in enumerate(texts):
        block = _wrapped(mark, text, width)
        is_last = i == len(texts) - 1
        if len(lines) + len(block) > room - (not is_last):
            left = f"  … and {len(texts) - i} more{more.format(_kinds(texts[i:]))}"
            return [*lines, left] if room > 0 else []
        lines += block
    return lines


def _kinds(texts: Sequence[tuple[str, str, str]]) -> str:
    """Returns what kinds texts are of, and which primals they are about."""
    about: dict[str, list[str]] = {}
    for _, _, kind in texts:
        name, _, primal = kind.partition(" ")
        about.setdefault(name, []).append(primal)
    told = [
        f"{kind} ({_names(names, 3)})"
        if (names := [n for n in dict.fromkeys(primals) if n])
        else kind
        for kind, primals in about.items()
    ]
    return ", ".join(told[:3])


def number(value: float, digits: int = 3) -> str:
    """Returns a number as people read it: short where it is plain, scientific where it is not.

    >>> number(0.5), number(31623.0), number(1.58e-2), number(float("nan"))
    ('0.5', '3.16e+04', '0.0158', 'nan')
    """
    return f"{value:.{digits}g}"


def _summary(verdict: Verdict) -> str:
    primals = tuple(dict.fromkeys(c.primal for c in verdict.comparisons if c.primal != JOINT))
    errors = [f for f in verdict.findings if f.severity == "error"]
    wrong = sorted({f.primal for f in errors if f.primal})
    parts = []
    if wrong:
        parts.append(f"wrong: {_names(wrong)}")
    right = [name for name in primals if name not in wrong]
    undecided = [c.primal for c in verdict.comparisons if c.status == "inconclusive"]
    if not wrong and any(f.kind == "value" for f in errors):
        parts.append(f"wrong: {_names(undecided or primals)}, seen together")
    elif undecided:
        parts.append(f"undecided: {_names(tuple(dict.fromkeys(undecided)))}")
    right = [name for name in right if name not in undecided]
    if right:
        parts.append(f"right: {_names(right)}")
    if verdict.resolution is not None and right:
        parts.append(f"relative errors above {number(verdict.resolution, 2)} excluded")
    cost = _count(verdict.evaluations, "evaluation"), _count(verdict.pullbacks, "pullback")
    parts.append(", ".join(cost))
    return "; ".join(parts)


def _names(names: Sequence[str], most: int = 8, room: int = WIDTH) -> str:
    """Returns the first names in so many characters, and how many more there are."""
    ends = itertools.accumulate(len(name) + 2 for name in names[:most])
    count = max(1, sum(end <= room for end in ends))
    shown = ", ".join(names[:count])
    return shown if len(names) <= count else f"{shown} and {len(names) - count} more"


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _wrapped(
    first: str, text: str, width: int, rest: str | None = None, most: int = LONGEST
) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=" " * len(first) if rest is None else rest,
        break_on_hyphens=False,
        break_long_words=False,
        max_lines=most,
        placeholder=" …",
    )


def _plain(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _plain(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_plain(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return str(data)
    return data


_NUMERIC = {"claimed", "true", "bar", "resolution", "ratio"}


def _numbers(data: dict[str, Any]) -> dict[str, Any]:
    return {k: float(v) if k in _NUMERIC and isinstance(v, str) else v for k, v in data.items()}


def _root(data: dict[str, Any]) -> Root:
    findings = tuple(_finding(f) for f in data["findings"])
    return Root(**{**data, "findings": findings, "explains": tuple(data["explains"])})


def _finding(data: dict[str, Any]) -> Finding:
    indices = tuple(tuple(index) for index in data["indices"])
    others = tuple((kind, float(share)) for kind, share in data["alternatives"])
    return Finding(**_numbers({**data, "indices": indices, "alternatives": others}))
