"""One request to an endpoint, until it is answered: retries, limits, advice."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2

from leitai.base.errors import LeitaiError
from leitai.base.files import to_json
from leitai.evaluation.respondents.endpoint.failure import (
    Refusal,
    Transient,
    UnsupportedError,
    read_words,
    retry_after,
)
from leitai.evaluation.respondents.endpoint.pace import Pace
from leitai.evaluation.respondents.endpoint.reading import read_response, used_tokens
from leitai.evaluation.respondents.endpoint.spec import EndpointSpec

_FIRST_WAIT = 1.0  # seconds; doubles with each attempt
_LONGEST_WAIT = 60.0
_PATIENCE = 600.0  # a server that asks for a longer pause is left alone
_MODELS_SHOWN = 8
_HERE = ("localhost", "127.0.0.1", "::1")


class Stopped(Exception):  # noqa: N818 (somebody else failed, or the user stopped the run)
    """The request was given up, unanswered."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answered request.

    Attributes:
        value: the response's JSON object.
        seconds: from sending to its last byte, earlier attempts and pauses left out.
    """

    value: dict[str, Any]
    seconds: float


class Client:
    """Sends requests for many threads; `stop` ends what waits.

    Args:
        spec: the endpoint.
        key: what it asks for, if it does.
        pace: shared by all clients of an endpoint.
    """

    def __init__(self, spec: EndpointSpec, key: str | None, pace: Pace) -> None:
        self._spec, self._key, self._pace = spec, key, pace
        self._stopped = threading.Event()
        # Seeded by the clock, unlike all else: processes that fail together must not retry
        # together, and no result depends on it.
        self._jitter = random.Random()
        headers = {"accept-encoding": "identity", "content-type": "application/json"}
        if key is not None:
            headers["authorization"] = f"Bearer {key}"
        self._http = httpx2.Client(
            headers=headers,
            timeout=httpx2.Timeout(spec.timeout, connect=min(spec.timeout, 20.0)),
            limits=httpx2.Limits(max_connections=spec.concurrency),
            # A proxy of the environment cannot reach a server on this machine.
            trust_env=urlsplit(spec.url).hostname not in _HERE,
        )

    def stop(self) -> None:
        """Let nothing more be sent."""
        self._stopped.set()

    def close(self) -> None:
        """Cut the connections."""
        self._http.close()

    def post(
        self,
        path: str,
        body: dict[str, Any],
        tokens: int,
        where: str,
        check: Callable[[dict[str, Any]], object],
    ) -> Reply:
        """Send a request until it is answered.

        Args:
            path: below the spec's url, such as /chat/completions.
            body: the request.
            tokens: about how many it will use; for the limit a minute.
            where: the item it asks about, for messages.
            check: raises when a response lacks what was asked for, `Transient` where another
                attempt may bring it.

        Raises:
            LeitaiError: it cannot be answered; says what to do.
            Moderated: the provider declines this question.
            Stopped: `stop` was called first.
        """
        content = to_json(body).encode("utf-8")
        attempt = 0
        while True:
            self._wait_for_turn(tokens)
            try:
                return self._attempt(path, content, tokens, where, check)
            except Transient as failure:
                if attempt == self._spec.retries:
                    first = "ask slower (requests_per_minute, concurrency)"
                    raise LeitaiError(
                        f"no answer in {attempt + 1} attempts (last: {failure.reason})",
                        where=f"{self._spec.url}{path}, {where}",
                        remedy=f"{first if failure.too_fast else 'see to the server'}, then run "
                        "the same command again: what was answered is kept",
                    ) from None
                self._back_off(attempt, failure)
                attempt += 1

    def _wait_for_turn(self, tokens: int) -> None:
        at = self._pace.book(tokens)
        while (seconds := self._pace.seconds_until(at)) > 0 and not self._stopped.is_set():
            self._stopped.wait(seconds)
        if self._stopped.is_set():
            raise Stopped

    def _back_off(self, attempt: int, failure: Transient) -> None:
        """Wait as long as the server asked, and else by exponential backoff with full jitter.

        (M. Brooker, Exponential Backoff and Jitter, AWS Architecture Blog 2015.)
        """
        if failure.wait is None:
            longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2**attempt)
            self._stopped.wait(self._jitter.uniform(0, longest))
            return
        if failure.wait > _PATIENCE:
            raise LeitaiError(
                f"the server asks to come back in {failure.wait:,.0f} seconds ({failure.reason})",
                where=self._spec.url,
                remedy="run the same command again then: what was answered is kept",
            )
        self._pace.pause(failure.wait)
        # All waiting threads would otherwise go off in the same moment.
        self._stopped.wait(failure.wait + self._jitter.uniform(0, min(1.0, failure.wait)))

    def _attempt(
        self,
        path: str,
        content: bytes,
        tokens: int,
        where: str,
        check: Callable[[dict[str, Any]], object],
    ) -> Reply:
        start = time.monotonic()
        status, headers, answer = self._exchange("POST", path, content)
        seconds = time.monotonic() - start
        if not 200 <= status < 300:
            raise self._refusal(path, status, headers, answer, where)
        value = read_response(answer, headers.get("content-type", ""))
        fault = value.get("error")
        if fault and not value.get("choices"):
            # Some gateways answer 200 and put the error, with its status, into the object.
            code = fault.get("code") if isinstance(fault, dict) else None
            status = code if isinstance(code, int) and code >= 400 else 500
            raise self._refusal(path, status, headers, to_json(value).encode("utf-8"), where)
        check(value)
        self._pace.settle(tokens, used_tokens(value) or tokens)
        return Reply(value, seconds)

    def _exchange(
        self, method: str, path: str, content: bytes | None = None
    ) -> tuple[int, httpx2.Headers, bytes]:
        limit, deadline = self._spec.max_response_bytes, time.monotonic() + self._spec.timeout
        parts, size = [], 0
        with self._transport_faults(), self._http.stream(
            method, self._spec.url + path, content=content
        ) as response:  # fmt: skip
            for part in response.iter_bytes():
                parts.append(part)
                size += len(part)
                if size > limit:
                    raise LeitaiError(
                        f"the response is longer than {limit:,} bytes",
                        where=self._spec.url + path,
                        remedy="lower `max_tokens`, or raise `max_response_bytes`",
                    )
                if time.monotonic() > deadline:
                    raise Transient(f"not whole after {self._spec.timeout:g} seconds")
            return response.status_code, response.headers, b"".join(parts)

    @contextmanager
    def _transport_faults(self) -> Iterator[None]:
        try:
            yield
        except httpx2.TimeoutException:
            raise Transient(f"no answer within {self._spec.timeout:g} seconds") from None
        except (httpx2.NetworkError, httpx2.RemoteProtocolError, httpx2.ProxyError) as error:
            if self._stopped.is_set():
                raise Stopped from None
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise LeitaiError(
                    "the server's certificate cannot be verified",
                    where=self._spec.url,
                    remedy="check the url; for a certificate of your own set SSL_CERT_FILE",
                ) from None
            raise Transient(f"connection lost: {error}") from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise LeitaiError(
                f"cannot be asked ({error})", where=self._spec.url, remedy="check the url"
            ) from None
        except RuntimeError:
            # The connections were cut under a request that was given up.
            if self._stopped.is_set():
                raise Stopped from None
            raise

    def _refusal(
        self, path: str, status: int, headers: httpx2.Headers, answer: bytes, where: str
    ) -> Exception:
        said = read_words(answer, self._key)
        if status in (400, 404, 422) and (status == 404 or "model" in said.casefold()):
            offered = self._models()
            if offered and self._spec.model not in offered:
                more = len(offered) - _MODELS_SHOWN
                some = ", ".join(offered[:_MODELS_SHOWN]) + (f" and {more} more" * (more > 0))
                return LeitaiError(
                    f"no model '{self._spec.model}' here",
                    where=self._spec.url,
                    remedy=f"set `model` to one of those offered: {some}",
                )
            if status == 404 and not offered:
                return UnsupportedError(
                    f"nothing answers at {path}" + (f" ({said})" if said else ""),
                    where=self._spec.url,
                    remedy="give the url up to and with /v1, and check `model`",
                )
        return Refusal(status, said, retry_after(headers), self._spec.url, where).raised

    def _models(self) -> list[str]:
        """Return the names that the server offers; none where it does not say."""
        try:
            status, _, answer = self._exchange("GET", "/models")
            if status != 200:
                return []
            offered = read_response(answer, "").get("data")
        except (Transient, LeitaiError):
            return []
        listed = offered if isinstance(offered, list) else []
        return [str(one["id"])[:100] for one in listed if isinstance(one, dict) and "id" in one]
