"""The models learn; bad input is refused with what was got, what was wanted, what to do."""

import subprocess
import sys
from pathlib import Path

import jaxtyping
import numpy as np
import pytest

import reference_models as rm
from reference_models import digits


@pytest.fixture
def without_shape_checks():
    """What users have: our own messages, not those of annotations checked at run time."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="module")
def example():
    """The example as users run it."""
    command = [sys.executable, "-m", "reference_models.digits", "--optimizer", "all"]
    root = Path(__file__).parents[2]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)


@pytest.mark.parametrize("name", digits.EXAMPLE_SETTINGS)
def test_every_optimizer_learns_the_digits(name, example):
    rows = dict(line.split(maxsplit=1) for line in example.stdout.splitlines()[2:])
    epochs, _, test_accuracy = rows[name].split()
    assert int(epochs) == 30
    assert float(test_accuracy) > 0.95


def test_the_example_shows_no_progress_bar_in_a_pipe(example):
    assert example.stderr == ""


def test_every_optimizer_has_example_settings():
    assert list(digits.EXAMPLE_SETTINGS) == list(rm.OPTIMIZERS)


def test_a_run_is_repeated_by_its_seed():
    first, again, other = (digits.run("adam", epochs=2, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.train_loss != other.train_loss


def test_the_split_is_a_partition():
    data = digits.load(seed=3)
    assert (len(data.x_train), len(data.x_test)) == (1797 - digits.N_TEST, digits.N_TEST)
    other = digits.load(seed=4)
    whole = [np.concatenate([d.x_train, d.x_test]).sum(axis=0) for d in (data, other)]
    np.testing.assert_array_equal(*whole)


def test_the_example_refuses_an_unknown_optimizer():
    with pytest.raises(SystemExit, match=r"unknown optimizer 'adma': .* did you mean 'adam'"):
        digits.main(["--optimizer", "adma"])


@pytest.mark.parametrize(
    ("module", "package"), [("sklearn.datasets", "scikit-learn"), ("tqdm", "tqdm")]
)
def test_a_missing_package_is_named_with_the_extra(module, package, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        SystemExit, match=rf'needs {package}; .*pip install "gradcheck\[examples\]"'
    ):
        digits.main(["--epochs", "1"])


def test_batches_cover_every_sample_once():
    cut = list(rm.batches(np.random.default_rng(0), 11, 4))
    assert [len(batch) for batch in cut] == [4, 4, 3]
    assert sorted(np.concatenate(cut)) == list(range(11))


def test_fit_leaves_the_initial_parameters_alone():
    network = rm.mlp((3, 2))
    params = network.init(np.random.default_rng(0))
    before = {name: p.copy() for name, p in params.items()}
    rule = rm.loss_rule(network, rm.mean_squared_error)
    data = np.ones((5, 3)), np.zeros((5, 2))
    losses = [epoch.loss for epoch in rm.fit(rule, rm.adam(), params, data, epochs=3)]
    np.testing.assert_equal(params, before)
    assert losses[0] > losses[1] > losses[2]


@pytest.mark.parametrize("name", rm.INITIALIZERS)
def test_initializers_have_the_stated_variance_in_either_dtype(name):
    draw, n_in, n_out = rm.INITIALIZERS[name], 300, 200
    W = draw(np.random.default_rng(0), n_in, n_out, np.float64)
    fan = n_in if name.startswith("he") else n_in + n_out
    # the standard error of a variance of 60000 numbers is at most 0.6 %
    assert W.var() == pytest.approx(2 / fan, rel=0.03)
    assert not name.endswith("uniform") or np.abs(W).max() <= np.sqrt(6 / fan)
    W32 = draw(np.random.default_rng(0), n_in, n_out, np.float32)
    np.testing.assert_array_equal(W32, W.astype(np.float32))


def test_accuracy_counts_rows_and_is_nan_of_none():
    scores = np.array([[0.1, 0.9, 0.0], [0.5, 0.2, 0.3]])
    assert rm.accuracy(scores, np.array([1, 2])) == 0.5
    assert np.isnan(rm.accuracy(scores[:0], np.array([], int)))


X = np.ones((2, 3))
DENSE = rm.Dense(3, 4)
PARAMS = DENSE.init(np.random.default_rng(0))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: rm.mean_squared_error(X, X[:, 0]), ValueError, r"\(2, 3\), target .*\(2,\)"),
        (lambda: rm.mean_hinge(X, X.astype(int)), TypeError, r"int64, .*astype\(float64\)"),
        (lambda: rm.mean_categorical_cross_entropy(X[0], X[0]), ValueError, "x.np.newaxis"),
        (lambda: rm.mean_negative_log_likelihood(X, X[:, 0]), TypeError, "wanted integers"),
        (lambda: rm.accuracy(X, np.array([0])), ValueError, r"\(1,\), wanted \(2,\)"),
        (lambda: rm.accuracy(X, np.array([0, 3])), ValueError, "label 3 in row 1 .* 0 to 2"),
        (lambda: rm.relu(X)[1](X.T), ValueError, r"cotangent of shape \(3, 2\); .*\(2, 3\)"),
        (lambda: DENSE.vjp(PARAMS, X.T), ValueError, r"x of shape \(3, 2\), .*\(batch, 3\)"),
        (lambda: DENSE.vjp({"W": X}, X), ValueError, r"'b' is missing; 'W' .*wanted \(3, 4\)"),
        (lambda: rm.mlp((3, 2)).vjp(PARAMS, X), ValueError, "'0.W' is missing.*'W' is unknown"),
        (lambda: rm.mlp((3,)), ValueError, "at least two"),
        (lambda: rm.mlp((3, 0)), ValueError, "n_out=0 is no size"),
        (lambda: rm.mlp((3, 2), output="sotfmax"), ValueError, "did you mean 'softmax'"),
        (lambda: rm.mlp((3, 2), initializer="he_norml"), ValueError, "did you mean 'he_normal'"),
        (lambda: rm.batches(np.random.default_rng(0), 3, 0), ValueError, "batch_size=0"),
    ],
)
def test_bad_input_is_refused(call, error, text, without_shape_checks):
    with pytest.raises(error, match=text):
        call()
