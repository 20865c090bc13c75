"""Losses: pure rules `(prediction, target) -> (value, pullback)`.

`pullback(l_bar) -> (prediction_bar, target_bar)`; `target_bar` is None for integer labels. A
convention (mean or sum, over what, with ½ or without) is part of the name. Values are NumPy scalars
(`np.float32` or `np.float64`, the dtype of the prediction), not 0-d arrays; `l_bar` may be any
number. Only `half_squared_error_per_sample` gives one value a sample.

A mean over an empty batch is nan, without a warning, as in PyTorch; its cotangents are empty.
"""

from collections.abc import Mapping

from reference_models._types import Loss
from reference_models.losses.binary import (
    mean_binary_cross_entropy as mean_binary_cross_entropy,
)
from reference_models.losses.binary import (
    mean_binary_cross_entropy_with_logits as mean_binary_cross_entropy_with_logits,
)
from reference_models.losses.categorical import (
    mean_categorical_cross_entropy as mean_categorical_cross_entropy,
)
from reference_models.losses.categorical import (
    mean_categorical_cross_entropy_with_logits as mean_categorical_cross_entropy_with_logits,
)
from reference_models.losses.categorical import (
    mean_negative_log_likelihood as mean_negative_log_likelihood,
)
from reference_models.losses.piecewise_linear import mean_absolute_error as mean_absolute_error
from reference_models.losses.piecewise_linear import mean_hinge as mean_hinge
from reference_models.losses.squared_error import (
    half_mean_squared_error_over_samples as half_mean_squared_error_over_samples,
)
from reference_models.losses.squared_error import (
    half_squared_error_per_sample as half_squared_error_per_sample,
)
from reference_models.losses.squared_error import half_sum_squared_error as half_sum_squared_error
from reference_models.losses.squared_error import mean_squared_error as mean_squared_error

LOSSES: Mapping[str, Loss] = {
    "half_squared_error_per_sample": half_squared_error_per_sample,
    "half_sum_squared_error": half_sum_squared_error,
    "mean_squared_error": mean_squared_error,
    "half_mean_squared_error_over_samples": half_mean_squared_error_over_samples,
    "mean_binary_cross_entropy": mean_binary_cross_entropy,
    "mean_binary_cross_entropy_with_logits": mean_binary_cross_entropy_with_logits,
    "mean_categorical_cross_entropy": mean_categorical_cross_entropy,
    "mean_categorical_cross_entropy_with_logits": mean_categorical_cross_entropy_with_logits,
    "mean_negative_log_likelihood": mean_negative_log_likelihood,
    "mean_hinge": mean_hinge,
    "mean_absolute_error": mean_absolute_error,
}
"""Every loss by its name."""
