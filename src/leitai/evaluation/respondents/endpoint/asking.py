"""Many requests at once, those already answered left out."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from leitai.base.errors import LeitaiError
from leitai.evaluation.respondents.endpoint.client import Client, Stopped
from leitai.evaluation.respondents.endpoint.failure import Moderated
from leitai.evaluation.respondents.endpoint.ledger import Ledger

_GRACE = 10.0  # seconds that requests under way have to be answered, and kept, once others failed


@dataclass(frozen=True, slots=True)
class Question:
    """One request.

    Attributes:
        path: below the endpoint's url.
        body: as it is sent.
        tokens: about how many it will use.
        where: the item it asks about.
        check: raises when a response lacks what was asked for, `Transient` where another attempt
            may bring it.
        keep: makes of a checked response what the ledger keeps.
        declined: what the ledger keeps when the provider declines the question, from its words;
            None where nothing can stand for the answer.
    """

    path: str
    body: dict[str, Any]
    tokens: int
    where: str
    check: Callable[[dict[str, Any]], object]
    keep: Callable[[dict[str, Any]], dict[str, Any]]
    declined: Callable[[str], dict[str, Any]] | None = None


def ask(
    questions: Sequence[Question],
    url: str,
    ledger: Ledger,
    connect: Callable[[], Client],
    concurrency: int,
) -> list[tuple[dict[str, Any], float]]:
    """Return each question's answer and its seconds, from the ledger or else from the endpoint.

    An exception, Ctrl-C included, lets requests under way be answered for a few seconds more, so
    that what they cost is not lost; nothing new is sent.

    Args:
        questions: equal ones are asked once.
        url: of the endpoint.
        ledger: where answers are kept.
        connect: opens a client, if anything is to be asked.
        concurrency: requests under way at once.

    Raises:
        LeitaiError: a question cannot be answered.
    """
    keys = [ledger.key_of(url + question.path, question.body) for question in questions]
    missing = {
        key: question for key, question in zip(keys, questions, strict=True) if key not in ledger
    }

    if missing:
        _ask_missing(missing, ledger, connect(), concurrency)
    return [ledger.answer(key) for key in keys]


def _ask_missing(
    missing: Mapping[str, Question], ledger: Ledger, client: Client, concurrency: int
) -> None:
    def work(key: str, question: Question) -> None:
        try:
            _ask_one(key, question, ledger, client)
        except BaseException:
            client.stop()  # here, before this thread takes the next question
            raise

    pool = ThreadPoolExecutor(min(concurrency, len(missing)), "endpoint")
    futures = [pool.submit(work, key, question) for key, question in missing.items()]
    try:
        wait(futures, return_when=FIRST_EXCEPTION)
    finally:
        client.stop()
        pool.shutdown(wait=False, cancel_futures=True)
        # A cancelled future is never notified, so waiting for it would take the whole time.
        wait([one for one in futures if not one.cancelled()], timeout=_GRACE)
        client.close()
    _raise_first(futures)


def _ask_one(key: str, question: Question, ledger: Ledger, client: Client) -> None:
    try:
        reply = client.post(
            question.path, question.body, question.tokens, question.where, question.check
        )
    except Moderated as refusal:
        if question.declined is None:
            raise LeitaiError(
                f"the provider declines this item ({refusal})",
                where=question.where,
                remedy="leave the item out",
            ) from None
        ledger.put(key, question.declined(str(refusal)), 0.0)
    else:
        ledger.put(key, question.keep(reply.value), reply.seconds)


def _raise_first(futures: Sequence[Future[None]]) -> None:
    """Raise what made the others stop, rather than that they were stopped."""
    failures = [f.exception() for f in futures if f.done() and not f.cancelled()]
    for failure in failures:
        if failure is not None and not isinstance(failure, Stopped):
            raise failure
