"""Laws of the branch-frozen replay, over tables of NumPy functions that decide."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck.adapters import subject_of
from gradcheck.replay import Recorded, Refused, ReplayMismatch, record

ROWS, COLUMNS = 12, 8


def draw(seed, dtype="float64", shape=(ROWS, COLUMNS)):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def named(f):
    return lambda point: {"y": f(point["x"])}


def recorded(f, x, **options):
    result = record(named(f), {"x": x}, **options)
    assert isinstance(result, Recorded), result.reason
    return result


def copied_then(change):
    def f(x):
        y = x.copy()
        change(y)
        return y

    return f


def assign(key):
    return copied_then(lambda y: y.__setitem__(key(y), 0.0))


def max_by_loop(x):
    out = np.zeros(len(x))
    for i, row in enumerate(x):
        best = row[0]
        for value in row:
            best = max(best, value)
        out[i] = best
    return out


def pooled(x):
    windows = np.lib.stride_tricks.sliding_window_view(x, (2, 2))
    return windows.max(axis=(2, 3))


def newton_root(x):
    a = x[0, 0] ** 2 + 1
    y = a
    while abs(y * y - a) > 1e-5 * a:
        y = 0.5 * (y + a / y)
    return y


def insertion_sort(x):
    values = list(x[0])
    for i in range(1, len(values)):
        while i and values[i - 1] > values[i]:
            values[i - 1], values[i] = values[i], values[i - 1]
            i -= 1
    return np.array(values)


def recurrent(x):
    h, states = np.zeros(COLUMNS), []
    for row in x:
        h = np.maximum(0.5 * h[::-1] + row, 0.0)
        states.append(h)
    return np.stack(states)


def hinge(x):
    margins = np.maximum(0, x - x[np.arange(ROWS), np.arange(ROWS) % COLUMNS][:, None] + 1)
    margins[np.arange(ROWS), np.arange(ROWS) % COLUMNS] = 0
    return margins.sum() / ROWS


def layer_norm_relu(x):
    centred = x - x.mean(-1, keepdims=True)
    return np.maximum(centred / np.sqrt(x.var(-1, keepdims=True) + 1e-5), 0)


def attention_hard(x):
    scores = x @ x.T
    keep = scores >= np.sort(scores, axis=-1)[:, -3:-2]
    weights = np.where(keep, np.exp(scores - scores.max(-1, keepdims=True)), 0)
    return weights / weights.sum(-1, keepdims=True) @ x


FUNCTIONS = {
    "maximum": lambda x: np.maximum(x, 0),
    "maximum of two": lambda x: np.maximum(x, x[::-1] ** 2),
    "minimum": lambda x: np.minimum(x, 0.3),
    "fmax": lambda x: np.fmax(x, 0.1),
    "fmin": lambda x: np.fmin(x, x.mean()),
    "mask times": lambda x: (x > 0) * x**2,
    "mask from the left": lambda x: (0 < x) * x,
    "mask as float": lambda x: (x >= 0).astype(x.dtype) * x,
    "mask assigned": assign(lambda y: y < 0),
    "mask scaled in place": copied_then(lambda y: y.__setitem__(y < 0, 0.1 * y[y < 0])),
    "mask selects": lambda x: (x[x > 0] ** 2).sum(),
    "abs": np.abs,
    "builtin abs": abs,
    "fabs": lambda x: np.fabs(x),
    "sign": lambda x: np.sign(x) * x**2,
    "copysign": lambda x: np.copysign(x, -1.0),
    "heaviside": lambda x: np.heaviside(x, 0.5) * x,
    "clip": lambda x: np.clip(x, -0.5, 0.5),
    "clip method": lambda x: x.clip(max=0.5),
    "clip bounds that move": lambda x: np.clip(x, x.mean() - 0.5, x.mean() + 0.5),
    "max": lambda x: x.max(),
    "max along": lambda x: x.max(axis=1, keepdims=True) * x,
    "max over two axes": lambda x: x.reshape(6, 2, 4, 2).max((1, 3)),
    "max with initial": lambda x: np.max(x, axis=0, initial=1.0),
    "max where": lambda x: np.max(x, axis=0, where=x < 1, initial=-9.0),
    "amin": lambda x: np.amin(x, 0),
    "nanmax": lambda x: np.nanmax(x, axis=1),
    "ptp": lambda x: np.ptp(x, axis=0),
    "maximum.reduce": lambda x: np.maximum.reduce(x, axis=1),
    "maximum.accumulate": lambda x: np.maximum.accumulate(x, axis=1),
    "maximum.outer": lambda x: np.maximum.outer(x[0], x[1]),
    "argmax": lambda x: x[np.arange(ROWS), x.argmax(1)],
    "argmin function": lambda x: np.take_along_axis(x, np.argmin(x, 1)[:, None], 1),
    "sort": lambda x: np.sort(x, axis=0),
    "sort in place": copied_then(lambda y: y.sort(axis=1)),
    "argsort": lambda x: np.take_along_axis(x, np.argsort(-x, 1)[:, :3], 1),
    "partition": lambda x: np.partition(x, -2, axis=1)[:, -2:],
    "unique": np.unique,
    "median": np.median,
    "median along": lambda x: np.median(x, axis=0, keepdims=True),
    "quantile": lambda x: np.quantile(x, [0.2, 0.7], axis=0),
    "percentile": lambda x: np.percentile(x, 35),
    "where": lambda x: np.where(x > 0, x**2, np.sin(x)),
    "select": lambda x: np.select([x < -1, x > 1], [x, x**2], x**3),
    "piecewise": lambda x: np.piecewise(x, [x < 0, x > 1], [lambda v: 2 * v, lambda v: v**2, 0.0]),
    "interp": lambda x: np.interp(x, np.linspace(-4, 4, 17), np.linspace(-4, 4, 17) ** 2),
    "searchsorted": lambda x: (
        x * np.searchsorted(np.linspace(-3, 3, 13), x.ravel()).reshape(x.shape)
    ),
    "digitize": lambda x: x * np.digitize(x, [-1.0, 0.0, 1.0]),
    "floor": lambda x: x - np.floor(x),
    "ceil": lambda x: np.ceil(x) - x,
    "rint": lambda x: x - np.rint(x),
    "round": lambda x: x - x.round(),
    "round to digits": lambda x: x - np.round(x, 1),
    "floor division": lambda x: x - 0.5 * (x // 0.5),
    "remainder": lambda x: x % 0.3,
    "fmod": lambda x: np.fmod(x, 0.3),
    "modf": lambda x: np.modf(x)[0],
    "divmod": lambda x: divmod(x, 0.7)[1],
    "astype int": lambda x: x - x.astype(int),
    "norm 1": lambda x: np.linalg.norm(x, 1, axis=1),
    "norm inf": lambda x: np.linalg.norm(x, np.inf, axis=1),
    "matrix norm inf": lambda x: np.linalg.norm(x, np.inf),
    "norm 3": lambda x: np.linalg.norm(x, 3, axis=1),
    "bool": lambda x: x * 2 if x.sum() > 0 else x,
    "any": lambda x: x**2 if (x > 2).any() else x,
    "nonzero": lambda x: x[np.nonzero(x > 0)].sum(),
    "apply_along_axis": lambda x: np.apply_along_axis(lambda row: row.max(), 1, x),
    "vectorize": lambda x: np.vectorize(lambda v: v if v > 0 else 0.1 * v)(x),
    "flat": lambda x: np.array([max(v, 0) for v in x.flat]),
    "sum of abs": lambda x: sum(v if v > 0 else -v for v in x[0]),
    "sorted": lambda x: np.array(sorted(x[0])),
    "insertion sort": insertion_sort,
    "max by loop": max_by_loop,
    "in place with out": copied_then(lambda y: np.maximum(y, 0.1, out=y)),
    "asarray": lambda x: np.maximum(np.asarray(x), 0),
    "add.at": lambda x: add_at(np.abs(x)),
    "einsum": lambda x: np.einsum("ij,ij->i", np.maximum(x, 0), x),
    "fft": lambda x: np.abs(np.fft.rfft(np.maximum(x, 0))) ** 2,
    "solve": lambda x: np.linalg.solve(np.abs(x[:8]) + 8 * np.eye(8), x[8:].T),
    "pad": lambda x: np.pad(np.abs(x), 1),
    "pooling": pooled,
    "recurrent": recurrent,
    "newton": newton_root,
    "hinge": hinge,
    "layer norm": layer_norm_relu,
    "top-3 attention": attention_hard,
}


def add_at(x):
    out = np.zeros((3, COLUMNS))
    np.add.at(out, np.arange(ROWS) % 3, x)
    return out


def directional(f, x, v, t):
    """Returns the central difference of f along v, extrapolated once."""

    def slope(step):
        there, here = ((x + s * v).astype(x.dtype) for s in (step, -step))
        return (np.asarray(f(there), float) - np.asarray(f(here), float)) / (2 * step)

    return (4 * slope(t / 2) - slope(t)) / 3


def gap(measured, truth):
    return np.linalg.norm(measured - truth) / max(np.linalg.norm(truth), 1e-3)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    ("dtype", "step", "bound"), [("float64", 2**-9, 1e-6), ("float32", 2**-7, 2e-3)]
)
def test_frozen_differences_see_no_kink(name, dtype, step, bound):
    f, x, v = FUNCTIONS[name], draw(1), draw(2)
    at_x = recorded(f, x)
    assert at_x.decisions > 0 and not at_x.escaped
    near = 2.0**-24
    assert not any(at_x.flips({"x": x + s * near * v}) for s in (-1, 1))
    truth = directional(f, x, v, near)
    narrow = recorded(f, x.astype(dtype))
    frozen = lambda point: narrow.frozen({"x": point})["y"]  # noqa: E731
    assert gap(directional(frozen, x.astype(dtype), v.astype(dtype), step), truth) < bound


def test_the_table_has_kinks_within_these_steps():
    x, v, t = draw(1), draw(2), 2.0**-5
    flipping = [n for n, f in FUNCTIONS.items() if recorded(f, x).flips({"x": x + t * v})]
    assert len(flipping) > 0.6 * len(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_recording_changes_nothing(name):
    f, x = FUNCTIONS[name], draw(3)
    at_x = recorded(f, x)
    plain = f(x.copy())
    assert np.array_equal(at_x.outputs["y"], plain)
    assert type(at_x.outputs["y"]) is type(plain)
    assert np.array_equal(at_x.frozen({"x": x})["y"], plain)
    assert np.array_equal(x, draw(3))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_frozen_is_plain_where_nothing_flips(name):
    f, x = FUNCTIONS[name], draw(4)
    at_x = recorded(f, x)
    for k in range(4, 30, 2):
        moved = x + 2.0**-k * draw(5)
        if not at_x.flips({"x": moved}):
            assert np.array_equal(at_x.frozen({"x": moved})["y"], f(moved.copy()))
            break
    else:
        pytest.fail("a decision flips at every distance")


SMOOTH = {
    "tanh": np.tanh,
    "polynomial": lambda x: 3 * x**3 - x**2 / 2 + 1,
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True),
    "matrix product": lambda x: np.tanh(x @ x.T) @ x,
    "buffer": lambda x: add_at(np.sin(x)),
    "determinant": lambda x: np.linalg.slogdet(x[:8])[1],
    "einsum": lambda x: np.einsum("ij,kj->ik", x, x),
    "fft": lambda x: np.fft.irfft(np.fft.rfft(x) ** 2),
    "cumulative": lambda x: np.cumsum(np.exp(-(x**2)), axis=0),
    "concatenated": lambda x: np.concatenate([x.T, x.reshape(8, 12)], axis=1)[::2],
    "returned as a float": lambda x: float((x**2).sum()),
    "returned as an item": lambda x: (x**2).mean().item(),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_without_decisions_frozen_is_plain_everywhere(name):
    f, x = SMOOTH[name], draw(6)
    at_x = recorded(f, x)
    assert not any(d.op != "slogdet" for d in at_x.taken) and not at_x.escaped
    for scale in (1e-6, 1.0, 30.0):
        moved = x + scale * draw(7)
        assert np.array_equal(at_x.frozen({"x": moved})["y"], f(moved), equal_nan=True)


TIED = {
    "maximum": (lambda x: np.maximum(x, 0), 1),
    "absolute": (np.abs, 1),
    "clip": (lambda x: np.clip(x, 0, 2), 3),
    "greater": (lambda x: (x > 2) * x, 2),
    "maximum.reduce": (lambda x: x.max(), 1),
    "sort": (np.sort, 1),
    "argmax": (lambda x: x[x.argmax()], 1),
    "median": (lambda x: np.median(np.concatenate([x, x[1:2]])), 1),
    "floor": (lambda x: x - np.floor(x), 3),
    "bool": (lambda x: x if x[0] else 2 * x, 1),
}


@pytest.mark.parametrize("op", TIED)
def test_ties_are_counted(op):
    f, count = TIED[op]
    ties = recorded(f, np.array([0.0, 2.0, -1.5, 2.0])).ties
    assert ties == {op: count}


@pytest.mark.parametrize("op", TIED.keys() - {"median"})
def test_beside_ties_there_are_none(op):
    assert not recorded(TIED[op][0], np.array([0.1, 2.2, -1.5, 1.7])).ties


def test_a_mask_of_the_maxima_is_no_tie():
    assert not recorded(lambda x: (x == x.max(1, keepdims=True)) * x, draw(0)).ties


def early(x):
    return np.maximum(x, 0) if x.shape[0] == 2 else np.abs(np.maximum(x, 0))


@pytest.mark.parametrize("shape", [(2, 2), (4,), (3,)])
def test_another_sequence_of_operations_is_a_mismatch(shape):
    at_x = recorded(early, np.ones((3, 2)))
    with pytest.raises(ReplayMismatch):
        at_x.frozen({"x": np.ones(shape)})


def test_a_mismatch_that_is_swallowed_is_raised_all_the_same():
    calls = []

    def f(point):
        calls.append(None)
        try:
            return {"y": np.abs(point["x"]) if len(calls) < 2 else np.maximum(point["x"], 0)}
        except ReplayMismatch:
            return {"y": np.zeros(3)}

    at_x = record(f, {"x": np.ones(3)}, verify=False)
    assert isinstance(at_x, Recorded)
    with pytest.raises(ReplayMismatch, match="recorded was absolute"):
        at_x.frozen({"x": np.ones(3)})


hidden = np.zeros(COLUMNS)


def through_a_hidden_buffer(x):
    hidden[...] = x[0]
    return np.maximum(hidden, 0)


ESCAPING = {
    "float": lambda x: max(0.0, float(x.sum())) * x,
    "math": lambda x: math.fabs(x[0, 0]) * x,
    "item": lambda x: abs(x[0, 0].item()) * x,
    "tolist": lambda x: np.array([max(v, 0.0) for v in x[0].tolist()]),
    "hidden buffer": through_a_hidden_buffer,
    "early import": lambda x, early=np.asarray: np.maximum(early(x), 0),
    "python function": lambda x: np.frompyfunc(lambda v: max(v, 0.0), 1, 1)(x).astype(float),
    "histogram": lambda x: np.histogram(x, weights=x)[0],
    "unwrap": lambda x: np.unwrap(9 * x, axis=0),
    "memory": lambda x: np.maximum(np.frombuffer(x.tobytes()), 0),
}


@pytest.mark.parametrize("name", ESCAPING)
def test_what_is_not_seen_is_said_and_never_wrong(name):
    f, x, v = ESCAPING[name], draw(8), draw(9)
    at_x = recorded(f, x)
    assert at_x.escaped
    near = 2.0**-24
    truth = directional(f, x, v, near)
    assert gap(directional(lambda p: at_x.frozen({"x": p})["y"], x, v, near), truth) < 1e-6


def drifting(state=[0.0]):  # noqa: B006
    def f(x):
        state[0] += 1.0
        return x + state[0]

    return f


REFUSED = {
    "nondeterministic": drifting(),
    "another path for a subclass": lambda x: x * (2.0 if type(x) is np.ndarray else 3.0),
    "raises": lambda x: memoryview(x)[0],
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_recording_that_is_not_faithful_is_refused(name):
    result = record(named(REFUSED[name]), {"x": draw(0)})
    assert isinstance(result, Refused) and not result and result.reason


def test_numpy_is_as_it_was():
    before = {n: getattr(np, n) for n in ("array", "asarray", "zeros", "empty_like")}
    recorded(max_by_loop, draw(0))
    record(named(REFUSED["raises"]), {"x": draw(0)})
    assert all(getattr(np, n) is f for n, f in before.items())


def masked_by_its_generator(x):
    rng = np.random.default_rng(0)
    return np.maximum(x[rng.permutation(ROWS)] * (rng.random(x.shape) > 0.5) + rng.normal(), 0)


def test_compiled_code_gets_real_arrays():
    """It calls `np.empty` and `np.asarray` as well, and writes to the memory of what it gets."""
    x, v = draw(1), draw(2)
    at_x = recorded(masked_by_its_generator, x)
    truth = directional(masked_by_its_generator, x, v, 2.0**-24)
    assert gap(directional(lambda p: at_x.frozen({"x": p})["y"], x, v, 1.0), truth) < 1e-6


class Network:
    def __init__(self):
        rng = np.random.default_rng(0)
        self.W, self.b = rng.normal(size=(COLUMNS, 40)), np.zeros(40)
        self.parameters = [self.W, self.b]
        self.kept = np.zeros((ROWS, 40))

    def forward(self, x):
        self.x = x
        np.matmul(x, self.W, out=self.kept)
        self.kept += self.parameters[1]
        return np.maximum(self.kept, 0)

    def backward(self, y_bar):
        z_bar = y_bar * (self.kept > 0)
        self.dW, self.db = self.x.T @ z_bar, z_bar.sum(0)
        return z_bar @ self.W.T


def test_a_layer_is_followed_through_its_parameters_and_buffers():
    subject = subject_of(Network(), (draw(1),), vjp=None, wrt=None, name=None)
    at_point = record(subject.function, subject.point)
    assert isinstance(at_point, Recorded) and at_point.decisions == 1 and not at_point.escaped
    for name, x in subject.point.items():
        v = draw(2, shape=np.shape(x))
        ends = [at_point.frozen({**subject.point, name: x + s * v})["y"] for s in (1.0, -1.0)]
        near = [
            subject.function({**subject.point, name: x + s * 2.0**-26 * v})["y"] for s in (1, -1)
        ]
        assert np.allclose(ends[0] - ends[1], (near[0] - near[1]) * 2.0**26, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "longdouble", "complex64", "complex128"])
def test_other_dtypes(dtype):
    dtype = pytest.importorskip("ml_dtypes").bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    x = draw(1).astype(dtype)

    def f(x):
        return np.where(x.real > 0, x, 0 * x) * np.abs(x).astype(x.dtype)

    at_x = recorded(f, x)
    sizes = np.abs(x).astype(dtype) * (1 if np.iscomplexobj(x) else -1)
    assert at_x.decisions and at_x.outputs["y"].dtype == dtype
    assert np.array_equal(at_x.frozen({"x": -x})["y"], np.where(x.real > 0, -x, 0 * x) * sizes)


STEPS = [
    lambda x: np.maximum(x, 0.1),
    lambda x: np.abs(x) - 0.5,
    lambda x: np.clip(x, -0.7, 0.7),
    lambda x: np.sort(x, axis=0),
    lambda x: x - x.max(axis=1, keepdims=True),
    lambda x: np.where(x > 0, x, np.tanh(x)),
    lambda x: x * (x < x.mean()),
    lambda x: x - np.median(x, axis=0),
    lambda x: np.sin(x @ x.T / 8) @ x,
    lambda x: x[:, ::-1] * 1.5,
    lambda x: x % 1.0 - 0.5,
]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(range(len(STEPS))), min_size=1, max_size=6), st.integers(0, 2**20))
def test_any_chain_is_faithful(chain, seed):
    def f(x):
        for i in chain:
            x = STEPS[i](x)
        return x

    x = draw(seed)
    at_x = recorded(f, x)
    assert np.array_equal(at_x.frozen({"x": x})["y"], f(x))
    moved = x + 2.0**-12 * draw(seed + 1)
    if not at_x.flips({"x": moved}):
        assert np.array_equal(at_x.frozen({"x": moved})["y"], f(moved))


WIDTHS = (64, 512, 512, 10)


def network(seed, dtype):
    rng = np.random.default_rng(seed)
    point = {"x": rng.normal(size=(32, 64))}
    for i, (n_in, n_out) in enumerate(itertools.pairwise(WIDTHS)):
        point[f"W{i}"] = rng.normal(size=(n_in, n_out)) * np.sqrt(2 / n_in)
        point[f"b{i}"] = 0.1 * rng.normal(size=n_out)
    return {name: x.astype(dtype) for name, x in point.items()}


def loss(point):
    h = point["x"]
    for i in range(3):
        h = h @ point[f"W{i}"] + point[f"b{i}"]
        h = np.maximum(h, 0) if i < 2 else h
    top = h.max(axis=1, keepdims=True)
    terms = np.log(np.exp(h - top).sum(axis=1)) + top[:, 0] - h[np.arange(32), np.arange(32) % 10]
    return {"y": terms.mean()}


def loss_gradient(point):
    torch = pytest.importorskip("torch")
    tensors = {
        n: torch.tensor(x, dtype=torch.float64, requires_grad=True) for n, x in point.items()
    }
    h = tensors["x"]
    for i in range(3):
        h = h @ tensors[f"W{i}"] + tensors[f"b{i}"]
        h = torch.relu(h) if i < 2 else h
    value = torch.nn.functional.cross_entropy(h, torch.arange(32) % 10)
    gradients = torch.autograd.grad(value, list(tensors.values()))
    return {n: g.numpy() for n, g in zip(tensors, gradients, strict=True)}


@pytest.mark.parametrize(
    ("dtype", "step", "bound"), [("float32", 2.0**-7, 5e-4), ("float64", 2.0**-9, 3e-5)]
)
def test_a_wide_rectifier_network_is_smooth_once_frozen(dtype, step, bound):
    frozen, plain = [], []
    for seed in range(8):
        point = network(seed, dtype)
        gradient = loss_gradient(point)
        at_x = record(loss, point)
        assert isinstance(at_x, Recorded)
        rng = np.random.default_rng(seed)
        tangent = {n: rng.choice([-1, 1], x.shape) * np.std(x) for n, x in point.items()}
        there, here = (
            {n: (x + s * step * tangent[n]).astype(dtype) for n, x in point.items()}
            for s in (1, -1)
        )
        moved = {n: there[n].astype(float) - here[n] for n in point}
        expected = sum(np.vdot(gradient[n], moved[n]) for n in point)
        unit = np.sqrt(sum(np.sum((gradient[n] * moved[n]) ** 2) for n in point))
        for f, errors in ((at_x.frozen, frozen), (loss, plain)):
            errors.append(abs(float(f(there)["y"]) - float(f(here)["y"]) - expected) / unit)
    assert max(frozen) < bound
    assert np.median(plain) > 10 * bound
