"""The plain training loop that peers without one of their own are given."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from measure import Watch
from torch import Tensor

Job = dict[str, Any]
Row = dict[str, list[int]]
MeanLoss = Callable[[Tensor, Tensor], Tensor]
AfterUpdate = Callable[[int], object]
IGNORED = -100


def pad(rows: Sequence[list[int]], filler: int = 0) -> Tensor:
    """Lay rows side by side, padded on the right, [rows, longest]."""
    width = max(map(len, rows))
    return torch.tensor([row + [filler] * (width - len(row)) for row in rows])


def labels_of(row: Row) -> list[int]:
    """Return the ids at the targets and `IGNORED` elsewhere."""
    labels = [IGNORED] * len(row["ids"])
    for place in row["targets"]:
        labels[place] = row["ids"][place]
    return labels


def train(
    job: Job,
    parameters: Sequence[torch.nn.Parameter],
    mean_loss: MeanLoss,
    after_update: AfterUpdate | None = None,
) -> Job:
    """Train on the job's rows with AdamW and clipping, and measure it.

    Args:
        job: what to do.
        parameters: what is trained.
        mean_loss: (ids, labels), both [rows, T], to the mean loss over the labels that count.
        after_update: called in the counted steps with their number, from 1, while the gradients
            are still there.
    """

    def run(part: str) -> list[float]:
        rows, losses = job["rows"][part], []
        size = job["peer_rows"]
        optimizer = torch.optim.AdamW(
            parameters, lr=job["learning_rate"], weight_decay=0.0, fused=True
        )
        for step, window in enumerate(job["windows"][part], start=1):
            targets = sum(len(rows[i]["targets"]) for i in window)
            total = 0.0
            for start in range(0, len(window), size):
                chosen = [rows[i] for i in window[start : start + size]]
                ids = pad([row["ids"] for row in chosen])
                mean = mean_loss(ids, pad([*map(labels_of, chosen)], IGNORED))
                loss = mean * sum(len(row["targets"]) for row in chosen) / targets
                loss.backward()
                total += loss.item()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            if after_update and part == "counted":
                after_update(step)
            optimizer.zero_grad(set_to_none=True)
            losses.append(total)
        return losses

    run("warm")
    with Watch() as watch:
        losses = run("counted")
    tokens = sum(len(row["ids"]) for row in job["rows"]["counted"])
    return {
        "measures": {"tokens_per_second": tokens / watch.seconds},
        "answers": {"losses": losses},
    }
