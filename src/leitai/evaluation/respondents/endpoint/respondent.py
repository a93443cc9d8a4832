"""An OpenAI-compatible endpoint as a respondent."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leitai.base.errors import LeitaiError
from leitai.data import Row, with_system
from leitai.evaluation.asking import (
    Prompting,
    answer_ids,
    prompt_ids,
    question_and_answer,
    reference_of,
)
from leitai.evaluation.respondents.endpoint.answers import (
    check_chat,
    decline_chat,
    keep_chat,
    read_chat,
)
from leitai.evaluation.respondents.endpoint.asking import Question, ask
from leitai.evaluation.respondents.endpoint.bodies import CHAT, chat_body
from leitai.evaluation.respondents.endpoint.client import Client
from leitai.evaluation.respondents.endpoint.failure import UnsupportedError
from leitai.evaluation.respondents.endpoint.ledger import Ledger, Spent
from leitai.evaluation.respondents.endpoint.pace import Pace
from leitai.evaluation.respondents.endpoint.scoring import Pair, questions, read_scores
from leitai.evaluation.respondents.endpoint.served import Served, served_ids
from leitai.evaluation.respondents.endpoint.spec import EndpointSpec
from leitai.evaluation.respondents.interface import Ability, Measured, Weighed, Written

if TYPE_CHECKING:
    from leitai.text import Chat

_PROBE = "a b c"


class Endpoint:
    """A model on a server, asked under one prompt treatment; a `Respondent`.

    Every answer goes into a ledger before anything else happens to it; a request whose answer is
    there is never sent again, in this run or a later one.
    """

    def __init__(
        self, spec: EndpointSpec, prompting: Prompting, ledger: Path, base: Path = Path()
    ) -> None:
        """Read key, price and ledger; nothing is sent yet.

        Args:
            spec: the endpoint.
            prompting: the treatment; its date reaches the server only by `spec.extra`.
            ledger: the file of answers, in the run's folder.
            base: the folder that the price table's path starts from.

        Raises:
            LeitaiError: the key is not set, the price table lacks the model, or the ledger is
                damaged.
        """
        self._spec, self._prompting = spec, prompting
        self._key, self._price = spec.read_key(), spec.find_price(base)
        self._ledger = Ledger(ledger)
        self._pace = Pace(spec.requests_per_minute, spec.tokens_per_minute)

    @cached_property
    def abilities(self) -> frozenset[Ability]:
        """To write; to choose and measure where a probe gets log-probabilities of a prompt."""
        if self._spec.tokenizer is None or self._no_scores is not None:
            return frozenset({"write"})
        return frozenset({"write", "choose", "measure"})

    def spent(self) -> Spent:
        """Return what all answered requests of the ledger used and cost."""
        return self._ledger.spent(self._price)

    def write(self, rows: Sequence[Row], max_characters: int) -> list[Written]:
        """Answer each row; the limit is in characters, so that no tokenizer is favoured.

        Raises:
            LeitaiError: a row cannot be answered.
        """
        answers = self._ask([self._question(row, max_characters) for row in rows])
        thinking = self._prompting.thinking
        found = [
            read_chat(answer, seconds, max_characters, thinking, self._price)
            for answer, seconds in answers
        ]
        if self._spec.tokenizer is None:
            return found
        # What the template here would make of the prompt, to be held against the server's count.
        return [
            replace(one, template_tokens=len(prompt_ids(self._chat, row, self._prompting)))
            for row, one in zip(rows, found, strict=True)
        ]

    def served(self, rows: Sequence[Row]) -> list[Served]:
        """Return the ids that the server makes of rows' prompts, where it tells, and ours.

        Raises:
            LeitaiError: the template here refuses a row.
        """
        bodies = [self._question(row, 1).body for row in rows]
        told = served_ids(self._spec, self._key, bodies)
        here: list[list[int] | None] = [None] * len(rows)
        if self._spec.tokenizer is not None:
            here = [prompt_ids(self._chat, row, self._prompting) for row in rows]
        return [Served(*both) for both in zip(told, here, strict=True)]

    def choose(self, rows: Sequence[Row], choices: Sequence[Sequence[str]]) -> list[Weighed]:
        """Weigh the choices of each row by the log-probabilities of their ids.

        Raises:
            LeitaiError: the server returns none, or a row cannot be asked.
        """
        pairs: list[Pair] = []
        wheres: list[str] = []
        lengths = []
        for row, offered in zip(rows, choices, strict=True):
            prompt = prompt_ids(self._chat, row, self._prompting)
            found = answer_ids(self._chat, row, self._prompting, offered)
            pairs += [(prompt, ids) for ids in found]
            wheres += [row.source] * len(offered)
            lengths.append(len(prompt))
        scores = iter(self._score(pairs, wheres))
        return [
            Weighed(tuple(next(scores).logprob for _ in offered), length)
            for offered, length in zip(choices, lengths, strict=True)
        ]

    def measure(self, rows: Sequence[Row]) -> list[Measured]:
        """Measure each row's own answer.

        Raises:
            LeitaiError: the server returns no log-probabilities, or a row cannot be asked.
        """
        chat, arm = self._chat, self._prompting
        pairs: list[Pair] = [
            (prompt_ids(chat, row, arm), answer_ids(chat, row, arm, [reference_of(row)])[0])
            for row in rows
        ]
        return self._score(pairs, [row.source for row in rows])

    def read(self, texts: Sequence[str]) -> list[Measured]:
        """Measure plain texts.

        Raises:
            LeitaiError: the server returns no log-probabilities.
        """
        from leitai.inference.encoding import encode_pair

        pairs: list[Pair] = [encode_pair(self._chat.tokenizer, "", text) for text in texts]
        return self._score(pairs, [f"text {number + 1}" for number in range(len(texts))])

    @cached_property
    def _chat(self) -> "Chat":
        from leitai.models.hub import resolve_model
        from leitai.text import Chat, Tokenizer

        if self._spec.tokenizer is None:
            raise LeitaiError(
                "scoring answers by likelihood needs the model's tokenizer on this side",
                where=self._spec.url,
                remedy="name its folder or hub id as `tokenizer`, or grade by generation",
            )
        folder = resolve_model(self._spec.tokenizer)
        return Chat.from_folder(folder, Tokenizer.from_folder(folder))

    @cached_property
    def _no_scores(self) -> str | None:
        """Why the server does not score prompts; None when it does."""
        ids = self._chat.tokenizer.encode(_PROBE)
        try:
            self._ask(questions(self._spec, [(ids[:1], ids[1:])], ["probe"]))
        except UnsupportedError as error:
            return error.what
        return None

    def _score(self, pairs: Sequence[Pair], wheres: Sequence[str]) -> list[Measured]:
        if self._no_scores is not None:
            raise LeitaiError(
                "this server does not return log-probabilities of a prompt "
                f"(/completions with echo and logprobs: {self._no_scores})",
                where=self._spec.url,
                remedy="grade by generation, or serve the model with vLLM or SGLang",
            )
        answers = self._ask(questions(self._spec, pairs, wheres))
        return read_scores([answer for answer, _ in answers])

    def _ask(self, asked: Sequence[Question]) -> list[tuple[dict[str, Any], float]]:
        spec = self._spec
        return ask(
            asked,
            spec.url,
            self._ledger,
            lambda: Client(spec, self._key, self._pace),
            spec.concurrency,
        )

    def _question(self, row: Row, max_characters: int) -> Question:
        spec = self._spec
        shown, _ = question_and_answer(row)
        messages = list(with_system(shown, self._prompting.system))
        # Four bytes a token is usual in English; the limits of a minute need no more than a guess.
        size = sum(len(str(message.get("content", "")).encode()) for message in messages)
        return Question(
            path=CHAT,
            body=chat_body(spec, messages, row.tools, max_characters, self._prompting.thinking),
            tokens=size // 4 + max_characters // 2 + spec.reasoning_tokens,
            where=row.source,
            check=check_chat,
            keep=keep_chat,
            declined=lambda said: decline_chat(spec.model, said),
        )
