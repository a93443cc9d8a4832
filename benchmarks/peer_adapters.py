"""The adapters from which Leitai starts, in peft, ready to train."""

from pathlib import Path
from typing import Any

import torch
from peer_training import AfterUpdate
from peft import PeftConfig, PeftModel, PrefixTuningConfig, get_peft_model
from safetensors.torch import load_file
from transformers import PreTrainedModel

Job = dict[str, Any]


def adapted(model: PreTrainedModel, job: Job) -> tuple[PeftModel, AfterUpdate | None]:
    """Return the model with the job's adapter, and what is to be called after each update."""
    if job["method"]["name"] == "prefix_tuning":
        return _prefix(model, job), None
    config = PeftConfig.from_pretrained(job["adapter"])
    config.inference_mode = False
    allocates = job["method"]["name"] == "adalora"
    if allocates:
        _schedule(config, job["method"], len(job["windows"]["counted"]))
    found = PeftModel.from_pretrained(model, job["adapter"], is_trainable=True, config=config)
    return found, found.base_model.update_and_allocate if allocates else None


def _schedule(config: PeftConfig, method: dict[str, Any], total: int) -> None:
    config.total_step, config.target_r = total, method["target_rank"]
    config.tinit, config.tfinal = int(total * method["warmup"]), int(total * method["settle"])
    config.deltaT, config.orth_reg_weight = method["every"], method["orthogonality"]
    config.beta1, config.beta2 = method["beta1"], method["beta2"]


def _prefix(model: PreTrainedModel, job: Job) -> PeftModel:
    """Copy the prefix: peft does not go on training one from a file."""
    count = job["method"]["virtual_tokens"]
    config = PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=count)
    found = get_peft_model(model, config)
    start = load_file(Path(job["adapter"], "adapter_model.safetensors"))
    with torch.no_grad():
        found.prompt_encoder["default"].embedding.weight.copy_(start["prompt_embeddings"])
    return found
