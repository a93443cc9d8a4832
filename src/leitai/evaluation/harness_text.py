"""Text and conversations to ids, as the harness's Hugging Face back end has them."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2.exceptions import TemplateError

from leitai.base import LeitaiError
from leitai.text import Chat, Tokenizer

_TAG = "CONTINUE_FINAL_MESSAGE_TAG "
_log = logging.getLogger(__name__)

Messages = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class HarnessText:
    """A checkpoint's text side and what the harness's user has said of it.

    Attributes:
        name: of the checkpoint, for messages.
        tokenizer: its tokenizer.
        chat: its chat format.
        templates: its chat templates by name.
        add_bos: whether texts begin with a BOS where the family has one.
        prefix: what an empty context is; None: the BOS, else the end token.
        thinking: for templates that can switch reasoning on and off.
        date: that a template may print.
    """

    name: str
    tokenizer: Tokenizer
    chat: Chat
    templates: Mapping[str, str]
    add_bos: bool = True
    prefix: int | None = None
    thinking: bool | None = None
    date: str | None = None

    @property
    def prefix_id(self) -> int:
        """What a text without any context is conditioned on.

        Raises:
            LeitaiError: the tokenizer has neither a BOS nor an end token.
        """
        for token_id in (self.prefix, self.tokenizer.bos_id, self.tokenizer.eos_id):
            if token_id is not None:
                return token_id
        raise LeitaiError(
            "the tokenizer names neither a beginning nor an end of text",
            where=self.name,
            remedy="give prefix_token_id",
        )

    def encode(self, text: str, add_bos: bool | None = None) -> list[int]:
        """Return the ids of a text; names of control tokens in it are control tokens.

        Args:
            text: plain text or a rendered template.
            add_bos: whether it begins with a BOS if the family has one; None: as the user said,
                unless one is written at its start.
        """
        ids = self.tokenizer.encode_with_control(text)
        bos = self.tokenizer.bos_id
        if bos is None or (add_bos is None and ids[:1] == [bos]):
            return ids
        return [bos, *ids] if (self.add_bos if add_bos is None else add_bos) else ids

    def fit(
        self, text: tuple[str, str] | None, context: list[int], rest: list[int], longest: int
    ) -> tuple[list[int], list[int]]:
        """Return a context and a continuation that fit: what is too long loses its beginning.

        Args:
            text: what the ids come from, for messages.
            context: ids of the context.
            rest: ids of the continuation.
            longest: tokens that a request may have.

        Raises:
            LeitaiError: the continuation has no token, or too many.
        """
        where = "request" if text is None else repr(text[1][:60])
        if not rest or len(rest) > longest:
            what = "no token of its own" if not rest else f"{len(rest):,} tokens"
            raise LeitaiError(
                f"a continuation of {what}; from 1 to {longest:,} can be scored",
                where=where,
                remedy="change the task",
            )
        # the last token is predicted and not read, so one more than the context fits
        room = longest + 1 - len(rest)
        # a context of white space alone went over to the continuation; HFLM fails there
        return context[-room:] or [self.prefix_id], rest

    def render(self, messages: Messages, *, opened: bool) -> str:
        """Render a conversation by the checkpoint's template.

        A template that refuses a system message is asked again without it.

        Args:
            messages: the conversation.
            opened: whether to open the assistant's turn; otherwise the last message is left open,
                to be continued.

        Raises:
            LeitaiError: there is no template, or it refuses the conversation.
        """
        try:
            return self._render(messages, opened)
        except LeitaiError as error:
            rest = [message for message in messages if message["role"] != "system"]
            if not isinstance(error.__cause__, TemplateError) or len(rest) == len(messages):
                raise
            _log.warning("%s: asked again without the system message", error)
            return self._render(rest, opened)

    def _render(self, messages: Messages, opened: bool) -> str:
        if not opened:
            last = messages[-1]
            messages = [*messages[:-1], {**last, "content": last["content"] + _TAG}]
        text = self.chat.render(
            messages, date=self.date, thinking=self.thinking, generation_prompt=opened
        )
        if opened:
            return text
        at = text.rfind(_TAG.rstrip())
        if at < 0:
            raise LeitaiError(
                "the chat template does not show the message that is to be continued",
                where=self.name,
                remedy="use a task without gen_prefix",
            )
        # a template that trims its messages has trimmed the one that goes on, too
        return text[:at] if text[at:].startswith(_TAG) else text[:at].rstrip()

    def template(self, name: bool | str) -> str | None:
        """Return the source of a template, for the record; None where none is wanted.

        Args:
            name: whether to name one, or which among several.

        Raises:
            LeitaiError: there is none, or none of this name among several.
        """
        if not name:
            return None
        self.chat.require_template()
        wanted = name if isinstance(name, str) and len(self.templates) > 1 else "default"
        if wanted not in self.templates:
            raise LeitaiError(
                f"no chat template is named {wanted}",
                where=self.name,
                remedy=f"use one of {', '.join(self.templates)}",
            )
        return self.templates[wanted]
