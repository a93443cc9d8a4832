"""Claim 4: does stopping early help?"""

from collections.abc import Sequence

from leitai.comparison.suites.article.bench import Bench, Model
from leitai.comparison.suites.article.findings import Finding, compared, described, fact
from leitai.comparison.suites.article.tuning import (
    accuracy,
    few_label_spec,
    if_learnt,
    sorter,
)
from leitai.comparison.wording import Bilingual
from leitai.data import Row

RATE, PATIENCE = 1e-3, 3
ON = Bilingual("stopped early, best weights kept", "提前停止并取最好的权重")
OFF = Bilingual("to the end, last weights kept", "训练到底并取最后的权重")


def measure(bench: Bench) -> list[Finding]:
    """Train on few labels for long, with and without validation rows to stop by."""
    valid = bench.held_out(bench.few_label_rows, "validation")
    seeds = range(1, bench.settings.seeds + 1)
    on = [_train(bench, "on", seed, valid) for seed in seeds]
    off = [_train(bench, "off", seed, []) for seed in seeds]
    stopped, whole = accuracy(bench, on), accuracy(bench, off)
    steps = sum(m.result["steps"] for m in on) / sum(m.result["steps"] for m in off)
    took = fact(Bilingual("share of the steps that it took", "所用步数的比例"), steps)
    ways = [described(ON, stopped, "accuracy"), described(OFF, whole, "accuracy")]
    name = Bilingual("stopping early over going on", "提前停止相对于训练到底")
    return [took, *if_learnt(bench, ways, [compared(name, stopped, whole, "accuracy")])]


def _train(bench: Bench, name: str, seed: int, valid: Sequence[Row]) -> Model:
    spec = few_label_spec("full", RATE, bench.settings.long_epochs)
    spec = spec.model_copy(update={"patience": PATIENCE if valid else None})
    base = sorter(bench)
    return bench.teach(f"stopping-{name}-{seed}", base, bench.few(seed), valid, spec, seed)
