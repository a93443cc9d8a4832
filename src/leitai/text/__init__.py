"""Text to token ids: tokenizers, chat templates, which ids are targets."""

from leitai.text.chat import Chat
from leitai.text.checkpoint import copy_text_files, write_scratch_text_files
from leitai.text.encoded import Encoded, truncate
from leitai.text.tokenizer import Tokenizer
from leitai.text.train import train_tokenizer

__all__ = [
    "Chat",
    "Encoded",
    "Tokenizer",
    "copy_text_files",
    "train_tokenizer",
    "truncate",
    "write_scratch_text_files",
]
