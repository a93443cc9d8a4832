"""A duel as it could have been, made up: two tasks, Chinese and English, 500 items."""

import math
import random

from leitai.comparison.pairing import ItemScore, TaskScores
from leitai.comparison.report import (
    Contender,
    Cost,
    CurvePoint,
    Finding,
    LearningCurve,
    ReportData,
    TaskItems,
)
from leitai.comparison.verdict import decide
from leitai.comparison.wording import Bilingual
from leitai.evaluation.records import ItemRecord

_INTENTS = {
    "track_order": (
        "Where is my parcel? It was due on {day}.",
        "我的包裹到哪儿了？说好{day}到的。",
    ),
    "refund_status": (
        "I sent the book back on {day} and still see no money on my card.",
        "{day}就把书退回去了，钱怎么还没到账？",
    ),
    "change_address": (
        "i moved on {day}, pls send it to my new flat",
        "{day}搬家了，麻烦改寄新地址",
    ),
    "invoice": (
        "Could you issue a VAT invoice for the order of {day}?",
        "{day}的订单能开增值税发票吗？",
    ),
    "recommend_book": (
        "Something gentle for a nine-year-old who loves whales, by {day}?",
        "九岁孩子喜欢鲸鱼，{day}前想送一本，有推荐吗？",
    ),
    "out_of_stock": ("Will the atlas be back before {day}?", "那本地图册{day}之前会补货吗？"),
    "complaint_damaged": (
        "The cover arrived torn on {day}. For this price that is really not on!",
        "{day}收到的书封面都破了，这个价钱也太不像话了！",
    ),
    "human_agent": (
        "Just let me talk to a person please, it's {day} already",
        "都{day}了，转人工吧",
    ),
}
_DAYS = [
    ("Monday", "周一"),
    ("Tuesday", "周二"),
    ("Wednesday", "周三"),
    ("Thursday", "周四"),
    ("Friday", "周五"),
]


def _record(item, answer, correct, numerator, denominator, parsed=True):
    return ItemRecord(
        id=item["id"],
        slices=(item["language"],),
        input=item["input"],
        expected=item["expected"],
        answer=answer,
        correct=correct,
        parsed=parsed,
        numerator=numerator,
        denominator=denominator,
        detail={},
    )


def _items(count, rng):
    for i in range(count):
        intent = rng.choice(list(_INTENTS))
        language = ("en", "zh")[i % 2]
        day = rng.choice(_DAYS)[i % 2]
        text = _INTENTS[intent][i % 2].format(day=day)
        yield {
            "id": f"{intent}-{language}-{i:04d}",
            "language": language,
            "input": text,
            "expected": intent,
        }


def intents(count, rng, rates):
    sides = [], []
    for item in _items(count, rng):
        ease = rng.gauss(0, 1.4)
        for side, rate in zip(sides, rates, strict=True):
            hit = rng.random() < 1 / (1 + math.exp(-ease - rate[item["language"]]))
            answer = item["expected"] if hit else rng.choice(list(_INTENTS))
            hit = answer == item["expected"]
            side.append(_record(item, answer, hit, float(hit), 1.0))
    return sides


def replies(count, rng, gap):
    sides = [], []
    for item in _items(count, rng):
        reply = (
            "Sorry about that. I have asked the carrier and will write to you today."
            if item["language"] == "en"
            else "非常抱歉，我已经联系快递，今天之内给您答复。"
        )
        asked = {**item, "expected": reply}
        size, base = len(reply.encode()), rng.gauss(1.35, 0.3)
        for side, shift in zip(sides, (0.0, gap), strict=True):
            bits = size * max(0.1, base + shift + rng.gauss(0, 0.09))
            side.append(_record(asked, "", None, bits, float(size)))
    return sides


def _curve(rng, low, best):
    points = []
    for step in range(5, 605, 5):
        falling = low + 3.2 * math.exp(-step / 90)
        valid = low + 0.12 + 3.1 * math.exp(-step / 95) + max(0, step - best) * 4e-4
        points.append(
            CurvePoint(
                step=step,
                train_loss=falling + rng.gauss(0, 0.05),
                valid_loss=valid + rng.gauss(0, 0.01) if step % 50 == 0 else None,
            )
        )
    return LearningCurve(points=tuple(points), best_step=best)


def _scores(records):
    return [
        ItemScore(r.id, r.slices, r.numerator, r.denominator, r.correct, r.parsed) for r in records
    ]


def example(count=500, *, rates=None, gap=0.012, names=("Qwen3 nano", "Llama 3 nano"), seed=7):
    """A whole `ReportData`; `rates` and `gap` say how far the contenders are apart."""
    rng = random.Random(seed)
    rates = rates or ({"en": 1.9, "zh": 2.3}, {"en": 1.7, "zh": 1.2})
    records = {"intents": intents(count, rng, rates), "replies": replies(count, rng, gap)}
    settings = {
        "intents": ("accuracy", True, 0.03, True),
        "replies": ("bits_per_byte", False, 0.02, False),
    }
    models = ("scratch:qwen3-nano", "scratch:llama3-nano")
    verdict = decide(
        "bookshop",
        {s: {"name": n, "model": m} for s, n, m in zip("AB", names, models, strict=True)},
        [
            TaskScores(
                task,
                metric,
                higher,
                margin,
                dict(zip("AB", map(_scores, records[task]), strict=True)),
                primary,
            )
            for task, (metric, higher, margin, primary) in settings.items()
        ],
        resamples=1_999,
    )
    contenders = {
        side: Contender(
            name=name,
            model=model,
            family=family,
            method="full",
            trainable_parameters=size,
            total_parameters=size,
            vocabulary=3_000,
            weights_sha256=weights * 8,
        )
        for side, name, model, family, size, weights in zip(
            "AB",
            names,
            models,
            ("qwen3", "llama"),
            (1_283_456, 1_279_872),
            ("1f9ac03b", "77de20c4"),
            strict=True,
        )
    }
    costs = {
        "A": Cost(
            train_seconds=71.4,
            train_tokens=1_243_118,
            score_seconds=8.92,
            items_per_second=112.1,
            peak_memory_bytes=612_368_384,
            characters_per_token={"en": 3.412, "zh": 1.633},
        ),
        "B": Cost(
            train_seconds=79.0,
            train_tokens=1_398_220,
            score_seconds=9.31,
            items_per_second=107.4,
            peak_memory_bytes=597_688_320,
            characters_per_token={"en": 3.398, "zh": 1.299},
        ),
    }
    return ReportData(
        verdict=verdict,
        contenders=contenders,
        curves={"A": _curve(rng, 0.42, 450), "B": _curve(rng, 0.55, 400)},
        costs=costs,
        tasks=tuple(
            TaskItems.from_records(t, dict(zip("AB", sides, strict=True)))
            for t, sides in records.items()
        ),
        audit=AUDIT,
        manifest=MANIFEST,
    )


AUDIT = (
    Finding(
        check="bos",
        title=Bilingual("beginning-of-sequence tokens in a prompt", "每个提示中的起始符数量"),
        values=("0", "1"),
        status="ok",
        note=Bilingual("Llama 3 expects exactly one, Qwen none", "Llama 3 应恰有一个，Qwen 应没有"),
    ),
    Finding(
        check="stop",
        title=Bilingual("tokens that end an answer", "结束回答的标记"),
        values=("<|endoftext|> <|im_end|>", "<|end_of_text|> <|eom_id|> <|eot_id|>"),
        status="ok",
        note=Bilingual(
            "every answer ends with one of them, and it is learnt",
            "每个回答都以其中之一结尾且参与训练",
        ),
    ),
    Finding(
        check="density:zh",
        title=Bilingual("tokens per character (zh)", "每字符词元数（zh）"),
        values=("0.612", "0.770"),
        status="note",
        note=Bilingual(
            "fewer is cheaper; budgets are equal in rows, not in tokens",
            "越少越省；预算按样本数相等，而非词元数",
        ),
    ),
    Finding(
        check="trainable",
        title=Bilingual("trainable parameters", "可训练参数"),
        values=("1,283,456", "1,279,872"),
        status="warning",
        note=Bilingual("the duel is of sizes as well as families", "比较也受规模影响"),
    ),
)

MANIFEST = {
    "spec": {
        "spec": {
            "name": "bookshop",
            "seed": 1,
            "contenders": [{"model": "scratch:qwen3-nano"}, {"model": "scratch:llama3-nano"}],
            "adapt": {"method": {"name": "full"}, "epochs": 12, "learning_rate": 0.003},
        },
        "data": {"train": "a3" * 32, "tasks": {"intents": "b4" * 32}},
        "hash": "c5" * 32,
    },
    "versions": {"python": "3.12.4", "leitai": "0.1.0", "torch": "2.8.0", "numpy": "2.3.1"},
    "machine": {
        "system": "Linux 6.1",
        "processor": "AMD EPYC 9R14",
        "cores": 2,
        "memory_bytes": 16_655_892_480,
    },
}
