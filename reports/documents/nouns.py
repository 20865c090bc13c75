"""What words name: "the hidden value $h$" makes "hidden value" a name of h."""

import re

from reports.documents.environment import Environment, key_of
from reports.documents.indices import named
from reports.documents.notation import LOSSES
from reports.documents.tree import Derivative, Node

_STOPS = re.compile(
    r"(?i)\b(?:the|a|an|this|that|these|our|its|their|each|every|with|and|or|is|are|be|was|of|from|let"
    r"|to|where|for|by|has|have|had|gives?|giving|gets?|then|so|thus|hence|therefore|comput\w+|as|in"
    r"|on|at|if|when|obtain\w*|now|while|we|it|find|finds|yields?|call\w*|denot\w*|write|take|use|using"
    r"|named|both|here|finally|first|next|also|which|whereas|resulting|corresponding|total|final)\b|[,.:;()]"
)
_STOPS_CHINESE = re.compile(
    r"因此|因而|所以|于是|从而|则|那么|其中|此时|这时|代入|可得|求得|得到|得|计算|我们|设|令|取|记|由|将"
    r"|把|且|和|与|及|即|有|为|是|在|故|之?后|时|下"
)
_TAIL_CHINESE = re.compile(r"的?(?:取值|数值|值|等于|为|是|记为|记作)*\Z")
_GENERIC = re.compile(
    r"(?i)\s+(?:of|in|at) (?:the|our|this) (?:network|model|neuron|unit|example)\Z"
)
_BEFORE = re.compile(r"([A-Za-z][A-Za-z -]{1,60}?)(?:\s+(?:is|are|as|be))?[\s:]*\Z")
_BEFORE_CHINESE = re.compile(r"([\u4e00-\u9fff]{2,24})[\s:：]*\Z")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_GRADIENT = frozenset(("gradient", "derivative", "梯度", "导数"))
_LOSS = frozenset(("loss", "cost", "loss value", "损失", "损失函数", "代价"))
QUANTITIES = re.compile(
    r"(?i)\b(?:loss|cost|error|gradient|derivative|slope|output|prediction|probability|accuracy"
    r"|activation|value|score|logit|sum|mean|average|norm|variance|energy|entropy|likelihood"
    r"|precision|recall|residual|perplexity)\Z"
    r"|(?:损失|误差|代价|梯度|导数|输出|预测值?|概率|准确率|精度|激活值?|均值|平均值?|方差|范数|总和|之和|和|召回率)\Z"
)
"""What is found, and not given, where nothing else is said."""


def phrase(words: str) -> str:
    """Returns the noun at the end of words, without articles and what stands before them.

    >>> phrase("So the hidden value"), phrase("因此隐藏单元的输出")
    ('hidden value', '隐藏单元的输出')
    """
    if _CHINESE.search(words):
        return _TAIL_CHINESE.sub("", words[place(words) :].strip())
    return " ".join(_GENERIC.sub("", words[place(words) :]).lower().split())


def place(words: str) -> int:
    """Returns where the noun at the end of words begins."""
    bare = words if _CHINESE.search(words) else _GENERIC.sub("", words)
    stops = _STOPS_CHINESE if _CHINESE.search(words) else _STOPS
    bare = _TAIL_CHINESE.sub("", bare)
    return max((match.end() for match in stops.finditer(bare)), default=0)


def learn(before: str, node: Node, environment: Environment) -> None:
    """Remembers what the words before a formula call it.

    Args:
        before: the text before the formula, without its delimiter.
        node: the name in the formula.
        environment: where it is remembered.
    """
    match = _BEFORE_CHINESE.search(before) or _BEFORE.search(before)
    key = key_of(node)
    if key is not None and isinstance(node, Derivative):
        for word in _GRADIENT:
            environment.nouns.setdefault(word, {})[key] = node
    if match is None or key is None:
        return
    words = phrase(match[1])
    if not words or len(words.split()) > 3:
        return
    head = words.split()[-1] if words.isascii() else words.rpartition("的")[2]
    for each in {words, head}:
        if len(each) > 1:
            environment.nouns.setdefault(each, {})[key] = node


def resolve(words: str, environment: Environment) -> Node | None:
    """Returns what words name; None where that is nothing, or more than one thing."""
    known = environment.nouns.get(words, {})
    if len(known) == 1:
        return next(iter(known.values()))
    if not known and words in _LOSS:
        losses = [k for k in environment.definitions if k.split("_")[0] in LOSSES - {"error"}]
        return named(losses[0]) if len(losses) == 1 else None
    return None
