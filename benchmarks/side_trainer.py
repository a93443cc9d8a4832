"""transformers' own `Trainer` as it trains every weight."""

import tempfile
from typing import Any

from measure import Watch
from peer_training import IGNORED, labels_of, pad
from side_transformers import load_model
from torch import Tensor
from torch.utils.data import Dataset, Sampler, SequentialSampler
from transformers import Trainer, TrainingArguments

Job = dict[str, Any]


class _InOrder(Trainer):
    def _get_train_sampler(self, train_dataset: Dataset[Any] | None = None) -> Sampler[int]:
        return SequentialSampler(train_dataset or self.train_dataset)


def _collate(rows: list[dict[str, list[int]]]) -> dict[str, Tensor]:
    ids = pad([row["ids"] for row in rows])
    return {"input_ids": ids, "labels": pad([*map(labels_of, rows)], IGNORED)}


def train(job: Job) -> Job:
    """Train with `Trainer.train`, whose start counts as it does on the other sides."""
    model = load_model(job)
    model.config.use_cache = False

    def run(part: str) -> tuple[float, list[float]]:
        rows, windows = job["rows"][part], job["windows"][part]
        with tempfile.TemporaryDirectory() as folder:
            arguments = TrainingArguments(
                output_dir=folder,
                num_train_epochs=1,
                per_device_train_batch_size=job["peer_rows"],
                gradient_accumulation_steps=len(windows[0]) // job["peer_rows"],
                learning_rate=job["learning_rate"],
                lr_scheduler_type="constant",
                weight_decay=0.0,
                max_grad_norm=1.0,
                optim="adamw_torch_fused",
                use_cpu=True,
                dataloader_pin_memory=False,
                remove_unused_columns=False,
                report_to="none",
                save_strategy="no",
                logging_steps=1,
                disable_tqdm=True,
            )
            trainer = _InOrder(
                model=model,
                args=arguments,
                data_collator=_collate,
                train_dataset=[rows[i] for window in windows for i in window],
            )
            with Watch() as watch:
                trainer.train()
        lines = trainer.state.log_history
        return watch.seconds, [float(line["loss"]) for line in lines if "loss" in line]

    if job["rows"]["warm"]:
        run("warm")
    seconds, losses = run("counted")
    tokens = sum(len(row["ids"]) for row in job["rows"]["counted"])
    return {"measures": {"tokens_per_second": tokens / seconds}, "answers": {"losses": losses}}
