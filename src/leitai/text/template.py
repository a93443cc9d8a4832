"""A checkpoint's chat template: compiled once, rendered on a budget, the date pinned."""

import datetime
import re
from collections.abc import Mapping, Sequence
from typing import Any

from leitai.base import LeitaiError
from leitai.text.budget import Budget, LimitError, Limits, spending, weigh

SOURCE_LIMIT = 100_000
"""Characters that a chat template may have; the largest in use have a fifth of it."""

DEFAULT_DATE = datetime.date(2024, 7, 26)
"""The date shown by templates that print today's: the one Llama 3's own template falls back to."""

_MONTHS = "January February March April May June July August September October November December"
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"


def read_date(date: datetime.date | str | None) -> datetime.date:
    """Return the date to pin: None means 26 Jul 2024; text is ``2024-07-26`` or ``26 Jul 2024``.

    Raises:
        LeitaiError: the text is no such date.
    """
    if date is None:
        return DEFAULT_DATE
    if isinstance(date, datetime.datetime):
        return date.date()
    if isinstance(date, datetime.date):
        return date
    try:
        return datetime.date.fromisoformat(date)
    except ValueError:
        match = re.fullmatch(r"(\d{1,2}) ([A-Z][a-z]{2}) (\d{4})", date)
        months = [name[:3] for name in _MONTHS.split()]
        if match and match[2] in months:
            try:
                return datetime.date(int(match[3]), 1 + months.index(match[2]), int(match[1]))
            except ValueError:
                pass
    raise LeitaiError(f"{date!r} is no date", where="date", remedy="write it like 2024-07-26")


def format_date(date: datetime.date, pattern: str) -> str:
    """Format a date like `strftime`, with English names whatever the machine's language.

    Raises:
        ValueError: the pattern is long or has widths.
    """
    if len(pattern) > 100 or re.search(r"%[^a-zA-Z%]*\d", pattern):
        raise ValueError("unsupported date pattern")
    month, day = _MONTHS.split()[date.month - 1], _DAYS.split()[date.weekday()]
    names = {"%b": month[:3], "%h": month[:3], "%B": month, "%a": day[:3], "%A": day, "%%": "%%"}
    pattern = re.sub(r"%[bhBaA%]", lambda match: names[match[0]], pattern)
    return datetime.datetime.combine(date, datetime.time()).strftime(pattern)


class ChatTemplate:
    """One Jinja chat template.

    Attributes:
        source: the template's text.
    """

    def __init__(self, source: str, where: object, limits: Limits | None = None) -> None:
        """Compile a template.

        Args:
            source: Jinja source.
            where: file it comes from, for messages.
            limits: what a rendering may spend.

        Raises:
            LeitaiError: the template is too large or does not compile.
        """
        self.source = source
        self._where = where
        self._limits = limits or Limits()
        if len(source) > SOURCE_LIMIT:
            raise LeitaiError(
                f"a chat template of {len(source):,} characters, more than {SOURCE_LIMIT:,}",
                where=where,
                remedy="use the checkpoint's own template",
            )
        from leitai.text.sandbox import Sandbox

        try:
            self._template = Sandbox().compile_guarded(source)
        except Exception as error:
            raise self._error("does not compile", error) from error

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] | None,
        date: datetime.date,
        generation_prompt: bool,
        variables: Mapping[str, Any],
        verbatim: str = "",
        where: object | None = None,
    ) -> str:
        """Render a conversation.

        Args:
            messages: plain JSON values only.
            tools: plain JSON values only.
            date: what `strftime_now` and `date_string` give.
            generation_prompt: whether to open the assistant's next turn.
            variables: further variables, such as the special tokens' names.
            verbatim: characters that no filter may escape.
            where: the conversation, for messages; None names the template.

        Raises:
            LeitaiError: the template refuses the conversation, fails, or passes a limit.
        """
        inputs = [list(messages), list(tools or ())]
        budget = Budget(self._limits, weigh(inputs, 1 << 62), verbatim)
        try:
            with spending(budget):
                return str(
                    self._template.render(
                        **variables,
                        messages=list(messages),
                        tools=list(tools) if tools else None,
                        documents=None,
                        add_generation_prompt=generation_prompt,
                        date_string=format_date(date, "%d %b %Y"),
                        strftime_now=lambda pattern: format_date(date, str(pattern)),
                    )
                )
        except Exception as error:
            raise self._error("fails", error, where) from error

    def _error(self, verb: str, error: Exception, where: object | None = None) -> LeitaiError:
        from jinja2.exceptions import SecurityError, TemplateError

        where = where or self._where
        detail = str(error)[:300] or type(error).__name__
        if isinstance(error, LimitError | SecurityError):
            what = f"the chat template {detail}"
            if isinstance(error, SecurityError):
                what = f"the chat template leaves its sandbox ({detail})"
            return LeitaiError(what, where=where, remedy="use the checkpoint's own template")
        if type(error) is TemplateError:  # raise_exception
            return LeitaiError(
                f"the chat template refuses this conversation ({detail})",
                where=where,
                remedy="change the messages",
            )
        if isinstance(error, RecursionError):
            detail = "it is nested or calls itself too deeply"
        return LeitaiError(
            f"the chat template {verb} ({detail})",
            where=where,
            remedy="check the messages' fields and the template",
        )
