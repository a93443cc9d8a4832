"""Simulated duels: how often each way of deciding is wrong, and how many items it takes.

    python benchmarks/duels.py             some two minutes on one core; prints the tables
    python benchmarks/duels.py --save      also keeps them, draws docs/images/duels-*.svg and fills
                                           docs/evaluation.md
    python benchmarks/duels.py --quick     100 duels a row, to look at

The items of a duel are drawn so that the true difference is known. `right or wrong`: B is right on
60 % and A on some points more, with correlation 0.5 between them. `score`: an overlap between 0
and 1 such as chrF, beta distributed around an item's difficulty that both sides share.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from duels_chart import draw_items, draw_looks
from numpy.typing import NDArray
from page import conditions, described, fill, grid, keep
from scipy.special import bdtr, ndtri, stdtr

from leitai.comparison.judging import judge
from leitai.comparison.statistics import compare_binary
from leitai.comparison.statistics.sequential import EARLY_SHARE, evidence

Array = NDArray[np.float64]

DUELS, QUICK_DUELS, BLOCK = 2_000, 100, 100
ITEMS, ALPHA, SEED = 2_000, 0.05, 1
LOOK_EVERY = 20
BASE, CORRELATION = 0.6, 0.5
PRECISION = 25.0
HIGHER, LOWER, EQUIVALENT, UNDECIDED = "a_better", "b_better", "equivalent", "undecided"
SHOWN = ("all items", "early", "early, then all", "early, of a pool")


def right_or_wrong(rng: np.random.Generator, duels: int, gap: float) -> Array:
    """Draw the differences of items that are right or wrong, [duels, ITEMS]."""
    a, b = BASE + gap, BASE
    both = a * b + CORRELATION * np.sqrt(a * (1 - a) * b * (1 - b))
    draws = rng.random((duels, ITEMS))
    return (draws < a - both).astype(np.float64) - (draws > 1 - (b - both))


def score(rng: np.random.Generator, duels: int, gap: float) -> Array:
    """Draw the differences of scores between 0 and 1, [duels, ITEMS]."""
    # Difficulties leave room for the gap on both sides, so that the true difference is exact.
    middle = 0.1 + 0.8 * rng.beta(3, 3, (duels, ITEMS))
    means = middle + gap / 2, middle - gap / 2
    a, b = (rng.beta(PRECISION * m, PRECISION * (1 - m)) for m in means)
    return a - b


@dataclass(frozen=True)
class Kind:
    """One kind of score.

    Attributes:
        draw: differences of the items of some duels with a true difference.
        margin: equivalence margin.
        gaps: the true differences.
        binary: whether an item is right or wrong.
    """

    draw: Callable[[np.random.Generator, int, float], Array]
    margin: float
    gaps: tuple[float, ...]
    binary: bool


KINDS = {
    "right or wrong": Kind(right_or_wrong, 0.03, (0.0, 0.01, 0.02, 0.03, 0.05, 0.1, 0.15), True),
    "score": Kind(score, 0.02, (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1), False),
}


def pool_of(kind: Kind, differences: Array, gap: float, rng: np.random.Generator) -> Array:
    """Turn draws into pools whose own mean is the gap, each in random order."""
    if kind.binary:
        # All pools get the counts that are expected, which makes their means exact.
        wins = np.rint(ITEMS * ((differences != 0).mean() + gap) / 2)
        kept = np.zeros(ITEMS)
        kept[: int(wins)] = 1.0
        kept[ITEMS - int(wins - round(ITEMS * gap)) :] = -1.0
        return rng.permuted(np.tile(kept, (len(differences), 1)), axis=1)
    return differences - differences.mean(axis=1, keepdims=True) + gap


def p_values(kind: Kind, differences: Array) -> Array:
    """Two-sided p of "no difference" after every `LOOK_EVERY` items: McNemar's, or the t test's."""
    n = np.arange(LOOK_EVERY, ITEMS + 1, LOOK_EVERY)
    if kind.binary:
        wins, losses = (
            np.cumsum(differences == sign, axis=1)[:, LOOK_EVERY - 1 :: LOOK_EVERY]
            for sign in (1, -1)
        )
        return np.minimum(1.0, 2 * bdtr(np.minimum(wins, losses), wins + losses, 0.5))
    sums, squares = (
        np.cumsum(differences**power, axis=1)[:, LOOK_EVERY - 1 :: LOOK_EVERY] for power in (1, 2)
    )
    error = np.sqrt((squares - sums**2 / n) / (n - 1) / n)
    return 2 * stdtr(n - 1, -np.abs(sums / n / error))


def full_verdicts(kind: Kind, differences: Array, alpha: float) -> list[str]:
    """The verdict over all items: the product's own, or of t tests in place of resampling."""
    if kind.binary:
        return [
            judge(
                compare_binary(row > 0, row < 0, margin=kind.margin, alpha=alpha),
                higher_is_better=True,
                margin=kind.margin,
                alpha=alpha,
            )
            for row in differences
        ]
    mean = differences.mean(axis=1)
    error = differences.std(axis=1, ddof=1) / np.sqrt(ITEMS)
    alike = np.abs(mean) + error * -ndtri(alpha) < kind.margin
    apart = np.abs(mean) > error * -ndtri(alpha / 2)
    return [
        EQUIVALENT if same else UNDECIDED if not found else HIGHER if value > 0 else LOWER
        for same, found, value in zip(alike, apart, mean, strict=True)
    ]


def stopped(
    differences: Array, margin: float, alpha: float, population: int | None = None
) -> tuple[list[str], NDArray[np.int64]]:
    """The sequential decisions and after how many items they fell."""
    found = evidence(differences, margin=margin, population=population)
    at = found.decided_at(alpha)
    verdicts = []
    for row, n in enumerate(at):
        if n == 0:
            verdicts.append(UNDECIDED)
        elif found.equivalent[row, n - 1] >= 1 / alpha:
            verdicts.append(EQUIVALENT)
        else:
            higher = found.higher[row, n - 1] > found.lower[row, n - 1]
            verdicts.append(HIGHER if higher else LOWER)
    return verdicts, np.where(at == 0, ITEMS, at)


def peeked(kind: Kind, differences: Array) -> tuple[list[str], NDArray[np.int64]]:
    """What comes of stopping at the first look with p <= alpha."""
    small = p_values(kind, differences) <= ALPHA
    at = np.where(small.any(1), (small.argmax(1) + 1) * LOOK_EVERY, 0)
    verdicts = [
        UNDECIDED if n == 0 else HIGHER if row[:n].sum() > 0 else LOWER
        for row, n in zip(differences, at, strict=True)
    ]
    return verdicts, np.where(at == 0, ITEMS, at)


def decide_all(
    kind: Kind, differences: Array, pool: Array
) -> Iterator[tuple[str, list[str], NDArray[np.int64]]]:
    """Every way's verdicts on the same duels, and the items that it took."""
    margin = kind.margin
    everything = np.full(len(differences), ITEMS)
    yield "all items", full_verdicts(kind, differences, ALPHA), everything
    yield "every look", *peeked(kind, differences)
    yield "early", *stopped(differences, margin, ALPHA)
    early, n = stopped(differences, margin, ALPHA * EARLY_SHARE)
    late = full_verdicts(kind, differences, ALPHA * (1 - EARLY_SHARE))
    both = [b if a == UNDECIDED else a for a, b in zip(early, late, strict=True)]
    yield "early, then all", both, n
    yield "early, of a pool", *stopped(pool, margin, ALPHA, population=ITEMS)
    yield "early, pool's rule on a sample", *stopped(differences, margin, ALPHA, population=ITEMS)


def wrong(verdict: str, gap: float, margin: float) -> bool:
    """Whether a verdict says what is not so."""
    if verdict == EQUIVALENT:
        return gap >= margin
    return verdict == LOWER or (verdict == HIGHER and gap == 0)


def simulate(kind: Kind, gap: float, duels: int, seed: int) -> dict[str, Any]:
    """Simulate duels with one true difference; rates and items by way."""
    rng = np.random.default_rng(seed)
    verdicts: dict[str, list[str]] = {}
    items: dict[str, list[int]] = {}
    for start in range(0, duels, BLOCK):
        differences = kind.draw(rng, min(BLOCK, duels - start), gap)
        pool = pool_of(kind, differences, gap, rng)
        for way, found, n in decide_all(kind, differences, pool):
            verdicts.setdefault(way, []).extend(found)
            items.setdefault(way, []).extend(n.tolist())
    return {
        "gap": gap,
        "duels": duels,
        "ways": {
            way: {
                "higher": found.count(HIGHER) / duels,
                "equivalent": found.count(EQUIVALENT) / duels,
                "undecided": found.count(UNDECIDED) / duels,
                "wrong": sum(wrong(v, gap, kind.margin) for v in found) / duels,
                "items": float(np.mean(items[way])),
                "items_90": float(np.quantile(items[way], 0.9)),
                "saved": 1 - float(np.mean(items[way])) / ITEMS,
            }
            for way, found in verdicts.items()
        },
    }


def false_by_look(kind: Kind, duels: int, seed: int) -> dict[str, list[float]]:
    """Share of duels between equals in which a winner has been named by each look."""
    rng = np.random.default_rng(seed)
    peeking, betting = [], []
    for start in range(0, duels, BLOCK):
        differences = kind.draw(rng, min(BLOCK, duels - start), 0.0)
        peeking.append(np.maximum.accumulate(p_values(kind, differences) <= ALPHA, axis=1))
        reached = evidence(differences, margin=0.0).different >= 1 / ALPHA
        betting.append(reached[:, LOOK_EVERY - 1 :: LOOK_EVERY])
    return {
        "peeking": np.concatenate(peeking).mean(0).tolist(),
        "betting": np.concatenate(betting).mean(0).tolist(),
    }


def wrong_table(rows: list[dict[str, Any]]) -> str:
    """Return how often each way is wrong, as Markdown."""
    head = ("way", *(f"{100 * row['gap']:g} points" for row in rows))
    ways = rows[0]["ways"]
    return grid(
        head, [(way, *(f"{row['ways'][way]['wrong']:.1%}" for row in rows)) for way in ways]
    )


def items_table(rows: list[dict[str, Any]]) -> str:
    """Return what each way finds and how many items it takes, as Markdown."""

    def cell(one: dict[str, Any]) -> str:
        found = f"{one['higher']:.0%} / {one['equivalent']:.0%}"
        return found if one["items"] == ITEMS else f"{found}, {one['items']:,.0f} items"

    head = ("true difference", *SHOWN, f"saved by {SHOWN[1]!r}", f"by {SHOWN[2]!r}")
    return grid(
        head,
        [
            (
                f"{100 * row['gap']:g} points",
                *(cell(row["ways"][way]) for way in SHOWN),
                *(f"{row['ways'][way]['saved']:.0%}" for way in SHOWN[1:3]),
            )
            for row in rows
        ],
    )


def main() -> None:
    """Simulate and print, and perhaps keep, draw and fill the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few duels")
    parser.add_argument("--save", action="store_true", help="keep, draw, and fill the page")
    arguments = parser.parse_args()
    if arguments.save and arguments.quick:
        parser.error("--save keeps full simulations alone: leave out --quick")
    duels = QUICK_DUELS if arguments.quick else DUELS
    docs = Path(__file__).resolve().parent.parent / "docs"
    parts = {}
    for number, (name, kind) in enumerate(KINDS.items()):
        about = conditions(rounds=1)
        rows = []
        for row, gap in enumerate(kind.gaps):
            rows.append(simulate(kind, gap, duels, SEED + 100 * number + row))
            print(f"{name}: {row + 1} of {len(kind.gaps)}", file=sys.stderr, flush=True)
        looks = false_by_look(kind, duels, SEED + 100 * number + 50)
        print(f"{name}\n\n{wrong_table(rows)}\n\n{items_table(rows)}\n", flush=True)
        title = f"{name}, margin {100 * kind.margin:g} points"
        parts[name] = about | {"title": title, "rows": rows, "looks": looks}
    if arguments.save:
        kept = keep("duels", parts)
        draw_items(docs / "images" / "duels-items.svg", kept, SHOWN)
        draw_looks(docs / "images" / "duels-looks.svg", kept, LOOK_EVERY, ALPHA)
        texts = [
            f"**{part['title']}**\n\nWrong verdicts:\n\n{wrong_table(part['rows'])}\n\n"
            f"Found to be higher / equivalent, and after how many items on average:\n\n"
            f"{items_table(part['rows'])}"
            for part in (kept[name] for name in KINDS)
        ]
        texts.append(f"{duels:,} duels a row; {described(kept['score'])}.")
        fill("duels", "\n\n".join(texts), docs / "evaluation.md")


if __name__ == "__main__":
    main()
