"""One contender of a duel on disk: found or made, and what the audit sees of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from leitai.base.errors import LeitaiError
from leitai.base.files import hash_file, hash_value
from leitai.comparison.audit import Side, View
from leitai.comparison.spec import NATIVE, SCRATCH, CompareSpec, ContenderSpec, local_path
from leitai.comparison.stages import Stages
from leitai.evaluation.asking import Prompting


@dataclass
class Contender:
    """A contender while its duel runs.

    Attributes:
        key: "A" to "H".
        folder: its place in the run folder.
        base: the checkpoint folder it starts from.
        base_hash: content hash of that checkpoint, and of the adapter it came with.
        model: the checkpoint folder that is scored.
        adapter: the adapter on it, if any.
        state: hash of what is scored; changes when the training does.
    """

    key: str
    spec: ContenderSpec
    folder: Path
    base: Path
    base_hash: str
    model: Path
    adapter: Path | None
    state: str


def find_or_make(
    key: str, spec: CompareSpec, texts: Sequence[str], run: Path, spec_folder: Path, stages: Stages
) -> Contender:
    """Resolve a contender's checkpoint; a scratch preset is made in the run folder."""
    contender = spec.keyed[key]
    folder = run / "contenders" / key
    if contender.model.startswith(SCRATCH):
        from leitai.training.scratch import create_scratch

        if contender.adapter is not None:
            raise LeitaiError(
                "a scratch model has no adapter",
                where=f"contender {key}",
                remedy="remove `adapter`, or name a folder or hub id as `model`",
            )
        base, preset = folder / "base", contender.model.removeprefix(SCRATCH)
        inputs = {
            "preset": preset,
            "texts": hash_value(list(texts)),
            "vocab_size": spec.scratch.vocab_size,
            "seed": spec.seed,
        }
        base_hash = stages.run(
            f"scratch-{key}",
            inputs,
            [base],
            lambda: create_scratch(
                preset, texts, base, vocab_size=spec.scratch.vocab_size, seed=spec.seed
            ),
        )
    else:
        from leitai.models.hub import resolve_model

        base = resolve_model(local_path(contender.model, spec_folder))
        base_hash = _hash_checkpoint(base)
    adapter = None
    if contender.adapter is not None:
        adapter = Path(local_path(contender.adapter, spec_folder))
        base_hash = hash_value([base_hash, _hash_checkpoint(adapter)])
    return Contender(key, contender, folder, base, base_hash, base, adapter, base_hash)


def _hash_checkpoint(folder: Path) -> str:
    """Hash the files of a checkpoint that decide what it computes."""
    names = sorted(
        path
        for pattern in ("*.safetensors", "*.json", "*.jinja", "*.model", "*.tiktoken")
        for path in folder.glob(pattern)
    )
    if not names:
        raise LeitaiError(
            "no checkpoint files here", where=folder, remedy="name a folder with config.json"
        )
    return hash_value([[path.name, hash_file(path)] for path in names])


def prompting_of(spec: CompareSpec, contender: ContenderSpec) -> Prompting:
    """The prompt treatment of a contender."""
    system = None if spec.prompting.system == NATIVE else spec.prompting.system
    return Prompting(system=system, date=spec.prompting.date, thinking=contender.thinking)


def side_of(contender: Contender, spec: CompareSpec) -> Side:
    """Load what the audit looks at: tokenizer, template and parameter counts, no weights."""
    from leitai.adapters import count_trainable
    from leitai.models import read_config
    from leitai.models.presets import parameter_count
    from leitai.text import Chat, Tokenizer

    config = read_config(contender.base)
    tokenizer = Tokenizer.from_folder(contender.base)
    trainable = 0 if spec.adapt is None else count_trainable(config, spec.adapt.method)
    view = View(
        family=config.family,
        tokenizer=tokenizer,
        chat=Chat.from_folder(contender.base, tokenizer),
        context=config.max_position_embeddings,
        trainable=trainable,
        total=parameter_count(config),
    )
    prompting = prompting_of(spec, contender.spec)
    return Side(contender.key, contender.spec.title, prompting, view)
