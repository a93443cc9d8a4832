"""A run in a process of its own, to be killed: kill_me.py MODEL RUN VARIANT."""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))

from training_rows import make_rows

from leitai.evaluation.validation import METRICS, write
from leitai.training import AdaptSpec, train

METHODS = {
    "full": {"name": "full"},
    "mixed": {"name": "full"},
    "lora": {"name": "lora", "rank": 4, "dropout": 0.3},
    "dora": {"name": "dora", "rank": 4, "dropout": 0.3},
    "adalora": {"name": "adalora", "rank": 4, "target_rank": 2, "dropout": 0.3},
    "qlora": {"name": "lora", "rank": 4, "dropout": 0.3},
    "ia3": {"name": "ia3"},
    "freeze": {"name": "freeze", "names": ["*.v_proj.weight"]},
}
FULL = {"method": METHODS["full"]}
VARIANTS = {
    **{name: {"method": method} for name, method in METHODS.items()},
    "muon": {
        **FULL,
        "optimizer": {"name": "muon"},
        "layer_decay": 0.8,
        "schedule": {"name": "wsd", "decay": 0.5},
        "ema": 0.9,
    },
    "metric": {
        "method": METHODS["lora"],
        "validation": {"metric": "chrf", "rows": 4, "max_characters": 8},
    },
}


DTYPES = {"qlora": "nf4-double", "mixed": "bfloat16"}


def main(model: str, run: str, variant: str) -> None:
    torch.set_num_threads(1)
    spec = AdaptSpec(
        **VARIANTS[variant],
        epochs=4,
        batch_rows=4,
        accumulation=2,
        learning_rate=0.01,
        evaluate_every=5,
        patience=None,
        noise=0.1,
    )
    rows = make_rows(70)
    train(
        Path(model),
        rows,
        make_rows(9, 70),
        spec,
        Path(run),
        seed=5,
        dtype=DTYPES.get(variant, "float32"),
        checkpoint_every=2,
        metrics=METRICS,
        write=write,
        samples=2 if variant == "metric" else 0,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
