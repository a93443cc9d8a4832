"""How large the suite's experiments are."""

from dataclasses import asdict, dataclass
from typing import Any

from leitai.adapters.method import AdaLoRA, AnyMethod, Freeze, Full, LoRA, PrefixTuning
from leitai.training.spec import AdaptSpec


@dataclass(frozen=True)
class Settings:
    """Sizes that keep the whole suite within a quarter of an hour on two cores.

    Attributes:
        seeds: draws of labels, weights and order, where they matter.
        utterances: held-out questions; each is asked in both languages.
        vocab_size: of the small models' tokenizers.
        text_steps: steps of plain text that the small base model is made with.
        instruction_steps: steps of questions and replies, and as many of more text beside them.
        sorting_steps: steps of replies and other intents, before few labels are learnt.
        rows: training rows that short runs draw from.
        per_label: labelled training rows of each intent.
        few_epochs: passes over those rows.
        long_epochs: passes where stopping early is compared with going on to the end.
        sweep_steps: steps of each run of the learning-rate sweep.
        sweep_rates: its learning rates.
        repeats: of each measurement of time.
        written: longest reply that is written, in characters.
    """

    seeds: int = 5
    utterances: int = 72
    vocab_size: int = 2048
    text_steps: int = 120
    instruction_steps: int = 120
    sorting_steps: int = 1000
    rows: int = 1600
    per_label: int = 8
    few_epochs: int = 10
    long_epochs: int = 30
    sweep_steps: int = 24
    sweep_rates: tuple[float, ...] = (5e-4, 1.5e-3, 4.5e-3, 1.35e-2)
    repeats: int = 8
    written: int = 160

    def as_dict(self) -> dict[str, Any]:
        """The form that goes into JSON."""
        return asdict(self) | {"sweep_rates": list(self.sweep_rates)}


METHODS: dict[str, tuple[AnyMethod, tuple[float, ...]]] = {
    "full": (Full(), (1e-3, 3e-3)),
    "freeze": (Freeze(top_blocks=1), (3e-3, 1e-2)),
    "lora": (LoRA(rank=8, alpha=16), (1e-2, 3e-2)),
    "adalora": (AdaLoRA(rank=8, target_rank=4, alpha=16), (3e-2, 1e-1)),
    "prefix_tuning": (PrefixTuning(virtual_tokens=8), (1e-1, 3e-1)),
}
"""Ways to adapt, each with as many learning rates to choose from on the validation rows."""


def every_weight(steps: int, batch_rows: int, rate: float, **more: Any) -> AdaptSpec:
    """How a small model learns with every weight, for so many steps and to the end.

    Args:
        steps: of training.
        batch_rows: rows of a step.
        rate: the learning rate.
        **more: other fields of the spec.
    """
    return AdaptSpec(
        method=Full(),
        epochs=1000,
        max_steps=steps,
        batch_rows=batch_rows,
        learning_rate=rate,
        weight_decay=0.1,
        patience=None,
        **more,
    )
