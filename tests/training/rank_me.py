"""One process of a training job: model, run folder and variant; its place is in the environment."""

import sys
from dataclasses import replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))

from training_rows import make_rows

from leitai.base import LeitaiError
from leitai.base.ranks import end_process, world_size
from leitai.evaluation.validation import METRICS, write
from leitai.training import AdaptSpec, train
from leitai.training.loop import Loop
from leitai.training.ranks import joined

METHODS = {
    "full": {"name": "full"},
    "freeze": {"name": "freeze", "top_blocks": 1},
    "lora": {"name": "lora", "rank": 4},
    "adalora": {"name": "adalora", "rank": 4, "target_rank": 2, "every": 2},
    "prefix": {"name": "prefix_tuning", "virtual_tokens": 3, "init_text": "where is the parcel"},
    "prompt": {"name": "prompt_tuning", "virtual_tokens": 3},
    "bottleneck": {"name": "bottleneck", "size": 8},
}

OBJECTIVES = {
    "classification": {"name": "classification"},
    "masked": {"name": "masked"},
    "kto": {"name": "kto"},
    "contrastive": {"name": "contrastive", "pairs": True, "temperature": 0.2, "dropout": 0.0},
}


def labelled(rows):
    """Two labels, which are the answers too."""
    found = []
    for row in rows:
        label = ("Oslo", "Lima")[len(row.messages[0]["content"]) % 2]
        answer = {"role": "assistant", "content": label}
        found.append(replace(row, messages=(row.messages[0], answer), label=label))
    return found


def voted(rows):
    """Some answers are wanted, some are not."""
    return [replace(row, desirable=number % 3 > 0) for number, row in enumerate(rows)]


def fail(loop):
    raise LeitaiError("a row cannot be read")


def main(model: str, run: str, variant: str) -> None:
    torch.set_num_threads(1)
    name, _, option = variant.partition("+")
    spec = AdaptSpec(
        method=METHODS[name],
        epochs=2,
        batch_rows=3,
        accumulation=2,
        learning_rate=0.01,
        evaluate_every=4,
        patience=None,
        ema=0.9 if option == "ema" else None,
        activation_checkpointing=option == "again",
        objective=OBJECTIVES.get(option, {"name": "instruction"}),
        optimizer={"name": "muon" if option == "muon" else "adamw"},
        validation={"metric": "accuracy" if option == "accuracy" else "loss"},
    )
    dtype = {"bf16": "bfloat16", "nf4": "nf4"}.get(option, "float32")
    # windows of 6, 6, 6, 6 and 1: the last leaves processes without rows
    rows, valid = make_rows(25), make_rows(7, 25)
    if option in ("classification", "accuracy"):
        rows, valid = labelled(rows), labelled(valid)
    if option == "kto":
        rows, valid = voted(rows), voted(valid)
    try:
        with joined("cpu") as ranks:
            if option == "error" and ranks.index == 1:
                Loop._next_batches = fail
            train(
                Path(model),
                rows,
                valid,
                spec,
                Path(run),
                seed=5,
                dtype=dtype,
                checkpoint_every=2,
                metrics=METRICS,
                write=write,
                samples=2 if option == "samples" else 0,
                ranks=ranks,
            )
            alone = "leitai.training.ranks.group" not in sys.modules
            assert alone == (ranks.count == 1)
            assert ranks.count > 1 or not torch.distributed.is_initialized()
    except LeitaiError as error:
        sys.exit(f"leitai: {error}")
    if world_size() > 1:
        end_process(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
