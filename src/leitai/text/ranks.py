"""Official rank files (one base64 token and its rank a line) as byte-level BPE.

A rank file has no merge list: two neighbours merge when their concatenation is a token, lowest rank
first. The merge list that does the same therefore holds every way to split every token into two
tokens, in the order of the token's rank. A piece that is itself a token is taken whole, without
merging, as the rank files' own readers do (`ignore_merges`).
"""

import base64
import binascii
from pathlib import Path

import tokenizers
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers

from leitai.base import LeitaiError
from leitai.base.files import read_text
from leitai.text.bytelevel import to_piece

_LIMIT = 16 << 20  # bytes; the official files have 2.5 MB and less


def read_ranks(path: Path, expected: int) -> dict[bytes, int]:
    """Read a rank file.

    Args:
        path: the file.
        expected: how many ranks the family's file has; they must be 0 to `expected` - 1.

    Raises:
        LeitaiError: a line is not a base64 token and a rank, or the ranks are not the family's.
    """
    try:
        text = read_text(path, limit=_LIMIT)
    except LeitaiError as error:
        raise LeitaiError(
            f"not a rank file of Qwen or Llama 3 ({error.what})",
            where=path,
            remedy="put a tokenizer.json beside it; SentencePiece models (Llama 2) are not read",
        ) from error
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            token, rank = line.split()
            ranks[base64.b64decode(token, validate=True)] = int(rank)
        except (ValueError, binascii.Error) as error:
            raise LeitaiError(
                "expected a base64 token and its rank",
                where=f"{path}, line {number}",
                remedy="fetch the file again",
            ) from error
    if sorted(ranks.values()) != list(range(expected)):
        raise LeitaiError(
            f"{len(ranks):,} different tokens, expected the ranks 0 to {expected - 1:,}, each once",
            where=path,
            remedy="fetch the family's own file again, or use a tokenizer.json",
        )
    missing = [byte for byte in range(256) if bytes([byte]) not in ranks]
    if missing:
        raise LeitaiError(
            f"no token for the byte {missing[0]}", where=path, remedy="fetch it again"
        )
    return ranks


def merges_of(ranks: dict[bytes, int]) -> list[tuple[str, str]]:
    """Return the merge list that does what the ranks do, in order of priority."""
    pieces = {token: to_piece(token) for token in ranks}
    merges = []
    for token in sorted(ranks, key=ranks.__getitem__):
        splits = [
            (ranks[left], ranks[right], left, right)
            for cut in range(1, len(token))
            if (left := token[:cut]) in ranks and (right := token[cut:]) in ranks
        ]
        merges += [(pieces[left], pieces[right]) for _, _, left, right in sorted(splits)]
    return merges


def byte_level_bpe(model: models.BPE, pattern: str, *, nfc: bool) -> tokenizers.Tokenizer:
    """Frame a BPE model with a family's normalisation and pre-tokenisation."""
    backend = tokenizers.Tokenizer(model)
    if nfc:
        backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    return backend


def from_ranks(ranks: dict[bytes, int], pattern: str, *, nfc: bool) -> tokenizers.Tokenizer:
    """Convert ranks into a `tokenizers` BPE with the same ids."""
    model = models.BPE(
        vocab={to_piece(token): rank for token, rank in ranks.items()},
        merges=merges_of(ranks),
        ignore_merges=True,
    )
    return byte_level_bpe(model, pattern, nfc=nfc)
