"""Public data sets by name: where they are, what they look like, under which licence."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from leitai.base.errors import LeitaiError
from leitai.data.dialogue import nearest
from leitai.data.source import Columns, Split, SplitName

DATA_ROOT_VARIABLE = "LEITAI_DATA_ROOT"
GITHUB = "https://raw.githubusercontent.com"


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
    """A label table that is published on GitHub.

    Attributes:
        name: its folder in the data root.
        title: what it is, in a few words.
        licence: SPDX name.
        repository: "owner/name" on GitHub.
        commit: 40 hex digits.
        files: what is downloaded.
        tables: the files that hold rows, with the split that each is; None: not divided.
        parts: for a JSON object of lists: list name to split.
        labels: the file that lists the labels, if there is one.
        columns: of the tables.
        language: of all rows.
        split: how rows without a split are divided when the spec does not say.
    """

    name: str
    title: str
    licence: str
    repository: str
    commit: str
    files: tuple[PublicFile, ...]
    tables: tuple[tuple[str, SplitName | None], ...]
    columns: Columns
    language: str
    labels: str | None = None
    parts: dict[str, SplitName] = field(default_factory=dict)
    split: Split | None = None

    def url(self, file: PublicFile, mirror: str | None = None) -> str:
        """Return the address of one file, pinned to the commit, at GitHub or at a mirror of it."""
        server = (mirror or GITHUB).rstrip("/")
        return f"{server}/{self.repository}/{self.commit}/{file.path}"


_SETS = (
    PublicSet(
        name="banking77",
        title="online-banking customer queries, 77 intents (the official training part)",
        licence="CC-BY-4.0",
        repository="PolyAI-LDN/task-specific-datasets",
        commit="57ec275d8078af65b7731c2a98be812d844a6d6b",
        files=(
            PublicFile(
                "train.csv",
                "banking_data/train.csv",
                839_073,
                "b06e26ac675513959a63135f11b94ea7786ed02da65db93a5650d8838cbc664b",
            ),
            PublicFile(
                "categories.json",
                "banking_data/categories.json",
                2_036,
                "53261da888122daf2d120d925458631d9619e15d82e56052e7a42e535ce32b63",
            ),
        ),
        tables=(("train.csv", None),),
        columns=Columns(text="text", label="category"),
        language="en",
        labels="categories.json",
        split=Split(validation=0.1, test=0.2),
    ),
    PublicSet(
        name="clinc150",
        title="queries to a task assistant, 150 intents and out of scope",
        licence="CC-BY-3.0",
        repository="clinc/oos-eval",
        commit="828f8093932c8fe6ca7936c3d2e52903b1c523de",
        files=(
            PublicFile(
                "data_full.json",
                "data/data_full.json",
                2_495_390,
                "36923c3705a59e08fe9c3883d8bc2dd966ef93e22cb78ac41171782a698d56e0",
            ),
        ),
        tables=(("data_full.json", None),),
        columns=Columns(text="text", label="label"),
        language="en",
        parts={
            "train": "train",
            "oos_train": "train",
            "val": "validation",
            "oos_val": "validation",
            "test": "test",
            "oos_test": "test",
        },
    ),
)

CATALOGUE: dict[str, PublicSet] = {entry.name: entry for entry in _SETS}
"""All public sets, by name."""


def public_set(name: str) -> PublicSet:
    """Return a set of the catalogue.

    Raises:
        LeitaiError: there is none of this name; names the nearest.
    """
    known = ["bookshop", *CATALOGUE]
    if name not in CATALOGUE:
        raise LeitaiError(
            f'unknown data set "{name}"{nearest(name, known)}', remedy=f"use {', '.join(known)}"
        )
    return CATALOGUE[name]


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
