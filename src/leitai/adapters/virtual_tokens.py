"""What prefix-tuning and prompt tuning have in common: virtual tokens before every row."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from leitai.adapters.interface import AdapterImplementation, Tensors
from leitai.adapters.method import AnyMethod, PrefixTuning, PromptTuning, VirtualTokenMethod
from leitai.adapters.peft_config import (
    COMMON_FIELDS,
    CONFIG_FILE,
    WEIGHTS_FILE,
    positive,
    refuse_features,
)
from leitai.base import LeitaiError
from leitai.models import Decoder, ModelConfig, Prefix

Spec = TypeVar("Spec", PrefixTuning, PromptTuning)
TENSOR = "prompt_embeddings"
"""The one tensor of PEFT's file, [n, numbers of a virtual token]."""

_SIZES = frozenset(
    (
        *("num_virtual_tokens", "token_dim", "num_attention_heads", "num_layers"),
        "num_transformer_submodules",
    )
)


class TrainedTokens(Prefix):
    """Virtual tokens that are trained; float32 whatever the base's dtype is.

    Attributes:
        embedding: [n, ...].
    """

    embedding: nn.Parameter

    @abstractmethod
    def fill(self, generator: torch.Generator | None) -> None:
        """Draw the weights, on the CPU so that the device does not change the draw."""

    @abstractmethod
    def start_from(self, decoder: Decoder, ids: Tensor) -> None:
        """Set the virtual tokens to real ones, [n]."""

    @abstractmethod
    def flat(self) -> Tensor:
        """Return what PEFT stores, [n, numbers of a virtual token]."""


class VirtualTokenImplementation(AdapterImplementation[Spec]):
    """Virtual tokens at work on a decoder.

    Attributes:
        peft_type: PEFT's name of the method.
        kind: the module that makes the tokens.
        fields: further fields of the config, none of which matters once the weights are known.
    """

    peft_type: ClassVar[str]
    kind: ClassVar[type[TrainedTokens]]
    fields: ClassVar[Mapping[str, Any]]

    @abstractmethod
    def make(self, config: ModelConfig, spec: Spec) -> TrainedTokens:
        """Lay the module out on the meta device."""

    @abstractmethod
    def plain(self, config: ModelConfig, count: int) -> TrainedTokens:
        """Lay out the module of a saved adapter."""

    @abstractmethod
    def sizes(self, config: ModelConfig) -> tuple[int, int]:
        """Return PEFT's `token_dim` and `num_attention_heads`."""

    def put(self, decoder: Decoder, spec: Spec, seed: int) -> None:
        """Put the virtual tokens before every row.

        Raises:
            LeitaiError: an id to start from is not in the vocabulary.
        """
        tokens = self.make(decoder.config, spec)
        if decoder.device.type != "meta":
            generator = torch.Generator().manual_seed(seed)
            tokens.fill(generator)
            tokens.to(decoder.device)
            ids = start_ids(spec, decoder.config, generator)
            if ids is not None:
                tokens.start_from(decoder, ids.to(decoder.device))
        decoder.prefix = tokens

    def holds(self, decoder: Decoder) -> bool:
        """Whether the decoder begins its rows with tokens of this kind."""
        return isinstance(decoder.prefix, self.kind)

    def reads(self, config: Mapping[str, Any]) -> bool:
        """By the name of the method."""
        return bool(config.get("peft_type") == self.peft_type)

    def to_peft(self, decoder: Decoder) -> tuple[dict[str, Any], Tensors]:
        """Return PEFT's config and the one tensor."""
        tokens = decoder.prefix
        assert isinstance(tokens, self.kind)
        width, heads = self.sizes(decoder.config)
        config = {
            "peft_type": self.peft_type,
            "num_virtual_tokens": tokens.count,
            "token_dim": width,
            "num_transformer_submodules": 1,
            "num_attention_heads": heads,
            "num_layers": decoder.config.num_hidden_layers,
            "modules_to_save": None,
            **self.fields,
        }
        with torch.no_grad():
            return config, {TENSOR: tokens.flat()}

    def from_peft(
        self, decoder: Decoder, config: Mapping[str, Any], tensors: Tensors, folder: Path
    ) -> None:
        """Put saved virtual tokens before every row."""
        where, weights = folder / CONFIG_FILE, folder / WEIGHTS_FILE
        refuse_features(
            config,
            COMMON_FIELDS | _SIZES | self.fields.keys(),
            {"num_transformer_submodules": (None, 1)},
            where,
            self.peft_type.lower().replace("_", " "),
        )
        count = int(positive(config, "num_virtual_tokens", where))
        tokens = self.plain(decoder.config, count)
        if tensors.keys() != {TENSOR} or tensors[TENSOR].shape != tokens.embedding.shape:
            found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
            raise LeitaiError(
                f"expected the tensor '{TENSOR}' of shape {tuple(tokens.embedding.shape)} alone, "
                f"found {found}",
                where=weights,
                remedy="use the base that this adapter was trained on",
            )
        tokens.to_empty(device=decoder.device)
        with torch.no_grad():
            tokens.embedding.copy_(tensors[TENSOR])
        decoder.prefix = tokens


def start_ids(
    spec: VirtualTokenMethod, config: ModelConfig, generator: torch.Generator
) -> Tensor | None:
    """Return the ids of the real tokens that virtual ones start as, [n], or None for random starts.

    Fewer ids than tokens are repeated, more are cut off, as PEFT does.

    Raises:
        LeitaiError: an id is not in the vocabulary, or there is a text where ids are needed.
    """
    if spec.init_text is not None and not spec.init_ids:
        raise LeitaiError(
            "a text to start from needs a tokenizer",
            where="method.init_text",
            remedy="give its token ids as init_ids",
        )
    if spec.init_ids:
        if min(spec.init_ids) < 0 or max(spec.init_ids) >= config.vocab_size:
            raise LeitaiError(
                f"an id is not between 0 and {config.vocab_size - 1}", where="method.init_ids"
            )
        given = torch.tensor(spec.init_ids)
        return given.repeat(-(-spec.virtual_tokens // len(given)))[: spec.virtual_tokens]
    if spec.init == "random":
        return None
    return torch.randint(config.vocab_size, (spec.virtual_tokens,), generator=generator)


def with_start_ids(method: AnyMethod, encode: Callable[[str], Sequence[int]]) -> AnyMethod:
    """Return the method with the ids of the text that it is to start from, if it names one.

    Raises:
        LeitaiError: the text has no tokens.
    """
    if not isinstance(method, VirtualTokenMethod) or method.init_text is None:
        return method
    ids = tuple(encode(method.init_text))
    if not ids:
        raise LeitaiError("the text has no tokens", where="method.init_text", remedy="give words")
    return method.model_copy(update={"init_ids": ids})
