"""How a training step's time and memory grow with one size at a time, as drawings and a table.

    python benchmarks/growth.py            about four minutes on two cores; prints the table
    python benchmarks/growth.py --save     also keeps it and draws docs/images/growth-*.svg
    python benchmarks/growth.py --only length vocabulary --quick

Every point is a process of its own with the shape of qwen3-nano, float32, all weights trained. The
plain step is the same decoder as trainers commonly feed it: rows padded to the longest, logits at
every place. It is left out where it would take more than `PLAIN_TOKENS` tokens.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from growth_chart import draw
from measure import Watch
from outside import watch
from page import conditions, described, fill, grid, keep
from torch import Tensor
from torch.nn.functional import cross_entropy

from leitai.models import Decoder, init_decoder, scratch_config
from leitai.training.batches import EncodedRow, collate
from leitai.training.loss import loss_sum

SHAPE, VOCABULARY, SEED = "qwen3-nano", 4_096, 1
SIDES = ("Leitai", "plain")
PLAIN_TOKENS = 40_000
PREFIX, BRANCH = 512, 32
PROMPT, ANSWER = 83, 20
REPEATS, ENOUGH_SECONDS = 3, 1.0
IGNORED = -100


@dataclass(frozen=True)
class Series:
    """One size that grows.

    Attributes:
        title: what the axis says.
        sizes: the points.
        quick: those of a look.
    """

    title: str
    sizes: tuple[int, ...]
    quick: tuple[int, ...]


SERIES = {
    "length": Series(
        "tokens of one row", (128, 256, 512, 1024, 2048, 4096, 8192), (128, 512, 2048)
    ),
    "branches": Series(
        f"rows that share {PREFIX} tokens and have {BRANCH} of their own",
        (1, 4, 16, 64, 256),
        (1, 16),
    ),
    "batch": Series("rows of about 103 tokens", (1, 4, 16, 64), (1, 16)),
    "vocabulary": Series(
        "tokens in the vocabulary, 8 rows of about 103",
        (4_096, 16_384, 32_768, 65_536, 131_072, 151_936),
        (4_096, 65_536),
    ),
}


def rows_of(series: str, size: int) -> list[EncodedRow]:
    """Draw the rows of a point; a fifth of the tokens are targets, of a branch all its own."""
    draws = np.random.default_rng(SEED)

    def row(ids: list[int], first: int) -> EncodedRow:
        array, targets = np.asarray(ids), np.arange(first, len(ids))
        ones = np.ones(len(targets), dtype=np.float32)
        return EncodedRow(array, targets, array[targets], ones, ones.astype(bool), "drawn")

    def ids(length: int) -> list[int]:
        return draws.integers(VOCABULARY, size=length).tolist()

    if series == "length":
        return [row(ids(size), size - size // 5)]
    if series == "branches":
        prefix = ids(PREFIX)
        return [row(prefix + ids(BRANCH), PREFIX) for _ in range(size)]
    lengths = draws.integers(
        PROMPT * 2 // 3, PROMPT * 4 // 3, size=size if series == "batch" else 8
    )
    return [row(ids(int(n) + ANSWER), int(n)) for n in lengths]


def plain_loss(decoder: Decoder, rows: list[EncodedRow]) -> Tensor:
    """The mean loss over the targets, with every row padded and every logit computed."""
    width = max(len(row.ids) for row in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    labels = torch.full((len(rows), width), IGNORED)
    for number, row in enumerate(rows):
        ids[number, : len(row.ids)] = torch.from_numpy(row.ids)
        labels[number, row.targets - 1] = torch.from_numpy(row.labels)
    logits = decoder.logits(decoder(ids))
    return cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED)


def our_loss(decoder: Decoder, rows: list[EncodedRow]) -> Tensor:
    """The same through a prefix forest."""
    batch = collate(rows)
    return loss_sum(decoder, batch) / batch.weight


def point(side: str, series: str, size: int) -> dict[str, float]:
    """What the measured process does: steps on the same rows."""
    vocabulary = size if series == "vocabulary" else VOCABULARY
    decoder = init_decoder(scratch_config(SHAPE, vocabulary), SEED).train()
    optimizer = torch.optim.AdamW(decoder.parameters(), lr=1e-3, fused=True)
    loss_of: Callable[[Decoder, list[EncodedRow]], Tensor] = (
        our_loss if side == "Leitai" else plain_loss
    )

    def step(rows: list[EncodedRow]) -> float:
        with Watch() as watch:
            loss = loss_of(decoder, rows)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
        return watch.seconds

    losses: list[float] = []
    step(rows_of("batch", 1))
    rows = rows_of(series, size)
    seconds = [step(rows)]
    while len(seconds) < REPEATS and sum(seconds) < ENOUGH_SECONDS:
        seconds.append(step(rows))
    return {"seconds": min(seconds), "loss": losses[1]}


def measure(side: str, series: str, size: int) -> dict[str, float] | None:
    """Measure a point in a process of its own; None where it is too much."""
    if side == "plain":
        rows = rows_of(series, size)
        if len(rows) * max(len(row.ids) for row in rows) > PLAIN_TOKENS:
            return None
    command = [sys.executable, __file__, "--point", side, series, str(size)]
    done = watch(command)
    if done.returncode:
        raise SystemExit(f"{side} {series} {size} failed:\n{done.errors[-4000:]}")
    return json.loads(done.output) | {"bytes": done.peak_bytes}


def table(series: Series, points: list[dict[str, object]]) -> str:
    """Return the points of a series as Markdown."""

    def cells(one: object) -> tuple[str, str]:
        if not isinstance(one, dict):
            return "", ""
        return f"{one['seconds'] * 1e3:,.0f}", f"{one['bytes'] / 1e9:.2f}"

    head = (series.title, "Leitai, ms", "plain, ms", "Leitai, GB", "plain, GB")
    rows = []
    for found in points:
        (ours_ms, ours_gb), (plain_ms, plain_gb) = (cells(found[side]) for side in SIDES)
        rows.append((f"{found['size']:,}", ours_ms, plain_ms, ours_gb, plain_gb))
    return grid(head, rows)


def main() -> None:
    """Measure and print, and perhaps keep and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=list(SERIES), default=list(SERIES))
    parser.add_argument("--quick", action="store_true", help="a few small points")
    parser.add_argument("--save", action="store_true", help="keep, draw, and fill the page")
    parser.add_argument("--out", type=Path, help="draw into this folder")
    parser.add_argument("--point", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.save and arguments.quick:
        parser.error("--save keeps full measurements alone: leave out --quick")
    if arguments.point:
        side, series, size = arguments.point
        print(json.dumps(point(side, series, int(size))))
        return
    images = Path(__file__).resolve().parent.parent / "docs" / "images"
    for name in arguments.only:
        series = SERIES[name]
        about = conditions(rounds=1)
        points = []
        for size in series.quick if arguments.quick else series.sizes:
            found = {side: measure(side, name, size) for side in SIDES}
            ours, plain = (found[side] for side in SIDES)
            if ours and plain and abs(ours["loss"] - plain["loss"]) > 1e-3 * abs(plain["loss"]):
                raise SystemExit(f"{name} {size}: the losses differ: {found}")
            points.append({"size": size, **found})
        print(f"{table(series, points)}\n", flush=True)
        folder = images if arguments.save else arguments.out
        if folder:
            draw(folder / f"growth-{name}.svg", series.title, points, SIDES)
        if arguments.save:
            kept = keep("growth", {name: about | {"points": points}})
            texts = [
                f"![a training step's time and memory by {SERIES[n].title}](images/growth-{n}.svg)"
                f"\n\n{table(SERIES[n], part['points'])}\n\n{described(part)}."
                for n, part in kept.items()
            ]
            fill("growth", "\n\n".join(texts))


if __name__ == "__main__":
    main()
