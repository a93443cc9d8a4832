"""Which part of a rendered conversation the assistant wrote, found by the template's own marks.

The text that a template adds to open the assistant's next turn opens its past turns too; each ends
with the first end-of-turn token after it. Both are control tokens of the template, which no message
can contain (`text/protection.py`), so text in a message that looks like a header opens nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from leitai.base import LeitaiError

PROBE = "leitai-probe"
"""An assistant's whole answer in the conversation that a template's marks are learnt from."""


@dataclass(frozen=True, slots=True)
class Marks:
    """How a template frames an assistant's turn.

    Attributes:
        opening: what stands before every answer, such as ``<|im_start|>assistant`` and a line end.
        prompt: the opening with all that the generation prompt adds to it, such as an empty
            ``<think>`` block; equal to `opening` where it adds nothing.
        ends: names of the tokens that end a turn.
    """

    opening: str
    prompt: str
    ends: frozenset[str]


def learn_marks(
    prompt: str,
    probed: str,
    parts: Sequence[tuple[str | None, str]],
    known_ends: Iterable[str],
    where: object,
) -> Marks:
    """Learn a template's marks from a probe conversation of user, assistant, user.

    Args:
        prompt: what the template adds for `generation_prompt`.
        probed: the rendered probe conversation.
        parts: `probed` cut at its control tokens.
        known_ends: names of end-of-turn tokens of the families that the tokenizer has.
        where: the template's file, for messages.

    Raises:
        LeitaiError: the template has no generation prompt, its turns begin otherwise, it does not
            use control tokens to begin a turn, or does not end a turn with one.
    """
    at = probed.find(PROBE)
    opening = next(
        (
            prompt[:length]
            for length in range(len(prompt), 0, -1)
            if probed.find(prompt[:length], 0, max(at, 0)) >= 0
            and (length == len(prompt) or prompt[:length].endswith(("\n", ">", "]")))
        ),
        "",
    )
    first = next((matched for name, matched in parts if name and opening.startswith(matched)), None)
    if first is None or probed.count(opening) != 1:
        raise LeitaiError(
            "cannot tell where the assistant's turns begin: the generation prompt "
            f"{prompt[:60]!r} is not a header of the assistant alone that a control token opens",
            where=where,
            remedy="use a template whose generation prompt is the assistant's header",
        )
    position, end = 0, None
    for name, matched in parts:
        if name is not None and position > at:
            end = name
            break
        position += len(matched)
    if end is None:
        raise LeitaiError(
            "no token ends the assistant's turn",
            where=where,
            remedy="use a template that ends each turn with a control token",
        )
    return Marks(opening, prompt, frozenset({end, *known_ends}))


def find_turns(
    text: str,
    parts: Sequence[tuple[str | None, str]],
    marks: Marks,
    expected: int,
    where: object | None,
) -> list[tuple[int, int]]:
    """Return where the assistant's turns begin (behind the header) and end (behind the end token).

    Args:
        text: the rendered conversation.
        parts: `text` cut at its control tokens.
        marks: the template's marks.
        expected: how many messages of the assistant there are.
        where: the conversation, for messages.

    Raises:
        LeitaiError: the template shows another number of turns, or a turn has no end.
    """
    turns: list[tuple[int, int]] = []
    start: int | None = None
    position = 0
    for name, matched in parts:
        after = position + len(matched)
        if name is not None and start is None and text.startswith(marks.opening, position):
            whole = text.startswith(marks.prompt, position)
            start = position + len(marks.prompt if whole else marks.opening)
        elif name in marks.ends and start is not None and position >= start:
            turns.append((start, after))
            start = None
        position = after
    if start is not None:
        raise LeitaiError(
            f"the assistant's turn {len(turns) + 1} has no end-of-turn token",
            where=where,
            remedy="use a template that ends each turn with a control token",
        )
    if len(turns) != expected:
        raise LeitaiError(
            f"the chat template shows {len(turns)} turns of the assistant, the conversation has "
            f"{expected}",
            where=where,
            remedy="change the messages or the template",
        )
    return turns
