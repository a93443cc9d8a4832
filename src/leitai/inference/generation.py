"""One prompt being continued: how its tokens are chosen, become text and end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from leitai.inference.sampler import Sampler, Sampling
from leitai.inference.stopping import TextStream
from leitai.models import ModelConfig


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
    adapter: str | None = None
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
    config: ModelConfig,
    prompt: Sequence[int],
    sampling: Sampling,
    limits: Limits,
    token_bytes: Callable[[int], bytes],
    adapter: str | None = None,
) -> Row:
    """Prepare a prompt of fewer tokens than the context for the engine."""
    return Row(
        prompt=prompt,
        max_tokens=min(limits.max_tokens, config.max_position_embeddings - len(prompt)),
        sampler=Sampler(sampling, prompt, config.vocab_size),
        stream=TextStream(token_bytes, limits.stop, limits.max_characters),
        stop_ids=limits.stop_ids,
        adapter=adapter,
    )
