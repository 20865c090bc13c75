"""What rounding does to the function and to the claimed gradient, measured at the point.

The function is evaluated at points jittered by a few units in the last place: what then remains
after subtracting the claimed linear change is rounding. Two radii, since an inner value may be
coarser than the input (a sum with a large constant is quantised at the constant's spacing).
"""

from collections.abc import Iterator

import numpy as np

from gradcheck import backends
from gradcheck.errors import EvaluationError
from gradcheck.evaluation import Direction, Evaluator, dot
from gradcheck.scales import rms, seen_through

JITTERS = 4
"""Jittered points for each radius: the standard deviation of 4 + 4 is within 0.4 to 2 of the truth
(5 % to 95 % quantile), which the factor Z allows for."""

NEAR_ULPS = 4
"""First radius, in units in the last place of the primal's scale."""

FLOAT32_BITS = 24

LOW_BITS = 14
"""With so many bits or fewer there is nothing to listen to: claims are judged by regression."""

COARSER_RADIUS = 32
FROZEN = 0.25
"""Share of the outputs that may stand still under the jitter (dead units do, near their kinks)."""

Z = 8.0
"""Bars count noise Z times: false alarms are 1e-3 at Z = 3, 6e-4 at 6, none in 2e5 at 8."""


LOUD = 1 / 3
"""Noise above 2^-(LOUD p) of the outputs is none of rounding: something jumps under the jitter (a
branch is taken where a primal is zero). Each primal is then listened to by itself."""

TERM_ULPS = 2.0**12
"""The same in ulps of the terms whose sum an output may be."""


def far_ulps(bits: int) -> int:
    """Returns the second radius, in ulps: a third of the digits."""
    return 2 ** int(np.ceil(bits / 3))


def jittered(
    evaluator: Evaluator,
    ulps: int,
    rng: np.random.Generator,
    only: str | None = None,
    *,
    alike: bool = False,
) -> tuple[dict[str, object], dict[str, np.ndarray]]:
    """Returns a point jittered by at most so many ulps, and the displacement that this really was.

    Ulps are those of the evaluation's precision; a claim in a narrower one is jittered by calling
    this with an evaluator in the primals' own dtypes. With `only` one primal is moved. Where they
    are moved `alike`, equal entries are moved by the same: ties stay.
    """
    shifts = {}
    for name, x in evaluator.point.items():
        if only in (None, name):
            # Never by nothing: an entry left in its place (a zero, say) may be a special one.
            steps = np.asarray(rng.integers(-ulps, ulps, backends.coordinates(x)))
            steps += steps >= 0
            shifts[name] = evaluator.reaches[name] * backends.of(x).precision(x).eps * steps
    if alike:
        shifts = _shared(shifts, evaluator.fellows)
    moved, displacement = dict(evaluator.point), {}
    for name, shift in shifts.items():
        x = evaluator.point[name]
        moved[name] = backends.of(x).step(x, 1.0, shift)
        displacement[name] = backends.of(x).values(moved[name]) - backends.of(x).values(x)
    return moved, displacement


def scaled(evaluator: Evaluator, by: float, rng: np.random.Generator) -> dict[str, object]:
    """Returns a point whose entries are larger or smaller by some share; zeros and ties stay."""
    shifts = {}
    for name, x in evaluator.point.items():
        values = backends.of(x).values(x)
        shifts[name] = by * values * rng.uniform(-1.0, 1.0, values.shape)
    shifts = _shared(shifts, evaluator.fellows)
    return {n: backends.of(x).step(x, 1.0, shifts[n]) for n, x in evaluator.point.items()}


def _shared(shifts: dict[str, np.ndarray], alike: np.ndarray) -> dict[str, np.ndarray]:
    """Returns shifts of which each entry has that of its fellow."""
    flat = np.concatenate([shift.ravel() for shift in shifts.values()])[alike]
    parts = np.split(flat, np.cumsum([shift.size for shift in shifts.values()])[:-1])
    return {n: p.reshape(shifts[n].shape) for n, p in zip(shifts, parts, strict=True)}


def function_noise(
    evaluator: Evaluator,
    base: np.ndarray,
    weights: np.ndarray,
    gradients: list[dict[str, np.ndarray]],
    rng: np.random.Generator,
    *,
    narrow: bool,
    only: str | None = None,
) -> tuple[np.ndarray, int]:
    """Returns σ, the standard deviation of the rounding error of ⟨u, f⟩, for each cotangent u.

    And the radius, in ulps, at which the function was last listened to.

    Args:
        evaluator: the subject.
        base: f at the point, as one vector.
        weights: the cotangents as rows.
        gradients: the claimed pullback of each cotangent.
        rng: draws the jitter.
        narrow: whether the function computes in float32 inside, its primals being float64.
        only: the primal that is jittered, None for all.
    """
    sigma = rounding_floor(base, weights, FLOAT32_BITS if narrow else evaluator.bits)
    far, coarsest = far_ulps(evaluator.bits), 2 ** (evaluator.bits - 12)
    large = (
        jitters(evaluator, base, gradients, coarsest, 1, rng, only)[0] if narrow else np.empty(0)
    )
    ulps = NEAR_ULPS
    while ulps <= coarsest:
        changes, linear = jitters(evaluator, base, gradients, ulps, JITTERS, rng, only)
        spread = np.std(changes @ weights.T - linear, axis=0, ddof=1)
        sigma = np.maximum(sigma, np.where(np.isfinite(spread), spread, 0.0))
        # Outputs that stand still under a jitter, and move under a large one, are listened to at
        # larger radii: the noise of float32 shows only there.
        if ulps >= far and not (narrow and _is_frozen(large, changes)):
            break
        ulps = far if ulps < far else ulps * COARSER_RADIUS
    return sigma, (max(min(ulps, coarsest), far + 1) if narrow else far)


def loudest(evaluator: Evaluator, base: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns the loudest noise of ⟨u, f⟩ that may be rounding, for each cotangent u.

    Outputs that cancel to nearly nothing (the sum of a normalised batch) are as loud as what they
    are the sum of, which is taken to be of the size of the primals, or of 1.
    """
    share = 2.0 ** (-LOUD * evaluator.bits)
    terms = TERM_ULPS * ulp_of_terms(evaluator, weights)
    return np.maximum(share * seen_through(weights, base), terms)


def ulp_of_terms(evaluator: Evaluator, weights: np.ndarray) -> np.ndarray:
    """Returns the unit in the last place of what outputs may be the sum of, for each cotangent."""
    return ulp_of_primals(evaluator) * np.linalg.norm(weights, axis=1)


def ulp_of_primals(evaluator: Evaluator) -> float:
    """Returns the unit in the last place of the largest entry of the primals, of 1 at least."""
    return 2.0 ** (1 - evaluator.bits) * max(1.0, evaluator.largest)


def _is_frozen(large: np.ndarray, changes: np.ndarray) -> bool:
    """Whether more of the outputs stand still than dead units account for."""
    moving = large.any(axis=0)
    return bool((moving & ~changes.any(axis=0)).sum() > FROZEN * moving.sum())


def jitters(
    evaluator: Evaluator,
    base: np.ndarray,
    gradients: list[dict[str, np.ndarray]],
    ulps: int,
    count: int,
    rng: np.random.Generator,
    only: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the changes of f at jittered points, and what the claim says of each ⟨u, f⟩."""
    changes, linear = [], []
    for _ in range(count):
        moved, displacement = jittered(evaluator, ulps, rng, only)
        values = evaluator.values(moved)
        changes.append(values - base if values.size == base.size else np.full(base.size, np.nan))
        linear.append([dot(g, displacement) for g in gradients])
    return np.array(changes), np.array(linear)


def symmetric_noise(
    evaluator: Evaluator,
    base: np.ndarray,
    weights: np.ndarray,
    radius: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Returns σ without help of the claim: f(x + δ) + f(x − δ) − 2 f(x) has no linear part.

    Twice the evaluations of `function_noise`, whose σ a wrong claim inflates; at its last radius.
    """
    spreads = [rounding_floor(base, weights, evaluator.bits)]
    for ulps in (NEAR_ULPS, radius):
        sums = [weights @ bend for bend in _bends(evaluator, base, ulps, rng)]
        spread = rms(sums) / 6**0.5 if sums else spreads[0]
        spreads.append(np.where(np.isfinite(spread), spread, 0.0))
    return np.max(spreads, axis=0)


def outputs_noise(
    evaluator: Evaluator, base: np.ndarray, radius: int, rng: np.random.Generator
) -> np.ndarray:
    """Returns the standard deviation of the rounding error of each output, as `symmetric_noise`."""
    bends = list(_bends(evaluator, base, radius, rng))
    spread = rms(bends) / 6**0.5 if bends else np.zeros(base.size)
    return np.where(np.isfinite(spread), spread, 0.0)


def _bends(
    evaluator: Evaluator, base: np.ndarray, ulps: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yields f(x + δ) + f(x − δ) − 2 f(x) for some jitters δ."""
    for _ in range(JITTERS):
        moved, displacement = jittered(evaluator, ulps, rng)
        mirrored = {
            n: backends.of(x).step(x, -1.0, displacement[n]) for n, x in evaluator.point.items()
        }
        there, here = evaluator.values(moved), evaluator.values(mirrored)
        if there.size == base.size == here.size:
            yield (there - base) + (here - base)


def gradient_noise(
    evaluator: Evaluator,
    cotangent: Direction,
    outputs: dict[str, object],
    tangent: Direction,
    rng: np.random.Generator,
) -> float:
    """Returns the standard deviation of ⟨x̄, v⟩ among points jittered by a few ulps.

    The point itself is not among them: a claim that is special there (a mask of zeros, a guarded
    division) is a mistake, not noise; and so are the masks of a tie, which stays.
    """
    seen: list[float] = []
    for _ in range(JITTERS):
        moved, _ = jittered(evaluator, NEAR_ULPS, rng, alike=True)
        try:
            pulled = evaluator.pullback(cotangent, outputs, moved).cotangents
        except EvaluationError:  # away from the user's point it may do so
            return 0.0
        values = {n: backends.of(g).values(g) for n, g in pulled.items() if n in tangent}
        fitting = {n: g for n, g in values.items() if g.shape == tangent[n].shape}
        seen.append(dot(fitting, tangent))
    spread = float(np.std(seen, ddof=1))
    return spread if np.isfinite(spread) else 0.0


def rounding_floor(base: np.ndarray, weights: np.ndarray, bits: int) -> np.ndarray:
    """Returns the noise of rounding each output once, to half a unit in its last place."""
    return seen_through(weights, ulps_of(base, bits)) / 12.0**0.5


def ulps_of(base: np.ndarray, bits: int) -> np.ndarray:
    """Returns the unit in the last place of each output."""
    tiny = np.finfo(np.float64).tiny
    return 2.0 ** (1 - bits + np.floor(np.log2(np.maximum(np.abs(base), tiny))))
