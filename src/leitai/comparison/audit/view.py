"""What can be seen of a contender whose files lie here: tokenizer, template and sizes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from leitai.data import Message, Row
from leitai.evaluation.asking import Prompting, answer_ids, prompt_ids

if TYPE_CHECKING:
    from leitai.evaluation.respondents.foreign_text import ForeignText
    from leitai.text import Chat, Tokenizer

_BOS_PER_FAMILY = {"llama": 1, "qwen2": 0, "qwen3": 0}


class View(Protocol):
    """The text side of a contender, by the exact ids that it is asked with."""

    @property
    def family(self) -> str:
        """Which architecture it is, as config.json says it."""

    @property
    def context(self) -> int | None:
        """Tokens that it can read; None where its files do not say."""

    @property
    def total(self) -> int:
        """Parameters."""

    @property
    def vocab_size(self) -> int:
        """Tokens of its tokenizer."""

    @property
    def bos_id(self) -> int | None:
        """The id that begins a text, if there is one."""

    @property
    def bos_allowed(self) -> frozenset[int]:
        """How many of them a prompt may have."""

    @property
    def stop_ids(self) -> Sequence[int]:
        """Ids that writing stops at."""

    @property
    def special(self) -> Mapping[str, int]:
        """Control tokens by their text."""

    def encode(self, text: str) -> list[int]:
        """Return the ids of plain text."""

    def render(
        self, messages: Sequence[Message], tools: Sequence[Message] | None, prompting: Prompting
    ) -> str:
        """Return a prompt as the template writes it."""

    def prompt(self, row: Row, prompting: Prompting) -> list[int]:
        """Return the ids up to where the assistant is to answer."""

    def answers(self, row: Row, prompting: Prompting, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text as the whole answer, end of turn included."""


@dataclass(frozen=True, slots=True)
class LocalView:
    """A checkpoint that this program runs itself, and can adapt.

    Attributes:
        trainable: parameters under the spec's method.
    """

    family: str
    tokenizer: "Tokenizer"
    chat: "Chat"
    context: int
    trainable: int
    total: int

    @property
    def vocab_size(self) -> int:
        """Tokens of its tokenizer."""
        return self.tokenizer.vocab_size

    @property
    def bos_id(self) -> int | None:
        """The id that begins a text, if there is one."""
        return self.tokenizer.bos_id

    @property
    def bos_allowed(self) -> frozenset[int]:
        """One for Llama 3, none for Qwen."""
        return frozenset({_BOS_PER_FAMILY[self.family]})

    @property
    def stop_ids(self) -> Sequence[int]:
        """Ids that writing stops at."""
        return self.chat.stop_ids

    @property
    def special(self) -> Mapping[str, int]:
        """Control tokens by their text."""
        return self.tokenizer.special

    def encode(self, text: str) -> list[int]:
        """Return the ids of plain text."""
        return self.tokenizer.encode(text)

    def render(
        self, messages: Sequence[Message], tools: Sequence[Message] | None, prompting: Prompting
    ) -> str:
        """Return a prompt as the template writes it."""
        return self.chat.render(
            messages, tools=tools, date=prompting.date, thinking=prompting.thinking
        )

    def prompt(self, row: Row, prompting: Prompting) -> list[int]:
        """Return the ids up to where the assistant is to answer."""
        return prompt_ids(self.chat, row, prompting)

    def answers(self, row: Row, prompting: Prompting, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text as the whole answer, end of turn included."""
        return answer_ids(self.chat, row, prompting, texts)


@dataclass(frozen=True, slots=True)
class ForeignView:
    """A checkpoint of any architecture that `transformers` runs."""

    family: str
    text: "ForeignText"
    context: int | None
    total: int

    @property
    def vocab_size(self) -> int:
        """Tokens of its tokenizer."""
        return self.text.vocab_size

    @property
    def bos_id(self) -> int | None:
        """The id that begins a text, if there is one."""
        return self.text.bos_id

    @property
    def bos_allowed(self) -> frozenset[int]:
        """One where the tokenizer itself begins a plain text with it; else the template decides."""
        return frozenset({1}) if self.text.adds_bos else frozenset({0, 1})

    @property
    def stop_ids(self) -> Sequence[int]:
        """Ids that writing stops at."""
        return self.text.stop_ids

    @property
    def special(self) -> Mapping[str, int]:
        """Control tokens by their text."""
        return self.text.special

    def encode(self, text: str) -> list[int]:
        """Return the ids of plain text."""
        return self.text.encode(text)

    def render(
        self, messages: Sequence[Message], tools: Sequence[Message] | None, prompting: Prompting
    ) -> str:
        """Return a prompt as the template writes it."""
        return self.text.render(messages, tools, prompting)

    def prompt(self, row: Row, prompting: Prompting) -> list[int]:
        """Return the ids up to where the assistant is to answer."""
        return self.text.prompt_ids(row, prompting)

    def answers(self, row: Row, prompting: Prompting, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text as the whole answer, end of turn included."""
        return self.text.answer_ids(row, prompting, texts)
