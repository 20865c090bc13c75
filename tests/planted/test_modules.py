"""In a tree of PyTorch modules the module with a wrong backward is named, and no other."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck

torch = pytest.importorskip("torch")
nn = torch.nn

SEEDS = st.integers(0, 2**31)


class Product(torch.autograd.Function):
    """x @ w with a factor too many in either gradient."""

    @staticmethod
    def forward(ctx, x, w, of_x, of_w):
        ctx.save_for_backward(x, w)
        ctx.factors = of_x, of_w
        return x @ w

    @staticmethod
    def backward(ctx, u):  # pyright: ignore
        x, w = ctx.saved_tensors
        of_x, of_w = ctx.factors
        flat = x.reshape(-1, x.shape[-1]).mT @ u.reshape(-1, u.shape[-1])
        return of_x * (u @ w.mT), of_w * flat, None, None


class Linear(nn.Module):
    """A hand-written backward; right where both factors are one."""

    def __init__(self, n, of_x=1.0, of_w=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n, n) / n**0.5)
        self.of_x, self.of_w = of_x, of_w

    def forward(self, x):
        return Product.apply(x, self.weight, self.of_x, self.of_w)


class Block(nn.Module):
    """What people put around a layer: normalisation, in-place rectifier, dropout, a residual."""

    def __init__(self, n, linear):
        super().__init__()
        self.linear, self.norm = linear, nn.LayerNorm(n)
        self.act, self.drop = nn.ReLU(inplace=True), nn.Dropout(0.2)

    def forward(self, x, *, scale=1.0):
        return x + scale * self.drop(self.act(self.norm(self.linear(x))))


class Tree(nn.Module):
    """Containers, a keyword, a recurrent layer, several outputs, a module that is not used."""

    def __init__(self, n, linears):
        super().__init__()
        self.blocks = nn.ModuleList(Block(n, linear) for linear in linears)
        self.recurrent = nn.GRU(n, n, batch_first=True)
        self.heads = nn.ModuleDict({"a": nn.Linear(n, 2), "b": nn.Sequential(nn.Linear(n, 3))})
        self.idle = nn.Linear(n, n)

    def forward(self, x):
        for block in self.blocks:
            x = block(x, scale=0.5)
        self.idle(x)
        y, last = self.recurrent(x)
        return {"a": self.heads["a"](y), "b": (self.heads["b"](y), last)}


class Recurrence(nn.Module):
    """One cell at every time step."""

    def __init__(self, n, linears):
        super().__init__()
        self.cells = nn.ModuleList(linears)
        self.out = nn.Linear(n, 2)

    def forward(self, x):
        h = x[:, 0]
        for t in range(x.shape[1]):
            for cell in self.cells:
                h = torch.tanh(cell(h)) + x[:, t]
        return self.out(h)


class Row(nn.Sequential):
    def __init__(self, n, linears):
        super().__init__(*(layer for one in linears for layer in (one, nn.Tanh())))


FORMS = {
    "sequential": (Row, lambda i: f"net[{2 * i}].Product"),
    "tree": (Tree, lambda i: f"blocks[{i}].linear.Product"),
    "recurrence": (Recurrence, lambda i: f"cells[{i}].Product"),
}
FACTORS = {"input": {"of_x": 2.0}, "weight": {"of_w": -1.0}}


def made(form, faults, dtype=torch.float64, n=4, depth=3):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        linears = [Linear(n, **faults.get(i, {})) for i in range(depth)]
        return form(n, linears).to(dtype), torch.randn(2, 3, n).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=2)
@given(data=st.data(), seed=SEEDS)
def test_the_wrong_module_is_named(name, dtype, data, seed):
    form, path = FORMS[name]
    wrong = data.draw(
        st.dictionaries(st.integers(0, 2), st.sampled_from(list(FACTORS)), min_size=1, max_size=2)
    )
    module, x = made(form, {i: FACTORS[f] for i, f in wrong.items()}, dtype)
    before = copy.deepcopy(module.state_dict())
    verdict = gradcheck.check(module, x, seed=seed)
    last_first = sorted(wrong, reverse=True)
    assert [root.path for root in verdict.roots] == [path(i) for i in last_first], str(verdict)
    for root, i in zip(verdict.roots, last_first, strict=True):
        assert {f.primal for f in root.findings} == {"x" if wrong[i] == "input" else "w"}
    assert all(torch.equal(x, before[n]) for n, x in module.state_dict().items())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
    assert len(str(verdict).splitlines()) <= 24


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=3)
@given(seed=SEEDS)
def test_the_right_tree_has_no_roots(name, train, seed):
    module, x = made(FORMS[name][0], {})
    verdict = gradcheck.check(module.train(train), x, seed=seed)
    assert verdict.status == "pass" and not verdict.roots, str(verdict)


class Cut(nn.Module):
    """The first of two layers is detached."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return self.second(self.first(x).detach()) + x


class Around(nn.Module):
    """A right layer, and a wrong function of its own around it."""

    def __init__(self):
        super().__init__()
        self.inner, self.weight = nn.Linear(4, 4), nn.Parameter(torch.eye(4) + 0.1)

    def forward(self, x):
        return Product.apply(self.inner(x), self.weight, 3.0, 1.0)


class Within(nn.Module):
    def __init__(self, around):
        super().__init__()
        self.first, self.around = nn.Linear(4, 4), around()

    def forward(self, x):
        return self.around(self.first(x))


@pytest.mark.parametrize(
    ("make", "path"), [(Around, "Product"), (lambda: Within(Around), "around.Product")]
)
def test_a_wrong_function_around_a_right_layer_is_named(make, path):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        verdict = gradcheck.check(make().double(), torch.randn(3, 4).double(), seed=0)
    assert [(root.path, root.kind) for root in verdict.roots] == [(path, "part")], str(verdict)


@pytest.mark.parametrize(
    ("make", "path", "edge"),
    [(Cut, "", "first"), (lambda: Within(Cut), "around", "around.first")],
)
def test_right_modules_that_are_joined_wrongly(make, path, edge):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        verdict = gradcheck.check(make().double(), torch.randn(3, 4).double(), seed=0)
    assert [(root.path, root.kind) for root in verdict.roots] == [(path, "join")], str(verdict)
    assert f"The cotangent that reaches {edge} is wrong" in verdict.roots[0].message


class Masked(torch.autograd.Function):
    """The mask is data: it has no gradient."""

    @staticmethod
    def forward(ctx, x, mask):
        ctx.save_for_backward(mask)
        return x * mask

    @staticmethod
    def backward(ctx, u):  # pyright: ignore
        (mask,) = ctx.saved_tensors
        return u * mask, None


class Mask(nn.Module):
    def forward(self, x, mask):
        return Masked.apply(x, mask)


class MaskedThenWrong(nn.Module):
    def __init__(self):
        super().__init__()
        self.mask, self.wrong = Mask(), Linear(4, of_x=2.0)
        self.table = nn.Embedding(3, 4)

    def forward(self, x, indices):
        return self.wrong(self.mask(x, torch.full_like(x, 0.5)) + self.table(indices))


def test_data_within_a_network_needs_no_gradient():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        x, indices = torch.randn(3, 4).double(), torch.tensor([0, 2, 2])
        verdict = gradcheck.check(MaskedThenWrong().double(), x, indices, seed=0)
    assert [root.path for root in verdict.roots] == ["wrong.Product"], str(verdict)
    assert "undecided" not in verdict.notes[-1]


def test_a_chain_takes_modules_and_functions():
    module, x = made(Row, {1: FACTORS["input"]})
    chain = [torch.tanh, module, Linear(4).double()]
    verdict = gradcheck.check(chain, x, seed=0)
    assert [root.path for root in verdict.roots] == ["chain[1][2].Product"], str(verdict)
