"""How fine a function is: the digits with which it computes inside, or whether it moves in steps.

A function of float64 arrays may round to float32, float16 or bfloat16 on its way; then small steps
show nothing of it, and the claim must be compared at larger ones. Or it may be piecewise constant
(round, sign, argmax): then small steps show all of it, and its derivative is zero. Both stand still
under a small jitter. What tells them apart is how far a single entry must move to be seen: a
format's spacing is a fixed small share of the entry, the step of a quantiser is not.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck import backends
from gradcheck.evaluation import Evaluator
from gradcheck.noise import FLOAT32_BITS, FROZEN, far_ulps, jitters, ulps_of
from gradcheck.oracles.line import Line
from gradcheck.scales import scale
from gradcheck.subject import Point

FORMATS = ((FLOAT32_BITS, 2.0**-19), (11, 2.0**-8), (8, 2.0**-5))
"""Significand bits of the formats in which functions compute inside, and the share of an entry by
which it must move to be seen through them: eight spacings and more."""

HALF_BITS = 11
"""What is rounded to a half precision in part is judged as float16 is."""

CROSSING = 2.0
"""An entry moved by twice itself changes its sign, and crosses the steps of a quantiser."""

LEAST_SMALL = 4
"""So many values are rarely all on the grid of larger ones by chance: 4^-4."""

GROWN = 2.0**20
"""Of an entry so many times larger twice itself is 2^-19: below the spacing of the half precisions,
and of a quantiser some steps."""

GROWN_NARROW = 2.0**10
"""The same for float32: 2^-19 of the entry is below its spacing then."""

SAME = 2.0**-8
"""Two moves that differ by no more are the same step; those of a fast sine seldom are."""

LOUD_ULPS = 2.0**12
"""A crossing must move some output by so many ulps: a 2^-5 of it would then still be seen."""

SEEN_ULPS = 2.0**6
"""A smooth function is asked for a move that should be so many ulps, by what a crossing does."""

BELOW_FORMATS = 2.0**-11
"""A move of such a share of an entry is below the spacing of the half precisions."""

FURTHER, LOOSELY = 4.0, 1.25
"""What moves smoothly moves so many times as far at so many times the step, to a quarter; what
crosses the spacing of a format by chance does not."""

SATURATED, GROWTH, FIRST_ULPS = 5, 8.0, 16.0
"""Of so many entries whose small moves are not seen, steps grow by the second: a smooth function's
first move that is seen is then below the third."""

MURMURS = (2.0, 2.0**4, 2.0**7)
"""Moves of a few ulps show nothing but rounding."""

HALF = 2.0**-5
"""A share of an entry that shows its slope through float16 and bfloat16."""

OWN_ULPS = 8.0
"""So many ulps of the outputs are the rounding of float64 itself, which hides small gradients."""

ENTRIES = 16

WIDE_BITS = 7
"""The large jitter: 2^-7 of the primals' scale."""

VISIBLE_ULPS = 8.0
"""An output that moves at a large jitter would, were it smooth, move by so many ulps at a small
one; where it stands still there, it moves in steps."""

NARROW_JITTERS = 3

UNLIKE = 0.5
"""A claim that misses so much of what a large jitter does may be that of a quantiser."""


def fineness(
    evaluator: Evaluator,
    base: np.ndarray,
    weights: np.ndarray,
    gradients: list[dict[str, np.ndarray]],
    rng: np.random.Generator,
) -> dict[str, int]:
    """Returns the bits with which the function sees each primal; 0: it is piecewise constant in it.

    Args:
        evaluator: the subject.
        base: f at the point, as one vector.
        weights: the cotangents as rows.
        gradients: the claimed pullback of each cotangent.
        rng: draws the jitter.
    """
    own, wide = evaluator.bits, 2 ** (evaluator.bits - 1 - WIDE_BITS)
    large, _ = jitters(evaluator, base, gradients, wide, 1, rng)
    responding = large[0] != 0
    if np.isfinite(large).all():
        before, change = base[responding], large[0][responding]
        bits = _format(np.concatenate([before, before + change]), np.tile(change, 2), own)
        if bits < own:
            on_grid = _is_grid(np.concatenate([base, base + large[0]]), bits)
            # Apart, so that what is drawn afterwards does not depend on what is asked here.
            (apart,) = rng.spawn(1)
            return {
                name: 0 if on_grid or _is_stepped(evaluator, base, name, bits, apart) else bits
                for name in evaluator.point
            }
    found = {}
    for name, x in evaluator.point.items():
        found[name] = own
        if backends.size(x) and _is_suspicious(evaluator, base, weights, gradients, name, rng):
            found[name] = _by_entries(evaluator, base, _drawn({name: x}, rng))
            if found[name] == 0:  # a narrow clip is a step, but for the few entries within it
                claimed = _claimed(gradients, name, rng)
                found[name] = _by_entries(evaluator, base, claimed) if claimed else 0
    return found


def _claimed(
    gradients: list[dict[str, np.ndarray]], name: str, rng: np.random.Generator
) -> list[tuple[str, int]]:
    """Returns some coordinates of a primal in which a slope is claimed."""
    (apart,) = rng.spawn(1)
    live = np.flatnonzero(np.any([g[name] != 0 for g in gradients if name in g], axis=0))
    drawn = apart.choice(live, min(live.size, ENTRIES), replace=False)
    return [(name, int(i)) for i in drawn]


def _is_suspicious(
    evaluator: Evaluator,
    base: np.ndarray,
    weights: np.ndarray,
    gradients: list[dict[str, np.ndarray]],
    name: str,
    rng: np.random.Generator,
) -> bool:
    """Whether the outputs stand still as a primal moves by little, or move unlike its claim."""
    bits = evaluator.bits
    wide, far = 2 ** (bits - 1 - WIDE_BITS), far_ulps(bits)
    (large,), (linear,) = jitters(evaluator, base, gradients, wide, 1, rng, name)
    # In float32 a scalar moves by chance as it should, through a half precision.
    asked = NARROW_JITTERS if bits <= FLOAT32_BITS else 1
    smalls, nears = jitters(evaluator, base, gradients, far, asked, rng, name)
    if not (np.isfinite(large).all() and np.isfinite(smalls).all()):
        return False
    visible = np.abs(large) > VISIBLE_ULPS * ulps_of(base, bits) * (wide / far)
    frozen = visible & np.all(smalls == 0, axis=0)
    rounding = VISIBLE_ULPS * (np.abs(weights) @ ulps_of(base, bits))
    pairs = [(weights @ large, linear)]
    pairs += [(weights @ small, near) for small, near in zip(smalls, nears, strict=True)]
    unlike = any(_is_unlike(found, claimed, rounding) for found, claimed in pairs)
    return bool(np.sum(frozen) > FROZEN * np.sum(large != 0) or unlike)


def _is_unlike(found: np.ndarray, claimed: np.ndarray, rounding: np.ndarray) -> bool:
    """Whether a move through some cotangent is another one than the claim says, loudly."""
    sizes = np.maximum(np.abs(found), np.abs(claimed))
    return bool(np.any((np.abs(found - claimed) > UNLIKE * sizes) & (sizes > rounding)))


def is_behind_rounding(line: Line, name: str, k: int, rng: np.random.Generator) -> bool:
    """Whether a claim that is off at small steps is right at those that a half precision shows.

    Part of the function then rounds on its way, another does not (a residual connection): small
    steps show the second alone. A quantiser's claim is right at no step of a single entry.
    """
    claimed = np.asarray(line.gradients[k][name], dtype=float)
    x = line.evaluator.point[name]
    drawn = _drawn({name: x}, rng)
    rounding = OWN_ULPS * float(np.linalg.norm(line.weights[k] * ulps_of(line.base, 53)))
    votes = []
    for _, i in drawn:
        size = abs(float(backends.of(x).values(x).flat[i])) or scale(x)
        shares = (line.evaluator.first_step**3, HALF, 2 * HALF)
        slopes = [_slope(line, name, k, i, size * share) for share in shares]
        off, *near = (abs(slope - claimed.flat[i]) for slope in slopes)
        close = max(near)  # of both: a bend (an exponential at 46) looks right at one step
        # Float64 rounds too: an entry of a small gradient is off by that at any small step.
        noise = rounding / (size * line.evaluator.first_step**3)
        if off > abs(claimed.flat[i]) / 8 + noise:
            votes.append(close <= off / 4 and close <= abs(claimed.flat[i]) / 3)
    return len(votes) >= len(drawn) / 4 and sum(votes) >= (1 - FROZEN) * len(votes)


def _slope(line: Line, name: str, k: int, i: int, step: float) -> float:
    """Returns ∂⟨u, f⟩/∂x_i by one difference."""
    direction = np.zeros(line.gradients[k][name].shape)
    direction.flat[i] = step
    part = replace(line, tangent={name: direction}, levels={})
    if not part.add(1.0):
        return np.nan
    level = part.levels[1.0]
    return float(level.up[k] + level.down[k] + level.claimed[k]) / (2 * step)


def _by_entries(evaluator: Evaluator, base: np.ndarray, asked: list[tuple[str, int]]) -> int:
    """Returns the bits by how far single entries must move to be seen.

    Asked are those whose crossing the outputs see well: what then is not seen of a small move is
    below a step, not below rounding. A few move at any step where the function is as fine as its
    primals (dead and saturated units do not); most of those that move at all do through a format.
    """
    drawn = [(n, i, _jump(evaluator, base, n, i, CROSSING)) for n, i in asked]
    entries = [(n, i, jump) for n, i, jump in drawn if jump >= LOUD_ULPS]
    heard = [
        max(_jump(evaluator, base, n, i, ulps * 2.0**-evaluator.bits) for ulps in MURMURS)
        for n, i, _ in entries[:SATURATED]
    ]
    if heard and np.median([jump for _, _, jump in entries]) <= LOUD_ULPS * np.median(heard):
        return evaluator.bits  # nothing but rounding moves: an output that cancels to nothing
    least = 2.0 ** -(evaluator.bits * 2 / 3)
    small = [(n, i, max(least, SEEN_ULPS / jump)) for n, i, jump in entries]
    small = [(n, i, t) for n, i, t in small if t <= BELOW_FORMATS] or small
    moving = [(n, i, t, d) for n, i, t in small if (d := _jump(evaluator, base, n, i, t)) > 0]
    in_step = [_jump(evaluator, base, n, i, FURTHER * t) / d for n, i, t, d in moving]
    if not entries or (moving and sum(map(_is_in_step, in_step)) >= len(moving) / 2):
        return evaluator.bits
    first = [_first_jump(evaluator, base, n, i) for n, i, _ in entries[:SATURATED]]
    if np.median(first) <= FIRST_ULPS:
        return evaluator.bits
    scales = [(bits, share) for bits, share in FORMATS if bits < evaluator.bits]
    seen = [
        sum(_jump(evaluator, base, n, i, share) > 0 for n, i, _ in entries) for _, share in scales
    ]
    if not scales or seen[-1] == 0:
        return 0
    if seen[-1] <= FROZEN * len(entries):
        alive = [_is_alive(evaluator, base, n, i, scales[-1][1]) for n, i, _ in entries]
        if sum(alive) <= len(alive) / 2:
            return 0
    bits, share = next(
        scale for scale, count in zip(scales, seen, strict=True) if count >= (1 - FROZEN) * seen[-1]
    )
    return 0 if _is_quantised(evaluator, base, entries, share) else bits


def _is_stepped(
    evaluator: Evaluator, base: np.ndarray, name: str, bits: int, rng: np.random.Generator
) -> bool:
    """Whether outputs that are numbers of a format are those of a quantiser of one primal."""
    x = evaluator.point[name]
    if bits >= FLOAT32_BITS or not backends.size(x):  # differences in float32 move in steps, too
        return False
    share = next(share for known, share in FORMATS if known == bits)
    drawn = _drawn({name: x}, rng)
    return _is_quantised(evaluator, base, [(n, i, 0.0) for n, i in drawn], share)


def _is_alive(evaluator: Evaluator, base: np.ndarray, name: str, i: int, share: float) -> bool:
    """Whether an entry moves at a share of itself where it is, or where its crossing leads it.

    A dead unit does on its other side. What a quantiser does there it does by chance.
    """
    there = (_jump(evaluator, base, name, i, 2 * share, by) > 0 for by in (CROSSING, -CROSSING))
    return _jump(evaluator, base, name, i, share) > 0 or any(there)


def _is_quantised(
    evaluator: Evaluator, base: np.ndarray, entries: list[tuple[str, int, float]], share: float
) -> bool:
    """Whether those entries that move at a share of themselves do so by a quantiser's steps.

    A format's spacing grows with the entry, that of a quantiser does not; and where that saturates
    (it clips), a few times the share is the same single step, of more than two spacings.
    """
    bits = next(known for known, own in FORMATS if own == share)
    alive = [(n, i, d) for n, i, _ in entries if (d := _jump(evaluator, base, n, i, share)) > 0]
    if share > BELOW_FORMATS:
        grown = [_is_finer(evaluator, base, n, i, bits) for n, i, _ in alive]
    else:
        grown = [_jump(evaluator, base, n, i, share, GROWN_NARROW) > 0 for n, i, _ in alive]
    if sum(grown) > len(alive) / 2:
        return True
    least = 2.0 ** (evaluator.bits - bits + 1)
    same = [
        d > least and abs(_jump(evaluator, base, n, i, FURTHER * share) - d) <= SAME * d
        for n, i, d in alive
    ]
    return len(alive) > 1 and sum(same) > len(alive) / 2


def _is_finer(evaluator: Evaluator, base: np.ndarray, name: str, i: int, bits: int) -> bool:
    """Whether outputs move, to what are no numbers of a format, where an entry is far larger."""
    for before, after in _moves(evaluator, base, name, i, CROSSING, GROWN):
        moved = np.isfinite(before) & np.isfinite(after) & (before != after)
        values = np.concatenate([before[moved], after[moved]])
        if np.any(_rounded(values, bits) != values):
            return True
    return False


def _first_jump(evaluator: Evaluator, base: np.ndarray, name: str, i: int) -> float:
    """Returns the first move of the outputs that is seen as the steps of a coordinate grow.

    Where the outputs saturate it is an ulp or a few: what hides the smaller ones is their own
    rounding. Through a format it is a whole spacing of that.
    """
    share = 2.0 ** -(evaluator.bits * 2 / 3)
    while share < CROSSING:
        jump = _jump(evaluator, base, name, i, share)
        if jump > 0:
            return jump
        share *= GROWTH
    return np.inf


def _is_in_step(ratio: float) -> bool:
    return FURTHER / LOOSELY < ratio < FURTHER * LOOSELY


def _drawn(point: Point, rng: np.random.Generator) -> list[tuple[str, int]]:
    """Returns the names and flat indices of some coordinates, zeros last."""
    places = [
        (name, i, value == 0)
        for name, x in point.items()
        for i, value in _sample(backends.of(x).values(x).ravel(), rng)
    ]
    order = rng.permutation(len(places))
    kept = sorted((places[i] for i in order), key=lambda place: place[2])
    return [(name, i) for name, i, _ in kept[:ENTRIES]]


def _sample(values: np.ndarray, rng: np.random.Generator) -> list[tuple[int, float]]:
    drawn = rng.choice(values.size, min(values.size, ENTRIES), replace=False)
    return [(int(i), float(values[i])) for i in drawn]


def _jump(
    evaluator: Evaluator, base: np.ndarray, name: str, i: int, share: float, grown: float = 1.0
) -> float:
    """Returns how far the outputs move, in ulps, as one coordinate does by a share of itself.

    With `grown` the coordinate is first made so many times larger.
    """
    largest = 0.0
    for before, after in _moves(evaluator, base, name, i, share, grown):
        jumps = np.abs(after - before) / ulps_of(before, evaluator.bits)
        largest = max(largest, float(np.max(jumps[np.isfinite(jumps)], initial=0.0)))
    return largest


def _moves(
    evaluator: Evaluator, base: np.ndarray, name: str, i: int, share: float, grown: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields the outputs before and after one coordinate moves by a share of itself, both ways."""
    x = evaluator.point[name]
    backend = backends.of(x)
    values = backend.values(x)
    direction = np.zeros(values.size)
    direction[i] = abs(float(values.flat[i])) or scale(x)
    direction = direction.reshape(values.shape)
    if grown != 1.0:
        x = backend.step(x, grown * np.sign(values.flat[i] or 1.0), direction)
        base = evaluator.values({**evaluator.point, name: x})
    for sign in (1.0, -1.0):
        moved = backend.step(x, sign * share, direction)
        seen = evaluator.values({**evaluator.point, name: moved})
        if seen.size == base.size:
            yield base, seen


def _format(values: np.ndarray, changes: np.ndarray, own: int) -> int:
    """Returns the bits of the narrowest format whose numbers the outputs are that respond.

    Only where they also move in its spacing, or have more digits than a half precision: the values
    of a quantiser are few enough to be numbers of any format.
    """
    if not values.size:
        return own
    steps = np.abs(changes) / np.maximum(np.abs(values), np.finfo(np.float64).tiny)
    for bits, _ in reversed(FORMATS):
        # What moves by less than the spacing is a number of the format by chance (1.0 is of any).
        fits = float(steps.min()) >= 2.0 ** -(bits + 1)
        if bits < own and fits and np.all(_rounded(values, bits) == values):
            fine = bits == FLOAT32_BITS or float(steps.min()) < 2.0 ** (4 - bits)
            return bits if fine else own
    return own


def _is_grid(values: np.ndarray, bits: int) -> bool:
    """Whether also small values are multiples of the spacing that the largest has in a format."""
    largest = float(np.max(np.abs(values)))
    spacing = np.ldexp(1.0, int(np.frexp(largest)[1]) - bits)
    small = values[(np.abs(values) < largest / 4) & (values != 0.0)]  # zeros are dead units
    return small.size >= LEAST_SMALL and bool(np.all(small % spacing == 0))


def _rounded(values: np.ndarray, bits: int) -> Any:
    """Returns values rounded to so many significand bits."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(np.ldexp(mantissa, bits)), exponent - bits)
