"""A checkpoint that can be asked: it scores, writes, chats and embeds."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import fsum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, cast

import numpy as np
import torch
from torch import Tensor

from leitai.adapters import Adapters, load_adapter, load_adapters
from leitai.base import LeitaiError
from leitai.base.memory import reused_memory
from leitai.inference.batches import by_length, pad
from leitai.inference.encoding import encode_pair, encode_text
from leitai.inference.generation import Generated, Limits, Row, make_row
from leitai.inference.options import GenerateOptions, read_options
from leitai.inference.sampler import Sampling
from leitai.inference.scheduler import Engine
from leitai.inference.scoring import TOKEN_BUDGET, Score, score_by_adapter
from leitai.models import Decoder, ModelConfig, load_decoder, read_config, resolve_model
from leitai.models.pooling import pack_texts

if TYPE_CHECKING:
    from leitai.text import Chat, Tokenizer

Prompt = str | Sequence[int]
Messages = Sequence[Mapping[str, Any]]


class LanguageModel:
    """A decoder with its tokenizer and chat format.

    Attributes:
        decoder: the weights, in evaluation mode.
        tokenizer: text to ids and back.
        chat_format: messages to ids, by the checkpoint's own template.
        stop_ids: ids that end an answer, from generation_config.json, config.json and the
            tokenizer's end tokens together, in ascending order.
        adapters: those that requests may name.
        engine: what writes. It remembers prefixes between calls of `chat`, `stream` and
            `stream_chat`, so the next turn of a conversation reads its new messages alone.
    """

    def __init__(
        self,
        decoder: Decoder,
        tokenizer: "Tokenizer",
        chat_format: "Chat",
        adapters: Adapters | None = None,
    ) -> None:
        """Join the parts; `load` reads them from a folder.

        Raises:
            LeitaiError: the tokenizer has ids that the decoder's vocabulary lacks.
        """
        if tokenizer.vocab_size > decoder.config.vocab_size:
            raise LeitaiError(
                f"the tokenizer has {tokenizer.vocab_size:,} ids, but config.json gives vocab_size "
                f"{decoder.config.vocab_size:,}",
                remedy="use the tokenizer that belongs to the checkpoint",
            )
        self.decoder = decoder.eval()
        self.tokenizer = tokenizer
        self.chat_format = chat_format
        ids = {*chat_format.stop_ids, *decoder.config.eos_token_ids}
        self.stop_ids: tuple[int, ...] = tuple(sorted(ids))
        self.adapters = adapters or Adapters(())
        self.engine = Engine(self.decoder, adapters=self.adapters)
        self._hidden_ids = frozenset(tokenizer.special.values())

    @classmethod
    def load(
        cls,
        path_or_id: str | Path,
        *,
        dtype: str = "float32",
        device: str = "cpu",
        adapter: str | Path | None = None,
        adapters: Mapping[str, str | Path] | None = None,
    ) -> "LanguageModel":
        """Load a checkpoint folder or hub id, and an adapter onto it, or several beside it.

        Args:
            path_or_id: a Hugging Face folder, or `owner/name`.
            dtype: "float32", "bfloat16", "float16", or "auto" for the stored one; "int8", "int4",
                "nf4" or "nf4-double" quantises the linear layers while loading.
            device: a torch device.
            adapter: a folder with a PEFT adapter that everything is read with.
            adapters: folders with PEFT adapters by name; a request names the one it is read with
                (`adapter=`), or none. Requests with different ones run together.

        Raises:
            LeitaiError: a part is missing, damaged, unsupported or too large for the memory, an
                adapter was trained on other weights, or both `adapter` and `adapters` are given.
        """
        from leitai.text import Chat, Tokenizer

        place = _device(device)
        folder = resolve_model(path_or_id)
        read_config(folder)  # the small files first: a mistake in them shows at once
        tokenizer = Tokenizer.from_folder(folder)
        chat_format = Chat.from_folder(folder, tokenizer)
        decoder = load_decoder(folder, dtype=dtype, device=place)
        named = None
        if adapter is not None:
            load_adapter(decoder, Path(adapter), folder)
        if adapters:
            folders = {name: Path(path) for name, path in adapters.items()}
            named = load_adapters(decoder, folders, folder)
        return cls(decoder, tokenizer, chat_format, named)

    @property
    def config(self) -> ModelConfig:
        """The architecture."""
        return self.decoder.config

    @property
    def context_length(self) -> int:
        """How many tokens a sequence may have beside the virtual ones of an adapter."""
        prefix = self.decoder.prefix
        virtual = prefix.count if prefix is not None else 0
        return self.config.max_position_embeddings - virtual

    def logits(self, ids: Sequence[int] | Tensor) -> Tensor:
        """Return the logits after each token of one sequence.

        Args:
            ids: token ids, [T].

        Returns:
            [T, V], fp32; row t predicts token t + 1.

        Raises:
            LeitaiError: the sequence is empty, too long, or has an id outside the vocabulary.
        """
        row = [int(token) for token in ids]
        self._check(row, "ids", self.context_length)
        with torch.inference_mode():
            return self.decoder.logits(self.decoder(pad([row], self.decoder.device))[0]).float()

    def score(
        self,
        requests: Sequence[Mapping[str, Any]],
        *,
        sources: Sequence[object] | None = None,
        adapter: str | Sequence[str | None] | None = None,
    ) -> list[Score]:
        """Score texts: the log-probability of each continuation given its context.

        `encode_pair` states how both become ids; `bytes` counts the continuation's UTF-8.

        Args:
            requests: {"context": str, "continuation": str}; other keys are passed over.
            sources: what an error names instead of "request 1" and so on, such as file and line.
            adapter: the name of an adapter for all requests, or one for each.

        Raises:
            LeitaiError: a request lacks a text, is too long, or its continuation is empty.
        """
        pairs = []
        for request, where in zip(requests, _names("request", requests, sources), strict=True):
            context, rest = request.get("context"), request.get("continuation")
            if not isinstance(context, str) or not isinstance(rest, str) or not rest:
                raise LeitaiError(
                    'expected the texts "context" and "continuation", the second not empty',
                    where=where,
                    remedy="repair the request",
                )
            pairs.append(encode_pair(self.tokenizer, context, rest))
        found = self.score_ids(pairs, sources=sources, adapter=adapter)
        return [
            replace(score, bytes=len(request["continuation"].encode("utf-8", "replace")))
            for score, request in zip(found, requests, strict=True)
        ]

    def score_ids(
        self,
        pairs: Sequence[tuple[Sequence[int], Sequence[int]]],
        *,
        sources: Sequence[object] | None = None,
        adapter: str | Sequence[str | None] | None = None,
    ) -> list[Score]:
        """Score token ids as they are: nothing is added to either side.

        `bytes` counts what the continuation's tokens stand for, special tokens left out.

        Args:
            pairs: (context ids, continuation ids), neither empty.
            sources: what an error names instead of "request 1" and so on.
            adapter: the name of an adapter for all requests, or one for each.

        Raises:
            LeitaiError: a side is empty, a request is too long, or an id is outside the vocabulary.
        """
        requests = [(tuple(context), tuple(rest)) for context, rest in pairs]
        names = _names("request", requests, sources)
        chosen = self.adapters.chosen(adapter, names)
        for (context, rest), where in zip(requests, names, strict=True):
            self._check(context, where, self.context_length)
            # The last token is predicted but never read, so one more than the context fits.
            self._check(rest, where, self.context_length + 1 - len(context))
        tallies = score_by_adapter(self.decoder, requests, self.adapters, chosen)
        return [
            Score(
                logprob=fsum(tally.logprobs),
                tokens=len(rest),
                bytes=sum(len(self._token_bytes(token)) for token in rest),
                greedy=tally.greedy,
            )
            for (_, rest), tally in zip(requests, tallies, strict=True)
        ]

    def generate(
        self, prompt: Prompt | Sequence[Prompt], **options: Unpack[GenerateOptions]
    ) -> Any:
        """Continue one prompt or many.

        Args:
            prompt: a text, or token ids that are taken as they are, or a list of either.
            **options: see `GenerateOptions`; greedy by default.

        Returns:
            The continuation of a single prompt, or a list of continuations in the prompts' order.

        Raises:
            LeitaiError: a prompt is too long, or an option is out of its range.
        """
        if _is_single(prompt):
            return self.complete([cast(Prompt, prompt)], **options)[0].text
        found = self.complete(cast("Sequence[Prompt]", prompt), **options)
        return [one.text for one in found]

    def complete(
        self,
        prompts: Sequence[Prompt],
        *,
        sources: Sequence[object] | None = None,
        adapters: Sequence[str | None] | None = None,
        **options: Unpack[GenerateOptions],
    ) -> list[Generated]:
        """Continue prompts and return text, ids and how each ended; as `generate`.

        What is computed depends on the arguments alone, down to rounding: prefixes are shared
        within a call and forgotten before it.

        Args:
            prompts: texts or token ids.
            sources: what an error names instead of "prompt 1" and so on.
            adapters: the name of an adapter, or None, for each prompt, where they differ.
            **options: see `GenerateOptions`.
        """
        sampling, limits = read_options(options, self.stop_ids)
        names = _names("prompt", prompts, sources)
        chosen = self.adapters.chosen(adapters or options.get("adapter"), names)
        rows = [
            self._row(prompt, where, sampling, limits, adapter)
            for prompt, where, adapter in zip(prompts, names, chosen, strict=True)
        ]
        self.engine.forget()
        self._write(rows)
        return [row.result() for row in rows]

    def stream(self, prompt: Prompt, **options: Unpack[GenerateOptions]) -> Iterator[str]:
        """Continue one prompt and yield the text in pieces of whole characters, as it is written.

        Raises:
            LeitaiError: as `generate`, at the call and not at the first piece.
        """
        sampling, limits = read_options(options, self.stop_ids)
        return _pieces(
            self.engine, self._row(prompt, "prompt", sampling, limits, options.get("adapter"))
        )

    def chat(
        self,
        messages: Messages,
        *,
        thinking: bool | None = None,
        date: str | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        **options: Unpack[GenerateOptions],
    ) -> str:
        """Answer a conversation as the assistant.

        Args:
            messages: {"role", "content"} each, in the OpenAI form.
            thinking: for templates that can switch reasoning on and off.
            date: the date that a template may print.
            tools: functions the assistant may call, as JSON schemas.
            **options: see `GenerateOptions`; greedy by default.

        Raises:
            LeitaiError: there is no chat template, it refuses the messages, or as `generate`.
        """
        ids = self.chat_format.encode_prompt(messages, tools=tools, date=date, thinking=thinking)
        sampling, limits = read_options(options, self.stop_ids)
        row = self._row(ids, "messages", sampling, limits, options.get("adapter"))
        self._write([row])
        return row.result().text

    def stream_chat(
        self,
        messages: Messages,
        *,
        thinking: bool | None = None,
        date: str | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        **options: Unpack[GenerateOptions],
    ) -> Iterator[str]:
        """Answer a conversation in pieces of text; as `chat`."""
        ids = self.chat_format.encode_prompt(messages, tools=tools, date=date, thinking=thinking)
        return self.stream(ids, **options)

    def embed(self, texts: Sequence[str], *, bidirectional: bool = False) -> Tensor:
        """Embed texts: the mean of the last hidden states over a text's tokens, at length 1.

        Hidden states are those after the final norm. The BOS takes part in the computation but not
        in the mean, for it is the same in every text; an empty text is its start token alone.

        Args:
            texts: N texts.
            bidirectional: whether every token sees its whole text, as models want that learnt by
                the objectives masked and contrastive.

        Returns:
            [N, hidden], fp32, on the CPU.

        Raises:
            LeitaiError: a text is too long.
        """
        rows = [(number, encode_text(self.tokenizer, text)) for number, text in enumerate(texts)]
        for number, ids in rows:
            self._check(ids, f"text {number + 1}", self.context_length)
        result = torch.empty(len(rows), self.config.hidden_size)
        with torch.inference_mode():
            for batch in by_length(rows, lambda row: len(row[1]), TOKEN_BUDGET):
                packed = pack_texts(
                    [np.asarray(ids, dtype=np.int64) for _, ids in batch],
                    self.decoder.device,
                    bidirectional=bidirectional,
                    bos_id=self.tokenizer.bos_id,
                )
                result[[number for number, _ in batch]] = packed.embed(self.decoder).cpu()
        return result

    def _row(
        self,
        prompt: Prompt,
        where: object,
        sampling: Sampling,
        limits: Limits,
        adapter: str | None,
    ) -> Row:
        self.adapters.check(adapter, where)
        ids = encode_text(self.tokenizer, prompt) if isinstance(prompt, str) else list(prompt)
        self._check(ids, where, self.context_length - 1)
        return make_row(self.config, ids, sampling, limits, self._token_bytes, adapter)

    def _write(self, rows: Sequence[Row]) -> None:
        """Write rows to their ends."""
        handles = [self.engine.submit(row, watched=False) for row in rows]
        try:
            with reused_memory():
                for handle in handles:
                    while not handle.done:
                        self.engine.step()
                    if handle.error is not None:
                        raise handle.error
        finally:
            for handle in handles:
                self.engine.cancel(handle)

    def _check(self, ids: Sequence[int], where: object, longest: int) -> None:
        if not ids:
            raise LeitaiError("there are no tokens", where=where, remedy="give at least one")
        if len(ids) > longest:
            raise LeitaiError(
                f"{len(ids):,} tokens where {longest:,} fit (the model's context is "
                f"{self.context_length:,})",
                where=where,
                remedy="shorten the text",
            )
        if min(ids) < 0 or max(ids) >= self.config.vocab_size:
            raise LeitaiError(
                f"an id is not between 0 and {self.config.vocab_size - 1:,}",
                where=where,
                remedy="use ids of this model's tokenizer",
            )

    def _token_bytes(self, token: int) -> bytes:
        return b"" if token in self._hidden_ids else self.tokenizer.token_bytes(token)


def _names(
    kind: str, items: Sequence[object], sources: Sequence[object] | None
) -> Sequence[object]:
    return sources or [f"{kind} {number}" for number in range(1, len(items) + 1)]


def _is_single(prompt: Prompt | Sequence[Prompt]) -> bool:
    return isinstance(prompt, str) or (len(prompt) > 0 and isinstance(prompt[0], int))


def _pieces(engine: Engine, row: Row) -> Iterator[str]:
    handle = engine.submit(row)
    try:
        while True:
            while handle.pieces:
                yield handle.pieces.popleft()
            if handle.error is not None:
                raise handle.error
            if handle.done:
                return
            engine.step()
    finally:
        engine.cancel(handle)  # whoever stops reading frees the memory


def _device(name: str) -> torch.device:
    match = re.fullmatch(r"cpu|cuda(?::(\d{1,3}))?", name)
    found = torch.cuda.device_count() if match and name != "cpu" else 0
    if match is None or (name != "cpu" and int(match[1] or 0) >= found):
        why = f"this machine has {found} CUDA devices" if match else "it is neither cpu nor cuda"
        raise LeitaiError(
            f"{name!r} cannot be used ({why})",
            where="device",
            remedy="use cpu, or cuda or cuda:N on a machine that has it",
        )
    device = torch.device(name)
    if device.type == "cuda":
        torch.cuda.set_device(device)  # graphs are captured on the current device's stream
    return device
