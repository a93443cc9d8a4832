"""What may stand for a contender in a spec, and how it becomes a respondent."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from leitai.base.errors import LeitaiError
from leitai.base.files import hash_file, hash_value
from leitai.data import Row, data_hash
from leitai.evaluation.asking import Prompting
from leitai.evaluation.respondents.endpoint.spec import EndpointSpec
from leitai.evaluation.respondents.interface import Respondent

ReferenceName = Literal["majority", "random", "tfidf", "popularity", "item_knn", "ease"]

_KINDS = ("model", "endpoint", "transformers", "reference")
_DECISIVE = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.tiktoken")


class SourceSpec(BaseModel):
    """Who answers: exactly one of four."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str | None = Field(
        default=None, description="a local folder, a hub id, or scratch:<preset>"
    )
    endpoint: EndpointSpec | None = Field(
        default=None, description="an OpenAI-compatible server and a model on it"
    )
    transformers: str | None = Field(
        default=None, description="a folder or hub id of any architecture, run by transformers"
    )
    reference: ReferenceName | None = Field(
        default=None, description="a row without a language model, made from `train_on`"
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> "SourceSpec":
        given = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(
                f"give exactly one of {', '.join(_KINDS)}"
                + (f", not {' and '.join(given)}" if given else "")
            )
        return self

    @property
    def source(self) -> str:
        """What answers, in a few words without a path: for reports."""
        if self.endpoint is not None:
            return self.endpoint.title
        named = self.model or self.transformers or self.reference or ""
        return named.rstrip("/").rsplit("/", 1)[-1]


def state_of(spec: SourceSpec, base: Path, training: Sequence[Row], seed: int) -> str:
    """Hash what decides the answers of a contender that is asked as it is.

    Args:
        spec: an endpoint (url, model, settings), a `transformers` folder (its files) or a reference
            (its rows); a `model` has the state of the checkpoint that it became.
        base: the folder that relative paths start from.
        training: the rows of `train_on`.
        seed: of the run.

    Raises:
        LeitaiError: a checkpoint cannot be found.
    """
    if spec.endpoint is not None:
        return spec.endpoint.state()
    if spec.reference is not None:
        return hash_value([spec.reference, data_hash(training), seed])
    return hash_checkpoint(find_checkpoint(spec.transformers or spec.model or "", base))


def find_checkpoint(path_or_id: str, base: Path) -> Path:
    """Return a checkpoint's folder: one beside the spec, else any other, else a hub id's.

    Raises:
        LeitaiError: there is none.
    """
    from leitai.models.hub import resolve_model

    beside = base / path_or_id
    return beside.resolve() if beside.is_dir() else resolve_model(path_or_id)


def hash_checkpoint(folder: Path) -> str:
    """Hash the files of a checkpoint that decide what it computes.

    Raises:
        LeitaiError: there are none.
    """
    paths = sorted(path for pattern in _DECISIVE for path in folder.glob(pattern))
    if not paths:
        raise LeitaiError(
            "no checkpoint files here", where=folder, remedy="name a folder with config.json"
        )
    return hash_value([[path.name, hash_file(path)] for path in paths])


def open_respondent(
    spec: SourceSpec,
    prompting: Prompting,
    *,
    folder: Path,
    base: Path = Path(),
    dtype: str = "float32",
    device: str = "cpu",
    training: Sequence[Row] = (),
    seed: int = 1,
    checkpoint: Path | None = None,
    adapter: Path | None = None,
) -> Respondent:
    """Make a contender ready to be asked.

    Args:
        spec: who answers.
        prompting: the treatment; a reference row has none.
        folder: the contender's folder in the run; an endpoint keeps its answers there.
        base: the folder that relative paths of the spec start from.
        dtype: of a checkpoint's weights, as `LanguageModel.load` has it.
        device: a torch device.
        training: rows that a reference is made from.
        seed: of the run.
        checkpoint: what became of `spec.model` in this run, made or trained; None for itself.
        adapter: a PEFT adapter on it.

    Raises:
        LeitaiError: it cannot be opened.
    """
    if spec.endpoint is not None:
        from leitai.evaluation.respondents.endpoint.respondent import Endpoint

        return Endpoint(spec.endpoint, prompting, folder / "answers.jsonl", base)
    if spec.reference is not None:
        from leitai.evaluation.respondents.references import make_reference

        return make_reference(spec.reference, training, seed)
    if spec.transformers is not None:
        from leitai.evaluation.respondents.foreign import Foreign

        found = find_checkpoint(spec.transformers, base)
        return Foreign.load(found, prompting, dtype=dtype, device=device)
    from leitai.evaluation.respondents.local import Local
    from leitai.inference import LanguageModel

    lm = LanguageModel.load(
        checkpoint or find_checkpoint(spec.model or "", base),
        dtype=dtype,
        device=device,
        adapter=adapter,
    )
    return Local(lm, prompting)
