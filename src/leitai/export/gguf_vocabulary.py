"""What GGUF says of a tokenizer, such that llama.cpp makes the same ids; else a refusal."""

import json
from dataclasses import dataclass
from typing import Any

from tokenizers import models

from leitai.base import LeitaiError
from leitai.models import ModelConfig
from leitai.text import Tokenizer
from leitai.text.families import END_OF_TURN_TOKENS, LLAMA_PATTERN, QWEN_PATTERN

NORMAL, CONTROL, USER_DEFINED, UNUSED = 1, 3, 4, 5  # gguf's TokenType

# llama.cpp knows pre-tokenisers by name. `llama-bpe` takes a piece that is a token whole, without
# merging; `smaug-bpe` has the same pattern and merges.
_NAMES = {
    (LLAMA_PATTERN, True): "llama-bpe",
    (LLAMA_PATTERN, False): "smaug-bpe",
    (QWEN_PATTERN, False): "qwen2",
}
_REMEDY = "export to hf instead, or use the checkpoint's own tokenizer"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tokenizer's part of a GGUF file.

    Attributes:
        pre: llama.cpp's name of the pre-tokeniser.
        tokens: by id; bytes of normal tokens in GPT-2's alphabet.
        types: gguf's `TokenType` of each.
        merges: pairs in order of priority, a space between the two.
        ids: by role: bos, eos, eot, pad.
        add_bos: whether a text on its own begins with the BOS token.
    """

    pre: str
    tokens: list[str]
    types: list[int]
    merges: list[str]
    ids: dict[str, int]
    add_bos: bool


def read_vocabulary(tokenizer: Tokenizer, config: ModelConfig) -> Vocabulary:
    """Describe a tokenizer in llama.cpp's terms.

    llama.cpp normalises nothing: text that is not in Unicode NFC gets other ids in a Qwen model
    than Qwen's own tokenizer gives it. Ids without a token fill up to `config.vocab_size`.

    Raises:
        LeitaiError: llama.cpp has no pre-tokeniser that does the same.
    """
    content = json.loads(tokenizer.backend_json())
    model = content["model"]
    whole = bool(model.get("ignore_merges"))
    _refuse_unusual(content)
    pattern = _pattern(content["pre_tokenizer"])
    merges = [" ".join(pair) for pair in model["merges"]]
    if (pattern, whole) not in _NAMES and (pattern, False) in _NAMES and _merges_reach_all(model):
        whole = False  # taking tokens whole is then a shortcut that changes nothing
    pre = _NAMES.get((pattern, whole))
    if pre is None:
        raise LeitaiError(
            f"llama.cpp has no pre-tokeniser for the pattern {pattern!r}"
            f"{' with ignore_merges' if whole else ''}",
            where="tokenizer",
            remedy=_REMEDY,
        )
    size = config.vocab_size
    tokens = [f"[PAD{index}]" for index in range(size)]
    types = [UNUSED] * size
    for piece, index in model["vocab"].items():
        tokens[index], types[index] = piece, NORMAL
    for token in tokenizer.added:
        marked = token.content.startswith("<|") and token.content.endswith("|>")
        tokens[token.id] = token.content
        types[token.id] = CONTROL if token.special or marked else USER_DEFINED
    adds_bos = tokenizer.bos_id is not None
    return Vocabulary(pre, tokens, types, merges, _ids(tokenizer, config), adds_bos)


def _ids(tokenizer: Tokenizer, config: ModelConfig) -> dict[str, int]:
    bos = tokenizer.bos_id if tokenizer.bos_id is not None else config.bos_token_id
    eos = tokenizer.eos_id
    if eos is None and config.eos_token_ids:
        eos = config.eos_token_ids[0]
    turn_ends = (tokenizer.token_id(name) for name in END_OF_TURN_TOKENS)
    eot = next((index for index in turn_ends if index is not None), None)
    roles = {"bos": bos, "eos": eos, "eot": eot, "pad": tokenizer.pad_id}
    return {role: index for role, index in roles.items() if index is not None}


def _refuse_unusual(content: dict[str, Any]) -> None:
    model = content["model"]
    names = ("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix")
    unusual = [name for name in (*names, "byte_fallback") if model.get(name)]
    normalizer = (content.get("normalizer") or {}).get("type")
    if normalizer not in (None, "NFC"):
        unusual.append(f"the normalizer {normalizer}")
    if unusual:
        raise LeitaiError(
            f"llama.cpp's byte-level BPE has no {', '.join(unusual)}",
            where="tokenizer",
            remedy=_REMEDY,
        )


def _pattern(value: Any) -> str:
    """Return the pattern of a pre-tokeniser that splits by it and maps bytes."""
    match value:
        case {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": str(pattern)}, "behavior": "Isolated", **a},
                {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
            ],
        } if not a.get("invert"):
            return pattern
    kind = value.get("type") if isinstance(value, dict) else value
    raise LeitaiError(
        f"llama.cpp has no pre-tokeniser like this one ({kind})", where="tokenizer", remedy=_REMEDY
    )


def _merges_reach_all(model: dict[str, Any]) -> bool:
    """Whether merging the bytes of each token gives the token."""
    merging = models.BPE(
        vocab=model["vocab"], merges=[tuple(pair) for pair in model["merges"]], ignore_merges=False
    )
    return all(len(merging.tokenize(piece)) == 1 for piece in model["vocab"])
