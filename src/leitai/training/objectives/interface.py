"""The one face that the training loop sees of whatever is learnt."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import numpy as np
from torch import Tensor

from leitai.data.rows import Row
from leitai.models import Decoder
from leitai.text import Chat
from leitai.training.batches import Example
from leitai.training.ranks.alone import Ranks

if TYPE_CHECKING:
    from leitai.training.spec import AdaptSpec


class Batch(Protocol):
    """What goes through the decoder at once, as far as the loop needs to know it."""

    @property
    def weight(self) -> float:
        """What the loss counts for: a step's gradient is that of sum of losses / sum of weights."""

    @property
    def tokens(self) -> int:
        """Tokens of the examples, each sequence counted in full."""

    @property
    def predictions(self) -> int:
        """Tokens of them that are predicted."""

    @property
    def sources(self) -> tuple[str, ...]:
        """Where the examples stand."""


E = TypeVar("E", bound=Example)
B = TypeVar("B", bound=Batch)
Counted = tuple[B, bool]  # a batch, and whether it counts or only takes part


@dataclass(frozen=True, slots=True)
class Texts:
    """How rows become token ids.

    Attributes:
        chat: tokenizer and template of the checkpoint.
        vocab_size: of the model; an id outside would read past the embedding.
        run_folder: for what is too large for memory.
        date: what a template prints as today.
        thinking: passed to the template.
        title: of the progress bar.
    """

    chat: Chat
    vocab_size: int
    run_folder: Path
    date: str | None = None
    thinking: bool | None = None
    title: str = "reading"


class Objective(ABC, Generic[E, B]):
    """Rows to examples, examples to a batch, a batch to a loss; the rest is there to be overridden.

    The loop calls `examples` once for each of the two sets, `observe` before the method of
    adaptation is put in, `attach` after; then in every step `vary` and `batch`, `prepare` with all
    batches of the step, and `loss` with each.
    """

    def __init__(self, spec: "AdaptSpec") -> None:
        """Take over the settings."""
        self.spec = spec

    @abstractmethod
    def examples(self, rows: Iterable[Row], texts: Texts, *, training: bool) -> Sequence[E]:
        """Encode rows.

        Args:
            rows: to train on or to validate with.
            texts: how rows become token ids.
            training: which of the two; the training rows come first.

        Raises:
            LeitaiError: a row is not fit for the objective; it is named.
        """

    @abstractmethod
    def batch(self, examples: Sequence[E], device: str) -> B:
        """Put examples into one batch."""

    @abstractmethod
    def loss(self, decoder: Decoder, batch: B) -> Tensor:
        """Return the sum of the batch's losses, in nats, with their gradient."""

    def observe(self, decoder: Decoder, examples: Sequence[E], cache: Path) -> Sequence[E]:
        """Note what the model as it was before training says of the examples.

        Args:
            decoder: without the method of adaptation.
            examples: of one of the two sets.
            cache: a file for what was noted, so that a resumed run need not ask again; it belongs
                to this run, these examples and these weights alone.
        """
        return examples

    def attach(self, decoder: Decoder, seed: int) -> None:
        """Put modules into the decoder that the objective trains beside it."""

    def vary(
        self, examples: Sequence[E], draws: np.random.Generator, *, training: bool
    ) -> Sequence[E]:
        """Return the examples as one step sees them: noise, masks."""
        return examples

    def prepare(
        self, decoder: Decoder, batches: Sequence[Counted[B]], ranks: Ranks
    ) -> Sequence[Counted[B]]:
        """Add to the batches of one step what their losses need to know of each other.

        Args:
            decoder: with the method of adaptation.
            batches: this process's, as `Ranks.even` gives them: as many on every process, so that a
                pass over each of them is one in which all take part.
            ranks: the processes whose batches make the step together.
        """
        return batches
