"""Our engine as a model of lm-evaluation-harness, with the results of its Hugging Face back end.

The harness (Gao et al., github.com/EleutherAI/lm-evaluation-harness) builds the prompts and takes
the measures; `LeitaiLM` answers its three kinds of request as ``HFLM`` does, request by request.
How text becomes ids, what is cut and where writing ends therefore follow HFLM here and nowhere else
in Leitai, where they differ:

- names of control tokens in a text are control tokens, for the harness hands over rendered
  templates as text;
- an empty context is the BOS or, without one, the end token of the tokenizer's files;
- a token across the boundary of context and continuation belongs to the context alone;
- the rolling log-likelihood of Llama 3 has its BOS twice;
- writing ends at the ids that generation_config.json (else config.json) and the tokenizer name;
- generation_config.json's repetition penalty holds, even for greedy writing.

One thing is ours: the date that a template prints is pinned, since scores must not change by night.

Only the modules `harness*.py` import lm_eval; importing this one registers the model as "leitai".
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import TemplateLM
from lm_eval.api.registry import register_model
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from leitai.base import LeitaiError
from leitai.base.files import hash_value
from leitai.base.progress import Ticker, progress
from leitai.evaluation.harness_text import HarnessText
from leitai.evaluation.harness_writing import (
    Writing,
    read_answer,
    read_writing,
    writing_defaults,
)
from leitai.inference import LanguageModel
from leitai.models import resolve_model
from leitai.models.presets import parameter_count
from leitai.text.chat_files import read_chat_files

CHUNK = 1_024
"""Requests that the engine gets at a time; sorted, so that neighbours share their beginnings."""

MAX_GEN_TOKS = 256
"""Tokens to write where the task names no limit, as HFLM."""

_log = logging.getLogger(__name__)

Request = tuple[tuple[str, str] | None, list[int], list[int]]


@register_model("leitai")
class LeitaiLM(TemplateLM):  # type: ignore[misc]
    """A checkpoint, with or without an adapter, as the harness asks for it.

    Attributes:
        tokenizer: ours.
        max_length: tokens that a request may have.
    """

    def __init__(
        self,
        pretrained: str | Path,
        *,
        adapter: str | Path | None = None,
        dtype: str = "float32",
        device: str = "cpu",
        max_length: int | None = None,
        max_gen_toks: int = MAX_GEN_TOKS,
        add_bos_token: bool | None = None,
        prefix_token_id: int | None = None,
        think_end_token: str | int | None = None,
        enable_thinking: bool | None = None,
        date: str | None = None,
        batch_size: int | str | None = None,
        max_batch_size: int | None = None,
    ) -> None:
        """Load a model; names of arguments are HFLM's where it has them.

        Args:
            pretrained: a checkpoint folder or hub id.
            adapter: a folder with a PEFT adapter.
            dtype: see `LanguageModel.load`.
            device: a torch device.
            max_length: fewer tokens than the model can take; longer requests lose their beginning.
            max_gen_toks: tokens to write where the task names no limit.
            add_bos_token: whether texts begin with a BOS; None: where the family has one.
            prefix_token_id: what an empty context is; None: the BOS, else the end token.
            think_end_token: the answer is what follows this text or id.
            enable_thinking: for templates that can switch reasoning on and off.
            date: that a template may print; None: 26 Jul 2024.
            batch_size: taken and not used: the engine batches by tokens, and no score depends on
                it.
            max_batch_size: as `batch_size`.

        Raises:
            LeitaiError: the model cannot be loaded, or `max_length` is more than it can take.
        """
        super().__init__()
        folder = resolve_model(pretrained)
        self.name = str(pretrained)
        self.lm = LanguageModel.load(folder, dtype=dtype, device=device, adapter=adapter)
        self.tokenizer = self.lm.tokenizer
        files = read_chat_files(folder)
        ends = {*(files.end_ids or self.lm.config.eos_token_ids), self.tokenizer.eos_id}
        self._ends = {end for end in ends if end is not None}
        self._text = HarnessText(
            self.name,
            self.tokenizer,
            self.lm.chat_format,
            files.templates,
            add_bos=True if add_bos_token is None else add_bos_token,
            prefix=prefix_token_id,
            thinking=enable_thinking,
            date=date,
        )
        self._defaults = writing_defaults(folder)
        self._dtype = dtype
        self.max_length = _length(max_length, self.lm.context_length)
        self.max_gen_toks = max_gen_toks
        self._think_end = think_end_token

    @property
    def eot_token_id(self) -> int | None:
        """The end token that the tokenizer's files name."""
        end: int | None = self.tokenizer.eos_id
        return end

    @property
    def prefix_token_id(self) -> int:
        """What a text without any context is conditioned on."""
        return self._text.prefix_id

    @property
    def tokenizer_name(self) -> str:
        """What the harness keeps requests apart by."""
        return self.name.replace("/", "__")

    def tok_encode(
        self,
        string: str,
        add_special_tokens: bool | None = None,
        left_truncate_len: int | None = None,
        **_: Any,
    ) -> list[int]:
        """Return the ids of a text; names of control tokens in it are control tokens.

        Args:
            string: the text.
            add_special_tokens: whether it begins with a BOS if the family has one; None: unless one
                is written at its start.
            left_truncate_len: keep so many ids at the end.
        """
        ids = self._text.encode(string, add_special_tokens)
        return ids[-left_truncate_len:] if left_truncate_len else ids

    def tok_decode(self, tokens: Iterable[int], skip_special_tokens: bool = True) -> str:
        """Return the text of ids."""
        text: str = self.tokenizer.decode(tokens, skip_special=skip_special_tokens)
        return text

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """Render a conversation by the checkpoint's template; see `HarnessText.render`."""
        return self._text.render(chat_history, opened=add_generation_prompt)

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """Return the source of the template, for the harness's record."""
        return self._text.template(chat_template)

    def get_model_info(self) -> dict[str, Any]:
        """Say what was measured, for the harness's record."""
        return {
            "model_source": "leitai",
            "model_name": self.name,
            "model_num_parameters": parameter_count(self.lm.config),
            "model_dtype": self._dtype,
        }

    def loglikelihood_rolling(
        self, requests: Sequence[Instance], disable_tqdm: bool = False
    ) -> list[float]:
        """Return the log-likelihood of whole texts, in windows where they are too long.

        Every token is predicted once, with as much before it as fits.

        Args:
            requests: of one text each.
            disable_tqdm: show no progress.
        """
        windows: list[Request] = []
        counts = []
        for request in requests:
            found = get_rolling_token_windows(
                token_list=self.tok_encode(request.args[0]),
                prefix_token=self.prefix_token_id,
                max_seq_len=self.max_length,
                context_len=1,
            )
            before = len(windows)
            windows += [(None, *make_disjoint_window(window)) for window in found]
            counts.append(len(windows) - before)
        scores = iter(self._loglikelihood_tokens(windows, disable_tqdm=disable_tqdm))
        totals = [sum(next(scores)[0] for _ in range(count)) for count in counts]
        for request, total in zip(requests, totals, strict=True):
            self.cache_hook.add_partial("loglikelihood_rolling", request.args, total)
        return totals

    def _loglikelihood_tokens(
        self, requests: Sequence[Request], disable_tqdm: bool = False, **_: Any
    ) -> list[tuple[float, bool]]:
        """Score ids; what is too long loses the beginning of its context."""
        pairs = [self._text.fit(*request, self.max_length) for request in requests]
        _tell_cut(
            len(context) - len(pair[0])
            for (_, context, _), pair in zip(requests, pairs, strict=True)
        )
        order = sorted(range(len(pairs)), key=lambda i: pairs[i][0] + pairs[i][1])
        found: dict[int, tuple[float, bool]] = {}
        with _bar("loglikelihood", len(pairs), disable_tqdm) as tick:
            for chunk in _chunks(order):
                scores = self.lm.score_ids([pairs[i] for i in chunk])
                for i, score in zip(chunk, scores, strict=True):
                    found[i] = score.logprob, score.greedy
                    if requests[i][0] is not None:
                        self.cache_hook.add_partial("loglikelihood", requests[i][0], found[i])
                tick(len(found))
        return [found[i] for i in range(len(pairs))]

    def generate_until(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[str]:
        """Continue texts up to a stop string, an end token or the limit.

        Args:
            requests: of a text and its settings each; see `read_writing`.
            disable_tqdm: show no progress.

        Raises:
            LeitaiError: a setting is unknown, or the limit leaves no room for a prompt.
        """
        groups: dict[str, list[int]] = {}
        for number, request in enumerate(requests):
            groups.setdefault(hash_value(request.args[1]), []).append(number)
        found: dict[int, str] = {}
        with _bar("generate_until", len(requests), disable_tqdm) as tick:
            for numbers in groups.values():
                settings = requests[numbers[0]].args[1]
                writing = read_writing(
                    settings, self._defaults, self.max_gen_toks, self.max_length, self._end_text()
                )
                ids = {number: self._prompt(requests[number].args[0]) for number in numbers}
                _tell_cut(len(prompt) - writing.room for prompt in ids.values())
                for chunk in _chunks(sorted(numbers, key=ids.__getitem__)):
                    texts = self._write([ids[number] for number in chunk], writing)
                    for number, text in zip(chunk, texts, strict=True):
                        found[number] = text
                        self.cache_hook.add_partial("generate_until", requests[number].args, text)
                    tick(len(found))
        return [found[number] for number in range(len(requests))]

    def _end_text(self) -> str | None:
        return None if self.eot_token_id is None else self.tok_decode([self.eot_token_id], False)

    def _prompt(self, text: str) -> list[int]:
        return self.tok_encode(text) or [self.prefix_token_id]

    def _write(self, prompts: Sequence[Sequence[int]], writing: Writing) -> list[str]:
        # HFLM looks for the stop strings in a text that shows special tokens by their names
        named = {
            token_id
            for name, token_id in self.tokenizer.special.items()
            if any(text in name for text in writing.stop)
        }
        self.lm.stop_ids = tuple(sorted(self._ends | named))
        found = self.lm.complete([prompt[-writing.room :] for prompt in prompts], **writing.options)
        return [
            read_answer(self.tokenizer, one.ids, writing.stop, self._think_end) for one in found
        ]


def _length(wanted: int | None, most: int) -> int:
    if wanted is not None and not 1 <= wanted <= most:
        raise LeitaiError(
            f"expected a number from 1 to {most:,}, the model's context",
            where=f"max_length = {wanted}",
            remedy="change it",
        )
    return wanted or most


def _tell_cut(tokens: Iterable[int]) -> None:
    """Say how many requests lost their beginning, from how many tokens each is too long by."""
    cut = [count for count in tokens if count > 0]
    if cut:
        _log.warning("%d requests cut from the left, by up to %d tokens", len(cut), max(cut))


def _chunks(numbers: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(numbers), CHUNK):
        yield numbers[start : start + CHUNK]


def _bar(title: str, total: int, hidden: bool) -> AbstractContextManager[Ticker]:
    return nullcontext(lambda done, note="": None) if hidden else progress(title, total)
