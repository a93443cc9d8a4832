"""Contenders from random weights: a family's architecture in small, with its own tokenizer."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from leitai.base.files import atomic_folder
from leitai.models import init_decoder, save_decoder, scratch_config
from leitai.text import Chat, Tokenizer, train_tokenizer, write_scratch_text_files

ROLES = ("system", "user", "assistant")


def _with_roles(texts: Iterable[str]) -> Iterator[str]:
    """Yield each text and, as often, the role names that templates write before it."""
    for text in texts:
        yield text
        yield from ROLES


def create_scratch(
    preset: str, texts: Iterable[str], folder: Path, *, vocab_size: int, seed: int
) -> None:
    """Make a Hugging Face folder with random weights and a tokenizer trained on `texts`.

    Args:
        preset: such as ``qwen3-nano`` or ``llama3-micro`` (`leitai.models.SCRATCH_PRESETS`).
        texts: what the model will be trained on, so that the tokenizer fits it.
        folder: replaced as a whole.
        vocab_size: largest size of the vocabulary; short texts give a smaller one.
        seed: of the weights.

    Raises:
        LeitaiError: there is no such preset, the vocabulary is too small, or the disk is full.
    """
    family = scratch_config(preset, vocab_size).family
    tokenizer = train_tokenizer(_with_roles(texts), family, vocab_size)
    with atomic_folder(folder) as temporary:
        write_scratch_text_files(tokenizer, family, temporary)
        chat = Chat.from_folder(temporary, Tokenizer.from_folder(temporary))
        config = scratch_config(
            preset,
            tokenizer.vocab_size,
            bos_token_id=tokenizer.bos_id,
            eos_token_ids=chat.stop_ids,
            pad_token_id=tokenizer.pad_id,
        )
        save_decoder(init_decoder(config, seed), temporary)
