"""Example: learn real handwritten digits, 8×8 pixels, with each optimizer.

    python -m reference_models.digits --optimizer all --epochs 30 --seed 0

The data are those that scikit-learn carries (1797 samples of the UCI set "Optical Recognition of
Handwritten Digits"; Alpaydin, Kaynak 1998): nothing is downloaded.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from tabulate import tabulate

from reference_models._checks import check_sizes
from reference_models.losses import mean_categorical_cross_entropy_with_logits
from reference_models.metrics import accuracy
from reference_models.networks import loss_rule, mlp
from reference_models.optimizers import optimizer
from reference_models.training import Epoch, fit, one_hot

SIZES = (64, 64, 10)
"""Pixels, hidden units, classes."""

N_TEST = 360
"""Held-out samples, a fifth of the data."""

EXAMPLE_SETTINGS: Mapping[str, Mapping[str, float]] = {
    "gradient_descent": {"lr": 0.2},
    "sgd": {"lr": 0.2, "weight_decay": 1e-4},
    "momentum": {"lr": 0.03, "mu": 0.9, "weight_decay": 1e-4},
    "nesterov": {"lr": 0.03, "mu": 0.9, "weight_decay": 1e-4},
    "adagrad": {"lr": 0.05},
    "rmsprop": {"lr": 0.003},
    "adam": {"lr": 0.005},
    "adamw": {"lr": 0.005, "weight_decay": 0.01},
}
"""Hyperparameters with which each optimizer learns the digits in 30 epochs of batches of 32."""


class Digits(NamedTuple):
    """The data, split at random into a training and a test part.

    Example:
        >>> load(seed=0).x_test.shape
        (360, 64)
    """

    x_train: Float[np.ndarray, "n_train 64"]
    labels_train: Int[np.ndarray, " n_train"]
    x_test: Float[np.ndarray, "n_test 64"]
    labels_test: Int[np.ndarray, " n_test"]


class Result(NamedTuple):
    """One row of the printed table.

    Example:
        >>> Result("adam", 30, 0.001, 0.97).test_accuracy
        0.97
    """

    optimizer: str
    epochs: int
    train_loss: float
    test_accuracy: float


def load(seed: int = 0) -> Digits:
    """Load the digits, with pixels scaled from 0..16 to 0..1, and hold out `N_TEST` of them.

    Args:
        seed: of the split.

    Returns:
        The split data, in float64.

    Raises:
        ImportError: scikit-learn is not installed.

    Example:
        >>> load(seed=0).x_train.max()
        np.float64(1.0)
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(_missing("scikit-learn")) from error
    x, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(x))
    x, labels = x[order] / 16, labels[order]
    return Digits(x[:-N_TEST], labels[:-N_TEST], x[-N_TEST:], labels[-N_TEST:])


def train(name: str, digits: Digits, *, epochs: int = 30, seed: int = 0) -> Iterator[Epoch]:
    """Train a network of `SIZES` on the digits by one optimizer at its example settings.

    Args:
        name: of the optimizer.
        digits: the data.
        epochs: number of passes through the data.
        seed: of the initial weights and of the shuffling.

    Returns:
        The epochs, as they end.

    Raises:
        ValueError: the optimizer is unknown, or `epochs` is below one.

    Example:
        >>> [epoch.number for epoch in train("adam", load(), epochs=2)]
        [1, 2]
    """
    settings = EXAMPLE_SETTINGS.get(name, {})  # an unknown name is refused by `optimizer`
    network = mlp(SIZES)
    rule = loss_rule(network, mean_categorical_cross_entropy_with_logits)
    params = network.init(np.random.default_rng(seed))
    data = digits.x_train, one_hot(digits.labels_train, 10)
    return fit(rule, optimizer(name, **settings), params, data, epochs=epochs, seed=seed)


def run(name: str, *, epochs: int = 30, seed: int = 0) -> Result:
    """Train, with a progress bar on a terminal, and measure the accuracy on the held-out digits.

    The split is that of `load()` for every seed: all runs are measured on the same samples.

    Args:
        name: of the optimizer.
        epochs: number of passes through the data.
        seed: of the initial weights and of the shuffling.

    Returns:
        The row of the table.

    Raises:
        ImportError: scikit-learn or tqdm is not installed.
        ValueError: the optimizer is unknown, or `epochs` is below one.

    Example:
        >>> run("adam", epochs=1).epochs
        1
    """
    check_sizes(epochs=epochs)
    try:
        from tqdm import tqdm
    except ImportError as error:
        raise ImportError(_missing("tqdm")) from error
    digits = load()
    epoch_of = train(name, digits, epochs=epochs, seed=seed)
    # disable=None: no bar where standard error is not a terminal
    *_, last = tqdm(epoch_of, name, epochs, disable=None, leave=False, unit="epoch")
    logits, _ = mlp(SIZES).vjp(last.params, digits.x_test)
    return Result(name, epochs, last.loss, accuracy(logits, digits.labels_test))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table of results; `python -m reference_models.digits --help` tells the options.

    Args:
        arguments: of the command line.

    Example:
        >>> main(["--epochs", "0"])
        Traceback (most recent call last):
            ...
        SystemExit: epochs=0 is no size: wanted a whole number >= 1
    """
    options = _parser().parse_args(arguments)
    names = EXAMPLE_SETTINGS if options.optimizer == "all" else [options.optimizer]
    try:
        rows = [run(name, epochs=options.epochs, seed=options.seed) for name in names]
    except (ImportError, ValueError) as error:
        raise SystemExit(str(error)) from error
    headers = ["optimizer", "epochs", "train loss", "test accuracy"]
    print(tabulate(rows, headers, floatfmt=("", "", ".4f", ".4f")))


def _parser() -> argparse.ArgumentParser:
    options: dict[str, Any] = {"formatter_class": argparse.ArgumentDefaultsHelpFormatter}
    parser = argparse.ArgumentParser("python -m reference_models.digits", **options)
    parser.description = "Train a small network on handwritten digits."
    parser.add_argument("--optimizer", default="adam", help=f"{', '.join(EXAMPLE_SETTINGS)} or all")
    parser.add_argument("--epochs", type=int, default=30, help="passes through the data")
    parser.add_argument("--seed", type=int, default=0, help="of weights and shuffling")
    return parser


def _missing(package: str) -> str:
    return f'this example needs {package}; install it by: pip install "gradcheck[examples]"'


if __name__ == "__main__":
    main()
