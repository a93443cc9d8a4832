"""Claim 7: is it instruction tuning that makes a model answer?"""

from leitai.comparison.suites.article.bench import Bench, Model, by_group, over_seeds
from leitai.comparison.suites.article.findings import Finding, compared, described
from leitai.comparison.suites.article.languages import reader, reading
from leitai.comparison.suites.article.settings import every_weight
from leitai.comparison.wording import Bilingual
from leitai.data import DataSource
from leitai.evaluation.tasks.reply import Reply

PRESET = "qwen3-nano"


def measure(bench: Bench) -> list[Finding]:
    """Compare a base model, the same after more plain text, and after questions with replies."""
    seeds = range(1, bench.settings.seeds + 1)
    steps = bench.settings.text_steps
    task = Reply(
        name="replies",
        kind="reply",
        data=DataSource(set="bookshop", view="replies"),
        max_characters=bench.settings.written,
    )
    items = bench.held_out(bench.replies)
    bases = [reader(bench, PRESET, seed, steps) for seed in seeds]
    before, more, after = (
        over_seeds([by_group(bench.ask(model, task, items)) for model in models])
        for models in (
            bases,
            [_more_text(bench, base, seed) for seed, base in zip(seeds, bases, strict=True)],
            [answerer(bench, seed) for seed in seeds],
        )
    )
    return [
        described(Bilingual("plain text alone", "只读过纯文本"), before, "chrF"),
        described(Bilingual("plain text for longer", "再读同样步数的纯文本"), more, "chrF"),
        described(Bilingual("after instruction tuning", "指令微调之后"), after, "chrF"),
        compared(
            Bilingual(
                "replies: instruction tuning over as many steps of plain text",
                "回复：指令微调相对于同样步数的纯文本",
            ),
            after,
            more,
            "chrF",
        ),
    ]


def answerer(bench: Bench, seed: int = 1) -> Model:
    """Make a small model that has read plain text and then learnt to reply."""
    base = reader(bench, PRESET, seed, bench.settings.text_steps)
    spec = every_weight(bench.settings.instruction_steps, 16, 2e-3)
    return bench.teach(f"answerer-{seed}", base, bench.training(bench.replies), [], spec, seed)


def _more_text(bench: Bench, base: Model, seed: int) -> Model:
    spec = reading(bench.settings.instruction_steps).model_copy(update={"learning_rate": 2e-3})
    return bench.teach(f"reader-longer-{seed}", base, bench.text, [], spec, seed)
