"""How people name things in layers that they write from scratch.

All of the knowledge about names stands here, in tables; `layers` only looks things up.
"""

import re
from collections.abc import Iterable, Iterator

FORWARD = (
    "forward",
    "forward_pass",
    "forward_propagation",
    "forward_propagate",
    "forward_prop",
    "fprop",
    "feedforward",
    "feed_forward",
    "fwd",
    "call",
    "__call__",
)

BACKWARD = (
    "backward",
    "backward_pass",
    "backward_propagation",
    "backward_propagate",
    "backward_prop",
    "backpropagation",
    "back_propagation",
    "backpropagate",
    "backprop",
    "back_prop",
    "bprop",
    "bwd",
    "gradient",
    "grad",
    "vjp",
)

OUTPUT = ("output", "outputs", "out", "y", "a", "z", "activation", "activations", "loss")
"""Where a forward that returns nothing leaves its output."""

INPUT_GRADIENT = (
    "dinputs",
    "dinput",
    "dx",
    "d_inputs",
    "d_input",
    "d_x",
    "grad_input",
    "grad_inputs",
    "input_grad",
    "input_gradient",
    "grad_x",
    "gradinput",
    "x_bar",
    "din",
    "da_prev",
)
"""Where a backward that returns nothing leaves the cotangent of its input."""

PARAMETER_STORES = ("params", "parameters", "param", "weights", "W", "_params", "_parameters")
GRADIENT_STORES = (
    "grads",
    "gradients",
    "grad",
    "gradient",
    "dparams",
    "d_params",
    "param_grads",
    "_grads",
    "_gradients",
    "derivatives",
)
"""Dictionaries or lists (or methods that return them) with all parameters, all gradients."""

PARAMETER_VALUE = ("data", "value", "val", "tensor", "array", "w")
PARAMETER_GRADIENT = ("grad", "gradient", "g", "dw")
"""The two attributes of a parameter object."""

LEARNING_RATE = (
    "learning_rate",
    "learn_rate",
    "l_rate",
    "lrate",
    "lr",
    "eta",
    "alpha",
    "step_size",
    "step",
    "rate",
)

TRAINING = ("training", "train", "is_training", "is_train", "train_flag", "train_flg", "train_mode")

TARGETS = ("y_true", "target", "targets", "label", "labels", "y", "t", "truth", "true", "gt", "ys")
"""Inputs of a loss that are data where another input stands beside them."""

CACHE = ("cache", "ctx", "context", "memory", "saved", "residuals", "tape")

PARAMETER_NAMES = (
    ("w", "weight", "weights", "kernel", "kernels", "filters", "filter", "weight_matrix"),
    ("b", "bias", "biases", "bias_vector"),
    ("gamma", "scale"),
    ("beta", "shift", "offset"),
)
"""Names that stand for one another: `weights` may have its gradient in `dW`."""

SCALAR_PARAMETERS = ("w", "weight", "weights", "b", "bias")
"""A number of another name that has no gradient is a setting: a scale of 1/√d, a momentum beta."""


def plain(name: str) -> str:
    """Returns a name without case and underscores: d_W1, dW1 and dw1 are one.

    >>> plain("_Grad_W"), plain("dW1")
    ('gradw', 'dw1')
    """
    return name.replace("_", "").lower()


def gradient_names(parameter: str) -> Iterator[str]:
    """Yields the plain names under which a parameter's gradient is kept, the likeliest first.

    >>> names = list(gradient_names("weights"))
    >>> names[:3], "dw" in names, "weightsgradient" in names
    (['dweights', 'gradweights', 'weightsgrad'], True, True)
    """
    for name in synonyms(parameter):
        for form in (
            "d{}",
            "grad{}",
            "{}grad",
            "gradient{}",
            "{}gradient",
            "grads{}",
            "{}grads",
            "gradients{}",
            "{}gradients",
            "dl{}",
            "dld{}",
            "djd{}",
            "{}bar",
            "nabla{}",
            "delta{}",
            "del{}",
            "g{}",
            "{}derivative",
        ):
            yield form.format(name)


def synonyms(parameter: str) -> Iterator[str]:
    """Yields the plain name of a parameter, then the names that stand for it (numbers are kept).

    >>> list(synonyms("bias1"))
    ['bias1', 'b1', 'biases1', 'biasvector1']
    """
    name = plain(parameter)
    yield name
    match = re.fullmatch(r"([a-z]+)(\d*)", name)
    if not match:
        return
    stem, number = match.groups()
    for group in PARAMETER_NAMES:
        plain_group = tuple(map(plain, group))
        if stem in plain_group:
            yield from (f"{other}{number}" for other in plain_group if other != stem)


def is_parameter_name(name: str) -> bool:
    """Returns whether a name is one that people give to trainable parameters.

    >>> is_parameter_name("W1"), is_parameter_name("running_mean")
    (True, False)
    """
    match = re.fullmatch(r"([a-z]+)\d*", plain(name))
    return bool(match) and any(match[1] in map(plain, group) for group in PARAMETER_NAMES)


def is_scalar_parameter(name: str) -> bool:
    """Returns whether a single number of this name is a parameter, though it has no gradient.

    >>> is_scalar_parameter("b1"), is_scalar_parameter("scale")
    (True, False)
    """
    return plain(name).rstrip("0123456789") in SCALAR_PARAMETERS


def is_reset(name: str) -> bool:
    """Returns whether a method of this name sets gradients to zero.

    >>> is_reset("zero_grad"), is_reset("flush_gradients"), is_reset("forward")
    (True, True, False)
    """
    return bool(re.match(r"_*(zero|reset|clear|flush|init|null).*(grad|deriv|delta)", plain(name)))


def is_parameter_argument(path: str) -> bool:
    """Returns whether an argument, or what is below it, is a parameter by its name.

    >>> is_parameter_argument("params[0].W"), is_parameter_argument("W"), is_parameter_argument("x")
    (True, True, False)
    """
    name = re.split(r"[.\[]", path)[0]
    return name in PARAMETER_STORES or is_parameter_name(name)


def find_gradient(names: Iterable[str], parameter: str) -> str | None:
    """Returns the name under which the gradient of a parameter is kept, or None.

    Where W and w both exist their gradients differ by case alone, so the exact spelling is first.

    >>> find_gradient(["dw", "dW"], "W"), find_gradient(["grad_kernel"], "W")
    ('dW', 'grad_kernel')
    """
    names = tuple(names)
    stem = parameter.lstrip("_")
    exact = (f"d{stem}", f"d_{stem}", f"grad_{stem}", f"{stem}_grad", f"_d{stem}")
    spelt = next((name for name in exact if name in names), None)
    return spelt or find(names, gradient_names(parameter))


def find(names: Iterable[str], wanted: Iterable[str]) -> str | None:
    """Returns the first of the wanted (plain) names that is there, as it is spelt there.

    >>> find(["x", "grad_W"], ["dw", "gradw"])
    'grad_W'
    """
    spelt: dict[str, str] = {}
    for name in names:
        spelt.setdefault(plain(name), name)
    return next((spelt[name] for name in wanted if name in spelt), None)
