"""What belongs to a checkpoint beside its weights and config: tokenizer, template, licence."""

import shutil
from pathlib import Path

from leitai.base import LeitaiError
from leitai.base.files import atomic_file

COMPANIONS = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "*.tiktoken",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
    "LICENSE*",
    "NOTICE*",
)
"""Patterns of file names."""


def copy_companions(source: Path, target: Path) -> None:
    """Copy them, so that the new folder is asked exactly as the old one was.

    Raises:
        LeitaiError: a file cannot be read, or the disk is full.
    """
    for pattern in COMPANIONS:
        for path in sorted(source.glob(pattern)):
            try:
                with path.open("rb") as old, atomic_file(target / path.name) as new:
                    shutil.copyfileobj(old, new)
            except OSError as error:
                raise LeitaiError(f"cannot read ({error.strerror})", where=path) from error
