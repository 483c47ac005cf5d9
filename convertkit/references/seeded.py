"""Weights of a reference model: of one seed, and such that no layer's values die out or grow without bound.

As PyTorch and transformers begin, the values of deep convolutional networks shrink below what float32 has:
comparing them would compare nothing, and denormal numbers slow a CPU down. So convolutions of networks with
batch normalization are drawn anew (He et al., 2015), and each normalization has a scale of 1 and the
statistics of the samples, as after training.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from convertkit.artifacts.tensors import read_npz
from convertkit.references.models import build
from convertkit.workers.built import BuildJob, Built

SEED = 0


def write_weights(job: BuildJob) -> Built:
    """Write the state dict of a reference model."""
    torch.manual_seed(SEED)
    with torch.no_grad():
        inputs = [torch.from_numpy(values) for values in read_npz(job.samples).values()]
        model = with_statistics(build(job.name, job.is_small), inputs)
    torch.save(model.state_dict(), job.out)
    return Built(sum(each.nbytes for each in (*model.parameters(), *model.buffers())))


def with_statistics(model: nn.Module, inputs: Sequence[torch.Tensor]) -> nn.Module:
    """The model, in place: its batch normalizations get the statistics of these inputs, if it has any."""
    norms = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    if not norms:
        return model
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    for norm in norms:
        nn.init.ones_(norm.weight)  # transformers begins with 0.02 in some
        norm.momentum = 1.0
        norm.train()
    model(*inputs)
    return model.eval()
