"""One contender of a duel on disk: found or made, and what the audit sees of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from leitai.base.files import hash_value, read_json
from leitai.comparison.audit import ForeignView, LocalView, Side
from leitai.comparison.spec import NATIVE, SCRATCH, ArmSpec, CompareSpec, ContenderSpec, Kind
from leitai.comparison.stages import Stages
from leitai.data import Row
from leitai.evaluation.asking import Prompting
from leitai.evaluation.respondents.source import find_checkpoint, hash_checkpoint, state_of
from leitai.training.spec import AdaptSpec


@dataclass
class Contender:
    """A contender while its duel runs.

    Attributes:
        key: "A" to "H".
        folder: its place in the run folder.
        seed: of its random weights, and of its training.
        state: hash of what is asked; changes when the training does.
        base: the checkpoint folder it starts from; None where it runs elsewhere, as below.
        model: the checkpoint folder that is asked.
        adapter: the adapter on it, if any.
        settings: what it was adapted with: those of the spec, or what the search found.
    """

    key: str
    spec: ContenderSpec
    folder: Path
    seed: int
    state: str
    base: Path | None = None
    model: Path | None = None
    adapter: Path | None = None
    settings: AdaptSpec | None = None

    @property
    def kind(self) -> Kind:
        """Checkpoint, endpoint, transformers or reference."""
        return self.spec.kind

    @property
    def name(self) -> str:
        """What its stages are called: the key, and the seed where it is a further one."""
        return self.key if self.folder.name == self.key else f"{self.key}-{self.folder.name}"


def find_or_make(
    key: str,
    spec: CompareSpec,
    train_rows: Sequence[Row],
    run: Path,
    spec_folder: Path,
    stages: Stages,
    seed: int,
) -> Contender:
    """Resolve a contender; a scratch preset is made in the run folder.

    Args:
        key: of the contender.
        spec: the duel.
        train_rows: what a scratch model's tokenizer and a reference row are made from.
        run: the run folder.
        spec_folder: where relative paths start.
        stages: of the run.
        seed: the spec's, or a further one, which gets a folder of its own.

    Raises:
        LeitaiError: the checkpoint cannot be found or made.
    """
    about = spec.keyed[key]
    folder = run / "contenders" / key
    if seed != spec.seed:
        folder /= f"seed-{seed}"
    if about.kind != "checkpoint":
        return Contender(
            key, about, folder, seed, state_of(about, spec_folder, train_rows, spec.seed)
        )
    if about.scratch:
        return _make(Contender(key, about, folder, seed, ""), spec, train_rows, stages)
    base = find_checkpoint(about.model or "", spec_folder)
    state, adapter = hash_checkpoint(base), None
    if about.adapter is not None:
        adapter = find_checkpoint(about.adapter, spec_folder)
        state = hash_value([state, hash_checkpoint(adapter)])
    return Contender(key, about, folder, seed, state, base, base, adapter)


def _make(
    contender: Contender, spec: CompareSpec, train_rows: Sequence[Row], stages: Stages
) -> Contender:
    from leitai.training.scratch import create_scratch

    base, preset = contender.folder / "base", contender.spec.stated.removeprefix(SCRATCH)
    texts = [str(message["content"]) for row in train_rows for message in row.messages]
    size, seed = spec.scratch.vocab_size, contender.seed
    inputs = {"preset": preset, "texts": hash_value(texts), "vocab_size": size, "seed": seed}
    contender.state = stages.run(
        f"scratch-{contender.name}",
        inputs,
        [base],
        lambda: create_scratch(preset, texts, base, vocab_size=size, seed=seed),
    )
    contender.base = contender.model = base
    return contender


def prompting_of(spec: CompareSpec, contender: ContenderSpec, arm: ArmSpec) -> Prompting:
    """The prompt treatment of a contender under an arm."""
    return Prompting(
        system=system_of(spec, arm),
        date=spec.prompting.date,
        thinking=contender.thinking if arm.thinking is None else arm.thinking,
    )


def system_of(spec: CompareSpec, arm: ArmSpec) -> str | None:
    """The system prompt of an arm; None leaves each template its own."""
    system = spec.prompting.system if arm.system is None else arm.system
    return None if system == NATIVE else system


def side_of(contender: Contender, spec: CompareSpec, spec_folder: Path) -> Side:
    """Load what the audit looks at: tokenizer, template and parameter counts, no weights.

    Raises:
        LeitaiError: the files cannot be read.
    """
    prompting = prompting_of(spec, contender.spec, spec.main_arm)
    if contender.spec.transformers is not None:
        found = find_checkpoint(contender.spec.transformers, spec_folder)
        return Side(contender.key, contender.spec.title, prompting, _foreign_view(found))
    if contender.base is None:
        return Side(contender.key, contender.spec.title, prompting)
    from leitai.adapters import count_trainable
    from leitai.models import read_config
    from leitai.models.presets import parameter_count
    from leitai.text import Chat, Tokenizer

    config = read_config(contender.base)
    tokenizer = Tokenizer.from_folder(contender.base)
    trainable = 0 if spec.adapt is None else count_trainable(config, spec.adapt.method)
    view = LocalView(
        family=config.family,
        tokenizer=tokenizer,
        chat=Chat.from_folder(contender.base, tokenizer),
        context=config.max_position_embeddings,
        trainable=trainable,
        total=parameter_count(config),
    )
    return Side(contender.key, contender.spec.title, prompting, view)


def _foreign_view(folder: Path) -> ForeignView:
    from leitai.evaluation.respondents.foreign_text import ForeignText
    from leitai.models.safetensors import read_header

    text = ForeignText.load(folder)
    config = read_json(folder / "config.json")
    context = config.get("max_position_embeddings")
    return ForeignView(
        family=str(config.get("model_type", "?")),
        text=text,
        context=context if isinstance(context, int) else None,
        total=sum(
            math.prod(tensor.shape)
            for path in sorted(folder.glob("*.safetensors"))
            for tensor in read_header(path).values()
        ),
    )
