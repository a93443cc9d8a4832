"""The protocol of everything that can be asked, whatever answers behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from leitai.base.errors import LeitaiError
from leitai.data import Row

Ability = Literal["write", "choose", "measure"]


@dataclass(frozen=True, slots=True)
class Written:
    """What was written in answer to one item.

    Attributes:
        text: the answer, reasoning taken out.
        reasoning: what was thought before it, where the contender shows that.
        finish: "stop", "length" when a limit cut the answer or its reasoning, "error" when the
            contender gave none.
        prompt_tokens: of the contender's own tokenizer; None where unknown, as below.
        template_tokens: what a server's prompt would be by the tokenizer and template that the spec
            names for it.
        tokens: written, reasoning included.
        seconds: from asking to the last token.
        cost: in the currency of the contender's price table.
    """

    text: str
    reasoning: str = ""
    finish: Literal["stop", "length", "error"] = "stop"
    prompt_tokens: int | None = None
    template_tokens: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Weighed:
    """How likely each of several answers was.

    Attributes:
        logprobs: natural log-probability of each as the assistant's whole answer.
        prompt_tokens: of the contender's own tokenizer; None where unknown.
    """

    logprobs: tuple[float, ...]
    prompt_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """The natural log-probability of a text, and the contender's tokens that it counts."""

    logprob: float
    tokens: int


class Respondent(Protocol):
    """One contender under one prompt treatment.

    The last message of a row is the reference answer, which a respondent must not be shown:
    `leitai.evaluation.asking.question_and_answer` parts it off. Results do not depend on which
    rows are asked together.

    Attributes:
        abilities: "write" answers, "choose" among given ones by likelihood, "measure" a text.
    """

    @property
    def abilities(self) -> frozenset[Ability]:
        """What it can do; a task that needs more is refused."""
        ...

    def write(self, rows: Sequence[Row], max_characters: int) -> list[Written]:
        """Answer each row, deterministically, in at most so many characters."""
        ...

    def choose(self, rows: Sequence[Row], choices: Sequence[Sequence[str]]) -> list[Weighed]:
        """Weigh for each row its choices, each as the whole answer, end of turn included."""
        ...

    def measure(self, rows: Sequence[Row]) -> list[Measured]:
        """Measure each row's own last answer, end of turn included, given the dialogue."""
        ...

    def read(self, texts: Sequence[str]) -> list[Measured]:
        """Measure plain texts from nothing; goes with the ability to "measure"."""
        ...


def refuse_unable(
    respondent: Respondent, needs: frozenset[Ability], task: str, who: str = "this contender"
) -> None:
    """Check that a respondent can do what a task asks.

    Args:
        respondent: who would be asked.
        needs: what the task needs.
        task: its name.
        who: what the error calls the respondent.

    Raises:
        LeitaiError: it cannot; names what is missing.
    """
    missing = sorted(needs - respondent.abilities)
    if missing:
        raise LeitaiError(
            f"{who} cannot {' or '.join(missing)}, which the task needs",
            where=f"task {task}",
            remedy="grade by generation, or leave the task or the contender out",
        )
