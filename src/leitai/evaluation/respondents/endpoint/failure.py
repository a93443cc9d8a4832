"""What a refusal means: try again, give up with advice, or take it as the answer to one item."""

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from leitai.base.errors import LeitaiError

_AGAIN = frozenset({408, 409, 425, 429})
_NO_CREDIT = ("insufficient_quota", "arrearage", "insufficient balance")
_MODERATED = ("data_inspection_failed", "datainspectionfailed", "content_filter", "content_policy")
_ADVICE = {
    300: ("the url leads elsewhere", "give the url that it redirects to"),
    401: ("the key is not accepted", "check the variable that `api_key_env` names"),
    402: (
        "the account has no credit left",
        "top it up, then run the same command again: what was answered is kept",
    ),
    403: ("the key may not use this model", "check the account's access, or use another key"),
    413: ("the request is too large", "leave long items out"),
}
_OF_THE_ITEM = frozenset({400, 413, 422})  # a prompt may be too long, or hold what is not taken
_SHOWN = 200  # characters of what a server says


class Transient(Exception):  # noqa: N818 (no error yet: it is tried again)
    """A failure that another attempt may not meet.

    Attributes:
        reason: what happened, for the message when all attempts have failed.
        wait: seconds that the server asked for, if it did.
        too_fast: whether the server refused for want of patience alone.
    """

    def __init__(self, reason: str, wait: float | None = None, too_fast: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.wait, self.too_fast = reason, wait, too_fast


class Moderated(Exception):  # noqa: N818 (it is an answer)
    """The provider declines this one question; the others go on."""


class UnsupportedError(LeitaiError):
    """The server does not do what was asked of it, and will not the next time."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A response that is no answer.

    Attributes:
        status: of HTTP, or what an error object in a 200 says it is.
        said: the server's words, in one line without the key.
        retry_after: seconds it asks to wait, if it does.
        url: what was asked.
        item: what it was asked about.
    """

    status: int
    said: str
    retry_after: float | None
    url: str
    item: str

    @property
    def raised(self) -> Exception:
        """The exception that fits it."""
        folded = self.said.casefold()
        status = 402 if any(word in folded for word in _NO_CREDIT) else self.status
        if status in _AGAIN or (status >= 500 and status != 501):
            reason = f"HTTP {status} {self.said}".strip()
            return Transient(reason, self.retry_after, too_fast=status == 429)
        if any(word in folded for word in _MODERATED):
            return Moderated(self.said)
        if 300 <= status < 400:
            status = 300
        where = f"{self.url}, {self.item}" if status in _OF_THE_ITEM else self.url
        if status in _ADVICE:
            what, remedy = _ADVICE[status]
            return LeitaiError(self._with_words(what), where=where, remedy=remedy)
        return UnsupportedError(
            self._with_words(f"HTTP {status}"),
            where=where,
            remedy="correct the item, `model`, `extra` or `url` by what the server says",
        )

    def _with_words(self, what: str) -> str:
        return f"{what} ({self.said})" if self.said else what


def read_words(content: bytes, key: str | None) -> str:
    """Return what a server says about a refusal: one short line, without the key."""
    text = content[:100_000].decode("utf-8", "replace")
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    words = _message(value)
    if key:
        words = words.replace(key, "***")
    words = "".join(c if c.isprintable() else " " for c in words)
    words = " ".join(words.split())
    return words if len(words) <= _SHOWN else words[: _SHOWN - 1] + "…"


def _message(value: Any) -> str:
    """Find the message in an error as OpenAI, DashScope, FastAPI and others write it."""
    if isinstance(value, dict):
        if isinstance(value.get("error"), dict | str):
            return _message(value["error"])
        words = [value.get(name) for name in ("code", "message", "detail", "msg")]
        return ": ".join(str(word) for word in words if word)
    return value if isinstance(value, str) else ""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read how many seconds a server asks to wait: as a number, or until a date (RFC 9110)."""
    try:
        if "retry-after-ms" in headers:
            seconds = float(headers["retry-after-ms"]) / 1000
        elif "retry-after" in headers:
            text = headers["retry-after"].strip()
            try:
                seconds = float(text)
            except ValueError:
                seconds = parsedate_to_datetime(text).timestamp() - time.time()
        else:
            return None
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
