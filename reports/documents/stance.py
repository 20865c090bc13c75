"""What the words beside a value say of it: that it was found, is given anew, or does not hold."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal

from reports.documents.claims import Claim

Stance = Literal["found", "given", "changed", "denied", "units", "loose", "open"]
"""
- found: the words only join the value to what stands before it ("so we get").
- given: it is given anew ("let", "suppose").
- changed: something else is changed first ("doubling x gives").
- denied: it does not hold, or not as it stands ("a common mistake", "ignoring the factor").
- units: the units beside the values differ, and are not converted.
- loose: words give it, and nothing else is said that is known.
- open: nothing is said that is known.
"""

OPENED = {
    "changed": "the words beside it change something first",
    "denied": "the words beside it say that it does not hold as it stands",
    "units": "the units beside its values differ, and are not converted",
    "loose": "nothing says whether it is found or given anew",
}
WHOLLY: frozenset[Stance] = frozenset(("denied", "units", "loose"))
"""What is said of all sides of a statement, also of those of numbers alone."""

_FOUND = re.compile(
    r"(?i)\b(?:so|then|hence|thus|therefore|consequently|result\w*|gives?|giving|gets?|obtain\w*"
    r"|yield\w*|comes? (?:to|out)|works? out|evaluates?|equals?|we (?:have|find|see)|found"
    r"|comput\w+|calculat\w+|which is|answer|expand\w*|simplif\w+|rearrang\w+)\b"
    r"|因此|因而|所以|故|于是|从而|得|结果|求出|算出|计算|答案|则|有|那么|展开|化简|整理"
)
_JOINING = re.compile(
    r"(?i)\b(?:so|then|hence|thus|therefore|consequently|accordingly|and|or|we|i|one|us|lets?|have"
    r"|has|find\w*|found|see|get|gets|got|getting|obtain\w*|giv(?:es?|ing)|yield\w*|result\w*"
    r"|comes?|works?|out|to|up|evaluat\w+|equals?|comput\w+|calculat\w+|substitut\w+|plug\w*"
    r"|insert\w*|putting|expand\w*|simplif\w+|rearrang\w+|square|terms?|brackets?|which|that|this|these|it|is|are|be|as|a|an|the|of|for|in|into|by|from"
    r"|with|our|its|all|both|above|below|here|again|also|finally|later(?: on)?|once|together|indeed"
    r"|directly|easily|simply|just|exactly|approximately|about|roughly|numerically|namely|i\.e"
    r"|forward|pass|formula|equation|definition|numbers?|figures?|values?|answer|sum|product"
    r"|difference|overall|outputs?|loss|cost|error|mean|variance|gradient|network|summ\w+"
    r"|derivative|slope|score|weighted|net|hidden|neuron|unit|node|layer|function|first)\b"
    r"|展开|化简|整理|因此|因而|所以|由此|故|于是|从而|可以|可知|可见|我们|得到|得出|得|结果|求出|算出|计算|答案"
    r"|代入|数值|带入|直接|最后|最终|即|便|就|则|有|为|是|等于|约|那么|这样|上式|公式|定义|按照|根据"
    r"|前向传播|和|与|及|并|且|均值|方差|误差|损失|代价|输出|函数|加权|隐藏层|值|其|的|出|中|将"
)
_GIVEN = re.compile(
    r"(?i)\b(?:let|suppose|assum\w+|tak\w+|given|if|when\w*|for|with|choos\w+|set|fix\w*|consider"
    r"|say|instead|until|unless|want\w*|need\w*|requir\w+|target\w*|initial\w*|start\w*|another"
    r"|exercise|would|could|should|must|perfect\w*|ideal\w*|desired|optim\w+|minim\w+|maxim\w+"
    r"|limit\w*|chang\w+|replac\w+|next|new|learn\w*|predict\w*|class\w*|round\w*|threshold\w*"
    r"|instance|per|each|every|other|second|third"
    r"|iteration|epoch|step|converg\w*|after|larger|smaller|unbiased|sample|population|previous"
    r"|earlier|before|last)\b"
    r"|设|令|若|如果|当|取|假|已知|给|对于|要|需|希望|应|直到|初始|另|改|换|选|理想|最优|最小|最大|期望"
    r"|目标|极限|类|预测|四舍五入|每|第|下一|新|收敛|之后|样本|总体|无偏|上一|此前|之前"
)
_CHANGED = re.compile(
    r"(?i)\b(?:set(?:ting)? (?:the )?(?:\w+ |\$ )to|without (?:the|an?|\$|any)|drop(?:ping)?"
    r"|leav(?:e|ing) out|omit(?:ting)?|remov(?:e|ing)|doubl(?:e|ing)|tripl(?:e|ing)|halv(?:e|ing)"
    r"|perturb(?:ing)?|nudg(?:e|ing)|flip(?:ping)?|negat(?:e|ing)|swap(?:ping)?|replac(?:e|ing)"
    r"|(?:chang|increas|decreas|rais|mov|scal|lower|shift)(?:e|ing)? (?:it|both|\$"
    r"|the (?:input|bias|weight|sign)s?)|clip(?:ping)?|add(?:ing)? (?:one|\w+ to|\$ to)"
    r"|training (?:\w+ )?(?:gives|yields)|measurement|bug)(?!\w)"
    r"|加倍|翻倍|减半|去掉|去除|移除|删去|舍去|替换|换成|改为|改成|翻转|取反|扰动|置零|测得"
    r"|[将把][^，。]{0,12}(?:增加|增大|减少|减小)|裁剪|训练(?:结束|完|后)"
)
_LISTING = re.compile(r"\b(?:and|or)\b|[和与及并且]")
"""Words between the values of a list."""

_ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])\s*")
"""What begins an item of its own."""

_ASKED = re.compile(
    r"(?i)\b(?:such that|so that|subject|constrain\w*|constraints?|satisf\w+|solv\w+|solutions?"
    r"|roots?|zeros?|boundar\w+|hyperplane|setting|level|contour|normali[sz]\w+|equations?|whether|find"
    r"|rule|identity|ensur\w+|requir\w+|impos\w+|enforc\w+|means|iff|line|plane|circle|set)\b"
    r"|条件|约束|满足|使|令|解|边界|超平面|等高线|归一|方程|要求|保证|直线|平面|圆|法则"
)
"""What speaks of an equation that is asked for, or that holds elsewhere."""

_LEFT_OUT = re.compile(
    r"(?i)\b(?:ignor(?:e|es|ed|ing)|neglect\w*|disregard\w*|absorb\w*|up to a (?:constant|factor)"
    r"|(?:drop(?:ping)?|leav(?:e|ing) out|omit(?:ting)?) (?:(?:the|a|common|constant) )*factors?"
    r")(?!\w)|忽略|略去|吸收"
)
"""A part of the value that is not there, said before it or behind it."""

_DENIED = re.compile(
    r"(?i)\b(?:mistake\w*|erroneous\w*|incorrect\w*|wrong\w*|fallacy|forget(?:ting|s)? (?!gate)"
    r"|is false|untrue|never|told (?:me|us)|supposedly|myth|rumou?r"
    r"|not (?:true|the case|hold|met)|contrary|tempting|naive\w*"
    r"|(?:may|might|could|would) (?:think|guess|expect|believe))(?!\w)"
    r"|\b(?:students? (?:(?:often|sometimes|usually|will|may) )?"
    r"(?:writes?|wrote|claims?|computes?|say|get|think)|original(?:ly)? (?:wrote|had)|isn't"
    r"|tempted|misprint\w*|first attempt|(?:frequent|common) slips?|tend to (?:believe|think)"
    r"|it would be nice|the intern|gpt|初学者|(?:很多|不少|许多)(?:同学|人)|常(?:算|写|误)成"
    r"|注意不是"
    r"|true or false|common error|contradiction|errat(?:a|um)|for [\"“”]"
    r"|do(?:es)? not (?:have|hold)|not true that)(?!\w)"
    r"|错误(?!率)|误以为|误认|误写|并非|不成立|不对|不正确|有同学|误区|错解|原文|勘误|更正|判断题"
)
_HYPOTHETICAL = re.compile(
    r"(?i)\b(?:if|suppose|when|assume) (?:\$ )?(?:the |that the |its )*(?:true )?"
    r"(?:label|target|input|sample|class|activation|loss)"
    r"|\bhad the\b|\binstead\b"
    r"|\b(?:negative|positive|opposite|other) (?:class|sample|label|example)"
    r"|\bunder the (?:squared|absolute|logistic|other|hinge)"
    r"|\b(?:average|total|summed|accumulated) gradients?\b|平均梯度|总梯度|梯度之和"
    r"|(?:如果|假如|倘若|若|当|换成?|改用)[^，。$]{0,6}(?:标签|目标|样本|输入|激活|损失)"
    r"|[负正]类样本"
    r"|(?:倘若|假如) ?\$"
)
"""What is said of another case, or of more than one sample."""

_ELSEWHERE = re.compile(
    r"(?i)\b(?:half|single|double|low\w*|reduced)[ -]precision"
    r"|\b(?:fp|float|bf|int)(?:16|32|8|64)\b"
    r"|\bmod(?:ulo|ular)?\b|\bin (?:binary|hex|octal)|半精度|单精度|浮点|取模|二进制"
)
"""Numbers of another arithmetic."""

_CHOICE = re.compile(
    r"(?i)which of|(?:choose|pick|select) the (?:correct|right)|true or false"
    r"|哪个|哪些|哪项|判断(?:题|正误)"
)
"""What lists statements that are right and wrong."""

_DENIED_LATER = re.compile(
    r"(?i)\b(?:is|was|are|were) (?:of course |clearly |simply |just |also |plainly )?"
    r"(?:wrong|incorrect|false|a mistake|not (?:right|correct|true))\b"
    r"|should (?:be|read|have been)|has been replaced|left (?:it )?out|❌|✗"
    r"|正确的是|而是|有误|是?错误?的|不成立"
    r"|不对|对不对|对吗|正确吗|成立吗|应为|应改为|（错）|\(错\)|\bwhat(?: i|')s wrong|read [\"“”]"
    r"|(?:where|what)(?: i|')s the (?:mistake|error)|(?:find|spot) the (?:mistake|error)|→"
)
"""What denies a statement further on in its sentence, or in the one after it."""

_ANSWER = re.compile(
    r"(?i)[\s>*_]*(?:answer|solution|a|答案?|解答?)?[\s:：.*_]*"
    r"(?:no\b[!,.;]?|false\b|wrong\b|not quite|不对|错)"
)
_INTRODUCED = re.compile(
    r"(?i)(?:误区|误解|错解|错误示范|common (?:error|mistake)s?|misconceptions?|pitfalls?)"
    r"[ \d一二三四五]* \. [^.$]*\Z"
)
_WRONG_COLUMN = re.compile(r"(?i)\b(?:wrong|incorrect|mistakes?|errors?|before|false)\b|误|错")
_FALSE_ROW = re.compile(r"(?i)\|\s*\**(?:false|wrong|incorrect|no|✗|✘|❌|错|错误|否)\**\s*(?:\||$)")
_GIVEN_IN_WORDS = re.compile(
    r"(?i)\b(?:is|are|be|becomes?|as|to) \$ |[为是成取]了? ?\$ |\b(?:now|twice|this time)\b"
)
"""What gives a value without a statement: "let x be 4", "the input is 4"."""

_ONLY_WHERE = re.compile(
    r"(?i)\b(?:for|if|when\w*|where|at|with|without|instead|only|would|unless|provided|after|before"
    r"|because|since)\b|\?|[时当若？]|如果|假如|去掉"
)
"""What stands behind a value that holds elsewhere: "for x = 4", "if the bias is dropped"."""

_DENIED_AFTER = re.compile(
    r"(?i)\s*[$\\)\]]*,?\s*(?:(?:which|this|that|it)\s+)?(?:(?:is|are|was|does|do|would|will|can"
    r"|could|has|holds?)\s*)?(?:be )?"
    r"(?:not\b(?! (?:far|only|too|quite|just|surpris\w+|much|bad|so|necessar\w+|by|to|the))"
    r"|n't|never|false\b|wrong|incorrect|impossible"
    r"|a mistake|probability zero)"
    r"|\s*[$\\)\]]*\s*(?:这|的|是|并)?\s*(?:条件|假设|说法|结论|情况)?\s*是?(?:不成立|不对|错|并不|不可能|不正确|不会)"
)
_END = re.compile(r"[.!?;](?=\s|\Z)|:(?=\s)|[。！？；]|：(?!\Z)")
_WHOLE = re.compile(r"[.!?;](?=\s|\Z)|[。！？；]")
_OPENING = re.compile(r"\s*(?:\$\$|\\\[|\\begin\{\w+\*?\})\s*\Z")
_PARAGRAPH = re.compile(r"\n[ \t>]*\n|\n[ \t>]*(?:[-*+]|\d+\.|#+|\\item)\s")
_FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$]*\$|\\\(.*?\\\)|\\\[.*?\\\]", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]")
_BLANKS = re.compile(r"\s+")
FARTHEST, NEAREST = 2000, 200


def stance(text: str, at: int, end: int | None = None) -> Stance:
    """Returns what the sentence of a value says of it.

    It is found only where the words since the statement before it are joining words and no others.
    Where its paragraph changes or gives something in
    words before it, it is open. Where a sentence says both that a
    value is given and found, as in "suppose n is as large, so n = 8", it is open.

    Args:
        text: the text.
        at: where the formula of the value begins.
        end: where it ends; without it the words behind it are not read.

    >>> stance("Thus $d = 6$", 5)
    'found'
    >>> stance("Now let $d = 6$", 8)
    'given'
    >>> stance("Doubling $a$ gives $d = 6$", 19)
    'changed'
    >>> stance("So $d = 6$ is false", 3, 9)
    'denied'
    """
    paragraph, sentence, whole = _sentences(text, at)
    behind = "" if end is None else _behind(text, end)
    if _DENIED.search(whole) or _LEFT_OUT.search(f"{sentence} . {behind}"):
        return "denied"
    if _INTRODUCED.search(paragraph) or _ELSEWHERE.search(sentence) or _CHOICE.search(paragraph):
        return "denied"
    if end is not None and (_DENIED_AFTER.match(text, end) or _is_denied_later(text, at, end)):
        return "denied"
    clause = _clause(sentence)
    found = bool(_FOUND.search(clause))
    if _CHANGED.search(sentence) or _HYPOTHETICAL.search(whole):
        return "changed"
    if _GIVEN.search(sentence):
        return "open" if found else "given"
    joined = found and not _WORD.search(_JOINING.sub(" ", clause))
    moved = _CHANGED.search(paragraph) or _GIVEN_IN_WORDS.search(paragraph)
    return "found" if joined and not moved and not _ONLY_WHERE.search(behind) else "open"


def _clause(sentence: str) -> str:
    """Returns the words before a value, of a list of values those before the first of them."""
    clauses = sentence.split("$=")
    while len(clauses) > 1 and not _WORD.search(_LISTING.sub(" ", clauses[-1])):
        if _ITEM.fullmatch(clauses[-1]):
            break
        clauses.pop()
    return clauses[-1]


def is_asked(text: str, at: int, end: int) -> bool:
    """Whether the words beside an equation may ask for it, as a condition or to solve it.

    >>> is_asked("choose the scale such that $|w| = 2$", 27, 36)
    True
    >>> is_asked("The length is $|w| = 2$", 14, 23)
    False
    """
    return bool(_ASKED.search(_sentences(text, at)[1]) or _ASKED.search(_behind(text, end)))


_ANOTHER = re.compile(
    r"(?i)(?:an?other|alternative|different|other) (?:common )?"
    r"(?:convention|definition|form|version)"
    r"|另一(?:种)?(?:约定|定义|形式|写法)|其他(?:约定|定义|写法)"
)


def is_of_another_convention(text: str, at: int) -> bool:
    """Whether the words before a formula say that others define it so, and not the document.

    >>> is_of_another_convention("若采用另一约定 $h = z$", 8)
    True
    """
    return bool(_ANOTHER.search(_sentences(text, at)[1]))


_DEFINES = re.compile(r"(?i)\b(?:let|define|denote|call|write|abbreviat\w+)\b|记|令|定义|设")


def defines(text: str, at: int) -> bool:
    """Whether the sentence of a formula says that it defines a name.

    >>> defines("Let $g = dz$", 4), defines("Given $z$: $g = dz$", 11)
    (True, False)
    """
    return bool(_DEFINES.search(_sentences(text, at)[2]))


def is_conditional(text: str, end: int) -> bool:
    """Whether the words behind a formula say that it holds for some values only.

    >>> is_conditional("$f(x) = x$ for $x > 0$", 9), is_conditional("$f(x) = x$ for all $x$", 9)
    (True, False)
    """
    after = text[end : end + NEAREST].lstrip("$\\)] ,，")
    found = _CASE.match(after)
    return found is not None and bool(
        found["otherwise"] or re.search(r"[<>≤≥≠]|\\[lgn]eq?\b", found["when"])
    )


_CASE = re.compile(
    r"(?i)(?:(?P<otherwise>otherwise\b|else\b|elsewhere\b|否则|其他情况|其余)"
    r"|(?:for|if|when|where|on|当|若|在) ?\$(?P<when>[^$]{1,60})\$)"
)
"""What says that a formula is one case of several."""


def joins(words: str) -> bool:
    """Whether words only join: they say nothing of another value.

    >>> joins("So the loss of the network"), joins("For sample B")
    (True, False)
    """
    bare = _FORMULA.sub(" ", words)
    return not _WORD.search(_JOINING.sub(" ", bare))


def is_plain(words: str) -> bool:
    """Whether nothing in words gives, changes or denies anything."""
    return not any(p.search(words) for p in (_GIVEN, _CHANGED, _DENIED, _LEFT_OUT))


def _sentences(text: str, at: int) -> tuple[str, str, str]:
    """Returns the words before a place, formulas as $ or, if statements, $=.

    They are those of its paragraph with the last sentence of the one before, of its sentence back
    to a colon, and of all of its sentence.
    """
    before = text[max(0, at - FARTHEST) : at]
    display = _OPENING.search(before)
    before = before[: display.start()] if display else before.rstrip("$ \\(")
    paragraphs = [_BLANKS.sub(" ", _FORMULA.sub(_marked, p)) for p in _PARAGRAPH.split(before)]
    earlier = [s for p in paragraphs[:-1] for s in _END.split(p) if s.strip()]
    sentences = _END.split(paragraphs[-1])
    whole = _WHOLE.split(paragraphs[-1])[-1]
    words = " . ".join((*earlier[-1:], *sentences)), sentences[-1], whole
    paragraph, sentence, whole = (part.replace("*", "") for part in words)
    return paragraph, sentence, whole


def _behind(text: str, end: int) -> str:
    """Returns the words behind a formula, up to the next formula and within its sentence."""
    after = text[end : end + NEAREST].lstrip("$\\)] ")
    after = _END.sub(lambda m: m[0][0] + "\0", _PARAGRAPH.split(after)[0])
    return re.split(r"\0|\$|\\\(|\\\[", after)[0]


def _is_denied_later(text: str, at: int, end: int) -> bool:
    """Whether the rest of a sentence, the answer to it, or its place in a table denies a value."""
    line = text[text.rfind("\n", 0, at) + 1 : (text.find("\n", end) + 1 or len(text) + 1) - 1]
    if line.lstrip(" >\t").startswith("|"):
        return _is_false_in_table(text, at, line)
    if "~~" in text[max(0, at - 4) : at] and "~~" in text[end : end + 4]:
        return True
    after = text[end : end + NEAREST].lstrip("$\\)] ")
    plain = _FORMULA.sub(_marked, after)
    first, *rest = _END.split(_PARAGRAPH.split(plain)[0])
    if after.lstrip('"”').startswith(("?", "？")) and not _WHY.search(_sentences(text, at)[1]):
        return True
    if _DENIED_LATER.search(_BLANKS.sub(" ", first.split("$=")[0])):
        return True
    following = rest[0] if rest and rest[0].strip() else ""
    return bool(_ASKS.match(following)) or bool(_ANSWER.match(following) and "?" in plain[:80])


_WHY = re.compile(r"(?i)\b(?:why|how)\b|为什么|为何|怎么")
_ASKS = re.compile(
    r"(?i)\s*\(?\s*(?:what(?: i|')s wrong|(?:where|what)(?: i|')s the (?:mistake|error)"
    r"|false\b|is that right)"
)


def _is_false_in_table(text: str, at: int, line: str) -> bool:
    """Whether a cell stands in a column of wrong statements, or in a row that is called wrong."""
    if _FALSE_ROW.search(line):
        return True
    column = text[text.rfind("\n", 0, at) + 1 : at].count("|") - 1
    begin = text.rfind("\n\n", 0, at) + 2
    heading = text[begin:].lstrip("\n").split("\n", 1)[0].strip().strip("|").split("|")
    return 0 <= column < len(heading) and bool(_WRONG_COLUMN.search(heading[column]))


def _marked(formula: re.Match[str]) -> str:
    return " $= " if "=" in formula[0] else " $ "


def opened(claims: Iterable[Claim], said: Stance) -> Iterator[Claim]:
    """Yields claims; where words change something or deny it, what is wrong is not checked."""
    for claim in claims:
        if said in OPENED and claim.flagged:
            yield replace(claim, verdict="not checked", explanation=OPENED[said])
        else:
            yield claim
