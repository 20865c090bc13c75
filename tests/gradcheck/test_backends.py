"""Laws of the array libraries: what the core may rely on, whatever the dtype and the library."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck import backends
from gradcheck.backends import BACKENDS

NUMPY = {
    "float16": 11,
    "float32": 24,
    "float64": 53,
    "longdouble": np.finfo(np.longdouble).nmant + 1,
    "complex64": 24,
    "complex128": 53,
    "clongdouble": np.finfo(np.longdouble).nmant + 1,
}
ML_DTYPES = {"bfloat16": 8}
TORCH = {
    "float16": 11,
    "bfloat16": 8,
    "float32": 24,
    "float64": 53,
    "complex64": 24,
    "complex128": 53,
}
KINDS = {
    **{("numpy", name): bits for name, bits in NUMPY.items()},
    **{("ml_dtypes", name): bits for name, bits in ML_DTYPES.items()},
    **{("torch", name): bits for name, bits in TORCH.items()},
}
LONG = {("numpy", "longdouble"), ("numpy", "clongdouble")}
OTHERS = [kind for kind in KINDS if kind not in LONG]

SHAPES = st.lists(st.integers(0, 4), max_size=3).map(tuple)
FULL = st.lists(st.integers(1, 4), max_size=3).map(tuple)
SEEDS = st.integers(0, 2**32 - 1)

every_kind = pytest.mark.parametrize("kind", KINDS, ids="-".join)
but_long_double = pytest.mark.parametrize("kind", OTHERS, ids="-".join)


def array(kind, values):
    """Returns values (complex ones for a complex dtype) as an array of the kind."""
    library, name = kind
    module = pytest.importorskip(library)
    values = values if "complex" in name or name == "clongdouble" else np.real(values)
    if library == "torch":
        return module.from_numpy(np.array(values)).to(getattr(module, name))
    return np.array(values).astype(getattr(module, name))


def drawn(kind, shape, seed):
    rng = np.random.default_rng(seed)
    return array(kind, rng.normal(size=shape) + 1j * rng.normal(size=shape))


def moved(x, seed):
    return np.random.default_rng(seed).normal(size=backends.coordinates(x))


@every_kind
def test_one_library_owns_an_array_and_knows_its_precision(kind):
    x = drawn(kind, (2, 3), 0)
    assert sum(backend.owns(type(x)) for backend in BACKENDS) == 1 and backends.is_floating(x)
    precision, bits = backends.of(x).precision(x), KINDS[kind]
    assert (precision.bits, precision.eps) == (bits, 2.0 ** (1 - bits))
    assert "complex" not in precision.name and precision.eps < 1 < precision.largest
    if kind not in LONG:  # whose range is beyond that of the core's numbers
        assert 0 < precision.tiny < precision.eps and precision.largest < np.inf
        assert backends.of(x).dtype(x) == kind[1]


NO_ARRAYS = (None, "text", [1.0], (1.0,), {"x": 1.0}, object())
NOT_FLOATING = (1, True, np.int32(3), np.arange(3), np.array(["a"]), np.array([None]))


@pytest.mark.parametrize("value", NO_ARRAYS, ids=repr)
def test_what_no_library_owns_is_no_array(value):
    assert not backends.is_array(value) and not backends.is_floating(value)
    with pytest.raises(TypeError, match=type(value).__name__):
        backends.of(value)


@pytest.mark.parametrize("value", NOT_FLOATING, ids=repr)
def test_what_has_no_derivative_is_not_floating(value):
    assert backends.is_array(value) and not backends.is_floating(value)


def test_tensors_without_a_derivative_are_not_floating():
    torch = pytest.importorskip("torch")
    for x in (torch.arange(3), torch.ones(3, dtype=torch.bool), torch.eye(3).to_sparse()):
        assert backends.is_array(x) and not backends.is_floating(x)


@every_kind
@given(shape=SHAPES, seed=SEEDS)
def test_coordinates_are_real_float64_in_the_shape_of_the_array(kind, shape, seed):
    x = drawn(kind, shape, seed)
    values = backends.of(x).values(x)
    assert values.dtype == np.float64 and values.shape == backends.coordinates(x)
    assert backends.of(x).shape(x) == shape and backends.size(x) == int(np.prod(shape))
    if backends.of(x).is_complex(x):
        assert values.shape == (*shape, 2)
        conjugate = backends.of(x).values(x.conj())
        assert np.array_equal(conjugate, values * (1, -1))


@but_long_double
@given(shape=FULL, seed=SEEDS)
def test_coordinates_and_back_is_the_same_array(kind, shape, seed):
    x = drawn(kind, shape, seed)
    backend = backends.of(x)
    again = backend.like(backend.values(x), x)
    assert type(again) is type(x) and backend.same(again, x)
    assert backend.dtype(again) == backend.dtype(x) and backend.shape(again) == shape


@but_long_double
@given(shape=FULL, seed=SEEDS, t=st.sampled_from([1.0, 2.0**-6, 2.0**-20]))
def test_a_step_is_the_sum_rounded_once(kind, shape, seed, t):
    x = drawn(kind, shape, seed)
    backend, v = backends.of(x), moved(x, seed + 1)
    before = backend.copy(x)
    stepped = backend.step(x, t, v)
    assert backend.same(stepped, backend.like(backend.values(x) + t * v, x))
    assert backend.same(x, before) and not backend.shares(stepped, x)
    assert backend.same(backend.step(x, t, np.zeros_like(v)), x)


@pytest.mark.parametrize("kind", sorted(LONG), ids="-".join)
def test_a_step_of_long_doubles_keeps_their_digits(kind):
    x = drawn(kind, (3, 4), 0)
    stepped = backends.of(x).step(x, 1.5 * backends.of(x).precision(x).eps, np.abs(moved(x, 1)) + 1)
    assert stepped.dtype == x.dtype and not np.any(stepped == x)


@every_kind
@given(shape=SHAPES, seed=SEEDS)
def test_a_wider_precision_and_back_is_the_same_array(kind, shape, seed):
    x = drawn(kind, shape, seed)
    backend = backends.of(x)
    own = backend.precision(x).name
    wide = backend.cast(x, own if kind in LONG else "float64")
    assert backend.precision(wide).bits >= backend.precision(x).bits
    assert backend.is_complex(wide) == backend.is_complex(x)
    assert np.array_equal(backend.values(wide), backend.values(x))
    assert backend.same(backend.cast(wide, own), x) and not backend.shares(wide, x)


@every_kind
@given(seed=SEEDS, i=st.integers(0, 5))
def test_arrays_are_the_same_bit_for_bit_only(kind, seed, i):
    x = drawn(kind, (2, 3), seed)
    backend = backends.of(x)
    other, entry = backend.copy(x), np.unravel_index(i, (2, 3))
    assert backend.same(x, other) and not backend.shares(x, other)
    other[entry] += 2 * backend.precision(x).eps * other[entry]
    assert not backend.same(x, other)
    backend.restore(other, x)
    assert backend.same(x, other)
    assert not backend.same(x, x[:, :2]) and not backend.same(x, x[0])


REAL = [kind for kind in OTHERS if "complex" not in kind[1]]


@pytest.mark.parametrize("kind", REAL, ids="-".join)
def test_nan_is_the_same_as_nan_and_as_nothing_else(kind):
    x, y = (array(kind, np.array([1.0, value, np.inf])) for value in (np.nan, 2.0))
    assert backends.of(x).same(x, backends.of(x).copy(x)) and not backends.of(x).same(x, y)


def test_arrays_of_two_precisions_are_not_the_same():
    x = np.ones(3)
    assert not backends.of(x).same(x, x.astype(np.float32))
    torch = pytest.importorskip("torch")
    assert not backends.of(torch.ones(3)).same(torch.ones(3), torch.ones(3, dtype=torch.float64))


@every_kind
@given(rows=st.lists(st.integers(0, 4), max_size=2), columns=st.integers(2, 5), seed=SEEDS)
def test_other_layouts_hold_the_same_values(kind, rows, columns, seed):
    x = drawn(kind, (*rows, columns), seed)
    backend = backends.of(x)
    found = dict(backend.layouts(x))
    several = backends.size(x) > 1
    assert bool(found) == several and len(found) == len(list(backend.layouts(x)))
    for other in found.values():
        assert backend.same(other, x) and not backend.shares(other, x)
        assert strides(other) != strides(x)
    assert len({strides(other) for other in found.values()}) == len(found)


@every_kind
@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0), (1, 1)], ids=str)
def test_what_has_one_entry_has_one_layout(kind, shape):
    x = drawn(kind, shape, 0)
    assert not list(backends.of(x).layouts(x))


def strides(x):
    return x.strides if isinstance(x, np.ndarray) else x.stride()


@every_kind
@given(shape=SHAPES, seed=SEEDS)
def test_a_broadcast_array_is_ones_in_one_place(kind, shape, seed):
    x = drawn(kind, shape, seed)
    backend = backends.of(x)
    ones = backend.broadcast(x)
    if backends.size(x) < 2:
        assert ones is x
        return
    assert backend.same(backend.copy(ones), backend.like(backend.values(ones), x))
    assert backend.dtype(ones) == backend.dtype(x) and backend.shape(ones) == shape
    assert set(np.asarray(backend.values(ones)).ravel()) <= {0.0, 1.0} and not any(strides(ones))
    assert np.all(backend.values(ones).reshape(-1, 2 if backend.is_complex(x) else 1)[:, 0] == 1)


@every_kind
def test_memory_is_shared_by_views_and_by_nothing_else(kind):
    x = drawn(kind, (4, 6), 0)
    backend = backends.of(x)
    for view in (x, x[1:], x[:, ::2], x.T, x.reshape(-1)[3:], x[0, 0:1]):
        assert backend.shares(x, view) and backend.shares(view, x)
    assert not backend.shares(x[:2], x[2:]) and not backend.shares(x, backend.copy(x))
    assert not backend.shares(x, x[:0]) and not backend.shares(x[:0], x[:0])
    assert not backend.shares(x, None) and not backend.shares(x, 1.0)


def test_a_copy_of_a_numpy_array_keeps_its_memory_order():
    x = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    assert backends.of(x).copy(x).strides == x.strides


def test_what_cannot_be_written_to_is_not_restored():
    x = np.zeros(3)
    x.flags.writeable = False
    backends.of(x).restore(x, np.ones(3))
    assert not x.any()


@pytest.mark.parametrize(
    "x", [2.0, 1 + 2j, np.float32(2), np.float64(2), np.complex64(2 + 1j)], ids=repr
)
def test_a_scalar_stays_the_kind_of_scalar_that_it_is(x):
    backend = backends.of(x)
    v = np.ones(backends.coordinates(x))
    assert type(backend.copy(x)) is type(x) and type(backend.like(v, x)) is type(x)
    assert type(backend.step(x, 0.5, v)) is type(x) and not list(backend.layouts(x))
    assert backend.step(x, 0.5, v) == x + (0.5 + 0.5j if np.iscomplexobj(x) else 0.5)
    assert np.array_equal(backend.values(backend.cast(x, "float64")), backend.values(x))


def test_tensors_are_handed_out_detached():
    torch = pytest.importorskip("torch")
    x = torch.ones(3, requires_grad=True)
    backend = backends.of(x)
    made = [backend.copy(x), backend.cast(x, "float64"), backend.step(x, 0.5, np.ones(3))]
    assert not any(y.requires_grad for y in made) and x.requires_grad
    assert np.array_equal(backend.values(x), np.ones(3))
