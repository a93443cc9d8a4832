"""How a row becomes the token ids that a contender sees."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leitai.base.errors import LeitaiError
from leitai.data import Message, Row, with_system

if TYPE_CHECKING:
    from leitai.text import Chat


@dataclass(frozen=True, slots=True)
class Prompting:
    """The prompt treatment that makes a contender an arm.

    Attributes:
        system: an explicit system prompt for rows without one; None leaves the template's default.
        date: the date that a template may print, pinned.
        thinking: whether the template asks for reasoning; None leaves the template's default.
    """

    system: str | None = None
    date: str | None = None
    thinking: bool | None = None


def question_and_answer(row: Row) -> tuple[tuple[Message, ...], Message]:
    """Part a row into the dialogue to show and the assistant's last answer.

    Raises:
        LeitaiError: the row does not end with an assistant's answer.
    """
    if not row.messages or row.messages[-1]["role"] != "assistant":
        raise LeitaiError(
            "the last message must be the assistant's reference answer",
            where=row.source,
            remedy="add it, or leave the row out",
        )
    return row.messages[:-1], row.messages[-1]


def reference_of(row: Row) -> str:
    """Return the reference answer: the content of the row's last message.

    Raises:
        LeitaiError: the row does not end with an assistant's answer.
    """
    return str(question_and_answer(row)[1]["content"])


def prompt_ids(chat: "Chat", row: Row, prompting: Prompting) -> list[int]:
    """Return the ids up to where the assistant is to answer."""
    question, _ = question_and_answer(row)
    return chat.encode_prompt(
        list(with_system(question, prompting.system)),
        tools=row.tools,
        date=prompting.date,
        thinking=prompting.thinking,
    )


def answer_ids(
    chat: "Chat", row: Row, prompting: Prompting, answers: Sequence[str]
) -> list[list[int]]:
    """Return for each answer the ids that the assistant would have to write, end of turn included.

    Raises:
        LeitaiError: the template writes the dialogue before the answer differently once the answer
            is there, so that "the answer given the prompt" is not defined.
    """
    question, _ = question_and_answer(row)
    messages = with_system(question, prompting.system)
    prompt = prompt_ids(chat, row, prompting)
    continuations = []
    for answer in answers:
        encoded = chat.encode_training(
            [*messages, {"role": "assistant", "content": answer}],
            tools=row.tools,
            date=prompting.date,
            thinking=prompting.thinking,
            turns="last",
        )
        end = max((i + 1 for i, target in enumerate(encoded.is_target) if target), default=0)
        if encoded.ids[: len(prompt)] != prompt or end <= len(prompt):
            raise LeitaiError(
                "the chat template does not continue its own generation prompt",
                where=row.source,
                remedy="use the checkpoint's official chat_template.jinja",
            )
        continuations.append(encoded.ids[len(prompt) : end])
    return continuations


def readable(row: Row) -> str:
    """Show the dialogue before the answer as a person would read it."""
    question, _ = question_and_answer(row)
    if len(question) == 1:
        return str(question[0].get("content", ""))
    return "\n".join(f"{m['role']}: {m.get('content', '')}" for m in question)
