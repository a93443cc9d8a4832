"""Teaching a small base model intents from few labels, with a learning rate chosen for the method.

The base has read the shop's text, and learnt its replies and what *other* intents are called: as a
published chat model has learnt to sort texts before anyone adapts it to labels of their own.
"""

from collections.abc import Sequence
from dataclasses import replace

from leitai.comparison.statistics.resampling import Array
from leitai.comparison.suites.article.bench import Bench, Model, by_group, over_seeds
from leitai.comparison.suites.article.findings import Finding, fact
from leitai.comparison.suites.article.instructions import PRESET
from leitai.comparison.suites.article.languages import reader
from leitai.comparison.suites.article.settings import METHODS, every_weight
from leitai.comparison.wording import Bilingual
from leitai.data import DataSource, Row
from leitai.evaluation import Classification
from leitai.training.spec import AdaptSpec

BEGINNING = 30  # characters
TASK = Classification(name="intents", kind="classification", data=DataSource(set="bookshop"))


def sorter(bench: Bench) -> Model:
    """Make a small model that replies, and names all intents but those that few labels are of."""
    base = reader(bench, PRESET, 1, bench.settings.text_steps)
    taught = [row for row in (*bench.other_label_rows, *bench.replies) if row.split == "train"]
    rows = [replace(_cut(row), id=str(number)) for number, row in enumerate(taught)]
    spec = every_weight(bench.settings.sorting_steps, 32, 3e-3)
    return bench.teach("sorter", base, rows, [], spec, 1)


def _cut(row: Row) -> Row:
    """Keep the beginnings of replies, which tell what a question is about."""
    *before, answer = row.messages
    return replace(row, messages=(*before, {**answer, "content": answer["content"][:BEGINNING]}))


def few_label_spec(method: str, rate: float, epochs: int) -> AdaptSpec:
    """How intents are learnt from few labels."""
    return AdaptSpec(
        method=METHODS[method][0],
        epochs=epochs,
        batch_rows=16,
        learning_rate=rate,
        weight_decay=0.01,
        patience=None,
    )


def adapt(bench: Bench, method: str, rate: float, seed: int) -> Model:
    """Adapt the base by a method under one rate; labels drawn, order and start by the seed."""
    return bench.teach(
        f"few-{method}-{rate:g}-{seed}",
        sorter(bench),
        bench.few(seed),
        bench.held_out(bench.few_label_rows, "validation"),
        few_label_spec(method, rate, bench.settings.few_epochs),
        seed,
    )


def best_rate(bench: Bench, method: str) -> float:
    """Choose the rate whose validation loss is the lowest under the first seed."""
    rates = METHODS[method][1]
    return min(rates, key=lambda rate: float(adapt(bench, method, rate, 1).result["best_loss"]))


def adapted(bench: Bench, method: str) -> list[Model]:
    """Adapt under the chosen rate with every seed."""
    rate = best_rate(bench, method)
    return [adapt(bench, method, rate, seed) for seed in range(1, bench.settings.seeds + 1)]


def accuracy(bench: Bench, models: list[Model]) -> Array:
    """Ask all models the held-out intents: accuracy, [utterances, seeds]."""
    items = bench.held_out(bench.few_label_rows)
    return over_seeds([by_group(bench.ask(m, TASK, items, bench.labels)) for m in models])


def if_learnt(
    bench: Bench, ways: Sequence[Finding], comparisons: Sequence[Finding]
) -> list[Finding]:
    """Let comparisons decide only where some way to train has learnt more than guessing.

    Args:
        bench: of the suite.
        ways: the accuracy of each way.
        comparisons: of the ways.
    """
    chance = 1 / len(bench.labels)
    if not any(way.low is not None and way.low > chance for way in ways):
        comparisons = [replace(finding, p=None) for finding in comparisons]
    name = Bilingual(
        "guessing (no comparison counts unless some interval is above it)",
        "随机猜测（至少一个区间高于它，比较才算数）",
    )
    return [fact(name, chance, "accuracy"), *ways, *comparisons]
