"""Every answer that was paid for, on disk the moment it comes: nothing is asked twice."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leitai.base.errors import LeitaiError
from leitai.base.files import hash_value
from leitai.base.journal import Journal
from leitai.evaluation.respondents.endpoint.answers import cost_of
from leitai.evaluation.respondents.endpoint.spec import Price


@dataclass(frozen=True, slots=True)
class Spent:
    """What the requests of a ledger used; each is counted once, however often it is read.

    Attributes:
        requests: answered.
        prompt_tokens: read by the model, as the server counts.
        tokens: written.
        cost: None without a price.
        currency: of the cost.
    """

    requests: int
    prompt_tokens: int
    tokens: int
    cost: float | None
    currency: str | None


class Ledger:
    """Answers by the hash of the exact request.

    An answer is what one of the `keep_...` functions made of a response; beside it stand the
    seconds that it took.
    """

    def __init__(self, path: Path) -> None:
        """Read what earlier runs left at `path`; nothing is written yet.

        Raises:
            LeitaiError: the file cannot be read or is damaged before its last line.
        """
        self._journal = Journal(path)
        self._entries: dict[str, dict[str, Any]] = {}
        for entry in self._journal.read():
            if not (isinstance(entry, dict) and {"key", "answer", "seconds"} <= entry.keys()):
                raise LeitaiError(
                    "not a ledger of answers", where=path, remedy="move the file away"
                )
            self._entries[entry["key"]] = entry

    @staticmethod
    def key_of(url: str, body: dict[str, Any]) -> str:
        """Return the hash under which a request's answer is kept."""
        return hash_value({"url": url, "body": body})

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def answer(self, key: str) -> tuple[dict[str, Any], float]:
        """Return a kept answer and its seconds."""
        entry = self._entries[key]
        return entry["answer"], entry["seconds"]

    def put(self, key: str, answer: dict[str, Any], seconds: float) -> None:
        """Keep an answer, durably; from any thread.

        Raises:
            LeitaiError: the disk is full or the folder cannot be written.
        """
        entry = {"key": key, "answer": answer, "seconds": round(seconds, 4)}
        self._journal.append(entry)
        self._entries[key] = entry

    def spent(self, price: Price | None) -> Spent:
        """Sum up."""
        usages = [entry["answer"].get("usage", {}) for entry in self._entries.values()]
        costs = [cost_of(usage, price) or 0.0 for usage in usages]
        return Spent(
            requests=len(usages),
            prompt_tokens=sum(usage.get("prompt", 0) for usage in usages),
            tokens=sum(usage.get("written", 0) for usage in usages),
            cost=None if price is None else sum(costs),
            currency=None if price is None else price.currency,
        )
