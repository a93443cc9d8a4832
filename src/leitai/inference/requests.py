"""Files of requests in, files of answers out: what `leitai score` and `leitai generate` do."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from leitai.base import LeitaiError
from leitai.base.files import write_jsonl
from leitai.base.progress import Ticker
from leitai.data import read_jsonl
from leitai.inference.encoding import encode_text

if TYPE_CHECKING:
    from leitai.inference.language_model import LanguageModel
    from leitai.inference.options import GenerateOptions

# Rows that are handed to the model at a time. Fixed, so that a file's scores do not depend on more.
CHUNK = 1_024


Row = dict[str, Any]


def read_requests(path: Path) -> list[Row]:
    """Read rows of {"context", "continuation"}; other keys are kept.

    Raises:
        LeitaiError: names the line and the field that is missing or no text.
    """
    return [row for _, row in _read(path, _check_request)]


def score_file(lm: "LanguageModel", requests: Path, out: Path, tick: Ticker | None = None) -> int:
    """Score every row of a file and write the rows with logprob, tokens, bytes and greedy added.

    Args:
        lm: the model.
        requests: JSONL rows of {"context", "continuation"}.
        out: written atomically, in the same order.
        tick: told how many rows are done.

    Returns:
        The number of rows.

    Raises:
        LeitaiError: a row is not as expected or too long for the model; nothing is written.
    """
    rows = _read(requests, _check_request)
    write_jsonl(out, _scored(lm, rows, tick))
    return len(rows)


def read_prompts(path: Path) -> list[Row]:
    """Read rows of {"prompt"} or {"messages"}, with {"tools"} if wanted; other keys are kept.

    Raises:
        LeitaiError: names the line and what is missing.
    """
    return [row for _, row in _read(path, _check_prompt)]


def generate_file(
    lm: "LanguageModel",
    prompts: Path,
    out: Path,
    tick: Ticker | None = None,
    **options: Unpack["GenerateOptions"],
) -> int:
    """Continue every row of a file and write the rows with text, tokens and finish added.

    Args:
        lm: the model.
        prompts: JSONL rows of {"prompt": text} or {"messages": [...]}.
        out: written atomically, in the same order.
        tick: told how many rows are done.
        **options: as `LanguageModel.generate`.

    Returns:
        The number of rows.

    Raises:
        LeitaiError: a row is not as expected or too long for the model; nothing is written.
    """
    rows = _read(prompts, _check_prompt)
    write_jsonl(out, _written(lm, rows, tick, options))
    return len(rows)


def prompt_ids(lm: "LanguageModel", row: Row, where: str) -> list[int]:
    """Return the ids of a row of {"prompt"} or {"messages"}.

    Args:
        lm: the model.
        row: one that `read_prompts` returned.
        where: what an error names.

    Raises:
        LeitaiError: there is no chat template, or it refuses the messages.
    """
    if "messages" in row:
        return lm.chat_format.encode_prompt(row["messages"], tools=row.get("tools"), where=where)
    return encode_text(lm.tokenizer, row["prompt"])


def _scored(
    lm: "LanguageModel", rows: Sequence[tuple[str, Row]], tick: Ticker | None
) -> Iterator[Row]:
    done = 0
    for chunk in _chunks(rows):
        scores = lm.score([row for _, row in chunk], sources=[where for where, _ in chunk])
        for (_, row), score in zip(chunk, scores, strict=True):
            yield row | asdict(score)
        done += len(chunk)
        if tick:
            tick(done)


def _written(
    lm: "LanguageModel",
    rows: Sequence[tuple[str, Row]],
    tick: Ticker | None,
    options: "GenerateOptions",
) -> Iterator[Row]:
    done = 0
    for chunk in _chunks(rows):
        prompts = [prompt_ids(lm, row, where) for where, row in chunk]
        found = lm.complete(prompts, sources=[where for where, _ in chunk], **options)
        for (_, row), one in zip(chunk, found, strict=True):
            yield row | {"text": one.text, "tokens": len(one.ids), "finish": one.finish}
        done += len(chunk)
        if tick:
            tick(done)


def _chunks(rows: Sequence[tuple[str, Row]]) -> Iterator[Sequence[tuple[str, Row]]]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]


def _read(path: Path, check: Callable[[Row, str], None]) -> list[tuple[str, Row]]:
    """Return ("file, line n", row) for each row of a file."""
    rows = []
    for number, row in read_jsonl(path):
        where = f"{path}, line {number}"
        if not isinstance(row, dict):
            raise LeitaiError("expected a JSON object", where=where, remedy="repair the line")
        check(row, where)
        rows.append((where, row))
    if not rows:
        raise LeitaiError("there are no rows", where=path, remedy="give at least one")
    return rows


def _check_request(row: Row, where: str) -> None:
    for name in ("context", "continuation"):
        _check_text(row, name, where)
    if not row["continuation"]:
        raise LeitaiError("continuation is empty", where=where, remedy="give a text to score")


def _check_prompt(row: Row, where: str) -> None:
    if ("prompt" in row) == ("messages" in row):
        raise LeitaiError(
            'expected either "prompt" or "messages"', where=where, remedy="repair the line"
        )
    if "prompt" in row:
        _check_text(row, "prompt", where)
    elif not isinstance(row["messages"], list):
        raise LeitaiError("messages is not a list", where=where, remedy="repair the line")


def _check_text(row: Row, name: str, where: str) -> None:
    if not isinstance(row.get(name), str):
        found = f"found {type(row[name]).__name__}" if name in row else "it is missing"
        raise LeitaiError(
            f"expected a text in {name!r}, but {found}", where=where, remedy="repair the line"
        )
