"""Sums and averages in words: "the sum of the three errors is 0.9", "三个样本的平均损失为 0.3"."""

import re
from functools import reduce

from reports.documents.environment import Environment
from reports.documents.indices import named
from reports.documents.notation import LOSSES
from reports.documents.tree import Divide, Link, Node, Number, Span, Sum, Symbol

_COUNTS = dict(
    zip("two three four five six seven eight nine ten".split(), range(2, 11), strict=True)
) | dict(zip("两二三四五六七八九十", (2, *range(2, 11)), strict=True))
_NUMBER = rf"(?P<count>\d{{1,3}}|{'|'.join(_COUNTS)})"
_SUM = r"sum|total"
_MEAN = r"mean|average"
_WORDS = re.compile(
    rf"(?i)\b(?:(?P<sum>{_SUM})|(?P<mean>{_MEAN})) of (?:all |the |these |both )*"
    rf"(?:{_NUMBER} )?(?P<noun>[a-z]+)\s*\Z"
    rf"|\b(?P<mean2>mean|average) (?P<noun2>loss|error|cost)(?: of the (?:batch|samples))?\s*\Z"
    r"|(?P<mean3>\baveraging) (?:them )?over (?:the|all) (?:batch|samples|examples)\s*\Z"
    rf"|(?:{_NUMBER.replace('count', 'zcount')}个?(?:样本|误差|损失)的?)?"
    r"(?P<mean4>平均)(?P<noun4>损失|误差)\Z"
    rf"|(?:{_NUMBER.replace('count', 'ycount')}个?(?:样本的?)?)(?P<noun5>损失|误差)的?"
    r"(?:(?P<mean5>平均值|均值|平均)|(?P<sum5>总和|之和|和))\Z"
)
_ADDED = re.compile(r"(?i)(?P<noun>[a-z]+)\s*\Z")
_OTHER = re.compile(r"(?i)weight|moving|running|geometric|harmonic|加权|移动|滑动|几何|调和")
FEWEST = 2


def summed_up(words: str, verb: str, span: Span, environment: Environment) -> tuple[Link, ...]:
    """Returns the sides of a sum or an average that words speak of; () where they speak of none.

    Args:
        words: the words before the verb.
        verb: the verb that joins them to the value.
        span: where they stand.
        environment: what the document has said before: the values that are added.
    """
    added = verb.startswith("add")
    match = _ADDED.search(words) if added else _WORDS.search(words)
    if match is None or _OTHER.search(words):
        return ()
    found = {key.rstrip("0123456789"): text for key, text in match.groupdict().items() if text}
    count = found.get("count") or found.get("zcount") or found.get("ycount") or ""
    many = int(count) if count.isdecimal() else _COUNTS.get(count.lower(), 0)
    terms = _terms(found.get("noun", "loss").lower(), span, environment)
    if len(terms) < FEWEST or many not in {0, len(terms)}:
        return ()
    total = reduce(lambda left, right: Sum(span, left, right, 1), terms)
    if "mean" in found:
        total = Divide(span, total, Number(span, str(len(terms)), float(len(terms)), 0.0, 1))
    name = Symbol(span, "mean of values" if "mean" in found else "sum of values")
    return Link(name, "=", ""), Link(total, "=", "")


def without_sum(words: str, verb: str) -> str:
    """Returns words without those that say what is added at their end."""
    return (_ADDED if verb.startswith("add") else _WORDS).sub("", words)


def _terms(noun: str, span: Span, environment: Environment) -> tuple[Node, ...]:
    """Returns the names e_1, e_2, … of which a noun is the plural; () where that is not plain."""
    singular = re.sub(r"(?<=ss|ch)es\Z|(?<!s)s\Z", "", noun)
    bases = {
        node.base
        for word in {noun, singular, f"{singular}s", f"{singular}es"}
        for node in environment.nouns.get(word, {}).values()
        if isinstance(node, Symbol) and _is_numbered(node)
    }
    if not bases and singular in {"loss", "损失"}:
        numbered = (named(key) for key in environment.entries if not key.startswith(("∂", "role")))
        bases = {n.base for n in numbered if n.base in LOSSES and _is_numbered(n)}
    if len(bases) != 1:
        return ()
    base = bases.pop()
    names = [named(key) for key in environment.entries if key.startswith(base)]
    own = [n for n in names if n.base == base and _is_numbered(n)]
    numbers = sorted(int(f"{n.sub}{n.sup.strip('()')}") for n in own)
    plain = numbers == [*range(numbers[0], numbers[0] + len(numbers))] and numbers[0] in {0, 1}
    return tuple(Symbol(span, n.base, n.sub, n.sup) for n in own) if plain else ()


def _is_numbered(node: Symbol) -> bool:
    """Whether a name is one of several that are numbered, as e_2 and L^(3) are."""
    return (
        not node.mark
        and (node.sub.isdecimal() != node.sup.strip("()").isdecimal())
        and (not node.sub or not node.sup)
    )
