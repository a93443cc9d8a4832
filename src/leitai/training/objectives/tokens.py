"""Texts as one long row of token ids in a file, cut into blocks that are read when needed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leitai.base import LeitaiError
from leitai.base.files import atomic_file
from leitai.base.progress import progress
from leitai.data.rows import Row
from leitai.text import Tokenizer
from leitai.text.families import END_OF_TEXT_TOKENS
from leitai.training.batches import EncodedRow, Ints
from leitai.training.encoding import check_ids
from leitai.training.objectives.interface import Texts


@dataclass(frozen=True)
class TokenFile:
    """Documents one behind the other.

    Attributes:
        ids: of all of them, mapped from disk, [N].
        starts: where each document begins, ascending, [documents].
        sizes: UTF-8 length of each id of the vocabulary, control tokens 0, [V].
    """

    ids: NDArray[np.uint32]
    starts: Ints
    sizes: Ints

    def blocks(self, size: int) -> list["TokenBlock"]:
        """Cut into blocks that predict `size` tokens each, the last perhaps fewer.

        A block holds the token before its first prediction too, so that none falls between two.
        """
        return [
            TokenBlock(self, start, min(start + size + 1, len(self.ids)))
            for start in range(0, len(self.ids) - 1, size)
        ]


@dataclass(frozen=True, slots=True)
class TokenBlock:
    """The tokens from `start` to `stop` of a file."""

    file: TokenFile
    start: int
    stop: int

    @property
    def source(self) -> str:
        """See `Example.source`."""
        return f"tokens {self.start + 1:,} to {self.stop:,} of the text"

    @property
    def length(self) -> int:
        """See `Example.length`."""
        return self.stop - self.start

    @property
    def sequences(self) -> tuple[Ints, ...]:
        """The documents, or what of them is in the block, each from position 0."""
        ids = np.asarray(self.file.ids[self.start : self.stop]).astype(np.int64)
        cuts = self._cuts()
        return tuple(part for part in np.split(ids, cuts) if len(part) > 1)

    def _cuts(self) -> Ints:
        starts = self.file.starts
        first, last = np.searchsorted(starts, [self.start + 1, self.stop])
        return starts[first:last] - self.start

    @property
    def predictions(self) -> int:
        """See `Example.predictions`."""
        return sum(len(part) - 1 for part in self.sequences)

    @property
    def content(self) -> tuple[NDArray[np.generic], ...]:
        """See `Example.content`."""
        return np.asarray(self.file.ids[self.start : self.stop]), self._cuts()

    @property
    def answer_bytes(self) -> int:
        """See `Example.answer_bytes`."""
        return int(sum(self.file.sizes[part[1:]].sum() for part in self.sequences))

    def rows(self) -> list[EncodedRow]:
        """Return the block's documents as rows in which all but the first token is predicted."""
        return [
            EncodedRow(
                ids=part,
                targets=np.arange(1, len(part)),
                labels=part[1:],
                weights=np.ones(len(part) - 1, dtype=np.float32),
                answer=np.ones(len(part) - 1, dtype=bool),
                source=self.source,
            )
            for part in self.sequences
        ]


def document_text(row: Row) -> str:
    """Return a row's text: a document's own, or a dialogue's messages, a line each."""
    return "\n".join(str(m["content"]) for m in row.messages if m.get("content"))


def document_ids(text: str, tokenizer: Tokenizer) -> list[int]:
    """Return a document's ids between the family's tokens for begin and end of a text.

    Llama 3 has both; Qwen has ``<|endoftext|>`` at the end alone.
    """
    end = next((tokenizer.control[n] for n in END_OF_TEXT_TOKENS if n in tokenizer.control), None)
    end = tokenizer.eos_id if end is None else end
    begin = [] if tokenizer.bos_id is None else [tokenizer.bos_id]
    return [*begin, *tokenizer.encode(text), *([] if end is None else [end])]


def write_tokens(rows: Iterable[Row], texts: Texts, path: Path, title: str) -> TokenFile:
    """Encode documents one by one into a file and map it.

    Args:
        rows: gone through once; never all in memory.
        texts: gives tokenizer and vocabulary.
        path: replaced.
        title: of the progress bar.

    Raises:
        LeitaiError: a document cannot be read or encoded, or the disk is full.
    """
    tokenizer = texts.chat.tokenizer
    starts, total = [], 0
    known = _known_length(rows)
    with progress(title, known) as tick, atomic_file(path) as file:
        for number, row in enumerate(rows, 1):
            ids = document_ids(document_text(row), tokenizer)
            if len(ids) < 2:
                continue  # nothing to predict
            check_ids(ids, texts.vocab_size, row.source)
            file.write(np.asarray(ids, dtype="<u4").tobytes())
            starts.append(total)
            total += len(ids)
            tick(number)
    if not total:
        return TokenFile(np.empty(0, np.uint32), np.empty(0, np.int64), np.empty(0, np.int64))
    control = set(tokenizer.control.values())
    sizes = [0 if i in control else _size(tokenizer, i) for i in range(tokenizer.vocab_size)]
    mapped: Any = np.memmap(path, dtype="<u4", mode="r", shape=(total,))
    return TokenFile(mapped, np.asarray(starts, dtype=np.int64), np.asarray(sizes, dtype=np.int64))


def _known_length(rows: Iterable[Row]) -> int:
    return len(rows) if isinstance(rows, Sequence) else 0


def _size(tokenizer: Tokenizer, token: int) -> int:
    try:
        return len(tokenizer.token_bytes(token))
    except (LeitaiError, KeyError, IndexError):
        return 0  # an id that no token has
