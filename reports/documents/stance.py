"""What the words before a value say of it: that it was found, or that it is given anew."""

import re
from typing import Literal

Stance = Literal["found", "given", "open"]

_FOUND = re.compile(
    r"(?i)\b(?:so|then|hence|thus|therefore|consequently|result\w*|gives?|giving|gets?|obtain\w*"
    r"|yield\w*|comes? (?:to|out)|works? out|evaluates?|equals?|we (?:have|find|see)|found"
    r"|comput\w+|calculat\w+|which is|answer)\b"
    r"|因此|因而|所以|故|于是|从而|得|结果|求出|算出|计算|答案"
)
_GIVEN = re.compile(
    r"(?i)\b(?:let|suppose|assum\w+|tak\w+|given|if|when\w*|for|with|choos\w+|set|fix\w*|consider"
    r"|say|now|instead|until|unless|want\w*|need\w*|requir\w+|target\w*|initial\w*|start\w*|another"
    r"|exercise|would|could|should|must|perfect\w*|ideal\w*|desired|optim\w+|minim\w+|maxim\w+"
    r"|limit\w*|chang\w+|replac\w+|next|new|learn\w*|predict\w*|class\w*|round\w*|threshold\w*"
    r"|instance|wrong\w*|mistake\w*|incorrect\w*|not|never|forget\w*|per|each|every|other|second|third"
    r"|iteration|epoch|step|converg\w*|after|larger|smaller|unbiased|sample|population|previous"
    r"|earlier|before|last)\b"
    r"|设|令|若|如果|当|取|假|已知|给|对于|要|需|希望|应|直到|初始|另|改|换|选|理想|最优|最小|最大|期望"
    r"|目标|极限|类|预测|四舍五入|误|错|不|每|第|下一|新|收敛|之后|样本|总体|无偏|上一|此前|之前"
)
_END = re.compile(r"[.!?;](?=\s|\Z)|:(?=\s)|[。！？；]|：(?!\Z)")
_OPENING = re.compile(r"\s*(?:\$\$|\\\[|\\begin\{\w+\*?\})\s*\Z")
_PARAGRAPH = re.compile(r"\n[ \t>]*\n|\n[ \t>]*(?:[-*+]|\d+\.|#+|\\item)\s")
_FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$]*\$|\\\(.*?\\\)|\\\[.*?\\\]", re.DOTALL)
FARTHEST = 2000


def stance(text: str, at: int) -> Stance:
    """Returns whether the sentence before a place says that a value was found, or is given anew.

    Where it says both, as in "suppose n doubles, so n = 8", it is open.

    >>> stance("Thus $d = 6$", 5)
    'found'
    >>> stance("Now let $d = 6$", 8)
    'given'
    """
    before = text[max(0, at - FARTHEST) : at]
    display = _OPENING.search(before)
    before = before[: display.start()] if display else before.rstrip("$ \\(")
    sentence = _END.split(_FORMULA.sub(" $ ", _PARAGRAPH.split(before)[-1]))[-1]
    found = bool(_FOUND.search(sentence.rpartition("$")[2]))
    if _GIVEN.search(sentence):
        return "open" if found else "given"
    return "found" if found else "open"
