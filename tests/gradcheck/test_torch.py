"""What PyTorch differentiates: functions, hand-written backwards, modules with their parameters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck

torch = pytest.importorskip("torch")
nn = torch.nn

SEEDS = st.integers(0, 2**31 - 1)
DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.complex128, torch.complex64)


def draw(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    wide = torch.complex128 if dtype.is_complex else torch.float64
    return torch.randn(*shape, generator=generator, dtype=wide).to(dtype)


def made(make, dtype=torch.float64):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make().to(dtype)


def function(forward, backward):
    """Returns the `apply` of an autograd.Function of x and w with a hand-written backward."""

    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            return forward(x, w)

        @staticmethod
        def backward(ctx, u):  # pyright: ignore
            return backward(u, *ctx.saved_tensors)

    return Product.apply


def matmul(x, w):
    return x @ w


def right(u, x, w):
    return u @ w.mH, x.mH @ u


def check(backward, x=None, w=None, **options):
    x, w = draw(4, 3) if x is None else x, draw(3, 2, seed=1) if w is None else w
    return gradcheck.check(function(matmul, backward), x, w, seed=0, **options)


def names(verdict):
    return [c.primal for c in verdict.comparisons if c.primal != "all together"]


def wrong(verdict):
    return {f.primal for f in verdict.findings if f.severity == "error"}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@settings(max_examples=5)
@given(seed=SEEDS)
def test_a_right_backward_passes_in_every_dtype(dtype, seed):
    verdict = check(right, draw(4, 3, seed=seed, dtype=dtype), draw(3, 2, seed=seed, dtype=dtype))
    assert verdict.status == "pass" and names(verdict) == ["x", "w"], str(verdict)
    assert verdict.subject == "Product" and not verdict.findings


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("factor", [0.5, 1.1, -1.0])
def test_a_wrong_backward_is_found_in_every_dtype(dtype, factor):
    spoiled = lambda u, x, w: (right(u, x, w)[0], factor * right(u, x, w)[1])  # noqa: E731
    verdict = check(spoiled, draw(4, 3, dtype=dtype), draw(3, 2, seed=1, dtype=dtype))
    assert verdict.status == "fail" and wrong(verdict) == {"w"}, str(verdict)


def test_a_forgotten_conjugate_is_found():
    x, w = draw(4, 3, dtype=torch.complex128), draw(3, 2, seed=1, dtype=torch.complex128)
    verdict = check(lambda u, x, w: (u @ w.T, x.T @ u), x, w)
    assert wrong(verdict) == {"x", "w"} and "imag" in str(verdict), str(verdict)


MISFITS = {
    "too few": (lambda u, x, w: u @ w.T, "count"),
    "too many": (lambda u, x, w: (*right(u, x, w), None, u), "count"),
    "transposed": (lambda u, x, w: (right(u, x, w)[0], right(u, x, w)[1].T), "shape"),
    "unreduced": (lambda u, x, w: (right(u, x, w)[0], x.T[:, :, None] * u), "shape"),
    "none": (lambda u, x, w: (right(u, x, w)[0], None), "missing"),
}


@pytest.mark.parametrize(("backward", "kind"), MISFITS.values(), ids=MISFITS)
def test_what_autograd_refuses_is_a_finding(backward, kind):
    verdict = check(backward)
    assert verdict.status == "fail" and verdict.findings[0].kind == kind, str(verdict)


def test_a_backward_that_raises_is_an_error_with_its_cause():
    def raising(u, x, w):
        raise ZeroDivisionError("deep inside")

    with pytest.raises(gradcheck.PullbackError, match="deep inside"):
        check(raising)
    with pytest.raises(gradcheck.EvaluationError, match="cannot be multiplied"):
        gradcheck.check(lambda x: x @ x, draw(2, 3))


def only_x(u, x, w):
    return right(u, x, w)[0], None


def test_wrt_chooses_what_is_differentiated():
    for wrt in ("x", ("x",), 0):
        verdict = check(only_x, wrt=wrt)
        assert verdict.status == "pass" and names(verdict) == ["x"], str(verdict)


def test_where_a_gradient_is_required_decides_else():
    verdict = check(only_x, x=draw(4, 3).requires_grad_())
    assert verdict.status == "pass" and names(verdict) == ["x"], str(verdict)
    assert "w: no gradient is required" in str(verdict)
    assert check(only_x, x=draw(4, 3).requires_grad_(), wrt="w").status == "fail"


FORMS = {
    "by name": (lambda a, b: (a @ b).tanh(), lambda x, w: ({"a": x, "b": w},), ["a", "b"]),
    "structured": (
        lambda p, x: {"y": x @ p["w"], "n": [p["w"].sum()]},
        lambda x, w: ({"w": w}, x),
        ["p.w", "x"],
    ),
    "integers beside": (
        lambda x, i: x[i],
        lambda x, w: (x, torch.tensor([0, 2, 2])),
        ["x"],
    ),
    "a number beside": (lambda x, n: x**n, lambda x, w: (x, 3), ["x"]),
}


@pytest.mark.parametrize(("f", "args", "wanted"), FORMS.values(), ids=FORMS)
def test_every_form_of_call_is_understood(f, args, wanted):
    verdict = gradcheck.check(f, *args(draw(4, 3), draw(3, 2)), seed=0)
    assert verdict.status == "pass" and names(verdict) == wanted, str(verdict)


def test_a_detached_output_is_a_missing_gradient():
    verdict = gradcheck.check(lambda x: x.detach() ** 2, draw(3), seed=0)
    assert [f.kind for f in verdict.findings] == ["missing"]


@pytest.mark.parametrize(("factor", "status"), [(2, "pass"), (1, "fail")])
def test_tensors_may_have_a_claim_of_their_own(factor, status):
    x = draw(5)
    by_vjp = gradcheck.check(lambda x: x * x, x, vjp=lambda u, x: factor * u * x, seed=0)
    by_rule = gradcheck.check(lambda x: (x * x, lambda u: factor * u * x), x, seed=0)
    assert by_vjp.status == by_rule.status == status


class Twice(nn.Module):
    """One matrix, used twice under two names."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
        self.b.weight = self.a.weight

    def forward(self, x):
        return self.b(torch.tanh(self.a(x)))


class Scaled(nn.Module):
    """A parameter by the name of its input."""

    def __init__(self):
        super().__init__()
        self.x = nn.Parameter(torch.tensor([0.5, 2.0, -1.0]))

    def forward(self, x):
        return self.x * x.sin()


def frozen():
    module = nn.Linear(3, 2)
    module.weight.requires_grad_(False)
    return module


def network():
    return nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 2))


MODULES = {
    "linear": (lambda: nn.Linear(3, 2), ["input", "weight", "bias"]),
    "frozen": (frozen, ["input", "bias"]),
    "tied": (Twice, ["x", "a.weight"]),
    "the input's name": (Scaled, ["x", "parameters.x"]),
    "batch norm": (lambda: nn.BatchNorm1d(3), ["input", "weight", "bias"]),
    "evaluating": (lambda: nn.BatchNorm1d(3).eval(), ["input", "weight", "bias"]),
    "network": (
        network,
        ["input", *(f"{i}.{n}" for i in (0, 1, 3) for n in ("weight", "bias"))],
    ),
    "dropout inside": (
        lambda: nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 2)),
        ["input", *(f"{i}.{n}" for i in (0, 2) for n in ("weight", "bias"))],
    ),
    "recurrent": (
        lambda: nn.LSTM(3, 2),
        ["input", "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"],
    ),
}
every_module = pytest.mark.parametrize(("make", "wanted"), MODULES.values(), ids=MODULES)


@every_module
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_a_module_is_checked_with_its_parameters_by_name(make, wanted, dtype):
    verdict = gradcheck.check(made(make, dtype), draw(6, 3, dtype=dtype), seed=0)
    assert verdict.status == "pass" and names(verdict) == wanted, str(verdict)
    assert not wrong(verdict)


def everything(module):
    state = {n: t.clone() for n, t in module.state_dict().items()}
    flags = [(n, p.requires_grad, p.grad) for n, p in module.named_parameters()]
    return state, flags, [m.training for m in module.modules()]


@every_module
def test_a_module_and_the_generators_are_left_as_they_were(make, wanted):
    module, x = made(make), draw(6, 3)
    copied = x.clone()
    state, flags, training = everything(module)
    before = torch.get_rng_state()
    gradcheck.check(module, x, seed=0)
    after, flags_after, training_after = everything(module)
    assert state.keys() == after.keys() and flags == flags_after and training == training_after
    assert all(torch.equal(state[n], after[n]) for n in state)
    assert torch.equal(before, torch.get_rng_state()) and torch.equal(x, copied)
    assert not x.requires_grad and x.grad is None


class Counting(nn.Module):
    """Its output depends on how often it was called."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        return x.sin() * self.calls


def test_what_a_module_keeps_in_buffers_is_there_at_each_call_as_at_the_first():
    module = made(Counting)
    verdict = gradcheck.check(module, draw(4, 3), seed=0)
    assert verdict.status == "pass" and not verdict.findings, str(verdict)
    assert module.calls == 0


class Broken(torch.autograd.Function):
    """A linear map whose backward forgets to reduce the batch by its sum."""

    @staticmethod
    def forward(ctx, x, w, b):
        ctx.save_for_backward(x, w)
        return x @ w + b

    @staticmethod
    def backward(ctx, u):  # pyright: ignore
        x, w = ctx.saved_tensors
        return u @ w.T, x.T @ u, u.mean(0)


class BrokenLinear(nn.Module):
    def __init__(self):
        super().__init__()
        self.w, self.b = nn.Parameter(torch.randn(3, 2)), nn.Parameter(torch.zeros(2))

    def forward(self, x):
        return Broken.apply(x, self.w, self.b)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_a_parameter_with_a_wrong_gradient_is_named(dtype):
    verdict = gradcheck.check(made(BrokenLinear, dtype), draw(5, 3, dtype=dtype), seed=0)
    assert verdict.status == "fail" and wrong(verdict) == {"b"}, str(verdict)
    module = made(lambda: nn.Sequential(nn.Linear(4, 3), BrokenLinear()), dtype)
    verdict = gradcheck.check(module, draw(5, 4, dtype=dtype), seed=0)
    assert verdict.status == "fail" and wrong(verdict) == {"1.b"}, str(verdict)


def test_a_hook_that_changes_a_gradient_is_found():
    module = made(lambda: nn.Linear(3, 2))
    module.register_full_backward_hook(lambda m, given, taken: (2 * given[0],))
    assert wrong(gradcheck.check(module, draw(4, 3), seed=0)) == {"input"}


def test_wrt_names_parameters_of_a_module_or_all_below_a_name():
    module = made(network)
    assert names(gradcheck.check(module, draw(6, 3), wrt="0", seed=0)) == ["0.weight", "0.bias"]
    assert names(gradcheck.check(module, draw(6, 3), wrt="3.bias", seed=0)) == ["3.bias"]
    with pytest.raises(gradcheck.InvalidInput, match=r"'5\.weight'"):
        gradcheck.check(module, draw(6, 3), wrt="5.weight")


def test_a_module_of_integers_has_its_parameters_only():
    verdict = gradcheck.check(made(lambda: nn.Embedding(5, 3)), torch.tensor([0, 1, 1, 4]), seed=0)
    assert verdict.status == "pass" and names(verdict) == ["weight"]


def test_a_lazy_module_stays_lazy():
    module = nn.LazyLinear(2)
    verdict = gradcheck.check(module, draw(4, 3, dtype=torch.float32), seed=0)
    assert verdict.status == "pass" and names(verdict) == ["input", "weight", "bias"]
    assert nn.parameter.is_lazy(module.weight)


class Uncopied(nn.Linear):
    def __deepcopy__(self, memo):
        raise RuntimeError("there can be only one")


MALFORMED = {
    "no input": (lambda: gradcheck.check(nn.Linear(3, 2)), "no input"),
    "integers": (lambda: gradcheck.check(lambda i: 2 * i, torch.arange(3)), "differentiate"),
    "infinity": (lambda: gradcheck.check(torch.sin, torch.tensor([1.0, torch.inf])), "finite"),
    "not copied": (lambda: gradcheck.check(Uncopied(3, 2), draw(4, 3)), "only one"),
}


@pytest.mark.parametrize(("call", "said"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_call_raises_and_says_why(call, said):
    with pytest.raises(gradcheck.InvalidInput, match=said):
        call()


def test_dropout_is_given_the_same_mask_at_each_evaluation():
    verdict = gradcheck.check(lambda x: nn.functional.dropout(x * x, 0.5), draw(40), seed=0)
    assert "given the same ones" in str(verdict)
    assert not [f for f in verdict.findings if f.kind == "value"]


def test_running_statistics_are_no_state_between_calls():
    module = made(lambda: nn.BatchNorm1d(3, momentum=None))
    verdict = gradcheck.check(module, draw(6, 3), seed=0)
    assert verdict.status == "pass" and not verdict.findings, str(verdict)
    assert int(module.num_batches_tracked) == 0


def test_numpy_and_torch_agree_on_the_same_check():
    x = np.random.default_rng(0).normal(size=(4, 3))
    ours = gradcheck.check(np.sin, x, vjp=lambda u, x: 0.9 * u * np.cos(x), seed=3)
    theirs = gradcheck.check(
        torch.sin, torch.from_numpy(x), vjp=lambda u, x: 0.9 * u * torch.cos(x), seed=3
    )
    pairs = zip(ours.findings, theirs.findings, strict=True)
    assert all(a.kind == b.kind and a.indices == b.indices for a, b in pairs)
    assert ours.findings[0].ratio == pytest.approx(theirs.findings[0].ratio, rel=1e-6)


WITH_MORE = {
    "indices of the maxima": lambda x: torch.max(x, 1),
    "indices of the largest": lambda x: torch.topk(x, 2),
    "a mask": lambda x: {"y": x.sin(), "mask": x > 0},
    "None": lambda x: (x.sin(), None),
    "a number": lambda x: (x.sin(), 3.0),
}


@pytest.mark.parametrize("name", WITH_MORE)
def test_what_has_no_derivative_may_stand_beside_the_output(name):
    assert gradcheck.check(WITH_MORE[name], draw(4, 3), seed=0).status == "pass"


def test_what_is_only_a_mask_or_a_number_is_refused():
    for f in (lambda x: x > 0, lambda x: x.sum().item()):
        with pytest.raises(gradcheck.EvaluationError, match="wanted a"):
            gradcheck.check(f, draw(4, 3), seed=0)


class Doubling(torch.autograd.Function):
    """A lookup whose backward is doubled where that is asked for."""

    @staticmethod
    def forward(ctx, table, rows, factor):
        ctx.save_for_backward(rows)
        ctx.shape, ctx.factor = table.shape, factor
        return table[rows]

    @staticmethod
    def backward(ctx, u):  # pyright: ignore
        (rows,) = ctx.saved_tensors
        slopes = torch.sparse_coo_tensor(
            rows[None], ctx.factor * u, ctx.shape, check_invariants=True
        )
        return slopes, None, None


@pytest.mark.parametrize(("factor", "status"), [(1.0, "pass"), (2.0, "fail")])
def test_a_sparse_gradient_stands_for_the_dense_one(factor, status):
    rows = torch.tensor([1, 2, 2])
    verdict = gradcheck.check(lambda t: Doubling.apply(t, rows, factor), draw(7, 3), seed=0)
    assert verdict.status == status


def test_an_embedding_with_sparse_gradients_and_a_sparse_factor_pass():
    table = made(lambda: nn.Embedding(7, 3, sparse=True), torch.float64)
    assert gradcheck.check(table, torch.tensor([1, 2, 2]), seed=0).status == "pass"
    eye = torch.eye(3, dtype=torch.float64).to_sparse()
    assert gradcheck.check(torch.sparse.mm, eye, draw(3, 4), seed=0).status == "pass"


def test_what_a_module_cannot_take_is_said_in_the_callers_words():
    linear = made(lambda: nn.Linear(3, 2))
    with pytest.raises(gradcheck.InvalidInput, match="NumPy array, and a module takes tensors"):
        gradcheck.check(linear, np.zeros((4, 3)))
    with pytest.deprecated_call():
        traced = torch.jit.trace(linear.double(), draw(4, 3))
    with pytest.raises(gradcheck.InvalidInput, match=r"compiled by torch\.jit"):
        gradcheck.check(traced, draw(4, 3))


def steep(x, *, detached=False):
    """The squared norm of the gradient of ∑ x sin x: autograd is asked within the function."""
    (slope,) = torch.autograd.grad((x.sin() * x).sum(), x, create_graph=True)
    return (slope.detach() if detached else slope).pow(2).sum() + 0 * x.sum()


@pytest.mark.parametrize("requires", [True, False])
def test_a_function_may_ask_autograd_itself(requires):
    x = torch.linspace(-1.0, 2.0, 5, dtype=torch.float64, requires_grad=requires)
    right = gradcheck.check(steep, x, seed=1)
    assert right.status == "pass", str(right)
    wrong = gradcheck.check(lambda x: steep(x, detached=True), x, seed=1)
    assert wrong.status == "fail", str(wrong)


def test_a_bias_before_a_normalisation_has_no_digits_to_lose():
    for seed in range(4):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5))
        verdict = gradcheck.check(net, torch.randn(8, 4), seed=seed)
        assert verdict.status == "pass" and not verdict.findings, str(verdict)


class Recomputed(nn.Module):
    """What is computed anew in the backward pass meets the module's own parameters there."""

    def __init__(self, factor=1.0):
        super().__init__()
        self.first, self.last, self.factor = nn.Linear(4, 4), nn.Linear(4, 2), factor

    def forward(self, x):
        from torch.utils.checkpoint import checkpoint

        scaled = function(lambda x, w: x * w, lambda u, x, w: (self.factor * u * w, None))
        one = torch.ones((), dtype=x.dtype)
        y = checkpoint(lambda x: torch.tanh(self.first(x)), x, use_reentrant=False)
        return self.last(scaled(y, one))


@pytest.mark.parametrize(("factor", "status"), [(1.0, "pass"), (1.5, "fail")])
def test_a_module_that_is_computed_anew_is_right_or_wrong_as_any_other(factor, status):
    verdict = gradcheck.check(made(lambda: Recomputed(factor)), draw(5, 4), seed=0)
    assert verdict.status == status, str(verdict)
