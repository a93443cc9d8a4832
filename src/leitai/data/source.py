"""Where rows come from, as a spec writes it down."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

SplitName = Literal["train", "validation", "test"]
SPLIT_NAMES: tuple[SplitName, ...] = ("train", "validation", "test")


class Columns(BaseModel):
    """Names of a file's columns (or JSON fields); those not named are found by their usual names.

    Attributes:
        text: label tables: the question; usual names: text, sentence, utterance, query,
            question, content.
        label: label tables: the answer; usual names: label, category, intent.
        id: unique in the data (in each file, where path names one file a split); usual name: id;
            without it, an id is made from the row's content.
        language: "zh", "en" or another code; usual name: language.
        group: rows with the same group are never parted by a split.
        split: train, validation or test (val, valid, dev and training are understood).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str | None = None
    label: str | None = None
    id: str | None = None
    language: str | None = None
    group: str | None = None
    split: str | None = None


class Split(BaseModel):
    """How rows that the data does not place itself are divided.

    The division depends on the rows' content and the seed, not on their order; every label is
    divided in the same proportions; equal dialogues stay together.

    Attributes:
        train: fraction to train on; without it, what the other two leave.
        validation: fraction to choose and stop by.
        test: fraction to judge by.
        seed: another seed, another division.
        by: "group" keeps the rows of one group together.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: float | None = Field(default=None, ge=0, le=1)
    validation: float = Field(default=0.1, ge=0, le=1)
    test: float = Field(default=0.1, ge=0, le=1)
    seed: int = Field(default=0, ge=0)
    by: Literal["row", "group"] = "row"

    @model_validator(mode="after")
    def _sum(self) -> "Split":
        if self.validation + self.test > 1 + 1e-9:
            raise ValueError("validation and test together are more than 1")
        if self.train is not None and abs(self.train + self.validation + self.test - 1) > 1e-6:
            raise ValueError("train, validation and test must add up to 1")
        return self

    @property
    def fractions(self) -> dict[SplitName, float]:
        """The three fractions, in order; they add up to 1."""
        rest = max(0.0, 1 - self.validation - self.test)
        return {"train": rest, "validation": self.validation, "test": self.test}


class DataSource(BaseModel):
    """One source of rows: a set known by name, or files.

    Attributes:
        set: "bookshop" (bundled), or a public set such as "banking77" below the data root.
        view: what of a set: `leitai data list` names each set's views; the first is the default.
        template: which of a view's wordings the rows are asked with; 0 is the default.
        path: a file, or one file a split (``{train: a.csv, test: b.csv}``), first looked for beside
            the spec, then below the data root.
        format: messages, alpaca, sharegpt or labels; guessed from the first row when unambiguous.
            preference (prompt, chosen, rejected) and vote (prompt, completion, label) are never
            guessed: their rows hold answers that must not be imitated. text (documents of .jsonl
            and .txt files, whose names may hold ``*``) is for pretraining.
        columns: names of columns, where they are not the usual ones.
        language: the language of rows that state none; rows that state another are left out.
        labels: the allowed answers in order, or a JSON file that lists them; default: those found.
        instruction: text put before the first user message, parted from it by an empty line.
        split: how to divide rows that the data does not place itself.
        limit: keep n rows of each split, drawn at random.
        per_label: keep n training rows of each label, drawn at random; validation and test rows
            stay. A larger n keeps the rows of a smaller one.
        seed: of the draw for limit and per_label.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    set: str | None = None
    view: str | None = None
    template: int = Field(default=0, ge=0, le=99)
    path: str | dict[SplitName, str] | None = None
    format: (
        Literal["messages", "alpaca", "sharegpt", "labels", "preference", "vote", "text"] | None
    ) = None
    columns: Columns = Columns()
    language: str | None = None
    labels: tuple[str, ...] | str | None = None
    instruction: str | None = None
    split: Split | None = None
    limit: int | None = Field(default=None, ge=1)
    per_label: int | None = Field(default=None, ge=1)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _one_kind(self) -> "DataSource":
        if (self.set is None) == (self.path is None):
            raise ValueError("give either set or path")
        if self.set is not None and (self.format or self.columns != Columns()):
            raise ValueError("format and columns go with path; a set brings its own")
        if self.set is None and (self.view is not None or self.template):
            raise ValueError("view and template go with set")
        if isinstance(self.path, dict) and not self.path:
            raise ValueError("path names no file")
        return self

    @property
    def name(self) -> str:
        """What to call the source in an error."""
        if self.set is not None:
            return f"set {self.set}"
        return self.path if isinstance(self.path, str) else ", ".join((self.path or {}).values())
