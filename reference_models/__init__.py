"""Reference models: hand-derived forward and backward passes in NumPy, one convention each.

Every rule is a pure function that returns `(y, pullback)`; the pullback maps the cotangent `y_bar`
of the output to the cotangents of the inputs. It may be called any number of times, is linear, and
returns new arrays. Nothing is mutated; float32 stays float32. A pullback reads the inputs its rule
was given: do not write into them before the last call of it.

Example:
    >>> import numpy as np
    >>> network = mlp((4, 3, 2))
    >>> rule = loss_rule(network, mean_squared_error)
    >>> params = network.init(np.random.default_rng(0))
    >>> value, pullback = rule(params, np.ones((5, 4)), np.zeros((5, 2)))
    >>> params_bar, x_bar, target_bar = pullback(1.0)
    >>> params_bar["0.W"].shape
    (4, 3)
"""

from reference_models._types import Activation as Activation
from reference_models._types import Initializer as Initializer
from reference_models._types import Loss as Loss
from reference_models._types import Params as Params
from reference_models.activations import ACTIVATIONS as ACTIVATIONS
from reference_models.activations import identity as identity
from reference_models.activations import leaky_relu as leaky_relu
from reference_models.activations import relu as relu
from reference_models.activations import sigmoid as sigmoid
from reference_models.activations import softmax as softmax
from reference_models.activations import tanh as tanh
from reference_models.initializers import INITIALIZERS as INITIALIZERS
from reference_models.initializers import glorot_normal as glorot_normal
from reference_models.initializers import glorot_uniform as glorot_uniform
from reference_models.initializers import he_normal as he_normal
from reference_models.initializers import he_uniform as he_uniform
from reference_models.layers import AbstractLayer as AbstractLayer
from reference_models.layers import ActivationLayer as ActivationLayer
from reference_models.layers import Dense as Dense
from reference_models.losses import LOSSES as LOSSES
from reference_models.losses import (
    half_mean_squared_error_over_samples as half_mean_squared_error_over_samples,
)
from reference_models.losses import half_squared_error_per_sample as half_squared_error_per_sample
from reference_models.losses import half_sum_squared_error as half_sum_squared_error
from reference_models.losses import mean_absolute_error as mean_absolute_error
from reference_models.losses import mean_binary_cross_entropy as mean_binary_cross_entropy
from reference_models.losses import (
    mean_binary_cross_entropy_with_logits as mean_binary_cross_entropy_with_logits,
)
from reference_models.losses import mean_categorical_cross_entropy as mean_categorical_cross_entropy
from reference_models.losses import (
    mean_categorical_cross_entropy_with_logits as mean_categorical_cross_entropy_with_logits,
)
from reference_models.losses import mean_hinge as mean_hinge
from reference_models.losses import mean_negative_log_likelihood as mean_negative_log_likelihood
from reference_models.losses import mean_squared_error as mean_squared_error
from reference_models.metrics import accuracy as accuracy
from reference_models.networks import MLP as MLP
from reference_models.networks import LossRule as LossRule
from reference_models.networks import loss_rule as loss_rule
from reference_models.networks import mlp as mlp
from reference_models.optimizers import OPTIMIZERS as OPTIMIZERS
from reference_models.optimizers import Optimizer as Optimizer
from reference_models.optimizers import OptimizerState as OptimizerState
from reference_models.optimizers import adagrad as adagrad
from reference_models.optimizers import adam as adam
from reference_models.optimizers import adamw as adamw
from reference_models.optimizers import gradient_descent as gradient_descent
from reference_models.optimizers import momentum as momentum
from reference_models.optimizers import nesterov as nesterov
from reference_models.optimizers import optimizer as optimizer
from reference_models.optimizers import rmsprop as rmsprop
from reference_models.optimizers import sgd as sgd
from reference_models.training import Epoch as Epoch
from reference_models.training import TrainingState as TrainingState
from reference_models.training import batches as batches
from reference_models.training import fit as fit
from reference_models.training import one_hot as one_hot
from reference_models.training import train_step as train_step
