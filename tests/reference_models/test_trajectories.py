"""From the same weights, on the same batches of digits, the losses stay those of PyTorch."""

from itertools import islice

import numpy as np
import pytest
import torch
from twins import OPTIMIZER_TWINS

import reference_models as rm
from reference_models.digits import EXAMPLE_SETTINGS, SIZES, load

STEPS = 200
NETWORK = rm.mlp(SIZES)


@pytest.fixture(scope="module")
def data():
    digits = load(seed=0)
    return digits.x_train, rm.one_hot(digits.labels_train, 10)


def index_batches(n_samples):
    rng = np.random.default_rng(0)
    return islice((b for _ in range(STEPS) for b in rm.batches(rng, n_samples, 32)), STEPS)


def our_losses(name, params, data):
    rule = rm.loss_rule(NETWORK, rm.mean_categorical_cross_entropy_with_logits)
    optimizer = rm.optimizer(name, **EXAMPLE_SETTINGS[name])
    state = rm.TrainingState(params, optimizer.init(params))
    for batch in index_batches(len(data[0])):
        state, loss = rm.train_step(rule, optimizer, state, (data[0][batch], data[1][batch]))
        yield loss


def torch_losses(twin, params, data):
    x, target = map(torch.tensor, data)
    W0, b0, W2, b2 = tensors = [torch.tensor(p, requires_grad=True) for p in params.values()]
    optimizer = twin.torch(tensors, **twin.torch_settings(**EXAMPLE_SETTINGS[twin.name]))
    for batch in map(torch.tensor, index_batches(len(x))):
        logits = torch.relu(x[batch] @ W0 + b0) @ W2 + b2
        loss = torch.nn.functional.cross_entropy(logits, target[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()


@pytest.mark.parametrize("twin", OPTIMIZER_TWINS, ids=lambda twin: twin.name)
def test_the_losses_stay_those_of_torch(twin, data, record_property):
    params = NETWORK.init(np.random.default_rng(0))
    ours = np.array(list(our_losses(twin.name, params, data)))
    theirs = np.array(list(torch_losses(twin, params, data)))
    worst = np.max(np.abs(ours - theirs) / theirs)
    record_property("worst_relative_difference", worst)
    assert len(ours) == STEPS and ours[-1] < ours[0] / 2
    assert worst <= 1e-9
