"""Writing: prompts to continuations, many rows at a time, over a cache of keys and values."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from leitai.inference.batches import by_length, pad
from leitai.inference.sampler import Sampler, Sampling
from leitai.inference.stopping import TextStream
from leitai.models import Decoder, KeyValueCache

# Rows that write together, and the prompt tokens of one pass, padding included.
ROWS = 64
PROMPT_BUDGET = 8_192
# Bytes of keys and values of the rows that write together.
CACHE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Limits:
    """When a row's writing ends.

    Attributes:
        max_tokens: tokens to write at most.
        stop_ids: tokens that end the text and are no part of it.
        stop: strings that end the text and are no part of it.
        max_characters: characters to write at most.
    """

    max_tokens: int
    stop_ids: frozenset[int] = frozenset()
    stop: tuple[str, ...] = ()
    max_characters: int | None = None


@dataclass(frozen=True, slots=True)
class Generated:
    """What a model wrote.

    Attributes:
        text: the text, without special tokens and without what ended it.
        ids: the tokens, without the stop id; a stop string's tokens are among them.
        finish: "stop" after a stop id or stop string, "length" at a limit.
    """

    text: str
    ids: list[int]
    finish: str


@dataclass(slots=True)
class Row:
    """One prompt being continued."""

    prompt: Sequence[int]
    max_tokens: int
    sampler: Sampler
    stream: TextStream
    stop_ids: frozenset[int]
    ids: list[int] = field(default_factory=list)
    finish: str | None = None

    def take(self, token: int) -> str:
        """Add a token; return the text that became certain and note whether the row has ended."""
        if token in self.stop_ids:
            self.finish = "stop"
            return self.stream.finish()
        self.ids.append(token)
        piece = self.stream.push(token)
        if self.stream.stopped:
            self.finish = "length" if self.stream.full else "stop"
        elif len(self.ids) >= self.max_tokens:
            self.finish = "length"
            piece += self.stream.finish()
        return piece

    def result(self) -> Generated:
        """Return what was written."""
        return Generated(self.stream.text, self.ids, self.finish or "length")


def make_row(
    decoder: Decoder,
    prompt: Sequence[int],
    sampling: Sampling,
    limits: Limits,
    token_bytes: Callable[[int], bytes],
) -> Row:
    """Prepare a prompt of fewer tokens than the context for `write`."""
    config = decoder.config
    return Row(
        prompt=prompt,
        max_tokens=min(limits.max_tokens, config.max_position_embeddings - len(prompt)),
        sampler=Sampler(sampling, prompt, config.vocab_size),
        stream=TextStream(token_bytes, limits.stop, limits.max_characters),
        stop_ids=limits.stop_ids,
    )


def write_all(decoder: Decoder, rows: Sequence[Row]) -> None:
    """Write all rows to their ends, those with prompts of similar lengths together."""
    config = decoder.config
    longest = max((len(row.prompt) + row.max_tokens for row in rows), default=0)
    slot = 2 * config.num_key_value_heads * config.head_dim * decoder.dtype.itemsize
    fitting = CACHE_BYTES // max(1, longest * slot * config.num_hidden_layers)
    for batch in by_length(
        rows, lambda row: len(row.prompt), PROMPT_BUDGET, max(1, min(ROWS, fitting))
    ):
        for _ in write(decoder, batch):
            pass


def write(decoder: Decoder, rows: Sequence[Row]) -> Iterator[tuple[Row, str]]:
    """Write rows together and yield the pieces of text as they become certain.

    Yields:
        (row, piece), at least one token's worth a step; pieces may be empty.
    """
    cache = KeyValueCache(decoder.config, len(rows), device=decoder.device)
    logits = _read_prompts(decoder, [row.prompt for row in rows], cache)
    active = list(rows)
    while True:
        tokens = _choose(active, logits)
        for row, token in zip(active, tokens, strict=True):
            yield row, row.take(token)
        going = [i for i, row in enumerate(active) if row.finish is None]
        if not going:
            return
        if len(going) < len(active):
            _select(cache, going)
            active, tokens = [active[i] for i in going], [tokens[i] for i in going]
        logits = _step(decoder, tokens, cache)


# Each of these enters inference mode on its own: a generator that yielded inside it would leave the
# mode switched on for whoever reads it.


@torch.inference_mode()
def _read_prompts(
    decoder: Decoder, prompts: Sequence[Sequence[int]], cache: KeyValueCache
) -> Tensor:
    """Run the prompts; return the logits after each one's last token, [B, V]."""
    hidden = decoder(pad(prompts, decoder.device), scope=cache)
    lengths = [len(prompt) for prompt in prompts]
    cache.set_lengths(lengths)
    last = torch.tensor(lengths, device=hidden.device) - 1
    return decoder.logits(hidden[torch.arange(len(prompts), device=hidden.device), last])


@torch.inference_mode()
def _step(decoder: Decoder, tokens: list[int], cache: KeyValueCache) -> Tensor:
    ids = torch.tensor(tokens, device=decoder.device)[:, None]
    return decoder.logits(decoder(ids, scope=cache)[:, 0])


@torch.inference_mode()
def _select(cache: KeyValueCache, rows: list[int]) -> None:
    cache.select(rows)


@torch.inference_mode()
def _choose(rows: Sequence[Row], logits: Tensor) -> list[int]:
    if all(row.sampler.is_plain_greedy for row in rows):
        best: list[int] = logits.argmax(dim=-1).tolist()
        return best
    scores = logits.float().cpu()
    return [row.sampler.next(scores[i]) for i, row in enumerate(rows)]
