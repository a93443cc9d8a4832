"""What each contender may learn from, and with how many parameters."""

from collections.abc import Sequence

from leitai.comparison.audit.findings import Finding, Material, Side, learners, shown
from leitai.comparison.audit.tokens import question_text


def check_adapted(sides: Sequence[Side], material: Material) -> list[Finding]:
    """Warn where some learn from the data and others do not."""
    trained = learners(sides)
    if material.spec.adapt is None or len(trained) == len(sides):
        return []
    method = material.spec.adapt.method.name
    return [
        Finding(
            "adapted",
            {"en": "how it was adapted", "zh": "适配方式"},
            shown(sides, {side.key: method for side, _ in trained}),
            "warning",
            {
                "en": "only checkpoints that Leitai runs learn from the data: the others answer as "
                "they are, and reference rows are made from the same rows",
                "zh": "只有由擂台运行的检查点从数据中学习："
                "其他选手按原样作答，参照行由相同样本构成",
            },
        )
    ]


def check_budget(sides: Sequence[Side], material: Material) -> list[Finding]:
    """Compare rows, tokens and trainable parameters of those that are adapted."""
    adapt, trained = material.spec.adapt, learners(sides)
    if adapt is None or not trained:
        return []
    characters = sum(len(question_text(row)) for row in material.train)
    rows = f"{len(material.train):,} rows, {characters:,} characters, at most {adapt.epochs} epochs"
    sizes = {side.key: view.trainable for side, view in trained}
    ratio = max(sizes.values()) / max(1, min(sizes.values()))
    tokens = {key: sum(counts) * adapt.epochs for key, counts in material.tokens.items()}
    return [
        Finding(
            "budget",
            {"en": "data that each may learn from", "zh": "各方可用的训练数据"},
            shown(sides, dict.fromkeys(sizes, rows)),
            "ok",
        ),
        Finding(
            "tokens",
            {"en": "tokens that this makes at most", "zh": "由此产生的词元上限"},
            shown(sides, {key: f"{count:,}" for key, count in tokens.items()}),
            "note",
            {
                "en": "the same text costs each tokenizer a different number of tokens",
                "zh": "同样的文字在不同分词器下词元数不同",
            },
        ),
        Finding(
            "trainable",
            {"en": "trainable parameters", "zh": "可训练参数"},
            shown(sides, {key: f"{count:,}" for key, count in sizes.items()}),
            "ok" if ratio <= 1.1 else "warning",
            {
                "en": "within 10 % of each other"
                if ratio <= 1.1
                else f"one has {ratio:.2f} times as many: the duel is of sizes as well as families",
                "zh": "相差不超过 10%"
                if ratio <= 1.1
                else f"相差 {ratio:.2f} 倍：比较也受规模影响",
            },
        ),
    ]
