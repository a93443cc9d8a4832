"""A checkpoint in this process, run by Leitai's own engine."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from leitai.base.errors import LeitaiError
from leitai.data import Row
from leitai.evaluation.asking import Prompting, answer_ids, prompt_ids, reference_of
from leitai.evaluation.respondents.interface import Ability, Measured, Weighed, Written

if TYPE_CHECKING:
    from leitai.inference import LanguageModel

_THOUGHT_BEGINS, _THOUGHT_ENDS = "<think>", "</think>"


class Local:
    """A `LanguageModel` asked under one prompt treatment; a `Respondent`."""

    abilities: frozenset[Ability] = frozenset({"write", "choose", "measure"})

    def __init__(self, lm: "LanguageModel", prompting: Prompting) -> None:
        self._lm, self._prompting = lm, prompting

    def write(self, rows: Sequence[Row], max_characters: int) -> list[Written]:
        """Answer greedily; the limit is in characters, so that no tokenizer is favoured.

        With thinking asked for, the limit holds for reasoning and answer together.

        Raises:
            LeitaiError: a row cannot be asked.
        """
        prompts = [prompt_ids(self._lm.chat_format, row, self._prompting) for row in rows]
        # A token is at least a byte, so this many tokens always hold that many characters.
        found = self._lm.complete(
            prompts, max_tokens=4 * max_characters, max_characters=max_characters
        )
        written = []
        for prompt, answer in zip(prompts, found, strict=True):
            text, thought, finish = answer.text[:max_characters], "", answer.finish
            if self._prompting.thinking:
                thought, closed, text = text.partition(_THOUGHT_ENDS)
                thought = thought.removeprefix(_THOUGHT_BEGINS).strip()
                # Reasoning that never ends leaves no answer.
                finish = finish if closed else "length"
            written.append(
                Written(
                    text=text.strip() if self._prompting.thinking else text,
                    reasoning=thought,
                    finish="length" if finish == "length" else "stop",
                    prompt_tokens=len(prompt),
                    tokens=len(answer.ids),
                )
            )
        return written

    def choose(self, rows: Sequence[Row], choices: Sequence[Sequence[str]]) -> list[Weighed]:
        """Score every choice of every row in one pass over their shared beginnings.

        Raises:
            LeitaiError: a row cannot be asked, or the template writes an answer differently
                depending on the question.
        """
        chat, arm = self._lm.chat_format, self._prompting
        # Answers have the same ids after every prompt (checked below on one of each row's), so
        # rows with the same choices, such as 77 labels, encode them once.
        known: dict[tuple[str, ...], list[list[int]]] = {}
        prompts, requests = [], []
        for number, (row, offered) in enumerate(zip(rows, choices, strict=True)):
            answers = tuple(offered)
            if answers not in known:
                known[answers] = answer_ids(chat, row, arm, answers)
            some = number % len(answers)
            if answer_ids(chat, row, arm, answers[some : some + 1])[0] != known[answers][some]:
                raise LeitaiError("the answer's ids depend on the question", where=row.source)
            prompts.append(prompt_ids(chat, row, arm))
            requests += [(prompts[-1], ids) for ids in known[answers]]
        scores = iter(self._lm.score_ids(requests))
        return [
            Weighed(tuple(next(scores).logprob for _ in offered), len(prompt))
            for prompt, offered in zip(prompts, choices, strict=True)
        ]

    def measure(self, rows: Sequence[Row]) -> list[Measured]:
        """Score each row's own answer.

        Raises:
            LeitaiError: a row cannot be asked.
        """
        chat, arm = self._lm.chat_format, self._prompting
        requests = [
            (prompt_ids(chat, row, arm), answer_ids(chat, row, arm, [reference_of(row)])[0])
            for row in rows
        ]
        return [Measured(score.logprob, score.tokens) for score in self._lm.score_ids(requests)]

    def read(self, texts: Sequence[str]) -> list[Measured]:
        """Score plain texts.

        Raises:
            LeitaiError: a text is too long.
        """
        scores = self._lm.score([{"context": "", "continuation": text} for text in texts])
        return [Measured(score.logprob, score.tokens) for score in scores]
