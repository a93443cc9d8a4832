"""What a public data set is to Leitai, and where its files lie."""

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from leitai.base.errors import LeitaiError
from leitai.data.dialogue import nearest
from leitai.data.rows import Row
from leitai.data.source import Columns, Split, SplitName

DATA_ROOT_VARIABLE = "LEITAI_DATA_ROOT"
GITHUB = "https://raw.githubusercontent.com"

Find = Callable[[str], Path]
"""From the name of a set's file to where it lies, packed (.gz) or not."""

Reader = Callable[[Find, int], Iterable[Row]]
"""Reads a view of a set; the number chooses the template that its rows are asked with."""


@dataclass(frozen=True, slots=True)
class PublicFile:
    """One file of a set.

    Attributes:
        name: below the set's own folder in the data root.
        path: in the source repository at the set's commit.
        size: in bytes.
        sha256: of the whole file, as hex.
    """

    name: str
    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PublicSet:
    """A data set that is published on GitHub: a label table, or what a reader of its own reads.

    Attributes:
        name: its folder in the data root.
        title: what it is, in a few words.
        licence: SPDX name.
        repository: "owner/name" on GitHub.
        commit: 40 hex digits.
        files: what `leitai data get` downloads; empty where only a part or a converted form of the
            published files is read.
        tables: of a label table: the files with rows, with the split that each is; None: not
            divided.
        parts: for a JSON object of lists: list name to split.
        labels: the file that lists the labels, if there is one.
        columns: of the tables.
        language: of all rows; None where rows say it.
        views: of other sets: readers by the name of the view; the first is the default.
        split: how rows without a split are divided when the spec does not say.
    """

    name: str
    title: str
    licence: str
    repository: str
    commit: str
    files: tuple[PublicFile, ...]
    tables: tuple[tuple[str, SplitName | None], ...] = ()
    columns: Columns = field(default_factory=Columns)
    language: str | None = None
    views: Mapping[str, "Reader"] = field(default_factory=dict)
    labels: str | None = None
    parts: dict[str, SplitName] = field(default_factory=dict)
    split: Split | None = None

    def url(self, file: PublicFile, mirror: str | None = None) -> str:
        """Return the address of one file, pinned to the commit, at GitHub or at a mirror of it."""
        server = (mirror or GITHUB).rstrip("/")
        return f"{server}/{self.repository}/{self.commit}/{file.path}"


def resolve_data_root(data_root: Path | None) -> Path:
    """Return where public sets lie: the argument, else $LEITAI_DATA_ROOT, else the user's cache."""
    if data_root is not None:
        return data_root
    if from_environment := os.environ.get(DATA_ROOT_VARIABLE):
        return Path(from_environment)
    return Path.home() / ".cache" / "leitai" / "data"


def find_file(entry: PublicSet, name: str, data_root: Path | None) -> Path:
    """Return a set's file, packed or not.

    Raises:
        LeitaiError: it is not below the data root.
    """
    root = resolve_data_root(data_root)
    path = root / entry.name / name
    for candidate in (path, path.with_name(f"{name}.gz")):
        if candidate.is_file():
            return candidate
    raise LeitaiError(
        "no such file",
        where=path,
        remedy=f"run `leitai data get {entry.name}`, or say where it is with --data-root",
    )


def unknown_view(name: str, view: str, known: Collection[str]) -> LeitaiError:
    """Say that a set has no such view, and which it has."""
    return LeitaiError(
        f'no view "{view}"{nearest(view, known)}',
        where=f"set {name}",
        remedy=f"use {', '.join(known)}" if known else "leave `view` out",
    )
