"""A language model's trunk with a head over labels instead of tokens."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from leitai.models.decoder import Decoder


def put_score(decoder: Decoder, labels: Sequence[str], weight: Tensor) -> None:
    """Turn a decoder into a classifier, as transformers' ``*ForSequenceClassification``.

    Args:
        decoder: changed in place; its output projection is dropped.
        labels: what it is to tell apart.
        weight: of the head, [labels, hidden].
    """
    decoder.config = replace(decoder.config, labels=tuple(labels))
    with torch.device("meta"):
        decoder.score = nn.Linear(decoder.config.hidden_size, len(labels), bias=False)
    decoder.score.weight = nn.Parameter(weight.to(decoder.device))
    decoder.lm_head = None
