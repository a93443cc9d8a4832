"""Messages to token ids by the checkpoint's own template, and which of the ids are targets."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from leitai.base import LeitaiError
from leitai.text.chat_files import read_chat_files
from leitai.text.encoded import Encoded
from leitai.text.families import END_OF_TEXT_TOKENS, END_OF_TURN_TOKENS
from leitai.text.messages import plain_messages, plain_value, texts_of
from leitai.text.protection import TRUSTED_ROLES, Guard, Protection
from leitai.text.surrogates import repair
from leitai.text.template import ChatTemplate, read_date
from leitai.text.tokenizer import Tokenizer
from leitai.text.turns import PROBE, Marks, find_turns, learn_marks

Messages = Sequence[Mapping[str, Any]]
Tools = Sequence[Mapping[str, Any]] | None
Date = datetime.date | str | None

_PROBE_PROMPT = [{"role": "user", "content": "a"}]
_PROBE_TURNS = [
    *_PROBE_PROMPT,
    {"role": "assistant", "content": PROBE},
    {"role": "user", "content": "b"},
]


class Chat:
    """A tokenizer with the chat template of its checkpoint.

    A checkpoint without a chat template (a base model) still has stop ids; rendering and encoding
    messages with it raises a LeitaiError that says so.

    Attributes:
        tokenizer: the tokenizer.
        stop_ids: ids on which generation stops: the family's end-of-turn and end-of-text tokens,
            the tokenizer's end token and those of `generation_config.json`, in ascending order.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        templates: Mapping[str, str],
        *,
        where: object = "chat template",
        end_ids: Iterable[int] = (),
    ) -> None:
        """Frame a tokenizer with templates; use `from_folder` for a checkpoint.

        Args:
            tokenizer: the tokenizer.
            templates: Jinja sources by name; "default", and "tool_use" where it differs.
            where: the file they come from, for messages.
            end_ids: further ids to stop on.
        """
        self.tokenizer = tokenizer
        self._sources = dict(templates)
        self._where = where
        self._guard = Guard(tokenizer.special, tokenizer.control)
        self._templates: dict[str, ChatTemplate] = {}
        self._marks: dict[bool | None, Marks] = {}
        known = (tokenizer.token_id(name) for name in (*END_OF_TURN_TOKENS, *END_OF_TEXT_TOKENS))
        stops = {tokenizer.eos_id, *known, *end_ids}
        self.stop_ids = tuple(sorted(token_id for token_id in stops if token_id is not None))
        own = {
            "bos_token": tokenizer.token_name(tokenizer.bos_id),
            "eos_token": tokenizer.token_name(tokenizer.eos_id),
            "pad_token": tokenizer.token_name(tokenizer.pad_id),
        }
        self._names = {key: name for key, name in own.items() if name is not None}

    @classmethod
    def from_folder(cls, folder: Path | str, tokenizer: Tokenizer) -> "Chat":
        """Read a checkpoint folder's template: chat_template.jinja, else tokenizer_config.json.

        Raises:
            LeitaiError: a file is damaged or too large. A missing template raises only when used.
        """
        files = read_chat_files(Path(folder))
        return cls(tokenizer, files.templates, where=files.where, end_ids=files.end_ids)

    @property
    def has_template(self) -> bool:
        """Whether the checkpoint has a chat template."""
        return bool(self._sources)

    def require_template(self) -> None:
        """Do nothing where there is a chat template.

        Raises:
            LeitaiError: there is none.
        """
        if not self._sources:
            raise LeitaiError(
                "this checkpoint has no chat template",
                where=self._where,
                remedy="use an instruct checkpoint, or put its chat_template.jinja into the folder",
            )

    def render(
        self,
        messages: Messages,
        *,
        tools: Tools = None,
        date: Date = None,
        thinking: bool | None = None,
        generation_prompt: bool = False,
    ) -> str:
        """Return the conversation as the template writes it.

        Args:
            messages: the conversation, in the OpenAI form.
            tools: functions the assistant may call, as JSON schemas; none and empty are the same.
            date: the date that a template may print; None is 26 Jul 2024, never today's.
            thinking: Qwen3's ``enable_thinking``; None leaves it to the template.
            generation_prompt: whether to open the assistant's next turn.

        Raises:
            LeitaiError: there is no template, or it refuses the conversation, fails or passes a
                limit.
        """
        text, protection = self._render(messages, tools, date, thinking, generation_prompt, None)
        return protection.restore(text)

    def encode_prompt(
        self,
        messages: Messages,
        *,
        tools: Tools = None,
        date: Date = None,
        thinking: bool | None = None,
        where: object | None = None,
    ) -> list[int]:
        """Return the ids of a conversation up to where the assistant's next turn begins.

        Args:
            messages: the conversation; control tokens typed in it are text.
            tools: see `render`.
            date: see `render`.
            thinking: see `render`.
            where: the row it comes from, for messages.

        Raises:
            LeitaiError: as `render`.
        """
        text, protection = self._render(messages, tools, date, thinking, True, where)
        return self._encode(text, protection, ()).ids

    def encode_training(
        self,
        messages: Messages,
        *,
        tools: Tools = None,
        date: Date = None,
        thinking: bool | None = None,
        turns: Literal["all", "last"] = "all",
        where: object | None = None,
    ) -> Encoded:
        """Return the ids of a conversation and which are targets.

        Targets are what the assistant writes: from behind its header up to and with the token that
        ends its turn. What the generation prompt already holds, such as Qwen3's empty ``<think>``
        block when thinking is off, is prompt. A token that begins in the header is not a target.

        Args:
            messages: the conversation; control tokens typed in it are text.
            tools: see `render`.
            date: see `render`.
            thinking: see `render`.
            turns: whether all of the assistant's turns are targets or its last alone.
            where: the row it comes from, for messages.

        Raises:
            LeitaiError: as `render`; there is no assistant's message, or the template shows
                another number of them.
        """
        text, protection = self._render(messages, tools, date, thinking, False, where)
        expected = sum(message["role"] == "assistant" for message in messages)
        if expected == 0:
            raise LeitaiError(
                "no message of the assistant to learn from",
                where=where,
                remedy='end the row with {"role": "assistant", "content": "..."}',
            )
        spans = find_turns(
            text, self.tokenizer.split_control(text), self._marks_for(thinking), expected, where
        )
        return self._encode(text, protection, spans if turns == "all" else spans[-1:])

    def _encode(
        self, text: str, protection: Protection, spans: Sequence[tuple[int, int]]
    ) -> Encoded:
        tokenizer = self.tokenizer
        ids: list[int] = []
        is_target: list[bool] = []
        remaining = list(spans)
        position = 0
        for name, matched in tokenizer.split_control(text):
            after = position + len(matched)
            while remaining and remaining[0][1] <= position:
                remaining.pop(0)
            start = remaining[0][0] if remaining else len(text)
            if name is not None:
                ids.append(tokenizer.control[name])
                is_target.append(start <= position)
            else:
                cut = min(max(start - position, 0), len(matched))
                before = tokenizer.prepare(protection.restore(matched[:cut]))
                inside = tokenizer.prepare(protection.restore(matched[cut:]))
                stretch, starts = tokenizer.encode_with_starts(before + inside)
                ids += stretch
                is_target += [cut < len(matched) and at >= len(before) for at in starts]
            position = after
        return Encoded(ids, is_target)

    def _render(
        self,
        messages: Messages,
        tools: Tools,
        date: Date,
        thinking: bool | None,
        generation_prompt: bool,
        where: object | None,
    ) -> tuple[str, Protection]:
        plain = plain_messages(messages, where)
        plain_tools = plain_value(list(tools or ()), where)
        template = self._template_for(plain_tools)
        protection = Protection(
            self._guard, (template.source, *texts_of(plain), *texts_of(plain_tools))
        )
        variables: dict[str, Any] = dict(self._names)
        if thinking is not None:
            variables["enable_thinking"] = thinking
        text = template.render(
            [
                protection.hide_value(message, trusted=message["role"] in TRUSTED_ROLES)
                for message in plain
            ],
            tools=protection.hide_value(plain_tools, trusted=True),
            date=read_date(date),
            generation_prompt=generation_prompt,
            variables=variables,
            verbatim=protection.verbatim,
            where=where,
        )
        return repair(text), protection

    def _template_for(self, tools: Sequence[Any]) -> ChatTemplate:
        self.require_template()
        name = "tool_use" if tools and "tool_use" in self._sources else "default"
        if name not in self._sources:
            raise LeitaiError(
                "no chat template is named default",
                where=self._where,
                remedy=f"name one of {', '.join(self._sources)} default",
            )
        if name not in self._templates:
            self._templates[name] = ChatTemplate(self._sources[name], self._where)
        return self._templates[name]

    def _marks_for(self, thinking: bool | None) -> Marks:
        if thinking not in self._marks:
            closed, _ = self._render(_PROBE_PROMPT, None, None, thinking, False, None)
            opened, _ = self._render(_PROBE_PROMPT, None, None, thinking, True, None)
            probed, _ = self._render(_PROBE_TURNS, None, None, thinking, False, None)
            prompt = opened[len(closed) :] if opened.startswith(closed) else ""
            tokenizer = self.tokenizer
            self._marks[thinking] = learn_marks(
                prompt,
                probed,
                tokenizer.split_control(probed),
                (name for name in END_OF_TURN_TOKENS if name in tokenizer.control),
                self._where,
            )
        return self._marks[thinking]
