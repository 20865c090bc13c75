"""Right gradients that are hard to pass are never accused, and decided wherever they can be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted.rights import MAY_BE_UNDECIDED, RIGHTS

import gradcheck

DTYPES = ("float64", "float32")
DECIDED = [name for name in RIGHTS if name not in MAY_BE_UNDECIDED]


def verdict(name, dtype, seed):
    right = RIGHTS[name]
    with np.errstate(all="ignore"):
        primals = right.draw(np.random.default_rng(seed), dtype)
        return gradcheck.check(right.f, primals, vjp=right.vjp, seed=seed)


@pytest.mark.parametrize("name", RIGHTS)
@given(seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from(DTYPES))
def test_a_hard_right_gradient_is_never_accused(name, seed, dtype):
    answer = verdict(name, dtype, seed)
    assert answer.status != "fail", f"{dtype} {answer}"
    assert all(f.severity == "warning" for f in answer.findings), str(answer)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", DECIDED)
def test_a_hard_right_gradient_is_decided(name, dtype):
    undecided = [seed for seed in range(8) if verdict(name, dtype, seed).status != "pass"]
    assert not undecided


@pytest.mark.parametrize("name", DECIDED)
def test_the_same_gradient_times_two_is_found(name):
    if name in NOTHING_TO_DOUBLE:
        pytest.skip("the gradient is zero: twice of it is right")
    right = RIGHTS[name]

    def doubled(u, **p):
        return {n: 2 * g for n, g in right.vjp(u, **p).items()}

    with np.errstate(all="ignore"):
        primals = right.draw(np.random.default_rng(5), "float64")
        answer = gradcheck.check(right.f, primals, vjp=doubled, seed=5)
    assert answer.status == "fail", str(answer)


NOTHING_TO_DOUBLE = {
    "sigmoid saturated everywhere",
    "softmax of one class",
    "softmax of 300",  # the gradient is below 1e-40 of an output of 1
    "softmax of 1000",
    "rectifier, all zero",
    "rectifier, all dead",
    "stationary point",
    "empty batch",
    "piecewise constant",
}
