"""What a duel is, as data: the model behind SPEC.yaml."""

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from leitai.comparison.pairing import KEYS
from leitai.comparison.search.spec import SearchSpec
from leitai.comparison.statistics.sequential import EARLY_SHARE
from leitai.data import DataSource
from leitai.evaluation import MEASURES, Task
from leitai.evaluation.respondents.source import SourceSpec
from leitai.training.spec import AdaptSpec
from leitai.training.tracking.names import TrackerName

SCRATCH = "scratch:"
"""Prefix of a model that is made here, with a tokenizer trained on the run's own text."""

NATIVE = "native"
"""The `system` that asks for each template's own default, whatever it is."""

Kind = Literal["checkpoint", "endpoint", "transformers", "reference"]

_NO_ANSWERS = ("classification", "masked", "contrastive")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ContenderSpec(SourceSpec):
    """One of those that are compared."""

    name: str | None = Field(default=None, max_length=60, description="how the report calls it")
    adapter: str | None = Field(default=None, description="a folder with a PEFT adapter on `model`")
    thinking: bool | None = Field(default=None, description="ask the template for reasoning or not")

    @model_validator(mode="after")
    def _adapter_on_model(self) -> "ContenderSpec":
        if self.adapter is not None and (self.model is None or self.scratch):
            raise ValueError("`adapter` goes with a `model` that is a folder or a hub id")
        return self

    @property
    def kind(self) -> Kind:
        """Which of the four it is."""
        if self.endpoint is not None:
            return "endpoint"
        if self.reference is not None:
            return "reference"
        return "transformers" if self.transformers is not None else "checkpoint"

    @property
    def scratch(self) -> bool:
        """Whether it is made here from random weights."""
        return self.model is not None and self.model.startswith(SCRATCH)

    @property
    def title(self) -> str:
        """The name, or the last part of the model."""
        return self.name or self.source.removeprefix(SCRATCH)

    @property
    def stated(self) -> str:
        """Which model it is, as the spec says it."""
        if self.endpoint is not None:
            return f"{self.endpoint.model} @ {self.endpoint.url}"
        return self.model or self.transformers or str(self.reference)


class PromptingSpec(_Part):
    """The prompt treatment, the same for all."""

    system: str | None = Field(
        default=None,
        description="a system prompt for all; 'native': each template's own default, if any",
    )
    date: str = Field(default="26 Jul 2024", description="the date that templates may print")


class ArmSpec(_Part):
    """One way to ask everybody; what is left out is as in `prompting` and in the contender."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=40)
    system: str | None = Field(default=None, description="a system prompt, or 'native'")
    thinking: bool | None = Field(default=None, description="ask the templates for reasoning")
    template: int | None = Field(
        default=None, ge=0, le=99, description="another wording of the public set"
    )


class VerdictSpec(_Part):
    """When a difference counts, and how many items are asked."""

    alpha: float = Field(default=0.05, gt=0, lt=0.5, description="false-verdict rate")
    margins: dict[str, float] = Field(
        default_factory=dict, description="differences smaller than this do not matter"
    )
    primary: str | None = Field(default=None, description="the task that decides; default: first")
    stopping: Literal["never", "safe"] = Field(
        default="never",
        description="safe: stop asking once every verdict of a task holds whatever comes; some of "
        "alpha is spent on looking. Worth it where asking costs money or hours",
    )
    about: Literal["further", "these"] = Field(
        default="further",
        description="these: a verdict is about these very items, as on a public test set, and not "
        "about further ones like them; they are drawn without replacement. Wants stopping: safe",
    )
    look_from: int = Field(default=100, ge=10, description="items before the first look")
    look_every: int = Field(default=50, ge=1, description="items between looks")

    def margin(self, metric: str) -> float:
        """The equivalence margin of a metric."""
        return self.margins.get(metric, MEASURES[metric].margin)

    @property
    def early_share(self) -> float:
        """The share of alpha that is spent on looking: all of it where looks alone can tell."""
        if self.stopping == "never":
            return 0.0
        return 1.0 if self.about == "these" else EARLY_SHARE

    @model_validator(mode="after")
    def _looks_at_these(self) -> "VerdictSpec":
        if self.about == "these" and self.stopping != "safe":
            raise ValueError("`about: these` wants `stopping: safe`")
        return self

    @field_validator("margins")
    @classmethod
    def _known(cls, margins: dict[str, float]) -> dict[str, float]:
        for name, margin in margins.items():
            if name not in MEASURES:
                raise ValueError(f"unknown metric '{name}'; known: {', '.join(MEASURES)}")
            most = 1.0 if MEASURES[name].unit == "share" else math.inf
            if not 0 <= margin < most:
                share = ", a share: 0.03 is three points" if most == 1.0 else ""
                raise ValueError(f"margin of '{name}': expected 0 or more{share}")
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
    seeds: tuple[int, ...] = Field(
        default=(),
        max_length=20,
        description="further training seeds: how much the result depends on `seed`",
    )
    contenders: list[ContenderSpec] = Field(min_length=2, max_length=len(KEYS))
    tasks: list[Task] = Field(min_length=1, max_length=50)
    train_on: list[DataSource] = Field(
        default_factory=list,
        description="data to adapt on; needed with `adapt`, scratch models and references",
    )
    adapt: AdaptSpec | None = Field(default=None, description="leave out to compare as they are")
    search: SearchSpec | None = Field(
        default=None, description="try settings on validation first, as many for each contender"
    )
    track: tuple[TrackerName, ...] | None = Field(
        default=None, description="where curves are shown too; default: TensorBoard if installed"
    )
    prompting: PromptingSpec = PromptingSpec()
    arms: tuple[ArmSpec, ...] = Field(
        default=(),
        max_length=8,
        description="ways to ask; the first decides, the others show what depends on the way",
    )
    probe: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="items of each task whose beginning is shown, to see who knows the rest",
    )
    verdict: VerdictSpec = VerdictSpec()
    runtime: RuntimeSpec = RuntimeSpec()
    scratch: ScratchSpec = ScratchSpec()

    @model_validator(mode="after")
    def _consistent(self) -> "CompareSpec":
        names = [task.name for task in self.tasks]
        _refuse_twice("tasks are called", names, "rename one")
        if self.verdict.primary is not None and self.verdict.primary not in names:
            raise ValueError(
                f"verdict.primary '{self.verdict.primary}' is none of the tasks: {', '.join(names)}"
            )
        _refuse_twice(
            "contenders are called", [c.title for c in self.contenders], "give them a `name`"
        )
        _refuse_twice("arms are called", [arm.name for arm in self.arms], "rename one")
        if sum(c.kind != "reference" for c in self.contenders) < 2:
            raise ValueError("a reference row cannot win: name at least two other contenders")
        return self

    @model_validator(mode="after")
    def _learns(self) -> "CompareSpec":
        if self.adapt is not None and not self.train_on:
            raise ValueError("`adapt` needs `train_on`: say which data to adapt on")
        if not self.train_on and any(c.kind == "reference" for c in self.contenders):
            raise ValueError("a reference needs `train_on`: say what it is made from")
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
        scratch = [c.stated for c in self.contenders if c.scratch]
        if scratch and self.adapt is None:
            raise ValueError(f"{scratch[0]} starts from random weights; add an `adapt` section")
        if self.seeds and self.adapt is None:
            raise ValueError("`seeds` needs `adapt`: nothing else depends on a seed")
        _refuse_twice(
            "seeds are", [str(seed) for seed in (self.seed, *self.seeds)], "leave one out"
        )
        return self

    @property
    def keyed(self) -> dict[str, ContenderSpec]:
        """The contenders by their keys, "A" first."""
        return dict(zip(KEYS, self.contenders, strict=False))

    @property
    def primary(self) -> str:
        """Name of the task that decides."""
        return self.verdict.primary or self.tasks[0].name

    @property
    def main_arm(self) -> ArmSpec:
        """The way to ask that decides."""
        return self.arms[0] if self.arms else ArmSpec(name="main")


def _refuse_twice(what: str, names: list[str], remedy: str) -> None:
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"two {what} '{twice[0]}'; {remedy}")
