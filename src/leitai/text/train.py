"""Byte-level BPE trained on the run's own text, cut and framed as a family does."""

from collections.abc import Iterable

import tokenizers
from tokenizers import models, pre_tokenizers, trainers

from leitai.base import LeitaiError
from leitai.text.added import AddedToken
from leitai.text.families import FAMILIES
from leitai.text.ranks import byte_level_bpe
from leitai.text.surrogates import repair
from leitai.text.tokenizer import Tokenizer

_BATCH = 1024  # texts handed to the library at a time


def train_tokenizer(texts: Iterable[str], family: str, vocab_size: int) -> Tokenizer:
    """Train a small tokenizer with a family's pre-tokenisation and special tokens.

    The same texts in any order of threads give the same tokenizer. Fewer tokens than `vocab_size`
    come out when the text has too few repeated pairs.

    Args:
        texts: training text; control tokens typed in it are text.
        family: ``qwen2``, ``qwen3`` or ``llama``.
        vocab_size: size of the vocabulary, the 256 bytes and the family's special tokens included.

    Raises:
        LeitaiError: the family is unknown, or the vocabulary has no room for the bytes.
    """
    if family not in FAMILIES:
        raise LeitaiError(f"unknown family {family!r}", remedy=f"use one of {', '.join(FAMILIES)}")
    facts = FAMILIES[family]
    names = facts.special + facts.control
    merged = vocab_size - len(names)
    if merged < 256:
        raise LeitaiError(
            f"{vocab_size} tokens have no room for 256 bytes and {len(names)} special tokens",
            where="vocab_size",
            remedy=f"use {256 + len(names)} or more",
        )
    backend = byte_level_bpe(models.BPE(ignore_merges=False), facts.pattern, nfc=facts.nfc)
    trainer = trainers.BpeTrainer(
        vocab_size=merged,
        min_frequency=2,
        special_tokens=[],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(_batches(texts), trainer=trainer)
    return frame(backend, family)


def frame(backend: tokenizers.Tokenizer, family: str) -> Tokenizer:
    """Put a family's special tokens behind the ids of a trained backend."""
    facts = FAMILIES[family]
    first = backend.get_vocab_size(with_added_tokens=False)
    added = [
        AddedToken(first + index, name, special=name in facts.special)
        for index, name in enumerate(facts.special + facts.control)
    ]
    return Tokenizer(backend, added, bos=facts.bos, eos=facts.eos, pad=facts.pad)


def _batches(texts: Iterable[str]) -> Iterable[list[str]]:
    batch: list[str] = []
    for text in texts:
        batch.append(repair(text))
        if len(batch) == _BATCH:
            yield batch
            batch = []
    yield batch
