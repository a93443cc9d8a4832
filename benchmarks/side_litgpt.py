"""litgpt's side of pretraining: its model and its loss in a plain loop."""

from pathlib import Path
from typing import Any

import peer_training
import torch
from litgpt import GPT, Config
from litgpt.scripts.convert_hf_checkpoint import copy_weights_hf_llama
from litgpt.utils import chunked_cross_entropy
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoConfig

Job = dict[str, Any]


def _model(job: Job) -> GPT:
    folder = Path(job["model"])
    found = AutoConfig.from_pretrained(folder)
    config = Config(
        name="benchmark",
        block_size=found.max_position_embeddings,
        vocab_size=found.vocab_size,
        padded_vocab_size=found.vocab_size,
        n_layer=found.num_hidden_layers,
        n_head=found.num_attention_heads,
        n_query_groups=found.num_key_value_heads,
        n_embd=found.hidden_size,
        intermediate_size=found.intermediate_size,
        rotary_percentage=1.0,
        parallel_residual=False,
        bias=False,
        norm_class_name="RMSNorm",
        norm_eps=found.rms_norm_eps,
        mlp_class_name="LLaMAMLP",
        rope_base=int(found.rope_parameters["rope_theta"]),
    )
    weights: dict[str, Tensor] = {}
    stored = load_file(folder / "model.safetensors")
    copy_weights_hf_llama(config, {}, weights, stored, dtype=torch.float32)
    model = GPT(config)
    model.load_state_dict(weights)
    model.lm_head.weight = model.transformer.wte.weight  # tied, as on the other sides
    return model.to(getattr(torch, job["dtype"]))


def train(job: Job) -> Job:
    """Train every weight."""
    model = _model(job)

    def mean_loss(ids: Tensor, labels: Tensor) -> Tensor:
        logits = model(ids)
        loss: Tensor = chunked_cross_entropy(
            logits[:, :-1], labels[:, 1:], ignore_index=peer_training.IGNORED
        )
        return loss

    return peer_training.train(job, list(model.parameters()), mean_loss)
