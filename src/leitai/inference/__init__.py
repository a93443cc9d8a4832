"""Score, write, chat and embed with one checkpoint. Importing a name here imports torch."""

from leitai.inference.encoding import encode_pair, encode_text
from leitai.inference.generation import Generated
from leitai.inference.language_model import LanguageModel
from leitai.inference.options import GenerateOptions
from leitai.inference.running import Handle
from leitai.inference.scheduler import Engine
from leitai.inference.scoring import Score

__all__ = [
    "Engine",
    "GenerateOptions",
    "Generated",
    "Handle",
    "LanguageModel",
    "Score",
    "encode_pair",
    "encode_text",
]
