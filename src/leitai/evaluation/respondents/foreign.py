"""A checkpoint of any architecture, run by `transformers` with its own tokenizer and template."""

import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from leitai.base.errors import LeitaiError
from leitai.data import Row
from leitai.evaluation.asking import Prompting, reference_of
from leitai.evaluation.respondents.foreign_text import ForeignText, missing, stop_ids, unreadable
from leitai.evaluation.respondents.interface import Ability, Measured, Weighed, Written

_LOGITS = 1 << 26  # logits in memory at once: 256 MiB in fp32
_ROWS = 16  # written together
_THOUGHT_ENDS = "</think>"

Pair = tuple[list[int], list[int]]
"""Context ids and the ids that are scored after them."""


class Foreign:
    """A `transformers` causal language model under one prompt treatment; a `Respondent`.

    It asks as `Local` does: greedy writing, a limit in characters, answers scored with the token
    that ends the turn. Control tokens typed in a row's text are not disarmed, for this tokenizer
    cannot tell them from its own.
    """

    abilities: frozenset[Ability] = frozenset({"write", "choose", "measure"})

    def __init__(self, model: Any, tokenizer: Any, prompting: Prompting) -> None:
        """Join a `PreTrainedModel` and its tokenizer; `load` reads them from a folder."""
        self._model, self._tokenizer, self._prompting = model.eval(), tokenizer, prompting
        self._stops = stop_ids(tokenizer, model.generation_config, model.config)
        self._text = ForeignText(tokenizer, self._stops)
        self._keeps_some = "logits_to_keep" in inspect.signature(model.forward).parameters

    @classmethod
    def load(
        cls, path_or_id: str | Path, prompting: Prompting, *, dtype: str, device: str
    ) -> "Foreign":
        """Load a folder or hub id; code that comes with a checkpoint is never run.

        Raises:
            LeitaiError: `transformers` is not installed, or does not read the checkpoint.
        """
        import torch

        from leitai.models.hub import resolve_model

        try:
            from transformers import AutoModelForCausalLM, AutoTokenizer
        except ImportError as error:
            raise missing(path_or_id) from error
        folder = resolve_model(path_or_id)
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
            model: Any = AutoModelForCausalLM.from_pretrained(
                folder, dtype=getattr(torch, dtype), trust_remote_code=False, use_safetensors=True
            )
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise unreadable(folder, error) from error
        return cls(model.to(device), tokenizer, prompting)

    def write(self, rows: Sequence[Row], max_characters: int) -> list[Written]:
        """Answer greedily; with thinking asked for, the limit holds for reasoning and answer.

        Raises:
            LeitaiError: a row cannot be asked.
        """
        prompts = [self._text.prompt_ids(row, self._prompting) for row in rows]
        order = sorted(range(len(rows)), key=lambda number: len(prompts[number]))
        found: dict[int, Written] = {}
        for start in range(0, len(order), _ROWS):
            chosen = order[start : start + _ROWS]
            texts = self._generate([prompts[number] for number in chosen], max_characters)
            found |= dict(zip(chosen, texts, strict=True))
        return [found[number] for number in range(len(rows))]

    def choose(self, rows: Sequence[Row], choices: Sequence[Sequence[str]]) -> list[Weighed]:
        """Score every choice of every row.

        Raises:
            LeitaiError: a row cannot be asked.
        """
        prompts = [self._text.prompt_ids(row, self._prompting) for row in rows]
        pairs = [
            (prompt, ids)
            for row, prompt, offered in zip(rows, prompts, choices, strict=True)
            for ids in self._text.answer_ids(row, self._prompting, offered)
        ]
        scores = iter(self._score(pairs))
        return [
            Weighed(tuple(next(scores).logprob for _ in offered), len(prompt))
            for prompt, offered in zip(prompts, choices, strict=True)
        ]

    def measure(self, rows: Sequence[Row]) -> list[Measured]:
        """Score each row's own answer.

        Raises:
            LeitaiError: a row cannot be asked.
        """
        text, prompting = self._text, self._prompting
        return self._score(
            [
                (
                    text.prompt_ids(row, prompting),
                    text.answer_ids(row, prompting, [reference_of(row)])[0],
                )
                for row in rows
            ]
        )

    def read(self, texts: Sequence[str]) -> list[Measured]:
        """Score plain texts after the token that begins one, or else one that ends one.

        Raises:
            LeitaiError: a text is empty, or the tokenizer has neither token.
        """
        tokenizer = self._tokenizer
        end = tokenizer.convert_tokens_to_ids("<|endoftext|>")
        starts = (tokenizer.bos_token_id, end, tokenizer.eos_token_id)
        start = next((one for one in starts if one is not None), None)
        pairs = []
        for number, text in enumerate(texts, start=1):
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            if start is None or not ids:
                raise LeitaiError("nothing to measure", where=f"text {number}", remedy="leave it")
            pairs.append(([start], ids))
        return self._score(pairs)

    def _generate(self, prompts: Sequence[list[int]], max_characters: int) -> list[Written]:
        import torch
        from transformers import StoppingCriteriaList

        longest = max(map(len, prompts))
        pad = self._stops[0]
        ids = torch.tensor([[pad] * (longest - len(p)) + p for p in prompts])
        mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts])
        device = self._model.device
        done = StoppingCriteriaList([_long_enough(self._tokenizer, longest, max_characters)])
        with torch.inference_mode():
            output = self._model.generate(
                input_ids=ids.to(device),
                attention_mask=mask.to(device),
                # A token is at least a byte, so this many always hold that many characters.
                max_new_tokens=4 * max_characters,
                do_sample=False,
                num_beams=1,
                repetition_penalty=1.0,
                temperature=None,
                top_p=None,
                top_k=None,
                eos_token_id=list(self._stops),
                pad_token_id=pad,
                stopping_criteria=done,
            )
        return [
            self._written(len(prompt), row[longest:].tolist(), max_characters)
            for prompt, row in zip(prompts, output, strict=True)
        ]

    def _written(self, prompt_tokens: int, ids: list[int], max_characters: int) -> Written:
        end = next((at for at, token in enumerate(ids) if token in self._stops), None)
        whole = self._tokenizer.decode(
            ids[:end], skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        text, thought = whole[:max_characters], ""
        cut = end is None or len(whole) > max_characters
        if self._prompting.thinking:
            thought, closed, text = text.partition(_THOUGHT_ENDS)
            cut = cut or not closed  # reasoning that never ends leaves no answer
        return Written(
            text=text.strip() if thought else text,
            reasoning=thought,
            finish="length" if cut else "stop",
            prompt_tokens=prompt_tokens,
            tokens=len(ids) if end is None else end + 1,
        )

    def _score(self, pairs: Sequence[Pair]) -> list[Measured]:
        order = sorted(range(len(pairs)), key=lambda n: len(pairs[n][0]) + len(pairs[n][1]))
        sums: dict[int, float] = {}
        for batch in self._batches(pairs, order):
            sums |= dict(zip(batch, self._logprobs([pairs[n] for n in batch]), strict=True))
        return [Measured(sums[n], len(pairs[n][1])) for n in range(len(pairs))]

    def _batches(self, pairs: Sequence[Pair], order: Sequence[int]) -> Iterator[list[int]]:
        """Cut rows, shortest first, where their logits would not fit."""
        vocabulary = self._model.get_output_embeddings().weight.shape[0]
        batch: list[int] = []
        for number in order:
            length = len(pairs[number][0]) + len(pairs[number][1])
            if batch and (len(batch) + 1) * length * vocabulary > _LOGITS:
                yield batch
                batch = []
            batch.append(number)
        if batch:
            yield batch

    def _logprobs(self, pairs: Sequence[Pair]) -> list[float]:
        """Sum the log-probabilities of each pair's second half.

        Rows are padded on the right, where a causal model never looks, so that neither mask nor
        positions depend on the architecture.
        """
        import torch

        rows = [context + rest for context, rest in pairs]
        longest = max(map(len, rows))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
        ids = ids.to(self._model.device)
        first = min(len(context) for context, _ in pairs) - 1
        options = {"logits_to_keep": longest - first} if self._keeps_some else {}
        with torch.inference_mode():
            logits = self._model(input_ids=ids, use_cache=False, **options).logits
            first = longest - logits.shape[1]
            sums = []
            for number, (context, rest) in enumerate(pairs):
                start = len(context) - 1 - first
                scores = logits[number, start : start + len(rest)].float()
                targets = torch.tensor(rest, device=scores.device).unsqueeze(1)
                chosen = scores.log_softmax(dim=-1).gather(1, targets)
                sums.append(float(chosen.double().sum()))
        return sums


def _long_enough(tokenizer: Any, start: int, max_characters: int) -> Any:
    """Return a criterion that ends rows whose text has passed the limit."""
    import torch
    from transformers import StoppingCriteria

    class LongEnough(StoppingCriteria):
        def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
            texts = tokenizer.batch_decode(input_ids[:, start:], skip_special_tokens=True)
            done = [len(text) > max_characters for text in texts]
            return torch.tensor(done, device=input_ids.device)

    return LongEnough()
