"""Worked examples in front of every question."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

from pydantic import Field

from leitai.base.errors import LeitaiError
from leitai.base.files import hash_value
from leitai.data import Message, Row
from leitai.evaluation.tasks.interface import BaseTask


class FewShot(BaseTask):
    """A task that can show ``shots`` examples first, as turns of the dialogue.

    All items of a language (and of a subject, where rows name one in ``facts.subject``, as the
    examinations do) get the same examples in the same order, so their beginning is computed once.
    Examples come from the split ``shots_from``; where that is the split that is asked, the first of
    the fixed order are set aside and not asked.
    """

    shots: int = Field(default=0, ge=0, le=64)
    shots_from: Literal["train", "validation", "test"] = "train"

    def pick(self, rows: Iterable[Row], seed: int) -> list[Row]:
        """Take the task's split in its fixed order, with the examples in front of each item.

        Raises:
            LeitaiError: nothing is left to ask, or there are fewer examples than wanted.
        """
        if not self.shots:
            return super().pick(rows, seed)
        everything = list(rows)
        examples = self._examples(everything, seed)
        shown = {row.id for group in examples.values() for row in group}
        rest = [row for row in everything if row.id not in shown]
        return [_after(row, examples[_kind(row)]) for row in super().pick(rest, seed)]

    def _examples(self, rows: Sequence[Row], seed: int) -> dict[tuple[str, str], list[Row]]:
        found: dict[tuple[str, str], list[Row]] = defaultdict(list)
        pool = [row for row in rows if row.split == self.shots_from]
        for row in sorted(pool, key=lambda r: hash_value([seed, self.name, "shots", r.id])):
            if len(found[_kind(row)]) < self.shots:
                found[_kind(row)].append(row)
        asked = {_kind(row) for row in rows if self.split in ("all", row.split)}
        for kind in sorted(asked):
            if len(found[kind]) < self.shots:
                of = " ".join(part for part in kind if part) or "this data"
                raise LeitaiError(
                    f"{len(found[kind])} examples of {of} in the split '{self.shots_from}', "
                    f"where shots is {self.shots}",
                    where=f"task {self.name}",
                    remedy="lower shots, or name another split with shots_from",
                )
        return found


def _kind(row: Row) -> tuple[str, str]:
    return row.language or "", str(row.facts.get("subject", ""))


def _after(row: Row, examples: Sequence[Row]) -> Row:
    """Put examples in front of a row's dialogue; its system message stays first."""
    before: list[Message] = [m for example in examples for m in example.messages]
    system = [m for m in row.messages if m["role"] == "system"]
    rest = [m for m in row.messages if m["role"] != "system"]
    turns = [m for m in before if m["role"] != "system"]
    return replace(row, messages=(*system, *turns, *rest))
