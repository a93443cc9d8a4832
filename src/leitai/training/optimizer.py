"""AdamW (Loshchilov and Hutter, arXiv 1711.05101) and its state as named tensors."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from leitai.models import Decoder
from leitai.training.spec import AdaptSpec

_SEPARATOR = "::"  # in no parameter's name


def decayed_names(decoder: Decoder) -> set[str]:
    """Name the trained parameters that decay: the weights of linear layers, an untied head's too.

    Norms and biases do not: pulling them to 0 is no regularisation. Nor does the embedding, tied or
    not: a row whose token is not in the data gets no gradient and would only fade.
    """
    return {
        f"{name}.weight"
        for name, module in decoder.named_modules()
        if isinstance(module, nn.Linear) and module.weight.requires_grad
    }


def make_optimizer(decoder: Decoder, spec: AdaptSpec) -> torch.optim.AdamW:
    """Make the optimiser of what is trained; the rate is set anew before each step."""
    decayed = decayed_names(decoder)
    trained = {n: p for n, p in decoder.named_parameters() if p.requires_grad}
    groups = [
        {
            "params": [p for n, p in trained.items() if n in decayed],
            "weight_decay": spec.weight_decay,
        },
        {"params": [p for n, p in trained.items() if n not in decayed], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=spec.learning_rate,
        betas=spec.betas,
        fused=True,
    )


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all groups."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def optimizer_tensors(
    optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter]
) -> dict[str, Tensor]:
    """Return moments and step counts by parameter name, for a checkpoint."""
    return {
        f"{name}{_SEPARATOR}{key}": value
        for name, parameter in parameters.items()
        for key, value in optimizer.state[parameter].items()
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer,
    parameters: Mapping[str, nn.Parameter],
    tensors: Mapping[str, Tensor],
) -> None:
    """Put back what `optimizer_tensors` returned, bit by bit."""
    for key, value in tensors.items():
        name, _, part = key.partition(_SEPARATOR)
        state: dict[str, Any] = optimizer.state[parameters[name]]
        state[part] = value.to(parameters[name].device, copy=True)
