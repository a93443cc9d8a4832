"""What answers took and what was thought before them, kept beside every record."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from leitai.data import Row
from leitai.evaluation.respondents.interface import (
    Ability,
    Measured,
    Respondent,
    Weighed,
    Written,
)


class Noting:
    """Asks another `Respondent` and keeps, by item, what its written answers were made of."""

    def __init__(self, respondent: Respondent) -> None:
        self._respondent = respondent
        self._written: defaultdict[str, list[Written]] = defaultdict(list)

    @property
    def abilities(self) -> frozenset[Ability]:
        """Those of the one that is asked."""
        return self._respondent.abilities

    def write(self, rows: Sequence[Row], max_characters: int) -> list[Written]:
        """Pass on, and keep the answers."""
        found = self._respondent.write(rows, max_characters)
        for row, written in zip(rows, found, strict=True):
            self._written[row.id].append(written)
        return found

    def choose(self, rows: Sequence[Row], choices: Sequence[Sequence[str]]) -> list[Weighed]:
        """Pass on."""
        return self._respondent.choose(rows, choices)

    def measure(self, rows: Sequence[Row]) -> list[Measured]:
        """Pass on."""
        return self._respondent.measure(rows)

    def read(self, texts: Sequence[str]) -> list[Measured]:
        """Pass on."""
        return self._respondent.read(texts)

    def of(self, item: str) -> dict[str, Any]:
        """Return what an item's answers took: what is not known, or says nothing, is left out.

        Tokens are summed over its answers, reasoning included. No clock is among it, so that the
        same run writes the same bytes.
        """
        answers = self._written.get(item, [])
        known = {
            "reasoning": "\n\n".join(a.reasoning for a in answers if a.reasoning),
            "prompt_tokens": sum(a.prompt_tokens or 0 for a in answers),
            "template_tokens": sum(a.template_tokens or 0 for a in answers),
            "written_tokens": sum(a.tokens or 0 for a in answers),
            "cut": sum(a.finish == "length" for a in answers),
            "failed": sum(a.finish == "error" for a in answers),
        }
        return {name: value for name, value in known.items() if value}
