"""Tokenizer files of a checkpoint folder.

`tokenizer.json` is taken as it is. Rank files (`qwen.tiktoken`, Llama 3's `tokenizer.model`) are
converted. Qwen's own class normalises with Python's Unicode tables, the `tokenizers` library with
older ones, which differ in the order of 98 combining marks when two of them follow a letter; a
Qwen rank file therefore gets Python's normalisation, and a `tokenizer.json` the library's, as in
transformers.

Both official classes cut very long texts apart before encoding, to spare their engine's stack
(dashscope above 100,000 characters, llama-models after 25,000 characters without a change between
white space and other text); ids may differ from theirs at such a cut, as they do in transformers.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tokenizers

from leitai.base import LeitaiError
from leitai.base.files import read_json, read_text
from leitai.text.added import AddedToken, read_added
from leitai.text.families import BEGIN_TOKENS, END_OF_TEXT_TOKENS, RANK_FILES
from leitai.text.ranks import from_ranks, read_ranks
from leitai.text.tokenizer import Tokenizer

_JSON_LIMIT = 64 << 20  # bytes; Llama 3's has 17 MB
_CONFIG_LIMIT = 4 << 20
_REMEDY = "copy tokenizer.json, qwen.tiktoken or tokenizer.model from the checkpoint into it"


def read_config(folder: Path, name: str) -> dict[str, Any]:
    """Read an optional JSON object of a checkpoint folder; absent means empty.

    Raises:
        LeitaiError: the file is damaged, too large or no object.
    """
    path = folder / name
    if not path.exists():
        return {}
    value = read_json(path, limit=_CONFIG_LIMIT)
    if not isinstance(value, dict):
        raise LeitaiError("expected a JSON object", where=path, remedy="repair the file")
    return value


def load_folder(folder: Path) -> Tokenizer:
    """Read a folder's tokenizer and what `tokenizer_config.json` says of it.

    Raises:
        LeitaiError: there is no tokenizer, or it is damaged, too large or of another kind.
    """
    if not folder.is_dir():
        raise LeitaiError("no such folder", where=folder, remedy="check the path")
    candidates = [
        folder / "tokenizer.json",
        *sorted(folder.glob("*.tiktoken")),
        folder / "tokenizer.model",
    ]
    path = next((path for path in candidates if path.is_file()), None)
    if path is None:
        raise LeitaiError("no tokenizer in this folder", where=folder, remedy=_REMEDY)
    # Older checkpoints name bos, eos and pad in a file of their own.
    names = read_config(folder, "special_tokens_map.json")
    return load_file(path, names | read_config(folder, "tokenizer_config.json"))


def load_file(path: Path, config: Mapping[str, Any] | None = None) -> Tokenizer:
    """Read one tokenizer file, with the content of a `tokenizer_config.json`.

    Raises:
        LeitaiError: the file is missing, damaged, too large or of another kind.
    """
    config = config or {}
    if path.suffix in RANK_FILES:
        return _load_ranks(path, config)
    return _load_json(path, config)


def _load_ranks(path: Path, config: Mapping[str, Any]) -> Tokenizer:
    facts = RANK_FILES[path.suffix]
    ranks = read_ranks(path, facts.ranks)
    own = tuple(
        AddedToken(facts.ranks + index, name, special=True)
        for index, name in enumerate(facts.special)
    )
    # A checkpoint that names its own added tokens replaces the family's placeholders.
    added = _config_added(config, path) or own
    return Tokenizer(
        from_ranks(ranks, facts.pattern, nfc=facts.nfc),
        added,
        bos=_name(config, "bos_token", facts.bos),
        eos=_name(config, "eos_token", facts.eos),
        pad=_name(config, "pad_token", facts.pad),
        normalise_first=facts.nfc,
    )


def _load_json(path: Path, config: Mapping[str, Any]) -> Tokenizer:
    text = read_text(path, limit=_JSON_LIMIT)
    content = read_json(path, limit=_JSON_LIMIT)
    if not isinstance(content, dict) or not isinstance(content.get("model"), dict):
        raise LeitaiError(
            'expected an object with "model"', where=path, remedy="fetch the file again"
        )
    if content["model"].get("type", "BPE") != "BPE" or "ByteLevel" not in json.dumps(
        [content.get("pre_tokenizer"), content.get("decoder")]
    ):
        raise LeitaiError(
            "not a byte-level BPE tokenizer",
            where=path,
            remedy="use a checkpoint of Qwen2, Qwen2.5, Qwen3 or Llama 3",
        )
    entries = content.get("added_tokens")
    entries = [] if entries is None else entries
    if not isinstance(entries, list):
        raise LeitaiError('expected a list in "added_tokens"', where=path, remedy="repair the file")
    added = read_added(entries, path)
    names = {token.content for token in added}
    extra = [token for token in _config_added(config, path) if token.content not in names]
    # Added tokens, the post-processor's BOS, cuts and padding are not the backend's business here.
    content |= {"added_tokens": [], "post_processor": None, "truncation": None, "padding": None}
    added = read_added([token.to_json() for token in (*added, *extra)], path)
    names = {token.content for token in added}
    return Tokenizer(
        _parse(json.dumps(content, ensure_ascii=False), path),
        added,
        bos=_name(config, "bos_token", next((n for n in BEGIN_TOKENS if n in names), None)),
        eos=_name(config, "eos_token", next((n for n in END_OF_TEXT_TOKENS if n in names), None)),
        pad=_name(config, "pad_token", None),
        source=None if extra else text,
    )


def _parse(text: str, path: Path) -> tokenizers.Tokenizer:
    try:
        return tokenizers.Tokenizer.from_str(text)
    except BaseException as error:  # the library's panics are no Exceptions
        if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError):
            raise
        raise LeitaiError(
            f"not a tokenizer file ({str(error)[:200]})", where=path, remedy="fetch the file again"
        ) from error


def _config_added(config: Mapping[str, Any], path: Path) -> tuple[AddedToken, ...]:
    table = config.get("added_tokens_decoder")
    if table is None:
        return ()
    where = path.with_name("tokenizer_config.json")
    if not isinstance(table, dict):
        raise LeitaiError(
            'expected an object in "added_tokens_decoder"', where=where, remedy="repair the file"
        )
    entries = [
        {**entry, "id": int(token_id)}
        for token_id, entry in table.items()
        if isinstance(entry, dict) and token_id.isdecimal()
    ]
    if len(entries) != len(table):
        raise LeitaiError(
            'expected ids and objects in "added_tokens_decoder"',
            where=where,
            remedy="repair the file",
        )
    return read_added(entries, where)


def _name(config: Mapping[str, Any], key: str, default: str | None) -> str | None:
    value = config.get(key)
    if isinstance(value, Mapping):
        value = value.get("content")
    if key in config and value is None:
        return None
    return value if isinstance(value, str) else default
