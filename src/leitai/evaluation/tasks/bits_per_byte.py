"""How many bits a model needs for a text."""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

from leitai.base.errors import LeitaiError
from leitai.data import Row
from leitai.evaluation.asking import readable, reference_of
from leitai.evaluation.records import ItemRecord
from leitai.evaluation.respondents import Ability, Respondent
from leitai.evaluation.tasks.interface import BaseTask


class BitsPerByte(BaseTask):
    """How many bits the model needs for a byte of the reference text: comparable across tokenizers.

    ``answer`` measures the assistant's last answer, its end-of-turn token included, given the
    dialogue before it; ``text`` measures the row's contents as plain text from nothing.
    """

    metric: ClassVar[str] = "bits_per_byte"

    kind: Literal["bits_per_byte"]
    over: Literal["answer", "text"] = "answer"

    @property
    def needs(self) -> frozenset[Ability]:
        """To measure."""
        return frozenset({"measure"})

    def assess(
        self, items: Sequence[Row], labels: tuple[str, ...], respondent: Respondent
    ) -> list[ItemRecord]:
        """Measure every text."""
        own = self.over == "answer"
        texts = [reference_of(row) if own else _plain(row) for row in items]
        found = respondent.measure(items) if own else respondent.read(texts)
        records = []
        for row, text, measured in zip(items, texts, found, strict=True):
            size = len(text.encode("utf-8"))
            if size == 0:
                raise LeitaiError(
                    "there is no text to measure", where=row.source, remedy="remove it"
                )
            records.append(
                ItemRecord(
                    id=row.id,
                    slices=(row.language,) if row.language else (),
                    input=readable(row) if own else text,
                    expected=text if own else "",
                    answer="",
                    correct=None,
                    parsed=True,
                    numerator=-measured.logprob / math.log(2),
                    denominator=float(size),
                    group=row.group,
                    detail={"tokens": measured.tokens},
                )
            )
        return records


def _plain(row: Row) -> str:
    return "\n".join(str(message.get("content", "")) for message in row.messages)
