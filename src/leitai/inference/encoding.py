"""Plain text to token ids: where a text begins, and where a continuation begins."""

from typing import TYPE_CHECKING

from leitai.base import LeitaiError

if TYPE_CHECKING:
    from leitai.text import Tokenizer

# What stands before a text in Qwen's pre-training data, which has no beginning-of-text token.
_DOCUMENT_END = "<|endoftext|>"


def start_id(tokenizer: "Tokenizer") -> int:
    """Return what a text without any context is conditioned on.

    Llama 3's beginning-of-text token; for Qwen, which has none, `<|endoftext|>`, the token that its
    training data puts between documents (lm-eval's `prefix_token_id` rule for both).

    Raises:
        LeitaiError: the tokenizer has neither.
    """
    for token_id in (tokenizer.bos_id, tokenizer.special.get(_DOCUMENT_END), tokenizer.eos_id):
        if token_id is not None:
            return token_id
    raise LeitaiError(
        "the tokenizer has no token that begins a text", remedy="give a context that is not empty"
    )


def encode_text(tokenizer: "Tokenizer", text: str) -> list[int]:
    """Return the ids of a text on its own: exactly one BOS for Llama 3, none for Qwen.

    A BOS that is already written at the start of `text` is the BOS, not a second one. An empty text
    is `start_id` alone, so that there is always something to continue.
    """
    if tokenizer.bos_id is not None:
        return [tokenizer.bos_id, *tokenizer.encode(_without_bos(tokenizer, text))]
    return tokenizer.encode(text) or [start_id(tokenizer)]


def encode_pair(
    tokenizer: "Tokenizer", context: str, continuation: str
) -> tuple[list[int], list[int]]:
    """Tokenize a context and its continuation as one text and part the ids.

    As lm-eval does it, white space at the end of the context belongs to the continuation (" Paris"
    is one token, " " and "Paris" are two), and both are encoded together. The continuation's ids
    begin where the ids of both together leave those of the context alone. That is after the whole
    context, unless a token spans the boundary: such a token is scored whole, so that no character
    of the continuation is lost. The context begins with one BOS if the family has one; an empty
    context is `start_id`.

    Raises:
        LeitaiError: the continuation is empty.
    """
    if not continuation:
        raise LeitaiError("the continuation is empty", remedy="give at least one character")
    context = _without_bos(tokenizer, context)
    bare = context.rstrip()
    whole = tokenizer.encode(context + continuation)
    alone = tokenizer.encode(bare)
    shared = 0
    while shared < min(len(alone), len(whole) - 1) and alone[shared] == whole[shared]:
        shared += 1
    before = whole[:shared]
    if tokenizer.bos_id is not None or not before:
        before = [start_id(tokenizer), *before]
    return before, whole[shared:]


def _without_bos(tokenizer: "Tokenizer", text: str) -> str:
    name = next((k for k, v in tokenizer.special.items() if v == tokenizer.bos_id), None)
    return text if name is None else text.removeprefix(name)
