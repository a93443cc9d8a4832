"""What is searched over, as it stands in a spec. Free of torch."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class SearchSpec(BaseModel):
    """How many settings each contender tries, and from which ranges they are drawn."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trials: int = Field(default=9, ge=2, le=200, description="settings to try, for each contender")
    learning_rate: tuple[float, float] | None = Field(
        default=None, description="lowest and highest; drawn evenly over its logarithm"
    )
    rank: tuple[int, ...] | None = Field(
        default=None, min_length=1, description="choices for adapt.method.rank"
    )
    epochs: tuple[int, ...] | None = Field(
        default=None, min_length=1, description="choices for adapt.epochs"
    )
    rungs: int = Field(
        default=1,
        ge=1,
        le=8,
        description="rounds of successive halving; 1 gives every trial the whole budget",
    )
    eta: int = Field(
        default=3,
        ge=2,
        le=10,
        description="a rung keeps 1 in eta trials, with eta times the budget",
    )
    by: Literal["steps", "epochs"] = Field(
        default="steps", description="what a lower rung has less of"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "SearchSpec":
        if self.learning_rate is None and self.rank is None and self.epochs is None:
            raise ValueError("nothing to search: give learning_rate, rank or epochs")
        if self.learning_rate is not None:
            low, high = self.learning_rate
            if not 0 < low < high <= 10:
                raise ValueError(
                    f"learning_rate must be [lowest, highest] between 0 and 10, found {[low, high]}"
                )
        if min(*(self.rank or ()), *(self.epochs or ()), 1, 1) < 1:
            raise ValueError("rank and epochs must be 1 or more")
        if self.eta ** (self.rungs - 1) > self.trials:
            raise ValueError(
                f"{self.rungs} rungs that keep 1 in {self.eta} need at least "
                f"{self.eta ** (self.rungs - 1)} trials, found {self.trials}"
            )
        return self
