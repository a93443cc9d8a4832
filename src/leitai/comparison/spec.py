"""What a duel is, as data: the model behind SPEC.yaml."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from leitai.comparison.search.spec import SearchSpec
from leitai.data import DataSource
from leitai.evaluation import MEASURES, Task
from leitai.training.spec import AdaptSpec
from leitai.training.tracking.names import TrackerName

SCRATCH = "scratch:"
"""Prefix of a model that is made here, with a tokenizer trained on the run's own text."""

NATIVE = "native"
"""The `system` that asks for each template's own default, whatever it is."""

_NO_ANSWERS = ("classification", "masked", "contrastive")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ContenderSpec(_Part):
    """One side of the duel."""

    model: str = Field(description="a local folder, a hub id, or scratch:<preset>")
    name: str | None = Field(default=None, max_length=60, description="how the report calls it")
    adapter: str | None = Field(default=None, description="a folder with a PEFT adapter")
    thinking: bool | None = Field(default=None, description="ask the template for reasoning or not")

    @property
    def title(self) -> str:
        """The name, or the last part of the model."""
        return self.name or self.model.removeprefix(SCRATCH).rstrip("/").rsplit("/", 1)[-1]


class PromptingSpec(_Part):
    """The prompt treatment, the same for both sides."""

    system: str | None = Field(
        default=None,
        description="a system prompt for both; 'native': each template's own default, if any",
    )
    date: str = Field(default="26 Jul 2024", description="the date that templates may print")


class VerdictSpec(_Part):
    """When a difference counts."""

    alpha: float = Field(default=0.05, gt=0, lt=0.5, description="false-verdict rate")
    margins: dict[str, float] = Field(
        default_factory=dict, description="differences smaller than this do not matter"
    )
    primary: str | None = Field(default=None, description="the task that decides; default: first")

    def margin(self, metric: str) -> float:
        """The equivalence margin of a metric."""
        return self.margins.get(metric, MEASURES[metric].margin)

    @field_validator("margins")
    @classmethod
    def _known(cls, margins: dict[str, float]) -> dict[str, float]:
        for name in margins:
            if name not in MEASURES:
                raise ValueError(f"unknown metric '{name}'; known: {', '.join(MEASURES)}")
        return margins


class RuntimeSpec(_Part):
    """Where and in what precision the contenders run."""

    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    device: str = Field(default="cpu", pattern=r"^(cpu|cuda(:\d+)?)$")


class ScratchSpec(_Part):
    """What all from-scratch contenders share."""

    vocab_size: int = Field(default=4096, ge=300, le=200_000)


class CompareSpec(_Part):
    """The whole SPEC.yaml of ``leitai compare``."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=60)
    seed: int = Field(default=1, ge=0, lt=2**31)
    contenders: list[ContenderSpec] = Field(min_length=2, max_length=2)
    tasks: list[Task] = Field(min_length=1, max_length=50)
    train_on: list[DataSource] = Field(
        default_factory=list, description="data to adapt on; needed with `adapt` and scratch models"
    )
    adapt: AdaptSpec | None = Field(default=None, description="leave out to compare as they are")
    search: SearchSpec | None = Field(
        default=None, description="try settings on validation first, as many for each contender"
    )
    track: tuple[TrackerName, ...] | None = Field(
        default=None, description="where curves are shown too; default: TensorBoard if installed"
    )
    prompting: PromptingSpec = PromptingSpec()
    verdict: VerdictSpec = VerdictSpec()
    runtime: RuntimeSpec = RuntimeSpec()
    scratch: ScratchSpec = ScratchSpec()

    @model_validator(mode="after")
    def _consistent(self) -> "CompareSpec":
        names = [task.name for task in self.tasks]
        if len(set(names)) != len(names):
            raise ValueError("two tasks have the same name; rename one")
        if self.verdict.primary is not None and self.verdict.primary not in names:
            raise ValueError(
                f"verdict.primary '{self.verdict.primary}' is none of the tasks: {', '.join(names)}"
            )
        titles = [contender.title for contender in self.contenders]
        if titles[0] == titles[1]:
            raise ValueError(f"both contenders are called '{titles[0]}'; give them a `name`")
        if self.adapt is not None and not self.train_on:
            raise ValueError("`adapt` needs `train_on`: say which data to adapt on")
        if self.adapt is not None and self.adapt.objective.name in _NO_ANSWERS:
            raise ValueError(
                f"objective {self.adapt.objective.name} leaves a model that gives no answers; "
                "use it with `leitai train`"
            )
        if self.search is not None:
            if self.adapt is None:
                raise ValueError("`search` needs `adapt`: say what is trained")
            if self.search.rank and not hasattr(self.adapt.method, "rank"):
                raise ValueError(f"search.rank: the method {self.adapt.method.name} has no rank")
        scratch = [c.model for c in self.contenders if c.model.startswith(SCRATCH)]
        if scratch and self.adapt is None:
            raise ValueError(f"{scratch[0]} starts from random weights; add an `adapt` section")
        return self

    @property
    def primary(self) -> str:
        """Name of the task that decides."""
        return self.verdict.primary or self.tasks[0].name


def local_path(model: str, base: Path) -> str:
    """Make a relative folder absolute when it exists beside the spec; leave hub ids alone."""
    beside = base / model
    return str(beside.resolve()) if beside.is_dir() else model
