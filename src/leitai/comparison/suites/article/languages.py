"""Claim 2: is Qwen better at Chinese, and Llama 3 at English?"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from leitai.comparison.statistics.resampling import Array
from leitai.comparison.suites.article.bench import Bench, Model, over_seeds
from leitai.comparison.suites.article.findings import Finding, compared, described
from leitai.comparison.suites.article.settings import every_weight
from leitai.comparison.wording import Bilingual
from leitai.data import Row, data_hash
from leitai.training.objectives.specs import Pretraining
from leitai.training.spec import AdaptSpec

PRESETS = ("qwen3-nano", "llama3-nano")
FAMILIES = ("Qwen", "Llama 3")
LANGUAGES = {"zh": Bilingual("Chinese", "中文"), "en": Bilingual("English", "英文")}


def reading(steps: int) -> AdaptSpec:
    """How a small model learns plain text from random weights."""
    return every_weight(steps, 8, 3e-3, objective=Pretraining(), max_length=192)


def measure(bench: Bench) -> list[Finding]:
    """Compare tokenizers and bits per byte in both languages.

    The user's checkpoints are asked as they are; without any, both families' small presets learn
    the same text for the same steps first.
    """
    items = bench.held_out(bench.replies)
    texts = [_only_question(row) for row in items]
    sides = _given(bench) or _made(bench)
    findings: list[Finding] = []
    for language, word in LANGUAGES.items():
        mine = [row for row in texts if row.language == language]
        qwen, llama = (_characters_per_token(side[0].folder, mine)[:, None] for side in sides)
        for family, scores in zip(FAMILIES, (qwen, llama), strict=True):
            name = Bilingual(f"{family}'s tokenizer, {word.en}", f"{family} 的分词器，{word.zh}")
            findings.append(described(name, scores, "characters/token"))
        ahead, behind = (qwen, llama) if language == "zh" else (llama, qwen)
        findings.append(compared(_name("tokenizer", language), ahead, behind, "characters/token"))
    for language, word in LANGUAGES.items():
        mine = [row for row in texts if row.language == language]
        qwen, llama = (
            over_seeds([_bits_per_byte(bench, model, language, mine) for model in side])
            for side in sides
        )
        for family, scores in zip(FAMILIES, (qwen, llama), strict=True):
            name = Bilingual(f"{family}, {word.en} text", f"{family}，{word.zh}文本")
            findings.append(described(name, scores, "bits/byte"))
        ahead, behind = (qwen, llama) if language == "zh" else (llama, qwen)
        findings.append(compared(_name("text", language), -ahead, -behind, "bits/byte"))
    return findings


def _name(what: str, language: str) -> Bilingual:
    word = LANGUAGES[language]
    ahead, behind = FAMILIES if language == "zh" else FAMILIES[::-1]
    subject = {
        "tokenizer": Bilingual("characters a token more", "每个词元多出的字符"),
        "text": Bilingual("bits a byte fewer", "每字节少用的比特"),
    }[what]
    return Bilingual(
        f"{word.en}: {subject.en} for {ahead} than for {behind}",
        f"{word.zh}：{ahead} 比 {behind} {subject.zh}",
    )


def _given(bench: Bench) -> list[list[Model]] | None:
    from leitai.evaluation.respondents.source import find_checkpoint, hash_checkpoint

    if None in bench.models:
        return None
    sides = []
    for key, stated in zip(("given-a", "given-b"), bench.models, strict=True):
        folder = find_checkpoint(str(stated), Path.cwd())
        sides.append([Model(key, folder, hash_checkpoint(folder), None, {})])
    return sides


def _made(bench: Bench) -> list[list[Model]]:
    steps = bench.settings.text_steps
    return [
        [reader(bench, preset, seed, steps) for seed in range(1, bench.settings.seeds + 1)]
        for preset in PRESETS
    ]


def reader(bench: Bench, preset: str, seed: int, steps: int) -> Model:
    """Make a small model that has read the bookshop's training text, both languages alike."""
    base = bench.scratch(preset, seed)
    return bench.teach(f"reader-{preset}-{seed}", base, bench.text, [], reading(steps), seed)


def _only_question(row: Row) -> Row:
    return Row(row.id, row.messages[:1], row.source, language=row.language, group=row.group)


def _bits_per_byte(bench: Bench, model: Model, language: str, rows: Sequence[Row]) -> Array:
    """One score a text, whose mean is the ratio of all bits to all bytes.

    The first word, or Chinese character, is given: Llama 3 begins every text with a token of its
    own, from which it learns what comes first, and Qwen has none.
    """

    def work() -> dict[str, Any]:
        from leitai.inference import LanguageModel

        lm = LanguageModel.load(str(model.folder))
        scores = lm.score([_parted(str(row.messages[0]["content"])) for row in rows])
        return {
            "bits": [-score.logprob / math.log(2) for score in scores],
            "bytes": [float(score.bytes) for score in scores],
        }

    inputs = {"state": model.state, "texts": data_hash(rows)}
    found = bench.measure(f"text-{language}-{model.name}", inputs, work)
    scores: Array = np.array(found["bits"]) / np.mean(found["bytes"])
    return scores


def _parted(text: str) -> dict[str, str]:
    """Part a text after its first word, or character where words are not parted by spaces."""
    first = text.split(" ", 1)[0] if " " in text and text.isascii() else text[:1]
    return {"context": first, "continuation": text[len(first) :]}


def _characters_per_token(folder: Path, rows: Sequence[Row]) -> Array:
    """One score a text, whose mean is the ratio of all characters to all tokens."""
    from leitai.text import Tokenizer

    tokenizer = Tokenizer.from_folder(folder)
    texts = [str(row.messages[0]["content"]) for row in rows]
    tokens = np.array([len(tokenizer.encode(text)) for text in texts], dtype=float)
    characters = np.array([len(text) for text in texts], dtype=float)
    # Linearised, so that a mean over texts has the value and the error of the ratio of sums.
    ratio = characters.sum() / tokens.sum()
    scores: Array = ratio + (characters - ratio * tokens) / tokens.mean()
    return scores
