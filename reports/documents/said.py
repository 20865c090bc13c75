"""Statements in words as chains, and what their sentences say of them."""

import re
from dataclasses import replace

from reports.documents import display, values
from reports.documents.conventions import Conventions
from reports.documents.environment import Environment, key_of
from reports.documents.links import side
from reports.documents.notation import LOSSES
from reports.documents.nouns import QUANTITIES, phrase, place, resolve
from reports.documents.sayings import Saying
from reports.documents.stance import Stance, is_plain, joins, stance
from reports.documents.statements import statements
from reports.documents.sums import summed_up, without_sum
from reports.documents.tree import (
    Array,
    Chain,
    Derivative,
    Link,
    Node,
    Symbol,
    literal,
    names,
    walk,
)
from reports.documents.units import behind

_BLANK_LINE = re.compile(r"\n[ \t>]*\n")
_MATHS = re.compile(r"\$[^$]*\$|\\\(.*?\\\)")
_NUMBERS = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.]*\d)(?!\.\s|\))")
_ABOUT = re.compile(r"(?i)about|approx|roughly|≈|约")
_FOUND = re.compile(
    r"(?i)equal|evaluat|comes? |works? |turns? |amounts? |adds? |found|comput|calculat|that is"
    r"|i\.\s?e\.|namely|therefore|thus|hence|等于|得|即"
)
_END = re.compile(r"[.!?;](?=\s)|[。！？；]|\n[ \t>]*\n|\n[ \t>]*(?:[-*+]|\d+[.)])\s")
_CONDITION = re.compile(
    r"(?i)\s*(?:(?:so|then|thus|now|hence)?,?\s*(?:with|for|at|given|when|if|taking|using|substituting"
    r"|inserting|putting|plugging in)\s+|(?:当|设|取|令|若|代入|给定))"
    r"(?P<all>(?:(?:[a-z]+\s+){0,3}|[\u4e00-\u9fff]{0,6}\s*)\$[^$]+\$(?:\s*(?:,|，|、|and|和|与)+\s*"
    r"(?:(?:[a-z]+\s+){0,3}|[\u4e00-\u9fff]{0,6}\s*)\$[^$]+\$)*)\s*(?:时|代入)?[,，]?"
)
_SUPPOSED = re.compile(
    r"(?i)\b(?:let|suppose|assum\w+|given|if|set|choos\w+|target\w*|initial\w*|want|should|would|true"
    r"|desired|upstream|incoming)\b|设|令|若|如果|假|目标|初始|给定|已知|期望|真实|上游"
)
_BINDING = re.compile(r"\$([^$]+)\$")
_DECIMAL = re.compile(r"\d\.\d{2}|0\.\d")


def chain_of(saying: Saying, environment: Environment, shared: Conventions) -> Chain | None:
    """Returns a saying as a statement; None where its name or value is not read.

    Of "$h = w x$ is 5" it is h = 5, which is held against the definition of h.
    """
    value = _value(saying, shared)
    named = _named(saying, environment, shared)
    if value is None or not named:
        return None
    whole = saying.begin, saying.end
    atoms, _ = behind(f"{saying.text} ", len(saying.text))
    return Chain((*named, value), whole=whole, measures=atoms)


def _value(saying: Saying, shared: Conventions) -> Link | None:
    chains = statements(saying.text.replace("％", "%"), saying.start, shared)
    if len(chains) != 1 or chains[0].unread or len(chains[0].links) != 1:
        return None
    link = chains[0].links[0]
    about = link.relation == "≈" or _ABOUT.search(saying.verb) or "approx" in saying.text
    return replace(link, relation="≈" if about else "=") if literal(link.node) else None


def _named(saying: Saying, environment: Environment, shared: Conventions) -> tuple[Link, ...]:
    """Returns the sides to which a saying gives a value."""
    span = (saying.begin, saying.begin)
    if saying.by is not None:
        of = _symbol(saying.name.text, saying.name.start, shared) if saying.name else None
        of = of or (resolve("loss", environment) if saying.name is None else None)
        by = _symbol(saying.by.text, saying.by.start, shared)
        return () if of is None or by is None else (Link(Derivative(span, of, by), "=", ""),)
    if saying.name is None:
        if total := summed_up(saying.words, saying.verb, span, environment):
            return total
        node = resolve(saying.noun, environment)
        return () if node is None else (Link(replace(node, span=span), "=", ""),)
    chains = statements(saying.name.text, saying.name.start, shared)
    if len(chains) != 1 or chains[0].unread or not chains[0].links:
        return ()
    first, last = chains[0].links[0], chains[0].links[-1]
    is_set = not names(first.node) and any(isinstance(n, Array) for n in walk(first.node))
    if literal(last.node) or is_set:
        return ()
    if first is last:
        return (first,)
    named = isinstance(first.node, (Symbol, Derivative))
    return (*((first,) if named else ()), *((last,) if side(last) == "numeric" else ()))


def _symbol(text: str, start: int, shared: Conventions) -> Node | None:
    chains = statements(text, start, shared)
    node = chains[0].links[0].node if len(chains) == 1 and chains[0].links else None
    return node if isinstance(node, Symbol) else None


def missing(saying: Saying, text: str) -> str:
    """Returns why a saying has no name that is known; "" where it claims nothing."""
    clause = re.split(r"[,，]", text[max(0, saying.begin - 200) : saying.begin])[-1]
    claims = QUANTITIES.search(saying.noun) and not _SUPPOSED.search(f"{clause}{saying.noun}")
    if "导数" in saying.noun and re.search(r"[A-Za-z]", saying.text):
        return ""  # a formula, which is read as the derivative of the one before
    if saying.name is None and saying.by is None and claims:
        return f"nothing says how “{saying.noun}” is computed"
    return ""


def attitude(saying: Saying, chain: Chain | None, text: str, environment: Environment) -> Stance:
    """Returns what the sentence of a saying says of it.

    A condition at its beginning that only repeats what is known ("with x = 2, the loss is") says
    nothing more; one that gives another value changes something.

    Args:
        saying: the saying.
        chain: the statement that it makes, where that is known.
        text: the text of the document.
        environment: what the document has said before it.
    """
    start = 0
    for match in _END.finditer(text, max(0, saying.begin - 1000), saying.begin):
        start = match.end()
    before = text[start : saying.begin]
    condition = _CONDITION.match(before)
    if condition is not None:
        if not _repeats(condition["all"], environment):
            return "changed"
        before = before[condition.end() :]
    is_sum = chain is not None and len(chain.links) > 2 and bool(saying.words)
    if is_sum and saying.words in text[start : saying.end]:
        bare = without_sum(saying.words, saying.verb)
        before = text[start : text.index(saying.words, start)] + bare
    before = _without_noun(before, saying, environment)
    found = bool(_FOUND.search(saying.verb))
    verb = "is" if found else saying.verb.strip("(（ ")
    how = _stance(f"{text[max(0, start - 2000) : start]}{before}", f" it {verb} ", saying, text)
    told = condition is not None or found
    if how == "open" and (
        told or (_is_computed(saying, chain) and _is_at_home(chain, environment))
    ):
        how = _stance(
            f"{text[max(0, start - 2000) : start]}{before}", f" so it {verb} ", saying, text
        )
    apart = re.split(r"[:：]", before)[:-1]
    moved = not all(map(joins, apart)) or _has_other_numbers(saying, text, environment)
    return "open" if how == "found" and moved else how


def _has_other_numbers(saying: Saying, text: str, environment: Environment) -> bool:
    """Whether the words before a value, in its paragraph, have a number that no name has."""
    start = 0
    for match in _BLANK_LINE.finditer(text, max(0, saying.begin - 2000), saying.begin):
        start = match.end()
    words = _MATHS.sub(" ", text[max(start, saying.begin - 2000) : saying.begin])
    found = {float(number) for number in _NUMBERS.findall(words)}
    if not found:
        return False
    known = {
        round(float(x), 9)
        for entries in environment.entries.values()
        for entry in entries
        for x in values.flat(entry.value)
    }
    return not {round(x, 9) for x in found} <= known


def _without_noun(before: str, saying: Saying, environment: Environment) -> str:
    """Returns words without the noun at their end, where it only names what a formula names."""
    match = re.search(r"[A-Za-z \u4e00-\u9fff-]+\Z", before.rstrip("$*(\\ "))
    if saying.name is None or match is None:
        return before
    noun = phrase(match[0])
    known = len(environment.nouns.get(noun, {})) == 1 and is_plain(noun)
    return before[: match.start() + place(match[0])] if known else before


def _stance(before: str, joining: str, saying: Saying, text: str) -> Stance:
    """Returns the stance of a sentence with "it" in place of what it gives a value."""
    synthetic = f"{before}{joining}${saying.text}$"
    at = len(synthetic) - len(saying.text) - 1
    return stance(synthetic + text[saying.after :][:400], at, at + len(saying.text))


def _is_computed(saying: Saying, chain: Chain | None) -> bool:
    """Whether a formula beside a value says how it is computed, or it is a loss or a gradient."""
    if chain is None:
        return False
    if saying.name is not None and saying.by is None and "=" in saying.name.text:
        return True
    node, *others = (link.node for link in chain.links)
    if len(others) > 1 and saying.name is None:
        return True
    words = saying.noun
    telling = isinstance(node, Derivative) or words in {"loss", "cost", "损失", "误差", "代价"}
    telling |= isinstance(node, Symbol) and node.base in LOSSES
    return telling and bool(_DECIMAL.search(saying.text))


def _is_at_home(chain: Chain | None, environment: Environment) -> bool:
    """Whether a name is defined in this section, or its heading names no other case."""
    key = None if chain is None else key_of(chain.links[0].node)
    definitions = environment.definitions.get(key or "", [])
    if any(definition.section == environment.section for definition in definitions):
        return True
    return all(map(joins, environment.headings.values()))


def _repeats(words: str, environment: Environment) -> bool:
    """Whether all that a condition gives is known with these values alone."""
    for match in _BINDING.finditer(words):
        chains = statements(match[1])
        for chain in chains:
            if len(chain.links) != 2 or not literal(chain.links[1].node):
                return False
            key = key_of(chain.links[0].node)
            known = environment.entries.get(key or "", [])
            if len({repr(entry.value.value.tolist()) for entry in known}) != 1:
                return False
    return True


def gives_another(saying: Saying, environment: Environment, shared: Conventions) -> bool:
    """Whether words that name nothing known give a value that is not known: "the input is 3"."""
    value = _value(saying, shared)
    if value is None:
        return True
    stated = display.stated(value.node).value
    known = (entry.value for found in environment.entries.values() for entry in found)
    return not any(
        values.same_shape(stated, each) and display.close(stated, each) for each in known
    )


def end_of_paragraph(text: str, at: int) -> int:
    """Returns where the paragraph ends in which a place of a text stands."""
    found = _BLANK_LINE.search(text, at)
    return len(text) if found is None else found.start()
