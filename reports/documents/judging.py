"""The verdicts on one statement: of arithmetic, and of derivatives where arithmetic is right."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reports.documents import layers
from reports.documents.arithmetic import Judged, judge
from reports.documents.claims import Claim
from reports.documents.derivatives import derivative_claims
from reports.documents.descents import descent_claims, writes_gradient_out
from reports.documents.environment import Environment
from reports.documents.extract import Formula
from reports.documents.figures import array_claims, figure_claims
from reports.documents.identities import again_claims, identity_claims
from reports.documents.links import side
from reports.documents.measures import needs_conversion
from reports.documents.named import named_claims
from reports.documents.readings import PLAIN
from reports.documents.repair import attempt
from reports.documents.slopes import constant_claims, slope_claims
from reports.documents.source import Source
from reports.documents.stance import (
    WHOLLY,
    Stance,
    opened,
    stance,
)
from reports.documents.tree import (
    Chain,
    literal,
)
from reports.documents.update_rules import correction_claims, rule_claims


@dataclass(frozen=True, eq=False)
class Known:
    """What a document has said before a statement.

    Attributes:
        environment: values, definitions and functions.
        layered: the conventions of its rules for layer l.
        moved: up to where in the text words have changed something first.
    """

    environment: Environment
    layered: layers.Conventions
    moved: int = 0


def judged(
    chain: Chain, part: Formula, source: Source, known: Known, spoken: Stance | None = None
) -> Judged:
    """Returns the verdicts of arithmetic, and of derivatives where arithmetic is right.

    Args:
        chain: the statement.
        part: where it stands.
        source: the text in which it stands.
        known: what the document has said before it.
        spoken: what its sentence says of it, where words join its name and its value.
    """
    environment = known.environment
    said = said_before(source, part)
    how = spoken or stance(source.text, part.start, part.end)
    if spoken == "given" and side(chain.links[0]) != "symbolic":
        how = "loose"
    rests_on_names = any(side(link) == "symbolic" for link in chain.links[1:])
    if spoken in {"open", "given"} and rests_on_names:
        how = "loose"
    if how == "found" and part.start < known.moved and not part.display:
        how = "open"
    if needs_conversion(chain, environment):
        how = "units"
    if not environment.explains:
        return judge(chain, environment, source)
    derived = list(slope_claims(chain, environment, source))
    constant = [] if spoken else [*constant_claims(chain, environment, source, how)]
    derived += constant
    derived += derivative_claims(chain, environment, source, said)
    seen = {c.place for c in derived}
    links = (k for k in chain.links if source.place(k.span[0]) in seen)
    derived += identity_claims(chain, environment, source, frozenset(links))
    derived += again_claims(chain, environment, source, how)
    derived += named_claims(chain, environment, source, said)
    derived += layers.layer_claims(chain, known.layered, source)
    derived += layers.definition_clash(chain, source)
    derived += rule_claims(chain, environment, source, said)
    derived += descent_claims(chain, environment, source, said)
    derived += correction_claims(chain, environment, source)
    derived += array_claims(chain, environment, source)
    doubt = "loose" if spoken and how in {"open", "given"} else how
    derived = [*opened(derived, doubt if doubt in WHOLLY else "open")]
    before = environment.snapshot()
    inline = not part.display and len(chain.links) == 2
    found = judge(chain, environment, source, inline=inline, said=how)
    if spoken and any(claim.verdict == "shape" for claim in found.claims):
        return Judged(reason="words give it a value of another shape")
    if any(claim.flagged for claim in found.claims):
        wrong = (*found.claims, *(claim for claim in derived if claim.flagged))
        _correct(chain, wrong, environment)
        return replace(found, claims=wrong)
    if not (constant or any(claim.verdict == "inherited" for claim in found.claims)):
        derived += opened(figure_claims(chain, before, source, said, bar=found.bar), doubt)
    wrong = tuple(claim for claim in derived if claim.flagged)
    if wrong:
        _correct(chain, wrong, environment)
        return Judged(wrong)
    if found.gives and not derived and writes_gradient_out(chain):
        return Judged(reason="no loss above says whether it goes down its gradient")
    if found.claims or not derived:
        return found
    last = derived[-1]
    if last.verdict == "not checked":
        return Judged(reason=last.explanation)
    end = chain.links[-1]
    figure = source.place(end.span[0]) if literal(end.node) else last.place
    if found.reason and all(claim.place != figure for claim in derived):
        return Judged(reason=f"its formula is right; of its figure: {found.reason}")
    return Judged((last,))


def _correct(chain: Chain, wrong: Sequence[Claim], environment: Environment) -> None:
    """Remembers what is right in the place of a wrong statement: others follow from it."""
    corrections = [c.correction for c in wrong if c.correction is not None]
    trees = [c.tree for c in corrections if c.tree is not None]
    values = [c.value for c in corrections if c.value is not None]
    if not wrong:
        return
    value = values[0] if values else None
    if value is None and trees:
        right = environment.corrected() or environment
        value = attempt(trees[0], PLAIN, right)
    formula = any(c.kind != "arithmetic" or c.verdict == "shape" for c in wrong)
    environment.correct(chain, trees[0] if trees else None, value, formula=formula)


def said_before(source: Source, part: Formula) -> str:
    """Returns the words before a formula, in lower case, back to the formula before it."""
    begin = max(0, part.start - 400)
    before = source.text[begin : part.start].lower().rstrip().removesuffix("$$")
    at = max(before.rfind("$$"), before.rfind("\\]"), before.rfind("\\end{"))
    return before[at + 1 :]
