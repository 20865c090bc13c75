"""Warm-started solvers: right ones pass with a warning, wrong ones fail; noise is an error."""

import numpy as np
import pytest

import gradcheck

SEEDS = range(5)


class Solver:
    """z = tanh(z / 2 + x), iterated from the last solution until steps are below a tolerance."""

    def __init__(self, tolerance: float):
        self.tolerance = tolerance
        self.z = np.zeros(6)

    def __call__(self, x):
        self.z = np.zeros_like(x) if self.z.shape != x.shape else self.z
        step = np.inf
        while step > self.tolerance:
            new = np.tanh(self.z / 2 + x)
            step, self.z = float(np.max(np.abs(new - self.z), initial=0.0)), new
        return self.z.copy()

    def implicit(self, u, x):
        slope = 1 - self(x) ** 2
        return u * slope / (1 - slope / 2)

    def last_step_only(self, u, x):
        return u * (1 - self(x) ** 2)


@pytest.mark.parametrize("tolerance", [1e-4, 1e-8, 1e-13])
@pytest.mark.parametrize(("pull", "status"), [("implicit", "pass"), ("last_step_only", "fail")])
def test_a_solver_that_starts_from_its_last_solution_is_judged(tolerance, pull, status):
    for seed in SEEDS:
        solver, x = Solver(tolerance), np.random.default_rng(seed).normal(size=6)
        verdict = gradcheck.check(solver, x, vjp=getattr(solver, pull), seed=seed)
        assert verdict.status == status, str(verdict)
        assert verdict.findings[-1].kind == "settles" and verdict.findings[-1].severity == "warning"
        assert status == "fail" or verdict.resolution > tolerance / 8


@pytest.mark.parametrize("size", [1e-12, 1e-6, 1e-3])
def test_noise_that_never_settles_is_an_error(size):
    noise = np.random.default_rng(0)
    noisy = lambda x: np.sin(x) * (1 + size * noise.normal(size=4))  # noqa: E731
    for seed in SEEDS:
        verdict = gradcheck.check(noisy, np.ones(4), vjp=lambda u, x: u * np.cos(x), seed=seed)
        assert "forward_nondeterministic" in {f.kind for f in verdict.findings}, str(verdict)


def test_answers_that_are_far_off_at_first_are_no_solver_s():
    for seed in SEEDS:
        solver, x = Solver(0.3), np.random.default_rng(seed).normal(size=6)
        verdict = gradcheck.check(solver, x, vjp=solver.implicit, seed=seed)
        assert "forward_nondeterministic" in {f.kind for f in verdict.findings}, str(verdict)


def test_noise_of_a_few_ulps_is_neither_a_solver_s_nor_rounding():
    for seed in range(40):
        noise, x = np.random.default_rng(seed), np.random.default_rng(seed + 99).normal(size=(3, 2))
        jitter = lambda x: 1 + 3e-7 * noise.normal(size=x.shape)  # noqa: B023, E731
        noisy = lambda x: (np.tanh(x) * jitter(x)).astype(np.float32)  # noqa: B023, E731
        slope = lambda u, x: u * (1 - np.tanh(x) ** 2)  # noqa: E731
        verdict = gradcheck.check(noisy, x.astype(np.float32), vjp=slope, seed=seed)
        assert "forward_nondeterministic" in {f.kind for f in verdict.findings}, str(verdict)
