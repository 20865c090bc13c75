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
