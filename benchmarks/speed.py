"""What a check costs, as ratios within one run: to other checkers, to gradients and evaluations.

`python -m benchmarks.speed [--repeats 7] [--write]`. Times depend on the machine and are not shown;
it is processor time, and what is compared takes turns, so that a busy machine changes little.
"""

import argparse
import re
import statistics
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tabulate import tabulate
from torch.nn import functional

import gradcheck
from benchmarks.power.cases import CASES
from benchmarks.power.cases.torch_cases import torch_case
from benchmarks.power.checkers import ours, torch_gradcheck
from benchmarks.power.corpus import Arrays, Case
from benchmarks.power.draws import draw, integers
from benchmarks.power.table import versions

PAGE = Path(__file__).parents[1] / "docs" / "speed.md"

WRITTEN = (
    "linear rectifier_network gated_linear_unit gelu conv1d conv2d max_pool batch_norm layer_norm "
    "softmax causal_attention recurrent_network lstm gru_cell embedding cross_entropy huber"
).split()
"""Families of the power benchmark: NumPy, with a pullback written by hand."""

NATIVE: Mapping[str, tuple[Callable[..., Any], Mapping[str, Any]]] = {
    "linear": (lambda x, W, b: x @ W + b, {"x": (5, 4), "W": (4, 3), "b": (3,)}),
    "gelu": (lambda x: functional.gelu(x), {"x": (4, 5)}),
    "conv2d": (
        lambda x, W, b: functional.conv2d(x, W, b),
        {"x": (2, 2, 5, 5), "W": (3, 2, 3, 3), "b": (3,)},
    ),
    "layer_norm": (
        lambda x, w, b: functional.layer_norm(x, (6,), w, b),
        {"x": (4, 6), "w": (6,), "b": (6,)},
    ),
    "batch_norm": (
        lambda x, w, b: functional.batch_norm(x, None, None, w, b, training=True),
        {"x": (8, 4), "w": (4,), "b": (4,)},
    ),
    "softmax": (lambda x: torch.softmax(x, -1), {"x": (4, 5)}),
    "attention": (
        lambda q, k, v: functional.scaled_dot_product_attention(q, k, v),
        {"q": (2, 4, 3), "k": (2, 4, 3), "v": (2, 4, 3)},
    ),
    "lstm_cell": (
        lambda x, h, c, W, U: torch.lstm_cell(x, (h, c), W, U)[0],
        {"x": (3, 4), "h": (3, 5), "c": (3, 5), "W": (20, 4), "U": (20, 5)},
    ),
    "cross_entropy": (
        lambda z, t: functional.cross_entropy(z, t),
        {"z": (6, 4), "t": integers(6, below=4)},
    ),
    "mse": (lambda p, y: functional.mse_loss(p, y), {"p": (6, 4), "y": (6, 4)}),
}
"""Functions of tensors that PyTorch differentiates itself."""

PEERS: Mapping[str, Mapping[str, Any]] = {"slow": {}, "fast": {"fast_mode": True}}
"""The modes of `torch.autograd.gradcheck`, and their settings."""

WIDTHS = {"1e4": (64, 128, 16), "1e5": (256, 320, 64), "1e6": (784, 1024, 192)}
"""Inputs, hidden units and classes of the networks, by their number of parameters."""

BATCH = 32
LEAN = 28
"""The budget of the lean route: so many evaluations."""


def taking_turns(calls: Sequence[Callable[[], Any]], repeats: int) -> list[float]:
    """Returns the median processor time of each call; they take turns, after an unmeasured one."""
    seconds: list[list[float]] = [[] for _ in calls]
    for turn in range(repeats + 1):
        for call, spent in zip(calls, seconds, strict=True):
            start = time.process_time()
            call()
            if turn:
                spent.append(time.process_time() - start)
    return [statistics.median(spent) for spent in seconds]


# ------------------------------------------------------------------------------------ small layers
def layers() -> dict[str, list[Case]]:
    """Returns the small layers by who wrote their gradients."""
    by_name = {case.name: case for case in CASES}
    native = [
        torch_case(name, "right", draw(**inputs), " ".join(inputs), f, f)
        for name, (f, inputs) in NATIVE.items()
    ]
    return {
        "NumPy, pullbacks written by hand": [by_name[f"{name}/right"] for name in WRITTEN],
        "PyTorch's own gradients": native,
    }


def compared(case: Case, repeats: int) -> list[Any]:
    """Returns the row of a layer: its name, the verdict, its cost, ratios to the peers' times."""
    inputs = case.inputs(0)

    def peer(settings: Mapping[str, Any]) -> Callable[[], Any]:
        return lambda: torch_gradcheck(case, inputs, 0, **settings)

    peers = [peer(settings) for settings in PEERS.values()]
    mine, *theirs = taking_turns([lambda: ours(case, inputs, 0), *peers], repeats)
    verdict = checked(case, inputs)
    cost = [verdict.status, verdict.evaluations, verdict.pullbacks]
    return [case.family, *cost, *(mine / other for other in theirs)]


def checked(case: Case, inputs: Arrays) -> gradcheck.Verdict:
    """Returns the verdict on a layer."""
    if case.framework == "torch":
        return gradcheck.check(case.forward, *inputs.values(), seed=0)
    return gradcheck.check(case.forward, inputs, vjp=case.backward, wrt=case.diff, seed=0)


def layer_table(rows: Sequence[Sequence[Any]]) -> str:
    """Returns the table of some layers, and their medians."""
    medians = [statistics.median(row[i] for row in rows) for i in range(4, len(rows[0]))]
    headers = ["layer", "verdict", "evaluations", "pullbacks", *(f"time / {p}" for p in PEERS)]
    return _table([*rows, ["*median*", "", "", "", *medians]], headers)


# ---------------------------------------------------------------------------------------- networks
@dataclass(frozen=True)
class Network:
    """A network with a loss, and what a training step evaluates of it.

    Attributes:
        parameters: by name.
        check: (options of `gradcheck.check`) -> the verdict.
        forward: evaluates the loss.
        gradient: evaluates the loss and its gradient.
    """

    parameters: Arrays
    check: Callable[..., gradcheck.Verdict]
    forward: Callable[[], Any]
    gradient: Callable[[], Any]


def drawn(widths: tuple[int, int, int], dtype: str) -> tuple[Arrays, Any, Any]:
    """Returns the parameters of two layers, inputs and labels."""
    rng = np.random.default_rng(0)
    n, h, classes = widths
    parameters = {
        "W": rng.normal(size=(n, h)) / n**0.5,
        "b": rng.normal(size=h) / 8,
        "V": rng.normal(size=(h, classes)) / h**0.5,
        "c": rng.normal(size=classes) / 8,
    }
    x = rng.normal(size=(BATCH, n)).astype(dtype)
    return {k: v.astype(dtype) for k, v in parameters.items()}, x, rng.integers(0, classes, BATCH)


def written(widths: tuple[int, int, int], dtype: str) -> Network:
    """Returns two layers, tanh and cross-entropy in NumPy, their gradient written by hand."""
    parameters, x, labels = drawn(widths, dtype)
    rows = np.arange(BATCH)

    def hidden(W: Any, b: Any, V: Any, c: Any) -> tuple[Any, Any]:
        a = np.tanh(x.astype(W.dtype) @ W + b)
        z = a @ V + c
        return a, z - z.max(1, keepdims=True)

    def loss(**p: Any) -> Any:
        _, z = hidden(**p)
        return np.mean(np.log(np.exp(z).sum(1)) - z[rows, labels])

    def pullback(g: Any, **p: Any) -> Arrays:
        a, z = hidden(**p)
        d = np.exp(z)
        d /= d.sum(1, keepdims=True)
        d[rows, labels] -= 1
        d *= g / BATCH
        e = d @ p["V"].T * (1 - a * a)
        return {"W": x.astype(e.dtype).T @ e, "b": e.sum(0), "V": a.T @ d, "c": d.sum(0)}

    one = np.ones((), dtype)[()]
    return Network(
        parameters,
        lambda **options: gradcheck.check(loss, parameters, vjp=pullback, seed=0, **options),
        lambda: loss(**parameters),
        lambda: (loss(**parameters), pullback(one, **parameters)),
    )


class Classifier(torch.nn.Module):
    """The same network as a module that returns its loss."""

    W: torch.Tensor
    b: torch.Tensor
    V: torch.Tensor
    c: torch.Tensor

    def __init__(self, parameters: Arrays, labels: Any):
        super().__init__()
        for name, values in parameters.items():
            self.register_parameter(name, torch.nn.Parameter(torch.from_numpy(values)))
        self.labels = torch.from_numpy(labels)

    def forward(self, x: Any) -> Any:
        a = torch.tanh(x @ self.W + self.b)
        return functional.cross_entropy(a @ self.V + self.c, self.labels)


def module(widths: tuple[int, int, int], dtype: str) -> Network:
    """Returns the network as a PyTorch module."""
    parameters, inputs, labels = drawn(widths, dtype)
    net, x = Classifier(parameters, labels), torch.from_numpy(inputs)

    def forward() -> None:
        with torch.no_grad():
            net(x)

    return Network(
        parameters,
        lambda **options: gradcheck.check(net, x, wrt=list(parameters), seed=0, **options),
        forward,
        lambda: torch.autograd.grad(net(x), list(net.parameters())),
    )


NETWORKS = {"NumPy": written, "PyTorch": module}


def network_row(library: str, size: str, dtype: str, repeats: int) -> list[Any]:
    """Returns a network's row: the checks' times in units of 1 gradient + 2 evaluations."""
    network = NETWORKS[library](WIDTHS[size], dtype)
    calls = [network.gradient, network.forward, network.check, lambda: network.check(budget=LEAN)]
    gradient, forward, full, lean = taking_turns(calls, repeats)
    unit = gradient + 2 * forward
    verdicts = network.check(), network.check(budget=LEAN)
    cells = [(v.status, v.evaluations, v.pullbacks) for v in verdicts]
    return [library, size, dtype, *cells[0], full / unit, *cells[1], lean / unit]


def network_table(sizes: Iterable[str], repeats: int) -> str:
    """Returns the costs of checking networks."""
    rows = [
        network_row(library, size, dtype, repeats)
        for library in NETWORKS
        for size in sizes
        for dtype in ("float64", "float32")
    ]
    costs = ["evaluations", "pullbacks", "cost"]
    headers = ["library", "parameters", "dtype", "check", *costs, f"budget={LEAN}", *costs]
    return _table(rows, headers)


# ------------------------------------------------------------------------------------------ memory
def peak(library: str, size: str, dtype: str) -> float:
    """Returns by how much a check raises the process's peak memory, in sizes of the parameters.

    To be run in a process of its own: the peak only ever rises.
    """
    network = NETWORKS[library](WIDTHS[size], dtype)
    network.gradient()
    before = _most_memory()
    network.check()
    return (_most_memory() - before) / sum(p.nbytes for p in network.parameters.values())


def _most_memory() -> int:
    """Returns the peak memory of the process in bytes.

    Not by getrusage, which goes on from the peak of the parent process.
    """
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    if found is None:
        raise RuntimeError("the peak of the memory is read from /proc, and there is none")
    return 1024 * int(found[1])


def memory_table(size: str) -> str:
    """Returns the peak memory of checking the largest networks."""
    work = [(library, size, dtype) for library in NETWORKS for dtype in ("float64", "float32")]
    context = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        peaks = pool.map(peak, *zip(*work, strict=True))
    rows = [[*item, rise] for item, rise in zip(work, peaks, strict=True)]
    return _table(rows, ["library", "parameters", "dtype", "peak / parameters"])


def _table(rows: Sequence[Sequence[Any]], headers: Sequence[str]) -> str:
    cells = [[f"{cell:.2f}" if isinstance(cell, float) else cell for cell in row] for row in rows]
    return tabulate(cells, headers=headers, tablefmt="pipe", disable_numparse=True)


def page(repeats: int) -> str:
    """Returns the page that `--write` puts into `docs/`."""
    parts = [
        "# What a check costs",
        "Written by `python -m benchmarks.speed --write`; not by hand. Ratios of median processor "
        f"times within one run, {repeats} turns each, one thread.",
        "## Small layers",
        "The time of `gradcheck.check`, the audit of the whole contract included, divided by that "
        "of `torch.autograd.gradcheck` in its slow and in its fast mode, float64.",
    ]
    everything: list[list[Any]] = []
    for title, cases in layers().items():
        rows = [compared(case, repeats) for case in cases]
        parts += [f"### {title}", layer_table(rows)]
        everything += rows
    slow = statistics.median(row[4] for row in everything)
    parts += [f"Of all {len(everything)} layers the median of time / slow is {slow:.2f}."]
    parts += [
        "## Networks",
        "Two dense layers, tanh, cross-entropy, a batch of "
        f"{BATCH}; every parameter is checked. *cost*: the time in units of 1 gradient + 2 "
        f"evaluations. By default, and with a budget of {LEAN} evaluations.",
        network_table(WIDTHS, repeats),
        "### Memory",
        "By how much the peak memory of the process rises during a check (1 gradient was "
        "evaluated before), divided by the size of the parameters.",
        memory_table("1e6"),
        "## Versions",
        f"{versions()}.",
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Measures and prints; writes the page where asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = page(options.repeats)
    print(said)
    if options.write:
        PAGE.write_text(said, encoding="utf-8")


if __name__ == "__main__":
    main()
