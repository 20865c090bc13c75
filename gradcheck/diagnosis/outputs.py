"""What a gradient is the sum of, output by output: terms left out, too many, in the wrong place."""

from collections.abc import Iterator
from itertools import combinations, islice

import numpy as np

from gradcheck.diagnosis.evidence import FLOOR, Array, Evidence
from gradcheck.diagnosis.factors import fitted, recognised
from gradcheck.diagnosis.masks import subsets
from gradcheck.diagnosis.scoring import VAGUE, Candidate, Row, contents, done, real_bits, undone

DISTINCT = 5
"""So many numbers must be in other places: few are anywhere by chance."""

ALONE = 0.5
"""Off the diagonal at least so many terms must be missing."""

MOST_FREE = 0.6
"""An outer product explains something where it takes fewer numbers than this share of the wrong."""

FILLED = 0.5
"""Of what is masked so much must be claimed: of a batch nothing is given to the other samples."""

RIGHT = 0.1
"""At least such a share of the terms must be right: what comes at once."""

MASKED = 0.3
"""At least such a share of the wrong terms must be masked in the function."""


def _left_out(evidence: Evidence) -> Iterator[Candidate]:
    if np.any(evidence.c[evidence.w]):
        return
    for pattern in subsets(evidence):
        h = np.where(pattern.at, 0.0, evidence.t)
        yield done(evidence, h, ~pattern.at, bits=pattern.bits, where=pattern.words, enough=1)


def _too_many(evidence: Evidence) -> Iterator[Candidate]:
    if np.any(np.abs(evidence.t[evidence.w]) > 6 * evidence.s[evidence.w]) or _is_mixed(evidence):
        return
    for pattern in subsets(evidence):
        yield undone(
            evidence, np.where(pattern.at, 0.0, evidence.c), bits=pattern.bits, enough=1,
            undo=lambda c, p=pattern: np.where(p.mask(), 0.0, c), where=pattern.words,
        )  # fmt: skip


def _is_mixed(evidence: Evidence) -> bool:
    """Whether entries of an elementwise function are mixed up: no mask does that."""
    split = evidence.split
    if evidence.shape[:split] != evidence.shape[split:]:
        return False
    own = np.all([evidence.at[a] == evidence.at[split + a] for a in range(split)], axis=0)
    true = np.abs(evidence.t) > 6 * evidence.s
    return not np.any(true & ~own) and bool(np.any(evidence.w & ~own))


def _one_use(evidence: Evidence) -> Iterator[Candidate]:
    """Of the outputs that an entry is in, one counts: the last that is written, or the first."""
    if not evidence.seen.all() or np.any(evidence.c[evidence.w]):
        return
    outputs = tuple(range(evidence.split))
    inputs = tuple(range(evidence.split, len(evidence.shape)))
    uses = (np.abs(evidence.true) > 6 * evidence.bar).sum(outputs)
    kept = (evidence.claimed != 0).sum(outputs)
    wrong = evidence.wrong.any(outputs)
    if not wrong.any() or np.any(kept[wrong] != 1) or np.any(uses[wrong] < 2):
        return
    bits = 2.0 + float(np.log2(uses[wrong]).sum())
    yield done(
        evidence, np.where(evidence.w, 0.0, evidence.t), ~evidence.w, bits=bits, enough=1,
        entries=int(wrong.sum()), axes=[evidence.axis(a) for a in inputs],
    )  # fmt: skip


def _uncoupled(evidence: Evidence) -> Iterator[Candidate]:
    """Each output is taken for a function of its own entry, or row, alone."""
    for axes, words in _own(evidence):
        off = np.any([evidence.at[a] != evidence.at[b] for a, b in axes], axis=0)
        missing = off & evidence.w
        if np.any(evidence.c[off]) or missing.sum() < ALONE * evidence.w.sum():
            continue
        z = np.where(off, 0.0, np.where(evidence.w, np.nan, (evidence.c - evidence.t) / evidence.s))
        yield Candidate(z, 3.0, tells=missing, parameters={"which": words})


def _own(evidence: Evidence) -> Iterator[tuple[list[tuple[int, int]], str]]:
    """Yields axes of output and primal along which an entry may have an own one, in words."""
    split, shape = evidence.split, evidence.shape
    shared = [
        (a, split + a)
        for a in range(min(split, len(shape) - split))
        if shape[a] == shape[split + a] > 1
    ]
    if shared:
        yield shared, "its own entry"
    if len(shared) > 1:
        for pair in shared:
            yield [pair], f"the entries with its own index along {evidence.axis(pair[1])}"


def _own_wrong(evidence: Evidence) -> Iterator[Candidate]:
    """What an entry does to its own output is wrong, what it does to the others is right."""
    for axes, words in islice(_own(evidence), 1):
        own = np.all([evidence.at[a] == evidence.at[b] for a, b in axes], axis=0)
        if np.any(evidence.w & ~own) or not np.any(evidence.telling & ~own):
            continue
        z = np.where(own, 0.0, (evidence.c - evidence.t) / evidence.s)
        bits = 6.0 + float(contents(evidence)[own].sum())
        yield Candidate(z, bits, parameters={"which": words})


def _rank_one(evidence: Evidence) -> Iterator[Candidate]:
    """Where claim - true is a bᵀ, of the whole or of each slice along some axes of the output."""
    if not evidence.seen.all():
        return
    split = evidence.split
    d, noise = evidence.claimed - evidence.true, evidence.noise + FLOOR * np.abs(evidence.true)
    size = float(np.sqrt(np.mean(np.square(d / noise)[evidence.wrong])))
    share = evidence.w.sum() / evidence.wrong.sum()
    for sliced in (c for n in range(split) for c in combinations(range(split), n)):
        fit, free = _outer(d, noise, split, sliced)
        if not 0 < free < MOST_FREE * evidence.wrong.sum():
            continue
        words = "".join(f", for each index of {evidence.axis(a)}" for a in sliced[:1])
        yield Candidate(
            evidence.sampled(d - fit) / evidence.s,
            4.0 + share * free * (np.log2(1 + size) + 2.7),
            free=int(share * free),
            parameters={"slices": words + "".join(f" and {evidence.axis(a)}" for a in sliced[1:])},
            undo=lambda c, fit=fit: c - fit,
        )


def _outer(d: Array, noise: Array, split: int, sliced: tuple[int, ...]) -> tuple[Array, int]:
    """Returns the best outer product for each slice of d, and how many numbers they take."""
    rest = [a for a in range(d.ndim) if a not in sliced]
    shape = tuple(d.shape[a] for a in (*sliced, *rest))
    rows = int(np.prod([d.shape[a] for a in rest if a < split]))
    slices = int(np.prod([d.shape[a] for a in sliced]))
    matrices = d.transpose(*sliced, *rest).reshape(slices, rows, -1)
    used = np.abs(matrices) > 4 * noise.transpose(*sliced, *rest).reshape(matrices.shape)
    u, s, v = np.linalg.svd(matrices, full_matrices=False)
    fit = s[:, 0, None, None] * u[:, :, :1] * v[:, :1]
    free = used.any(2).sum() + used.any(1).sum() - used.any((1, 2)).sum()
    back = np.argsort((*sliced, *rest))
    return fit.reshape(shape).transpose(*back), int(free)


def _later(evidence: Evidence) -> Iterator[Candidate]:
    """What comes to an output over several steps is wrong, what comes at once is right."""
    for words, late in _steps(evidence):
        right = evidence.telling & ~evidence.w
        if np.any(evidence.w & ~late) or right.sum() < RIGHT * evidence.telling.sum():
            continue
        z = np.where(late, 0.0, (evidence.c - evidence.t) / evidence.s)
        bits = 8.0 + float(contents(evidence)[late].sum())
        yield Candidate(z, bits, parameters={"where": words})


def _steps(evidence: Evidence) -> Iterator[tuple[str, Array]]:
    """Yields the entries that are reached over steps, if there is an axis that looks like time."""
    split, ndim = evidence.split, len(evidence.shape)
    for a in range(split):
        n, i = evidence.shape[a], evidence.at[a]
        if n < 3:
            continue
        for b in range(split, ndim):
            j = evidence.at[b]
            if evidence.shape[b] != n or not np.any(evidence.telling & (i > j)):
                continue
            if not np.any(evidence.telling & (i < j)):
                yield f"later steps ({evidence.axis(a)} after {evidence.axis(b)})", i > j
        if n not in evidence.shape[split:]:
            for first in (1, 2):
                yield f"all steps but the first along {evidence.axis(a)}", i >= first


def _unmasked(evidence: Evidence) -> Iterator[Candidate]:
    """The claim is not zero where the function masks, and so all the rest is off as well."""
    for words, masked in _masked(evidence):
        t = np.abs(evidence.t) > 6 * evidence.s
        inside = evidence.w & masked
        if np.any(t & masked) or np.any(masked & ~evidence.w & (evidence.c != 0)):
            continue
        if np.mean(evidence.w[masked]) < FILLED or np.mean(t[~masked]) < FILLED / 2:
            continue
        if inside.sum() < MASKED * evidence.w.sum():
            continue
        z = np.where(
            masked, 0.0, np.where(evidence.w, np.nan, (evidence.c - evidence.t) / evidence.s)
        )
        bits = 6.0 + float(contents(evidence)[inside].sum()) / 2
        yield Candidate(z, bits, tells=inside, parameters={"where": words}, enough=1)


def _masked(evidence: Evidence) -> Iterator[tuple[str, Array]]:
    split, ndim = evidence.split, len(evidence.shape)
    for a in range(split):
        for b in range(split, ndim):
            if evidence.shape[a] == evidence.shape[b] > 2:
                i, j = evidence.at[a], evidence.at[b]
                where = f"the index of {evidence.axis(b)} is {{}} that of {evidence.axis(a)}"
                yield where.format("above"), j > i
                yield where.format("below"), j < i


def _of_each_output(evidence: Evidence) -> Iterator[Candidate]:
    """A factor for each entry of the output, whatever it is."""
    split = evidence.split
    n = int(np.prod(evidence.shape[:split]))
    where = np.ravel_multi_index(evidence.at[:split], evidence.shape[:split])
    size = np.bincount(where, (evidence.c / evidence.s) ** 2, n)
    wrong = np.bincount(where[evidence.w], minlength=n)
    if not wrong.any() or np.median(wrong[wrong > 0]) < 3:
        return
    g = np.bincount(where, evidence.c * evidence.t / evidence.s**2, n) / np.maximum(size, 1e-300)
    bits = sum(real_bits(*p) for p in zip(g, 1 / np.maximum(np.sqrt(size), 1e-9), strict=True))
    shape = evidence.shape[:split] + (1,) * (len(evidence.shape) - split)
    yield undone(
        evidence, g[where] * evidence.c, bits=bits + 2, free=n,
        factors=[float(1 / f) if f else 0.0 for f in g[:8]],
        undo=lambda c, g=g: c * g.reshape(shape),
    )  # fmt: skip


def _misplaced(evidence: Evidence) -> Iterator[Candidate]:
    """Each wrong entry has a number that belongs elsewhere, or none."""
    if not evidence.seen.all() or evidence.w.sum() < DISTINCT:
        return
    clear = np.abs(evidence.true) > 6 * evidence.noise
    true = np.unique(evidence.true[clear])
    for sign, words in ((1.0, ""), (-1.0, ", and their sign is wrong")):
        known = np.concatenate([[-np.inf, 0.0], np.sort(sign * true), [np.inf]])
        known.sort()
        at = np.searchsorted(known, evidence.c)
        near = np.where(
            np.abs(known[at - 1] - evidence.c) < np.abs(known[at] - evidence.c),
            known[at - 1], known[at],
        )  # fmt: skip
        noise = np.hypot(evidence.s, float(np.median(evidence.s[evidence.telling])))
        z = np.where(
            evidence.w, (evidence.c - near) / noise, (evidence.c - evidence.t) / evidence.s
        )
        kept = evidence.c[evidence.w & (evidence.c != 0)]
        if kept.size < ALONE * evidence.w.sum() / 2:
            continue
        values = len(np.unique(np.round(true / max(evidence.scale, 1e-300), 9))) + 1
        bits = 6.0 + evidence.w.sum() * float(np.log2(1 + values)) + (0.0 if sign > 0 else 2.0)
        yield Candidate(z, bits, parameters={"besides": words})


def _redistributed(evidence: Evidence) -> Iterator[Candidate]:
    """Each output gives out as much as it should, to other entries or in other shares."""
    if not evidence.seen.all():
        return
    split = evidence.split
    inputs = tuple(range(split, len(evidence.shape)))
    sums = [x.sum(inputs) for x in (evidence.claimed, evidence.true)]
    noise = np.sqrt(np.square(evidence.noise).sum(inputs)) + FLOOR * np.abs(evidence.true).sum(
        inputs
    )
    wrong = evidence.wrong.any(inputs)
    if np.mean(evidence.claimed[wrong] != 0) > ALONE:
        return
    if np.any(np.abs(sums[0] - sums[1]) > 6 * noise) or wrong.sum() < 3:
        return
    if np.any(np.abs(sums[1][wrong]) < 1e-6 * np.abs(evidence.true).sum(inputs)[wrong]):
        return
    told = float(contents(evidence)[evidence.w].sum())
    bits = 8.0 + told * (1 - wrong.sum() / evidence.wrong.sum())
    yield Candidate(np.where(evidence.w, 0.0, (evidence.c - evidence.t) / evidence.s), bits)


def _conjugated(evidence: Evidence) -> Iterator[Candidate]:
    """Complex numbers come as real ones with a last axis of two, in output and primal."""
    split, shape = evidence.split, evidence.shape
    inner, own, outer = np.array([1.0, -1.0]), len(shape) - 1, split - 1
    axes = [("gradient", (own,))] if own in evidence.parts else []
    axes += [("cotangent", (outer,))] if outer in evidence.parts else []
    axes += [("factor", (outer, own))] if len(axes) > 1 else []
    for which, chosen in axes:
        signs = np.ones((1,) * len(shape))
        for a in chosen:
            along = [1] * len(shape)
            along[a] = 2
            signs = signs * inner.reshape(along)
        yield undone(
            evidence, evidence.c * evidence.sampled(signs), bits=1.0, which=which,
            undo=lambda c, s=signs: c * s,
        )  # fmt: skip


def _in_part(evidence: Evidence) -> Iterator[Candidate]:
    """One factor, on the terms that are wrong, wherever these are."""
    g, sigma = fitted(evidence, np.where(evidence.w, evidence.c, np.nan))
    if not np.isfinite(g) or g == 0:
        return
    known, bits = recognised(evidence, g, sigma)
    factor = float(np.copysign(known.value, g))
    if not known.words and bits > contents(evidence)[evidence.w].sum() / 4:
        return
    x: Array = np.where(evidence.w, evidence.c / factor, evidence.c)
    yield undone(
        evidence, x, bits=bits + evidence.w.size, free=1, undo=None, factor=factor,
        words=known.words,
    )  # fmt: skip


ROWS = (
    Row(
        "terms left out",
        "what {primal} does to {through} is left out in {where}",
        "a term of the sum: a path through time, a window, a sample that is not added up",
        "add these terms",
        _left_out,
        bits=4,
    ),
    Row(
        "terms too many",
        "{primal} is given what it does not do to {through}, in {where}",
        "a mask of the forward pass is missing in the backward pass, or an index is wrong",
        "set these terms to zero",
        _too_many,
        surest=VAGUE,
    ),
    Row(
        "not accumulated",
        "of all the entries of {through} that an entry of {primal} is in, one alone counts, for"
        " {entries} entries",
        "duplicates, or overlapping windows, overwrite one another: x_bar[index] += u adds only one"
        " of them",
        "accumulate them, as numpy.add.at does",
        _one_use,
        bits=4,
    ),
    Row(
        "coupling left out",
        "in the claim an entry of {through} is a function of {which} alone, and it is not",
        "what couples them (a sum, a mean, a variance, a step of time) is taken for a constant",
        "derive the coupling as well",
        _uncoupled,
        bits=4,
        surest=VAGUE,
    ),
    Row(
        "own term",
        "what an entry of {primal} does to the entry of {through} at its own place is wrong, what"
        " it does to the others is right",
        "the direct term (a skip connection, the derivative of the entry itself) is missing or"
        " wrong",
        "derive the direct term",
        _own_wrong,
        bits=8,
        surest=VAGUE,
    ),
    Row(
        "one product term",
        "claimed - true is one product a bᵀ of {through} and {primal}{slices}",
        "a term of the kind Σ(ȳ a) b is missing or wrong: the sum of a softmax, the projection of a"
        " norm",
        "subtract that term",
        _rank_one,
        bits=8,
        surest=VAGUE,
    ),
    Row(
        "path over steps",
        "what {primal} does to {through} at once is right, what it does to {where} is wrong",
        "the gradient through time is cut, or carries a wrong factor from step to step",
        "derive how a step depends on the one before",
        _later,
        bits=8,
        surest=VAGUE,
    ),
    Row(
        "mask missing",
        "the claim is not zero where {where}, and the true one is",
        "a mask of the forward pass is missing in the backward pass",
        "mask as the forward pass does",
        _unmasked,
        bits=8,
        surest=VAGUE,
    ),
    Row(
        "factor of each output",
        "the claim has one wrong factor for each entry of {through}",
        "a step of the chain rule before the sum is wrong or missing (the slope of an activation)",
        "divide by the factor before the sum",
        _of_each_output,
        surest=VAGUE,
    ),
    Row(
        "misplaced",
        "the claim is made of the right numbers, in the wrong places{besides}",
        "an index, a flip, a shift, a stride or the order of axes is wrong",
        "put them in their places",
        _misplaced,
        surest=VAGUE,
    ),
    Row(
        "redistributed",
        "each entry of {through} gives out to {primal} as much as it should, but to other entries,"
        " or in other shares",
        "the weights of an interpolation, a mean for a maximum (or the reverse), the wrong entry of"
        " a selection",
        "give it to the entries that the forward pass takes, with its weights",
        _redistributed,
        bits=8,
        surest=VAGUE,
    ),
    Row(
        "conjugated",
        "the {which} is the complex conjugate of what it should be",
        "a conjugate is missing or too many",
        "conjugate it",
        _conjugated,
        bits=3,
    ),
    Row(
        "terms scaled",
        "some of the terms are {factor:.4g} times what they should be",
        "{words}",
        "scale them",
        _in_part,
        surest=VAGUE,
    ),
)
