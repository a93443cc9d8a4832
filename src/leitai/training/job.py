"""One training run from its spec file: what `leitai train` does."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from leitai.base import LeitaiError
from leitai.base.files import write_json
from leitai.base.specfile import load_spec
from leitai.data import DataSource, Row, data_hash, load_rows, row_with, with_system
from leitai.data.shards import Documents
from leitai.data.source import SPLIT_NAMES
from leitai.training.spec import AdaptSpec
from leitai.training.tracking.names import TrackerName

if TYPE_CHECKING:
    from leitai.training.ranks import Ranks
    from leitai.training.result import TrainResult
    from leitai.training.validation import Metrics, Writer

SCRATCH = "scratch:"


class TrainJob(BaseModel):
    """The whole SPEC.yaml of ``leitai train``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=60)
    model: str = Field(description="a local folder, a hub id, or scratch:<preset>")
    data: list[DataSource] = Field(
        min_length=1, description="rows to train on and to validate with, by their splits"
    )
    adapt: AdaptSpec = AdaptSpec()
    seed: int = Field(default=1, ge=0, lt=2**31)
    vocab_size: int = Field(default=4096, ge=300, le=200_000, description="of a scratch model")
    system: str | None = Field(default=None, description="a system prompt for every row")
    date: str = Field(default="26 Jul 2024", description="the date that templates may print")
    thinking: bool | None = Field(default=None, description="ask the template for reasoning or not")
    device: str = Field(default="cpu", pattern=r"^(cpu|cuda(:\d+)?)$")
    dtype: Literal["float32", "bfloat16", "float16", "int8", "int4", "nf4", "nf4-double"] = Field(
        default="float32",
        description="of frozen weights, or under full and freeze of the products; what is trained "
        "is float32",
    )
    track: tuple[TrackerName, ...] | None = Field(
        default=None, description="where curves are shown too; default: TensorBoard if installed"
    )
    samples: int = Field(
        default=0, ge=0, le=20, description="validation rows that the model answers as it learns"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "TrainJob":
        if self.model.startswith(SCRATCH) and self.adapt.method.name != "full":
            raise ValueError(f"{self.model} starts from random weights; use adapt.method.name full")
        return self


def job_rows(
    job: TrainJob, spec_folder: Path, data_root: Path | None
) -> tuple[list[Row], list[Row]]:
    """Load the rows to train on and to validate with; rows without a split are trained on.

    Raises:
        LeitaiError: the data is missing or damaged, or nothing is left to train on.
    """
    parts: dict[str, list[Row]] = {"train": [], "validation": []}
    for source in job.data:
        for row in load_rows(source, base_folder=spec_folder, data_root=data_root):
            rows = parts.get(row.split or "train")
            if rows is not None:
                rows.append(row_with(row, lambda messages: with_system(messages, job.system)))
    if not parts["train"]:
        raise LeitaiError(
            "the data has no rows in its train split",
            where=job.name,
            remedy="give it a `split`, such as {validation: 0.1, test: 0.1}",
        )
    return parts["train"], parts["validation"]


def run_train_job(
    spec_path: Path,
    out: Path | None = None,
    *,
    resume: bool = False,
    data_root: Path | None = None,
    overrides: Sequence[str] = (),
    metrics: "Metrics | None" = None,
    write: "Writer | None" = None,
) -> "TrainResult":
    """Train as a spec file says; `resolved.json` keeps the spec and the rows' hashes.

    Args:
        spec_path: the YAML file; relative paths in it start at its folder.
        out: the run folder; by default ``runs/<name>``.
        resume: go on with the run that the folder holds.
        data_root: where public data sets lie.
        overrides: ``key.path=value`` settings on top of the spec.
        metrics: what `adapt.validation.metric` may name beside the loss.
        write: lets the model answer the `samples`.

    Raises:
        LeitaiError: any mistake in spec, data or model; the folder holds a run and `resume` is not
            set; what `train` raises.
    """
    from leitai.training.ranks import joined

    job = load_spec(spec_path, TrainJob, overrides)
    with joined(job.device) as ranks:
        return _run(job, spec_path, out, resume, data_root, metrics or {}, write, ranks)


def _run(
    job: TrainJob,
    spec_path: Path,
    out: Path | None,
    resume: bool,
    data_root: Path | None,
    metrics: "Metrics",
    write: "Writer | None",
    ranks: "Ranks",
) -> "TrainResult":
    from leitai.models import resolve_model
    from leitai.training.result import RESULT_FILE
    from leitai.training.scratch import create_scratch
    from leitai.training.trainer import train

    spec_folder = spec_path.resolve().parent
    run = (out if out is not None else Path("runs") / job.name).resolve()
    if not resume and any((run / name).exists() for name in (RESULT_FILE, "checkpoints")):
        raise LeitaiError(
            "this folder holds a run already",
            where=run,
            remedy="add --resume to go on with it, or choose another --out folder",
        )
    train_rows: Iterable[Row]
    valid_rows: Iterable[Row]
    if job.adapt.objective.name in ("pretraining", "masked"):
        train_rows, valid_rows = (
            Documents(job.data, spec_folder, data_root, split) for split in SPLIT_NAMES[:2]
        )
    else:
        train_rows, valid_rows = job_rows(job, spec_folder, data_root)
    if ranks.first:
        write_json(run / "resolved.json", _resolved(job, train_rows, valid_rows))
    if job.model.startswith(SCRATCH):
        base = run / "base"
        texts = (str(m["content"]) for row in train_rows for m in row.messages if m.get("content"))
        preset = job.model.removeprefix(SCRATCH)
        if ranks.first:
            create_scratch(preset, texts, base, vocab_size=job.vocab_size, seed=job.seed)
        ranks.wait()
    else:
        beside = spec_folder / job.model
        base = beside if beside.is_dir() else resolve_model(job.model)
    return train(
        base,
        train_rows,
        valid_rows,
        job.adapt,
        run,
        resume=resume,
        seed=job.seed,
        title=job.name,
        date=job.date,
        thinking=job.thinking,
        device=job.device,
        dtype=job.dtype,
        metrics=metrics,
        write=write,
        samples=job.samples,
        track=job.track,
        ranks=ranks,
    )


def _resolved(job: TrainJob, train: Iterable[Row], valid: Iterable[Row]) -> dict[str, Any]:
    """The spec with all defaults filled in, and what the rows are."""
    languages: set[str] = set()

    def noted(rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            if row.language:
                languages.add(row.language)
            yield row

    return {
        "spec": job.model_dump(mode="json"),
        "data": {
            "train": data_hash(noted(train)),
            "validation": data_hash(noted(valid)),
            "languages": sorted(languages),
        },
    }
