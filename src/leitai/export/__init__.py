"""Adapted models as files for other programs, with their cards. Importing a name imports torch."""

from leitai.export.card import CARD_FILE, model_card
from leitai.export.export import export_model
from leitai.export.gguf_file import read_gguf
from leitai.export.gguf_layout import FORMATS
from leitai.export.source import Source, find_source

__all__ = [
    "CARD_FILE",
    "FORMATS",
    "Source",
    "export_model",
    "find_source",
    "model_card",
    "read_gguf",
]
