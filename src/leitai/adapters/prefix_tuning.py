"""Prefix-tuning: trained keys and values before every row (Li and Liang, arXiv 2101.00190)."""

from types import MappingProxyType

import torch
from torch import Tensor, nn

from leitai.adapters.method import PrefixTuning
from leitai.adapters.virtual_tokens import TrainedTokens, VirtualTokenImplementation
from leitai.forest import VirtualTokens
from leitai.models import Decoder, ModelConfig, record


class TrainedPrefix(TrainedTokens):
    """Keys and values of n virtual tokens in each of L layers, as PEFT lays them out.

    The keys are used as they stand: no norm and no rotation is applied to them.

    Attributes:
        embedding: [n, 2 * L * width] with keys and values of the layers by turns, where width is
            the number of key heads times their size; with an inner size, [n, width].
        transform: the reparameterisation of section 4.3, width -> inner -> 2 * L * width with tanh,
            or None. It is computed away when the prefix is saved.
    """

    def __init__(self, config: ModelConfig, count: int, inner: int | None = None) -> None:
        """Lay out the weights on the meta device."""
        super().__init__(count)
        width = config.num_key_value_heads * config.head_dim
        flat = 2 * config.num_hidden_layers * width
        self._shape = (count, 2 * config.num_hidden_layers, config.num_key_value_heads, -1)
        self.transform: nn.Sequential | None = None
        with torch.device("meta"):
            self.embedding = nn.Parameter(torch.empty(count, width if inner else flat))
            if inner:
                self.transform = nn.Sequential(
                    nn.Linear(width, inner), nn.Tanh(), nn.Linear(inner, flat)
                )

    def fill(self, generator: torch.Generator | None) -> None:
        """Draw the weights as PEFT does: embeddings from N(0, 1), layers as `nn.Linear`."""
        self.to_empty(device="cpu")
        nn.init.normal_(self.embedding, generator=generator)
        for layer in self.transform or ():
            if isinstance(layer, nn.Linear):
                bound = layer.in_features**-0.5
                nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
                nn.init.uniform_(layer.bias, -bound, bound, generator=generator)

    def flat(self) -> Tensor:
        """Return keys and values as PEFT stores them, [n, 2 * L * width]."""
        if self.transform is None:
            return self.embedding
        found: Tensor = self.transform(self.embedding)
        return found

    def compute(self, decoder: Decoder) -> VirtualTokens:
        """See `Prefix.compute`."""
        split = self.flat().to(decoder.compute_dtype).view(self._shape)
        layers = split.permute(1, 2, 0, 3)[:, None]  # [2 * L, 1, H_kv, n, D]
        return VirtualTokens(tuple(layers[::2]), tuple(layers[1::2]))

    @torch.no_grad()
    def start_from(self, decoder: Decoder, ids: Tensor) -> None:
        """Set the prefix to the keys and values of real tokens [n], as the paper advises."""
        found = record(decoder, decoder.model.embed_tokens(ids))
        parts = (part for pair in zip(found.keys, found.values, strict=True) for part in pair)
        self.embedding.copy_(torch.cat([x[0].transpose(0, 1).flatten(1) for x in parts], dim=1))


class PrefixTuningImplementation(VirtualTokenImplementation[PrefixTuning]):
    """Prefix-tuning at work on a decoder."""

    peft_type = "PREFIX_TUNING"
    kind = TrainedPrefix
    fields = MappingProxyType(
        {"prefix_projection": False, "encoder_hidden_size": None, "init_weights": None}
    )

    def make(self, config: ModelConfig, spec: PrefixTuning) -> TrainedTokens:
        """See `VirtualTokenImplementation.make`."""
        return TrainedPrefix(config, spec.virtual_tokens, spec.projection)

    def plain(self, config: ModelConfig, count: int) -> TrainedTokens:
        """See `VirtualTokenImplementation.plain`."""
        return TrainedPrefix(config, count)

    def sizes(self, config: ModelConfig) -> tuple[int, int]:
        """PEFT means the key heads here."""
        return config.num_key_value_heads * config.head_dim, config.num_key_value_heads
