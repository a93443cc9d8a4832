"""Text to token ids: tokenizers, chat templates, which ids are targets."""

from leitai.text.tokenizer import Tokenizer
from leitai.text.train import train_tokenizer

__all__ = ["Tokenizer", "train_tokenizer"]
