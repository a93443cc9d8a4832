"""Dividing rows by content and seed: stratified, by row or by group, whatever their order."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from leitai.base.errors import LeitaiError
from leitai.base.files import to_json
from leitai.data.rows import Row
from leitai.data.source import Split, SplitName


def content_key(row: Row) -> str:
    """Return the SHA-256 of what the row says: its messages and tools, not where it stands."""
    parts = [row.messages, row.tools, *judgement(row)]
    return hashlib.sha256(to_json(parts).encode("utf-8")).hexdigest()


def judgement(row: Row) -> list[Any]:
    """List what a preference or a vote says beyond the dialogue; nothing for other rows."""
    return [part for part in (row.rejected, row.desirable) if part is not None]


def _question_key(row: Row) -> str:
    """Equal for rows that ask the same, whatever the answer: they must stay together."""
    asked = [message for message in row.messages[:-1] if message["role"] != "system"]
    return hashlib.sha256(to_json(asked).encode("utf-8")).hexdigest()


def _draw(seed: int, *parts: str) -> int:
    text = "\0".join((str(seed), *parts))
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "big")


def seeded_order(rows: Sequence[Row], seed: int) -> list[Row]:
    """Return the rows in an order that depends on their ids and the seed alone."""
    return sorted(rows, key=lambda row: (_draw(seed, "order", row.id), row.id))


def assign_splits(rows: Sequence[Row], split: Split) -> list[Row]:
    """Give every row without a split one, in the proportions of `split`; keep the rows' order.

    Units (groups, or sets of rows with the same question) are drawn at random within each label.
    The share of a label that a split gets is off by less than one unit. Where the data places all
    its rows but none in validation, the validation fraction is taken out of the training rows.

    Raises:
        LeitaiError: `split.by` is "group" and a row has no group.
    """
    fractions = dict(split.fractions)
    free = [row for row in rows if row.split is None]
    if not free and not any(row.split == "validation" for row in rows):
        free = [row for row in rows if row.split == "train"]
        fractions = {"train": 1 - split.validation, "validation": split.validation}
    units: dict[str, list[Row]] = defaultdict(list)
    for row in free:
        if split.by == "group" and row.group is None:
            raise LeitaiError(
                "a split by group, but this row has no group",
                where=row.source,
                remedy="set columns.group, or split by row",
            )
        units[row.group if split.by == "group" and row.group else _question_key(row)].append(row)
    strata: dict[str, list[str]] = defaultdict(list)
    for key, members in units.items():
        counts = Counter(row.label or "" for row in members)
        strata[min(counts, key=lambda label: (-counts[label], label))].append(key)
    chosen: dict[str, SplitName] = {}
    for label, keys in strata.items():
        chosen.update(_divide(label, keys, units, fractions, split.seed))
    return [
        replace(row, split=chosen[key]) if key is not None else row
        for row, key in _with_keys(rows, units)
    ]


def _with_keys(rows: Sequence[Row], units: dict[str, list[Row]]) -> list[tuple[Row, str | None]]:
    keys = {id(row): key for key, members in units.items() for row in members}
    return [(row, keys.get(id(row))) for row in rows]


def _divide(
    label: str,
    keys: list[str],
    units: dict[str, list[Row]],
    fractions: dict[SplitName, float],
    seed: int,
) -> dict[str, SplitName]:
    """Lay a stratum's units, in random order, around a circle that the fractions divide.

    The circle starts at a random point, so that small strata do not all fall into "train".
    """
    order = sorted(keys, key=lambda key: (_draw(seed, "unit", key), key))
    total = sum(len(units[key]) for key in order)
    start = _draw(seed, "stratum", label) / 2**64
    chosen: dict[str, SplitName] = {}
    before = 0
    for key in order:
        point = (start + (before + len(units[key]) / 2) / total) % 1.0
        before += len(units[key])
        edge = 0.0
        for name, fraction in fractions.items():
            edge += fraction
            if point < edge:
                chosen[key] = name
                break
        else:
            chosen[key] = next(name for name in reversed(fractions) if fractions[name] > 0)
    return chosen


def take_few(
    rows: Sequence[Row], *, limit: int | None, per_label: int | None, seed: int
) -> list[Row]:
    """Keep few rows, in their old order: see `DataSource.limit` and `DataSource.per_label`.

    Raises:
        LeitaiError: `per_label` is given and a row has no label.
    """
    for row in rows:
        if per_label is not None and row.label is None:
            raise LeitaiError("per_label, but no label", where=row.source, remedy="use limit")
    kept: set[int] = set()
    in_split: Counter[str | None] = Counter()
    with_label: Counter[str | None] = Counter()
    for row in seeded_order(rows, seed):
        training = row.split in (None, "train")
        if per_label is not None and training and with_label[row.label] >= per_label:
            continue
        if limit is not None and in_split[row.split] >= limit:
            continue
        with_label[row.label] += training
        in_split[row.split] += 1
        kept.add(id(row))
    return [row for row in rows if id(row) in kept]
