"""Products and quotients of two expressions: what is left of a product rule, or of a chain."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gradcheck.diagnosis.evidence import FLOOR, Array, Evidence
from gradcheck.diagnosis.expressions import Expression, expressions
from gradcheck.diagnosis.factors import up_to_factor
from gradcheck.diagnosis.losses import constant_bits
from gradcheck.diagnosis.scoring import VAGUE, Candidate, Row, done, is_multiple
from gradcheck.diagnosis.terms import MULTIPLE, SUBTRACT, term
from gradcheck.verdict import number

WITNESSES = 8
"""Pairs are looked for at so many of the clearest entries."""

LEAST = 4
"""Of fewer entries some pair is right by chance."""

KEPT = 3
NEAR = 20.0
"""In standard deviations: what is further off at the witnesses is not looked at."""

CLEAR = 2.0**10
"""An entry is a witness where its value is so many standard deviations."""


@dataclass(frozen=True, eq=False)
class Pair:
    """E · F or E / F."""

    first: Expression
    second: Expression
    inverse: bool

    @property
    def text(self) -> str:
        """As one would write it."""
        return f"{self.first.text} {'/' if self.inverse else '*'} {self.second.text}"

    @property
    def at(self) -> Array:
        """Its values at the sample."""
        return self._of(self.first.at, self.second.at)

    def values(self) -> Array:
        """Returns all of its values."""
        return self._of(self.first.values(), self.second.values())

    def _of(self, e: Array, f: Array) -> Array:
        with np.errstate(all="ignore"):
            return e / f if self.inverse else e * f


def proportional(evidence: Evidence, target: Array, noise: Array) -> Iterator[tuple[Pair, float]]:
    """Yields the pairs to a multiple of which a target at the sample is nearest, and their bits."""
    found = [e for e in expressions(evidence) if e.of not in evidence.cotangents]
    with np.errstate(all="ignore"):
        ratio = np.abs(target / noise)
    clear = np.flatnonzero(np.isfinite(ratio) & (ratio > CLEAR))
    if len(found) < 2 or len(clear) < LEAST:
        return
    clear = clear[np.argsort(-ratio[clear])][:WITNESSES]
    with np.errstate(all="ignore"):
        logs = np.log(np.abs(np.array([e.at[clear] for e in found])))
    usable = np.flatnonzero(np.isfinite(logs).all(1))
    logs = logs[usable] - logs[usable].mean(1, keepdims=True)
    wanted = np.log(np.abs(target[clear]))
    wanted -= wanted.mean()
    sigma = 1 / ratio[clear] + 1e-12
    bits = 1 + 2 * float(np.log2(len(found)))
    for inverse in (False, True):
        off = np.max(np.abs(logs[:, None] + (-1) ** inverse * logs - wanted) / sigma, 2)
        off[np.eye(len(off), dtype=bool) if inverse else np.tri(len(off), k=-1, dtype=bool)] = (
            np.inf
        )
        for flat in np.argsort(off, axis=None, kind="stable")[:KEPT]:
            i, j = np.unravel_index(flat, off.shape)
            if off[i, j] <= NEAR:
                yield Pair(found[usable[i]], found[usable[j]], inverse), bits


def _term(evidence: Evidence, *, neat: bool) -> Iterator[Candidate]:
    """Where claim - true = λ E F, or λ u E F with a cotangent u."""
    d = evidence.c - evidence.t
    for u in [None, *_cotangents(evidence)]:
        by = np.ones_like(d) if u is None else u.at
        with np.errstate(all="ignore"):
            found = list(proportional(evidence, d / by, evidence.s / np.abs(by)))
        for pair, bits in found:
            yield from term(evidence, _expression(pair, u), bits, neat=neat)


def _missing(evidence: Evidence) -> Iterator[Candidate]:
    """Where true = claim · E · F."""
    with np.errstate(all="ignore"):
        found = list(
            proportional(evidence, evidence.t / evidence.c, evidence.s / np.abs(evidence.c))
        )
    for pair, bits in found:
        if not pair.inverse:
            yield from up_to_factor(
                evidence, evidence.c * pair.at, bits=bits, expression=pair.text,
                tells=np.abs(evidence.t) > 4 * evidence.s,
                undo=lambda c, pair=pair: c * pair.values(),
            )  # fmt: skip


def _of_a_number(evidence: Evidence) -> Iterator[Candidate]:
    """Where claim = λ E or λ E F, λ a known constant of a loss, of which the truth is none."""
    noise = 4 * FLOOR * (np.abs(evidence.c) + evidence.scale)
    if any(np.size(evidence.quantities[name]) > 1 for name in evidence.cotangents):
        return
    single = [e for e in expressions(evidence) if e.of not in evidence.cotangents]
    found = [(e, float(np.log2(len(single)))) for e in single]
    found += [(_expression(p, None), b) for p, b in proportional(evidence, evidence.c, noise)]
    for e, bits in found:
        k = float(evidence.c @ e.at / (e.at @ e.at))
        if not np.isfinite(k) or is_multiple(evidence, e.at):
            continue
        if np.max(np.abs(evidence.c - k * e.at) / noise) > NEAR:
            continue
        cost = constant_bits(evidence, k)
        if cost is not None:
            text = e.text if abs(k - 1) < 1e-6 else f"{number(k, 4)} * {e.text}"
            yield done(evidence, k * e.at, 0.0, bits=bits + cost + 2, free=1, expression=text)


def _other(evidence: Evidence) -> Iterator[Candidate]:
    """Where claim = u E F, of which the truth is no multiple."""
    yield from _of_a_number(evidence)
    noise = FLOOR * (np.abs(evidence.c) + evidence.scale)
    for u in _cotangents(evidence):
        with np.errstate(all="ignore"):
            found = list(proportional(evidence, evidence.c / u.at, 4 * noise / np.abs(u.at)))
        for pair, bits in found:
            e = _expression(pair, u)
            k = float(evidence.c @ e.at / (e.at @ e.at))
            if np.isfinite(k) and abs(k - 1) < 1e-6:
                yield done(evidence, e.at, 0.0, bits=bits, expression=e.text)


def _cotangents(evidence: Evidence) -> list[Expression]:
    found = expressions(evidence)
    return [e for e in found if e.form == "{q}" and e.of in evidence.cotangents]


def _expression(pair: Pair, u: Expression | None) -> Expression:
    if u is None:
        return Expression(pair.text, "", "", pair.at, pair.values)
    at, text = u.at * pair.at, f"{u.text} * {pair.text}"
    return Expression(text, "", "", at, lambda: u.values() * pair.values())


TERM = "a term of the derivative (of a product rule, say) is left out, wrong, or one too many"

ROWS = (
    Row("term", MULTIPLE, TERM, SUBTRACT, lambda e: _term(e, neat=True)),
    Row("term", MULTIPLE, TERM, SUBTRACT, lambda e: _term(e, neat=False), surest=VAGUE),
    Row(
        "chain factor missing",
        "the factor {expression} is missing{besides}",
        "two steps of the chain rule are left out",
        "multiply by {expression}{also}",
        _missing,
    ),
    Row(
        "another derivative",
        "the claim is {expression}",
        "that is the derivative of another function, or of a part of this one",
        "derive all of the function",
        _other,
        surest=VAGUE,
    ),
)
