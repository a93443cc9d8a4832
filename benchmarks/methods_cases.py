"""What methods.py compares: the methods with their grids, the data, and the bases it trains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from leitai.adapters.method import (
    IA3,
    AdaLoRA,
    AnyMethod,
    BottleneckAdapter,
    DoRA,
    Freeze,
    Full,
    LoRA,
    PrefixTuning,
    PromptTuning,
)
from leitai.base import LeitaiError
from leitai.data import Columns, DataSource, Row, Split, labels_of, load_rows
from leitai.data.splits import seeded_order, take_few

VALIDATION_ROWS, TEST_ROWS = 96, 200  # at most
TUNED_ON = "bookshop"  # it is always there
CHARACTERS = 60  # of a text; the rest is cut off


@dataclass(frozen=True)
class Case:
    """A row of the table.

    Attributes:
        title: its first cell.
        method: what is trained.
        rates: the grid for bases trained here.
        dtype: of the frozen weights.
        only: the data that it is measured on; None: all.
    """

    title: str
    method: AnyMethod
    rates: tuple[float, ...]
    dtype: str = "float32"
    only: tuple[str, ...] | None = None

    def takes(self, data: str) -> bool:
        """Whether it is measured on a data set."""
        return self.only is None or data in self.only


_LOW, _MIDDLE = (1.5e-4, 5e-4, 1.5e-3), (1.5e-3, 5e-3, 1.5e-2)
_HIGH, _HIGHEST = (3e-3, 1e-2, 3e-2), (1e-1, 3e-1, 1.0)
_LORA = LoRA(rank=8, alpha=16)
CASES = {
    "full": Case("full", Full(), _LOW),
    "freeze": Case("freeze, top block", Freeze(top_blocks=1), (5e-4, 1.5e-3, 5e-3)),
    "lora": Case("LoRA, rank 8", _LORA, _MIDDLE),
    "lora-int8": Case("LoRA, rank 8, int8 base", _LORA, _MIDDLE, "int8", (TUNED_ON,)),
    "lora-nf4": Case("LoRA, rank 8, nf4 base", _LORA, _MIDDLE, "nf4", (TUNED_ON,)),
    "dora": Case("DoRA, rank 8", DoRA(rank=8, alpha=16), _MIDDLE),
    "adalora": Case("AdaLoRA, rank 12 to 8", AdaLoRA(rank=12, target_rank=8), _HIGH),
    "ia3": Case("IA3", IA3(), (3e-2, 1e-1, 3e-1)),
    "prefix_tuning": Case("prefix-tuning, 16 tokens", PrefixTuning(virtual_tokens=16), _HIGHEST),
    "prompt_tuning": Case("prompt tuning, 16 tokens", PromptTuning(virtual_tokens=16), _HIGH),
    "bottleneck": Case("bottleneck, size 16", BottleneckAdapter(size=16), _MIDDLE),
}
SECOND_FAMILY = ("lora",)
FEW_LABELS = (2, 4, 8, 16)
FEW_METHODS = ("full", "freeze", "lora", "prefix_tuning", "prompt_tuning")
EARLY_LABELS, EARLY_METHODS = 2, ("full", "lora")


@dataclass(frozen=True)
class Data:
    """A classification with few labels.

    Attributes:
        title: the column.
        source: where the rows are; `per_label` is what is trained on.
        classes: so many of the labels, evenly spread over their order; None: all.
    """

    title: str
    source: DataSource
    classes: int | None = None


def _fewclue(task: str, label: str, per_label: int) -> DataSource:
    folder = f"fewclue/{task}"
    return DataSource(
        path={"train": f"{folder}/train_few_all.json", "test": f"{folder}/dev_few_all.json"},
        format="labels",
        columns=Columns(text="sentence", label=label),
        language="zh",
        split=Split(validation=0.25),
        per_label=per_label,
    )


DATA = {
    "bookshop": Data("bookshop", DataSource(set="bookshop", per_label=8), 12),
    "banking77": Data("banking77", DataSource(set="banking77", per_label=10), 10),
    "tnews": Data("tnews", _fewclue("tnews", "label_desc", 16), 5),
    "eprstmt": Data("eprstmt", _fewclue("eprstmt", "label", 32)),
}

_BASE_SETS = (
    DataSource(set="clinc150", limit=3000),
    DataSource(
        path="fewclue/iflytek/train_0.json",
        format="labels",
        columns=Columns(text="sentence", label="label_des"),
        language="zh",
    ),
    DataSource(set="bookshop", view="replies"),
)
_BASE_ROWS = 3000  # of each compared set at most


@dataclass(frozen=True)
class Rows:
    """The rows of a classification.

    Attributes:
        labels: all classes.
        training: what few labels are drawn from.
        validation: to choose the rate and the best weights by.
        test: to judge by.
        per_label: how many labels a class are trained on in the first table.
        others: of the training part, with labels that are not compared.
    """

    labels: tuple[str, ...]
    training: tuple[Row, ...]
    validation: tuple[Row, ...]
    test: tuple[Row, ...]
    per_label: int
    others: tuple[Row, ...]

    def few(self, seed: int, per_label: int | None = None) -> list[Row]:
        """Draw the rows to train on; more labels a class keep the rows of fewer."""
        count = per_label or self.per_label
        return take_few(self.training, limit=None, per_label=count, seed=seed)


def load(data: Data, root: Path | None) -> Rows | None:
    """Return the rows of a data set, None if it is not there."""
    found = _load(data.source.model_copy(update={"per_label": None}), root)
    if found is None:
        return None
    labels = labels_of(data.source, found, base_folder=Path.cwd(), data_root=root)
    if data.classes is not None:  # neighbours in the order are near in meaning
        labels = labels[:: len(labels) // data.classes][: data.classes]
    others = [row for row in found if row.split == "train" and row.label not in labels]
    found = [row for row in found if row.label in labels]
    part = {
        name: [row for row in found if row.split == name]
        for name in ("train", "validation", "test")
    }
    assert data.source.per_label is not None
    return Rows(
        labels,
        tuple(part["train"]),
        tuple(seeded_order(part["validation"], 0)[:VALIDATION_ROWS]),
        tuple(seeded_order(part["test"], 0)[:TEST_ROWS]),
        data.source.per_label,
        tuple(others),
    )


def base_rows(rows: Mapping[str, Rows], root: Path | None) -> list[Row]:
    """Return what a base learns: the tasks, on other labels than the compared ones.

    Of the compared sets it gets the labels that are left out of the comparison and, where none is
    left, the texts alone; of the bookshop the beginnings of its replies too, to questions with
    compared labels as well. Nothing is taken of their validation and test parts.
    """
    found: list[Row] = []
    for source in _BASE_SETS:
        found += [row for row in _load(source, root) or [] if row.split in (None, "train")]
    for part in rows.values():
        others = part.others or [_without_label(row) for row in part.training]
        found += seeded_order(others, 0)[:_BASE_ROWS]
    return [replace(row, id=f"{number}", split="train") for number, row in enumerate(found)]


def _without_label(row: Row) -> Row:
    answer = {"role": "assistant", "content": "好的。" if row.language == "zh" else "OK."}
    return replace(row, messages=(*row.messages[:-1], answer), label=None)


def _load(source: DataSource, root: Path | None) -> Sequence[Row] | None:
    try:
        rows = load_rows(source, base_folder=Path.cwd(), data_root=root)
    except LeitaiError as error:
        if "no such file" in str(error):
            return None
        raise
    return [_cut(row) for row in rows]


def _cut(row: Row) -> Row:
    cut = tuple({**m, "content": m["content"][:CHARACTERS]} for m in row.messages)
    return replace(row, messages=cut)
