"""What is asked and how it is graded, as data: one pydantic model a kind of task."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from leitai.data import DataSource


class _Task(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)
    data: DataSource
    split: Literal["train", "validation", "test", "all"] = "test"
    max_items: int | None = Field(default=None, ge=1, description="the first n of the fixed order")


class Classification(_Task):
    """Which of the labels answers the row; metric: accuracy.

    ``likelihood`` gives every label, written as the assistant's whole answer (its end-of-turn token
    included), its log-probability and takes the largest. ``generation`` lets the model write and
    looks for the label in what it wrote.
    """

    kind: Literal["classification"]
    grade: Literal["likelihood", "generation"] = "likelihood"

    @property
    def metric(self) -> str:
        """Name of the metric in the verdict."""
        return "accuracy"


class ExactMatch(_Task):
    """The model writes; the answer counts when it equals the reference after normalisation."""

    kind: Literal["exact_match"]
    max_characters: int = Field(default=200, ge=1, le=20_000)

    @property
    def metric(self) -> str:
        """Name of the metric in the verdict."""
        return "exact_match"


class BitsPerByte(_Task):
    """How many bits the model needs for a byte of the reference text: comparable across tokenizers.

    ``answer`` measures the assistant's last answer, its end-of-turn token included, given the
    dialogue before it; ``text`` measures the row's contents as plain text from nothing.
    """

    kind: Literal["bits_per_byte"]
    over: Literal["answer", "text"] = "answer"

    @property
    def metric(self) -> str:
        """Name of the metric in the verdict."""
        return "bits_per_byte"


Task = Annotated[Classification | ExactMatch | BitsPerByte, Field(discriminator="kind")]

HIGHER_IS_BETTER = {"accuracy": True, "exact_match": True, "bits_per_byte": False}
"""Direction of every metric."""
