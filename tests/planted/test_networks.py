"""In a network with planted faults the parts that are wrong are named, and no other."""

import pickle

import numpy as np
import pytest
import zoo
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from planted.networks import FAULTS, FORMS, RIGHT, Pair, Part, Row, in_a_row, parts, points

import gradcheck

DEEPEST = 4


def faults_of(form):
    return [name for name, fault in FAULTS.items() if form.has_parameters or fault.wrong == "x"]


@st.composite
def planted(draw, form):
    """Draws a depth, and one or two parts of it with a fault each."""
    depth = draw(st.integers(form.least, DEEPEST))
    numbers = st.integers(0, depth - 1)
    wrong = draw(st.dictionaries(numbers, st.sampled_from(faults_of(form)), min_size=1, max_size=2))
    assume(form.has_parameters or list(wrong.values()) != ["input negated"] * 2)  # they cancel
    return depth, wrong, draw(st.sampled_from([np.float64, np.float32]))


def own(primal):
    return primal.rpartition(".")[2]


@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=8)
@given(data=st.data(), seed=st.integers(0, 2**31))
def test_the_wrong_parts_are_named_the_nearest_to_the_output_first(name, data, seed):
    form = FORMS[name]
    depth, wrong, dtype = data.draw(planted(form))
    thing, args = form.build(depth, {i: FAULTS[f] for i, f in wrong.items()}, dtype)
    verdict = gradcheck.check(thing, *args, seed=seed)
    last_first = sorted(wrong, reverse=True)
    assert [root.path for root in verdict.roots] == [form.path(depth, i) for i in last_first], (
        f"{verdict}"
    )
    for root, i in zip(verdict.roots, last_first, strict=True):
        assert {own(f.primal) for f in root.findings} == {FAULTS[wrong[i]].wrong}, str(verdict)
        of_input = FAULTS[wrong[i]].wrong == "x"
        what = "its input cotangent" if of_input else "the gradient of its parameter"
        assert root.kind == "part" and what in root.message
        assert ("everything upstream inherits it" in root.message) == of_input
    explained = {primal for root in verdict.roots for primal in root.explains}
    assert explained == {f.primal for f in verdict.findings if f.severity == "error"}
    assert len(str(verdict).splitlines()) <= 24


@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=4)
@given(data=st.data(), seed=st.integers(0, 2**31))
def test_the_right_twin_has_no_roots(name, data, seed):
    form = FORMS[name]
    depth, _, dtype = data.draw(planted(form))
    thing, args = form.build(depth, {}, dtype)
    verdict = gradcheck.check(thing, *args, seed=seed)
    assert verdict.status == "pass" and not verdict.roots, str(verdict)


def test_neighbours_whose_mistakes_cancel_are_both_named():
    twice = {1: FAULTS["input negated"], 2: FAULTS["input negated"]}
    for seed in range(3):
        network, args = in_a_row(4, twice)
        verdict = gradcheck.check(network, *args, seed=seed)
        assert {f.primal for f in verdict.findings} == {"layers[1].W", "layers[1].b"}
        assert [root.path for root in verdict.roots] == ["layers[2]", "layers[1]"], str(verdict)


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_a_network_is_left_as_it_was(wrong):
    network, args = in_a_row(3, {wrong: FAULTS["weights averaged"]})
    for part in network.layers:
        part.fault = FAULTS["bias zero"] if part is network.layers[wrong] else RIGHT
    before = pickle.dumps([(type(p), p.W, p.b, sorted(vars(p))) for p in network.layers])
    assert gradcheck.check(network, *args, seed=0).roots
    assert pickle.dumps([(type(p), p.W, p.b, sorted(vars(p))) for p in network.layers]) == before


class Residual(Row):
    """y = rows(x) + x, the second branch of its backward as it is told."""

    def __init__(self, layers, added) -> None:
        super().__init__(layers)
        self.added = added

    def forward(self, x):
        return super().forward(x) + x

    def backward(self, u):
        return super().backward(u) + (u if self.added else 0)


class Forked(Row):
    """y = third(h) + h with h = second(first(x))."""

    def forward(self, x):
        h = self.layers[1].forward(self.layers[0].forward(x))
        return self.layers[2].forward(h) + h

    def backward(self, u):
        h_bar = self.layers[2].backward(u)  # and u itself
        return self.layers[0].backward(self.layers[1].backward(h_bar))


class Swapped(Row):
    """Its backward calls the layers in the order of its forward."""

    def backward(self, u):
        for layer in self.layers:
            u = layer.backward(u)
        return u


class Shared(Row):
    """One layer twice: each call alone is right."""

    def __init__(self, layers) -> None:
        super().__init__([layers[0], layers[0]])


class Shifting:
    """A layer that writes to the cotangent it is given."""

    def forward(self, x):
        return 2 * x

    def backward(self, u):
        u *= 2
        return u


class Beside:
    """y = part(x) + x, the cotangent handed on after a part has written to it."""

    def __init__(self) -> None:
        self.part = Shifting()

    def forward(self, x):
        return self.part.forward(x) + x

    def backward(self, u):
        return self.part.backward(u) + u


JOINED = {
    "a branch is not added": (
        lambda: Row([*parts(1, {}), Residual(parts(2, {}), False), *parts(1, {})]),
        "layers[1]",
        "put together from theirs is wrong",
    ),
    "a branch is not added within": (
        lambda: Forked(parts(3, {})),
        "",
        "The cotangent that reaches layers[1] is wrong",
    ),
    "the wrong order": (lambda: Swapped(parts(2, {})), "", "The cotangent that reaches layers[1]"),
    "a cache of another call": (
        lambda: Shared(parts(1, {})),
        "layers[0]",
        "it is called 2 times): it reads what another call left",
    ),
    "written to": (Beside, "", "writes to the cotangent it is given"),
}


@pytest.mark.parametrize(("make", "path", "words"), JOINED.values(), ids=JOINED)
def test_right_parts_that_are_joined_wrongly(make, path, words):
    for seed in range(3):
        verdict = gradcheck.check(make(), points(), seed=seed)
        assert verdict.status == "fail", str(verdict)
        assert [(root.path, root.kind) for root in verdict.roots] == [(path, "join")], str(verdict)
        assert words in verdict.roots[0].message


def test_a_right_residual_has_no_roots():
    network = Row([*parts(1, {}), Residual(parts(2, {}), True)])
    verdict = gradcheck.check(network, points(), seed=0)
    assert verdict.status == "pass" and not verdict.roots


class Softmax:
    """Its cotangent is that of its input already, as the loss gives it."""

    def forward(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def backward(self, u):
        return u


class CrossEntropy:
    def forward(self, p, t):
        self.p, self.t = p, t
        return -np.sum(t * np.log(p))

    def backward(self):
        return self.p - self.t


class Classifier:
    def __init__(self, body) -> None:
        self.body, self.softmax, self.loss = body, Softmax(), CrossEntropy()

    def forward(self, x, t):
        return self.loss.forward(self.softmax.forward(self.body.forward(x)), t)

    def backward(self):
        return self.body.backward(self.softmax.backward(self.loss.backward()))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_loss_and_a_softmax_that_are_right_together_are_not_accused(fault):
    classifier = Classifier(Row(parts(2, {1: FAULTS[fault]})))
    target = np.eye(4)[[0, 1, 2, 3, 0]]
    verdict = gradcheck.check(classifier, points(), target, seed=0)
    assert [root.path for root in verdict.roots] == ["body.layers[1]"], str(verdict)


def test_a_part_of_wrong_form_is_named_though_the_next_one_raises():
    class Transposing(Part):
        def backward(self, u):
            return super().backward(u).T

    row = Row([*parts(2, {}), Transposing(2, RIGHT, np.float64), *parts(1, {})])
    verdict = gradcheck.check(row, points(), seed=0)
    assert verdict.status == "fail" and verdict.findings[0].kind == "raises"
    assert [root.path for root in verdict.roots] == ["layers[2]"], str(verdict)
    assert verdict.roots[0].findings[0].kind == "shape"


def test_a_network_that_raises_by_itself_goes_on_raising():
    class Raising(Pair):
        def backward(self, u):
            raise ZeroDivisionError("deep inside")

    with pytest.raises(gradcheck.PullbackError, match="deep inside"):
        gradcheck.check(Raising(*parts(2, {})), points())


class Clipping(Part):
    def backward(self, u):
        return super().backward(np.clip(u, -100.0, 100.0))


@pytest.mark.parametrize("i", [0, 1, 2])
def test_a_part_that_only_an_audit_accuses_is_named(i):
    layers = parts(3, {})
    layers[i] = Clipping(i, RIGHT, np.float64)
    verdict = gradcheck.check(Row(layers), points(), seed=0)
    assert {f.kind for f in verdict.findings} == {"nonlinear"}, str(verdict)
    assert [root.path for root in verdict.roots] == [f"layers[{i}]"], str(verdict)
    assert verdict.roots[0].findings[0].kind == "nonlinear"


def test_a_network_that_behaves_badly_and_is_right_has_no_roots():
    class Doubling:
        def forward(self, x):
            x *= 2
            return x

        def backward(self, u):
            return 2 * u

    verdict = gradcheck.check(Row([Doubling(), *parts(1, {})]), points(), seed=0)
    assert {f.kind for f in verdict.findings} == {"input_mutated"} and not verdict.roots


def test_what_the_budget_leaves_out_is_said():
    network, args = in_a_row(5, {1: FAULTS["input doubled"]})
    whole = gradcheck.check(network, *args, seed=0)
    some = gradcheck.check(network, *args, seed=0, budget=whole.evaluations + 60)
    assert "not checked, as the budget is spent: layers" in str(some).replace("\n    ", " ")
    assert whole.roots and "budget is spent" not in str(whole)
    assert all("(undecided), or in how they are joined" in r.message for r in some.roots)


def test_roots_go_to_json_and_back():
    network, args = in_a_row(3, {1: FAULTS["input doubled"]})
    verdict = gradcheck.check(network, *args, seed=0)
    again = gradcheck.Verdict.from_json(verdict.to_json())
    assert again.roots == verdict.roots and verdict.roots[0].findings[0].ratio == pytest.approx(2)


def test_a_chain_is_refused_where_its_links_do_not_fit():
    with pytest.raises(gradcheck.InvalidInput, match="a chain without links"):
        gradcheck.check([], points())
    two = (lambda x: (x, 2 * x), lambda u, x: u[0] + 2 * u[1])
    with pytest.raises(gradcheck.InvalidInput, match=r"differentiates 1 .*puts out 2"):
        gradcheck.check([two, zoo.HalfSquaredError()], points())


class Tripling:
    """Right by 1.5, claimed to be 3."""

    def forward(self, x):
        return 1.5 * x

    def backward(self, u):
        return 3.0 * u


class Under:
    """A layer of any convention under a wrong one."""

    def __init__(self, layer, cached) -> None:
        self.layer, self.cached, self.wrong = layer, cached, Tripling()

    def forward(self, x):
        forward = getattr(self.layer, "forward", None) or self.layer.forward_pass
        y = forward(x)
        y, self.cache = y if self.cached else (y, None)
        return self.wrong.forward(self.layer.output if y is None else y)

    def backward(self, u):
        u = self.wrong.backward(u)
        if hasattr(self.layer, "backward_pass"):
            return self.layer.backward_pass(u)
        more = (self.cache,) if self.cached else (0.5,) if self.updates else ()
        returned = self.layer.backward(u, *more)
        return returned[0] if isinstance(returned, tuple) else returned

    @property
    def updates(self):
        return isinstance(self.layer, zoo.Updating)


ONE_INPUT = [row for row in zoo.ZOO if len(row.inputs) == 1 and row.make is not zoo.BatchNorm]


@pytest.mark.parametrize("row", ONE_INPUT, ids=lambda row: row.name)
def test_a_right_layer_of_any_convention_is_not_accused(row):
    network = Under(row.make(), cached=row.make is zoo.Cached)
    verdict = gradcheck.check(network, *row.inputs, seed=0)
    assert [root.path for root in verdict.roots] == ["wrong"], str(verdict)
    assert "undecided" not in verdict.notes[-1]


def test_a_pair_of_links_that_is_right_together_is_not_named():
    """The gradient of softmax and cross-entropy is often given as one, by the second."""
    rng = np.random.default_rng(0)
    V, W, target = rng.normal(size=(4, 5)), rng.normal(size=(5, 3)), np.eye(3)[[0, 2, 1]]

    def softmax(z):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    fused = (
        (softmax, lambda u, z: u),
        (lambda p: -np.sum(target * np.log(p)) / 3, lambda u, p: u * (p - target) / 3),
    )
    for power, roots in ((2, []), (1, ["chain[1]"])):
        chain = gradcheck.Chain(
            (lambda x: x @ V, lambda u, x: u @ V.T),
            (np.tanh, lambda u, x, power=power: u * (1 - np.tanh(x) ** power)),
            (lambda x: x @ W, lambda u, x: u @ W.T),
            *fused,
        )
        verdict = gradcheck.check(chain, rng.normal(size=(3, 4)), seed=0)
        assert [root.path for root in verdict.roots] == roots, str(verdict)
