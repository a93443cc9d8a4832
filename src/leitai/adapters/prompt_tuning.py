"""Prompt tuning: trained embeddings before every row (Lester et al., arXiv 2104.08691)."""

from types import MappingProxyType

import torch
from torch import Tensor, nn

from leitai.adapters.method import PromptTuning
from leitai.adapters.virtual_tokens import TrainedTokens, VirtualTokenImplementation
from leitai.forest import VirtualTokens
from leitai.models import Decoder, ModelConfig, record


class TrainedPrompt(TrainedTokens):
    """Embeddings of n virtual tokens, which run through the blocks before every row.

    Attributes:
        embedding: [n, hidden].
    """

    def __init__(self, config: ModelConfig, count: int) -> None:
        """Lay out the embeddings on the meta device."""
        super().__init__(count)
        self.embedding = nn.Parameter(torch.empty(count, config.hidden_size, device="meta"))

    def fill(self, generator: torch.Generator | None) -> None:
        """Draw the embeddings from N(0, 1), as PEFT does for its initialisation "RANDOM"."""
        self.to_empty(device="cpu")
        nn.init.normal_(self.embedding, generator=generator)

    def flat(self) -> Tensor:
        """Return the embeddings."""
        return self.embedding

    def compute(self, decoder: Decoder) -> VirtualTokens:
        """See `Prefix.compute`."""
        return record(decoder, self.embedding.to(decoder.compute_dtype))

    @torch.no_grad()
    def start_from(self, decoder: Decoder, ids: Tensor) -> None:
        """Set the embeddings to those of real tokens, [n]."""
        self.embedding.copy_(decoder.model.embed_tokens(ids))


class PromptTuningImplementation(VirtualTokenImplementation[PromptTuning]):
    """Prompt tuning at work on a decoder."""

    peft_type = "PROMPT_TUNING"
    kind = TrainedPrompt
    fields = MappingProxyType(
        {
            "prompt_tuning_init": "RANDOM",
            "prompt_tuning_init_text": None,
            "tokenizer_name_or_path": None,
            "tokenizer_kwargs": None,
        }
    )

    def make(self, config: ModelConfig, spec: PromptTuning) -> TrainedTokens:
        """See `VirtualTokenImplementation.make`."""
        return TrainedPrompt(config, spec.virtual_tokens)

    def plain(self, config: ModelConfig, count: int) -> TrainedTokens:
        """See `VirtualTokenImplementation.plain`."""
        return TrainedPrompt(config, count)

    def sizes(self, config: ModelConfig) -> tuple[int, int]:
        """PEFT means the hidden size and the query heads here."""
        return config.hidden_size, config.num_attention_heads
