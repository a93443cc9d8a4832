"""A run in a process of its own, to be killed: kill_me.py MODEL RUN METHOD."""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))

from training_rows import make_rows

from leitai.training import AdaptSpec, train

METHODS = {
    "full": {"name": "full"},
    "lora": {"name": "lora", "rank": 4, "dropout": 0.3},
}


def main(model: str, run: str, method: str) -> None:
    torch.set_num_threads(1)
    spec = AdaptSpec(
        method=METHODS[method],
        epochs=4,
        batch_rows=4,
        accumulation=2,
        learning_rate=0.01,
        evaluate_every=5,
        patience=None,
        noise=0.1,
    )
    rows = make_rows(70)
    train(Path(model), rows, make_rows(9, 70), spec, Path(run), seed=5, checkpoint_every=2)


if __name__ == "__main__":
    main(*sys.argv[1:])
