"""One-hot targets in words: "the true class is 2 (of 3)", "标签为第 2 类"."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reports.documents import values
from reports.documents.conventions import Conventions
from reports.documents.environment import Entry, Environment, key_of
from reports.documents.extract import Formula, Part
from reports.documents.sayings import FORMULA, masked
from reports.documents.source import Place
from reports.documents.statements import statements
from reports.documents.tree import Symbol


@dataclass(frozen=True)
class Label(Part):
    """A class that words give as the true one.

    Attributes:
        number: the number of the class as written.
        ordinal: whether it is counted from one ("the second class", "class 2 of 3").
        count: how many classes are said to be; 0 where nothing says it.
        name: the formula that names the target; None where none does.
    """

    number: int
    ordinal: bool
    count: int
    name: Formula | None


MOST_CLASSES = 100
_ORDINALS = dict(
    zip(
        "first second third fourth fifth sixth seventh eighth ninth tenth".split(),
        range(1, 11),
        strict=True,
    )
)
_CARDINALS = dict(
    zip("two three four five six seven eight nine ten".split(), range(2, 11), strict=True)
)
_DIGITS = dict(zip("零一二三四五六七八九十", range(11), strict=True)) | {"两": 2}
_AT = rf"(?P<number>{FORMULA}+|\d{{1,3}})"
_ORDINAL = rf"(?P<ordinal>{'|'.join(_ORDINALS)})"
_OF = rf"(?:\s*[(,（]?\s*(?:out )?of (?P<of>{FORMULA}+|\d{{1,3}}|{'|'.join(_CARDINALS)})\b)?"
_ENGLISH = re.compile(
    rf"(?i)(?:(?:true|correct|actual|target|ground[- ]truth) (?:class|label|category)(?: index)?"
    rf"|\blabel|belongs|(?P<name>{FORMULA}+) is (?:the|a) one-hot (?:vector|encoding|target|label))"
    rf"\s+(?:(?:of the sample |here )?(?:is|to|of|for|encoding|=)\s+)?"
    rf"(?:(?:the )?(?:class|category|label) (?:number |no\. ?)?{_AT}|the {_ORDINAL} (?:class|one)"
    rf"|{_AT.replace('number', 'bare')})(?![\d.]*\d){_OF}"
)
_CHINESE = re.compile(
    rf"(?:(?P<name>{FORMULA}+)\s*)?(?:(?:真实|正确|目标)?(?:类别|标签|类)\s*(?:是|为)|属于)\s*"
    rf"(?:第\s*(?P<ordinal>{FORMULA}+|\d{{1,3}}|[一二三四五六七八九十零])\s*(?:个类别|类|个)"
    rf"|类别?\s*(?P<number>{FORMULA}+|\d{{1,3}}))"
    rf"(?:\s*[(（，,]?\s*共\s*(?P<of>\d{{1,3}}|[二两三四五六七八九十])\s*(?:个?类|个类别))?"
)
_COUNT = re.compile(
    rf"(?i)\b(?P<of>{FORMULA}+|\d{{1,3}}|{'|'.join(_CARDINALS)})[ -]class(?:es)?\b"
    r"|(?<!第)(?<!第 )(?<!\d)(?P<zof>\d{1,3}|[二两三四五六七八九十])"
    r"\s*(?:个类别|分类|类(?![^，。\s]))"
)
_ZERO = re.compile(
    r"(?i)\b(?:class|label|index|category)(?:es)? ?\$?0\b|0-(?:based|indexed)|zero-based|from 0\b"
    r"|第 ?\$?[0零]\$? ?[类个]|类别 ?\$?0\b|从 ?0 ?开始"
)
_FROM_ONE = re.compile(
    r"(?i)class(?:es)? \$?1\$?(?:,| to | through |-|–)|类别? ?\$?1\$?(?:、|到|至|，)"
)


def labels(text: str, parts: Sequence[Part]) -> Iterator[Label]:
    """Yields the classes that words of a text give as true."""
    if "class" not in text and "类" not in text and "label" not in text:
        return
    hidden, formulas = masked(text, parts)
    counts = {n for m in _COUNT.finditer(hidden) if (n := _count(m, hidden, formulas))}
    count = counts.pop() if len(counts) == 1 else 0
    for pattern in (_ENGLISH, _CHINESE):
        for match in pattern.finditer(hidden):
            found = match.groupdict()
            of = _worth(match, "of", formulas)
            ordinal = _worth(match, "ordinal", formulas)
            number = ordinal or _worth(match, "number", formulas)
            if number is None and found.get("bare"):
                number = _worth(match, "bare", formulas)
            if number is None and ordinal is None:
                continue
            name = formulas.get(match.start("name")) if found.get("name") else None
            counted = ordinal is not None or bool(of)
            yield Label(
                match.start(), match.end(), match[0], number or 0, counted, of or count, name
            )


def _worth(match: re.Match[str], group: str, formulas: Mapping[int, Formula]) -> int | None:
    """Returns the number that a group says, in digits, words or a formula."""
    text = match.groupdict().get(group)
    if not text:
        return None
    if text.startswith(FORMULA):
        formula = formulas.get(match.start(group))
        text = formula.text.strip() if formula is not None else ""
    known = {**_ORDINALS, **_CARDINALS, **_DIGITS}
    return int(text) if text.isdecimal() and len(text) < 4 else known.get(text.lower())


def _count(match: re.Match[str], text: str, formulas: Mapping[int, Formula]) -> int | None:
    return _worth(match, "of", formulas) or _worth(match, "zof", formulas)


def read_label(
    label: Label, text: str, environment: Environment, shared: Conventions, place: Place
) -> None:
    """Binds the one-hot vector of a class, where it is plain from which number classes count."""
    count = label.count or _length(environment)
    if _ZERO.search(text):
        at = label.number
    elif label.ordinal or label.number == count or _FROM_ONE.search(text):
        at = label.number - 1
    else:
        return
    if 1 < count < MOST_CLASSES and 0 <= at < count:
        value = values.quantity(np.eye(count)[at])
        entry = Entry(value, "given", place, environment.section)
        environment.bind(_key(label, shared), entry)


def _key(label: Label, shared: Conventions) -> str:
    """Returns the name of the target, or its role."""
    if label.name is not None:
        chains = statements(label.name.text, label.name.start, shared)
        node = chains[0].links[0].node if len(chains) == 1 and chains[0].links else None
        if isinstance(node, Symbol) and len(chains[0].links) == 1:
            return key_of(node) or "role target"
    return "role target"


def _length(environment: Environment) -> int:
    """Returns how many entries all lists have that are known; 0 where they differ."""
    entries = (e for found in environment.entries.values() for e in found)
    lengths = {e.value.value.size for e in entries if e.value.is_vector}
    return lengths.pop() if len(lengths) == 1 else 0
