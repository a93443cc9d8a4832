"""The text side of a checkpoint folder: written for scratch presets, else copied."""

from importlib import resources
from pathlib import Path

from leitai.base.files import atomic_file, write_json, write_text
from leitai.text.chat import Chat
from leitai.text.families import FAMILIES
from leitai.text.tokenizer import Tokenizer

TEXT_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "chat_template.jinja",
    "generation_config.json",
)
"""Files of a checkpoint that belong to its text side, beside any ``*.tiktoken``."""


def scratch_template(family: str) -> str:
    """Return the chat template of scratch checkpoints of a family."""
    path = resources.files("leitai.text") / "templates" / FAMILIES[family].template
    return path.read_text(encoding="utf-8")


def write_scratch_text_files(tokenizer: Tokenizer, family: str, folder: Path) -> None:
    """Write a scratch checkpoint's tokenizer, chat template and generation defaults.

    transformers' AutoTokenizer loads them with the same ids.

    Args:
        tokenizer: from `train_tokenizer`.
        family: ``qwen2``, ``qwen3`` or ``llama``.
        folder: the checkpoint folder.

    Raises:
        LeitaiError: the disk is full or the folder cannot be written.
    """
    template = scratch_template(family)
    write_text(folder / "tokenizer.json", tokenizer.to_json())
    write_json(folder / "tokenizer_config.json", tokenizer.to_config())
    write_text(folder / "chat_template.jinja", template)
    chat = Chat(tokenizer, {"default": template}, where=folder / "chat_template.jinja")
    write_json(
        folder / "generation_config.json",
        {
            "bos_token_id": tokenizer.bos_id,
            "eos_token_id": list(chat.stop_ids),
            "pad_token_id": tokenizer.pad_id,
        },
    )


def copy_text_files(source: Path, target: Path) -> None:
    """Copy a checkpoint's text side, byte for byte, to the folder of a model trained from it.

    Raises:
        LeitaiError: the disk is full or the folder cannot be written.
    """
    paths = [source / name for name in TEXT_FILES]
    for path in (*paths, *sorted(source.glob("*.tiktoken"))):
        if path.is_file():
            with atomic_file(target / path.name) as file:
                file.write(path.read_bytes())
