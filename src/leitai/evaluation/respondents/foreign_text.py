"""How a row becomes ids for a checkpoint that `transformers` runs: its tokenizer and template."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from leitai.base.errors import LeitaiError
from leitai.data import Message, Row, with_system
from leitai.evaluation.asking import Prompting, question_and_answer
from leitai.text.template import format_date, read_date

_DATE_PATTERN = "%d %b %Y"  # as Llama 3's templates print it


class ForeignText:
    """A `PreTrainedTokenizer` with its chat template; no weights are needed."""

    def __init__(self, tokenizer: Any, stops: Sequence[int]) -> None:
        """Take a tokenizer and the ids that end an answer; `load` reads them from a folder."""
        self._tokenizer, self.stop_ids = tokenizer, tuple(stops)

    @classmethod
    def load(cls, folder: Path) -> "ForeignText":
        """Read a checkpoint's tokenizer and settings; code that comes with it is never run.

        Raises:
            LeitaiError: `transformers` is not installed, or does not read them.
        """
        try:
            from transformers import AutoConfig, AutoTokenizer, GenerationConfig
        except ImportError as error:
            raise missing(folder) from error
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
            config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
            generation = (
                GenerationConfig.from_pretrained(folder)
                if (folder / "generation_config.json").exists()
                else GenerationConfig.from_model_config(config)
            )
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise unreadable(folder, error) from error
        return cls(tokenizer, stop_ids(tokenizer, generation, config))

    @property
    def bos_id(self) -> int | None:
        """The id that begins a text, if the tokenizer has one."""
        found: int | None = self._tokenizer.bos_token_id
        return found

    @property
    def adds_bos(self) -> bool:
        """Whether the tokenizer itself begins a plain text with that id."""
        return bool(self.bos_id is not None and self._tokenizer("a")["input_ids"][0] == self.bos_id)

    @property
    def special(self) -> Mapping[str, int]:
        """Control tokens by their text."""
        return {
            text: self._tokenizer.convert_tokens_to_ids(text)
            for text in self._tokenizer.all_special_tokens
        } | {str(token): number for number, token in self._tokenizer.added_tokens_decoder.items()}

    @property
    def vocab_size(self) -> int:
        """Tokens, added ones included."""
        return len(self._tokenizer)

    def encode(self, text: str) -> list[int]:
        """Return the ids of plain text alone."""
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def render(
        self, messages: Sequence[Message], tools: Sequence[Message] | None, prompting: Prompting
    ) -> str:
        """Return the dialogue as the template writes it, up to where the assistant answers.

        Raises:
            LeitaiError: the template refuses it.
        """
        return str(self._apply(messages, tools, prompting, "prompt", answers=True, ids=False))

    def prompt_ids(self, row: Row, prompting: Prompting) -> list[int]:
        """Return the ids up to where the assistant is to answer.

        Raises:
            LeitaiError: the template refuses the row.
        """
        return self._ids(row, prompting, None)

    def answer_ids(self, row: Row, prompting: Prompting, answers: Sequence[str]) -> list[list[int]]:
        """Return for each answer its ids, up to and with the token that ends the turn.

        Raises:
            LeitaiError: the template refuses the row, or writes the dialogue before the answer
                differently once the answer is there.
        """
        prompt = self.prompt_ids(row, prompting)
        found = []
        for answer in answers:
            whole = self._ids(row, prompting, answer)
            rest = whole[len(prompt) :]
            end = max((at + 1 for at, one in enumerate(rest) if one in self.stop_ids), default=0)
            if whole[: len(prompt)] != prompt or end == 0:
                raise LeitaiError(
                    "the chat template does not continue its own generation prompt",
                    where=row.source,
                    remedy="use the checkpoint's official chat template",
                )
            found.append(rest[:end])
        return found

    def _ids(self, row: Row, prompting: Prompting, answer: str | None) -> list[int]:
        question, _ = question_and_answer(row)
        messages = list(with_system(question, prompting.system))
        if answer is not None:
            messages.append({"role": "assistant", "content": answer})
        encoded = self._apply(
            messages, row.tools, prompting, row.source, answers=answer is None, ids=True
        )
        return list(encoded["input_ids"])

    def _apply(
        self,
        messages: Sequence[Message],
        tools: Sequence[Message] | None,
        prompting: Prompting,
        where: str,
        *,
        answers: bool,
        ids: bool,
    ) -> Any:
        date = format_date(read_date(prompting.date), _DATE_PATTERN)
        options: dict[str, Any] = {"date_string": date}
        if prompting.thinking is not None:
            options["enable_thinking"] = prompting.thinking
        if ids:
            options["return_dict"] = True
        try:
            return self._tokenizer.apply_chat_template(
                list(messages),
                tools=list(tools) if tools else None,
                add_generation_prompt=answers,
                tokenize=ids,
                **options,
            )
        except Exception as error:  # a template may raise anything
            raise LeitaiError(
                f"the chat template refuses the row ({str(error).splitlines()[0]})",
                where=where,
                remedy="use a checkpoint with a chat template, or change the row",
            ) from error


def missing(where: str | Path) -> LeitaiError:
    """Say that `transformers` is not there."""
    return LeitaiError(
        "other architectures need the package transformers",
        where=where,
        remedy="install it: pip install 'leitai[hf]'",
    )


def unreadable(folder: Path, error: Exception) -> LeitaiError:
    """Say that `transformers` does not read a checkpoint."""
    return LeitaiError(
        f"transformers cannot load it ({str(error).splitlines()[0]})",
        where=folder,
        remedy="name a folder with config.json, tokenizer files and safetensors weights",
    )


def stop_ids(tokenizer: Any, *configs: Any) -> tuple[int, ...]:
    """Return the ids that end an answer, by the tokenizer's and the configurations' account."""
    ids = {tokenizer.eos_token_id}
    for config in configs:
        stops = getattr(config, "eos_token_id", None)
        ids |= set(stops) if isinstance(stops, list | tuple) else {stops}
    return tuple(sorted(one for one in ids if one is not None))
