"""What the families' texts differ in, as data: patterns, special tokens, chat templates."""

from dataclasses import dataclass

# The two patterns differ in one place: Qwen gives every digit a token, Llama 3 groups up to three.
_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN_PATTERN = _PATTERN % r"\p{N}"
LLAMA_PATTERN = _PATTERN % r"\p{N}{1,3}"

_QWEN_TOOL_TOKENS = ("<tool_call>", "</tool_call>")
_QWEN3_TOKENS = ("<tool_response>", "</tool_response>", "<think>", "</think>")


@dataclass(frozen=True, slots=True)
class TextFamily:
    """How one family cuts and frames text.

    Attributes:
        pattern: the pre-tokenisation pattern (Oniguruma and Rust syntax agree on it).
        nfc: whether text is normalised to Unicode NFC first.
        special: special tokens of a scratch tokenizer of this family, in id order.
        control: tokens of the chat format that are not flagged special, after `special`.
        bos: beginning-of-text token, if the family puts one.
        eos: token that ends an assistant's turn.
        pad: padding token; never one that ends a turn or a text.
        template: file name of the scratch chat template in `text/templates`.
    """

    pattern: str
    nfc: bool
    special: tuple[str, ...]
    control: tuple[str, ...]
    bos: str | None
    eos: str
    pad: str
    template: str


_QWEN_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|fim_pad|>")

FAMILIES: dict[str, TextFamily] = {
    "qwen2": TextFamily(
        pattern=QWEN_PATTERN,
        nfc=True,
        special=_QWEN_SPECIAL,
        control=_QWEN_TOOL_TOKENS,
        bos=None,
        eos="<|im_end|>",
        pad="<|fim_pad|>",
        template="qwen2.jinja",
    ),
    "qwen3": TextFamily(
        pattern=QWEN_PATTERN,
        nfc=True,
        special=_QWEN_SPECIAL,
        control=_QWEN_TOOL_TOKENS + _QWEN3_TOKENS,
        bos=None,
        eos="<|im_end|>",
        pad="<|fim_pad|>",
        template="qwen3.jinja",
    ),
    "llama": TextFamily(
        pattern=LLAMA_PATTERN,
        nfc=False,
        special=(
            "<|begin_of_text|>",
            "<|end_of_text|>",
            "<|finetune_right_pad_id|>",
            "<|start_header_id|>",
            "<|end_header_id|>",
            "<|eom_id|>",
            "<|eot_id|>",
            "<|python_tag|>",
        ),
        control=(),
        bos="<|begin_of_text|>",
        eos="<|eot_id|>",
        pad="<|finetune_right_pad_id|>",
        template="llama.jinja",
    ),
}

BEGIN_TOKENS = ("<|begin_of_text|>",)
"""Tokens that begin a text, where a checkpoint's files do not say."""

END_OF_TEXT_TOKENS = ("<|endoftext|>", "<|end_of_text|>")
"""Tokens that end a text in either family: generation stops on them."""

END_OF_TURN_TOKENS = ("<|im_end|>", "<|eot_id|>", "<|eom_id|>")
"""Tokens that end a message in either family: the last target of an assistant's turn."""

PAD_TOKENS = ("<|finetune_right_pad_id|>", "<|fim_pad|>", "<|extra_0|>")
"""Tokens to pad with, in order of preference, where a checkpoint names none that is safe."""


@dataclass(frozen=True, slots=True)
class RankFile:
    """A family's official rank file: what the file itself does not hold.

    Attributes:
        pattern: the pre-tokenisation pattern.
        nfc: whether the family's own class normalises text to Unicode NFC.
        ranks: how many tokens the file has; special tokens follow from this id on.
        special: special tokens in id order.
        bos: name of the beginning-of-text token, if there is one.
        eos: name of the end-of-text token.
        pad: name of the padding token.
    """

    pattern: str
    nfc: bool
    ranks: int
    special: tuple[str, ...]
    bos: str | None
    eos: str
    pad: str


_LLAMA_NAMED = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|reserved_special_token_0|>",
    "<|reserved_special_token_1|>",
    "<|finetune_right_pad_id|>",
    "<|step_id|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eom_id|>",
    "<|eot_id|>",
    "<|python_tag|>",
    "<|image|>",
)

# By suffix: `qwen.tiktoken` (Qwen, as in dashscope 2.0) and `tokenizer.model` (llama-models 0.3).
RANK_FILES: dict[str, RankFile] = {
    ".tiktoken": RankFile(
        pattern=QWEN_PATTERN,
        nfc=True,
        ranks=151_643,
        special=(
            "<|endoftext|>",
            "<|im_start|>",
            "<|im_end|>",
            *(f"<|extra_{index}|>" for index in range(205)),
        ),
        bos=None,
        eos="<|endoftext|>",
        pad="<|extra_0|>",
    ),
    ".model": RankFile(
        pattern=LLAMA_PATTERN,
        nfc=False,
        ranks=128_000,
        special=(
            *_LLAMA_NAMED,
            *(f"<|reserved_special_token_{index}|>" for index in range(2, 256 - 10)),
        ),
        bos="<|begin_of_text|>",
        eos="<|end_of_text|>",
        pad="<|finetune_right_pad_id|>",
    ),
}
