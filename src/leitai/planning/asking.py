"""From a command's numbers to a task."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ValidationError

from leitai.adapters.cost import Method
from leitai.adapters.method import IA3, AdaLoRA, DoRA, Freeze, Full, LoRA
from leitai.base import LeitaiError
from leitai.planning.tasks import GenerateTask, ScoreTask, Task, TrainTask

Kind = Literal["train", "score", "generate"]

# What each kind needs, what it may have, and what a missing optional number is.
_FIELDS: Mapping[Kind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "train": (
        ("rows", "tokens"),
        (
            *("targets", "shared", "epochs", "batch_rows", "accumulation"),
            *("rank", "top_blocks", "ranks"),
        ),
    ),
    "score": (("items", "context"), ("choices", "answer", "shared")),
    "generate": (("requests", "prompt", "new_tokens"), ("streams", "shared")),
}


_RANKED: Mapping[str, type[LoRA | DoRA | AdaLoRA]] = {
    "lora": LoRA,
    "dora": DoRA,
    "adalora": AdaLoRA,
}


def make_task(kind: Kind, method: str, numbers: Mapping[str, int | None]) -> Task:
    """Make a task from what a command gave.

    Args:
        kind: what is to be done.
        method: the name of one, such as "full" or "lora"; matters for training alone.
        numbers: by field of the task, with "rank" and "top_blocks" of the method; None: not given.

    Raises:
        LeitaiError: a number is missing, out of range, or belongs to another kind.
    """
    given: dict[str, Any] = {name: value for name, value in numbers.items() if value is not None}
    needed, optional = _FIELDS[kind]
    for name in needed:
        if name not in given:
            raise LeitaiError(
                f"{_option(name)} is missing", where=f"--task {kind}", remedy=f"add {_option(name)}"
            )
    for name in given:
        if name not in (*needed, *optional):
            owner = next(k for k, fields in _FIELDS.items() if name in (*fields[0], *fields[1]))
            raise LeitaiError(
                f"{_option(name)} goes with --task {owner}",
                where=f"--task {kind}",
                remedy="remove it",
            )
    if kind == "score":
        return ScoreTask(**given)
    if kind == "generate":
        return GenerateTask(**given)
    given["method"] = _method(method, given.pop("rank", None), given.pop("top_blocks", None))
    # an answer of a fifth is usual in instruction data
    given.setdefault("targets", max(1, given["tokens"] // 5))
    return TrainTask(**given)


def _method(name: str, rank: int | None, top_blocks: int | None) -> Method:
    if rank is not None and name not in _RANKED:
        raise LeitaiError(
            f"--rank goes with --method {', '.join(_RANKED)}", where="plan", remedy="remove it"
        )
    if (top_blocks is None) == (name == "freeze"):
        raise LeitaiError(
            "--method freeze and --top-blocks go together", where="plan", remedy="give both"
        )
    try:
        if name == "freeze":
            return Freeze(top_blocks=top_blocks or 0)
        if name in _RANKED:
            return _RANKED[name]() if rank is None else _RANKED[name](rank=rank)
        return IA3() if name == "ia3" else Full()
    except ValidationError as error:
        raise LeitaiError(error.errors()[0]["msg"], where=f"--method {name}") from error


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
