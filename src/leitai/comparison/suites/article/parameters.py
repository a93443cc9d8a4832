"""Claim 8: do LoRA, AdaLoRA and prefix-tuning need far fewer trained parameters?"""

from leitai.comparison.suites.article.bench import Bench
from leitai.comparison.suites.article.findings import Finding, described, fact
from leitai.comparison.suites.article.settings import METHODS
from leitai.comparison.suites.article.tuning import accuracy, adapted
from leitai.comparison.wording import Bilingual

PUBLISHED = ("Qwen2.5-7B", "Llama-3.1-8B")
NAMES = {"lora": "LoRA", "adalora": "AdaLoRA", "prefix_tuning": "prefix-tuning"}
FEW = 0.01
"""Below this share of all parameters we call a method's trained ones far fewer."""


def measure(bench: Bench) -> list[Finding]:
    """Count at published sizes under usual settings; compare accuracy in the small."""
    from leitai.adapters import count_trainable
    from leitai.adapters.method import AdaLoRA, LoRA, PrefixTuning
    from leitai.models import parameter_count, preset

    findings = []
    for model in PUBLISHED:
        config = preset(model)
        for method in (LoRA(), AdaLoRA(), PrefixTuning()):
            share = count_trainable(config, method) / parameter_count(config)
            name = Bilingual(
                f"{model}, {NAMES[method.name]}: share that is trained",
                f"{model}，{NAMES[method.name]}：受训练的比例",
            )
            findings.append(fact(name, 100 * share, "%", holds=share < FEW))
    for method_name in ("full", *NAMES):
        models = adapted(bench, method_name)
        trained = models[0].result["trainable_parameters"]
        label = NAMES.get(method_name, METHODS[method_name][0].name)
        name = Bilingual(
            f"nano, {label}: accuracy with {trained:,} trained parameters at equal steps",
            f"nano，{label}：训练 {trained:,} 个参数、步数相同时的准确率",
        )
        findings.append(described(name, accuracy(bench, models), "accuracy"))
    return findings
