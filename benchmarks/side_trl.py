"""trl's own `DPOTrainer` with an adapter, whose absence is the reference."""

import tempfile
from pathlib import Path
from typing import Any

from datasets import Dataset
from measure import Watch
from peft import PeftConfig, set_peft_model_state_dict
from safetensors.torch import load_file
from side_transformers import load_model
from torch.utils.data import Sampler, SequentialSampler
from transformers import AutoTokenizer
from trl import DPOConfig, DPOTrainer

Job = dict[str, Any]


class _Encoded(DPOTrainer):
    """Takes token ids, in the order in which they come."""

    def _prepare_dataset(self, dataset: Dataset, *_: object) -> Dataset:
        return dataset

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler[int]:
        return SequentialSampler(train_dataset or self.train_dataset)


def dpo(job: Job) -> Job:
    """Train with `DPOTrainer.train`, whose start counts as it does on the other side."""

    def run(part: str) -> tuple[float, list[float]]:
        pairs, windows = job["pairs"][part], job["windows"][part]
        ordered = [pairs[i] for window in windows for i in window]
        names = ("prompt", "chosen", "rejected")
        config = PeftConfig.from_pretrained(job["adapter"])
        config.inference_mode = False
        with tempfile.TemporaryDirectory() as folder:
            trainer = _Encoded(
                model=load_model(job),
                args=DPOConfig(
                    output_dir=folder,
                    beta=job["beta"],
                    max_length=None,
                    num_train_epochs=1,
                    per_device_train_batch_size=len(windows[0]),
                    learning_rate=job["learning_rate"],
                    lr_scheduler_type="constant",
                    weight_decay=0.0,
                    max_grad_norm=1.0,
                    optim="adamw_torch_fused",
                    bf16=False,
                    gradient_checkpointing=False,
                    use_cpu=True,
                    dataloader_pin_memory=False,
                    report_to="none",
                    save_strategy="no",
                    logging_steps=1,
                    disable_tqdm=True,
                ),
                train_dataset=Dataset.from_list(
                    [{f"{name}_ids": pair[name] for name in names} for pair in ordered]
                ),
                processing_class=AutoTokenizer.from_pretrained(job["model"]),
                peft_config=config,
            )
            start = load_file(Path(job["adapter"], "adapter_model.safetensors"))
            set_peft_model_state_dict(trainer.model, start)
            with Watch() as watch:
                trainer.train()
        lines = trainer.state.log_history
        return watch.seconds, [float(line["loss"]) for line in lines if "loss" in line]

    if job["pairs"]["warm"]:
        run("warm")
    seconds, losses = run("counted")
    return {
        "measures": {"tokens_per_second": job["tokens"] / seconds},
        "answers": {"losses": losses},
    }
