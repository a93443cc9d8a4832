"""Every word of the report that is not data, in both languages, by key; a file a subject."""

from leitai.comparison.report.strings import (
    items,
    method,
    preferences,
    scores,
    several,
    summary,
    training,
    verdict,
)
from leitai.comparison.wording import Bilingual

STRINGS = {
    key: Bilingual(*words)
    for part in (verdict, scores, training, items, method, summary, several, preferences)
    for key, words in part.TABLE.items()
}

FAMILIES = {"qwen2": "Qwen2 / 2.5", "qwen3": "Qwen3", "llama": "Llama 3"}
"""How a family is called on the page."""

METHODS = {
    "full": Bilingual("full training", "全参数训练"),
    "freeze": Bilingual("some weights trained", "仅训练部分参数"),
    "lora": Bilingual.same("LoRA"),
    "dora": Bilingual.same("DoRA"),
    "adalora": Bilingual.same("AdaLoRA"),
    "ia3": Bilingual.same("(IA)³"),
}
"""How a way of adapting is called on the page."""


def slice_name(label: str) -> Bilingual:
    """What a slice is called: known ones in words, others by their label."""
    return STRINGS.get(f"slice_{label}") or Bilingual.same(label)
