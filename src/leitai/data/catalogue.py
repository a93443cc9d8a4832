"""Public data sets by name: where they are, what they look like, under which licence."""

from leitai.base.errors import LeitaiError
from leitai.data.dialogue import nearest
from leitai.data.public import PublicFile, PublicSet
from leitai.data.sets import READ_BY_VIEW
from leitai.data.source import Columns, Split

_LABEL_TABLES = (
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

CATALOGUE: dict[str, PublicSet] = {entry.name: entry for entry in (*_LABEL_TABLES, *READ_BY_VIEW)}
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
