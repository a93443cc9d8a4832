"""A user's own questions: columns for what is asked and what is accepted, and a template."""

import re
from collections.abc import Mapping
from string import Formatter
from typing import Any

from leitai.base.errors import LeitaiError
from leitai.data.dialogue import check_dialogue
from leitai.data.formats import Example, Record, field, guess_column, missing
from leitai.data.source import Columns

ANSWER_NAMES = ("answer", "answers", "reference", "target", "output")
QUESTION_NAMES = ("question", "text", "prompt", "query", "input", "source")
LETTERS = "ABCDEFGHIJ"
PARTS = "|"
"""What parts several answers or choices in one cell of a table."""

Asking = str | Mapping[str, str]
"""A template with {fields}, or one for each language."""


def settle_columns(columns: Columns, record: Record, ask: Asking | None, where: str) -> Columns:
    """Name the columns that the first record has and the spec does not name.

    Raises:
        LeitaiError: the question or the answer could be none or several of them.
    """
    found = {}
    if columns.text is None and ask is None:
        found["text"] = guess_column("text", QUESTION_NAMES, record, where)
    if columns.answer is None:
        found["answer"] = guess_column("answer", ANSWER_NAMES, record, where)
    return columns.model_copy(update=found)


def read_question(
    record: Record, where: str, *, columns: Columns, ask: Asking | None, language: str | None
) -> Example:
    """Read one question with its accepted answers, and its choices if it has some.

    Where there are choices, the answer is the right one's letter, its index from 0 as a number, or
    its words; they can be listed by {choices} in the template and are at the end without one.

    Args:
        record: of a JSONL, JSON or CSV file.
        where: the place that an error names.
        columns: with `answer` settled.
        ask: how it is put into words; None asks the question as it stands.
        language: of the row, to choose among templates by language.

    Raises:
        LeitaiError: a column is missing or empty, a template names a field that there is not, or no
            choice is the answer.
    """
    raw = field(record, str(columns.answer), where)
    choices = []
    if columns.choices:
        listed_at = f'{where}, column "{columns.choices}"'
        choices = _several(field(record, columns.choices, where), listed_at)
    facts: dict[str, Any] = {}
    listed = ""
    if choices:
        right = _right(raw, choices, f'{where}, column "{columns.answer}"')
        facts = {"choices": choices, "right": right}
        listed = "\n".join(f"{a}. {b}" for a, b in zip(LETTERS, choices, strict=False))
        reference = LETTERS[right]
    else:
        answers = _several(raw, f'{where}, column "{columns.answer}"')
        facts = {"answers": answers}
        reference = answers[0] if answers else _SILENT.get(language or "en", _SILENT["en"])
    question = _ask(record, where, columns, _template(ask, language, where), listed)
    if choices and listed not in question:
        facts["bare"] = question
        question = f"{question}\n{listed}"
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": reference}]
    return Example(check_dialogue(messages, where), facts=facts)


_SILENT = {"zh": "无法回答", "en": "unanswerable"}


def _several(value: Any, where: str) -> list[str]:
    """Read a list, or a cell whose parts are parted by "|"; nothing is an empty list."""
    if value is None:
        return []
    for part in value if isinstance(value, list) else [value]:
        if not isinstance(part, str | int | float) or isinstance(part, bool):
            raise LeitaiError(
                f"expected a text or a number, found {type(part).__name__}",
                where=where,
                remedy="give a text, or a list of texts",
            )
    parts = value if isinstance(value, list) else re.split(re.escape(PARTS), str(value))
    return [text for part in parts if (text := str(part).strip())]


def _right(raw: Any, choices: list[str], where: str) -> int:
    if len(choices) > len(LETTERS):
        raise LeitaiError(
            f"{len(choices)} choices", where=where, remedy=f"give at most {len(LETTERS)}"
        )
    text = str(raw).strip()
    if text in choices:
        return choices.index(text)
    if len(text) == 1 and text.upper() in LETTERS[: len(choices)]:
        return LETTERS.index(text.upper())
    if text.isdecimal() and int(text) < len(choices):
        return int(text)
    raise LeitaiError(
        f'"{text}" is none of the {len(choices)} choices',
        where=where,
        remedy="write the right choice's letter, its number from 0, or its words",
    )


def _template(ask: Asking | None, language: str | None, where: str) -> str | None:
    if ask is None or isinstance(ask, str):
        return ask
    if language is None or language not in ask:
        raise LeitaiError(
            f"no template for the language {language!r}",
            where=where,
            remedy=f"give `ask` one; it has {', '.join(ask)}",
        )
    return ask[language]


def _ask(record: Record, where: str, columns: Columns, template: str | None, listed: str) -> str:
    if template is None:
        text = field(record, str(columns.text), where)
        return str(text)
    fields = {name: value for name, value in record.items() if value is not None}
    if listed:
        fields["choices"] = listed
    try:
        for _, name, _, _ in Formatter().parse(template):
            if name is not None and name not in fields:
                raise missing(name, fields, f"{where}, template")
        return template.format_map(fields)
    except (ValueError, AttributeError, LookupError, TypeError) as error:
        raise LeitaiError(
            f"the template cannot be filled in: {error}",
            where=f"{where}, template",
            remedy="put a column's name between { and }; write {{ and }} for the characters",
        ) from error
