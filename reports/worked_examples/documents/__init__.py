"""Worked examples of our own as real documents, and the lines at which mistakes are known.

Adding an example is adding a Markdown file and its row. Those without lines are right throughout.
"""

from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parent

KNOWN: Mapping[str, tuple[int, ...]] = {
    "accumulating_optimizers.md": (),
    "adam_step_by_step.md": (),
    "batch_normalisation.md": (),
    "batch_normalisation_backward.md": (),
    "batch_normalisation_zh.md": (),
    "code_with_mistakes.md": (7, 20, 22, 31),
    "convolution_gradients.md": (),
    "figures_with_mistakes.md": (11, 13, 17, 18, 19, 26, 27),
    "layers_in_numpy.md": (),
    "momentum_and_adam.md": (),
    "recurrent_matrices.md": (),
    "recurrent_sums_zh.md": (),
    "rules_for_a_layer.md": (),
    "rules_with_mistakes.md": (3, 17, 21, 25, 29, 33, 35),
    "sigmoid_regression.md": (),
    "small_convolution.md": (),
    "softmax_classifier.md": (),
    "softmax_derivation_zh.md": (),
    "two_layers_batch.md": (),
    "two_layers_zh.md": (),
    "two_recurrent_steps.md": (),
}
"""By file name, the lines of which something is wrong."""
