"""One tokenizer for every source: byte-level BPE with added tokens beside it.

The merges run in the `tokenizers` library. Added tokens are kept out of it: whether a name such as
``<|im_end|>`` is control or text depends on who wrote it, which a search in the finished text
cannot know. `encode` therefore never makes a control token; the chat format asks for them by name.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tokenizers

from leitai.base import LeitaiError
from leitai.base.files import write_json, write_text
from leitai.text.added import AddedToken, added_pattern
from leitai.text.bytelevel import to_bytes
from leitai.text.families import END_OF_TEXT_TOKENS, END_OF_TURN_TOKENS, PAD_TOKENS
from leitai.text.surrogates import repair


class Tokenizer:
    """Text to token ids and back.

    Attributes:
        vocab_size: one more than the largest id.
        special: ids of the special tokens by name.
        control: ids of all control tokens by name: the special ones and those of the chat format.
        bos_id: the beginning-of-text token, or None where the family has none.
        eos_id: the token that ends what the checkpoint writes, or None where the files name none.
        pad_id: what batches are filled up with: the token the checkpoint names, unless that is the
            end or BOS token, else a token that ends nothing.
    """

    def __init__(
        self,
        backend: tokenizers.Tokenizer,
        added: Iterable[AddedToken],
        *,
        bos: str | None = None,
        eos: str | None = None,
        pad: str | None = None,
        normalise_first: bool = False,
        source: str | None = None,
    ) -> None:
        """Frame a backend; use `from_folder` or `from_file` to read files.

        Args:
            backend: the byte-level BPE, without added tokens.
            added: the added tokens.
            bos: name of the beginning-of-text token.
            eos: name of the end token.
            pad: name of the padding token.
            normalise_first: apply Python's NFC before the backend's own (see `text/loading.py`).
            source: text of the `tokenizer.json` this was read from, to be saved unchanged.
        """
        self._backend = backend
        self.added = tuple(added)
        self._by_name = {token.content: token.id for token in self.added}
        self._by_id = {token.id: token for token in self.added}
        self._normalise_first = normalise_first
        self._source = source
        self._pieces: list[bytes] | None = None
        self.special = {token.content: token.id for token in self.added if token.special}
        self.control = {token.content: token.id for token in self.added if token.is_control}
        self._control_pattern = added_pattern(token for token in self.added if token.is_control)
        self._word_pattern = added_pattern(token for token in self.added if not token.is_control)
        ids = [*backend.get_vocab(with_added_tokens=False).values(), *self._by_id]
        self.vocab_size = 1 + max(ids)
        self.bos_id = self._by_name.get(bos) if bos else None
        self.eos_id = self._by_name.get(eos) if eos else None
        self.pad_id = self._choose_pad(pad)

    def _choose_pad(self, named: str | None) -> int:
        ends = {self._by_name.get(name) for name in (*END_OF_TURN_TOKENS, *END_OF_TEXT_TOKENS)}
        ends |= {self.eos_id, self.bos_id}
        if named is not None:
            ends -= {self._by_name.get(named)} - {self.eos_id}
        for name in (named, *PAD_TOKENS):
            token_id = None if name is None else self._by_name.get(name)
            if token_id is not None and token_id not in ends:
                return token_id
        return next(token_id for token_id in range(self.vocab_size) if token_id not in ends)

    @classmethod
    def from_folder(cls, folder: Path | str) -> "Tokenizer":
        """Read the tokenizer of a checkpoint folder: tokenizer.json, *.tiktoken or tokenizer.model.

        Raises:
            LeitaiError: there is none, or it is damaged, too large or of another kind.
        """
        from leitai.text.loading import load_folder

        return load_folder(Path(folder))

    @classmethod
    def from_file(cls, path: Path | str) -> "Tokenizer":
        """Read one tokenizer file: tokenizer.json, *.tiktoken or tokenizer.model.

        Raises:
            LeitaiError: the file is missing, damaged, too large or of another kind.
        """
        from leitai.text.loading import load_file

        return load_file(Path(path))

    def encode(self, text: str) -> list[int]:
        """Return the ids of plain text: control tokens typed in it are text, no BOS is added."""
        return self.encode_with_starts(self.prepare(text))[0]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return `encode` of each text."""
        if self._word_pattern is not None:
            return [self.encode(text) for text in texts]
        encodings = self._backend.encode_batch_fast(
            [self.prepare(text) for text in texts], add_special_tokens=False
        )
        return [encoding.ids for encoding in encodings]

    def encode_with_starts(self, prepared: str) -> tuple[list[int], list[int]]:
        """Return ids and, of each, the index in `prepared` of the first character it covers."""
        ids: list[int] = []
        starts: list[int] = []
        position = 0
        for name, stretch in _split(prepared, self._word_pattern, self._by_name):
            if name is not None:
                ids.append(self._by_name[name])
                starts.append(position)
            else:
                encoding = self._backend.encode(stretch, add_special_tokens=False)
                ids += encoding.ids
                starts += [position + start for start, _ in encoding.offsets]
            position += len(stretch)
        return ids, starts

    def encode_with_control(self, text: str) -> list[int]:
        """Return the ids of text whose control tokens are meant: for templates, never for users."""
        ids: list[int] = []
        for name, stretch in self.split_control(text):
            ids += [self.control[name]] if name is not None else self.encode(stretch)
        return ids

    def split_control(self, text: str) -> list[tuple[str | None, str]]:
        """Cut text at its control tokens: (name, matched text) and (None, text between)."""
        return _split(text, self._control_pattern, self.control)

    def prepare(self, text: str) -> str:
        """Return the text as the backend can take it: no lone surrogates, normalised where due."""
        if self._normalise_first:
            text = unicodedata.normalize("NFC", text)
        return repair(text)

    def decode(self, ids: Iterable[int], *, skip_special: bool = False) -> str:
        """Return the text of ids; bytes that are not UTF-8 become U+FFFD.

        Ids without a token (padding rows of an embedding) decode to nothing.

        Args:
            ids: token ids.
            skip_special: leave out special tokens.

        Raises:
            LeitaiError: an id is negative.
        """
        kept = (
            self.token_bytes(token_id)
            for token_id in ids
            if not (skip_special and token_id in self._by_id and self._by_id[token_id].special)
        )
        return b"".join(kept).decode("utf-8", "replace")

    def token_bytes(self, token_id: int) -> bytes:
        """Return the bytes a token stands for; an added token's are its name's.

        Raises:
            LeitaiError: the id is negative.
        """
        if token_id < 0:
            raise LeitaiError(f"{token_id} is not a token id", remedy="ids are 0 or more")
        if self._pieces is None:
            self._pieces = self._read_pieces()
        return self._pieces[token_id] if token_id < len(self._pieces) else b""

    def _read_pieces(self) -> list[bytes]:
        pieces = [b""] * self.vocab_size
        for piece, token_id in self._backend.get_vocab(with_added_tokens=False).items():
            try:
                pieces[token_id] = to_bytes(piece)
            except KeyError:  # a name that was put into the vocabulary, not made by merges
                pieces[token_id] = piece.encode("utf-8", "replace")
        for token in self.added:
            pieces[token.id] = token.content.encode("utf-8", "replace")
        return pieces

    def token_texts(self, ids: Sequence[int]) -> list[str]:
        """Return a text for each id such that all together read like `decode(ids)`.

        A character that several tokens share is shown at the last of them.
        """
        import codecs

        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        last = len(ids) - 1
        return [
            decoder.decode(self.token_bytes(token_id), final=index == last)
            for index, token_id in enumerate(ids)
        ]

    def token_id(self, name: str) -> int | None:
        """Return the id of an added token, or None."""
        return self._by_name.get(name)

    def token_name(self, token_id: int | None) -> str | None:
        """Return the name of an added token, or None."""
        return None if token_id not in self._by_id else self._by_id[token_id].content

    def to_json(self) -> str:
        """Return the text of a `tokenizer.json`: the one it was read from, or a new one."""
        if self._source is not None:
            return self._source
        content: dict[str, Any] = json.loads(self.backend_json())
        content["added_tokens"] = [token.to_json() for token in self.added]
        return json.dumps(content, ensure_ascii=False, separators=(",", ":"))

    def backend_json(self) -> str:
        """Return the byte-level BPE without added tokens, as `tokenizers` writes it."""
        text: str = self._backend.to_str()
        return text

    def save(self, folder: Path | str) -> None:
        """Write `tokenizer.json`, and a `tokenizer_config.json` where the folder has none.

        Raises:
            LeitaiError: the disk is full or the folder cannot be written.
        """
        write_text(Path(folder) / "tokenizer.json", self.to_json())
        config = Path(folder) / "tokenizer_config.json"
        if not config.exists():
            write_json(config, self.to_config())

    def to_config(self) -> dict[str, Any]:
        """Return what a `tokenizer_config.json` says of the special tokens."""
        return {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": self.token_name(self.bos_id),
            "eos_token": self.token_name(self.eos_id),
            "pad_token": self.token_name(self.pad_id),
            "clean_up_tokenization_spaces": False,
        }


def _split(
    text: str, pattern: re.Pattern[str] | None, names: Mapping[str, int]
) -> list[tuple[str | None, str]]:
    if pattern is None:
        return [(None, text)] if text else []
    parts: list[tuple[str | None, str]] = []
    last = 0
    for match in pattern.finditer(text):
        if match.start() > last:
            parts.append((None, text[last : match.start()]))
        name = match[0] if match[0] in names else match[0].strip()
        parts.append((name, match[0]))
        last = match.end()
    if last < len(text):
        parts.append((None, text[last:]))
    return parts
