"""One way to apply every method: afterwards `requires_grad` says what is trained."""

from functools import lru_cache

import torch
from torch import Tensor

from leitai.adapters.interface import StepHooks
from leitai.adapters.method import AnyMethod
from leitai.adapters.table import implementation
from leitai.models import Decoder, ModelConfig


def apply_method(decoder: Decoder, method: AnyMethod, seed: int = 0) -> None:
    """Prepare a decoder for training: set `requires_grad`, and put an adapter's numbers in.

    Args:
        decoder: a plain decoder; changed in place.
        method: what to train.
        seed: of what the method draws at random.

    Raises:
        LeitaiError: the method does not fit the model, such as more blocks or other layers than it
            has.
    """
    decoder.requires_grad_(False)
    implementation(method).put(decoder, method, seed)


def step_hooks(decoder: Decoder, method: AnyMethod, total: int) -> StepHooks:
    """Return the method's part in a training run of `total` steps on a prepared decoder."""
    return implementation(method).hooks(decoder, method, total)


def leaves_adapter(method: AnyMethod) -> bool:
    """Whether a run leaves an adapter beside its base, and not a whole model."""
    return implementation(method).is_adapter


def trainable_state(decoder: Decoder) -> dict[str, Tensor]:
    """Return the trained parameters by name, in the order of the model; a tied one appears once."""
    return {
        name: parameter.detach()
        for name, parameter in decoder.named_parameters()
        if parameter.requires_grad
    }


def trainable_parameters(decoder: Decoder) -> int:
    """Count the trained numbers."""
    return sum(tensor.numel() for tensor in trainable_state(decoder).values())


@lru_cache(maxsize=64)
def count_trainable(config: ModelConfig, method: AnyMethod) -> int:
    """Count the numbers that a method would train, from the architecture alone.

    Raises:
        LeitaiError: the method does not fit the model.
    """
    with torch.device("meta"):
        decoder = Decoder(config)
        apply_method(decoder, method)
    return trainable_parameters(decoder)
