"""Faults that the numbers of one plain call do not show, each put into several right layers.

A fault takes a right case and returns its forward, backward and reset with the fault in them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.power.corpus import Arrays, Bug, Case, Family
from benchmarks.power.draws import draw

Spoilt = tuple[Callable[..., Any], Callable[..., Arrays], Callable[[], None]]
Spoil = Callable[[Case], Spoilt]


@dataclass(frozen=True)
class Fault:
    """One breach of the contract, and the cases that it is put into.

    Attributes:
        hosts: names of right cases; the fault's twin is its host.
    """

    name: str
    diagnosis: str
    spoil: Spoil
    hosts: str
    source: str = ""
    tags: str = ""

    def cases(self, rights: dict[str, Case]) -> Iterator[Case]:
        """Yields a wrong case for each host."""
        for host in (rights[name] for name in self.hosts.split()):
            forward, backward, reset = self.spoil(host)
            yield replace(
                host,
                name=f"{host.name.removesuffix('/right')}/{self.name}",
                forward=forward,
                backward=backward,
                reset=reset,
                correct=False,
                kind="contract",
                diagnosis=self.diagnosis,
                source=self.source,
                tags=host.tags | frozenset(self.tags.split()),
            )


def stateless(change: Callable[[Case, Any, Arrays], Arrays]) -> Spoil:
    """Returns the fault of a backward pass that keeps nothing: (case, g, inputs) -> gradients."""

    def spoil(case: Case) -> Spoilt:
        return case.forward, lambda g, **inputs: change(case, g, inputs), case.reset

    return spoil


def edited(edit: Callable[[Case, Arrays, Arrays], Arrays]) -> Spoil:
    """Returns the fault that edits right gradients: (case, gradients, inputs) -> gradients."""
    return stateless(lambda case, g, inputs: edit(case, case.right(g, **inputs), inputs))


# ----------------------------------------------------------------------------- what is handed over
def _last(case: Case, gradients: Arrays, change: Callable[[Any], Any]) -> Arrays:
    name = case.diff[-1]
    return gradients | {name: change(gradients[name])}


def _first(case: Case, gradients: Arrays, change: Callable[[Any], Any]) -> Arrays:
    name = case.diff[0]
    return gradients | {name: change(gradients[name])}


def _without_last(case: Case, gradients: Arrays, inputs: Arrays) -> Arrays:
    return {name: gradients[name] for name in case.diff[:-1]}


def _with_constants(case: Case, gradients: Arrays, inputs: Arrays) -> Arrays:
    constants = {k: np.ones(np.shape(x)) for k, x in inputs.items() if k not in case.diff}
    return gradients | constants


# ---------------------------------------------------------------------------------------- mutation
def _mutates_cotangent(case: Case, g: Any, inputs: Arrays) -> Arrays:
    gradients = case.right(g, **inputs)
    g *= 0.5
    return gradients


def _mutates_input(case: Case, g: Any, inputs: Arrays) -> Arrays:
    gradients = case.right(g, **inputs)
    x = inputs[case.diff[0]]
    x -= x.mean()
    return gradients


def _updates_parameter(case: Case, g: Any, inputs: Arrays) -> Arrays:
    gradients = {name: np.array(v) for name, v in case.right(g, **inputs).items()}
    name = case.diff[1]
    inputs[name] -= 0.01 * gradients[name]
    return gradients


def _forward_centres(case: Case) -> Spoilt:
    def forward(**inputs: Any) -> Any:
        x = inputs[case.diff[0]]
        x -= x.max(-1, keepdims=True)
        return case.forward(**inputs)

    return forward, case.backward, case.reset


def _forward_rectifies(case: Case) -> Spoilt:
    def forward(x: Any) -> Any:
        return np.maximum(x, 0, out=x).copy()

    return forward, case.backward, case.reset


# ------------------------------------------------------------------------------------------- state
def _stale(chosen: Callable[[Case], tuple[str, ...]]) -> Spoil:
    """Backward reads what the last forward left behind."""

    def spoil(case: Case) -> Spoilt:
        kept: Arrays = {}

        def forward(**inputs: Any) -> Any:
            kept.update({name: np.array(inputs[name]) for name in chosen(case)})
            return case.forward(**inputs)

        def backward(g: Any, **inputs: Any) -> Arrays:
            return case.right(g, **(inputs | kept))

        return forward, backward, kept.clear

    return spoil


def _accumulating(chosen: Callable[[Case], tuple[str, ...]]) -> Spoil:
    """Backward adds to what it returned before."""

    def spoil(case: Case) -> Spoilt:
        sums: Arrays = {}

        def backward(g: Any, **inputs: Any) -> Arrays:
            gradients = case.right(g, **inputs)
            for name in chosen(case):
                sums[name] = sums.get(name, 0) + gradients[name]
            return gradients | {name: np.array(sums[name]) for name in chosen(case)}

        return case.forward, backward, sums.clear

    return spoil


def _reuses_buffer(case: Case) -> Spoilt:
    """The gradients of one call lie in the memory of the next one's."""
    buffers: Arrays = {}

    def backward(g: Any, **inputs: Any) -> Arrays:
        for name, gradient in case.right(g, **inputs).items():
            if name in buffers and buffers[name].shape == gradient.shape:
                buffers[name][...] = gradient
            else:
                buffers[name] = np.array(gradient)
        return dict(buffers)

    return case.forward, backward, buffers.clear


def _forward_reuses_buffer(case: Case) -> Spoilt:
    """The output of one call lies in the memory of the next one's."""
    buffers: dict[str, Any] = {}

    def forward(**inputs: Any) -> Any:
        y = case.forward(**inputs)
        if "y" in buffers and buffers["y"].shape == y.shape:
            buffers["y"][...] = y
        else:
            buffers["y"] = np.array(y)
        return buffers["y"]

    return forward, case.backward, buffers.clear


def _cleared_by_first_call(case: Case) -> Spoilt:
    """A pullback called a second time finds its cache empty."""
    cache: list[bool] = []

    def forward(**inputs: Any) -> Any:
        cache[:] = [True]
        return case.forward(**inputs)

    def backward(g: Any, **inputs: Any) -> Arrays:
        gradients = case.right(g, **inputs)
        if cache == [False]:
            return {name: np.zeros_like(gradient) for name, gradient in gradients.items()}
        cache[:] = [False]
        return gradients

    return forward, backward, cache.clear


def _noisy_backward(size: float) -> Spoil:
    def spoil(case: Case) -> Spoilt:
        rng = np.random.default_rng()

        def backward(g: Any, **inputs: Any) -> Arrays:
            gradients = case.right(g, **inputs)
            return _first(case, gradients, lambda v: v * float(1 + size * rng.normal()))

        return case.forward, backward, case.reset

    return spoil


def _noisy_forward(size: float) -> Spoil:
    def spoil(case: Case) -> Spoilt:
        rng = np.random.default_rng()

        def forward(**inputs: Any) -> Any:
            y = case.forward(**inputs)
            return (y + size * rng.normal(size=np.shape(y))).astype(y.dtype)

        return forward, case.backward, case.reset

    return spoil


def _fresh_mask(case: Case) -> Spoilt:
    """Dropout that draws a mask of its own in each pass."""
    rng = np.random.default_rng()

    def mask(x: Any) -> Any:
        return (rng.random(x.shape) < 0.8).astype(x.dtype)

    def forward(**inputs: Any) -> Any:
        y = case.forward(**inputs)
        return y * mask(y)

    def backward(g: Any, **inputs: Any) -> Arrays:
        return case.right(g * mask(g), **inputs)

    return forward, backward, case.reset


# ------------------------------------------------------------------------------------------ layout
def as_stored(g: Any, what: str = "all") -> Any:
    """Returns what a kernel reads that takes the memory of `g` for a contiguous array."""
    g = np.asarray(g)
    if any(s == 0 and n > 1 for s, n in zip(g.strides, g.shape, strict=True)):
        wrong = np.zeros_like(g, order="C")
        wrong.flat[:1] = g.flat[:1]
        return wrong if what in ("all", "broadcast") else g
    if any(s < 0 for s in g.strides):
        flips = tuple(slice(None, None, -1 if s < 0 else 1) for s in g.strides)
        return np.ascontiguousarray(g[flips]) if what in ("all", "reversed") else g
    if g.flags.c_contiguous:
        return g
    return g.ravel(order="K").reshape(g.shape) if what in ("all", "fortran") else g


def _reads_cotangent(what: str) -> Spoil:
    return stateless(lambda case, g, inputs: case.right(as_stored(g, what), **inputs))


def _reads_first_input(case: Case, g: Any, inputs: Arrays) -> Arrays:
    name = case.diff[0]
    return case.right(g, **(inputs | {name: as_stored(inputs[name])}))


# --------------------------------------------------------------------------------------- linearity
def _of_cotangent(change: Callable[[Any], Any]) -> Spoil:
    return stateless(lambda case, g, inputs: case.right(change(g), **inputs))


def _rescaled(g: Any) -> Any:
    """Divides by the largest entry and forgets to guard against zero."""
    with np.errstate(all="ignore"):
        return g / np.abs(g).max() * np.abs(g).max()


def _decayed(case: Case, gradients: Arrays, inputs: Arrays) -> Arrays:
    name = case.diff[1]
    return gradients | {name: gradients[name] + inputs[name].dtype.type(1e-3) * inputs[name]}


# --------------------------------------------------------------------------------------- precision
def _through(dtype: Any) -> Spoil:
    def change(case: Case, gradients: Arrays, inputs: Arrays) -> Arrays:
        return {k: v.astype(dtype).astype(v.dtype) for k, v in gradients.items()}

    return edited(change)


def _all(case: Case) -> tuple[str, ...]:
    return tuple(case.make_inputs(np.random.default_rng(0), np.dtype(case.dtype)))


LAYERS = "linear/right conv2d/right causal_attention/right batch_norm/right"

FAULTS = (
    Fault(
        "mutates_cotangent",
        "cotangent mutated",
        stateless(_mutates_cotangent),
        f"{LAYERS} softmax/right tanh/right",
        "NVIDIA/apex#1430",
    ),
    Fault(
        "mutates_input",
        "input mutated",
        stateless(_mutates_input),
        "linear/right softmax/right max_pool/right recurrent_network/right",
        "NVIDIA/warp#1726",
    ),
    Fault(
        "updates_parameter",
        "parameter mutated",
        stateless(_updates_parameter),
        "linear/right mlp/right conv1d/right",
    ),
    Fault(
        "forward_subtracts_in_place",
        "input mutated",
        _forward_centres,
        "softmax/right log_softmax/right",
    ),
    Fault("forward_rectifies_in_place", "input mutated", _forward_rectifies, "relu/right"),
    Fault(
        "stale_cache",
        "stale cache",
        _stale(_all),
        f"{LAYERS} relu/right mlp/right softmax/right cross_entropy/right max_pool/right "
        "gru_cell/right",
    ),
    Fault(
        "stale_input_only",
        "stale cache",
        _stale(lambda case: case.diff[:1]),
        "linear/right batch_norm/right conv1d/right",
    ),
    Fault(
        "stale_weight",
        "stale cache",
        _stale(lambda case: case.diff[1:2]),
        "linear/right layer_norm/right",
    ),
    Fault(
        "accumulates",
        "accumulates",
        _accumulating(lambda case: case.diff),
        "tanh/right squared_error/right",
        "karpathy/micrograd#53",
    ),
    Fault(
        "parameters_accumulate",
        "accumulates",
        _accumulating(lambda case: case.diff[1:]),
        f"{LAYERS} mlp/right",
        "torch/nn#792",
    ),
    Fault(
        "reuses_buffer",
        "buffer reused",
        _reuses_buffer,
        "linear/right softmax/right conv2d/right",
        "ggml-org/ggml#1501",
    ),
    Fault(
        "forward_reuses_buffer",
        "buffer reused",
        _forward_reuses_buffer,
        "linear/right softmax/right tanh/right",
        "hpcaitech/Elixir#12",
    ),
    Fault(
        "second_call_empty",
        "not repeatable",
        _cleared_by_first_call,
        "linear/right batch_norm/right lstm/right",
    ),
    Fault(
        "backward_noise",
        "nondeterministic backward",
        _noisy_backward(1e-2),
        "linear/right gather/right",
        "NVlabs/DiffRL#16",
    ),
    Fault(
        "backward_noise_small",
        "nondeterministic backward",
        _noisy_backward(1e-6),
        "scatter_add/right conv2d/right",
        "pytorch/pytorch#13818",
    ),
    Fault(
        "forward_noise",
        "nondeterministic forward",
        _noisy_forward(1e-3),
        "linear/right softmax/right",
    ),
    Fault(
        "forward_noise_small", "nondeterministic forward", _noisy_forward(1e-6), "layer_norm/right"
    ),
    Fault(
        "fresh_dropout",
        "nondeterministic forward",
        _fresh_mask,
        "linear/right causal_attention/right",
        "pytorch/pytorch#114333",
    ),
    Fault(
        "ignores_strides",
        "layout of the cotangent",
        _reads_cotangent("all"),
        f"{LAYERS} average_pool/right transposed_convolution/right",
        "Dao-AILab/flash-attention#355",
    ),
    Fault(
        "ignores_broadcast",
        "layout of the cotangent",
        _reads_cotangent("broadcast"),
        "softmax/right layer_norm/right tanh/right",
        "pytorch/pytorch#64529",
    ),
    Fault(
        "ignores_order",
        "layout of the cotangent",
        _reads_cotangent("fortran"),
        "linear/right max_pool/right embedding/right",
        "open-mmlab/mmcv#737",
    ),
    Fault(
        "ignores_reversal",
        "layout of the cotangent",
        _reads_cotangent("reversed"),
        "linear/right cumulative_sum/right",
        "torch/nn#345",
    ),
    Fault(
        "ignores_input_strides",
        "layout of the input",
        stateless(_reads_first_input),
        "linear/right conv2d/right einsum/right",
        "pytorch/pytorch#30303",
    ),
    Fault(
        "clips_cotangent",
        "not linear",
        _of_cotangent(lambda g: np.clip(g, -5, 5)),
        "linear/right causal_attention/right tanh/right",
    ),
    Fault(
        "flushes_small_cotangent",
        "not linear",
        _of_cotangent(lambda g: np.where(np.abs(g) < 1e-5, 0, g).astype(g.dtype)),
        "linear/right softmax/right",
    ),
    Fault(
        "normalises_cotangent",
        "not linear",
        _of_cotangent(lambda g: g / np.maximum(np.sqrt((g * g).sum()), 1e-12)),
        "linear/right batch_norm/right",
    ),
    Fault(
        "cotangent_taken_for_one",
        "not linear",
        _of_cotangent(np.ones_like),
        "squared_error/right cross_entropy/right mlp/right hinge/right",
        "sherjilozair/ctc#2",
    ),
    Fault(
        "nan_at_zero_cotangent",
        "not zero at zero",
        _of_cotangent(_rescaled),
        "linear/right log_softmax/right",
    ),
    Fault(
        "adds_decay",
        "not zero at zero",
        edited(_decayed),
        "linear/right mlp/right layer_norm/right",
    ),
    Fault(
        "single_precision",
        "wrong dtype",
        edited(lambda case, d, x: {k: v.astype(np.float32) for k, v in d.items()}),
        "linear/right softmax/right kl_divergence/right",
        "pytorch/extension-cpp#42",
        "float64",
    ),
    Fault(
        "half_precision",
        "wrong dtype",
        edited(lambda case, d, x: _first(case, d, lambda v: v.astype(np.float16))),
        "linear/right layer_norm/right",
    ),
    Fault(
        "double_for_single",
        "wrong dtype",
        edited(lambda case, d, x: {k: v.astype(np.float64) for k, v in d.items()}),
        "linear/float32 softmax/float32 conv1d/float32",
    ),
    Fault(
        "through_single",
        "precision lost",
        _through(np.float32),
        "linear/right layer_norm/right tanh/right",
        "pytorch/extension-cpp#42",
        "float64",
    ),
    Fault(
        "through_half",
        "precision lost",
        _through(np.float16),
        "linear/float32 batch_norm/float32 softmax/right",
    ),
    Fault(
        "last_missing",
        "missing",
        edited(_without_last),
        "linear/right layer_norm/right prelu/right lstm/right",
    ),
    Fault(
        "gradient_of_constants",
        "extra",
        edited(_with_constants),
        "cross_entropy/right",
    ),
    Fault(
        "leading_axis",
        "wrong shape",
        edited(lambda case, d, x: _first(case, d, lambda v: v[None])),
        "linear/right softmax/right",
    ),
    Fault(
        "flattened",
        "wrong shape",
        edited(lambda case, d, x: _first(case, d, np.ravel)),
        "conv2d/right linear/right",
    ),
    Fault(
        "transposed_shape",
        "wrong shape",
        edited(lambda case, d, x: _last(case, d, lambda v: v.T)),
        "low_rank_adapter/right mixed_precision_product/right",
    ),
    Fault(
        "summed_to_scalar",
        "wrong shape",
        edited(lambda case, d, x: _last(case, d, np.sum)),
        "linear/right layer_norm/right",
    ),
)


def _one_array(g: Any, a: Any, b: Any) -> Arrays:
    both = np.array(g)
    return {"a": both, "b": both}


def _overlapping(g: Any, a: Any, b: Any) -> Arrays:
    both = np.array(g)
    return {"a": both, "b": both.reshape(-1)[:].reshape(g.shape)}


def _in_place(g: Any, a: Any, b: Any) -> Arrays:
    a[...] = g
    return {"a": a}


SUM = Family(
    "sum_of_two",
    draw(a=(4, 3), b=(4, 3)),
    lambda a, b: a + b,
    lambda g, a, b: {"a": np.array(g), "b": np.array(g)},
    "a b",
    (
        Bug("one_array_for_both", "aliasing", _one_array, kind="contract"),
        Bug("overlapping_views", "aliasing", _overlapping, kind="contract"),
        Bug("written_into_the_input", "aliasing", _in_place, kind="contract"),
    ),
)

FAMILIES = (SUM,)
