"""Claim 5: must the learning rate be smaller for larger models?"""

from collections.abc import Sequence

import numpy as np

from leitai.adapters.method import Full
from leitai.comparison.statistics.resampling import Array
from leitai.comparison.suites.article.bench import Bench, by_group
from leitai.comparison.suites.article.findings import Finding, compared, fact
from leitai.comparison.wording import Bilingual
from leitai.data import DataSource
from leitai.evaluation import BitsPerByte
from leitai.training.spec import AdaptSpec

SIZES = ("llama3-nano", "llama3-micro")
SEEDS = (1, 2, 3, 4)
TASK = BitsPerByte(name="sweep", kind="bits_per_byte", data=DataSource(set="bookshop"))


def measure(bench: Bench) -> list[Finding]:
    """Sweep the rate for two sizes; how far apart are the best ones, in factors of two?"""
    rates = bench.settings.sweep_rates
    bits = [_sweep(bench, preset) for preset in SIZES]  # [seeds, utterances, rates] each
    small, large = (_described(preset, rates, b) for preset, b in zip(SIZES, bits, strict=True))
    smaller, larger = (
        np.stack([_optimum_by_item(np.log2(rates), seed) for seed in size], axis=1) for size in bits
    )
    name = Bilingual(
        "best rate of the smaller over that of the larger, as a power of two",
        "小模型最佳学习率与大模型之比，以 2 为底的对数",
    )
    return [*small, *large, compared(name, smaller, larger, "log2")]


def _sweep(bench: Bench, preset: str) -> Array:
    """Bits per byte of held-out intents by seed and rate, [seeds, utterances, rates]."""
    rows = bench.training(bench.intents)
    items = bench.held_out(bench.intents)
    columns = []
    for rate in bench.settings.sweep_rates:
        spec = AdaptSpec(
            method=Full(),
            max_steps=bench.settings.sweep_steps,
            batch_rows=16,
            learning_rate=rate,
            weight_decay=0.1,
            patience=None,
        )
        models = [
            bench.teach(f"sweep-{preset}-{rate:g}-{s}", bench.scratch(preset, s), rows, [], spec, s)
            for s in SEEDS
        ]
        columns.append([by_group(bench.ask(model, TASK, items)) for model in models])
    return np.stack([np.array(column) for column in columns], axis=2)


def _described(preset: str, rates: Sequence[float], bits: Array) -> list[Finding]:
    return [
        fact(Bilingual.same(f"{preset}, {rate:g}"), float(value), "bits/byte")
        for rate, value in zip(rates, bits.mean(axis=(0, 1)), strict=True)
    ]


def _optimum_by_item(places: Array, losses: Array) -> Array:
    """Share the best place out over the items: the jackknife's pseudo-values.

    Their mean is the best place, but for the jackknife's correction of bias, and their spread is
    what the items contribute to its error (Efron and Tibshirani, 1993, chapter 11).

    Args:
        places: of the sweep, evenly spaced, [K].
        losses: [n, K].

    Returns:
        [n].
    """
    count, whole = len(losses), losses.sum(axis=0)
    left_out = _optimum(places, whole - losses)
    found: Array = count * _optimum(places, whole[None]) - (count - 1) * left_out
    return found


def _optimum(places: Array, losses: Array) -> Array:
    """Return where a parabola through the best place and its neighbours is lowest.

    At an edge it is the edge: the sweep then says only that the best is there or beyond.

    Args:
        places: of the sweep, evenly spaced, [K].
        losses: [R, K].
    """
    best = losses.argmin(axis=1)
    inner = np.clip(best, 1, len(places) - 2)
    rows = np.arange(len(losses))
    left, middle, right = (losses[rows, inner + step] for step in (-1, 0, 1))
    bend = left - 2 * middle + right
    shift = np.where(bend > 0, 0.5 * (left - right) / np.where(bend > 0, bend, 1.0), 0.0)
    found: Array = np.where(
        best == inner, places[inner] + shift * (places[1] - places[0]), places[best]
    )
    return found
